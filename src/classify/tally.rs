//! How often the words were said that lines look for alone.
//!
//! Lines of many teams look for the same word; its occurrences are counted once, and all of them
//! share the finding. It knows codes and places; it knows nothing of lines or points.

use crate::mail::TextPlace;

use super::hits::Finding;
use super::score::{strength, weight};
use super::{Hit, Span};

/// More words than these bits can number has no mail.
const NUMBER_BITS: u32 = 20;

/// What is counted of one mail, in memory that is used again for the next.
#[derive(Default)]
pub(super) struct Tally {
    /// By code: the last mail in which it was met, and below [`NUMBER_BITS`] its number among the
    /// words met there. Few bytes a code keep what a mail needs of them near.
    met: Vec<u32>,
    /// The number of the mail, above [`NUMBER_BITS`].
    mail: u32,
    words: Vec<Said>,
    /// Occurrences in reading order, with the number of their word.
    occurrences: Vec<(u32, Span)>,
}

/// A word that was met.
#[derive(Clone, Copy)]
struct Said {
    code: u32,
    occurrences: u32,
    /// The occurrences, weighed by their places.
    weight: f64,
}

impl Tally {
    /// Makes ready for another mail and this many codes. Numbers of other dictionaries' codes do
    /// no harm: they are of earlier mails.
    pub(super) fn prepare(&mut self, codes: usize) {
        self.words.clear();
        self.occurrences.clear();
        self.mail = self.mail.wrapping_add(1 << NUMBER_BITS);
        if self.mail == 0 {
            self.met.clear();
            self.mail = 1 << NUMBER_BITS;
        }
        if self.met.len() < codes {
            self.met.resize(codes, 0);
        }
    }

    /// Counts an occurrence of a word.
    #[inline]
    pub(super) fn add(&mut self, code: u32, place: TextPlace, start: u32, end: u32) {
        let Some(met) = self.met.get_mut(code as usize) else { return };
        if *met >> NUMBER_BITS != self.mail >> NUMBER_BITS {
            *met = self.mail | u32::try_from(self.words.len()).unwrap_or_default();
            self.words.push(Said { code, occurrences: 0, weight: 0.0 });
        }
        let number = *met % (1 << NUMBER_BITS);
        let Some(said) = self.words.get_mut(number as usize) else { return };
        said.weight += weight(place);
        said.occurrences += 1;
        // All are listed that any line could show.
        if said.occurrences as usize <= Hit::SPANS {
            self.occurrences.push((number, Span { place, start, end }));
        }
    }

    /// How many words were met.
    pub(super) fn words(&self) -> usize {
        self.words.len()
    }

    /// Hands out every word that was met: adds its finding and its spans, and calls `found` with
    /// its code and the number of the finding.
    pub(super) fn finish(
        &mut self,
        findings: &mut Vec<Finding>,
        spans: &mut Vec<Span>,
        mut found: impl FnMut(u32, u32),
    ) {
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let before = findings.len();
        let mut first = number(spans.len());
        for said in &self.words {
            found(said.code, number(findings.len()));
            let listed = said.occurrences.min(number(Hit::SPANS));
            let strength = strength(said.weight);
            findings.push(Finding { strength, occurrences: said.occurrences, first, listed: 0 });
            first += listed;
        }
        let nowhere = Span { place: TextPlace::Subject, start: 0, end: 0 };
        spans.resize(first as usize, nowhere);
        for (word, span) in &self.occurrences {
            let Some(finding) = findings.get_mut(before + *word as usize) else { continue };
            let at = finding.first + finding.listed;
            if let Some(place) = spans.get_mut(at as usize) {
                *place = *span;
                finding.listed += 1;
            }
        }
    }
}
