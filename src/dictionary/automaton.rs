//! One automaton for the phrases of all teams and languages.
//!
//! It searches a stream of codes, two bytes a word (three when there are more words than two
//! bytes can tell apart), for everything that any line looks for. Matches overlap, so that
//! "server downtime" gives `server` also when `server down` was tried first, and two phrases can
//! share a word. A match counts only at the beginning of a code.
//!
//! It knows codes and numbers of lines; it knows nothing of words or points.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::rule::Alternative;

/// What a phrase is a match for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What one line looks for in one of its alternatives: phrases of handles, and before each but
/// the first how many other words may stand there.
pub(crate) struct Wanted {
    pub(crate) line: u32,
    pub(crate) pieces: Vec<Vec<u32>>,
    pub(crate) gaps: Vec<u32>,
}

impl Wanted {
    pub(crate) fn new(line: u32) -> Self {
        Self { line, pieces: Vec::new(), gaps: Vec::new() }
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

/// Builds the automaton; `codes` has the code of each handle.
pub(crate) fn build(
    wanted: &[Wanted],
    codes: &[u32],
    last_code: u32,
) -> Result<Automaton, aho_corasick::BuildError> {
    let mut phrases: Vec<Vec<u32>> = Vec::new();
    let mut known: HashMap<Vec<u32>, usize> = HashMap::new();
    let mut targets: Vec<Vec<Target>> = Vec::new();
    let mut chains = Vec::new();
    for wanted in wanted {
        let chain = u32::try_from(chains.len()).unwrap_or(u32::MAX);
        if wanted.pieces.len() > 1 {
            chains.push(Chain { line: wanted.line, gaps: wanted.gaps.clone() });
        }
        for (piece, handles) in (0..).zip(&wanted.pieces) {
            let target = match wanted.pieces.len() {
                1 => Target::Line(wanted.line),
                _ => Target::Piece { chain, piece },
            };
            let phrase: Vec<u32> = handles
                .iter()
                .map(|handle| codes.get(*handle as usize).copied().unwrap_or_default())
                .collect();
            let number = *known.entry(phrase).or_insert_with_key(|phrase| {
                phrases.push(phrase.clone());
                targets.push(Vec::new());
                phrases.len() - 1
            });
            targets.extend_at(number, target);
        }
    }
    let mut automaton = Automaton {
        search: None,
        width: if last_code > u32::from(u16::MAX) { 3 } else { 2 },
        phrases: Vec::with_capacity(phrases.len()),
        targets: Vec::new(),
        chains,
    };
    let mut patterns = Vec::with_capacity(phrases.len());
    for (phrase, targets) in phrases.iter().zip(targets) {
        let mut pattern = Vec::with_capacity(phrase.len() * automaton.width);
        for code in phrase {
            automaton.write(*code, &mut pattern);
        }
        patterns.push(pattern);
        let from = u32::try_from(automaton.targets.len()).unwrap_or(u32::MAX);
        automaton.phrases.push((u32::try_from(phrase.len()).unwrap_or(u32::MAX), from));
        automaton.targets.extend(targets);
    }
    if !patterns.is_empty() {
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .prefilter(false)
            .build(patterns)?;
        automaton.search = Some(search);
    }
    Ok(automaton)
}

/// Lists of targets by phrase.
trait ExtendAt {
    fn extend_at(&mut self, at: usize, target: Target);
}

impl ExtendAt for Vec<Vec<Target>> {
    fn extend_at(&mut self, at: usize, target: Target) {
        if let Some(list) = self.get_mut(at)
            && !list.contains(&target)
        {
            list.push(target);
        }
    }
}
