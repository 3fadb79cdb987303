//! A reader underneath the IMAP parser that refuses answers which would cost too much to parse.
//!
//! The parser allocates a literal as soon as it is announced and recurses into parentheses, so a
//! broken or hostile server could take all memory or overflow the stack. This looks at the bytes
//! as they pass. It knows lines, literals and parentheses, but not what an answer means.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};

/// A line, its literals apart, may be this long.
const MAX_LINE: usize = 1024 * 1024;
/// A line may open this many parentheses. What we ask for is answered with fewer than ten; the
/// parser's stack holds some thousands.
const MAX_PARENTHESES: u32 = 200;
/// A literal may be this long when no mail was asked for: a folder's name.
const SMALL_LITERAL: u64 = 64 * 1024;

/// A connection, whatever secures it.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin + fmt::Debug> Wire for T {}

/// A connection that refuses costly answers.
#[derive(Debug)]
pub(super) struct Guard {
    wire: BufReader<Box<dyn Wire>>,
    inspector: Inspector,
}

impl Guard {
    pub(super) fn new(wire: Box<dyn Wire>) -> Self {
        Self { wire: BufReader::with_capacity(64 * 1024, wire), inspector: Inspector::new() }
    }

    /// Until the next call, no literal may be longer than `each`, and all of them together not
    /// longer than `together`.
    pub(super) fn allow(&mut self, each: u64, together: u64) {
        self.inspector.each = each.max(SMALL_LITERAL);
        self.inspector.left = together.max(SMALL_LITERAL);
    }
}

impl AsyncRead for Guard {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let ready = ready!(Pin::new(&mut this.wire).poll_fill_buf(context))?;
        let taken = ready.get(..into.remaining()).unwrap_or(ready);
        this.inspector.inspect(taken)?;
        into.put_slice(taken);
        let count = taken.len();
        Pin::new(&mut this.wire).consume(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guard {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().wire).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_shutdown(context)
    }
}

/// Follows lines and literals through the stream.
#[derive(Debug)]
struct Inspector {
    each: u64,
    left: u64,
    /// Bytes of a literal that are still to come.
    literal: u64,
    line: Line,
}

/// The line so far, its literals apart.
#[derive(Debug, Default)]
struct Line {
    length: usize,
    /// Its first bytes, by which a status line is told from data.
    head: [u8; 10],
    opened: u32,
    closed: u32,
    announcement: Announcement,
}

/// How much of `{n}` CRLF has passed.
#[derive(Debug, Default, Clone, Copy)]
enum Announcement {
    #[default]
    None,
    Digits(u64),
    Closed(u64),
    Returned(u64),
}

impl Inspector {
    fn new() -> Self {
        Self { each: SMALL_LITERAL, left: SMALL_LITERAL, literal: 0, line: Line::default() }
    }

    fn inspect(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.literal > 0 {
                let skipped = usize::try_from(self.literal).unwrap_or(usize::MAX).min(bytes.len());
                self.literal -= skipped as u64;
                bytes = bytes.get(skipped..).unwrap_or_default();
            } else if let Some((&byte, rest)) = bytes.split_first() {
                self.step(byte)?;
                bytes = rest;
            }
        }
        Ok(())
    }

    fn step(&mut self, byte: u8) -> io::Result<()> {
        let line = &mut self.line;
        if let Some(place) = line.head.get_mut(line.length) {
            *place = byte;
        }
        line.length += 1;
        if line.length > MAX_LINE {
            return Err(refused("the server sent a line that is too long"));
        }
        match byte {
            b'(' => line.opened += 1,
            b')' => line.closed += 1,
            _ => {}
        }
        if line.opened > MAX_PARENTHESES {
            return Err(refused("the server sent an answer that is nested too deep"));
        }
        let before = line.announcement;
        line.announcement = before.and(byte);
        if byte == b'\n' {
            match before {
                Announcement::Returned(length) => return self.announced(length),
                Announcement::None | Announcement::Digits(_) | Announcement::Closed(_) => {
                    self.line = Line::default();
                }
            }
        }
        Ok(())
    }

    fn announced(&mut self, length: u64) -> io::Result<()> {
        if length > self.each || length > self.left {
            return Err(refused(&format!(
                "the server announced {length} bytes where at most {} were asked for",
                self.each.min(self.left)
            )));
        }
        if self.line.takes_literals() {
            self.left -= length;
            self.literal = length;
        } else {
            self.line = Line::default();
        }
        Ok(())
    }
}

impl Announcement {
    fn and(self, byte: u8) -> Self {
        match (self, byte) {
            (_, b'{') => Self::Digits(0),
            (Self::Digits(number), b'0'..=b'9') => {
                Self::Digits(number.saturating_mul(10).saturating_add(u64::from(byte - b'0')))
            }
            (Self::Digits(number), b'}') => Self::Closed(number),
            (Self::Closed(number), b'\r') => Self::Returned(number),
            (Self::None | Self::Digits(_) | Self::Closed(_) | Self::Returned(_), _) => Self::None,
        }
    }
}

impl Line {
    /// Whether the parser, too, will see a literal here. Status text may end in what looks like
    /// one; and within an attribute's own parentheses the parser looks for nothing but their end.
    fn takes_literals(&self) -> bool {
        let Some(rest) = self.head.strip_prefix(b"* ") else { return false };
        let status = [&b"OK "[..], b"NO ", b"BAD ", b"BYE ", b"PREAUTH "]
            .iter()
            .any(|word| rest.get(..word.len()).is_some_and(|s| s.eq_ignore_ascii_case(word)));
        !status && self.opened.saturating_sub(self.closed) <= 1
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the inspector says to an answer, whole and in single bytes.
    fn check(name: &str, answer: &[u8], allowed: u64, good: bool) {
        for piece in [answer.len(), 1] {
            let mut inspector = Inspector::new();
            inspector.each = allowed;
            inspector.left = allowed;
            let result = answer.chunks(piece).try_for_each(|part| inspector.inspect(part));
            assert_eq!(result.is_ok(), good, "{name}, in pieces of {piece}: {result:?}");
        }
    }

    #[test]
    fn answers_that_cost_too_much_are_refused() {
        let deep = |n: usize| [b"* 1 FETCH (X ".as_slice(), &vec![b'('; n], b"\r\n"].concat();
        let smuggled = [b"* OK {20000}\r\n".as_slice(), &deep(10_000)].concat();
        let smileys =
            [b"* 1 FETCH (BODY[] {5000}\r\n".as_slice(), &[b'('; 5000], b")\r\n"].concat();
        check("a mail within the limit", b"* 1 FETCH (BODY[] {3}\r\nabc)\r\n", 10, true);
        check("a mail beyond it", b"* 1 FETCH (BODY[] {500000000}\r\n", 10, false);
        check(
            "a number that overflows",
            b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n",
            9,
            false,
        );
        check("two that are too much together", b"* 1 FETCH (A {6}\r\nabcdef B {6}\r\n", 10, false);
        check("parentheses in a mail", &smileys, 10_000, true);
        check("parentheses 10,000 deep", &deep(10_000), 10, false);
        check("a few parentheses", &deep(20), 10, true);
        check("a literal that is none hides nothing", &smuggled, 100_000, false);
        check("a line without end", &vec![b'x'; MAX_LINE + 1], 10, false);
        check("braces in status text", b"A1 OK done {3}\r\n* 2 EXISTS\r\n", 10, true);
    }
}
