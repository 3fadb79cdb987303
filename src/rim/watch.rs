//! Files that people edit while Postroom runs: read whole, and read again when they change.
//!
//! It looks at the files every so often instead of waiting for the system to tell, since that
//! works on every file system, and through every way that an editor saves. It knows which files
//! there are; what stands in them is for others to judge.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::directory::{Tables, read_tables};
use crate::config::{DirectorySettings, HolidaySettings};
use crate::diagnostic::Diagnostic;
use crate::directory::{DirectoryFiles, SourceText};

/// The name of the calibration beside the dictionaries.
pub const CALIBRATION: &str = "calibration.toml";

/// A SHA-256 over what was read, the names of the files included, to tell it from what was read
/// before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of named texts.
    pub fn of<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut hash = Sha256::new();
        for (name, text) in texts {
            for part in [name, text] {
                // The length first, so that no two lists of parts run into the same bytes.
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        Self(hash.finalize().into())
    }

    /// The fingerprint of dictionary files.
    #[must_use]
    pub fn of_dictionaries(files: &BTreeMap<String, String>) -> Self {
        Self::of(files.iter().map(|(name, text)| (name.as_str(), text.as_str())))
    }

    /// The fingerprint of the directory's files.
    #[must_use]
    pub fn of_directory(files: &DirectoryFiles) -> Self {
        let sources = files.customers.iter().chain(&files.people).chain(files.holidays.values());
        Self::of_texts(sources)
    }

    /// The fingerprint of some texts of files or tables.
    pub fn of_texts<'a>(texts: impl IntoIterator<Item = &'a SourceText>) -> Self {
        Self::of(texts.into_iter().map(|source| (source.name.as_str(), source.text.as_str())))
    }
}

/// Reads the `*.dict` files of a folder, and `calibration.toml` if it is there, by name.
///
/// # Errors
/// Every file that can't be read, or isn't UTF-8; that there is no dictionary.
pub fn read_dictionaries(dir: &Path) -> Result<BTreeMap<String, String>, Vec<Diagnostic>> {
    let (texts, findings) = readable_dictionaries(dir);
    if findings.is_empty() { Ok(texts) } else { Err(findings) }
}

/// The same files as far as they can be read, and what is said of the others.
#[must_use]
pub fn readable_dictionaries(dir: &Path) -> (BTreeMap<String, String>, Vec<Diagnostic>) {
    let mut texts = BTreeMap::new();
    let mut findings = Vec::new();
    let paths = match dictionary_paths(dir) {
        Ok(paths) => paths,
        Err(error) => return (texts, vec![unreadable(dir, &error)]),
    };
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(text) = read_text(&path, &path_in(dir, &name), &mut findings) {
            texts.insert(name, text);
        }
    }
    // A folder that was unmounted is no reason to forget every word.
    if findings.is_empty() && texts.keys().all(|name| name == CALIBRATION) {
        let message = "there is no dictionary in this folder";
        let finding = Diagnostic::error(dir.display().to_string(), "no-dictionary", message);
        findings.push(finding.help("a dictionary is a file `TEAM.dict`, one for each team"));
    }
    (texts, findings)
}

/// A dictionary's path for findings, one that an editor can open.
#[must_use]
pub fn path_in(dir: &Path, name: &str) -> String {
    let path = dir.join(name);
    path.strip_prefix(".").unwrap_or(&path).display().to_string()
}

/// Findings in dictionaries of a folder, under the paths of their files.
#[must_use]
pub fn lying_in(dir: &Path, mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for finding in &mut findings {
        finding.file = path_in(dir, &finding.file);
    }
    findings
}

/// Reads the files of the directory, and asks its database, if it has one. Waits for the answer.
///
/// # Errors
/// Every file that can't be read, or isn't UTF-8; that the database can't be read.
pub fn read_directory(settings: &DirectorySettings) -> Result<DirectoryFiles, Vec<Diagnostic>> {
    let files = read_directory_files(settings);
    let tables = settings.sql.as_ref().map_or_else(|| Ok(Tables::default()), read_tables);
    match (files, tables) {
        (Ok(files), Ok(tables)) => Ok(with_tables(files, tables)),
        (files, tables) => {
            let findings = files.err().into_iter().chain(tables.err());
            Err(findings.flatten().collect())
        }
    }
}

