//! Words that were met before, with their symbols.
//!
//! Mails say the same words again and again, so folding, splitting and stemming happen once a
//! chunk of text and dictionary version. The table is bounded: hostile mail is full of new words,
//! and when it is full it starts anew. What it holds never changes a verdict.

use std::ops::Range;

use crate::dictionary::Dictionaries;
use crate::dictionary::quick::{FACTOR, hash};
use crate::dictionary::uses::Uses;
use crate::dictionary::vocabulary::Symbol;
use crate::dictionary::words::{Chunk, words_of};

/// Buckets of the table; a power of two.
const BUCKETS: usize = 1 << 16;
/// So many places has a bucket, so that chosen words can't make a search slow.
const PLACES: usize = 4;
/// More bytes of long chunks than this, and the table starts anew. The 6,000 mails of the
/// SpamAssassin corpus have fewer than half as many.
const MOST_BYTES: usize = 1 << 21;
/// More words with symbols, or symbols, than this, and the table starts anew.
const MOST_WORDS: usize = 1 << 17;
/// Up to so many bytes a chunk is its own key.
const SHORT: usize = 12;
/// Longer chunks are not kept: they hardly come again.
const LONGEST: usize = 64;

/// A chunk of text, understood, in 32 bits: the number that [`Meaning`] holds, which one it is in
/// two bits below, and in the lowest whether the chunk is a long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known(u32);

/// What a chunk of text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// So many words that no line uses.
    Nothing(u32),
    /// One word with one symbol, which has this code and is looked for alone and nowhere else: as
    /// most words are that any line uses.
    Alone(u32),
    /// One word with one symbol, in this layer and with this code.
    One(u8, u32),
    /// Words with symbols; which ones says this entry.
    Listed(u32),
}

impl Known {
    const LONG: u32 = 1;
    /// Of the 29 bits of a number, those that hold a code; the others hold a layer.
    const CODE_BITS: u32 = 24;

    fn new(meaning: Meaning) -> Self {
        let (tag, number) = match meaning {
            Meaning::Nothing(count) => (0, count),
            Meaning::Alone(code) => (2, code),
            Meaning::One(layer, code) => (4, u32::from(layer) << Self::CODE_BITS | code),
            Meaning::Listed(entry) => (6, entry),
        };
        Self(number << 3 | tag)
    }

    #[inline]
    fn meaning(self) -> Meaning {
        let number = self.0 >> 3;
        match self.0 & 6 {
            0 => Meaning::Nothing(number),
            2 => Meaning::Alone(number),
            4 => {
                let layer = u8::try_from(number >> Self::CODE_BITS).unwrap_or_default();
                Meaning::One(layer, number & ((1 << Self::CODE_BITS) - 1))
            }
            _ => Meaning::Listed(number),
        }
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

impl KnownWord {
    /// The numbers of its symbols.
    #[inline]
    pub(super) fn symbols(&self) -> Range<u32> {
        self.symbols..self.symbols + self.count
    }
}

/// The table of known chunks.
#[derive(Default)]
pub(super) struct Interned {
    /// Empty until the first chunk.
    buckets: Vec<Bucket>,
    /// How often it began anew.
    beginning: u32,
    /// The long chunks, each behind its length.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    words: Vec<KnownWord>,
    symbols: Vec<Symbol>,
}

/// The places that a chunk may have. They fill a line of the cache, so that a word that was not
/// met lately costs one wait for memory.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Bucket([Slot; PLACES]);

/// A place in the table: a chunk's key, and what it is known as.
#[derive(Clone, Copy)]
struct Slot {
    key: Key,
    known: Known,
}

impl Slot {
    /// Whether it is that of a short chunk with this key.
    #[inline]
    fn is(&self, key: Key) -> bool {
        self.key == key && self.known.0 & Known::LONG == 0
    }
}

/// A chunk that is about to be asked for.
pub(super) struct Sought {
    pub(super) chunk: Chunk,
    key: Key,
    bucket: usize,
    /// What stood in the first place of its bucket, and which beginning of the table that was.
    first: Slot,
    beginning: u32,
}

/// What tells chunks apart: the bytes of a short one, padded with 0, which no chunk has in it; of
/// a long one its hash and where its bytes are, which must be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    /// Two halves of 64 bits: a slot of 16 bytes has no room for a gap.
    low: [u32; 2],
    high: u32,
}

impl Key {
    /// The key of no chunk.
    const FREE: Self = Self { low: [0; 2], high: 0 };

