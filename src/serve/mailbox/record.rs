//! Judging and recording: from fetched bytes to committed tickets.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tracing::{debug, error, warn};

use super::Desk;
use super::found::{self, Rates};
use super::read::Work;
use crate::classify::Scratch;
use crate::pipeline::{self, Judgement};
use crate::rim::backoff::backoff;
use crate::route::{Decision, Reason, Target};
use crate::seams::{
    Again, Amendment, Cursor, Entry, Event, Evidence, Fetched, Happening, POSTROOM, Recorded,
    StoreError, TicketDetail, TicketId,
};
use crate::serve::along::Moved;
use crate::serve::presence::Setting;

/// A transaction takes what was read by then, up to about this many tickets: a flush to disk costs
/// the same for one and for all of them.
const BATCH: usize = 500;
/// And up to about this many bytes of text.
const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// While there is more to record, delivery is rung for after this many tickets: a server moves
/// many mails at once for little more than the price of one.
const RING_AFTER: usize = 1_000;
/// Or this long after the first of them.
const RING_WITHIN: Duration = Duration::from_millis(150);

/// Work that was judged.
pub(super) enum Judged {
    /// New mail.
    Batch(Batch),
    /// A mail of a known ticket that was read again, or why that couldn't be.
    Again(TicketId, Result<Box<Judgement>, String>),
}

/// New mail that is recorded together.
#[derive(Default)]
pub(super) struct Batch {
    entries: Vec<Entry>,
    /// The texts' bytes.
    bytes: usize,
    /// Where the cursor stands after it.
    upto: Cursor,
    /// Whether there is more behind it.
    more: bool,
}

/// Judges what was read, on a thread of its own since it computes all the time.
pub(super) async fn judge(
    desk: Desk,
    mut judging: mpsc::Receiver<Work>,
    to_record: mpsc::Sender<Judged>,
) {
    let (mailbox, stop) = (desk.mailbox.clone(), desk.stop.clone());
    let judged = tokio::task::spawn_blocking(move || {
        let mut scratch = Scratch::default();
        while let Some(work) = judging.blocking_recv() {
            if judge_what_is_there(&desk, &mut scratch, work, &mut judging, &to_record).is_err() {
                return;
            }
        }
    });
    // A mail that makes a stage panic is set aside; whatever else breaks, all stages begin anew.
    if judged.await.is_err() {
        error!(mailbox = %mailbox.id, "judging broke; beginning anew");
        stop.cancel();
    }
}

/// Judges a piece of work, and with it the windows that came meanwhile: while recording is busy,
/// what comes is gathered for one transaction, and nothing is held back to wait for more.
/// Fails when nobody waits for it any more.
fn judge_what_is_there(
    desk: &Desk,
    scratch: &mut Scratch,
    work: Work,
    judging: &mut mpsc::Receiver<Work>,
    to_record: &mpsc::Sender<Judged>,
) -> Result<(), SendError<Judged>> {
    let mut work = Some(work);
    let mut batch = None;
    while let Some(Work::Window(window, more)) = work {
        let batch = batch.get_or_insert_with(Batch::default);
        batch.more = more;
        batch.upto = window.upto;
        let judged = judge_mails(desk, scratch, &window.mails);
        for (judgement, fetched) in judged.into_iter().zip(&window.mails) {
            let entry = judgement.entry(fetched, &desk.mailbox.folders);
            batch.bytes += entry.mail.text.body.len();
            batch.entries.push(entry);
        }
        let full = batch.entries.len() >= BATCH || batch.bytes >= BATCH_BYTES;
        let stops = desk.stop.is_cancelled();
        work = if full || stops { None } else { judging.try_recv().ok() };
    }
    if let Some(batch) = batch {
        to_record.blocking_send(Judged::Batch(batch))?;
    }
    if let Some(Work::Again(mails)) = work {
        for (ticket, again) in mails {
            let judged = match again {
                Again::There(fetched) => {
                    let judged = judge_mails(desk, scratch, &[fetched]).pop();
                    judged.map(Box::new).ok_or_else(|| "it was not judged".to_owned())
                }
                Again::Gone => Err("the mail is no longer in its folder".to_owned()),
                Again::Withheld(why) => Err(format!("the mail can't be had: {why}")),
            };
            to_record.blocking_send(Judged::Again(ticket, judged))?;
        }
    }
    Ok(())
}

