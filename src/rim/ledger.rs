//! The ledger read from end to end: every ticket, and the answers that people gave, as labelled
//! mail.
//!
//! It goes by pages, so that a ledger of any size costs the memory of what is taken from it. What
//! a ticket says is for others.

use crate::learn::Labelled;
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
