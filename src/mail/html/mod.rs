//! The text that a person sees of an HTML mail.
//!
//! html5gum reads the tags ([`tags`]); this says which of them begin a line, which hide what they
//! hold, and which mark a quote or a signature. It builds no tree, so hostile nesting costs
//! nothing. Styles count where they stand on the element, as mail programs write them; of style
//! sheets only what hides whole classes ([`style`]).

mod style;
mod tags;
mod words;

use std::ops::Range;

use super::{Text, TextPlace};
use style::{Look, Sheet};
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
    /// What it holds is a style sheet.
    Styles,
    /// It writes white on white.
    Whitens,
    /// It gives what stands in white text another colour or ground.
    Colors,
    /// It marks a quote or a signature.
    Marks(TextPlace),
    /// It and all that follows is quoted.
    QuotesRest,
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
    /// How many of them hide, how many write white on white, how many preserve white space.
    hiding: u32,
    whitening: u32,
    preserving: u32,
    /// The place that the outermost marking element gives, and where it began.
    marking: Option<(TextPlace, usize)>,
    /// How many elements mark.
    marks: u32,
    /// What the style sheets hide.
    sheet: Sheet,
    /// Whether anything so far got a background.
    is_painted: bool,
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
        let look = Look::of(tag);
        self.is_painted |= look.paints();
        if is_void(name) {
            return;
        }
        match self.effect(tag, look) {
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
            Effect::Unseen | Effect::Styles | Effect::Hides => self.hiding += 1,
            Effect::Whitens => self.whitening += 1,
            Effect::Colors => {}
            Effect::Preserves => self.preserving += 1,
            Effect::Marks(place) => self.begin_mark(place),
            Effect::QuotesRest => self.begin_mark(TextPlace::Quoted),
        }
    }

    fn begin_mark(&mut self, place: TextPlace) {
        self.marks += 1;
        if self.marking.is_none() {
            self.line(false);
            self.marking = Some((place, self.seen.text.len()));
        }
    }

    fn end_mark(&mut self) {
        if let Some((place, start)) = self.marking.take()
            && start < self.seen.text.len()
        {
            self.line(false);
            self.seen.marked.push((start..self.seen.text.len(), place));
        }
    }

    /// Ends the innermost element.
    fn leave(&mut self) {
        match self.open.pop().map(|open| open.effect) {
            Some(Effect::Unseen | Effect::Styles | Effect::Hides) => self.hiding -= 1,
            Some(Effect::Whitens) => self.whitening -= 1,
            Some(Effect::Preserves) => self.preserving -= 1,
            Some(Effect::Marks(_)) => {
                self.marks -= 1;
                if self.marks == 0 {
                    self.end_mark();
                }
            }
            // Its mark stays to the end of the page.
            Some(Effect::QuotesRest | Effect::Colors) | None => {}
        }
    }

    fn write(&mut self, text: &str) {
        if self.is_full() {
            return;
        }
        if self.hiding > 0 {
            if self.open.last().is_some_and(|open| open.effect == Effect::Styles) {
                self.sheet.read(text);
            }
            let by_style = self.open.iter().any(|open| open.effect == Effect::Hides)
                && self
                    .open
                    .iter()
                    .all(|open| !matches!(open.effect, Effect::Unseen | Effect::Styles));
            self.seen.hidden |= by_style && !text.trim().is_empty();
            return;
        }
        if self.is_white() {
            self.seen.hidden |= !text.trim().is_empty();
            return;
        }
        if self.preserving > 0 {
            self.seen.text.push_str(text);
            return;
        }
        let is_space = |byte: &u8| words::is_space(*byte);
        self.space |= text.as_bytes().first().is_some_and(is_space);
        let mut rest = text;
        while let Some(begin) = rest.bytes().position(|byte| !is_space(&byte)) {
            if self.space && !self.seen.text.is_empty() && !self.seen.text.ends_with('\n') {
                self.seen.text.push(' ');
            }
            let said = rest.get(begin..).unwrap_or_default();
            let end = words::end(said.as_bytes());
            let (said, behind) = said.split_at_checked(end).unwrap_or((said, ""));
            self.seen.text.push_str(said);
            self.space = true;
            rest = behind;
        }
        self.space = text.as_bytes().last().is_some_and(is_space);
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
        self.end_mark();
        self.seen
    }

    fn effect(&self, tag: &Tag, look: Look<'_>) -> Option<Effect> {
        match tag.name.as_slice() {
            b"style" => return Some(Effect::Styles),
            b"head" | b"script" | b"title" | b"template" | b"noscript" | b"svg" | b"select"
            | b"iframe" | b"noembed" | b"noframes" => return Some(Effect::Unseen),
            _ if tag.hidden || look.hides || self.sheet.hides(tag) => {
                return Some(Effect::Hides);
            }
            // A mail's background is white where nothing has given it another.
            _ if look.writes_white() && !self.is_painted && !self.sheet.paints => {
                return Some(Effect::Whitens);
            }
            // Inside white text, what has another colour or ground is seen again.
            _ if self.whitening > 0 && look.shows() => return Some(Effect::Colors),
            b"blockquote" => return Some(Effect::Marks(TextPlace::Quoted)),
            b"pre" | b"textarea" => return Some(Effect::Preserves),
            _ => {}
        }
        if RESTS.contains(&tag.id.as_str()) {
            return Some(Effect::QuotesRest);
        }
        let says = |marks: &[&str]| {
            marks.iter().any(|mark| tag.class.contains(mark) || tag.id.starts_with(mark))
        };
        if tag.class.is_empty() && tag.id.is_empty() {
            None
        } else if says(&QUOTES) {
            Some(Effect::Marks(TextPlace::Quoted))
        } else if says(&SIGNATURES) {
            Some(Effect::Marks(TextPlace::Signature))
        } else {
            None
        }
    }

    /// Whether what is written now is white on white.
    fn is_white(&self) -> bool {
        self.whitening > 0
            && self.open.iter().rev().find_map(|open| match open.effect {
                Effect::Whitens => Some(true),
                Effect::Colors => Some(false),
                Effect::Unseen
                | Effect::Styles
                | Effect::Hides
                | Effect::Marks(_)
                | Effect::QuotesRest
                | Effect::Preserves => None,
            }) == Some(true)
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
const SIGNATURES: [&str; 7] = [
    "gmail_signature",
    "moz-signature",
    "protonmail_signature",
    "MsoAutoSig",
    "AppleMailSignature",
    "ms-outlook-mobile-signature",
    "Signature",
];
/// The ids behind which Outlook quotes to the end of the page.
const RESTS: [&str; 2] = ["divRplyFwdMsg", "appendonsend"];

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
            "<style>a{} .x, p.pre { display : none }</style>see<p class='a pre'>hidden",
            "<style>#pre{visibility:hidden}</style>see<b id=pre>hidden</b>",
            "see<font color=white>hidden</font>",
            "see<i style='color:#FFF'>hidden</i>",
            "see<i style='background:#fff;color:#ffffff'>hidden</i>",
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
            "<p style='display:none;display:block'>see",
            "<style>@media print { .x { display: none } } .y { color: red }</style><p class=x>see",
            "<table bgcolor=black><tr><td style='color:#fff'>see</table>",
            "<style>.top { background: navy }</style><p class=top><font color=white>see</font>",
            "<iframe>fall-back</iframe>see",
            "<font color=white><table><tr><td bgcolor=red>see</table></font>",
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
                    <div class='gmail_quote'>on … wrote<div>first</div></div>\
                    <p class=MsoAutoSig>we</p><hr><div id=divRplyFwdMsg>From: you</div>the rest";
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
                ("on … wrote\nfirst\n", TextPlace::Quoted),
                ("we\n", TextPlace::Signature),
                ("From: you\nthe rest\n", TextPlace::Quoted)
            ]
        );
    }
}
