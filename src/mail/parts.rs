//! The parts of a plain mail, found by its boundaries.
//!
//! It gives up where a mail needs any of mail-parser's rules for broken ones. It knows the shape of
//! mails; what fields and texts are it leaves to [`super::message`], which parts are read to
//! [`super::body`].

use std::borrow::Cow;

use mail_parser::{ContentType, Encoding, Header, HeaderName, Message, MessagePart, PartType};
use memchr::{memmem, memrchr};

use super::fields::Fields;
use super::message::{content, encoding, headers, offset, stream, text};
use super::{original, quoted};

/// A plain mail; `None` if it is not.
pub(super) fn read<'x>(raw: &'x [u8], fields: &Fields<'_>) -> Option<Message<'x>> {
    let (message, level) = (Message::default(), Level::default());
    let mut reader = Reader { raw, at: 0, message, level, around: Vec::new() };
    let headers = headers(raw, 0, fields)?;
    reader.at = fields.end;
    reader.part(headers, 0)?;
    while !reader.around.is_empty() {
        reader.next_part()?;
    }
    let mut message = reader.message;
    message.parts.first_mut()?.offset_end = offset(raw.len());
    message.raw_message = Cow::Borrowed(raw);
    Some(message)
}

/// What a part is, as far as its reading depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of a digest, whose parts are mails.
    Digest,
    Multipart,
    Html,
    Text,
    Other,
    /// A mail in the mail, which is left to mail-parser.
    Mail,
}

impl Kind {
    fn of(content: Option<&ContentType<'_>>, in_digest: bool) -> Self {
        let Some(content) = content else {
            return if in_digest { Self::Mail } else { Self::Text };
        };
        match (content.ctype(), content.subtype()) {
            ("multipart", Some("digest")) => Self::Digest,
            ("multipart", _) => Self::Multipart,
            ("text", Some("html")) => Self::Html,
            ("text", _) => Self::Text,
            ("message", Some("rfc822" | "global")) => Self::Mail,
            _ => Self::Other,
        }
    }
}

/// A multipart whose parts are being read, or what is around all parts.
#[derive(Default)]
struct Level {
    is_digest: bool,
    /// The boundary with its two hyphens; empty around all parts.
    boundary: Vec<u8>,
    /// The number of the multipart itself, and those of the parts in it that were read.
    part: usize,
    parts: Vec<u32>,
}

struct Reader<'x> {
    raw: &'x [u8],
    at: usize,
    message: Message<'x>,
    level: Level,
    /// The levels around it, outermost first.
    around: Vec<Level>,
}

/// Whether a part is a mail by the name of its file alone.
fn is_mail_file(headers: &Vec<Header<'_>>) -> bool {
    let named = |field: &HeaderName<'_>, attribute| {
        content(headers, field).and_then(|content| content.attribute(attribute))
    };
    let name = named(&HeaderName::ContentDisposition, "filename");
    let name = name.or_else(|| named(&HeaderName::ContentType, "name"));
    name.is_some_and(original::is_mail_file)
}

impl<'x> Reader<'x> {
    /// Reads a part whose header was read.
    fn part(&mut self, headers: Vec<Header<'x>>, begins: usize) -> Option<()> {
        let number = self.message.parts.len();
        self.level.parts.push(offset(number));
        let content = content(&headers, &HeaderName::ContentType);
        let kind = Kind::of(content, self.level.is_digest);
        let mut part = MessagePart {
            is_encoding_problem: false,
            body: PartType::default(),
            encoding: Encoding::None,
            offset_header: offset(begins),
            offset_body: offset(self.at),
            offset_end: 0,
            headers: Vec::new(),
        };
        match kind {
            Kind::Mail => return None,
            Kind::Digest | Kind::Multipart => {
                self.enter(kind == Kind::Digest, content?, number)?;
            }
            Kind::Html | Kind::Text | Kind::Other => {
                part.encoding = encoding(&headers);
                let is_read = kind != Kind::Other || is_mail_file(&headers);
                let (end, bytes) = self.body(is_read, part.encoding)?;
                part.offset_end = offset(end);
                part.body = match kind {
                    Kind::Html => PartType::Html(text(bytes, content)),
                    Kind::Text => PartType::Text(text(bytes, content)),
                    Kind::Other | Kind::Digest | Kind::Multipart | Kind::Mail => {
                        PartType::Binary(bytes)
                    }
                };
            }
        }
        part.headers = headers;
        self.message.parts.push(part);
        Some(())
    }