/// The directory with what a database says of it; a file goes before a table.
#[must_use]
pub fn with_tables(files: DirectoryFiles, tables: Tables) -> DirectoryFiles {
    DirectoryFiles {
        customers: files.customers.or(tables.customers),
        people: files.people.or(tables.people),
        holidays: files.holidays,
    }
}

/// Reads the files of the directory.
///
/// # Errors
/// Every file that can't be read, or isn't UTF-8.
pub fn read_directory_files(
    settings: &DirectorySettings,
) -> Result<DirectoryFiles, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let mut read = |path: &PathBuf| {
        let name = path.display().to_string();
        let text = read_text(path, &name, &mut findings)?;
        Some(SourceText { name, text })
    };
    let customers = settings.customers.as_ref().and_then(&mut read);
    let people = settings.people.as_ref().and_then(&mut read);
    let mut holidays = BTreeMap::new();
    for (name, list) in &settings.holidays {
        let source = match list {
            HolidaySettings::File(path) => read(path),
            HolidaySettings::Days(days) => {
                Some(SourceText { name: format!("[holidays] {name}"), text: days.clone() })
            }
        };
        holidays.extend(source.map(|source| (name.clone(), source)));
    }
    if findings.is_empty() {
        Ok(DirectoryFiles { customers, people, holidays })
    } else {
        Err(findings)
    }
}

/// Reads the rota's file.
///
/// # Errors
/// That it can't be read, or isn't UTF-8.
pub fn read_rota(path: &Path) -> Result<SourceText, Vec<Diagnostic>> {
    let name = path.display().to_string();
    let mut findings = Vec::new();
    let text = read_text(path, &name, &mut findings);
    text.map(|text| SourceText { name, text }).ok_or(findings)
}

fn dictionary_paths(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_dictionary(&name) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Whether a file of this name belongs to the dictionaries.
pub(super) fn is_dictionary(name: &str) -> bool {
    // Editors keep their own files beside, with a dot in front.
    let ends_so = Path::new(name).extension().is_some_and(|ending| ending == "dict");
    (ends_so && !name.starts_with('.')) || name == CALIBRATION
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let message = format!("it can't be read: {error}");
    Diagnostic::error(path.display().to_string(), "unreadable", message)
}

/// The text of a file; that it can't be read, or isn't UTF-8, is then in `findings`.
pub fn read_text(path: &Path, name: &str, findings: &mut Vec<Diagnostic>) -> Option<String> {
    let read = fs::read(path).map_err(|error| unreadable(Path::new(name), &error));
    match read.and_then(|bytes| utf8(name, bytes)) {
        Ok(text) => Some(text),
        Err(finding) => {
            findings.push(finding);
            None
        }
    }
}

/// The text of a file.
///
/// # Errors
/// That it isn't UTF-8, and where.
pub fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    String::from_utf8(bytes).map_err(|error| not_utf8(name, &error))
}

/// Says where the first wrong byte is.
fn not_utf8(name: &str, error: &std::string::FromUtf8Error) -> Diagnostic {
    let valid = error.utf8_error().valid_up_to();
    let before = error.as_bytes().get(..valid).unwrap_or_default();
    let before = String::from_utf8_lossy(before);
    let line = before.rsplit('\n').next().unwrap_or_default();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Diagnostic::error(name, "not-utf-8", "this character is not UTF-8")
        .at(count(before.matches('\n').count() + 1), count(line.chars().count() + 1), 1, line)
        .help("save the file as UTF-8")
}

/// What shows, without reading a file, that it may have changed. Whatever changes a file's content
/// sets its change time, which nobody can set back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, Option<[i64; 4]>)>);

