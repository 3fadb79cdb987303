//! From margins to confidence: what `postroom calibrate` writes.
//!
//! `a` and a `b` for each team are fitted on confirmed answers: logistic regression of "the best
//! team was right" on the margin, with each team's `b` drawn towards the common one, so that a
//! team with few answers follows the others.
//!
//! The threshold is the lowest confidence above which the answers bear out the target precision:
//! not by the plain share, which flatters, but by the one-sided 80% Wilson bound. It is one for
//! all teams, since confidence means the same for each; it is higher for a team whose own answers
//! speak against it, and not by chance alone. Nothing goes by itself to a team that was right in no
//! answer that was sure enough.
//!
//! It knows judged mail; what a confidence is for is not its business.

use std::collections::BTreeMap;

use super::judged::Judged;
use super::share::Share;
use crate::dictionary::calibration::TeamCalibration;
use crate::dictionary::{Calibration, TeamId};

/// Fewer answers than this are too few to go by.
pub const ENOUGH: usize = 200;
/// How strongly a team's own `b` is drawn to the common one: as by so many answers.
const DRAWN: f64 = 1.0;
/// Rounds of the fit; it has settled long before.
const ROUNDS: usize = 100;

/// Fits the constants and the thresholds.
#[must_use]
pub fn calibrate(judged: &[Judged], teams: &[TeamId], target_precision: f64) -> Calibration {
    let fitted = Fitted::of(judged);
    let b = |team: &TeamId| fitted.b + fitted.teams.get(team).copied().unwrap_or(0.0);
    let mut calibration = Calibration {
        answers: judged.len() as u64,
        target_precision,
        a: rounded(fitted.a),
        b: rounded(fitted.b),
        teams: teams
            .iter()
            .map(|team| (team.clone(), TeamCalibration { b: rounded(b(team)), threshold: None }))
            .collect(),
    };
    let sure: Vec<Sure> = judged
        .iter()
        .filter(|judged| judged.has_evidence)
        .map(|judged| Sure {
            team: &judged.best,
            confidence: calibration.confidence(&judged.best, judged.margin),
            right: judged.is_right(),
        })
        .collect();
    let thresholds = thresholds(sure, teams, target_precision);
    for (team, threshold) in thresholds {
        if let Some(team) = calibration.teams.get_mut(&team) {
            team.threshold = Some(threshold);
        }
    }
    calibration
}

/// Four digits: more would say more than is known.
fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

// -------------------------------------------------------------------------------- a and the bs --

struct Fitted {
    a: f64,
    b: f64,
    /// What each team's is above the common one.
    teams: BTreeMap<TeamId, f64>,
}

impl Fitted {
    /// Newton's method, by turns on `a` and `b` together and on each team's own part.
    fn of(judged: &[Judged]) -> Self {
        let mut fitted = Self { a: 0.1, b: 0.0, teams: BTreeMap::new() };
        let mut by_team: BTreeMap<&TeamId, Vec<(f64, f64)>> = BTreeMap::new();
        for judged in judged {
            let right = if judged.is_right() { 1.0 } else { 0.0 };
            by_team.entry(&judged.best).or_default().push((judged.margin, right));
        }
        for _ in 0..ROUNDS {
            let mut common = Step::default();
            for (team, answers) in &by_team {
                let own = fitted.teams.get(*team).copied().unwrap_or(0.0);
                let mut alone = Step { curve_b: DRAWN, slope_b: DRAWN * own, ..Step::default() };
                for &(margin, right) in answers {
                    alone.add(fitted.a, fitted.b + own, margin, right);
                }
                let own = own - (alone.slope_b / alone.curve_b).clamp(-1.0, 1.0);
                fitted.teams.insert((*team).clone(), own);
                for &(margin, right) in answers {
                    common.add(fitted.a, fitted.b + own, margin, right);
                }
            }
            let (a, b) = common.solve();
            // More margin never makes less sure, whatever the answers at hand say.
            fitted.a = (fitted.a - a).clamp(1e-3, 10.0);
            fitted.b -= b;
        }
        fitted
    }
}

/// Slopes and curvatures of the negative log likelihood in `a` and `b`.
#[derive(Default)]
struct Step {
    slope_a: f64,
    slope_b: f64,
    curve_a: f64,
    curve_b: f64,
    curve_ab: f64,
}

