//! From what the lines found to the sum that a person can redo.
//!
//! It knows points, strengths and the formula of [`super`]. Strengths are rounded so that their sums
//! are exact: in whatever order they are added, the same mail gives the same bits.

use std::sync::Arc;

use crate::dictionary::Dictionaries;
use crate::dictionary::lines::Worth;
use crate::dictionary::uses::Alone;
use crate::mail::TextPlace;

use super::hits::{Finding, Found, Hits};
use super::search::{Match, Scratch};
use super::{Hit, Span, TeamScore, Verdict};

/// How much an occurrence counts in a place.
#[must_use]
pub(crate) fn weight(place: TextPlace) -> f64 {
    match place {
        TextPlace::Subject => 2.0,
        TextPlace::New => 1.0,
        TextPlace::Quoted => 0.5,
        TextPlace::Signature => 0.0,
    }
}

/// The strength of a line whose occurrences count `t`: saying a word five times is not five times
/// the evidence.
///
/// It is a multiple of 2⁻⁴³, as the halves are that occurrences are counted in. The 53 bits of a
/// number then hold a sum of points times strengths to the last bit as long as it stays below a
/// thousand, which is far more than a mail brings together for a team.
pub(crate) fn strength(t: f64) -> f64 {
    /// 2⁴³.
    const STEPS: f64 = 8_796_093_022_208.0;
    // Most lines match once; the logarithm of that is 0.
    if t <= 1.0 { t } else { 1.0 + (t.ln() * STEPS).round() / STEPS }
}

/// What every point is multiplied with in a mail of so many words: where much is said, each word
/// says less.
pub(crate) fn length_factor(words: f64) -> f64 {
    (20.0 / (words + 4.0)).sqrt()
}

/// What was found, as it is gathered.
struct Findings {
    all: Vec<Finding>,
    spans: Vec<Span>,
}

pub(super) fn verdict(dictionaries: &Dictionaries, scratch: &mut Scratch) -> Verdict {
    let words = f64::from(scratch.words);
    let length_factor = length_factor(words);
    let findings = find(dictionaries, scratch);
    let ranked = rank(dictionaries, &scratch.sums, length_factor);
    let mut order = Vec::with_capacity(ranked.len());
    let mut ranking = Vec::with_capacity(ranked.len());
    for Ranked { score, team } in ranked {
        order.push(team);
        let file = dictionaries.files().get(team);
        ranking.extend(file.map(|f| TeamScore { team: f.team.clone(), base: f.base, score }));
    }
    let lines = Arc::clone(dictionaries.lines());
    let mut verdict = Verdict {
        version: dictionaries.version().clone(),
        words,
        length_factor,
        ranking,
        confidence: 0.0,
        calibrated: dictionaries.calibration().is_fitted(),
        hits: Hits::new(lines, scratch.found.clone(), order, findings.all, findings.spans),
    };
    if let Some(best) = verdict.best() {
        verdict.confidence = dictionaries.calibration().confidence(&best.team, verdict.margin());
    }
    verdict
}

/// Fills `scratch.found` with every line that matched, and `scratch.sums` with what they add to each
/// team.
fn find(dictionaries: &Dictionaries, scratch: &mut Scratch) -> Findings {
    let Scratch { tally, matches, found, sums, .. } = scratch;
    let mut findings = Findings { all: Vec::new(), spans: Vec::new() };
    found.clear();
    sums.clear();
    sums.resize(dictionaries.files().len(), 0.0);
    let mut add = |worth: Worth, strength: f64| {
        if let Some(sum) = sums.get_mut(worth.team()) {
            *sum += worth.points() * strength;
        }
    };
    let alone = dictionaries.index.alone().items();
    tally.finish(alone, &mut findings.all, &mut findings.spans, |lines, strength, finding| {
        for &Alone { line, worth } in lines {
            add(worth, strength);
            found.push(Found { line, finding });
        }
    });
    matches.retain(|found| {
        let line = dictionaries.lines().get(found.line);
        line.is_some_and(|line| !line.subject_only || found.at.place == TextPlace::Subject)
    });
    matches.sort_unstable_by_key(|found| (found.line, found.at.last, found.at.first));
    for same in matches.chunk_by(|one, other| one.line == other.line) {
        let Some(&Match { line, .. }) = same.first() else { continue };
        let finding = u32::try_from(findings.all.len()).unwrap_or(u32::MAX);
        let strength = findings.add(same);
        add(dictionaries.lines().worth(line), strength);
        found.push(Found { line, finding });
    }
    findings
}

impl Findings {
    /// Adds what one line found, which is sorted, and says how strong it is.
    fn add(&mut self, found: &[Match]) -> f64 {
        let mut t = 0.0;
        let mut occurrences = 0;
        let mut taken_to = None;
        let first = self.spans.len();
        for Match { at, .. } in found {
            // It shares a word with the occurrence before.
            if taken_to.is_some_and(|last| at.first <= last) {
                continue;
            }
            taken_to = Some(at.last);
            t += weight(at.place);
            occurrences += 1;
            if self.spans.len() < first + Hit::SPANS {
                self.spans.push(Span { place: at.place, start: at.start, end: at.end });
            }
        }
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let strength = strength(t);
        let listed = number(self.spans.len() - first);
        self.all.push(Finding { strength, occurrences, first: number(first), listed });
        strength
    }
}

/// A team's score.
struct Ranked {
    score: f64,
    /// Which team it is, in the order of their names.
    team: usize,
}

/// Every team, best first.
fn rank(dictionaries: &Dictionaries, sums: &[f64], length_factor: f64) -> Vec<Ranked> {
    let teams = dictionaries.files().iter().zip(sums).enumerate();
    let score = |base: i32, sum: f64| f64::from(base) + length_factor * sum;
    let ranked = teams.map(|(team, (file, sum))| Ranked { score: score(file.base, *sum), team });
    let mut ranked: Vec<Ranked> = ranked.collect();
    // Equals stay in the order of their names.
    ranked.sort_unstable_by(|one, other| {
        other.score.total_cmp(&one.score).then_with(|| one.team.cmp(&other.team))
    });
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_strengths_are_the_same_in_every_order() {
        let strengths: Vec<f64> = (1..30).map(|t| strength(f64::from(t) / 2.0)).collect();
        let forwards: f64 = strengths.iter().map(|strength| strength * 11.0).sum();
        let backwards: f64 = strengths.iter().rev().map(|strength| strength * 11.0).sum();
        assert_eq!(forwards.to_bits(), backwards.to_bits());
        assert!(forwards > 500.0, "{forwards}");
        for t in [0.5, 1.0, 1.5, 2.0, 5.0, 100.0] {
            let exact = if t <= 1.0 { t } else { 1.0 + f64::ln(t) };
            assert!((strength(t) - exact).abs() < 1e-13, "{t}");
        }
    }
}
