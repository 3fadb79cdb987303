//! The lines that matched a mail, kept as numbers.
//!
//! A large dictionary finds hundreds of lines in a mail, and most of what evidence says of them is
//! never read: so a verdict keeps numbers, and shares the lines' text with the dictionaries. A
//! [`Hit`] is made when somebody asks for it.
//!
//! It knows lines and occurrences; it knows nothing of how they were found.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dictionary::lines::{Line, Lines};

use super::{Hit, Span};

/// Every line that matched, by team in the order of the ranking, then by line.
#[derive(Clone, Default)]
pub struct Hits {
    lines: Arc<Lines>,
    /// As they were found.
    found: Vec<Found>,
    /// The teams in the order of the ranking, by their numbers among the owners of the lines.
    ranking: Vec<usize>,
    /// In order, once somebody asked for that: most mail is decided without.
    ordered: OnceLock<Vec<Found>>,
    findings: Vec<Finding>,
    spans: Vec<Span>,
}

/// A line, and which finding it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) line: u32,
    pub(super) finding: u32,
}

/// Occurrences of the same words; lines that look for the same share it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Finding {
    pub(super) strength: f64,
    pub(super) occurrences: u32,
    /// Where its spans begin, and how many are listed.
    pub(super) first: u32,
    pub(super) listed: u32,
}

impl Hits {
    pub(super) fn new(
        lines: Arc<Lines>,
        found: Vec<Found>,
        ranking: Vec<usize>,
        findings: Vec<Finding>,
        spans: Vec<Span>,
    ) -> Self {
        Self { lines, found, ranking, ordered: OnceLock::new(), findings, spans }
    }

    fn ordered(&self) -> &[Found] {
        self.ordered.get_or_init(|| {
            let mut found = self.found.clone();
            sort_by_line(&mut found);
            let mut ordered = Vec::with_capacity(found.len());
            for owner in self.ranking.iter().filter_map(|team| self.lines.owners().get(*team)) {
                let at = |line: u32| found.partition_point(|found| found.line < line);
                let theirs = found.get(at(owner.lines.start)..at(owner.lines.end));
                ordered.extend_from_slice(theirs.unwrap_or_default());
            }
            ordered
        })
    }

    /// How many lines matched.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether no line matched.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The hits in order, each made as it is asked for.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { hits: self, found: self.ordered().iter() }
    }

    /// The hits as numbers: the number of the line among all lines, and its strength.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.counted().map(|(line, strength, _)| (line, strength))
    }

    /// The same with how many occurrences there are.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (u32, f64, u32)> + '_ {
        self.ordered().iter().filter_map(|found| {
            let finding = self.findings.get(found.finding as usize)?;
            Some((found.line, finding.strength, finding.occurrences))
        })
    }

    /// All hits, for whoever reads them more than once.
    #[must_use]
    pub fn to_vec(&self) -> Vec<Hit> {
        self.iter().collect()
    }

    fn hit(&self, found: Found) -> Option<Hit> {
        let owner = self.lines.owner(found.line)?;
        let line = self.lines.get(found.line)?;
        let finding = self.findings.get(found.finding as usize)?;
        let first = finding.first as usize;
        let spans = self.spans.get(first..first + finding.listed as usize)?;
        Some(Hit {
            team: owner.team.clone(),
            file: owner.file.to_string(),
            line: line.number,
            term: line.term.to_string(),
            points: line.points,
            strength: finding.strength,
            spans: spans.to_vec(),
            occurrences: finding.occurrences,
        })
    }
}

/// Sorts what was found, in which no line is twice.
fn sort_by_line(found: &mut Vec<Found>) {
    /// So many bits of the numbers of lines are sorted by at once.
    const BITS: u32 = 9;
    if found.len() < 64 {
        found.sort_unstable_by_key(|found| found.line);
        return;
    }
    // A large dictionary finds hundreds of lines. Counting how many go where needs no guess at
    // which of two comes first.
    let mut spare = vec![Found { line: 0, finding: 0 }; found.len()];
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
        for found in &*found {
            if let Some(place) = places.get_mut(digit(found))
                && let Some(slot) = spare.get_mut(*place)
            {
                *slot = *found;
                *place += 1;
            }
        }
        std::mem::swap(found, &mut spare);
        shift += BITS;
    }
}

/// Iterates over [`Hits`].
#[derive(Clone)]
pub struct Iter<'a> {
    hits: &'a Hits,
    found: std::slice::Iter<'a, Found>,
}

impl Iterator for Iter<'_> {
    type Item = Hit;

    fn next(&mut self) -> Option<Hit> {
        self.hits.hit(*self.found.next()?)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.found.size_hint()
    }
}

impl<'a> IntoIterator for &'a Hits {
    type Item = Hit;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl FromIterator<Hit> for Hits {
    fn from_iter<T: IntoIterator<Item = Hit>>(hits: T) -> Self {
        let mut lines = Lines::default();
        let mut made = Self::default();
        for hit in hits {
            let last = lines.owners().last();
            if last.is_none_or(|owner| owner.team != hit.team || *owner.file != *hit.file) {
                lines.add_team(&hit.team, &hit.file);
            }
            let line = Line {
                number: hit.line,
                term: hit.term.into(),
                points: hit.points,
                subject_only: false,
            };
            let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
            made.found.push(Found { line: lines.add(line), finding: number(made.findings.len()) });
            made.findings.push(Finding {
                strength: hit.strength,
                occurrences: hit.occurrences,
                first: number(made.spans.len()),
                listed: number(hit.spans.len()),
            });
            made.spans.extend(hit.spans);
        }
        // They come in order.
        made.ranking = (0..lines.owners().len()).collect();
        made.lines = Arc::new(lines);
        made
    }
}

impl From<Vec<Hit>> for Hits {
    fn from(hits: Vec<Hit>) -> Self {
        hits.into_iter().collect()
    }
}

impl PartialEq for Hits {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Hits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl Serialize for Hits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self)
    }
}

impl<'de> Deserialize<'de> for Hits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
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
                sort_by_line(&mut made);
                assert_eq!(made, sorted, "{count} × {factor}");
            }
        }
    }
}
