//! The clocks that a calendar's times are by.
//!
//! It knows how an iCalendar text names a clock, and nothing of absences.

use calcard::icalendar::{
    ICalendar, ICalendarEntry, ICalendarParameter, ICalendarParameterName, ICalendarProperty,
    ICalendarValue,
};

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

fn set_zone(entry: &mut ICalendarEntry, name: &str) {
    entry.params.retain(|param| param.name != ICalendarParameterName::Tzid);
    entry.params.push(ICalendarParameter::new(ICalendarParameterName::Tzid, name.to_owned()));
}
