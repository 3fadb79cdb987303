//! How deep the parts of a mail may be nested, judged before any parser sees it.
//!
//! Parsers recurse, and what they made is dropped recursively too: a hostile mail of 64 kB can
//! overflow a stack. This counts what could begin a nested part, without reading any structure,
//! so it can only overstate the depth.

use std::sync::LazyLock;

use mail_parser::decoders::base64::base64_decode;
use memchr::memmem::Finder;
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
    for at in hyphens(raw) {
        let after = raw.get(at + 1..).unwrap_or_default();
        if let Some(value) = value_of(after, b"type") {
            if begins_with_letter(value, b'm') {
                found += 1;
                let digest = starts(value, b"multipart/digest");
                holds_mail |= digest || !starts(value, b"multipart/");
            }
        } else if let Some(value) = value_of(after, b"transfer-encoding")
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

/// Where the hyphens of `Content-`, in whatever case, are, in order.
fn hyphens(raw: &[u8]) -> impl Iterator<Item = usize> {
    // Looking for two letters passes by all lines of hyphens.
    static LAST: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| [Finder::new(b"t-"), Finder::new(b"T-")]);
    let find = |two: &'static Finder<'static>| {
        let found = two.find_iter(raw).map(|at| at + 1);
        found.filter(|at| follows(raw, *at, b"content")).peekable()
    };
    let [small, capital] = &*LAST;
    let (mut small, mut capital) = (find(small), find(capital));
    std::iter::from_fn(move || match (small.peek(), capital.peek()) {
        (Some(one), Some(other)) if other < one => capital.next(),
        (None, _) => capital.next(),
        (Some(_), _) => small.next(),
    })
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

/// Whether `word` stands right before `at`.
fn follows(raw: &[u8], at: usize, word: &[u8]) -> bool {
    at.checked_sub(word.len())
        .and_then(|start| raw.get(start..at))
        .is_some_and(|before| before.eq_ignore_ascii_case(word))
}

fn starts(bytes: &[u8], word: &[u8]) -> bool {
    bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// What stands behind `name` and its colon.
fn value_of<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if !starts(bytes, name) {
        return None;
    }
    let rest = bytes.get(name.len()..)?;
    let white = rest.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == b':');
    rest.get(white.count()..)
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
