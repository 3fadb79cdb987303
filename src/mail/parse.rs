//! From bytes to a [`Mail`], whatever the bytes are.
//!
//! mail-parser does the work; before it comes what would make any parser fail (a header without
//! end, parts nested thousands deep), behind it what it leaves open: which text a person sees,
//! and what was odd.

use std::collections::BTreeSet;

use mail_parser::{
    Address, DateTime, Header, HeaderName, HeaderValue, Message, MessagePart, MimeHeaders,
};
use memchr::{memchr, memchr_iter, memmem};
use sha2::{Digest, Sha256};

use super::fields::{Fields, header_too_large};
use super::nesting::nested_too_deep;
use super::{
    EmailAddress, Kind, Mail, MailKey, Oddity, Text, TextPlace, body, charset, html, kind,
    mailboxes, mark, message, original, pgp, text, thread, trust,
};

/// More levels of nested parts than this are not read.
pub const MAX_NESTING: usize = 100;
/// More bytes of header than this are not read.
pub const MAX_HEADER: usize = 256 * 1024;

/// How much of the body the key covers at most, and where odd bytes are looked for.
const KEYED_BODY: usize = 64 * 1024;

/// How much it covers where a Message-ID tells nearly all: hashing whole bodies takes a thirtieth of
/// a decision's time.
const KEYED_BESIDE_ID: usize = 4 * 1024;
/// More recipients than this are not kept, nor looked at.
const MAX_RECIPIENTS: usize = 200;

/// Reads a mail. `raw` is all of it or its beginning; `size` is its whole size.
///
/// Never fails and never panics; takes time in proportion to the number of bytes.
#[must_use]
pub fn parse(raw: &[u8], size: u64) -> Mail {
    let fields = Fields::read(raw);
    let mut mail = blank(key(raw, size, &fields), size);
    note_bytes(raw, &fields, &mut mail);
    let too_large = header_too_large(raw, &fields);
    let too_deep = nested_too_deep(raw);
    if too_large {
        mail.oddities.insert(Oddity::HeaderTooLarge);
    }
    if too_deep {
        mail.oddities.insert(Oddity::NestedTooDeep);
    }
    let header_only = too_large || too_deep;
    let message = if too_large {
        None
    } else if too_deep {
        message::read_header(raw.get(..fields.end).unwrap_or(raw))
    } else {
        message::read(raw, &fields)
    };
    if let Some(message) = &message {
        read_header(message, &fields, &mut mail);
        mend_sender(&fields, &mut mail);
        mend_subject(&fields, &mut mail);
        if !header_only {
            read_text(message, raw, &mut mail);
            mail.attached = original::attached(message);
        }
    } else {
        mail.oddities.insert(Oddity::NoDate);
    }
    if fields.is_empty() && !header_only {
        mail.text = text::mark(as_it_came(raw), &[]);
    }
    let sender = mail.sender.as_ref().map(EmailAddress::as_str);
    mail.kind = kind::kind(&fields, &mail.subject, sender);
    let is_persons = matches!(mail.kind, Kind::Person | Kind::Signed);
    if is_persons && message.as_ref().is_some_and(asks_a_calendar) {
        mail.kind = Kind::Calendar;
    }
    if mail.kind == Kind::Person && pgp::is_encrypted(&mail.text.body) {
        mail.kind = Kind::Encrypted;
    }
    if mail.kind == Kind::Bounce {
        mail.returned = original::returned(raw, fields.end, mail.answers.first());
    }
    if mail.kind == Kind::Person && pgp::is_signed(&mail.text.body) {
        mail.kind = Kind::Signed;
    }
    let marks = fields.all(mark::FIELD).take(mark::MAX_FIELDS).map(String::from_utf8_lossy);
    mail.marks = marks.map(|value| value.trim().to_owned()).collect();
    mail.spam = kind::spam_flag(&fields);
    mail.list_id = fields.first("list-id").map(list_id);
    mail.authentication = trust::fields(fields.above("authentication-results", "received"));
    note_absences(&fields, &mut mail);
    mail
}

/// A mail of which nothing but its key is known: for one that made parsing itself fail.
#[must_use]
pub fn unreadable(raw: &[u8], size: u64) -> Mail {
    blank(key_of(raw, size), size)
}

fn blank(key: MailKey, size: u64) -> Mail {
    Mail {
        key,
        message_id: None,
        answers: Vec::new(),
        sender: None,
        recipients: Vec::new(),
        subject: String::new(),
        text: Text::default(),
        kind: Kind::Person,
        list_id: None,
        authentication: Vec::new(),
        spam: None,
        attached: Vec::new(),
        marks: Vec::new(),
        returned: None,
        oddities: BTreeSet::new(),
        size,
    }
}

