//! `postroom directory`: who a sender is, who is free for them and when, and what is wrong with
//! the directory.

use std::fmt::Write as _;

use clap::Subcommand;
use jiff::Timestamp;
use serde::Serialize;
use tokio::runtime::Runtime;

use super::moment::{Judge, When};
use super::output::{json_line, report, text};
use super::{Failure, Global, explain};
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::dictionary::Dictionaries;
use crate::directory::near::{Near, Nearness};
use crate::directory::{Directory, Party, SourceText};
use crate::mail::EmailAddress;
use crate::rim::clock::SystemClock;
use crate::rim::directory::Calendars;
use crate::rim::watch::{read_dictionaries, read_directory};
use crate::seams::Clock;
use crate::serve::{folders, teams};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say who a sender is, which row says so, and which rows nearly match
    Find {
        /// The sender's address
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say who would get a sender's mail at some time: each rung, and why it would be skipped
    Ladder {
        /// The sender's address
        #[arg(value_name = "ADDRESS")]
        address: String,
        /// When, as 2026-12-24T10:00 by the configuration's clock, or with an offset; 2026-12-24 is
        /// noon of that day; now, if not given
        #[arg(long, value_name = "TIME")]
        at: Option<When>,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what is wrong with the directory, and what could be better
    Lint {
        /// Print one JSON object a finding, a line each
        #[arg(long)]
        json: bool,
        /// Let warnings fail the check too
        #[arg(long)]
        strict: bool,
    },
}

/// What `find --json` prints.
#[derive(Debug, Serialize)]
struct Found<'a> {
    address: &'a EmailAddress,
    #[serde(flatten)]
    party: &'a Party,
    freemail: bool,
    nearly_ours: Option<&'a str>,
    near: &'a [Near],
}

/// What `ladder --json` prints.
#[derive(Debug, Serialize)]
struct Climbed<'a> {
    address: &'a EmailAddress,
    at: Timestamp,
    #[serde(flatten)]
    party: &'a Party,
}

/// Runs a directory command.
pub(crate) fn run(global: &Global, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Find { address, json } => find(&global.judge(None, None)?, address, *json),
        Command::Ladder { address, at, json } => ladder(&global.judge(None, *at)?, address, *json),
        Command::Lint { json, strict } => lint(&global.config()?, (*json, *strict)),
    }
}

fn sender(text: &str) -> Result<EmailAddress, Failure> {
    EmailAddress::parse(text).map_err(Failure::input)
}

fn find(judge: &Judge, address: &str, json: bool) -> Result<(), Failure> {
    let directory = &judge.rules.directory;
    let address = sender(address)?;
    let party = judge.identify(&address);
    let near = directory.near(&address);
    let freemail = directory.is_freemail(address.domain());
    let nearly_ours = directory.nearly_ours(address.domain());
    if json {
        let (address, party, near) = (&address, &party, near.as_slice());
        return json_line(&Found { address, party, freemail, nearly_ours, near });
    }
    let telling = &judge.telling;
    let shown = explain::readable(address.as_str());
    let mut out = format!("{shown}\n{}", explain::party(&party, telling));
    if freemail && matches!(party, Party::Registered { .. }) {
        out += "  at a freemail domain, which never matches as a domain: only this address does\n";
    }
    if let Some(own) = nearly_ours {
        let domain = explain::readable(address.domain());
        let _ = writeln!(out, "  take care: {domain} is not our {}", explain::readable(own));
    }
    if !near.is_empty() {
        out += "\nNearly\n";
    }
    for row in near {
        let place = row.line.map_or_else(String::new, |line| telling.place(line, ""));
        let (entry, how) = (explain::readable(&row.entry), how_near(row.kind));
        let _ = writeln!(out, "  {entry} ({}){place}: {how}", row.customer);
    }
    text(&out)
}

