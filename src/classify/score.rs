//! From what the lines found to the sum that a person can redo.
//!
//! It knows points, strengths and the formula of [`super`]; sums run in the order of the lines, so
//! that the same mail gives the same bits.

use crate::dictionary::Dictionaries;
use crate::mail::TextPlace;

use super::search::{Match, Scratch};
use super::{Hit, Span, TeamScore, Verdict};

/// How much an occurrence counts in a place.
#[must_use]
pub(super) fn weight(place: TextPlace) -> f64 {
    match place {
        TextPlace::Subject => 2.0,
        TextPlace::New => 1.0,
        TextPlace::Quoted => 0.5,
        TextPlace::Signature => 0.0,
    }
}

/// The strength of a line whose occurrences count `t`: saying a word five times is not five times
/// the evidence.
fn strength(t: f64) -> f64 {
    if t < 1.0 { t } else { 1.0 + t.ln() }
}

/// The hits of one team, and what they sum up to.
#[derive(Default)]
struct Sum {
    points: f64,
    hits: Vec<Hit>,
}

pub(super) fn verdict(dictionaries: &Dictionaries, scratch: &mut Scratch) -> Verdict {
    let words = f64::from(scratch.words);
    let length_factor = (20.0 / (words + 4.0)).sqrt();
    let mut sums: Vec<Sum> = Vec::new();
    sums.resize_with(dictionaries.files().len(), Sum::default);
    scratch.matches.retain(|found| {
        let line = dictionaries.line(found.line);
        line.is_some_and(|line| !line.subject_only || found.at.place == TextPlace::Subject)
    });
    scratch.matches.sort_unstable_by_key(|found| (found.line, found.at.last, found.at.first));
    for found in scratch.matches.chunk_by(|one, other| one.line == other.line) {
        add(dictionaries, found, &mut sums);
    }
    let mut ranking: Vec<(TeamScore, Vec<Hit>)> = dictionaries
        .files()
        .iter()
        .zip(sums)
        .map(|(file, sum)| {
            let score = f64::from(file.base) + length_factor * sum.points;
            (TeamScore { team: file.team.clone(), base: file.base, score }, sum.hits)
        })
        .collect();
    // Teams come in the order of their names, which a stable sort keeps among equals.
    ranking.sort_by(|(one, _), (other, _)| other.score.total_cmp(&one.score));
    let (ranking, hits): (Vec<_>, Vec<_>) = ranking.into_iter().unzip();
    let mut verdict = Verdict {
        version: dictionaries.version().clone(),
        words,
        length_factor,
        ranking,
        confidence: 0.0,
        calibrated: dictionaries.calibration().is_fitted(),
        hits: hits.into_iter().flatten().collect(),
    };
    if let Some(best) = verdict.best() {
        verdict.confidence = dictionaries.calibration().confidence(&best.team, verdict.margin());
    }
    verdict
}

/// Adds the matches of one line, which are sorted, to its team's sum.
fn add(dictionaries: &Dictionaries, found: &[Match], sums: &mut [Sum]) {
    let Some(line) = found.first().and_then(|first| dictionaries.line(first.line)) else { return };
    let (Some(file), Some(sum)) = (dictionaries.files().get(line.team), sums.get_mut(line.team))
    else {
        return;
    };
    let mut hit = Hit {
        team: file.team.clone(),
        file: file.file.clone(),
        line: line.number,
        term: String::from(&*line.term),
        points: line.points,
        strength: 0.0,
        spans: Vec::with_capacity(found.len().min(Hit::SPANS)),
        occurrences: 0,
    };
    let mut t = 0.0;
    let mut taken_to = None;
    for Match { at, .. } in found {
        // It shares a word with the occurrence before.
        if taken_to.is_some_and(|last| at.first <= last) {
            continue;
        }
        taken_to = Some(at.last);
        t += weight(at.place);
        hit.occurrences += 1;
        if hit.spans.len() < Hit::SPANS {
            hit.spans.push(Span { place: at.place, start: at.start, end: at.end });
        }
    }
    hit.strength = strength(t);
    sum.points += f64::from(line.points) * hit.strength;
    sum.hits.push(hit);
}
