//! A mail, as the rest of Postroom sees it.
//!
//! [`parse::parse`] is total: whatever the bytes are, there is a [`Mail`], and what was odd about
//! them is listed in [`Mail::oddities`]. Nothing here knows where the bytes came from or who the
//! sender is to the company.

pub mod address;
pub mod parse;

mod anycase;
mod authres;
mod body;
mod charset;
mod closings;
mod fields;
mod html;
pub mod kind;
mod lines;
mod mailboxes;
pub mod mark;
mod message;
mod parts;
mod nesting;
pub mod original;
mod pgp;
mod phrases;
mod quoted;
pub mod registry;
mod signature;
mod text;
pub mod thread;
pub mod trust;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

pub use address::{AddressError, EmailAddress};

/// What makes two fetches the same mail: a SHA-256 over the Message-ID, From, Date and Subject
/// fields as they stand, the size of the body, and the first 4 KiB of it, or 64 KiB without a
/// Message-ID. Without any of these fields and without a body, the header counts as body; a mail
/// whose bytes its server withholds has the key of its place.
///
/// Trace fields (`Received`, `Delivered-To`, …) are left out, so the same mail in two mailboxes
/// has one key; the same Message-ID with another text has another. Bounding the body makes the
/// key of a mail that was fetched in part equal to that of the whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailKey([u8; 32]);

impl MailKey {
    /// The key with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Lower-case hexadecimal.
impl fmt::Display for MailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailKey({self})")
    }
}

/// A parsed mail.
#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// Recognises the mail wherever it is met again.
    pub key: MailKey,
    /// The first Message-ID, without its angle brackets.
    pub message_id: Option<String>,
    /// Ids of the mails that this one answers: In-Reply-To, then References from the newest back;
    /// at most 50, without angle brackets, no id twice.
    pub answers: Vec<String>,
    /// The addr-spec of the first mailbox in From. Display names never identify.
    pub sender: Option<EmailAddress>,
    /// The addresses that it came to: what the servers on its way noted, from the most particular
    /// (X-Original-To, Envelope-To, Delivered-To, …), then To and Cc; no address twice.
    pub recipients: Vec<EmailAddress>,
    /// The decoded subject, on one line; empty when there is none.
    pub subject: String,
    /// The text as a person would see it.
    pub text: Text,
    /// Who or what wrote it.
    pub kind: Kind,
    /// The list that it came over: what stands in List-Id between the angle brackets.
    pub list_id: Option<String>,
    /// What mail servers said of its sender, from the top; [`trust`] knows whose word counts.
    pub authentication: Vec<trust::AuthField>,
    /// The field by which the receiving server calls it spam, if it does.
    pub spam: Option<String>,
    /// The mails that are attached to it.
    pub attached: Vec<original::Attached>,
    /// What stands in its `Postroom-Ticket` fields, whoever wrote them; [`mark`] knows ours.
    pub marks: Vec<String>,
    /// What a bounce says of the mail that it is about.
    pub returned: Option<original::Returned>,
    /// What was odd about the bytes.
    pub oddities: BTreeSet<Oddity>,
    /// Size of the whole mail in bytes, also when only its beginning was fetched.
    pub size: u64,
}

/// The visible text of a mail, with its parts marked. Nothing is deleted: quoted text and
/// signatures stand in `body` and are told apart by `parts`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// All of the text, at most [`Text::LIMIT`] bytes.
    pub body: String,
    /// Which bytes of `body` are what: in order, without gaps or overlaps, covering all of it.
    pub parts: Vec<TextPart>,
}

impl Text {
    /// More text than this is not looked at. A long mail says what it wants in its first pages,
    /// and what is classified is also what is kept, so that a decision can be replayed.
    pub const LIMIT: usize = 64 * 1024;

    /// The text of a mail whose body is this plain text.
    #[must_use]
    pub fn plain(mut body: String) -> Self {
        if body.len() > Self::LIMIT {
            body.truncate(body.floor_char_boundary(Self::LIMIT));
        }
        text::mark(body, &[])
    }

    /// The pieces of `body` with their place, in order.
    pub fn pieces(&self) -> impl Iterator<Item = (TextPlace, &str)> {
        self.parts
            .iter()
            .map(|part| (part.place, self.body.get(part.range.clone()).unwrap_or_default()))
    }
}

/// A stretch of the body and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextPart {
    /// What it is.
    pub place: TextPlace,
    /// Its bytes in [`Text::body`], on character boundaries.
    pub range: Range<usize>,
}