    /// The key of a short chunk.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the pieces are what is wanted")]
    fn short(text: &[u8], range: Range<usize>) -> Self {
        let ahead = text.get(range.start..).and_then(<[u8]>::first_chunk::<16>);
        let bytes = if let Some(ahead) = ahead {
            // One load, and what follows the chunk is cut off.
            u128::from_le_bytes(*ahead) & (u128::MAX >> (8 * (16 - range.len())))
        } else {
            let chunk = text.get(range).unwrap_or_default();
            chunk.iter().rev().fold(0, |bytes, byte| bytes << 8 | u128::from(*byte))
        };
        Self { low: [bytes as u32, (bytes >> 32) as u32], high: (bytes >> 64) as u32 }
    }

    /// The key of a long chunk, but for where its bytes are.
    #[allow(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
    fn long(chunk: &[u8]) -> Self {
        let hash = hash(chunk);
        Self { low: [hash as u32, (hash >> 32) as u32], high: 0 }
    }

    /// The bucket in which it belongs.
    #[inline]
    fn bucket(self) -> usize {
        let low = u64::from(self.low[0]) | u64::from(self.low[1]) << 32;
        let mixed = low ^ u64::from(self.high).wrapping_mul(FACTOR.rotate_left(17)).rotate_left(29);
        // The high half of the product depends on every bit.
        usize::try_from(mixed.wrapping_mul(FACTOR) >> 32).unwrap_or_default() % BUCKETS
    }
}

const FREE: Slot = Slot { key: Key::FREE, known: Known(0) };

impl Interned {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.beginning = self.beginning.wrapping_add(1);
        self.buckets.clear();
        self.buckets.resize(BUCKETS, Bucket([FREE; PLACES]));
        self.bytes.clear();
        self.entries.clear();
        self.words.clear();
        self.symbols.clear();
    }

    /// Makes ready to ask for some chunks of `text`: goes to the places where they would be, so
    /// that the waits for memory overlap.
    pub(super) fn seek(
        &self,
        text: &str,
        chunks: impl Iterator<Item = Chunk>,
        sought: &mut Vec<Sought>,
    ) {
        sought.clear();
        for chunk in chunks {
            let key = if chunk.range.len() > SHORT {
                Key::long(text.as_bytes().get(chunk.range.clone()).unwrap_or_default())
            } else {
                Key::short(text.as_bytes(), chunk.range.clone())
            };
            let bucket = key.bucket();
            sought.push(Sought { chunk, key, bucket, first: FREE, beginning: self.beginning });
        }
        // Nothing in this loop waits for what it reads.
        for sought in sought {
            if let Some(Bucket([first, ..])) = self.buckets.get(sought.bucket) {
                sought.first = *first;
            }
        }
    }

    /// What a chunk of `text` stands for. The answer is good until the next call.
    #[inline]
    pub(super) fn find(
        &mut self,
        dictionaries: &Dictionaries,
        text: &str,
        sought: &Sought,
    ) -> Meaning {
        let Sought { chunk, key, bucket, first, beginning } = sought;
        if chunk.range.len() > SHORT {
            return self.find_long(dictionaries, text, chunk, *key);
        }
        if first.is(*key) && *beginning == self.beginning {
            return first.known.meaning();
        }
        if let Some(Bucket(slots)) = self.buckets.get(*bucket)
            && let Some(slot) = slots.iter().find(|slot| slot.is(*key))
        {
            return slot.known.meaning();
        }
        self.learn(dictionaries, text, chunk, *key)
    }

    #[cold]
    fn find_long(
        &mut self,
        dictionaries: &Dictionaries,
        text: &str,
        chunk: &Chunk,
        key: Key,
    ) -> Meaning {
        let raw = text.as_bytes().get(chunk.range.clone()).unwrap_or_default();
        if let Some(Bucket(slots)) = self.buckets.get(key.bucket())
            && let Some(slot) = slots.iter().find(|slot| self.is_long(slot, key, raw))
        {
            return slot.known.meaning();
        }
        self.learn(dictionaries, text, chunk, key)
    }

