//! The seams: every trait at which the core meets the world, and what travels across it.
//!
//! The docs of each trait are its contract: who normalises, what may be repeated, what is durable
//! when, and what a failure promises. Times are UTC; a [`Timestamp`] is kept in milliseconds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::classify::Verdict;
use crate::dictionary::Version;
use crate::directory::Party;
use crate::mail::{EmailAddress, Kind, Mail, MailKey, Oddity, Text};
use crate::route::{Decision, Target};

// ---------------------------------------------------------------------------------- sources --

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

/// How far a source has been read: every mail up to and including `uid` is recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
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
    /// When the mailbox was renumbered (another epoch than `after`'s), it starts again from the
    /// beginning in the new epoch. A mail may be handed out more than once over the life of a
    /// source; none is left out.
    ///
    /// # Errors
    /// After an error the source is still usable: the next call connects anew. Nothing that was
    /// fetched in part is handed out.
    async fn next(&mut self, after: Cursor) -> Result<Window, SourceError>;

    /// The mails at these places, for another try. One that is no longer there is left out.
    ///
    /// # Errors
    /// As [`Source::next`].
    async fn fetch(&mut self, places: &[Place]) -> Result<Vec<Fetched>, SourceError>;
}

// --------------------------------------------------------------------------------- delivery --

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
    /// What to do.
    pub action: Action,
    /// Which try this is, from 1. Above 1, an earlier one may have been done without our hearing
    /// of it, so the delivery looks before it acts.
    pub attempt: u32,
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
}

// ------------------------------------------------------------------------------------ store --

/// The number of a ticket, from 1. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TicketId(pub i64);

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The right to read a source and to write what comes of it. The number grows each time that the
/// right passes to another holder, so that one who slept through its loss can't write any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The source.
    pub source: SourceId,
    /// Who holds it: a name that no other process, and no earlier run of this one, has.
    pub holder: String,
    /// The fencing number.
    pub number: i64,
}

/// Everything that a decision rests on. With the ticket's text and the dictionaries of its
/// version it replays to the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Who sent it.
    pub party: Party,
    /// What the dictionaries said, if they were asked.
    pub verdict: Option<Verdict>,
    /// How sure they had to be for the team that they ranked first.
    pub threshold: Option<f64>,
    /// What failed, if something did.
    pub failure: Option<String>,
}

/// A mail that was judged, ready to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where it lies.
    pub place: Place,
    /// The mail.
    pub mail: Mail,
    /// When its server received it, if known.
    pub received: Option<Timestamp>,
    /// Where it goes.
    pub decision: Decision,
    /// Why.
    pub evidence: Evidence,
    /// What delivery has to do; `None` if it stays where it is.
    pub action: Option<Action>,
    /// What delivery has to do with this copy if the mail is already known from another place.
    pub if_repeat: Option<Action>,
}

/// What recording an entry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// A new ticket.
    New(TicketId),
    /// A mail that has a ticket already: the same copy, seen again, perhaps under a new number.
    Known(TicketId),
    /// Another copy of a mail that has a ticket already.
    Repeat(TicketId),
}

/// How far the delivery of a ticket's current decision is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// There is nothing to deliver.
    Stays,
    /// In the outbox.
    Waiting,
    /// Claimed: under way, or cut off by a crash.
    UnderWay,
    /// Done.
    Delivered,
    /// Given up.
    Failed,
}

/// A ticket in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its number.
    pub id: TicketId,
    /// The mail's Message-ID.
    pub message_id: Option<String>,
    /// The mail's sender.
    pub sender: Option<EmailAddress>,
    /// The mail's subject.
    pub subject: String,
    /// The mail's kind.
    pub kind: Kind,
    /// The current decision.
    pub decision: Decision,
    /// How sure the dictionaries were, if they were asked.
    pub confidence: Option<f64>,
    /// The team that the dictionaries ranked first, if they were asked.
    pub best_team: Option<String>,
    /// How far delivery is.
    pub progress: Progress,
    /// When it was recorded.
    pub recorded: Timestamp,
}

