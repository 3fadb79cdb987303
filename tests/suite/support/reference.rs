//! A slow matcher that follows the words of the format's description, to compare the fast one
//! with. It reads ASCII only, and tries everything at every place.

use std::collections::BTreeMap;

use postroom::dictionary::{Alternative, Star};
use postroom::mail::TextPlace;
use rust_stemmers::{Algorithm, Stemmer};

/// A word of a text: its place, its part of the mail, its bytes.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    pub(crate) part: usize,
    pub(crate) place: TextPlace,
    pub(crate) text: String,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// The words of a part of a mail that begins at `offset`.
pub(crate) fn spoken(part: usize, place: TextPlace, text: &str, offset: usize) -> Vec<Spoken> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, c.is_ascii_alphanumeric()) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                found.push(Spoken {
                    part,
                    place,
                    text: text[from..at].to_owned(),
                    start: u32::try_from(offset + from).unwrap(),
                    end: u32::try_from(offset + at).unwrap(),
                });
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// The occurrences of a line, as the words that they begin and end with.
pub(crate) fn occurrences(alternatives: &[Alternative], mail: &[Spoken]) -> Vec<(usize, usize)> {
    // For each end the latest beginning of each alternative, then all of them by their ends.
    let mut found = Vec::new();
    for alternative in alternatives {
        let mut by_end: BTreeMap<usize, usize> = BTreeMap::new();
        for first in 0..mail.len() {
            for last in ends(alternative, 0, first, mail) {
                let start = by_end.entry(last).or_insert(first);
                *start = first.max(*start);
            }
        }
        found.extend(by_end);
    }
    found.sort_unstable();
    let mut taken: Vec<(usize, usize)> = Vec::new();
    for (last, first) in found {
        let counts = mail[first].place != TextPlace::Signature;
        if counts && taken.last().is_none_or(|(_, before)| first > *before) {
            taken.push((first, last));
        }
    }
    taken
}

/// Where the phrases from `phrase` on can end, if the first of them begins at `first`.
fn ends(alternative: &Alternative, phrase: usize, first: usize, mail: &[Spoken]) -> Vec<usize> {
    let elements = &alternative.phrases[phrase];
    let last = first + elements.len() - 1;
    let fits = last < mail.len()
        && mail[last].part == mail[first].part
        && elements.iter().zip(&mail[first..]).all(|(element, word)| {
            let (term, text) = (element.text.to_lowercase(), word.text.to_lowercase());
            match element.star {
                Star::End => text.starts_with(&term),
                Star::Start => text.ends_with(&term),
                Star::None if alternative.exact => element.text == word.text,
                Star::None => {
                    let stemmer = Stemmer::create(Algorithm::English);
                    stemmer.stem(&term) == stemmer.stem(&text)
                }
            }
        });
    if !fits {
        return Vec::new();
    }
    if phrase + 1 == alternative.phrases.len() {
        return vec![last];
    }
    let after = last + 1..=last + 1 + Alternative::GAP as usize;
    let same_part = |next: &usize| *next < mail.len() && mail[*next].part == mail[first].part;
    after.filter(same_part).flat_map(|next| ends(alternative, phrase + 1, next, mail)).collect()
}
