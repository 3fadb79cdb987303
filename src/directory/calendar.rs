//! What an iCalendar text (RFC 5545) says of somebody's absences.
//!
//! Reading and repeating events is left to `calcard`. What counts as an absence is decided here:
//!
//! - an event that lasts long enough, or that Outlook marks as out of office, however short;
//! - not one that is marked as free or tentative, or was cancelled; not a task; not an invitation
//!   that they declined;
//! - the periods of a free-busy answer (`VFREEBUSY`), likewise.
//!
//! Not supported: `VAVAILABILITY` (RFC 7953), `EXRULE`, calendars other than the Gregorian, what
//! repeats more than once a day (only its first time counts), and more than [`MOST`] repetitions.
//! Times without a zone are in the person's, and so are those in a zone that nobody knows. It reads
//! a text that was handed in; it knows nothing of where it lay.

mod zones;

use std::collections::{BTreeMap, BTreeSet};

use calcard::common::PartialDateTime;
use calcard::common::timezone::{Tz, TzTimestamp};
use calcard::icalendar::dates::{CalendarEvent, TimeOrDelta};
use calcard::icalendar::timezone::TzResolver;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType as Component, ICalendarEntry,
    ICalendarFreeBusyType, ICalendarFrequency, ICalendarParameterName, ICalendarParameterValue,
    ICalendarParticipationStatus, ICalendarPeriod, ICalendarProperty, ICalendarStatus,
    ICalendarTransparency, ICalendarValue,
};
use calcard::{Entry, Parser};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::mail::EmailAddress;

/// More repetitions than this are not looked at in one text, those of the past included.
pub const MOST: usize = 200_000;
const DAY: i64 = 24 * 60 * 60;

/// When somebody is busy, in the order of the beginnings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Busy {
    spans: Vec<(Timestamp, Timestamp)>,
}

/// What is looked for in a calendar.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// Absences that end before are left out.
    pub from: Timestamp,
    /// Absences that begin after are left out.
    pub until: Timestamp,
    /// An event that is shorter is an appointment, not an absence.
    pub least: SignedDuration,
}

/// Whose calendar it is.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Their address: the one by which they are invited.
    pub address: &'a EmailAddress,
    /// Their zone.
    pub zone: &'a TimeZone,
}

/// What was found in a calendar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// When its owner is absent.
    pub busy: Busy,
    /// What may be wrong about that.
    pub doubt: Option<String>,
}

impl Busy {
    /// The beginning and the end of the absence that a moment falls into: the one that ends last.
    #[must_use]
    pub fn at(&self, moment: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let begun = self.spans.partition_point(|(from, _)| *from <= moment);
        let begun = self.spans.get(..begun).unwrap_or_default();
        begun.iter().copied().filter(|(_, until)| moment < *until).max_by_key(|(_, until)| *until)
    }

    /// How many absences there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

/// Whether a text means to be a calendar.
#[must_use]
pub fn is_calendar(text: &str) -> bool {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    start.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("BEGIN:VCALENDAR"))
}

/// Somebody's absences.
///
/// # Errors
/// A message if the text is no calendar, or their zone is none that calendars know.
pub fn absences(text: &str, owner: Owner<'_>, search: &Search) -> Result<Found, String> {
    let zone = owner.zone;
    let mut calendar = parse(text)?;
    let home = zones::home(zone, search.from)
        .ok_or("the system's time zone has no name: write it as `zone` below `[working_hours]`")?;
    let unknown = zones::name_others(&mut calendar, search.from);
    let events = occurrences(&mut calendar, home, search.until);
    let mut spans = Vec::new();
    let mut doubt = None;
    for event in events {
        let Some(component) = calendar.components.get(event.component as usize) else { continue };
        let span = counted(component, owner).and_then(|all| event.span(zone, all, search));
        if span.is_some_and(|(_, until)| until > search.from) && doubt.is_none() {
            let named = component.property(&ICalendarProperty::Dtstart).and_then(|it| it.tz_id());
            doubt = named.filter(|name| unknown.contains(*name)).map(|name| {
                format!("names a time zone that is not known, `{name}`: it is taken for their own")
            });
        }
        spans.extend(span);
    }
    for component in &calendar.components {
        if component.component_type == Component::VFreebusy {
            spans.extend(periods(component, zone, search));
        }
    }
    spans.retain(|(from, until)| from < until && *until > search.from && *from < search.until);
    spans.sort_unstable();
    spans.dedup();
    Ok(Found { busy: Busy { spans }, doubt })
}

