//! The lines of a text, with what each may be.
//!
//! Most lines are nothing but text. What a line can't be is told by its first and its last byte
//! and its length, so that only few are held against phrases. It knows lines; what they mean to
//! each other is for [`super::text`].

use std::ops::Range;

use memchr::memchr_iter;

use super::anycase::AnyCase;
use super::closings::PHONE_SIGNATURES;
use super::phrases::{FORWARDED, HEADER_LABELS, ORIGINAL};

/// A longer line than this is a paragraph and no attribution, label or sign-off.
pub(super) const LONG_LINE: usize = 250;
/// Nothing in ORIGINAL or FORWARDED is longer than this many bytes, in whatever case.
pub(super) const LONGEST_ANNOUNCEMENT: usize = 48;
/// No label of a header field is.
pub(super) const LONGEST_LABEL: usize = 40;

/// [`ORIGINAL`] and [`FORWARDED`].
pub(super) static ANNOUNCEMENTS: [AnyCase; 2] = [AnyCase::of(&ORIGINAL), AnyCase::of(&FORWARDED)];

/// [`HEADER_LABELS`].
pub(super) static LABELS: [AnyCase; 5] = {
    let [from, sent, to, cc, subject] = HEADER_LABELS;
    let (from, sent, to) = (AnyCase::of(from), AnyCase::of(sent), AnyCase::of(to));
    [from, sent, to, AnyCase::of(cc), AnyCase::of(subject)]
};

/// [`PHONE_SIGNATURES`].
pub(super) static PHONES: AnyCase = AnyCase::of(&PHONE_SIGNATURES);

/// What a line may be by its first byte, in bits of [`Line::may_be`].
static BY_FIRST: [u8; 256] = {
    let [original, forwarded] = &ANNOUNCEMENTS;
    let [from, ..] = &LABELS;
    let mut may_be = [0; 256];
    let mut byte = 0_u8;
    loop {
        let mut bits = 0;
        if original.may_begin(byte) || forwarded.may_begin(byte) {
            bits |= Line::ANNOUNCEMENT;
        }
        if byte == b'*' || from.may_begin(byte) {
            bits |= Line::HEADER;
        }
        if matches!(byte, b'-' | b'_' | b'=') || PHONES.may_begin(byte) {
            bits |= Line::MARKER;
        }
        if byte == b'>' {
            bits |= Line::QUOTED;
        }
        #[allow(clippy::indexing_slicing, reason = "a byte has its place among 256")]
        {
            may_be[byte as usize] = bits;
        }
        if byte == u8::MAX {
            break may_be;
        }
        byte += 1;
    }
};

/// A line with its place in the body, its end of line included.
pub(super) struct Line<'a> {
    pub(super) range: Range<usize>,
    /// The line without white space at its ends.
    pub(super) text: &'a str,
    /// What it may be by its ends and its length, in bits: most lines are nothing but text, and
    /// these tell it.
    may_be: u8,
}

impl<'a> Line<'a> {
    /// It says that an earlier mail follows.
    pub(super) const ANNOUNCEMENT: u8 = 1;
    /// It begins the header of an earlier mail.
    pub(super) const HEADER: u8 = 2;
    /// It ends an attribution.
    pub(super) const ATTRIBUTION: u8 = 4;
    /// It begins a signature by itself.
    pub(super) const MARKER: u8 = 8;
    /// It has `>` in front.
    const QUOTED: u8 = 16;

    fn new(range: Range<usize>, text: &'a str) -> Self {
        let (Some(first), Some(last)) = (text.as_bytes().first(), text.as_bytes().last()) else {
            return Self { range, text, may_be: 0 };
        };
        let mut may_be = BY_FIRST.get(usize::from(*first)).copied().unwrap_or_default();
        let begins = |phrases: &AnyCase| phrases.may_begin_as(text);
        if text.len() > LONGEST_ANNOUNCEMENT || !ANNOUNCEMENTS.iter().any(begins) {
            may_be &= !Self::ANNOUNCEMENT;
        }
        let [from, ..] = &LABELS;
        if *first != b'*' && !from.may_begin_as(text) {
            may_be &= !Self::HEADER;
        }
        // The first and the last byte of what may stand around an announcement.
        if matches!(first, b'-' | b'_' | b'*' | 0xe2) || matches!(last, b'-' | b'_' | b'*' | 0x94) {
            may_be |= Self::ANNOUNCEMENT;
        }
        // A colon, or the last byte of a full-width one.
        if matches!(last, b':' | 0x9a) && text.len() <= LONG_LINE {
            may_be |= Self::ATTRIBUTION;
        }
        Self { range, text, may_be }
    }

    /// Whether it may be any of these.
    pub(super) fn may_be(&self, bits: u8) -> bool {
        self.may_be & bits != 0
    }

    pub(super) fn split(body: &'a str) -> Vec<Self> {
        let mut lines = Vec::with_capacity(body.len() / 32 + 1);
        let mut start = 0;
        for end in memchr_iter(b'\n', body.as_bytes()).map(|end| end + 1).chain([body.len()]) {
            let text = trimmed(body.get(start..end).unwrap_or_default());
            if start < end {
                lines.push(Line::new(start..end, text));
            }
            start = end;
        }
        lines
    }

    /// `>` in front, but not the `>From ` that mbox files make of a line that begins with "From ".
    pub(super) fn is_quoted(&self) -> bool {
        self.may_be(Self::QUOTED) && !self.text.starts_with(">From ")
    }

    pub(super) fn is_blank(&self) -> bool {
        self.text.is_empty()
    }
}

/// A line without white space at its ends. Most have only ASCII there.
fn trimmed(line: &str) -> &str {
    let text = line.trim_ascii();
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => line.trim(),
    }
}

/// The numbers of the lines that may be any of these, by [`Line::may_be`].
pub(super) fn which(lines: &[Line<'_>], bits: u8) -> impl Iterator<Item = usize> {
    lines.iter().enumerate().filter(move |(_, line)| line.may_be(bits)).map(|(n, _)| n)
}
