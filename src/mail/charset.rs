//! What to do when text does not fit the charset that it is said to have.
//!
//! mail-parser decodes what is announced. Where that leaves replacement characters, the bytes are
//! read again the way that is most often meant.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding, MessagePart, MimeHeaders};
use memchr::{memchr, memmem};

use super::{Oddity, quoted};

/// The text of a part, and what was odd about its bytes.
pub(super) fn text_of<'a>(part: &'a MessagePart<'_>, raw: &[u8]) -> (Cow<'a, str>, Option<Oddity>) {
    let text = part.text_contents().unwrap_or_default();
    let charset = part.content_type().and_then(|content| content.attribute("charset"));
    let charset = charset.unwrap_or_default();
    let escapes = has_escape(text.as_bytes());
    let is_beyond = !text.is_ascii();
    let is_lost = is_beyond && text.contains(char::REPLACEMENT_CHARACTER);
    let is_wrong = part.is_encoding_problem || escapes || is_lost;
    let may_lie = is_beyond && is_single_byte(charset);
    if !is_wrong && !may_lie {
        return (Cow::Borrowed(text), is_unknown(charset).then_some(Oddity::CharsetMismatch));
    }
    let Some(bytes) = bytes_of(part, raw).filter(|bytes| !bytes.is_empty()) else {
        return (Cow::Borrowed(text), Some(Oddity::BrokenMime));
    };
    if !is_wrong && std::str::from_utf8(&bytes).is_err() {
        return (Cow::Borrowed(text), None);
    }
    let (read, fits) = decode(charset, &bytes);
    let oddity = match (part.is_encoding_problem, fits) {
        (true, _) => Some(Oddity::BrokenMime),
        (false, false) => Some(Oddity::CharsetMismatch),
        (false, true) => None,
    };
    (if oddity.is_none() { Cow::Borrowed(text) } else { Cow::Owned(read) }, oddity)
}

/// The bytes of a part, without its encoding.
fn bytes_of<'a>(part: &MessagePart<'_>, raw: &'a [u8]) -> Option<Cow<'a, [u8]>> {
    let body = raw.get(part.offset_body as usize..part.offset_end as usize).unwrap_or_default();
    // Where decoding failed, the parser forgets how the part was encoded.
    let says = part.content_transfer_encoding();
    match part.encoding {
        _ if says.is_some_and(|says| says.eq_ignore_ascii_case("base64")) => {
            base64(body).map(Cow::Owned)
        }
        Encoding::None => Some(Cow::Borrowed(body)),
        Encoding::Base64 => base64(body).map(Cow::Owned),
        Encoding::QuotedPrintable => {
            let plain = quoted::decode(body, false);
            plain.or_else(|| quoted_printable_decode(body)).map(Cow::Owned)
        }
    }
}

/// The text that bytes stand for in UTF-8, as far as they do. Nearly always they do, and checking that
/// is much faster than reading leniently.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// How ISO-2022-JP begins its Japanese; nothing else has it.
const ISO_2022: &[u8] = b"\x1b$";

/// Whether some bytes have [`ISO_2022`]; nearly none have even its first.
fn has_escape(bytes: &[u8]) -> bool {
    memchr(0x1b, bytes).is_some() && memmem::find(bytes, ISO_2022).is_some()
}

