//! The outbox: claiming jobs, and recording how they went.

use std::collections::{BTreeMap, BTreeSet};

use std::time::Duration;

use jiff::Timestamp;

use super::change::FIRST_COPY;
use super::database::{Change, Lock, Row, Transaction, Value};
use super::rows::{self, ADD_DECISIONS, ADD_EVENTS};
use crate::mail::EmailAddress;
use crate::route::{Decision, Reason, Target};
use crate::seams::{
    Action, Fence, Happening, Job, JobId, Outcome, POSTROOM, Place, StoreError, TicketId,
};

/// A job that its own claimer has not settled for this long was lost on the way, for instance
/// because the answer to a claim was: it is due again. Longer than any delivery takes.
const CLAIM_LAPSES_MS: i64 = 15 * 60 * 1000;

/// A job that is due further ahead than this waits by a clock that was wrong: it is due. Longer than
/// anything waits.
const FAR_AHEAD_MS: i64 = 60 * 60 * 1000;

/// The jobs that are due, and what is to be known of each.
pub(super) const CLAIM: &str = "SELECT places.source, places.folder, places.epoch, places.name, \
         jobs.id, jobs.ticket, jobs.action, jobs.attempt, tickets.key, tickets.size, \
         tickets.target, tickets.addressee, tickets.reason, \
         CAST(CASE WHEN jobs.revision = tickets.revision THEN 1 ELSE 0 END AS BIGINT), \
         jobs.copy, tickets.message_id \
     FROM jobs \
     JOIN places ON places.ticket = jobs.ticket AND places.copy = jobs.copy \
     JOIN tickets ON tickets.id = jobs.ticket \
     WHERE jobs.source = $1 AND jobs.state IN ('waiting', 'claimed') \
         AND ((jobs.state = 'waiting' AND (jobs.due <= $2 OR jobs.due > $6)) \
             OR (jobs.state = 'claimed' AND (jobs.fence <> $3 OR jobs.claimed <= $4))) \
     ORDER BY jobs.id LIMIT $5";

/// Claims jobs that are due, oldest first.
pub(super) async fn claim(
    tx: &mut Transaction,
    fence: &Fence,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<Job>, StoreError> {
    let now = now.as_millisecond();
    let found = tx
        .locked(
            CLAIM,
            vec![
                fence.source.0.as_str().into(),
                now.into(),
                fence.number.into(),
                now.saturating_sub(CLAIM_LAPSES_MS).into(),
                limit.into(),
                now.saturating_add(FAR_AHEAD_MS).into(),
            ],
            Lock::FreeJobs,
        )
        .await?;
    let jobs: Vec<Job> = found
        .iter()
        .map(|row| {
            Ok(Job {
                id: JobId(row.int(4)?),
                ticket: TicketId(row.int(5)?),
                place: rows::place(row, 0)?,
                key: rows::key(&row.bytes(8)?)?,
                size: row.int(9)?.unsigned_abs(),
                action: rows::from_json(&row.text(6)?, "action")?,
                message_id: row.maybe_text(15)?,
                is_repeat: row.int(14)? != FIRST_COPY,
                rung: rung(row)?,
                attempt: rows::narrow(row.int(7)?)?.saturating_add(1),
            })
        })
        .collect::<Result<_, StoreError>>()?;
    tx.each(
        "WITH v (id, fence, now) AS (",
        jobs.iter().map(|job| [job.id.0.into(), fence.number.into(), now.into()]).collect(),
        ") UPDATE jobs SET state = 'claimed', attempt = jobs.attempt + 1, fence = v.fence, \
             claimed = v.now FROM v WHERE jobs.id = v.id",
    )
    .await?;
    Ok(jobs)
}

/// Who gets a job's mail, if that is the current decision and rests on who is there.
fn rung(row: &Row) -> Result<Option<EmailAddress>, StoreError> {
    let decision = rows::decision(row, 10)?;
    let climbed = matches!(
        decision.reason,
        Reason::AccountManager | Reason::Manager | Reason::Forwarded | Reason::FollowUp
    );
    let current = row.int(13)? == 1;
    let Target::Person(person) = decision.target else { return Ok(None) };
    Ok((climbed && current).then_some(person))
}

/// A job as it stands when its outcome comes.
struct Open {
    ticket: TicketId,
    copy: i64,
    action: Action,
    attempt: u32,
    /// Whether it is under way for whoever brings the outcome. If not, it went back to waiting
    /// when its mailbox was renumbered.
    under_way: bool,
}

/// Records how jobs went. The outcome of a job that is no longer open changes nothing.
pub(super) async fn settle(
    tx: &mut Transaction,
    fence: &Fence,
    results: &[(JobId, Outcome)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut open = open_jobs(tx, fence, results).await?;
    let gone = results.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Gone { .. }));
    let gone = gone.filter_map(|(id, _)| Some(open.get(id)?.ticket)).collect();
    let known_gone = known_gone(tx, gone).await?;
    let mut settled = Settled { now, known_gone, ..Settled::default() };
    for (id, outcome) in results {
        // Taken out, so that a job that is named twice is settled once.
        if let Some(job) = open.remove(id) {
            settled.take(*id, &job, outcome)?;
        }
    }
    settled.write(tx).await
}

