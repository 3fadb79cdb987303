//! From bytes to mail-parser's message, by the short way where a mail is plain.
//!
//! mail-parser looks at every byte in turn and decodes every part. In a plain mail only the fields
//! that are read need decoding, boundaries are found with vector instructions, and attachments are
//! passed by. [`read`] builds the message that mail-parser would build, from mail-parser's own
//! decoders, but for what nobody reads: other fields, what attachments hold, and lists of parts. As soon as
//! anything is unusual it leaves all of the mail to mail-parser; a test holds the two equal.
//!
//! It knows the shape of mails; it knows nothing of what they mean.

use std::borrow::Cow;
use std::sync::LazyLock;

use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::parsers::MessageStream;
use mail_parser::{
    ContentType, Encoding, GetHeader, Header, HeaderName, HeaderValue, Message, MessageParser,
};

use super::charset::lossy;
use super::fields::Fields;
use super::parts;

/// Only what is used is decoded: it makes parsing a mail a good deal cheaper.
static PARSER: LazyLock<MessageParser> = LazyLock::new(|| {
    MessageParser::new()
        .header_content_type(HeaderName::ContentType)
        .header_content_type(HeaderName::ContentDisposition)
        .header_text(HeaderName::ContentTransferEncoding)
        .header_address(HeaderName::From)
        .header_address(HeaderName::To)
        .header_address(HeaderName::Cc)
        .header_address(HeaderName::DeliveredTo)
        .header_address("X-Original-To")
        .header_address("Envelope-To")
        .header_address("X-Envelope-To")
        .header_address("X-Delivered-To")
        .header_text(HeaderName::Subject)
        // A date without its zone, or with one that is not known, would take the next field with it.
        .header_text(HeaderName::Date)
        .default_header_ignore()
});

/// How the value of a field is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Addresses,
    Text,
    Content,
}

/// The field of a mail or a part with this name in lower case, if it is read: as mail-parser
/// calls it, and how it is decoded.
fn known(name: &[u8]) -> Option<(HeaderName<'static>, Form)> {
    Some(match name {
        b"from" => (HeaderName::From, Form::Addresses),
        b"to" => (HeaderName::To, Form::Addresses),
        b"cc" => (HeaderName::Cc, Form::Addresses),
        b"delivered-to" => (HeaderName::DeliveredTo, Form::Addresses),
        b"x-original-to" => (HeaderName::Other("X-Original-To".into()), Form::Addresses),
        b"envelope-to" => (HeaderName::Other("Envelope-To".into()), Form::Addresses),
        b"x-envelope-to" => (HeaderName::Other("X-Envelope-To".into()), Form::Addresses),
        b"x-delivered-to" => (HeaderName::Other("X-Delivered-To".into()), Form::Addresses),
        b"subject" => (HeaderName::Subject, Form::Text),
        b"date" => (HeaderName::Date, Form::Text),
        b"content-type" => (HeaderName::ContentType, Form::Content),
        b"content-disposition" => (HeaderName::ContentDisposition, Form::Content),
        b"content-transfer-encoding" => (HeaderName::ContentTransferEncoding, Form::Text),
        _ => return None,
    })
}

/// The longest name in [`known`].
const LONGEST_NAME: usize = "content-transfer-encoding".len();

/// Reads a mail; `None` if there is nothing in it that could be a header.
pub(super) fn read<'x>(raw: &'x [u8], fields: &Fields<'_>) -> Option<Message<'x>> {
    parts::read(raw, fields).or_else(|| PARSER.parse(raw))
}

/// Reads the header of a mail and nothing else.
pub(super) fn read_header(header: &[u8]) -> Option<Message<'_>> {
    PARSER.parse_headers(header)
}

