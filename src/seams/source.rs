//! The way in: a watched mailbox, and what it hands out.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::mail::{MailKey, parse};

/// The name of a watched mailbox in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceId(pub String);

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where one copy of a mail lies.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The mailbox.
    pub source: SourceId,
    /// The folder in it, as the server spells it.
    pub folder: String,
    /// IMAP: the folder's UIDVALIDITY. Maildir: 0.
    pub epoch: u32,
    /// IMAP: the UID in decimal. Maildir: the unique part of the file name. Empty when the mail
    /// was moved there by a server that didn't say where it went; it is then found by its key.
    pub name: String,
}

impl Place {
    /// The key of a mail of which nothing is known but that it lies here.
    #[must_use]
    pub fn key(&self) -> MailKey {
        let Self { source, folder, epoch, name } = self;
        parse::key_of_place(&[&source.0, folder, &epoch.to_string(), name])
    }
}

/// How far a source has been read: every mail of the folder up to and including `uid` is recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// IMAP: the folder, as the server spells it; `None` before the first mail, or if it was not
    /// kept. Maildir: `None`.
    pub folder: Option<String>,
    /// IMAP: the UIDVALIDITY that `uid` belongs to; 0 before the first mail. Maildir: 0.
    pub epoch: u32,
    /// IMAP: the UID. Maildir: 0, since its files have no order to rely on.
    pub uid: u32,
}

/// A mail as it was fetched.
#[derive(Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it lies.
    pub place: Place,
    /// Its bytes: all of them, or the beginning of a mail that is larger than the fetch limit.
    pub raw: Vec<u8>,
    /// Its whole size in bytes.
    pub size: u64,
    /// When the server received it (IMAP INTERNALDATE), if known.
    pub received: Option<Timestamp>,
}

/// A known mail that is wanted once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where it lay when it was last heard of.
    pub place: Place,
    /// What it is recognised by elsewhere.
    pub key: MailKey,
    /// Its whole size in bytes.
    pub size: u64,
    /// Its Message-ID, by which a server can find it whatever it thinks of sizes.
    pub message_id: Option<String>,
}

impl Wanted {
    /// Whether these bytes, of a mail of this size, are it. A mail that the server withheld was
    /// recorded by its place alone.
    #[must_use]
    pub fn is(&self, raw: &[u8], size: u64) -> bool {
        self.key == parse::key_of(raw, size) || self.key == self.place.key()
    }
}

/// What became of a mail that is wanted once more.
#[derive(Clone, PartialEq, Eq)]
pub enum Again {
    /// It is there, maybe at another place.
    There(Fetched),
    /// It is no longer in its folder.
    Gone,
    /// It may be there, but can't be had; and why.
    Withheld(String),
}

/// Mails that were fetched together.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Window {
    /// The mails, oldest first. Empty when nothing new came while the source waited.
    pub mails: Vec<Fetched>,
    /// Where the cursor stands once all of them are recorded.
    pub upto: Cursor,
}

/// Why a source gave nothing.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Trying again later may help: the network, a server that restarts.
    #[error("{0}")]
    Transient(String),
    /// The server says when to come back.
    #[error("{why}")]
    Throttled {
        /// What the server said.
        why: String,
        /// How long it wants us to stay away.
        after: Duration,
    },
    /// The server refuses our credentials. Tried again, seldom, since they may be renewed.
    #[error("{0}")]
    Refused(String),
    /// Nothing but a changed configuration will help.
    #[error("{0}")]
    Misconfigured(String),
}

/// A watched mailbox.
///
/// A source never marks a mail as read, never moves or removes one, and never looks at flags.
/// Dropping it at any await loses nothing: what it has not handed out, it hands out again.
#[async_trait]
pub trait Source: Send {
    /// Its name.
    fn id(&self) -> &SourceId;

    /// The mails behind `after`, oldest first, as many as one window holds (bounded in number and
    /// bytes). Waits when there are none, up to the poll interval, then answers an empty window.
    ///
    /// When the mailbox was renumbered (another epoch than `after`'s) or another folder is watched, it
    /// starts again from the beginning. A mail may be handed out more than once over the life of a
    /// source; none is left out.
    ///
    /// # Errors
    /// After an error the source is still usable: the next call connects anew. Nothing that was
    /// fetched in part is handed out.
    async fn next(&mut self, after: Cursor) -> Result<Window, SourceError>;

    /// Whether it knows of mails behind those that it handed out last: then it pays to wait for
    /// them with what is cheaper done for many at once.
    fn knows_of_more(&self) -> bool {
        false
    }

    /// These mails, for another try; an answer for each, in order. One that isn't where it was is
    /// looked for in its folder, which may have been renumbered.
    ///
    /// # Errors
    /// As [`Source::next`].
    async fn fetch(&mut self, wanted: &[Wanted]) -> Result<Vec<Again>, SourceError>;
}
