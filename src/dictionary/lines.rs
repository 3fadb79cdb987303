//! The lines of all dictionaries by number, as far as points and evidence need them.
//!
//! Lines are numbered by team in the order of the teams' names, then by their order in the file.
//! Verdicts share them, so that naming a line in evidence costs no copy of its text. It knows
//! lines; it knows nothing of what they find.

use std::ops::Range;

use super::TeamId;

/// A line of a dictionary.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Its number in the file.
    pub(crate) number: u32,
    pub(crate) term: Box<str>,
    pub(crate) points: i32,
    pub(crate) subject_only: bool,
}

/// The file of a team, and which lines are its.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) team: TeamId,
    pub(crate) file: Box<str>,
    pub(crate) lines: Range<u32>,
}

/// The lines of all dictionaries.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    owners: Vec<Owner>,
    all: Vec<Line>,
    /// Points and nothing else, close together: every match needs them, the rest is for evidence.
    points: Vec<i8>,
}

impl Lines {
    /// Begins the lines of the next team.
    pub(crate) fn add_team(&mut self, team: &TeamId, file: &str) {
        let next = self.next();
        self.owners.push(Owner { team: team.clone(), file: file.into(), lines: next..next });
    }

    /// Adds a line of the last team, and returns its number.
    pub(crate) fn add(&mut self, line: Line) -> u32 {
        let number = self.next();
        // Points are from -15 to +15.
        self.points.push(i8::try_from(line.points).unwrap_or_default());
        self.all.push(line);
        if let Some(owner) = self.owners.last_mut() {
            owner.lines.end = number + 1;
        }
        number
    }

    fn next(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    /// Every team with its file and lines, in the order of the numbers.
    pub(crate) fn owners(&self) -> &[Owner] {
        &self.owners
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The line with this number.
    pub(crate) fn get(&self, number: u32) -> Option<&Line> {
        self.all.get(number as usize)
    }

    /// What the line with this number adds.
    #[inline]
    pub(crate) fn points(&self, number: u32) -> f64 {
        f64::from(self.points.get(number as usize).copied().unwrap_or_default())
    }

    /// Whose the line with this number is.
    pub(crate) fn owner(&self, number: u32) -> Option<&Owner> {
        let at = self.owners.partition_point(|owner| owner.lines.end <= number);
        self.owners.get(at)
    }
}
