//! What lists and metrics read, and the dictionaries that decisions were made with.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::database::{Row, Transaction, Value};
use super::rows;
use crate::dictionary::Version;
use crate::mail::EmailAddress;
use crate::route::{Decision, Reason};
use crate::seams::{Counts, Progress, Questions, StoreError, Ticket, TicketFilter, TicketId};

/// The columns of [`ticket_of`].
pub(super) const TICKET: &str = "SELECT tickets.target, tickets.addressee, tickets.reason, tickets.id, \
     tickets.message_id, tickets.sender, tickets.subject, tickets.kind, tickets.confidence, \
     tickets.best_team, tickets.recorded, \
     (SELECT jobs.state FROM jobs \
      WHERE jobs.ticket = tickets.id AND jobs.revision = tickets.revision) \
     FROM tickets";

/// Lists tickets.
pub(super) async fn tickets(
    tx: &mut Transaction,
    filter: &TicketFilter,
) -> Result<Vec<Ticket>, StoreError> {
    let mut sql = TICKET.to_owned();
    let mut values: Vec<Value> = Vec::new();
    let conditions = [
        ("tickets.target =", filter.target.as_deref().map(Value::from)),
        ("tickets.addressee =", filter.to.as_deref().map(Value::from)),
        ("tickets.follows =", filter.follows.map(|thread| thread.0.into())),
        ("tickets.reason =", filter.reason.map(Reason::name).map(Value::from)),
        ("tickets.id <", filter.before.map(|before| before.0.into())),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            values.push(value);
            let word = if values.len() == 1 { "WHERE" } else { "AND" };
            // Writing to a String can't fail.
            let _ = write!(sql, " {word} {condition} ${}", values.len());
        }
    }
    let order = if filter.oldest_first { "ASC" } else { "DESC" };
    values.push(filter.limit.into());
    let _ = write!(sql, " ORDER BY tickets.id {order} LIMIT ${}", values.len());
    tx.rows(AssertSqlSafe(sql), values).await?.iter().map(ticket_of).collect()
}

/// A ticket of the columns of [`TICKET`].
pub(super) fn ticket_of(row: &Row) -> Result<Ticket, StoreError> {
    let decision = rows::decision(row, 0)?;
    let progress = progress(&decision, row.maybe_text(11)?.as_deref())?;
    let sender = row.maybe_text(5)?;
    Ok(Ticket {
        id: TicketId(row.int(3)?),
        message_id: row.maybe_text(4)?,
        // An address that this version no longer takes for one must not hide the ticket.
        sender: sender.and_then(|sender| EmailAddress::parse(&sender).ok()),
        subject: row.text(6)?,
        kind: rows::kind(&row.text(7)?)?,
        decision,
        confidence: row.maybe_real(8)?,
        best_team: row.maybe_text(9)?,
        progress,
        recorded: rows::time(row.int(10)?)?,
    })
}

/// How far the current decision's job is, if it has one.
fn progress(decision: &Decision, state: Option<&str>) -> Result<Progress, StoreError> {
    match state {
        // The decision that follows a delivery that was given up has no job of its own.
        None if matches!(decision.reason, Reason::Undeliverable | Reason::MailGone) => {
            Ok(Progress::Failed)
        }
        None => Ok(Progress::Stays),
        Some("waiting") => Ok(Progress::Waiting),
        Some("claimed") => Ok(Progress::UnderWay),
        Some("done") => Ok(Progress::Delivered),
        Some("failed") => Ok(Progress::Failed),
        Some(_) => Err(rows::unreadable("state")),
    }
}

/// Looks into a table that has a row for each mailbox: a database that answers without its tables
/// is of no use.
pub(super) async fn ping(tx: &mut Transaction) -> Result<(), StoreError> {
    tx.rows("SELECT number FROM leases LIMIT 1", vec![]).await.map(|_| ())
}

/// The key with which Postroom marks its own mail.
pub(super) async fn mark_key(tx: &mut Transaction) -> Result<[u8; 32], StoreError> {
    let found = tx.rows("SELECT value FROM keys WHERE name = 'mark'", vec![]).await?;
    let key = found.first().map(|row| row.bytes(0)).transpose()?.unwrap_or_default();
    key.try_into().map_err(|_| rows::unreadable("key"))
}

/// How many jobs are open, and since when.
pub(super) const OPEN_JOBS: &str =
    "SELECT count(*), min(made) FROM jobs WHERE state IN ('waiting', 'claimed')";

