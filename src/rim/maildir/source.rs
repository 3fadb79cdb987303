//! Mail that comes into a Maildir: found by looking, read once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use super::folder::{Folder, Found, Stamp, find_mail};
use crate::seams::{Again, Cursor, Fetched, Place, Source, SourceError, SourceId, Wanted, Window};

/// How many mails one window holds, and of how many bytes.
const WINDOW_MAILS: usize = 100;
const WINDOW_BYTES: usize = 8 << 20;
/// A mail that can't be read is tried so often before it is handed out without its bytes.
const ENOUGH: u32 = 4;
/// How long between two looks at the directories' change times, which cost next to nothing.
const PAUSE: Duration = Duration::from_millis(300);

/// A folder of a Maildir that is watched.
///
/// Each mail is handed out once by each source; what was handed out is remembered by the part of
/// its name that stays, so that flags and the way from `new/` to `cur/` make no new mail. A new
/// process begins anew, and the store knows what it has seen.
#[derive(Debug)]
pub struct MaildirSource {
    id: SourceId,
    root: PathBuf,
    inbox: String,
    fetch_limit: u64,
    poll_every: Duration,
    /// What was found and not yet handed out, oldest first.
    queue: VecDeque<Found>,
    /// What was handed out; whether it was missing at the last look. A file that is renamed while
    /// its directory is read can be missed once.
    handed_out: HashMap<Box<str>, bool>,
    /// What couldn't be read.
    unreadable: HashMap<Box<str>, Unreadable>,
    /// The last look at the directories.
    looked: Option<Look>,
}

/// A mail that couldn't be read so far.
#[derive(Debug, Clone, Copy)]
struct Unreadable {
    tries: u32,
    again: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Look {
    stamp: Stamp,
    at: Instant,
    /// Whether the look before it saw the same stamp. A change within one tick of the file
    /// system's clock leaves the stamp as it is, so that only a second look is sure.
    settled: bool,
}

/// How reading one file went.
enum Reading {
    Mail(Fetched),
    /// Renamed or removed since it was found.
    Gone,
    Failed(io::Error),
}

impl MaildirSource {
    /// Watches the folder `inbox` (`INBOX` for the Maildir itself) of the Maildir at `root`. At
    /// most `fetch_limit` bytes of a mail are read.
    #[must_use]
    pub fn new(
        id: SourceId,
        root: PathBuf,
        inbox: String,
        fetch_limit: u64,
        poll_every: Duration,
    ) -> Self {
        Self {
            id,
            root,
            inbox,
            fetch_limit,
            poll_every,
            queue: VecDeque::new(),
            handed_out: HashMap::new(),
            unreadable: HashMap::new(),
            looked: None,
        }
    }

    fn folder(&self) -> Result<Folder, SourceError> {
        Folder::locate(&self.root, &self.inbox).map_err(SourceError::Misconfigured)
    }

    /// Looks for new mail, unless there is some left or nothing has changed.
    async fn look(&mut self) -> Result<(), SourceError> {
        if !self.queue.is_empty() {
            return Ok(());
        }
        let folder = self.folder()?;
        let stamped = folder.clone();
        let stamp = blocking(&self.root, move || stamped.stamp()).await?;
        let at = Instant::now();
        let same = self.looked.is_some_and(|look| look.stamp == stamp);
        let settled = self.looked.is_some_and(|look| look.settled);
        // Over a network, change times can be late: now and then all is read in any case.
        let fresh = self.looked.is_some_and(|look| at - look.at < self.poll_every);
        let due = self.unreadable.values().any(|it| it.again <= at);
        if same && settled && fresh && !due {
            return Ok(());
        }
        let found = blocking(&self.root, move || folder.scan()).await?;
        self.looked = Some(Look { stamp, at, settled: same });
        self.take_in(found, at);
        Ok(())
    }

    /// Queues what is new, and forgets what is no longer there.
    fn take_in(&mut self, mut found: Vec<Found>, now: Instant) {
        self.handed_out.retain(|_, missing| !std::mem::replace(missing, true));
        if !self.unreadable.is_empty() {
            let there: HashSet<&str> = found.iter().map(Found::unique).collect();
            self.unreadable.retain(|unique, _| there.contains(&**unique));
        }
        found.retain(|found| match self.handed_out.get_mut(found.unique()) {
            Some(missing) => {
                *missing = false;
                false
            }
            None => self.unreadable.get(found.unique()).is_none_or(|it| it.again <= now),
        });
        found.sort_by(|a, b| {
            (a.delivered(), a.unique(), a.half).cmp(&(b.delivered(), b.unique(), b.half))
        });
        found.dedup_by(|a, b| a.unique() == b.unique());
        self.queue = found.into();
    }

