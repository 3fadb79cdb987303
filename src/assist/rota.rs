//! The rota: who answers questions in which week, from a CSV file of new joiners.
//!
//! ```csv
//! person,name,start,week,away
//! kim@callwise.example,Kim Larsen,2026-11-04,,
//! noor@callwise.example,Noor Aziz,2026-11-04,2026-W48,
//! lee@callwise.example,Lee Park,2026-11-12,,2026-11-17; 2026-11-19..2026-11-20
//! kim@callwise.example,,,2026-W50,
//! lee@callwise.example,,,,2026-12-24..2027-01-03
//! ```
//!
//! - `person`: the joiner's address;
//! - `name`: their name, for people to read;
//! - `start`: their first day. The first full week after it is theirs, Monday to Sunday: whoever
//!   starts on a Wednesday or on a Monday has the week that begins on the Monday after;
//! - `week`: another week instead of that one, for a swap; or, in a line without `start`, one more
//!   week. Written `2026-W48` (ISO 8601), or as any day in it;
//! - `away`: days on which they are away, as in the people's file.
//!
//! Only `person` is needed, with one of the last three. One joiner can have several lines, several
//! joiners can share a week, and a week that nobody has is the fallback group's. Days begin and end
//! in the directory's own time zone. It reads no clock: the moment is handed in.

mod feed;
mod lint;
mod read;
mod week;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use crate::dictionary::TeamId;
use crate::directory::{Directory, Present, Skipped, away};
use crate::mail::EmailAddress;
pub use week::Week;

/// Who has which week.
#[derive(Debug, Clone)]
pub struct Rota {
    /// The turns of each week, in the order of the file.
    weeks: BTreeMap<Week, Vec<Turn>>,
    joiners: BTreeMap<EmailAddress, Joiner>,
    fallback: Group,
    /// The file that it was read from, if there is one.
    source: Option<String>,
}

/// Somebody's turn in a week.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Turn {
    person: EmailAddress,
    /// The week that would have been theirs by their start.
    instead_of: Option<Week>,
    line: u32,
}

/// What all lines of a joiner say of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Joiner {
    name: String,
    away: Vec<(Date, Date)>,
}

/// Who has the weeks that nobody has, and the days on which nobody is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// A team.
    Team(TeamId),
    /// These addresses, at least one.
    People(Vec<EmailAddress>),
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Team(team) => write!(f, "team {team}"),
            Self::People(people) => {
                let people: Vec<&str> = people.iter().map(EmailAddress::as_str).collect();
                f.write_str(&people.join(", "))
            }
        }
    }
}

/// Who is on duty at some moment: people, or else the fallback group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Duty {
    /// The moment.
    pub at: Timestamp,
    /// The week that it lies in.
    pub week: Week,
    /// Those whose week it is and who are there.
    pub people: Vec<EmailAddress>,
    /// Those whose week it is and who are not there.
    pub skipped: Vec<Absent>,
    /// Who has it instead, and why; `None` while `people` has somebody.
    pub fallback: Option<Fallback>,
}

/// Somebody who has the week and is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Absent {
    /// Who.
    pub person: EmailAddress,
    /// Why not.
    pub why: Skipped,
}

/// The group that stands in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fallback {
    /// Who it is.
    pub group: Group,
    /// Why nobody of the rota has it.
    pub why: Uncovered,
}

/// Why nobody of the rota is on duty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncovered {
    /// The week is nobody's.
    NobodysWeek,
    /// Nobody of those whose week it is is there.
    NobodyThere,
}

impl Uncovered {
    /// Why, in words that follow a "since".
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NobodysWeek => "nobody has this week",
            Self::NobodyThere => "nobody who has this week is there",
        }
    }
}

/// What is planned for a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// Which week.
    pub week: Week,
    /// Whose it is.
    pub shifts: Vec<Shift>,
    /// The days on which nobody of them is there, so that the group has it: all, if it is nobody's.
    pub uncovered: Vec<Date>,
}

