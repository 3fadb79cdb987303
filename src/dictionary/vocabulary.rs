//! The words that any line uses, as numbers.
//!
//! Each word of a mail stands for a few *symbols*: for each language in use the code of its stem,
//! the code of its exact spelling, and the codes of the open words (`backup*`) that it fits.
//! Words that no line uses have none. Symbols are kept apart in *layers*: a layer has at most one
//! symbol a word, except the last one with the open words.
//!
//! It knows words and languages; it knows nothing of lines, points or mails.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use super::language::{Beginning, Beginnings, Language, Stems};
use super::quick::QuickMap;
use super::rule::Star;
use super::uses::{Index, Uses};
use super::words::{Word, spellings};

/// What a word means in one layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) layer: u8,
    pub(crate) uses: Uses,
    pub(crate) code: u32,
}

/// The words that any line uses.
pub(crate) struct Vocabulary {
    languages: Vec<Forms>,
    exact: QuickMap<String, u32>,
    starts: Open,
    ends: Open,
    /// No code is above this one; 0 is no word's.
    pub(crate) last_code: u32,
}

/// The stems of one language.
struct Forms {
    stems: Stems,
    beginnings: Beginnings,
    codes: QuickMap<String, u32>,
}

/// The open words of one kind.
#[derive(Default)]
struct Open {
    codes: QuickMap<String, Vec<u32>>,
    /// Bit n is set if one has n bytes; the highest stands for more, too.
    lengths: u64,
    longest: usize,
}

impl Open {
    fn add(&mut self, spelling: String, code: u32) {
        self.lengths |= 1 << spelling.len().min(63);
        self.longest = self.longest.max(spelling.len());
        self.codes.entry(spelling).or_default().push(code);
    }

    /// Adds the codes of this piece of a word.
    fn of(&self, piece: &str, codes: &mut Vec<u32>) {
        // Most pieces are ruled out by their length, which costs nothing.
        if piece.len() <= self.longest && self.lengths >> piece.len().min(63) & 1 != 0 {
            codes.extend(self.codes.get(piece).into_iter().flatten());
        }
    }
}

impl Vocabulary {
    /// How many layers there are.
    pub(crate) fn layers(&self) -> usize {
        self.languages.len() + 2
    }

    /// The layer of open words, in which a word can have several symbols.
    pub(crate) fn open_layer(&self) -> u8 {
        u8::try_from(self.languages.len() + 1).unwrap_or(u8::MAX)
    }

    /// Adds what `word` means to `symbols`; `index` has the uses of the codes.
    pub(crate) fn symbols(&self, index: &Index, word: &Word<'_>, symbols: &mut Vec<Symbol>) {
        let symbol = |layer, code| Symbol { layer, uses: index.uses(code), code };
        let several;
        let spelled = if word.folded.is_ascii() {
            std::slice::from_ref(&word.folded)
        } else {
            several = spellings(&word.folded);
            several.as_slice()
        };
        // Nearly every word has one spelling, so it begins in one way.
        let beginning = if let [one] = spelled { Beginning::of(one) } else { Beginning::Other };
        for (layer, forms) in (0..).zip(&self.languages) {
            if !forms.beginnings.fit(beginning) {
                continue;
            }
            // The spelling that is nearest to what was written decides.
            let mut likely = spelled.iter().filter(|s| forms.beginnings.fit(Beginning::of(s)));
            let code = likely.find_map(|s| forms.codes.get(forms.stems.stem(s).as_ref()));
            symbols.extend(code.map(|&code| symbol(layer, code)));
        }
        let open = self.open_layer();
        if let Some(&code) = self.exact.get(&*word.exact) {
            symbols.push(symbol(open - 1, code));
        }
        if self.starts.longest > 0 || self.ends.longest > 0 {
            let mut codes = Vec::new();
            for spelling in spelled {
                self.open(spelling, &mut codes);
            }
            codes.sort_unstable();
            codes.dedup();
            symbols.extend(codes.into_iter().map(|code| symbol(open, code)));
        }
    }

    fn open(&self, spelling: &str, codes: &mut Vec<u32>) {
        for (at, c) in spelling.char_indices() {
            self.starts.of(spelling.get(..at + c.len_utf8()).unwrap_or_default(), codes);
            self.ends.of(spelling.get(at..).unwrap_or_default(), codes);
        }
    }
}

/// Gathers the words of all lines. Its handles become codes at the end, when it is known which
/// spellings are one word.
#[derive(Default)]
pub(crate) struct VocabularyBuilder<'a> {
    languages: BTreeMap<Language, FormsBuilder<'a>>,
    exact: QuickMap<String, u32>,
    open: QuickMap<(Star, String), u32>,
    /// For each handle one that is the same word, and itself if it is the first of them.
    same: Vec<u32>,
}

struct FormsBuilder<'a> {
    stems: Stems,
    stemmed: QuickMap<String, u32>,
    /// The words seen, so that each is stemmed once.
    seen: QuickMap<Cow<'a, str>, u32>,
}

impl FormsBuilder<'_> {
    fn of(language: Language) -> Self {
        Self { stems: Stems::of(language), stemmed: QuickMap::default(), seen: QuickMap::default() }
    }
}

impl<'a> VocabularyBuilder<'a> {
    /// The handle of a word in any of its forms.
    pub(crate) fn word(&mut self, language: Language, folded: Cow<'a, str>) -> u32 {
        let forms = self.languages.entry(language).or_insert_with(|| FormsBuilder::of(language));
        if let Some(&handle) = forms.seen.get(&folded) {
            return handle;
        }
        let mut handle = None;
        for spelling in spellings(&folded) {
            let stem = forms.stems.stem(&spelling);
            let known = forms.stemmed.get(stem.as_ref()).copied();
            let found = known.or(handle).unwrap_or_else(|| new_handle(&mut self.same));
            if known.is_none() {
                forms.stemmed.insert(stem.into_owned(), found);
            }
            // A spelling that another word has already makes the two one.
            match handle {
                None => handle = Some(found),
                Some(first) => join(&mut self.same, first, found),
            }
        }
        let handle = handle.unwrap_or_default();
        forms.seen.insert(folded, handle);
        handle
    }

