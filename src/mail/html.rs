//! The text that a person sees of an HTML mail.
//!
//! `markup` finds the tags, html5gum reads attributes and references; this says which elements
//! begin a line, which hide what they hold, and which mark a quote. It builds no tree, so hostile
//! nesting costs nothing. Styles count where they stand on the element, as mail programs write
//! them; style sheets are not applied.

use std::collections::HashMap;
use std::ops::Range;

use html5gum::{Token, Tokenizer};

use super::Text;
use super::markup::{Piece, Pieces};

/// What a page shows.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The visible text.
    pub(super) text: String,
    /// Which bytes of it are quoted, in order.
    pub(super) quoted: Vec<Range<usize>>,
    /// Whether the page hides text.
    pub(super) hidden: bool,
    /// Whether there is more than was read.
    pub(super) cut: bool,
}

/// Elements whose content is never shown.
const UNSEEN: [&[u8]; 8] =
    [b"head", b"style", b"script", b"title", b"template", b"noscript", b"svg", b"select"];
/// Elements without an end tag.
const VOID: [&[u8]; 13] = [
    b"area", b"base", b"br", b"col", b"embed", b"hr", b"img", b"input", b"link", b"meta",
    b"source", b"track", b"wbr",
];
/// Elements that begin and end a line.
const BLOCKS: [&[u8]; 30] = [
    b"address",
    b"article",
    b"aside",
    b"blockquote",
    b"center",
    b"dd",
    b"div",
    b"dl",
    b"dt",
    b"fieldset",
    b"figure",
    b"footer",
    b"form",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"header",
    b"hr",
    b"li",
    b"main",
    b"ol",
    b"p",
    b"pre",
    b"section",
    b"table",
    b"tr",
    b"ul",
];
/// More markup than this is not read, however little of it is visible.
const MARKUP: usize = 1024 * 1024;
/// More elements open at once than this are not told apart any more.
const DEPTH: usize = 2_000;

/// Why an open element matters to what stands in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// By its nature, as a style sheet does.
    Unseen,
    /// By its style: what a person would call hidden.
    Hides,
    Quotes,
}

/// Reads a page, up to [`Text::LIMIT`] bytes of visible text or [`MARKUP`] bytes of it.
pub(super) fn visible(html: &str) -> Seen {
    let read = html.get(..html.floor_char_boundary(MARKUP)).unwrap_or(html);
    let mut page = Page::default();
    page.seen.cut = read.len() < html.len();
    for piece in Pieces::of(read) {
        match piece {
            Piece::Open(name, tag) => page.open(short(name), tag),
            Piece::Close(name) => page.close(short(name)),
            Piece::Text(text) if text.contains('&') => page.write(&unescaped(text)),
            Piece::Text(text) => page.write(text),
        }
        if page.seen.text.len() > Text::LIMIT {
            break;
        }
    }
    page.end()
}

/// Text with its character references undone.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for Ok(token) in Tokenizer::new(text) {
        if let Token::String(text) = token {
            out.push_str(&String::from_utf8_lossy(&text.value));
        }
    }
    out
}

/// The name of an element in lower case, of which only the beginning matters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Name {
    bytes: [u8; 16],
    length: usize,
}

impl Name {
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

fn short(name: &[u8]) -> Name {
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(name) {
        *to = from.to_ascii_lowercase();
    }
    Name { bytes, length: name.len().min(16) }
}

#[derive(Default)]
struct Page {
    seen: Seen,
    /// The elements that are open, outermost first, and what they do.
    open: Vec<(Name, Effect)>,
    /// How many of each are open, so that an end tag without a start costs no search.
    open_by_name: HashMap<Name, usize>,
    /// How many open elements hide what they hold, and how many of those do it by style.
    hiding: usize,
    hiding_by_style: usize,
    quoting: usize,
    /// Where the quote that is open began.
    quote: usize,
    /// White space is due before the next word: as in a browser, any amount of it is one blank.
    space: bool,
}

impl Page {
    fn open(&mut self, element: Name, tag: &str) {
        let name = element.as_bytes();
        match name {
            b"br" => self.line(),
            b"td" | b"th" => self.space = true,
            _ if BLOCKS.contains(&name) => self.line(),
            _ => {}
        }
        if VOID.contains(&name) || self.open.len() >= DEPTH {
            return;
        }
        let effect = effect(name, tag);
        match effect {
            Effect::Unseen => self.hiding += 1,
            Effect::Hides => {
                self.hiding += 1;
                self.hiding_by_style += 1;
            }
            Effect::Quotes => {
                if self.quoting == 0 {
                    self.line();
                    self.quote = self.seen.text.len();
                }
                self.quoting += 1;
            }
            Effect::None => {}
        }
        self.open.push((element, effect));
        *self.open_by_name.entry(element).or_default() += 1;
    }

