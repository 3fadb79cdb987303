//! Public holidays: a list of days, or an iCalendar file.
//!
//! ```text
//! # Days, a line each; what follows the day is for people to read.
//! 2026-12-25  Christmas
//! 2026-12-26..2026-12-31  the office is shut
//! ```
//!
//! It knows days; it knows nothing of who works where.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::table::Findings;
use super::{SourceText, calendar};
use crate::diagnostic::Diagnostic;

/// Longer than this no holiday is: a slip of the pen.
const LONGEST: i32 = 366;

/// Reads the days; what is wrong goes into `findings`.
/// `zone` is for a calendar with times in UTC.
pub(super) fn read(
    source: &SourceText,
    zone: &TimeZone,
    findings: &mut Findings,
) -> BTreeSet<Date> {
    let days = read_all(source, zone, findings);
    if days.is_empty() {
        let message = "there is no day in this list of holidays";
        findings.push(Diagnostic::error(&source.name, "no-holidays", message).warning());
    }
    days
}

fn read_all(source: &SourceText, zone: &TimeZone, findings: &mut Findings) -> BTreeSet<Date> {
    if calendar::is_calendar(&source.text) {
        return match calendar::days(&source.text, zone) {
            Ok(days) => days,
            Err(message) => {
                findings.push(Diagnostic::error(&source.name, "bad-calendar", message));
                BTreeSet::new()
            }
        };
    }
    let mut days = BTreeSet::new();
    for (line, number) in source.text.trim_start_matches('\u{feff}').lines().zip(1u32..) {
        let bare = line.split('#').next().unwrap_or_default();
        let Some(word) = bare.split_whitespace().next() else { continue };
        match read_days(word) {
            Some(read) => days.extend(read),
            None => findings.push(not_a_day(source, line, number, word)),
        }
    }
    days
}

/// A day, or a range of days with both ends included.
fn read_days(text: &str) -> Option<impl Iterator<Item = Date> + use<>> {
    let (from, until) = text.split_once("..").unwrap_or((text, text));
    let (from, until) = (from.parse::<Date>().ok()?, until.parse::<Date>().ok()?);
    let long = from.until(until).ok()?.get_days();
    (0..LONGEST).contains(&long).then(|| {
        let days = std::iter::successors(Some(from), |day| day.tomorrow().ok());
        days.take_while(move |day| *day <= until)
    })
}

/// Whether a text is a day or a range of days.
#[must_use]
pub fn is_days(text: &str) -> bool {
    read_days(text).is_some()
}

fn not_a_day(source: &SourceText, line: &str, number: u32, word: &str) -> Diagnostic {
    let before = line.split(word).next().unwrap_or_default();
    let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let message = format!("`{word}` is not a day or a range of days");
    Diagnostic::error(&source.name, "bad-days", message)
        .at(number, count(before) + 1, count(word), line)
        .help("write `2026-12-25`, or `2026-12-25..2026-12-26`, and what day it is behind it")
}
