//! One rule of a dictionary file: a term, its weight, its place.
//!
//! It knows the shape of one line, which is described on top of [`super::format`].

use super::format::{DEFAULT_POINTS, Line, SectionKind};
use super::weight::{forgotten_sign, meant_by_last, mistyped, swallowed, weight};
use super::words;
use crate::diagnostic::Diagnostic;

/// A line with a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its line in the file.
    pub line: u32,
    /// The term as written, without weight, place and note.
    pub term: String,
    /// The points that it adds, or takes away.
    pub points: i32,
    /// Whether the points stand in the line, or are the default.
    pub points_written: bool,
    /// Whether it counts only in the subject.
    pub subject_only: bool,
    /// The note after `#`.
    pub note: Option<String>,
    /// What it looks for; never empty.
    pub alternatives: Vec<Alternative>,
    /// The line as it stands in the file.
    pub raw: String,
}

impl Rule {
    /// What stands between its `|`, as written: a part for each alternative.
    pub(crate) fn parts(&self) -> Vec<&str> {
        split_at_sign(&self.term, "|").collect()
    }
}

/// One of the things that a rule looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// Whether case and word form must be as written.
    pub exact: bool,
    /// Phrases that stand in this order with at most [`Alternative::GAP`] other words between
    /// two of them; never empty, and none of them is.
    pub phrases: Vec<Vec<Element>>,
}

impl Alternative {
    /// How many other words may stand where a `~` is.
    pub const GAP: u32 = 5;
}

/// A word of a phrase, as written. It can be more than one word of a mail: `call-back`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// The text, without its star.
    pub text: String,
    /// Where its star was.
    pub star: Star,
}

/// Which end of a word is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Star {
    /// None: a whole word.
    None,
    /// `backup*`: its last word may go on.
    End,
    /// `*ausfall`: its first word may begin earlier.
    Start,
}

/// Where a rule stands.
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    pub(crate) line: &'a Line<'a>,
    pub(crate) section: SectionKind,
}

impl Place<'_> {
    pub(super) fn error(
        &self,
        part: &str,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Diagnostic {
        self.line.mark(Diagnostic::error(self.file, code, message).help(help), part)
    }
}

/// Reads a rule; `None` if it has an error, which is then in `found`.
pub(crate) fn parse(
    place: &Place<'_>,
    text: &str,
    note: Option<&str>,
    found: &mut Vec<Diagnostic>,
) -> Option<Rule> {
    let tail = match tail(place, text) {
        Ok(tail) => tail,
        Err(error) => {
            found.push(error);
            return None;
        }
    };
    if tail.points.is_none() {
        found.extend(missed_weights(place, tail.term, note));
    }
    found.extend(glued_note(place, tail.term));
    let alternatives = alternatives(place, tail.term, found)?;
    let points = match (tail.points, place.section) {
        (Some((part, points)), SectionKind::Not) if points > 0 => {
            let message = format!("`{part}` adds points under [not]");
            let help = format!("write `-{points}`, or move the line to [terms]");
            found.push(place.error(part, "positive-not", message, help));
            return None;
        }
        (Some((_, points)), _) => points,
        (None, SectionKind::Not) => {
            let message = format!("`{}` has no weight", tail.term);
            let help =
                format!("a line under [not] says what it takes away: {}", example(tail.term));
            found.push(place.error(tail.term, "no-weight", message, help));
            return None;
        }
        (None, SectionKind::Terms | SectionKind::Learned) => DEFAULT_POINTS,
    };
    Some(Rule {
        line: place.line.number,
        term: tail.term.to_owned(),
        points,
        points_written: tail.points.is_some(),
        subject_only: tail.subject_only,
        note: note.map(str::to_owned),
        alternatives,
        raw: place.line.raw.to_owned(),
    })
}

/// A term of `[not]` with a weight, without what may have been meant as one.
fn example(term: &str) -> String {
    let (lost, points) = match forgotten_sign(term) {
        Some((part, number)) => (part, number),
        None => (mistyped(term).unwrap_or_default(), 4),
    };
    format!("`{} -{points}`", term.strip_suffix(lost).unwrap_or(term).trim_end())
}

