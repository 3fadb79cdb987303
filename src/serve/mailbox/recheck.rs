//! The ladder once more, when a delivery starts: whoever became busy since the mail was decided
//! does not get it.
//!
//! Before a later attempt, only where it is certain that no earlier one did anything: a mail that
//! lies with somebody stays there.

use tracing::{info, warn};

use super::Desk;
use crate::directory::{Directory, Party, Present};
use crate::route::{Reason, climbed};
use crate::seams::{Amendment, Delivery, Evidence, Happening, Job, StoreError};
use crate::serve::along::Moved;

/// The jobs that can be done as decided. Each of the others was decided again, and its new job
/// waits in the outbox. Those that were tried before are left for [`still_free_after_tries`].
pub(super) async fn still_free(desk: &Desk, jobs: Vec<Job>) -> Vec<Job> {
    climb_where(desk, jobs, |job| job.attempt == 1).await
}

/// The same for jobs that were tried before.
pub(super) async fn still_free_after_tries(
    desk: &Desk,
    jobs: Vec<Job>,
    delivery: &mut dyn Delivery,
) -> Vec<Job> {
    let now = desk.shared.clock.now();
    let directory = desk.shared.rules.borrow().directory.clone();
    let present = desk.shared.presence.at(now);
    let gone = |job: &&Job| job.rung.as_ref().is_some_and(|it| directory.is_gone(it, &present));
    let doubtful: Vec<Job> =
        jobs.iter().filter(|job| job.attempt > 1).filter(gone).cloned().collect();
    if doubtful.is_empty() {
        return jobs;
    }
    let untouched = delivery.untouched(&doubtful).await;
    climb_where(desk, jobs, |job| job.attempt > 1 && untouched.contains(&job.id)).await
}

async fn climb_where(desk: &Desk, jobs: Vec<Job>, may_climb: impl Fn(&Job) -> bool) -> Vec<Job> {
    let directory = desk.shared.rules.borrow().directory.clone();
    let present = desk.shared.presence.at(desk.shared.clock.now());
    let mut kept = Vec::with_capacity(jobs.len());
    for job in jobs {
        let gone = |person| directory.is_gone(person, &present);
        if !may_climb(&job) || !job.rung.as_ref().is_some_and(gone) {
            kept.push(job);
            continue;
        }
        match reroute(desk, &directory, &present, &job).await {
            Ok(false) => kept.push(job),
            // Another job has taken its place, or somebody else has it now.
            Ok(true) | Err(StoreError::Fenced(_) | StoreError::Conflict { .. }) => {}
            Err(failure) => {
                warn!(ticket = job.ticket.0, failure = %failure, "delivered as it was decided");
                kept.push(job);
            }
        }
    }
    kept
}

/// Climbs the ladder anew; `false` if that changes nothing.
async fn reroute(
    desk: &Desk,
    directory: &Directory,
    present: &Present,
    job: &Job,
) -> Result<bool, StoreError> {
    let store = &desk.shared.store;
    let detail = store.ticket(job.ticket).await?;
    let Some((party, why)) = directory.climb_again(&detail.evidence.party, present) else {
        return Ok(false);
    };
    let Party::Registered { ladder, .. } = &party else { return Ok(false) };
    let (Some(decision), Some(person)) =
        (climbed(ladder, &detail.evidence.signs), job.rung.clone())
    else {
        return Ok(false);
    };
    let reason = decision.reason;
    let (was, is) = (detail.ticket.decision.target.clone(), decision.target.clone());
    let amendment = Amendment {
        ticket: job.ticket,
        instead_of: detail.ticket.decision,
        customer: None,
        action: desk.mailbox.folders.action(&decision),
        decision,
        evidence: Some(Evidence { party, ..detail.evidence }),
        by: super::super::POSTROOM.to_owned(),
    };
    let happened = Happening::BecameBusy { person, why };
    store.reroute(&desk.fence, job.id, (&happened, &amendment), present.now).await?;
    let moved = Moved { thread: job.ticket, from: &was, to: &is, by: super::super::POSTROOM };
    desk.bring_along(moved, present.now).await;
    if reason == Reason::NobodyFree {
        warn!(mailbox = %desk.mailbox.id, ticket = job.ticket.0, "nobody on the ladder is free");
        desk.shared.health.nobody_free(&desk.mailbox.id);
    } else {
        info!(mailbox = %desk.mailbox.id, ticket = job.ticket.0, "goes to another rung");
    }
    Ok(true)
}
