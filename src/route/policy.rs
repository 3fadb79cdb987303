//! What the owner of the pipeline decided once for all mail.
//!
//! It knows thresholds, kinds and addresses; what follows for a mail is for the decision to say.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::dictionary::{Dictionaries, TeamId};
use crate::mail::EmailAddress;

/// What the owner of the pipeline decided once for all mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// How sure the dictionaries must be, for a team that [`Policy::thresholds`] doesn't name.
    pub threshold: f64,
    /// How sure they must be, by team.
    pub thresholds: BTreeMap<TeamId, f64>,
    /// What happens to mail that nobody wrote to be answered.
    pub treatments: Treatments,
    /// Our own addresses, with the team that each belongs to, if to one.
    pub aliases: BTreeMap<EmailAddress, Option<TeamId>>,
    /// How long a thread may rest before a mail in it is a new one; `None` for ever.
    pub thread_rests: Option<Duration>,
    /// How many mails of one sender's are taken within [`Policy::sender_window`].
    pub sender_cap: u32,
    /// See [`Policy::sender_cap`].
    pub sender_window: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            threshold: 0.9,
            thresholds: BTreeMap::new(),
            treatments: Treatments::default(),
            aliases: BTreeMap::new(),
            thread_rests: Some(Duration::from_hours(180 * 24)),
            sender_cap: 300,
            sender_window: Duration::from_hours(1),
        }
    }
}

impl Policy {
    /// How sure the dictionaries must be to send a mail to `team`: what the configuration says of
    /// the team, else what was calibrated for it, else what the configuration says of all.
    #[must_use]
    pub fn threshold_for(&self, dictionaries: &Dictionaries, team: &TeamId) -> f64 {
        let configured = self.thresholds.get(team).copied();
        configured.or_else(|| dictionaries.threshold(team)).unwrap_or(self.threshold)
    }
}

/// What happens to mail of certain kinds. Lists, calendar items and spam are a customer's mail
/// first if a customer sent them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Treatments {
    /// Mailing lists and newsletters.
    pub lists: Treatment,
    /// Automatic answers.
    pub auto_replies: Treatment,
    /// Bounces. One of a mail of our own is always shown to a person.
    pub bounces: Treatment,
    /// Read receipts.
    pub receipts: Treatment,
    /// Calendar invitations and answers to them.
    pub calendar: Treatment,
    /// What the receiving server calls spam.
    pub spam: Treatment,
}

impl Default for Treatments {
    fn default() -> Self {
        Self {
            lists: Treatment::File,
            auto_replies: Treatment::File,
            bounces: Treatment::File,
            receipts: Treatment::File,
            calendar: Treatment::Classify,
            spam: Treatment::File,
        }
    }
}

/// What happens to mail of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// It is filed.
    File,
    /// A person is asked.
    Ask,
    /// It is treated like any other mail.
    Classify,
}
