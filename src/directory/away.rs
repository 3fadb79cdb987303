//! The days on which somebody is away, as a column of a file has them: `FROM..UNTIL` with both
//! days included, or a single day, several separated by `;`.
//!
//! It knows nothing of whose days they are.

use jiff::civil::Date;

use super::table::{Findings, Row};

/// Reads the days; what is wrong with them goes into `findings`.
pub(crate) fn read(row: &Row<'_>, column: usize, findings: &mut Findings) -> Vec<(Date, Date)> {
    let mut away = Vec::new();
    for text in row.field(column).split(';').map(str::trim).filter(|text| !text.is_empty()) {
        let (from, until) = text.split_once("..").unwrap_or((text, text));
        let error = match (from.trim().parse::<Date>(), until.trim().parse::<Date>()) {
            (Ok(from), Ok(until)) if from <= until => {
                away.push((from, until));
                continue;
            }
            (Ok(_), Ok(_)) => row
                .error(column, "bad-days", format!("`{text}` ends before it begins"))
                .help("write the first day first"),
            _ => row
                .error(column, "bad-days", format!("`{text}` is not a day or a range of days"))
                .help("write `2026-12-24..2027-01-02`, or `2026-12-24` for one day"),
        };
        findings.push(error);
    }
    away
}

/// The first and last day of the absence that `day` falls into.
pub(crate) fn on(away: &[(Date, Date)], day: Date) -> Option<(Date, Date)> {
    away.iter().copied().find(|(from, until)| (*from..=*until).contains(&day))
}
