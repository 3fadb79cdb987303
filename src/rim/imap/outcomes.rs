//! How the jobs of one delivery went.
//!
//! It knows jobs, faults and how often to try; it knows no commands and no folders.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fault::Fault;
use crate::rim::backoff::{MAX_ATTEMPTS, backoff};
use crate::seams::{Job, JobId, Outcome, Place, Proof};

/// How soon to try again what a person has to mend.
pub(super) const LATER: Duration = Duration::from_secs(15);

/// Why a group wasn't delivered.
pub(super) struct Failure {
    pub(super) fault: Fault,
    /// When to try again if it came before any mail was touched: then it is about none.
    pub(super) wait: Option<Duration>,
}

impl Failure {
    /// A fault that came before any mail was touched.
    pub(super) fn before(fault: Fault) -> Self {
        let wait = match &fault {
            Fault::Throttled { after, .. } => *after,
            Fault::Lost(_) | Fault::Denied { .. } | Fault::Refused(_) | Fault::Misconfigured(_) => {
                LATER
            }
        };
        Self { fault, wait: Some(wait) }
    }

    /// A fault that may be about the mails: if the server says that it isn't, they wait.
    pub(super) fn about(fault: Fault) -> Self {
        if fault.is_passing() { Self::before(fault) } else { Self::from(fault) }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, wait: None }
    }
}

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
        let why = "the mail is no longer in its folder".to_owned();
        self.not_done(job, Outcome::Gone { why });
    }

    pub(super) fn retry(&mut self, job: &Job, why: &str) {
        if job.attempt >= MAX_ATTEMPTS {
            self.give_up(job, &format!("{why} (tried {} times)", job.attempt));
            return;
        }
        let after = backoff(job.attempt);
        self.not_done(job, Outcome::Retry { why: why.to_owned(), after });
    }

    pub(super) fn wait(&mut self, job: &Job, why: &str, after: Duration) {
        self.not_done(job, Outcome::Wait { why: why.to_owned(), after });
    }

    /// What the fault means for the jobs of which nothing is known yet: `wait` says when to try again
    /// if no mail was touched before.
    pub(super) fn failed(&mut self, jobs: &[&Job], fault: &Fault, wait: Option<Duration>) {
        let why = fault.to_string();
        for job in jobs {
            if self.outcomes.contains_key(&job.id) {
                continue;
            }
            match (wait, fault) {
                (Some(after), _) => self.wait(job, &why, after),
                // Some may have been moved; that the server is busy says nothing against any.
                (None, Fault::Throttled { after, .. }) => {
                    self.not_done(job, Outcome::Retry { why: why.clone(), after: *after });
                }
                (None, _) => self.retry(job, &why),
            }
        }
    }
}
