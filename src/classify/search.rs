//! From text to what the lines found in it.
//!
//! It knows streams of symbols and places in a text; it knows nothing of points.

use crate::dictionary::automaton::{Automaton, Chain, Target};
use crate::dictionary::chunks::Chunks;
use crate::dictionary::uses::Uses;
use crate::dictionary::vocabulary::Symbol;
use crate::dictionary::{Alternative, Dictionaries, Version};
use crate::mail::TextPlace;

use super::hits::Found;
use super::intern::Interned;
use super::slot::Meaning;
use super::tally::Tally;

/// What is kept from one mail to the next: known words, and memory that is used again. It can be
/// used with any dictionaries, one after the other; give each thread its own.
#[derive(Default)]
pub struct Scratch {
    /// The dictionaries that the known words belong to.
    version: Option<Version>,
    interned: Interned,
    streams: Vec<Stream>,
    /// The number of the next word. Between two parts of a mail some numbers are left out, so
    /// that no phrase and no gap spans them.
    next: u32,
    /// How many words count.
    pub(super) words: u32,
    /// The words that lines look for alone.
    pub(super) tally: Tally,
    /// What other lines found, in no order.
    pub(super) matches: Vec<Match>,
    pieces: Vec<Piece>,
    /// The lines that matched, and what they add to each team.
    pub(super) found: Vec<Found>,
    pub(super) sums: Vec<f64>,
}

/// A match of a line, before overlaps are sorted out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Match {
    pub(super) line: u32,
    pub(super) at: Stretch,
}

/// Some words in a row, and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The numbers of the first and the last word.
    pub(super) first: u32,
    pub(super) last: u32,
    /// The bytes in the subject or the body.
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) place: TextPlace,
}

/// A piece of a chain that was found.
#[derive(Debug, Clone, Copy)]
struct Piece {
    chain: u32,
    nth: u32,
    at: Stretch,
}

/// The symbols of one layer that may be parts of phrases, two or three bytes each. Where words
/// were left out, a 0 stands.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    /// For each symbol its word; for a 0 anything.
    words: Vec<Stretch>,
    /// The last word of a phrase, if one can follow it, the number of the word that would be next to
    /// it, and whether it was written.
    last: Option<(u32, Stretch)>,
    next: u32,
    is_written: bool,
}

impl Stream {
    fn clear(&mut self) {
        self.bytes.clear();
        self.words.clear();
        self.last = None;
        self.next = 0;
        self.is_written = false;
    }

    /// Adds a word that stands in some phrase. It is written only beside one that it may stand
    /// beside in a phrase.
    #[inline]
    fn add(&mut self, automaton: &Automaton, code: u32, uses: Uses, at: Stretch) {
        // Which pairs there are is looked up last: it is a wait for memory.
        let before = self.last.filter(|(before, _)| {
            self.next == at.first && uses.has(Uses::FOLLOWS) && automaton.may_pair(*before, code)
        });
        if let Some((before, stretch)) = before {
            if !self.is_written {
                self.write(automaton, 0, stretch);
                self.write(automaton, before, stretch);
            }
            self.write(automaton, code, at);
        }
        self.is_written = before.is_some();
        self.last = uses.has(Uses::BEGINS).then_some((code, at));
        self.next = at.first + 1;
    }

    fn write(&mut self, automaton: &Automaton, code: u32, at: Stretch) {
        automaton.write(code, &mut self.bytes);
        self.words.push(at);
    }
}

impl Scratch {
    /// Makes ready for another mail.
    pub(super) fn prepare(&mut self, dictionaries: &Dictionaries) {
        if self.version.as_ref() != Some(dictionaries.version()) {
            self.version = Some(dictionaries.version().clone());
            self.tally.renew(dictionaries.index.alone().begins());
            self.interned.clear();
            self.streams.clear();
            self.streams.resize_with(dictionaries.vocabulary.layers(), Stream::default);
        }
        for stream in &mut self.streams {
            stream.clear();
        }
        self.tally.prepare();
        self.next = 0;
        self.words = 0;
        self.matches.clear();
        self.pieces.clear();
    }

    /// Reads a part of a mail that begins at byte `offset` of the subject or the body.
    pub(super) fn read(
        &mut self,
        dictionaries: &Dictionaries,
        place: TextPlace,
        text: &str,
        offset: usize,
    ) {
        // What stands in a signature counts for nothing.
        if place == TextPlace::Signature {
            return;
        }
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        let before = self.next;
        let mut chunks = Chunks::of(text);
        while let Some(batch) = self.interned.seek(text, &mut chunks) {
            for nth in 0..batch.sought {
                let Some(sought) = self.interned.sought(nth) else { break };
                let at = |byte: u32| offset.saturating_add(byte);
                let (start, end) = (at(sought.start), at(sought.end));
                self.next += sought.passed;
                self.next += match self.interned.find(dictionaries, text, batch, sought) {
                    Meaning::Nothing(count) => count,
                    Meaning::Alone(code) => {
                        self.tally.add(code, place, start, end);
                        1
                    }
                    Meaning::One(symbol) => {
                        let (first, last) = (self.next, self.next);
                        let at = Stretch { first, last, start, end, place };
                        self.take_symbol(dictionaries, symbol, at);
                        1
                    }
                    Meaning::Listed(entry) => self.take(dictionaries, place, entry, start),
                };
            }
            self.next += batch.passed;
        }
        self.words += self.next - before;
        self.next += Alternative::GAP + 1;
    }

