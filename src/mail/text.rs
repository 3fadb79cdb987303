//! The parts of a mail's text: what is new, what is quoted, what is signature or disclaimer.
//!
//! It reads lines of plain text, whatever they were made from, and deletes nothing. Where it is
//! in doubt it says "new": a quoted line that counts too much does less harm than a question
//! that doesn't count.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::{memchr_iter, memchr2};

use super::anycase::AnyCase;
use super::closings::{
    DISCLAIMER_HINTS, DISCLAIMER_WORDS, DISCLAIMERS, PHONE_SIGNATURES, SIGN_OFFS,
};
use super::phrases::{ATTRIBUTION_VERBS, FORWARDED, HEADER_LABELS, ORIGINAL};
use super::{Text, TextPart, TextPlace};

/// An attribution such as "On Monday … wrote:" wraps over at most this many lines.
const ATTRIBUTION_LINES: usize = 3;
/// A longer line than this is a paragraph and no attribution, label or sign-off.
const LONG_LINE: usize = 250;
/// Nothing in ORIGINAL or FORWARDED is longer than this many bytes, in whatever case.
const LONGEST_ANNOUNCEMENT: usize = 48;
/// No label of a header field is.
const LONGEST_LABEL: usize = 40;
/// No sign-off is, with the place that it greets from.
const LONGEST_SIGN_OFF: usize = 64;
/// A signature below a sign-off has at most this many lines.
const SIGNATURE_LINES: usize = 10;

/// [`ORIGINAL`] and [`FORWARDED`].
static ANNOUNCEMENTS: [AnyCase; 2] = [AnyCase::of(&ORIGINAL), AnyCase::of(&FORWARDED)];

/// [`HEADER_LABELS`].
static LABELS: [AnyCase; 5] = {
    let [from, sent, to, cc, subject] = HEADER_LABELS;
    let (from, sent, to) = (AnyCase::of(from), AnyCase::of(sent), AnyCase::of(to));
    [from, sent, to, AnyCase::of(cc), AnyCase::of(subject)]
};

/// [`SIGN_OFFS`].
static ENDINGS: AnyCase = AnyCase::of(&SIGN_OFFS);

/// Finds [`ATTRIBUTION_VERBS`].
static VERBS: LazyLock<AhoCorasick> = LazyLock::new(|| small(ATTRIBUTION_VERBS));

/// Finds [`DISCLAIMERS`].
static LEGAL_PHRASES: LazyLock<AhoCorasick> = LazyLock::new(|| small(DISCLAIMERS));

/// Finds [`DISCLAIMER_HINTS`].
static LEGAL_HINTS: LazyLock<AhoCorasick> = LazyLock::new(|| small(DISCLAIMER_HINTS));

/// So many different hints in one paragraph are no chance.
const ENOUGH_HINTS: usize = 3;

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
    let mut marked = marked.iter().peekable();
    let mut places: Vec<TextPlace> = lines
        .iter()
        .map(|line| {
            let start = line.range.start;
            while marked.next_if(|(range, _)| range.end <= start).is_some() {}
            match marked.peek() {
                Some((range, place)) if range.start <= start => *place,
                _ if line.is_quoted() => TextPlace::Quoted,
                _ => TextPlace::New,
            }
        })
        .collect();
    mark_attributions(&lines, &mut places);
    if let Some(first) = rest_is_quoted_from(&lines, &places) {
        fill(&mut places, first..lines.len(), TextPlace::Quoted);
    }
    mark_signatures(&lines, &mut places);
    mark_disclaimers(&body, &lines, &mut places);
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
        let mut lines = Vec::with_capacity(body.len() / 32 + 1);
        let mut start = 0;
        for end in memchr_iter(b'\n', body.as_bytes()).map(|end| end + 1).chain([body.len()]) {
            let text = trimmed(body.get(start..end).unwrap_or_default());
            if start < end {
                lines.push(Line { range: start..end, text });
            }
            start = end;
        }
        lines
    }

    /// `>` in front, but not the `>From ` that mbox files make of a line that begins with "From ".
    fn is_quoted(&self) -> bool {
        self.text.starts_with('>') && !self.text.starts_with(">From ")
    }

    fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

/// A line without white space at its ends. Most have none there but their end.
fn trimmed(line: &str) -> &str {
    let text = line.strip_suffix('\n').unwrap_or(line);
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => line.trim(),
    }
}