/// What a stretch of a mail's text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPlace {
    /// The Subject field.
    Subject,
    /// What the sender wrote in this mail.
    New,
    /// What the sender quotes: an earlier mail, or a forwarded one.
    Quoted,
    /// The signature, or a legal disclaimer.
    Signature,
}

impl TextPlace {
    /// Every place, in reading order.
    pub const ALL: [Self; 4] = [Self::Subject, Self::New, Self::Quoted, Self::Signature];
}

/// Who or what wrote a mail, as far as the mail itself tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person, or a program that passes for one.
    Person,
    /// An automatic answer: out of office, "we got your mail" (RFC 3834).
    AutoReply,
    /// A report that a mail could not be delivered (RFC 3464, or an empty Return-Path).
    Bounce,
    /// A mailing list or newsletter (RFC 2919, RFC 2369, `Precedence: bulk`).
    List,
    /// A mail that Postroom itself sent, come back.
    Loop,
    /// A calendar invitation or an answer to one.
    Calendar,
    /// A read receipt (RFC 8098).
    Receipt,
    /// A mail whose text can't be read without its addressee's key, or without taking its signature
    /// apart (S/MIME or PGP).
    Encrypted,
    /// A mail that is signed (S/MIME or PGP) and can be read; whether the signature is good, nobody
    /// checked. It is a person's like any other.
    Signed,
}

impl Kind {
    /// Every kind, with its name in files and output.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Person, "person"),
        (Self::AutoReply, "auto_reply"),
        (Self::Bounce, "bounce"),
        (Self::List, "list"),
        (Self::Loop, "loop"),
        (Self::Calendar, "calendar"),
        (Self::Receipt, "receipt"),
        (Self::Encrypted, "encrypted"),
        (Self::Signed, "signed"),
    ];

    /// Its name in files and output.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

/// What was odd about a mail's bytes. None of them stops the mail; which of them leave nothing that
/// could be classified with a good conscience is for routing to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// No bytes at all, or white space only.
    Empty,
    /// No header field could be read.
    NoHeader,
    /// No Message-ID.
    NoMessageId,
    /// More than one Message-ID; the first counts.
    SeveralMessageIds,
    /// No usable From address.
    NoSender,
    /// More than one From address; the first counts.
    SeveralSenders,
    /// A date that is missing or can't be read.
    NoDate,
    /// No text part with anything in it.
    NoText,
    /// The text came from HTML, because there was no plain text that says anything.
    HtmlOnly,
    /// The HTML hides text from the reader; what is hidden was left out.
    HiddenText,
    /// NUL bytes.
    NulBytes,
    /// A bare CR or a mix of line endings.
    MixedLineEndings,
    /// Bytes above 127 in a header field that were not announced.
    RawHeaderBytes,
    /// The bytes don't fit the charset that was announced, or the charset is unknown.
    CharsetMismatch,
    /// A winmail.dat (TNEF) attachment.
    Tnef,
    /// The MIME structure is broken: a multipart without its boundary, or cut off.
    BrokenMime,
    /// More than [`parse::MAX_NESTING`] levels of nested parts.
    NestedTooDeep,
    /// More header than [`parse::MAX_HEADER`] bytes.
    HeaderTooLarge,
    /// Only the beginning was fetched; the rest is left on the server.
    FetchedInPart,
    /// More text than [`Text::LIMIT`]; the rest is not looked at.
    TextCut,
}

impl Oddity {
    /// Every oddity, with its name in files and output.
    pub const ALL: [(Self, &'static str); 20] = [
        (Self::Empty, "empty"),
        (Self::NoHeader, "no_header"),
        (Self::NoMessageId, "no_message_id"),
        (Self::SeveralMessageIds, "several_message_ids"),
        (Self::NoSender, "no_sender"),
        (Self::SeveralSenders, "several_senders"),
        (Self::NoDate, "no_date"),
        (Self::NoText, "no_text"),
        (Self::HtmlOnly, "html_only"),
        (Self::HiddenText, "hidden_text"),
        (Self::NulBytes, "nul_bytes"),
        (Self::MixedLineEndings, "mixed_line_endings"),
        (Self::RawHeaderBytes, "raw_header_bytes"),
        (Self::CharsetMismatch, "charset_mismatch"),
        (Self::Tnef, "tnef"),
        (Self::BrokenMime, "broken_mime"),
        (Self::NestedTooDeep, "nested_too_deep"),
        (Self::HeaderTooLarge, "header_too_large"),
        (Self::FetchedInPart, "fetched_in_part"),
        (Self::TextCut, "text_cut"),
    ];

    /// Its name in files and output.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(oddity, _)| *oddity == self).map_or("", |(_, name)| name)
    }
}
