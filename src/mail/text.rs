//! The parts of a mail's text: what is new, what is quoted, what is signature or disclaimer.
//!
//! It reads lines of plain text, whatever they were made from, and deletes nothing. Where it is
//! in doubt it says "new": a quoted line that counts too much does less harm than a question
//! that doesn't count.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memchr2;

use super::anycase::AnyCase;
use super::closings::{DISCLAIMER_HINTS, DISCLAIMER_WORDS, DISCLAIMERS, SIGN_OFFS};
use super::lines::{
    ANNOUNCEMENTS, LABELS, LONG_LINE, LONGEST_ANNOUNCEMENT, LONGEST_LABEL, Line, PHONES, which,
};
use super::phrases::ATTRIBUTION_VERBS;
use super::{Text, TextPart, TextPlace};

/// An attribution such as "On Monday … wrote:" wraps over at most this many lines.
const ATTRIBUTION_LINES: usize = 3;
/// No sign-off is, with the place that it greets from.
const LONGEST_SIGN_OFF: usize = 64;
/// No signature of a phone is.
const LONGEST_PHONE_SIGNATURE: usize = 80;
/// A signature below a sign-off has at most this many lines.
const SIGNATURE_LINES: usize = 10;

/// [`SIGN_OFFS`].
static ENDINGS: AnyCase = AnyCase::of(&SIGN_OFFS);

/// Finds [`ATTRIBUTION_VERBS`].
static VERBS: LazyLock<AhoCorasick> = LazyLock::new(|| small(ATTRIBUTION_VERBS));

/// Finds [`DISCLAIMERS`].
static LEGAL_PHRASES: LazyLock<AhoCorasick> = LazyLock::new(|| small(DISCLAIMERS));

/// Finds [`DISCLAIMER_HINTS`].
static LEGAL_HINTS: LazyLock<AhoCorasick> = LazyLock::new(|| small(DISCLAIMER_HINTS));

/// So many different hints in one paragraph are no chance.
const ENOUGH_HINTS: u32 = 3;

/// Finds [`DISCLAIMER_WORDS`].
///
/// In lower case, in capitals, and with a first capital: that many plain patterns are searched for
/// with vector instructions, which a search that ignores case isn't.
static LEGAL_WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let spellings = DISCLAIMER_WORDS.iter().flat_map(|word| {
        let capital = word.get(..1).unwrap_or_default().to_ascii_uppercase();
        let rest = word.get(1..).unwrap_or_default();
        [(*word).to_owned(), word.to_ascii_uppercase(), format!("{capital}{rest}")]
    });
    small(spellings)
});

