//! E-mail addresses in one normal form, made at the door and never re-checked.
//!
//! It knows nothing of directories, tags or freemail: matching rules live in `directory`.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

/// An addr-spec in normal form: the local part in NFC and lower case, the domain in lower-case
/// ASCII (IDNA, UTS #46) without a final dot. Equality and hash are those of the normal form.
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
    /// It holds white space, a control character or an angle bracket.
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
        let (local, domain) = text
            .rsplit_once('@')
            .map(|(local, domain)| (without_route(local), domain))
            .filter(|(local, domain)| !local.is_empty() && !domain.is_empty())
            .ok_or_else(|| AddressError::NotAnAddress(text.to_owned()))?;
        if local.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>')) {
            return Err(AddressError::BadCharacter(text.to_owned()));
        }
        let local = if local.is_ascii() {
            local.to_ascii_lowercase()
        } else {
            local.nfc().flat_map(char::to_lowercase).collect()
        };
        let domain =
            normal_domain(domain).ok_or_else(|| AddressError::BadDomain(text.to_owned()))?;
        let at = u32::try_from(local.len()).map_err(|_| AddressError::TooLong(local.len()))?;
        Ok(Self { text: [&local, "@", &domain].concat().into(), at })
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
