//! The header of a mail as fields in their raw bytes, and the check of its size that comes
//! before any parser.
//!
//! mail-parser decodes what is read as text; the raw bytes are for the mail's key, for names that
//! only have to be there, and for seeing what is odd.

use memchr::{memchr, memchr_iter, memmem};

use super::parse::MAX_HEADER;

/// More parameter segments than this in one header are not joined.
const MAX_SEGMENTS: usize = 1_000;
/// So far behind a `*` the `=` of a segment is looked for.
const FURTHEST: usize = 1_000;

/// The fields of a mail's header.
pub(super) struct Fields<'a> {
    list: Vec<Field<'a>>,
    /// How many bytes the header takes, the blank line included.
    pub(super) end: usize,
    /// A bit for each name, which other names may share: most names that are asked for are told
    /// to be missing by it.
    names: u128,
    /// Whether every line is a field or the rest of one, and a blank line ends them: no two
    /// readers can see different fields then.
    pub(super) is_regular: bool,
}

/// A field in its raw bytes.
pub(super) struct Field<'a> {
    /// Without the white space before the colon.
    pub(super) name: &'a [u8],
    /// With all lines, the end of the last one included.
    pub(super) value: &'a [u8],
    /// Where the value begins in the header.
    pub(super) start: usize,
}

impl<'a> Fields<'a> {
    /// Splits the header, up to [`MAX_HEADER`] bytes of it.
    pub(super) fn read(raw: &'a [u8]) -> Self {
        let header = raw.get(..MAX_HEADER).unwrap_or(raw);
        let mut list: Vec<Field<'_>> = Vec::with_capacity(24);
        let mut is_regular = true;
        let mut names = 0;
        let mut at = 0;
        // The field that is being read: its name, and where its value begins.
        let mut field: Option<(&[u8], usize)> = None;
        loop {
            let rest = header.get(at..).unwrap_or_default();
            let line = memchr(b'\n', rest).map_or(rest, |end| rest.get(..=end).unwrap_or(rest));
            let folded = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            let blank = matches!(line.first(), None | Some(b'\r' | b'\n'))
                && line.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
            if !folded || blank {
                if let Some((name, start)) = field.take() {
                    let value = header.get(start..at).unwrap_or_default();
                    names |= bit(name);
                    list.push(Field { name, value, start });
                }
                if blank {
                    is_regular &= line.ends_with(b"\n");
                    return Self { list, end: at + line.len(), names, is_regular };
                }
                if let Some(colon) = memchr(b':', line) {
                    let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
                    is_regular &= name.first().is_some_and(u8::is_ascii_graphic);
                    field = Some((name, at + colon + 1));
                }
            }
            is_regular &= field.is_some();
            at += line.len();
        }
    }

    /// Every field, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Field<'a>> {
        self.list.iter()
    }

    /// The values of every field with this name, in order; the name in lower case.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let name = name.as_bytes();
        let fields = if self.names & bit(name) == 0 { &[] } else { self.list.as_slice() };
        let named = fields.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value.trim_ascii())
    }

    /// The values of every field with this name, in order, each with whether it stands above the
    /// first field called `other`; false where there is none. The names in lower case.
    pub(super) fn above(&self, name: &str, other: &str) -> impl Iterator<Item = (&'a [u8], bool)> {
        let (name, other) = (name.as_bytes(), other.as_bytes());
        let is_other = |field: &Field<'_>| field.name.eq_ignore_ascii_case(other);
        let fields = if self.names & bit(name) == 0 { &[] } else { self.list.as_slice() };
        let first = fields.iter().position(is_other).unwrap_or(0);
        let mut fields = fields.iter().enumerate();
        std::iter::from_fn(move || {
            let (at, field) = fields.find(|(_, field)| field.name.eq_ignore_ascii_case(name))?;
            Some((field.value.trim_ascii(), at < first))
        })
    }

    /// The value of the first field with this name.
    pub(super) fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// Whether there is such a field.
    pub(super) fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// The value of the first field with this name in lower case, without its parameters.
    pub(super) fn word(&self, name: &str) -> Option<String> {
        let value = String::from_utf8_lossy(self.first(name)?).to_lowercase();
        Some(value.split([';', '(']).next().unwrap_or_default().trim().to_owned())
    }

    /// Whether there is no field at all.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

/// The bit of a name in [`Fields::names`], whatever its case: of its length, and its first and last
/// letter.
fn bit(name: &[u8]) -> u128 {
    let letter = |letter: Option<&u8>| letter.map_or(0, |letter| usize::from(letter & 0x1f));
    let (first, last) = (letter(name.first()), letter(name.last()));
    1 << ((name.len() * 5 + first * 11 + last * 3) % 128)
}

/// Whether the header is larger than is read, or has so many parameter segments (RFC 2231) that
/// joining them, which takes time in the square of their number, would stall.
pub(super) fn header_too_large(raw: &[u8], fields: &Fields<'_>) -> bool {
    if fields.end >= MAX_HEADER && raw.len() > MAX_HEADER {
        return true;
    }
    // `name*=` and `name*12*=`: also in the header of a part, which is why the whole mail is
    // looked at. A blank line ends a header, and what was counted for it. White space may stand
    // anywhere; a row of stars is no name.
    let segment = |at: &usize| {
        let mut before = raw.get(..*at).unwrap_or_default().iter().rev();
        let has_name = before.find(|byte| !byte.is_ascii_whitespace());
        let is_name = has_name.is_some_and(|byte| !b"*;=".contains(byte));
        // With more than that between each two, there are not so many.
        let mut after = raw.get(at + 1..).unwrap_or_default().iter().take(FURTHEST);
        let number =
            |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_whitespace() || *byte == b'*';
        is_name && after.find(|byte| !number(byte)) == Some(&b'=')
    };
    let (mut count, mut last) = (0, 0);
    memchr_iter(b'*', raw).filter(segment).any(|at| {
        let between = raw.get(last..at).unwrap_or_default();
        let other_header =
            memmem::find(between, b"\n\n").is_some() || memmem::find(between, b"\n\r\n").is_some();
        count = if other_header { 1 } else { count + 1 };
        last = at;
        count > MAX_SEGMENTS
    })
}
