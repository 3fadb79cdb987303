//! Delivering: from claimed jobs to confirmed ones.
//!
//! While jobs are carried out, the next ones are claimed and the ones before are settled, so that
//! the server doesn't wait for the store.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tracing::warn;

use super::gather::Gathered;
use super::returned::{self, Sorted};
use super::tell::tell;
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

/// How many jobs are claimed and not settled yet.
#[derive(Default)]
struct Open(AtomicUsize);

impl Open {
    fn is_none(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    fn more(&self, jobs: usize) {
        self.0.fetch_add(jobs, Ordering::Relaxed);
    }

    /// Whether these were the last.
    fn fewer(&self, jobs: usize) -> bool {
        self.0.fetch_sub(jobs, Ordering::Relaxed) == jobs
    }
}

/// Jobs that were carried out, and how they went.
type CarriedOut = (Vec<Job>, Vec<(JobId, Outcome)>);

/// Delivers until the stages end. What was begun is settled first.
pub(super) async fn deliver(desk: Desk, delivery: Box<dyn Delivery>) {
    let (to_carry_out, claimed) = mpsc::channel(1);
    let (to_settle, carried_out) = mpsc::channel(1);
    let open = Open::default();
    tokio::join!(
        claim(&desk, &open, to_carry_out),
        carry_out(&desk, delivery, &open, claimed, to_settle),
        settle_each(&desk, &open, carried_out),
    );
}

/// Claims what is due, one claim ahead of the one that is carried out.
async fn claim(desk: &Desk, open: &Open, to_carry_out: mpsc::Sender<Claim>) {
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
                if jobs.is_empty() && open.is_none() {
                    desk.caught_up.cancel();
                } else {
                    let claimed = jobs.len();
                    let jobs = recheck::still_free(desk, jobs).await;
                    if jobs.len() < claimed {
                        // The jobs that took the place of others are due.
                        desk.outbox.notify_one();
                    }
                    // Also an empty claim tells: what was gathered need not wait for more.
                    open.more(jobs.len());
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
    open: &Open,
    claimed: mpsc::Receiver<Claim>,
    to_settle: mpsc::Sender<CarriedOut>,
) {
    let mut heap = Heap { desk, open, claimed, gathered: Gathered::default(), last: true };
    while let Some(jobs) = heap.next().await {
        let jobs = still_to_do(desk, delivery.as_mut(), open, jobs).await;
        if jobs.is_empty() {
            continue;
        }
        let done = each_kind(desk, delivery.as_mut(), jobs).await;
        crate::killpoint::pass("delivered");
        if to_settle.send(done).await.is_err() {
            return;
        }
    }
}

/// Carries out jobs, those that are alike together. No further kind is begun when the stages end: a
/// server that doesn't answer takes its time over each.
async fn each_kind(desk: &Desk, delivery: &mut dyn Delivery, jobs: Vec<Job>) -> CarriedOut {
    let mut results = Vec::with_capacity(jobs.len());
    for alike in jobs.chunk_by(Job::is_like) {
        if desk.stop.is_cancelled() {
            break;
        }
        results.extend(delivery.deliver(alike).await);
    }
    (jobs, results)
}

/// Where claims are gathered until enough of them can be carried out together.
struct Heap<'d> {
    desk: &'d Desk,
    open: &'d Open,
    claimed: mpsc::Receiver<Claim>,
    gathered: Gathered,
    /// Whether no others were due when the latest were claimed.
    last: bool,
}

impl Heap<'_> {
    /// The jobs to carry out next, as soon as there are any; `None` when the stages end.
    async fn next(&mut self) -> Option<Vec<Job>> {
        while !self.desk.stop.is_cancelled() {
            while let Ok(claim) = self.claimed.try_recv() {
                self.add(claim);
            }
            let jobs = self.gathered.take(!self.last || self.desk.more.load(Ordering::Relaxed));
            if !jobs.is_empty() {
                return Some(jobs);
            }
            tokio::select! {
                () = self.gathered.late() => {}
                claim = self.claimed.recv() => self.add(claim?),
            }
        }
        None
    }

    fn add(&mut self, claim: Claim) {
        self.last = claim.last;
        self.open.fewer(self.gathered.add(claim.jobs));
    }
}

/// Which of the jobs are still to be carried out as they are, now that their turn has come.
async fn still_to_do(
    desk: &Desk,
    delivery: &mut dyn Delivery,
    open: &Open,
    jobs: Vec<Job>,
) -> Vec<Job> {
    let Sorted { jobs, waiting } = returned::sort_out(desk, jobs, delivery).await;
    if !waiting.is_empty() {
        if !settle(desk, &waiting).await {
            desk.stop.cancel();
        }
        open.fewer(waiting.len());
    }
    let before = jobs.len();
    let jobs = recheck::still_free_after_tries(desk, jobs, delivery).await;
    if jobs.len() < before {
        // The jobs that took the place of others are due.
        open.fewer(before - jobs.len());
        desk.outbox.notify_one();
    }
    jobs
}

/// Settles what was carried out.
async fn settle_each(desk: &Desk, open: &Open, mut carried_out: mpsc::Receiver<CarriedOut>) {
    while let Some((jobs, results)) = carried_out.recv().await {
        if !settle(desk, &results).await {
            desk.stop.cancel();
        }
        tell(desk, &jobs, results);
        let last = open.fewer(jobs.len());
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
