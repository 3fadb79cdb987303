//! From options to what the commands work with: the configuration, the rules, the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use include_dir::{Dir, include_dir};
use postroom::config::{Config, parse};
use postroom::dictionary::Dictionaries;
use postroom::directory::Directory;
use postroom::pipeline::Rules;
use postroom::rim;
use postroom::rim::watch::read_dictionaries;
use postroom::route::Policy;
use postroom::seams::Store;
use postroom::serve::rules;
use tokio::runtime::Runtime;
use tracing::warn;

use super::{Failure, Global};

/// The dictionaries that the binary carries, for a first look without any file.
pub(crate) static DICTIONARIES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/dictionaries");
/// The sample mails that the binary carries.
pub(crate) static MAILS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/fixtures/mails");

/// Where the configuration is looked for when nobody says.
const DEFAULT: &str = "postroom.toml";

impl Global {
    /// The configuration that was named, or `postroom.toml` here.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        let path = self.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT));
        load_config(&path)
    }

    /// The configuration that was named, or `postroom.toml` here if there is one.
    pub(crate) fn config_if_any(&self) -> Result<Option<Config>, Failure> {
        if self.config.is_none() && !Path::new(DEFAULT).exists() {
            return Ok(None);
        }
        self.config().map(Some)
    }

    /// The rules to judge by: those of the configuration, with other dictionaries if `folder`
    /// names some; without a configuration those in `dictionaries/` here, or else the ones that
    /// the binary carries, and no customers.
    pub(crate) fn rules(&self, folder: Option<&Path>) -> Result<Rules, Failure> {
        if let Some(mut config) = self.config_if_any()? {
            if let Some(folder) = folder {
                folder.clone_into(&mut config.dictionaries);
            }
            let loaded = rules::load(&config).map_err(Failure::Findings)?;
            for finding in loaded.warnings {
                warn!(%finding, "a file could be better");
            }
            return Ok(loaded.rules);
        }
        let files = match folder.or(Some(Path::new("dictionaries")).filter(|dir| dir.is_dir())) {
            Some(folder) => read_dictionaries(folder).map_err(Failure::Findings)?,
            None => texts(&DICTIONARIES).collect(),
        };
        let (dictionaries, _) = Dictionaries::build(&files).map_err(Failure::Findings)?;
        Ok(Rules {
            dictionaries,
            sources: files,
            directory: Directory::default(),
            policy: Policy::default(),
        })
    }

    /// The store of the configuration, and a runtime to use it on.
    pub(crate) fn store(&self) -> Result<(Config, Runtime, Arc<dyn Store>), Failure> {
        let config = self.config()?;
        let runtime = Runtime::new()?;
        let store = runtime.block_on(rim::store::open(&config.store))?;
        Ok((config, runtime, store))
    }
}

/// Reads a configuration file; its warnings go to the log.
pub(crate) fn load_config(path: &Path) -> Result<Config, Failure> {
    let (config, warnings) = read_config(path)?;
    for finding in warnings {
        warn!(%finding, "the configuration could be better");
    }
    Ok(config)
}

/// Reads a configuration file.
pub(crate) fn read_config(
    path: &Path,
) -> Result<(Config, Vec<postroom::diagnostic::Diagnostic>), Failure> {
    let text = std::fs::read_to_string(path).map_err(|failure| {
        let path = path.display();
        Failure::input(format!(
            "the configuration `{path}` can't be read: {failure}; name one with --config, or \
             write one with `postroom check --sample > postroom.toml`"
        ))
    })?;
    let whole = std::path::absolute(path)?;
    let base = whole.parent().unwrap_or(Path::new("/"));
    parse::parse(&path.display().to_string(), &text, base).map_err(Failure::Findings)
}

/// The text files of an embedded folder, by name.
pub(crate) fn texts(folder: &'static Dir<'static>) -> impl Iterator<Item = (String, String)> {
    folder.files().filter_map(|file| {
        let name = file.path().file_name()?.to_str()?.to_owned();
        Some((name, file.contents_utf8()?.to_owned()))
    })
}