async fn open_jobs(
    tx: &mut Transaction,
    fence: &Fence,
    results: &[(JobId, Outcome)],
) -> Result<BTreeMap<JobId, Open>, StoreError> {
    let rows = tx
        .each_locked(
            "SELECT id, ticket, copy, action, attempt, state, fence, source FROM jobs WHERE id IN (",
            results.iter().map(|(id, _)| [id.0.into()]).collect(),
            ") AND state IN ('waiting', 'claimed') ORDER BY id",
            Lock::Update,
        )
        .await?;
    let mut open = BTreeMap::new();
    for row in rows {
        let theirs = row.text(7)? == fence.source.0;
        let number = row.maybe_int(6)?;
        let claimed = row.text(5)? == "claimed";
        // What another holder claimed since is theirs to settle.
        if theirs && (!claimed || number == Some(fence.number)) {
            let job = Open {
                ticket: TicketId(row.int(1)?),
                copy: row.int(2)?,
                action: rows::from_json(&row.text(3)?, "action")?,
                attempt: rows::narrow(row.int(4)?)?,
                under_way: claimed,
            };
            open.insert(JobId(row.int(0)?), job);
        }
    }
    Ok(open)
}

/// Which of these tickets were answered by a person who knew that their mail is gone.
async fn known_gone(
    tx: &mut Transaction,
    tickets: BTreeSet<TicketId>,
) -> Result<BTreeSet<TicketId>, StoreError> {
    let [.., answered] = rows::decision_columns(&question(Reason::Answered));
    let [.., gone] = rows::decision_columns(&question(Reason::MailGone));
    let line = |ticket: &TicketId| [ticket.0.into(), answered.clone(), gone.clone()];
    let known = tx
        .each(
            "WITH v (ticket, answered, gone) AS (",
            tickets.iter().map(line).collect(),
            ") SELECT tickets.id FROM v JOIN tickets ON tickets.id = v.ticket \
             WHERE tickets.reason = v.answered AND EXISTS (SELECT 1 FROM decisions \
                 WHERE decisions.ticket = v.ticket AND decisions.reason = v.gone)",
        )
        .await?;
    known.iter().map(|row| Ok(TicketId(row.int(0)?))).collect()
}

/// What is to be written once all outcomes are gone through.
#[derive(Default)]
struct Settled {
    now: Timestamp,
    known_gone: BTreeSet<TicketId>,
    states: Vec<[Value; 4]>,
    moved: Vec<[Value; 6]>,
    moved_to: BTreeSet<Place>,
    given_up: BTreeMap<TicketId, Reason>,
    events: Vec<[Value; 3]>,
}

impl Settled {
    fn take(&mut self, id: JobId, job: &Open, outcome: &Outcome) -> Result<(), StoreError> {
        let now = self.now.as_millisecond();
        match outcome {
            Outcome::Done { place, proof } => {
                self.state(id, "done", now, 0);
                if let Some(place) = place {
                    self.moved(job, place);
                }
                let action = job.action.clone();
                self.event(job, &Happening::Delivered { action, proof: *proof })
            }
            // It waits already, for its mail under the new number.
            Outcome::Retry { .. }
            | Outcome::Wait { .. }
            | Outcome::Gone { .. }
            | Outcome::GiveUp { .. }
                if !job.under_way =>
            {
                Ok(())
            }
            // The claim counted a try that wasn't one. In a long outage, an event for each would
            // bury what happened.
            Outcome::Wait { after, .. } => {
                self.state(id, "waiting", later(now, *after), 1);
                Ok(())
            }
            Outcome::Retry { why, after } => {
                self.state(id, "waiting", later(now, *after), 0);
                let why = why.clone();
                self.event(job, &Happening::DeliveryFailed { why, attempt: job.attempt })
            }
            // Asked once more, they could only answer the same.
            Outcome::Gone { why } if self.known_gone.contains(&job.ticket) => {
                self.state(id, "failed", now, 0);
                let why = format!("{why}, as was known when it was answered");
                self.event(job, &Happening::DeliveryGivenUp { why })
            }
            Outcome::Gone { why } => self.give_up(id, job, why, Reason::MailGone),
            Outcome::GiveUp { why } => self.give_up(id, job, why, Reason::Undeliverable),
        }
    }

