//! The ledger read from end to end: the answers that people gave, as labelled mail, and all mail
//! as a what-if replays it.
//!
//! It goes by pages, so that a ledger of any size costs the memory of what is taken from it. What
//! a ticket says is for others.

use jiff::{SignedDuration, Timestamp};

use crate::learn::Labelled;
use crate::learn::what_if::Past;
use crate::pipeline::kept_case;
use crate::route::{Reason, Target};
use crate::seams::{Store, StoreError, TicketDetail, TicketFilter};

/// Tickets of one look into the ledger.
const PAGE: u32 = 500;

/// Answers that people gave, as mail with the team that they named.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers {
    /// The mails, oldest first, under the numbers of their tickets.
    pub mails: Vec<Labelled>,
    /// How many of them a person was asked about because the rules could not tell. They are the
    /// hard ones, and no sample of all mail.
    pub asked: u64,
    /// Answers to mail whose text is no longer kept. They are not among the mails.
    pub forgotten: u64,
}

/// Every ticket that a filter lets through, newest first, page by page. What is recorded meanwhile
/// is left out.
pub struct Pages<'a> {
    store: &'a dyn Store,
    filter: TicketFilter,
}

impl<'a> Pages<'a> {
    /// Begins at the newest ticket; the filter's order and limit don't count.
    pub fn of(store: &'a dyn Store, filter: TicketFilter) -> Self {
        Self { store, filter: TicketFilter { oldest_first: false, limit: PAGE, ..filter } }
    }

    /// The next page; empty after the last one.
    ///
    /// # Errors
    /// What the store says.
    pub async fn next(&mut self) -> Result<Vec<TicketDetail>, StoreError> {
        let page = self.store.details(&self.filter).await?;
        if let Some(last) = page.last() {
            self.filter.before = Some(last.ticket.id);
        }
        Ok(page)
    }
}

/// The answers that are in force. `progress` is told how many more were read.
///
/// # Errors
/// What the store says.
pub async fn answers(
    store: &dyn Store,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Answers, StoreError> {
    let mut answers = Answers::default();
    let filter = TicketFilter { reason: Some(Reason::Answered), ..TicketFilter::default() };
    let mut pages = Pages::of(store, filter);
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            break;
        }
        progress(page.len() as u64);
        for kept in page {
            answers.add(kept);
        }
    }
    answers.mails.reverse();
    Ok(answers)
}

/// Mail of the past.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Kept {
    /// The mails, oldest first, under the numbers of their tickets; labelled where a person
    /// answered.
    pub mails: Vec<Past>,
    /// How many are left out: their text is no longer kept, or they made a stage fail.
    pub gone: u64,
    /// When the first and the last of the mails came.
    pub span: Option<(Timestamp, Timestamp)>,
}

/// All mail that the ledger keeps, or that of the `last` so long before its newest mail.
/// `progress` is told how many more were read.
///
/// # Errors
/// What the store says.
pub async fn past(
    store: &dyn Store,
    last: Option<SignedDuration>,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Kept, StoreError> {
    let mut found = Kept::default();
    let mut pages = Pages::of(store, TicketFilter::default());
    let mut since = None;
    loop {
        let page = pages.next().await?;
        progress(page.len() as u64);
        let newest = page.iter().map(came).max();
        if let (None, Some(newest), Some(last)) = (since, newest, last) {
            since = Some(newest.checked_sub(last).unwrap_or(Timestamp::MIN));
        }
        // Tickets are numbered about in the order in which their mails came.
        if newest.is_none() || newest < since {
            break;
        }
        for kept in page {
            if since.is_none_or(|since| came(&kept) >= since) {
                found.add(&kept);
            }
        }
    }
    found.mails.reverse();
    Ok(found)
}

/// When a ticket's mail came.
fn came(kept: &TicketDetail) -> Timestamp {
    kept.received.unwrap_or(kept.ticket.recorded)
}

impl Kept {
    fn add(&mut self, kept: &TicketDetail) {
        let Some(case) = kept_case(kept) else {
            self.gone += 1;
            return;
        };
        let at = came(kept);
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        let label = match &kept.ticket.decision.target {
            Target::Team(team) if kept.ticket.decision.reason == Reason::Answered => Some(team),
            Target::Team(_)
            | Target::Person(_)
            | Target::Assist
            | Target::Filed
            | Target::SetAside => None,
        };
        let (id, label) = (kept.ticket.id.to_string(), label.cloned());
        self.mails.push(Past { id, case, label });
    }
}

impl Answers {
    fn add(&mut self, kept: TicketDetail) {
        let was_routed =
            kept.by_rules().is_some_and(|decision| matches!(decision.target, Target::Team(_)));
        let Target::Team(team) = kept.ticket.decision.target else { return };
        let Some(text) = kept.text else {
            self.forgotten += 1;
            return;
        };
        self.asked += u64::from(!was_routed);
        let (id, subject) = (kept.ticket.id.to_string(), kept.ticket.subject);
        self.mails.push(Labelled { id, subject, text, team });
    }
}
