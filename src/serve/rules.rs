//! The live rules: loaded at the start, swapped when a file changes, kept when an edit is bad.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tracing::{error, info, warn};

use super::Shared;
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::dictionary::Dictionaries;
use crate::directory::Directory;
use crate::pipeline::Rules;
use crate::rim::watch::{Fingerprint, read_dictionaries, read_directory};

/// Rules that follow their files.
pub struct LiveRules {
    sender: watch::Sender<Arc<Rules>>,
    seen: Fingerprint,
}

/// Reads all files and builds the rules; the second part has the warnings.
///
/// # Errors
/// Everything that is wrong with any of the files, at once, and the warnings among it.
pub fn load(config: &Config) -> Result<(Rules, Vec<Diagnostic>), Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let dictionaries = read_dictionaries(&config.dictionaries)
        .and_then(|files| Dictionaries::build(&files))
        .map(|(dictionaries, warnings)| {
            findings.extend(warnings);
            dictionaries
        });
    let directory = read_directory(&config.directory)
        .and_then(|files| Directory::build(&files, &config.directory.rules()))
        .map(|(directory, warnings)| {
            findings.extend(warnings);
            directory
        });
    match (dictionaries, directory) {
        (Ok(dictionaries), Ok(directory)) => {
            findings.extend(unknown_teams(config, &dictionaries));
            let policy = config.policy.clone();
            Ok((Rules { dictionaries, directory, policy }, findings))
        }
        (dictionaries, directory) => {
            findings.extend(dictionaries.err().into_iter().flatten());
            findings.extend(directory.err().into_iter().flatten());
            Err(findings)
        }
    }
}

/// Teams that the configuration names but no dictionary does: mostly a slip of the pen.
fn unknown_teams(config: &Config, dictionaries: &Dictionaries) -> Vec<Diagnostic> {
    let known: BTreeMap<_, _> = dictionaries.teams().collect();
    let in_folders = config.mailboxes.iter().flat_map(|mailbox| mailbox.folders.teams.keys());
    let named: std::collections::BTreeSet<_> =
        config.policy.thresholds.keys().chain(in_folders).collect();
    named
        .into_iter()
        .filter(|team| !known.contains_key(team) && **team != config.directory.last_rung)
        .map(|team| {
            let message =
                format!("the configuration names the team `{team}`, which has no dictionary");
            let near = known.keys().map(|name| name.as_str()).max_by(|a, b| {
                let near = |name: &str| strsim::jaro_winkler(name, team.as_str());
                near(a).total_cmp(&near(b))
            });
            let finding = Diagnostic::error(config.file.clone(), "unknown-team", message).warning();
            match near {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding,
            }
        })
        .collect()
}

impl LiveRules {
    /// Loads the rules for the first time.
    ///
    /// # Errors
    /// Everything that is wrong with any of the files.
    pub fn load(config: &Config) -> Result<Self, Vec<Diagnostic>> {
        // The fingerprint is taken first: an edit between the two is then seen as a change.
        let seen = Fingerprint::of(config);
        let (rules, warnings) = load(config)?;
        for warning in warnings {
            warn!(finding = %warning, "a file could be better");
        }
        Ok(Self { sender: watch::Sender::new(Arc::new(rules)), seen })
    }

    /// The rules as they are now and will be.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<Rules>> {
        self.sender.subscribe()
    }

    /// Looks for changed files until the service stops. A version with errors changes nothing but
    /// the log and the health page.
    pub(super) async fn reload(mut self, config: Config, shared: Shared) {
        let config = Arc::new(config);
        loop {
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = tokio::time::sleep(config.reload_every) => {}
            }
            let reading = config.clone();
            let seen = self.seen;
            let looked = tokio::task::spawn_blocking(move || {
                let now = Fingerprint::of(&reading);
                (now != seen).then(|| (now, load(&reading)))
            });
            match looked.await {
                Ok(Some((seen, loaded))) => {
                    if self.swap(loaded, &shared).await {
                        self.seen = seen;
                    }
                }
                Ok(None) => {}
                Err(failure) => error!(failure = %failure, "looking for changed files failed"),
            }
        }
    }

    /// Makes the loaded rules live; `false` if the same files are to be tried again.
    async fn swap(
        &self,
        loaded: Result<(Rules, Vec<Diagnostic>), Vec<Diagnostic>>,
        shared: &Shared,
    ) -> bool {
        match loaded {
            Ok((rules, warnings)) => {
                for warning in &warnings {
                    warn!(finding = %warning, "a file could be better");
                }
                // A version whose files can't be kept must not decide: it could not be replayed.
                let kept =
                    super::keep_dictionaries(shared.store.as_ref(), &rules, shared.clock.now());
                if let Err(failure) = kept.await {
                    error!(failure = %failure, "new rules could not be kept; the old ones stay live");
                    return false;
                }
                info!(version = %rules.dictionaries.version(), "new rules are live");
                shared.health.rules_loaded(rules.dictionaries.version());
                self.sender.send_replace(Arc::new(rules));
            }
            Err(findings) => {
                for finding in findings.iter().filter(|finding| finding.is_error()) {
                    error!(finding = %finding, "an edit has an error; the last good version stays live");
                }
                shared.health.rules_refused(&findings);
            }
        }
        true
    }
}
