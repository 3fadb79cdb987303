//! What is told of deliveries, to the log and to who asks for health. Neither may name people; the
//! ledger's events say all.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::{error, info, warn};

use super::Desk;
use crate::config::Folders;
use crate::rim::imap::encoded;
use crate::seams::{Action, Job, JobId, Outcome};

/// Tells how jobs went.
pub(super) fn tell(desk: &Desk, jobs: &[Job], results: Vec<(JobId, Outcome)>) {
    let mailbox = &desk.mailbox.id;
    let jobs: BTreeMap<JobId, &Job> = jobs.iter().map(|job| (job.id, job)).collect();
    let ticket = |id: &JobId| jobs.get(id).map_or(0, |job| job.ticket.0);
    let results: Vec<(JobId, Outcome)> = results
        .into_iter()
        .map(|(id, outcome)| match jobs.get(&id) {
            Some(job) => (id, in_public(&desk.mailbox.folders, job, outcome)),
            None => (id, outcome),
        })
        .collect();
    let mut done = 0_u64;
    // What holds up many at once is said once.
    let mut held_up: BTreeMap<&str, (u64, Duration)> = BTreeMap::new();
    for (id, outcome) in &results {
        match outcome {
            Outcome::Done { .. } => done += 1,
            Outcome::Retry { why, after } => {
                warn!(%mailbox, ticket = ticket(id), why, after = ?after, "not delivered yet");
            }
            Outcome::Wait { why, after } => {
                let (count, longest) = held_up.entry(why).or_default();
                (*count, *longest) = (*count + 1, (*longest).max(*after));
            }
            // A further copy is nobody's question.
            Outcome::Gone { why } | Outcome::GiveUp { why }
                if jobs.get(id).is_some_and(|job| job.is_repeat) =>
            {
                warn!(%mailbox, ticket = ticket(id), why, "a further copy can't be put away");
            }
            Outcome::Gone { why } => {
                warn!(%mailbox, ticket = ticket(id), why, "a mail that was to be delivered is gone");
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
    desk.shared.health.delivered(mailbox, &results, desk.shared.clock.now());
}

/// An outcome without the name of the person whose folder the mail goes to: it is made of their
/// address.
fn in_public(folders: &Folders, job: &Job, mut outcome: Outcome) -> Outcome {
    let owner = match &job.action {
        Action::Move { folder } => folders.owner(folder),
        Action::Mark { .. } => None,
    };
    if let Some(owner) = owner {
        match &mut outcome {
            Outcome::Done { .. } => {}
            Outcome::Retry { why, .. }
            | Outcome::Wait { why, .. }
            | Outcome::Gone { why }
            | Outcome::GiveUp { why } => {
                // A server quotes the name as it was sent.
                *why = why.replace(owner, "…").replace(&encoded(owner), "…");
            }
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::folders::Waiting;

    #[test]
    fn what_is_told_names_no_person() {
        let folders = Folders {
            person: "People/{address}/mail".to_owned(),
            assist: Waiting::Moves("People/unsure/mail".to_owned()),
            ..Folders::default()
        };
        let told = |folder: &str, why: &str| {
            let job = Job::sample(1, folder);
            let outcome = Outcome::Wait { why: why.to_owned(), after: Duration::ZERO };
            let told = in_public(&folders, &job, outcome);
            let Outcome::Wait { why, .. } = told else { panic!("{told:?}") };
            why
        };
        for (folder, why, expected) in [
            ("People/ann@a_b/mail", "no folder `People/ann@a_b/mail`", "no folder `People/…/mail`"),
            ("People/jörg@a_b/mail", "NO People.j&APY-rg@a_b.mail", "NO People.….mail"),
            (
                "People/unsure/mail",
                "no folder `People/unsure/mail`",
                "no folder `People/unsure/mail`",
            ),
            ("Teams/sales", "no folder `Teams/sales`", "no folder `Teams/sales`"),
        ] {
            assert_eq!(told(folder, why), expected);
        }
    }
}
