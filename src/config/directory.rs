//! The `[directory]` section and what goes with it: `[working_hours]`, `[holidays]`, `[tiers]`.
//!
//! It knows what goes together; it opens no file and asks no database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::mailbox::{Offer, required, secret};
use super::parse::{checked, database, duration, path, team};
use super::raw::{Given, Section, Source};
use super::{CalendarSettings, DirectorySettings, HolidaySettings, NotFound};
use super::{ServiceSettings, SqlSettings, values};
use crate::dictionary::TeamId;
use crate::directory::hours::{BadHours, Hours};
use crate::directory::people::NO_HOLIDAYS;
use crate::directory::{DomainClaim, Rules, Tier, is_days, zone};
use crate::mail::address::normal_domain;

const HOUR: u64 = 60 * 60;

/// All that the configuration says of the directory.
pub(super) fn directory(top: &Section<'_>, base: &Path) -> Option<DirectorySettings> {
    let section = top.section("directory");
    let holidays = holidays(&top.section("holidays"), base);
    let sql = sql(&section, base);
    let service = service(&section, base);
    let mut rules = rules(&section)?;
    rules.service = service.is_some();
    rules.tiers = tiers(&top.section("tiers"));
    working_hours(top.section("working_hours"), &holidays, &mut rules);
    let settings = DirectorySettings {
        customers: file(&section, "customers", base),
        people: file(&section, "people", base),
        sql,
        service,
        holidays,
        calendars: CalendarSettings {
            base: base.to_owned(),
            every: duration(&section, "calendars_every", HOUR / 4),
            least: duration(&section, "absence_from", 4 * HOUR),
        },
        open_for: duration(&section, "open_for", 7 * 24 * HOUR),
        rules,
    };
    section.finish();
    Some(settings)
}

/// A file, unless a query has its rows.
fn file(section: &Section<'_>, key: &'static str, base: &Path) -> Option<PathBuf> {
    let file = path(section, key, base)?;
    if section.section("sql").has(key) {
        let message = format!("`{key}` is both a file and a query of `[directory.sql]`");
        let _ = section
            .source()
            .report(section.span(), "two-sources", message)
            .help("remove one of the two");
    }
    Some(file)
}

fn rules(section: &Section<'_>) -> Option<Rules> {
    let source = section.source();
    let own = section.texts("own_domains");
    let freemail = section.texts("freemail");
    let last_rung = match section.text("last_rung") {
        Some(given) => team(source, &given),
        None => TeamId::parse("technical-support").ok(),
    };
    let domain = |text: &str| {
        normal_domain(text)
            .filter(|domain| domain.contains('.'))
            .ok_or_else(|| format!("`{text}` is not a domain: write `acme.example`"))
    };
    let freemail = freemail.iter().filter_map(|given| checked(source, given, domain)).collect();
    let open = Rules { freemail, ..Rules::default() };
    let claim = |text: &str| {
        let claim = DomainClaim::parse(text).map_err(|error| error.to_string())?;
        if open.is_freemail(claim.domain()) {
            return Err(format!(
                "anybody can have mail at `{claim}`, and would be taken for a colleague"
            ));
        }
        Ok(claim)
    };
    Some(Rules {
        own_domains: own.iter().filter_map(|given| checked(source, given, claim)).collect(),
        managers: managers(section).unwrap_or(1),
        last_rung: last_rung?,
        gmail_dots: section.flag("gmail_dots").unwrap_or(false),
        cap: section.number("cap").and_then(|given| cap(source, &given)),
        ..open
    })
}

/// How many managers are tried: a number, or all there are.
fn managers(section: &Section<'_>) -> Option<u32> {
    let given = section.text_or_number("managers")?;
    let read = |text: &str| match (text, text.parse::<u32>()) {
        ("all", _) => Ok(u32::MAX),
        (_, Ok(number)) if number <= 20 => Ok(number),
        _ => Err(format!("`{text}` managers can't be tried: write a number up to 20, or `all`")),
    };
    checked(section.source(), &given, read)
}

fn cap(source: &Source<'_>, given: &Given<u64>) -> Option<u32> {
    let cap = u32::try_from(given.value).ok().filter(|cap| *cap > 0);
    if cap.is_none() {
        let message = format!("`{}` is not a number of tickets", given.value);
        let _ = source.report(given.span.clone(), "bad-value", message).help("write at least 1");
    }
    cap
}

fn sql(directory: &Section<'_>, base: &Path) -> Option<SqlSettings> {
    let section = directory.section("sql");
    if !directory.has("sql") {
        return None;
    }
    let source = section.source();
    let url = required(&section, "url", "url = \"postgres://…\"");
    let query = |key| section.text(key).map(|given: Given<String>| given.value);
    let (customers, people) = (query("customers"), query("people"));
    if customers.is_none() && people.is_none() {
        let _ = source
            .report(section.span(), "missing-key", "this section asks for nothing")
            .help("add `customers = \"SELECT match, customer, account_manager FROM …\"`");
    }
    let every = duration(&section, "every", 60);
    let timeout = duration(&section, "timeout", 30);
    let database = url.and_then(|url| database(source, &url, base));
    section.finish();
    Some(SqlSettings { database: database?, customers, people, every, timeout })
}

