//! Words that were met before, with their symbols.
//!
//! Mails say the same words again and again, so folding, splitting and stemming happen once a
//! chunk of text and dictionary version. The table is bounded: hostile mail is full of new words,
//! and when it is full it starts anew. What it holds never changes a verdict.

use std::ops::Range;

use crate::dictionary::vocabulary::{Symbol, Vocabulary};
use crate::dictionary::words::{Chunk, Word, words_of};

/// Places in the table; a power of two.
const SLOTS: usize = 1 << 16;
/// More bytes of long chunks than this, and the table starts anew.
const MOST_BYTES: usize = 1 << 19;
/// More words with symbols, or symbols, than this, and the table starts anew.
const MOST_WORDS: usize = 1 << 17;
/// Up to so many bytes a chunk is its own key.
const SHORT: usize = size_of::<u128>();
/// Longer chunks are not kept: they hardly come again.
const LONGEST: usize = 64;
/// So many places are tried for a chunk, so that chosen words can't make it slow.
const TRIES: usize = 4;

/// A chunk of text, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// How many words it has.
    pub(super) words: u32,
    /// Where those of its words with symbols are listed, and how many they are.
    first: u32,
    listed: u32,
}

/// A word of a chunk that has symbols.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownWord {
    /// Which word of the chunk it is, from 0.
    pub(super) nth: u32,
    /// Its bytes in the chunk.
    pub(super) start: u32,
    pub(super) end: u32,
    symbols: u32,
    count: u32,
}

/// The table of known chunks.
#[derive(Default)]
pub(super) struct Interned {
    /// Empty until the first chunk.
    slots: Vec<Slot>,
    /// The bytes of long chunks.
    bytes: Vec<u8>,
    words: Vec<KnownWord>,
    symbols: Vec<Symbol>,
    spare: Vec<Word>,
}

/// A place in the table.
#[derive(Clone, Copy)]
struct Slot {
    key: Key,
    /// For a long chunk, where its bytes are; else 0.
    at: u32,
    known: Known,
}

/// What tells chunks apart: the bytes of a short one, padded with 0, which no chunk has in it; of
/// a long one its hash and length, and then its bytes must be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    bytes: u128,
    /// 0 for a short one.
    length: u32,
}

impl Key {
    /// The key of no chunk.
    const FREE: Self = Self { bytes: 0, length: 0 };

    #[inline]
    fn of(text: &[u8], range: Range<usize>) -> Self {
        let length = range.len();
        if length > SHORT {
            let bytes = u128::from(hash(text.get(range).unwrap_or_default()));
            return Self { bytes, length: number(length) };
        }
        let ahead = text.get(range.start..).and_then(<[u8]>::first_chunk::<SHORT>);
        let bytes = if let Some(ahead) = ahead {
            // One load, and what follows the chunk is cut off.
            u128::from_le_bytes(*ahead) & (u128::MAX >> (8 * (SHORT - length)))
        } else {
            let chunk = text.get(range).unwrap_or_default();
            chunk.iter().rev().fold(0, |bytes, byte| bytes << 8 | u128::from(*byte))
        };
        Self { bytes, length: 0 }
    }

    /// Where in the table it belongs.
    #[inline]
    fn home(self) -> usize {
        let halves = self.bytes ^ (self.bytes >> 64).wrapping_mul(FACTOR.rotate_left(17).into());
        let low = halves.to_le_bytes().first_chunk().map_or(0, |low| u64::from_le_bytes(*low));
        // The high half of the product depends on every bit.
        usize::try_from(low.wrapping_mul(FACTOR) >> 32).unwrap_or_default() % SLOTS
    }
}

const FREE: Slot = Slot { key: Key::FREE, at: 0, known: Known { words: 0, first: 0, listed: 0 } };

