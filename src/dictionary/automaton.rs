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

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::quick::{FACTOR, QuickMap};
use super::rule::Alternative;
use super::uses::{Index, IndexBuilder};

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

/// What one line looks for in one of its alternatives: phrases of handles, and before each but
/// the first how many other words may stand there.
pub(crate) struct Wanted {
    pub(crate) line: u32,
    /// Whether the line has nothing else to look for and counts in every place.
    pub(crate) is_all: bool,
    pub(crate) pieces: Vec<Vec<u32>>,
    pub(crate) gaps: Vec<u32>,
}

impl Wanted {
    pub(crate) fn new(line: u32, is_all: bool) -> Self {
        Self { line, is_all, pieces: Vec::new(), gaps: Vec::new() }
    }

    /// Adds a word: to the last piece, or as a new one.
    pub(crate) fn push(&mut self, handle: u32, step: Step) {
        match (self.pieces.last_mut(), step) {
            (Some(piece), Step::Same) => piece.push(handle),
            (last, _) => {
                if last.is_some() {
                    self.gaps.push(if step == Step::Gap { Alternative::GAP } else { 0 });
                }
                self.pieces.push(vec![handle]);
            }
        }
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

/// Builds the automaton and the index of single words; `codes` has the code of each handle.
pub(crate) fn build(
    wanted: &[Wanted],
    codes: &[u32],
    last_code: u32,
) -> Result<(Automaton, Index), aho_corasick::BuildError> {
    let mut builder = Builder::default();
    for wanted in wanted {
        builder.add(wanted, codes);
    }
    let mut automaton = Automaton {
        search: None,
        width: if last_code > u32::from(u16::MAX) { 3 } else { 2 },
        phrases: Vec::with_capacity(builder.phrases.len()),
        targets: Vec::new(),
        pairs: Pairs::default(),
        chains: builder.chains,
    };
    let mut index = builder.index;
    let mut pairs = Vec::new();
    let mut patterns = Vec::with_capacity(builder.phrases.len());
    for (phrase, targets) in builder.phrases.iter().zip(builder.targets) {
        let mut pattern = Vec::with_capacity(phrase.len() * automaton.width);
        for code in phrase {
            automaton.write(*code, &mut pattern);
            index.in_phrase(*code);
        }
        pairs.extend(phrase.iter().copied().zip(phrase.iter().copied().skip(1)));
        patterns.push(pattern);
        let from = u32::try_from(automaton.targets.len()).unwrap_or(u32::MAX);
        automaton.phrases.push((u32::try_from(phrase.len()).unwrap_or(u32::MAX), from));
        automaton.targets.extend(targets);
    }
    if !patterns.is_empty() {
        automaton.pairs = Pairs::of(&pairs);
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .prefilter(false)
            .build(patterns)?;
        automaton.search = Some(search);
    }
    Ok((automaton, index.finish(last_code)))
}

/// What all lines want, sorted into single words and phrases.
#[derive(Default)]
struct Builder {
    index: IndexBuilder,
    known: QuickMap<Vec<u32>, usize>,
    phrases: Vec<Vec<u32>>,
    /// For each phrase what it is a match for.
    targets: Vec<Vec<Target>>,
    chains: Vec<Chain>,
}

impl Builder {
    fn add(&mut self, wanted: &Wanted, codes: &[u32]) {
        let code = |handle: &u32| codes.get(*handle as usize).copied().unwrap_or_default();
        let is_chain = wanted.pieces.len() > 1;
        let chain = u32::try_from(self.chains.len()).unwrap_or(u32::MAX);
        if is_chain {
            self.chains.push(Chain { line: wanted.line, gaps: wanted.gaps.clone() });
        }
        for (piece, handles) in (0..).zip(&wanted.pieces) {
            let target =
                if is_chain { Target::Piece { chain, piece } } else { Target::Line(wanted.line) };
            match handles.as_slice() {
                [word] if wanted.is_all && !is_chain => self.index.alone(code(word), wanted.line),
                [word] => self.index.target(code(word), target),
                words => self.add_phrase(words.iter().map(code).collect(), target),
            }
        }
    }

    fn add_phrase(&mut self, phrase: Vec<u32>, target: Target) {
        let number = *self.known.entry(phrase).or_insert_with_key(|phrase| {
            self.phrases.push(phrase.clone());
            self.targets.push(Vec::new());
            self.phrases.len() - 1
        });
        if let Some(targets) = self.targets.get_mut(number)
            && targets.last() != Some(&target)
        {
            targets.push(target);
        }
    }
}