fn judge_mails(desk: &Desk, scratch: &mut Scratch, fetched: &[Fetched]) -> Vec<Judgement> {
    let rules = desk.shared.rules.borrow().clone();
    let mails: Vec<(&[u8], u64)> = fetched.iter().map(|it| (it.raw.as_slice(), it.size)).collect();
    let setting = Setting {
        now: desk.shared.clock.now(),
        door: &desk.mailbox.door,
        handle: &Handle::current(),
    };
    desk.shared.presence.judge(&rules, scratch, &mails, setting)
}

/// When delivery is rung for: at once for what comes alone, in batches while there is much.
#[derive(Default)]
struct Bell {
    tickets: usize,
    since: Option<Instant>,
}

impl Bell {
    /// Takes note of tickets that may have to be delivered.
    fn note(&mut self, tickets: usize, more: bool, outbox: &Notify) {
        self.tickets += tickets;
        self.since.get_or_insert_with(Instant::now);
        if !more || self.tickets >= RING_AFTER {
            self.ring(outbox);
        }
    }

    fn ring(&mut self, outbox: &Notify) {
        *self = Self::default();
        outbox.notify_one();
    }

    /// Waits until it is time to ring; for ever if nobody waits for it.
    async fn due(&self) {
        match self.since {
            Some(since) => tokio::time::sleep_until(since + RING_WITHIN).await,
            None => std::future::pending().await,
        }
    }
}

/// Records what was judged until the stages end.
pub(super) async fn record(desk: Desk, mut recording: mpsc::Receiver<Judged>) {
    let mut bell = Bell::default();
    let mut rates = Rates::default();
    loop {
        let judged = tokio::select! {
            () = desk.stop.cancelled() => return,
            () = bell.due() => {
                bell.ring(&desk.outbox);
                continue;
            }
            judged = recording.recv() => judged,
        };
        let done = match judged {
            None => return,
            Some(Judged::Batch(Batch { entries, upto, more, .. })) => {
                let count = entries.len();
                let done = record_threads(&desk, &mut rates, entries, upto).await;
                desk.more.store(more, Ordering::Relaxed);
                bell.note(count, more, &desk.outbox);
                done
            }
            Some(Judged::Again(ticket, judgement)) => {
                let done = decide_again(&desk, ticket, judgement).await;
                bell.ring(&desk.outbox);
                done
            }
        };
        if !done {
            desk.stop.cancel();
            return;
        }
    }
}

/// Records a batch whose mails may answer each other; `false` when the right to is lost.
async fn record_threads(
    desk: &Desk,
    rates: &mut Rates,
    mut entries: Vec<Entry>,
    upto: Cursor,
) -> bool {
    let now = desk.shared.clock.now();
    rates.limit(desk, &mut entries, now);
    loop {
        let rest = entries.split_off(found::independent(&entries));
        if !found::look_up(desk, &mut entries, now).await {
            return false;
        }
        // The cursor moves only with the last mail: what it passes is recorded.
        let upto = rest.is_empty().then(|| upto.clone());
        if !record_batch(desk, entries, upto).await {
            return false;
        }
        if rest.is_empty() {
            return true;
        }
        entries = rest;
    }
}