/// Numbers for the metrics. They are read from indexes alone.
pub(super) async fn counts(tx: &mut Transaction) -> Result<Counts, StoreError> {
    let tickets = tx
        .rows("SELECT target, reason, count(*) FROM tickets GROUP BY target, reason", vec![])
        .await?
        .iter()
        .map(|row| Ok(((row.text(0)?, row.text(1)?), row.int(2)?.unsigned_abs())))
        .collect::<Result<_, StoreError>>()?;
    let jobs = tx.rows(OPEN_JOBS, vec![]).await?;
    let jobs = jobs.first().ok_or_else(|| rows::unreadable("count"))?;
    Ok(Counts {
        tickets,
        jobs_waiting: jobs.int(0)?.unsigned_abs(),
        oldest_job: jobs.maybe_int(1)?.map(rows::time).transpose()?,
        questions: questions(tx).await?,
    })
}

/// The question that waits longest.
pub(super) const OLDEST_QUESTION: &str = "SELECT id, waits_since FROM tickets \
     WHERE waits_since IS NOT NULL ORDER BY waits_since, id LIMIT 1";
/// How many questions wait.
pub(super) const QUESTIONS: &str = "SELECT count(*) FROM tickets WHERE waits_since IS NOT NULL";

/// The questions that wait. They are read from an index that has nothing else.
pub(super) async fn questions(tx: &mut Transaction) -> Result<Questions, StoreError> {
    let oldest = tx.rows(OLDEST_QUESTION, vec![]).await?;
    let waiting = tx.rows(QUESTIONS, vec![]).await?;
    let waiting = waiting.first().ok_or_else(|| rows::unreadable("count"))?;
    let oldest = oldest.first().map(|row| Ok((TicketId(row.int(0)?), rows::time(row.int(1)?)?)));
    Ok(Questions { waiting: waiting.int(0)?.unsigned_abs(), oldest: oldest.transpose()? })
}

/// How many tickets that were recorded since `since` are each person's. A thread counts once: its
/// later mails were no new work. They are counted in an index that has nothing else.
pub(super) async fn open_tickets(
    tx: &mut Transaction,
    since: Timestamp,
) -> Result<BTreeMap<EmailAddress, u32>, StoreError> {
    let found = tx
        .rows(
            "SELECT addressee, count(*) FROM tickets \
             WHERE target = 'person' AND reason <> 'follow_up' AND recorded >= $1 \
             GROUP BY addressee",
            vec![since.as_millisecond().into()],
        )
        .await?;
    let mut counts = BTreeMap::new();
    for row in &found {
        // An address that this version no longer takes for one is nobody's on a ladder.
        if let Some(person) = row.maybe_text(0)?.and_then(|it| EmailAddress::parse(&it).ok()) {
            counts.insert(person, rows::narrow(row.int(1)?)?);
        }
    }
    Ok(counts)
}

/// Keeps the files of a dictionary version.
pub(super) async fn keep_dictionaries(
    tx: &mut Transaction,
    version: &Version,
    files: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO dictionaries (version, files, kept) VALUES ($1, $2, $3) \
         ON CONFLICT (version) DO NOTHING",
        vec![version.0.as_str().into(), rows::json(files)?, now.as_millisecond().into()],
    )
    .await
    .map(|_| ())
}

/// The files of a dictionary version.
pub(super) async fn dictionaries(
    tx: &mut Transaction,
    version: &Version,
) -> Result<Option<BTreeMap<String, String>>, StoreError> {
    tx.rows("SELECT files FROM dictionaries WHERE version = $1", vec![version.0.as_str().into()])
        .await?
        .first()
        .map(|row| rows::from_json(&row.text(0)?, "files"))
        .transpose()
}

/// Blanks the texts of settled tickets about which nothing was decided since `before`.
pub(super) async fn forget_texts(
    tx: &mut Transaction,
    before: Timestamp,
) -> Result<u64, StoreError> {
    tx.run(
        "DELETE FROM texts WHERE EXISTS (SELECT 1 FROM tickets WHERE tickets.id = texts.ticket \
             AND tickets.recorded < $1 AND tickets.target <> 'assist' \
             AND NOT EXISTS (SELECT 1 FROM decisions \
                 WHERE decisions.ticket = tickets.id AND decisions.made >= $1))",
        vec![before.as_millisecond().into()],
    )
    .await
}
