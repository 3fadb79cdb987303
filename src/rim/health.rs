//! How the service is: what it counts, and whether it does its work.
//!
//! It keeps numbers and the last word of each mailbox; it knows nothing of how they are served.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde::Serialize;

use crate::config::Config;
use crate::dictionary::Version;
use crate::seams::{Counts, JobId, Outcome, Recorded, SourceId};

/// A mailbox that was not read for this many poll intervals is not well.
const PATIENCE: u32 = 3;
/// … but never sooner than this, since IDLE is renewed within five minutes.
const AT_LEAST: Duration = Duration::from_mins(6);

/// How the service is. Shared by all tasks.
#[derive(Debug)]
pub struct Health {
    mailboxes: Mutex<BTreeMap<SourceId, Condition>>,
    refused: Mutex<Vec<String>>,
    /// The dictionaries in use; none before the start is done.
    version: Mutex<Option<Version>>,
    /// What the start waits for.
    held_up: Mutex<Option<String>>,
    /// The sources of the directory that don't answer.
    failing: Mutex<BTreeSet<&'static str>>,
    so_far: AtomicU64,
    numbers: Numbers,
}

/// How one mailbox is.
#[derive(Debug, Clone, Default)]
struct Condition {
    patience: Duration,
    last_read: Option<Timestamp>,
    /// Another replica attends to it.
    standing_by: bool,
    failure: Option<String>,
    /// The server doesn't accept our login: only a person can mend that.
    refused: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByMailbox {
    mailbox: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    mailbox: String,
    result: ResultLabel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
enum ResultLabel {
    #[allow(non_camel_case_types, reason = "the label's value")]
    new,
    #[allow(non_camel_case_types, reason = "the label's value")]
    known,
    #[allow(non_camel_case_types, reason = "the label's value")]
    repeat,
    #[allow(non_camel_case_types, reason = "the label's value")]
    done,
    #[allow(non_camel_case_types, reason = "the label's value")]
    retry,
    #[allow(non_camel_case_types, reason = "the label's value")]
    gave_up,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByDecision {
    decision: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BySource {
    source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByVersion {
    version: String,
}

#[derive(Debug, Default)]
struct Numbers {
    registry: Mutex<Registry>,
    recorded: Family<ByResult, Counter>,
    delivered: Family<ByResult, Counter>,
    failures: Family<ByMailbox, Counter>,
    last_read: Family<ByMailbox, Gauge<f64, AtomicU64>>,
    login_refused: Family<ByMailbox, Gauge>,
    rules_refused: Gauge,
    nobody_free: Family<ByMailbox, Counter>,
    directory_failing: Family<BySource, Gauge>,
    calendars_failing: Gauge,
    dictionaries: Family<ByVersion, Gauge>,
    store_answers: Gauge,
    tickets: Family<ByDecision, Gauge>,
    jobs: Gauge,
    oldest_job: Gauge<f64, AtomicU64>,
}

/// What `/readyz` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether every mailbox is read and the store answers.
    pub ready: bool,
    /// Why not; empty when it is ready.
    pub reasons: Vec<String>,
    /// The dictionaries in use; empty before the start is done.
    pub dictionaries: String,
    /// What is wrong with the files as they are now; empty when they are the ones in use.
    pub refused_edit: Vec<String>,
    /// Which of the directory's sources, `database` or `service`, don't answer just now. Mail is
    /// sorted all the same, by what is known.
    pub directory_failing: BTreeSet<&'static str>,
    /// Each mailbox.
    pub mailboxes: BTreeMap<String, MailboxReadiness>,
    /// What is wrong with the store, if anything.
    pub store: Option<String>,
}

/// How a mailbox is, for `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailboxReadiness {
    /// Whether it was read lately and lets us in, or another replica attends to it.
    pub ready: bool,
    /// When it was last read.
    pub last_read: Option<Timestamp>,
    /// Whether another replica attends to it.
    pub standing_by: bool,
    /// What went wrong last, until it is read again.
    pub failure: Option<String>,
}

impl Health {
    /// The health of a service that is about to start.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mailboxes = config.mailboxes.iter().map(|mailbox| {
            let patience = AT_LEAST.max(mailbox.poll_every * PATIENCE);
            (mailbox.id.clone(), Condition { patience, ..Condition::default() })
        });
        let numbers = Numbers::registered();
        for mailbox in &config.mailboxes {
            // From 0 on, so that the first failure is seen as a rise.
            let label = ByMailbox { mailbox: mailbox.id.0.clone() };
            let _ = numbers.failures.get_or_create(&label);
            let _ = numbers.nobody_free.get_or_create(&label);
        }
        Self {
            mailboxes: Mutex::new(mailboxes.collect()),
            refused: Mutex::default(),
            version: Mutex::default(),
            held_up: Mutex::default(),
            failing: Mutex::default(),
            so_far: AtomicU64::new(0),
            numbers,
        }
    }