/// Whether a charset has one byte a character, so that every sequence of bytes is a text in it.
fn is_single_byte(charset: &str) -> bool {
    const BEGINNINGS: [&[u8]; 7] =
        [b"us-ascii", b"ascii", b"iso-8859", b"iso8859", b"windows-", b"cp12", b"latin"];
    let begins = |with: &&[u8]| {
        charset.as_bytes().get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    BEGINNINGS.iter().any(begins)
}

/// Whether nobody knows a charset that is named.
fn is_unknown(charset: &str) -> bool {
    let plain = ["", "utf-8", "utf8", "us-ascii", "ascii"];
    let plain = plain.iter().any(|known| charset.eq_ignore_ascii_case(known));
    !plain && charset_decoder(charset.as_bytes()).is_none()
}

/// Decodes Base64 as far as it goes, past what has no place in it.
fn base64(body: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut digits: Vec<u8> = body.iter().copied().filter(digit).collect();
    match digits.len() % 4 {
        // Six bits alone are no byte.
        1 => digits.truncate(digits.len() - 1),
        2 => digits.extend(b"=="),
        3 => digits.push(b'='),
        _ => {}
    }
    base64_decode(&digits)
}

/// Bytes in the charset that is named for them, or where they don't fit it, in the one that they
/// are most likely in; and whether they fit.
fn decode(charset: &str, bytes: &[u8]) -> (String, bool) {
    let is_utf8 = charset.is_empty() || charset.eq_ignore_ascii_case("utf-8");
    let one_byte = is_single_byte(charset);
    let escapes = has_escape(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && !escapes
        && (bytes.is_ascii() || is_utf8 || one_byte)
    {
        // No text of a charset with one byte a character is UTF-8 by chance.
        return (text.to_owned(), bytes.is_ascii() || is_utf8);
    }
    if escapes && (is_utf8 || one_byte) {
        return (guess(bytes), false);
    }
    match charset_decoder(charset.as_bytes()) {
        Some(decoder) => {
            let text = decoder(bytes);
            match text.matches(char::REPLACEMENT_CHARACTER).count() {
                0 => (text, true),
                lost if few(lost, text.chars().filter(|c| !c.is_ascii()).count()) => (text, false),
                _ => (guess(bytes), false),
            }
        }
        None if is_utf8 && is_mostly_utf8(bytes) => {
            (String::from_utf8_lossy(bytes).into_owned(), false)
        }
        None => (guess(bytes), false),
    }
}

/// Whether so few characters of those beyond ASCII were lost that they were cut or mistyped: that
/// doesn't make it another charset.
fn few(lost: usize, beyond: usize) -> bool {
    beyond > lost * 4
}

/// Whether reading bytes as UTF-8 loses few characters.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut lost, mut beyond) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars().filter(|c| !c.is_ascii()) {
            lost += usize::from(c == char::REPLACEMENT_CHARACTER);
            beyond += 1;
        }
        if !chunk.invalid().is_empty() {
            lost += 1;
            beyond += 1;
        }
    }
    few(lost, beyond)
}

/// Bytes beyond this are not looked at for a guess.
const GUESSED_BY: usize = 64 * 1024;
/// So many bytes beyond ASCII, or so many in lines that have any, are enough for a guess.
const ENOUGH_BEYOND: usize = 512;
const ENOUGH: usize = 4 * 1024;
/// So many bytes are looked at before it is asked whether that is enough.
const PIECE: usize = 256;