    /// Reads the next mails of the queue. They leave it only when they are handed out, so that
    /// nothing is lost if nobody waits for the end.
    async fn read(&mut self) -> Result<Vec<Fetched>, SourceError> {
        let folder = self.folder()?;
        let batch: Vec<Found> = self.queue.iter().take(WINDOW_MAILS).cloned().collect();
        let place = self.place("");
        let limit = self.fetch_limit;
        let readings = blocking(&self.root, move || {
            let mut bytes = 0;
            let mut readings = Vec::new();
            for found in &batch {
                let reading = read_mail(&folder, found, &place, limit);
                if let Reading::Mail(mail) = &reading {
                    bytes += mail.raw.len();
                }
                readings.push(reading);
                if bytes >= WINDOW_BYTES {
                    break;
                }
            }
            Ok(readings)
        })
        .await?;
        let mut mails = Vec::with_capacity(readings.len());
        for reading in readings {
            let Some(found) = self.queue.pop_front() else { break };
            self.settle(&found, reading, &mut mails);
        }
        Ok(mails)
    }

    /// A mail that is there and can't be read.
    fn without_its_bytes(&self, found: &Found) -> Fetched {
        Fetched { place: self.place(found.unique()), raw: Vec::new(), size: 1, received: None }
    }

    /// Where a mail of the watched folder lies.
    fn place(&self, unique: &str) -> Place {
        Place {
            source: self.id.clone(),
            folder: self.inbox.clone(),
            epoch: 0,
            name: unique.to_owned(),
        }
    }

    fn settle(&mut self, found: &Found, reading: Reading, mails: &mut Vec<Fetched>) {
        match reading {
            Reading::Mail(mail) => {
                self.unreadable.remove(found.unique());
                self.handed_out.insert(found.unique().into(), false);
                mails.push(mail);
            }
            // If it is still there under another name, the next look finds it.
            Reading::Gone => self.looked = None,
            Reading::Failed(error) => {
                let again = Instant::now() + self.poll_every;
                let first = Unreadable { tries: 0, again };
                let it = self.unreadable.entry(found.unique().into()).or_insert(first);
                *it = Unreadable { tries: it.tries + 1, again };
                if it.tries == 1 {
                    warn!(source = %self.id, %error, "a mail can't be read; tried again later");
                }
                // A person must see that it is there.
                if it.tries >= ENOUGH {
                    self.unreadable.remove(found.unique());
                    self.handed_out.insert(found.unique().into(), false);
                    mails.push(self.without_its_bytes(found));
                }
            }
        }
    }
}

#[async_trait]
impl Source for MaildirSource {
    fn id(&self) -> &SourceId {
        &self.id
    }

    /// The cursor says nothing here: file names have no order to rely on.
    async fn next(&mut self, _after: Cursor) -> Result<Window, SourceError> {
        let deadline = Instant::now() + self.poll_every;
        loop {
            self.look().await?;
            let mails = if self.queue.is_empty() { Vec::new() } else { self.read().await? };
            let now = Instant::now();
            if !mails.is_empty() || now >= deadline {
                return Ok(Window { mails, upto: Cursor::default() });
            }
            if self.queue.is_empty() {
                sleep_until(deadline.min(now + PAUSE)).await;
            }
        }
    }

    fn knows_of_more(&self) -> bool {
        !self.queue.is_empty()
    }

    async fn fetch(&mut self, wanted: &[Wanted]) -> Result<Vec<Again>, SourceError> {
        let (root, limit, wanted) = (self.root.clone(), self.fetch_limit, wanted.to_vec());
        let again = move || wanted.iter().map(|one| fetch_again(&root, one, limit)).collect();
        blocking(&self.root, again).await
    }
}

/// Reads a mail anew, wherever it is by now.
fn fetch_again(root: &Path, wanted: &Wanted, limit: u64) -> io::Result<Again> {
    let place = &wanted.place;
    let (folder, found) = match find_mail(root, place) {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(Again::Gone),
        Err(error) if !Folder::inbox(root).exists() => return Err(error),
        Err(error) => return Ok(Again::Withheld(error.to_string())),
    };
    Ok(match read_mail(&folder, &found, place, limit) {
        Reading::Mail(mail) => Again::There(mail),
        Reading::Gone => Again::Gone,
        Reading::Failed(error) => Again::Withheld(error.to_string()),
    })
}

fn read_mail(folder: &Folder, found: &Found, place: &Place, limit: u64) -> Reading {
    let read = || {
        let file = File::open(folder.file(found))?;
        let size = file.metadata()?.len();
        let mut raw = Vec::with_capacity(usize::try_from(size.min(limit)).unwrap_or_default());
        file.take(limit).read_to_end(&mut raw)?;
        Ok((raw, size))
    };
    match read() {
        Ok((raw, size)) => Reading::Mail(Fetched {
            place: Place { name: found.unique().to_owned(), ..place.clone() },
            raw,
            size,
            received: i64::try_from(found.delivered().0)
                .ok()
                .and_then(|seconds| Timestamp::from_second(seconds).ok()),
        }),
        Err(error) if io::Error::kind(&error) == io::ErrorKind::NotFound => Reading::Gone,
        Err(error) => Reading::Failed(error),
    }
}

/// Runs work on the files of a Maildir where it may block.
async fn blocking<T: Send + 'static>(
    root: &Path,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, SourceError> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| {
            let root = root.display();
            SourceError::Transient(format!("the Maildir `{root}` can't be read: {error}"))
        }),
        Err(error) => Err(SourceError::Transient(error.to_string())),
    }
}