impl Step {
    fn add(&mut self, a: f64, b: f64, margin: f64, right: f64) {
        let p = 1.0 / (1.0 + (-(a * margin + b)).exp());
        let curve = (p * (1.0 - p)).max(1e-9);
        self.slope_a += (p - right) * margin;
        self.slope_b += p - right;
        self.curve_a += curve * margin * margin;
        self.curve_b += curve;
        self.curve_ab += curve * margin;
    }

    /// How far to go, and not too far at once.
    fn solve(&self) -> (f64, f64) {
        // A little on the diagonal, for answers that all have one margin.
        let (curve_a, curve_b) = (self.curve_a + 1e-3, self.curve_b + 1e-3);
        let determinant = curve_a * curve_b - self.curve_ab * self.curve_ab;
        let a = (curve_b * self.slope_a - self.curve_ab * self.slope_b) / determinant;
        let b = (curve_a * self.slope_b - self.curve_ab * self.slope_a) / determinant;
        (a.clamp(-0.5, 0.5), b.clamp(-1.0, 1.0))
    }
}

// ---------------------------------------------------------------------------------- thresholds --

/// An answer with how sure it was.
#[derive(Clone, Copy)]
struct Sure<'a> {
    team: &'a TeamId,
    confidence: f64,
    right: bool,
}

/// Each team's threshold; 1, which no confidence reaches, where nothing bears out the target.
fn thresholds(mut sure: Vec<Sure<'_>>, teams: &[TeamId], target: f64) -> BTreeMap<TeamId, f64> {
    sure.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    let mut own: BTreeMap<&TeamId, Vec<Sure<'_>>> = BTreeMap::new();
    for sure in &sure {
        own.entry(sure.team).or_default().push(*sure);
    }
    let own = |team: &TeamId| own.get(team).map(Vec::as_slice).unwrap_or_default();
    let mut worse: BTreeMap<&TeamId, f64> = BTreeMap::new();
    // What a worse team doesn't route any more makes room for the others, whose threshold falls: down
    // there others may be worse.
    loop {
        let common = lowest(&sure, |share| share.at_least() >= target);
        let found: BTreeMap<&TeamId, f64> = teams
            .iter()
            .filter(|team| !worse.contains_key(team) && is_worse(own(team), common, target))
            .map(|team| (team, lowest(own(team), |share| share.or_zero() >= target)))
            .collect();
        if found.is_empty() {
            let threshold = |team: &TeamId| worse.get(team).map_or(common, |own| own.max(common));
            return teams.iter().map(|team| (team.clone(), threshold(team))).collect();
        }
        sure.retain(|sure| found.get(sure.team).is_none_or(|own| sure.confidence >= *own));
        worse.extend(found);
    }
}

