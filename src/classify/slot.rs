//! What the table of known words is made of: a slot has the key of a chunk and what the chunk is
//! known as, in sixteen bytes.
//!
//! It knows bits; what they are looked up for is for [`super::intern`].

use std::ops::Range;

use crate::dictionary::quick::{FACTOR, hash};
use crate::dictionary::uses::Uses;
use crate::dictionary::vocabulary::Symbol;

/// Up to so many bytes a chunk is its own key.
pub(super) const SHORT: usize = 12;

/// A chunk of text, understood, in 32 bits: the number that [`Meaning`] holds, which one it is in
/// two bits below, and in the lowest whether the chunk is a long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known(u32);

/// What a chunk of text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// So many words that no line uses.
    Nothing(u32),
    /// One word with one symbol, which has this code and is looked for alone and nowhere else: as
    /// most words are that any line uses.
    Alone(u32),
    /// One word with one symbol.
    One(Symbol),
    /// Words with symbols; which ones says this entry.
    Listed(u32),
}

impl Known {
    const LONG: u32 = 1;
    /// Of the 29 bits of a number, those that hold a code, and a layer; the others hold what the
    /// code is used for, which would cost a look at another place.
    const CODE_BITS: u32 = 20;
    const LAYER_BITS: u32 = 5;
    /// That of a chunk which is not where it was looked for at first.
    pub(super) const MISSED: Self = Self(u32::MAX);

    pub(super) fn new(meaning: Meaning) -> Self {
        let (tag, number) = match meaning {
            Meaning::Nothing(count) => (0, count),
            Meaning::Alone(code) => (2, code),
            Meaning::One(Symbol { layer, code, uses }) => {
                let above = u32::from(uses.bits()) << Self::LAYER_BITS | u32::from(layer);
                (4, above << Self::CODE_BITS | code)
            }
            Meaning::Listed(entry) => (6, entry),
        };
        Self(number << 3 | tag)
    }

    /// Whether there is room for this symbol.
    pub(super) fn has_room(symbol: Symbol) -> bool {
        const { assert!(Self::CODE_BITS + Self::LAYER_BITS + Uses::BITS <= 29, "29 bits there are") }
        symbol.code < 1 << Self::CODE_BITS && symbol.layer < 1 << Self::LAYER_BITS
    }

    /// How many words the chunk has if no line uses any.
    #[inline]
    pub(super) fn nothing(self) -> Option<u32> {
        (self.0 & 6 == 0).then_some(self.0 >> 3)
    }

    #[inline]
    pub(super) fn meaning(self) -> Meaning {
        let number = self.0 >> 3;
        match self.0 & 6 {
            0 => Meaning::Nothing(number),
            2 => Meaning::Alone(number),
            4 => {
                let byte = |above: u32| u8::try_from(above).unwrap_or_default();
                let above = number >> Self::CODE_BITS;
                Meaning::One(Symbol {
                    layer: byte(above % (1 << Self::LAYER_BITS)),
                    uses: Uses::from_bits(byte(above >> Self::LAYER_BITS)),
                    code: number % (1 << Self::CODE_BITS),
                })
            }
            _ => Meaning::Listed(number),
        }
    }
}

/// A place in the table: a chunk's key, and what it is known as.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    low: u64,
    /// The upper part of the key, and above it what is known.
    high: u64,
}

impl Slot {
    pub(super) const FREE: Self = Self { low: 0, high: 0 };

    /// That of a short chunk.
    pub(super) fn short(key: Key, known: Known) -> Self {
        Self { low: key.low, high: u64::from(key.high) | u64::from(known.0) << u32::BITS }
    }

    /// That of a long chunk, whose bytes are kept at this place.
    pub(super) fn long(key: Key, known: Known, place: u32) -> Self {
        Self::short(Key { high: place, ..key }, Known(known.0 | Known::LONG))
    }

    pub(super) fn is_free(self) -> bool {
        self.key() == Key::FREE
    }

    /// Where the bytes are kept of the long chunk that it is of, if that has this key.
    pub(super) fn kept(self, key: Key) -> Option<usize> {
        let is_it = self.known().0 & Known::LONG != 0 && self.low == key.low;
        is_it.then(|| self.key().high as usize)
    }

    /// Whether it is that of a short chunk with this key.
    #[inline]
    pub(super) fn is(self, key: Key) -> bool {
        const SHORT_KEY: u64 = (Known::LONG as u64) << u32::BITS | u32::MAX as u64;
        self.low == key.low && self.high & SHORT_KEY == u64::from(key.high)
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the half is what is wanted")]
    fn key(self) -> Key {
        Key { low: self.low, high: self.high as u32 }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "a shift by half leaves half")]
    pub(super) fn known(self) -> Known {
        Known((self.high >> u32::BITS) as u32)
    }
}

/// What tells chunks apart: the bytes of a short one, padded with 0, which no chunk has in it; of
/// a long one its hash and where its bytes are, which must be compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    low: u64,
    high: u32,
}

/// Which bytes of a key belong to a short chunk of each length.
const MASKS: [(u64, u32); SHORT + 1] = {
    let mut masks = [(0, 0); SHORT + 1];
    let mut length = 1;
    while length <= SHORT {
        let mask = u128::MAX >> (u128::BITS as usize - 8 * length);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::indexing_slicing,
            reason = "the pieces are what is wanted, and each length has its place"
        )]
        {
            masks[length] = (mask as u64, (mask >> u64::BITS) as u32);
        }
        length += 1;
    }
    masks
};

impl Key {
    /// The key of no chunk.
    pub(super) const FREE: Self = Self { low: 0, high: 0 };

    /// The key of a short chunk; of a longer one that of its beginning.
    #[inline]
    pub(super) fn short(text: &[u8], range: Range<usize>) -> Self {
        let rest = text.get(range.start..).unwrap_or_default();
        let ahead = if let Some(ahead) = rest.first_chunk() {
            *ahead
        } else {
            let mut ahead = [0; SHORT];
            ahead.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
            ahead
        };
        let [low @ .., _, _, _, _] = ahead;
        let [_, _, _, _, _, _, _, _, high @ ..] = ahead;
        // What follows the chunk is cut off.
        let (mask_low, mask_high) = MASKS.get(range.len()).copied().unwrap_or_default();
        Self { low: u64::from_le_bytes(low) & mask_low, high: u32::from_le_bytes(high) & mask_high }
    }

    /// The key of a long chunk, but for where its bytes are.
    pub(super) fn long(chunk: &[u8]) -> Self {
        Self { low: hash(chunk), high: 0 }
    }

    /// A number for each key; other keys may have it, too.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "a shift by half leaves half")]
    pub(super) fn hash(self) -> u32 {
        let high = u64::from(self.high).wrapping_mul(FACTOR.rotate_left(17)).rotate_left(29);
        // The high half of the product depends on every bit.
        ((self.low ^ high).wrapping_mul(FACTOR) >> u32::BITS) as u32
    }
}
