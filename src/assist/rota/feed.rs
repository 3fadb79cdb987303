//! The rota as an iCalendar text (RFC 5545), for people's calendars.
//!
//! One event a person and week, on whole days, so that no time zone shifts it. It is marked as
//! free: whoever is on duty is not away, and Postroom may read the calendar that it ends up in.
//! Writing is left to `calcard`.

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType as Component, ICalendarParameter,
    ICalendarProperty as Property, ICalendarTransparency, ICalendarValue, ICalendarValueType,
};
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Rota, Shift, Week};

impl Rota {
    /// All weeks of the file. `made` is when that is said: each event needs it.
    #[must_use]
    pub fn feed(&self, made: Timestamp) -> String {
        let mut calendar = ICalendarComponent::new(Component::VCalendar);
        calendar.add_property(Property::Version, text("2.0"));
        calendar.add_property(Property::Prodid, text("-//Postroom//Rota//EN"));
        // RFC 7986 §5.1, and what most programs read instead.
        for name in [Property::Name, Property::Other("X-WR-CALNAME".to_owned())] {
            calendar.add_property(name, text("Assist duty"));
        }
        let turns = self.weeks.iter().flat_map(|(week, turns)| turns.iter().map(|it| (*week, it)));
        let events = turns.map(|(week, turn)| event(week, &self.shift(turn), made));
        let mut components: Vec<ICalendarComponent> = events.collect();
        calendar.component_ids = (1u32..).take(components.len()).collect();
        components.insert(0, calendar);
        ICalendar { components }.to_string()
    }
}

fn event(week: Week, shift: &Shift, made: Timestamp) -> ICalendarComponent {
    let Shift { person, name, .. } = shift;
    let who = if name.is_empty() { person.as_str() } else { name };
    let mut event = ICalendarComponent::new(Component::VEvent);
    event.add_uid(&format!("{week}/{person}"));
    event.add_dtstamp(PartialDateTime::from_utc_timestamp(made.as_second()));
    // RFC 5545 §3.6.1: the end of an event on whole days is the day after the last.
    for (property, day) in
        [(Property::Dtstart, week.monday()), (Property::Dtend, week.next().monday())]
    {
        let whole = ICalendarParameter::value(ICalendarValueType::Date);
        event.add_property_with_params(property, [whole], on(day));
    }
    event.add_property(Property::Summary, text(&format!("Assist duty: {who}")));
    let free = ICalendarValue::Transparency(ICalendarTransparency::Transparent);
    event.add_property(Property::Transp, free);
    let outlook = Property::Other("X-MICROSOFT-CDO-BUSYSTATUS".to_owned());
    event.add_property(outlook, text("FREE"));
    event
}

fn text(text: &str) -> ICalendarValue {
    ICalendarValue::Text(text.to_owned())
}

fn on(day: Date) -> ICalendarValue {
    let day = PartialDateTime {
        year: u16::try_from(day.year()).ok(),
        month: u8::try_from(day.month()).ok(),
        day: u8::try_from(day.day()).ok(),
        ..PartialDateTime::default()
    };
    ICalendarValue::PartialDateTime(Box::new(day))
}