    /// Goes into a multipart, to its first part.
    fn enter(&mut self, is_digest: bool, content: &ContentType<'_>, part: usize) -> Option<()> {
        let boundary = content.attribute("boundary").filter(|boundary| !boundary.is_empty())?;
        let boundary = ["--", boundary].concat().into_bytes();
        let rest = self.raw.get(self.at..)?;
        self.at += memmem::find(rest, &boundary)? + boundary.len();
        let padding = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r');
        self.at += self.raw.get(self.at..)?.iter().take_while(padding).count();
        if self.raw.get(self.at) != Some(&b'\n') {
            return None;
        }
        self.at += 1;
        let inner = Level { is_digest, boundary, part, parts: Vec::new() };
        self.around.push(std::mem::replace(&mut self.level, inner));
        Some(())
    }

    /// Reads the part that begins here, and what ends behind it.
    fn next_part(&mut self) -> Option<()> {
        let begins = self.at;
        let fields = Fields::read(self.raw.get(begins..)?);
        let headers = headers(self.raw, begins, &fields)?;
        self.at += fields.end;
        let depth = self.around.len();
        self.part(headers, begins)?;
        if self.around.len() == depth { self.leave() } else { Some(()) }
    }

    /// Goes on behind a boundary: to the next part, or out of the multiparts that end here.
    fn leave(&mut self) -> Option<()> {
        loop {
            match self.raw.get(self.at..)? {
                [b'\n', ..] => self.at += 1,
                [b'\r', b'\n', ..] => self.at += 2,
                [b'-', b'-', ..] => {
                    self.at += 2;
                    let end = self.end_multipart()?;
                    let part = self.message.parts.get_mut(end)?;
                    if self.around.is_empty() {
                        part.offset_end = offset(self.at);
                        return Some(());
                    }
                    let boundary = &self.level.boundary;
                    let rest = self.raw.get(self.at..)?;
                    let found = memmem::find(rest, boundary)?;
                    part.offset_end = offset(self.at + line_before(rest.get(..found)?));
                    self.at += found + boundary.len();
                    continue;
                }
                _ => return None,
            }
            return Some(());
        }
    }

    /// Ends the innermost multipart and returns its number.
    fn end_multipart(&mut self) -> Option<usize> {
        let ended = std::mem::replace(&mut self.level, self.around.pop()?);
        self.message.parts.get_mut(ended.part)?.body = PartType::Multipart(ended.parts);
        Some(ended.part)
    }

    /// The body that begins here, decoded if somebody reads it, and where it ends; goes behind
    /// the boundary.
    fn body(&mut self, is_read: bool, encoding: Encoding) -> Option<(usize, Cow<'x, [u8]>)> {
        let begins = self.at;
        let rest = self.raw.get(begins..)?;
        let boundary = &self.level.boundary;
        let (body, is_line) = if boundary.is_empty() {
            (rest, false)
        } else {
            let body = rest.get(..memmem::find(rest, boundary)?)?;
            (body, body.last().is_none_or(|last| *last == b'\n'))
        };
        self.at += body.len() + boundary.len();
        let length = if is_line { line_before(body) } else { body.len() };
        let end = begins + length;
        let bytes = match encoding {
            Encoding::None => body.get(..length)?.into(),
            Encoding::QuotedPrintable => quoted::decode(body, is_line)?.into(),
            Encoding::Base64 if is_read => {
                let mut stream = stream(self.raw, begins);
                let boundary = boundary.get(2..).unwrap_or_default();
                let (found, bytes) = stream.decode_base64_mime(boundary);
                (found == end).then_some(bytes)?
            }
            // Nobody reads it; but what can't be decoded becomes something else.
            Encoding::Base64 => {
                body.iter().copied().all(is_base64).then_some(Cow::Borrowed(&[][..]))?
            }
        };
        Some((end, bytes))
    }
}

/// Where the last line of some bytes ends that ends there, its end of line left out.
fn line_before(bytes: &[u8]) -> usize {
    match memrchr(b'\n', bytes) {
        None | Some(0) => 0,
        Some(at) => at - usize::from(bytes.get(at - 1) == Some(&b'\r')),
    }
}

/// Whether a byte may stand in Base64 and does not keep mail-parser from decoding it.
fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'+' | b'/' | b'=' | b'\n' | b'\r' | b' ' | b'\t')
}
