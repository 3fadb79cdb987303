//! Finds the tags of a page, fast.
//!
//! It follows the tokenizer of the HTML standard (§13.2.5) as far as where a tag, a comment or a
//! raw text begins and ends, one pass over the bytes. What attributes and character references
//! mean it leaves to its reader, who seldom needs them.

use memchr::{memchr, memchr_iter, memchr3_iter, memmem};

/// A piece of a page.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// Text, its character references not yet undone.
    Text(&'a str),
    /// A start tag: its name as written, and all of it from `<` to `>`.
    Open(&'a [u8], &'a str),
    /// The name of an end tag as written.
    Close(&'a [u8]),
}

/// Elements whose content is no markup and is never shown.
const RAW: [&[u8]; 3] = [b"script", b"style", b"title"];

/// The pieces of a page, in order. Comments and declarations are left out.
pub(super) struct Pieces<'a> {
    rest: &'a str,
}

impl<'a> Pieces<'a> {
    pub(super) fn of(page: &'a str) -> Self {
        Self { rest: page }
    }

    /// Takes so many bytes off the front.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn open(&mut self) -> Piece<'a> {
        let tag = self.take(tag_length(self.rest.as_bytes()));
        let name = name(tag.as_bytes(), 1);
        if RAW.iter().any(|raw| raw.eq_ignore_ascii_case(name)) {
            let rest = self.rest.as_bytes();
            let end = memchr_iter(b'<', rest).find(|at| {
                let close = rest.get(at + 1..at + 2 + name.len());
                close.and_then(<[u8]>::split_first).is_some_and(|(slash, closed)| {
                    *slash == b'/' && closed.eq_ignore_ascii_case(name)
                })
            });
            self.take(end.unwrap_or(rest.len()));
        }
        Piece::Open(name, tag)
    }

    /// `<!…>`, `<?…>` or `</…>` without a name, whose end is the first `>`; or a comment.
    fn skip_declaration(&mut self) {
        let bytes = self.rest.as_bytes();
        let end = if bytes.starts_with(b"<!-->") {
            Some(5)
        } else if bytes.starts_with(b"<!--") {
            memmem::find(bytes, b"-->").map(|at| at + 3)
        } else {
            memchr(b'>', bytes).map(|at| at + 1)
        };
        self.take(end.unwrap_or(bytes.len()));
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        loop {
            match self.rest.as_bytes() {
                [] => return None,
                [b'<', b'/', letter, ..] if letter.is_ascii_alphabetic() => {
                    let tag = self.take(tag_length(self.rest.as_bytes()));
                    return Some(Piece::Close(name(tag.as_bytes(), 2)));
                }
                [b'<', letter, ..] if letter.is_ascii_alphabetic() => return Some(self.open()),
                [b'<', b'/' | b'!' | b'?', ..] => self.skip_declaration(),
                // A lone `<` is text, and so is all up to the next one.
                [_, more @ ..] => {
                    let length = memchr(b'<', more).map_or(self.rest.len(), |at| at + 1);
                    return Some(Piece::Text(self.take(length)));
                }
            }
        }
    }
}

/// The name of the tag, which begins at `start`.
fn name(tag: &[u8], start: usize) -> &[u8] {
    let name = tag.get(start..).unwrap_or_default();
    let end = name.iter().position(|byte| byte.is_ascii_whitespace() || b"/>".contains(byte));
    end.and_then(|end| name.get(..end)).unwrap_or(name)
}

/// How long the tag is at which `bytes` begin. A `>` within a quoted value doesn't end it.
fn tag_length(bytes: &[u8]) -> usize {
    let mut quote = None;
    for at in memchr3_iter(b'>', b'"', b'\'', bytes) {
        let byte = bytes.get(at).copied();
        match quote {
            Some(_) if byte == quote => quote = None,
            Some(_) => {}
            None if byte == Some(b'>') => return at + 1,
            None => {
                let before = bytes.get(..at).unwrap_or_default().trim_ascii_end();
                quote = byte.filter(|_| before.ends_with(b"="));
            }
        }
    }
    bytes.len()
}
