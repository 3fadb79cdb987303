//! One automaton for the phrases of all teams and languages.
//!
//! It searches a stream of codes, two bytes a word (three when there are more words than two
//! bytes can tell apart), for every phrase of two words or more that any line looks for. Matches
//! overlap, so that two phrases can share a word, and a match counts only at the beginning of a
//! code. Only words that stand side by side in some phrase come into the stream: in most mail
//! these are few, so that many phrases cost little more than few. Single words need no search
//! ([`super::uses`]).
//!
//! It knows codes and numbers of lines; it knows nothing of words or points.

use std::cmp::Reverse;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::quick::{FACTOR, QuickMap};
use super::rule::Alternative;
use super::uses::IndexBuilder;

/// What a phrase is a match for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// All of what a line looks for.
    Line(u32),
    /// One piece of a chain.
    Piece { chain: u32, piece: u32 },
}

/// Pieces that a line wants in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) line: u32,
    /// How many other words may stand before each piece but the first.
    pub(crate) gaps: Vec<u32>,
}

/// The automaton of all phrases.
pub(crate) struct Automaton {
    /// `None` without any phrase.
    search: Option<AhoCorasick>,
    width: usize,
    /// For each phrase, how many words it has and where its targets begin.
    phrases: Vec<(u32, u32)>,
    targets: Vec<Target>,
    pairs: Pairs,
    chains: Vec<Chain>,
}

impl Automaton {
    /// Writes a code to a stream.
    #[inline]
    pub(crate) fn write(&self, code: u32, stream: &mut Vec<u8>) {
        let [_, high, middle, low] = code.to_be_bytes();
        if self.width == 3 {
            stream.push(high);
        }
        stream.extend_from_slice(&[middle, low]);
    }

    /// Whether any phrase may have these two words side by side. A "yes" can be wrong.
    #[inline]
    pub(crate) fn may_pair(&self, one: u32, next: u32) -> bool {
        self.pairs.may_have(one, next)
    }

    /// Calls `hit` for every match in a stream with the place of its first and its last word in
    /// the stream, and its target.
    #[inline]
    pub(crate) fn search(&self, stream: &[u8], mut hit: impl FnMut(usize, usize, Target)) {
        let Some(search) = &self.search else { return };
        for found in search.find_overlapping_iter(stream) {
            if !found.start().is_multiple_of(self.width) {
                continue;
            }
            let phrase = found.pattern().as_usize();
            let Some(&(words, from)) = self.phrases.get(phrase) else { continue };
            let to =
                self.phrases.get(phrase + 1).map_or(self.targets.len(), |next| next.1 as usize);
            let first = found.start() / self.width;
            for target in self.targets.get(from as usize..to).unwrap_or_default() {
                hit(first, first + words as usize - 1, *target);
            }
        }
    }

    /// The chain with this number.
    pub(crate) fn chain(&self, chain: u32) -> Option<&Chain> {
        self.chains.get(chain as usize)
    }
}

/// Which words stand side by side in any phrase: one bit for each pair, at a place that other
/// pairs may share.
#[derive(Default)]
struct Pairs {
    /// Empty, or a power of two long.
    bits: Vec<u64>,
}

impl Pairs {
    /// So many bits for each pair make one stranger in sixteen look known.
    const ROOM: usize = 16;

    fn of(pairs: &[(u32, u32)]) -> Self {
        let length = (pairs.len() * Self::ROOM / 64).next_power_of_two();
        let mut known = Self { bits: vec![0; length] };
        for (one, next) in pairs {
            let (place, bit) = known.place(*one, *next);
            if let Some(bits) = known.bits.get_mut(place) {
                *bits |= bit;
            }
        }
        known
    }

    #[inline]
    fn place(&self, one: u32, next: u32) -> (usize, u64) {
        let hash = (u64::from(one) << 32 | u64::from(next)).wrapping_mul(FACTOR);
        // The high bits depend on all of both.
        let place = usize::try_from(hash >> 32).unwrap_or_default();
        (place & self.bits.len().wrapping_sub(1), 1 << (hash >> 26 & 63))
    }

    #[inline]
    fn may_have(&self, one: u32, next: u32) -> bool {
        let (place, bit) = self.place(one, next);
        self.bits.get(place).is_some_and(|bits| bits & bit != 0)
    }
}

