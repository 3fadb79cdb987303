//! From html5gum's tokens to a page, without building any of them: most of a mail's markup is
//! attributes that nobody asks for.
//!
//! It knows tags and attributes; what they mean is [`super`]'s.

use html5gum::emitters::{Emitter, naive_next_state};
use html5gum::{Error, State, Tokenizer};

use super::Page;
use crate::mail::charset::lossy;

/// A tag, with the attributes that can matter.
#[derive(Debug, Default)]
pub(super) struct Tag {
    /// In lower case.
    pub(super) name: Vec<u8>,
    /// Whether it has the attribute `hidden`.
    pub(super) hidden: bool,
    /// The attribute `style` in lower case.
    pub(super) style: String,
    /// The attribute `class`.
    pub(super) class: String,
    /// The attribute `id`.
    pub(super) id: String,
    /// The attribute `color`.
    pub(super) color: String,
    /// The attribute `bgcolor` or `background`.
    pub(super) ground: String,
    /// The attribute `media`.
    pub(super) media: String,
    /// Whether it ends with `/>`.
    pub(super) is_self_closing: bool,
    is_end: bool,
}

impl Tag {
    fn begin(&mut self, is_end: bool) {
        self.name.clear();
        self.hidden = false;
        self.style.clear();
        self.class.clear();
        self.id.clear();
        self.color.clear();
        self.ground.clear();
        self.media.clear();
        self.is_self_closing = false;
        self.is_end = is_end;
    }
}

/// Reads HTML into a page until it is full.
pub(super) fn read(html: &str, page: &mut Page) {
    let (tag, attribute, last_start) = (Tag::default(), Vec::new(), Vec::new());
    let reader = Reader { page, tag, attribute, last_start };
    // The only token there is says that the page is full.
    let _ = Tokenizer::new_with_emitter(html, reader).next();
}

struct Reader<'a> {
    page: &'a mut Page,
    tag: Tag,
    attribute: Vec<u8>,
    /// The last start tag, whose end tag ends what is read as plain text.
    last_start: Vec<u8>,
}

impl Reader<'_> {
    /// Takes note of an attribute that needs no value.
    fn end_attribute(&mut self) {
        self.tag.hidden |= self.attribute == b"hidden";
        self.attribute.clear();
    }
}

impl Emitter for Reader<'_> {
    type Token = ();

    fn pop_token(&mut self) -> Option<()> {
        self.page.is_full().then_some(())
    }

    fn should_emit_errors(&mut self) -> bool {
        false
    }

    fn emit_error(&mut self, _: Error) {}

    fn set_last_start_tag(&mut self, last_start_tag: Option<&[u8]>) {
        self.last_start.clear();
        self.last_start.extend_from_slice(last_start_tag.unwrap_or_default());
    }

    fn emit_string(&mut self, text: &[u8]) {
        self.page.write(&lossy(text));
    }

    fn init_start_tag(&mut self) {
        self.tag.begin(false);
    }

    fn init_end_tag(&mut self) {
        self.tag.begin(true);
    }

    fn push_tag_name(&mut self, name: &[u8]) {
        self.tag.name.extend_from_slice(name);
    }

    fn init_attribute(&mut self) {
        self.end_attribute();
    }

    fn push_attribute_name(&mut self, name: &[u8]) {
        self.attribute.extend_from_slice(name);
    }

    fn push_attribute_value(&mut self, value: &[u8]) {
        match self.attribute.as_slice() {
            b"style" => {
                let style = &mut self.tag.style;
                let before = style.len();
                style.push_str(&lossy(value));
                style.get_mut(before..).unwrap_or_default().make_ascii_lowercase();
            }
            b"class" => self.tag.class.push_str(&lossy(value)),
            b"id" => self.tag.id.push_str(&lossy(value)),
            b"bgcolor" | b"background" => self.tag.ground.push_str(&lossy(value)),
            b"color" => self.tag.color.push_str(&lossy(value)),
            b"media" => self.tag.media.push_str(&lossy(value)),
            _ => {}
        }
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        self.end_attribute();
        if self.tag.is_end {
            self.last_start.clear();
            self.page.end_tag(&self.tag.name);
            return None;
        }
        self.last_start.clone_from(&self.tag.name);
        self.page.start(&self.tag);
        naive_next_state(&self.last_start)
    }

    fn set_self_closing(&mut self) {
        self.tag.is_self_closing = true;
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        self.tag.is_end && !self.last_start.is_empty() && self.last_start == self.tag.name
    }

    fn emit_eof(&mut self) {}
    fn init_comment(&mut self) {}
    fn push_comment(&mut self, _: &[u8]) {}
    fn emit_current_comment(&mut self) {}
    fn emit_current_doctype(&mut self) {}
    fn set_force_quirks(&mut self) {}
    fn init_doctype(&mut self) {}
    fn push_doctype_name(&mut self, _: &[u8]) {}
    fn set_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn set_doctype_system_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_public_identifier(&mut self, _: &[u8]) {}
    fn push_doctype_system_identifier(&mut self, _: &[u8]) {}
}
