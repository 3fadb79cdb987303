//! The live rules and the live rota: loaded at the start, swapped when a file changes, kept when an
//! edit is bad.

use std::sync::Arc;

use tokio::sync::{Notify, watch};
use tracing::{error, info, warn};

use super::{Shared, teams};
use crate::assist::rota::Rota;
use crate::config::{AssistSettings, Config, SqlSettings};
use crate::diagnostic::{Diagnostic, Severity};
use crate::dictionary::Dictionaries;
use crate::directory::{Directory, DirectoryFiles, SourceText};
use crate::pipeline::Rules;
use crate::rim::backoff::backoff;
use crate::rim::directory::{AWAY, Tables, read_tables};
use crate::rim::watch::{
    Fingerprint, Found, LastRead, Watched, lying_in, read_dictionaries, read_directory_files,
    read_rota, watch as watch_files, with_tables,
};
use crate::seams::StoreError;

/// Rules that follow their files.
pub struct LiveRules {
    sender: watch::Sender<Arc<Rules>>,
    rota: watch::Sender<Option<Arc<Rota>>>,
    last_read: [LastRead; 4],
}

/// What a load found in the dictionaries, the directory's files, its database and the rota.
type Read = [Found; 4];

/// Rules that were just built from their files.
pub struct Loaded {
    /// The rules.
    pub rules: Rules,
    /// Who answers questions, if anybody was named.
    pub rota: Option<Rota>,
    /// What could be better in the files.
    pub warnings: Vec<Diagnostic>,
}

/// What became of rules that were offered.
#[derive(Debug)]
pub enum Offered {
    /// They are live; their files could be better here.
    Live(Vec<Diagnostic>),
    /// Their files could not be kept.
    NotKept(StoreError),
    /// There is an error in a file.
    Refused(Vec<Diagnostic>),
}

/// Reads all files and builds the rules.
///
/// # Errors
/// Everything that is wrong with any of the files, at once, and the warnings among it.
pub fn load(config: &Config) -> Result<Loaded, Vec<Diagnostic>> {
    load_beside(config, None).0
}

/// The same for who only judges mail: a mistake in the rota is no hindrance to that.
///
/// # Errors
/// Everything that is wrong with any of the other files.
pub fn load_rules(config: &Config) -> Result<Rules, Vec<Diagnostic>> {
    let config = Config { assist: AssistSettings::default(), ..config.clone() };
    load(&config).map(|loaded| loaded.rules)
}

fn load_beside(
    config: &Config,
    kept: Option<&Arc<Directory>>,
) -> (Result<Loaded, Vec<Diagnostic>>, Read) {
    let sources = read_dictionaries(&config.dictionaries);
    let files = read_directory_files(&config.directory);
    let sql = config.directory.sql.as_ref();
    let tables = sql.map_or_else(|| Ok(Tables::default()), read_tables);
    let joiners = config.assist.rota.as_deref().map(read_rota).transpose();
    let read = [
        sources.as_ref().map(Fingerprint::of_dictionaries).map_err(Clone::clone),
        files.as_ref().map(Fingerprint::of_directory).map_err(Clone::clone),
        tables.as_ref().map(fingerprint).map_err(Clone::clone),
        joiners.as_ref().map(Fingerprint::of_texts).map_err(Clone::clone),
    ];
    let mut findings = Vec::new();
    let dictionaries = sources.and_then(|sources| {
        let placed = |findings| lying_in(&config.dictionaries, findings);
        let (dictionaries, warnings) = Dictionaries::build(&sources).map_err(placed)?;
        findings.extend(placed(warnings));
        Ok((dictionaries, sources))
    });
    let directory = build_directory(config, kept, files, tables, &mut findings);
    let beside = directory.as_deref().ok();
    let rota = joiners.and_then(|joiners| build_rota(config, joiners.as_ref(), beside));
    let loaded = match (dictionaries, directory, rota) {
        (Ok((dictionaries, sources)), Ok(directory), Ok((rota, warnings))) => {
            findings.extend(warnings);
            findings.extend(teams::unknown(config, &dictionaries));
            let policy = config.policy.clone();
            let rules = Rules { dictionaries, sources, directory, policy };
            Ok(Loaded { rules, rota, warnings: findings })
        }
        (dictionaries, directory, rota) => {
            findings.extend(dictionaries.err().into_iter().flatten());
            findings.extend(directory.err().into_iter().flatten());
            findings.extend(rota.err().into_iter().flatten());
            Err(findings)
        }
    };
    (loaded, read)
}

