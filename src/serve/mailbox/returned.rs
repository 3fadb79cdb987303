//! Further copies that are none: a mail that somebody put back where it came in.
//!
//! A program that moves a mail gives it a new name, so it looks like another copy of a known one. If
//! the first one is gone, it is the first one; and whoever put it back didn't want it where it was.

use std::time::Duration;

use tracing::{info, warn};

use super::Desk;
use crate::route::{Decision, Reason, Target};
use crate::seams::{Amendment, Delivery, Job, JobId, Outcome, POSTROOM, StoreError, TicketId};

/// How soon to look again when the first copy is about to be delivered.
const SOON: Duration = Duration::from_secs(1);
/// And when it can't be said where it is.
const LATER: Duration = Duration::from_secs(5);

/// What is left to do of some jobs, and those that have to wait.
pub(super) struct Sorted {
    pub(super) jobs: Vec<Job>,
    pub(super) waiting: Vec<(JobId, Outcome)>,
}

/// Leaves further copies to be put away if there is a first one; otherwise each takes its place.
pub(super) async fn sort_out(desk: &Desk, jobs: Vec<Job>, delivery: &mut dyn Delivery) -> Sorted {
    let (repeats, jobs): (Vec<Job>, Vec<Job>) = jobs.into_iter().partition(|job| job.is_repeat);
    let mut sorted = Sorted { jobs, waiting: Vec::new() };
    if repeats.is_empty() {
        return sorted;
    }
    let tickets: Vec<TicketId> = repeats.iter().map(|job| job.ticket).collect();
    let mut first = desk.shared.store.first_copies(&tickets).await.unwrap_or_default();
    // What lies in another mailbox can't be looked at from here, and wasn't put back from there.
    let (mut known, mut asked) = (Vec::new(), Vec::new());
    for job in repeats {
        match first.remove(&job.ticket) {
            Some(copy) if copy.place.source != desk.mailbox.id => sorted.jobs.push(job),
            Some(copy) => {
                known.push(copy);
                asked.push(job);
            }
            None => sorted.waiting.push(wait(&job, "its first copy is on its way", SOON)),
        }
    }
    let there = delivery.there(&known).await;
    for (job, is_there) in asked.into_iter().zip(there) {
        let failure = match is_there {
            Some(true) => {
                sorted.jobs.push(job);
                continue;
            }
            Some(false) => take_back(desk, &job).await.err().map(|failure| failure.to_string()),
            None => Some("its first copy can't be looked at".to_owned()),
        };
        if let Some(why) = failure {
            warn!(mailbox = %desk.mailbox.id, ticket = job.ticket.0, why, "a copy waits");
            sorted.waiting.push(wait(&job, &why, LATER));
        }
    }
    sorted
}

fn wait(job: &Job, why: &str, after: Duration) -> (JobId, Outcome) {
    (job.id, Outcome::Wait { why: why.to_owned(), after })
}

/// The copy takes the place of the first one. What was decided about that was not right; what is a
/// question, or set aside, stays one.
async fn take_back(desk: &Desk, job: &Job) -> Result<(), StoreError> {
    let store = &desk.shared.store;
    let current = store.ticket(job.ticket).await?.ticket.decision;
    let decision = Decision { target: Target::Assist, reason: Reason::CameBack };
    let amendment = Amendment {
        ticket: job.ticket,
        instead_of: current.clone(),
        customer: None,
        action: desk.mailbox.folders.action(&decision),
        decision,
        evidence: None,
        by: POSTROOM.to_owned(),
    };
    let waits = matches!(current.target, Target::Assist | Target::SetAside);
    let amendment = (!waits).then_some(&amendment);
    store.came_back(&desk.fence, job, amendment, desk.shared.clock.now()).await?;
    if waits {
        info!(mailbox = %desk.mailbox.id, ticket = job.ticket.0, "a question was put back");
    } else {
        warn!(mailbox = %desk.mailbox.id, ticket = job.ticket.0, "a mail was put back: asking a person");
    }
    Ok(())
}
