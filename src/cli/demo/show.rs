//! What the demo shows: a table of where each mail went and why, what to try next, and news.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use postroom::directory::{Party, Rung, Skipped};
use postroom::mail::EmailAddress;
use postroom::seams::{Evidence, Store, TicketDetail, TicketFilter, TicketId};

use super::home::{Home, program};
use crate::cli::Failure;
use crate::cli::output::{short, table as new_table, text};

/// More tickets than the demo ever has.
const ALL: u32 = 10_000;

/// Prints the table; says which ticket was the last.
pub(super) async fn table(store: &dyn Store, took: Duration) -> Result<TicketId, Failure> {
    let filter = TicketFilter { oldest_first: true, limit: ALL, ..TicketFilter::default() };
    let tickets = store.tickets(&filter).await?;
    let mut rows = new_table(&["N", "from", "subject", "goes to", "why"], &[]);
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for ticket in &tickets {
        let detail = store.ticket(ticket.id).await?;
        let target = ticket.decision.target.name();
        let goes_to = match ticket.decision.target.to() {
            Some(to) => to.to_owned(),
            None => target.replace('_', " "),
        };
        *counts.entry(target.replace('_', " ")).or_default() += 1;
        rows.add_row([
            ticket.id.to_string(),
            short(ticket.sender.as_ref().map_or("—", EmailAddress::as_str), 30),
            short(&ticket.subject, 40),
            goes_to,
            why(&detail),
        ]);
    }
    let counts: Vec<String> =
        counts.iter().map(|(target, count)| format!("{target} {count}")).collect();
    text(&format!(
        "{rows}\n{} mails read, judged, recorded and moved in {:.1} s: {}\n",
        tickets.len(),
        took.as_secs_f64(),
        counts.join(" · ")
    ))?;
    Ok(tickets.last().map_or(TicketId(0), |ticket| ticket.id))
}

/// The reason in a few words, with the evidence that a person would name first.
fn why(detail: &TicketDetail) -> String {
    let reason = detail.ticket.decision.reason.name().replace('_', " ");
    let evidence = &detail.evidence;
    if let Party::Registered { customer, .. } = &evidence.party
        && evidence.verdict.is_none()
        && let Some(ladder) = ladder(evidence)
    {
        return format!("{customer}: {reason}{ladder}");
    }
    let Some(verdict) = &evidence.verdict else { return reason };
    let Some(best) = verdict.best() else { return reason };
    let mut terms = verdict.hits.iter().filter(|hit| hit.team == best.team && hit.points > 0);
    let strongest: Vec<String> =
        terms.by_ref().take(3).map(|hit| format!("{} {:+}", hit.term.trim(), hit.points)).collect();
    if strongest.is_empty() {
        return reason;
    }
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
            };
            Some(format!("{who} {why}"))
        })
        .collect();
    Some(if skipped.is_empty() { String::new() } else { format!(" ({})", skipped.join("; ")) })
}

/// What to try next.
pub(super) async fn tips(
    home: &Home,
    store: &dyn Store,
    address: Option<SocketAddr>,
) -> Result<String, Failure> {
    let waiting = TicketFilter {
        target: Some("assist".to_owned()),
        oldest_first: true,
        limit: 1,
        ..TicketFilter::default()
    };
    let question = store.tickets(&waiting).await?.first().map_or(1, |ticket| ticket.id.0);
    let call = format!("{} --config {}", program(), home.config().display());
    let billing = home.dictionaries().join("billing.dict");
    let new = home.mailbox().join("new");
    let mut tips = String::from("\nTry next, in another terminal:\n");
    let lines = [
        (format!("{call} assist list"), "what waits for a person"),
        (format!("{call} assist answer {question} billing"), "answer a question: its mail moves"),
        (format!("{call} explain --ticket {question}"), "why a mail went where it went"),
        (format!("{call} ledger show {question}"), "all that happened to it"),
        (format!("nano {}", billing.display()), "edit a dictionary and see it reload"),
        (format!("cp SOME.eml {}/", new.display()), "drop a mail in and see it routed"),
    ];
    for (command, purpose) in lines {
        let _ = writeln!(tips, "  # {purpose}\n  {command}");
    }
    if let Some(address) = address {
        let _ = writeln!(tips, "\nHealth and metrics: http://{address}/readyz and /metrics");
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
