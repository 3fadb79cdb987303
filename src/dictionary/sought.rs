//! What the lines look for, as numbers that can be compared: two lines with the same numbers find
//! the same words.
//!
//! It knows rules and words; what a mail has of them is for [`crate::classify`].

use super::automaton::{Step, Wanted, Wants};
use super::format::TeamFile;
use super::language::Language;
use super::rule::{Alternative, Element, Star};
use super::vocabulary::VocabularyBuilder;
use super::words::{each_word, words};

/// What the lines of some files look for. Lines have the numbers that they have in the
/// dictionaries made of the files.
pub(crate) struct Sought {
    /// Alternatives with the lines that they belong to, in the order of the lines.
    all: Vec<(u32, Key)>,
}

/// What one alternative looks for: before each piece what may stand there, then its words.
pub(crate) type Key = Vec<u32>;

impl Sought {
    /// What the lines of these files look for.
    pub(crate) fn of(files: &[TeamFile]) -> Self {
        let mut vocabulary = VocabularyBuilder::default();
        let mut wants = wants(files, &mut vocabulary);
        let (_, codes) = vocabulary.finish();
        wants.encode(&codes);
        Self { all: wants.iter().map(|wanted| (wanted.line, key(&wanted))).collect() }
    }

    /// Every alternative with its line, in the order of the lines.
    pub(crate) fn all(&self) -> &[(u32, Key)] {
        &self.all
    }
}

/// What every line looks for, in the order of the lines' numbers.
pub(super) fn wants<'a>(files: &'a [TeamFile], vocabulary: &mut VocabularyBuilder<'a>) -> Wants {
    let mut wants = Wants::default();
    let rules = files.iter().flat_map(TeamFile::rules);
    for (line, (section, rule)) in (0..).zip(rules) {
        let is_all = rule.alternatives.len() == 1 && !rule.subject_only;
        for alternative in &rule.alternatives {
            wants.begin(line, is_all);
            want(vocabulary, section.language, alternative, &mut wants);
        }
    }
    wants
}

/// Adds what an alternative looks for, as handles of the vocabulary.
fn want<'a>(
    vocabulary: &mut VocabularyBuilder<'a>,
    language: Language,
    alternative: &'a Alternative,
    wants: &mut Wants,
) {
    for phrase in &alternative.phrases {
        let mut step = Step::Gap;
        for Element { text, star } in phrase {
            let last = match star {
                Star::End => words(text).len().checked_sub(1),
                Star::None | Star::Start => None,
            };
            let mut at = 0;
            each_word(text, |word| {
                let is_open = match star {
                    Star::None => false,
                    Star::End => Some(at) == last,
                    Star::Start => at == 0,
                };
                let handle = if is_open {
                    vocabulary.open(*star, &word.folded)
                } else if alternative.exact {
                    vocabulary.exact(&word.exact)
                } else {
                    vocabulary.word(language, word.folded)
                };
                // Open words live in their own layer, so they are pieces of their own.
                let step_here = if is_open && step == Step::Same { Step::Next } else { step };
                wants.push(handle, step_here);
                step = if is_open { Step::Next } else { Step::Same };
                at += 1;
            });
        }
    }
}

/// What an alternative looks for, comparable.
fn key(wanted: &Wanted<'_>) -> Key {
    let mut key = Vec::new();
    let mut words = wanted.words.iter();
    for piece in wanted.pieces {
        // No code is so high.
        key.push(u32::MAX - piece.gap);
        key.extend(words.by_ref().take(piece.words));
    }
    key
}
