//! Weights that tell one team's mail from all other mail.
//!
//! It minimises ½‖w − w₀‖² + Σ cᵢ·max(0, 1 − yᵢ(w·xᵢ + base))², where y is +1 for the team's mail and
//! −1 for the rest, w₀ is what is known beforehand and the base is a weight like the others. The
//! method is dual coordinate descent with shrinking (Hsieh et al., "A Dual Coordinate Descent
//! Method for Large-scale Linear SVM", ICML 2008, algorithm 3 for the squared loss): exact enough
//! after a few rounds over the mails, and the same for the same input.
//!
//! It knows rows and numbers; it knows nothing of words or teams.

use super::matrix::Matrix;

/// What is to be told apart.
pub(crate) struct Problem<'a> {
    /// The mails.
    pub(crate) rows: &'a Matrix,
    /// Which of them are the team's.
    pub(crate) ours: &'a [bool],
    /// What a mail on the wrong side costs, mail by mail.
    pub(crate) costs: &'a [f64],
    /// What is known beforehand; empty for nothing.
    pub(crate) prior: &'a [f64],
    /// The same of the base.
    pub(crate) prior_base: f64,
    /// How exact is exact enough: the largest projected gradient that may remain.
    pub(crate) tolerance: f64,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weights {
    /// By column.
    pub(crate) columns: Vec<f64>,
    pub(crate) base: f64,
}

impl Weights {
    /// How far on the team's side a mail is.
    pub(crate) fn score(&self, rows: &Matrix, row: usize) -> f64 {
        rows.dot(row, &self.columns) + self.base
    }
}

/// After so many rounds it is good enough in any case.
const ROUNDS: u32 = 200;

/// Finds the weights.
pub(crate) fn fit(problem: &Problem<'_>) -> Weights {
    let height = problem.rows.height();
    let mut weights = Weights { columns: problem.prior.to_vec(), base: problem.prior_base };
    weights.columns.resize(problem.rows.width(), 0.0);
    let mut rows: Vec<Row> = (0..height).map(|row| Row::of(problem, row)).collect();
    // A mail without a cost has no say.
    let counts = |row: &usize| problem.costs.get(*row).is_none_or(|cost| *cost > 0.0);
    let all: Vec<usize> = (0..height).filter(counts).collect();
    let mut active = all.clone();
    let mut shuffle = Shuffle(0x5DEE_CE66_D1CE_4E5B);
    // A row whose gradient is above this and whose multiplier is 0 won't move again soon.
    let mut resting = f64::INFINITY;
    for _ in 0..ROUNDS {
        shuffle.shuffle(&mut active);
        let (mut most, mut least) = (f64::NEG_INFINITY, f64::INFINITY);
        active.retain(|&row| {
            let Some(state) = rows.get_mut(row) else { return false };
            let gradient = state.gradient(problem, row, &weights);
            if state.alpha == 0.0 && gradient > resting {
                return false;
            }
            let projected = if state.alpha == 0.0 { gradient.min(0.0) } else { gradient };
            most = most.max(projected);
            least = least.min(projected);
            if projected.abs() > 1e-12 {
                state.step(problem, row, gradient, &mut weights);
            }
            true
        });
        if most - least > problem.tolerance {
            resting = if most > 0.0 { most } else { f64::INFINITY };
        } else if active.len() == all.len() {
            break;
        } else {
            // Done with those that moved; whether the rest agrees is seen in a whole round.
            active.clone_from(&all);
            resting = f64::INFINITY;
        }
    }
    weights
}

/// The state of one mail.
struct Row {
    /// Its multiplier.
    alpha: f64,
    /// 1 / (2c).
    slack: f64,
    /// ‖x‖² + 1 + slack.
    curvature: f64,
    side: f64,
}

impl Row {
    fn of(problem: &Problem<'_>, row: usize) -> Self {
        let cost = problem.costs.get(row).copied().unwrap_or(1.0);
        let slack = 0.5 / cost;
        let norm: f64 = problem.rows.row(row).map(|(_, value)| value * value).sum();
        let side = if problem.ours.get(row) == Some(&true) { 1.0 } else { -1.0 };
        Self { alpha: 0.0, slack, curvature: norm + 1.0 + slack, side }
    }

