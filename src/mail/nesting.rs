//! How deep the parts of a mail may be nested, judged before any parser sees it.
//!
//! Parsers recurse, and what they made is dropped recursively too: a hostile mail of 64 kB can
//! overflow a stack. This counts what could begin a nested part, without reading any structure,
//! so it can only overstate the depth.

use mail_parser::decoders::base64::base64_decode;
use memchr::{memchr, memchr_iter};

use super::parse::MAX_NESTING;

/// mail-parser looks into an encoded mail within an encoded mail, three levels down.
const ENCODED_LEVELS: usize = 3;

/// Whether parts may be nested deeper than [`MAX_NESTING`], in the mail as it stands or in a mail
/// that is attached to it in an encoded form.
pub(super) fn nested_too_deep(raw: &[u8]) -> bool {
    count(raw, ENCODED_LEVELS) > MAX_NESTING
}

/// How many fields may begin a nested part; not exact above [`MAX_NESTING`].
fn count(raw: &[u8], encoded_levels: usize) -> usize {
    let mut found = 0;
    let mut holds_mail = false;
    let mut encoded = Vec::new();
    for colon in memchr_iter(b':', raw) {
        if ends_with_name(raw, colon, b"content-type") {
            let value = value_at(raw, colon);
            if begins_with_letter(value, b'm') {
                found += 1;
                let digest = starts(value, b"multipart/digest");
                holds_mail |= digest || !starts(value, b"multipart/");
            }
        } else if ends_with_name(raw, colon, b"content-transfer-encoding")
            && let value = value_at(raw, colon)
            && value.first().is_some_and(|byte| b"bBqQ=".contains(byte))
        {
            encoded.push(value);
        }
        if found > MAX_NESTING {
            return found;
        }
    }
    if holds_mail && encoded_levels > 0 { found + within(&encoded, encoded_levels) } else { found }
}

/// Whether a field's name ends before the colon. mail-parser takes no notice of white space within
/// a name, nor of what stands before it: a boundary may end right there.
#[inline]
fn ends_with_name(raw: &[u8], colon: usize, name: &[u8]) -> bool {
    // Nearly every colon is ruled out by the letter before it.
    let before = raw.get(..colon).unwrap_or_default();
    let last = before.last().copied().unwrap_or_default();
    let is_it = name.last().is_some_and(|end| last.eq_ignore_ascii_case(end));
    (is_it || is_white(last)) && has_name_at_its_end(before, name)
}

fn has_name_at_its_end(before: &[u8], name: &[u8]) -> bool {
    let mut letters = before.iter().rev().filter(|byte| !is_white(**byte));
    name.iter().rev().all(|letter| letters.next().is_some_and(|it| it.eq_ignore_ascii_case(letter)))
}

/// White space that ends no line.
fn is_white(byte: u8) -> bool {
    byte.is_ascii_whitespace() && byte != b'\n'
}

/// How many of them stand in encoded parts; each slice begins with the name of the encoding and
/// goes to the end of the mail.
fn within(encoded: &[&[u8]], levels: usize) -> usize {
    let mut found = 0;
    let mut left = usize::MAX;
    for value in encoded {
        // One that stands before the body that was read last is in the same header.
        if value.len() > left {
            continue;
        }
        let Some(body) = body_below(value) else { break };
        left = body.len();
        if starts(value, b"b") {
            // A hyphen is no letter of base64: it begins the boundary.
            let body = body.get(..memchr(b'-', body).unwrap_or(body.len())).unwrap_or_default();
            found += base64_decode(body).map_or(0, |decoded| count(&decoded, levels - 1));
        } else if starts(value, b"q") {
            // To the end of the mail, whatever parts follow: once is enough then.
            found += count(&unquoted(body), levels - 1);
            break;
        } else {
            // An encoding named in an encoded word: nothing but hostile mail has it.
            return MAX_NESTING + 1;
        }
        if found > MAX_NESTING {
            break;
        }
    }
    found
}

/// What follows the first blank line.
fn body_below(header: &[u8]) -> Option<&[u8]> {
    memchr_iter(b'\n', header).find_map(|at| match header.get(at + 1..)? {
        [b'\n', body @ ..] | [b'\r', b'\n', body @ ..] => Some(body),
        _ => None,
    })
}

fn starts(bytes: &[u8], word: &[u8]) -> bool {
    bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// What stands behind a colon.
fn value_at(raw: &[u8], colon: usize) -> &[u8] {
    let rest = raw.get(colon..).unwrap_or_default();
    let white = rest.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b':');
    rest.get(white.count()..).unwrap_or_default()
}

/// Whether a value begins with this letter, or with something that is no letter at all, which may
/// be a comment that the parser skips.
fn begins_with_letter(value: &[u8], letter: u8) -> bool {
    value
        .first()
        .is_some_and(|byte| !byte.is_ascii_alphanumeric() || byte.eq_ignore_ascii_case(&letter))
}

/// Quoted-printable undone as far as it goes.
fn unquoted(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = memchr(b'=', rest) {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        let hex = |at: usize| char::from(*rest.get(at)?).to_digit(16);
        let taken = match (rest.get(at + 1), hex(at + 1), hex(at + 2)) {
            (_, Some(high), Some(low)) => {
                out.extend(u8::try_from(high * 16 + low));
                3
            }
            (Some(b'\r'), ..) => 3,
            (Some(b'\n'), ..) => 2,
            _ => {
                out.push(b'=');
                1
            }
        };
        rest = rest.get(at + taken..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    out
}
