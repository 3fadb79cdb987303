//! The tables of the page: which team is taken for which, how each team fares, how each line does.
//!
//! It knows what was measured; what a cell looks like is the template's.

use std::cmp::Reverse;

use super::figures::{Figure, Percent};
use crate::dictionary::TeamId;
use crate::learn::health::LineHealth;
use crate::learn::measure::{Evaluation, TeamEvaluation};
use crate::learn::share::Share;

/// By the team that a person named, then by the one that the dictionaries rank first.
#[derive(Debug)]
pub(super) struct Confusion<'a> {
    /// Every team, of rows and columns alike.
    pub(super) teams: Vec<&'a TeamId>,
    pub(super) rows: Vec<ConfusionRow<'a>>,
    /// The commonest mistakes, the commonest first.
    pub(super) mistakes: Vec<Mistake<'a>>,
}

/// A team's mail.
#[derive(Debug)]
pub(super) struct ConfusionRow<'a> {
    pub(super) team: &'a TeamId,
    pub(super) mails: u64,
    /// One for each team.
    pub(super) cells: Vec<Cell<'a>>,
}

/// How much of a team's mail is taken for a team's.
#[derive(Debug)]
pub(super) struct Cell<'a> {
    pub(super) best: &'a TeamId,
    pub(super) mails: u64,
    pub(super) share: Percent,
    pub(super) shade: Shade,
    pub(super) is_right: bool,
}

/// A team whose mail is taken for another's.
#[derive(Debug)]
pub(super) struct Mistake<'a> {
    pub(super) team: &'a TeamId,
    pub(super) best: &'a TeamId,
    pub(super) mails: u64,
    /// Of the team's mail.
    pub(super) share: Percent,
}

/// How deep a cell's colour is, in percent.
///
/// It grows with the root of the share: mistakes are small shares, and would all look alike. The
/// deepest still lets the page's ink be read.
#[derive(Debug)]
pub(super) struct Shade(pub(super) String);

impl From<f64> for Shade {
    fn from(share: f64) -> Self {
        Self(format!("{:.0}", 80.0 * share.max(0.0).sqrt()))
    }
}

/// From so many teams on, the heat map is set small.
const MANY: usize = 16;
/// So many mistakes are named.
const MISTAKES: usize = 8;

impl<'a> Confusion<'a> {
    pub(super) fn of(evaluation: &'a Evaluation) -> Self {
        let teams: Vec<&TeamId> = evaluation.teams.keys().collect();
        let rows: Vec<_> =
            evaluation.teams.iter().map(|(team, its)| row(evaluation, team, its)).collect();
        let mut mistakes: Vec<Mistake<'_>> = rows
            .iter()
            .flat_map(|row| row.cells.iter().map(move |cell| (row.team, cell)))
            .filter(|(_, cell)| !cell.is_right && cell.mails > 0)
            .map(|(team, cell)| Mistake {
                team,
                best: cell.best,
                mails: cell.mails,
                share: cell.share,
            })
            .collect();
        mistakes.sort_by_key(|mistake| Reverse(mistake.mails));
        mistakes.truncate(MISTAKES);
        Self { teams, rows, mistakes }
    }

    pub(super) fn is_large(&self) -> bool {
        self.teams.len() >= MANY
    }
}

fn row<'a>(
    evaluation: &'a Evaluation,
    team: &'a TeamId,
    measured: &TeamEvaluation,
) -> ConfusionRow<'a> {
    let counts = evaluation.confusion.get(team);
    let cell = |best: &'a TeamId| {
        let mails = counts.and_then(|counts| counts.get(best)).copied().unwrap_or(0);
        let share = Share::new(mails, measured.n).or_zero();
        Cell { best, mails, share: share.into(), shade: share.into(), is_right: team == best }
    };
    ConfusionRow { team, mails: measured.n, cells: evaluation.teams.keys().map(cell).collect() }
}

/// How a team fares.
#[derive(Debug)]
pub(super) struct TeamRow<'a> {
    pub(super) team: &'a TeamId,
    pub(super) mails: u64,
    pub(super) precision: Option<Figure>,
    pub(super) recall: Option<Figure>,
    pub(super) f1: Percent,
    pub(super) routed: u64,
    pub(super) routed_precision: Option<Figure>,
    pub(super) taken_for: Option<&'a TeamId>,
}

pub(super) fn teams(evaluation: &Evaluation) -> Vec<TeamRow<'_>> {
    let rows = evaluation.teams.iter().map(|(team, measured)| TeamRow {
        team,
        mails: measured.n,
        precision: Figure::of(&measured.precision),
        recall: Figure::of(&measured.recall),
        f1: measured.f1.into(),
        routed: measured.routed,
        routed_precision: Figure::of(&measured.routed_precision),
        taken_for: measured.taken_for.as_ref(),
    });
    rows.collect()
}

/// The lines of the dictionaries, those that decide most first.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    pub(super) rows: Vec<LineRow<'a>>,
    /// How many there are, shown or not.
    pub(super) all: usize,
    /// How many of all never hit.
    pub(super) unused: usize,
}

/// How a line does.
#[derive(Debug)]
pub(super) struct LineRow<'a> {
    pub(super) line: &'a LineHealth,
    pub(super) precision: Option<Figure>,
    pub(super) chance: Option<Percent>,
    /// Whether paper has no room for it.
    pub(super) is_long_tail: bool,
}

impl LineRow<'_> {
    /// How many mails other teams claim, to sort by.
    pub(super) fn contested(&self) -> u64 {
        self.line.contested.iter().map(|claim| claim.mails).sum()
    }
}

/// More lines than these make a page that a browser sorts slowly.
const SHOWN: usize = 3_000;
/// More make a stack of paper.
pub(super) const PRINTED: usize = 60;

impl<'a> Lines<'a> {
    pub(super) fn of(lines: &'a [LineHealth]) -> Self {
        let mut sorted: Vec<&LineHealth> = lines.iter().collect();
        sorted.sort_by_key(|line| (Reverse(line.decisive), Reverse(line.mails)));
        let row = |(number, line): (usize, &'a LineHealth)| LineRow {
            line,
            precision: Figure::of(&line.precision),
            chance: line.chance.map(Percent::from),
            is_long_tail: number >= PRINTED,
        };
        Self {
            rows: sorted.into_iter().take(SHOWN).enumerate().map(row).collect(),
            all: lines.len(),
            unused: lines.iter().filter(|line| line.mails == 0).count(),
        }
    }
}
