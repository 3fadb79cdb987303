//! The ladder once more, when a delivery starts: whoever became busy since the mail was decided
//! does not get it, and a thread whose holder went away is decided as a new mail is.
//!
//! Before a later attempt, only where it is certain that no earlier one did anything: a mail that
//! lies with somebody stays there.

use tracing::{info, warn};

use super::Desk;
use crate::classify::Scratch;
use crate::dictionary::TeamId;
use crate::directory::{Party, Present, Skipped};
use crate::mail::EmailAddress;
use crate::pipeline::{Rules, kept_case};
use crate::route::follow::Outcome;
use crate::route::{Decision, Reason, Ruling, climbed, rule};
use crate::seams::{
    Amendment, Delivery, Evidence, Happening, Job, POSTROOM, StoreError, TicketDetail,
};
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
        match reroute(desk, &present, &job).await {
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

/// Decides anew; `false` if that changes nothing.
async fn reroute(desk: &Desk, present: &Present, job: &Job) -> Result<bool, StoreError> {
    let store = &desk.shared.store;
    let rules = desk.shared.rules.borrow().clone();
    let detail = store.ticket(job.ticket).await?;
    let Some(person) = job.rung.clone() else { return Ok(false) };
    let again = if detail.ticket.decision.reason == Reason::FollowUp {
        without_thread(&rules, &detail, &person, present)
    } else {
        climbed_again(&rules, &detail, present)
    };
    let Some((decision, evidence, why)) = again else { return Ok(false) };
    let reason = decision.reason;
    let is = decision.target.clone();
    let amendment = Amendment {
        ticket: job.ticket,
        instead_of: detail.ticket.decision,
        customer: None,
        action: desk.mailbox.folders.action(&decision),
        decision,
        evidence: Some(evidence),
        by: POSTROOM.to_owned(),
    };
    let happened = Happening::BecameBusy { person, why };
    store.reroute(&desk.fence, job.id, (&happened, &amendment), present.now).await?;
    let moved = Moved { thread: job.ticket, to: &is, by: POSTROOM };
    desk.bring_along(moved, present.now).await;
    if reason == Reason::NobodyFree {
        warn!(mailbox = %desk.mailbox.id, ticket = job.ticket.0, "nobody on the ladder is free");
        desk.shared.health.nobody_free(&desk.mailbox.id);
    } else {
        info!(mailbox = %desk.mailbox.id, ticket = job.ticket.0, "goes to another rung");
    }
    Ok(true)
}

/// What the ladder says now.
fn climbed_again(
    rules: &Rules,
    detail: &TicketDetail,
    present: &Present,
) -> Option<(Decision, Evidence, Skipped)> {
    let (party, why) = rules.directory.climb_again(&detail.evidence.party, present)?;
    let Party::Registered { ladder, .. } = &party else { return None };
    let decision = climbed(ladder, &detail.evidence.signs)?;
    Some((decision, Evidence { party, ..detail.evidence.clone() }, why))
}

/// What becomes of a follow-up whose holder is away by now: what becomes of a new mail.
fn without_thread(
    rules: &Rules,
    detail: &TicketDetail,
    person: &EmailAddress,
    present: &Present,
) -> Option<(Decision, Evidence, Skipped)> {
    let why = rules.directory.away(person, present)?;
    let mut case = kept_case(detail)?;
    case.signs.thread.as_mut()?.outcome = Outcome::HolderBusy;
    if let Some(party) = rules.directory.climb_anew(&case.party, present) {
        case.party = party;
    }
    let threshold = |team: &TeamId| rules.policy.threshold_for(&rules.dictionaries, team);
    let Ruling { decision, verdict, threshold } =
        rule(&case, &rules.dictionaries, &rules.policy, &mut Scratch::default(), threshold);
    let (party, signs) = (case.party, case.signs);
    Some((decision, Evidence { party, signs, verdict, threshold, failure: None }, why))
}
