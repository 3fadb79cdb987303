//! The ledger: one store, two databases. SQLite is embedded and the default; PostgreSQL is shared
//! by several replicas.
//!
//! Each call of [`Store`] is one transaction: it begins here, its statements stand in the modules
//! beside, and it is committed here. Row layouts don't leave this folder.

mod change;
mod copies;
mod database;
mod details;
mod failure;
mod lease;
mod migrations;
mod outbox;
#[cfg(test)]
mod plans;
mod postgres;
mod read;
mod record;
mod rows;
mod sqlite;
mod threads;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use crate::config::StoreSettings;
use crate::dictionary::Version;
use crate::killpoint;
use crate::mail::EmailAddress;
use crate::rim::Report;
use crate::route::follow::Earlier;
use crate::seams::{
    Amendment, Counts, Cursor, Entry, Fence, Happening, Job, JobId, Outcome, Questions, Recorded,
    SourceId, Store, StoreError, Ticket, TicketDetail, TicketFilter, TicketId, Wanted,
};
use database::Database;
pub(in crate::rim) use failure::failure;
use sqlite::ServeLock;

/// Opens the ledger and brings its tables up to date.
///
/// # Errors
/// [`StoreError::Transient`] when the database is away, [`StoreError::Broken`] when it is not
/// usable as it is.
pub async fn open(settings: &StoreSettings) -> Result<Arc<dyn Store>, StoreError> {
    let ledger = match settings {
        StoreSettings::Sqlite(path) => {
            Ledger { database: sqlite::open(path).await?, serve_lock: Some(ServeLock::new(path)) }
        }
        StoreSettings::Postgres(url) => {
            Ledger { database: postgres::open(url.expose_secret()).await?, serve_lock: None }
        }
    };
    Ok(Arc::new(ledger))
}

/// Opens the ledger if there is one. Where there is none, nothing is made of what is there: it may be
/// another program's.
///
/// # Errors
/// As [`open`].
pub async fn open_existing(settings: &StoreSettings) -> Result<Option<Arc<dyn Store>>, StoreError> {
    let is_there = match settings {
        StoreSettings::Sqlite(path) => sqlite::has_tables(path).await?,
        StoreSettings::Postgres(url) => postgres::has_tables(url.expose_secret()).await?,
    };
    if is_there { open(settings).await.map(Some) } else { Ok(None) }
}

/// Tries whether the ledger can be opened, and changes nothing: neither is a file made nor are
/// tables.
pub async fn check(settings: &StoreSettings) -> Report {
    let found = match settings {
        StoreSettings::Sqlite(path) => sqlite::check(path).await,
        StoreSettings::Postgres(url) => postgres::check(url.expose_secret()).await,
    };
    match found {
        Ok(fact) => Report { facts: vec![fact], problems: Vec::new() },
        Err(failure) => Report { facts: Vec::new(), problems: vec![failure.to_string()] },
    }
}

/// An open ledger.
struct Ledger {
    database: Database,
    /// An embedded database is served by the process that holds this.
    serve_lock: Option<ServeLock>,
}

#[async_trait]
impl Store for Ledger {
    async fn lease(
        &self,
        source: &SourceId,
        holder: &str,
        now: Timestamp,
        ttl: Duration,
    ) -> Result<Option<Fence>, StoreError> {
        if let Some(lock) = &self.serve_lock {
            lock.take()?;
        }
        let embedded = self.serve_lock.is_some();
        let mut tx = self.database.write().await?;
        let fence = lease::lease(&mut tx, (source, holder), (now, ttl), embedded).await?;
        tx.commit().await?;
        Ok(fence)
    }

