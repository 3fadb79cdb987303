//! Who a sender is to the company, and who of us should hear from them.
//!
//! It knows addresses, customers, people and days; it knows nothing of mails or teams' words.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::dictionary::TeamId;
use crate::mail::EmailAddress;

/// What the directory says of a sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "party", rename_all = "snake_case")]
pub enum Party {
    /// A registered customer.
    Registered {
        /// The customer's name.
        customer: String,
        /// The customer's tier, if it has one.
        tier: Option<String>,
        /// Which row matched, and how.
        matched: Match,
        /// Who was tried, from the account manager up to the team, and why each was skipped.
        ladder: Receipt,
    },
    /// One of our own people.
    Colleague {
        /// What makes them one: an address among our people, or one of our domains.
        by: MatchedBy,
    },
    /// Nobody that we know.
    Unregistered {
        /// Why nothing matched.
        why: NoMatch,
    },
}

/// The row of the directory that a sender matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// An address row or a domain row.
    pub by: MatchedBy,
    /// The address or domain as the row has it, in normal form.
    pub entry: String,
    /// The line of the row in its file, from 1.
    pub line: u32,
}

/// What kind of row matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// The whole address.
    Address,
    /// The domain.
    Domain,
    /// A domain above it: the row says that it stands for its sub-domains too.
    ParentDomain,
}

/// Why a sender is nobody that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoMatch {
    /// The mail names no sender.
    NoSender,
    /// No row has the address or its domain.
    NotListed,
    /// The domain is a freemail provider's, which never matches as a domain.
    Freemail,
}

/// The walk up the contact ladder: every rung that was tried, in order. The last step took it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The rungs that were tried.
    pub steps: Vec<Step>,
    /// Whether every person was skipped, so that the team at the end took it.
    pub nobody_free: bool,
}

impl Receipt {
    /// Who took it; `None` only for a ladder without rungs, which the directory never makes.
    #[must_use]
    pub fn taken_by(&self) -> Option<&Rung> {
        self.steps.iter().rev().find(|step| step.skipped.is_none()).map(|step| &step.rung)
    }
}

/// One rung that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Who stands on it.
    pub rung: Rung,
    /// Why it was skipped; `None` if it took the mail.
    pub skipped: Option<Skipped>,
}

/// Who stands on a rung of a ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The person who looks after the customer.
    AccountManager(EmailAddress),
    /// The manager of the person one rung below.
    Manager(EmailAddress),
    /// The team at the end, which is never skipped.
    Team(TeamId),
}

/// Why a rung was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Skipped {
    /// Away on that day.
    Away {
        /// First day away.
        from: Date,
        /// Last day away.
        until: Date,
    },
    /// Already tried on this ladder: it leads back to itself.
    AlreadyTried,
    /// Not among our people (any more).
    Unknown,
}
