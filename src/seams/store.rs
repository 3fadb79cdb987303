//! The ledger's keeper.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use thiserror::Error;

use super::{
    Amendment, Counts, Cursor, Entry, Fence, Happening, Job, JobId, Outcome, Questions, Recorded,
    SourceId, Ticket, TicketDetail, TicketFilter, TicketId, Wanted,
};
use crate::dictionary::Version;
use crate::mail::EmailAddress;
use crate::route::follow::Earlier;

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

    /// Whether entries could be recorded now: does all that recording does, and takes it back.
    async fn would_record(
        &self,
        fence: &Fence,
        entries: &[Entry],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Claims up to `limit` jobs of the fence's source that are due, oldest first, and counts the
    /// attempt. A job that was claimed under an earlier fence is due at once.
    async fn claim(
        &self,
        fence: &Fence,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Job>, StoreError>;

    /// Records how claimed jobs went. `GiveUp` also turns the ticket into an assist question with
    /// the reason `undeliverable`, `Gone` into one with the reason `mail_gone`, unless the job was
    /// about a further copy of its mail. An answer to a question that had that reason before stands
    /// when the mail is still gone: whoever gave it knew.
    async fn settle(
        &self,
        fence: &Fence,
        results: &[(JobId, Outcome)],
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Changes a ticket's decision instead of doing a job that was claimed and not begun: the job
    /// is dropped, and the rest is as in [`Store::amend`]. With the amendment comes
    /// what happened, for the events.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the job is no longer claimed under this fence, or the current
    /// decision is not `instead_of`.
    async fn reroute(
        &self,
        fence: &Fence,
        job: JobId,
        change: (&Happening, &Amendment),
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Where the first copies of these tickets' mails lie, as far as no job of theirs is open.
    async fn first_copies(
        &self,
        tickets: &[TicketId],
    ) -> Result<BTreeMap<TicketId, Wanted>, StoreError>;

    /// How many tickets of each mailbox wait for a person or for their delivery.
    async fn unsettled(&self) -> Result<BTreeMap<SourceId, u64>, StoreError>;

    /// Makes a further copy the first one, since that is gone, instead of doing the job that was
    /// claimed to put it away. With an amendment, the decision changes as in [`Store::amend`]. Jobs
    /// that the first copy has in a mailbox to which nobody attends are dropped.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the job is no longer claimed, a job of the first copy is open,
    /// or as in [`Store::amend`].
    async fn came_back(
        &self,
        fence: &Fence,
        job: &Job,
        amendment: Option<&Amendment>,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Changes a ticket's decision. A job that waits is dropped, the amendment's action takes its
    /// place and applies to the first copy, wherever it lies by now. What a person decides ends a
    /// retry that was asked for before.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the current decision is not `instead_of`, or a job of the
    /// ticket is under way or was tried before, so that it may have happened.
    async fn amend(&self, amendment: &Amendment, now: Timestamp) -> Result<(), StoreError>;

    /// Asks for a ticket's mail to be read again by whoever watches its source.
    async fn ask_retry(&self, ticket: TicketId, by: &str, now: Timestamp)
    -> Result<(), StoreError>;

    /// The tickets of a source whose mail is to be read again, oldest first, with its first copy.
    async fn retries(
        &self,
        source: &SourceId,
        limit: u32,
    ) -> Result<Vec<(TicketId, Wanted)>, StoreError>;

    /// Ends a retry.
    async fn retry_done(&self, ticket: TicketId) -> Result<(), StoreError>;

    /// Ends a retry that changed nothing, with an event that says why. One that has ended already
    /// stays as it ended.
    async fn retry_failed(
        &self,
        ticket: TicketId,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Lists tickets.
    async fn tickets(&self, filter: &TicketFilter) -> Result<Vec<Ticket>, StoreError>;

    /// One ticket with all that is known of it.
    async fn ticket(&self, id: TicketId) -> Result<TicketDetail, StoreError>;

    /// As [`Store::tickets`], each with all that is known of it. What many commands read page by
    /// page: a page costs a handful of statements.
    async fn details(&self, filter: &TicketFilter) -> Result<Vec<TicketDetail>, StoreError>;

    /// What is known of the mails with these Message-IDs, oldest first. Ids that no mail has are
    /// left out; one that several have comes as often. Mails that wait to be recorded are unknown.
    async fn threads(&self, message_ids: &[String]) -> Result<Vec<Earlier>, StoreError>;

    /// The key with which Postroom marks its own mail; the same for the ledger's whole life.
    async fn mark_key(&self) -> Result<[u8; 32], StoreError>;

    /// Whether it answers. Costs the same however much it holds.
    async fn ping(&self) -> Result<(), StoreError>;

    /// The questions that wait. Costs little however many tickets there are.
    async fn questions(&self) -> Result<Questions, StoreError>;

    /// Numbers for the metrics.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// How many tickets that were recorded since `since` are each person's.
    async fn open_tickets(
        &self,
        since: Timestamp,
    ) -> Result<BTreeMap<EmailAddress, u32>, StoreError>;

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

    /// Blanks the text of tickets about which nothing was decided since `before` and that don't
    /// wait in assist; says how many. It is then in no file of an embedded store, as soon as nobody
    /// reads who began before.
    async fn forget_texts(&self, before: Timestamp) -> Result<u64, StoreError>;
}
