//! What a row of the customers' file claims: one address, a domain, or a domain with its
//! sub-domains.
//!
//! It knows how claims are spelled and which addresses count as the same. It knows nothing of
//! customers.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use super::MatchedBy;
use crate::mail::address::normal_domain;
use crate::mail::registry::organisation;
use crate::mail::{AddressError, EmailAddress};

/// A domain, alone or with its sub-domains.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainClaim {
    domain: Box<str>,
    with_subdomains: bool,
}

/// Why a text is neither an address nor a domain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ClaimError {
    /// It has an `@`, but is not an address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It is not a domain.
    #[error(
        "`{0}` is not a domain: write `acme.example`, or `*.acme.example` for it and its \
         sub-domains"
    )]
    NotADomain(String),
    /// It would take in everybody under a top-level domain.
    #[error("`{0}` takes in a whole top-level domain: name a domain below it")]
    TooBroad(String),
    /// It would take in everybody who registers a name under it, as under `co.uk`.
    #[error(
        "`{0}` takes in all who have a name below it, whoever they are: name a domain below it"
    )]
    OpenToAll(String),
}

impl DomainClaim {
    /// Reads `acme.example`, or `*.acme.example` for the domain with all its sub-domains.
    ///
    /// # Errors
    /// [`ClaimError`] names what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ClaimError> {
        let text = text.trim();
        let (bare, with_subdomains) = match text.strip_prefix("*.") {
            Some(bare) => (bare, true),
            None => (text, false),
        };
        let odd = |c: char| c.is_whitespace() || matches!(c, '*' | '@' | '[');
        let domain = Some(bare)
            .filter(|bare| !bare.starts_with('.') && !bare.contains(odd))
            .and_then(normal_domain)
            .ok_or_else(|| ClaimError::NotADomain(text.to_owned()))?;
        if !domain.contains('.') {
            return Err(ClaimError::TooBroad(text.to_owned()));
        }
        // RFC 3696 §2: no top-level domain is a number, so this is an IP address.
        if domain.rsplit('.').next().is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit())) {
            return Err(ClaimError::NotADomain(text.to_owned()));
        }
        // The list has registries (co.uk) and, as "private", companies that give names away
        // (github.io). A domain that it holds has no owner below it.
        if organisation(&domain).is_none() {
            return Err(ClaimError::OpenToAll(text.to_owned()));
        }
        Ok(Self { domain: domain.into(), with_subdomains })
    }

    /// The domain in normal form, without `*.`.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether it stands for the sub-domains too.
    #[must_use]
    pub fn with_subdomains(&self) -> bool {
        self.with_subdomains
    }

    /// Whether it covers a domain in normal form, and how.
    #[must_use]
    pub fn covers(&self, domain: &str) -> Option<MatchedBy> {
        if domain == &*self.domain {
            return Some(MatchedBy::Domain);
        }
        let above = domain.strip_suffix(&*self.domain).is_some_and(|rest| rest.ends_with('.'));
        (self.with_subdomains && above).then_some(MatchedBy::ParentDomain)
    }
}

impl fmt::Display for DomainClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.with_subdomains { "*." } else { "" }, self.domain)
    }
}

/// The form in which two spellings of one mailbox are equal: without a `+tag` (RFC 5233), and for
/// Gmail, if the configuration says so, without dots.
pub(super) fn mailbox_of(address: &EmailAddress, gmail_dots: bool) -> Cow<'_, str> {
    let local = address.local();
    // An address that begins with `+` is all there is.
    let bare = local.split_once('+').map_or(local, |(bare, _)| bare);
    // What is quoted is no name with a tag either.
    let bare = if bare.is_empty() || local.starts_with('"') { local } else { bare };
    let dotless = gmail_dots
        && bare.contains('.')
        && matches!(address.domain(), "gmail.com" | "googlemail.com");
    if dotless {
        Cow::Owned(format!("{}@{}", bare.replace('.', ""), address.domain()))
    } else if bare.len() < local.len() {
        Cow::Owned(format!("{bare}@{}", address.domain()))
    } else {
        Cow::Borrowed(address.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_read_and_normalised() {
        for (text, expected) in [
            ("ACME.example.", Ok("acme.example")),
            ("*.Acme.Example", Ok("*.acme.example")),
            ("bücher.example", Ok("xn--bcher-kva.example")),
            ("com", Err("`com` takes in a whole top-level domain: name a domain below it")),
            (
                "*.co.uk",
                Err("`*.co.uk` takes in all who have a name below it, whoever they are: name a \
                     domain below it"),
            ),
            ("acme.co.uk", Ok("acme.co.uk")),
            ("*.acme.github.io", Ok("*.acme.github.io")),
            ("*.acme.onmicrosoft.com", Ok("*.acme.onmicrosoft.com")),
            (
                ".acme.example",
                Err("`.acme.example` is not a domain: write `acme.example`, or `*.acme.example` \
                     for it and its sub-domains"),
            ),
            (
                "1.2.3.4",
                Err("`1.2.3.4` is not a domain: write `acme.example`, or `*.acme.example` for it \
                     and its sub-domains"),
            ),
            (
                "a*.example.org",
                Err("`a*.example.org` is not a domain: write `acme.example`, or \
                     `*.acme.example` for it and its sub-domains"),
            ),
        ] {
            let claim = DomainClaim::parse(text).map(|claim| claim.to_string());
            let claim = claim.map_err(|error| error.to_string());
            assert_eq!(claim.as_deref().map_err(String::as_str), expected, "{text}");
        }
    }

    #[test]
    fn nobody_claims_what_is_open_to_all() {
        for domain in [
            "co.uk",
            "github.io",
            "onmicrosoft.com",
            "mail.onmicrosoft.com",
            "20230601.gappssmtp.com",
            "x.ck",
            "台灣",
        ] {
            for text in [domain.to_owned(), format!("*.{domain}")] {
                assert!(DomainClaim::parse(&text).is_err(), "{text}");
            }
        }
    }

    #[test]
    fn a_domain_covers_others_only_label_by_label() {
        let all = DomainClaim::parse("*.acme.example").unwrap();
        assert_eq!(all.covers("acme.example"), Some(MatchedBy::Domain));
        assert_eq!(all.covers("eu.acme.example"), Some(MatchedBy::ParentDomain));
        assert_eq!(all.covers("notacme.example"), None);
        let one = DomainClaim::parse("acme.example").unwrap();
        assert_eq!(one.covers("eu.acme.example"), None);
    }

    #[test]
    fn tags_and_dots_make_no_other_mailbox() {
        for (text, dots, expected) in [
            ("joe+tickets@acme.example", false, "joe@acme.example"),
            ("+tickets@acme.example", false, "+tickets@acme.example"),
            ("\"joe + co\"@acme.example", false, "\"joe + co\"@acme.example"),
            ("j.o.e@gmail.com", false, "j.o.e@gmail.com"),
            ("j.o.e+x@gmail.com", true, "joe@gmail.com"),
            ("j.o.e@acme.example", true, "j.o.e@acme.example"),
        ] {
            assert_eq!(mailbox_of(&EmailAddress::parse(text).unwrap(), dots), expected);
        }
    }
}
