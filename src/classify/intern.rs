//! Words that were met before, with their symbols.
//!
//! Mails say the same words again and again, so folding, splitting and stemming happen once a
//! chunk of text and dictionary version. The table is bounded: hostile mail is full of new words,
//! and when it is full it starts anew. What it holds never changes a verdict.

use std::ops::Range;

use crate::dictionary::Dictionaries;
use crate::dictionary::chunks::{Chunks, Edges};
use crate::dictionary::uses::Uses;
use crate::dictionary::vocabulary::Symbol;
use crate::dictionary::words::words_of;

use super::slot::{Key, Known, Meaning, SHORT, Slot};

/// Slots for the chunks that are said most; a power of two. They leave room in a processor's own
/// cache for what else a mail needs, and most chunks are found there.
const FRONT: usize = 1 << 12;
/// Buckets of the table for all; a power of two.
const BUCKETS: usize = 1 << 16;
/// The high bits of a hash of 32 say which bucket it is.
const BUCKET_SHIFT: u32 = u32::BITS - BUCKETS.trailing_zeros();
/// So many places has a bucket, so that chosen words can't make a search slow.
const PLACES: usize = 4;
/// More bytes of long chunks than this, and the table starts anew. The 6,000 mails of the
/// SpamAssassin corpus have fewer than half as many.
const MOST_BYTES: usize = 1 << 21;
/// More words with symbols, or symbols, than this, and the table starts anew.
const MOST_WORDS: usize = 1 << 17;
/// Longer chunks are not kept: they hardly come again.
const LONGEST: usize = 64;

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
    /// Short chunks that were said before, each in the only slot where it may be. Empty, like the
    /// buckets, until the first chunk.
    front: Vec<Slot>,
    buckets: Vec<Bucket>,
    /// How often it began anew.
    beginning: u32,
    /// The long chunks, each behind its length.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    words: Vec<KnownWord>,
    symbols: Vec<Symbol>,
    desk: Desk,
}

/// Room for the chunks that are looked up together.
#[derive(Default)]
struct Desk {
    edges: Edges,
    asked: Vec<Asked>,
    /// What they are known as in front.
    knowns: Vec<Known>,
    sought: Vec<Sought>,
    /// Those that are not in front, by their number, and their places among those that are sought.
    missed: Vec<(u32, u32)>,
    /// The first slots of the buckets of these.
    firsts: Vec<Slot>,
}

/// A chunk that is asked for.
#[derive(Clone, Copy)]
struct Asked {
    key: Key,
    hash: u32,
}

/// The places that a chunk may have, but for those in the bucket beside it. They fill a line of the
/// cache, so that nearly every word that was not met lately costs one wait for memory.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Bucket([Slot; PLACES]);

/// A chunk that some line may use a word of.
#[derive(Clone, Copy)]
pub(super) struct Sought {
    /// Its bytes in the text.
    pub(super) start: u32,
    pub(super) end: u32,
    /// So many words that no line uses stand between it and the one before.
    pub(super) passed: u32,
    known: Known,
}

/// Some chunks in a row, looked up together.
#[derive(Clone, Copy)]
pub(super) struct Batch {
    /// So many of them may have a word that some line uses.
    pub(super) sought: usize,
    /// So many words that no line uses stand behind the last of these.
    pub(super) passed: u32,
    /// Which beginning of the table they were looked up in.
    beginning: u32,
}