/// A ticket with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketDetail {
    /// What lists show.
    pub ticket: Ticket,
    /// Recognises the mail, in hexadecimal.
    pub key: String,
    /// Size of the mail in bytes.
    pub size: u64,
    /// When the mail's server received it.
    pub received: Option<Timestamp>,
    /// The text that was classified; `None` once its retention time is over.
    pub text: Option<Text>,
    /// What was odd about it.
    pub oddities: BTreeSet<Oddity>,
    /// What the current decision rests on.
    pub evidence: Evidence,
    /// Every place where a copy lies or lay, the first one first.
    pub places: Vec<Place>,
    /// All that happened, oldest first.
    pub events: Vec<Event>,
}

/// Something that happened to a ticket. Events are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened to a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// It was decided for the first time.
    Decided {
        /// Where it goes and why.
        decision: Decision,
    },
    /// It was decided again: after a retry, an answer, or an answer taken back.
    DecidedAgain {
        /// Where it goes and why.
        decision: Decision,
        /// Who asked for it: a person's name, or `postroom`.
        by: String,
    },
    /// Another copy came.
    SeenAgain {
        /// Where it lies.
        place: Place,
    },
    /// The mailbox was renumbered, and this copy found again.
    Renumbered {
        /// Where it lies now.
        place: Place,
    },
    /// Delivered.
    Delivered {
        /// What was done.
        action: Action,
        /// What shows it.
        proof: Proof,
    },
    /// A delivery failed and will be tried again.
    DeliveryFailed {
        /// What happened.
        why: String,
        /// Which try it was, from 1.
        attempt: u32,
    },
    /// A delivery was given up.
    DeliveryGivenUp {
        /// What happened.
        why: String,
    },
    /// Somebody asked to read the mail again.
    RetryAsked {
        /// Who.
        by: String,
    },
}

/// Which tickets to list; newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketFilter {
    /// Only those whose current target has this name (see [`Target::name`]).
    pub target: Option<String>,
    /// Only those that go to this team or person.
    pub to: Option<String>,
    /// Only those with a lower number: for paging.
    pub before: Option<TicketId>,
    /// Oldest first instead of newest first.
    pub oldest_first: bool,
    /// At most this many.
    pub limit: u32,
}

/// A changed decision about a known ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Amendment {
    /// Which ticket.
    pub ticket: TicketId,
    /// The decision that the change was made in sight of; if it is no longer the current one, the
    /// change is refused.
    pub instead_of: Decision,
    /// The new decision.
    pub decision: Decision,
    /// Its evidence; `None` keeps the old one.
    pub evidence: Option<Evidence>,
    /// What delivery has to do.
    pub action: Option<Action>,
    /// Who changed it.
    pub by: String,
}

/// Numbers for the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tickets by the name of their current target and reason.
    pub tickets: BTreeMap<(String, String), u64>,
    /// Jobs that wait or are under way.
    pub jobs_waiting: u64,
    /// When the oldest of them was made.
    pub oldest_job: Option<Timestamp>,
}

/// Why the store did not do it. Nothing of the call was done.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Trying again later may help: the database is away, busy or full.
    #[error("the store can't be used just now: {0}")]
    Transient(String),
    /// Another process holds the right to this source now.
    #[error("another process has taken over `{0}`")]
    Fenced(SourceId),
    /// There is no such ticket.
    #[error("there is no ticket {0}")]
    NoSuchTicket(TicketId),
    /// The ticket changed meanwhile, or its delivery is under way.
    #[error("ticket {ticket}: {why}")]
    Conflict {
        /// Which ticket.
        ticket: TicketId,
        /// What stands in the way.
        why: String,
    },
    /// The store is not as this version of Postroom expects it.
    #[error("the store can't be used: {0}")]
    Broken(String),
}

