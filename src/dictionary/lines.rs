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
    /// Close together: every match needs them, the rest is for evidence.
    worths: Vec<Worth>,
}

/// What a match of a line adds, and to the score of which team, in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Worth(u32);

impl Worth {
    /// Points are from -15 to +15, and 24 bits can number more teams than there will be.
    fn new(team: usize, points: i32) -> Self {
        let points = i8::try_from(points).unwrap_or_default();
        Self(u32::try_from(team).unwrap_or_default() << 8 | u32::from(points.cast_unsigned()))
    }

    /// The team by its number, in the order of [`Lines::owners`].
    #[inline]
    pub(crate) fn team(self) -> usize {
        (self.0 >> 8) as usize
    }

    #[inline]
    pub(crate) fn points(self) -> f64 {
        let [points, ..] = self.0.to_le_bytes();
        f64::from(points.cast_signed())
    }
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
        self.worths.push(Worth::new(self.owners.len().saturating_sub(1), line.points));
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

    /// What a match of the line with this number adds, and to which team.
    #[inline]
    pub(crate) fn worth(&self, number: u32) -> Worth {
        self.worths.get(number as usize).copied().unwrap_or_default()
    }

    /// Whose the line with this number is.
    pub(crate) fn owner(&self, number: u32) -> Option<&Owner> {
        let at = self.owners.partition_point(|owner| owner.lines.end <= number);
        self.owners.get(at)
    }
}
