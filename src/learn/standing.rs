//! The lines that stand in the dictionaries, as columns beside the candidates: what they found in
//! each mail, and what they are worth today.
//!
//! It knows lines and numbers; what they should be worth is for [`super::suggest`].

use super::judged::{Judged, judge};
use super::labelled::Labelled;
use super::matrix::Matrix;
use super::terms::Terms;
use crate::classify::Verdict;
use crate::dictionary::{Dictionaries, TeamId};
use crate::route::Policy;

/// A line that stands in a dictionary.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) team: TeamId,
    pub(crate) file: String,
    /// From 1.
    pub(crate) number: u32,
    pub(crate) term: String,
    pub(crate) points: i32,
    /// In how many of the mails it is.
    pub(crate) mails: u32,
    /// ρ of a term in so many mails.
    pub(crate) rarity: f64,
}

/// All lines, and what they found.
pub(crate) struct Standing {
    pub(crate) lines: Vec<Line>,
    /// Mails by lines: length factor × rarity × strength.
    pub(crate) rows: Matrix,
    /// What the dictionaries say of each mail.
    pub(crate) judged: Vec<Judged>,
}

impl Standing {
    /// What the lines found in the mails that `terms` are of.
    pub(crate) fn of(dictionaries: &Dictionaries, mails: &[Labelled], terms: &Terms) -> Self {
        let policy = Policy::default();
        let gather = |found: &mut Vec<Found>, _: usize, verdict: &Verdict| {
            found.push(Found {
                factor: verdict.length_factor,
                hits: verdict.hits.numbers().collect(),
            });
        };
        let (judged, found) = judge(dictionaries, &policy, mails, &|_| (), gather);
        let found: Vec<Found> = found.into_iter().flatten().collect();
        let mut lines = lines(dictionaries);
        for (number, _) in found.iter().flat_map(|found| &found.hits) {
            if let Some(line) = lines.get_mut(*number as usize) {
                line.mails += 1;
            }
        }
        for line in &mut lines {
            line.rarity = terms.rarity(line.mails);
        }
        let mut rows = Matrix::new(lines.len());
        for Found { factor, hits } in found {
            rows.push(hits.into_iter().map(|(number, strength)| {
                let rarity = lines.get(number as usize).map_or(1.0, |line| line.rarity);
                #[allow(clippy::cast_possible_truncation, reason = "seven digits are enough")]
                (number, (factor * rarity * strength) as f32)
            }));
        }
        Self { lines, rows, judged }
    }

    /// What a team's lines add up to in each mail, without its base. In `rows`, the lines' columns
    /// come last.
    pub(crate) fn sums(&self, rows: &Matrix, team: &TeamId) -> Vec<f64> {
        let mut worth = vec![0.0; rows.width().saturating_sub(self.lines.len())];
        worth.extend(self.worth(team));
        (0..rows.height()).map(|row| rows.dot(row, &worth)).collect()
    }

    /// The squares of what a team's lines are worth in their columns; lines that no mail has are
    /// not among them.
    pub(crate) fn squares(&self, team: &TeamId) -> f64 {
        let met = self.worth(team).zip(&self.lines).filter(|(_, line)| line.mails > 0);
        met.map(|(worth, _)| worth * worth).sum()
    }

    /// What each line is worth in its column: 0 for other teams' lines.
    fn worth(&self, team: &TeamId) -> impl Iterator<Item = f64> {
        self.lines.iter().map(move |line| {
            if line.team == *team { f64::from(line.points) / line.rarity } else { 0.0 }
        })
    }
}

/// The hits in one mail.
struct Found {
    factor: f64,
    hits: Vec<(u32, f64)>,
}

fn lines(dictionaries: &Dictionaries) -> Vec<Line> {
    let of_team = |file: &crate::dictionary::format::TeamFile| {
        let line = |rule: &crate::dictionary::Rule| Line {
            team: file.team.clone(),
            file: file.file.clone(),
            number: rule.line,
            term: rule.term.clone(),
            points: rule.points,
            mails: 0,
            rarity: 1.0,
        };
        file.rules().map(|(_, rule)| line(rule)).collect::<Vec<_>>()
    };
    // In the order in which the lines are numbered: by team, then by their order in the file.
    dictionaries.files().iter().flat_map(of_team).collect()
}
