//! A judge for the command line: the rules, and what is true at some moment, as the service would
//! find it out.

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use tokio::runtime::Runtime;

use super::explain::Telling;
use super::{Failure, Global};
use crate::classify::Scratch;
use crate::config::Config;
use crate::directory::{Directory, Party, Present};
use crate::mail::EmailAddress;
use crate::mail::trust::Door;
use crate::pipeline::{Arrival, Judgement, Rules};
use crate::rim;
use crate::rim::clock::SystemClock;
use crate::rim::directory::Calendars;
use crate::seams::Clock;
use crate::serve::presence::{Presence, Setting};

/// A moment as people write it: a day, a time by the clock on the wall, or one anywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// A day, at noon by the clock in the directory's own zone: what comes out does not depend on
    /// when it was asked.
    Day(Date),
    /// By the clock in the directory's own zone.
    Local(DateTime),
    /// With a zone or an offset.
    Exact(Timestamp),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A zone in brackets says more than a time without one, and a time more than a day.
        if let Ok(zoned) = text.parse::<Zoned>() {
            return Ok(Self::Exact(zoned.timestamp()));
        }
        if let Ok(exact) = text.parse() {
            return Ok(Self::Exact(exact));
        }
        let has_time = text.contains(':');
        let local = || text.parse().map(Self::Local);
        let day = || text.parse().map(Self::Day);
        if has_time { local() } else { day() }.map_err(|_| {
            format!(
                "`{text}` is not a time: write `2026-12-24`, `2026-12-24T10:00` or \
                 `2026-12-24T10:00:00Z`"
            )
        })
    }
}

impl When {
    /// The moment, for people in a zone.
    pub(super) fn moment(self, zone: &TimeZone) -> Result<Timestamp, Failure> {
        let local = match self {
            Self::Exact(moment) => return Ok(moment),
            Self::Local(local) => local,
            Self::Day(day) => day.at(12, 0, 0, 0),
        };
        let zoned = local.to_zoned(zone.clone());
        zoned.map(|zoned| zoned.timestamp()).map_err(Failure::input)
    }
}

/// The rules, and what is true at the moment that was asked for.
pub(crate) struct Judge {
    pub(crate) rules: Arc<Rules>,
    door: Door,
    pub(crate) telling: Telling,
    pub(crate) at: Timestamp,
    presence: Option<Presence>,
    runtime: Runtime,
    scratch: Scratch,
}

impl Global {
    /// A judge with the configuration's rules, with other dictionaries if `folder` names some.
    pub(crate) fn judge(
        &self,
        folder: Option<&Path>,
        when: Option<When>,
    ) -> Result<Judge, Failure> {
        let (rules, door) = self.rules(folder)?;
        let config = self.config_if_any()?;
        let runtime = Runtime::new()?;
        let now = SystemClock.now();
        let telling = Telling::of(config.as_ref());
        let at = when.map_or(Ok(now), |when| when.moment(&telling.zone))?;
        let presence = match &config {
            Some(config) => Some(runtime.block_on(presence(config, &rules.directory, at))?),
            None => None,
        };
        Ok(Judge {
            rules: Arc::new(rules),
            door,
            telling,
            at,
            presence,
            runtime,
            scratch: Scratch::default(),
        })
    }
}

impl Judge {
    /// Judges a mail: `raw` is all of it or its beginning, `size` its whole size.
    pub(crate) fn judge(&mut self, raw: &[u8], size: u64) -> Judgement {
        let handle = self.runtime.handle();
        let judged = self.presence.as_ref().map(|presence| {
            let setting = Setting { now: self.at, door: &self.door, handle };
            presence.judge(&self.rules, &mut self.scratch, &[(raw, size)], setting)
        });
        judged.into_iter().flatten().next().unwrap_or_else(|| {
            let present = Present::at(self.at);
            let arrival = Arrival { raw, size, present: &present, door: &self.door };
            self.rules.judge(&mut self.scratch, arrival)
        })
    }

    /// Who a sender is.
    pub(crate) fn identify(&self, sender: &EmailAddress) -> Party {
        match &self.presence {
            Some(presence) => {
                let when = (self.at, self.runtime.handle());
                presence.identify(&self.rules.directory, sender, when)
            }
            None => self.rules.directory.identify(Some(sender), &Present::at(self.at)),
        }
    }
}

/// What is true at a moment: calendars are read, open tickets counted if there is a ledger.
async fn presence(
    config: &Config,
    directory: &Directory,
    at: Timestamp,
) -> Result<Presence, Failure> {
    let settings = &config.directory;
    let presence = Presence::new(settings).map_err(Failure::input)?;
    let mut calendars = Calendars::new(settings.calendars.clone());
    calendars.refresh(directory, at).await;
    presence.look_into(&calendars);
    tell_troubles(&calendars);
    if directory.counts_tickets()
        && let Some(store) = rim::store::open_existing(&config.store).await?
    {
        let since = SystemClock.now().checked_sub(settings.open_for).unwrap_or(Timestamp::MIN);
        presence.count(directory, store.as_ref(), since).await?;
    }
    Ok(presence)
}

/// Says whose calendars can't be read: what comes of it may be wrong.
pub(super) fn tell_troubles(calendars: &Calendars) {
    for trouble in calendars.troubles() {
        let message = format!("the calendar of {} can't be read: {}", trouble.person, trouble.why);
        Failure::input(message).report();
    }
}
