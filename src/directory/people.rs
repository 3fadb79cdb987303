//! Our own people, from a CSV file.
//!
//! ```csv
//! person,name,manager,away,zone,hours
//! dana@callwise.example,Dana Weiss,,,America/New_York,Mon-Fri 08:00-17:00
//! ben@callwise.example,Ben Okafor,dana@callwise.example,2026-12-24..2027-01-02; 2027-02-01,,
//! ```
//!
//! - `person`: the person's address;
//! - `name`: their name, for people to read (may be empty);
//! - `manager`: the address of their manager (optional);
//! - `away`: the days on which they are away: `FROM..UNTIL` with both days included, or a single
//!   day, several separated by `;` (optional);
//! - `zone`: the time zone in which their days begin and end, as `Europe/Berlin`;
//! - `hours`: their working hours, as [`hours`](super::hours) describes them;
//! - `holidays`: the name of the public holidays that they have, or `none`;
//! - `calendar`: an iCalendar file, or the `https://` address of a feed, with their absences;
//! - `cap`: how many open tickets they can have before the next rung is tried.
//!
//! What is left out of the last five is as the configuration says for all. It knows nothing of
//! customers, and reads no calendar.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::claim::mailbox_of;
use super::hours::{BadHours, Hours};
use super::intern::Interner;
use super::table::{self, Column, Findings, Mark, Row};
use super::{Rules, SourceText, away, zone};
use crate::diagnostic::{Diagnostic, nearest};
use crate::mail::EmailAddress;

const COLUMNS: [Column; 9] = [
    Column { name: "person", required: true },
    Column { name: "name", required: false },
    Column { name: "manager", required: false },
    Column { name: "away", required: false },
    Column { name: "zone", required: false },
    Column { name: "hours", required: false },
    Column { name: "holidays", required: false },
    Column { name: "calendar", required: false },
    Column { name: "cap", required: false },
];
const PERSON: usize = 0;
const NAME: usize = 1;
const MANAGER: usize = 2;
const AWAY: usize = 3;
const ZONE: usize = 4;
const HOURS: usize = 5;
const HOLIDAYS: usize = 6;
const CALENDAR: usize = 7;
const CAP: usize = 8;

/// What stands in place of a name for somebody who has no public holidays.
pub const NO_HOLIDAYS: &str = "none";

/// Public holidays by the names that people have them under.
pub(super) type Holidays = BTreeMap<String, Arc<BTreeSet<Date>>>;

/// Our own people, by address.
#[derive(Debug, Default)]
pub(super) struct People {
    /// The mailboxes, with the numbers of `list`.
    mailboxes: Interner,
    list: Vec<Person>,
    gmail_dots: bool,
}

/// One of our own people.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) line: u32,
    pub(super) address: EmailAddress,
    pub(super) name: Box<str>,
    pub(super) manager: Option<EmailAddress>,
    away: Vec<(Date, Date)>,
    pub(super) zone: TimeZone,
    /// `None` for somebody who is there at any hour.
    pub(super) hours: Option<Hours>,
    pub(super) holidays: Option<Arc<BTreeSet<Date>>>,
    pub(super) calendar: Option<Box<str>>,
    pub(super) cap: Option<u32>,
}

impl Person {
    /// Whether it matters at all what day or hour it is where they are.
    pub(super) fn keeps_days(&self) -> bool {
        !self.away.is_empty() || self.hours.is_some() || self.holidays.is_some()
    }

    /// The first and last day of the absence that `day` falls into.
    pub(super) fn away_on(&self, day: Date) -> Option<(Date, Date)> {
        away::on(&self.away, day)
    }
}

impl People {
    /// Reads the file; what is wrong with it goes into `findings`.
    pub(super) fn read(
        source: &SourceText,
        rules: &Rules,
        holidays: &Holidays,
        findings: &mut Findings,
    ) -> Self {
        let mut people = Self { gmail_dots: rules.gmail_dots, ..Self::default() };
        let mut marks = Vec::new();
        table::rows(source, &COLUMNS, findings, |row, findings| {
            let office = read_office(row, rules, holidays, findings);
            if let Some(person) = people.read_row(row, office, &marks, findings) {
                people.list.push(person);
                marks.push(row.mark(MANAGER));
            }
        });
        people.check_managers(source, &marks, findings);
        people
    }

