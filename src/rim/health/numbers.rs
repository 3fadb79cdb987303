//! The numbers for Prometheus, under the names that they are served by.
//!
//! It knows what is counted; it knows nothing of who counts.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::lock;
use crate::seams::Counts;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByMailbox {
    pub(super) mailbox: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByResult {
    pub(super) mailbox: String,
    pub(super) result: ResultLabel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum ResultLabel {
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
pub(super) struct ByDecision {
    pub(super) decision: String,
    pub(super) reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct BySource {
    pub(super) source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ByVersion {
    pub(super) version: String,
}

#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) registry: Mutex<Registry>,
    pub(super) recorded: Family<ByResult, Counter>,
    pub(super) delivered: Family<ByResult, Counter>,
    pub(super) failures: Family<ByMailbox, Counter>,
    pub(super) last_read: Family<ByMailbox, Gauge<f64, AtomicU64>>,
    pub(super) login_refused: Family<ByMailbox, Gauge>,
    pub(super) rules_refused: Gauge,
    pub(super) nobody_free: Family<ByMailbox, Counter>,
    pub(super) directory_failing: Family<BySource, Gauge>,
    pub(super) calendars_failing: Gauge,
    pub(super) dictionaries: Family<ByVersion, Gauge>,
    pub(super) store_answers: Gauge,
    pub(super) tickets: Family<ByDecision, Gauge>,
    pub(super) jobs: Gauge,
    pub(super) oldest_job: Gauge<f64, AtomicU64>,
    pub(super) questions: Gauge,
    pub(super) oldest_question: Gauge<f64, AtomicU64>,
    pub(super) question_overdue: Gauge,
}

impl Numbers {
    pub(super) fn registered() -> Self {
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
        numbers.register_rules(&mut registry);
        numbers.register_store(&mut registry);
        numbers.register_directory(&mut registry);
        numbers.register_questions(&mut registry);
        *lock(&numbers.registry) = registry;
        numbers
    }

    fn register_rules(&self, registry: &mut Registry) {
        registry.register(
            "edit_refused",
            "1 while the files on disk have an error and the last good version is in use",
            self.rules_refused.clone(),
        );
        registry.register(
            "dictionaries_info",
            "1, with the version of the dictionaries in use",
            self.dictionaries.clone(),
        );
    }

    fn register_store(&self, registry: &mut Registry) {
        registry.register(
            "store_answers",
            "1 if the store answered just now; else its numbers are as they were",
            self.store_answers.clone(),
        );
        registry.register(
            "tickets",
            "Tickets by their current decision and its reason",
            self.tickets.clone(),
        );
        registry.register(
            "outbox_jobs",
            "Deliveries that wait or are under way",
            self.jobs.clone(),
        );
        registry.register(
            "oldest_outbox_job_timestamp_seconds",
            "When the oldest waiting delivery was asked for, in seconds since 1970; 0 for none",
            self.oldest_job.clone(),
        );
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

    fn register_questions(&self, registry: &mut Registry) {
        registry.register(
            "questions_waiting",
            "Questions that wait for a person",
            self.questions.clone(),
        );
        registry.register(
            "oldest_question_timestamp_seconds",
            "Since when the oldest question waits, in seconds since 1970; 0 for none",
            self.oldest_question.clone(),
        );
        registry.register(
            "question_overdue",
            "1 while a question waits longer than the configuration allows",
            self.question_overdue.clone(),
        );
    }

    pub(super) fn set(&self, counts: &Counts) {
        self.tickets.clear();
        for ((decision, reason), count) in &counts.tickets {
            let label = ByDecision { decision: decision.clone(), reason: reason.clone() };
            self.tickets.get_or_create(&label).set(gauge(*count));
        }
        self.jobs.set(gauge(counts.jobs_waiting));
        self.oldest_job.set(counts.oldest_job.map_or(0.0, seconds));
        self.questions.set(gauge(counts.questions.waiting));
        let since = counts.questions.oldest.map_or(0.0, |(_, since)| seconds(since));
        self.oldest_question.set(since);
    }
}

fn gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}