impl Stamp {
    pub(super) fn of(paths: Vec<PathBuf>) -> Self {
        let stamp = |path: PathBuf| {
            let found = fs::metadata(&path).ok().map(|found| {
                [
                    i64::from_ne_bytes(found.ino().to_ne_bytes()),
                    i64::from_ne_bytes(found.len().to_ne_bytes()),
                    found.ctime(),
                    found.ctime_nsec(),
                ]
            });
            (path, found)
        };
        Self(paths.into_iter().map(stamp).collect())
    }
}

/// The files that are watched.
#[derive(Debug, Clone)]
pub enum Watched {
    /// The dictionaries in this folder.
    Dictionaries(PathBuf),
    /// The files of the directory; its database is not among them.
    Directory(Box<DirectorySettings>),
    /// The rota's file.
    Rota(PathBuf),
}

impl Watched {
    fn read(&self) -> Found {
        match self {
            Self::Dictionaries(dir) => {
                read_dictionaries(dir).map(|files| Fingerprint::of_dictionaries(&files))
            }
            Self::Directory(settings) => {
                read_directory_files(settings).map(|files| Fingerprint::of_directory(&files))
            }
            Self::Rota(path) => read_rota(path).map(|source| Fingerprint::of_texts([&source])),
        }
    }

    fn stamp(&self) -> Stamp {
        Stamp::of(match self {
            Self::Dictionaries(dir) => dictionary_paths(dir).unwrap_or_default(),
            Self::Directory(settings) => settings.files().cloned().collect(),
            Self::Rota(path) => vec![path.clone()],
        })
    }
}

/// What somebody found who read.
pub type Found = Result<Fingerprint, Vec<Diagnostic>>;

/// What was found when files were last read to be used, whether they were good or not.
///
/// A watcher compares with this instead of with its own last look: whoever reads the files after
/// it rang may find them changed again, and changed back by its next look.
#[derive(Debug)]
pub struct LastRead(Mutex<News>);

#[derive(Debug)]
struct News {
    read: Found,
    /// Told since then, and not yet read.
    told: Option<Found>,
}

impl LastRead {
    /// The files were read for the first time.
    #[must_use]
    pub fn new(read: Found) -> Self {
        Self(Mutex::new(News { read, told: None }))
    }

    /// The files were read again.
    pub fn set(&self, read: Found) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = News { read, told: None };
    }

    /// Whether what a look found is to be told: it is not what was read last, nor told before.
    pub fn is_news(&self, found: &Found) -> bool {
        let mut news = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let differs = news.read != *found && news.told.as_ref() != Some(found);
        if differs {
            news.told = Some(found.clone());
        }
        differs
    }
}

/// Looks at the files every `every`, for ever, and tells `changed` whenever they differ from what
/// was last read to be used.
///
/// Files are read once two looks, one after the other, find them the same: one that is still
/// being written is not taken for whole.
pub async fn watch(
    watched: Watched,
    every: Duration,
    last_read: &LastRead,
    mut changed: impl FnMut(&Found) + Send,
) {
    let mut ticks = interval(every.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<Stamp> = None;
    let mut read: Option<(Stamp, Found)> = None;
    loop {
        ticks.tick().await;
        let (files, before) = (watched.clone(), last.take());
        let known = read.as_ref().map(|(stamp, _)| stamp.clone());
        let looked = spawn_blocking(move || {
            let stamp = files.stamp();
            let rests = before.as_ref() == Some(&stamp) && known.as_ref() != Some(&stamp);
            let found = rests.then(|| files.read());
            (files.stamp(), stamp, found)
        });
        let Ok((now, stamp, found)) = looked.await else { continue };
        let whole = now == stamp;
        last = Some(now);
        if let Some(found) = found.filter(|_| whole) {
            read = Some((stamp, found));
        }
        // Asked at every look: a load that began before the files changed may end after.
        if let Some((_, found)) = &read
            && last_read.is_news(found)
        {
            changed(found);
        }
    }
}
