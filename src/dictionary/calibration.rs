//! From a margin to a probability: the constants, as fitted on confirmed answers or as shipped.
//!
//! `calibration.toml` stands beside the dictionaries and is written by `postroom calibrate`:
//!
//! ```toml
//! answers = 1240            # how many confirmed answers it was fitted on
//! target_precision = 0.95   # what the thresholds aim at
//! a = 0.41                  # confidence = 1 / (1 + exp(-(a · margin + b)))
//! b = -0.9                  # for a team that is not named below
//!
//! [teams.billing]
//! b = -0.6                  # for mail whose best team is billing
//! threshold = 0.93          # route at this confidence; 1 for never
//! ```
//!
//! It knows numbers and teams' names; how they are fitted is not its business.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::TeamId;
use crate::diagnostic::Diagnostic;

/// How a margin becomes a confidence, and how sure is sure enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// How many confirmed answers it was fitted on; 0 for the shipped constants.
    pub answers: u64,
    /// The share of right decisions that the thresholds aim at.
    #[serde(default = "default_precision")]
    pub target_precision: f64,
    /// How much a point of margin adds to the log odds.
    pub a: f64,
    /// The log odds at margin 0, for a team without its own.
    #[serde(default = "careful_b")]
    pub b: f64,
    /// What was fitted for single teams.
    #[serde(default)]
    pub teams: BTreeMap<TeamId, TeamCalibration>,
}

/// What was fitted for one team.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamCalibration {
    /// The log odds at margin 0 when this team is the best.
    pub b: f64,
    /// The confidence at which mail goes to this team by itself; 1 for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// How sure the dictionaries must be where nobody decided otherwise.
pub const DEFAULT_THRESHOLD: f64 = 0.9;

/// In a mail of sixteen words two points double the odds, which is ln 2 / 2 = 0.35 a point: what
/// weights are written by.
const CAREFUL_A: f64 = 0.35;
/// Hand-written weights overrate themselves, so the odds start at one to 4.5 against: the default
/// threshold then needs a margin of 10.6, more than a single line of ordinary weight gives.
const CAREFUL_B: f64 = -1.5;

fn careful_b() -> f64 {
    CAREFUL_B
}

fn default_precision() -> f64 {
    0.95
}

impl Default for Calibration {
    /// The shipped constants, on the careful side: only strong evidence routes by itself.
    fn default() -> Self {
        Self {
            answers: 0,
            target_precision: default_precision(),
            a: CAREFUL_A,
            b: CAREFUL_B,
            teams: BTreeMap::new(),
        }
    }
}

impl Calibration {
    /// The name of its file, beside the dictionaries.
    pub const FILE: &'static str = "calibration.toml";

    /// Reads the text of a calibration file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, Diagnostic> {
        let calibration: Self = toml::from_str(text).map_err(|error| syntax(file, text, &error))?;
        match calibration.fault() {
            None => Ok(calibration),
            Some((key, message)) => {
                let line = text.lines().zip(1..).find(|(line, _)| {
                    line.split_once('=').is_some_and(|(name, _)| name.trim() == key)
                });
                let found = Diagnostic::error(file, "bad-calibration", message)
                    .help("let `postroom calibrate` write it anew");
                Err(match line {
                    Some((text, line)) => found.at(line, 0, 0, text),
                    None => found,
                })
            }
        }
    }

    /// The text of its file.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Numbers and names of teams always have a form in TOML.
        let numbers = toml::to_string(self).unwrap_or_default();
        format!(
            "# How sure a margin makes, and from where on mail goes to a team by itself; see\n\
             # `postroom calibrate`. confidence = 1 / (1 + exp(-(a · margin + b)))\n{numbers}"
        )
    }

    fn fault(&self) -> Option<(&'static str, String)> {
        let (a, b) = (self.a, self.b);
        if !(a.is_finite() && a > 0.0) {
            return Some(("a", format!("a = `{a}` is not a number above 0")));
        }
        if !(self.target_precision > 0.0 && self.target_precision < 1.0) {
            let target = self.target_precision;
            return Some(("target_precision", format!("`{target}` is not between 0 and 1")));
        }
        let bs = self.teams.values().map(|team| team.b);
        if let Some(b) = std::iter::once(b).chain(bs).find(|b| !b.is_finite()) {
            return Some(("b", format!("b = `{b}` is not a number")));
        }
        let mut thresholds = self.teams.values().filter_map(|team| team.threshold);
        let bad = thresholds.find(|threshold| !(0.0..=1.0).contains(threshold))?;
        Some(("threshold", format!("threshold `{bad}` is not between 0 and 1")))
    }

    /// Whether it was fitted on confirmed answers.
    #[must_use]
    pub fn is_fitted(&self) -> bool {
        self.answers > 0
    }

    /// The log odds at margin 0 when `team` is the best.
    #[must_use]
    pub fn b(&self, team: &TeamId) -> f64 {
        self.teams.get(team).map_or(self.b, |team| team.b)
    }

    /// The confidence at which mail goes to `team` by itself, where it was fitted.
    #[must_use]
    pub fn threshold(&self, team: &TeamId) -> Option<f64> {
        self.teams.get(team)?.threshold
    }

    /// How sure a margin makes: 1 / (1 + exp(−(a·margin + b))), always below 1, so that a
    /// threshold of 1 is never reached.
    #[must_use]
    pub fn confidence(&self, team: &TeamId, margin: f64) -> f64 {
        let confidence = 1.0 / (1.0 + (-(self.a * margin + self.b(team))).exp());
        confidence.min(1.0 - f64::EPSILON)
    }

    /// The margin at which `team` reaches `threshold`; infinite for 1.
    #[must_use]
    pub fn margin_for(&self, team: &TeamId, threshold: f64) -> f64 {
        ((threshold / (1.0 - threshold)).ln() - self.b(team)) / self.a
    }
}

/// What the TOML parser found, at its place.
fn syntax(file: &str, text: &str, error: &toml::de::Error) -> Diagnostic {
    let found = Diagnostic::error(file, "bad-calibration", first_line(error.message()))
        .help("let `postroom calibrate` write it anew");
    let Some(span) = error.span() else { return found };
    let before = text.get(..span.start).unwrap_or_default();
    let line = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    let width = text.get(span).map_or(0, |part| part.lines().next().unwrap_or("").chars().count());
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let excerpt = text.lines().nth(line).unwrap_or_default();
    found.at(number(line + 1), number(column + 1), number(width), excerpt)
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}