/// Records a batch, for as long as the store needs to take it; `false` when the right to is lost.
async fn record_batch(desk: &Desk, mut entries: Vec<Entry>, upto: Option<Cursor>) -> bool {
    let store = &desk.shared.store;
    let mut attempt = 0;
    loop {
        let now = desk.shared.clock.now();
        match store.record(&desk.fence, &entries, upto.clone(), now).await {
            Ok(recorded) => {
                note(desk, &entries, &recorded);
                return true;
            }
            Err(StoreError::Fenced(_)) => return false,
            // One entry that the store can't take must not hold up the others: they are recorded
            // one by one, and the one that fails is set aside with the failure named.
            Err(StoreError::Broken(why)) if !entries.is_empty() => {
                error!(mailbox = %desk.mailbox.id, why, "a batch can't be recorded");
                if attempt > 0 {
                    desk.shared.health.store_failed(&desk.mailbox.id, &why);
                }
                set_aside_misfits(desk, &mut entries).await;
            }
            Err(failure) => {
                warn!(mailbox = %desk.mailbox.id, failure = %failure, "can't record; trying again");
                desk.shared.health.store_failed(&desk.mailbox.id, &failure.to_string());
            }
        }
        attempt += 1;
        if attempt > 1 && !desk.pause(backoff(attempt - 1)).await {
            return false;
        }
    }
}

async fn record_alone(desk: &Desk, entry: &Entry) -> Result<Vec<Recorded>, StoreError> {
    let (alone, now) = (std::slice::from_ref(entry), desk.shared.clock.now());
    desk.shared.store.record(&desk.fence, alone, None, now).await
}

/// Replaces every entry that can't be recorded by one that says so. Those that can be are
/// recorded on the way; recording them again with the batch changes nothing.
///
/// A store that wouldn't take the replacement either is broken itself: then nothing is replaced any
/// more. It may be mended at any moment between two questions; so an entry is a misfit only when it
/// fails once more after the store would have taken its replacement.
async fn set_aside_misfits(desk: &Desk, entries: &mut [Entry]) {
    for entry in entries {
        let Err(failure) = record_alone(desk, entry).await else { continue };
        let StoreError::Broken(why) = failure else { return };
        let instead = misfit(entry, &why);
        let (alone, now) = (std::slice::from_ref(&instead), desk.shared.clock.now());
        if desk.shared.store.would_record(&desk.fence, alone, now).await.is_err() {
            return;
        }
        match record_alone(desk, entry).await {
            Ok(_) => {}
            Err(StoreError::Broken(_)) => *entry = instead,
            Err(_) => return,
        }
    }
}

/// What is recorded in place of an entry that the store can't take.
fn misfit(entry: &Entry, why: &str) -> Entry {
    let mut judgement = pipeline::failed(&[], entry.mail.size, why);
    judgement.mail.key = entry.mail.key;
    Entry {
        place: entry.place.clone(),
        mail: judgement.mail,
        received: entry.received,
        decision: judgement.decision,
        evidence: judgement.evidence,
        action: None,
        if_repeat: entry.if_repeat.clone(),
    }
}

fn note(desk: &Desk, entries: &[Entry], recorded: &[Recorded]) {
    desk.shared.health.recorded(&desk.mailbox.id, recorded);
    for (entry, recorded) in entries.iter().zip(recorded) {
        let Recorded::New(ticket) = recorded else { continue };
        let (target, reason) = (entry.decision.target.name(), entry.decision.reason.name());
        if entry.decision.target == Target::SetAside {
            warn!(mailbox = %desk.mailbox.id, ticket = ticket.0, reason, "a mail was set aside");
        } else if entry.decision.reason == Reason::NobodyFree {
            warn!(mailbox = %desk.mailbox.id, ticket = ticket.0, "nobody on the ladder is free");
            desk.shared.health.nobody_free(&desk.mailbox.id);
        } else if entry.decision.reason == Reason::DeliveryBounced {
            warn!(mailbox = %desk.mailbox.id, ticket = ticket.0, "a mail of our own bounced");
        } else {
            debug!(mailbox = %desk.mailbox.id, ticket = ticket.0, target, reason, "recorded");
        }
    }
}

