//! Working hours as people write them: `Mon-Fri 09:00-17:30; Sat 10:00-12:00`.
//!
//! - groups stand between `;`, each with its days and one or more times: `Mon,Wed 9:00-12:00`;
//! - a time that ends before it begins goes past midnight, and belongs to the day it began on;
//! - `always` is what it says.
//!
//! It knows the clock on a wall; whose wall, and on which days nobody works there, is for others.

use std::fmt;

use jiff::civil::{DateTime, Weekday};

const DAY: u16 = 24 * 60;
const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Working hours of one week, which every week repeats.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours {
    spans: Vec<Span>,
}

/// Some days of the week, and the minutes that are worked from their midnight on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    /// Bit 0 is Monday.
    days: u8,
    from: u16,
    /// More than a day's minutes where the time goes past midnight.
    until: u16,
}

/// A text is not working hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadHours(String);

impl fmt::Display for BadHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` are not working hours", self.0)
    }
}

impl BadHours {
    /// The way out.
    pub const HELP: &'static str = "write `Mon-Fri 09:00-17:30`, several between `;`, or `always`";
}

impl Hours {
    /// Reads working hours; `None` are hours without an end.
    ///
    /// # Errors
    /// [`BadHours`] with the group that can't be read.
    pub fn parse(text: &str) -> Result<Option<Self>, BadHours> {
        if text.trim().eq_ignore_ascii_case("always") {
            return Ok(None);
        }
        let groups = text.split(';').map(str::trim).filter(|group| !group.is_empty());
        let mut spans = Vec::new();
        for group in groups {
            let read = read_group(group).ok_or_else(|| BadHours(group.to_owned()))?;
            spans.extend(read);
        }
        if spans.is_empty() { Err(BadHours(text.to_owned())) } else { Ok(Some(Self { spans })) }
    }

    /// Whether this is working time, by the clock on the wall.
    #[must_use]
    pub fn open_at(&self, local: DateTime) -> bool {
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute()));
        let minute = minute.unwrap_or_default();
        let (today, yesterday) = (bit(local.weekday()), bit(local.weekday().previous()));
        self.spans.iter().any(|span| {
            let within = |minute| (span.from..span.until).contains(&minute);
            (span.days & today != 0 && within(minute))
                || (span.days & yesterday != 0 && within(minute + DAY))
        })
    }
}

fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

/// The days and times of one group.
fn read_group(group: &str) -> Option<Vec<Span>> {
    let mut words = group.split_whitespace();
    let days = read_days(words.next()?)?;
    let times: Vec<Span> = words.map(|time| read_time(days, time)).collect::<Option<_>>()?;
    (!times.is_empty()).then_some(times)
}

/// `Mon-Fri`, `Mon,Wed` or `Sat`, as bits.
fn read_days(text: &str) -> Option<u8> {
    let mut days = 0;
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number_of(first)?, number_of(last)?);
        let mut day = first;
        loop {
            days |= 1 << day;
            if day == last {
                break;
            }
            day = (day + 1) % 7;
        }
    }
    Some(days)
}

fn number_of(name: &str) -> Option<usize> {
    let name = name.trim().to_ascii_lowercase();
    NAMES.iter().position(|known| *known == name)
}

/// `09:00-17:30`; a comma may follow.
fn read_time(days: u8, text: &str) -> Option<Span> {
    let (from, until) = text.trim_end_matches(',').split_once('-')?;
    let (from, until) = (minutes(from)?, minutes(until)?);
    if from == until || from == DAY {
        return None;
    }
    Some(Span { days, from, until: if until > from { until } else { until + DAY } })
}

/// Minutes since midnight; `24:00` is the end of the day.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str, most| {
        let plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u16>().ok().filter(|number| plain && *number <= most)
    };
    let (hour, minute) = (digits(hour, 24)?, digits(minute, 59)?);
    let sum = hour * 60 + minute;
    (sum <= DAY).then_some(sum)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn hours_are_open_and_shut() {
        // 2026-06-01 is a Monday.
        let cases = [
            ("in the morning", "Mon-Fri 09:00-17:30", date(2026, 6, 1).at(9, 0, 0, 0), true),
            ("a minute before", "Mon-Fri 09:00-17:30", date(2026, 6, 1).at(8, 59, 59, 0), false),
            ("at the end", "Mon-Fri 09:00-17:30", date(2026, 6, 1).at(17, 30, 0, 0), false),
            ("at the weekend", "Mon-Fri 9:00-17:30", date(2026, 6, 6).at(10, 0, 0, 0), false),
            ("on single days", "mon,WED 9:00-12:00", date(2026, 6, 3).at(10, 0, 0, 0), true),
            ("between single days", "Mon,Wed 9:00-12:00", date(2026, 6, 2).at(10, 0, 0, 0), false),
            ("at lunch", "Mon 9:00-12:00, 13:00-17:00", date(2026, 6, 1).at(12, 30, 0, 0), false),
            ("after it", "Mon 9:00-12:00, 13:00-17:00", date(2026, 6, 1).at(13, 0, 0, 0), true),
            (
                "a second group",
                "Mon 9:00-12:00; Sat 10:00-12:00",
                date(2026, 6, 6).at(10, 0, 0, 0),
                true,
            ),
            ("over the week's end", "Sat-Mon 9:00-12:00", date(2026, 6, 7).at(10, 0, 0, 0), true),
            ("before midnight", "Fri 22:00-06:00", date(2026, 6, 5).at(23, 0, 0, 0), true),
            ("after midnight", "Fri 22:00-06:00", date(2026, 6, 6).at(5, 59, 0, 0), true),
            ("the night before", "Fri 22:00-06:00", date(2026, 6, 5).at(5, 0, 0, 0), false),
            ("Sunday's night", "Sun 22:00-06:00", date(2026, 6, 1).at(1, 0, 0, 0), true),
            ("the whole day", "Mon 00:00-24:00", date(2026, 6, 1).at(23, 59, 59, 0), true),
        ];
        for (case, text, local, open) in cases {
            let hours = Hours::parse(text).unwrap().unwrap();
            assert_eq!(hours.open_at(local), open, "{case}: {text} at {local}");
        }
        assert_eq!(Hours::parse(" Always "), Ok(None));
    }

    #[test]
    fn what_are_no_hours_is_refused() {
        for text in [
            "",
            ";",
            "9-17",
            "Mon-Fri",
            "Mon-Fri 9-17",
            "Mo-Fr 09:00-17:00",
            "Mon 09:00-09:00",
            "Mon 24:00-06:00",
            "Mon 09:60-17:00",
            "Mon 09:00-24:01",
            "Mon +9:00-17:00",
            "Mon 09:00-17:00; Tue",
        ] {
            assert!(Hours::parse(text).is_err(), "{text}");
        }
    }
}
