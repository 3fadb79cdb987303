//! Threads: which tickets the mails belong to that another mail answers.

use super::database::{Row, Transaction};
use super::rows;
use crate::mail::EmailAddress;
use crate::mail::thread::MAX_ID;
use crate::route::follow::Earlier;
use crate::seams::StoreError;

/// Finds the mails with these Message-IDs, and for each the ticket that it follows: its own, or
/// while it is where it followed to, the one at the beginning of the thread.
pub(super) async fn threads(
    tx: &mut Transaction,
    message_ids: &[String],
) -> Result<Vec<Earlier>, StoreError> {
    let known = |id: &&String| id.len() <= MAX_ID;
    let ids = message_ids.iter().filter(known).map(|id| [id.as_str().into()]).collect();
    let mut found: Vec<Earlier> = tx
        .each(
            "SELECT thread.target, thread.addressee, thread.reason, tickets.id, thread.id, \
                 tickets.message_id, coalesce(tickets.received, tickets.recorded), tickets.sender, thread.sender, \
                 tickets.customer, thread.customer \
             FROM tickets JOIN tickets AS thread ON thread.id = \
                 CASE WHEN tickets.reason = 'follow_up' THEN coalesce(tickets.follows, tickets.id) \
                 ELSE tickets.id END \
             WHERE tickets.message_id IN (",
            ids,
            // The index has no other ids: PostgreSQL takes none that is longer than a third of a
            // page.
            ") AND octet_length(tickets.message_id) <= 998",
        )
        .await?
        .iter()
        .map(earlier)
        .collect::<Result<_, _>>()?;
    found.sort_by_key(|earlier| earlier.ticket);
    Ok(found)
}

fn earlier(row: &Row) -> Result<Earlier, StoreError> {
    let senders = [row.maybe_text(7)?, row.maybe_text(8)?].into_iter().flatten();
    let mut senders: Vec<EmailAddress> =
        senders.filter_map(|sender| EmailAddress::parse(&sender).ok()).collect();
    senders.dedup();
    let customers = [row.maybe_text(9)?, row.maybe_text(10)?];
    let mut customers: Vec<String> = customers.into_iter().flatten().collect();
    customers.dedup();
    Ok(Earlier {
        message_id: row.text(5)?,
        ticket: row.int(3)?,
        thread: row.int(4)?,
        now: rows::decision(row, 0)?.target,
        came: rows::time(row.int(6)?)?,
        senders,
        customers,
    })
}