    /// Takes in a chunk that has symbols and begins at byte `start`; says how many words it has.
    fn take(
        &mut self,
        dictionaries: &Dictionaries,
        place: TextPlace,
        entry: u32,
        start: u32,
    ) -> u32 {
        let (count, words) = self.interned.words(entry);
        for nth in words {
            let Some(word) = self.interned.word(nth) else { continue };
            let number = self.next + word.nth;
            let (start, end) = (start + word.start, start + word.end);
            let at = Stretch { first: number, last: number, start, end, place };
            for symbol in word.symbols() {
                if let Some(symbol) = self.interned.symbol(symbol) {
                    self.take_symbol(dictionaries, symbol, at);
                }
            }
        }
        count
    }

    /// Takes in a symbol.
    #[inline]
    fn take_symbol(&mut self, dictionaries: &Dictionaries, symbol: Symbol, at: Stretch) {
        let Symbol { layer, code, uses } = symbol;
        if uses.has(Uses::ALONE) {
            self.tally.add(code, at.place, at.start, at.end);
        }
        if uses.has(Uses::TARGET) {
            for target in dictionaries.index.targets(code) {
                found(*target, at, &mut self.matches, &mut self.pieces);
            }
        }
        if uses.has(Uses::PHRASE)
            && let Some(stream) = self.streams.get_mut(usize::from(layer))
        {
            stream.add(&dictionaries.automaton, code, uses, at);
        }
    }

    /// Searches what was read.
    pub(super) fn search(&mut self, dictionaries: &Dictionaries) {
        for stream in &self.streams {
            dictionaries.automaton.search(&stream.bytes, |first, last, target| {
                let (Some(first), Some(last)) = (stream.words.get(first), stream.words.get(last))
                else {
                    return;
                };
                let at = Stretch { last: last.last, end: last.end, ..*first };
                found(target, at, &mut self.matches, &mut self.pieces);
            });
        }
        self.pieces.sort_unstable_by_key(|found| (found.chain, found.nth, found.at.first));
        for pieces in self.pieces.chunk_by(|one, other| one.chain == other.chain) {
            let Some(chain) = pieces.first().and_then(|f| dictionaries.automaton.chain(f.chain))
            else {
                continue;
            };
            let whole = link(chain, pieces);
            self.matches.extend(whole.into_iter().map(|at| Match { line: chain.line, at }));
        }
    }
}

/// Notes a match of a line or of a piece.
fn found(target: Target, at: Stretch, matches: &mut Vec<Match>, pieces: &mut Vec<Piece>) {
    match target {
        Target::Line(line) => matches.push(Match { line, at }),
        Target::Piece { chain, piece } => pieces.push(Piece { chain, nth: piece, at }),
    }
}

/// The matches of a whole chain: for each place of its last piece the shortest.
fn link(chain: &Chain, found: &[Piece]) -> Vec<Stretch> {
    let mut by_piece = found.chunk_by(|one, other| one.nth == other.nth);
    let first = by_piece.next().filter(|pieces| pieces.first().is_some_and(|p| p.nth == 0));
    // For each way to begin the chain: where it began, and the word where its last piece ends.
    let mut linked: Vec<(Stretch, u32)> =
        first.unwrap_or_default().iter().map(|piece| (piece.at, piece.at.last)).collect();
    for (number, gap) in (1..).zip(&chain.gaps) {
        let pieces = by_piece.next().unwrap_or_default();
        if pieces.first().is_none_or(|piece| piece.nth != number) {
            return Vec::new();
        }
        let mut longer = Vec::new();
        for Piece { at, .. } in pieces {
            // Pieces have a fixed number of words, so both lists are in order of first and last.
            let from = linked.partition_point(|(_, end)| end + 1 + gap < at.first);
            let near = linked.iter().skip(from).take_while(|(_, end)| *end < at.first);
            if let Some((start, _)) = near.max_by_key(|(start, _)| start.first) {
                longer.push((Stretch { last: at.last, end: at.end, ..*start }, at.last));
            }
        }
        linked = longer;
    }
    linked.into_iter().map(|(stretch, _)| stretch).collect()
}
