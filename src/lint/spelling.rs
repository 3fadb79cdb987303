//! Words that differ by a slip of the finger: two letters swapped (`recieve`), one of two lost
//! (`adress`), a vowel for another (`seperate`); and English words that Britain and America spell
//! each in their own way (`centre`, `center`).
//!
//! Any other letter often makes another word (`contact`, `contract`), and so do the last two
//! letters (`contrato`, `contrata`): these are left alone. It knows spellings; it knows no
//! dictionary of a language.

use std::collections::{BTreeMap, HashMap};

use super::{by_hand, warning};
use crate::diagnostic::Diagnostic;
use crate::dictionary::format::TeamFile;
use crate::dictionary::words::words;
use crate::dictionary::{Language, Rule, Stems};
use crate::mail::{Text, TextPlace};

/// In shorter words a letter makes another word.
const LONG: usize = 6;
/// Shorter words than this are not looked at at all.
const SHORT: usize = 5;
/// `cancelled` and `canceled` are one word, `filling` and `filing` are not.
const LONG_FOR_DOUBLED: usize = 8;
/// For a vowel, words must be longer.
const LONG_FOR_VOWELS: usize = 8;
/// So many letters at the end are the word's form.
const ENDING: usize = 2;
/// A word that mail has fewer times may be the slip itself.
const OFTEN: u32 = 3;
/// More words than these are not kept: a hostile mail is full of new ones.
const KEPT: usize = 500_000;

/// A word of a rule.
struct Spelled<'a> {
    language: Language,
    word: String,
    rule: &'a Rule,
}

/// Every long word of the lines that a person wrote, once for each line.
fn spelled(file: &TeamFile) -> Vec<Spelled<'_>> {
    let mut spelled: Vec<Spelled<'_>> = Vec::new();
    for (section, rule) in file.rules().filter(|(section, _)| by_hand(section)) {
        let phrases = rule.alternatives.iter().flat_map(|alternative| &alternative.phrases);
        for word in phrases.flatten().flat_map(|element| words(&element.text)) {
            let is_new = !spelled
                .iter()
                .rev()
                .take_while(|before| before.rule.line == rule.line)
                .any(|before| before.word == word.folded);
            if is_new && has_letters(&word.folded, SHORT) {
                spelled.push(Spelled {
                    language: section.language,
                    word: word.folded.into_owned(),
                    rule,
                });
            }
        }
    }
    spelled
}

fn is_long(word: &str) -> bool {
    has_letters(word, LONG)
}

fn has_letters(word: &str, least: usize) -> bool {
    word.chars().count() >= least && word.chars().all(char::is_alphabetic)
}

/// Checks a file: words of two lines that differ by a slip.
pub(super) fn check(file: &TeamFile) -> Vec<Diagnostic> {
    let spelled = spelled(file);
    let mut stems: BTreeMap<Language, Stems> = BTreeMap::new();
    let mut by_beginning: BTreeMap<(Language, String), Vec<&Spelled<'_>>> = BTreeMap::new();
    let mut found = Vec::new();
    for one in &spelled {
        let stems = stems.entry(one.language).or_insert_with(|| Stems::of(one.language));
        let beginning = one.word.chars().take(2).collect();
        let alike = by_beginning.entry((one.language, beginning)).or_default();
        if alike.iter().any(|other| other.word == one.word) {
            continue;
        }
        let mut others = alike.iter().filter(|other| {
            other.rule.line != one.rule.line && stems.stem(&one.word) != stems.stem(&other.word)
        });
        let english = one.language == Language::ENGLISH;
        let regional =
            |other: &&&Spelled<'_>| english && in_america(&one.word) == in_america(&other.word);
        if let Some(other) = others.clone().find(regional) {
            let (word, line) = (&one.word, other.rule.line);
            let message = format!("`{word}` is `{}` in line {line}, spelled otherwise", other.word);
            let help = format!("put them in one line, which finds both: `{} | {word}`", other.word);
            found.push(warning(file, one.rule, word, "near-spelling", message).help(help));
            alike.push(one);
            continue;
        }
        let slip = others.find(|other| is_slip(&one.word, &other.word));
        if let Some(other) = slip {
            let (word, line) = (&one.word, other.rule.line);
            let message = format!("`{word}` is nearly `{}` in line {line}", other.word);
            let help = format!(
                "mend the one that is a slip; if people do write both, put them in one line: \
                 `{} | {word}`",
                other.word
            );
            found.push(warning(file, one.rule, word, "near-spelling", message).help(help));
        }
        alike.push(one);
    }
    found
}

/// An English word as America spells it, near enough that two spellings of one word come out alike.
fn in_america(word: &str) -> String {
    let mut word = word.replace("our", "or");
    for (ending, other) in [("tre", "ter"), ("bre", "ber"), ("ogue", "og"), ("ence", "ense")] {
        if let Some(stem) = word.strip_suffix(ending) {
            word = format!("{stem}{other}");
        }
    }
    for (british, american) in [
        ("isation", "ization"),
        ("ise", "ize"),
        ("ising", "izing"),
        ("yse", "yze"),
        ("ysing", "yzing"),
    ] {
        word = word.replace(british, american);
    }
    if word.chars().count() >= LONG_FOR_DOUBLED {
        for (doubled, single) in [("lled", "led"), ("lling", "ling"), ("llation", "lation")] {
            word = word.replace(doubled, single);
        }
    }
    word
}