/// The days on which the events of a calendar of holidays lie, by the clock that each of them names.
/// What is in UTC was meant for another clock, and exported so: `zone` is taken for it.
///
/// # Errors
/// A message if the text is no calendar.
pub(super) fn days(text: &str, zone: &TimeZone) -> Result<BTreeSet<Date>, String> {
    let mut calendar = parse(text)?;
    // 2100-01-01: no list of holidays is right that far.
    let end = Timestamp::from_second(4_102_444_800).unwrap_or(Timestamp::MAX);
    let mut days = BTreeSet::new();
    for event in occurrences(&mut calendar, Tz::Floating, end) {
        let component = calendar.components.get(event.component as usize);
        if component.and_then(ICalendarComponent::status) == Some(&ICalendarStatus::Cancelled) {
            continue;
        }
        let (from, until) = event.wall.unwrap_or_else(|| {
            let wall = |moment: Timestamp| moment.to_zoned(zone.clone()).datetime();
            (wall(event.from), wall(event.until))
        });
        let count = (from.duration_until(until).as_secs() + DAY - 1) / DAY;
        let all = std::iter::successors(Some(from.date()), |day| day.tomorrow().ok());
        days.extend(all.take(usize::try_from(count.clamp(1, 366)).unwrap_or(1)));
    }
    Ok(days)
}

/// All calendars of a text as one (RFC 5545 §3.4: there can be several).
fn parse(text: &str) -> Result<ICalendar, String> {
    let mut all = ICalendar { components: Vec::new() };
    let mut parser = Parser::new(text.trim_start_matches('\u{feff}'));
    loop {
        let entry = parser.entry();
        if matches!(entry, Entry::Eof) {
            break;
        }
        let Entry::ICalendar(calendar) = entry else { continue };
        let before = u32::try_from(all.components.len()).unwrap_or(u32::MAX);
        all.components.extend(calendar.components.into_iter().map(|mut component| {
            let ids = component.component_ids.iter_mut();
            ids.for_each(|id| *id = id.saturating_add(before));
            component
        }));
    }
    if all.components.is_empty() {
        return Err("this is not an iCalendar text".to_owned());
    }
    // Half a file must not stand in for a whole one.
    let is = |line: &str, mark: &str| line.trim_end().eq_ignore_ascii_case(mark);
    let mut marks = text.lines().rev();
    let last = marks.find(|line| is(line, "END:VCALENDAR") || is(line, "BEGIN:VCALENDAR"));
    match last {
        Some(line) if is(line, "END:VCALENDAR") => Ok(all),
        _ => Err("it is cut off: `END:VCALENDAR` is missing".to_owned()),
    }
}

/// An event, or one repetition of it.
struct Occurrence {
    component: u32,
    from: Timestamp,
    until: Timestamp,
    /// The same by the clock that it names; `None` if that is UTC.
    wall: Option<(DateTime, DateTime)>,
    /// It lies on whole days, wherever that is.
    whole_days: bool,
}

impl Occurrence {
    fn seconds(&self) -> i64 {
        self.until.as_second() - self.from.as_second()
    }

    /// From when until when it lasts, if that is long enough. A whole day begins and ends at
    /// midnight, also when it has 23 hours.
    fn span(
        &self,
        zone: &TimeZone,
        any_length: bool,
        search: &Search,
    ) -> Option<(Timestamp, Timestamp)> {
        let mut until = self.until;
        if self.whole_days {
            let days = ((self.seconds() + DAY / 2) / DAY).max(1);
            let last = self.from.to_zoned(zone.clone()).date().checked_add(days.days()).ok()?;
            until = last.to_zoned(zone.clone()).ok()?.timestamp();
        }
        let long = until.duration_since(self.from) >= search.least;
        (any_length || long).then_some((self.from, until))
    }
}

/// Every event before `end`, repetitions and all. What names no clock is by that of `home`.
fn occurrences(calendar: &mut ICalendar, home: Tz, end: Timestamp) -> Vec<Occurrence> {
    zones::name_utc(calendar);
    bound(calendar, home, end);
    number(calendar, home);
    let expanded = calendar.expand_dates(home, MOST);
    // What can't be read of it is no absence; the events of tasks and journals neither.
    let read = |event: CalendarEvent<_, TimeOrDelta<_, _>>| {
        let component = calendar.components.get(event.comp_id as usize)?;
        if component.component_type != Component::VEvent {
            return None;
        }
        let (from, until) = event.timestamps();
        let begin = event.start.to_naive_timestamp();
        let length = match event.end {
            TimeOrDelta::Time(end) => {
                end.with_timezone(&event.start.timezone()).to_naive_timestamp() - begin
            }
            TimeOrDelta::Delta(length) => length.num_seconds(),
        };
        let wall = on_the_wall(begin).zip(on_the_wall(begin.saturating_add(length)));
        Some(Occurrence {
            component: event.comp_id,
            from: Timestamp::from_second(from).ok()?,
            until: Timestamp::from_second(until).ok()?,
            wall: wall.filter(|_| event.start.timezone() != Tz::UTC),
            whole_days: on_whole_days(component),
        })
    };
    expanded.events.into_iter().filter_map(read).collect()
}

