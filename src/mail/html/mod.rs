//! The text that a person sees of an HTML mail.
//!
//! html5gum reads the tags ([`tags`]); this says which of them begin a line, which hide what they
//! hold, and which mark a quote or a signature. It builds no tree, so hostile nesting costs
//! nothing. Styles count where they stand on the element, as mail programs write them; style
//! sheets are not applied.

mod tags;

use std::ops::Range;

use super::{Text, TextPlace};
use tags::Tag;

/// What a page shows.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The visible text.
    pub(super) text: String,
    /// Which bytes of it the markup says to be quoted or a signature, in order.
    pub(super) marked: Vec<(Range<usize>, TextPlace)>,
    /// Whether the page hides text.
    pub(super) hidden: bool,
    /// Whether there is more than was read.
    pub(super) cut: bool,
}

/// More markup than this is not read, however little of it is visible.
const MARKUP: usize = 2 * 1024 * 1024;

/// Reads a page, up to [`Text::LIMIT`] bytes of visible text or [`MARKUP`] bytes of it.
pub(super) fn visible(html: &str) -> Seen {
    let read = html.get(..html.floor_char_boundary(MARKUP)).unwrap_or(html);
    let mut page = Page::default();
    page.seen.cut = read.len() < html.len();
    tags::read(read, &mut page);
    page.end()
}

/// More elements than this that matter to what stands in them are not told apart.
const DEPTH: usize = 100;

/// Why an open element matters to what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// What it holds is no part of the page, as a script.
    Unseen,
    /// A style hides what it holds.
    Hides,
    /// It marks a quote or a signature.
    Marks(TextPlace),
    /// White space in it stands as written.
    Preserves,
}

/// An open element that has an effect.
#[derive(Debug)]
struct Open {
    name: Box<[u8]>,
    /// Elements of the same name that were opened in it and have no effect.
    inner: u32,
    effect: Effect,
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Page {
    seen: Seen,
    /// The elements with an effect that are open, outermost first.
    open: Vec<Open>,
    /// How many of them hide, and how many preserve white space.
    hiding: u32,
    preserving: u32,
    /// The place that the outermost marking element gives, and where it began.
    marking: Option<(TextPlace, usize)>,
    /// How many elements mark.
    marks: u32,
    /// White space is due before the next word: as in a browser, any amount of it is one blank.
    space: bool,
}

impl Page {
    /// Whether more text would not be looked at.
    fn is_full(&self) -> bool {
        self.seen.text.len() > Text::LIMIT
    }

    fn start(&mut self, tag: &Tag) {
        let name = tag.name.as_slice();
        let block = is_block(name);
        match name {
            b"br" => self.line(true),
            b"td" | b"th" => self.space = true,
            _ if block => self.line(false),
            _ => {}
        }
        self.close_implied(name, block);
        if is_void(name) {
            return;
        }
        match effect(tag) {
            Some(effect) if self.open.len() < DEPTH => {
                self.enter(effect);
                self.open.push(Open { name: name.into(), inner: 0, effect });
            }
            _ => {
                if let Some(same) = self.open.iter_mut().rfind(|open| *open.name == *name) {
                    same.inner += 1;
                }
            }
        }
    }

    /// Ends elements whose end tag may be left out: the head where the body begins, a paragraph
    /// where the next block does.
    fn close_implied(&mut self, next: &[u8], block: bool) {
        let Some(last) = self.open.last() else { return };
        let ends = match &*last.name {
            b"head" => !matches!(
                next,
                b"base"
                    | b"link"
                    | b"meta"
                    | b"noscript"
                    | b"script"
                    | b"style"
                    | b"template"
                    | b"title"
                    | b"xml"
            ),
            b"p" => block,
            _ => false,
        };
        if ends {
            self.leave();
        }
    }

    fn end_tag(&mut self, name: &[u8]) {
        if is_block(name) {
            self.line(false);
        }
        // Elements that were left open end with the one around them; an end tag without a start
        // is nothing.
        let Some(at) = self.open.iter().rposition(|open| *open.name == *name) else { return };
        if let Some(open) = self.open.get_mut(at).filter(|open| open.inner > 0) {
            open.inner -= 1;
            return;
        }
        while self.open.len() > at {
            self.leave();
        }
    }

    fn enter(&mut self, effect: Effect) {
        match effect {
            Effect::Unseen | Effect::Hides => self.hiding += 1,
            Effect::Preserves => self.preserving += 1,
            Effect::Marks(place) => {
                self.marks += 1;
                if self.marking.is_none() {
                    self.line(false);
                    self.marking = Some((place, self.seen.text.len()));
                }
            }
        }
    }

