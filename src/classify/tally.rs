//! How often the words were said that lines look for alone.
//!
//! Lines of many teams look for the same word; its occurrences are counted once, and all of them
//! share the finding. It knows codes, places and which lines a code has; it knows nothing of points.

use crate::dictionary::uses::Alone;
use crate::mail::TextPlace;

use super::hits::Finding;
use super::score::{strength, weight};
use super::{Hit, Span};

/// More words than these bits can number has no mail.
const NUMBER_BITS: u32 = 20;

/// So many words are counted at once: a few mails' worth, and few bytes where a mail is huge.
const MOST_SAID: usize = 1 << 12;

/// What is counted of one mail, in memory that is used again for the next.
#[derive(Default)]
pub(super) struct Tally {
    /// By the codes of the words.
    codes: Vec<Code>,
    /// The number of the mail, above [`NUMBER_BITS`].
    mail: u32,
    /// Words that lines look for alone, as they were said, in reading order: those that are not
    /// counted yet.
    said: Vec<(u32, Span)>,
    /// What [`Self::codes`] had of each of these before it was counted. Nobody needs it: reading it
    /// brings it near.
    before: Vec<Code>,
    words: Vec<Said>,
    /// The first line of each of these, read for the same reason.
    firsts: Vec<Option<Alone>>,
    /// Occurrences in reading order, with the number of their word.
    occurrences: Vec<(u32, Span)>,
}

/// A word that some line looks for alone. Its few bytes are together, so that meeting it costs one
/// wait for memory.
#[derive(Clone, Copy)]
struct Code {
    /// The last mail in which it was met, and below [`NUMBER_BITS`] its number among the words met
    /// there.
    met: u32,
    /// Where the list of its lines begins.
    begin: u32,
}

/// A word that was met.
#[derive(Clone, Copy)]
struct Said {
    /// Where the list of its lines begins and ends.
    begin: u32,
    end: u32,
    occurrences: u32,
    /// The occurrences, weighed by their places.
    weight: f64,
}

impl Tally {
    /// Makes ready for other dictionaries: where for each code the list of its lines begins.
    pub(super) fn renew(&mut self, begins: &[u32]) {
        self.codes.clear();
        self.codes.extend(begins.iter().map(|&begin| Code { met: 0, begin }));
        self.mail = 0;
    }

    /// Makes ready for another mail.
    pub(super) fn prepare(&mut self) {
        self.said.clear();
        self.words.clear();
        self.occurrences.clear();
        self.mail = self.mail.wrapping_add(1 << NUMBER_BITS);
        if self.mail == 0 {
            self.codes.iter_mut().for_each(|code| code.met = 0);
            self.mail = 1 << NUMBER_BITS;
        }
    }

    /// Takes note of an occurrence of a word.
    #[inline]
    pub(super) fn add(&mut self, code: u32, place: TextPlace, start: u32, end: u32) {
        self.said.push((code, Span { place, start, end }));
        if self.said.len() == MOST_SAID {
            self.count();
        }
    }

    /// Counts what was said and not counted yet.
    ///
    /// What is kept of a word is a wait for memory each; all are read once before any is needed, so
    /// that the waits overlap.
    fn count(&mut self) {
        let nothing = Code { met: 0, begin: 0 };
        let mut said = std::mem::take(&mut self.said);
        let code = |(code, _): &(u32, Span)| self.codes.get(*code as usize).copied();
        self.before.clear();
        self.before.extend(said.iter().map(|said| code(said).unwrap_or(nothing)));
        for (code, span) in &said {
            self.count_one(*code, *span);
        }
        said.clear();
        self.said = said;
    }

    #[inline]
    fn count_one(&mut self, code: u32, span: Span) {
        let [code, next @ ..] = self.codes.get_mut(code as usize..).unwrap_or_default() else {
            return;
        };
        if code.met >> NUMBER_BITS != self.mail >> NUMBER_BITS {
            code.met = self.mail | u32::try_from(self.words.len()).unwrap_or_default();
            let (begin, end) = (code.begin, next.first().map_or(u32::MAX, |next| next.begin));
            self.words.push(Said { begin, end, occurrences: 0, weight: 0.0 });
        }
        let number = code.met % (1 << NUMBER_BITS);
        let Some(said) = self.words.get_mut(number as usize) else { return };
        said.weight += weight(span.place);
        said.occurrences += 1;
        // All are listed that any line could show.
        if said.occurrences as usize <= Hit::SPANS {
            self.occurrences.push((number, span));
        }
    }

    /// Hands out every word that was met: adds its finding and its spans, and calls `found` with
    /// the lines that look for it, of `lines`, the strength and the number of the finding.
    pub(super) fn finish<'a>(
        &mut self,
        lines: &'a [Alone],
        findings: &mut Vec<Finding>,
        spans: &mut Vec<Span>,
        mut found: impl FnMut(&'a [Alone], f64, u32),
    ) {
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        self.count();
        findings.reserve(self.words.len());
        // As in counting, the lists are read once before any is needed.
        self.firsts.clear();
        self.firsts.extend(self.words.iter().map(|w| lines.get(w.begin as usize).copied()));
        let before = findings.len();
        let mut first = number(spans.len());
        for said in &self.words {
            let end = lines.len().min(said.end as usize);
            let lines = lines.get(said.begin as usize..end).unwrap_or_default();
            let listed = said.occurrences.min(number(Hit::SPANS));
            let strength = strength(said.weight);
            found(lines, strength, number(findings.len()));
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
