//! `postroom ledger`: what became of the mail.

use std::fmt::Write as _;

use clap::{Subcommand, value_parser};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::explain::{self, Telling};
use super::output::{json_line, row, short, table, text};
use super::{Failure, Global, replay};
use crate::config::{Config, Mailbox};
use crate::dictionary::{Calibration, TeamId};
use crate::mail::EmailAddress;
use crate::rim::clock::SystemClock;
use crate::seams::{
    Clock, Event, Happening, POSTROOM, Progress, Store, TicketDetail, TicketFilter, TicketId,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List tickets, newest first
    List {
        /// Only those that went to: `person`, `team`, `assist`, `filed` or `set_aside`
        #[arg(long, value_name = "DECISION")]
        decision: Option<String>,
        /// Only those that went to this team or person
        #[arg(long, value_name = "NAME")]
        to: Option<String>,
        /// Only those with a number below this one
        #[arg(long, value_name = "N")]
        before: Option<i64>,
        /// At most this many
        #[arg(long, default_value_t = 50, value_name = "N", value_parser = value_parser!(u32).range(1..))]
        limit: u32,
        /// Print one JSON object a ticket, a line each
        #[arg(long)]
        json: bool,
    },
    /// Show a ticket with its evidence and all that happened to it
    Show {
        /// The ticket's number
        #[arg(value_name = "N")]
        ticket: i64,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Decide again from what the ledger holds, and say whether it comes out as it did
    Replay {
        /// The ticket's number; all tickets, if none is given
        #[arg(value_name = "N")]
        ticket: Option<i64>,
    },
    /// Read a ticket's mail again and decide anew, as after mending what set it aside
    Retry {
        /// The ticket's number
        #[arg(value_name = "N")]
        ticket: i64,
        /// Who asks
        #[arg(long, default_value = "command line", value_name = "NAME", value_parser = person)]
        by: String,
    },
}

/// Runs a ledger command.
pub(crate) fn run(global: &Global, command: &Command) -> Result<(), Failure> {
    let (config, runtime, store) = global.store()?;
    let store = store.as_ref();
    runtime.block_on(async {
        match command {
            Command::List { decision, to, before, limit, json } => {
                let filter = TicketFilter {
                    target: decision.clone(),
                    to: to.as_deref().map(addressee).transpose()?,
                    before: before.map(TicketId),
                    limit: *limit,
                    ..TicketFilter::default()
                };
                list(store, &filter, *json).await
            }
            Command::Show { ticket, json } => {
                show(store, TicketId(*ticket), (*json, &Telling::of(Some(&config)))).await
            }
            Command::Replay { ticket } => {
                replay::run(store, &config.policy, ticket.map(TicketId)).await
            }
            Command::Retry { ticket, by } => {
                let detail = store.ticket(TicketId(*ticket)).await?;
                mailbox_of(&config, &detail, "read again")?;
                store.ask_retry(TicketId(*ticket), by, SystemClock.now()).await?;
                text(&format!("ticket {ticket} will be read again by the service, while it runs\n"))
            }
        }
    })
}

/// A team, or a person, as tickets have them.
fn addressee(name: &str) -> Result<String, Failure> {
    if !name.contains('@') {
        let team = TeamId::parse(&name.to_ascii_lowercase()).map_err(|_| {
            Failure::input(format!("`{name}` is neither a team's name nor somebody's address"))
        })?;
        return Ok(team.as_str().to_owned());
    }
    let person = EmailAddress::parse(name).map_err(Failure::input)?;
    Ok(person.as_str().to_owned())
}

/// The name of somebody who asks for a change. Ours would hide that a person did.
pub(super) fn person(name: &str) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() || name.eq_ignore_ascii_case(POSTROOM) {
        return Err(format!(
            "`{POSTROOM}` stands for what is decided without a person; name the person who asks"
        ));
    }
    Ok(name.to_owned())
}

/// The mailbox that a ticket's mail lies in. Nobody attends to one that the configuration doesn't
/// name.
pub(super) fn mailbox_of<'c>(
    config: &'c Config,
    detail: &TicketDetail,
    to_be: &str,
) -> Result<&'c Mailbox, Failure> {
    let source = detail.places.first().map(|place| &place.source);
    let mailbox = config.mailboxes.iter().find(|mailbox| Some(&mailbox.id) == source);
    mailbox.ok_or_else(|| {
        let name = source.map_or_else(String::new, ToString::to_string);
        Failure::input(format!(
            "the mail lies in the mailbox `{name}`, which the configuration doesn't name, so it \
             could not be {to_be}"
        ))
    })
}

