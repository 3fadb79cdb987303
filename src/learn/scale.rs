//! From the units of a fit to points, which are whole and few.
//!
//! It knows numbers; it knows nothing of lines.

use crate::dictionary::format::POINTS;

/// The number of points nearest to this; beyond what a line can have, the most.
pub(crate) fn points(points: f64) -> i32 {
    whole(points).clamp(*POINTS.start(), *POINTS.end())
}

/// The nearest whole number.
#[allow(clippy::cast_possible_truncation, reason = "a handful of points")]
pub(crate) fn whole(points: f64) -> i32 {
    points.clamp(-1e6, 1e6).round() as i32
}

/// How many points one unit of a fit may be.
const SCALES: [f64; 12] = [2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0];
/// Of dictionaries that find nothing, nothing is known; points are then as a draft has them.
const UNKNOWN: f64 = 8.0;
/// What a mail on the wrong side costs while the scale is found.
const COST: f64 = 0.1;
/// Newton's steps to a base.
const STEPS: usize = 15;

/// How the points of dictionaries that stand relate to the units of a fit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    /// How many points one unit is.
    pub(crate) points: f64,
    /// How many points nothing is. Only differences between teams count, so that bases may all be
    /// higher or lower than a fit has them.
    pub(crate) level: f64,
}

/// What one team's lines add up to, mail by mail.
pub(crate) struct Sums {
    pub(crate) mails: Vec<f64>,
    /// Which of the mails are the team's.
    pub(crate) ours: Vec<bool>,
    /// Where the team starts.
    pub(crate) base: f64,
    /// The squares of what its lines are worth, as a fit would have to pay for them.
    pub(crate) squares: f64,
}

impl Scale {
    /// The scale at which points come nearest to what a fit wants, which is that a team's own mail
    /// is a unit above nothing and all other mail a unit below; bases are free.
    pub(crate) fn of(teams: &[Sums]) -> Self {
        if teams.iter().all(|team| team.mails.iter().all(|sum| *sum == 0.0)) {
            return Self { points: UNKNOWN, level: 0.0 };
        }
        let loss = |scale: f64| -> f64 { teams.iter().map(|team| team.least_loss(scale).0).sum() };
        let losses = SCALES.map(|scale| (loss(scale), scale));
        let best = losses.into_iter().min_by(|one, other| one.0.total_cmp(&other.0));
        let points = best.map_or(UNKNOWN, |(_, scale)| scale);
        let above = |team: &Sums| team.base - team.least_loss(points).1 * points;
        #[allow(clippy::cast_precision_loss, reason = "a number of teams")]
        let level = teams.iter().map(above).sum::<f64>() / teams.len() as f64;
        Self { points, level: level.round() }
    }

    /// A base in the units of a fit.
    pub(crate) fn base(self, points: i32) -> f64 {
        (f64::from(points) - self.level) / self.points
    }

    /// A fit's base in points.
    pub(crate) fn base_points(self, base: f64) -> i32 {
        points(base * self.points + self.level)
    }
}

impl Sums {
    /// The loss with the best base, and that base.
    fn least_loss(&self, scale: f64) -> (f64, f64) {
        let mut base = 0.0;
        let mut loss = 0.0;
        for _ in 0..STEPS {
            let (mut slope, mut curve) = (base, 1.0);
            loss = 0.5 * (base * base + self.squares / (scale * scale));
            for (sum, ours) in self.mails.iter().zip(&self.ours) {
                let side = if *ours { 1.0 } else { -1.0 };
                let short = 1.0 - side * (sum / scale + base);
                if short > 0.0 {
                    loss += COST * short * short;
                    slope -= 2.0 * COST * side * short;
                    curve += 2.0 * COST;
                }
            }
            base -= slope / curve;
        }
        (loss, base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_whole_and_few() {
        for (given, expected) in [(0.4, 0), (-3.5, -4), (99.0, 15), (-1e30, -15)] {
            assert_eq!(points(given), expected, "{given}");
        }
        assert_eq!(whole(-22.4), -22);
    }

    #[test]
    fn the_scale_is_that_of_the_dictionaries() {
        // Own mail has 2s points, all other 0: with a base of -s, all are a unit off.
        for (scale, level) in [(4.0, 0.0), (10.0, 7.0), (20.0, -3.0)] {
            let mails = (0..100).map(|mail| if mail < 30 { 2.0 * scale } else { 0.0 }).collect();
            let ours = (0..100).map(|mail| mail < 30).collect();
            let found = Scale::of(&[Sums {
                mails,
                ours,
                base: level - scale,
                squares: 4.0 * scale * scale,
            }]);
            let ratio = found.points / scale;
            assert!((ratio - 1.0).abs() < 0.35, "{scale}: {found:?}");
            assert!((found.level - level).abs() < 0.35 * scale, "{level}: {found:?}");
            assert_eq!(found.base_points(found.base(-3)), -3);
        }
        let ours = vec![true, false, false];
        let nothing = Sums { mails: vec![0.0; 3], ours, base: 0.0, squares: 0.0 };
        assert!((Scale::of(&[nothing]).points - UNKNOWN).abs() < 1e-9);
    }
}
