//! The header of a mail as fields in their raw bytes, and the checks that come before any parser.
//!
//! mail-parser decodes what is read as text; the raw bytes are for the mail's key, for names that
//! only have to be there, and for seeing what is odd.

use memchr::{memchr, memchr_iter};

use super::parse::{MAX_HEADER, MAX_NESTING};

/// The fields of a mail's header.
pub(super) struct Fields<'a> {
    fields: Vec<(&'a [u8], &'a [u8])>,
    /// How many bytes the header takes, the blank line included.
    pub(super) end: usize,
}

impl<'a> Fields<'a> {
    /// Splits the header, up to [`MAX_HEADER`] bytes of it.
    pub(super) fn read(raw: &'a [u8]) -> Self {
        let header = raw.get(..MAX_HEADER).unwrap_or(raw);
        let mut fields: Vec<(&[u8], &[u8])> = Vec::with_capacity(24);
        let mut at = 0;
        // The field that is being read: its name, and where its value begins.
        let mut field: Option<(&[u8], usize)> = None;
        loop {
            let rest = header.get(at..).unwrap_or_default();
            let line = memchr(b'\n', rest).map_or(rest, |end| rest.get(..=end).unwrap_or(rest));
            let folded = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            let blank = line.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
            if !folded || blank {
                if let Some((name, start)) = field.take() {
                    fields.push((name, header.get(start..at).unwrap_or_default()));
                }
                if blank {
                    return Self { fields, end: at + line.len() };
                }
                if let Some(colon) = memchr(b':', line) {
                    let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
                    field = Some((name, at + colon + 1));
                }
            }
            at += line.len();
        }
    }

    /// The values of every field with this name, in order; the name in lower case.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let name = name.as_bytes();
        let named = self.fields.iter().filter(move |(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.trim_ascii())
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
        self.fields.is_empty()
    }
}

/// Whether the header is larger than is read, or has so many parameter segments (RFC 2231) that
/// joining them, which takes time in the square of their number, would stall.
pub(super) fn header_too_large(raw: &[u8], fields: &Fields<'_>) -> bool {
    if fields.end >= MAX_HEADER && raw.len() > MAX_HEADER {
        return true;
    }
    // `name*12*=`: also in the header of a part, which is why the whole mail is looked at.
    let segment = |at: usize| {
        let after = raw.get(at + 1..).unwrap_or_default();
        let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        digits > 0 && matches!(after.get(digits), Some(b'=' | b'*'))
    };
    memchr_iter(b'*', raw).filter(|at| segment(*at)).nth(1_000).is_some()
}

/// Whether parts may be nested deeper than is safe. Every mention of a nesting type counts, which
/// can only overstate the depth: parsers recurse, and a hostile mail aims at their stack.
pub(super) fn nested_too_deep(raw: &[u8]) -> bool {
    // Counting alone is many times faster than looking at each.
    if memchr_iter(b'/', raw).count() <= MAX_NESTING {
        return false;
    }
    let nests = |at: usize| {
        let before = raw.get(at.saturating_sub(9)..at).unwrap_or_default();
        before.eq_ignore_ascii_case(b"multipart")
            || before.get(2..).is_some_and(|word| word.eq_ignore_ascii_case(b"message"))
    };
    memchr_iter(b'/', raw).filter(|at| nests(*at)).nth(MAX_NESTING).is_some()
}
