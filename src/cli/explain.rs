//! `postroom explain`: why a mail goes where it goes, and what would change that.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use jiff::Zoned;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::Serialize;

use super::moment::When;
use super::output::{json_line, text};
use super::{Failure, Global, signs};
use crate::config::Config;
use crate::dictionary::{Calibration, Dictionaries};
use crate::directory::{MatchedBy, NoMatch, Party, Receipt, Rung, Skipped};
use crate::mail::address::in_unicode;
use crate::mail::{EmailAddress, Kind, Text};
use crate::pipeline::{Judgement, Rules};
use crate::rim::archive;
use crate::route::explain::{Basis, explain, render};
use crate::route::{Decision, Reason, Target};
use crate::seams::{Evidence, Store, StoreError, TicketId};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// A mail: an .eml file, an mbox (each mail of it), or - for standard input
    #[arg(value_name = "PATH", required_unless_present = "ticket")]
    path: Option<PathBuf>,
    /// Explain a ticket's decision from its evidence in the ledger instead
    #[arg(long, value_name = "N", conflicts_with_all = ["path", "dictionaries", "on"])]
    ticket: Option<i64>,
    /// Print the evidence as JSON
    #[arg(long)]
    json: bool,
    /// Use the dictionaries in this folder instead of the configuration's
    #[arg(long, value_name = "DIR")]
    dictionaries: Option<PathBuf>,
    /// Judge as if it were then (who is free depends on it), as 2026-12-24T10:00, or 2026-12-24 for
    /// noon of that day
    #[arg(long, value_name = "TIME")]
    on: Option<When>,
}

/// What an explanation takes from the configuration.
#[derive(Debug, Clone)]
pub(crate) struct Telling {
    /// The zone in which times are told.
    pub(crate) zone: TimeZone,
    /// Whether customers are rows of a database, and not lines of a file.
    in_database: bool,
}

impl Telling {
    /// As the configuration has it; without one, times are in the system's zone.
    pub(crate) fn of(config: Option<&Config>) -> Self {
        let Some(config) = config else {
            return Self { zone: TimeZone::system(), in_database: false };
        };
        let sql = config.directory.sql.as_ref();
        Self {
            zone: config.directory.rules.zone.clone(),
            in_database: sql.is_some_and(|sql| sql.customers.is_some()),
        }
    }

    /// Where a customer's row stands, in `of` if it is a file.
    pub(super) fn place(&self, line: u32, of: &str) -> String {
        if self.in_database {
            // The first line has the names of the columns.
            format!(" in row {} of [directory.sql] customers", line.saturating_sub(1))
        } else {
            format!(" in line {line}{of}")
        }
    }
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Explained<'a> {
    source: &'a str,
    #[serde(flatten)]
    target: &'a Target,
    reason: &'static str,
    evidence: &'a Evidence,
}

/// Explains each mail at the path, or a ticket.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    match (&options.path, options.ticket) {
        (_, Some(ticket)) => explain_ticket(global, TicketId(ticket), options.json),
        (Some(path), None) => explain_mails(global, path, options),
        (None, None) => Err(Failure::input("name a mail, or a ticket with --ticket")),
    }
}

fn explain_mails(global: &Global, path: &PathBuf, options: &Options) -> Result<(), Failure> {
    let mut judge = global.judge(options.dictionaries.as_deref(), options.on)?;
    let (mut explained, mut unreadable) = (0, false);
    for mail in archive::read(std::slice::from_ref(path)) {
        let mail = match mail {
            Ok(mail) => mail,
            Err(failure) => {
                unreadable = true;
                Failure::input(failure).report();
                continue;
            }
        };
        let judgement = judge.judge(&mail.raw, mail.size);
        if options.json {
            json_line(&Explained {
                source: &mail.source,
                target: &judgement.decision.target,
                reason: judgement.decision.reason.name(),
                evidence: &judgement.evidence,
            })?;
        } else {
            let between = if explained == 0 { "" } else { "\n" };
            let described = described(&judge.rules, &mail.source, &judgement, &judge.telling)?;
            text(&format!("{between}{described}"))?;
        }
        explained += 1;
    }
    match (unreadable, explained) {
        (true, _) => Err(Failure::Told),
        (false, 0) if !options.json => text("no mail was found\n"),
        (false, _) => Ok(()),
    }
}