/// Decodes the fields that are read of a header that begins at `at`; `None` if it is not plain.
pub(super) fn headers<'x>(
    raw: &'x [u8],
    at: usize,
    fields: &Fields<'_>,
) -> Option<Vec<Header<'x>>> {
    if !fields.is_regular {
        return None;
    }
    let mut headers = Vec::new();
    for field in fields.iter() {
        if is_torn(field.name) {
            return None;
        }
        let Some((name, form)) = read_as(field.name) else { continue };
        let start = at + field.start;
        let mut stream = stream(raw, start);
        let value = match form {
            Form::Addresses => stream.parse_address(),
            Form::Text => stream.parse_unstructured(),
            Form::Content => stream.parse_content_type(),
        };
        // An encoded word that is never closed can lead on into the next field.
        if stream.offset() != start + field.value.len() {
            return None;
        }
        headers.push(Header {
            name,
            value,
            offset_field: offset(start - 1 - field.name.len()),
            offset_start: offset(start),
            offset_end: offset(stream.offset()),
        });
    }
    Some(headers)
}

/// What mail-parser's decoders read from, from `at` on.
pub(super) fn stream(raw: &[u8], at: usize) -> MessageStream<'_> {
    let mut stream = MessageStream::new(raw);
    stream.skip_bytes(at.min(raw.len()));
    stream
}

/// What a field with this name is read as, if it is read.
fn read_as(name: &[u8]) -> Option<(HeaderName<'static>, Form)> {
    let mut lower = [0; LONGEST_NAME];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    known(lower)
}

/// Whether a name has blanks in it, which mail-parser overlooks, and would be read without them.
/// The first line of a mail from an mbox file has some, and would not.
fn is_torn(name: &[u8]) -> bool {
    name.iter().any(u8::is_ascii_whitespace) && {
        let bare = name.iter().filter(|byte| !byte.is_ascii_whitespace());
        read_as(&bare.copied().collect::<Vec<u8>>()).is_some()
    }
}

/// The last field of this name, if it reads like a Content-Type.
pub(super) fn content<'a, 'x>(
    headers: &'a Vec<Header<'x>>,
    name: &HeaderName<'_>,
) -> Option<&'a ContentType<'x>> {
    headers.header_value(name).and_then(HeaderValue::as_content_type)
}

pub(super) fn encoding(headers: &Vec<Header<'_>>) -> Encoding {
    match headers.header_value(&HeaderName::ContentTransferEncoding) {
        Some(HeaderValue::Text(name)) if name.eq_ignore_ascii_case("base64") => Encoding::Base64,
        Some(HeaderValue::Text(name)) if name.eq_ignore_ascii_case("quoted-printable") => {
            Encoding::QuotedPrintable
        }
        _ => Encoding::None,
    }
}

/// The text that some bytes stand for.
pub(super) fn text<'x>(bytes: Cow<'x, [u8]>, content: Option<&ContentType<'_>>) -> Cow<'x, str> {
    let charset = content.and_then(|content| content.attribute("charset"));
    let decode = charset.and_then(|charset| charset_decoder(charset.as_bytes()));
    if let (Some(charset), Some(decode)) = (charset, decode) {
        if !keeps_ascii(charset) {
            return Cow::Owned(decode(&bytes));
        }
        if !bytes.is_ascii() {
            return Cow::Owned(decoded_in_runs(&bytes, decode));
        }
    }
    match bytes {
        Cow::Borrowed(bytes) => lossy(bytes),
        Cow::Owned(bytes) => Cow::Owned(
            String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        ),
    }
}

/// Decodes bytes of which each is a character: only the few beyond ASCII need the decoder.
fn decoded_in_runs(bytes: &[u8], decode: fn(&[u8]) -> String) -> String {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    let mut rest = bytes;
    while !rest.is_empty() {
        let plain = rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        let (ascii, beyond) = rest.split_at(plain);
        text.push_str(str::from_utf8(ascii).unwrap_or_default());
        let run = beyond.iter().position(u8::is_ascii).unwrap_or(beyond.len());
        let (run, behind) = beyond.split_at(run);
        text.push_str(&decode(run));
        rest = behind;
    }
    text
}

