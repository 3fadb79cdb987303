//! How good the dictionaries are on labelled mail.
//!
//! It counts; it draws nothing. Every share comes with its counts, so that whoever reads it sees
//! what it rests on.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::judged::Judged;
use super::share::Share;
use crate::dictionary::TeamId;

/// What was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// How many mails.
    pub n: u64,
    /// The share whose best team is the one that a person named.
    pub accuracy: f64,
    /// Where the true accuracy lies with 95%.
    pub accuracy_interval: (f64, f64),
    /// The mean of the teams' F1, each team counted alike; only teams that have mail.
    pub macro_f1: f64,
    /// The share that would be routed by itself at the thresholds in force.
    pub auto_routed: f64,
    /// The share of that which would be right; 0 if nothing would be routed.
    pub auto_precision: f64,
    /// Where the true precision lies with 95%.
    pub auto_precision_interval: (f64, f64),
    /// The share that could be routed by itself at 95% and at 98% precision, if the thresholds
    /// were set with these answers in sight.
    pub coverage: BTreeMap<&'static str, f64>,
    /// The expected calibration error: by how much confidence and share of right answers differ,
    /// over ten bins of equal width.
    pub ece: f64,
    /// Whether the confidences were fitted on confirmed answers.
    pub calibrated: bool,
    /// Nobody's mail: how much of it would be routed to a team all the same.
    pub other_routed: Share,
    /// By team.
    pub teams: BTreeMap<TeamId, TeamEvaluation>,
    /// By the team that a person named, then by the one that the dictionaries rank first.
    pub confusion: BTreeMap<TeamId, BTreeMap<TeamId, u64>>,
    /// By confidence, from the least.
    pub reliability: Vec<Bin>,
    /// What share is routed, and what share of that is right, as the threshold falls.
    pub curve: Vec<CurvePoint>,
}

/// What was measured of one team.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TeamEvaluation {
    /// Mail that a person says is this team's.
    pub n: u64,
    /// Of the mail that the dictionaries rank this team first for, what is its.
    pub precision: Measured,
    /// Of its mail, what the dictionaries rank it first for.
    pub recall: Measured,
    /// The harmonic mean of both.
    pub f1: f64,
    /// Of all mail, what would be routed here by itself.
    pub routed: u64,
    /// Of that, what is right.
    pub routed_precision: Measured,
    /// What mail of this team is most often taken for, if it is ever.
    pub taken_for: Option<TeamId>,
}

/// A share with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Measured {
    /// From 0 to 1; `None` of nothing.
    pub value: Option<f64>,
    /// Where the true one lies with 95%.
    pub interval: Option<(f64, f64)>,
    /// The counts.
    #[serde(flatten)]
    pub share: Share,
}

impl From<Share> for Measured {
    fn from(share: Share) -> Self {
        let value = share.value();
        Self { value, interval: value.map(|_| share.interval()), share }
    }
}

/// Mails of about the same confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bin {
    /// From this confidence.
    pub from: f64,
    /// To this one.
    pub to: f64,
    /// Their mean confidence.
    pub confidence: f64,
    /// How many of how many were right.
    #[serde(flatten)]
    pub right: Share,
}

/// A threshold, and what comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// The confidence from which mail is routed.
    pub threshold: f64,
    /// The share that is.
    pub routed: f64,
    /// The share of that which is right.
    pub precision: f64,
}

/// How many bins confidences fall into.
const BINS: u32 = 10;
/// The curve has about so many points.
const POINTS: usize = 100;
/// The precisions at which coverage is told.
const PRECISIONS: [(&str, f64); 2] = [("0.95", 0.95), ("0.98", 0.98)];