async fn list(store: &dyn Store, filter: &TicketFilter, json: bool) -> Result<(), Failure> {
    if let Some(name) = &filter.target
        && !["person", "team", "assist", "filed", "set_aside"].contains(&name.as_str())
    {
        return Err(Failure::input(format!(
            "`{name}` is not a decision: use person, team, assist, filed or set_aside"
        )));
    }
    let tickets = store.tickets(filter).await?;
    if json {
        return tickets.iter().try_for_each(json_line);
    }
    if tickets.is_empty() {
        return text("no ticket matches\n");
    }
    let mut rows =
        table(&["N", "when", "from", "subject", "goes to", "why", "delivery"], &[0, 1, 5, 6]);
    for ticket in &tickets {
        rows.add_row(row([
            ticket.id.to_string(),
            day_and_minute(ticket.recorded),
            ticket.sender.as_ref().map_or("—".to_owned(), ToString::to_string),
            short(&ticket.subject, 40),
            ticket.decision.target.to().unwrap_or(ticket.decision.target.name()).to_owned(),
            ticket.decision.reason.name().replace('_', " "),
            progress_word(ticket.progress).to_owned(),
        ]));
    }
    text(&format!("{rows}\n"))
}

/// Shows one ticket.
pub(super) async fn show(
    store: &dyn Store,
    id: TicketId,
    (json, telling): (bool, &Telling),
) -> Result<(), Failure> {
    let detail = store.ticket(id).await?;
    if json {
        return json_line(&detail);
    }
    let calibration = explain::calibration_of(store, &detail.evidence).await?;
    text(&describe(&detail, &calibration, telling))
}

fn describe(detail: &TicketDetail, calibration: &Calibration, telling: &Telling) -> String {
    let ticket = &detail.ticket;
    let mut out = format!(
        "ticket {}\n  from      {}\n  subject   {}\n  kind      {}, {} bytes\n  delivery  {}\n",
        ticket.id,
        ticket.sender.as_ref().map_or("—".to_owned(), |from| explain::readable(from.as_str())),
        ticket.subject,
        ticket.kind.name(),
        detail.size,
        progress_word(ticket.progress),
    );
    for place in &detail.places {
        let _ = writeln!(out, "  lies in   {} / {}", place.source, place.folder);
    }
    let body = detail.text.clone().unwrap_or_default();
    let shown = (ticket.subject.as_str(), &body);
    out += &explain::decision(&ticket.decision, &detail.evidence, (calibration, telling), shown);
    out += "\nWhat happened\n";
    for event in &detail.events {
        let _ = writeln!(out, "  {}  {}", day_and_time(event.at), happened(event, &telling.zone));
    }
    let text = match &detail.text {
        Some(text) => indented(&text.body, 40),
        None => "  blanked, as `keep_text` says; the mail itself lies on its server".to_owned(),
    };
    let _ = writeln!(out, "\nText\n{text}");
    out
}

fn indented(body: &str, lines: usize) -> String {
    let shown: Vec<String> = body.lines().take(lines).map(|line| format!("  {line}")).collect();
    let rest = body.lines().count().saturating_sub(lines);
    match rest {
        0 => shown.join("\n"),
        rest => format!("{}\n  … {rest} more lines", shown.join("\n")),
    }
}

fn happened(event: &Event, zone: &TimeZone) -> String {
    let goes = |decision: &crate::route::Decision| {
        let to = decision.target.to().unwrap_or(decision.target.name());
        format!("{to} ({})", decision.reason.name().replace('_', " "))
    };
    match &event.what {
        Happening::Decided { decision } => format!("decided: {}", goes(decision)),
        Happening::DecidedAgain { decision, by } => format!("{by} decided: {}", goes(decision)),
        Happening::BecameBusy { person, why } => {
            format!("{person} can't have it any more: {}", explain::skipped(why, zone))
        }
        Happening::SeenAgain { place } => {
            format!("another copy came to {} / {}", place.source, place.folder)
        }
        Happening::Renumbered { place } => {
            format!("found again after {} / {} was renumbered", place.source, place.folder)
        }
        Happening::Delivered { action, proof } => {
            use crate::seams::{Action, Proof};
            let done = match action {
                Action::Move { folder } => format!("moved to {folder}"),
                Action::Mark { keyword } => format!("marked {keyword}"),
            };
            let shown = match proof {
                Proof::CopyUid => "the server named its new place",
                Proof::FoundInTarget => "found there",
                Proof::Renamed => "the file was renamed",
                Proof::Marked => "the server confirmed it",
            };
            format!("{done} ({shown})")
        }
        Happening::DeliveryFailed { why, attempt } => format!("try {attempt} failed: {why}"),
        Happening::DeliveryGivenUp { why } => format!("delivery given up: {why}"),
        Happening::Bounced { ticket, ours: false } => {
            format!("a bounce came that is about it: ticket {ticket}")
        }
        Happening::Bounced { ticket, ours: true } => {
            format!("it did not arrive: ticket {ticket} is the bounce")
        }
        Happening::RetryAsked { by } => format!("{by} asked to read it again"),
        Happening::RetryFailed { why } => format!("reading it again changed nothing: {why}"),
    }
}

/// A word for how far delivery is.
pub(super) fn progress_word(progress: Progress) -> &'static str {
    match progress {
        Progress::Stays => "stays",
        Progress::Waiting => "waiting",
        Progress::UnderWay => "under way",
        Progress::Delivered => "delivered",
        Progress::Failed => "failed",
    }
}

/// A time in a list.
pub(super) fn day_and_minute(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string()
}

/// A time as a person here reads it.
fn day_and_time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