impl Interned {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.beginning = self.beginning.wrapping_add(1);
        self.front.clear();
        self.front.resize(FRONT, Slot::FREE);
        self.buckets.clear();
        self.buckets.resize(BUCKETS, Bucket([Slot::FREE; PLACES]));
        self.bytes.clear();
        self.entries.clear();
        self.words.clear();
        self.symbols.clear();
    }

    /// Looks up the next chunks of `text`; `None` if there are none.
    ///
    /// Nothing in the loops that read the tables waits for what they read, so that the waits for
    /// memory overlap.
    pub(super) fn seek(&mut self, text: &str, chunks: &mut Chunks<'_>) -> Option<Batch> {
        let Desk { edges, asked, knowns, sought, missed, .. } = &mut self.desk;
        let found = chunks.take(edges);
        if found.is_empty() {
            return None;
        }
        asked.resize(Edges::MOST_CHUNKS, Asked { key: Key::FREE, hash: 0 });
        for (asked, &[start, end]) in asked.iter_mut().zip(found) {
            let key = Key::short(text.as_bytes(), start as usize..end as usize);
            *asked = Asked { key, hash: key.hash() };
        }
        let asked = asked.get(..found.len()).unwrap_or_default();
        knowns.resize(Edges::MOST_CHUNKS, Known::MISSED);
        for (known, Asked { key, hash }) in knowns.iter_mut().zip(asked) {
            let slot = self.front.get(*hash as usize % FRONT).copied().unwrap_or(Slot::FREE);
            *known = if slot.is(*key) { slot.known() } else { Known::MISSED };
        }
        let nowhere = Sought { start: 0, end: 0, passed: 0, known: Known::MISSED };
        sought.resize(Edges::MOST_CHUNKS, nowhere);
        missed.resize(Edges::MOST_CHUNKS, (0, 0));
        let (mut place, mut absent, mut passed) = (0, 0, 0);
        for ((nth, &[start, end]), known) in (0..).zip(found).zip(knowns) {
            let is_short = end - start <= number(SHORT);
            let known = if is_short { *known } else { Known::MISSED };
            // Most words are used by no line. They are counted, and the next one takes their
            // place, without a guess at which it will be.
            if let Some(sought) = sought.get_mut(place as usize) {
                *sought = Sought { start, end, passed, known };
            }
            if let Some(missed) = missed.get_mut(absent) {
                *missed = (nth, place);
            }
            absent += usize::from(is_short && known == Known::MISSED);
            let nothing = known.nothing();
            passed = nothing.map_or(0, |count| passed + count);
            place += u32::from(nothing.is_none());
        }
        self.seek_further(absent);
        Some(Batch { sought: place as usize, passed, beginning: self.beginning })
    }

    /// Looks in the buckets for what is not in front, and puts there what it finds.
    fn seek_further(&mut self, absent: usize) {
        let Self { front, buckets, desk, .. } = self;
        let Desk { asked, missed, firsts, sought, .. } = desk;
        let missed = missed.get(..absent).unwrap_or_default();
        let missed =
            || missed.iter().filter_map(|(nth, place)| Some((asked.get(*nth as usize)?, *place)));
        firsts.clear();
        firsts.extend(missed().map(|(asked, _)| {
            let bucket = buckets.get((asked.hash >> BUCKET_SHIFT) as usize);
            bucket.map_or(Slot::FREE, |Bucket([first, ..])| *first)
        }));
        for ((&Asked { key, hash }, place), first) in missed().zip(firsts) {
            let found = if first.is(key) {
                Some(*first)
            } else {
                let bucket = buckets.get((hash >> BUCKET_SHIFT) as usize);
                bucket.and_then(|Bucket(slots)| slots.iter().find(|slot| slot.is(key)).copied())
            };
            if let Some(slot) = found
                && let Some(sought) = sought.get_mut(place as usize)
                && let Some(front) = front.get_mut(hash as usize % FRONT)
            {
                sought.known = slot.known();
                *front = slot;
            }
        }
    }

    /// The chunks of the last batch that may have a word that some line uses, by their number.
    #[inline]
    pub(super) fn sought(&self, nth: usize) -> Option<Sought> {
        self.desk.sought.get(nth).copied()
    }

    /// What a chunk of `text` stands for. The answer is good until the next call.
    #[inline]
    pub(super) fn find(
        &mut self,
        dictionaries: &Dictionaries,
        text: &str,
        batch: Batch,
        sought: Sought,
    ) -> Meaning {
        // When the table has begun anew, what was looked up before is worth nothing.
        if sought.known != Known::MISSED && batch.beginning == self.beginning {
            return sought.known.meaning();
        }
        self.find_further(dictionaries, text, sought.start as usize..sought.end as usize)
    }

    /// Looks for a chunk everywhere.
    #[cold]
    fn find_further(
        &mut self,
        dictionaries: &Dictionaries,
        text: &str,
        chunk: Range<usize>,
    ) -> Meaning {
        let raw = text.as_bytes().get(chunk.clone()).unwrap_or_default();
        let is_long = raw.len() > SHORT;
        let key = if is_long { Key::long(raw) } else { Key::short(text.as_bytes(), chunk.clone()) };
        let is_it =
            |slot: &&Slot| if is_long { self.is_long(**slot, key, raw) } else { slot.is(key) };
        for bucket in buckets_of(key.hash()) {
            let bucket = self.buckets.get(bucket);
            if let Some(slot) = bucket.and_then(|Bucket(slots)| slots.iter().find(is_it)) {
                return slot.known().meaning();
            }
        }
        self.learn(dictionaries, text, chunk, key)
    }

    /// Whether the slot is that of a long chunk with these bytes.
    fn is_long(&self, slot: Slot, key: Key, raw: &[u8]) -> bool {
        let kept = slot.kept(key).and_then(|place| self.bytes.get(place..)?.split_first());
        kept.is_some_and(|(length, bytes)| {
            usize::from(*length) == raw.len() && bytes.starts_with(raw)
        })
    }

    #[cold]
    fn learn(
        &mut self,
        dictionaries: &Dictionaries,
        text: &str,
        chunk: Range<usize>,
        key: Key,
    ) -> Meaning {
        let is_full = self.bytes.len() >= MOST_BYTES
            || self.words.len() >= MOST_WORDS
            || self.symbols.len() >= MOST_WORDS;
        if is_full || self.buckets.is_empty() {
            self.clear();
        }
        let raw = text.as_bytes().get(chunk.clone()).unwrap_or_default();
        let meaning = self.understand(dictionaries, text, chunk);
        if raw.len() > LONGEST {
            return meaning;
        }
        let known = Known::new(meaning);
        let new = if raw.len() > SHORT {
            let place = number(self.bytes.len());
            self.bytes.extend(u8::try_from(raw.len()));
            self.bytes.extend_from_slice(raw);
            Slot::long(key, known, place)
        } else {
            Slot::short(key, known)
        };
        // With no free place the newcomer takes the last one: old words that matter come back.
        let [first, other] = buckets_of(key.hash());
        let free = |bucket: usize| {
            let Bucket(slots) = self.buckets.get(bucket)?;
            Some((bucket, slots.iter().position(|slot| slot.is_free())?))
        };
        let (bucket, free) = free(first).or_else(|| free(other)).unwrap_or((first, PLACES - 1));
        let bucket = self.buckets.get_mut(bucket);
        if let Some(slot) = bucket.and_then(|Bucket(slots)| slots.get_mut(free)) {
            *slot = new;
        }
        meaning
    }

    fn understand(
        &mut self,
        dictionaries: &Dictionaries,
        text: &str,
        chunk: Range<usize>,
    ) -> Meaning {
        let (first, first_symbol) = (self.words.len(), self.symbols.len());
        let mut count = 0;
        let mut is_one = false;
        words_of(text, chunk.clone(), |word| {
            let symbols = self.symbols.len();
            dictionaries.vocabulary.symbols(&dictionaries.index, &word, &mut self.symbols);
            if self.symbols.len() > symbols {
                is_one = word.range == chunk;
                self.words.push(KnownWord {
                    nth: count,
                    start: number(word.range.start - chunk.start),
                    end: number(word.range.end - chunk.start),
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
        if let [symbol] = *self.symbols.get(first_symbol..).unwrap_or_default()
            && is_one
            && Known::has_room(symbol)
        {
            self.words.truncate(first);
            self.symbols.truncate(first_symbol);
            let is_alone = symbol.uses == Uses::ALONE;
            return if is_alone { Meaning::Alone(symbol.code) } else { Meaning::One(symbol) };
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

/// The buckets where the chunks with a hash may be: in the second one where the first is full.
fn buckets_of(hash: u32) -> [usize; 2] {
    let first = (hash >> BUCKET_SHIFT) as usize;
    [first, first ^ 1]
}

/// A length as it is kept; text and table are far smaller.
fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
