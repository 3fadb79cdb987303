//! From text to what the lines found in it.
//!
//! It knows streams of symbols and places in a text; it knows nothing of points.

use crate::dictionary::automaton::{Chain, Target};
use crate::dictionary::words::chunks;
use crate::dictionary::{Alternative, Dictionaries, Version};
use crate::mail::TextPlace;

use super::intern::Interned;

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
    /// What lines found, in no order.
    pub(super) matches: Vec<Match>,
    pieces: Vec<Piece>,
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

/// The symbols of one layer, two or three bytes each. Words without a symbol are left out; where
/// some were, a 0 stands.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    /// For each symbol its word; for a 0 anything.
    words: Vec<Stretch>,
    /// The number of the word that would be next to the last one.
    next: u32,
}

impl Scratch {
    /// Makes ready for another mail.
    pub(super) fn prepare(&mut self, dictionaries: &Dictionaries) {
        if self.version.as_ref() != Some(dictionaries.version()) {
            self.version = Some(dictionaries.version().clone());
            self.interned.clear();
            self.streams.clear();
            self.streams.resize_with(dictionaries.vocabulary.layers(), Stream::default);
        }
        for stream in &mut self.streams {
            stream.bytes.clear();
            stream.words.clear();
            stream.next = 0;
        }
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
        let open = usize::from(dictionaries.vocabulary.open_layer());
        let before = self.next;
        for chunk in chunks(text) {
            let known = self.interned.find(&dictionaries.vocabulary, text, &chunk);
            let start = u32::try_from(offset + chunk.range.start).unwrap_or(u32::MAX);
            for word in self.interned.words(known) {
                let number = self.next + word.nth;
                let at = Stretch {
                    first: number,
                    last: number,
                    start: start + word.start,
                    end: start + word.end,
                    place,
                };
                for symbol in self.interned.symbols(word) {
                    let layer = usize::from(symbol.layer);
                    let Some(stream) = self.streams.get_mut(layer) else { continue };
                    // Open words stand alone: several of them can be one word.
                    if stream.next != number || layer == open {
                        dictionaries.automaton.write(0, &mut stream.bytes);
                        stream.words.push(at);
                    }
                    dictionaries.automaton.write(symbol.code, &mut stream.bytes);
                    stream.words.push(at);
                    stream.next = number + 1;
                }
            }
            self.next += known.words;
        }
        self.words += self.next - before;
        self.next += Alternative::GAP + 1;
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
                match target {
                    Target::Line(line) => self.matches.push(Match { line, at }),
                    Target::Piece { chain, piece } => {
                        self.pieces.push(Piece { chain, nth: piece, at });
                    }
                }
            });
        }
        self.pieces.sort_unstable_by_key(|found| (found.chain, found.nth, found.at.first));
        for found in self.pieces.chunk_by(|one, other| one.chain == other.chain) {
            let Some(chain) = found.first().and_then(|f| dictionaries.automaton.chain(f.chain))
            else {
                continue;
            };
            let whole = link(chain, found);
            self.matches.extend(whole.into_iter().map(|at| Match { line: chain.line, at }));
        }
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
