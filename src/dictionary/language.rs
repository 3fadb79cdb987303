//! The languages whose word forms Postroom knows.
//!
//! It knows stemmers and their names; it knows nothing of files or mails.

use rust_stemmers::{Algorithm, Stemmer};

/// A language with a stemmer. Greek is left out: its stemmer panics on some words.
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

    /// The language with this ISO 639-1 code, if there is a stemmer for it.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        LANGUAGES.iter().find(|(known, ..)| *known == code).map(|(known, ..)| Self(known))
    }

    /// Every language, in the order of the codes.
    pub fn all() -> impl Iterator<Item = Self> {
        LANGUAGES.iter().map(|(code, ..)| Self(code))
    }

    /// Its ISO 639-1 code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0
    }

    /// Its name in English.
    #[must_use]
    pub fn name(self) -> &'static str {
        LANGUAGES.iter().find(|(code, ..)| *code == self.0).map_or("", |(_, name, _)| name)
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

/// Takes the ending off the words of one language.
pub(crate) struct Stems(Stemmer);

impl Stems {
    pub(crate) fn of(language: Language) -> Self {
        let algorithm = LANGUAGES
            .iter()
            .find(|(code, ..)| *code == language.0)
            .map_or(Algorithm::English, |(.., algorithm)| *algorithm);
        Self(Stemmer::create(algorithm))
    }

    /// The stem of a folded word.
    pub(crate) fn stem(&self, word: &str) -> String {
        if word.len() > LONGEST_WORD { word.to_owned() } else { self.0.stem(word).into_owned() }
    }
}
