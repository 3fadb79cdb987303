//! What an element is by its name, its class or its id.
//!
//! It knows names; what is open at the moment, and what a style says, is [`super`]'s.

use super::tags::Tag;
use crate::mail::TextPlace;

/// The elements whose end tag ends what was left open in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Paragraph,
    Division,
    Cell,
    Row,
    Table,
}

impl Kind {
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"p" => Some(Self::Paragraph),
            b"div" => Some(Self::Division),
            b"td" | b"th" => Some(Self::Cell),
            b"tr" => Some(Self::Row),
            b"table" => Some(Self::Table),
            _ => None,
        }
    }

    /// Whether the end tag ends an element that was left open in it. A browser opens again what
    /// gives text its form, as `font`, behind all but the parts of a table.
    pub(super) fn ends(self, inner: &[u8]) -> bool {
        let in_table = !matches!(self, Self::Paragraph | Self::Division);
        in_table
            || !matches!(
                inner,
                b"a" | b"b"
                    | b"big"
                    | b"code"
                    | b"em"
                    | b"font"
                    | b"i"
                    | b"nobr"
                    | b"s"
                    | b"small"
                    | b"strike"
                    | b"strong"
                    | b"tt"
                    | b"u"
            )
    }
}

/// How many elements of each kind are open at a place.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Held {
    paragraphs: u32,
    divisions: u32,
    cells: u32,
    rows: u32,
    tables: u32,
}

impl Held {
    fn of(&mut self, kind: Kind) -> &mut u32 {
        match kind {
            Kind::Paragraph => &mut self.paragraphs,
            Kind::Division => &mut self.divisions,
            Kind::Cell => &mut self.cells,
            Kind::Row => &mut self.rows,
            Kind::Table => &mut self.tables,
        }
    }

    pub(super) fn begin(&mut self, kind: Kind) {
        *self.of(kind) += 1;
    }

    /// Ends one, if there is any.
    pub(super) fn end(&mut self, kind: Kind) -> bool {
        let held = self.of(kind);
        let any = *held > 0;
        *held -= u32::from(any);
        any
    }

    /// Takes over what stays open of an element that has ended.
    pub(super) fn take(&mut self, left: Self) {
        self.paragraphs += left.paragraphs;
        self.divisions += left.divisions;
        self.cells += left.cells;
        self.rows += left.rows;
        self.tables += left.tables;
    }
}

/// The classes, or the beginnings of ids, by which programs mark what they quote.
const QUOTES: [&str; 6] = [
    "gmail_quote",
    "yahoo_quoted",
    "moz-cite-prefix",
    "protonmail_quote",
    "mail-editor-reference-message-container",
    "zmail_extra",
];
/// … and what they sign with.
const SIGNATURES: [&str; 6] = [
    "gmail_signature",
    "moz-signature",
    "protonmail_signature",
    "MsoAutoSig",
    "AppleMailSignature",
    "ms-outlook-mobile-signature",
];
/// What Outlook signs with. Others have names that hold the word.
const SIGNATURE: &str = "Signature";
/// The ids behind which Outlook quotes to the end of the page.
const RESTS: [&str; 2] = ["divRplyFwdMsg", "appendonsend"];

/// Whether all behind an element is quoted.
pub(super) fn quotes_rest(tag: &Tag) -> bool {
    RESTS.contains(&tag.id.as_str())
}

/// What a mail program says that an element holds.
pub(super) fn mark(tag: &Tag) -> Option<TextPlace> {
    if tag.class.is_empty() && tag.id.is_empty() {
        return None;
    }
    let says = |marks: &[&str]| {
        marks.iter().any(|mark| tag.class.contains(mark) || tag.id.starts_with(mark))
    };
    // Outlook puts `x_` before the names in a mail that it shows.
    let signs = |name: &str| name.trim_start_matches("x_") == SIGNATURE;
    if says(&QUOTES) {
        Some(TextPlace::Quoted)
    } else if says(&SIGNATURES)
        || signs(&tag.id)
        || (tag.class.contains(SIGNATURE) && tag.class.split_whitespace().any(signs))
    {
        Some(TextPlace::Signature)
    } else {
        None
    }
}

/// Whether an element has no end tag.
pub(super) fn is_void(name: &[u8]) -> bool {
    matches!(
        name,
        b"area"
            | b"base"
            | b"br"
            | b"col"
            | b"embed"
            | b"hr"
            | b"img"
            | b"input"
            | b"link"
            | b"meta"
            | b"source"
            | b"track"
            | b"wbr"
    )
}

/// Whether an element begins and ends a line.
pub(super) fn is_block(name: &[u8]) -> bool {
    matches!(
        name,
        b"address"
            | b"article"
            | b"aside"
            | b"blockquote"
            | b"center"
            | b"dd"
            | b"div"
            | b"dl"
            | b"dt"
            | b"fieldset"
            | b"figure"
            | b"footer"
            | b"form"
            | b"h1"
            | b"h2"
            | b"h3"
            | b"h4"
            | b"h5"
            | b"h6"
            | b"header"
            | b"hr"
            | b"li"
            | b"main"
            | b"ol"
            | b"p"
            | b"pre"
            | b"section"
            | b"table"
            | b"tr"
            | b"ul"
    )
}
