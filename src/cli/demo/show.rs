//! What the demo shows: a table of where each mail went and why, what to try next, and news.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::home::{Home, program};
use crate::classify::Hit;
use crate::cli::output::{row, short, table as new_table, text};
use crate::cli::{Failure, explain};
use crate::directory::{Party, Rung, Skipped};
use crate::mail::EmailAddress;
use crate::route::{Reason, Target};
use crate::seams::{Evidence, Store, Ticket, TicketDetail, TicketFilter, TicketId};

/// More tickets than the demo ever has.
const ALL: u32 = 10_000;

/// Prints the table, by where the mails went; says which ticket was the last.
pub(super) async fn table(store: &dyn Store, took: Duration) -> Result<TicketId, Failure> {
    let filter = TicketFilter { oldest_first: true, limit: ALL, ..TicketFilter::default() };
    let tickets = store.tickets(&filter).await?;
    let mut groups: BTreeMap<(&Target, String), Vec<&Ticket>> = BTreeMap::new();
    for ticket in &tickets {
        let target = &ticket.decision.target;
        groups.entry((target, goes_to(target))).or_default().push(ticket);
    }
    let mut rows = new_table(&["goes to", "N", "from", "subject", "why"], &[]);
    for ((_, goes_to), group) in &groups {
        let mut heading = format!("{goes_to} ({})", group.len());
        for ticket in group {
            let sender = ticket.sender.as_ref().map_or("—", EmailAddress::as_str);
            rows.add_row(row([
                std::mem::take(&mut heading),
                ticket.id.to_string(),
                short(sender, 30),
                short(&ticket.subject, 40),
                why(&store.ticket(ticket.id).await?),
            ]));
        }
    }
    let seconds = took.as_secs_f64();
    let count = |name| tickets.iter().filter(|t| t.decision.target.name() == name).count();
    text(&format!(
        "{rows}\n{} mails read, judged, recorded and moved in {seconds:.1} s: {} to the people who \
         know the customer, {} to a team, {} filed, {} wait for a person.\n",
        tickets.len(),
        count("person"),
        count("team"),
        count("filed"),
        count("assist"),
    ))?;
    Ok(tickets.last().map_or(TicketId(0), |ticket| ticket.id))
}

fn goes_to(target: &Target) -> String {
    target.to().map_or_else(|| target.name().replace('_', " "), ToOwned::to_owned)
}

/// The reason in a few words, with the evidence that a person would name first.
fn why(detail: &TicketDetail) -> String {
    let reason = detail.ticket.decision.reason.name().replace('_', " ");
    let evidence = &detail.evidence;
    if let (Some(forward), Reason::LooksForwarded) =
        (&evidence.signs.forward, detail.ticket.decision.reason)
    {
        return format!("{reason} from {}", forward.from);
    }
    if let Party::Registered { customer, .. } = &evidence.party
        && evidence.verdict.is_none()
        && let Some(ladder) = ladder(evidence)
    {
        return format!("{customer}: {reason}{ladder}");
    }
    let Some(verdict) = &evidence.verdict else { return reason };
    let Some(best) = verdict.best() else { return reason };
    let mut hits: Vec<Hit> =
        verdict.hits.iter().filter(|hit| hit.team == best.team && hit.points > 0).collect();
    if hits.is_empty() {
        return reason;
    }
    let weight = |hit: &Hit| f64::from(hit.points) * hit.strength;
    hits.sort_by(|one, other| weight(other).total_cmp(&weight(one)));
    let strongest: Vec<String> = hits
        .iter()
        .take(3)
        .map(|hit| {
            // Of a line with alternatives, the first stands for all.
            let term = hit.term.split(" | ").next().unwrap_or_default().trim();
            format!("{term} {:+}", hit.points)
        })
        .collect();
    let leaning =
        if detail.ticket.is_question() { format!(" {}?", best.team) } else { String::new() };
    format!("{reason}{leaning} {:.0}%: {}", verdict.confidence * 100.0, strongest.join(", "))
}