/// What a mail is recognised by, from its bytes, all or the beginning, and its whole size.
#[must_use]
pub fn key_of(raw: &[u8], size: u64) -> MailKey {
    key(raw, size, &Fields::read(raw))
}

/// See [`MailKey`].
fn key(raw: &[u8], size: u64, fields: &Fields<'_>) -> MailKey {
    let mut hash = Sha256::new();
    let (mut is_known, mut has_id) = (false, false);
    for name in ["message-id", "from", "date", "subject"] {
        // Length first, so that no two sets of values run into the same bytes.
        let value = fields.first(name).unwrap_or_default();
        is_known |= !value.is_empty();
        has_id |= name == "message-id" && !value.is_empty();
        hash.update((value.len() as u64).to_le_bytes());
        hash.update(value);
    }
    // With none of these, and no body, whatever is there must tell mails apart.
    let has_body = size > fields.end as u64;
    let start = if is_known || has_body { fields.end } else { 0 };
    let body_size = size.saturating_sub(start as u64);
    hash.update(body_size.to_le_bytes());
    let body = raw.get(start..).unwrap_or_default();
    let covered = if has_id { KEYED_BESIDE_ID } else { KEYED_BODY };
    hash.update(body.get(..covered).unwrap_or(body));
    MailKey::from_bytes(hash.finalize().into())
}

