//! E-mail addresses in one normal form, made at the door and never re-checked.
//!
//! It knows nothing of directories, tags or freemail: matching rules live in `directory`.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// An addr-spec in normal form: the local part in NFC and lower case, in quotes only where it needs
/// them, the domain in lower-case ASCII (IDNA, UTS #46) without a final dot. Equality and hash are
/// those of the normal form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    text: Box<str>,
    at: u32,
}

/// Why a text is not an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// There is no `@`, or nothing on one side of it.
    #[error("`{0}` is not an e-mail address: write `name@domain`")]
    NotAnAddress(String),
    /// The part behind the `@` is not a domain name.
    #[error("`{0}` has no valid domain behind the `@`")]
    BadDomain(String),
    /// It holds a control character or an angle bracket, or outside of quotes white space or a
    /// second `@`.
    #[error("`{0}` holds a character that an address can't have")]
    BadCharacter(String),
    /// Longer than RFC 5321 §4.5.3.1 allows a path to be.
    #[error("an address of {0} bytes is longer than the 254 that mail servers take")]
    TooLong(usize),
}

impl EmailAddress {
    /// Reads and normalises an addr-spec such as `Name+tickets@Example.COM.`.
    ///
    /// # Errors
    /// [`AddressError`] names what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.len() > 254 {
            return Err(AddressError::TooLong(text.len()));
        }
        Self::plain(text).map_or_else(|| Self::of_any(text), Ok)
    }

    /// Reads any address, without white space around it.
    fn of_any(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = text
            .rsplit_once('@')
            .map(|(local, domain)| (without_route(local), domain))
            .filter(|(local, domain)| !local.is_empty() && !domain.is_empty())
            .ok_or_else(|| AddressError::NotAnAddress(text.to_owned()))?;
        let local =
            normal_local(local).ok_or_else(|| AddressError::BadCharacter(text.to_owned()))?;
        let domain =
            normal_domain(domain).ok_or_else(|| AddressError::BadDomain(text.to_owned()))?;
        let at = u32::try_from(local.len()).map_err(|_| AddressError::TooLong(local.len()))?;
        Ok(Self { text: [&local, "@", &domain].concat().into(), at })
    }

    /// Reads an address as nearly all are: letters, digits and what needs no quotes on both sides of
    /// one `@`, and no label of the domain in Punycode. `None` says nothing.
    fn plain(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'+' | b'=' | b'@')
        };
        if !text.bytes().all(is_plain) {
            return None;
        }
        let (local, domain) = text.split_once('@')?;
        let is_label = |label: &[u8]| {
            let ends_in_letters = |(first, last): (&u8, &u8)| {
                first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric()
            };
            // The third and fourth letter of Punycode are hyphens.
            label.first().zip(label.last()).is_some_and(ends_in_letters)
                && label.get(2..4) != Some(b"--")
                && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        };
        // No label of so short a domain is longer than the 63 bytes that one may have.
        let is_domain = domain.len() < 64 && domain.as_bytes().split(|b| *b == b'.').all(is_label);
        // A domain that ends in a number may be an IPv4 address.
        let is_name = domain.bytes().next_back().is_some_and(|last| last.is_ascii_alphabetic());
        (is_domain && is_name && !local.is_empty()).then(|| Self {
            text: text.to_ascii_lowercase().into(),
            at: u32::try_from(local.len()).unwrap_or(u32::MAX),
        })
    }

    /// The whole address in normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local(&self) -> &str {
        self.text.get(..self.at as usize).unwrap_or_default()
    }

    /// The part behind the `@`, in lower-case ASCII.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.text.get(self.at as usize + 1..).unwrap_or_default()
    }
}

/// A local part without what some programs put in front of an address: `mailto:`, or the route
/// that it took (RFC 5322 §4.4). A colon is no part of one, unless it is quoted.
fn without_route(local: &str) -> &str {
    match local.rsplit_once(':') {
        Some((_, local)) if !local.ends_with('"') => local,
        _ => local,
    }
}

