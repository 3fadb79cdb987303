//! What the lines look for, as numbers that can be compared: two lines with the same numbers find
//! the same words.
//!
//! It knows rules and words; what a mail has of them is for [`crate::classify`].

use super::automaton::{Step, Wanted, Wants};
use super::format::TeamFile;
use super::language::Language;
use super::rule::{Alternative, Element, Star};
use super::vocabulary::{Vocabulary, VocabularyBuilder};
use super::words::{each_word, words};
use crate::workers::{cores, each};

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
        let (wants, _) = wants(files);
        Self { all: wants.iter().map(|wanted| (wanted.line, key(&wanted))).collect() }
    }

    /// Every alternative with its line, in the order of the lines.
    pub(crate) fn all(&self) -> &[(u32, Key)] {
        &self.all
    }
}

/// What every line looks for, in the order of the lines' numbers, and the words.
///
/// Most of the time goes into word forms, so each core finds those of some files.
pub(super) fn wants(files: &[TeamFile]) -> (Wants, Vocabulary) {
    wants_in(&shares(files, cores()))
}

fn wants_in(shares: &[&[TeamFile]]) -> (Wants, Vocabulary) {
    let mut vocabulary = VocabularyBuilder::default();
    let mut wants = Wants::default();
    let mut lines = 0;
    let found = each(shares.len(), |number| shares.get(number).map(|files| Share::of(files)));
    for share in found.into_iter().flatten() {
        let handles = vocabulary.absorb(share.vocabulary);
        wants.append(share.wants, lines, handles);
        lines += share.lines;
    }
    let (vocabulary, codes) = vocabulary.finish(wants.words());
    wants.encode(&codes);
    (wants, vocabulary)
}

/// Cuts files into at most `count` rows of about as many lines.
fn shares(files: &[TeamFile], count: usize) -> Vec<&[TeamFile]> {
    let all: usize = files.iter().map(|file| file.rules().count()).sum();
    let mut seen = 0;
    let mut row = 0;
    let rows = files.chunk_by(|file, _| {
        seen += file.rules().count();
        let before = std::mem::replace(&mut row, seen * count / (all + 1));
        before == row
    });
    rows.collect()
}

/// What the lines of some files look for; they are numbered from 0.
struct Share<'a> {
    wants: Wants,
    vocabulary: VocabularyBuilder<'a>,
    lines: u32,
}

impl<'a> Share<'a> {
    fn of(files: &'a [TeamFile]) -> Self {
        let mut share =
            Self { wants: Wants::default(), vocabulary: VocabularyBuilder::default(), lines: 0 };
        for (section, rule) in files.iter().flat_map(TeamFile::rules) {
            let is_all = rule.alternatives.len() == 1 && !rule.subject_only;
            for alternative in &rule.alternatives {
                share.wants.begin(share.lines, is_all);
                want(&mut share.vocabulary, section.language, alternative, &mut share.wants);
            }
            share.lines += 1;
        }
        share
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dictionary::format::parse;

    #[test]
    fn what_is_the_same_word_is_so_in_however_many_shares() {
        let files: Vec<TeamFile> = [
            "team a\n[terms]\ncalls dropping\nlines ~ drop\n[terms de]\nStraße\nMuller\n=DNS\n",
            "team b\n[terms]\ncall dropped\nbackup*\n[terms de]\nMüller\nStrasse\n",
            "team c\n[terms]\nline ~ drops\nbackup*\n=DNS\n[terms de]\nMueller\n",
            "team d\n[terms]\ndrop\n[terms de]\nStrassen\n",
        ]
        .iter()
        .map(|text| parse("x.dict", text).0.unwrap())
        .collect();
        // For each alternative the first one that looks for the same, and its line.
        let classes = |count| {
            let shares = shares(&files, count);
            assert!((1..=count).contains(&shares.len()), "{count}");
            assert_eq!(shares.concat(), files, "{count}");
            let (wants, _) = wants_in(&shares);
            let keys: Vec<Key> = wants.iter().map(|wanted| key(&wanted)).collect();
            let first = |key| keys.iter().position(|known| known == key).unwrap();
            let firsts: Vec<usize> = keys.iter().map(first).collect();
            let lines: Vec<u32> = wants.iter().map(|wanted| wanted.line).collect();
            (firsts, lines)
        };
        let (firsts, lines) = classes(1);
        assert_eq!(firsts, [0, 1, 2, 3, 4, 0, 6, 3, 2, 1, 6, 4, 3, 13, 2]);
        assert_eq!(lines, (0..15).collect::<Vec<_>>());
        for count in 2..6 {
            assert_eq!(classes(count), (firsts.clone(), lines.clone()), "{count} shares");
        }
    }
}