    /// Ends the innermost element.
    fn leave(&mut self) {
        match self.open.pop().map(|open| open.effect) {
            Some(Effect::Unseen | Effect::Hides) => self.hiding -= 1,
            Some(Effect::Preserves) => self.preserving -= 1,
            Some(Effect::Marks(_)) => {
                self.marks -= 1;
                if self.marks == 0
                    && let Some((place, start)) = self.marking.take()
                    && start < self.seen.text.len()
                {
                    self.line(false);
                    self.seen.marked.push((start..self.seen.text.len(), place));
                }
            }
            None => {}
        }
    }

    fn write(&mut self, text: &str) {
        if self.is_full() {
            return;
        }
        if self.hiding > 0 {
            let by_style = self.open.iter().any(|open| open.effect == Effect::Hides)
                && self.open.iter().all(|open| open.effect != Effect::Unseen);
            self.seen.hidden |= by_style && !text.trim().is_empty();
            return;
        }
        if self.preserving > 0 {
            self.seen.text.push_str(text);
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

    /// Begins a line; unless it is `forced`, only if none has just begun. One blank line at most
    /// stands between two lines.
    fn line(&mut self, forced: bool) {
        self.space = false;
        let text = &mut self.seen.text;
        if self.hiding > 0 || text.is_empty() {
            return;
        }
        if !text.ends_with('\n') || (forced && !text.ends_with("\n\n")) {
            text.push('\n');
        }
    }

    fn end(mut self) -> Seen {
        while !self.open.is_empty() {
            self.leave();
        }
        self.seen
    }
}

fn effect(tag: &Tag) -> Option<Effect> {
    match tag.name.as_slice() {
        b"head" | b"style" | b"script" | b"title" | b"template" | b"noscript" | b"svg"
        | b"select" => return Some(Effect::Unseen),
        _ if tag.hidden || hides(&tag.style) => return Some(Effect::Hides),
        b"blockquote" => return Some(Effect::Marks(TextPlace::Quoted)),
        b"pre" | b"textarea" => return Some(Effect::Preserves),
        _ => {}
    }
    let says = |marks: &[&str]| marks.iter().any(|mark| tag.class.contains(mark));
    if tag.class.is_empty() {
        None
    } else if says(&["gmail_quote", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote"]) {
        Some(Effect::Marks(TextPlace::Quoted))
    } else if says(&["gmail_signature", "moz-signature", "protonmail_signature"]) {
        Some(Effect::Marks(TextPlace::Signature))
    } else {
        None
    }
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

/// Whether an element has no end tag.
fn is_void(name: &[u8]) -> bool {
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
fn is_block(name: &[u8]) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(html: &str, text: &str) {
        assert_eq!(visible(html).text.trim_end(), text, "{html}");
    }

    #[test]
    fn lines_and_words_are_those_that_a_browser_shows() {
        check("one\n  two <b>thr</b>ee", "one two three");
        check("<p>one<p>two</p>three", "one\ntwo\nthree");
        check("one<br>two<br><br><br>three", "one\ntwo\n\nthree");
        check("<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a b\nc");
        check("a &lt;b&gt; &amp; &uuml;", "a <b> & ü");
        check("<pre>one\n  two</pre>", "one\n  two");
        check("<ul><li>one<li>two</ul>", "one\ntwo");
        check("", "");
        check("<", "<");
        check("a</nothing>b", "ab");
    }

    #[test]
    fn what_is_hidden_is_not_seen() {
        let hidden = [
            "see<div style='display:none'>hidden</div>",
            "see<span style=\"DISPLAY: None !important\">hidden</span>",
            "see<span style='color:red;font-size:0px'>hidden</span>",
            "see<div hidden>hidden</div>",
            "see<div style='opacity:0'><div>hidden</div>hidden</div>",
            "<p style='display:none'>hidden<p>see",
        ];
        for html in hidden {
            check(html, "see");
            assert!(visible(html).hidden, "{html}");
        }
        let plain = [
            "<head><title>t</title><body>see",
            "<head><style>p { display: none }</style></head>see",
            "<script>if (a < b) x()</script>see",
            "see<img style='display:none' alt='x'>",
            "<div style='display:block'>see</div>",
            "<div style='display:none'></div>see",
        ];
        for html in plain {
            check(html, "see");
            assert!(!visible(html).hidden, "{html}");
        }
    }

    #[test]
    fn quotes_and_signatures_are_marked() {
        let html = "new<blockquote>old<blockquote>older</blockquote>old</blockquote>new\
                    <div class=\"x gmail_signature\">me<div>here</div></div>\
                    <div class='gmail_quote'>on … wrote<div>first</div></div>";
        let seen = visible(html);
        let marked: Vec<_> = seen
            .marked
            .iter()
            .map(|(at, place)| (seen.text.get(at.clone()).unwrap_or_default(), *place))
            .collect();
        assert_eq!(
            marked,
            [
                ("old\nolder\nold\n", TextPlace::Quoted),
                ("me\nhere\n", TextPlace::Signature),
                ("on … wrote\nfirst\n", TextPlace::Quoted)
            ]
        );
    }
}