/// The key of a mail of which nothing is known but where it lies.
#[must_use]
pub fn key_of_place(place: &[&str]) -> MailKey {
    let mut hash = Sha256::new_with_prefix(b"place");
    for part in place {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    MailKey::from_bytes(hash.finalize().into())
}

/// What is odd about the bytes themselves.
fn note_bytes(raw: &[u8], fields: &Fields<'_>, mail: &mut Mail) {
    let header = raw.get(..fields.end).unwrap_or(raw);
    let beginning = raw.get(..fields.end.saturating_add(KEYED_BODY)).unwrap_or(raw);
    let mut note = |holds: bool, oddity: Oddity| {
        if holds {
            mail.oddities.insert(oddity);
        }
    };
    note(raw.iter().all(u8::is_ascii_whitespace), Oddity::Empty);
    note(fields.is_empty(), Oddity::NoHeader);
    note(memchr(0, raw).is_some(), Oddity::NulBytes);
    note(!header.is_ascii(), Oddity::RawHeaderBytes);
    note((raw.len() as u64) < mail.size, Oddity::FetchedInPart);
    note(has_mixed_line_endings(beginning), Oddity::MixedLineEndings);
    note(fields.all("message-id").nth(1).is_some(), Oddity::SeveralMessageIds);
}

/// Whether lines end in different ways, or a CR stands where no line ends.
fn has_mixed_line_endings(bytes: &[u8]) -> bool {
    let mut with_cr = 0;
    for at in memchr_iter(b'\r', bytes) {
        match bytes.get(at + 1) {
            Some(b'\n') => with_cr += 1,
            Some(_) => return true,
            None => {}
        }
    }
    with_cr > 0 && with_cr != memchr_iter(b'\n', bytes).count()
}

/// What is not there, or not usable.
fn note_absences(fields: &Fields<'_>, mail: &mut Mail) {
    let missing = [
        (mail.message_id.is_none(), Oddity::NoMessageId),
        (mail.sender.is_none(), Oddity::NoSender),
        (mail.text.body.trim().is_empty(), Oddity::NoText),
        (fields.all("from").nth(1).is_some(), Oddity::SeveralSenders),
    ];
    mail.oddities.extend(missing.into_iter().filter(|(holds, _)| *holds).map(|(_, oddity)| oddity));
}

fn read_header(message: &Message<'_>, fields: &Fields<'_>, mail: &mut Mail) {
    let named = Named::of(message);
    mail.message_id = thread::message_id(fields);
    mail.answers = thread::answers(fields, mail.message_id.as_deref());
    read_senders(&named, mail);
    mail.recipients = recipients(message, fields, &named);
    mail.subject = one_line(named.subject.and_then(HeaderValue::as_text).unwrap_or_default());
    let date = named.date.and_then(HeaderValue::as_text).and_then(DateTime::parse_rfc822);
    if date.is_none() {
        mail.oddities.insert(Oddity::NoDate);
    }
}

/// What is read of a header, gathered in one pass: to look for each name costs one.
#[derive(Default)]
struct Named<'a, 'x> {
    from: Vec<&'a Address<'x>>,
    to: Vec<&'a Address<'x>>,
    cc: Vec<&'a Address<'x>>,
    /// The first ones.
    subject: Option<&'a HeaderValue<'x>>,
    date: Option<&'a HeaderValue<'x>>,
}

impl<'a, 'x> Named<'a, 'x> {
    fn of(message: &'a Message<'x>) -> Self {
        let mut named = Self::default();
        for Header { name, value, .. } in message.headers() {
            #[expect(clippy::wildcard_enum_match_arm, reason = "a few of a hundred names are read")]
            match name {
                HeaderName::From => named.from.extend(value.as_address()),
                HeaderName::To => named.to.extend(value.as_address()),
                HeaderName::Cc => named.cc.extend(value.as_address()),
                HeaderName::Subject => named.subject = named.subject.or(Some(value)),
                HeaderName::Date => named.date = named.date.or(Some(value)),
                _ => {}
            }
        }
        named
    }
}

/// The first mailbox in From that has an address. A comma in a name that is not quoted makes two
/// mailboxes of one, of which only the last has an address.
fn read_senders(named: &Named<'_, '_>, mail: &mut Mail) {
    let mailboxes = named.from.iter().flat_map(|from| from.iter()).take(MAX_RECIPIENTS);
    let mut senders = mailboxes.filter_map(|from| EmailAddress::parse(from.address()?).ok());
    mail.sender = senders.next();
    if senders.next().is_some() {
        mail.oddities.insert(Oddity::SeveralSenders);
    }
}

/// Reads From itself where mail-parser finds no address in it, or may have joined several: it takes
/// what stands in all the angle brackets of one mailbox for one address.
fn mend_sender(fields: &Fields<'_>, mail: &mut Mail) {
    let raw = fields.first("from").unwrap_or_default();
    if mail.sender.is_some() && memchr_iter(b'<', raw).nth(1).is_none() {
        return;
    }
    let senders = mailboxes::addresses(&String::from_utf8_lossy(raw));
    if senders.len() > 1 {
        mail.oddities.insert(Oddity::SeveralSenders);
    }
    if !mail.sender.as_ref().is_some_and(|sender| senders.contains(sender))
        && let Some(first) = senders.into_iter().next()
    {
        mail.sender = Some(first);
    }
}

fn recipients(
    message: &Message<'_>,
    fields: &Fields<'_>,
    named: &Named<'_, '_>,
) -> Vec<EmailAddress> {
    let mut recipients: Vec<EmailAddress> = Vec::new();
    let noted = ["x-original-to", "envelope-to", "x-envelope-to", "delivered-to", "x-delivered-to"];
    // Few mails have more than one of these; which, is told faster by the fields.
    let noted = noted.into_iter().filter(|name| fields.has(name)).map(|name| match name {
        "delivered-to" => HeaderName::DeliveredTo,
        name => HeaderName::Other(name.into()),
    });
    let noted = noted.flat_map(|name| message.header_values(name));
    let noted = noted.filter_map(HeaderValue::as_address);
    let all = noted.chain(named.to.iter().copied()).chain(named.cc.iter().copied());
    let values = all.flat_map(Address::iter);
    for address in values.filter_map(mail_parser::Addr::address).take(MAX_RECIPIENTS) {
        match EmailAddress::parse(address) {
            Ok(address) if !recipients.contains(&address) => recipients.push(address),
            Ok(_) | Err(_) => {}
        }
    }
    recipients
}

/// A text on one line, without the characters that would break it.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

fn list_id(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let inner = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(|| text.trim().to_owned(), |(id, _)| id.trim().to_owned())
}

/// A subject that did not decode is read again from its bytes.
fn mend_subject(fields: &Fields<'_>, mail: &mut Mail) {
    let raw = fields.first("subject").unwrap_or_default();
    if let Some((mended, fits)) = charset::mend_field(raw, &mail.subject) {
        mail.subject = one_line(&mended);
        if !fits {
            mail.oddities.insert(Oddity::CharsetMismatch);
        }
    }
}

fn read_text(message: &Message<'_>, raw: &[u8], mail: &mut Mail) {
    let mut body = String::new();
    let mut marked = Vec::new();
    let mut from_html = false;
    for part in body::read(message) {
        let (shown, odd) = charset::text_of(part, raw);
        mail.oddities.extend(odd);
        if !body.is_empty() && !body.ends_with('\n') {
            body.push('\n');
        }
        if body::is_html(part) {
            let seen = html::visible(&shown);
            from_html = true;
            if seen.hidden {
                mail.oddities.insert(Oddity::HiddenText);
            }
            let shift = body.len();
            if seen.cut {
                mail.oddities.insert(Oddity::TextCut);
            }
            let marks = seen.marked.into_iter();
            marked.extend(marks.map(|(at, place)| (at.start + shift..at.end + shift, place)));
            body.push_str(&seen.text);
        } else {
            body.push_str(&shown);
        }
        if body.len() > Text::LIMIT {
            break;
        }
    }
    if from_html {
        mail.oddities.insert(Oddity::HtmlOnly);
    } else {
        marked = pgp::armor(&body);
    }
    let own = body.len();
    add_attached(message, &mut body);
    if body.len() > own {
        marked.push((own..body.len(), TextPlace::Quoted));
    }
    if body.len() > Text::LIMIT {
        body.truncate(body.floor_char_boundary(Text::LIMIT));
        mail.oddities.insert(Oddity::TextCut);
    }
    note_structure(message, raw, mail);
    if body.is_empty() && is_unread_multipart(message.root_part()) {
        // Parts that nobody can tell apart are shown as they came.
        let start = message.root_part().offset_body as usize;
        body = as_it_came(raw.get(start..).unwrap_or_default());
    }
    mail.text = text::mark(body, &marked);
}

/// Adds the subject and the text of the first mail that is attached: what somebody sends on is
/// what their mail is about. A report's is for machines.
fn add_attached(message: &Message<'_>, text: &mut String) {
    let content = message.content_type().and_then(|content| content.subtype());
    let report = content.is_some_and(|kind| kind.eq_ignore_ascii_case("report"));
    let Some(inner) = original::inner(message).next().filter(|_| !report) else { return };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&one_line(inner.subject().unwrap_or_default()));
    for part in body::read(inner) {
        text.push('\n');
        let (shown, _) = charset::text_of(part, &inner.raw_message);
        if body::is_html(part) {
            text.push_str(&html::visible(&shown).text);
        } else {
            text.push_str(&shown);
        }
        if text.len() > Text::LIMIT {
            return;
        }
    }
}

