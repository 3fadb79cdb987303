//! From what the lines found to the sum that a person can redo.
//!
//! It knows points, strengths and the formula of [`super`]; sums run in the order of the lines, so
//! that the same mail gives the same bits.

use std::sync::Arc;

use crate::dictionary::Dictionaries;
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
pub(crate) fn strength(t: f64) -> f64 {
    if t < 1.0 { t } else { 1.0 + t.ln() }
}

/// What every point is multiplied with in a mail of so many words: where much is said, each word
/// says less.
pub(crate) fn length_factor(words: f64) -> f64 {
    (20.0 / (words + 4.0)).sqrt()
}

/// What was found, as it is gathered.
#[derive(Default)]
struct Findings {
    all: Vec<Finding>,
    spans: Vec<Span>,
}

pub(super) fn verdict(dictionaries: &Dictionaries, scratch: &mut Scratch) -> Verdict {
    let words = f64::from(scratch.words);
    let length_factor = length_factor(words);
    let findings = find(dictionaries, scratch);
    let ranked = rank(dictionaries, &scratch.found, &findings.all, length_factor);
    let mut found = Vec::with_capacity(scratch.found.len());
    for team in &ranked {
        found.extend_from_slice(scratch.found.get(team.found.clone()).unwrap_or_default());
    }
    let lines = Arc::clone(dictionaries.lines());
    let mut verdict = Verdict {
        version: dictionaries.version().clone(),
        words,
        length_factor,
        ranking: ranked.into_iter().map(|team| team.score).collect(),
        confidence: 0.0,
        calibrated: dictionaries.calibration().is_fitted(),
        hits: Hits::new(lines, found, findings.all, findings.spans),
    };
    if let Some(best) = verdict.best() {
        verdict.confidence = dictionaries.calibration().confidence(&best.team, verdict.margin());
    }
    verdict
}

/// Fills `scratch.found` with every line that matched, in the order of the lines.
fn find(dictionaries: &Dictionaries, scratch: &mut Scratch) -> Findings {
    let mut findings = Findings::default();
    let Scratch { tally, matches, found, .. } = scratch;
    found.clear();
    tally.finish(&mut findings.all, &mut findings.spans, |code, finding| {
        let lines = dictionaries.index.alone(code).iter();
        found.extend(lines.map(|&line| Found { line, finding }));
    });
    matches.retain(|found| {
        let line = dictionaries.lines().get(found.line);
        line.is_some_and(|line| !line.subject_only || found.at.place == TextPlace::Subject)
    });
    matches.sort_unstable_by_key(|found| (found.line, found.at.last, found.at.first));
    for same in matches.chunk_by(|one, other| one.line == other.line) {
        let Some(Match { line, .. }) = same.first() else { continue };
        let finding = u32::try_from(findings.all.len()).unwrap_or(u32::MAX);
        findings.add(same);
        found.push(Found { line: *line, finding });
    }
    found.sort_unstable_by_key(|found| u64::from(found.line) << 32 | u64::from(found.finding));
    findings
}

impl Findings {
    /// Adds what one line found, which is sorted.
    fn add(&mut self, found: &[Match]) {
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
        self.all.push(Finding {
            strength: strength(t),
            occurrences,
            first: number(first),
            listed: number(self.spans.len() - first),
        });
    }
}

/// A team's score, and which of the found lines are its.
struct Ranked {
    score: TeamScore,
    found: std::ops::Range<usize>,
}

/// Every team, best first.
fn rank(
    dictionaries: &Dictionaries,
    found: &[Found],
    findings: &[Finding],
    length_factor: f64,
) -> Vec<Ranked> {
    let mut ranked = Vec::with_capacity(dictionaries.files().len());
    let mut from = 0;
    for (file, owner) in dictionaries.files().iter().zip(dictionaries.lines().owners()) {
        let mut sum = 0.0;
        let mut to = from;
        while let Some(found) = found.get(to)
            && found.line < owner.lines.end
        {
            let strength = findings.get(found.finding as usize).map_or(0.0, |f| f.strength);
            sum += dictionaries.lines().points(found.line) * strength;
            to += 1;
        }
        let score = f64::from(file.base) + length_factor * sum;
        let score = TeamScore { team: file.team.clone(), base: file.base, score };
        ranked.push(Ranked { score, found: from..to });
        from = to;
    }
    // Teams come in the order of their names, which a stable sort keeps among equals.
    ranked.sort_by(|one, other| other.score.score.total_cmp(&one.score.score));
    ranked
}
