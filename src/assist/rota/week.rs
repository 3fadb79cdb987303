//! A calendar week, Monday to Sunday, with its number by ISO 8601.
//!
//! It is a matter of days alone: it knows no time zone and no clock.

use std::fmt;

use jiff::ToSpan as _;
use jiff::civil::{Date, ISOWeekDate, Weekday};
use serde::{Serialize, Serializer};

/// A week, by its Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Week(Date);

impl Week {
    /// The week that a day lies in.
    #[must_use]
    pub fn of(day: Date) -> Self {
        let past = i32::from(day.weekday().to_monday_zero_offset());
        Self(day.saturating_sub(past.days()))
    }

    /// The week that `2026-W48`, or a day in it, means.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let Some((year, week)) = text.split_once(['W', 'w']) else {
            return text.parse().ok().map(Self::of);
        };
        let year = year.strip_suffix('-').unwrap_or(year);
        let (year, week) = (year.parse().ok()?, week.parse().ok()?);
        Some(Self(ISOWeekDate::new(year, week, Weekday::Monday).ok()?.date()))
    }

    /// The week after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(7.days()))
    }

    /// The week before it.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0.saturating_sub(7.days()))
    }

    /// Its first day.
    #[must_use]
    pub fn monday(self) -> Date {
        self.0
    }

    /// Its last day.
    #[must_use]
    pub fn sunday(self) -> Date {
        self.0.saturating_add(6.days())
    }

    /// Its seven days.
    pub fn days(self) -> impl Iterator<Item = Date> {
        (0..7).map(move |past: i32| self.0.saturating_add(past.days()))
    }
}

/// `2026-W48`.
impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.0.iso_week_date();
        write!(f, "{:04}-W{:02}", date.year(), date.week())
    }
}

impl Serialize for Week {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_is_written_by_its_number_or_by_a_day() {
        // (what shows, text, the week's Monday)
        let cases = [
            ("a number", "2026-W48", "2026-11-23"),
            ("its Monday", "2026-11-23", "2026-11-23"),
            ("its Sunday", "2026-11-29", "2026-11-23"),
            ("without a hyphen", "2026W48", "2026-11-23"),
            ("a small w", "2026-w48", "2026-11-23"),
            ("the first of a year that begins the year before", "2026-W01", "2025-12-29"),
            ("New Year's Eve, in the next year's first week", "2024-12-31", "2024-12-30"),
            ("New Year's Day, in the last year's last week", "2027-01-01", "2026-12-28"),
            ("week 53 of a long year", "2026-W53", "2026-12-28"),
        ];
        for (name, text, monday) in cases {
            let week = Week::parse(text).unwrap();
            assert_eq!(week.monday().to_string(), monday, "{name}");
            assert_eq!(Week::parse(&week.to_string()), Some(week), "{name}");
        }
        for text in ["2025-W53", "2026-W00", "W48", "48", "2026-W48-1", "next week", "2026-02-30"] {
            assert_eq!(Week::parse(text), None, "{text}");
        }
    }
}
