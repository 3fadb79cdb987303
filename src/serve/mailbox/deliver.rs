//! Delivering: from claimed jobs to confirmed ones.

use std::time::Duration;

use tracing::{error, info, warn};

use super::{Desk, recheck};
use crate::rim::backoff::backoff;
use crate::seams::{Delivery, Job, JobId, Outcome, StoreError};

/// Jobs of one claim: several batches for the server, so that a long queue is moved folder by
/// folder in few commands.
const CLAIM: u32 = 1_500;
/// How often to look for jobs that nobody rang for: due again, or made by another process.
const LOOK: Duration = Duration::from_secs(1);

/// Delivers until the stages end. What was begun is settled first.
pub(super) async fn deliver(desk: Desk, mut delivery: Box<dyn Delivery>) {
    let mut attempt = 0;
    while !desk.stop.is_cancelled() {
        let now = desk.shared.clock.now();
        match desk.shared.store.claim(&desk.fence, CLAIM, now).await {
            Ok(jobs) if jobs.is_empty() => {
                attempt = 0;
                desk.caught_up.cancel();
                tokio::select! {
                    () = desk.stop.cancelled() => {}
                    () = desk.outbox.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
            Ok(jobs) => {
                attempt = 0;
                let jobs = recheck::still_free(&desk, jobs).await;
                let results = delivery.deliver(&jobs).await;
                crate::killpoint::pass("delivered");
                note(&desk, &jobs, &results);
                if !settle(&desk, &results).await {
                    desk.stop.cancel();
                }
            }
            Err(StoreError::Fenced(_)) => desk.stop.cancel(),
            Err(failure) => {
                attempt += 1;
                warn!(mailbox = %desk.mailbox.id, failure = %failure, "no jobs to be had");
                if !desk.pause(backoff(attempt)).await {
                    return;
                }
            }
        }
    }
}

/// Records how the jobs went; `false` when the right to is lost. Not cut short by a shutdown
/// until the store had its chance: what was moved should be known to be moved.
async fn settle(desk: &Desk, results: &[(JobId, Outcome)]) -> bool {
    let mut attempt = 0;
    loop {
        let now = desk.shared.clock.now();
        match desk.shared.store.settle(&desk.fence, results, now).await {
            Ok(()) => return true,
            Err(StoreError::Fenced(_)) => return false,
            Err(failure) => {
                attempt += 1;
                warn!(mailbox = %desk.mailbox.id, failure = %failure, "can't settle; trying again");
                if !desk.pause(backoff(attempt)).await {
                    return false;
                }
            }
        }
    }
}

fn note(desk: &Desk, jobs: &[Job], results: &[(JobId, Outcome)]) {
    let mailbox = &desk.mailbox.id;
    let ticket = |id: &JobId| jobs.iter().find(|job| job.id == *id).map_or(0, |job| job.ticket.0);
    let mut done = 0_u64;
    for (id, outcome) in results {
        match outcome {
            Outcome::Done { .. } => done += 1,
            Outcome::Retry { why, after } => {
                warn!(%mailbox, ticket = ticket(id), why, after = ?after, "not delivered yet");
            }
            Outcome::GiveUp { why } => {
                error!(%mailbox, ticket = ticket(id), why, "can't be delivered: asking a person");
            }
        }
    }
    if done > 0 {
        info!(%mailbox, count = done, "delivered");
    }
    desk.shared.health.delivered(&desk.mailbox.id, results);
}
