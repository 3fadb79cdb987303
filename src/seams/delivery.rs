//! The way out: jobs of the outbox, and how they went.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Place, TicketId, Wanted};
use crate::mail::{EmailAddress, MailKey};

/// What is to be done with a mail on its server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Move it to a folder of the same mailbox.
    Move {
        /// The folder, as the configuration names it, with `/` between levels.
        folder: String,
    },
    /// Leave it where it is and set a keyword, where the server takes one.
    Mark {
        /// An IMAP keyword.
        keyword: String,
    },
}

/// A job of the outbox's, claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// The ticket that it delivers.
    pub ticket: TicketId,
    /// Where the mail lies.
    pub place: Place,
    /// Recognises the mail.
    pub key: MailKey,
    /// Size of the mail in bytes.
    pub size: u64,
    /// Its Message-ID, by which a server can find it whatever it thinks of sizes.
    pub message_id: Option<String>,
    /// What to do.
    pub action: Action,
    /// Whether it puts away a further copy of the mail.
    pub is_repeat: bool,
    /// Who gets the mail, if it is the contact ladder or the thread that says so.
    pub rung: Option<EmailAddress>,
    /// Which try this is, from 1. Above 1, an earlier one may have been done without our hearing
    /// of it, so the delivery looks before it acts.
    pub attempt: u32,
}

impl Job {
    /// Whether both have the same done to a mail in the same folder, so that one command can do both.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        self.place.folder == other.place.folder && self.action == other.action
    }
}

#[cfg(test)]
impl Job {
    /// A job for tests: it moves a mail from INBOX to this folder.
    pub(crate) fn sample(id: i64, folder: &str) -> Self {
        Self {
            id: JobId(id),
            ticket: TicketId(id),
            place: Place {
                source: super::SourceId("support".to_owned()),
                folder: "INBOX".to_owned(),
                epoch: 1,
                name: "1".to_owned(),
            },
            key: MailKey::from_bytes([0; 32]),
            size: 1,
            action: Action::Move { folder: folder.to_owned() },
            attempt: 1,
            message_id: None,
            is_repeat: false,
            rung: None,
        }
    }
}

/// The number of an outbox job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobId(pub i64);

/// How a job went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done, and known to be done.
    Done {
        /// Where the mail lies now; `None` if it didn't move.
        place: Option<Place>,
        /// What shows it.
        proof: Proof,
    },
    /// Not done, or not known to be: to be tried again.
    Retry {
        /// What happened.
        why: String,
        /// Not before this long from now.
        after: Duration,
    },
    /// Nothing was done, since the mailbox can't be reached, the folder isn't there, or the server has
    /// trouble that is about no mail: to be tried again for as long as it takes.
    Wait {
        /// What happened.
        why: String,
        /// Not before this long from now.
        after: Duration,
    },
    /// The mail is neither where it was nor where it was to go, so that nothing can be done.
    Gone {
        /// What was found.
        why: String,
    },
    /// Never to be done: a person must look.
    GiveUp {
        /// What happened.
        why: String,
    },
}

/// What shows that a delivery happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The server's COPYUID names the mail (RFC 4315).
    CopyUid,
    /// It was looked up in the target folder.
    FoundInTarget,
    /// The file was renamed there.
    Renamed,
    /// The server confirmed the keyword, or takes none, so that there was nothing to do.
    Marked,
}

/// The way from the outbox to the mailbox.
///
/// Jobs that are handed to one call belong to one source. A delivery may be asked for the same
/// job again after a crash or a lost answer; it must end with one copy of the mail, in the target.
#[async_trait]
pub trait Delivery: Send {
    /// Does the jobs and says of each how it went; never leaves one out. A broken connection is
    /// `Retry` for the jobs that it leaves in doubt.
    async fn deliver(&mut self, jobs: &[Job]) -> Vec<(JobId, Outcome)>;

    /// Of jobs that were tried before, those of which no try did anything: their mail lies where it
    /// lay, and nowhere else. What can't be found out is left out.
    async fn untouched(&mut self, jobs: &[Job]) -> BTreeSet<JobId>;

    /// Of each of these mails, whether it is in its folder; `None` if that can't be found out.
    async fn there(&mut self, wanted: &[Wanted]) -> Vec<Option<bool>>;
}
