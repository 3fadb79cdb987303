//! The languages whose word forms Postroom knows.
//!
//! Beside them stands [`Language::ANY`], whose words are as they are written: for languages without a
//! stemmer, and for lines that mean one form of a word. It knows stemmers and their names; it knows
//! nothing of files or mails.

use std::borrow::Cow;

use rust_stemmers::{Algorithm, Stemmer};

/// A language with a stemmer, or [`Language::ANY`]. Greek is left out: its stemmer panics on some
/// words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(&'static str);

/// ISO 639-1 code, name in English, stemmer.
const LANGUAGES: [(&str, &str, Algorithm); 17] = [
    ("ar", "Arabic", Algorithm::Arabic),
    ("da", "Danish", Algorithm::Danish),
    ("de", "German", Algorithm::German),
    ("en", "English", Algorithm::English),
    ("es", "Spanish", Algorithm::Spanish),
    ("fi", "Finnish", Algorithm::Finnish),
    ("fr", "French", Algorithm::French),
    ("hu", "Hungarian", Algorithm::Hungarian),
    ("it", "Italian", Algorithm::Italian),
    ("nl", "Dutch", Algorithm::Dutch),
    ("no", "Norwegian", Algorithm::Norwegian),
    ("pt", "Portuguese", Algorithm::Portuguese),
    ("ro", "Romanian", Algorithm::Romanian),
    ("ru", "Russian", Algorithm::Russian),
    ("sv", "Swedish", Algorithm::Swedish),
    ("ta", "Tamil", Algorithm::Tamil),
    ("tr", "Turkish", Algorithm::Turkish),
];

/// A longer word is no word of a language, and is not stemmed.
const LONGEST_WORD: usize = 64;

impl Language {
    /// The language of a section that names none.
    pub const ENGLISH: Self = Self("en");
    /// No word forms: a word is the same word in any case, and no other.
    pub const ANY: Self = Self("any");

    /// The language with this ISO 639-1 code, if there is a stemmer for it, or `any`.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        if code == Self::ANY.0 {
            return Some(Self::ANY);
        }
        LANGUAGES.iter().find(|(known, ..)| *known == code).map(|(known, ..)| Self(known))
    }

    /// Every language with a stemmer, in the order of the codes.
    pub fn all() -> impl Iterator<Item = Self> {
        LANGUAGES.iter().map(|(code, ..)| Self(code))
    }

    /// Its ISO 639-1 code, or `any`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0
    }

    /// Its name in English.
    #[must_use]
    pub fn name(self) -> &'static str {
        LANGUAGES.iter().find(|(code, ..)| *code == self.0).map_or("any language", |(_, n, _)| n)
    }

    /// The language whose English name or code is this or nearly this, for "did you mean".
    #[must_use]
    pub fn near(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        LANGUAGES
            .iter()
            .find(|(code, name, _)| {
                text.starts_with(code) || strsim::jaro(&name.to_lowercase(), &text) > 0.85
            })
            .map(|(code, ..)| Self(code))
    }
}

/// Languages whose stemmers leave the first three letters of a word as they are, or what is left
/// of them, but for a `y` that becomes an `i`; and a first letter that is no Latin one. A test tries
/// them.
const KEEP_THE_BEGINNING: [&str; 7] = ["any", "de", "en", "es", "fr", "it", "pt"];

/// How a word begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// Of a word of ASCII its first three letters as a number of 15 bits, 0 where there is none. Some
    /// digits share a number.
    Letters(usize),
    /// A letter of another script than the Latin one, in six bits; others share them.
    Foreign(u32),
    /// In another way.
    Other,
}

impl Beginning {
    pub(crate) fn of(word: &str) -> Self {
        // The letters with marks that a stemmer knows stand before this one.
        const BEYOND_LATIN: char = '\u{250}';
        if !word.is_ascii() {
            return match word.chars().next() {
                Some(first) if first >= BEYOND_LATIN => Self::Foreign(u32::from(first) % u64::BITS),
                Some(_) | None => Self::Other,
            };
        }
        let mut place = 0;
        for at in 0..3 {
            let letter = match word.as_bytes().get(at) {
                Some(b'y') => b'i' & 0x1f,
                Some(letter @ b'a'..=b'z') => letter & 0x1f,
                Some(digit @ b'0'..=b'9') => 27 + (digit & 0xf) / 2,
                Some(_) => return Self::Other,
                None => 0,
            };
            place = place << 5 | usize::from(letter);
        }
        Self::Letters(place)
    }
}

/// How the words begin that can have one of some stems: most words of a mail are told from them
/// without being stemmed.
pub(crate) struct Beginnings {
    /// `None` where the stemmer may change it.
    known: Option<Known>,
}