/// The directory as it is now. Nobody loses all customers at once and means it: a file was being
/// written, or a query looked into the wrong schema. A database that doesn't answer doesn't hold up
/// an edit of another file: the directory stays as it was, if there is one, and is read again when it
/// answers.
fn build_directory(
    config: &Config,
    kept: Option<&Arc<Directory>>,
    files: Result<DirectoryFiles, Vec<Diagnostic>>,
    tables: Result<Tables, Vec<Diagnostic>>,
    findings: &mut Vec<Diagnostic>,
) -> Result<Arc<Directory>, Vec<Diagnostic>> {
    let files = match (files, tables, kept) {
        (Ok(files), Ok(tables), _) => with_tables(files, tables),
        (Ok(_), Err(away), Some(kept)) => {
            findings.extend(away.into_iter().map(Diagnostic::warning));
            return Ok(kept.clone());
        }
        (files, tables, _) => {
            let unreadable = files.err().into_iter().chain(tables.err());
            return Err(unreadable.flatten().collect());
        }
    };
    let (directory, warnings) = Directory::build(&files, &config.directory.rules)?;
    findings.extend(warnings);
    if let Some(empty) = files.customers.and_then(|source| directory.without_customers(&source)) {
        if kept.is_some_and(|kept| kept.customer_rows() > 0) {
            let help = "the customers of before stay; if it is meant so, restart the service";
            return Err(vec![Diagnostic { severity: Severity::Error, ..empty.help(help) }]);
        }
        findings.push(empty);
    }
    Ok(Arc::new(directory))
}

/// The rota of the configuration, if it has one or names a group; with it, what could be better.
///
/// # Errors
/// Everything that is wrong with its file, and the warnings among it.
pub fn rota(config: &Config, directory: &Directory) -> Result<ReadRota, Vec<Diagnostic>> {
    let joiners = config.assist.rota.as_deref().map(read_rota).transpose()?;
    build_rota(config, joiners.as_ref(), Some(directory))
}

/// A rota, with the warnings that its file gives rise to.
pub type ReadRota = (Option<Rota>, Vec<Diagnostic>);

fn build_rota(
    config: &Config,
    joiners: Option<&SourceText>,
    directory: Option<&Directory>,
) -> Result<ReadRota, Vec<Diagnostic>> {
    // There is no rota without a group: the configuration sees to that.
    let Some(fallback) = config.assist.fallback.clone() else { return Ok((None, Vec::new())) };
    let Some(joiners) = joiners else { return Ok((Some(Rota::of(fallback)), Vec::new())) };
    let (rota, warnings) = Rota::read(joiners, fallback, directory)?;
    Ok((Some(rota), warnings))
}

/// The fingerprint of what a database said.
fn fingerprint(tables: &Tables) -> Fingerprint {
    Fingerprint::of_texts(tables.customers.iter().chain(&tables.people))
}

impl LiveRules {
    /// Loads the rules for the first time.
    ///
    /// # Errors
    /// Everything that is wrong with any of the files.
    pub fn load(config: &Config) -> Result<Self, Vec<Diagnostic>> {
        let (loaded, read) = load_beside(config, None);
        let Loaded { rules, rota, warnings } = loaded?;
        log_warnings(&warnings);
        let sender = watch::Sender::new(Arc::new(rules));
        let rota = watch::Sender::new(rota.map(Arc::new));
        Ok(Self { sender, rota, last_read: read.map(LastRead::new) })
    }