/// The day and time that a clock shows, of its seconds since 1970.
fn on_the_wall(seconds: i64) -> Option<DateTime> {
    Some(Timestamp::from_second(seconds).ok()?.to_zoned(TimeZone::UTC).datetime())
}

fn on_whole_days(event: &ICalendarComponent) -> bool {
    let start = event.property(&ICalendarProperty::Dtstart).and_then(|entry| entry.values.first());
    matches!(start, Some(ICalendarValue::PartialDateTime(start)) if start.hour.is_none())
}

/// Ends every repetition at `end`, at the latest, so that rules without an end have one. The end
/// that a rule has is put into the event's own zone on the way (RFC 5545 §3.3.10 has it in UTC):
/// `calcard` compares it with the time on the wall.
fn bound(calendar: &mut ICalendar, home: Tz, end: Timestamp) {
    let until: Vec<Option<PartialDateTime>> = {
        let zones = calendar.build_tz_resolver().with_default(home);
        calendar.components.iter().map(|event| last_start(event, &zones, end)).collect()
    };
    for (component, until) in calendar.components.iter_mut().zip(until) {
        component.entries.retain(|entry| !repeats_by_the_hour(entry));
        for entry in &mut component.entries {
            for value in &mut entry.values {
                if let ICalendarValue::RecurrenceRule(rule) = value {
                    rule.until.clone_from(&until);
                }
            }
        }
    }
}

/// Whether a rule repeats more than once a day: no absence does, and it would use up [`MOST`].
fn repeats_by_the_hour(entry: &ICalendarEntry) -> bool {
    let Some(ICalendarValue::RecurrenceRule(rule)) = entry.values.first() else { return false };
    rule.freq > ICalendarFrequency::Daily
}

/// The last moment at which a repetition of the event can begin, on its own wall.
fn last_start(
    event: &ICalendarComponent,
    zones: &TzResolver<&str>,
    end: Timestamp,
) -> Option<PartialDateTime> {
    let rule = event.property(&ICalendarProperty::Rrule)?.values.first()?;
    let ICalendarValue::RecurrenceRule(rule) = rule else { return None };
    let zone = zones.resolve_or_default(event.property(&ICalendarProperty::Dtstart)?.tz_id());
    let on_the_wall = |utc: &PartialDateTime| {
        let moment = utc.to_date_time_with_tz(Tz::UTC)?;
        Some(moment.with_timezone(&zone).to_naive_timestamp())
    };
    let end = on_the_wall(&PartialDateTime::from_utc_timestamp(end.as_second()))?;
    let own = rule.until.as_ref().and_then(|until| match (until.tz_hour, until.hour) {
        (Some(_), _) => on_the_wall(until),
        // A day is meant as a whole.
        (None, None) => Some(until.to_date_time_with_tz(Tz::UTC)?.to_naive_timestamp() + DAY - 1),
        (None, Some(_)) => Some(until.to_date_time_with_tz(Tz::UTC)?.to_naive_timestamp()),
    });
    Some(PartialDateTime::from_naive_timestamp(own.map_or(end, |own| own.min(end))))
}

/// One of the components that tell of an event: the series, a repetition that was changed or
/// cancelled, or an earlier form of either.
struct Version {
    /// The same for all that tell of this event, and for no other.
    event: i64,
    /// When the repetition would have begun, if it tells of one.
    repetition: Option<i64>,
    /// Its SEQUENCE: the higher one holds (RFC 5546 §2.1.5).
    revision: i64,
    /// Whether it can be told from other events.
    named: bool,
}

/// Empties the versions of an event that a higher one replaces, and gives the others a SEQUENCE by
/// the event. `calcard` puts a repetition that was changed in its place by that number alone; but
/// a calendar raises it for the repetition and not for the series, and two events can share it.
fn number(calendar: &mut ICalendar, home: Tz) {
    let versions = versions(calendar, home);
    let mut highest = BTreeMap::new();
    for version in versions.iter().filter(|version| version.named) {
        let revision =
            highest.entry((version.event, version.repetition)).or_insert(version.revision);
        *revision = version.revision.max(*revision);
    }
    for (component, version) in calendar.components.iter_mut().zip(versions) {
        let highest = highest.get(&(version.event, version.repetition));
        if version.named && highest > Some(&version.revision) {
            component.entries.clear();
            continue;
        }
        component.entries.retain(|entry| entry.name != ICalendarProperty::Sequence);
        let number = ICalendarValue::Integer(version.event);
        component.add_property(ICalendarProperty::Sequence, number);
    }
}

