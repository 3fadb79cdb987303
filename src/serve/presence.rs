//! What is true just now: how much everybody has to do, what stands in their calendars, what the
//! directory service says. Found out here at the rim, and handed to the core with each mail.
//!
//! Three tasks keep it true. What can't be found out is as it was, and told of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};

use super::Shared;
use crate::classify::Scratch;
use crate::config::DirectorySettings;
use crate::directory::calendar::Busy;
use crate::directory::{Answer, Directory, Party, Present};
use crate::mail::EmailAddress;
use crate::mail::trust::Door;
use crate::pipeline::{Arrival, Judgement, Rules};
use crate::rim::directory::{Calendars, Service};
use crate::route::{Decision, Reason, Target};
use crate::seams::{POSTROOM, Store, StoreError, TicketFilter, TicketId};

/// How often tickets are counted. Those that this process decides meanwhile count at once.
const COUNT_EVERY: Duration = Duration::from_secs(10);
/// How long the start waits for calendars. Feeds that are slower are read a little later.
const FIRST_CALENDARS: Duration = Duration::from_secs(5);
/// How often it is looked whether mail that waits for the directory service can be decided.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// A mail is decided after so many answers, at the latest: each can name another address to ask.
const ROUNDS: usize = 4;

/// What is true just now. Shared by all tasks.
pub struct Presence {
    /// Whether anybody has a cap, so that tickets have to be counted.
    counting: AtomicBool,
    open: Mutex<Arc<BTreeMap<EmailAddress, u32>>>,
    absences: Mutex<Arc<BTreeMap<EmailAddress, Busy>>>,
    service: Option<Service>,
    /// Whether mail may wait for the service.
    waiting: AtomicBool,
}

/// Where and when mails are judged.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// What time it is.
    pub now: Timestamp,
    /// What is known of the server that received them.
    pub door: &'a Door,
    /// Where the directory service can be asked from.
    pub handle: &'a Handle,
}

impl Presence {
    /// Nothing is known yet.
    ///
    /// # Errors
    /// What stands in the way of asking the directory service at all.
    pub fn new(settings: &DirectorySettings) -> Result<Self, String> {
        Ok(Self {
            counting: AtomicBool::new(false),
            open: Mutex::default(),
            absences: Mutex::default(),
            service: settings
                .service
                .clone()
                .map(|service| Service::new(service, settings.rules.clone()))
                .transpose()?,
            waiting: AtomicBool::new(true),
        })
    }

    /// The present moment.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Present {
        Present {
            open: lock(&self.open).clone(),
            calendars: lock(&self.absences).clone(),
            ..Present::at(now)
        }
    }

    /// Counts everybody's open tickets anew, if anybody's number matters.
    pub async fn count(
        &self,
        directory: &Directory,
        store: &dyn Store,
        since: Timestamp,
    ) -> Result<(), StoreError> {
        let counting = directory.counts_tickets();
        self.counting.store(counting, Ordering::Relaxed);
        if counting {
            let open = store.open_tickets(since).await?;
            *lock(&self.open) = Arc::new(open);
        }
        Ok(())
    }

    /// Takes over what stands in calendars.
    pub fn look_into(&self, calendars: &Calendars) {
        *lock(&self.absences) = Arc::new(calendars.absences());
    }

    /// Judges mails together, each with its size, after asking the directory service about those
    /// whom only it may know. Takes no longer than the service may take, a few times at most.
    pub fn judge(
        &self,
        rules: &Rules,
        scratch: &mut Scratch,
        mails: &[(&[u8], u64)],
        Setting { now, door, handle }: Setting<'_>,
    ) -> Vec<Judgement> {
        let first = |(raw, size): &(&[u8], u64)| {
            let present = self.at(now);
            let arrival = Arrival { raw, size: *size, present: &present, door };
            let judgement = rules.judge(scratch, arrival);
            drop(present);
            self.took(&judgement.decision);
            judgement
        };
        let mut judged: Vec<Judgement> = mails.iter().map(first).collect();
        let Some(service) = &self.service else { return judged };
        let mut answers: BTreeMap<String, Answer> = BTreeMap::new();
        for _ in 0..ROUNDS {
            let asked = judged.iter().filter_map(Judgement::asks).map(str::to_owned);
            let new: BTreeSet<String> = asked.filter(|it| !answers.contains_key(it)).collect();
            if new.is_empty() {
                break;
            }
            answers.extend(handle.block_on(service.answers(new)));
            let known = Arc::new(answers.clone());
            let again = |(judgement, (raw, size)): (Judgement, &(&[u8], u64))| {
                if judgement.asks().is_none() {
                    return judgement;
                }
                let present = Present { answers: known.clone(), ..self.at(now) };
                let arrival = Arrival { raw, size: *size, present: &present, door };
                let judgement = rules.judge_answered(scratch, judgement, arrival);
                drop(present);
                self.took(&judgement.decision);
                judgement
            };
            judged = judged.into_iter().zip(mails).map(again).collect();
        }
        if judged.iter().any(|judgement| judgement.asks().is_some()) {
            self.waiting.store(true, Ordering::Relaxed);
        }
        judged
    }

    /// Who a sender is, after asking the directory service if need be.
    pub fn identify(
        &self,
        directory: &Directory,
        sender: &EmailAddress,
        (now, handle): (Timestamp, &Handle),
    ) -> Party {
        let present = self.at(now);
        let party = directory.identify(Some(sender), &present);
        match (&party, &self.service) {
            (Party::Unanswered { mailbox }, Some(service)) => {
                let answers = handle.block_on(service.answers(BTreeSet::from([mailbox.clone()])));
                let present = Present { answers: Arc::new(answers), ..present };
                directory.identify(Some(sender), &present)
            }
            _ => party,
        }
    }

    /// Takes note that a mail goes elsewhere than [`Presence::judge`] said: where its thread is, which
    /// is no new ticket for anybody.
    pub fn gave_back(&self, decision: &Decision) {
        if let Target::Person(person) = &decision.target
            && let Some(open) = Arc::make_mut(&mut lock(&self.open)).get_mut(person)
        {
            *open = open.saturating_sub(1);
        }
    }

    /// Takes note that somebody has a ticket more.
    fn took(&self, decision: &Decision) {
        if let Target::Person(person) = &decision.target
            && self.counting.load(Ordering::Relaxed)
        {
            *Arc::make_mut(&mut lock(&self.open)).entry(person.clone()).or_default() += 1;
        }
    }
}

