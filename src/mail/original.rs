//! Mails inside a mail: attached to it, pasted into it, or come back in a bounce.
//!
//! It says whose they are; what follows from that is for others to decide.

use mail_parser::{Message, PartType};
use memchr::memchr_iter;

use super::phrases::{FORWARDED, HEADER_LABELS};
use super::trust::{self, AuthField};
use super::{EmailAddress, Mail, TextPlace, mark, thread};

/// More attached mails than these are not looked at.
const MAX_ATTACHED: usize = 20;
/// A bounce names the mail that it is about within this many bytes.
const MAX_RETURNED: usize = 256 * 1024;
/// The header of a forwarded mail stands within this many lines of what announces it.
const HEADER_LINES: usize = 12;

/// What mail programs put before the subject of a mail that they forward.
const FORWARD_PREFIXES: [&str; 14] = [
    "fw:", "fwd:", "wg:", "tr:", "rv:", "enc:", "i:", "vs:", "vb:", "pd:", "ilt:", "doorst:",
    "转发:", "轉寄:",
];

/// What a bounce says of the mail that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Its Message-ID.
    pub message_id: Option<String>,
    /// What stands in its `Postroom-Ticket` fields, whoever wrote them.
    pub marks: Vec<String>,
}

/// A mail that is attached to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Who sent it, as it says itself; nothing if it names nobody.
    pub sender: Option<EmailAddress>,
    /// What mail servers said of that, from the top.
    pub authentication: Vec<AuthField>,
}

/// The mails that are attached, in order.
pub(super) fn attached(message: &Message<'_>) -> Vec<Attached> {
    let attached = |inner: &Message<'_>| {
        let from = inner.from().and_then(|from| from.iter().next());
        let sender = from.and_then(|from| EmailAddress::parse(from.address()?).ok());
        let mut above = true;
        let said = inner.headers_raw().filter_map(|(name, value)| {
            above &= !name.eq_ignore_ascii_case("received");
            let is_said = name.eq_ignore_ascii_case("authentication-results");
            is_said.then_some((value.as_bytes(), above))
        });
        Attached { sender, authentication: trust::fields(said) }
    };
    inner(message).map(attached).collect()
}

/// The mails that are attached.
pub(super) fn inner<'a, 'x>(message: &'a Message<'x>) -> impl Iterator<Item = &'a Message<'x>> {
    let inner = message.parts.iter().filter_map(|part| match &part.body {
        PartType::Message(inner) => Some(inner),
        PartType::Text(_)
        | PartType::Html(_)
        | PartType::Binary(_)
        | PartType::InlineBinary(_)
        | PartType::Multipart(_) => None,
    });
    inner.take(MAX_ATTACHED)
}

/// Reads what comes back in a bounce. The original, or its header, is a part of its own or just
/// pasted below the apology: its fields stand at the beginning of lines either way. One that brings
/// nothing back may still say which mail it `answers`.
pub(super) fn returned(
    raw: &[u8],
    header_end: usize,
    answers: Option<&String>,
) -> Option<Returned> {
    let body = raw.get(header_end..)?;
    let body = body.get(..MAX_RETURNED).unwrap_or(body);
    let mut message_id = None;
    let mut marks = Vec::new();
    let starts = std::iter::once(0).chain(memchr_iter(b'\n', body).map(|end| end + 1));
    for line in starts.filter_map(|start| body.get(start..)) {
        if message_id.is_none()
            && let Some(value) = value_of(line, "message-id")
        {
            message_id = thread::ids(value).into_iter().next();
        }
        if marks.len() < mark::MAX_FIELDS {
            let value = value_of(line, mark::FIELD).map(String::from_utf8_lossy);
            marks.extend(value.map(|value| value.trim().to_owned()));
        }
    }
    let message_id = message_id.or_else(|| answers.cloned());
    (!marks.is_empty() || message_id.is_some()).then_some(Returned { message_id, marks })
}

/// The value of the field with this name that stands at the beginning of a text, as far as its
/// second line, where long ids stand.
fn value_of<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (found, rest) = text.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":").filter(|_| found.eq_ignore_ascii_case(name.as_bytes()))?;
    let mut ends = memchr_iter(b'\n', value);
    let first = ends.next().unwrap_or(value.len());
    let folded = value.get(first + 1).is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    let end = if folded { ends.next().unwrap_or(value.len()) } else { first };
    value.get(..end)
}

/// Whom a mail looks forwarded from: it says so in its subject or above a pasted mail, and the
/// header of the pasted mail names its sender. Anybody can write such a header.
#[must_use]
pub fn pasted(mail: &Mail) -> Option<EmailAddress> {
    let subject = mail.subject.to_lowercase();
    let by_subject = FORWARD_PREFIXES.iter().any(|prefix| subject.starts_with(prefix));
    let quoted = mail.text.pieces().filter(|(place, _)| *place == TextPlace::Quoted);
    let lines = quoted
        .flat_map(|(_, piece)| piece.lines())
        .map(|line| line.trim_start_matches(['>', ' ']).trim());
    let mut left = if by_subject { usize::MAX } else { 0 };
    for line in lines.filter(|line| !line.is_empty()) {
        if is_announced(line) {
            left = HEADER_LINES;
        } else if left > 0 {
            if let Some(sender) = sender_in(line) {
                return Some(sender);
            }
            left -= 1;
        }
    }
    None
}

fn is_announced(line: &str) -> bool {
    let bare = line.trim_matches(['-', '_', ' ', '—', '*']).to_lowercase();
    FORWARDED.contains(&bare.as_str())
}

/// The address in a line such as `From: Ann Smith <ann@acme.example>` or `Von: [mailto:…]`.
fn sender_in(line: &str) -> Option<EmailAddress> {
    let (label, value) = line.split_once([':', '：'])?;
    let label = label.trim_matches(['*', ' ', '\u{a0}']).to_lowercase();
    if !HEADER_LABELS.first().is_some_and(|labels| labels.contains(&label.as_str())) {
        return None;
    }
    let mut words = value.split(|c: char| c.is_whitespace() || "<>[]()\",;*".contains(c));
    words.find_map(|word| {
        let word = word.strip_prefix("mailto:").unwrap_or(word);
        EmailAddress::parse(word).ok()
    })
}