    fn give_up(
        &mut self,
        id: JobId,
        job: &Open,
        why: &str,
        reason: Reason,
    ) -> Result<(), StoreError> {
        self.state(id, "failed", self.now.as_millisecond(), 0);
        self.event(job, &Happening::DeliveryGivenUp { why: why.to_owned() })?;
        // A further copy that can't be put away says nothing against the decision.
        if job.copy != FIRST_COPY {
            return Ok(());
        }
        self.given_up.insert(job.ticket, reason);
        let by = POSTROOM.to_owned();
        self.event(job, &Happening::DecidedAgain { decision: question(reason), by })
    }

    fn state(&mut self, id: JobId, state: &str, due: i64, untried: i64) {
        self.states.push([id.0.into(), state.into(), due.into(), untried.into()]);
    }

    fn moved(&mut self, job: &Open, place: &Place) {
        let [source, folder, epoch, name] = rows::place_columns(place);
        // Two copies of a mail can end up as one, when the second is found already there. The
        // name belongs to the first then.
        let free = self.moved_to.insert(place.clone());
        let name = if free { name } else { "".into() };
        self.moved.push([job.ticket.0.into(), job.copy.into(), source, folder, epoch, name]);
    }

    fn event(&mut self, job: &Open, what: &Happening) -> Result<(), StoreError> {
        self.events.push(rows::event(job.ticket, self.now, what)?);
        Ok(())
    }

    async fn write(self, tx: &mut Transaction) -> Result<(), StoreError> {
        give_up(tx, &self.given_up, self.now).await?;
        tx.change([
            Change::new(
                "WITH v (id, state, due, untried) AS (",
                self.states,
                ") UPDATE jobs SET state = v.state, due = v.due, fence = NULL, claimed = NULL, \
                     attempt = attempt - v.untried \
                 FROM v WHERE jobs.id = v.id",
            ),
            Change::new(
                "WITH v (ticket, copy, source, folder, epoch, name) AS (",
                self.moved,
                ") UPDATE places SET source = v.source, folder = v.folder, epoch = v.epoch, \
                     name = CASE WHEN EXISTS (SELECT 1 FROM places AS other \
                         WHERE other.source = v.source AND other.folder = v.folder \
                         AND other.epoch = v.epoch AND other.name = v.name AND other.name <> '' \
                         AND NOT (other.ticket = v.ticket AND other.copy = v.copy)) \
                     THEN '' ELSE v.name END \
                 FROM v WHERE places.ticket = v.ticket AND places.copy = v.copy",
            ),
            Change::new(ADD_EVENTS, self.events, ""),
        ])
        .await
    }
}

fn later(now: i64, after: Duration) -> i64 {
    now.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX))
}

/// What becomes of a mail that can't be delivered.
fn question(reason: Reason) -> Decision {
    Decision { target: Target::Assist, reason }
}

/// Makes assist questions of tickets. The evidence stays that of the decision before.
async fn give_up(
    tx: &mut Transaction,
    tickets: &BTreeMap<TicketId, Reason>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let made: Value = now.as_millisecond().into();
    let line = |(ticket, reason): (&TicketId, &Reason)| {
        let [target, addressee, reason] = rows::decision_columns(&question(*reason));
        [ticket.0.into(), target, addressee, reason, made.clone()]
    };
    let revisions = tx
        .each(
            "WITH v (ticket, target, addressee, reason, made) AS (",
            tickets.iter().map(line).collect(),
            ") UPDATE tickets SET target = v.target, addressee = v.addressee, \
                 reason = v.reason, revision = tickets.revision + 1, \
                 waits_since = COALESCE(tickets.waits_since, v.made) \
             FROM v WHERE tickets.id = v.ticket \
             RETURNING tickets.id, tickets.revision, tickets.target, tickets.addressee, \
                 tickets.reason",
        )
        .await?;
    let decisions = revisions
        .iter()
        .map(|row| {
            Ok([
                row.int(0)?.into(),
                row.int(1)?.into(),
                row.text(2)?.as_str().into(),
                row.maybe_text(3)?.as_deref().into(),
                row.text(4)?.as_str().into(),
                Value::Text(None),
                POSTROOM.into(),
                made.clone(),
            ])
        })
        .collect::<Result<_, StoreError>>()?;
    tx.each(ADD_DECISIONS, decisions, "").await.map(|_| ())
}
