//! People's calendars: files and feeds, read every so often. One that can't be read stays as it
//! was when it was read last, and is told of.
//!
//! It knows where calendars lie; what in them is an absence is for the core. The address of a feed
//! is as good as a password, so no message shows one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::config::CalendarSettings;
use crate::directory::Directory;
use crate::directory::calendar::{self, Busy, Found, Owner, Search};
use crate::mail::EmailAddress;
use crate::rim::http;
use crate::rim::watch::Stamp;

/// A calendar is larger only by mistake.
const MOST: usize = 16 << 20;
/// No feed takes longer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// So many files are read at the same time, and so many feeds.
const AT_ONCE: usize = 8;
/// Absences are looked for so far ahead, if nobody asks about later ones; within a day they are
/// looked for again.
const AHEAD: SignedDuration = SignedDuration::from_hours(40 * 24);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// The calendars of our people, as they were read last.
pub struct Calendars {
    settings: CalendarSettings,
    client: Option<reqwest::Client>,
    /// Nobody else's are read.
    only: Option<BTreeSet<EmailAddress>>,
    /// Absences until then are asked about.
    until: Option<Timestamp>,
    kept: BTreeMap<EmailAddress, Kept>,
    /// Those that are being read. Files wait for no feed.
    reading: JoinSet<Read>,
    files: Arc<Semaphore>,
    feeds: Arc<Semaphore>,
}

/// A calendar that was read.
struct Read {
    person: EmailAddress,
    place: Place,
    zone: TimeZone,
    found: Result<Found, String>,
}

/// One person's calendar.
struct Kept {
    place: Place,
    zone: TimeZone,
    /// Whether it is being read just now.
    reading: bool,
    /// When it was tried last.
    tried: Option<Timestamp>,
    /// What the file looked like then.
    stamp: Option<Stamp>,
    busy: Option<Busy>,
    /// What may be wrong about that.
    doubt: Option<String>,
    trouble: Option<String>,
}

/// Where a calendar lies.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Feed(String),
}

/// A calendar that can't be read, or is in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Whose it is.
    pub person: EmailAddress,
    /// Why.
    pub why: String,
}