    /// A mailbox was read.
    pub fn polled(&self, mailbox: &SourceId, now: Timestamp) {
        let label = ByMailbox { mailbox: mailbox.0.clone() };
        self.numbers.last_read.get_or_create(&label).set(seconds(now));
        self.numbers.login_refused.get_or_create(&label).set(0);
        self.with(mailbox, |condition| {
            condition.last_read = Some(now);
            condition.standing_by = false;
            condition.failure = None;
            condition.refused = false;
        });
    }

    /// The server of a mailbox doesn't accept our login: a failure that doesn't pass by itself.
    pub fn refused(&self, mailbox: &SourceId, why: &str) {
        self.failed(mailbox, why);
        let label = ByMailbox { mailbox: mailbox.0.clone() };
        self.numbers.login_refused.get_or_create(&label).set(1);
        self.with(mailbox, |condition| condition.refused = true);
    }

    /// A mailbox, or the store on its behalf, failed.
    pub fn failed(&self, mailbox: &SourceId, why: &str) {
        let label = ByMailbox { mailbox: mailbox.0.clone() };
        self.numbers.failures.get_or_create(&label).inc();
        self.with(mailbox, |condition| {
            condition.standing_by = false;
            condition.failure = Some(why.to_owned());
        });
    }

    /// Another replica attends to a mailbox.
    pub fn standing_by(&self, mailbox: &SourceId) {
        self.with(mailbox, |condition| condition.standing_by = true);
    }

    /// Mails were recorded.
    pub fn recorded(&self, mailbox: &SourceId, recorded: &[Recorded]) {
        self.so_far.fetch_add(recorded.len() as u64, Ordering::Relaxed);
        for recorded in recorded {
            let result = match recorded {
                Recorded::New(_) => ResultLabel::new,
                Recorded::Known(_) => ResultLabel::known,
                Recorded::Repeat(_) => ResultLabel::repeat,
            };
            let label = ByResult { mailbox: mailbox.0.clone(), result };
            self.numbers.recorded.get_or_create(&label).inc();
        }
    }

    /// A customer's mail went to the team at the end of the ladder, since nobody on it is free.
    pub fn nobody_free(&self, mailbox: &SourceId) {
        let label = ByMailbox { mailbox: mailbox.0.clone() };
        self.numbers.nobody_free.get_or_create(&label).inc();
    }

    /// Whether the directory's `database` or `service` does not answer.
    pub fn directory_failing(&self, source: &'static str, failing: bool) {
        self.numbers.directory_failing.get_or_create(&BySource { source }).set(failing.into());
        let mut sources = lock(&self.failing);
        if failing {
            sources.insert(source)
        } else {
            sources.remove(source)
        };
    }

    /// The start waits, and why; it goes on when rules are loaded.
    pub fn held_up(&self, why: String) {
        *lock(&self.held_up) = Some(why);
    }