    fn gradient(&self, problem: &Problem<'_>, row: usize, weights: &Weights) -> f64 {
        self.side * weights.score(problem.rows, row) - 1.0 + self.alpha * self.slack
    }

    fn step(&mut self, problem: &Problem<'_>, row: usize, gradient: f64, weights: &mut Weights) {
        let before = self.alpha;
        self.alpha = (before - gradient / self.curvature).max(0.0);
        let change = (self.alpha - before) * self.side;
        for (column, value) in problem.rows.row(row) {
            if let Some(weight) = weights.columns.get_mut(column) {
                *weight += change * value;
            }
        }
        weights.base += change;
    }
}

/// Brings rows into another order each round, always the same ones.
struct Shuffle(u64);

impl Shuffle {
    fn shuffle(&mut self, rows: &mut [usize]) {
        for last in (1..rows.len()).rev() {
            // xorshift64 (Marsaglia, 2003).
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            #[allow(clippy::cast_possible_truncation, reason = "it is at most `last`")]
            rows.swap(last, (self.0 % (last as u64 + 1)) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[&[(u32, f32)]]) -> Matrix {
        let mut matrix = Matrix::new(2);
        for row in rows {
            matrix.push(row.iter().copied());
        }
        matrix
    }

    fn solve(rows: &Matrix, ours: &[bool], cost: f64, prior: &[f64]) -> Weights {
        let costs = vec![cost; ours.len()];
        fit(&Problem { rows, ours, costs: &costs, prior, prior_base: 0.0, tolerance: 1e-9 })
    }

    #[test]
    fn one_mail_on_each_side_has_a_solution_on_paper() {
        // By symmetry w = (u, -u) and no base; ½·2u² + 2c(1 − u)² is least at u = 2c / (1 + 2c).
        let rows = matrix(&[&[(0, 1.0)], &[(1, 1.0)]]);
        for cost in [0.1, 1.0, 10.0] {
            let found = solve(&rows, &[true, false], cost, &[]);
            let u = 2.0 * cost / (1.0 + 2.0 * cost);
            assert!((found.columns[0] - u).abs() < 1e-6, "{cost}: {found:?}");
            assert!((found.columns[1] + u).abs() < 1e-6, "{cost}: {found:?}");
            assert!(found.base.abs() < 1e-6, "{cost}: {found:?}");
        }
    }

    #[test]
    fn what_is_known_stays_where_no_mail_speaks_against_it() {
        let rows = matrix(&[&[(0, 1.0)], &[(0, -1.0)]]);
        let found = solve(&rows, &[true, false], 1.0, &[2.0, 0.7]);
        assert!((found.columns[0] - 2.0).abs() < 1e-9, "both are right already: {found:?}");
        assert!((found.columns[1] - 0.7).abs() < 1e-9, "no mail has it: {found:?}");
    }

    #[test]
    fn no_step_away_from_the_solution_is_cheaper() {
        let rows = matrix(&[
            &[(0, 1.0), (1, 0.5)],
            &[(0, 0.2)],
            &[(1, 1.5)],
            &[(0, 0.9), (1, 1.1)],
            &[(0, 0.1), (1, 0.3)],
        ]);
        let ours = [true, true, false, false, true];
        let cost = |weights: &Weights| {
            let loss: f64 = (0..5)
                .map(|row| {
                    let side = if ours[row] { 1.0 } else { -1.0 };
                    (1.0 - side * weights.score(&rows, row)).max(0.0).powi(2) * 0.7
                })
                .sum();
            let squares: f64 = weights.columns.iter().map(|w| w * w).sum();
            loss + 0.5 * (squares + weights.base * weights.base)
        };
        let best = solve(&rows, &ours, 0.7, &[]);
        for at in 0..3 {
            for step in [-0.01, 0.01] {
                let mut other = best.clone();
                match at {
                    2 => other.base += step,
                    at => other.columns[at] += step,
                }
                assert!(cost(&other) > cost(&best), "weight {at} moved by {step}");
            }
        }
    }
}