/// Finds out what can be found out before the first mail.
pub(super) async fn first_look(settings: &DirectorySettings, shared: &Shared) -> Calendars {
    let directory = shared.rules.borrow().directory.clone();
    let now = shared.clock.now();
    count(settings, shared).await;
    let mut calendars = Calendars::new(settings.calendars.clone());
    if timeout(FIRST_CALENDARS, calendars.refresh(&directory, now)).await.is_err() {
        warn!("some calendars take long to read; until they are, only the people's file counts");
    }
    shared.presence.look_into(&calendars);
    calendars
}

/// Keeps the number of open tickets true.
pub(super) async fn keep_counting(settings: DirectorySettings, shared: Shared) {
    while pause(&shared, COUNT_EVERY).await {
        count(&settings, &shared).await;
    }
}

async fn count(settings: &DirectorySettings, shared: &Shared) {
    let directory = shared.rules.borrow().directory.clone();
    let now = shared.clock.now();
    let since = now.checked_sub(settings.open_for).unwrap_or(Timestamp::UNIX_EPOCH);
    let counted = shared.presence.count(&directory, shared.store.as_ref(), since).await;
    if let Err(failure) = counted {
        warn!(failure = %failure, "open tickets can't be counted; the last numbers stay");
    }
}

/// Keeps what stands in calendars true.
pub(super) async fn keep_calendars(every: Duration, mut calendars: Calendars, shared: Shared) {
    let mut failing = 0;
    let mut ticks = interval(every.max(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let troubles = calendars.troubles().count();
        if troubles != failing {
            // Not whose they are: `postroom directory lint` says that.
            match troubles {
                0 => info!("all calendars can be read again"),
                count => warn!(count, "calendars can't be read; they stay as they were"),
            }
            failing = troubles;
        }
        shared.health.calendars_failing(troubles);
        // Each counts as soon as it is read: one that hangs holds up no other.
        let changed = tokio::select! {
            () = shared.stop.cancelled() => return,
            Some(changed) = calendars.next() => changed,
            _ = ticks.tick() => {
                let directory = shared.rules.borrow().directory.clone();
                calendars.begin(&directory, shared.clock.now())
            }
        };
        if changed {
            shared.presence.look_into(&calendars);
        }
    }
}

/// Has mails read again that waited for the directory service, once it answers.
pub(super) async fn look_again(shared: Shared) {
    let Some(service) = &shared.presence.service else { return };
    // Those about whose sender it said nothing lately: they must not hold up the others.
    let mut silent = BTreeSet::new();
    while pause(&shared, LOOK_AGAIN).await {
        shared.health.directory_failing("service", service.failures() > 0);
        if service.is_away() || !shared.presence.waiting.swap(false, Ordering::Relaxed) {
            continue;
        }
        match ask_for_waiting(service, &mut silent, &shared).await {
            Ok(true) => {}
            Ok(false) => shared.presence.waiting.store(true, Ordering::Relaxed),
            Err(failure) => {
                shared.presence.waiting.store(true, Ordering::Relaxed);
                warn!(failure = %failure, "mail that waits can't be looked for");
            }
        }
    }
}

/// Asks for a retry of each mail about whose sender the service answers now; `false` if some are
/// left to wait.
async fn ask_for_waiting(
    service: &Service,
    silent: &mut BTreeSet<TicketId>,
    shared: &Shared,
) -> Result<bool, StoreError> {
    const PAGE: u32 = 500;
    let store = shared.store.as_ref();
    let (mut before, mut asked): (Option<TicketId>, u64) = (None, 0);
    loop {
        let filter = TicketFilter {
            target: Some(Target::Assist.name().to_owned()),
            reason: Some(Reason::DirectoryAway),
            before,
            limit: PAGE,
            ..TicketFilter::default()
        };
        let page = store.tickets(&filter).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        for ticket in page.iter().map(|ticket| ticket.id) {
            if silent.contains(&ticket) {
                continue;
            }
            let party = store.ticket(ticket).await?.evidence.party;
            let Party::Unanswered { mailbox } = party else { continue };
            let answers = service.answers(BTreeSet::from([mailbox])).await;
            if answers.values().any(|answer| *answer == Answer::Silence) {
                silent.insert(ticket);
                if service.is_away() {
                    return Ok(false);
                }
                continue;
            }
            store.ask_retry(ticket, POSTROOM, shared.clock.now()).await?;
            asked += 1;
        }
    }
    if asked > 0 {
        info!(count = asked, "the directory service answers; mail that waited is read again");
    }
    let all = silent.is_empty();
    silent.clear();
    Ok(all)
}

/// Waits; `false` when the service is to stop.
pub(super) async fn pause(shared: &Shared, time: Duration) -> bool {
    tokio::select! {
        () = shared.stop.cancelled() => false,
        () = sleep(time) => true,
    }
}

/// A lock that a panicked holder does not take from the others: what it guards is swapped whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