    /// The handle of a word exactly as written.
    pub(crate) fn exact(&mut self, exact: &str) -> u32 {
        let same = &mut self.same;
        *self.exact.entry(exact.to_owned()).or_insert_with(|| new_handle(same))
    }

    /// The handle of an open word.
    pub(crate) fn open(&mut self, star: Star, folded: &str) -> u32 {
        let same = &mut self.same;
        *self.open.entry((star, folded.to_owned())).or_insert_with(|| new_handle(same))
    }

    /// Takes over the words of another builder. Its handles, plus the number that comes back, are
    /// handles here.
    pub(crate) fn absorb(&mut self, other: Self) -> u32 {
        let base = u32::try_from(self.same.len()).unwrap_or(u32::MAX);
        self.same.extend(other.same.into_iter().map(|handle| base + handle));
        for (language, theirs) in other.languages {
            let ours = self.languages.entry(language).or_insert_with(|| FormsBuilder::of(language));
            take_over(&mut ours.stemmed, theirs.stemmed, base, &mut self.same);
        }
        take_over(&mut self.exact, other.exact, base, &mut self.same);
        take_over(&mut self.open, other.open, base, &mut self.same);
        base
    }

    /// The vocabulary, and for each handle its code. Words that are `used` more often have lower
    /// codes, so that tables have together what is read together.
    pub(crate) fn finish(mut self, used: &[u32]) -> (Vocabulary, Vec<u32>) {
        let handles = u32::try_from(self.same.len()).unwrap_or(u32::MAX);
        let firsts: Vec<u32> = (0..handles).map(|h| first_of(&mut self.same, h)).collect();
        let mut counted: Vec<(u32, u32)> = (0..handles).map(|handle| (0, handle)).collect();
        for handle in used {
            let first =
                firsts.get(*handle as usize).and_then(|&first| counted.get_mut(first as usize));
            if let Some((times, _)) = first {
                *times += 1;
            }
        }
        counted.retain(|(_, handle)| firsts.get(*handle as usize) == Some(handle));
        counted.sort_by_key(|(times, _)| Reverse(*times));
        let mut codes = vec![0; firsts.len()];
        let mut last_code = 0;
        for (_, first) in counted {
            last_code += 1;
            if let Some(code) = codes.get_mut(first as usize) {
                *code = last_code;
            }
        }
        for (handle, first) in firsts.iter().enumerate() {
            let code = codes.get(*first as usize).copied().unwrap_or_default();
            if let Some(place) = codes.get_mut(handle) {
                *place = code;
            }
        }
        let code = |handle: u32| codes.get(handle as usize).copied().unwrap_or_default();
        let with_codes = |mut map: QuickMap<String, u32>| -> QuickMap<String, u32> {
            #[allow(clippy::iter_over_hash_type, reason = "each is changed by itself")]
            for handle in map.values_mut() {
                *handle = code(*handle);
            }
            map
        };
        let forms = |(language, forms): (Language, FormsBuilder<'_>)| Forms {
            stems: forms.stems,
            beginnings: Beginnings::of(language, forms.stemmed.keys().map(String::as_str)),
            codes: with_codes(forms.stemmed),
        };
        let mut vocabulary = Vocabulary {
            languages: self.languages.into_iter().map(forms).collect(),
            exact: with_codes(self.exact),
            starts: Open::default(),
            ends: Open::default(),
            last_code,
        };
        let open: BTreeMap<(Star, String), u32> = self.open.into_iter().collect();
        for ((star, folded), handle) in open {
            let side =
                if star == Star::Start { &mut vocabulary.ends } else { &mut vocabulary.starts };
            for spelling in spellings(&folded) {
                side.add(spelling.into_owned(), code(handle));
            }
        }
        (vocabulary, codes)
    }
}

/// Adds words of another builder, whose handles begin at `base`; what both have becomes one word.
fn take_over<K: Eq + Hash>(
    ours: &mut QuickMap<K, u32>,
    theirs: QuickMap<K, u32>,
    base: u32,
    same: &mut [u32],
) {
    ours.reserve(theirs.len());
    #[allow(clippy::iter_over_hash_type, reason = "the same words become one in any order")]
    for (word, handle) in theirs {
        match ours.entry(word) {
            Entry::Occupied(known) => join(same, *known.get(), base + handle),
            Entry::Vacant(place) => {
                place.insert(base + handle);
            }
        }
    }
}

fn new_handle(same: &mut Vec<u32>) -> u32 {
    let handle = u32::try_from(same.len()).unwrap_or(u32::MAX);
    same.push(handle);
    handle
}

/// The first of the words that are the same as this one.
fn first_of(same: &mut [u32], mut handle: u32) -> u32 {
    while let Some(&next) = same.get(handle as usize)
        && next != handle
    {
        // Halving the path keeps the next walk short.
        let after = same.get(next as usize).copied().unwrap_or(next);
        if let Some(place) = same.get_mut(handle as usize) {
            *place = after;
        }
        handle = after;
    }
    handle
}

fn join(same: &mut [u32], one: u32, other: u32) {
    let (one, other) = (first_of(same, one), first_of(same, other));
    if let Some(place) = same.get_mut(one.max(other) as usize) {
        *place = one.min(other);
    }
}