/// The beginning of some bytes as text.
fn as_it_came(bytes: &[u8]) -> String {
    let mut text = charset::guess(bytes.get(..Text::LIMIT).unwrap_or(bytes));
    text.truncate(text.floor_char_boundary(Text::LIMIT));
    text
}

/// Whether a part says to be a multipart and was read as something else: it names no boundary, or
/// never has it.
fn is_unread_multipart(part: &MessagePart<'_>) -> bool {
    let says = part.content_type().is_some_and(|c| c.ctype().eq_ignore_ascii_case("multipart"));
    says && !part.is_multipart()
}

/// Whether a multipart has its end (RFC 2046 §5.1.1).
fn is_closed(root: &MessagePart<'_>, raw: &[u8]) -> bool {
    let boundary = root.content_type().and_then(|content| content.attribute("boundary"));
    match boundary {
        Some(boundary) if root.is_multipart() => {
            memmem::rfind(raw, format!("--{boundary}--").as_bytes()).is_some()
        }
        _ => true,
    }
}

/// Whether a part is meant for a calendar program and not just attached: RFC 6047 §2.4 wants the
/// method in its Content-Type.
fn asks_a_calendar(message: &Message<'_>) -> bool {
    message.parts.iter().filter_map(MimeHeaders::content_type).any(|content| {
        content.ctype().eq_ignore_ascii_case("text")
            && content.subtype().is_some_and(|kind| kind.eq_ignore_ascii_case("calendar"))
            && content.has_attribute("method")
    })
}

fn note_structure(message: &Message<'_>, raw: &[u8], mail: &mut Mail) {
    let tnef = |part: &MessagePart<'_>| {
        let named = part.attachment_name().is_some_and(|n| n.eq_ignore_ascii_case("winmail.dat"));
        named || part.content_type().is_some_and(|c| c.subtype() == Some("ms-tnef"))
    };
    if message.parts.iter().any(tnef) {
        mail.oddities.insert(Oddity::Tnef);
    }
    let whole = !mail.oddities.contains(&Oddity::FetchedInPart);
    let cut_off = whole && !is_closed(message.root_part(), raw);
    if cut_off || message.parts.iter().any(is_unread_multipart) {
        mail.oddities.insert(Oddity::BrokenMime);
    }
}
