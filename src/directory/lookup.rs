//! What a directory service says of a sender whom the tables don't list.
//!
//! It knows what an answer means; it never asks.

use super::customers::{Found, is_freemail};
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

impl Known {
    /// The answer as a row that matched. `None` if it rests on a domain that says nothing: a
    /// freemail provider's, or one that the sender's isn't part of.
    pub(super) fn found<'a>(
        &'a self,
        sender: &EmailAddress,
        mailbox: &str,
        rules: &Rules,
    ) -> Option<Found<'a>> {
        let (by, entry) = match &self.domain {
            None => (MatchedBy::Address, mailbox.to_owned()),
            Some(claim)
                if is_freemail(sender.domain(), rules) || is_freemail(claim.domain(), rules) =>
            {
                return None;
            }
            Some(claim) => (claim.covers(sender.domain())?, claim.to_string()),
        };
        Some(Found {
            customer: &self.customer,
            tier: self.tier.as_deref(),
            manager: self.account_manager.as_ref(),
            matched: Match { by, entry, line: None },
        })
    }
}
