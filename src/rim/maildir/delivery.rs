//! Mail that is moved within a Maildir: a rename, which happens as a whole or not at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::spawn_blocking;

use super::folder::{Folder, Found, Half, find_mail, sync};
use crate::killpoint;
use crate::rim::backoff::{MAX_ATTEMPTS, backoff};
use crate::seams::{Action, Delivery, Job, JobId, Outcome, Place, Proof, Wanted};

/// How soon to try again after something that passes by itself, such as a full disk.
const SOON: Duration = Duration::from_secs(10);
/// How soon to try again what a person has to mend.
const LATER: Duration = Duration::from_mins(1);

/// Delivers within one Maildir.
#[derive(Debug)]
pub struct MaildirDelivery {
    root: PathBuf,
    create_folders: bool,
}

impl MaildirDelivery {
    /// Delivers within the Maildir at `root`. Without `create_folders`, a mail whose folder is
    /// missing stays where it is until somebody makes the folder.
    #[must_use]
    pub fn new(root: PathBuf, create_folders: bool) -> Self {
        Self { root, create_folders }
    }
}

#[async_trait]
impl Delivery for MaildirDelivery {
    async fn deliver(&mut self, jobs: &[Job]) -> Vec<(JobId, Outcome)> {
        let (root, create) = (self.root.clone(), self.create_folders);
        let owned = jobs.to_vec();
        match spawn_blocking(move || deliver_all(&root, create, &owned)).await {
            Ok(outcomes) => outcomes,
            Err(error) => jobs.iter().map(|job| (job.id, wait(error.to_string(), SOON))).collect(),
        }
    }

    async fn untouched(&mut self, jobs: &[Job]) -> BTreeSet<JobId> {
        let (root, owned) = (self.root.clone(), jobs.to_vec());
        let look = move || {
            let sources = find_sources(&root, &owned);
            let lies = |job: &&Job| match sources.get(job.place.folder.as_str()) {
                Some(Ok((_, found))) => found.contains_key(job.place.name.as_str()),
                Some(Err(_)) | None => false,
            };
            owned.iter().filter(lies).map(|job| job.id).collect()
        };
        spawn_blocking(look).await.unwrap_or_default()
    }

    async fn there(&mut self, wanted: &[Wanted]) -> Vec<Option<bool>> {
        let (root, owned) = (self.root.clone(), wanted.to_vec());
        let is_there = move |one: &Wanted| Some(find_mail(&root, &one.place).ok()?.is_some());
        let look = move || owned.iter().map(is_there).collect();
        spawn_blocking(look).await.unwrap_or_else(|_| vec![None; wanted.len()])
    }
}

fn wait(why: String, after: Duration) -> Outcome {
    Outcome::Wait { why, after }
}

/// Does every job, then makes the renames outlive a power cut before any of them is called done.
fn deliver_all(root: &Path, create: bool, jobs: &[Job]) -> Vec<(JobId, Outcome)> {
    let sources = find_sources(root, jobs);
    let mut changed = BTreeSet::new();
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        let outcome = match &job.action {
            Action::Mark { .. } => Outcome::Done { place: None, proof: Proof::Marked },
            Action::Move { folder } => match sources.get(job.place.folder.as_str()) {
                Some(Ok((source, found))) => {
                    let mover = Mover { root, create, source, job, target: folder };
                    mover.run(found.get(job.place.name.as_str()), &mut changed)
                }
                Some(Err(outcome)) => outcome.clone(),
                None => wait("the folder was not looked at".to_owned(), SOON),
            },
        };
        outcomes.push((job.id, outcome));
    }
    killpoint::pass("maildir-renamed");
    if let Err(error) = changed.iter().try_for_each(|directory| sync(directory)) {
        for (_, outcome) in &mut outcomes {
            if matches!(outcome, Outcome::Done { place: Some(_), .. }) {
                let why = format!("the move may not outlive a power cut: {error}");
                *outcome = Outcome::Retry { why, after: SOON };
            }
        }
    }
    outcomes
}