/// Somebody's share of a week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shift {
    /// Who.
    pub person: EmailAddress,
    /// Their name; may be empty.
    pub name: String,
    /// The week that would have been theirs, if this is one that they have instead.
    pub instead_of: Option<Week>,
    /// The days of the week on which they are away, as far as is known by now.
    pub away: BTreeMap<Date, Skipped>,
}

impl Rota {
    /// A rota without joiners: the group has every week.
    #[must_use]
    pub fn of(fallback: Group) -> Self {
        Self { weeks: BTreeMap::new(), joiners: BTreeMap::new(), fallback, source: None }
    }

    /// Who has what nobody has.
    #[must_use]
    pub fn fallback(&self) -> &Group {
        &self.fallback
    }

    /// Everybody whom the file names.
    pub fn joiners(&self) -> impl Iterator<Item = &EmailAddress> {
        self.joiners.keys()
    }

    /// The last week that is anybody's.
    #[must_use]
    pub fn last_week(&self) -> Option<Week> {
        self.weeks.last_key_value().map(|(week, _)| *week)
    }

    /// The week that a moment lies in.
    #[must_use]
    pub fn week_at(now: Timestamp, directory: &Directory) -> Week {
        Week::of(now.to_zoned(directory.zone().clone()).date())
    }

    /// Who is on duty. Absences are those of the rota's own file and those that the directory
    /// knows of its people: whoever isn't among them is there.
    #[must_use]
    pub fn on_duty(&self, directory: &Directory, present: &Present) -> Duty {
        let day = present.now.to_zoned(directory.zone().clone()).date();
        let week = Week::of(day);
        let (mut people, mut skipped) = (Vec::new(), Vec::new());
        for Turn { person, .. } in self.turns(week) {
            match self.absence(person, day, directory, present) {
                None => people.push(person.clone()),
                Some(why) => skipped.push(Absent { person: person.clone(), why }),
            }
        }
        let why = if skipped.is_empty() { Uncovered::NobodysWeek } else { Uncovered::NobodyThere };
        let fallback = Fallback { group: self.fallback.clone(), why };
        let fallback = people.is_empty().then_some(fallback);
        Duty { at: present.now, week, people, skipped, fallback }
    }

    /// What is planned for a week. That somebody doesn't work at night is no absence here: what
    /// counts is who is there at noon.
    #[must_use]
    pub fn plan(&self, week: Week, directory: &Directory, present: &Present) -> Planned {
        let mut shifts: Vec<Shift> = self.turns(week).iter().map(|turn| self.shift(turn)).collect();
        let mut uncovered = Vec::new();
        for day in week.days() {
            let noon = day.at(12, 0, 0, 0).to_zoned(directory.zone().clone());
            let now = noon.map_or(present.now, |noon| noon.timestamp());
            let present = Present { now, ..present.clone() };
            let mut covered = false;
            for shift in &mut shifts {
                let away = self.absence(&shift.person, day, directory, &present);
                match away.filter(|why| !matches!(why, Skipped::OutsideHours { .. })) {
                    None => covered = true,
                    Some(why) => {
                        shift.away.insert(day, why);
                    }
                }
            }
            if !covered {
                uncovered.push(day);
            }
        }
        Planned { week, shifts, uncovered }
    }

    fn turns(&self, week: Week) -> &[Turn] {
        self.weeks.get(&week).map_or(&[], Vec::as_slice)
    }

    fn shift(&self, turn: &Turn) -> Shift {
        let Turn { person, instead_of, .. } = turn.clone();
        let name = self.joiners.get(&person).map(|joiner| joiner.name.clone()).unwrap_or_default();
        Shift { person, name, instead_of, away: BTreeMap::new() }
    }

    /// Why somebody isn't there: by our own file, whose days are `day`s, or by the directory.
    fn absence(
        &self,
        person: &EmailAddress,
        day: Date,
        directory: &Directory,
        present: &Present,
    ) -> Option<Skipped> {
        let joiner = self.joiners.get(person);
        let away = joiner.and_then(|joiner| away::on(&joiner.away, day));
        let away = away.map(|(from, until)| Skipped::Away { from, until });
        away.or_else(|| directory.absence(person, present))
    }
}

#[cfg(test)]
mod tests;