/// What all lines look for, one behind the other, in few lists that hold all: there may be a
/// hundred thousand lines.
#[derive(Default)]
pub(crate) struct Wants {
    all: Vec<Want>,
    pieces: Vec<Piece>,
    /// The words of all pieces: their handles, or their codes when these are known.
    words: Vec<u32>,
}

/// What one line looks for in one of its alternatives.
struct Want {
    line: u32,
    is_all: bool,
    /// How many pieces it has.
    pieces: usize,
}

/// A phrase without gaps, in one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Piece {
    /// How many words it has.
    pub(super) words: usize,
    /// How many other words may stand before it, if it is not the first.
    pub(super) gap: u32,
}

/// What one line looks for in one of its alternatives, as it is read.
pub(crate) struct Wanted<'a> {
    pub(crate) line: u32,
    /// Whether the line has nothing else to look for and counts in every place.
    pub(crate) is_all: bool,
    pub(crate) pieces: &'a [Piece],
    /// The codes of the words of all pieces.
    pub(crate) words: &'a [u32],
}

impl Wants {
    /// Begins an alternative.
    pub(crate) fn begin(&mut self, line: u32, is_all: bool) {
        self.all.push(Want { line, is_all, pieces: 0 });
    }

    /// Adds a word to the last alternative: to its last piece, or as a new one.
    pub(crate) fn push(&mut self, handle: u32, step: Step) {
        let Some(want) = self.all.last_mut() else { return };
        self.words.push(handle);
        match self.pieces.last_mut() {
            Some(piece) if want.pieces > 0 && step == Step::Same => piece.words += 1,
            _ => {
                let is_gap = want.pieces > 0 && step == Step::Gap;
                let gap = if is_gap { Alternative::GAP } else { 0 };
                self.pieces.push(Piece { words: 1, gap });
                want.pieces += 1;
            }
        }
    }

    /// Adds what others want: their lines are numbered on from `lines`, their handles from `handles`.
    pub(crate) fn append(&mut self, other: Self, lines: u32, handles: u32) {
        self.all.extend(other.all.into_iter().map(|want| Want { line: lines + want.line, ..want }));
        self.pieces.extend(other.pieces);
        self.words.extend(other.words.into_iter().map(|handle| handles + handle));
    }

    /// The words of all lines: their handles, or their codes when these are known.
    pub(crate) fn words(&self) -> &[u32] {
        &self.words
    }

    /// Puts codes in the place of handles; `codes` has the code of each handle.
    pub(crate) fn encode(&mut self, codes: &[u32]) {
        for word in &mut self.words {
            *word = codes.get(*word as usize).copied().unwrap_or_default();
        }
    }

    /// Every alternative, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Wanted<'_>> {
        let (mut pieces, mut words) = (self.pieces.as_slice(), self.words.as_slice());
        self.all.iter().map(move |want| {
            let (own, further) = pieces.split_at_checked(want.pieces).unwrap_or_default();
            let count = own.iter().map(|piece| piece.words).sum();
            let (spoken, behind) = words.split_at_checked(count).unwrap_or_default();
            (pieces, words) = (further, behind);
            Wanted { line: want.line, is_all: want.is_all, pieces: own, words: spoken }
        })
    }
}

/// How a word follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// In the same phrase.
    Same,
    /// Next to it, but in another layer.
    Next,
    /// After a `~`.
    Gap,
}

/// The phrases of all lines, ready to be built into an automaton.
pub(crate) struct Phrases {
    /// All but the search.
    automaton: Automaton,
    /// What each phrase is to the search, one behind the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Phrases {
    /// Gathers the phrases of all lines, and what each word is used for.
    pub(crate) fn gather(wants: &Wants, last_code: u32) -> (Self, IndexBuilder) {
        let mut builder = Builder::default();
        for wanted in wants.iter() {
            builder.add(&wanted);
        }
        builder.sort();
        let mut automaton = Automaton {
            search: None,
            width: if last_code > u32::from(u16::MAX) { 3 } else { 2 },
            phrases: Vec::with_capacity(builder.phrases.len()),
            targets: Vec::with_capacity(builder.targets.len()),
            pairs: Pairs::default(),
            chains: builder.chains,
        };
        let mut index = builder.index;
        let mut pairs = Vec::new();
        let mut targets = builder.targets.iter().peekable();
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(builder.phrases.len());
        for (number, phrase) in builder.phrases.iter().enumerate() {
            for code in *phrase {
                automaton.write(*code, &mut bytes);
            }
            index.phrase(phrase);
            ends.push(bytes.len());
            pairs.extend(phrase.iter().copied().zip(phrase.iter().copied().skip(1)));
            let from = u32::try_from(automaton.targets.len()).unwrap_or(u32::MAX);
            automaton.phrases.push((u32::try_from(phrase.len()).unwrap_or(u32::MAX), from));
            while let Some((_, target)) = targets.next_if(|(phrase, _)| *phrase == number) {
                automaton.targets.push(*target);
            }
        }
        if !pairs.is_empty() {
            automaton.pairs = Pairs::of(&pairs);
        }
        (Self { automaton, bytes, ends }, index)
    }

