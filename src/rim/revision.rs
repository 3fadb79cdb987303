//! Dictionaries as they were at a git revision.
//!
//! It runs `git` in the folder, and changes nothing there. What stands in the files is for others.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;

use super::watch::{CALIBRATION, is_dictionary, utf8};
use crate::diagnostic::Diagnostic;

/// Reads the files that [`super::watch::read_dictionaries`] would read in `folder`, had it been
/// left at this revision: a commit, a branch, a tag, `HEAD~3`.
///
/// # Errors
/// That there is no git, no repository, no such revision, or no dictionary in it; every file that
/// isn't UTF-8.
pub fn read_dictionaries(
    folder: &Path,
    revision: &str,
) -> Result<BTreeMap<String, String>, Vec<Diagnostic>> {
    let name = format!("git:{revision}");
    let wrong = |message: String| Diagnostic::error(&name, "no-revision", message);
    // What follows is a name of git's own making, which no option hides in.
    let commit = format!("{revision}^{{commit}}");
    let commit = git(folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])
        .map_err(|failure| {
            let revision = format!("there is no revision `{revision}` in this repository");
            vec![failure.said(folder, &name, revision)]
        })?;
    let commit = String::from_utf8_lossy(&commit);
    let listed = git(folder, &["ls-tree", "-z", commit.trim(), "./"])
        .map_err(|failure| vec![failure.said(folder, &name, "it can't be listed".to_owned())])?;
    let mut texts = BTreeMap::new();
    let mut findings = Vec::new();
    for (blob, file) in String::from_utf8_lossy(&listed).split('\0').filter_map(blob) {
        let name = format!("{name}:{file}");
        match git(folder, &["cat-file", "blob", blob]) {
            Ok(bytes) => match utf8(&name, bytes) {
                Ok(text) => drop(texts.insert(file.to_owned(), text)),
                Err(finding) => findings.push(finding),
            },
            Err(failure) => {
                findings.push(failure.said(folder, &name, "it can't be read".to_owned()));
            }
        }
    }
    if findings.is_empty() && texts.keys().all(|name| name == CALIBRATION) {
        let message = format!("there was no dictionary in `{}`", folder.display());
        findings.push(wrong(message).help("name the folder that has them with `--after DIR`"));
    }
    if findings.is_empty() { Ok(texts) } else { Err(findings) }
}

/// Where a folder is in its repository, as `src/` or nothing for the top; `None` outside of any, or
/// without git.
#[must_use]
pub fn prefix(folder: &Path) -> Option<String> {
    let prefix = git(folder, &["rev-parse", "--show-prefix"]).ok()?;
    Some(String::from_utf8_lossy(&prefix).trim_end_matches('\n').to_owned())
}

/// A file of a listing, `MODE blob HASH<tab>NAME`, if it belongs to the dictionaries.
fn blob(entry: &str) -> Option<(&str, &str)> {
    let (about, name) = entry.split_once('\t')?;
    let mut about = about.split(' ').skip(1);
    (about.next()? == "blob" && is_dictionary(name)).then_some((about.next()?, name))
}

/// How git failed.
enum Failed {
    /// It could not be run.
    NotRun(io::Error),
    /// What it said; nothing if the answer was no.
    Said(String),
}

impl Failed {
    fn said(self, folder: &Path, name: &str, no: String) -> Diagnostic {
        let folder = folder.display();
        match self {
            Self::NotRun(error) if error.kind() == io::ErrorKind::NotFound => {
                Diagnostic::error(name, "no-git", "git is needed for this, and is not installed")
                    .help("or name a folder with the other version")
            }
            Self::NotRun(error) => {
                Diagnostic::error(name, "no-git", format!("git can't be run: {error}"))
            }
            Self::Said(said) if said.contains("not a git repository") => {
                let message = format!("`{folder}` is not in a git repository");
                Diagnostic::error(name, "no-repository", message)
                    .help("name a folder with the other version instead")
            }
            Self::Said(said) if said.is_empty() => Diagnostic::error(name, "no-revision", no),
            Self::Said(said) => {
                Diagnostic::error(name, "no-revision", format!("git says: {}", said.trim()))
            }
        }
    }
}

/// What git prints when it is run in a folder.
fn git(folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, Failed> {
    // The message is looked into, so it must be in English.
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .map_err(Failed::NotRun)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Failed::Said(String::from_utf8_lossy(&output.stderr).into_owned()))
}
