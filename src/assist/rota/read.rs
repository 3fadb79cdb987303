//! Reading the rota's file, with everything that is wrong with it at once.
//!
//! It knows the columns; what they mean for a day is for the rota to say.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Group, Rota, Turn, Week};
use crate::diagnostic::Diagnostic;
use crate::directory::table::{self, Column, Findings, Mark, Row};
use crate::directory::{Directory, SourceText, away};
use crate::mail::EmailAddress;

const COLUMNS: [Column; 5] = [
    Column { name: "person", required: true },
    Column { name: "name", required: false },
    Column { name: "start", required: false },
    Column { name: "week", required: false },
    Column { name: "away", required: false },
];
const PERSON: usize = 0;
const NAME: usize = 1;
const START: usize = 2;
const WEEK: usize = 3;
const AWAY: usize = 4;

impl Rota {
    /// Reads the file, with the warnings that it gives rise to. `fallback` has what nobody has;
    /// with a `directory`, joiners who are not among its people are told of, if it has any.
    ///
    /// # Errors
    /// All findings, in the order of their places, if one of them is an error.
    pub fn read(
        source: &SourceText,
        fallback: Group,
        directory: Option<&Directory>,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let rota = Self { source: Some(source.name.clone()), ..Self::of(fallback) };
        let mut reader = Reader { rota, met: BTreeMap::new() };
        let mut findings = Findings::default();
        table::rows(source, &COLUMNS, &mut findings, |row, findings| reader.read(row, findings));
        let directory = directory.filter(|directory| directory.people() > 0);
        for (person, met) in &reader.met {
            if directory.is_some_and(|directory| !directory.knows(person)) {
                findings.push(unknown(met.first, source, person));
            }
            if met.only_away {
                let message = format!("`{person}` has days away, but no week in this file");
                let finding = met.first.error(source, "no-week", message).warning();
                findings.push(finding.help("give them one in a line with `start` or `week`"));
            }
        }
        let findings = findings.finish();
        if findings.iter().any(Diagnostic::is_error) {
            return Err(findings);
        }
        Ok((reader.rota, findings))
    }
}

/// A file that is being read.
struct Reader {
    rota: Rota,
    met: BTreeMap<EmailAddress, Met>,
}

/// A joiner of whom there was a row.
struct Met {
    first: Mark,
    /// No row so far means to give them a week.
    only_away: bool,
}

impl Reader {
    fn read(&mut self, row: &Row<'_>, findings: &mut Findings) {
        let absences = away::read(row, AWAY, findings);
        let start = given(row, START).and_then(|text| read_start(row, text, findings));
        let week = match given(row, WEEK) {
            Some(text) => read_week(row, text, findings),
            None => start.map(usual),
        };
        let person = match row.field(PERSON) {
            "" => Err("this row names nobody".to_owned()),
            text => EmailAddress::parse(text).map_err(|error| error.to_string()),
        };
        let person = match person {
            Ok(person) => person,
            Err(message) => return findings.push(row.error(PERSON, "bad-address", message)),
        };
        let means_a_week = given(row, START).or(given(row, WEEK)).is_some();
        if !means_a_week && given(row, AWAY).is_none() {
            let error =
                row.error(PERSON, "idle-row", "this row gives neither a week nor days away");
            return findings
                .push(error.help("add `start`, their first day, or `week`, as `2026-W48`"));
        }
        let met = Met { first: row.mark(PERSON), only_away: true };
        self.met.entry(person.clone()).or_insert(met).only_away &= !means_a_week;
        let joiner = self.rota.joiners.entry(person.clone()).or_default();
        joiner.away.extend(absences);
        if joiner.name.is_empty() {
            row.field(NAME).clone_into(&mut joiner.name);
        }
        if let Some(week) = week {
            self.add((week, start), person, row, findings);
        }
    }

    fn add(
        &mut self,
        (week, start): (Week, Option<Date>),
        person: EmailAddress,
        row: &Row<'_>,
        findings: &mut Findings,
    ) {
        if start.is_some_and(|start| week.sunday() < start) {
            let message = format!("{week} is over before they start");
            let error = row.error(WEEK, "week-before-start", message);
            findings.push(error.help("write a week after `start`"));
        }
        let turns = self.rota.weeks.entry(week).or_default();
        if let Some(earlier) = turns.iter().find(|earlier| earlier.person == person) {
            let message = format!("`{person}` has {week} already, by line {}", earlier.line);
            let finding = row.error(PERSON, "week-twice", message).warning();
            findings.push(finding.help("remove one of the two, or give one another `week`"));
            return;
        }
        let instead_of = start.map(usual).filter(|usual| *usual != week);
        turns.push(Turn { person, instead_of, line: row.line() });
    }
}

/// The first full week after a day: the week that the day itself lies in is none, be it a Monday.
fn usual(start: Date) -> Week {
    Week::of(start).next()
}

fn given<'a>(row: &'a Row<'_>, column: usize) -> Option<&'a str> {
    Some(row.field(column)).filter(|text| !text.is_empty())
}

fn read_start(row: &Row<'_>, text: &str, findings: &mut Findings) -> Option<Date> {
    let day = text.parse().ok();
    if day.is_none() {
        let error = row.error(START, "bad-day", format!("`{text}` is not a day"));
        findings.push(error.help("write it as `2026-11-25`"));
    }
    day
}

fn read_week(row: &Row<'_>, text: &str, findings: &mut Findings) -> Option<Week> {
    let week = Week::parse(text);
    if week.is_none() {
        let error = row.error(WEEK, "bad-week", format!("`{text}` is not a week"));
        findings.push(error.help("write `2026-W48`, or a day in it, as `2026-11-25`"));
    }
    week
}

fn unknown(mark: Mark, source: &SourceText, person: &EmailAddress) -> Diagnostic {
    mark.error(source, "unknown-person", format!("`{person}` is not among our people"))
        .warning()
        .help("only `away` in this file can say when they are away: add a row to the people's file")
}
