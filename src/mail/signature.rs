//! What stands below a mail's own words: signatures, list footers, legal text.
//!
//! What is taken for one weighs nothing, so where it is in doubt it is the mail's own.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::TextPlace;
use super::anycase::AnyCase;
use super::closings::{DISCLAIMER_HINTS, DISCLAIMER_WORDS, DISCLAIMERS, SIGN_OFFS};
use super::lines::{Line, PHONES, which};
use super::text::{fill, small};

/// No sign-off is longer, with the place that it greets from.
const LONGEST_SIGN_OFF: usize = 64;
/// No signature of a phone is.
const LONGEST_PHONE_SIGNATURE: usize = 80;
/// A signature below a sign-off has at most this many lines.
const SIGNATURE_LINES: usize = 10;
/// And none is longer.
const LONGEST_SIGNATURE_LINE: usize = 80;
/// So many lines, a name and a number, may stand below what a phone adds.
const BELOW_PHONE: usize = 2;

/// [`SIGN_OFFS`].
static ENDINGS: AnyCase = AnyCase::of(&SIGN_OFFS);

/// Finds [`DISCLAIMERS`].
static LEGAL_PHRASES: LazyLock<AhoCorasick> = LazyLock::new(|| small(DISCLAIMERS));

/// Finds [`DISCLAIMER_HINTS`].
static LEGAL_HINTS: LazyLock<AhoCorasick> = LazyLock::new(|| small(DISCLAIMER_HINTS));

/// So many different hints in one paragraph are no chance.
const ENOUGH_HINTS: u32 = 4;

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

