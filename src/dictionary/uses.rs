//! What the lines want of each word by itself: most terms are one word, and need no search.
//!
//! It knows codes, numbers of lines and what these are worth; it knows nothing of words.

use super::automaton::Target;
use super::lines::{Lines, Worth};

/// What a code is used for, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Uses(u8);

impl Uses {
    /// A line looks for this word and nothing else, anywhere in the mail.
    pub(crate) const ALONE: Self = Self(1);
    /// The word alone is a match of something that has more to it: alternatives, a place, a gap.
    pub(crate) const TARGET: Self = Self(2);
    /// The word stands before another one in a phrase.
    pub(crate) const BEGINS: Self = Self(4);
    /// The word stands behind another one in a phrase.
    pub(crate) const FOLLOWS: Self = Self(8);
    /// The word stands in a phrase of several.
    pub(crate) const PHRASE: Self = Self(Self::BEGINS.0 | Self::FOLLOWS.0);
    /// So many bits there are.
    pub(crate) const BITS: u32 = 4;

    /// As a number of [`Self::BITS`] bits.
    pub(crate) fn bits(self) -> u8 {
        self.0
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    #[inline]
    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// A line that looks for one word and nothing else, with all that a score needs of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Alone {
    pub(crate) line: u32,
    pub(crate) worth: Worth,
}

/// What every code is used for.
#[derive(Default)]
pub(crate) struct Index {
    uses: Vec<Uses>,
    alone: Lists<Alone>,
    targets: Lists<Target>,
}

impl Index {
    /// What a code is used for.
    #[inline]
    pub(crate) fn uses(&self, code: u32) -> Uses {
        self.uses.get(code as usize).copied().unwrap_or_default()
    }

    /// The lines that look for one word and nothing else, by the codes of the words.
    pub(crate) fn alone(&self) -> &Lists<Alone> {
        &self.alone
    }

    /// What else the word alone is a match of.
    #[inline]
    pub(crate) fn targets(&self, code: u32) -> &[Target] {
        self.targets.of(code)
    }
}

/// Gathers what codes are used for.
#[derive(Default)]
pub(crate) struct IndexBuilder {
    alone: Vec<(u32, u32)>,
    targets: Vec<(u32, Target)>,
    phrases: Vec<(u32, Uses)>,
}

impl IndexBuilder {
    /// A line looks for this word and nothing else.
    pub(crate) fn alone(&mut self, code: u32, line: u32) {
        self.alone.push((code, line));
    }

    /// The word alone is a match of this.
    pub(crate) fn target(&mut self, code: u32, target: Target) {
        self.targets.push((code, target));
    }

    /// These words stand in a row in a phrase.
    pub(crate) fn phrase(&mut self, codes: &[u32]) {
        let but_last = codes.split_last().map_or(codes, |(_, others)| others);
        self.phrases.extend(but_last.iter().map(|code| (*code, Uses::BEGINS)));
        self.phrases.extend(codes.iter().skip(1).map(|code| (*code, Uses::FOLLOWS)));
    }

    pub(crate) fn finish(self, last_code: u32, lines: &Lines) -> Index {
        let codes = last_code as usize + 1;
        let mut uses = vec![Uses::default(); codes];
        let alone = self.alone.iter().map(|(code, _)| (*code, Uses::ALONE));
        let targets = self.targets.iter().map(|(code, _)| (*code, Uses::TARGET));
        for (code, used) in alone.chain(targets).chain(self.phrases) {
            if let Some(uses) = uses.get_mut(code as usize) {
                uses.add(used);
            }
        }
        let alone = |(code, line)| (code, Alone { line, worth: lines.worth(line) });
        let alone = self.alone.into_iter().map(alone).collect();
        Index { uses, alone: Lists::of_pairs(alone), targets: Lists::of_pairs(self.targets) }
    }
}

/// A list for each code, one behind the other.
pub(crate) struct Lists<T> {
    /// Where the list of each code begins; the next one's beginning is its end.
    begins: Vec<u32>,
    items: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { begins: Vec::new(), items: Vec::new() }
    }
}

impl<T: Copy + Ord> Lists<T> {
    /// No list has an item twice.
    fn of_pairs(mut pairs: Vec<(u32, T)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut lists = Self { begins: Vec::new(), items: Vec::with_capacity(pairs.len()) };
        for (code, item) in pairs {
            let here = u32::try_from(lists.items.len()).unwrap_or(u32::MAX);
            let known = lists.begins.len().max(code as usize + 1);
            lists.begins.resize(known, here);
            lists.items.push(item);
        }
        lists
    }
}

impl<T> Lists<T> {
    #[inline]
    fn of(&self, code: u32) -> &[T] {
        let code = code as usize;
        let Some(&begin) = self.begins.get(code) else { return &[] };
        let end = self.begins.get(code + 1).map_or(self.items.len(), |end| *end as usize);
        self.items.get(begin as usize..end).unwrap_or_default()
    }

    /// Where among [`Self::items`] the list of each code begins, from 0; it ends where the next one
    /// begins. Codes at the end may be missing, whose lists are empty.
    pub(crate) fn begins(&self) -> &[u32] {
        &self.begins
    }

    /// The items of all lists.
    pub(crate) fn items(&self) -> &[T] {
        &self.items
    }
}
