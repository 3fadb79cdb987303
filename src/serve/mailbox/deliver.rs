//! Delivering: from claimed jobs to confirmed ones.
//!
//! While jobs are carried out, the next ones are claimed and the ones before are settled, so that
//! the server doesn't wait for the store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::{error, info, warn};

use super::gather::Gathered;
use super::returned::{self, Sorted};
use super::{Desk, recheck};
use crate::rim::backoff::backoff;
use crate::seams::{Delivery, Job, JobId, Outcome, StoreError};

/// Jobs of one claim: several batches for the server, so that a long queue is moved folder by
/// folder in few commands.
const CLAIM: u32 = 1_500;
/// How often to look for jobs that nobody rang for: due again, or made by another process.
const LOOK: Duration = Duration::from_secs(1);

/// Jobs that were claimed.
struct Claim {
    jobs: Vec<Job>,
    /// Whether no others were due.
    last: bool,
}

/// Jobs that were carried out, and how they went.
type CarriedOut = (Vec<Job>, Vec<(JobId, Outcome)>);

/// Delivers until the stages end. What was begun is settled first.
pub(super) async fn deliver(desk: Desk, delivery: Box<dyn Delivery>) {
    let (to_carry_out, claimed) = mpsc::channel(1);
    let (to_settle, carried_out) = mpsc::channel(1);
    // How many jobs are claimed and not settled yet.
    let open = AtomicUsize::new(0);
    tokio::join!(
        claim(&desk, &open, to_carry_out),
        carry_out(&desk, delivery, &open, claimed, to_settle),
        settle_each(&desk, &open, carried_out),
    );
}

/// Claims what is due, one claim ahead of the one that is carried out.
async fn claim(desk: &Desk, open: &AtomicUsize, to_carry_out: mpsc::Sender<Claim>) {
    let mut attempt = 0;
    loop {
        let room = tokio::select! {
            biased;
            () = desk.stop.cancelled() => return,
            room = to_carry_out.reserve() => room,
        };
        let Ok(room) = room else { return };
        let now = desk.shared.clock.now();
        match desk.shared.store.claim(&desk.fence, CLAIM, now).await {
            Ok(jobs) => {
                attempt = 0;
                let last = jobs.len() < CLAIM as usize;
                if jobs.is_empty() && open.load(Ordering::Relaxed) == 0 {
                    desk.caught_up.cancel();
                } else {
                    let claimed = jobs.len();
                    let jobs = recheck::still_free(desk, jobs).await;
                    if jobs.len() < claimed {
                        // The jobs that took the place of others are due.
                        desk.outbox.notify_one();
                    }
                    // Also an empty claim tells: what was gathered need not wait for more.
                    open.fetch_add(jobs.len(), Ordering::Relaxed);
                    room.send(Claim { jobs, last });
                }
                if last {
                    tokio::select! {
                        () = desk.stop.cancelled() => {}
                        () = desk.outbox.notified() => {}
                        () = tokio::time::sleep(LOOK) => {}
                    }
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

/// Carries out what was claimed. When the stages end, what was not begun is left to whoever
/// holds the mailbox next, who may hold it already.
async fn carry_out(
    desk: &Desk,
    mut delivery: Box<dyn Delivery>,
    open: &AtomicUsize,
    mut claimed: mpsc::Receiver<Claim>,
    to_settle: mpsc::Sender<CarriedOut>,
) {
    let mut gathered = Gathered::default();
    let mut last = true;
    while !desk.stop.is_cancelled() {
        while let Ok(claim) = claimed.try_recv() {
            last = claim.last;
            open.fetch_sub(gathered.add(claim.jobs), Ordering::Relaxed);
        }
        let jobs = gathered.take(!last || desk.more.load(Ordering::Relaxed));
        if jobs.is_empty() {
            tokio::select! {
                () = gathered.late() => {}
                claim = claimed.recv() => {
                    let Some(claim) = claim else { return };
                    last = claim.last;
                    open.fetch_sub(gathered.add(claim.jobs), Ordering::Relaxed);
                }
            }
            continue;
        }
        let count = jobs.len();
        let Sorted { jobs, waiting } = returned::sort_out(desk, jobs, delivery.as_mut()).await;
        let count = count - waiting.len();
        if !waiting.is_empty() {
            if !settle(desk, &waiting).await {
                desk.stop.cancel();
            }
            open.fetch_sub(waiting.len(), Ordering::Relaxed);
        }
        let jobs = recheck::still_free_after_tries(desk, jobs, delivery.as_mut()).await;
        let others = count - jobs.len();
        if others > 0 {
            // The jobs that took the place of others are due.
            open.fetch_sub(others, Ordering::Relaxed);
            desk.outbox.notify_one();
        }
        if jobs.is_empty() {
            continue;
        }
        let results = delivery.deliver(&jobs).await;
        crate::killpoint::pass("delivered");
        if to_settle.send((jobs, results)).await.is_err() {
            return;
        }
    }
}

/// Settles what was carried out.
async fn settle_each(desk: &Desk, open: &AtomicUsize, mut carried_out: mpsc::Receiver<CarriedOut>) {
    while let Some((jobs, results)) = carried_out.recv().await {
        if !settle(desk, &results).await {
            desk.stop.cancel();
        }
        note(desk, &jobs, &results);
        let last = open.fetch_sub(jobs.len(), Ordering::Relaxed) == jobs.len();
        // Reading waits until an empty outbox was seen with nothing under way.
        if last && !desk.caught_up.is_cancelled() {
            desk.outbox.notify_one();
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
    // What holds up many at once is said once.
    let mut held_up: BTreeMap<&str, (u64, Duration)> = BTreeMap::new();
    for (id, outcome) in results {
        match outcome {
            Outcome::Done { .. } => done += 1,
            Outcome::Retry { why, after } => {
                warn!(%mailbox, ticket = ticket(id), why, after = ?after, "not delivered yet");
            }
            Outcome::Wait { why, after } => {
                let (count, longest) = held_up.entry(why).or_default();
                (*count, *longest) = (*count + 1, (*longest).max(*after));
            }
            Outcome::GiveUp { why } => {
                error!(%mailbox, ticket = ticket(id), why, "can't be delivered: asking a person");
            }
        }
    }
    for (why, (count, after)) in held_up {
        warn!(%mailbox, count, why, after = ?after, "delivery waits");
    }
    if done > 0 {
        info!(%mailbox, count = done, "delivered");
    }
    desk.shared.health.delivered(&desk.mailbox.id, results);
}
