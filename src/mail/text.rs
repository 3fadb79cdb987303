//! The parts of a mail's text: what is new, what is quoted, what is signature or disclaimer.
//!
//! It reads lines of plain text, whatever they were made from, and deletes nothing. Where it is
//! in doubt it says "new": a quoted line that counts too much does less harm than a question
//! that doesn't count.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::phrases::{
    ATTRIBUTION_VERBS, DISCLAIMERS, FORWARDED, HEADER_LABELS, ORIGINAL, PHONE_SIGNATURES, SIGN_OFFS,
};
use super::{Text, TextPart, TextPlace};

/// An attribution such as "On Monday … wrote:" wraps over at most this many lines.
const ATTRIBUTION_LINES: usize = 3;
/// A longer line than this is a paragraph and no attribution, label or sign-off.
const LONG_LINE: usize = 250;
/// No line that announces an earlier mail is longer than this, in bytes.
const LONGEST_ANNOUNCEMENT: usize = 64;
/// A signature below a sign-off has at most this many lines.
const SIGNATURE_LINES: usize = 10;

/// Finds one word of every disclaimer: most mails have none, and need no closer look.
static MAYBE_DISCLAIMER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = [
        "confiden",
        "attachments",
        "files",
        "intended",
        "error",
        "vertraulich",
        "adressat",
        "jointes",
        "handelsregister",
    ];
    finder(&words)
});

/// Finds the whole phrase.
static DISCLAIMER: LazyLock<AhoCorasick> = LazyLock::new(|| finder(&DISCLAIMERS));

#[allow(clippy::expect_used, reason = "a few constant words always build")]
fn finder(words: &[&str]) -> AhoCorasick {
    let builder = AhoCorasick::builder().ascii_case_insensitive(true).build(words);
    builder.expect("constant words")
}

/// Marks the parts of a body. `quoted` names the ranges that the markup already shows as quoted,
/// in order.
pub(super) fn mark(body: String, quoted: &[Range<usize>]) -> Text {
    let lines = Line::split(&body);
    let mut quoted = quoted.iter().peekable();
    let mut places: Vec<TextPlace> = lines
        .iter()
        .map(|line| {
            let start = line.range.start;
            while quoted.next_if(|range| range.end <= start).is_some() {}
            let marked = quoted.peek().is_some_and(|range| range.contains(&start));
            if marked || line.is_quoted() { TextPlace::Quoted } else { TextPlace::New }
        })
        .collect();
    mark_attributions(&lines, &mut places);
    if let Some(first) = rest_is_quoted_from(&lines, &places) {
        fill(&mut places, first..lines.len(), TextPlace::Quoted);
    }
    mark_signatures(&lines, &mut places);
    if MAYBE_DISCLAIMER.is_match(&body) {
        mark_disclaimers(&lines, &mut places);
    }
    join_blank_lines(&lines, &mut places);
    let parts = parts(&lines, &places);
    Text { body, parts }
}

/// A line with its place in the body, its end of line included.
struct Line<'a> {
    range: Range<usize>,
    /// The line without white space at its ends.
    text: &'a str,
}

impl<'a> Line<'a> {
    fn split(body: &'a str) -> Vec<Self> {
        let mut start = 0;
        body.split_inclusive('\n')
            .map(|line| {
                let range = start..start + line.len();
                start = range.end;
                Line { range, text: line.trim() }
            })
            .collect()
    }

    /// `>` in front, but not the `>From ` that mbox files make of a line that begins with "From ".
    fn is_quoted(&self) -> bool {
        self.text.starts_with('>') && !self.text.starts_with(">From ")
    }

    fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

/// Marks "On … wrote:" before quoted lines as quoted too.
fn mark_attributions(lines: &[Line<'_>], places: &mut [TextPlace]) {
    for last in 0..lines.len() {
        let Some(first) = attribution_ending_at(lines, last) else { continue };
        let next = (last + 1..lines.len()).find(|n| lines.get(*n).is_some_and(|l| !l.is_blank()));
        let before_quote = next.and_then(|n| places.get(n)) == Some(&TextPlace::Quoted);
        if before_quote {
            fill(places, first..last + 1, TextPlace::Quoted);
        }
    }
}

/// The first line of an attribution that ends with line `last`, if there is one.
fn attribution_ending_at(lines: &[Line<'_>], last: usize) -> Option<usize> {
    let end = lines.get(last)?.text;
    if !end.ends_with([':', '：']) || end.len() > LONG_LINE {
        return None;
    }
    let lower = end.to_lowercase();
    if !ATTRIBUTION_VERBS.iter().any(|verb| lower.contains(verb)) {
        return None;
    }
    // The date or the address stands on the same line, or on one just above.
    for first in (last.saturating_sub(ATTRIBUTION_LINES - 1)..=last).rev() {
        let line = lines.get(first)?;
        if line.is_blank() || line.is_quoted() {
            break;
        }
        if line.text.contains(|c: char| c.is_ascii_digit() || matches!(c, '@' | '<' | '年')) {
            // What stands above it may still belong to it ("On Mon, 3 Nov, Ann Smith" / "<a@b>
            // wrote:"): it begins with a digit-bearing line that starts like an attribution.
            let above = first.checked_sub(1).and_then(|n| lines.get(n));
            let continued = above.is_some_and(|line| starts_like_attribution(line.text));
            return Some(if continued && first == last { first - 1 } else { first });
        }
    }
    // "Ann Smith schrieb:" alone counts right before a quote only, which the caller checks.
    Some(last)
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
fn rest_is_quoted_from(lines: &[Line<'_>], places: &[TextPlace]) -> Option<usize> {
    let last_quoted = places.iter().rposition(|place| *place == TextPlace::Quoted);
    (0..lines.len()).find(|&n| {
        let Some(line) = lines.get(n) else { return false };
        if line.is_blank() || line.text.len() > LONG_LINE {
            return false;
        }
        let words = line.text.trim_matches(['-', '_', ' ', '—', '*']);
        let announced = words.len() <= LONGEST_ANNOUNCEMENT && {
            let words = words.to_lowercase();
            ORIGINAL.contains(&words.as_str()) || FORWARDED.contains(&words.as_str())
        };
        announced || is_header_block(lines, n) || {
            let quote_follows = last_quoted.is_some_and(|last| last > n);
            !quote_follows
                && attribution_ending_at(lines, n).is_some_and(|first| {
                    lines.get(first).is_some_and(|l| starts_like_attribution(l.text))
                })
        }
    })
}

/// "From: … Sent: … To: … Subject: …", as Outlook puts above the mail that it answers.
fn is_header_block(lines: &[Line<'_>], first: usize) -> bool {
    let label = |line: &Line<'_>| {
        let (name, _) = line.text.split_once([':', '：'])?;
        let name = name.trim_matches(['*', ' ', '\u{a0}']).to_lowercase();
        HEADER_LABELS.iter().position(|labels| labels.contains(&name.as_str()))
    };
    // The block begins with From; a rule of underscores above it is decoration.
    if lines.get(first).and_then(label) != Some(0) {
        return false;
    }
    let following = lines.get(first + 1..).unwrap_or_default().iter();
    let mut seen: Vec<usize> = following
        .filter(|line| !line.is_blank())
        .take(5)
        .filter_map(label)
        .filter(|which| *which > 0)
        .collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() >= 2
}

/// Marks signatures: behind `-- `, behind a sign-off at the end of the new text, list footers,
/// and what phones add.
fn mark_signatures(lines: &[Line<'_>], places: &mut [TextPlace]) {
    let mut n = 0;
    while n < lines.len() {
        if places.get(n) != Some(&TextPlace::New) {
            n += 1;
            continue;
        }
        let length = places.iter().skip(n).take_while(|place| **place == TextPlace::New).count();
        let block = n..n + length;
        if let Some(first) = signature_in(lines, block.clone()) {
            fill(places, first..block.end, TextPlace::Signature);
        }
        n = block.end;
    }
}

/// The first line of the signature in a block of new text.
fn signature_in(lines: &[Line<'_>], block: Range<usize>) -> Option<usize> {
    let text = |n: usize| lines.get(n).map_or("", |line| line.text);
    let marker = block.clone().find(|&n| {
        // RFC 3676 §4.3: "-- " alone on a line; many programs lose its space.
        text(n) == "--" || is_list_footer(lines, n) || is_phone_signature(text(n))
    });
    let end = marker.unwrap_or(block.end);
    let sign_off = (block.start..end).rev().take(SIGNATURE_LINES + 4).find(|&n| {
        let words = text(n).trim_end_matches([',', '.', '!', ' ']).to_lowercase();
        SIGN_OFFS.contains(&words.as_str())
    });
    let below = sign_off.filter(|&n| {
        let filled: Vec<&str> = (n + 1..end).map(text).filter(|text| !text.is_empty()).collect();
        filled.len() <= SIGNATURE_LINES && filled.iter().all(|text| text.len() <= 80)
    });
    below.or(marker)
}

/// Mailman and its kin put a rule of underscores or dashes above "… mailing list" or an address.
fn is_list_footer(lines: &[Line<'_>], n: usize) -> bool {
    let rule = lines.get(n).map_or("", |line| line.text);
    if rule.len() < 20 || !rule.chars().all(|c| matches!(c, '_' | '-' | '=')) {
        return false;
    }
    let below = lines.get(n + 1..).unwrap_or_default().iter().take(3);
    below.into_iter().any(|line| {
        let lower = line.text.to_lowercase();
        ["mailing list", "unsubscribe", "listinfo", "mailingliste"]
            .iter()
            .any(|word| lower.contains(word))
    })
}

fn is_phone_signature(text: &str) -> bool {
    let lower = text.to_lowercase();
    text.len() <= 80 && PHONE_SIGNATURES.iter().any(|start| lower.starts_with(start))
}

/// Marks paragraphs of legal text, wherever they stand.
fn mark_disclaimers(lines: &[Line<'_>], places: &mut [TextPlace]) {
    let mut n = 0;
    while n < lines.len() {
        let filled = lines.iter().skip(n).take_while(|line| !line.is_blank()).count();
        let paragraph = n..n + filled;
        let words = lines
            .get(paragraph.clone())
            .unwrap_or_default()
            .iter()
            .map(|line| line.text)
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase();
        if DISCLAIMER.is_match(&words) {
            for place in places.get_mut(paragraph).unwrap_or_default() {
                if *place == TextPlace::New {
                    *place = TextPlace::Signature;
                }
            }
        }
        n += filled + 1;
    }
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

fn fill(places: &mut [TextPlace], range: Range<usize>, with: TextPlace) {
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
    use super::{DISCLAIMERS, FORWARDED, LONGEST_ANNOUNCEMENT, MAYBE_DISCLAIMER, ORIGINAL};

    #[test]
    fn the_guards_let_every_phrase_through() {
        for phrase in DISCLAIMERS {
            assert!(MAYBE_DISCLAIMER.is_match(phrase), "{phrase}");
        }
        for phrase in ORIGINAL.iter().chain(&FORWARDED) {
            assert!(phrase.len() <= LONGEST_ANNOUNCEMENT, "{phrase}");
        }
    }
}
