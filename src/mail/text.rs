//! The parts of a mail's text: what is new, what is quoted, what is signature or disclaimer.
//!
//! It reads lines of plain text, whatever they were made from, and deletes nothing. Where it is
//! in doubt it says "new": a quoted line that counts too much does less harm than a question
//! that doesn't count.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memchr2;

use super::lines::{
    ANNOUNCEMENTS, LABELS, LONG_LINE, LONGEST_ANNOUNCEMENT, LONGEST_LABEL, Line, which,
};
use super::phrases::ATTRIBUTION_VERBS;
use super::signature;
use super::{Text, TextPart, TextPlace};

/// An attribution such as "On Monday … wrote:" wraps over at most this many lines.
const ATTRIBUTION_LINES: usize = 3;
/// Finds [`ATTRIBUTION_VERBS`].
static VERBS: LazyLock<AhoCorasick> = LazyLock::new(|| small(ATTRIBUTION_VERBS));

pub(super) fn small(phrases: impl IntoIterator<Item: AsRef<[u8]>>) -> AhoCorasick {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(phrases)
        .unwrap_or_else(|_| unreachable!("a few dozen phrases make a small automaton"))
}

/// Marks the parts of a body. `marked` names the ranges that the markup already says to be quoted
/// or a signature, in order.
pub(super) fn mark(body: String, marked: &[(Range<usize>, TextPlace)]) -> Text {
    let lines = Line::split(&body);
    let place = |line: &Line<'_>| {
        if line.is_quoted() { TextPlace::Quoted } else { TextPlace::New }
    };
    let mut places: Vec<TextPlace> = lines.iter().map(place).collect();
    for (range, place) in marked {
        let line = |at: usize| lines.partition_point(|line| line.range.start < at);
        fill(&mut places, line(range.start)..line(range.end), *place);
    }
    let attributions = attributions(&lines);
    mark_attributions(&attributions, &lines, &mut places);
    if let Some(first) = rest_is_quoted_from(&attributions, &lines, &places) {
        fill(&mut places, first..lines.len(), TextPlace::Quoted);
    }
    signature::mark_signatures(&lines, &mut places);
    signature::mark_disclaimers(&body, &lines, &mut places);
    join_blank_lines(&lines, &mut places);
    let parts = parts(&lines, &places);
    Text { body, parts }
}

/// Lines such as "On Monday … wrote:".
struct Attribution {
    /// Its first line, and its last.
    first: usize,
    last: usize,
    /// Whether it is one also where no `>` follows.
    is_sure: bool,
}

