//! What people change: another decision about a ticket, and asking to read its mail again.

use jiff::Timestamp;

use super::database::{Lock, Transaction, Value};
use super::rows::{self, ADD_DECISIONS, ADD_EVENTS, ADD_JOBS};
use crate::seams::{
    Amendment, Fence, Happening, JobId, POSTROOM, Place, SourceId, StoreError, TicketId, Wanted,
};

/// The copy that decisions are about: the one that was seen first.
pub(super) const FIRST_COPY: i64 = 1;

/// Changes a ticket's decision in place of a job that was claimed and not begun.
pub(super) async fn reroute(
    tx: &mut Transaction,
    (fence, job): (&Fence, JobId),
    (why, amendment): (&Happening, &Amendment),
    now: Timestamp,
) -> Result<(), StoreError> {
    let ticket = amendment.ticket;
    drop_claimed(tx, (fence, job), ticket).await?;
    tx.each(ADD_EVENTS, vec![rows::event(ticket, now, why)?], "").await?;
    amend(tx, amendment, now).await
}

/// Drops a job that was claimed and not begun.
pub(super) async fn drop_claimed(
    tx: &mut Transaction,
    (fence, job): (&Fence, JobId),
    ticket: TicketId,
) -> Result<(), StoreError> {
    let dropped = tx
        .run(
            "UPDATE jobs SET state = 'dropped', fence = NULL, claimed = NULL \
             WHERE id = $1 AND ticket = $2 AND state = 'claimed' AND fence = $3",
            vec![job.0.into(), ticket.0.into(), fence.number.into()],
        )
        .await?;
    if dropped == 0 {
        let why = "its delivery is no longer under way".to_owned();
        return Err(StoreError::Conflict { ticket, why });
    }
    Ok(())
}

/// Changes a ticket's decision.
pub(super) async fn amend(
    tx: &mut Transaction,
    amendment: &Amendment,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ticket = amendment.ticket;
    let conflict = |why: &str| StoreError::Conflict { ticket, why: why.to_owned() };
    let found = tx
        .locked(
            "SELECT target, addressee, reason, revision FROM tickets WHERE id = $1",
            vec![ticket.0.into()],
            Lock::Update,
        )
        .await?;
    let row = found.first().ok_or(StoreError::NoSuchTicket(ticket))?;
    if rows::decision(row, 0)? != amendment.instead_of {
        return Err(conflict("somebody decided about it meanwhile; look at it again"));
    }
    let revision = row.int(3)? + 1;
    // A repeat's job moves another copy out of the way, whatever is decided about the mail.
    tx.run(
        "UPDATE jobs SET state = 'dropped' \
         WHERE ticket = $1 AND copy = $2 AND state = 'waiting' AND attempt = 0",
        vec![ticket.0.into(), FIRST_COPY.into()],
    )
    .await?;
    // After the update, which waits for a claim that is just being made. A delivery that was tried
    // may have happened: dropped now, its mail would be sought where it no longer is.
    let under_way = tx
        .rows(
            "SELECT state FROM jobs \
             WHERE ticket = $1 AND copy = $2 AND state IN ('claimed', 'waiting') LIMIT 1",
            vec![ticket.0.into(), FIRST_COPY.into()],
        )
        .await?;
    if let Some(job) = under_way.first() {
        return Err(conflict(if job.text(0)? == "claimed" {
            "its delivery is under way; try again when it is done"
        } else {
            "its delivery was tried and may have happened; try again in some minutes, when that is \
             known"
        }));
    }
    decide(tx, amendment, revision, now).await?;
    if amendment.by != POSTROOM {
        let why = format!("{} decided about it first", amendment.by);
        retry_failed(tx, ticket, &why, now).await?;
    }
    if let Some(action) = &amendment.action {
        let place = first_place(tx, ticket).await?;
        let of = (ticket, FIRST_COPY, revision);
        tx.each(ADD_JOBS, vec![rows::job(of, &place.source, action, now)?], "").await?;
    }
    let decided =
        Happening::DecidedAgain { decision: amendment.decision.clone(), by: amendment.by.clone() };
    tx.each(ADD_EVENTS, vec![rows::event(ticket, now, &decided)?], "").await.map(|_| ())
}