/// Who was skipped on the ladder, if anybody.
fn ladder(evidence: &Evidence) -> Option<String> {
    let Party::Registered { ladder, .. } = &evidence.party else { return None };
    let skipped: Vec<String> = ladder
        .steps
        .iter()
        .filter_map(|step| {
            let who = match &step.rung {
                Rung::AccountManager(person) | Rung::Manager(person) => person.local(),
                Rung::Team(team) => team.as_str(),
            };
            let why = match step.skipped.as_ref()? {
                Skipped::Away { until, .. } => format!("away until {until}"),
                Skipped::AlreadyTried => "already tried".to_owned(),
                Skipped::Unknown => "not one of us".to_owned(),
                why @ (Skipped::Calendar { .. }
                | Skipped::Holiday { .. }
                | Skipped::OutsideHours { .. }
                | Skipped::Full { .. }) => explain::skipped(why, &TimeZone::system()),
            };
            Some(format!("{who} {why}"))
        })
        .collect();
    Some(if skipped.is_empty() { String::new() } else { format!(" ({})", skipped.join("; ")) })
}

/// A path as a POSIX shell takes it.
fn quoted(path: impl AsRef<Path>) -> String {
    let path = path.as_ref().display().to_string();
    shlex::try_quote(&path).map(Cow::into_owned).unwrap_or(path)
}

/// What to try next; `serving` is where health is served, if the demo goes on.
pub(super) async fn tips(
    home: &Home,
    store: &dyn Store,
    serving: Option<SocketAddr>,
) -> Result<String, Failure> {
    let waiting = TicketFilter {
        target: Some(Target::Assist.name().to_owned()),
        oldest_first: true,
        limit: ALL,
        ..TicketFilter::default()
    };
    // A question about which there is something to say.
    let questions = store.tickets(&waiting).await?;
    let doubted = questions.iter().find(|t| t.decision.reason == Reason::BelowThreshold);
    let question = doubted.or(questions.first());
    let team = question.and_then(|ticket| ticket.best_team.as_ref());
    let team = team.map_or("billing", |team| team.as_str());
    let question = question.map_or(1, |ticket| ticket.id.0);
    let call = format!("{} --config {}", quoted(program()), quoted(home.config()));
    let billing = quoted(home.dictionaries().join("billing.dict"));
    let new = quoted(home.mailbox().join("new").join("1"));
    let mut lines = vec![
        (format!("{call} explain --ticket {question}"), "why the dictionaries doubt this one"),
        (format!("{call} assist list"), "all that waits for a person"),
        (format!("{call} assist answer {question} {team}"), "answer it: its mail moves"),
        (format!("{call} ledger show {question}"), "all that happened to it"),
        (format!("{call} rota"), "who answers questions, in which week"),
    ];
    let sample =
        "printf 'From: you@new.example\\nSubject: Refund\\n\\nYou charged our card twice.\\n'";
    if serving.is_some() {
        lines.push((format!("{sample} > {new}"), "drop a mail in, and see it routed here"));
        lines.push((
            format!("echo 'no   The printer is on fire' >> {billing}"),
            "edit a dictionary, and see it reload here",
        ));
    } else {
        lines.push((format!("{call} serve"), "go on from here: moves what was answered"));
    }
    let elsewhere = if serving.is_some() { ", in another terminal" } else { "" };
    let mut tips = format!("\nTry next{elsewhere}:\n");
    for (command, purpose) in lines {
        let _ = writeln!(tips, "  # {purpose}\n  {command}");
    }
    if let Some(address) = serving {
        let _ = writeln!(
            tips,
            "\nHealth and metrics: http://{address}/readyz and http://{address}/metrics\n\
             Watching the mailbox and the dictionaries. Ctrl-C ends the demo."
        );
    }
    Ok(tips)
}

/// Prints the tickets after `last`; says which is the last now.
pub(super) async fn news(store: &dyn Store, last: TicketId) -> Result<TicketId, Failure> {
    let newest = TicketFilter { limit: 20, ..TicketFilter::default() };
    let mut fresh = store.tickets(&newest).await?;
    fresh.retain(|ticket| ticket.id > last);
    fresh.reverse();
    for ticket in &fresh {
        let detail = store.ticket(ticket.id).await?;
        let to = ticket.decision.target.to().unwrap_or(ticket.decision.target.name());
        text(&format!(
            "ticket {}: “{}” goes to {to}: {}\n",
            ticket.id,
            short(&ticket.subject, 50),
            why(&detail)
        ))?;
    }
    Ok(fresh.last().map_or(last, |ticket| ticket.id))
}