/// Measures judged mail.
#[must_use]
pub fn evaluate(judged: &[Judged], calibrated: bool) -> Evaluation {
    let right = count(judged, |_| true, Judged::is_right);
    let auto = count(judged, |judged| judged.routed, Judged::is_right);
    let nobodys = |judged: &Judged| judged.team.as_str() == TeamId::OTHER;
    let to_a_team = |judged: &Judged| judged.routed && judged.best.as_str() != TeamId::OTHER;
    let teams = teams(judged);
    let with_mail = || teams.values().filter(|team| team.n > 0);
    let (reliability, ece) = reliability(judged);
    let sorted = sorted(judged);
    let at = |(name, target): (&'static str, f64)| {
        (name, coverage(&sorted, target, judged.len()).or_zero())
    };
    Evaluation {
        n: right.of,
        accuracy: right.or_zero(),
        accuracy_interval: right.interval(),
        macro_f1: ratio(with_mail().map(|team| team.f1).sum(), with_mail().count()),
        auto_routed: Share::new(auto.of, right.of).or_zero(),
        auto_precision: auto.or_zero(),
        auto_precision_interval: auto.interval(),
        coverage: PRECISIONS.into_iter().map(at).collect(),
        ece,
        calibrated,
        other_routed: count(judged, nobodys, to_a_team),
        confusion: confusion(judged),
        teams,
        reliability,
        curve: curve(&sorted, judged.len()),
    }
}

fn count(
    judged: &[Judged],
    among: impl Fn(&Judged) -> bool,
    has: impl Fn(&Judged) -> bool,
) -> Share {
    let mut share = Share::default();
    judged.iter().filter(|judged| among(judged)).for_each(|judged| share.add(has(judged)));
    share
}

#[allow(clippy::cast_precision_loss, reason = "a number of mails or teams")]
fn ratio(sum: f64, of: usize) -> f64 {
    if of == 0 { 0.0 } else { sum / of as f64 }
}

fn confusion(judged: &[Judged]) -> BTreeMap<TeamId, BTreeMap<TeamId, u64>> {
    let mut confusion: BTreeMap<TeamId, BTreeMap<TeamId, u64>> = BTreeMap::new();
    for judged in judged {
        let row = confusion.entry(judged.team.clone()).or_default();
        *row.entry(judged.best.clone()).or_default() += 1;
    }
    confusion
}

fn teams(judged: &[Judged]) -> BTreeMap<TeamId, TeamEvaluation> {
    let names: BTreeSet<&TeamId> =
        judged.iter().flat_map(|judged| [&judged.team, &judged.best]).collect();
    let confusion = confusion(judged);
    let team = |name: &TeamId| {
        let (is_its, goes_there) =
            (|judged: &Judged| judged.team == *name, |judged: &Judged| judged.best == *name);
        let precision = count(judged, goes_there, is_its);
        let recall = count(judged, is_its, goes_there);
        let routed = count(judged, |judged| judged.routed && judged.best == *name, is_its);
        let taken_for = confusion.get(name).and_then(|row| {
            let others = row.iter().filter(|(best, _)| *best != name);
            others.max_by_key(|(_, count)| **count).map(|(best, _)| best.clone())
        });
        TeamEvaluation {
            n: recall.of,
            f1: 2.0 * Share::new(recall.hits, recall.of + precision.of).or_zero(),
            precision: precision.into(),
            recall: recall.into(),
            routed: routed.of,
            routed_precision: routed.into(),
            taken_for,
        }
    };
    names.into_iter().map(|name| (name.clone(), team(name))).collect()
}

fn reliability(judged: &[Judged]) -> (Vec<Bin>, f64) {
    let width = 1.0 / f64::from(BINS);
    let mut bins: Vec<(f64, Share)> = vec![(0.0, Share::default()); BINS as usize];
    for judged in judged {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a confidence is between 0 and 1"
        )]
        let bin = ((judged.confidence / width) as usize).min(bins.len() - 1);
        if let Some((sum, share)) = bins.get_mut(bin) {
            *sum += judged.confidence;
            share.add(judged.is_right());
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "a number of mails")]
    let mean = |sum: f64, share: Share| if share.of == 0 { 0.0 } else { sum / share.of as f64 };
    let mut error = 0.0;
    let bins = (0..BINS)
        .zip(bins)
        .map(|(number, (sum, right))| {
            let confidence = mean(sum, right);
            let weight = Share::new(right.of, judged.len() as u64).or_zero();
            error += weight * (confidence - right.or_zero()).abs();
            let from = f64::from(number) * width;
            Bin { from, to: from + width, confidence, right }
        })
        .collect();
    (bins, error)
}

