//! Reading: windows from the source, and mails that somebody asked to read again.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{info, warn};

use super::Desk;
use crate::rim::backoff::{after_refusal, backoff};
use crate::seams::{Again, Cursor, Source, SourceError, TicketId, Wanted, Window};

/// How often to ask the store for mails to read again.
const LOOK_FOR_RETRIES: Duration = Duration::from_secs(1);
/// A mail that was handed on and is still to be read again after this long, is handed on anew.
const TRY_ANEW: Duration = Duration::from_secs(30);

/// Tickets whose mail somebody asked to read again.
type Retries = Vec<(TicketId, Wanted)>;

/// What reading hands on.
pub(super) enum Work {
    /// New mail, and whether there is more behind it.
    Window(Window, bool),
    /// What became of the mails of known tickets that were read again.
    Again(Vec<(TicketId, Again)>),
}

/// Reads until the stages end.
pub(super) async fn read(desk: Desk, source: Box<dyn Source>, to_judge: mpsc::Sender<Work>) {
    let (ask, asked) = mpsc::channel(1);
    tokio::select! {
        () = desk.stop.cancelled() => {}
        () = look_for_retries(&desk, ask) => {}
        () = read_windows(&desk, source, asked, to_judge) => {}
    }
}

async fn read_windows(
    desk: &Desk,
    mut source: Box<dyn Source>,
    mut asked: mpsc::Receiver<Retries>,
    to_judge: mpsc::Sender<Work>,
) {
    desk.caught_up.cancelled().await;
    let Some(mut cursor) = first_cursor(desk).await else { return };
    let mut attempt = 0;
    loop {
        let outcome = tokio::select! {
            window = source.next(cursor.clone()) => {
                window.map(|window| Work::Window(window, source.knows_of_more()))
            }
            Some(retries) = asked.recv() => again(source.as_mut(), retries).await,
        };
        match outcome {
            Ok(work) => {
                attempt = 0;
                desk.shared.health.polled(&desk.mailbox.id, desk.shared.clock.now());
                if let Work::Window(window, _) = &work {
                    if window.mails.is_empty() && window.upto == cursor {
                        continue;
                    }
                    cursor = window.upto.clone();
                }
                crate::killpoint::pass("read");
                // The receiver is gone only when the stages end.
                if to_judge.send(work).await.is_err() {
                    return;
                }
            }
            Err(failure) => {
                attempt += 1;
                let wait = patience(&failure, attempt);
                warn!(mailbox = %desk.mailbox.id, failure = %failure, wait = ?wait, "can't read");
                let (health, why) = (&desk.shared.health, failure.to_string());
                match failure {
                    SourceError::Refused(_) => health.refused(&desk.mailbox.id, &why),
                    SourceError::Transient(_)
                    | SourceError::Throttled { .. }
                    | SourceError::Misconfigured(_) => health.failed(&desk.mailbox.id, &why),
                }
                if !desk.pause(wait).await {
                    return;
                }
            }
        }
    }
}

/// Where reading begins: asked for until the store answers.
async fn first_cursor(desk: &Desk) -> Option<Cursor> {
    let mut attempt = 0;
    loop {
        match desk.shared.store.cursor(&desk.mailbox.id).await {
            Ok(cursor) => return Some(cursor),
            Err(failure) => {
                attempt += 1;
                warn!(mailbox = %desk.mailbox.id, failure = %failure, "the cursor can't be read");
                if !desk.pause(backoff(attempt)).await {
                    return None;
                }
            }
        }
    }
}

fn patience(failure: &SourceError, attempt: u32) -> Duration {
    match failure {
        SourceError::Transient(_) => backoff(attempt),
        SourceError::Throttled { after, .. } => *after,
        SourceError::Refused(_) | SourceError::Misconfigured(_) => after_refusal(attempt),
    }
}

/// Hands on the mails that somebody asked to read again. It looks for them beside the reading,
/// which may never rest for long enough.
async fn look_for_retries(desk: &Desk, ask: mpsc::Sender<Retries>) {
    let mut under_way: BTreeMap<TicketId, Instant> = BTreeMap::new();
    loop {
        tokio::time::sleep(LOOK_FOR_RETRIES).await;
        // The stages that write will report a store that is away; here it only means to ask again.
        let mut retries = desk.shared.store.retries(&desk.mailbox.id, 20).await.unwrap_or_default();
        under_way.retain(|ticket, since| {
            since.elapsed() < TRY_ANEW && retries.iter().any(|(listed, _)| listed == ticket)
        });
        retries.retain(|(ticket, _)| !under_way.contains_key(ticket));
        if retries.is_empty() {
            continue;
        }
        under_way.extend(retries.iter().map(|(ticket, _)| (*ticket, Instant::now())));
        if ask.send(retries).await.is_err() {
            return;
        }
    }
}

async fn again(source: &mut dyn Source, retries: Retries) -> Result<Work, SourceError> {
    let (tickets, wanted): (Vec<TicketId>, Vec<Wanted>) = retries.into_iter().unzip();
    let found = source.fetch(&wanted).await?;
    let there = found.iter().filter(|again| matches!(again, Again::There(_))).count();
    info!(source = %source.id(), asked = wanted.len(), found = there, "reading again");
    Ok(Work::Again(tickets.into_iter().zip(found).collect()))
}
