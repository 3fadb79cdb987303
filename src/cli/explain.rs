//! `postroom explain`: why a mail goes where it goes, and what would change that.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use postroom::classify::explain::{explain, render};
use postroom::dictionary::{Calibration, Dictionaries};
use postroom::directory::{MatchedBy, NoMatch, Party, Receipt, Rung, Skipped};
use postroom::mail::{EmailAddress, Text};
use postroom::pipeline::{Judgement, Rules};
use postroom::rim::archive;
use postroom::route::{Decision, Target};
use postroom::seams::{Evidence, Store, StoreError, TicketId};
use serde::Serialize;

use super::moment::When;
use super::output::{json_line, text};
use super::{Failure, Global, signs};

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
    /// Judge as if it were then (who is free depends on it), as 2026-12-24 or 2026-12-24T10:00
    #[arg(long, value_name = "TIME")]
    on: Option<When>,
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
            text(&format!("{between}{}", described(&judge.rules, &mail.source, &judgement)?))?;
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
fn described(rules: &Rules, source: &str, judgement: &Judgement) -> Result<String, Failure> {
    let mail = &judgement.mail;
    let odd = if mail.oddities.is_empty() {
        String::new()
    } else {
        format!("  oddities  {}\n", serde_json::to_string(&mail.oddities)?)
    };
    let calibration = rules.dictionaries.calibration();
    let shown = (mail.subject.as_str(), &mail.text);
    Ok(format!(
        "{source}\n  from      {}\n  subject   {}\n  kind      {}\n{odd}{}",
        mail.sender.as_ref().map_or("—", EmailAddress::as_str),
        mail.subject,
        mail.kind.name(),
        decision(&judgement.decision, &judgement.evidence, calibration, shown)
    ))
}

fn explain_ticket(global: &Global, id: TicketId, json: bool) -> Result<(), Failure> {
    let (_, runtime, store) = global.store()?;
    let detail = runtime.block_on(store.ticket(id))?;
    if json {
        return json_line(&Explained {
            source: &format!("ticket {id}"),
            target: &detail.ticket.decision.target,
            reason: detail.ticket.decision.reason.name(),
            evidence: &detail.evidence,
        });
    }
    let subject = &detail.ticket.subject;
    text(&format!("ticket {id}\n  subject   {subject}\n"))?;
    let calibration = runtime.block_on(calibration_of(store.as_ref(), &detail.evidence))?;
    let body = detail.text.clone().unwrap_or_default();
    text(&decision(&detail.ticket.decision, &detail.evidence, &calibration, (subject, &body)))
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
    calibration: &Calibration,
    (subject, body): (&str, &Text),
) -> String {
    let to = decision.target.to().unwrap_or(decision.target.name()).replace('_', " ");
    let reason = decision.reason.name().replace('_', " ");
    let mut out = format!("\nGoes to {to}: {reason}\n");
    if let Some(failure) = &evidence.failure {
        let _ = writeln!(out, "  what failed: {failure}");
    }
    out += "\nWho sent it\n";
    out += &party(&evidence.party);
    out += &signs::lines(&evidence.party, &evidence.signs);
    if let Some(verdict) = &evidence.verdict {
        out += "\nWhat the dictionaries say\n";
        let threshold = evidence.threshold.unwrap_or(1.0);
        out += &render(&explain(verdict, calibration, threshold, subject, body));
    }
    out
}

/// Who sent it, with the walk up the ladder.
pub(super) fn party(party: &Party) -> String {
    match party {
        Party::Registered { customer, tier, matched, ladder } => {
            let by = match matched.by {
                MatchedBy::Address => "the address",
                MatchedBy::Domain => "the domain",
                MatchedBy::ParentDomain => "the domain above it,",
            };
            let tier = tier.as_ref().map_or_else(String::new, |tier| format!(", tier {tier}"));
            let said = match matched.line {
                Some(line) => format!("in line {line} of the directory"),
                None => "says the directory service".to_owned(),
            };
            format!("  {customer}{tier}: {by} {} {said}\n{}", matched.entry, climb(ladder))
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
fn climb(ladder: &Receipt) -> String {
    let rung = |rung: &Rung| match rung {
        Rung::AccountManager(person) => format!("account manager {person}"),
        Rung::Manager(person) => format!("manager {person}"),
        Rung::Team(team) => format!("team {team}"),
    };
    ladder.steps.iter().fold(String::new(), |mut lines, step| {
        let outcome = step.skipped.as_ref().map_or_else(|| "takes it".to_owned(), skipped);
        let _ = writeln!(lines, "    {}: {outcome}", rung(&step.rung));
        lines
    })
}

/// Why a rung was skipped.
pub(super) fn skipped(why: &Skipped) -> String {
    skipped_in(why, &TimeZone::system())
}

/// The same, with times by the clock in a zone.
pub(super) fn skipped_in(why: &Skipped, zone: &TimeZone) -> String {
    let minute =
        |time: &Timestamp| time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
    match why {
        Skipped::Away { from, until } => format!("away from {from} until {until}"),
        Skipped::Calendar { from, until } => {
            format!("away from {} until {} by their calendar", minute(from), minute(until))
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