/// A judged mail with all that its decision rests on.
fn described(
    rules: &Rules,
    source: &str,
    judgement: &Judgement,
    telling: &Telling,
) -> Result<String, Failure> {
    let mail = &judgement.mail;
    let odd = if mail.oddities.is_empty() {
        String::new()
    } else {
        format!("  oddities  {}\n", serde_json::to_string(&mail.oddities)?)
    };
    let calibration = rules.dictionaries.calibration();
    let shown = (mail.subject.as_str(), &mail.text);
    Ok(format!(
        "{source}\n{}{odd}{}",
        heading(mail.sender.as_ref(), &mail.subject, mail.kind),
        decision(&judgement.decision, &judgement.evidence, (calibration, telling), shown)
    ))
}

/// What a mail is, before what becomes of it.
fn heading(sender: Option<&EmailAddress>, subject: &str, kind: Kind) -> String {
    let sender = sender.map_or_else(|| "—".to_owned(), |sender| readable(sender.as_str()));
    let kind = kind.name();
    format!("  from      {sender}\n  subject   {subject}\n  kind      {kind}\n")
}

fn explain_ticket(global: &Global, id: TicketId, json: bool) -> Result<(), Failure> {
    let (config, runtime, store) = global.store()?;
    let detail = runtime.block_on(store.ticket(id))?;
    if json {
        return json_line(&Explained {
            source: &format!("ticket {id}"),
            target: &detail.ticket.decision.target,
            reason: detail.ticket.decision.reason.name(),
            evidence: &detail.evidence,
        });
    }
    let ticket = &detail.ticket;
    let heading = heading(ticket.sender.as_ref(), &ticket.subject, ticket.kind);
    text(&format!("ticket {id}\n{heading}"))?;
    let calibration = runtime.block_on(calibration_of(store.as_ref(), &detail.evidence))?;
    let body = detail.text.clone().unwrap_or_default();
    let told = (&calibration, &Telling::of(Some(&config)));
    text(&decision(&ticket.decision, &detail.evidence, told, (&ticket.subject, &body)))
}

/// The calibration that a verdict was made with: the store keeps the files of every version.
pub(super) async fn calibration_of(
    store: &dyn Store,
    evidence: &Evidence,
) -> Result<Calibration, StoreError> {
    let Some(verdict) = &evidence.verdict else { return Ok(Calibration::default()) };
    let files = store.dictionaries(&verdict.version).await?;
    let built = files.and_then(|files| Dictionaries::build(&files).ok());
    Ok(built.map(|(dictionaries, _)| dictionaries.calibration().clone()).unwrap_or_default())
}

/// A decision with all that it rests on, for a person to read.
pub(super) fn decision(
    decision: &Decision,
    evidence: &Evidence,
    (calibration, telling): (&Calibration, &Telling),
    (subject, body): (&str, &Text),
) -> String {
    let to = decision.target.to().unwrap_or(decision.target.name()).replace('_', " ");
    let reason = reason(decision.reason, &evidence.party);
    let mut out = format!("\nGoes to {to}: {reason}\n");
    if let Some(failure) = &evidence.failure {
        let _ = writeln!(out, "  what failed: {failure}");
    }
    out += "\nWho sent it\n";
    out += &party(&evidence.party, telling);
    out += &signs::lines(&evidence.party, &evidence.signs);
    if let Some(verdict) = &evidence.verdict {
        out += "\nWhat the dictionaries say\n";
        let basis = Basis {
            calibration,
            threshold: evidence.threshold.unwrap_or(1.0),
            hinted: evidence.signs.hinted(),
            decision,
        };
        out += &render(&explain(verdict, basis, subject, body));
    }
    out
}

/// Why it was decided so, in words.
pub(super) fn reason(reason: Reason, party: &Party) -> String {
    match (reason, party) {
        (Reason::ClaimsToBe, Party::Registered { customer, .. }) => {
            format!("claims to be {customer}")
        }
        (Reason::ClaimsToBe, Party::Colleague { .. }) => "claims to be a colleague".to_owned(),
        (reason, _) => reason.name().replace('_', " "),
    }
}

/// An address or a domain in normal form, and as people write it if that is not the same.
pub(super) fn readable(text: &str) -> String {
    in_unicode(text).map_or_else(|| text.to_owned(), |unicode| format!("{text} [{unicode}]"))
}