/// Puts the new judgement of a known ticket in place; `false` when the right to is lost.
async fn decide_again(
    desk: &Desk,
    ticket: TicketId,
    judged: Result<Box<Judgement>, String>,
) -> bool {
    let judged = judged.as_deref().map_err(String::as_str);
    let mut attempt = 0;
    loop {
        match amend(desk, ticket, judged).await {
            Ok(()) => return true,
            Err(StoreError::Fenced(_)) => return false,
            Err(StoreError::Transient(why)) => {
                attempt += 1;
                warn!(ticket = ticket.0, why, "can't record; trying again");
                if !desk.pause(backoff(attempt)).await {
                    return false;
                }
            }
            Err(failure) => {
                warn!(ticket = ticket.0, failure = %failure, "the retry changed nothing");
                return true;
            }
        }
    }
}

/// Who asked last to read a ticket's mail again.
fn asked_by(detail: &TicketDetail) -> Option<&str> {
    detail.events.iter().rev().find_map(|event| {
        let Happening::RetryAsked { by } = &event.what else { return None };
        Some(by.as_str())
    })
}

/// The person who decided about a ticket since it was asked for.
fn decided_since(detail: &TicketDetail) -> Option<&str> {
    let asked = |event: &&Event| matches!(event.what, Happening::RetryAsked { .. });
    detail.events.iter().rev().take_while(|event| !asked(event)).find_map(|event| {
        let Happening::DecidedAgain { by, .. } = &event.what else { return None };
        Some(by.as_str()).filter(|by| *by != POSTROOM)
    })
}

/// What the new judgement makes of a ticket.
async fn anew(
    desk: &Desk,
    detail: &TicketDetail,
    judged: Result<&Judgement, &str>,
) -> Result<(Decision, Evidence), StoreError> {
    let judgement = match judged {
        Ok(judgement) => judgement,
        Err(why) => {
            let evidence = Evidence { failure: Some(why.to_owned()), ..detail.evidence.clone() };
            return Ok((Decision { target: Target::SetAside, reason: Reason::Failed }, evidence));
        }
    };
    let (mut decision, mut evidence) = (judgement.decision.clone(), judgement.evidence.clone());
    let at = detail.received.unwrap_or(detail.ticket.recorded);
    let of = (&mut decision, &mut evidence);
    found::look_up_again(desk, detail.ticket.id, &judgement.mail, of, at).await?;
    Ok((decision, evidence))
}

async fn amend(
    desk: &Desk,
    ticket: TicketId,
    judged: Result<&Judgement, &str>,
) -> Result<(), StoreError> {
    let store = &desk.shared.store;
    let detail = store.ticket(ticket).await?;
    let now = desk.shared.clock.now();
    // Between the asking and now a person may have decided: nobody asked to undo that.
    if let Some(by) = decided_since(&detail) {
        return store.retry_failed(ticket, &format!("{by} decided about it first"), now).await;
    }
    let waits = detail.ticket.decision.reason == Reason::DirectoryAway;
    if !waits && asked_by(&detail) == Some(POSTROOM) {
        return store.retry_done(ticket).await;
    }
    // Somebody may have moved it: that says nothing against what was decided, and a question stays
    // one.
    let is_aside = detail.ticket.decision.target == Target::SetAside;
    if let Err(why) = judged
        && !waits
        && !is_aside
    {
        warn!(%ticket, why, "the mail can't be read again, so what was decided about it stays");
        return store.retry_failed(ticket, why, now).await;
    }
    let (decision, evidence) = anew(desk, &detail, judged).await?;
    let is = decision.target.clone();
    let amendment = Amendment {
        ticket,
        instead_of: detail.ticket.decision,
        customer: None,
        action: desk.mailbox.folders.action(&decision),
        decision,
        evidence: Some(evidence),
        by: POSTROOM.to_owned(),
    };
    match store.amend(&amendment, now).await {
        Ok(()) => store.retry_done(ticket).await?,
        Err(failure @ StoreError::Transient(_)) => return Err(failure),
        // Also a refused change ends the retry: asking again is a click away.
        Err(failure) => {
            store.retry_failed(ticket, &failure.to_string(), now).await?;
            return Err(failure);
        }
    }
    let moved = Moved { thread: ticket, to: &is, by: POSTROOM };
    desk.bring_along(moved, now).await;
    Ok(())
}
