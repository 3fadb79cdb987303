//! Limits that a change of dictionaries must keep, as whoever runs the checks of a pull request
//! sets them.
//!
//! It knows what changes; what is done about a broken limit is for others.

use serde::Serialize;

use super::WhatIf;
use crate::learn::share::Share;

/// The limits; none unless they are set.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Limits {
    /// At most so many mails may move.
    pub max_moved: Option<Bound>,
    /// At most so many mails may go from right to wrong, or to a person who is asked.
    pub max_worse: Option<u64>,
    /// So large a share must be routable at [`super::PRECISION`] after the change.
    pub min_coverage: Option<f64>,
    /// That share may fall by at most so many points, which are hundredths of all mail.
    pub max_coverage_loss: Option<f64>,
}

/// A number of mails, or a share of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// So many.
    Mails(u64),
    /// From 0 to 1.
    Share(f64),
}

/// A limit that is broken.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Broken {
    /// The option's name.
    pub limit: &'static str,
    /// What it allows, and what was found: a sentence without its full stop.
    pub what: String,
}

impl Limits {
    /// Whether any of them can only be checked on mail of which a person said where it belongs.
    #[must_use]
    pub fn need_labels(&self) -> bool {
        self.max_worse.is_some() || self.min_coverage.is_some() || self.max_coverage_loss.is_some()
    }

    /// Those that are broken, in the order of the fields.
    #[must_use]
    pub fn broken(&self, found: &WhatIf) -> Vec<Broken> {
        let mut broken = Vec::new();
        let mut tell = |limit, what| broken.push(Broken { limit, what });
        let moved = Share::new(found.moved, found.mails).or_zero();
        match self.max_moved {
            Some(Bound::Mails(most)) if found.moved > most => {
                tell("max-moved", format!("{} mails move, {most} may", found.moved));
            }
            Some(Bound::Share(most)) if moved > most => {
                let what = format!("{} of the mails move, {} may", percent(moved), percent(most));
                tell("max-moved", what);
            }
            Some(_) | None => {}
        }
        if let Some(most) = self.max_worse.filter(|most| found.worse > *most) {
            let what =
                format!("{} mails are no longer right, or newly wrong, {most} may be", found.worse);
            tell("max-worse", what);
        }
        let coverage = found.measured.map(|measured| {
            (measured.before.coverage.or_zero(), measured.after.coverage.or_zero())
        });
        let Some((before, after)) = coverage else { return broken };
        if let Some(least) = self.min_coverage.filter(|least| after < *least) {
            let (after, least) = (percent(after), percent(least));
            tell("min-coverage", format!("the coverage is {after}, it must be {least}"));
        }
        // Not by the last bit of a difference.
        let loss = (before - after) * 100.0 - 1e-9;
        if let Some(most) = self.max_coverage_loss.filter(|most| loss > *most) {
            let what = format!("the coverage falls by {loss:.1} points, it may by {most}");
            tell("max-coverage-loss", what);
        }
        broken
    }
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::super::{Figures, Measured};
    use super::*;

    #[test]
    fn a_limit_is_broken_only_beyond_it() {
        let figures =
            |covered| Figures { coverage: Share::new(covered, 1_000), ..Figures::default() };
        let found = WhatIf {
            mails: 1_000,
            settled: 0,
            moved: 50,
            worse: 3,
            better: 0,
            measured: Some(Measured { before: figures(700), after: figures(695) }),
            edits: Vec::new(),
            groups: Vec::new(),
        };
        let none = Limits::default();
        // (what shows, the limits, which are broken)
        let cases: [(&str, Limits, &[&str]); 6] = [
            ("no limit", none, &[]),
            (
                "all just kept",
                Limits {
                    max_moved: Some(Bound::Share(0.05)),
                    max_worse: Some(3),
                    min_coverage: Some(0.695),
                    max_coverage_loss: Some(0.5),
                },
                &[],
            ),
            (
                "all just broken",
                Limits {
                    max_moved: Some(Bound::Mails(49)),
                    max_worse: Some(2),
                    min_coverage: Some(0.696),
                    max_coverage_loss: Some(0.4),
                },
                &["max-moved", "max-worse", "min-coverage", "max-coverage-loss"],
            ),
            ("a number", Limits { max_moved: Some(Bound::Mails(50)), ..none }, &[]),
            ("a share", Limits { max_moved: Some(Bound::Share(0.049)), ..none }, &["max-moved"]),
            (
                "no loss at all",
                Limits { max_coverage_loss: Some(0.0), ..none },
                &["max-coverage-loss"],
            ),
        ];
        for (name, limits, expected) in cases {
            let broken: Vec<&str> = limits.broken(&found).iter().map(|one| one.limit).collect();
            assert_eq!(broken, expected, "{name}");
        }
    }
}
