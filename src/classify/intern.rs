//! Words that were met before, with their symbols.
//!
//! Mails say the same words again and again, so folding, splitting and stemming happen once a
//! chunk of text and dictionary version. The table is bounded: hostile mail is full of new words,
//! and when it is full it starts anew. What it holds never changes a verdict.

use std::ops::Range;

use crate::dictionary::Dictionaries;
use crate::dictionary::quick::{FACTOR, hash};
use crate::dictionary::vocabulary::Symbol;
use crate::dictionary::words::{Chunk, Word, words_of};

/// Places in the table; a power of two.
const SLOTS: usize = 1 << 17;
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

/// A chunk of text, understood: how many words it has, or which entry says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known(u32);

impl Known {
    /// From this number on it is an entry. Most chunks are one word that no line uses, and need
    /// none.
    const ENTRIES: u32 = 1 << 16;

    /// The entry of a chunk with symbols.
    #[inline]
    pub(super) fn listed(self) -> Option<u32> {
        self.0.checked_sub(Self::ENTRIES)
    }
}

/// A chunk with symbols.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// How many words it has.
    count: u32,
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
    entries: Vec<Entry>,
    words: Vec<KnownWord>,
    symbols: Vec<Symbol>,
    spare: Vec<Word>,
}

/// A place in the table: a chunk's key, and what it is known as.
#[derive(Clone, Copy)]
struct Slot {
    key: Key,
    known: Known,
}

/// What tells chunks apart: the bytes of a short one, padded with 0, which no chunk has in it; of
/// a long one its hash and length, and then its bytes must be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    low: u64,
    high: u64,
    /// 0 for a short one; else where the bytes of a long one are, and 1 more.
    at: u32,
}

impl Key {
    /// The key of no chunk.
    const FREE: Self = Self { low: 0, high: 0, at: 0 };

    /// The key of a short chunk.
    #[inline]
    fn short(text: &[u8], range: Range<usize>) -> Self {
        let ahead = text.get(range.start..).and_then(<[u8]>::first_chunk::<SHORT>);
        let bytes = if let Some(ahead) = ahead {
            // One load, and what follows the chunk is cut off.
            u128::from_le_bytes(*ahead) & (u128::MAX >> (8 * (SHORT - range.len())))
        } else {
            let chunk = text.get(range).unwrap_or_default();
            chunk.iter().rev().fold(0, |bytes, byte| bytes << 8 | u128::from(*byte))
        };
        let [low, high] = halves(bytes);
        Self { low, high, at: 0 }
    }

    /// Where in the table it belongs.
    #[inline]
    fn home(self) -> usize {
        let mixed = self.low ^ self.high.wrapping_mul(FACTOR.rotate_left(17)).rotate_left(29);
        // The high half of the product depends on every bit.
        usize::try_from(mixed.wrapping_mul(FACTOR) >> 32).unwrap_or_default() % SLOTS
    }
}

/// The low and the high half.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
fn halves(bytes: u128) -> [u64; 2] {
    [bytes as u64, (bytes >> 64) as u64]
}

const FREE: Slot = Slot { key: Key::FREE, known: Known(0) };

