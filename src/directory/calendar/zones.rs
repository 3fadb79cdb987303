//! The clocks that a calendar's times are by.
//!
//! `calcard` knows them by the names that the IANA database and Windows have for them. What a
//! calendar calls otherwise gets such a name here: by how what it says ends, or by the hours that
//! its own VTIMEZONE describes. It knows nothing of absences.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use calcard::common::timezone::{Tz, TzTimestamp as _};
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType as Component, ICalendarEntry,
    ICalendarParameter, ICalendarParameterName, ICalendarProperty, ICalendarValue,
};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// More zones without a name are not looked for in one text.
const MOST_ZONES: usize = 50;
/// The clock is set no more often in the time for which a VTIMEZONE is looked at.
const MOST_CHANGES: usize = 10_000;
/// Zones are the same if their clocks agree on each of so many days, back and ahead.
const DAYS: i64 = 400;

/// The name of somebody's own zone. One that was copied from the database, or is a rule as POSIX
/// writes it, has none, and gets that of a zone with the same hours.
pub(super) fn home(zone: &TimeZone, around: Timestamp) -> Option<Tz> {
    let named = zone.iana_name().and_then(|name| Tz::from_str(name).ok());
    named.or_else(|| {
        let name = with_hours(around, |moment| zone.to_offset(moment).seconds())?;
        Tz::from_str(&name).ok()
    })
}

/// Names the clock of every series whose times are in UTC. `calcard` repeats a series by the clock
/// that its DTSTART names, and the `Z` behind a time names none.
pub(super) fn name_utc(calendar: &mut ICalendar) {
    for event in &mut calendar.components {
        if event.property(&ICalendarProperty::Rrule).is_some() {
            event.entries.iter_mut().filter(|entry| is_start_in_utc(entry)).for_each(|start| {
                set_zone(start, "UTC");
            });
        }
    }
}

fn is_start_in_utc(entry: &ICalendarEntry) -> bool {
    let Some(ICalendarValue::PartialDateTime(time)) = entry.values.first() else { return false };
    entry.name == ICalendarProperty::Dtstart && time.tz_hour.is_some()
}

/// Gives every clock a name that is known, where it can be told which it is; says which names are
/// left.
pub(super) fn name_others(calendar: &mut ICalendar, around: Timestamp) -> BTreeSet<String> {
    let mut unknown: BTreeSet<String> = {
        let zones = calendar.build_tz_resolver();
        let entries = calendar.components.iter().flat_map(|component| &component.entries);
        let named = entries.filter_map(ICalendarEntry::tz_id);
        named.filter(|name| zones.resolve(name).is_none()).map(str::to_owned).collect()
    };
    let known: BTreeMap<String, String> = unknown
        .iter()
        .take(MOST_ZONES)
        .filter_map(|name| {
            let known = by_its_end(name).or_else(|| by_its_hours(calendar, name, around))?;
            Some((name.clone(), known))
        })
        .collect();
    for entry in calendar.components.iter_mut().flat_map(|component| &mut component.entries) {
        if let Some(name) = entry.tz_id().and_then(|name| known.get(name)) {
            set_zone(entry, name);
        }
    }
    unknown.retain(|name| !known.contains_key(name));
    unknown
}

fn set_zone(entry: &mut ICalendarEntry, name: &str) {
    entry.params.retain(|param| param.name != ICalendarParameterName::Tzid);
    entry.params.push(ICalendarParameter::new(ICalendarParameterName::Tzid, name.to_owned()));
}

/// As of `/freeassociation.sourceforge.net/America/New_York`, or `tzone://Microsoft/Utc`.
fn by_its_end(name: &str) -> Option<String> {
    let begins = std::iter::once(0).chain(name.match_indices('/').map(|(at, _)| at + 1));
    begins.filter_map(|at| name.get(at..)).find_map(|end| {
        let zone = TimeZone::get(end).ok()?;
        zone.iana_name().filter(|name| Tz::from_str(name).is_ok()).map(str::to_owned)
    })
}

/// As its VTIMEZONE describes it.
fn by_its_hours(calendar: &ICalendar, name: &str, around: Timestamp) -> Option<String> {
    let is_its = |entry: &ICalendarEntry| {
        entry.values.first().and_then(ICalendarValue::as_text).is_some_and(|text| text == name)
    };
    let zone = calendar.timezones().find(|zone| {
        zone.entries.iter().any(|entry| entry.name == ICalendarProperty::Tzid && is_its(entry))
    })?;
    let mut changes: Vec<Change> = zone
        .component_ids
        .iter()
        .filter_map(|id| calendar.components.get(*id as usize))
        .flat_map(|rule| changes(rule, around))
        .collect();
    changes.sort_unstable_by_key(|change| change.at);
    let first = changes.first()?.from;
    with_hours(around, |moment| {
        let past = changes.partition_point(|change| change.at <= moment.as_second());
        past.checked_sub(1).and_then(|last| changes.get(last)).map_or(first, |change| change.to)
    })
}

/// When a clock is set, and from which offset to which, in seconds.
struct Change {
    at: i64,
    from: i32,
    to: i32,
}

/// All that a rule of a VTIMEZONE says, until a year after a moment.
fn changes(rule: &ICalendarComponent, around: Timestamp) -> Vec<Change> {
    let offset = |name: ICalendarProperty| {
        let Some(ICalendarValue::PartialDateTime(offset)) = rule.property(&name)?.values.first()
        else {
            return None;
        };
        let hours = i32::from(offset.tz_hour?) * 3600;
        let seconds = hours + i32::from(offset.tz_minute.unwrap_or(0)) * 60;
        Some(if offset.tz_minus { -seconds } else { seconds })
    };
    let (Some(from), Some(to)) =
        (offset(ICalendarProperty::Tzoffsetfrom), offset(ICalendarProperty::Tzoffsetto))
    else {
        return Vec::new();
    };
    // An event that repeats as the rule does begins whenever the clock is set.
    let mut event = ICalendarComponent::new(Component::VEvent);
    let is_time = |entry: &&ICalendarEntry| {
        matches!(
            entry.name,
            ICalendarProperty::Dtstart | ICalendarProperty::Rrule | ICalendarProperty::Rdate
        )
    };
    event.entries = rule.entries.iter().filter(is_time).cloned().collect();
    let mut calendar = ICalendar { components: vec![event] };
    let end = around.saturating_add(SignedDuration::from_hours(24 * DAYS)).unwrap_or(around);
    super::bound(&mut calendar, Tz::Floating, end);
    let expanded = calendar.expand_dates(Tz::Floating, MOST_CHANGES);
    let change = |begin: i64| Change { at: begin - i64::from(from), from, to };
    expanded.events.iter().map(|event| change(event.start.to_naive_timestamp())).collect()
}

/// The name of a zone whose clock is so many seconds ahead of UTC, for a year back and ahead.
fn with_hours(around: Timestamp, seconds: impl Fn(Timestamp) -> i32) -> Option<String> {
    let days: Vec<(Timestamp, i32)> = (-DAYS..=DAYS)
        .filter_map(|day| around.checked_add(SignedDuration::from_hours(24 * day)).ok())
        .map(|moment| (moment, seconds(moment)))
        .collect();
    let all = jiff::tz::db().available().map(|name| name.as_str().to_owned());
    all.filter(|name| Tz::from_str(name).is_ok()).find(|name| {
        TimeZone::get(name).is_ok_and(|zone| {
            days.iter().all(|(moment, seconds)| zone.to_offset(*moment).seconds() == *seconds)
        })
    })
}