    fn close(&mut self, name: Name) {
        if BLOCKS.contains(&name.as_bytes()) {
            self.line();
        }
        // Tags that were left open end with the one around them; an end tag without a start is
        // nothing.
        if self.open_by_name.get(&name).is_none_or(|open| *open == 0) {
            return;
        }
        while let Some((open, effect)) = self.open.pop() {
            if let Some(count) = self.open_by_name.get_mut(&open) {
                *count -= 1;
            }
            self.leave(effect);
            if open == name {
                break;
            }
        }
    }

    fn leave(&mut self, effect: Effect) {
        match effect {
            Effect::Unseen => self.hiding -= 1,
            Effect::Hides => {
                self.hiding -= 1;
                self.hiding_by_style -= 1;
            }
            Effect::Quotes => {
                self.quoting -= 1;
                if self.quoting == 0 && self.quote < self.seen.text.len() {
                    self.line();
                    self.seen.quoted.push(self.quote..self.seen.text.len());
                }
            }
            Effect::None => {}
        }
    }

    fn write(&mut self, text: &str) {
        if self.hiding > 0 {
            self.seen.hidden |= self.hiding_by_style > 0 && !text.trim().is_empty();
            return;
        }
        let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
        self.space |= text.starts_with(is_space);
        for word in text.split(is_space).filter(|word| !word.is_empty()) {
            if self.space && !self.seen.text.is_empty() && !self.seen.text.ends_with('\n') {
                self.seen.text.push(' ');
            }
            self.seen.text.push_str(word);
            self.space = true;
        }
        self.space = text.ends_with(is_space);
    }

    /// Begins a line, unless one has just begun.
    fn line(&mut self) {
        self.space = false;
        if self.hiding == 0 && !self.seen.text.is_empty() && !self.seen.text.ends_with('\n') {
            self.seen.text.push('\n');
        }
    }

    fn end(mut self) -> Seen {
        for (_, effect) in std::mem::take(&mut self.open).into_iter().rev() {
            self.leave(effect);
        }
        self.seen
    }
}

/// What an element does, by its name and its start tag.
fn effect(name: &[u8], tag: &str) -> Effect {
    if UNSEEN.contains(&name) {
        return Effect::Unseen;
    }
    let plain = if name == b"blockquote" { Effect::Quotes } else { Effect::None };
    // Hardly any tag says something that matters here; only those are read.
    let matters = |word: &[u8]| {
        tag.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
    };
    if tag.len() < name.len() + "< class=>".len()
        || ![&b"hidden"[..], b"style", b"class"].iter().any(|word| matters(word))
    {
        return plain;
    }
    let Some(Ok(Token::StartTag(tag))) = Tokenizer::new(tag).next() else { return plain };
    let attribute = |name: &[u8]| {
        let value = tag.attributes.get(name)?;
        Some(String::from_utf8_lossy(&value.value).to_ascii_lowercase())
    };
    if attribute(b"hidden").is_some() || attribute(b"style").is_some_and(|style| hides(&style)) {
        return Effect::Hides;
    }
    let marks = |value: String| {
        ["gmail_quote", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote"]
            .iter()
            .any(|mark| value.contains(mark))
    };
    if name == b"blockquote" || attribute(b"class").is_some_and(marks) {
        return Effect::Quotes;
    }
    Effect::None
}

/// Whether a style attribute, in lower case, hides its element.
fn hides(style: &str) -> bool {
    style.split(';').filter_map(|rule| rule.split_once(':')).any(|(property, value)| {
        let value = value.trim().trim_end_matches("!important").trim_end();
        let zero = || value.trim_end_matches(|c: char| c.is_alphabetic() || c == '%') == "0";
        match property.trim() {
            "display" => value == "none",
            "visibility" => value == "hidden",
            "mso-hide" => value == "all",
            "font-size" | "opacity" | "max-height" => zero(),
            _ => false,
        }
    })
}