    /// So many people's calendars can't be read.
    pub fn calendars_failing(&self, count: usize) {
        self.numbers.calendars_failing.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// How many mails were recorded since the start.
    #[must_use]
    pub fn recorded_so_far(&self) -> u64 {
        self.so_far.load(Ordering::Relaxed)
    }

    /// Deliveries were tried.
    pub fn delivered(&self, mailbox: &SourceId, results: &[(JobId, Outcome)]) {
        for (_, outcome) in results {
            let result = match outcome {
                Outcome::Done { .. } => ResultLabel::done,
                Outcome::Retry { .. } => ResultLabel::retry,
                Outcome::GiveUp { .. } => ResultLabel::gave_up,
            };
            let label = ByResult { mailbox: mailbox.0.clone(), result };
            self.numbers.delivered.get_or_create(&label).inc();
        }
    }

    /// New rules are live.
    pub fn rules_loaded(&self, version: &Version) {
        *lock(&self.version) = Some(version.clone());
        *lock(&self.held_up) = None;
        self.numbers.rules_refused.set(0);
        lock(&self.refused).clear();
    }

    /// An edit was refused, for these errors.
    pub fn rules_refused(&self, errors: Vec<String>) {
        self.numbers.rules_refused.set(1);
        *lock(&self.refused) = errors;
    }

    /// Whether the service does its work. `store` is what is wrong with the store, if anything.
    #[must_use]
    pub fn readiness(&self, now: Timestamp, store: Option<String>) -> Readiness {
        let mailboxes: BTreeMap<_, _> = lock(&self.mailboxes)
            .iter()
            .map(|(id, condition)| (id.0.clone(), condition.readiness(now)))
            .collect();
        let waiting = mailboxes.iter().filter(|(_, mailbox)| !mailbox.ready);
        let waiting = waiting.map(|(name, mailbox)| mailbox.reason(name));
        let held_up = lock(&self.held_up).clone();
        let reasons: Vec<String> = held_up.iter().chain(&store).cloned().chain(waiting).collect();
        Readiness {
            ready: reasons.is_empty(),
            reasons,
            dictionaries: lock(&self.version).as_ref().map(Version::to_string).unwrap_or_default(),
            refused_edit: lock(&self.refused).clone(),
            directory_failing: lock(&self.failing).clone(),
            mailboxes,
            store,
        }
    }

    /// The metrics in the text format of `OpenMetrics`. Without `counts` the store doesn't answer,
    /// and its numbers are as they were.
    #[must_use]
    pub fn metrics(&self, counts: Option<&Counts>) -> String {
        self.numbers.store_answers.set(counts.is_some().into());
        self.numbers.dictionaries.clear();
        if let Some(version) = &*lock(&self.version) {
            let label = ByVersion { version: version.to_string() };
            self.numbers.dictionaries.get_or_create(&label).set(1);
        }
        if let Some(counts) = counts {
            self.numbers.set(counts);
        }
        let mut text = String::new();
        // Writing to a string fails only when an encoder does; half a page is then still a page.
        let _ = encode(&mut text, &lock(&self.numbers.registry));
        text
    }

    fn with(&self, mailbox: &SourceId, change: impl FnOnce(&mut Condition)) {
        if let Some(condition) = lock(&self.mailboxes).get_mut(mailbox) {
            change(condition);
        }
    }
}

impl Condition {
    fn readiness(&self, now: Timestamp) -> MailboxReadiness {
        // A mailbox that was never read is not ready, however young the service is.
        let lately = self
            .last_read
            .is_some_and(|last| now.duration_since(last).unsigned_abs() <= self.patience);
        MailboxReadiness {
            ready: self.standing_by || (lately && !self.refused),
            last_read: self.last_read,
            standing_by: self.standing_by,
            failure: self.failure.clone(),
        }
    }
}

impl MailboxReadiness {
    /// Why it isn't ready.
    fn reason(&self, name: &str) -> String {
        let read = match self.last_read {
            Some(last) => format!("the mailbox `{name}` was last read at {last}"),
            None => format!("the mailbox `{name}` was not read yet"),
        };
        self.failure.as_ref().map_or_else(|| read.clone(), |failure| format!("{read}: {failure}"))
    }
}

impl Numbers {
    fn registered() -> Self {
        let numbers = Self::default();
        let mut registry = Registry::with_prefix("postroom");
        registry.register(
            "mails_recorded",
            "Mails recorded, by mailbox and whether they were new, known or a repeat",
            numbers.recorded.clone(),
        );
        registry.register(
            "deliveries",
            "Deliveries tried, by mailbox and how they went",
            numbers.delivered.clone(),
        );
        registry.register(
            "read_failures",
            "Failed attempts to read a mailbox or to record what was read",
            numbers.failures.clone(),
        );
        registry.register(
            "last_read_timestamp_seconds",
            "When a mailbox was last read, in seconds since 1970",
            numbers.last_read.clone(),
        );
        registry.register(
            "login_refused",
            "1 while a mailbox's server doesn't accept our password or token",
            numbers.login_refused.clone(),
        );
        registry.register(
            "edit_refused",
            "1 while the files on disk have an error and the last good version is in use",
            numbers.rules_refused.clone(),
        );
        registry.register(
            "dictionaries_info",
            "1, with the version of the dictionaries in use",
            numbers.dictionaries.clone(),
        );
        registry.register(
            "store_answers",
            "1 if the store answered just now; else its numbers are as they were",
            numbers.store_answers.clone(),
        );
        registry.register(
            "tickets",
            "Tickets by their current decision and its reason",
            numbers.tickets.clone(),
        );
        registry.register(
            "outbox_jobs",
            "Deliveries that wait or are under way",
            numbers.jobs.clone(),
        );
        registry.register(
            "oldest_outbox_job_timestamp_seconds",
            "When the oldest waiting delivery was asked for, in seconds since 1970; 0 for none",
            numbers.oldest_job.clone(),
        );
        numbers.register_directory(&mut registry);
        *lock(&numbers.registry) = registry;
        numbers
    }

    fn register_directory(&self, registry: &mut Registry) {
        registry.register(
            "nobody_free",
            "Mails of customers that went to the team at the end of the ladder: nobody was free",
            self.nobody_free.clone(),
        );
        registry.register(
            "directory_failing",
            "1 while the directory's database or service does not answer",
            self.directory_failing.clone(),
        );
        registry.register(
            "calendars_failing",
            "People whose calendar can't be read",
            self.calendars_failing.clone(),
        );
    }

    fn set(&self, counts: &Counts) {
        self.tickets.clear();
        for ((decision, reason), count) in &counts.tickets {
            let label = ByDecision { decision: decision.clone(), reason: reason.clone() };
            self.tickets.get_or_create(&label).set(gauge(*count));
        }
        self.jobs.set(gauge(counts.jobs_waiting));
        self.oldest_job.set(counts.oldest_job.map_or(0.0, seconds));
    }
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

/// A lock that a panicked holder does not take from the others: the values behind it are whole
/// after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