/// Makes a decision the current one.
async fn decide(
    tx: &mut Transaction,
    amendment: &Amendment,
    revision: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ticket = amendment.ticket.0;
    let [target, addressee, reason] = rows::decision_columns(&amendment.decision);
    tx.run(
        // What is a question already has waited since then, however often it is decided again.
        "UPDATE tickets SET revision = $2, target = $3, addressee = $4, reason = $5, \
         waits_since = CASE WHEN $3 = 'assist' THEN COALESCE(waits_since, $6) END WHERE id = $1",
        vec![
            ticket.into(),
            revision.into(),
            target.clone(),
            addressee.clone(),
            reason.clone(),
            now.as_millisecond().into(),
        ],
    )
    .await?;
    let mut evidence = Value::Text(None);
    if let Some(new) = &amendment.evidence {
        evidence = rows::json(new)?;
        let [confidence, best_team] = rows::verdict_columns(new);
        let [customer, follows] = rows::thread_columns(new);
        tx.run(
            "UPDATE tickets SET confidence = $2, best_team = $3, customer = $4, follows = $5 \
             WHERE id = $1",
            vec![ticket.into(), confidence, best_team, customer, follows],
        )
        .await?;
    }
    if let Some(customer) = &amendment.customer {
        let customer = customer.as_str().into();
        tx.run("UPDATE tickets SET customer = $2 WHERE id = $1", vec![ticket.into(), customer])
            .await?;
    }
    let by = amendment.by.as_str().into();
    let made = now.as_millisecond().into();
    let line = [ticket.into(), revision.into(), target, addressee, reason, evidence, by, made];
    tx.each(ADD_DECISIONS, vec![line], "").await.map(|_| ())
}

/// Where a ticket's first copy lies.
async fn first_place(tx: &mut Transaction, ticket: TicketId) -> Result<Place, StoreError> {
    let found = tx
        .rows(
            "SELECT source, folder, epoch, name FROM places WHERE ticket = $1 AND copy = $2",
            vec![ticket.0.into(), FIRST_COPY.into()],
        )
        .await?;
    rows::place(found.first().ok_or_else(|| rows::unreadable("copy"))?, 0)
}

/// Asks for a ticket's mail to be read again. Asking twice is asking once.
pub(super) async fn ask_retry(
    tx: &mut Transaction,
    ticket: TicketId,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known = tx.rows("SELECT id FROM tickets WHERE id = $1", vec![ticket.0.into()]).await?;
    if known.is_empty() {
        return Err(StoreError::NoSuchTicket(ticket));
    }
    let asked = tx
        .run(
            "INSERT INTO retries (ticket, asked) VALUES ($1, $2) ON CONFLICT (ticket) DO NOTHING",
            vec![ticket.0.into(), now.as_millisecond().into()],
        )
        .await?;
    if asked == 0 {
        return Ok(());
    }
    let event = rows::event(ticket, now, &Happening::RetryAsked { by: by.to_owned() })?;
    tx.each(ADD_EVENTS, vec![event], "").await.map(|_| ())
}

/// The retries of a source. CROSS JOIN, which is the same to PostgreSQL, keeps SQLite from going
/// through all places to find those of the few tickets.
pub(super) const RETRIES: &str = "SELECT places.source, places.folder, places.epoch, places.name, \
     retries.ticket, tickets.key, tickets.size, tickets.message_id \
     FROM retries CROSS JOIN tickets CROSS JOIN places \
     WHERE tickets.id = retries.ticket AND places.ticket = retries.ticket \
         AND places.copy = $1 AND places.source = $2 \
     ORDER BY retries.asked, retries.ticket LIMIT $3";

/// The tickets of a source whose mail is to be read again.
pub(super) async fn retries(
    tx: &mut Transaction,
    source: &SourceId,
    limit: u32,
) -> Result<Vec<(TicketId, Wanted)>, StoreError> {
    let values = vec![FIRST_COPY.into(), source.0.as_str().into(), limit.into()];
    tx.rows(RETRIES, values).await?.iter().map(rows::wanted).collect()
}

/// Ends a retry; says whether there was one.
pub(super) async fn retry_done(tx: &mut Transaction, ticket: TicketId) -> Result<bool, StoreError> {
    let ended = tx.run("DELETE FROM retries WHERE ticket = $1", vec![ticket.0.into()]).await?;
    Ok(ended > 0)
}

/// Ends a retry that changed nothing.
pub(super) async fn retry_failed(
    tx: &mut Transaction,
    ticket: TicketId,
    why: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    if retry_done(tx, ticket).await? {
        let failed = Happening::RetryFailed { why: why.to_owned() };
        tx.each(ADD_EVENTS, vec![rows::event(ticket, now, &failed)?], "").await?;
    }
    Ok(())
}