/// Bytes whose charset is unknown or wrong.
pub(super) fn guess(bytes: &[u8]) -> String {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let seen = bytes.get(..GUESSED_BY).unwrap_or(bytes);
    // Unless an escape switches what bytes mean, what is ASCII tells nothing up to two bytes before
    // the first that is not, and looking at it is slow.
    let switches = memchr(0x1b, seen).is_some();
    let telling = seen.split_inclusive(|byte| *byte == b'\n').filter_map(|line| {
        let beyond = if switches { Some(0) } else { line.iter().position(|b| !b.is_ascii()) };
        line.get(beyond?.saturating_sub(2)..)
    });
    let (mut told, mut beyond) = (0, 0);
    let mut is_enough = false;
    for piece in telling.flat_map(|line| line.chunks(PIECE)) {
        detector.feed(piece, false);
        told += piece.len();
        beyond += piece.iter().filter(|byte| !byte.is_ascii()).count();
        is_enough = (told >= ENOUGH && !switches) || beyond >= ENOUGH_BEYOND;
        if is_enough {
            break;
        }
    }
    // What follows when enough was seen could only undo a good guess by a byte that is broken; a
    // character that is cut where all ends counts against a charset.
    if !is_enough {
        detector.feed(&[], true);
    }
    let encoding = detector.guess(None, Utf8Detection::Allow);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// A header field as it was meant, and whether it fits the charset that it names, if that is not
/// what a parser makes of it; `read` is what it makes. Its encoded words (RFC 2047) are joined
/// before they are decoded, since some programs cut them in the middle of a character; bytes that
/// were not encoded at all are guessed.
pub(super) fn mend_field(raw: &[u8], read: &str) -> Option<(String, bool)> {
    let lost = read.contains(char::REPLACEMENT_CHARACTER);
    let text = match std::str::from_utf8(raw) {
        Ok(text) if !has_escape(raw) => Cow::Borrowed(text),
        Err(_) if !lost => return None,
        Ok(_) | Err(_) => Cow::Owned(guess(raw)),
    };
    let misread = || {
        let mut words = text.split_ascii_whitespace().filter_map(encoded_word);
        words.any(|(charset, bytes)| !bytes.is_ascii() && !decode(&charset, &bytes).1)
    };
    if matches!(text, Cow::Borrowed(_)) && !lost && !misread() {
        return None;
    }
    let mut field = Field { text: String::new(), run: None, fits: true };
    for word in text.split_ascii_whitespace() {
        field.add(word);
    }
    field.flush();
    Some((field.text, field.fits))
}

/// A header field in the making.
struct Field {
    text: String,
    /// The run of encoded words with one charset that is being joined.
    run: Option<(String, Vec<u8>)>,
    fits: bool,
}

impl Field {
    fn add(&mut self, word: &str) {
        if let Some((charset, bytes)) = encoded_word(word) {
            match &mut self.run {
                Some((open, joined)) if *open == charset => joined.extend(bytes),
                _ => {
                    self.flush();
                    self.run = Some((charset, bytes));
                }
            }
        } else {
            self.flush();
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            self.text.push_str(word);
            self.text.push(' ');
        }
    }

    fn flush(&mut self) {
        if let Some((charset, bytes)) = self.run.take() {
            let (text, fits) = decode(&charset, &bytes);
            self.text.push_str(&text);
            self.fits &= fits;
        }
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
        "B" | "b" => base64(text.as_bytes())?,
        "Q" | "q" => quoted_printable_decode(text.replace('_', " ").as_bytes())?,
        _ => return None,
    };
    Some((charset, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Russian text as windows-1251 has it, which nothing in it says.
    fn cyrillic(text: &str) -> Vec<u8> {
        let byte = |c: char| match c {
            'А'..='я' => u8::try_from(u32::from(c) - 0x410 + 0xC0).expect("64 letters"),
            c => u8::try_from(c).expect("ASCII"),
        };
        text.chars().map(byte).collect()
    }

    #[test]
    fn what_a_long_text_is_written_in_is_told_by_its_beginning() {
        let plain = "Plain lines between them tell nothing.\n".repeat(40);
        let said = "Здравствуйте, телефон не звонит уже второй день, помогите.\n".repeat(30);
        for text in [&said, &format!("{plain}{said}"), &format!("{plain}{said}{plain}").repeat(20)]
        {
            assert_eq!(guess(&cyrillic(text)), *text);
        }
        let one_line = said.replace('\n', " ").repeat(20);
        assert_eq!(guess(&cyrillic(&one_line)), one_line);
        // ISO-2022-JP is ASCII to the eye, wherever it begins.
        let japanese = [plain.repeat(5).as_bytes(), b"\x1b$BF|K\\\x1b(B\n"].concat();
        assert!(guess(&japanese).ends_with("日本\n"));
        let mut broken = cyrillic(&said.repeat(10));
        broken.extend([0x98, 0xFF, 0x00]);
        assert!(guess(&broken).starts_with(&said), "what comes late changes nothing");
    }
}