    /// The rules as they are now and will be.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Rules>> {
        self.sender.subscribe()
    }

    /// The rota as it is now and will be; `None` if nobody was named to answer questions.
    #[must_use]
    pub fn subscribe_rota(&self) -> watch::Receiver<Option<Arc<Rota>>> {
        self.rota.subscribe()
    }

    /// Looks for changed files until the service stops. A version with errors changes nothing but
    /// the log and the readiness page.
    pub(super) async fn reload(self, config: Config, shared: Shared) {
        let config = Arc::new(config);
        let changed = Notify::new();
        let [dictionaries, directory, tables, rota] = &self.last_read;
        let dictionaries = watch_files(
            Watched::Dictionaries(config.dictionaries.clone()),
            config.reload_every,
            dictionaries,
            |_| changed.notify_one(),
        );
        let directory = watch_files(
            Watched::Directory(Box::new(config.directory.clone())),
            config.reload_every,
            directory,
            |_| changed.notify_one(),
        );
        let tables = async {
            match &config.directory.sql {
                Some(settings) => watch_tables(settings, tables, &shared, &changed).await,
                None => std::future::pending().await,
            }
        };
        let rota = async {
            let Some(path) = config.assist.rota.clone() else {
                return std::future::pending().await;
            };
            let ring = |_: &Found| changed.notify_one();
            watch_files(Watched::Rota(path), config.reload_every, rota, ring).await;
        };
        let swapping = async {
            loop {
                changed.notified().await;
                self.swap_until_done(&config, &shared).await;
            }
        };
        tokio::select! {
            () = shared.stop.cancelled() => {}
            () = dictionaries => {}
            () = directory => {}
            () = tables => {}
            () = rota => {}
            () = swapping => {}
        }
    }

    /// Loads the files as they are now and makes them live. All kinds are read together, so that an
    /// edit of several is live at once.
    async fn swap_until_done(&self, config: &Arc<Config>, shared: &Shared) {
        for attempt in 1.. {
            let (reading, kept) = (config.clone(), self.sender.borrow().directory.clone());
            let load = move || load_beside(&reading, Some(&kept));
            match tokio::task::spawn_blocking(load).await {
                Ok((loaded, read)) => {
                    for (last, read) in self.last_read.iter().zip(read) {
                        last.set(read);
                    }
                    if self.swap(loaded, shared).await {
                        return;
                    }
                }
                Err(failure) => error!(%failure, "reading changed files failed"),
            }
            tokio::time::sleep(backoff(attempt)).await;
        }
    }

    /// Makes the loaded rules live; `false` if the same files are to be tried again.
    async fn swap(&self, loaded: Result<Loaded, Vec<Diagnostic>>, shared: &Shared) -> bool {
        // A version whose files can't be kept must not decide: it could not be replayed.
        let now = shared.clock.now();
        let keep =
            async |rules: &Rules| super::keep_dictionaries(shared.store.as_ref(), rules, now).await;
        match self.offer(loaded, keep).await {
            Offered::Live(warnings) => {
                log_warnings(&warnings);
                let rules = self.sender.borrow().clone();
                info!(version = %rules.dictionaries.version(), "new rules are live");
                shared.health.rules_loaded(rules.dictionaries.version());
            }
            Offered::NotKept(failure) => {
                error!(%failure, "new rules could not be kept; the old ones stay live");
                return false;
            }
            Offered::Refused(findings) => {
                let errors = findings.iter().filter(|finding| finding.is_error());
                let errors: Vec<String> = errors.map(Diagnostic::in_public).collect();
                for finding in &errors {
                    error!(finding, "an edit has an error; the last good version stays live");
                }
                shared.health.rules_refused(errors);
            }
        }
        true
    }

    /// Makes loaded rules live once `keep` has kept their files; otherwise the last good version
    /// stays. This is the only way to other rules.
    pub async fn offer(
        &self,
        loaded: Result<Loaded, Vec<Diagnostic>>,
        keep: impl AsyncFnOnce(&Rules) -> Result<(), StoreError>,
    ) -> Offered {
        let Loaded { rules, rota, warnings } = match loaded {
            Ok(loaded) => loaded,
            Err(findings) => return Offered::Refused(findings),
        };
        if let Err(failure) = keep(&rules).await {
            return Offered::NotKept(failure);
        }
        self.sender.send_replace(Arc::new(rules));
        self.rota.send_replace(rota.map(Arc::new));
        Offered::Live(warnings)
    }
}

/// Asks the database every so often, for ever, and rings when its tables are not as they were
/// last read.
async fn watch_tables(
    settings: &SqlSettings,
    last_read: &LastRead,
    shared: &Shared,
    changed: &Notify,
) {
    let mut failed = false;
    loop {
        let asking = settings.clone();
        let read = tokio::task::spawn_blocking(move || read_tables(&asking)).await;
        match read.unwrap_or_else(|_| Err(Vec::new())) {
            Ok(tables) => {
                if last_read.is_news(&Ok(fingerprint(&tables))) {
                    changed.notify_one();
                }
                failed = false;
            }
            Err(findings) => {
                for finding in findings.iter().filter(|_| !failed) {
                    warn!(%finding, "the directory stays as it was");
                }
                failed = true;
            }
        }
        shared.health.directory_failing("database", failed);
        tokio::time::sleep(settings.every).await;
    }
}

/// Why the database can't be read, if that is all that is wrong and may pass by itself.
pub(super) fn only_away(findings: &[Diagnostic]) -> Option<&str> {
    let mut errors = findings.iter().filter(|finding| finding.is_error()).peekable();
    let why = errors.peek()?.message.as_str();
    errors.all(|finding| finding.code == AWAY).then_some(why)
}

fn log_warnings(warnings: &[Diagnostic]) {
    for finding in warnings {
        warn!(finding = finding.in_public(), "a file could be better");
    }
}