/// Who sent it, with the walk up the ladder.
pub(super) fn party(party: &Party, telling: &Telling) -> String {
    match party {
        Party::Registered { customer, tier, matched, ladder } => {
            let by = match matched.by {
                MatchedBy::Address => "the address",
                MatchedBy::Domain => "the domain",
                MatchedBy::ParentDomain => "the domain above it,",
            };
            let tier = tier.as_ref().map_or_else(String::new, |tier| format!(", tier {tier}"));
            let said = match matched.line {
                Some(line) => telling.place(line, " of the directory"),
                None => ", as the directory service says".to_owned(),
            };
            let entry = readable(&matched.entry);
            let climbed = climb(ladder, &telling.zone);
            format!("  {customer}{tier}: {by} {entry}{said}\n{climbed}")
        }
        Party::Colleague { by: MatchedBy::Address } => "  one of our own people\n".to_owned(),
        Party::Colleague { .. } => "  somebody at one of our own domains\n".to_owned(),
        Party::Unregistered { why } => match why {
            NoMatch::NoSender => "  the mail names no sender\n",
            NoMatch::NotListed => "  not in the directory\n",
            NoMatch::Freemail => "  not in the directory; a freemail domain never matches\n",
        }
        .to_owned(),
        Party::Unanswered { .. } => {
            "  not in the files; the directory service, which may know them, doesn't answer\n"
                .to_owned()
        }
    }
}

/// The walk up the ladder, a line a rung.
fn climb(ladder: &Receipt, zone: &TimeZone) -> String {
    let rung = |rung: &Rung| match rung {
        Rung::AccountManager(person) => format!("account manager {person}"),
        Rung::Manager(person) => format!("manager {person}"),
        Rung::Team(team) => format!("team {team}"),
    };
    ladder.steps.iter().fold(String::new(), |mut lines, step| {
        let skipped = |why| skipped(why, zone);
        let outcome = step.skipped.as_ref().map_or_else(|| "takes it".to_owned(), skipped);
        let _ = writeln!(lines, "    {}: {outcome}", rung(&step.rung));
        lines
    })
}

/// Why a rung was skipped, with times in this zone.
pub(super) fn skipped(why: &Skipped, zone: &TimeZone) -> String {
    match why {
        Skipped::Away { from, until } => format!("away {}", days(*from, *until)),
        Skipped::Calendar { from, until } => {
            let (from, until) = (from.to_zoned(zone.clone()), until.to_zoned(zone.clone()));
            format!("away {} by their calendar", absence(&from, &until))
        }
        Skipped::Holiday { day } => format!("has a public holiday on {day}"),
        Skipped::OutsideHours { local, zone } => {
            format!("is not at work: it is {} in {zone}", local.strftime("%a %H:%M"))
        }
        Skipped::Full { open, cap } => format!("has {open} open tickets, and takes up to {cap}"),
        Skipped::AlreadyTried => "was tried already".to_owned(),
        Skipped::Unknown => "is not among our people".to_owned(),
    }
}

/// Days with both ends included.
fn days(from: Date, until: Date) -> String {
    if from == until { format!("on {from}") } else { format!("from {from} until {until}") }
}

/// An absence in whole days, or else to the minute.
fn absence(from: &Zoned, until: &Zoned) -> String {
    let midnight = |time: &Zoned| time.time() == Time::midnight();
    if let (true, true, Ok(last)) = (midnight(from), midnight(until), until.date().yesterday()) {
        return days(from.date(), last);
    }
    let minute = |time: &Zoned| time.strftime("%Y-%m-%d %H:%M %Z").to_string();
    format!("from {} until {}", minute(from), minute(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absences_are_told_by_the_clock_of_whoever_reads() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let away = |from: &str, until: &str| Skipped::Away {
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
        };
        let calendar = |from: &str, until: &str| Skipped::Calendar {
            from: from.parse().unwrap(),
            until: until.parse().unwrap(),
        };
        for (why, expected) in [
            (away("2026-12-01", "2026-12-01"), "away on 2026-12-01"),
            (away("2026-12-01", "2026-12-02"), "away from 2026-12-01 until 2026-12-02"),
            (
                calendar("2026-11-30T23:00Z", "2026-12-02T23:00Z"),
                "away from 2026-12-01 until 2026-12-02 by their calendar",
            ),
            (
                calendar("2026-11-30T23:00Z", "2026-12-01T23:00Z"),
                "away on 2026-12-01 by their calendar",
            ),
            (
                calendar("2026-12-01T08:00Z", "2026-12-01T13:30Z"),
                "away from 2026-12-01 09:00 CET until 2026-12-01 14:30 CET by their calendar",
            ),
        ] {
            assert_eq!(skipped(&why, &berlin), expected);
        }
    }
}