/// Marks "On … wrote:" before quoted lines as quoted too.
fn mark_attributions(lines: &[Line<'_>], places: &mut [TextPlace]) {
    for last in 0..lines.len() {
        let Some(found) = attribution_ending_at(lines, last) else { continue };
        let next = (last + 1..lines.len()).find(|n| lines.get(*n).is_some_and(|l| !l.is_blank()));
        let before_quote = next.and_then(|n| places.get(n)) == Some(&TextPlace::Quoted);
        if before_quote {
            fill(places, found.first..last + 1, TextPlace::Quoted);
        }
    }
}

/// Lines such as "On Monday … wrote:".
struct Attribution {
    /// Its first line.
    first: usize,
    /// Whether it is one also where no `>` follows.
    is_sure: bool,
}

/// The attribution that ends with line `last`, if there is one.
fn attribution_ending_at(lines: &[Line<'_>], last: usize) -> Option<Attribution> {
    let end = lines.get(last)?.text;
    // The last byte of the full-width colon tells most lines apart from those with one.
    let may_be = matches!(end.as_bytes().last(), Some(b':' | 0x9a));
    if !may_be || !end.ends_with([':', '：']) || end.len() > LONG_LINE {
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
            return Some(Attribution { first, is_sure: true });
        }
        // In some languages there is no verb, or one that we don't know: "… <ann@example.org>:".
        if year && address && (verb || end.contains('@')) {
            let is_sure = verb || end.trim_end_matches([':', '：']).ends_with('>');
            return Some(Attribution { first, is_sure });
        }
    }
    // "Ann Smith schrieb:" alone counts right before a quote only, which the caller checks.
    verb.then(|| Attribution { first: dated.unwrap_or(last), is_sure: false })
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
fn rest_is_quoted_from(lines: &[Line<'_>], places: &[TextPlace]) -> Option<usize> {
    let last_quoted = places.iter().rposition(|place| *place == TextPlace::Quoted);
    (0..lines.len()).find_map(|n| {
        let line = lines.get(n)?;
        if is_announcement(line.text) || is_header_block(lines, n) {
            return Some(n);
        }
        let quoted_below = last_quoted.is_some_and(|last| last > n);
        let found = attribution_ending_at(lines, n).filter(|found| found.is_sure);
        found.filter(|_| !quoted_below).map(|found| found.first)
    })
}

/// A line that says that an earlier mail follows, mostly between dashes.
fn is_announcement(text: &str) -> bool {
    const AROUND: [char; 5] = ['-', '_', ' ', '—', '*'];
    // Most lines are ruled out by their length, which costs nothing.
    let is_bare = match text.as_bytes() {
        [first, .., last] => first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric(),
        _ => false,
    };
    let bare = if is_bare { text } else { text.trim_matches(AROUND) };
    bare.len() <= LONGEST_ANNOUNCEMENT && ANNOUNCEMENTS.iter().any(|phrases| phrases.has(bare))
}

/// "From: … Sent: … To: … Subject: …", as Outlook puts above the mail that it answers.
fn is_header_block(lines: &[Line<'_>], first: usize) -> bool {
    // The block begins with From; a rule of underscores above it is decoration. Most lines are
    // told by their first letter.
    let [from, ..] = &LABELS;
    let begins = lines.get(first).and_then(|line| line.text.as_bytes().first());
    let may_be = |byte: &u8| *byte == b'*' || from.may_begin(*byte);
    if !begins.is_some_and(may_be) || lines.get(first).and_then(header_label) != Some(0) {
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

/// Which of [`HEADER_LABELS`] a line begins with.
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
    let marker = block.clone().find(|&n| {
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

/// "Best regards,", "Viele Grüße aus Berlin".
fn is_sign_off(text: &str) -> bool {
    let may_be = text.as_bytes().first().is_some_and(|first| ENDINGS.may_begin(*first));
    if !may_be || text.len() > LONGEST_SIGN_OFF {
        return false;
    }
    let words = text.trim_end_matches([',', '.', '!', ' ', '-', '–']).to_lowercase();
    let words = words.split(" aus ").next().unwrap_or_default();
    ENDINGS.has(words)
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
    let first = text.chars().next().map(|c| c.to_ascii_lowercase());
    // The letters that PHONE_SIGNATURES begin with, which few lines do.
    text.len() <= 80
        && matches!(first, Some('s' | 'g' | 'v' | 'e' | 'i' | 'd' | 'о' | 'О'))
        && if text.is_ascii() {
            let begins = |start: &&str| {
                let beginning = text.get(..start.len());
                beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
            };
            PHONE_SIGNATURES.iter().any(begins)
        } else {
            let lower = text.to_lowercase();
            PHONE_SIGNATURES.iter().any(|start| lower.starts_with(start))
        }
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
        let words: Vec<&str> = (first..=last).map(line).collect();
        let words = words.join(" ");
        if words.len() <= LONGEST_DISCLAIMER && is_legal(&words.to_lowercase()) {
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
    let hints: BTreeSet<_> = LEGAL_HINTS.find_iter(words).map(|hint| hint.pattern()).collect();
    let phrase = LEGAL_PHRASES.find(words);
    let first = LEGAL_HINTS.find(words).into_iter().chain(phrase).map(|found| found.start()).min();
    (hints.len() >= ENOUGH_HINTS || phrase.is_some())
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

    #[test]
    fn what_rules_lines_out_early_rules_out_no_phrase() {
        for phrase in DISCLAIMERS {
            assert!(LEGAL_WORDS.is_match(phrase), "{phrase}");
        }
        for phrase in ORIGINAL.into_iter().chain(FORWARDED) {
            assert!(phrase.to_uppercase().len() <= LONGEST_ANNOUNCEMENT, "{phrase}");
            assert!(is_announcement(&format!("----- {phrase} -----")), "{phrase}");
        }
        for label in HEADER_LABELS.concat() {
            assert!(label.to_uppercase().len() <= LONGEST_LABEL, "{label}");
        }
        for from in HEADER_LABELS[0] {
            for from in [from.to_string(), from.to_uppercase(), format!("*{from}*")] {
                let block = format!("{from}: a\nTo: b\nSubject: c\n");
                assert!(is_header_block(&Line::split(&block), 0), "{from}");
            }
        }
        for phrase in SIGN_OFFS {
            assert!(is_sign_off(phrase), "{phrase}");
        }
        for start in PHONE_SIGNATURES {
            assert!(is_phone_signature(start), "{start}");
            assert!(is_phone_signature(&start.to_uppercase()), "{start}");
        }
    }
}
