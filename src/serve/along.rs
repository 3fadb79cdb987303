//! A thread goes along when its first mail is moved: what followed that is brought to where it is now.
//!
//! It knows the store and folders; who moved the first mail, and why, is for others.

use jiff::Timestamp;

use crate::assist;
use crate::config::Mailbox;
use crate::route::Target;
use crate::seams::{Amendment, Evidence, Store, StoreError, TicketDetail, TicketFilter, TicketId};

/// So many are looked at at a time.
const PAGE: u32 = 200;

/// A thread, and where its first mail was and is.
#[derive(Debug, Clone, Copy)]
pub struct Moved<'a> {
    /// The ticket at its beginning.
    pub thread: TicketId,
    /// Where it is.
    pub to: &'a Target,
    /// Who moved it.
    pub by: &'a str,
}

/// Brings along what followed, wherever it was left. With each ticket comes why it stays, if it does:
/// its delivery is under way, or its mailbox is not among `mailboxes`. One that stays holds up no
/// other, and asking again finishes the work.
///
/// # Errors
/// [`StoreError`] when the store can't tell what followed.
pub async fn bring_along(
    store: &dyn Store,
    mailboxes: &[Mailbox],
    moved: Moved<'_>,
    now: Timestamp,
) -> Result<Vec<(TicketId, Option<String>)>, StoreError> {
    let mut along = Vec::new();
    // Nobody sees what is filed or set aside; what followed stays where somebody does.
    if matches!(moved.to, Target::Filed | Target::SetAside) {
        return Ok(along);
    }
    let mut before = None;
    loop {
        let there = TicketFilter {
            follows: Some(moved.thread),
            limit: PAGE,
            before,
            ..TicketFilter::default()
        };
        // Newest first, each page below the one before it.
        let page = store.details(&there).await?;
        let Some(last) = page.last() else { return Ok(along) };
        before = Some(last.ticket.id);
        for detail in &page {
            match follow(store, mailboxes, detail, moved, now).await {
                None => {}
                Some(Ok(())) => along.push((detail.ticket.id, None)),
                Some(Err(why)) => along.push((detail.ticket.id, Some(why))),
            }
        }
    }
}

/// Moves one ticket, if it is elsewhere because it followed.
async fn follow(
    store: &dyn Store,
    mailboxes: &[Mailbox],
    detail: &TicketDetail,
    moved: Moved<'_>,
    now: Timestamp,
) -> Option<Result<(), String>> {
    let TicketDetail { ticket, evidence, places, .. } = detail;
    let (decision, signs) = assist::follows(&ticket.decision, &evidence.signs, moved.to)?;
    let source = places.first().map(|place| &place.source);
    let Some(mailbox) = mailboxes.iter().find(|mailbox| Some(&mailbox.id) == source) else {
        return Some(Err("its mail lies in another mailbox".to_owned()));
    };
    let amendment = Amendment {
        ticket: ticket.id,
        instead_of: ticket.decision.clone(),
        customer: None,
        action: mailbox.folders.action(&decision),
        decision,
        evidence: Some(Evidence { signs, ..evidence.clone() }),
        by: moved.by.to_owned(),
    };
    Some(store.amend(&amendment, now).await.map_err(|failure| match failure {
        StoreError::Conflict { why, .. } => why,
        StoreError::Transient(_)
        | StoreError::Fenced(_)
        | StoreError::NoSuchTicket(_)
        | StoreError::Broken(_) => failure.to_string(),
    }))
}