/// A local part in normal form, or `None` if it holds what it can't.
fn normal_local(local: &str) -> Option<String> {
    if local.chars().any(|c| c.is_control() || matches!(c, '<' | '>')) {
        return None;
    }
    let quoted = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let Some(quoted) = quoted else {
        let fits = !local.contains(|c: char| c.is_whitespace() || c == '@');
        return fits.then(|| folded(local));
    };
    let bare = folded(&unescaped(quoted)?);
    // RFC 5321 §4.1.2: quotes around what could stand without them mean the same mailbox.
    let atom = |part: &str| !part.is_empty() && !part.contains(is_special);
    if bare.split('.').all(atom) {
        return Some(bare);
    }
    Some(format!("\"{}\"", bare.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// NFC, in lower case.
fn folded(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else {
        text.nfc().flat_map(char::to_lowercase).collect()
    }
}

/// What stands between the quotes of a quoted string, without its backslashes (RFC 5322 §3.2.4);
/// `None` if it ends before.
fn unescaped(quoted: &str) -> Option<String> {
    let mut text = String::with_capacity(quoted.len());
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return None,
            '\\' => text.push(rest.next()?),
            c => text.push(c),
        }
    }
    Some(text)
}

/// What can stand in a local part only between quotes, dots aside (RFC 5322 §3.2.3).
fn is_special(c: char) -> bool {
    let special =
        matches!(c, '(' | ')' | '<' | '>' | '[' | ']' | ':' | ';' | '@' | '\\' | ',' | '"');
    special || c.is_whitespace()
}

/// A domain in the form that [`EmailAddress::domain`] has, or `None` if it is not one.
#[must_use]
pub fn normal_domain(domain: &str) -> Option<String> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    // RFC 5321 §4.1.3: an address literal such as `[192.0.2.1]` stands for itself.
    if domain.starts_with('[') && domain.ends_with(']') {
        return Some(domain.to_ascii_lowercase());
    }
    let ascii = idna::domain_to_ascii_cow(domain.as_bytes(), idna::AsciiDenyList::URL).ok()?;
    let well_formed = !ascii.is_empty() && ascii.split('.').all(|label| !label.is_empty());
    well_formed.then(|| ascii.into_owned())
}

/// How people write a domain, or the domain of an address, that is in normal form; `None` if that
/// is the normal form itself.
#[must_use]
pub fn in_unicode(text: &str) -> Option<String> {
    let at = text.rfind('@').map_or(0, |at| at + 1);
    let (name, domain) = text.split_at_checked(at)?;
    if !domain.split('.').any(|label| label.starts_with("xn--")) {
        return None;
    }
    let (domain, read) = idna::domain_to_unicode(domain);
    read.is_ok().then(|| format!("{name}{domain}"))
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({})", self.text)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_are_read_as_all_are() {
        const LOCAL: [&str; 6] = ["a", "A.b+c_D=9-", ".x.", "", "ü", "a b"];
        const LABELS: [&str; 12] =
            ["b", "B-c9", "-b", "b-", "xn--mller-kva", "ab--c", "1", "", "b_c", "ß", "b@c", "[1]"];
        let mut plain = 0;
        for local in LOCAL {
            for (one, other) in LABELS.iter().flat_map(|one| LABELS.map(|other| (*one, other))) {
                for text in [format!("{local}@{one}.{other}"), format!("{local}@{one}{other}")] {
                    if let Some(address) = EmailAddress::plain(&text) {
                        assert_eq!(EmailAddress::of_any(&text), Ok(address), "{text}");
                        plain += 1;
                    }
                }
            }
        }
        assert!(plain > 10, "{plain}");
        let long = format!("a@{}.{}", "b".repeat(60), "c".repeat(60));
        assert_eq!(EmailAddress::plain(&long), None);
    }

    #[test]
    fn an_address_has_one_normal_form() {
        for (text, expected) in [
            (" Name+tickets@Example.COM. ", Some("name+tickets@example.com")),
            ("Jürgen@MÜLLER.example", Some("jürgen@xn--mller-kva.example")),
            ("mailto:joe@acme.example", Some("joe@acme.example")),
            ("@relay.example,@b.example:joe@acme.example", Some("joe@acme.example")),
            // Quotes stay only where they are needed.
            ("\"wile coyote\"@acme.example", Some("\"wile coyote\"@acme.example")),
            ("\"Wile.Coyote\"@acme.example", Some("wile.coyote@acme.example")),
            ("\"w\\ile\"@acme.example", Some("wile@acme.example")),
            ("\"a@b\"@acme.example", Some("\"a@b\"@acme.example")),
            ("\"a\\\"\\\\b\"@acme.example", Some("\"a\\\"\\\\b\"@acme.example")),
            ("\"\"@acme.example", Some("\"\"@acme.example")),
            // Two addresses are none.
            ("x@evil.examplewile@acme.example", None),
            ("x@evil.example,wile@acme.example", None),
            ("wile@acme.example@evil.example", None),
            ("wile coyote@acme.example", None),
            ("\"a\"b\"@acme.example", None),
            ("\"a\\\"@acme.example", None),
            ("\"a<b\"@acme.example", None),
            ("a\u{0}b@acme.example", None),
            ("@acme.example", None),
        ] {
            let read = EmailAddress::parse(text).ok();
            assert_eq!(read.as_ref().map(EmailAddress::as_str), expected, "{text}");
            if let Some(read) = read {
                assert_eq!(EmailAddress::parse(read.as_str()), Ok(read), "{text}");
            }
        }
    }

    #[test]
    fn domains_are_shown_as_people_write_them() {
        for (text, expected) in [
            ("xn--mller-kva.example", Some("müller.example")),
            ("*.xn--mller-kva.example", Some("*.müller.example")),
            ("joe@xn--mller-kva.example", Some("joe@müller.example")),
            ("joe@muller.example", None),
            ("xn--joe@muller.example", None),
        ] {
            assert_eq!(in_unicode(text).as_deref(), expected, "{text}");
        }
    }
}
