//! How the jobs of one delivery went.
//!
//! It knows jobs, faults and how often to try; it knows no commands and no folders.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fault::Fault;
use crate::rim::backoff::{MAX_ATTEMPTS, backoff};
use crate::seams::{Job, JobId, Outcome, Place, Proof};

/// How the jobs went so far, and what was found for them.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) outcomes: BTreeMap<JobId, Outcome>,
    /// Mails in a target folder that some job was found to have become.
    pub(super) claimed: BTreeSet<(String, u32)>,
}

impl Ledger {
    pub(super) fn done(&mut self, job: &Job, place: Option<Place>, proof: Proof) {
        self.outcomes.insert(job.id, Outcome::Done { place, proof });
    }

    pub(super) fn give_up(&mut self, job: &Job, why: &str) {
        self.not_done(job, Outcome::GiveUp { why: why.to_owned() });
    }

    /// What was done stays done.
    fn not_done(&mut self, job: &Job, outcome: Outcome) {
        if !matches!(self.outcomes.get(&job.id), Some(Outcome::Done { .. })) {
            self.outcomes.insert(job.id, outcome);
        }
    }

    pub(super) fn gone(&mut self, job: &Job) {
        self.give_up(job, "the mail is no longer in its folder");
    }

    pub(super) fn retry(&mut self, job: &Job, why: &str, after: Option<Duration>) {
        if job.attempt >= MAX_ATTEMPTS {
            self.give_up(job, &format!("{why} (tried {} times)", job.attempt));
            return;
        }
        let after = after.unwrap_or_else(|| backoff(job.attempt));
        self.not_done(job, Outcome::Retry { why: why.to_owned(), after });
    }

    /// What the fault means for the jobs of which nothing is known yet.
    pub(super) fn failed(&mut self, jobs: &[&Job], fault: &Fault) {
        let after = match fault {
            Fault::Throttled { after, .. } => Some(*after),
            Fault::Lost(_) | Fault::Denied { .. } | Fault::Refused(_) | Fault::Misconfigured(_) => {
                None
            }
        };
        for job in jobs {
            if !self.outcomes.contains_key(&job.id) {
                self.retry(job, &fault.to_string(), after);
            }
        }
    }
}
