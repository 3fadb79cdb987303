//! The service: wiring, and an end that leaves nothing half done.
//!
//! Each mailbox has an [`attend`](mailbox) task; one task reloads the rules; one looks for questions
//! that wait too long; one serves health and metrics. All of them end on one cancellation token.

mod mailbox;
pub mod along;
mod door;
pub mod folders;
pub mod presence;
mod questions;
pub mod rules;
pub mod teams;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::assist::rota::Rota;
use crate::config::{Access, Config, Mailbox};
use crate::diagnostic::Diagnostic;
use crate::mail::mark::Marks;
use crate::rim::backoff::backoff;
use crate::rim::health::Health;
use crate::rim::imap::{Account, ImapDelivery, ImapSource, Tokens};
use crate::rim::maildir::{MaildirDelivery, MaildirSource};
use crate::rim::{self, clock::SystemClock};
use crate::seams::{Clock, Delivery, Source, Store, StoreError};
use door::Door;
use mailbox::neighbours::Neighbours;
use presence::Presence;
use rules::LiveRules;

/// Why the service could not start.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The dictionaries, the directory or the rota have errors, and there is no earlier version to
    /// keep.
    #[error("the dictionaries, the directory or the rota have errors")]
    Rules(Vec<Diagnostic>),
    /// The directory service can't be asked.
    #[error("the directory service can't be asked: {0}")]
    Directory(String),
    /// The store can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address to listen on can't be had.
    #[error("can't listen on `{address}`; `listen` below `[web]` says where")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A service that was set up and runs until it is stopped.
pub struct Service {
    /// The address that health and metrics are served at, if any.
    pub address: Option<SocketAddr>,
    health: Arc<Health>,
    rules: watch::Receiver<Arc<crate::pipeline::Rules>>,
    stop: CancellationToken,
    tokens: Arc<Tokens>,
    tasks: JoinSet<()>,
}

/// What all tasks share.
#[derive(Clone)]
struct Shared {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rules: watch::Receiver<Arc<crate::pipeline::Rules>>,
    rota: watch::Receiver<Option<Arc<Rota>>>,
    health: Arc<Health>,
    presence: Arc<Presence>,
    stop: CancellationToken,
    tokens: Arc<Tokens>,
    neighbours: Arc<Neighbours>,
    /// What names this run as the holder of a lease.
    holder: String,
}

impl Service {
    /// Opens the store, loads the rules and starts every task.
    ///
    /// # Errors
    /// [`ServeError`] when the service can't start as configured; nothing was begun then.
    pub async fn start(config: Config) -> Result<Self, ServeError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let health = Arc::new(Health::new(&config));
        let stop = CancellationToken::new();
        let door = config.listen.map(Door::open).transpose()?;
        let live = first_rules(&config, door.as_ref(), (&health, &clock)).await?;
        let store = rim::store::open(&config.store).await?;
        let holder = format!("{}-{}", std::process::id(), clock.now().as_nanosecond());
        stand_alone(&config, store.as_ref(), &holder, clock.now()).await?;
        let marks = Marks::new(store.mark_key().await?);
        let rules = live.subscribe();
        let first = rules.borrow().clone();
        keep_dictionaries(store.as_ref(), &first, clock.now()).await?;
        let presence = Presence::new(&config.directory).map_err(ServeError::Directory)?;
        let shared = Shared {
            store,
            clock,
            rules: rules.clone(),
            rota: live.subscribe_rota(),
            health: health.clone(),
            presence: Arc::new(presence),
            stop: stop.clone(),
            tokens: Arc::default(),
            neighbours: Arc::new(Neighbours::new(&config.mailboxes)),
            holder,
        };
        tell_of_unnamed(&shared).await?;
        let tokens = shared.tokens.clone();
        let calendars = presence::first_look(&config.directory, &shared).await;

        let mut tasks = JoinSet::new();
        let address = door.as_ref().map(Door::address);
        if let Some(door) = &door {
            let Shared { store, health, clock, .. } = shared.clone();
            tasks.spawn(door.serve(rim::web::router(Some(store), health, clock), stop.clone())?);
        }
        tasks.spawn(live.reload(config.clone(), shared.clone()));
        tasks.spawn(presence::keep_counting(config.directory.clone(), shared.clone()));
        tasks.spawn(presence::keep_calendars(config.reload_every, calendars, shared.clone()));
        tasks.spawn(presence::look_again(shared.clone()));
        tasks.spawn(questions::keep_watch(config.assist.overdue, shared.clone()));
        if let Some(keep) = config.keep_text {
            tasks.spawn(forget_texts(shared.clone(), keep));
        }
        for mut mailbox in config.mailboxes {
            mailbox.door.marks = marks.clone();
            tasks.spawn(attend(mailbox, shared.clone()));
        }
        Ok(Self { address, health, rules, stop, tokens, tasks })
    }

    /// How many mails were recorded since the start, further copies and known ones among them.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.health.recorded_so_far()
    }

    /// The rules as they are now and will be.
    #[must_use]
    pub fn rules(&self) -> watch::Receiver<Arc<crate::pipeline::Rules>> {
        self.rules.clone()
    }

    /// The token that ends the service.
    #[must_use]
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Stops taking mail, lets what is under way finish, and returns when all tasks have ended.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(failure) = ended {
                error!(failure = %failure, "a task did not end well");
            }
        }
        // A refresh token that is being rotated is kept first: the old one is dead.
        self.tokens.settled().await;
        info!("stopped");
    }
}

