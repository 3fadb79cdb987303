//! What the lines look for, as numbers that can be compared: two lines with the same numbers find
//! the same words.
//!
//! It knows rules and words; what a mail has of them is for [`crate::classify`].

use super::automaton::{Step, Wanted};
use super::format::TeamFile;
use super::language::Language;
use super::rule::{Alternative, Element, Star};
use super::vocabulary::VocabularyBuilder;
use super::words::words;

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
        let wanted = wanted(files, &mut vocabulary);
        let (_, codes) = vocabulary.finish();
        Self { all: wanted.iter().map(|wanted| (wanted.line, key(wanted, &codes))).collect() }
    }

    /// Every alternative with its line, in the order of the lines.
    pub(crate) fn all(&self) -> &[(u32, Key)] {
        &self.all
    }
}

/// What every line looks for, in the order of the lines' numbers.
pub(super) fn wanted(files: &[TeamFile], vocabulary: &mut VocabularyBuilder) -> Vec<Wanted> {
    let mut all = Vec::new();
    let rules = files.iter().flat_map(TeamFile::rules);
    for (line, (section, rule)) in (0..).zip(rules) {
        let is_all = rule.alternatives.len() == 1 && !rule.subject_only;
        for alternative in &rule.alternatives {
            let mut one = Wanted::new(line, is_all);
            want(vocabulary, section.language, alternative, &mut one);
            all.push(one);
        }
    }
    all
}

/// What an alternative looks for, as handles of the vocabulary.
fn want(
    vocabulary: &mut VocabularyBuilder,
    language: Language,
    alternative: &Alternative,
    wanted: &mut Wanted,
) {
    for phrase in &alternative.phrases {
        let mut step = Step::Gap;
        for Element { text, star } in phrase {
            let spoken = words(text);
            for (at, word) in spoken.iter().enumerate() {
                let is_open = match star {
                    Star::None => false,
                    Star::End => at + 1 == spoken.len(),
                    Star::Start => at == 0,
                };
                let handle = if is_open {
                    vocabulary.open(*star, &word.folded)
                } else if alternative.exact {
                    vocabulary.exact(&word.exact)
                } else {
                    vocabulary.word(language, &word.folded)
                };
                // Open words live in their own layer, so they are pieces of their own.
                let step_here = if is_open && step == Step::Same { Step::Next } else { step };
                wanted.push(handle, step_here);
                step = if is_open { Step::Next } else { Step::Same };
            }
        }
    }
}

/// What an alternative looks for, comparable.
pub(super) fn key(wanted: &Wanted, codes: &[u32]) -> Key {
    let gaps = std::iter::once(0).chain(wanted.gaps.iter().copied());
    let mut key = Vec::new();
    for (gap, piece) in gaps.zip(&wanted.pieces) {
        // No code is so high.
        key.push(u32::MAX - gap);
        key.extend(piece.iter().map(|handle| codes.get(*handle as usize).copied().unwrap_or(0)));
    }
    key
}