    /// Whether the slot is that of a long chunk with these bytes.
    fn is_long(&self, slot: &Slot, key: Key, raw: &[u8]) -> bool {
        slot.known.0 & Known::LONG != 0 && slot.key.low == key.low && {
            let kept = self.bytes.get(slot.key.high as usize..).and_then(<[u8]>::split_first);
            kept.is_some_and(|(length, bytes)| {
                usize::from(*length) == raw.len() && bytes.starts_with(raw)
            })
        }
    }

    #[cold]
    fn learn(
        &mut self,
        dictionaries: &Dictionaries,
        text: &str,
        chunk: &Chunk,
        mut key: Key,
    ) -> Meaning {
        let is_full = self.bytes.len() >= MOST_BYTES
            || self.words.len() >= MOST_WORDS
            || self.symbols.len() >= MOST_WORDS;
        if is_full || self.buckets.is_empty() {
            self.clear();
        }
        let meaning = self.understand(dictionaries, text, chunk);
        let raw = text.as_bytes().get(chunk.range.clone()).unwrap_or_default();
        if raw.len() > LONGEST {
            return meaning;
        }
        let Some(Bucket(slots)) = self.buckets.get_mut(key.bucket()) else { return meaning };
        let mut known = Known::new(meaning);
        if raw.len() > SHORT {
            known.0 |= Known::LONG;
            key.high = number(self.bytes.len());
            self.bytes.extend(u8::try_from(raw.len()));
            self.bytes.extend_from_slice(raw);
        }
        // With no free place the newcomer takes the last one: old words that matter come back.
        let free = slots.iter().position(|slot| slot.key == Key::FREE).unwrap_or(PLACES - 1);
        if let Some(slot) = slots.get_mut(free) {
            *slot = Slot { key, known };
        }
        meaning
    }

    fn understand(&mut self, dictionaries: &Dictionaries, text: &str, chunk: &Chunk) -> Meaning {
        let (first, first_symbol) = (self.words.len(), self.symbols.len());
        let mut count = 0;
        let mut is_one = false;
        words_of(text, chunk, |word| {
            let symbols = self.symbols.len();
            dictionaries.vocabulary.symbols(&dictionaries.index, &word, &mut self.symbols);
            if self.symbols.len() > symbols {
                is_one = word.range == chunk.range;
                self.words.push(KnownWord {
                    nth: count,
                    start: number(word.range.start - chunk.range.start),
                    end: number(word.range.end - chunk.range.start),
                    symbols: number(symbols),
                    count: number(self.symbols.len() - symbols),
                });
            }
            count += 1;
        });
        let listed = number(self.words.len() - first);
        if listed == 0 {
            return Meaning::Nothing(count);
        }
        if let [Symbol { layer, code, uses }] =
            *self.symbols.get(first_symbol..).unwrap_or_default()
            && is_one
            && layer < 1 << 5
            && code < 1 << Known::CODE_BITS
        {
            self.words.truncate(first);
            self.symbols.truncate(first_symbol);
            let is_alone = uses == Uses::ALONE;
            return if is_alone { Meaning::Alone(code) } else { Meaning::One(layer, code) };
        }
        self.entries.push(Entry { count, first: number(first), listed });
        Meaning::Listed(number(self.entries.len() - 1))
    }

    /// How many words a listed chunk has, and the numbers of those with symbols.
    #[inline]
    pub(super) fn words(&self, entry: u32) -> (u32, Range<u32>) {
        let entry = self.entries.get(entry as usize);
        entry.map_or((0, 0..0), |entry| (entry.count, entry.first..entry.first + entry.listed))
    }

    /// The word with this number.
    #[inline]
    pub(super) fn word(&self, number: u32) -> Option<KnownWord> {
        self.words.get(number as usize).copied()
    }

    /// The symbol with this number.
    #[inline]
    pub(super) fn symbol(&self, number: u32) -> Option<Symbol> {
        self.symbols.get(number as usize).copied()
    }
}

/// A length as it is kept; text and table are far smaller.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
