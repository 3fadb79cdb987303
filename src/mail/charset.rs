//! What to do when text does not fit the charset that it is said to have.
//!
//! mail-parser decodes what is announced. Where that leaves replacement characters, the bytes are
//! read again the way that is most often meant.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, MessagePart, MimeHeaders};
use memchr::memmem;

use super::Oddity;

/// The text of a part, and what was odd about its bytes.
pub(super) fn text_of<'a>(part: &'a MessagePart<'_>, raw: &[u8]) -> (Cow<'a, str>, Option<Oddity>) {
    let text = part.text_contents().unwrap_or_default();
    let fits = memmem::find(text.as_bytes(), "\u{fffd}".as_bytes()).is_none();
    if fits && !part.is_encoding_problem {
        return (Cow::Borrowed(text), is_unknown(part).then_some(Oddity::CharsetMismatch));
    }
    let body = raw.get(part.offset_body as usize..part.offset_end as usize).unwrap_or_default();
    // Where decoding failed, the parser forgets how the part was encoded.
    let says = part.content_transfer_encoding();
    let bytes = match part.encoding {
        _ if says.is_some_and(|says| says.eq_ignore_ascii_case("base64")) => {
            base64(body).map(Cow::Owned)
        }
        Encoding::None => Some(Cow::Borrowed(body)),
        Encoding::Base64 => base64(body).map(Cow::Owned),
        Encoding::QuotedPrintable => quoted_printable_decode(body).map(Cow::Owned),
    };
    let oddity =
        if part.is_encoding_problem { Oddity::BrokenMime } else { Oddity::CharsetMismatch };
    match bytes {
        Some(bytes) if !bytes.is_empty() => (Cow::Owned(guess(&bytes)), Some(oddity)),
        _ => (Cow::Borrowed(text), Some(oddity)),
    }
}

/// Whether a part names a charset that nobody knows.
fn is_unknown(part: &MessagePart<'_>) -> bool {
    let charset = part.content_type().and_then(|content| content.attribute("charset"));
    charset.is_some_and(|charset| {
        let plain = ["utf-8", "utf8", "us-ascii", "ascii"];
        let plain = plain.iter().any(|known| charset.eq_ignore_ascii_case(known));
        !plain && charset_decoder(charset.as_bytes()).is_none()
    })
}

/// Decodes Base64 as far as it goes, past what has no place in it.
fn base64(body: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut digits: Vec<u8> = body.iter().copied().filter(digit).collect();
    digits.truncate(digits.len() - digits.len() % 4);
    base64_decode(&digits)
}

/// Bytes whose charset is unknown or wrong: UTF-8 if they are, else windows-1252, in which every
/// byte is a letter and which is what most old programs meant by Latin-1.
pub(super) fn guess(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => decode("windows-1252", bytes),
    }
}

fn decode(charset: &str, bytes: &[u8]) -> String {
    match charset_decoder(charset.as_bytes()) {
        Some(decoder) => decoder(bytes),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A header field that did not decode: its encoded words (RFC 2047) are joined before they are
/// decoded, since some programs cut them in the middle of a character; bytes that were not
/// encoded at all are guessed. `None` if nothing helps.
pub(super) fn mend_field(raw: &[u8]) -> Option<String> {
    if !raw.is_ascii() {
        return Some(guess(raw));
    }
    let text = std::str::from_utf8(raw).ok()?;
    let mut out = String::new();
    // The run of encoded words with one charset that is being joined.
    let mut run: Option<(String, Vec<u8>)> = None;
    for word in text.split_ascii_whitespace() {
        if let Some((charset, bytes)) = encoded_word(word) {
            match &mut run {
                Some((open, joined)) if *open == charset => joined.extend(bytes),
                _ => {
                    flush(&mut run, &mut out);
                    run = Some((charset, bytes));
                }
            }
        } else {
            flush(&mut run, &mut out);
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(word);
            out.push(' ');
        }
    }
    flush(&mut run, &mut out);
    (!out.contains(char::REPLACEMENT_CHARACTER)).then_some(out)
}

fn flush(run: &mut Option<(String, Vec<u8>)>, out: &mut String) {
    if let Some((charset, bytes)) = run.take() {
        out.push_str(&decode(&charset, &bytes));
    }
}

/// `=?charset?B?…?=` or `=?charset?Q?…?=`: the charset in lower case, and the bytes.
fn encoded_word(word: &str) -> Option<(String, Vec<u8>)> {
    let inner = word.strip_prefix("=?")?.strip_suffix("?=")?;
    let mut pieces = inner.splitn(3, '?');
    let (charset, encoding, text) = (pieces.next()?, pieces.next()?, pieces.next()?);
    // RFC 2231 §5: a language may follow the charset.
    let charset = charset.split('*').next()?.to_ascii_lowercase();
    let bytes = match encoding {
        "B" | "b" => base64_decode(text.as_bytes())?,
        "Q" | "q" => quoted_printable_decode(text.replace('_', " ").as_bytes())?,
        _ => return None,
    };
    Some((charset, bytes))
}
