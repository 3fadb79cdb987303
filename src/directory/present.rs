//! What is true just now, beside the files: the time, who has how much to do, what stands in
//! calendars, what the directory service said.
//!
//! The core asks nobody: all of this is found out elsewhere and handed in with each mail. It knows
//! nothing of where it came from.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::calendar::Busy;
use super::lookup::Answer;
use crate::mail::EmailAddress;

/// The present moment, as a decision sees it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Present {
    /// What time it is.
    pub now: Timestamp,
    /// How many tickets of each person are open.
    pub open: Arc<BTreeMap<EmailAddress, u32>>,
    /// When each person is busy, by their calendar.
    pub calendars: Arc<BTreeMap<EmailAddress, Busy>>,
    /// What the directory service said of senders, by the mailbox that it was asked about.
    pub answers: Arc<BTreeMap<String, Answer>>,
}

impl Present {
    /// A moment of which nothing is known but the time.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { now, ..Self::default() }
    }
}
