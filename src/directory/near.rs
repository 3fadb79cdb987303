//! What a sender nearly matched, for whoever wonders why a mail went elsewhere.
//!
//! It only explains: nobody is taken for a customer by it. It looks at every row, which takes a
//! second where there are a million: it is for people who ask, not for the way of a mail.

mod look;

use serde::Serialize;

use super::claim::mailbox_of;
use super::customers::Found;
use super::{Directory, DomainClaim, MatchedBy};
use crate::mail::EmailAddress;
use look::Look;

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
    /// Another domain that looks the same, as with a Cyrillic `а`, or but for accents.
    LooksAlike,
    /// The same domain, and a name that differs in a letter or two.
    SimilarName,
    /// The same name at another domain.
    SameName,
    /// A domain that differs in a letter or two, or in its ending.
    SimilarDomain,
    /// Its name, or all of it, stands in the sender's domain.
    NameWithin,
}

impl Directory {
    /// The rows that a sender nearly matches, the nearest kind first, at most ten of a kind.
    #[must_use]
    pub fn near(&self, sender: &EmailAddress) -> Vec<Near> {
        let mailbox = mailbox_of(sender, self.rules.gmail_dots);
        let freemail = self.is_freemail(sender.domain());
        let matched = self.customers.by_address(&mailbox);
        let matched =
            matched.or_else(|| self.customers.by_domain(sender.domain()).filter(|_| !freemail));
        let matched = matched.and_then(|found| found.matched.line);
        let sender = Sender { mailbox: &mailbox, look: Look::of(sender.domain()), freemail };
        let mut near: Vec<Near> = self
            .customers
            .each()
            .filter(|row| row.matched.line != matched)
            .filter_map(|row| Some(named(nearness(&row, &sender)?, row)))
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
        self.rules.is_freemail(domain)
    }

    /// Our own domain that another could be taken for: what forgers like to use.
    #[must_use]
    pub fn nearly_ours(&self, domain: &str) -> Option<&str> {
        let look = Look::of(domain);
        let sender = Sender { mailbox: "", look, freemail: self.is_freemail(domain) };
        let others = self.rules.own_domains.iter().filter(|own| own.covers(domain).is_none());
        others.map(DomainClaim::domain).find(|own| resemblance(own, &sender).is_some())
    }
}

/// Whose near misses are looked for.
struct Sender<'a> {
    mailbox: &'a str,
    /// How the domain looks.
    look: Look<'a>,
    /// Whether it is a freemail provider's, whose own name says nothing.
    freemail: bool,
}

fn named(kind: Nearness, row: Found<'_>) -> Near {
    Near {
        kind,
        entry: row.matched.entry,
        customer: row.customer.to_owned(),
        line: row.matched.line,
    }
}

fn nearness(row: &Found<'_>, sender: &Sender<'_>) -> Option<Nearness> {
    let entry = row.matched.entry.as_str();
    let domain = sender.look.domain;
    if row.matched.by == MatchedBy::Address {
        let (name, at) = entry.rsplit_once('@')?;
        let (own, _) = sender.mailbox.rsplit_once('@')?;
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
        _ => resemblance(bare, sender),
    }
}

/// Why a domain could be taken for another one, if it could.
fn resemblance(domain: &str, sender: &Sender<'_>) -> Option<Nearness> {
    let look = Look::of(domain);
    if look.skeleton == sender.look.skeleton {
        Some(Nearness::LooksAlike)
    } else if similar(&look, &sender.look) {
        Some(Nearness::SimilarDomain)
    } else {
        let within = !sender.freemail && sender.look.has_name_of(&look);
        within.then_some(Nearness::NameWithin)
    }
}

/// Whether two different domains could be taken for each other by a slip.
fn similar(one: &Look<'_>, other: &Look<'_>) -> bool {
    let (a, b) = (look::stem(&one.skeleton), look::stem(&other.skeleton));
    let long = |text: &str| text.chars().nth(3).is_some();
    // Of letters that look alike, ASCII has too few to hide a slip behind.
    let ascii = one.plain.is_ascii() && other.plain.is_ascii();
    let slip =
        || close(&one.plain, &other.plain) || (!ascii && close(&one.skeleton, &other.skeleton));
    long(a) && long(b) && (a == b || slip())
}

/// Whether two texts differ in few letters; two that stand the wrong way round count once.
fn close(one: &str, other: &str) -> bool {
    let count = |text: &str| text.chars().count();
    count(one).abs_diff(count(other)) <= LETTERS && strsim::osa_distance(one, other) <= LETTERS
}
