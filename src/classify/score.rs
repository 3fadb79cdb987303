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
    // Most lines match once; the logarithm of that is 0.
    if t <= 1.0 { t } else { 1.0 + t.ln() }
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
    let ranked = rank(dictionaries, &scratch.found, &findings.all, length_factor);
    let mut found = Vec::with_capacity(scratch.found.len());
    let mut ranking = Vec::with_capacity(ranked.len());
    for Ranked { score, team, from, to } in ranked {
        found.extend_from_slice(scratch.found.get(from..to).unwrap_or_default());
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
        hits: Hits::new(lines, found, findings.all, findings.spans),
    };
    if let Some(best) = verdict.best() {
        verdict.confidence = dictionaries.calibration().confidence(&best.team, verdict.margin());
    }
    verdict
}

/// Fills `scratch.found` with every line that matched, in the order of the lines.
fn find(dictionaries: &Dictionaries, scratch: &mut Scratch) -> Findings {
    let Scratch { tally, matches, found, spare, .. } = scratch;
    let expected = tally.words() + matches.len();
    let mut findings = Findings { all: Vec::with_capacity(expected), spans: Vec::new() };
    found.clear();
    // Where the lines of all words are listed is looked up before any list is read, so that the
    // waits for memory overlap.
    let mut lists = Vec::with_capacity(tally.words());
    tally.finish(&mut findings.all, &mut findings.spans, |code, finding| {
        lists.push((dictionaries.index.alone(code), finding));
    });
    for (lines, finding) in lists {
        found.extend(lines.iter().map(|&line| Found { line, finding }));
    }
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
    sort_by_line(found, spare);
    findings
}

/// Sorts what was found, in which no line is twice.
fn sort_by_line(found: &mut Vec<Found>, spare: &mut Vec<Found>) {
    /// So many bits of the numbers of lines are sorted by at once.
    const BITS: u32 = 9;
    if found.len() < 64 {
        found.sort_unstable_by_key(|found| found.line);
        return;
    }
    // A large dictionary finds hundreds of lines. Counting how many go where needs no guess at
    // which of two comes first.
    let last = found.iter().map(|found| found.line).max().unwrap_or_default();
    let mut shift = 0;
    while shift < u32::BITS && last >> shift > 0 {
        let digit = |found: &Found| (found.line >> shift) as usize % (1 << BITS);
        let mut places = [0_usize; 1 << BITS];
        for found in &*found {
            if let Some(count) = places.get_mut(digit(found)) {
                *count += 1;
            }
        }
        let mut begin = 0;
        for place in &mut places {
            begin += std::mem::replace(place, begin);
        }
        spare.clear();
        spare.resize(found.len(), Found { line: 0, finding: 0 });
        for found in &*found {
            if let Some(place) = places.get_mut(digit(found))
                && let Some(slot) = spare.get_mut(*place)
            {
                *slot = *found;
                *place += 1;
            }
        }
        std::mem::swap(found, spare);
        shift += BITS;
    }
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
    score: f64,
    /// Which team it is, in the order of their names.
    team: usize,
    from: usize,
    to: usize,
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
    let teams = dictionaries.files().iter().zip(dictionaries.lines().owners());
    for (team, (file, owner)) in teams.enumerate() {
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
        ranked.push(Ranked { score, team, from, to });
        from = to;
    }
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
    fn many_lines_come_in_order_as_few_do() {
        for count in [0_u32, 1, 63, 64, 65, 700] {
            for factor in [1, 7_919, 3_000_017] {
                let found = |n: u32| Found { line: n.wrapping_mul(factor), finding: n };
                let mut made: Vec<Found> = (0..count).rev().map(found).collect();
                let mut sorted = made.clone();
                sorted.sort_unstable_by_key(|found| found.line);
                sort_by_line(&mut made, &mut Vec::new());
                assert_eq!(made, sorted, "{count} × {factor}");
            }
        }
    }
}