/// For each component, what it is a version of.
fn versions(calendar: &ICalendar, home: Tz) -> Vec<Version> {
    let zones = calendar.build_tz_resolver().with_default(home);
    let mut events = BTreeMap::new();
    let mut versions = Vec::new();
    for (component, fresh) in calendar.components.iter().zip(0..) {
        // A task can have the UID of an event.
        let is_event = component.component_type == Component::VEvent;
        let uid = component.uid();
        let sequence = component.property(&ICalendarProperty::Sequence);
        let revision = match sequence.and_then(|entry| entry.values.first()) {
            Some(ICalendarValue::Integer(revision)) => *revision,
            _ => 0,
        };
        versions.push(Version {
            event: *events.entry((is_event, uid)).or_insert(fresh),
            repetition: repetition(component, &zones),
            revision,
            named: is_event && uid.is_some(),
        });
    }
    versions
}

/// When the repetition that a component tells of would have begun, in seconds.
fn repetition(component: &ICalendarComponent, zones: &TzResolver<&str>) -> Option<i64> {
    let id = component.property(&ICalendarProperty::RecurrenceId)?;
    let Some(ICalendarValue::PartialDateTime(begin)) = id.values.first() else { return None };
    let start = component.property(&ICalendarProperty::Dtstart);
    let zone = zones.resolve_or_default(id.tz_id().or_else(|| start?.tz_id()));
    // The clock may show it twice, or never.
    let begin = begin.to_date_time_with_tz(zone).or_else(|| begin.to_date_time_with_tz(Tz::UTC));
    Some(begin?.timestamp())
}

/// Whether an event keeps somebody away: `Some(true)` at any length, `Some(false)` if it is long.
fn counted(event: &ICalendarComponent, owner: Owner<'_>) -> Option<bool> {
    if matches!(event.status(), Some(ICalendarStatus::Cancelled | ICalendarStatus::Tentative)) {
        return None;
    }
    if event.properties(&ICalendarProperty::Attendee).any(|guest| declines(guest, owner.address)) {
        return None;
    }
    // Outlook and Exchange say here what TRANSP has no words for.
    let outlook = ICalendarProperty::Other("X-MICROSOFT-CDO-BUSYSTATUS".to_owned());
    let outlook = event.property(&outlook).and_then(|entry| entry.values.first()?.as_text());
    match outlook.map(str::to_ascii_uppercase).as_deref() {
        Some("OOF") => return Some(true),
        Some("FREE" | "TENTATIVE" | "WORKINGELSEWHERE") => return None,
        _ => {}
    }
    let free = event.transparency() == Some(&ICalendarTransparency::Transparent);
    (!free).then_some(false)
}

/// Whether somebody is invited here, and does not come.
fn declines(guest: &ICalendarEntry, owner: &EmailAddress) -> bool {
    let declined = ICalendarParameterValue::Partstat(ICalendarParticipationStatus::Declined);
    guest.parameter(&ICalendarParameterName::Partstat) == Some(&declined)
        && guest
            .calendar_address()
            .and_then(|address| EmailAddress::parse(address).ok())
            .is_some_and(|address| address == *owner)
}

/// The busy periods of a free-busy answer.
fn periods(
    answer: &ICalendarComponent,
    zone: &TimeZone,
    search: &Search,
) -> Vec<(Timestamp, Timestamp)> {
    let mut spans = Vec::new();
    for entry in answer.properties(&ICalendarProperty::Freebusy) {
        let any_length = match entry.parameter(&ICalendarParameterName::Fbtype) {
            Some(ICalendarParameterValue::Fbtype(kind)) => match kind {
                ICalendarFreeBusyType::Busy => false,
                ICalendarFreeBusyType::BusyUnavailable => true,
                ICalendarFreeBusyType::Free | ICalendarFreeBusyType::BusyTentative => continue,
            },
            _ => false,
        };
        for value in &entry.values {
            let ICalendarValue::Period(period) = value else { continue };
            let Some((from, until)) = ends(period) else { continue };
            let period = Occurrence { component: 0, from, until, wall: None, whole_days: false };
            spans.extend(period.span(zone, any_length, search));
        }
    }
    spans
}

/// RFC 5545 §3.8.2.6: the times of a free-busy period are in UTC.
fn ends(period: &ICalendarPeriod) -> Option<(Timestamp, Timestamp)> {
    let moment = |time: &PartialDateTime| {
        Timestamp::from_second(time.to_date_time_with_tz(Tz::UTC)?.timestamp()).ok()
    };
    match period {
        ICalendarPeriod::Range { start, end } => Some((moment(start)?, moment(end)?)),
        ICalendarPeriod::Duration { start, duration } => {
            let start = moment(start)?;
            let length = SignedDuration::from_secs(duration.as_seconds());
            Some((start, start.checked_add(length).ok()?))
        }
    }
}