impl Interned {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.slots.resize(SLOTS, FREE);
        self.bytes.clear();
        self.entries.clear();
        self.words.clear();
        self.symbols.clear();
    }

    /// A chunk of `text`. What it returns is good until the next call.
    #[inline]
    pub(super) fn find(&mut self, dictionaries: &Dictionaries, text: &str, chunk: &Chunk) -> Known {
        if chunk.range.len() > SHORT {
            return self.find_long(dictionaries, text, chunk);
        }
        let key = Key::short(text.as_bytes(), chunk.range.clone());
        let home = key.home();
        for at in home..home + TRIES {
            match self.slots.get(at % SLOTS) {
                Some(slot) if slot.key == key => return slot.known,
                Some(slot) if slot.key != Key::FREE => {}
                _ => break,
            }
        }
        self.learn(dictionaries, text, chunk, key)
    }

    #[cold]
    fn find_long(&mut self, dictionaries: &Dictionaries, text: &str, chunk: &Chunk) -> Known {
        let raw = text.as_bytes().get(chunk.range.clone()).unwrap_or_default();
        let key = Key { low: hash(raw), high: raw.len() as u64, at: 1 };
        let home = key.home();
        for at in home..home + TRIES {
            match self.slots.get(at % SLOTS) {
                Some(slot) if self.is_long(slot, key, raw) => return slot.known,
                Some(slot) if slot.key != Key::FREE => {}
                _ => break,
            }
        }
        self.learn(dictionaries, text, chunk, key)
    }

    /// Whether the slot is that of a long chunk with these bytes.
    fn is_long(&self, slot: &Slot, key: Key, raw: &[u8]) -> bool {
        let Key { low, high, at } = slot.key;
        let Some(at) = at.checked_sub(1) else { return false };
        let at = at as usize;
        (low, high) == (key.low, key.high) && self.bytes.get(at..at + raw.len()) == Some(raw)
    }

    #[cold]
    fn learn(
        &mut self,
        dictionaries: &Dictionaries,
        text: &str,
        chunk: &Chunk,
        mut key: Key,
    ) -> Known {
        let is_full = self.bytes.len() >= MOST_BYTES
            || self.words.len() >= MOST_WORDS
            || self.symbols.len() >= MOST_WORDS;
        if is_full || self.slots.is_empty() {
            self.clear();
        }
        let known = self.understand(dictionaries, text, chunk);
        if chunk.range.len() > LONGEST {
            return known;
        }
        let home = key.home();
        let is_free = |at: &usize| self.slots.get(*at % SLOTS).is_some_and(|s| s.key == Key::FREE);
        // With no free place the newcomer takes the last one: old words that matter come back.
        let place = (home..home + TRIES).find(is_free).unwrap_or(home + TRIES - 1);
        if let Some(slot) = self.slots.get_mut(place % SLOTS) {
            if key.at > 0 {
                key.at = number(self.bytes.len()) + 1;
                let raw = text.as_bytes().get(chunk.range.clone()).unwrap_or_default();
                self.bytes.extend_from_slice(raw);
            }
            *slot = Slot { key, known };
        }
        known
    }

    fn understand(&mut self, dictionaries: &Dictionaries, text: &str, chunk: &Chunk) -> Known {
        let mut words = std::mem::take(&mut self.spare);
        words.clear();
        words_of(text, chunk, &mut words);
        let first = self.words.len();
        for (nth, word) in words.iter().enumerate() {
            let symbols = self.symbols.len();
            dictionaries.vocabulary.symbols(&dictionaries.index, word, &mut self.symbols);
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
        let count = number(words.len());
        self.spare = words;
        let listed = number(self.words.len() - first);
        if listed == 0 && count < Known::ENTRIES {
            return Known(count);
        }
        self.entries.push(Entry { count, first: number(first), listed });
        Known(Known::ENTRIES + number(self.entries.len() - 1))
    }

    /// How many words a chunk has.
    #[inline]
    pub(super) fn count(&self, known: Known) -> u32 {
        match known.listed() {
            None => known.0,
            Some(entry) => self.entries.get(entry as usize).map_or(0, |entry| entry.count),
        }
    }

    /// The words with symbols of a chunk that has an entry.
    #[inline]
    pub(super) fn words(&self, entry: u32) -> &[KnownWord] {
        let Some(entry) = self.entries.get(entry as usize) else { return &[] };
        let first = entry.first as usize;
        self.words.get(first..first + entry.listed as usize).unwrap_or_default()
    }

    /// The symbols of a word.
    #[inline]
    pub(super) fn symbols(&self, word: &KnownWord) -> &[Symbol] {
        let first = word.symbols as usize;
        self.symbols.get(first..first + word.count as usize).unwrap_or_default()
    }
}

/// A length as it is kept; text and table are far smaller.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