/// Whether a team's own answers down to this confidence speak against it, and not by chance alone, or
/// none of them for it.
fn is_worse(own: &[Sure<'_>], threshold: f64, target: f64) -> bool {
    let mut routed = Share::default();
    own.iter().filter(|own| own.confidence >= threshold).for_each(|own| routed.add(own.right));
    let (_, at_most) = routed.interval();
    at_most < target || routed.hits == 0
}

/// The lowest confidence down to which the answers, the surest first, are `good` as a whole.
fn lowest(sure: &[Sure<'_>], good: impl Fn(Share) -> bool) -> f64 {
    let mut share = Share::default();
    let mut lowest = 1.0;
    let mut sure = sure.iter().peekable();
    while let Some(answer) = sure.next() {
        share.add(answer.right);
        // Answers that are equally sure are routed together or not at all.
        let next = sure.peek().map(|next| next.confidence);
        if next != Some(answer.confidence) && good(share) {
            lowest = answer.confidence;
        }
    }
    floor(lowest)
}

/// Four digits, never above the confidence that it stands for.
fn floor(threshold: f64) -> f64 {
    if threshold >= 1.0 { 1.0 } else { (threshold * 10_000.0).floor() / 10_000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(name: &str) -> TeamId {
        TeamId::parse(name).unwrap()
    }

    /// Answers whose best team is right exactly as often as the formula says.
    fn answers(a: f64, b: &[(&str, f64)]) -> Vec<Judged> {
        let mut answers = Vec::new();
        for (name, b) in b {
            for tenth in 0..200 {
                let margin = f64::from(tenth) / 10.0;
                let p = 1.0 / (1.0 + (-(a * margin + b)).exp());
                for number in 0..100 {
                    let right = f64::from(number) + 0.5 < p * 100.0;
                    answers.push(Judged {
                        team: team(if right { name } else { "wrong" }),
                        best: team(name),
                        margin,
                        confidence: 0.0,
                        has_evidence: true,
                        routed: false,
                    });
                }
            }
        }
        answers
    }

    #[test]
    fn what_made_the_answers_is_found_again() {
        let answers = answers(0.4, &[("billing", -1.0), ("sales", 0.5)]);
        let teams = [team("billing"), team("sales"), team("other")];
        let found = calibrate(&answers, &teams, 0.95);
        assert!((found.a - 0.4).abs() < 0.02, "{found:?}");
        assert!((found.b(&teams[0]) + 1.0).abs() < 0.05, "{found:?}");
        assert!((found.b(&teams[1]) - 0.5).abs() < 0.05, "{found:?}");
        assert_eq!(found.answers, 40_000);
    }

    #[test]
    fn above_the_threshold_the_target_holds() {
        for target in [0.92, 0.95, 0.99] {
            let answers = answers(0.4, &[("billing", -1.0), ("sales", 0.5)]);
            let teams = [team("billing"), team("sales")];
            let found = calibrate(&answers, &teams, target);
            let mut routed = Share::default();
            for answer in &answers {
                let confidence = found.confidence(&answer.best, answer.margin);
                if confidence >= found.threshold(&answer.best).unwrap() {
                    routed.add(answer.is_right());
                }
            }
            let precision = routed.or_zero();
            assert!(precision >= target && precision < target + 0.02, "{target}: {precision}");
        }
    }

    #[test]
    fn few_answers_ask_for_more_than_their_share() {
        // 20 of 20 right: the true share may well be below 95%.
        let answers: Vec<Judged> =
            answers(5.0, &[("billing", 3.0)]).into_iter().step_by(999).collect();
        assert!(answers.len() < 25 && answers.iter().all(Judged::is_right));
        let found = calibrate(&answers, &[team("billing")], 0.97);
        assert_eq!(found.threshold(&team("billing")), Some(1.0));
    }

    #[test]
    fn a_team_that_is_worse_than_the_rest_gets_its_own_threshold() {
        let mut answers = answers(0.4, &[("billing", 2.0)]);
        // Whatever is said of sales is wrong one time in three.
        answers.extend((0..600).map(|number| Judged {
            team: team(if number % 3 == 0 { "billing" } else { "sales" }),
            best: team("sales"),
            margin: 30.0,
            confidence: 0.0,
            has_evidence: true,
            routed: false,
        }));
        let found = calibrate(&answers, &[team("billing"), team("sales")], 0.95);
        assert_eq!(found.threshold(&team("sales")), Some(1.0), "{found:?}");
        assert!(found.threshold(&team("billing")).unwrap() < 0.95, "{found:?}");
    }
    /// The threshold of all falls once a team that is often wrong has its own: a team that is wrong
    /// with little confidence comes into reach only then.
    #[test]
    fn a_team_is_held_to_the_target_at_the_threshold_that_it_gets() {
        let names = ["billing", "sales", "other", "security"].map(team);
        let mut sure = Vec::new();
        for (at, confidence, right, wrong) in [
            (0, 0.97, 3_000, 0),
            (2, 0.97, 1, 0),
            (1, 0.95, 210, 90),
            (1, 0.5, 0, 400),
            (0, 0.3, 1_000, 0),
            (2, 0.3, 0, 9),
        ] {
            let answers = std::iter::repeat_n(true, right).chain(std::iter::repeat_n(false, wrong));
            sure.extend(answers.map(|right| Sure { team: &names[at], confidence, right }));
        }
        let found = thresholds(sure, &names, 0.95);
        // Of security there is no answer.
        let expected = [0.3, 1.0, 0.97, 1.0];
        let expected: BTreeMap<TeamId, f64> = names.clone().into_iter().zip(expected).collect();
        assert_eq!(found, expected);
    }
}