/// The two halves of a mailbox, as its settings say.
fn open_mailbox(mailbox: &Mailbox, tokens: &Arc<Tokens>) -> (Box<dyn Source>, Box<dyn Delivery>) {
    match &mailbox.access {
        Access::Imap(settings) => {
            let account = Account::sharing(settings.clone(), tokens.clone());
            (
                Box::new(ImapSource::new(mailbox, account.clone())),
                Box::new(ImapDelivery::new(mailbox, account)),
            )
        }
        Access::Maildir(path) => (
            Box::new(MaildirSource::new(
                mailbox.id.clone(),
                path.clone(),
                mailbox.inbox.clone(),
                mailbox.fetch_limit,
                mailbox.poll_every,
            )),
            Box::new(MaildirDelivery::new(path.clone(), mailbox.create_folders)),
        ),
    }
}

/// Loads the rules for the first time. While nothing is wrong but that the directory's database
/// can't be read, it is asked again, for as long as it takes: whoever starts us anew during an
/// outage has mail sorted as soon as it is over. Health says so meanwhile.
async fn first_rules(
    config: &Config,
    door: Option<&Door>,
    (health, clock): (&Arc<Health>, &Arc<dyn Clock>),
) -> Result<LiveRules, ServeError> {
    let mut pages = None;
    let mut attempt = 0;
    loop {
        let reading = config.clone();
        // On another thread, so that a signal ends the wait for a database that doesn't answer.
        let loaded = tokio::task::spawn_blocking(move || LiveRules::load(&reading)).await;
        let findings = match loaded {
            Ok(Ok(live)) => {
                health.rules_loaded(live.subscribe().borrow().dictionaries.version());
                health.directory_failing("database", false);
                return Ok(live);
            }
            Ok(Err(findings)) => findings,
            Err(failure) => {
                let message = format!("reading the files failed: {failure}");
                vec![Diagnostic::error(&config.file, "failed", message)]
            }
        };
        let Some(why) = rules::only_away(&findings) else {
            return Err(ServeError::Rules(findings));
        };
        attempt += 1;
        let wait = backoff(attempt);
        warn!(why, ?wait, "the start waits for the directory's database");
        health.held_up(format!("the start waits for the directory: {why}"));
        health.directory_failing("database", true);
        if let (Some(door), None) = (door, &pages) {
            let ended = CancellationToken::new();
            let router = rim::web::router(None, health.clone(), clock.clone());
            tokio::spawn(door.serve(router, ended.clone())?);
            pages = Some(ended.drop_guard());
        }
        tokio::time::sleep(wait).await;
    }
}

/// Refuses to start beside another process on an embedded store: both would serve it by turns.
/// Where replicas may share the store, this one stands by until a mailbox is free.
async fn stand_alone(
    config: &Config,
    store: &dyn Store,
    holder: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    for mailbox in &config.mailboxes {
        let lease = store.lease(&mailbox.id, holder, now, mailbox::LEASE).await;
        if let Err(failure @ StoreError::Broken(_)) = lease {
            return Err(failure);
        }
    }
    Ok(())
}

/// Tells of what waits in mailboxes that the configuration doesn't name: nobody delivers it, and no
/// answer moves it.
async fn tell_of_unnamed(shared: &Shared) -> Result<(), StoreError> {
    for (mailbox, tickets) in shared.store.unsettled().await? {
        if !shared.neighbours.has(&mailbox) {
            warn!(%mailbox, tickets, "mails wait in a mailbox that the configuration doesn't name; if it has another name now, they are found again under that, otherwise name it to have them answered and delivered");
        }
    }
    Ok(())
}

/// Attends to a mailbox until the service stops, also after a panic in the midst of it.
async fn attend(mailbox: Mailbox, mut shared: Shared) {
    let holder = shared.holder.clone();
    let mut attempt = 0;
    loop {
        let ended = tokio::spawn(mailbox::attend(mailbox.clone(), shared.clone())).await;
        let Err(failure) = ended else { return };
        attempt += 1;
        error!(mailbox = %mailbox.id, panicked = failure.is_panic(), "a task broke; beginning anew");
        shared.health.failed(&mailbox.id, "a task broke");
        // As another holder: what the broken one had claimed is claimed again then.
        shared.holder = format!("{holder}-{attempt}");
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(backoff(attempt)) => {}
        }
    }
}

/// Keeps the files of the live dictionaries in the store, so that decisions can be replayed.
async fn keep_dictionaries(
    store: &dyn Store,
    rules: &crate::pipeline::Rules,
    now: Timestamp,
) -> Result<(), StoreError> {
    store.keep_dictionaries(rules.dictionaries.version(), &rules.sources, now).await
}

/// Blanks old texts, once an hour.
async fn forget_texts(shared: Shared, keep: Duration) {
    loop {
        let before = shared.clock.now().checked_sub(keep);
        match before {
            Ok(before) => match shared.store.forget_texts(before).await {
                Ok(0) => {}
                Ok(count) => info!(count, "blanked texts whose retention time is over"),
                Err(failure) => warn!(failure = %failure, "could not blank old texts"),
            },
            Err(failure) => warn!(failure = %failure, "the retention time can't be used"),
        }
        tokio::select! {
            () = shared.stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_hours(1)) => {}
        }
    }
}