    /// Builds the automaton.
    pub(crate) fn build(self) -> Result<Automaton, aho_corasick::BuildError> {
        let Self { mut automaton, bytes, ends } = self;
        if !ends.is_empty() {
            let begins = std::iter::once(0).chain(ends.iter().copied());
            let patterns =
                begins.zip(&ends).map(|(from, to)| bytes.get(from..*to).unwrap_or_default());
            let search = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::ContiguousNFA))
                .prefilter(false)
                // What begins a word is a table, what it goes on with is few enough for a list.
                .dense_depth(2)
                .build(patterns)?;
            automaton.search = Some(search);
        }
        Ok(automaton)
    }
}

/// What all lines want, sorted into single words and phrases.
#[derive(Default)]
struct Builder<'a> {
    index: IndexBuilder,
    known: QuickMap<&'a [u32], usize>,
    phrases: Vec<&'a [u32]>,
    /// What each phrase is a match for, by the number of the phrase.
    targets: Vec<(usize, Target)>,
    chains: Vec<Chain>,
}

impl<'a> Builder<'a> {
    fn add(&mut self, wanted: &Wanted<'a>) {
        let is_chain = wanted.pieces.len() > 1;
        let chain = u32::try_from(self.chains.len()).unwrap_or(u32::MAX);
        if is_chain {
            let gaps = wanted.pieces.iter().skip(1).map(|piece| piece.gap).collect();
            self.chains.push(Chain { line: wanted.line, gaps });
        }
        let mut words = wanted.words;
        for (number, piece) in (0..).zip(wanted.pieces) {
            let target = if is_chain {
                Target::Piece { chain, piece: number }
            } else {
                Target::Line(wanted.line)
            };
            let (phrase, behind) = words.split_at_checked(piece.words).unwrap_or_default();
            words = behind;
            match phrase {
                [word] if wanted.is_all && !is_chain => self.index.alone(*word, wanted.line),
                [word] => self.index.target(*word, target),
                phrase => self.add_phrase(phrase, target),
            }
        }
    }

    fn add_phrase(&mut self, phrase: &'a [u32], target: Target) {
        let number = *self.known.entry(phrase).or_insert_with(|| {
            self.phrases.push(phrase);
            self.phrases.len() - 1
        });
        self.targets.push((number, target));
    }

    /// Numbers the phrases by their words, highest first: what the search already has of a phrase it
    /// then finds at once, at the beginning of a list, and builds in half the time.
    fn sort(&mut self) {
        let begin = |phrase: &[u32]| match phrase {
            [one, next, ..] => u64::from(*one) << 32 | u64::from(*next),
            _ => 0,
        };
        let phrases = std::mem::take(&mut self.phrases);
        let mut order: Vec<(u64, usize)> =
            phrases.iter().enumerate().map(|(number, phrase)| (begin(phrase), number)).collect();
        order.sort_unstable_by_key(|place| Reverse(*place));
        let mut numbers = vec![0; phrases.len()];
        for (number, (_, before)) in order.iter().enumerate() {
            self.phrases.extend(phrases.get(*before));
            if let Some(place) = numbers.get_mut(*before) {
                *place = number;
            }
        }
        for (phrase, _) in &mut self.targets {
            *phrase = numbers.get(*phrase).copied().unwrap_or_default();
        }
        // A stable sort leaves the targets of a phrase in the order of the lines.
        self.targets.sort_by_key(|(phrase, _)| *phrase);
        self.targets.dedup();
    }
}