fn small(phrases: impl IntoIterator<Item: AsRef<[u8]>>) -> AhoCorasick {
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
    mark_signatures(&lines, &mut places);
    mark_disclaimers(&body, &lines, &mut places);
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

/// "From: … Sent: … To: … Subject: …", as Outlook puts above the mail that it answers.
fn is_header_block(lines: &[Line<'_>], first: usize) -> bool {
    // The block begins with From; a rule of underscores above it is decoration.
    if lines.get(first).and_then(header_label) != Some(0) {
        return false;
    }
    let following = lines.get(first + 1..).unwrap_or_default().iter();
    let mut seen: Vec<usize> = following
        .filter(|line| !line.is_blank())
        .take(5)
        .filter_map(header_label)
        .filter(|which| *which > 0)
        .collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len() >= 2
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
    let within = lines.get(block.clone()).unwrap_or_default();
    let marker = which(within, Line::MARKER).map(|n| block.start + n).find(|&n| {
        // RFC 3676 §4.3: "-- " alone on a line; many programs lose its space.
        text(n) == "--" || is_list_footer(lines, n) || is_phone_signature(text(n))
    });
    let end = marker.unwrap_or(block.end);
    let sign_off =
        (block.start..end).rev().take(SIGNATURE_LINES + 4).find(|&n| is_sign_off(text(n)));
    // With nothing above it, it begins the mail: "Thanks," / "but it still doesn't work".
    let sign_off = sign_off.filter(|&n| (block.start..n).map(text).any(|text| !text.is_empty()));
    let below = sign_off.filter(|&n| {
        let filled: Vec<&str> = (n + 1..end).map(text).filter(|text| !text.is_empty()).collect();
        let is_short = |text: &&str| text.len() <= 80 && !text.ends_with('?');
        filled.len() <= SIGNATURE_LINES && filled.iter().all(is_short)
    });
    below.or(marker)
}

/// What stands before the place that a sign-off greets from.
const FROM: &[u8] = b" aus ";

/// "Best regards,", "Viele Grüße aus Berlin".
fn is_sign_off(text: &str) -> bool {
    if text.len() > LONGEST_SIGN_OFF || !ENDINGS.may_begin_as(text) {
        return false;
    }
    let words = text.trim_end_matches([',', '.', '!', ' ', '-', '–']);
    // Where it greets from is no part of it.
    let place = words.as_bytes().windows(FROM.len()).position(|w| w.eq_ignore_ascii_case(FROM));
    ENDINGS.has(place.and_then(|place| words.get(..place)).unwrap_or(words))
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
    text.len() <= LONGEST_PHONE_SIGNATURE && PHONES.begins(text)
}

/// Marks legal text, wherever it stands: from the sentence that begins it to the end of its
/// paragraph.
fn mark_disclaimers(body: &str, lines: &[Line<'_>], places: &mut [TextPlace]) {
    // One pass over the body finds the words that only some mails have; the lines around them are
    // then looked at with care.
    let mut next = 0;
    for found in LEGAL_WORDS.find_iter(body) {
        let at = lines.partition_point(|line| line.range.end <= found.start());
        if at < next {
            continue;
        }
        let line = |n: usize| lines.get(n).map_or("", |line| line.text);
        let goes_on = |n: &usize| !line(*n).is_empty() && !line(*n).ends_with(SENTENCE_ENDS);
        let first = (next..at).rev().take_while(goes_on).last().unwrap_or(at);
        let last = (at..lines.len()).take_while(|n| !line(*n).is_empty()).last().unwrap_or(at);
        next = last + 1;
        let said: Vec<&str> = (first..=last).map(line).collect();
        if said.iter().map(|line| line.len() + 1).sum::<usize>() > LONGEST_DISCLAIMER {
            continue;
        }
        let mut words = said.join(" ");
        if words.is_ascii() {
            words.make_ascii_lowercase();
        } else {
            words = words.to_lowercase();
        }
        if is_legal(&words) {
            for place in places.get_mut(first..=last).unwrap_or_default() {
                if *place == TextPlace::New {
                    *place = TextPlace::Signature;
                }
            }
        }
    }
}

/// What a sentence ends with.
const SENTENCE_ENDS: [char; 5] = ['.', '!', '?', ':', '。'];

/// A longer paragraph than this, in bytes, says more than a disclaimer.
const LONGEST_DISCLAIMER: usize = 4_000;

/// A paragraph that says so much, in bytes, before its first legal word says something else: where
/// a program made one line of a whole mail, the disclaimer at its end must not swallow the mail.
const LONGEST_LEAD: usize = 200;

fn is_legal(words: &str) -> bool {
    let phrase = LEGAL_PHRASES.find(words);
    let (mut hints, mut first) = (0_u32, phrase.map(|found| found.start()));
    for hint in LEGAL_HINTS.find_iter(words) {
        hints |= 1 << hint.pattern().as_u32();
        first = Some(first.map_or(hint.start(), |first| first.min(hint.start())));
    }
    (hints.count_ones() >= ENOUGH_HINTS || phrase.is_some())
        && first.is_some_and(|first| first <= LONGEST_LEAD)
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
    use super::*;
    use crate::mail::closings::PHONE_SIGNATURES;
    use crate::mail::phrases::{FORWARDED, HEADER_LABELS, ORIGINAL};

    #[test]
    fn what_rules_lines_out_early_rules_out_no_phrase() {
        let may_be = |line: &str, bits| Line::split(line).first().is_some_and(|l| l.may_be(bits));
        for marker in ["--", "____________________", "--------------------"] {
            assert!(may_be(marker, Line::MARKER), "{marker}");
        }
        for end in ["Ann wrote:", "安写道："] {
            assert!(may_be(end, Line::ATTRIBUTION), "{end}");
        }
        for phrase in DISCLAIMERS {
            assert!(LEGAL_WORDS.is_match(phrase), "{phrase}");
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
        for phrase in SIGN_OFFS {
            assert!(is_sign_off(phrase), "{phrase}");
        }
        for start in PHONE_SIGNATURES {
            for line in [format!("{start}x"), start.to_uppercase()] {
                assert!(may_be(&line, Line::MARKER) && is_phone_signature(&line), "{line}");
            }
        }
    }
}
