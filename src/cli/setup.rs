//! From options to what the commands work with: the configuration, the rules, the store.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::{Dir, include_dir};
use tokio::runtime::Runtime;

use super::{Failure, Global};
use crate::config::{Config, StoreSettings, parse};
use crate::diagnostic::Diagnostic;
use crate::dictionary::Dictionaries;
use crate::directory::Directory;
use crate::mail::trust::Door;
use crate::pipeline::Rules;
use crate::rim;
use crate::rim::watch::{read_dictionaries, read_directory, utf8};
use crate::route::Policy;
use crate::seams::Store;
use crate::serve::rules;

/// The dictionaries that the binary carries, for a first look without any file.
pub(crate) static DICTIONARIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/dictionaries");
/// The sample mails that the binary carries.
pub(crate) static MAILS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/fixtures/mails");

/// Where the configuration is looked for when nobody says.
const DEFAULT: &str = "postroom.toml";

impl Global {
    /// The configuration that was named, or `postroom.toml` here, with what could be better.
    pub(crate) fn read_config(&self) -> Result<(Config, Vec<Diagnostic>), Failure> {
        let path = self.config.as_deref().unwrap_or(Path::new(DEFAULT));
        if !self.has_config() {
            return Err(Failure::input(format!(
                "there is no configuration `{DEFAULT}` here; name one with --config, or write one \
                 with `postroom check --sample > {DEFAULT}`"
            )));
        }
        read_config(path)
    }

    /// The configuration alone: what could be better is for `check` and the service to say.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        self.read_config().map(|(config, _)| config)
    }

    /// Whether a configuration was named, or lies here.
    pub(crate) fn has_config(&self) -> bool {
        // A link that leads nowhere is meant as one, and so is a file in a place that is shut.
        let found = Path::new(DEFAULT).symlink_metadata();
        self.config.is_some() || !found.is_err_and(|why| why.kind() == ErrorKind::NotFound)
    }

    /// The configuration that was named, or `postroom.toml` here if there is one.
    pub(crate) fn config_if_any(&self) -> Result<Option<Config>, Failure> {
        if self.has_config() { self.config().map(Some) } else { Ok(None) }
    }

    /// The rules to judge by: those of the configuration, with other dictionaries if `folder`
    /// names some; without a configuration those in `dictionaries/` here, or else the ones that
    /// the binary carries, and no customers. With them comes the door of the first mailbox, at
    /// which mails are taken to have come in.
    pub(crate) fn rules(&self, folder: Option<&Path>) -> Result<(Rules, Door), Failure> {
        if let Some(mut config) = self.config_if_any()? {
            if let Some(folder) = folder {
                folder.clone_into(&mut config.dictionaries);
            }
            let rules = rules::load_rules(&config).map_err(Failure::Findings)?;
            let door = config.mailboxes.into_iter().next().map(|mailbox| mailbox.door);
            return Ok((rules, door.unwrap_or_default()));
        }
        let files = match folder.or(Some(Path::new("dictionaries")).filter(|dir| dir.is_dir())) {
            Some(folder) => read_dictionaries(folder).map_err(Failure::Findings)?,
            None => texts(&DICTIONARIES).collect(),
        };
        let (dictionaries, _) = Dictionaries::build(&files).map_err(Failure::Findings)?;
        let (directory, policy) = (Arc::default(), Policy::default());
        Ok((Rules { dictionaries, sources: files, directory, policy }, Door::default()))
    }

    /// What tells senders apart: the directory of the configuration, its policy, and the door of
    /// its first mailbox; without one, nobody is a customer.
    pub(crate) fn senders(&self) -> Result<(Directory, Policy, Door), Failure> {
        let Some(config) = self.config_if_any()? else { return Ok(Default::default()) };
        let directory = directory(&config)?;
        let door = config.mailboxes.into_iter().next().map(|mailbox| mailbox.door);
        Ok((directory, config.policy, door.unwrap_or_default()))
    }

    /// Where the dictionaries are: in `folder` if it names one, else where the configuration says,
    /// else in `dictionaries/` here.
    pub(crate) fn dictionary_folder(&self, folder: Option<&Path>) -> Result<PathBuf, Failure> {
        Ok(match (folder, self.config_if_any()?) {
            (Some(folder), _) => folder.to_owned(),
            (None, Some(config)) => config.dictionaries,
            (None, None) => PathBuf::from("dictionaries"),
        })
    }

    /// The folder of the dictionaries, and the files in it by name.
    pub(crate) fn dictionary_files(
        &self,
        folder: Option<&Path>,
    ) -> Result<(PathBuf, BTreeMap<String, String>), Failure> {
        let folder = self.dictionary_folder(folder)?;
        let files = read_dictionaries(&folder).map_err(Failure::Findings)?;
        Ok((folder, files))
    }

    /// Dictionaries made of these files, and the policy of the configuration if there is one.
    pub(crate) fn built(
        &self,
        files: &BTreeMap<String, String>,
    ) -> Result<(Dictionaries, Policy), Failure> {
        let (dictionaries, _) = Dictionaries::build(files).map_err(Failure::Findings)?;
        let policy = self.config_if_any()?.map(|config| config.policy).unwrap_or_default();
        Ok((dictionaries, policy))
    }

    /// The store of the configuration, and a runtime to use it on.
    pub(crate) fn store(&self) -> Result<(Config, Runtime, Arc<dyn Store>), Failure> {
        let config = self.config()?;
        let runtime = Runtime::new()?;
        // Looking into a ledger does not make one.
        let Some(store) = runtime.block_on(rim::store::open_existing(&config.store))? else {
            let place = match &config.store {
                StoreSettings::Sqlite(path) => format!("at `{}`", path.display()),
                StoreSettings::Postgres(_) => "in the PostgreSQL database of `[store]`".to_owned(),
            };
            return Err(Failure::input(format!(
                "there is no ledger {place} yet; `postroom serve` makes it"
            )));
        };
        Ok((config, runtime, store))
    }
}

/// The directory of a configuration.
pub(crate) fn directory(config: &Config) -> Result<Directory, Failure> {
    let built = read_directory(&config.directory)
        .and_then(|files| Directory::build(&files, &config.directory.rules));
    built.map(|(directory, _)| directory).map_err(Failure::Findings)
}

/// Reads a configuration file.
pub(crate) fn read_config(path: &Path) -> Result<(Config, Vec<Diagnostic>), Failure> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|failure| {
        let absent = failure.kind() == ErrorKind::NotFound;
        let help = if absent { "; `postroom check --sample` prints one to start from" } else { "" };
        Failure::input(format!("the configuration `{name}` can't be read: {failure}{help}"))
    })?;
    let text = utf8(&name, bytes).map_err(|mut finding| {
        // The line may hold a password.
        finding.excerpt.clear();
        Failure::Findings(vec![finding])
    })?;
    let whole = std::path::absolute(path)?;
    let base = whole.parent().unwrap_or(Path::new("/"));
    parse::parse(&name, &text, base).map_err(Failure::Findings)
}

/// The text files of an embedded folder, by name.
pub(crate) fn texts(folder: &'static Dir<'static>) -> impl Iterator<Item = (String, String)> {
    folder.files().filter_map(|file| {
        let name = file.path().file_name()?.to_str()?.to_owned();
        Some((name, file.contents_utf8()?.to_owned()))
    })
}
