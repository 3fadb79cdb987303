//! `postroom lint`: what is wrong with dictionary files, and what could be better.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use postroom::diagnostic::Diagnostic;
use postroom::dictionary::Dictionaries;
use postroom::rim::watch::read_dictionaries;

use super::output::report;
use super::{Failure, Global};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folders with .dict files, or single files; the configuration's, or `dictionaries/`, if
    /// none is given
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print one JSON object a finding, a line each
    #[arg(long)]
    json: bool,
    /// Let warnings fail the check too
    #[arg(long)]
    strict: bool,
}

/// Checks dictionaries; exit code 2 if there are errors.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let paths = match options.paths.as_slice() {
        [] => vec![match global.config_if_any()? {
            Some(config) => config.dictionaries,
            None => PathBuf::from("dictionaries"),
        }],
        paths => paths.to_vec(),
    };
    let mut findings = Vec::new();
    let mut files = 0;
    for path in &paths {
        match read(path) {
            Ok((folder, texts)) => {
                files += texts.len();
                let found = match Dictionaries::build(&texts) {
                    Ok((_, warnings)) => warnings,
                    Err(found) => found,
                };
                findings.extend(found.into_iter().map(|finding| lying_in(&folder, finding)));
            }
            Err(failed) => findings.extend(failed),
        }
    }
    findings.sort();
    report(&findings, files, (options.json, options.strict))
}

/// The dictionaries at a path, by name, and the folder that they lie in.
fn read(path: &Path) -> Result<(PathBuf, BTreeMap<String, String>), Vec<Diagnostic>> {
    if path.is_dir() {
        return Ok((path.to_owned(), read_dictionaries(path)?));
    }
    let text = std::fs::read_to_string(path).map_err(|failure| {
        let message = format!("it can't be read: {failure}");
        vec![Diagnostic::error(path.display().to_string(), "unreadable", message)]
    })?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok((folder, BTreeMap::from([(name, text)])))
}

/// A finding with the path that an editor can open.
fn lying_in(folder: &Path, mut finding: Diagnostic) -> Diagnostic {
    finding.file = folder.join(&finding.file).display().to_string();
    finding
}