    pub(super) fn find(&self, address: &EmailAddress) -> Option<&Person> {
        self.list.get(self.number(address)? as usize)
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    fn number(&self, address: &EmailAddress) -> Option<u32> {
        self.mailboxes.get(&mailbox_of(address, self.gmail_dots))
    }

    /// All of them, in the order of the file.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.list.iter()
    }

    fn read_row(
        &mut self,
        row: &Row<'_>,
        office: Office,
        marks: &[Mark],
        findings: &mut Findings,
    ) -> Option<Person> {
        let manager = match row.field(MANAGER) {
            "" => None,
            text => EmailAddress::parse(text)
                .map_err(|e| findings.push(row.error(MANAGER, "bad-address", e.to_string())))
                .ok(),
        };
        let away = away::read(row, AWAY, findings);
        let address = match row.field(PERSON) {
            "" => Err("this row names nobody".to_owned()),
            text => EmailAddress::parse(text).map_err(|error| error.to_string()),
        }
        .map_err(|message| findings.push(row.error(PERSON, "bad-address", message)))
        .ok()?;
        let (number, new) = self.mailboxes.intern(&mailbox_of(&address, self.gmail_dots));
        if !new {
            let earlier = marks.get(number as usize).map_or(0, |mark| mark.line());
            let message = format!("`{address}` is there already, in line {earlier}");
            findings.push(row.error(PERSON, "person-twice", message).help("remove one of the two"));
            return None;
        }
        let Office { zone, hours, holidays, cap } = office;
        let calendar = read_calendar(row, findings);
        let (line, name) = (row.line(), row.field(NAME).into());
        Some(Person { line, address, name, manager, away, zone, hours, holidays, calendar, cap })
    }

    /// A manager who isn't there ends a ladder early; one who manages themselves, over however
    /// many others, would never end it.
    fn check_managers(&self, source: &SourceText, marks: &[Mark], findings: &mut Findings) {
        let manager_of = |number: u32| {
            let person = self.list.get(number as usize)?;
            self.number(person.manager.as_ref()?)
        };
        // For each person the number, plus one, of the person from whom they were first reached.
        let mut reached_from = vec![0u32; self.list.len()];
        for ((person, mark), first) in self.list.iter().zip(marks).zip(0u32..) {
            if let Some(manager) = &person.manager
                && self.number(manager).is_none()
            {
                findings.push(unknown(*mark, source, manager));
            }
            let mut at = Some(first);
            while let Some(number) = at {
                match reached_from.get_mut(number as usize) {
                    Some(slot) if *slot == 0 => *slot = first + 1,
                    Some(slot) if *slot == first + 1 => {
                        findings.push(self.loop_error(number, manager_of, source, marks));
                        break;
                    }
                    _ => break,
                }
                at = manager_of(number);
            }
        }
    }

    fn loop_error(
        &self,
        start: u32,
        manager_of: impl Fn(u32) -> Option<u32>,
        source: &SourceText,
        marks: &[Mark],
    ) -> Diagnostic {
        // Told from the row that stands first, so that the same file always says the same.
        let members: Vec<u32> = std::iter::successors(Some(start), |number| {
            manager_of(*number).filter(|next| *next != start)
        })
        .collect();
        let first = members.iter().copied().min().unwrap_or(start);
        let name = |number: u32| {
            self.list.get(number as usize).map_or("", |person| person.address.as_str())
        };
        let mut chain = format!("`{}`", name(first));
        for number in std::iter::successors(manager_of(first), |number| {
            manager_of(*number).filter(|_| *number != first)
        }) {
            chain.push_str(" → `");
            chain.push_str(name(number));
            chain.push('`');
        }
        let message = format!("managers go round in a circle: {chain}");
        let error = match marks.get(first as usize) {
            Some(mark) => mark.error(source, "manager-loop", message),
            None => Diagnostic::error(&source.name, "manager-loop", message),
        };
        error.help("leave out the manager of whoever stands highest")
    }
}