/// Whether one of two different words is probably the other, mistyped.
fn is_slip(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let (short, long) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
    if long.len() > short.len() + 1 || short.len() < LONG {
        return false;
    }
    let same = |(one, other): &(&char, &char)| one == other;
    let before = short.iter().zip(long).take_while(same).count();
    let after = short.iter().rev().zip(long.iter().rev()).take_while(same).count();
    let after = after.min(short.len() - before);
    if after < ENDING {
        return false;
    }
    let middle = |word: &[char]| -> Vec<char> {
        word.get(before..word.len() - after).unwrap_or_default().to_vec()
    };
    match (middle(short).as_slice(), middle(long).as_slice()) {
        ([], [lost]) => before.checked_sub(1).and_then(|at| long.get(at)) == Some(lost),
        ([a], [b]) => {
            let is_vowel = |c: &char| "aeiou".contains(*c);
            short.len() >= LONG_FOR_VOWELS && is_vowel(a) && is_vowel(b)
        }
        ([a, b], [c, d]) => (a, b) == (d, c),
        _ => false,
    }
}

// -------------------------------------------------------------------------- what mail has of them --

/// Which long words mail has, and how often.
#[derive(Debug, Clone, Default)]
pub struct Written(HashMap<String, u32>);

impl Written {
    /// Takes in a mail.
    pub fn add(&mut self, subject: &str, text: &Text) {
        let parts = text.parts.iter().filter(|part| part.place != TextPlace::Signature);
        let parts = parts.filter_map(|part| text.body.get(part.range.clone()));
        for word in std::iter::once(subject).chain(parts).flat_map(words) {
            if !is_long(&word.folded) {
                continue;
            }
            if let Some(times) = self.0.get_mut(word.folded.as_ref()) {
                *times = times.saturating_add(1);
            } else if self.0.len() < KEPT {
                self.0.insert(word.folded.into_owned(), 1);
            }
        }
    }
}

/// The lines of a file, of these, that look for a word that mail never has while it often has one
/// that differs by a slip; by line.
pub(super) fn unwritten(
    file: &TeamFile,
    of: impl Fn(&Rule) -> bool,
    written: &Written,
) -> BTreeMap<u32, Diagnostic> {
    let spelled = spelled(file);
    let unknown: Vec<&Spelled<'_>> =
        spelled.iter().filter(|one| of(one.rule) && !written.0.contains_key(&one.word)).collect();
    let mut nearest: BTreeMap<(&str, u32), (u32, &str)> = BTreeMap::new();
    let often = written.0.iter().filter(|(_, times)| **times >= OFTEN);
    let mut often: Vec<(&String, &u32)> = often.collect();
    often.sort_unstable();
    for (word, times) in often {
        for one in unknown.iter().filter(|one| is_slip(&one.word, word)) {
            let place = nearest.entry((&one.word, one.rule.line)).or_insert((0, ""));
            *place = (*place).max((*times, word));
        }
    }
    let mut found = BTreeMap::new();
    for one in unknown {
        let Some((times, word)) = nearest.get(&(one.word.as_str(), one.rule.line)) else {
            continue;
        };
        // Who writes both in one file tells them apart.
        if spelled.iter().any(|other| other.word == *word) {
            continue;
        }
        let message = format!("`{}` is in no mail, but `{word}` is, {times} times", one.word);
        let help = format!("write `{word}` if that is meant");
        let warning = warning(file, one.rule, &one.word, "unwritten-word", message);
        found.insert(one.rule.line, warning.help(help));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::measured::tests::check_files;

    #[test]
    fn a_slip_is_told_from_another_word() {
        for (one, other, expected) in [
            ("recieve", "receive", true),
            ("adress", "address", true),
            ("occured", "occurred", true),
            ("seperate", "separate", true),
            ("rechnugn", "rechnung", false),
            ("contact", "contract", false),
            ("message", "massage", false),
            ("center", "centre", false),
            ("hosting", "posting", false),
            ("provider", "provided", false),
            ("receive", "receive", false),
            ("form", "from", false),
        ] {
            assert_eq!(is_slip(one, other), expected, "{one} {other}");
            assert_eq!(is_slip(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn two_spellings_of_one_word_come_out_alike() {
        for (british, american) in [
            ("colour", "color"),
            ("centre", "center"),
            ("organisation", "organization"),
            ("analyse", "analyze"),
            ("catalogue", "catalog"),
            ("licence", "license"),
            ("cancelled", "canceled"),
            ("cancellation", "cancelation"),
        ] {
            assert_eq!(in_america(british), in_america(american), "{british}");
        }
        for (one, other) in [("filling", "filing"), ("contact", "contract"), ("course", "horse")] {
            assert_ne!(in_america(one), in_america(other), "{one} {other}");
        }
    }

    #[test]
    fn words_of_a_file_that_differ_by_a_slip_are_named() {
        let cases: [(&str, &str, &[&str]); 7] = [
            (
                "in two lines",
                "[terms]\nreceive invoice\nnot recieve\n",
                &["a.dict:4:5 near-spelling `recieve`"],
            ),
            (
                "in Britain and America",
                "[terms]\ncolour +3\ncolor chart +3\n",
                &["a.dict:4:1 near-spelling `color`"],
            ),
            ("of another language", "[terms de]\ncolour +3\ncolor chart +3\n", &[]),
            ("in one line, meant so", "[terms]\nreceive | recieve\n", &[]),
            ("in two languages", "[terms]\nseparate\n[terms fr]\nseperate\n", &[]),
            ("forms of one word", "[terms]\ncancelled\ncanceled order\n", &[]),
            ("learned", "[learned]\nreceive\nrecieve\n", &[]),
        ];
        for (name, a, expected) in cases {
            assert_eq!(check_files(a, ""), expected, "{name}");
        }
    }
}
