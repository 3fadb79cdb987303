//! One mailbox: read, judge, record and deliver, overlapping each other.
//!
//! ```text
//!  read ──windows──> judge ──entries──> record ──wake──> claim ──jobs──> carry out ──> settle
//!  (source)          (own thread)       (one txn a batch)                (own connection)
//! ```
//! Nothing waits for company when it comes alone; what comes while the next stage is busy goes
//! through that one together.
//!
//! The channels between them hold few windows, so memory is bounded and a slow stage slows the
//! ones before it. All stages work under one lease and end together when it is lost.

mod deliver;
mod found;
mod gather;
pub(super) mod neighbours;
mod read;
mod recheck;
mod record;
mod returned;
mod tell;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::along::{self, Moved};
use super::{Shared, open_mailbox};
use crate::config::Mailbox;
use crate::rim::backoff::backoff;
use crate::seams::{Fence, StoreError};

/// How long a lease lasts unless it is renewed. A replica that dies is replaced after this long.
pub(super) const LEASE: Duration = Duration::from_secs(15);
/// How long to wait after the stages have ended other than by a shutdown.
const AGAIN: Duration = Duration::from_secs(1);
/// Windows that may wait between two stages.
const AHEAD: usize = 2;

/// What the stages of one mailbox share.
#[derive(Clone)]
struct Desk {
    mailbox: Arc<Mailbox>,
    fence: Fence,
    shared: Shared,
    /// Ends the stages: on shutdown, or when the lease is lost.
    stop: CancellationToken,
    /// Rung when there may be something to deliver.
    outbox: Arc<Notify>,
    /// Whether there is more mail to come than is recorded.
    more: Arc<AtomicBool>,
    /// Done once what earlier runs left in the outbox is delivered. Reading waits for it: what lies
    /// in the inbox and is about to leave it would be taken for another copy.
    caught_up: CancellationToken,
}

/// Attends to a mailbox until the service stops.
pub(super) async fn attend(mailbox: Mailbox, shared: Shared) {
    let mailbox = Arc::new(mailbox);
    let mut attempt = 0;
    let mut runs = 0_u64;
    while !shared.stop.is_cancelled() {
        // Each run is another holder: what the one before had claimed and could not settle, since
        // the store was away, is claimed again then. The first has the lease from the start.
        let holder = match runs {
            0 => shared.holder.clone(),
            _ => format!("{}.{runs}", shared.holder),
        };
        let lease = shared.store.lease(&mailbox.id, &holder, shared.clock.now(), LEASE).await;
        let wait = match lease {
            Ok(Some(fence)) => {
                attempt = 0;
                runs += 1;
                shared.health.leased(&mailbox.id);
                work(&mailbox, fence, &shared).await;
                AGAIN
            }
            Ok(None) => {
                shared.health.standing_by(&mailbox.id);
                LEASE / 3
            }
            Err(failure) => {
                attempt += 1;
                warn!(mailbox = %mailbox.id, failure = %failure, "no lease for the mailbox");
                shared.health.store_failed(&mailbox.id, &failure.to_string());
                backoff(attempt)
            }
        };
        tokio::select! {
            () = shared.stop.cancelled() => {}
            () = sleep(wait) => {}
        }
    }
}

/// Runs all stages under one lease, until it is lost or the service stops.
async fn work(mailbox: &Arc<Mailbox>, fence: Fence, shared: &Shared) {
    info!(mailbox = %mailbox.id, fence = fence.number, "attending to the mailbox");
    let desk = Desk {
        mailbox: mailbox.clone(),
        fence: fence.clone(),
        shared: shared.clone(),
        stop: shared.stop.child_token(),
        outbox: Arc::new(Notify::new()),
        more: Arc::new(AtomicBool::new(false)),
        caught_up: CancellationToken::new(),
    };
    let (source, delivery) = open_mailbox(mailbox, &shared.tokens);
    let (to_judge, judging) = mpsc::channel(AHEAD);
    let (to_record, recording) = mpsc::channel(1);
    let mut stages = JoinSet::new();
    stages.spawn(read::read(desk.clone(), source, to_judge));
    stages.spawn(record::judge(desk.clone(), judging, to_record));
    stages.spawn(record::record(desk.clone(), recording));
    stages.spawn(deliver::deliver(desk.clone(), delivery));
    stages.spawn(keep_lease(desk));
    while let Some(ended) = stages.join_next().await {
        // A stage that breaks breaks all: the others end with the set.
        if let Err(Ok(panic)) = ended.map_err(JoinError::try_into_panic) {
            std::panic::resume_unwind(panic);
        }
    }
    if let Err(failure) = shared.store.release(&fence).await {
        warn!(mailbox = %mailbox.id, failure = %failure, "the lease could not be given back");
    }
}

/// Renews the lease; ends the stages when it is lost.
async fn keep_lease(desk: Desk) {
    let Desk { fence, shared, stop, mailbox, .. } = desk;
    let mut good_until = tokio::time::Instant::now() + LEASE;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(LEASE / 3) => {}
        }
        let asked = tokio::time::Instant::now();
        let renewing = shared.store.lease(&mailbox.id, &fence.holder, shared.clock.now(), LEASE);
        let renewed = tokio::time::timeout_at(good_until.max(asked + LEASE / 3), renewing)
            .await
            .unwrap_or_else(|_| Err(StoreError::Transient("the store doesn't answer".to_owned())));
        match renewed {
            Ok(Some(renewed)) if renewed.number == fence.number => good_until = asked + LEASE,
            Ok(_) => {
                warn!(mailbox = %mailbox.id, "another process has taken over the mailbox");
                stop.cancel();
            }
            // The store may be away for a moment; past the lease's end somebody else may hold it.
            Err(failure) if tokio::time::Instant::now() >= good_until => {
                warn!(mailbox = %mailbox.id, failure = %failure, "the lease has run out");
                stop.cancel();
            }
            Err(_) => {}
        }
    }
}

impl Desk {
    /// Brings along what followed a ticket that was moved by itself. What stays is for a person.
    async fn bring_along(&self, moved: Moved<'_>, now: Timestamp) {
        let mailboxes = std::slice::from_ref(self.mailbox.as_ref());
        match along::bring_along(self.shared.store.as_ref(), mailboxes, moved, now).await {
            Ok(went) => {
                for (ticket, why) in went.iter().filter_map(|(id, why)| Some((id, why.as_ref()?))) {
                    warn!(mailbox = %self.mailbox.id, ticket = ticket.0, why, "stays behind its thread");
                }
                self.outbox.notify_one();
            }
            Err(failure) => {
                warn!(mailbox = %self.mailbox.id, %failure, "what followed stays where it is");
            }
        }
    }

    /// Waits for `time`; `false` when the stages are to end.
    async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = sleep(time) => true,
        }
    }
}
