//! Further copies that are none: a mail that somebody put back where it came in.
//!
//! A program that moves a mail gives it a new name, so it looks like another copy of a known one. If
//! the first one is gone, it is the first one; and whoever put it back didn't want it where it was.
//! A mailbox that was given a new name in the configuration gives one to all of its mails.

use std::time::Duration;

use tracing::{info, warn};

use super::Desk;
use super::neighbours::First;
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

/// What is done about a further copy whose first one is not where it was.
#[derive(Clone, Copy)]
enum Return {
    /// Somebody put the mail back.
    PutBack,
    /// It lies where it lay; its mailbox has another name now.
    Renamed,
    /// The same, and its delivery is left to do.
    RenamedBeforeDelivery,
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
    let (mut known, mut asked) = (Vec::new(), Vec::new());
    for job in repeats {
        let Some(mut copy) = first.remove(&job.ticket) else {
            sorted.note(desk, &job, on_its_way(desk, &job).await);
            continue;
        };
        match desk.shared.neighbours.first(&copy.place, &job.place) {
            // What lies in another mailbox wasn't put back from there.
            First::Elsewhere => sorted.jobs.push(job),
            First::HereToo => {
                let why = "another mailbox knows this very mail, so it stays".to_owned();
                sorted.waiting.push((job.id, Outcome::GiveUp { why }));
            }
            First::HereRenamed => {
                let taken = take_back(desk, &job, Return::Renamed).await;
                sorted.note(desk, &job, taken.map_err(|failure| (failure.to_string(), LATER)));
            }
            is @ (First::InSight | First::PerhapsInSight) => {
                // A number of another account's is none of this one's; a file's name is unique.
                if is == First::PerhapsInSight && copy.place.epoch != 0 {
                    copy.place.name.clear();
                }
                known.push(copy);
                asked.push(job);
            }
        }
    }
    let there = delivery.there(&known).await;
    for (job, is_there) in asked.into_iter().zip(there) {
        let taken = match is_there {
            Some(true) => {
                sorted.jobs.push(job);
                continue;
            }
            Some(false) => {
                take_back(desk, &job, Return::PutBack).await.map_err(|it| it.to_string())
            }
            None => Err("its first copy can't be looked at".to_owned()),
        };
        sorted.note(desk, &job, taken.map_err(|why| (why, LATER)));
    }
    sorted
}

impl Sorted {
    /// What could not be done yet waits.
    fn note(&mut self, desk: &Desk, job: &Job, done: Result<(), (String, Duration)>) {
        let Err((why, after)) = done else { return };
        if after > SOON {
            warn!(mailbox = %desk.mailbox.id, ticket = job.ticket.0, why, "a copy waits");
        }
        self.waiting.push((job.id, Outcome::Wait { why, after }));
    }
}

/// A copy whose first one is about to be delivered waits for that, unless nobody is there to do it:
/// its mailbox has another name now.
async fn on_its_way(desk: &Desk, job: &Job) -> Result<(), (String, Duration)> {
    let failed = |failure: StoreError| (failure.to_string(), LATER);
    let detail = desk.shared.store.ticket(job.ticket).await.map_err(failed)?;
    if detail.places.first().is_some_and(|first| !desk.shared.neighbours.has(&first.source)) {
        return take_back(desk, job, Return::RenamedBeforeDelivery).await.map_err(failed);
    }
    Err(("its first copy is on its way".to_owned(), SOON))
}

/// The copy takes the place of the first one. What was decided about a mail that was put back was not
/// right; what is a question, or set aside, stays one.
async fn take_back(desk: &Desk, job: &Job, how: Return) -> Result<(), StoreError> {
    let store = &desk.shared.store;
    let current = store.ticket(job.ticket).await?.ticket.decision;
    let waits = matches!(current.target, Target::Assist | Target::SetAside);
    let decision = match how {
        Return::PutBack if !waits => {
            Some(Decision { target: Target::Assist, reason: Reason::CameBack })
        }
        Return::RenamedBeforeDelivery => Some(current.clone()),
        Return::PutBack | Return::Renamed => None,
    };
    let amendment = decision.map(|decision| Amendment {
        ticket: job.ticket,
        instead_of: current,
        customer: None,
        action: desk.mailbox.folders.action(&decision),
        decision,
        evidence: None,
        by: POSTROOM.to_owned(),
    });
    store.came_back(&desk.fence, job, amendment.as_ref(), desk.shared.clock.now()).await?;
    desk.outbox.notify_one();
    let (mailbox, ticket) = (&desk.mailbox.id, job.ticket.0);
    match how {
        Return::PutBack if waits => info!(%mailbox, ticket, "a question was put back"),
        Return::PutBack => warn!(%mailbox, ticket, "a mail was put back: asking a person"),
        Return::Renamed | Return::RenamedBeforeDelivery => {
            info!(%mailbox, ticket, "a mail is found again under the new name of its mailbox");
        }
    }
    Ok(())
}