/// Marks signatures: behind `-- `, behind a sign-off at the end of the new text, list footers,
/// and what phones add.
pub(super) fn mark_signatures(lines: &[Line<'_>], places: &mut [TextPlace]) {
    let mut n = 0;
    while n < lines.len() {
        if places.get(n) != Some(&TextPlace::New) {
            n += 1;
            continue;
        }
        let length = places.iter().skip(n).take_while(|place| **place == TextPlace::New).count();
        let block = n..n + length;
        // Below it there may be a postscript.
        n = signature_in(lines, block.clone()).map_or(block.end, |signature| {
            fill(places, signature.clone(), TextPlace::Signature);
            signature.end
        });
    }
}

/// The lines of the signature in a block of new text.
fn signature_in(lines: &[Line<'_>], block: Range<usize>) -> Option<Range<usize>> {
    let text = |n: usize| lines.get(n).map_or("", |line| line.text);
    let within = lines.get(block.clone()).unwrap_or_default();
    let marker = which(within, Line::MARKER).map(|n| block.start + n).find(|&n| {
        // RFC 3676 §4.3: "-- " alone on a line; many programs lose its space. Of several, others
        // set off something else.
        (text(n) == "--" && !(n + 1..block.end).any(|n| text(n) == "--"))
            || is_list_footer(lines, n)
            || (is_phone_signature(text(n)) && ends_a_mail(lines, n, block.end))
    });
    let end = marker.unwrap_or(block.end);
    let sign_off =
        (block.start..end).rev().take(SIGNATURE_LINES + 4).find(|&n| is_sign_off(text(n)));
    // With nothing above it, it begins the mail: "Thanks," / "but it still doesn't work".
    let sign_off = sign_off.filter(|&n| (block.start..n).map(text).any(|text| !text.is_empty()));
    let below = sign_off.and_then(|first| {
        let script = (first + 1..end).find(|&n| is_postscript(text(n)));
        let last = script.unwrap_or(end);
        let filled: Vec<&str> =
            (first + 1..last).map(text).filter(|text| !text.is_empty()).collect();
        let is_short = |text: &&str| text.len() <= LONGEST_SIGNATURE_LINE && !text.ends_with('?');
        // "Thank you very much!" / "Now another thing: …" goes on.
        let names_somebody = filled.first().is_none_or(|first| !is_sentence(first));
        let fits = filled.len() <= SIGNATURE_LINES && filled.iter().all(is_short);
        (fits && names_somebody).then_some(first..script.unwrap_or(block.end))
    });
    below.or(marker.map(|first| first..block.end))
}

/// Whether a line begins what somebody thought of later.
fn is_postscript(text: &str) -> bool {
    const BEGIN: [&str; 8] = ["PS:", "PS ", "P.S.", "P.S:", "P. S.", "PPS", "PD:", "P.D."];
    BEGIN.iter().any(|begin| {
        let start = text.get(..begin.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(begin))
    })
}

/// Whether a line says something: most of its words are no names and no numbers.
fn is_sentence(text: &str) -> bool {
    let (mut words, mut lower) = (0, 0);
    for word in text.split_whitespace() {
        words += 1;
        lower += usize::from(word.starts_with(char::is_lowercase));
    }
    words >= 4 && lower * 2 > words
}

/// Whether no more stands below a line than below what a phone adds to a mail. A list's footer
/// doesn't count.
fn ends_a_mail(lines: &[Line<'_>], n: usize, end: usize) -> bool {
    let below = lines.get(n + 1..end).unwrap_or_default();
    let mut filled = (n + 1..).zip(below).filter(|(_, line)| !line.is_blank());
    for _ in 0..BELOW_PHONE {
        match filled.next() {
            Some((n, _)) if is_list_footer(lines, n) => return true,
            Some((_, line)) if line.text.len() > LONGEST_SIGNATURE_LINE => return false,
            Some((_, line)) if is_sentence(line.text) => return false,
            Some(_) => {}
            None => return true,
        }
    }
    filled.next().is_none_or(|(n, _)| is_list_footer(lines, n))
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

/// "Sent from my …", "Von meinem … gesendet".
fn is_phone_signature(text: &str) -> bool {
    if text.len() > LONGEST_PHONE_SIGNATURE || !PHONES.begins(text) {
        return false;
    }
    // "Von meinem Anschluss aus kann ich …"
    let ends = |with: &str| {
        let text = text.trim_end_matches(['.', ' ']);
        let end = text.len().checked_sub(with.len()).and_then(|at| text.get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(with))
    };
    let begins = text.get(..OF_MINE.len());
    begins.is_none_or(|begin| !begin.eq_ignore_ascii_case(OF_MINE)) || ends("gesendet")
}

/// What German phones begin with, and many a sentence.
const OF_MINE: &str = "von meinem ";

/// Marks legal text, wherever it stands: from the sentence that begins it to the end of its
/// paragraph.
pub(super) fn mark_disclaimers(body: &str, lines: &[Line<'_>], places: &mut [TextPlace]) {
    // One pass over the body finds the words that only some mails have; the lines around them are
    // then looked at with care.
    let mut next = 0;
    let mut begun = None;
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
        let begun = *begun.get_or_insert_with(|| own_words(lines, places));
        if is_legal(&words, begun < first) {
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

/// Words that a greeting has no more of.
const GREETING_WORDS: usize = 4;

/// The first line of a mail's own words that is no greeting.
fn own_words(lines: &[Line<'_>], places: &[TextPlace]) -> usize {
    let says_something = |text: &str| {
        text.ends_with(['.', '?', '。']) || text.split_whitespace().nth(GREETING_WORDS).is_some()
    };
    let said = lines
        .iter()
        .zip(places)
        .position(|(line, place)| *place == TextPlace::New && says_something(line.text));
    said.unwrap_or(lines.len())
}

/// Whether a paragraph is legal text: by a phrase, or by many hints. These are no chance below a
/// mail's own words where nobody says "I"; otherwise somebody may be reporting a leak.
fn is_legal(words: &str, is_below: bool) -> bool {
    let phrase = LEGAL_PHRASES.find(words);
    let (mut hints, mut first) = (0_u32, phrase.map(|found| found.start()));
    for hint in LEGAL_HINTS.find_iter(words) {
        hints |= 1 << hint.pattern().as_u32();
        first = Some(first.map_or(hint.start(), |first| first.min(hint.start())));
    }
    let somebody = || {
        let mut words = words.split(|c: char| !c.is_alphanumeric());
        words.any(|word| matches!(word, "i" | "ich" | "je" | "yo" | "io"))
    };
    let by_hints = || hints.count_ones() >= ENOUGH_HINTS && is_below && !somebody();
    (phrase.is_some() || by_hints()) && first.is_some_and(|first| first <= LONGEST_LEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::closings::PHONE_SIGNATURES;

    #[test]
    fn what_rules_lines_out_early_rules_out_no_phrase() {
        let may_be = |line: &str, bits| Line::split(line).first().is_some_and(|l| l.may_be(bits));
        for marker in ["--", "____________________", "--------------------"] {
            assert!(may_be(marker, Line::MARKER), "{marker}");
        }
        for phrase in DISCLAIMERS {
            assert!(LEGAL_WORDS.is_match(phrase), "{phrase}");
        }
        for phrase in SIGN_OFFS {
            assert!(is_sign_off(phrase), "{phrase}");
        }
        for start in PHONE_SIGNATURES {
            for line in [format!("{start}x gesendet"), start.to_uppercase() + "X GESENDET"] {
                assert!(may_be(&line, Line::MARKER) && is_phone_signature(&line), "{line}");
            }
        }
    }
}
