//! Many short texts, each kept once, found by hash.
//!
//! A directory of a million rows fits into a fraction of the memory that a map of strings takes:
//! all texts stand in one buffer, and the hash table holds nothing but their numbers. It knows
//! nothing of what the texts mean.

use std::hash::{BuildHasher, RandomState};

/// Texts with their numbers, which count up from 0 in the order of [`Interner::intern`].
#[derive(Debug, Default)]
pub(super) struct Interner {
    /// Every text, one behind the other.
    text: String,
    /// Where each text ends in `text`.
    ends: Vec<u32>,
    /// Open addressing. The length is a power of two, and at most three quarters are taken.
    slots: Vec<Slot>,
    /// Keyed at random, since the texts come from files and mail that others write.
    hasher: RandomState,
}

/// A place in the hash table.
#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    /// 0 if it is free, n if it holds the text with the number n − 1.
    taken: u32,
    /// The upper half of the text's hash: another text is passed by without a look at it, which
    /// would be a wait for memory.
    tag: u32,
    /// Where the text begins, so that looking at it needs no look at [`Interner::ends`] before.
    start: u32,
}

/// Where a text stands among all.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Place {
    start: u32,
    end: u32,
}

impl Interner {
    /// The number of this text, and whether it is new.
    pub(super) fn intern(&mut self, text: &str) -> (u32, bool) {
        if self.slots.len() * 3 <= (self.ends.len() + 1) * 4 {
            self.grow();
        }
        let (slot, tag) = match self.find(text) {
            Ok(number) => return (number, false),
            Err(free) => free,
        };
        let number = to_u32(self.ends.len());
        let start = to_u32(self.text.len());
        self.text.push_str(text);
        self.ends.push(to_u32(self.text.len()));
        if let Some(free) = self.slots.get_mut(slot) {
            *free = Slot { taken: number + 1, tag, start };
        }
        (number, true)
    }

    /// The number of this text, if it is here.
    pub(super) fn get(&self, text: &str) -> Option<u32> {
        self.find(text).ok()
    }

    /// The text with this number; empty if there is none.
    pub(super) fn text(&self, number: u32) -> &str {
        self.text_at(self.place(number))
    }

    /// Where the text with this number stands, for whoever asks for it often: one wait for memory
    /// less.
    pub(super) fn place(&self, number: u32) -> Place {
        let index = number as usize;
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or_default(),
            None => 0,
        };
        Place { start, end: self.ends.get(index).copied().unwrap_or_default() }
    }

    /// The text that stands there.
    pub(super) fn text_at(&self, place: Place) -> &str {
        self.text.get(place.start as usize..place.end as usize).unwrap_or_default()
    }

    /// All texts, in the order of their numbers.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        (0..to_u32(self.ends.len())).map(|number| self.text(number))
    }

    /// Gives back the memory that was kept ready for more.
    pub(super) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    /// The text's number, or the free slot where it belongs and the tag to put there.
    #[expect(clippy::cast_possible_truncation, reason = "the hash is cut in two on purpose")]
    fn find(&self, text: &str) -> Result<u32, (usize, u32)> {
        let hash = self.hasher.hash_one(text);
        let tag = (hash >> 32) as u32;
        let last = self.slots.len().wrapping_sub(1);
        let mut at = hash as usize & last;
        loop {
            match self.slots.get(at) {
                None | Some(Slot { taken: 0, .. }) => return Err((at, tag)),
                Some(slot) if slot.tag == tag && self.holds(*slot, text) => {
                    return Ok(slot.taken - 1);
                }
                Some(_) => at = (at + 1) & last,
            }
        }
    }

    /// Whether this text is the one of the slot: the same bytes, and no more. Neither look waits
    /// for the other.
    fn holds(&self, slot: Slot, text: &str) -> bool {
        let (start, end) = (slot.start as usize, slot.start as usize + text.len());
        self.text.as_bytes().get(start..end) == Some(text.as_bytes())
            && self.ends.get(slot.taken as usize - 1).is_some_and(|known| *known as usize == end)
    }

    /// Makes room for so many more texts at once, which saves finding each text's slot anew at
    /// every growth.
    pub(super) fn reserve(&mut self, texts: usize) {
        let slots = ((self.ends.len() + texts) * 4 / 3 + 2).next_power_of_two();
        if slots > self.slots.len() {
            self.rebuild(slots);
        }
    }

    fn grow(&mut self) {
        self.rebuild((self.slots.len() * 2).max(16));
    }

    fn rebuild(&mut self, slots: usize) {
        self.slots = vec![Slot::default(); slots];
        for number in 0..to_u32(self.ends.len()) {
            let start = self.place(number).start;
            if let Err((slot, tag)) = self.find(self.text(number))
                && let Some(free) = self.slots.get_mut(slot)
            {
                *free = Slot { taken: number + 1, tag, start };
            }
        }
    }
}

/// Files are refused before they are so large that this could matter.
fn to_u32(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_one_number_through_every_growth() {
        let mut interner = Interner::default();
        assert_eq!(interner.get("nothing yet"), None);
        for round in 0..2 {
            for n in 0..1000u32 {
                assert_eq!(interner.intern(&format!("text {n}")), (n, round == 0));
            }
        }
        assert_eq!(interner.text(0), "text 0");
        assert_eq!(interner.text(999), "text 999");
        assert_eq!(interner.text(1000), "");
        assert_eq!(interner.get("text 500"), Some(500));
        assert_eq!(interner.get("text 1000"), None);
    }
}