/// A folder with the mails of the jobs that lie in it, or how all jobs of the folder went.
type Sources<'a> = BTreeMap<&'a str, Result<(Folder, HashMap<&'a str, Found>), Outcome>>;

/// Looks once into each folder that mail is to leave.
fn find_sources<'a>(root: &Path, jobs: &'a [Job]) -> Sources<'a> {
    let mut by_folder: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for job in jobs {
        by_folder.entry(&job.place.folder).or_default().push(&job.place.name);
    }
    let look = |(name, uniques): (&'a str, Vec<&'a str>)| {
        let looked =
            Folder::locate(root, name).map_err(|why| Outcome::GiveUp { why }).and_then(|folder| {
                match folder.find(uniques) {
                    Ok(found) => Ok((folder, found)),
                    Err(error) => {
                        Err(wait(format!("the folder `{name}` can't be read: {error}"), SOON))
                    }
                }
            });
        (name, looked)
    };
    by_folder.into_iter().map(look).collect()
}

/// Whether two names are one file.
fn same_file(a: &Path, b: &Path) -> bool {
    is_one(a.symlink_metadata(), b.symlink_metadata())
}

/// Whether two names are one folder, whatever links lead there.
fn same_folder(a: &Path, b: &Path) -> bool {
    is_one(a.metadata(), b.metadata())
}

fn is_one(a: io::Result<Metadata>, b: io::Result<Metadata>) -> bool {
    matches!((a, b), (Ok(a), Ok(b)) if (a.dev(), a.ino()) == (b.dev(), b.ino()))
}

/// One mail on its way.
struct Mover<'a> {
    root: &'a Path,
    create: bool,
    source: &'a Folder,
    job: &'a Job,
    /// The target folder's name.
    target: &'a str,
}

impl Mover<'_> {
    fn run(&self, found: Option<&Found>, changed: &mut BTreeSet<PathBuf>) -> Outcome {
        let target = match Folder::locate(self.root, self.target) {
            Ok(target) => target,
            Err(why) => return Outcome::GiveUp { why },
        };
        if target == *self.source && found.is_some() {
            return self.done(Proof::FoundInTarget);
        }
        if !target.exists() {
            if !self.create {
                return wait(format!("there is no folder `{}`", self.target), LATER);
            }
            if let Err(error) = target.create() {
                let why = format!("the folder `{}` can't be created: {error}", self.target);
                return wait(why, LATER);
            }
        }
        match self.rename(found, &target, changed) {
            Ok(outcome) => outcome,
            Err(error) => {
                let why = format!("the mail can't be moved to `{}`: {error}", self.target);
                match (error.kind(), self.job.attempt) {
                    (io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded, _) => {
                        wait(why, SOON)
                    }
                    (_, MAX_ATTEMPTS..) => Outcome::GiveUp { why },
                    (_, attempt) => Outcome::Retry { why, after: backoff(attempt) },
                }
            }
        }
    }

    fn rename(
        &self,
        found: Option<&Found>,
        target: &Folder,
        changed: &mut BTreeSet<PathBuf>,
    ) -> io::Result<Outcome> {
        let unique = self.job.place.name.as_str();
        let mut now = found.cloned();
        // Flags change whenever another program likes, and the name with them: looked up again.
        for _ in 0..3 {
            let Some(found) = now else { break };
            let (from, to) = (self.source.file(&found), target.file(&found));
            // Two names for one folder, such as a link: removing one file removes the only one.
            if same_folder(&self.source.half(found.half), &target.half(found.half)) {
                return Ok(self.done(Proof::FoundInTarget));
            }
            if same_file(&from, &to) {
                // A power cut in the middle of a rename can leave both names.
                fs::remove_file(&from)?;
                changed.extend([target, self.source].map(|folder| folder.half(found.half)));
                return Ok(self.done(Proof::FoundInTarget));
            }
            if to.symlink_metadata().is_ok() {
                let why = format!("another mail has the same name in `{}`", self.target);
                return Ok(Outcome::GiveUp { why });
            }
            match fs::rename(from, to) {
                Ok(()) => {
                    changed.extend([target, self.source].map(|folder| folder.half(found.half)));
                    return Ok(self.done(Proof::Renamed));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    now = self.source.find([unique])?.remove(unique);
                }
                Err(error) => return Err(error),
            }
        }
        // An earlier try may have been cut off between the rename and its report.
        if target.find([unique])?.contains_key(unique) {
            changed.extend([Half::New, Half::Cur].map(|half| target.half(half)));
            return Ok(self.done(Proof::FoundInTarget));
        }
        let (from, to) = (&self.job.place.folder, self.target);
        Ok(Outcome::Gone { why: format!("the mail is neither in `{from}` nor in `{to}`") })
    }

    fn done(&self, proof: Proof) -> Outcome {
        let place = Place { folder: self.target.to_owned(), ..self.job.place.clone() };
        Outcome::Done { place: Some(place), proof }
    }
}