impl Interned {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.slots.resize(SLOTS, FREE);
        self.bytes.clear();
        self.words.clear();
        self.symbols.clear();
    }

    /// The words of a chunk of `text`. What it returns is good until the next call.
    #[inline]
    pub(super) fn find(&mut self, vocabulary: &Vocabulary, text: &str, chunk: &Chunk) -> Known {
        let key = Key::of(text.as_bytes(), chunk.range.clone());
        let home = key.home();
        for at in home..home + TRIES {
            match self.slots.get(at % SLOTS) {
                Some(slot) if slot.key == key && self.is(slot, text, chunk) => return slot.known,
                Some(slot) if slot.key != Key::FREE => {}
                _ => break,
            }
        }
        self.learn(vocabulary, text, chunk, key)
    }

    /// Whether the bytes of a chunk with the slot's key are the slot's.
    #[inline]
    fn is(&self, slot: &Slot, text: &str, chunk: &Chunk) -> bool {
        let (at, length) = (slot.at as usize, slot.key.length as usize);
        length == 0 || self.bytes.get(at..at + length) == text.as_bytes().get(chunk.range.clone())
    }

    #[cold]
    fn learn(&mut self, vocabulary: &Vocabulary, text: &str, chunk: &Chunk, key: Key) -> Known {
        let is_full = self.bytes.len() >= MOST_BYTES
            || self.words.len() >= MOST_WORDS
            || self.symbols.len() >= MOST_WORDS;
        if is_full || self.slots.is_empty() {
            self.clear();
        }
        let known = self.understand(vocabulary, text, chunk);
        if chunk.range.len() > LONGEST {
            return known;
        }
        let home = key.home();
        let is_free = |at: &usize| self.slots.get(*at % SLOTS).is_some_and(|s| s.key == Key::FREE);
        // With no free place the newcomer takes the last one: old words that matter come back.
        let place = (home..home + TRIES).find(is_free).unwrap_or(home + TRIES - 1);
        if let Some(slot) = self.slots.get_mut(place % SLOTS) {
            *slot = Slot { key, at: number(self.bytes.len()), known };
            if key.length > 0 {
                let raw = text.as_bytes().get(chunk.range.clone()).unwrap_or_default();
                self.bytes.extend_from_slice(raw);
            }
        }
        known
    }

    fn understand(&mut self, vocabulary: &Vocabulary, text: &str, chunk: &Chunk) -> Known {
        let mut words = std::mem::take(&mut self.spare);
        words.clear();
        words_of(text, chunk, &mut words);
        let first = self.words.len();
        for (nth, word) in words.iter().enumerate() {
            let symbols = self.symbols.len();
            vocabulary.symbols(word, &mut self.symbols);
            if self.symbols.len() > symbols {
                self.words.push(KnownWord {
                    nth: number(nth),
                    start: number(word.range.start - chunk.range.start),
                    end: number(word.range.end - chunk.range.start),
                    symbols: number(symbols),
                    count: number(self.symbols.len() - symbols),
                });
            }
        }
        let listed = number(self.words.len() - first);
        let known = Known { words: number(words.len()), first: number(first), listed };
        self.spare = words;
        known
    }

    /// The words of a chunk that have symbols.
    #[inline]
    pub(super) fn words(&self, known: Known) -> &[KnownWord] {
        let first = known.first as usize;
        self.words.get(first..first + known.listed as usize).unwrap_or_default()
    }

    /// The symbols of a word.
    #[inline]
    pub(super) fn symbols(&self, word: &KnownWord) -> &[Symbol] {
        let first = word.symbols as usize;
        self.symbols.get(first..first + word.count as usize).unwrap_or_default()
    }
}

/// An odd number with its bits well mixed (2⁶⁴ / golden ratio).
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// Eight bytes at a time, multiplied and folded; good enough for words, and no harm if not, since
/// few places are tried.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = 0;
    let (eights, rest) = bytes.as_chunks::<8>();
    let last = rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
    for part in eights.iter().map(|eight| u64::from_le_bytes(*eight)).chain([last]) {
        hash = (hash ^ part).wrapping_mul(FACTOR);
        hash ^= hash >> 32;
    }
    hash
}

/// A length as it is kept; text and table are far smaller.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