/// The ledger: tickets, decisions, evidence, events and the outbox.
///
/// Each call is one transaction, durable when it returns `Ok` (also through a power cut), and
/// without any effect when it returns an error. Calls with a [`Fence`] fail with
/// [`StoreError::Fenced`] once another holder has a higher one.
#[async_trait]
pub trait Store: Send + Sync {
    /// Takes or renews the right to a source for `ttl`; `None` while another holder has it.
    /// Renewing keeps the number. An embedded store belongs to one serving process at a time and
    /// hands the right to the newest holder at once.
    async fn lease(
        &self,
        source: &SourceId,
        holder: &str,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Fence>, StoreError>;

    /// Gives the right back early. Not an error if it was lost already.
    async fn release(&self, fence: &Fence) -> Result<(), StoreError>;

    /// How far a source has been read.
    async fn cursor(&self, source: &SourceId) -> Result<Cursor, StoreError>;

    /// Records entries in order, with ticket, decision, evidence, event and outbox job, and moves
    /// the cursor to `upto` if it is given: all in one transaction. May be repeated: an entry
    /// whose place is known changes nothing.
    ///
    /// A known key at another place is a repeat: the place is added, and `if_repeat` becomes its
    /// job. Except where the mailbox was renumbered: then the oldest copy that is known in the
    /// same folder under another epoch, and has not left it, takes the new place, and its waiting
    /// job follows it. A job that was claimed before goes back to waiting, since its delivery
    /// can't have happened: the mail is still there.
    async fn record(
        &self,
        fence: &Fence,
        entries: &[Entry],
        upto: Option<Cursor>,
        now: Timestamp,
    ) -> Result<Vec<Recorded>, StoreError>;

    /// Claims up to `limit` jobs of the fence's source that are due, oldest first, and counts the
    /// attempt. A job that was claimed under an earlier fence is due at once.
    async fn claim(
        &self,
        fence: &Fence,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Job>, StoreError>;

    /// Records how claimed jobs went. `GiveUp` also turns the ticket into an assist question with
    /// the reason `undeliverable`.
    async fn settle(
        &self,
        fence: &Fence,
        results: &[(JobId, Outcome)],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Changes a ticket's decision. A job that waits is dropped, the amendment's action takes its
    /// place and applies to the first copy, wherever it lies by now.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the current decision is not `instead_of`, or a job of the
    /// ticket is under way.
    async fn amend(&self, amendment: &Amendment, now: Timestamp) -> Result<(), StoreError>;

    /// Asks for a ticket's mail to be read again by whoever watches its source.
    async fn ask_retry(&self, ticket: TicketId, by: &str, now: Timestamp)
    -> Result<(), StoreError>;

    /// The tickets of a source whose mail is to be read again, oldest first, with the place of
    /// the first copy.
    async fn retries(
        &self,
        source: &SourceId,
        limit: u32,
    ) -> Result<Vec<(TicketId, Place)>, StoreError>;

    /// Ends a retry, whether or not it changed the decision.
    async fn retry_done(&self, ticket: TicketId) -> Result<(), StoreError>;

    /// Lists tickets.
    async fn tickets(&self, filter: &TicketFilter) -> Result<Vec<Ticket>, StoreError>;

    /// One ticket with all that is known of it.
    async fn ticket(&self, id: TicketId) -> Result<TicketDetail, StoreError>;

    /// Numbers for the metrics.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// Keeps the files of a dictionary version, so that its decisions can be replayed. May be
    /// repeated.
    async fn keep_dictionaries(
        &self,
        version: &Version,
        files: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// The files of a dictionary version, if they were kept.
    async fn dictionaries(
        &self,
        version: &Version,
    ) -> Result<Option<BTreeMap<String, String>>, StoreError>;

    /// Blanks the text of tickets that were recorded before `before` and don't wait in assist;
    /// says how many.
    async fn forget_texts(&self, before: Timestamp) -> Result<u64, StoreError>;
}

// ------------------------------------------------------------------------------------ clock --

/// What time it is. Tests set it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

impl Ticket {
    /// Whether it waits for a person.
    #[must_use]
    pub fn is_question(&self) -> bool {
        self.decision.target == Target::Assist
    }
}
