//! Maps with words for keys, hashed quickly.
//!
//! The keys come from dictionary files, whose authors don't attack themselves; what mail says is
//! only looked up. It knows bytes, nothing of what they mean.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// An odd number with its bits well mixed (2⁶⁴ / golden ratio).
pub(crate) const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// A map that hashes with [`hash`].
pub(crate) type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;

/// Eight bytes at a time, multiplied and folded.
#[inline]
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = Quick::default();
    hasher.write(bytes);
    hasher.finish()
}

/// The hasher of [`QuickMap`].
#[derive(Default)]
pub(crate) struct Quick(u64);

impl Quick {
    #[inline]
    fn add(&mut self, part: u64) {
        let product = (self.0.rotate_left(5) ^ part).wrapping_mul(FACTOR);
        self.0 = product ^ (product >> 32);
    }
}

impl Hasher for Quick {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (eights, rest) = bytes.as_chunks::<8>();
        for eight in eights {
            self.add(u64::from_le_bytes(*eight));
        }
        self.add(rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte)));
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.add(u64::from(number));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number));
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        // The table takes its places from the low bits and its tags from the high ones.
        self.0.wrapping_mul(FACTOR)
    }
}