fn how_near(kind: Nearness) -> &'static str {
    match kind {
        Nearness::Shadowed => "would match, but a more exact row does",
        Nearness::DomainAbove => "stands for itself alone; `*.` in front takes in sub-domains",
        Nearness::SimilarName => "nearly the same name at the same domain",
        Nearness::SameName => "the same name at another domain",
        Nearness::SimilarDomain => "nearly the same domain",
        Nearness::LooksAlike => "another domain that looks like it",
        Nearness::NameWithin => "its name stands in the sender's domain",
    }
}

fn ladder(judge: &Judge, address: &str, json: bool) -> Result<(), Failure> {
    let address = sender(address)?;
    let party = judge.identify(&address);
    if json {
        return json_line(&Climbed { address: &address, at: judge.at, party: &party });
    }
    let telling = &judge.telling;
    let at = judge.at.to_zoned(telling.zone.clone()).strftime("%a %Y-%m-%d %H:%M %Z");
    let shown = explain::readable(address.as_str());
    let mut out = format!("{shown} at {at}\n{}", explain::party(&party, telling));
    match &party {
        Party::Registered { ladder, .. } if ladder.nobody_free => {
            out += "  nobody is free: the last team takes it, and an alarm says so\n";
        }
        Party::Registered { .. } => {}
        Party::Colleague { .. } | Party::Unregistered { .. } | Party::Unanswered { .. } => {
            out += "  so there is no ladder to climb\n";
        }
    }
    text(&out)
}

fn lint(config: &Config, (json, strict): (bool, bool)) -> Result<(), Failure> {
    let mut findings = Vec::new();
    let mut tables = 0;
    // What is wrong with the dictionaries is for `postroom lint` to say.
    let built = read_dictionaries(&config.dictionaries).and_then(|it| Dictionaries::build(&it));
    let dictionaries = built.ok().map(|(dictionaries, _)| dictionaries);
    match read_directory(&config.directory) {
        Ok(files) => {
            tables = files.customers.iter().chain(&files.people).count() + files.holidays.len();
            match Directory::build(&files, &config.directory.rules) {
                Ok((directory, warnings)) => {
                    findings.extend(warnings);
                    if let Some(customers) = &files.customers {
                        findings.extend(directory.without_customers(customers));
                        findings.extend(directory.idle_rows(customers));
                        findings.extend(directory.rows_without_manager(customers));
                    }
                    findings.extend(directory.idle_tiers(&config.file));
                    findings.extend(folders::shared(config, &directory, dictionaries.as_ref()));
                    if let Some(people) = &files.people {
                        findings.extend(unreadable_calendars(config, &directory, people)?);
                    }
                }
                Err(wrong) => findings.extend(wrong),
            }
        }
        Err(unreadable) => findings.extend(unreadable),
    }
    if let Some(dictionaries) = &dictionaries {
        findings.extend(teams::unknown_rungs(config, dictionaries));
    }
    findings.sort();
    report(&findings, tables, (json, strict))
}

/// The calendars that can't be read, so that the ladder takes their owners for free, and those that
/// may be misread.
fn unreadable_calendars(
    config: &Config,
    directory: &Directory,
    people: &SourceText,
) -> Result<Vec<Diagnostic>, Failure> {
    let mut calendars = Calendars::new(config.directory.calendars.clone());
    Runtime::new()?.block_on(calendars.refresh(directory, SystemClock.now()));
    // Without the row: the address of a feed is as good as a password.
    let finding = |code, whose: &EmailAddress, what: String| {
        let message = format!("the calendar of `{whose}` {what}");
        let line = directory.line_of(whose).unwrap_or_default();
        Diagnostic::error(&people.name, code, message).warning().at(line, 0, 0, "")
    };
    let troubles = calendars.troubles().map(|trouble| {
        let what = format!("can't be read: {}", trouble.why);
        finding("unreadable-calendar", &trouble.person, what)
            .help("until it can be, only this file says when they are away")
    });
    let doubts = calendars.doubts().map(|doubt| {
        finding("unknown-zone", &doubt.person, doubt.why)
            .help("name one of the IANA database there, as `Europe/Berlin`")
    });
    Ok(troubles.chain(doubts).collect())
}
