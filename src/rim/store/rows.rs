//! From the core's types to columns and back.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::database::{Row, Value};
use crate::dictionary::TeamId;
use crate::directory::Party;
use crate::mail::{EmailAddress, Kind, MailKey};
use crate::route::{Decision, Target};
use crate::seams::{Evidence, Happening, Place, SourceId, StoreError, TicketId, Wanted};

/// A value of the core's as JSON text.
pub(super) fn json(value: &impl Serialize) -> Result<Value, StoreError> {
    serde_json::to_string(value)
        .map(|text| Value::Text(Some(text)))
        .map_err(|error| StoreError::Broken(format!("a value can't be written: {error}")))
}

/// The way back. The error names the column only: the value may be a customer's words.
pub(super) fn from_json<T: DeserializeOwned>(text: &str, column: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| unreadable(column))
}

/// A column holds what this version doesn't write.
pub(super) fn unreadable(column: &str) -> StoreError {
    StoreError::Broken(format!("`{column}` doesn't hold what this version of Postroom expects"))
}

/// A number that was 32 bits wide when it was written.
pub(super) fn narrow(value: i64) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| unreadable("a 32-bit number"))
}

/// A point in time.
pub(super) fn time(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| unreadable("a time"))
}

/// A mail's key.
pub(super) fn key(bytes: &[u8]) -> Result<MailKey, StoreError> {
    bytes.try_into().map(MailKey::from_bytes).map_err(|_| unreadable("key"))
}

/// The columns target, addressee and reason.
pub(super) fn decision_columns(decision: &Decision) -> [Value; 3] {
    [
        decision.target.name().into(),
        decision.target.to().into(),
        word(&decision.reason).as_str().into(),
    ]
}

/// The way back, from three columns that begin at `first`.
pub(super) fn decision(row: &Row, first: usize) -> Result<Decision, StoreError> {
    let to = || row.maybe_text(first + 1)?.ok_or_else(|| unreadable("addressee"));
    let target = match row.text(first)?.as_str() {
        "person" => EmailAddress::parse(&to()?).map(Target::Person).ok(),
        "team" => TeamId::parse(&to()?).map(Target::Team).ok(),
        "assist" => Some(Target::Assist),
        "filed" => Some(Target::Filed),
        "set_aside" => Some(Target::SetAside),
        _ => None,
    };
    let reason = serde_json::from_value(serde_json::Value::String(row.text(first + 2)?));
    Ok(Decision {
        target: target.ok_or_else(|| unreadable("target"))?,
        reason: reason.map_err(|_| unreadable("reason"))?,
    })
}

/// The name that serde gives to a variant without fields.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}

/// The columns confidence and `best_team`, which lists show.
pub(super) fn verdict_columns(evidence: &Evidence) -> [Value; 2] {
    let verdict = evidence.verdict.as_ref();
    let best = verdict.and_then(|verdict| verdict.best());
    [verdict.map(|verdict| verdict.confidence).into(), best.map(|best| best.team.as_str()).into()]
}

/// The columns customer and follows, by which threads are found.
pub(super) fn thread_columns(evidence: &Evidence) -> [Value; 2] {
    let customer = match &evidence.party {
        Party::Registered { customer, .. } if evidence.signs.trust.holds() => Some(customer),
        Party::Registered { .. }
        | Party::Colleague { .. }
        | Party::Unregistered { .. }
        | Party::Unanswered { .. } => None,
    };
    let thread = evidence.signs.thread.as_ref().filter(|thread| thread.follows());
    [customer.map(String::as_str).into(), thread.map(|thread| thread.ticket).into()]
}

/// A mail's kind.
pub(super) fn kind(name: &str) -> Result<Kind, StoreError> {
    let found = Kind::ALL.iter().find(|(_, known)| *known == name);
    found.map(|(kind, _)| *kind).ok_or_else(|| unreadable("kind"))
}

/// The columns source, folder, epoch and name.
pub(super) fn place_columns(place: &Place) -> [Value; 4] {
    [
        place.source.0.as_str().into(),
        place.folder.as_str().into(),
        place.epoch.into(),
        place.name.as_str().into(),
    ]
}

/// The way back, from four columns that begin at `first`.
pub(super) fn place(row: &Row, first: usize) -> Result<Place, StoreError> {
    Ok(Place {
        source: SourceId(row.text(first)?),
        folder: row.text(first + 1)?,
        epoch: narrow(row.int(first + 2)?)?,
        name: row.text(first + 3)?,
    })
}

/// The columns of an event.
pub(super) fn event(
    ticket: TicketId,
    at: Timestamp,
    what: &Happening,
) -> Result<[Value; 3], StoreError> {
    Ok([ticket.0.into(), at.as_millisecond().into(), json(what)?])
}

/// Adds events, in their order.
pub(super) const ADD_EVENTS: &str = "INSERT INTO events (ticket, at, what)";

/// Adds outbox jobs, in their order.
pub(super) const ADD_JOBS: &str = "INSERT INTO jobs \
    (ticket, copy, revision, source, action, state, attempt, due, made)";

/// A job that waits from `now` on, for [`ADD_JOBS`].
pub(super) fn job(
    (ticket, copy, revision): (TicketId, i64, i64),
    source: &SourceId,
    action: &crate::seams::Action,
    now: Timestamp,
) -> Result<[Value; 9], StoreError> {
    let now = now.as_millisecond();
    Ok([
        ticket.0.into(),
        copy.into(),
        revision.into(),
        source.0.as_str().into(),
        json(action)?,
        "waiting".into(),
        0_i64.into(),
        now.into(),
        now.into(),
    ])
}

/// Adds decisions to the history.
pub(super) const ADD_DECISIONS: &str = "INSERT INTO decisions \
    (ticket, revision, target, addressee, reason, evidence, made_by, made)";

/// A mail that is known, from a row of its place, its ticket, key, size and Message-ID.
pub(super) fn wanted(row: &Row) -> Result<(TicketId, Wanted), StoreError> {
    let wanted = Wanted {
        place: place(row, 0)?,
        key: key(&row.bytes(5)?)?,
        size: row.int(6)?.unsigned_abs(),
        message_id: row.maybe_text(7)?,
    };
    Ok((TicketId(row.int(4)?), wanted))
}
