//! Tickets with all that is known of them: one, or a page of them.
//!
//! A page is a handful of statements, however many tickets it has.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use super::database::{Row, Transaction, Value};
use super::read::{TICKET, ticket_of, tickets};
use super::rows;
use crate::seams::{Event, Place, StoreError, Ticket, TicketDetail, TicketFilter, TicketId};

/// One ticket.
pub(super) async fn ticket(tx: &mut Transaction, id: TicketId) -> Result<TicketDetail, StoreError> {
    let found = tx
        .rows(AssertSqlSafe(format!("{TICKET} WHERE tickets.id = $1")), vec![id.0.into()])
        .await?;
    let ticket = ticket_of(found.first().ok_or(StoreError::NoSuchTicket(id))?)?;
    let mut whole = whole(tx, vec![ticket]).await?;
    whole.pop().ok_or(StoreError::NoSuchTicket(id))
}

/// A page of tickets.
pub(super) async fn details(
    tx: &mut Transaction,
    filter: &TicketFilter,
) -> Result<Vec<TicketDetail>, StoreError> {
    let found = tickets(tx, filter).await?;
    whole(tx, found).await
}

/// Adds what lists don't show.
async fn whole(
    tx: &mut Transaction,
    tickets: Vec<Ticket>,
) -> Result<Vec<TicketDetail>, StoreError> {
    let wanted: Vec<[Value; 1]> = tickets.iter().map(|ticket| [ticket.id.0.into()]).collect();
    let rest = tx
        .each(
            "WITH wanted (id) AS (",
            wanted.clone(),
            ") SELECT tickets.id, tickets.key, tickets.size, tickets.received, tickets.oddities, \
                 (SELECT texts.text FROM texts WHERE texts.ticket = tickets.id), \
                 (SELECT decisions.evidence FROM decisions \
                  WHERE decisions.ticket = tickets.id AND decisions.evidence IS NOT NULL \
                  ORDER BY decisions.revision DESC LIMIT 1) \
             FROM wanted JOIN tickets ON tickets.id = wanted.id",
        )
        .await?;
    let rest: BTreeMap<i64, Row> =
        rest.into_iter().map(|row| Ok((row.int(0)?, row))).collect::<Result<_, StoreError>>()?;
    let mut places = places(tx, wanted.clone()).await?;
    let mut events = events(tx, wanted).await?;
    tickets
        .into_iter()
        .map(|ticket| {
            let id = ticket.id;
            let row = rest.get(&id.0).ok_or(StoreError::NoSuchTicket(id))?;
            let text = row.maybe_text(5)?;
            Ok(TicketDetail {
                ticket,
                key: rows::key(&row.bytes(1)?)?.to_string(),
                size: row.int(2)?.unsigned_abs(),
                received: row.maybe_int(3)?.map(rows::time).transpose()?,
                text: text.map(|text| rows::from_json(&text, "text")).transpose()?,
                oddities: rows::from_json(&row.text(4)?, "oddities")?,
                evidence: rows::from_json(&row.text(6)?, "evidence")?,
                places: places.remove(&id).unwrap_or_default(),
                events: events.remove(&id).unwrap_or_default(),
            })
        })
        .collect()
}

async fn places(
    tx: &mut Transaction,
    wanted: Vec<[Value; 1]>,
) -> Result<BTreeMap<TicketId, Vec<Place>>, StoreError> {
    let rows = tx
        .each(
            "WITH wanted (id) AS (",
            wanted,
            ") SELECT places.source, places.folder, places.epoch, places.name, places.ticket \
             FROM wanted JOIN places ON places.ticket = wanted.id \
             ORDER BY places.ticket, places.copy",
        )
        .await?;
    let mut places: BTreeMap<TicketId, Vec<Place>> = BTreeMap::new();
    for row in &rows {
        places.entry(TicketId(row.int(4)?)).or_default().push(rows::place(row, 0)?);
    }
    Ok(places)
}

async fn events(
    tx: &mut Transaction,
    wanted: Vec<[Value; 1]>,
) -> Result<BTreeMap<TicketId, Vec<Event>>, StoreError> {
    let rows = tx
        .each(
            "WITH wanted (id) AS (",
            wanted,
            ") SELECT events.ticket, events.at, events.what \
             FROM wanted JOIN events ON events.ticket = wanted.id \
             ORDER BY events.ticket, events.id",
        )
        .await?;
    let mut events: BTreeMap<TicketId, Vec<Event>> = BTreeMap::new();
    for row in &rows {
        let at = rows::time(row.int(1)?)?;
        let what = rows::from_json(&row.text(2)?, "what")?;
        events.entry(TicketId(row.int(0)?)).or_default().push(Event { at, what });
    }
    Ok(events)
}