/// Whether each byte is a character in a charset, and ASCII is ASCII; "no" for charsets that are
/// rare.
fn keeps_ascii(charset: &str) -> bool {
    let begins = |with: &str| {
        charset.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with))
    };
    begins("us-ascii") || begins("iso-8859-") || begins("windows-125")
}

/// A place as mail-parser keeps it; no mail is so large.
pub(super) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use include_dir::{Dir, include_dir};
    use mail_parser::PartType;

    use super::*;

    /// The message without what nobody reads.
    fn stripped(mut message: Message<'_>) -> Message<'_> {
        message.attachments.clear();
        message.html_body.clear();
        message.text_body.clear();
        for part in &mut message.parts {
            if let PartType::Binary(_) | PartType::InlineBinary(_) = part.body {
                part.body = PartType::Binary(Cow::Borrowed(&[]));
            }
            part.headers.retain(|header| header.value != HeaderValue::Empty);
            for header in &mut part.headers {
                header.offset_field = 0;
            }
        }
        message
    }

    /// Whether the short way was taken.
    fn check(raw: &[u8]) -> bool {
        let Some(message) = parts::read(raw, &Fields::read(raw)) else { return false };
        let theirs = PARSER.parse(raw).map(stripped);
        assert_eq!(Some(stripped(message)), theirs, "{}", String::from_utf8_lossy(raw));
        true
    }

    static SAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/fixtures/mails");

    fn samples() -> impl Iterator<Item = &'static [u8]> {
        let mails = SAMPLES
            .files()
            .filter(|file| file.path().extension().is_some_and(|extension| extension == "eml"));
        mails.map(include_dir::File::contents)
    }

    #[test]
    fn the_short_way_leads_where_mail_parser_does() {
        let plain = samples().filter(|raw| check(raw)).count();
        assert!(plain * 2 > samples().count(), "{plain} of {} are plain", samples().count());
    }

    #[test]
    fn damaged_mails_are_read_alike() {
        const PIECES: [&[u8]; 14] = [
            b"\n",
            b"\r",
            b" ",
            b":",
            b"--",
            b"=?utf-8?q?",
            b"\xff",
            b"\"",
            b"\n\n",
            b"Content-Transfer-Encoding: base64\n",
            b"Content-Type: multipart/mixed; boundary=b\n",
            b"Content-Type: message/rfc822\n\n",
            b"\n--b\n",
            b"\n--b--\n",
        ];
        let mut seed = 7_u64;
        let mut number = move |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            usize::try_from(seed >> 33).expect("31 bits") % below.max(1)
        };
        for raw in samples() {
            for _ in 0..20 {
                let mut raw = raw.to_vec();
                for _ in 0..=number(3) {
                    let at = number(raw.len());
                    let to = (at + number(3)).min(raw.len());
                    let piece = PIECES.get(number(PIECES.len())).copied().unwrap_or_default();
                    raw.splice(at..to, piece.iter().copied());
                }
                raw.truncate(raw.len() - number(2) * number(raw.len() / 4));
                check(&raw);
            }
        }
    }

    #[test]
    fn bytes_are_characters_in_the_charsets_of_which_it_is_said() {
        let ascii: Vec<u8> = (0..128).collect();
        let numbered = (1..=16).map(|n| format!("iso-8859-{n}"));
        let windows = (1250..=1258).map(|n| format!("Windows-{n}"));
        for charset in numbered.chain(windows).chain(["US-ASCII".to_owned()]) {
            assert!(keeps_ascii(&charset), "{charset}");
            if let Some(decode) = charset_decoder(charset.as_bytes()) {
                assert_eq!(decode(&ascii).as_bytes(), ascii, "{charset}");
                let all: Vec<u8> = (0..=255).rev().collect();
                assert_eq!(decode(&all), decoded_in_runs(&all, decode), "{charset}");
            }
        }
    }
}