/// Every attribution, in order.
fn attributions(lines: &[Line<'_>]) -> Vec<Attribution> {
    which(lines, Line::ATTRIBUTION).filter_map(|last| attribution_ending_at(lines, last)).collect()
}

/// Marks those before quoted lines as quoted too.
fn mark_attributions(attributions: &[Attribution], lines: &[Line<'_>], places: &mut [TextPlace]) {
    for Attribution { first, last, .. } in attributions {
        let next = (last + 1..lines.len()).find(|n| lines.get(*n).is_some_and(|l| !l.is_blank()));
        let before_quote = next.and_then(|n| places.get(n)) == Some(&TextPlace::Quoted);
        if before_quote {
            fill(places, *first..last + 1, TextPlace::Quoted);
        }
    }
}

/// The attribution that ends with line `last`, if there is one.
fn attribution_ending_at(lines: &[Line<'_>], last: usize) -> Option<Attribution> {
    let end = lines.get(last)?.text;
    if !end.ends_with([':', '：']) || end.len() > LONG_LINE {
        return None;
    }
    // The verb, the date and the address stand on this line or on those just above:
    // "On Mon, 3 Nov, Ann Smith" / "<ann@example.org> wrote:".
    let (mut verb, mut year, mut address, mut dated) = (false, false, false, None);
    for first in (last.saturating_sub(ATTRIBUTION_LINES - 1)..=last).rev() {
        let line = lines.get(first)?;
        if line.is_blank() || line.is_quoted() || line.text.len() > LONG_LINE {
            break;
        }
        verb |= VERBS.is_match(&line.text.to_lowercase());
        year |= has_year(line.text);
        address |= line.text.contains('@');
        if line.text.contains(|c: char| c.is_ascii_digit() || matches!(c, '@' | '<' | '年')) {
            dated = Some(first);
        }
        if verb && starts_like_attribution(line.text) {
            return Some(Attribution { first, last, is_sure: true });
        }
        // In some languages there is no verb, or one that we don't know: "… <ann@example.org>:".
        if year && address && (verb || end.contains('@')) {
            let is_sure = verb || end.trim_end_matches([':', '：']).ends_with('>');
            return Some(Attribution { first, last, is_sure });
        }
    }
    // "Ann Smith schrieb:" alone counts right before a quote only, which the caller checks.
    verb.then(|| Attribution { first: dated.unwrap_or(last), last, is_sure: false })
}

/// Whether there is a year of our time in a text.
fn has_year(text: &str) -> bool {
    text.as_bytes().windows(4).any(|year| matches!(year, [b'2', b'0', tens, ones] if tens.is_ascii_digit() && ones.is_ascii_digit()))
}

fn starts_like_attribution(text: &str) -> bool {
    const STARTS: [&str; 12] = [
        "On ", "Am ", "Le ", "El ", "Il ", "Op ", "Em ", "Den ", "Dne ", "W dniu ", "Em ", "Dnia ",
    ];
    text.len() <= LONG_LINE
        && STARTS.iter().any(|start| text.starts_with(start))
        && text.contains(|c: char| c.is_ascii_digit())
}

/// Where everything that follows is an earlier mail: an "Original Message" line, a block of
/// header fields, a forwarded mail, or an attribution without `>` behind it.
fn rest_is_quoted_from(
    attributions: &[Attribution],
    lines: &[Line<'_>],
    places: &[TextPlace],
) -> Option<usize> {
    let last_quoted = places.iter().rposition(|place| *place == TextPlace::Quoted);
    // No quoted line is below it.
    let mut sure = attributions.iter().filter(|found| found.is_sure);
    let attribution = sure.find(|found| last_quoted.is_none_or(|last| last <= found.last));
    let before = attribution.map_or(lines.len(), |found| found.last + 1);
    let to_there = lines.get(..before).unwrap_or_default();
    let begins = which(to_there, Line::ANNOUNCEMENT | Line::HEADER).find(|&n| {
        lines.get(n).is_some_and(|line| {
            (line.may_be(Line::ANNOUNCEMENT) && is_announcement(line.text))
                || (line.may_be(Line::HEADER) && is_header_block(lines, n))
        })
    });
    begins.or(attribution.map(|found| found.first))
}

/// A line that says that an earlier mail follows, mostly between dashes.
fn is_announcement(text: &str) -> bool {
    const AROUND: [char; 5] = ['-', '_', ' ', '—', '*'];
    let bare = text.trim_matches(AROUND);
    bare.len() <= LONGEST_ANNOUNCEMENT && ANNOUNCEMENTS.iter().any(|phrases| phrases.has(bare))
}

/// Which of [`LABELS`] are those.
const FROM: usize = 0;
const SUBJECT: usize = 4;

/// "From: … Sent: … To: … Subject: …", as Outlook puts above the mail that it answers.
fn is_header_block(lines: &[Line<'_>], first: usize) -> bool {
    // The block begins with From; a rule of underscores above it is decoration.
    let Some(from) = lines.get(first).filter(|line| header_label(line) == Some(FROM)) else {
        return false;
    };
    let following = lines.get(first + 1..).unwrap_or_default().iter();
    let mut seen: Vec<usize> = following
        .filter(|line| !line.is_blank())
        .take(5)
        .filter_map(header_label)
        .filter(|which| *which != FROM)
        .collect();
    seen.sort_unstable();
    seen.dedup();
    // A record of a call has a From, a To and a date as well, but neither of these.
    seen.len() >= 2 && (seen.contains(&SUBJECT) || from.text.contains('@'))
}

/// Which of [`LABELS`] a line begins with.
fn header_label(line: &Line<'_>) -> Option<usize> {
    let beginning = line.text.as_bytes();
    let beginning = beginning.get(..LONGEST_LABEL).unwrap_or(beginning);
    // A colon, or the first byte of a full-width one, must come soon.
    memchr2(b':', 0xef, beginning)?;
    let (name, _) = line.text.split_once([':', '：'])?;
    if name.len() > LONGEST_LABEL {
        return None;
    }
    let name = name.trim_matches(['*', ' ', '\u{a0}']);
    LABELS.iter().position(|labels| labels.has(name))
}

/// A blank line belongs to what stands above it, so that a text does not fall into crumbs.
fn join_blank_lines(lines: &[Line<'_>], places: &mut [TextPlace]) {
    let mut above = places.first().copied();
    for (line, place) in lines.iter().zip(places) {
        match above {
            Some(above) if line.is_blank() => *place = above,
            _ => above = Some(*place),
        }
    }
}

pub(super) fn fill(places: &mut [TextPlace], range: Range<usize>, with: TextPlace) {
    places.get_mut(range).unwrap_or_default().fill(with);
}

fn parts(lines: &[Line<'_>], places: &[TextPlace]) -> Vec<TextPart> {
    let mut parts: Vec<TextPart> = Vec::new();
    for (line, place) in lines.iter().zip(places) {
        match parts.last_mut() {
            Some(last) if last.place == *place => last.range.end = line.range.end,
            _ => parts.push(TextPart { place: *place, range: line.range.clone() }),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::phrases::{FORWARDED, HEADER_LABELS, ORIGINAL};

    #[test]
    fn what_rules_lines_out_early_rules_out_no_phrase() {
        let may_be = |line: &str, bits| Line::split(line).first().is_some_and(|l| l.may_be(bits));
        for end in ["Ann wrote:", "安写道："] {
            assert!(may_be(end, Line::ATTRIBUTION), "{end}");
        }
        for phrase in ORIGINAL.into_iter().chain(FORWARDED) {
            assert!(phrase.to_uppercase().len() <= LONGEST_ANNOUNCEMENT, "{phrase}");
            for line in [phrase.to_owned(), phrase.to_uppercase(), format!("---- {phrase} ----")] {
                assert!(may_be(&line, Line::ANNOUNCEMENT) && is_announcement(&line), "{line}");
            }
        }
        for label in HEADER_LABELS.concat() {
            assert!(label.to_uppercase().len() <= LONGEST_LABEL, "{label}");
        }
        for from in HEADER_LABELS[0] {
            for from in [from.to_string(), from.to_uppercase(), format!("*{from}*")] {
                let block = format!("{from}: a\nTo: b\nSubject: c\n");
                assert!(may_be(&block, Line::HEADER), "{from}");
                assert!(is_header_block(&Line::split(&block), 0), "{from}");
            }
        }
    }
}
