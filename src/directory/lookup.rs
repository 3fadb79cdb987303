//! What a directory service says of a sender whom the tables don't list.
//!
//! It knows what an answer means; it never asks.

use thiserror::Error;

use super::customers::Found;
use super::{DomainClaim, Match, MatchedBy, Rules};
use crate::mail::EmailAddress;

/// What the directory service said of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A customer's.
    Known(Known),
    /// Nobody's.
    Unknown,
    /// Nothing: it is away, and no earlier answer is left.
    Silence,
}

/// A customer, as the directory service describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The customer's name.
    pub customer: String,
    /// The customer's tier, if it has one.
    pub tier: Option<String>,
    /// Who looks after them, if anybody does.
    pub account_manager: Option<EmailAddress>,
    /// The domain that made the service answer so; `None` if it was the whole address.
    pub domain: Option<DomainClaim>,
}

/// Why an answer counts for nothing. It shows no address: it is for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unfit {
    /// Its domain says nothing of the company.
    #[error("its `domain` is a freemail provider's")]
    Freemail,
    /// Its domain is about others.
    #[error("its `domain` doesn't hold the address that was asked about")]
    Elsewhere,
}

impl Known {
    /// Whether the answer says anything about the sender, and by which row it would.
    ///
    /// # Errors
    /// [`Unfit`] if it rests on a domain that says nothing.
    pub fn covers(&self, sender: &EmailAddress, rules: &Rules) -> Result<MatchedBy, Unfit> {
        let Some(claim) = &self.domain else { return Ok(MatchedBy::Address) };
        if rules.is_freemail(sender.domain()) || rules.is_freemail(claim.domain()) {
            return Err(Unfit::Freemail);
        }
        claim.covers(sender.domain()).ok_or(Unfit::Elsewhere)
    }

    /// The answer as a row that matched, if it says anything about the sender.
    pub(super) fn found<'a>(
        &'a self,
        sender: &EmailAddress,
        mailbox: &str,
        rules: &Rules,
    ) -> Option<Found<'a>> {
        let by = self.covers(sender, rules).ok()?;
        let entry = self.domain.as_ref().map_or_else(|| mailbox.to_owned(), DomainClaim::to_string);
        Some(Found {
            customer: &self.customer,
            tier: self.tier.as_deref(),
            manager: self.account_manager.as_ref(),
            matched: Match { by, entry, line: None },
        })
    }
}
