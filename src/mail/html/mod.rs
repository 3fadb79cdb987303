//! The text that a person sees of an HTML mail.
//!
//! html5gum reads the tags ([`tags`]); this says which of them begin a line, which hide what they
//! hold, and which mark a quote or a signature. It builds no tree, so hostile nesting costs
//! nothing. Styles count where they stand on the element, as mail programs write them ([`style`]);
//! of style sheets only what hides or shows whole classes ([`sheet`]).

mod elements;
mod sheet;
mod style;
mod tags;
mod words;

use std::ops::Range;

use super::{Text, TextPlace};
use elements::{Held, Kind, is_block, is_void, mark, quotes_rest};
use sheet::{Sheet, is_for_screens};
use style::{Ink, Look, Veil};
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
    /// It marks a quote or a signature.
    Marks(TextPlace),
    /// It and all that follows is quoted.
    QuotesRest,
    /// White space in it stands as written.
    Preserves,
}

/// An open element that has an effect, or is written otherwise than what it stands in.
#[derive(Debug)]
struct Open {
    name: Box<[u8]>,
    /// Elements of the same name that were opened in it and have no effect, unless they are of a
    /// [`Kind`].
    inner: u32,
    /// The elements of each kind that were opened in it and are no [`Open`] themselves.
    held: Held,
    effect: Option<Effect>,
    /// How what it stands in is written.
    before: Ink,
}

impl Open {
    /// Whether it ends where an element around it does, though it was left open. What marks a
    /// quote or a signature may be badly nested itself, so that waits for its own end.
    fn ends_with(&self, around: Kind) -> bool {
        matches!(self.effect, None | Some(Effect::Hides)) && around.ends(&self.name)
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
struct Page {
    seen: Seen,
    /// The elements with an effect that are open, outermost first.
    open: Vec<Open>,
    /// The elements of each kind that were opened outside of all of them.
    held: Held,
    /// How many of them hide, and how many preserve white space.
    hiding: u32,
    preserving: u32,
    /// How the text is written.
    ink: Ink,
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
        if is_void(name) || (name == b"svg" && tag.is_self_closing) {
            return;
        }
        let mut veil = look.veil(self.is_painted || self.sheet.paints);
        self.sheet.add_to(&mut veil, tag);
        let (effect, ink) = (Self::effect(tag, &veil), veil.over(self.ink));
        if (effect.is_none() && ink == self.ink) || self.open.len() >= DEPTH {
            self.hold(name);
            return;
        }
        if let Some(effect) = effect {
            self.enter(effect);
        }
        let (inner, held, before) = (0, Held::default(), self.ink);
        self.open.push(Open { name: name.into(), inner, held, effect, before });
        self.ink = ink;
    }

    /// Remembers an element without effect, so that its end tag is known for its own.
    fn hold(&mut self, name: &[u8]) {
        if let Some(kind) = Kind::of(name) {
            self.held().begin(kind);
        } else if let Some(same) = self.open.iter_mut().rfind(|open| *open.name == *name) {
            same.inner += 1;
        }
    }

    /// The elements that were opened in the innermost [`Open`].
    fn held(&mut self) -> &mut Held {
        self.open.last_mut().map_or(&mut self.held, |open| &mut open.held)
    }

    /// Ends elements whose end tag may be left out: the head where the body begins, a paragraph
    /// where the next block does.
    fn close_implied(&mut self, next: &[u8], block: bool) {
        let unseen = self.open.last().filter(|open| open.effect == Some(Effect::Unseen));
        if let Some(open) = unseen {
            let in_head = matches!(
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
            );
            if *open.name == *b"head" && !in_head {
                self.leave();
            }
        } else if block {
            self.end_kind(Kind::Paragraph, b"p");
        }
    }

    fn end_tag(&mut self, name: &[u8]) {
        if is_block(name) {
            self.line(false);
        }
        if let Some(kind) = Kind::of(name) {
            self.end_kind(kind, name);
            return;
        }
        // Elements that were left open end with the one around them; an end tag without a start
        // is nothing.
        let Some(at) = self.open.iter().rposition(|open| *open.name == *name) else { return };
        if let Some(open) = self.open.get_mut(at).filter(|open| open.inner > 0) {
            open.inner -= 1;
            return;
        }
        while self.open.len() > at {
            let held = self.leave();
            self.held().take(held);
        }
    }

    /// Ends the innermost element of a kind, if there is one. What hides and was left open in it
    /// ends with it.
    fn end_kind(&mut self, kind: Kind, name: &[u8]) {
        let mut outward = self.open.iter_mut().enumerate().rev();
        let found = outward.find_map(|(at, open)| {
            if open.held.end(kind) {
                Some((at + 1, false))
            } else {
                (*open.name == *name).then_some((at, true))
            }
        });
        let (keep, all) = match found {
            Some(found) => found,
            None if self.held.end(kind) => (0, false),
            None => return,
        };
        while self.open.len() > keep
            && self.open.last().is_some_and(|open| all || open.ends_with(kind))
        {
            self.leave();
        }
    }

    fn enter(&mut self, effect: Effect) {
        match effect {
            Effect::Unseen | Effect::Styles | Effect::Hides => self.hiding += 1,
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

    /// Ends the innermost element. Returns what was left open in it.
    fn leave(&mut self) -> Held {
        let Some(open) = self.open.pop() else { return Held::default() };
        self.ink = open.before;
        match open.effect {
            Some(Effect::Unseen | Effect::Styles | Effect::Hides) => self.hiding -= 1,
            Some(Effect::Preserves) => self.preserving -= 1,
            Some(Effect::Marks(_)) => {
                self.marks -= 1;
                if self.marks == 0 {
                    self.end_mark();
                }
            }
            // Its mark stays to the end of the page.
            Some(Effect::QuotesRest) | None => {}
        }
        open.held
    }

    fn write(&mut self, text: &str) {
        if self.is_full() {
            return;
        }
        if self.hiding > 0 {
            if self.open.last().is_some_and(|open| open.effect == Some(Effect::Styles)) {
                self.sheet.read(text);
            }
            let by_style = self.open.iter().any(|open| open.effect == Some(Effect::Hides))
                && self
                    .open
                    .iter()
                    .all(|open| !matches!(open.effect, Some(Effect::Unseen | Effect::Styles)));
            self.seen.hidden |= by_style && !text.trim().is_empty();
            return;
        }
        if self.ink.hides() {
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

    fn effect(tag: &Tag, veil: &Veil) -> Option<Effect> {
        match tag.name.as_slice() {
            b"style" if is_for_screens(&tag.media) => Some(Effect::Styles),
            b"head" | b"script" | b"style" | b"title" | b"template" | b"noscript" | b"svg"
            | b"select" | b"iframe" | b"noembed" | b"noframes" => Some(Effect::Unseen),
            _ if tag.hidden || veil.removes() => Some(Effect::Hides),
            b"blockquote" => Some(Effect::Marks(TextPlace::Quoted)),
            b"pre" | b"textarea" => Some(Effect::Preserves),
            _ if quotes_rest(tag) => Some(Effect::QuotesRest),
            _ => mark(tag).map(Effect::Marks),
        }
    }
}

#[cfg(test)]
mod tests;