/// What a line without a weight has that was probably meant as one.
fn missed_weights(place: &Place<'_>, term: &str, note: Option<&str>) -> Vec<Diagnostic> {
    let read_as = |part: &str, of: &str| format!("`{part}` is read as part of the {of}");
    let mut found = Vec::new();
    if let Some((part, number)) = forgotten_sign(term) {
        let sign = if place.section == SectionKind::Not { '-' } else { '+' };
        let help = format!("a weight has its sign: write `{sign}{number}`, or one space before it");
        found.push(place.error(part, "unsigned-weight", read_as(part, "term"), help));
    }
    if let Some(part) = mistyped(term) {
        let help = "a weight is a sign and a whole number, such as `+5`";
        found.push(place.error(part, "odd-weight", read_as(part, "term"), help));
    }
    if let Some((note, (before, part))) = note.and_then(|note| Some((note, swallowed(note)?))) {
        // The sign is no word: a term without it finds the same.
        let help = if place.line.raw.contains(&format!("#{note}")) && !before.is_empty() {
            format!("`#` begins a note: `{term} {before} {part}` finds `{term} #{before}` as well")
        } else {
            format!("a weight stands before the note: write `{term} {part}`")
        };
        found.push(place.error(part, "noted-weight", read_as(part, "note"), help));
    }
    found.into_iter().map(Diagnostic::warning).collect()
}

/// A note whose `#` hangs on the word before it, so that its words are sought.
fn glued_note(place: &Place<'_>, term: &str) -> Option<Diagnostic> {
    // `C#` and `F#` are names; a longer word and `#` are the word alone.
    let glued = |word: &&str| word.strip_suffix('#').is_some_and(|word| word.chars().count() > 1);
    if !term.contains('#') {
        return None;
    }
    let word = term.split_whitespace().rev().skip(1).find(glued)?;
    let message = format!("`#` in `{word}` begins no note: what follows is part of the term");
    let help = "put a space before the `#`; a term finds the same without it";
    Some(place.error(word, "glued-note", message, help).warning())
}

// --------------------------------------------------------------------- weight and place, last --

/// A line taken apart: the term, then weight and place in any order.
struct Tail<'a> {
    term: &'a str,
    points: Option<(&'a str, i32)>,
    subject_only: bool,
}

fn tail<'a>(place: &Place<'_>, text: &'a str) -> Result<Tail<'a>, Diagnostic> {
    let mut tail = Tail { term: text, points: None, subject_only: false };
    loop {
        let (before, last) = match tail.term.rsplit_once(char::is_whitespace) {
            Some((before, last)) => (before.trim_end(), last),
            None => ("", tail.term),
        };
        if last.starts_with('@') {
            if last != "@subject" {
                let message = format!("`{last}` is not a place");
                return Err(place.error(last, "unknown-place", message, "there is `@subject`"));
            }
            tail.subject_only = true;
        } else if let Some(points) = weight(place, last)? {
            if tail.points.is_some() {
                let message = format!("`{last}` is a second weight");
                return Err(place.error(last, "two-weights", message, "keep one"));
            }
            tail.points = Some((last, points));
        } else if tail.points.is_none()
            && let Some((part, help)) = meant_by_last(tail.term)
        {
            let message = format!("`{part}` is not a weight");
            return Err(place.error(part, "bad-weight", message, help));
        } else {
            return Ok(tail);
        }
        if before.is_empty() {
            let message = format!("`{text}` has no term");
            let help = "write the term first, then its weight";
            return Err(place.error(text, "no-term", message, help));
        }
        tail.term = before;
    }
}

// ------------------------------------------------------------------------------------ the term --

fn alternatives(
    place: &Place<'_>,
    term: &str,
    found: &mut Vec<Diagnostic>,
) -> Option<Vec<Alternative>> {
    let errors = found.len();
    let mut alternatives = Vec::new();
    for part in split_at_sign(term, "|") {
        match alternative(place, term, part) {
            Ok(alternative) => alternatives.push(alternative),
            Err(error) => found.push(error),
        }
    }
    (found.len() == errors).then_some(alternatives)
}