    async fn release(&self, fence: &Fence) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        lease::release(&mut tx, fence).await?;
        tx.commit().await
    }

    async fn cursor(&self, source: &SourceId) -> Result<Cursor, StoreError> {
        lease::cursor(&mut self.database.read().await?, source).await
    }

    async fn record(
        &self,
        fence: &Fence,
        entries: &[Entry],
        upto: Option<Cursor>,
        now: Timestamp,
    ) -> Result<Vec<Recorded>, StoreError> {
        let prepared = record::prepare(entries)?;
        let mut tx = self.database.write().await?;
        lease::check(&mut tx, fence).await?;
        let recorded = record::record(&mut tx, prepared, now).await?;
        if let Some(upto) = upto {
            lease::move_cursor(&mut tx, &fence.source, &upto).await?;
        }
        killpoint::pass("before_commit");
        tx.commit().await?;
        killpoint::pass("committed");
        Ok(recorded)
    }

    async fn would_record(
        &self,
        fence: &Fence,
        entries: &[Entry],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let prepared = record::prepare(entries)?;
        let mut tx = self.database.write().await?;
        lease::check(&mut tx, fence).await?;
        // Never committed: what it did is taken back when it is dropped.
        record::record(&mut tx, prepared, now).await.map(|_| ())
    }

    async fn claim(
        &self,
        fence: &Fence,
        limit: u32,
        now: Timestamp,
    ) -> Result<Vec<Job>, StoreError> {
        let mut tx = self.database.write().await?;
        lease::check(&mut tx, fence).await?;
        let jobs = outbox::claim(&mut tx, fence, limit, now).await?;
        tx.commit().await?;
        killpoint::pass("claimed");
        Ok(jobs)
    }

    async fn settle(
        &self,
        fence: &Fence,
        results: &[(JobId, Outcome)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        lease::check(&mut tx, fence).await?;
        outbox::settle(&mut tx, fence, results, now).await?;
        killpoint::pass("before_settle");
        tx.commit().await?;
        killpoint::pass("settled");
        Ok(())
    }

    async fn reroute(
        &self,
        fence: &Fence,
        job: JobId,
        change: (&Happening, &Amendment),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        lease::check(&mut tx, fence).await?;
        change::reroute(&mut tx, (fence, job), change, now).await?;
        killpoint::pass("before_reroute");
        tx.commit().await
    }

    async fn first_copies(
        &self,
        tickets: &[TicketId],
    ) -> Result<BTreeMap<TicketId, Wanted>, StoreError> {
        copies::first_copies(&mut self.database.read().await?, tickets).await
    }

    async fn unsettled(&self) -> Result<BTreeMap<SourceId, u64>, StoreError> {
        copies::unsettled(&mut self.database.read().await?).await
    }

    async fn came_back(
        &self,
        fence: &Fence,
        job: &Job,
        amendment: Option<&Amendment>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        lease::check(&mut tx, fence).await?;
        copies::came_back(&mut tx, (fence, job), amendment, now).await?;
        tx.commit().await
    }

    async fn amend(&self, amendment: &Amendment, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        change::amend(&mut tx, amendment, now).await?;
        tx.commit().await
    }

    async fn ask_retry(
        &self,
        ticket: TicketId,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        change::ask_retry(&mut tx, ticket, by, now).await?;
        tx.commit().await
    }

    async fn retries(
        &self,
        source: &SourceId,
        limit: u32,
    ) -> Result<Vec<(TicketId, Wanted)>, StoreError> {
        change::retries(&mut self.database.read().await?, source, limit).await
    }

    async fn retry_done(&self, ticket: TicketId) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        // Whether or not there was one.
        let _ = change::retry_done(&mut tx, ticket).await?;
        tx.commit().await
    }

    async fn retry_failed(
        &self,
        ticket: TicketId,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        change::retry_failed(&mut tx, ticket, why, now).await?;
        tx.commit().await
    }

    async fn tickets(&self, filter: &TicketFilter) -> Result<Vec<Ticket>, StoreError> {
        read::tickets(&mut self.database.read().await?, filter).await
    }

    async fn ticket(&self, id: TicketId) -> Result<TicketDetail, StoreError> {
        details::ticket(&mut self.database.read().await?, id).await
    }

    async fn details(&self, filter: &TicketFilter) -> Result<Vec<TicketDetail>, StoreError> {
        details::details(&mut self.database.read().await?, filter).await
    }

    async fn threads(&self, message_ids: &[String]) -> Result<Vec<Earlier>, StoreError> {
        threads::threads(&mut self.database.read().await?, message_ids).await
    }

    async fn mark_key(&self) -> Result<[u8; 32], StoreError> {
        read::mark_key(&mut self.database.read().await?).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        read::ping(&mut self.database.read().await?).await
    }

    async fn questions(&self) -> Result<Questions, StoreError> {
        read::questions(&mut self.database.read().await?).await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        read::counts(&mut self.database.read().await?).await
    }

    async fn open_tickets(
        &self,
        since: Timestamp,
    ) -> Result<BTreeMap<EmailAddress, u32>, StoreError> {
        read::open_tickets(&mut self.database.read().await?, since).await
    }

    async fn keep_dictionaries(
        &self,
        version: &Version,
        files: &BTreeMap<String, String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.write().await?;
        read::keep_dictionaries(&mut tx, version, files, now).await?;
        tx.commit().await
    }

    async fn dictionaries(
        &self,
        version: &Version,
    ) -> Result<Option<BTreeMap<String, String>>, StoreError> {
        read::dictionaries(&mut self.database.read().await?, version).await
    }

    async fn forget_texts(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.database.write().await?;
        let forgotten = read::forget_texts(&mut tx, before).await?;
        tx.commit().await?;
        self.database.empty_log().await;
        Ok(forgotten)
    }
}
