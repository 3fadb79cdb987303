//! Which parts of a mail a person reads, of all that it is made of.
//!
//! Of alternatives the plain one is read, unless it says nothing or only that there is another;
//! what is attached is not read. It knows the structure of a mail; decoding a part's bytes is for
//! [`super::charset`].

use mail_parser::{Message, MessagePart, MimeHeaders, PartType};

/// The parts that are read, in their order.
pub(super) fn read<'a, 'x>(message: &'a Message<'x>) -> Vec<&'a MessagePart<'x>> {
    below(message, 0, true)
}

/// Whether a part is read as HTML: where decoding failed, the parser forgets what it was.
pub(super) fn is_html(part: &MessagePart<'_>) -> bool {
    let says_html = || {
        let content = part.content_type();
        content.and_then(|content| content.subtype()).is_some_and(|kind| is(kind, "html"))
    };
    part.is_text_html() || (part.is_encoding_problem && part.is_text() && says_html())
}

/// What is read of a part and of those in it. No deeper than the guard against nesting lets pass.
fn below<'a, 'x>(message: &'a Message<'x>, id: u32, is_first: bool) -> Vec<&'a MessagePart<'x>> {
    let Some(part) = message.parts.get(id as usize) else { return Vec::new() };
    match &part.body {
        PartType::Multipart(ids) => {
            let mut children =
                (0..).zip(ids).map(|(at, id)| below(message, *id, at == 0)).collect();
            let kind = part.content_type().and_then(|content| content.subtype());
            if kind.is_some_and(|kind| is(kind, "alternative")) {
                alternative(children)
            } else if kind.is_some_and(|kind| is(kind, "related")) {
                // RFC 2387 §3: one part is shown, what it refers to stands beside it.
                let shown = children.iter().position(|child| !child.is_empty());
                shown.map_or_else(Vec::new, |shown| children.swap_remove(shown))
            } else {
                children.concat()
            }
        }
        PartType::Text(_) | PartType::Html(_) if is_shown(part, is_first) => vec![part],
        PartType::Text(_)
        | PartType::Html(_)
        | PartType::Binary(_)
        | PartType::InlineBinary(_)
        | PartType::Message(_) => Vec::new(),
    }
}

/// RFC 2046 §5.1.4: all of them say the same. The plain one is nearest to what was typed.
fn alternative<'a, 'x>(mut ways: Vec<Vec<&'a MessagePart<'x>>>) -> Vec<&'a MessagePart<'x>> {
    let plain = |way: &Vec<&MessagePart<'_>>| way.iter().any(|part| says_something(part));
    let html = |way: &Vec<&MessagePart<'_>>| way.iter().any(|part| is_html(part));
    let best = ways.iter().position(plain).or_else(|| ways.iter().position(html));
    match best.or_else(|| ways.iter().position(|way| !way.is_empty())) {
        Some(best) => ways.swap_remove(best),
        None => Vec::new(),
    }
}

/// A longer text than this says something of its own.
const STUB: usize = 400;

/// Whether a plain part has words that are not only about the HTML beside it.
fn says_something(part: &MessagePart<'_>) -> bool {
    let unseen = |c: char| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}');
    let text = part.text_contents().filter(|_| !is_html(part)).unwrap_or_default();
    let text = text.trim_matches(unseen);
    // "Your program can't show HTML", "View this mail in your browser": the HTML says the rest,
    // and if these were words of the sender, the HTML has them too.
    let is_stub = text.len() <= STUB && {
        let text = text.to_ascii_lowercase();
        text.contains("html") || text.contains("browser")
    };
    !text.is_empty() && !is_stub
}

/// Kinds of text that are for programs, and are attached even where nothing says so.
const FOR_PROGRAMS: [&str; 13] = [
    "calendar",
    "vcard",
    "x-vcard",
    "directory",
    "csv",
    "tab-separated-values",
    "css",
    "javascript",
    "xml",
    "rtf",
    "rfc822-headers",
    "x-amp-html",
    "x-vcalendar",
];

/// Whether a text is shown as a part of the mail. `is_first`: it begins what it is a part of,
/// where some programs give the mail's own text a name.
fn is_shown(part: &MessagePart<'_>, is_first: bool) -> bool {
    let disposition = part.content_disposition();
    if disposition.is_some_and(|disposition| is(disposition.ctype(), "attachment")) {
        return false;
    }
    let is_text = part.content_type().is_none_or(|content| {
        is(content.ctype(), "text")
            && !content.subtype().is_some_and(|kind| FOR_PROGRAMS.iter().any(|no| is(kind, no)))
    });
    is_text && (is_first || part.attachment_name().is_none())
}

fn is(word: &str, known: &str) -> bool {
    word.eq_ignore_ascii_case(known)
}
