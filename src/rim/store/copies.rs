//! The copies of a mail: which is the first one, and what becomes of another when that is gone.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::change::{FIRST_COPY, amend, drop_claimed};
use super::database::{Lock, Transaction};
use super::rows;
use crate::seams::{Amendment, Fence, Job, SourceId, StoreError, TicketId, Wanted};

/// Where first copies lie, as far as nothing is about to be done with them.
pub(super) async fn first_copies(
    tx: &mut Transaction,
    tickets: &[TicketId],
) -> Result<BTreeMap<TicketId, Wanted>, StoreError> {
    let rows = tx
        .each(
            "WITH v (ticket) AS (",
            tickets.iter().map(|ticket| [ticket.0.into()]).collect(),
            ") SELECT places.source, places.folder, places.epoch, places.name, tickets.id, \
                 tickets.key, tickets.size, tickets.message_id, places.copy \
             FROM v JOIN tickets ON tickets.id = v.ticket \
             JOIN places ON places.ticket = v.ticket \
             WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.ticket = v.ticket \
                 AND jobs.copy = places.copy AND jobs.state IN ('waiting', 'claimed'))",
        )
        .await?;
    let mut found = BTreeMap::new();
    for row in &rows {
        if row.int(8)? == FIRST_COPY {
            let (ticket, wanted) = rows::wanted(row)?;
            found.insert(ticket, wanted);
        }
    }
    Ok(found)
}

/// How many tickets of each mailbox wait for a person or for their delivery.
pub(super) async fn unsettled(tx: &mut Transaction) -> Result<BTreeMap<SourceId, u64>, StoreError> {
    let rows = tx
        .rows(
            "SELECT source, count(*) FROM ( \
                 SELECT places.source AS source, tickets.id AS ticket FROM tickets \
                 JOIN places ON places.ticket = tickets.id AND places.copy = $1 \
                 WHERE tickets.waits_since IS NOT NULL \
                 UNION SELECT source, ticket FROM jobs WHERE state IN ('waiting', 'claimed') \
             ) AS unsettled GROUP BY source",
            vec![FIRST_COPY.into()],
        )
        .await?;
    rows.iter().map(|row| Ok((SourceId(row.text(0)?), row.int(1)?.unsigned_abs()))).collect()
}

/// Makes the copy that a claimed job was to put away the first one.
pub(super) async fn came_back(
    tx: &mut Transaction,
    (fence, job): (&Fence, &Job),
    amendment: Option<&Amendment>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ticket = job.ticket;
    drop_claimed(tx, (fence, job.id), ticket).await?;
    tx.run(
        "UPDATE jobs SET state = 'dropped', fence = NULL, claimed = NULL \
         WHERE ticket = $1 AND copy = $2 AND state IN ('waiting', 'claimed') AND source <> $3 \
         AND NOT EXISTS (SELECT 1 FROM leases \
             WHERE leases.source = jobs.source AND leases.until > $4)",
        vec![
            ticket.0.into(),
            FIRST_COPY.into(),
            fence.source.0.as_str().into(),
            now.as_millisecond().into(),
        ],
    )
    .await?;
    let open = tx
        .locked(
            "SELECT id FROM jobs WHERE ticket = $1 AND copy = $2 AND state IN ('waiting', 'claimed')",
            vec![ticket.0.into(), FIRST_COPY.into()],
            Lock::Update,
        )
        .await?;
    if !open.is_empty() {
        let why = "its first copy is about to be delivered".to_owned();
        return Err(StoreError::Conflict { ticket, why });
    }
    let [source, folder, epoch, name] = rows::place_columns(&job.place);
    // A name is known once: the further copy gives it up first.
    tx.run(
        "UPDATE places SET name = '' WHERE ticket = $1 AND copy <> $2 \
         AND source = $3 AND folder = $4 AND epoch = $5 AND name = $6",
        vec![
            ticket.0.into(),
            FIRST_COPY.into(),
            source.clone(),
            folder.clone(),
            epoch.clone(),
            name.clone(),
        ],
    )
    .await?;
    tx.run(
        "UPDATE places SET source = $3, folder = $4, epoch = $5, name = $6 \
         WHERE ticket = $1 AND copy = $2",
        vec![ticket.0.into(), FIRST_COPY.into(), source, folder, epoch, name],
    )
    .await?;
    match amendment {
        Some(amendment) => amend(tx, amendment, now).await,
        None => Ok(()),
    }
}