/// Mails that could be routed by themselves, as far as any threshold lets them, the surest first.
fn sorted(judged: &[Judged]) -> Vec<&Judged> {
    let mut sorted: Vec<&Judged> = judged.iter().filter(|judged| judged.has_evidence).collect();
    sorted.sort_by(|one, other| other.confidence.total_cmp(&one.confidence));
    sorted
}

/// The largest share of the mails that one threshold for all teams routes at a precision.
pub(crate) fn coverage_at(judged: &[Judged], precision: f64) -> Share {
    coverage(&sorted(judged), precision, judged.len())
}

fn coverage(sorted: &[&Judged], precision: f64, n: usize) -> Share {
    let mut right = Share::default();
    let mut covered = 0;
    for (number, judged) in sorted.iter().enumerate() {
        right.add(judged.is_right());
        let next = sorted.get(number + 1);
        if next.is_none_or(|next| next.confidence < judged.confidence)
            && right.or_zero() >= precision
        {
            covered = right.of;
        }
    }
    Share::new(covered, n as u64)
}

fn curve(sorted: &[&Judged], n: usize) -> Vec<CurvePoint> {
    let step = sorted.len().div_ceil(POINTS).max(1);
    let mut right = Share::default();
    let mut curve = Vec::new();
    for (number, judged) in (1..).zip(sorted) {
        right.add(judged.is_right());
        if number % step == 0 || number == sorted.len() {
            curve.push(CurvePoint {
                threshold: judged.confidence,
                routed: Share::new(right.of, n as u64).or_zero(),
                precision: right.or_zero(),
            });
        }
    }
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(team: &str, best: &str, confidence: f64, routed: bool) -> Judged {
        let team = TeamId::parse(team).unwrap();
        let best = TeamId::parse(best).unwrap();
        Judged { team, best, margin: 0.0, confidence, has_evidence: true, routed }
    }

    #[test]
    fn figures_are_those_of_a_calculator() {
        let found = evaluate(
            &[
                judged("a", "a", 0.95, true),
                judged("a", "a", 0.85, true),
                judged("a", "b", 0.75, true),
                judged("b", "b", 0.65, false),
                judged("other", "a", 0.55, false),
            ],
            true,
        );
        assert_eq!(found.n, 5);
        assert!((found.accuracy - 0.6).abs() < 1e-9);
        // a: precision 2/3, recall 2/3; b: 1/2, 1/1; other: nothing.
        assert!((found.macro_f1 - (2.0 / 3.0 + 2.0 / 3.0) / 3.0).abs() < 1e-9);
        assert!((found.auto_routed - 0.6).abs() < 1e-9);
        assert!((found.auto_precision - 2.0 / 3.0).abs() < 1e-9);
        // Two of five are right before the first mistake.
        assert!((found.coverage["0.95"] - 0.4).abs() < 1e-9);
        assert_eq!(found.other_routed, Share::new(0, 1));
        let error = (0.05 + 0.15 + 0.75 + 0.35 + 0.55) / 5.0;
        assert!((found.ece - error).abs() < 1e-9, "{}", found.ece);
        assert_eq!(found.teams[&TeamId::parse("a").unwrap()].taken_for, TeamId::parse("b").ok());
        assert_eq!(found.curve.len(), 5);
    }

    #[test]
    fn nothing_is_measured_of_nothing() {
        let found = evaluate(&[], false);
        assert_eq!((found.n, found.teams.len()), (0, 0));
        assert!(found.accuracy == 0.0 && found.auto_precision == 0.0 && found.ece == 0.0);
    }
}
