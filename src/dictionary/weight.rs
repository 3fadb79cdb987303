//! What is a weight at the end of a rule, and what was meant as one.
//!
//! A weight is a sign and digits of the keyboard, a word of its own, last in its line. It knows how
//! people miss that; it knows nothing of terms.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use super::format::POINTS;
use super::rule::Place;
use crate::diagnostic::Diagnostic;

const SIGNS: [char; 2] = ['+', '-'];

/// The points that `part` stands for; `None` if it is a part of the term.
pub(super) fn weight(place: &Place<'_>, part: &str) -> Result<Option<i32>, Diagnostic> {
    let not_a_weight = |help: String| {
        Err(place.error(part, "bad-weight", format!("`{part}` is not a weight"), help))
    };
    let folded = folded(part);
    if folded != part
        && let Some(meant) = signed(&folded)
    {
        return not_a_weight(format!("write `{meant}`, with the sign and digits of the keyboard"));
    }
    if part.ends_with(SIGNS)
        && let Some(meant) = signed(part)
    {
        return not_a_weight(format!("write `{meant}`"));
    }
    let Some(number) = part.strip_prefix(SIGNS) else { return Ok(None) };
    if let Some((whole, fraction)) = number.split_once(['.', ','])
        && is_digits(whole)
        && is_digits(fraction)
    {
        return not_a_weight("points are whole numbers from -15 to +15".to_owned());
    }
    if !is_digits(number) {
        return Ok(None);
    }
    match part.parse::<i32>() {
        Ok(0) => not_a_weight("a line without effect is better deleted".to_owned()),
        Ok(points) if POINTS.contains(&points) => Ok(Some(points)),
        _ => {
            let message = format!("weight `{part}` is out of range");
            Err(place.error(part, "weight-out-of-range", message, "a weight is from -15 to +15"))
        }
    }
}

/// What a term ends with that was meant as a weight, and what to write instead: `+ 9`, `(+9)`,
/// `:+9`. Each finds the same words without its sign, so that nobody needs to write it in a term.
pub(super) fn meant_by_last(term: &str) -> Option<(&str, String)> {
    let (before, last) = term.rsplit_once(char::is_whitespace).unwrap_or(("", term));
    let before = before.trim_end();
    let sign = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let (part, text) = match folded(sign) {
        sign if sign == "+" || sign == "-" => {
            let start = before.len() - before.chars().next_back().map_or(0, char::len_utf8);
            (term.get(start..)?, Cow::Owned(format!("{sign}{}", folded(last))))
        }
        _ => (last, folded(last)),
    };
    let (glued, text) = text.rsplit_once([':', '=']).unwrap_or(("", &text));
    let text = text.trim_matches(|c: char| "()[]{}<>\"'`".contains(c));
    let meant = signed(text)?;
    // A number that can't be a weight is one: `(+49)`.
    let is_weight = meant.parse().is_ok_and(|points| points != 0 && POINTS.contains(&points));
    let apart = if glued.is_empty() { "" } else { ", with a space before it" };
    is_weight.then(|| (part, format!("write `{meant}`{apart}")))
}

/// A small number after several spaces or a tab, as written and in digits: probably a weight
/// without its sign.
pub(super) fn forgotten_sign(term: &str) -> Option<(&str, i32)> {
    let (before, number) = term.rsplit_once(char::is_whitespace)?;
    let apart = before.ends_with(char::is_whitespace)
        || term.get(before.len()..).is_some_and(|rest| rest.starts_with('\t'));
    let points: i32 = folded(number).parse().ok()?;
    (apart && points > 0 && POINTS.contains(&points)).then_some((number, points))
}

/// A last word that begins as a weight does and is none, such as `+5O`, `++3` or `+`.
pub(super) fn mistyped(term: &str) -> Option<&str> {
    let (_, last) = term.rsplit_once(char::is_whitespace)?;
    let folded = folded(last);
    let number = folded.strip_prefix(SIGNS)?;
    (number.is_empty() || number.contains(|c: char| c.is_ascii_digit())).then_some(last)
}

/// What a note says before the weight that it ends with, and that weight; a place may follow.
pub(super) fn swallowed(note: &str) -> Option<(&str, &str)> {
    let note = note.strip_suffix("@subject").unwrap_or(note).trim_end();
    let (before, last) = note.rsplit_once(char::is_whitespace).unwrap_or(("", note));
    let points: i32 = last.parse().ok()?;
    let is_weight = last.starts_with(SIGNS) && points != 0 && POINTS.contains(&points);
    is_weight.then_some((before.trim_end(), last))
}

/// A sign and digits, in this order, of a text that has them in either.
fn signed(text: &str) -> Option<String> {
    let number = text.strip_prefix(SIGNS).or_else(|| text.strip_suffix(SIGNS))?;
    let sign = if text.contains('-') { '-' } else { '+' };
    is_digits(number).then(|| format!("{sign}{number}"))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The text in the characters of the keyboard: full-width signs and digits, and the minus signs
/// and dashes that a word processor makes of a hyphen.
fn folded(text: &str) -> Cow<'_, str> {
    // As most are.
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let plain = |c| match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c => c,
    };
    text.nfkc().map(plain).collect()
}
