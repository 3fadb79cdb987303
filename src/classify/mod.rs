//! From a mail's text to a verdict: which team, how sure, and why.
//!
//! ```text
//! score(team) = base(team) + √(20 / (words + 4)) · Σ points × v
//! v           = 1 + ln t, or t below 1
//! t           = occurrences in the subject × 2 + in new text × 1 + in quoted text × ½
//! margin      = score of the best team − score of the second
//! confidence  = 1 / (1 + exp(−(a·margin + b[best team])))
//! ```
//!
//! The words of the mail become symbols ([`intern`]). Most lines look for one word, and are found by
//! its symbol alone ([`tally`]); those that may be parts of phrases become streams, in which one
//! automaton finds them ([`search`]). What was found is summed up ([`score`]), and kept as numbers
//! until somebody asks why ([`hits`]).
//!
//! A match never spans two parts of a mail. Matches of one line that share a word are one
//! occurrence: the one that ends first, the longest of those. It knows the text of a mail and
//! compiled dictionaries, nothing else of the mail.

mod slot;
mod intern;
mod search;
mod tally;
mod score;
mod hits;

use serde::{Deserialize, Serialize};

use crate::dictionary::{Dictionaries, TeamId, Version};
use crate::mail::{Text, TextPlace};
pub use hits::{Hits, Iter};
pub(crate) use score::{length_factor, strength, weight};
pub use search::Scratch;

/// Classifies a mail by its subject and text. `scratch` holds what is worth keeping from one mail
/// to the next; the verdict is the same whatever it holds.
#[must_use]
pub fn classify(
    dictionaries: &Dictionaries,
    scratch: &mut Scratch,
    subject: &str,
    text: &Text,
) -> Verdict {
    scratch.prepare(dictionaries);
    scratch.read(dictionaries, TextPlace::Subject, subject, 0);
    for part in &text.parts {
        let piece = text.body.get(part.range.clone()).unwrap_or_default();
        scratch.read(dictionaries, part.place, piece, part.range.start);
    }
    scratch.search(dictionaries);
    score::verdict(dictionaries, scratch)
}

/// What the dictionaries say of one mail, with everything that it rests on: a person with the
/// dictionary files and a calculator gets the same numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Which dictionaries it was made with.
    pub version: Version,
    /// How many words were counted: each once, in subject, new and quoted text; signatures not at
    /// all. (A word is not weighed by its place here: the length factor is about how much there is
    /// to read, not about where.)
    pub words: f64,
    /// √(20 / (words + 4)): what every point is multiplied with.
    pub length_factor: f64,
    /// Every team, best first; equal scores in the order of their names.
    pub ranking: Vec<TeamScore>,
    /// How sure: 1 / (1 + exp(−(a·margin + b))), from 0 to 1.
    pub confidence: f64,
    /// Whether `a` and `b` were fitted on confirmed answers, or are the careful constants that
    /// Postroom ships.
    pub calibrated: bool,
    /// Every line that matched, by team in the order of the ranking, then by line.
    pub hits: Hits,
}

impl Verdict {
    /// The best team; `None` only without any dictionary.
    #[must_use]
    pub fn best(&self) -> Option<&TeamScore> {
        self.ranking.first()
    }

    /// How far the best team is ahead of the second, in points after the length factor.
    #[must_use]
    pub fn margin(&self) -> f64 {
        match self.ranking.as_slice() {
            [best, second, ..] => best.score - second.score,
            [best] => best.score,
            [] => 0.0,
        }
    }
}

/// One team's sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TeamScore {
    /// The team.
    pub team: TeamId,
    /// Where the team starts.
    pub base: i32,
    /// base + length factor × the sum of its hits.
    pub score: f64,
}

/// A dictionary line that matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Whose line it is.
    pub team: TeamId,
    /// The dictionary file's name.
    pub file: String,
    /// The line in that file, from 1.
    pub line: u32,
    /// The line's term as written, without its weight.
    pub term: String,
    /// The points that stand in the line.
    pub points: i32,
    /// 1 + ln t, or t below 1, where t counts the occurrences by place.
    pub strength: f64,
    /// Where it matched: at most [`Hit::SPANS`] occurrences, in reading order.
    pub spans: Vec<Span>,
    /// How many occurrences there are in all.
    pub occurrences: u32,
}

impl Hit {
    /// More occurrences than this are counted but not listed.
    pub const SPANS: usize = 8;
}

/// A stretch of the original text that a line matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// In the subject, or in which part of the body.
    pub place: TextPlace,
    /// First byte: in the subject, or in the whole body.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}
