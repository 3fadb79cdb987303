//! How the service is: what it counts, and whether it does its work.
//!
//! It keeps numbers and the last word of each mailbox; it knows nothing of how they are served.

mod numbers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use serde::Serialize;

use crate::config::Config;
use crate::dictionary::Version;
use crate::seams::{Counts, JobId, Outcome, Questions, Recorded, SourceId, TicketId};
use numbers::{ByMailbox, ByResult, BySource, ByVersion, Numbers, ResultLabel, seconds};

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
    questions: Mutex<QuestionsReadiness>,
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
    /// Why the store took nothing for it last.
    store_failure: Option<String>,
    /// The server doesn't accept our login: only a person can mend that.
    refused: bool,
    /// The delivery that was put off last.
    waiting: Option<Waiting>,
}

/// A delivery that waits until its folder or its server can take it.
#[derive(Debug, Clone)]
struct Waiting {
    job: JobId,
    why: String,
    since: Timestamp,
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
    /// The questions that wait for a person. That they wait long doesn't make it less ready.
    pub questions: QuestionsReadiness,
    /// Each mailbox.
    pub mailboxes: BTreeMap<String, MailboxReadiness>,
    /// What is wrong with the store, if anything.
    pub store: Option<String>,
}

/// The questions, for `/readyz`, as they were seen last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct QuestionsReadiness {
    /// How many wait.
    pub waiting: u64,
    /// The ticket that waits longest.
    pub oldest: Option<TicketId>,
    /// Since when it does.
    pub since: Option<Timestamp>,
    /// Whether that is longer than it may.
    pub overdue: bool,
}

/// How a mailbox is, for `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailboxReadiness {
    /// Whether it was read lately, lets us in and can be recorded, or another replica attends to it.
    pub ready: bool,
    /// When it was last read.
    pub last_read: Option<Timestamp>,
    /// Whether another replica attends to it.
    pub standing_by: bool,
    /// What went wrong last, until it is read again.
    pub failure: Option<String>,
    /// Why deliveries wait, if some do. What is decided is kept, so it is no less ready.
    pub deliveries_wait: Option<String>,
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
            // A mailbox that is never read is seen as well.
            let _ = numbers.last_read.get_or_create(&label);
            let _ = numbers.login_refused.get_or_create(&label);
        }
        Self {
            mailboxes: Mutex::new(mailboxes.collect()),
            refused: Mutex::default(),
            version: Mutex::default(),
            held_up: Mutex::default(),
            failing: Mutex::default(),
            questions: Mutex::default(),
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

    /// The store takes nothing for a mailbox: what is read stays where it is.
    pub fn store_failed(&self, mailbox: &SourceId, why: &str) {
        self.failed(mailbox, why);
        self.with(mailbox, |condition| condition.store_failure = Some(why.to_owned()));
    }

    /// The store gave the right to a mailbox.
    pub fn leased(&self, mailbox: &SourceId) {
        self.with(mailbox, |condition| condition.store_failure = None);
    }

    /// A mailbox failed.
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
        self.with(mailbox, |condition| {
            condition.standing_by = true;
            condition.store_failure = None;
        });
    }

    /// Mails were recorded.
    pub fn recorded(&self, mailbox: &SourceId, recorded: &[Recorded]) {
        self.with(mailbox, |condition| condition.store_failure = None);
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
    pub fn delivered(&self, mailbox: &SourceId, results: &[(JobId, Outcome)], now: Timestamp) {
        self.with(mailbox, |condition| condition.waiting(results, now));
        for (_, outcome) in results {
            let result = match outcome {
                Outcome::Done { .. } => ResultLabel::done,
                Outcome::Retry { .. } | Outcome::Wait { .. } => ResultLabel::retry,
                Outcome::Gone { .. } | Outcome::GiveUp { .. } => ResultLabel::gave_up,
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

    /// So many questions wait; `overdue` if the oldest waits too long.
    pub fn questions(&self, questions: &Questions, overdue: bool) {
        let (oldest, since) = questions.oldest.unzip();
        let waiting = questions.waiting;
        *lock(&self.questions) = QuestionsReadiness { waiting, oldest, since, overdue };
        self.numbers.question_overdue.set(overdue.into());
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
            questions: lock(&self.questions).clone(),
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
    fn waiting(&mut self, results: &[(JobId, Outcome)], now: Timestamp) {
        let waits = results.iter().find_map(|(job, outcome)| match outcome {
            Outcome::Wait { why, .. } => Some(Waiting { job: *job, why: why.clone(), since: now }),
            Outcome::Done { .. }
            | Outcome::Retry { .. }
            | Outcome::Gone { .. }
            | Outcome::GiveUp { .. } => None,
        });
        let told = |waiting: &Waiting| results.iter().any(|(job, _)| *job == waiting.job);
        if waits.is_some() || self.waiting.as_ref().is_some_and(told) {
            self.waiting = waits;
        }
    }

    fn readiness(&self, now: Timestamp) -> MailboxReadiness {
        // A mailbox that was never read is not ready, however young the service is.
        let lately = self
            .last_read
            .is_some_and(|last| now.duration_since(last).unsigned_abs() <= self.patience);
        MailboxReadiness {
            ready: self.standing_by || (lately && !self.refused && self.store_failure.is_none()),
            last_read: self.last_read,
            standing_by: self.standing_by,
            failure: self.store_failure.as_ref().or(self.failure.as_ref()).cloned(),
            // It is tried again far sooner than that; one that isn't was decided about anew.
            deliveries_wait: self
                .waiting
                .as_ref()
                .filter(|waiting| now.duration_since(waiting.since).unsigned_abs() <= AT_LEAST)
                .map(|waiting| waiting.why.clone()),
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

/// A lock that a panicked holder does not take from the others: the values behind it are whole
/// after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