impl Calendars {
    /// No calendar is read yet.
    #[must_use]
    pub fn new(settings: CalendarSettings) -> Self {
        Self {
            settings,
            client: None,
            only: None,
            until: None,
            kept: BTreeMap::new(),
            reading: JoinSet::new(),
            files: Arc::new(Semaphore::new(AT_ONCE)),
            feeds: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// The same, for those who ask about a few people: nobody else's calendar is read. The
    /// addresses are those that the directory lists.
    #[must_use]
    pub fn only(self, people: BTreeSet<EmailAddress>) -> Self {
        Self { only: Some(people), ..self }
    }

    /// The same, for those who ask about absences until then.
    #[must_use]
    pub fn until(self, until: Timestamp) -> Self {
        Self { until: Some(until), ..self }
    }

    /// Reads the calendars that are due, and waits for all of them.
    pub async fn refresh(&mut self, directory: &Directory, now: Timestamp) {
        self.begin(directory, now);
        self.finish().await;
    }

    /// Begins to read the calendars that are due: files that changed, feeds whose time has come.
    /// Says whether somebody's was forgotten.
    pub fn begin(&mut self, directory: &Directory, now: Timestamp) -> bool {
        let forgotten = self.follow(directory);
        let search = Search {
            from: now.saturating_sub(DAY).unwrap_or(now),
            until: self.until.max(now.saturating_add(AHEAD).ok()).unwrap_or(now),
            least: SignedDuration::try_from(self.settings.least).unwrap_or(SignedDuration::MAX),
        };
        for (person, kept) in &mut self.kept {
            let stamp = kept.place.stamp();
            if kept.reading || !kept.is_due(stamp.as_ref(), now, self.settings.every) {
                continue;
            }
            kept.reading = true;
            kept.tried = Some(now);
            kept.stamp = stamp;
            let (person, place, zone) = (person.clone(), kept.place.clone(), kept.zone.clone());
            let turn = match place {
                Place::File(_) => self.files.clone(),
                Place::Feed(_) => self.feeds.clone(),
            };
            if matches!(place, Place::Feed(_)) && self.client.is_none() {
                self.client = http::client(TIMEOUT).ok();
            }
            let client = self.client.clone();
            self.reading.spawn(async move {
                let _turn = turn.acquire_owned().await;
                let owner = (person.clone(), zone.clone());
                let found = read(place.clone(), owner, search, client).await;
                Read { person, place, zone, found }
            });
        }
        forgotten
    }

    /// Waits for those that were begun.
    pub async fn finish(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Waits for the next of those that were begun, and says whether anything is different now;
    /// `None` if there is none left. Whoever stops waiting loses nothing.
    pub async fn next(&mut self) -> Option<bool> {
        let read = self.reading.join_next().await?;
        Some(read.is_ok_and(|read| self.take(read)))
    }

    /// When each person is busy, as far as it is known.
    #[must_use]
    pub fn absences(&self) -> BTreeMap<EmailAddress, Busy> {
        let busy =
            |(person, kept): (&EmailAddress, &Kept)| Some((person.clone(), kept.busy.clone()?));
        self.kept.iter().filter_map(busy).collect()
    }

    /// The calendars that can't be read.
    pub fn troubles(&self) -> impl Iterator<Item = Trouble> {
        self.kept.iter().filter_map(|(person, kept)| {
            Some(Trouble { person: person.clone(), why: kept.trouble.clone()? })
        })
    }

    /// What may be wrong about calendars that can be read.
    pub fn doubts(&self) -> impl Iterator<Item = Trouble> {
        self.kept.iter().filter_map(|(person, kept)| {
            Some(Trouble { person: person.clone(), why: kept.doubt.clone()? })
        })
    }

    /// Takes over who has a calendar, and where; says whether somebody's was forgotten.
    fn follow(&mut self, directory: &Directory) -> bool {
        let mut before = std::mem::take(&mut self.kept);
        let wanted =
            |person: &EmailAddress| self.only.as_ref().is_none_or(|only| only.contains(person));
        for (person, location, zone) in directory.calendars().filter(|it| wanted(it.0)) {
            let place = Place::of(location, &self.settings);
            let same = |kept: &Kept| kept.place == place && kept.zone == *zone;
            let known = before.remove(person).filter(same);
            let kept = known.unwrap_or_else(|| Kept {
                place,
                zone: zone.clone(),
                reading: false,
                tried: None,
                stamp: None,
                busy: None,
                doubt: None,
                trouble: None,
            });
            self.kept.insert(person.clone(), kept);
        }
        !before.is_empty()
    }

    fn take(&mut self, Read { person, place, zone, found }: Read) -> bool {
        // Meanwhile they may have another one, or be elsewhere.
        let same = |kept: &&mut Kept| kept.place == place && kept.zone == zone;
        let Some(kept) = self.kept.get_mut(&person).filter(same) else { return false };
        kept.reading = false;
        match found {
            Ok(Found { busy, doubt }) => {
                kept.trouble = None;
                kept.doubt = doubt;
                let busy = Some(busy);
                let changed = kept.busy != busy;
                kept.busy = busy;
                changed
            }
            Err(why) => {
                kept.trouble = Some(why);
                false
            }
        }
    }
}

impl Kept {
    fn is_due(&self, stamp: Option<&Stamp>, now: Timestamp, every: Duration) -> bool {
        let Some(tried) = self.tried else { return true };
        let since = now.duration_since(tried);
        match &self.place {
            Place::File(_) => {
                self.stamp.as_ref() != stamp || since.unsigned_abs() >= DAY.unsigned_abs()
            }
            Place::Feed(_) => since.unsigned_abs() >= every,
        }
    }
}

impl Place {
    fn of(location: &str, settings: &CalendarSettings) -> Self {
        // Calendar programs hand out their feeds under this scheme.
        match location.strip_prefix("webcal://") {
            Some(rest) => Self::Feed(format!("https://{rest}")),
            None if location.contains("://") => Self::Feed(location.to_owned()),
            None => Self::File(settings.base.join(location)),
        }
    }

    /// What shows that a file has changed.
    fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::File(path) => Some(Stamp::of(vec![path.clone()])),
            Self::Feed(_) => None,
        }
    }
}

/// Reads one calendar, and looks for absences of its owner in it.
async fn read(
    place: Place,
    (address, zone): (EmailAddress, TimeZone),
    search: Search,
    client: Option<reqwest::Client>,
) -> Result<Found, String> {
    let bytes = match place {
        Place::Feed(url) => {
            let client = client.ok_or_else(|| "there is no TLS to be had".to_owned())?;
            let response = client.get(url).send().await.map_err(http::said)?;
            if !response.status().is_success() {
                return Err(format!("the feed answered {}", response.status()));
            }
            http::body(response, MOST).await?
        }
        Place::File(path) => {
            let size = tokio::fs::metadata(&path).await.map_err(|error| error.to_string())?.len();
            if size > MOST as u64 {
                return Err("the file is too large".to_owned());
            }
            tokio::fs::read(&path).await.map_err(|error| error.to_string())?
        }
    };
    // Reading takes its time, and whatever breaks over a calendar breaks there alone.
    let found = tokio::task::spawn_blocking(move || {
        let text = String::from_utf8_lossy(&bytes);
        let owner = Owner { address: &address, zone: &zone };
        calendar::absences(&text, owner, &search)
    });
    found.await.unwrap_or_else(|_| Err("reading it failed".to_owned()))
}
