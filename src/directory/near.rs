//! What a sender nearly matched, for whoever wonders why a mail went elsewhere.
//!
//! It looks at every row, which takes a second where there are a million: it is for people who ask,
//! not for the way of a mail.

use serde::Serialize;

use super::claim::mailbox_of;
use super::customers::{self, Found};
use super::{Directory, MatchedBy};
use crate::mail::EmailAddress;

/// Not more rows of one kind are named.
const NAMED: usize = 10;
/// Domains that differ in more letters are not taken for a slip of the pen.
const LETTERS: usize = 2;

/// A row that a sender nearly matched, or that another row kept from matching.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Near {
    /// How near it is.
    pub kind: Nearness,
    /// What the row claims.
    pub entry: String,
    /// The row's customer.
    pub customer: String,
    /// The row's line.
    pub line: Option<u32>,
}

/// How a row is near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Nearness {
    /// It would match, but for a more exact row.
    Shadowed,
    /// Its domain is above the sender's, but it stands for itself alone.
    DomainAbove,
    /// The same domain, and a name that differs in a letter or two.
    SimilarName,
    /// The same name at another domain.
    SameName,
    /// A domain that differs in a letter or two, or in its ending.
    SimilarDomain,
}

impl Directory {
    /// The rows that a sender nearly matches, the nearest kind first, at most ten of a kind.
    #[must_use]
    pub fn near(&self, sender: &EmailAddress) -> Vec<Near> {
        let mailbox = mailbox_of(sender, self.rules.gmail_dots);
        let freemail = customers::is_freemail(sender.domain(), &self.rules);
        let matched = self.customers.by_address(&mailbox);
        let matched =
            matched.or_else(|| self.customers.by_domain(sender.domain()).filter(|_| !freemail));
        let matched = matched.and_then(|found| found.matched.line);
        let mut near: Vec<Near> = self
            .customers
            .each()
            .filter(|row| row.matched.line != matched)
            .filter_map(|row| Some(named(nearness(&row, &mailbox, sender.domain())?, row)))
            .collect();
        near.sort();
        let mut count = 0;
        let mut kind = None;
        near.retain(|row| {
            count = if kind.replace(row.kind) == Some(row.kind) { count + 1 } else { 1 };
            count <= NAMED
        });
        near
    }

    /// Whether anybody can have an address at a domain.
    #[must_use]
    pub fn is_freemail(&self, domain: &str) -> bool {
        customers::is_freemail(domain, &self.rules)
    }

    /// Our own domain that another is nearly the same as: what forgers like to use.
    #[must_use]
    pub fn nearly_ours(&self, domain: &str) -> Option<&str> {
        let ours = self.rules.own_domains.iter().map(super::DomainClaim::domain);
        ours.filter(|own| *own != domain).find(|own| similar(own, domain))
    }
}

fn named(kind: Nearness, row: Found<'_>) -> Near {
    Near {
        kind,
        entry: row.matched.entry,
        customer: row.customer.to_owned(),
        line: row.matched.line,
    }
}

fn nearness(row: &Found<'_>, mailbox: &str, domain: &str) -> Option<Nearness> {
    let entry = row.matched.entry.as_str();
    if row.matched.by == MatchedBy::Address {
        let (name, at) = entry.rsplit_once('@')?;
        let (own, _) = mailbox.rsplit_once('@')?;
        return match (at == domain, name == own) {
            (true, false) => (name.len() > 2 && close(name, own)).then_some(Nearness::SimilarName),
            (false, true) => Some(Nearness::SameName),
            _ => None,
        };
    }
    let bare = entry.strip_prefix("*.").unwrap_or(entry);
    let below = |domain: &str| domain.strip_suffix(bare).is_some_and(|rest| rest.ends_with('.'));
    match (bare == domain, below(domain), bare.len() < entry.len()) {
        (true, _, _) | (_, true, true) => Some(Nearness::Shadowed),
        (_, true, false) => Some(Nearness::DomainAbove),
        _ => similar(bare, domain).then_some(Nearness::SimilarDomain),
    }
}

/// Whether two different domains could be taken for each other.
fn similar(one: &str, other: &str) -> bool {
    let stem = |domain: &str| domain.rsplit_once('.').map_or(0, |(stem, _)| stem.len());
    let (a, b) = (stem(one), stem(other));
    let same_stem = a == b && a > 3 && one.get(..a) == other.get(..b);
    same_stem || (a.min(b) > 3 && close(one, other))
}

/// Whether two texts differ in few letters; two that stand the wrong way round count once.
fn close(one: &str, other: &str) -> bool {
    one.len().abs_diff(other.len()) <= LETTERS && strsim::osa_distance(one, other) <= LETTERS
}