/// The parts of `text` between signs that stand alone between white space.
fn split_at_sign<'a>(text: &'a str, sign: &'static str) -> impl Iterator<Item = &'a str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let is_apart = |at: &usize| {
            let (before, behind) = text.split_at_checked(*at).unwrap_or_default();
            let behind = behind.get(sign.len()..).unwrap_or_default();
            (before.is_empty() || before.ends_with(char::is_whitespace))
                && (behind.is_empty() || behind.starts_with(char::is_whitespace))
        };
        let at = text.match_indices(sign).map(|(at, _)| at).find(is_apart);
        rest = at.and_then(|at| text.get(at + sign.len()..));
        Some(text.get(..at.unwrap_or(text.len())).unwrap_or_default().trim())
    })
}

fn alternative(place: &Place<'_>, term: &str, text: &str) -> Result<Alternative, Diagnostic> {
    if text.is_empty() {
        let message = format!("`{term}` has an empty alternative");
        return Err(place.error(
            term,
            "empty-alternative",
            message,
            "a term stands on both sides of `|`",
        ));
    }
    let (exact, rest) = match text.strip_prefix('=') {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let mut phrases = Vec::new();
    for phrase in split_at_sign(rest, "~") {
        if phrase.is_empty() && rest.contains('~') {
            let message = format!("`{text}` has nothing on one side of `~`");
            return Err(place.error(text, "empty-gap", message, "write `call ~ drop`"));
        }
        let mut elements = Vec::new();
        for word in phrase.split_whitespace() {
            elements.extend(element(place, word, exact)?);
        }
        if elements.is_empty() {
            let message = format!("`{text}` has no word in it");
            let help = "a term needs a letter or a digit";
            return Err(place.error(text, "no-word", message, help));
        }
        phrases.push(elements);
    }
    Ok(Alternative { exact, phrases })
}

fn element(place: &Place<'_>, word: &str, exact: bool) -> Result<Option<Element>, Diagnostic> {
    let error = |code, message: String, help: String| Err(place.error(word, code, message, help));
    let (star, text) = match (word.strip_suffix('*'), word.strip_prefix('*')) {
        (Some(text), _) => (Star::End, text),
        (None, Some(text)) => (Star::Start, text),
        (None, None) => (Star::None, word),
    };
    let is_long = |word: &words::Word<'_>| word.folded.len() >= 2;
    let too_short = || {
        let message = format!("`{word}` would match nearly everything");
        error("short-star", message, "write at least two letters beside a star".to_owned())
    };
    if text.contains('*') {
        let kept = text.split('*').find(|part| words::words(part).last().is_some_and(is_long));
        let Some(kept) = kept else { return too_short() };
        let is_end = star != Star::End && text.ends_with(kept);
        let open = if is_end { format!("*{kept}") } else { format!("{kept}*") };
        let message = format!("`{word}` has a star where none can be");
        return error("inner-star", message, format!("write `{open}`"));
    }
    if let Some(sign) = ["|", "~"].into_iter().find(|sign| text.contains(sign)) {
        let apart = word.split(sign).collect::<Vec<_>>().join(&format!(" {sign} "));
        let message = format!("`{sign}` in `{word}` needs spaces around it");
        return error("tight-sign", message, format!("write `{}`", apart.trim()));
    }
    if star == Star::None {
        let mut is_spoken = false;
        words::each_word(text, |_| is_spoken = true);
        // A dash or an ampersand alone: as little a word here as in a mail.
        return Ok(is_spoken.then(|| Element { text: text.to_owned(), star }));
    }
    let spoken = words::words(text);
    if exact {
        let message = format!("`{word}` can't be exact and open");
        return error("exact-star", message, "take away `=` or `*`".to_owned());
    }
    let open = if star == Star::End { spoken.last() } else { spoken.first() };
    match open {
        Some(open) if is_long(open) => Ok(Some(Element { text: text.to_owned(), star })),
        _ => too_short(),
    }
}
