//! Which terms a team's dictionary is best off with, and what each is worth.
//!
//! All candidates are fitted together, the weakest dropped, the rest fitted again, in steps down to
//! the number that is wanted: a term is worth something only beside the others. It knows numbers;
//! it knows nothing of words.

use super::fit::{Problem, Weights, fit};
use super::matrix::Matrix;

/// What is left after each step, as a multiple of what is wanted.
const STEPS: [f64; 5] = [8.0, 4.0, 2.0, 1.4, 1.0];
/// The same where there is so much mail that each fit takes long. (Two steps instead of five cost a
/// point of coverage on 29,000 tickets.)
const FEWER_STEPS: [f64; 2] = [3.0, 1.0];
/// How exact the fits on the way are, and the last one.
const TOLERANCE: [f64; 2] = [0.2, 0.05];

/// The chosen terms of one team.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chosen {
    /// Columns with their weights, in the order of the columns.
    pub(crate) terms: Vec<(u32, f64)>,
    pub(crate) base: f64,
}

impl Chosen {
    /// How far on the team's side each mail is.
    pub(crate) fn scores(&self, rows: &Matrix) -> Vec<f64> {
        let mut columns = vec![0.0; rows.width()];
        for (column, weight) in &self.terms {
            if let Some(place) = columns.get_mut(*column as usize) {
                *place = *weight;
            }
        }
        (0..rows.height()).map(|row| rows.dot(row, &columns) + self.base).collect()
    }
}

/// What is chosen from.
pub(crate) struct Choice<'a> {
    /// The mails.
    pub(crate) rows: &'a Matrix,
    /// [`Matrix::spreads`] of them.
    pub(crate) spreads: &'a [f64],
    /// Which of the mails are the team's.
    pub(crate) ours: &'a [bool],
    /// What a mail on the wrong side costs, mail by mail.
    pub(crate) costs: &'a [f64],
    /// The columns to choose from.
    pub(crate) among: Vec<u32>,
    /// What is known of each column beforehand; empty for nothing. Known columns are kept.
    pub(crate) prior: &'a [f64],
    /// What is known of the base beforehand.
    pub(crate) prior_base: f64,
    /// How many terms are wanted.
    pub(crate) wanted: usize,
}

impl Choice<'_> {
    fn fit(&self, rows: &Matrix, columns: &[u32], tolerance: f64) -> Weights {
        let prior: Vec<f64> = match self.prior {
            [] => Vec::new(),
            _ => columns.iter().map(|column| self.prior(*column)).collect(),
        };
        let Self { ours, costs, prior_base, .. } = *self;
        fit(&Problem { rows, ours, costs, prior: &prior, prior_base, tolerance })
    }

    fn prior(&self, column: u32) -> f64 {
        self.prior.get(column as usize).copied().unwrap_or_default()
    }

    /// How much a term moves scores: its weight times the spread of its column.
    fn strength(&self, column: u32, weight: f64) -> f64 {
        if self.prior(column) != 0.0 {
            return f64::INFINITY;
        }
        weight.abs() * self.spreads.get(column as usize).copied().unwrap_or_default()
    }
}

/// Of `candidates`, the `most` that could move scores most beside the columns of `choice` as they
/// are fitted without them: those along which the loss falls steepest. For where a fit of all
/// candidates takes too long.
pub(crate) fn promising(choice: &Choice<'_>, candidates: Vec<u32>, most: usize) -> Vec<u32> {
    if candidates.len() <= most {
        return candidates;
    }
    let known = choose(choice);
    let scores = known.scores(choice.rows);
    let mut slopes = vec![0.0; choice.rows.width()];
    for (row, ((score, ours), cost)) in scores.iter().zip(choice.ours).zip(choice.costs).enumerate()
    {
        let side = if *ours { 1.0 } else { -1.0 };
        let short = 1.0 - side * score;
        if short > 0.0 && *cost > 0.0 {
            for (column, value) in choice.rows.row(row) {
                if let Some(slope) = slopes.get_mut(column) {
                    *slope += cost * side * short * value;
                }
            }
        }
    }
    let strength = |column: u32| {
        let slope = slopes.get(column as usize).copied().unwrap_or_default();
        choice.strength(column, slope)
    };
    let mut ranked: Vec<(f64, u32)> =
        candidates.into_iter().map(|column| (strength(column), column)).collect();
    ranked.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    ranked.truncate(most);
    let mut columns: Vec<u32> = ranked.into_iter().map(|(_, column)| column).collect();
    columns.sort_unstable();
    columns
}

/// Chooses terms.
pub(crate) fn choose(choice: &Choice<'_>) -> Chosen {
    let mut columns = choice.among.clone();
    let mut rows;
    let mut current = choice.rows;
    if columns.len() < choice.rows.width() {
        rows = choice.rows.only(&columns);
        current = &rows;
    }
    let steps = if choice.rows.takes_long() { &FEWER_STEPS[..] } else { &STEPS[..] };
    for times in steps {
        #[allow(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of lines"
        )]
        let left = (choice.wanted as f64 * times) as usize;
        if left >= columns.len() {
            continue;
        }
        let [on_the_way, _] = TOLERANCE;
        let weights = choice.fit(current, &columns, on_the_way);
        let mut ranked: Vec<(f64, u32)> = columns
            .iter()
            .zip(&weights.columns)
            .map(|(column, weight)| (choice.strength(*column, *weight), *column))
            .collect();
        ranked.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        ranked.truncate(left);
        columns = ranked.into_iter().map(|(_, column)| column).collect();
        columns.sort_unstable();
        rows = choice.rows.only(&columns);
        current = &rows;
    }
    let [_, exact] = TOLERANCE;
    let weights = choice.fit(current, &columns, exact);
    Chosen { terms: columns.into_iter().zip(weights.columns).collect(), base: weights.base }
}
