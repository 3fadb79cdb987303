//! Words that were met before, with their symbols.
//!
//! Mails say the same words again and again, so folding, splitting and stemming happen once a
//! chunk of text and dictionary version. The table is bounded: hostile mail is full of new words,
//! and when it is full it starts anew. What it holds never changes a verdict.

use crate::dictionary::vocabulary::{Symbol, Vocabulary};
use crate::dictionary::words::{Chunk, Word, words_of};

/// Places in the table; a power of two.
const SLOTS: usize = 1 << 15;
/// More chunks than this, and the table starts anew.
const MOST_CHUNKS: usize = SLOTS * 5 / 8;
/// More bytes of chunks than this, and the table starts anew.
const MOST_BYTES: usize = 1 << 19;
/// More words with symbols, or symbols, than this, and the table starts anew.
const MOST_WORDS: usize = 1 << 16;
/// Longer chunks are not kept: they hardly come again.
const LONGEST: usize = 64;
/// So many places are tried for a chunk, so that chosen words can't make it slow.
const TRIES: usize = 8;

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
    chunks: usize,
    bytes: Vec<u8>,
    words: Vec<KnownWord>,
    symbols: Vec<Symbol>,
    spare: Vec<Word>,
}

#[derive(Clone, Copy)]
struct Slot {
    /// 0 for a free place.
    hash: u32,
    key: u32,
    len: u32,
    known: Known,
}

const FREE: Slot = Slot { hash: 0, key: 0, len: 0, known: Known { words: 0, first: 0, listed: 0 } };

impl Interned {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.slots.resize(SLOTS, FREE);
        self.chunks = 0;
        self.bytes.clear();
        self.words.clear();
        self.symbols.clear();
    }

    /// The words of a chunk of `text`. What it returns is good until the next call.
    #[inline]
    pub(super) fn find(&mut self, vocabulary: &Vocabulary, text: &str, chunk: &Chunk) -> Known {
        let raw = text.as_bytes().get(chunk.range.clone()).unwrap_or_default();
        let hash = hash(raw);
        let mut at = hash as usize % SLOTS;
        for _ in 0..TRIES {
            match self.slots.get(at) {
                Some(slot) if slot.hash == hash && self.key(slot) == raw => return slot.known,
                Some(slot) if slot.hash != 0 => at = (at + 1) % SLOTS,
                _ => break,
            }
        }
        self.learn(vocabulary, text, chunk, hash)
    }

    #[inline]
    fn key(&self, slot: &Slot) -> &[u8] {
        self.bytes.get(slot.key as usize..(slot.key + slot.len) as usize).unwrap_or_default()
    }

    #[cold]
    fn learn(&mut self, vocabulary: &Vocabulary, text: &str, chunk: &Chunk, hash: u32) -> Known {
        let is_full = self.chunks >= MOST_CHUNKS
            || self.bytes.len() >= MOST_BYTES
            || self.words.len() >= MOST_WORDS
            || self.symbols.len() >= MOST_WORDS;
        if is_full || self.slots.is_empty() {
            self.clear();
        }
        let known = self.understand(vocabulary, text, chunk);
        let raw = text.as_bytes().get(chunk.range.clone()).unwrap_or_default();
        if raw.len() > LONGEST {
            return known;
        }
        let key = number(self.bytes.len());
        let mut at = hash as usize % SLOTS;
        for _ in 0..TRIES {
            if let Some(slot) = self.slots.get_mut(at)
                && slot.hash == 0
            {
                *slot = Slot { hash, key, len: number(raw.len()), known };
                self.bytes.extend_from_slice(raw);
                self.chunks += 1;
                break;
            }
            at = (at + 1) % SLOTS;
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

/// Never 0. Eight bytes at a time, multiplied and folded; good enough for words, and no harm if
/// not, since few places are tried.
#[inline]
fn hash(bytes: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = bytes.len() as u64;
    let mut mix = |part: u64| {
        hash = (hash ^ part).wrapping_mul(FACTOR);
        hash ^= hash >> 32;
    };
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        mix(u64::from_le_bytes(*eight));
    }
    let mut last = 0;
    for byte in rest {
        last = last << 8 | u64::from(*byte);
    }
    mix(last);
    // The high half depends on every byte.
    u32::try_from(hash.wrapping_mul(FACTOR) >> 32).unwrap_or_default().max(1)
}

/// A length as it is kept; text and table are far smaller.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