fn service(directory: &Section<'_>, base: &Path) -> Option<ServiceSettings> {
    let section = directory.section("service");
    if !directory.has("service") {
        return None;
    }
    let source = section.source();
    let url = required(&section, "url", "url = \"https://crm.callwise.example/who\"");
    if let Some(url) = &url {
        checked(source, url, values::web_address);
    }
    let token = match secret(&section, ["token", "token_file", "token_command"], base) {
        Offer::Secret(token) => Some(token),
        Offer::Absent | Offer::Wrong => None,
    };
    let timeout = section.text("timeout").and_then(|given| {
        let timeout = checked(source, &given, values::duration)?;
        // Other mail waits for as long.
        if timeout > Duration::from_mins(1) {
            let message = format!("`{}` is too long to let other mail wait", given.value);
            let _ = source.report(given.span, "bad-value", message).help("write at most `1m`");
        }
        Some(timeout)
    });
    let entries = section.number("entries").map_or(100_000, |given| {
        if !(1..=10_000_000).contains(&given.value) {
            let message = format!("`{}` answers can't be kept", given.value);
            let _ = source.report(given.span, "bad-value", message).help("write 1 to 10000000");
        }
        usize::try_from(given.value).unwrap_or(usize::MAX)
    });
    let settings = ServiceSettings {
        timeout: timeout.unwrap_or(Duration::from_secs(2)),
        token,
        keep: duration(&section, "keep", HOUR / 6),
        keep_unknown: duration(&section, "keep_unknown", 60),
        stale: duration(&section, "stale", 24 * HOUR),
        entries,
        not_found: section
            .text("not_found")
            .and_then(|given| checked(source, &given, not_found))
            .unwrap_or(NotFound::Failure),
        url: url.map(|url| url.value).unwrap_or_default(),
    };
    section.finish();
    Some(settings)
}

fn not_found(text: &str) -> Result<NotFound, String> {
    match text {
        "failure" => Ok(NotFound::Failure),
        "unknown" => Ok(NotFound::Unknown),
        _ => Err(format!("`{text}` is not what 404 can mean: write `failure` or `unknown`")),
    }
}

/// When people work whose row doesn't say.
fn working_hours(
    section: Section<'_>,
    holidays: &BTreeMap<String, HolidaySettings>,
    rules: &mut Rules,
) {
    let source = section.source();
    let zone = section.text("zone").and_then(|given| {
        let read = zone::named(&given.value);
        if let Err(bad) = &read {
            let _ = source.report(given.span, "bad-value", bad.to_string()).help(bad.help());
        }
        read.ok()
    });
    rules.zone = zone.unwrap_or_else(jiff::tz::TimeZone::system);
    rules.hours = section.text("hours").and_then(|given| {
        Hours::parse(&given.value).unwrap_or_else(|bad| {
            let found = source.report(given.span, "bad-value", bad.to_string());
            let _ = found.help(BadHours::HELP);
            None
        })
    });
    rules.holidays = section.text("holidays").and_then(|given| {
        if holidays.contains_key(&given.value) {
            return Some(given.value);
        }
        let message = format!("there are no holidays named `{}`", given.value);
        let _ = source
            .report(given.span, "bad-value", message)
            .help("name them below `[holidays]`, as `de = \"holidays-de.ics\"`");
        None
    });
    section.finish();
}

fn holidays(section: &Section<'_>, base: &Path) -> BTreeMap<String, HolidaySettings> {
    let source = section.source();
    let day = |text: &str| {
        let wrong = || format!("`{text}` is not a day: write `2026-12-25`, or the name of a file");
        if is_days(text) { Ok(()) } else { Err(wrong()) }
    };
    let mut all = BTreeMap::new();
    for (name, is_list, texts) in section.named_lists() {
        if name.value == NO_HOLIDAYS {
            let message = format!("`{NO_HOLIDAYS}` in a row says that somebody has no holidays");
            let _ = source.report(name.span.clone(), "bad-value", message).help("use another name");
        }
        let days: Vec<&str> = texts.iter().map(|text| text.value.as_str()).collect();
        let settings = match days.as_slice() {
            [file] if !is_list && !is_days(file) => HolidaySettings::File(base.join(file)),
            days => {
                for given in &texts {
                    checked(source, given, day);
                }
                HolidaySettings::Days(days.join("\n"))
            }
        };
        all.insert(name.value, settings);
    }
    all
}

fn tiers(section: &Section<'_>) -> BTreeMap<String, Tier> {
    let mut tiers = BTreeMap::new();
    for (name, tier) in section.named_sections() {
        let source = tier.source();
        let straight = tier.text("team");
        let managers = managers(&tier);
        let last_rung = tier.text("last_rung");
        if straight.is_some() && (tier.has("managers") || tier.has("last_rung")) {
            let message = "mail that goes to a team straight away climbs no ladder";
            let _ = source
                .report(tier.span(), "two-ladders", message)
                .help("keep `team`, or else `managers` and `last_rung`");
        }
        let team_of = straight.as_ref().or(last_rung.as_ref());
        let rule = Tier {
            managers,
            last_rung: team_of.and_then(|given| team(source, given)),
            straight: straight.is_some(),
        };
        tier.finish();
        tiers.insert(name.value, rule);
    }
    tiers
}