/// Somebody whom the file names as a manager isn't in it.
pub(super) fn unknown(mark: Mark, source: &SourceText, address: &EmailAddress) -> Diagnostic {
    mark.error(source, "unknown-person", format!("`{address}` is not among our people"))
        .warning()
        .help("this rung of the ladder is always skipped: add a row for them to the people's file")
}

/// When and how much somebody works.
struct Office {
    zone: TimeZone,
    hours: Option<Hours>,
    holidays: Option<Arc<BTreeSet<Date>>>,
    cap: Option<u32>,
}

fn read_office(
    row: &Row<'_>,
    rules: &Rules,
    holidays: &Holidays,
    findings: &mut Findings,
) -> Office {
    let given = |column: usize| Some(row.field(column)).filter(|text| !text.is_empty());
    let zone = given(ZONE).and_then(|name| {
        let wrong = |bad: zone::BadZone| {
            let error = row.error(ZONE, "bad-zone", bad.to_string());
            findings.push(error.help(bad.help()));
        };
        zone::named(name).map_err(wrong).ok()
    });
    let hours = given(HOURS).map(|text| {
        Hours::parse(text).unwrap_or_else(|bad| {
            findings.push(row.error(HOURS, "bad-hours", bad.to_string()).help(BadHours::HELP));
            None
        })
    });
    let named = given(HOLIDAYS).or(rules.holidays.as_deref()).filter(|name| *name != NO_HOLIDAYS);
    let days = named.and_then(|name| holidays.get(name)).cloned();
    if let Some(name) = named.filter(|_| days.is_none() && given(HOLIDAYS).is_some()) {
        findings.push(unknown_holidays(row, name, holidays));
    }
    let cap = given(CAP).and_then(|text| {
        let cap = text.parse::<u32>().ok().filter(|cap| *cap > 0);
        if cap.is_none() {
            let error = row.error(CAP, "bad-cap", format!("`{text}` is not a number of tickets"));
            findings.push(error.help("write a whole number from 1 up; `away` is for absences"));
        }
        cap
    });
    Office {
        zone: zone.unwrap_or_else(|| rules.zone.clone()),
        hours: hours.unwrap_or_else(|| rules.hours.clone()),
        holidays: days,
        cap: cap.or(rules.cap),
    }
}

fn read_calendar(row: &Row<'_>, findings: &mut Findings) -> Option<Box<str>> {
    let place = Some(row.field(CALENDAR)).filter(|place| !place.is_empty())?;
    // Whoever has the address of a feed can read it, so it doesn't go over the net in the clear.
    let is_safe = match place.split_once("://") {
        Some(("https" | "webcal", _)) | None => true,
        Some(("http", rest)) => is_this_machine(rest),
        Some(_) => false,
    };
    if !is_safe {
        let message = "a calendar is a file, or an `https://` address";
        findings.push(row.error(CALENDAR, "bad-calendar", message));
        return None;
    }
    Some(place.into())
}

/// Whether what follows `http://` stays on this machine.
fn is_this_machine(rest: &str) -> bool {
    let server = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let host = server.rsplit_once(':').filter(|(_, port)| is_port(port));
    matches!(host.map_or(server, |(host, _)| host), "127.0.0.1" | "localhost" | "[::1]")
}

fn unknown_holidays(row: &Row<'_>, name: &str, holidays: &Holidays) -> Diagnostic {
    let error =
        row.error(HOLIDAYS, "unknown-holidays", format!("there are no holidays named `{name}`"));
    match nearest(name, holidays.keys().map(String::as_str)) {
        Some(nearest) => error.help(format!("did you mean `{nearest}`?")),
        None => error.help("name them below `[holidays]` in the configuration"),
    }
}