/// The beginnings of stems.
struct Known {
    /// A bit for each [`Beginning::Letters`].
    letters: Box<[u64]>,
    /// A bit for each [`Beginning::Foreign`].
    foreign: u64,
}

impl Beginnings {
    /// How the words of a language begin that have one of these stems.
    pub(crate) fn of<'a>(language: Language, stems: impl Iterator<Item = &'a str>) -> Self {
        if !KEEP_THE_BEGINNING.contains(&language.0) {
            return Self { known: None };
        }
        let (mut letters, mut foreign) = (vec![0_u64; 1 << 9].into_boxed_slice(), 0);
        for stem in stems {
            // The third letter of a short stem may be one that the stemmer put there: `aging` is
            // `age`.
            let beginning = stem.get(..2).filter(|_| stem.len() == 3 && stem.is_ascii());
            let beginning = beginning.unwrap_or(stem);
            let place = match Beginning::of(beginning) {
                Beginning::Letters(place) => place,
                Beginning::Foreign(letter) => {
                    foreign |= 1 << letter;
                    continue;
                }
                Beginning::Other => continue,
            };
            // The words of a short stem may go on with anything.
            let further = match beginning.len() {
                1 => 1 << 10,
                2 => 1 << 5,
                _ => 1,
            };
            for place in place..place + further {
                if let Some(bits) = letters.get_mut(place >> 6) {
                    *bits |= 1 << (place & 63);
                }
            }
        }
        Self { known: Some(Known { letters, foreign }) }
    }

    /// Whether a word that begins so can have one of the stems.
    #[inline]
    pub(crate) fn fit(&self, beginning: Beginning) -> bool {
        let Some(known) = &self.known else { return true };
        match beginning {
            Beginning::Letters(place) => {
                known.letters.get(place >> 6).is_some_and(|bits| bits & (1 << (place & 63)) != 0)
            }
            Beginning::Foreign(letter) => known.foreign >> letter & 1 != 0,
            Beginning::Other => true,
        }
    }
}

/// Takes the ending off the words of one language.
pub(crate) struct Stems(Option<Stemmer>);

impl Stems {
    pub(crate) fn of(language: Language) -> Self {
        let algorithm = LANGUAGES
            .iter()
            .find(|(code, ..)| *code == language.0)
            .map(|(.., algorithm)| *algorithm);
        Self(algorithm.map(Stemmer::create))
    }

    /// The stem of a folded word.
    pub(crate) fn stem<'a>(&self, word: &'a str) -> Cow<'a, str> {
        match &self.0 {
            Some(stemmer) if word.len() <= LONGEST_WORD => stemmer.stem(word),
            _ => Cow::Borrowed(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every word of up to three letters and some digits, with many endings.
    fn words() -> impl Iterator<Item = String> {
        const ENDINGS: [&str; 24] = [
            "", "s", "es", "ed", "ing", "ings", "ies", "ied", "eed", "ly", "er", "en", "ern",
            "isch", "ement", "amment", "aient", "issons", "mente", "ando", "iendo", "amos",
            "eremos", "azioni",
        ];
        let letters = || ('a'..='z').chain(['0', '5', '8']).map(String::from);
        let longer = |word: &String| letters().map(|letter| format!("{word}{letter}")).collect();
        let two: Vec<String> = letters().flat_map(|word| -> Vec<_> { longer(&word) }).collect();
        let three: Vec<String> = two.iter().flat_map(|word| -> Vec<_> { longer(word) }).collect();
        let foreign = ('\u{250}'..='\u{2fff}').step_by(7).chain(['電', '服', '한', 'ﬀ', 'ｱ']);
        let foreign = foreign.filter(|c| c.is_alphabetic()).map(String::from);
        let foreign: Vec<String> = foreign.flat_map(|root| [format!("{root}a"), root]).collect();
        let roots = letters().chain(two).chain(three).chain(foreign);
        roots.flat_map(|root| ENDINGS.iter().map(move |ending| format!("{root}{ending}")))
    }

    #[test]
    fn no_word_is_told_from_its_own_stem() {
        for code in KEEP_THE_BEGINNING {
            let language = Language::from_code(code).expect("a known code");
            let stems = Stems::of(language);
            let mut wrong = Vec::new();
            for word in words() {
                let stem = stems.stem(&word);
                let known = Beginnings::of(language, std::iter::once(stem.as_ref()));
                if !known.fit(Beginning::of(&word)) {
                    wrong.push(format!("{word} -> {stem}"));
                }
            }
            assert!(
                wrong.is_empty(),
                "{code}: {} words, such as {:?}",
                wrong.len(),
                wrong.get(..9)
            );
        }
    }
}
