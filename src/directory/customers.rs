//! The registered customers, from a CSV file.
//!
//! ```csv
//! match,customer,account_manager,tier
//! acme.example,Acme,ben@callwise.example,gold
//! *.umbrella.example,Umbrella,ines@callwise.example,
//! joe.doe@gmail.com,Joe's Garage,ben@callwise.example,silver
//! ```
//!
//! - `match`: whose mail this is: an address; a domain, for itself alone (`acme.example`); or a
//!   domain with all its sub-domains (`*.acme.example`, which takes in `acme.example` too);
//! - `customer`: the customer's name; rows with the same name are one customer;
//! - `account_manager`: the address of the person who looks after them; empty if nobody does, and
//!   the team at the end of the ladder takes their mail;
//! - `tier`: the customer's tier (optional).
//!
//! A line that begins with `#` is a comment.
//!
//! The address wins over the domain, the longer domain over the shorter one, and `acme.example`
//! over `*.acme.example`. A freemail domain is never a customer's, only an address there can be.
//! It knows nothing of who is away.

use std::num::NonZeroU32;

use super::claim::{DomainClaim, mailbox_of};
use super::intern::{Interner, Place};
use super::people::{self, People};
use super::table::{self, Column, Findings, Row};
use super::{Match, MatchedBy, Rules, SourceText};
use crate::diagnostic::{Diagnostic, nearest};
use crate::dictionary::words::invisible;
use crate::mail::EmailAddress;

const COLUMNS: [Column; 4] = [
    Column { name: "match", required: true },
    Column { name: "customer", required: true },
    Column { name: "account_manager", required: true },
    Column { name: "tier", required: false },
];
const MATCH: usize = 0;
const CUSTOMER: usize = 1;
const MANAGER: usize = 2;
const TIER: usize = 3;

/// The customers, by address and domain.
#[derive(Debug, Default)]
pub(super) struct Customers {
    /// What each row claims, with the numbers of `rows`: `joe@acme.example`, `acme.example`, or
    /// `.acme.example` for a domain with its sub-domains, so that the ends of a sender's domain
    /// are what is looked up.
    claims: Interner,
    /// Bit n is set if some domain with its sub-domains has n labels (63 stands for more), so that
    /// the other ends of a sender's domain need not be looked up.
    depths: u64,
    rows: Vec<Entry>,
    names: Interner,
    tiers: Interner,
    /// The account managers as typed, with the numbers of `managers`.
    typed_managers: Interner,
    managers: Vec<Option<EmailAddress>>,
}

/// A row: numbers only, since there may be a million.
#[derive(Debug, Clone, Copy)]
struct Entry {
    line: u32,
    customer: Place,
    manager: Option<NonZeroU32>,
    tier: Option<NonZeroU32>,
}

/// The row that a sender matched.
pub(super) struct Found<'a> {
    pub(super) customer: &'a str,
    pub(super) tier: Option<&'a str>,
    pub(super) manager: Option<&'a EmailAddress>,
    pub(super) matched: Match,
}

impl Customers {
    /// Reads the file; what is wrong with it goes into `findings`.
    pub(super) fn read(
        source: &SourceText,
        people: &People,
        rules: &Rules,
        findings: &mut Findings,
    ) -> Self {
        let mut customers = Self::default();
        let lines = memchr::memchr_iter(b'\n', source.text.as_bytes()).count();
        customers.claims.reserve(lines);
        customers.rows.reserve(lines);
        // Where each of the rows begins.
        let mut begins: Vec<u32> = Vec::with_capacity(lines);
        table::rows(source, &COLUMNS, findings, |row, findings| {
            let Some(claim) = read_claim(row, people, rules, findings) else { return };
            if row.field(CUSTOMER).is_empty() {
                findings.push(row.error(CUSTOMER, "empty-field", "the customer has no name"));
                return;
            }
            let manager = customers.manager(row, source, people, findings);
            let (number, new) = customers.claims.intern(&claim);
            if new {
                if claim.starts_with('.') {
                    customers.depths |= depth(&claim);
                }
                let name = customers.names.intern(row.field(CUSTOMER)).0;
                let customer = customers.names.place(name);
                let tier = customers.tier(row, rules, findings);
                let manager = manager.and_then(counted);
                begins.push(u32::try_from(row.begin()).unwrap_or(u32::MAX));
                customers.rows.push(Entry { line: row.line(), customer, manager, tier });
            } else {
                let line = customers.rows.get(number as usize).map_or(0, |row| row.line);
                let begin = begins.get(number as usize).map_or(0, |begin| *begin as usize);
                let earlier = (line, table::line_at(&source.text, begin));
                findings.push(claimed_twice(row, &claim, earlier));
            }
        });
        customers.claims.shrink();
        customers.names.shrink();
        customers.rows.shrink_to_fit();
        customers
    }

    /// The row with this address.
    pub(super) fn by_address(&self, mailbox: &str) -> Option<Found<'_>> {
        self.found(self.claims.get(mailbox)?, MatchedBy::Address)
    }

    /// The row with the longest part of this domain.
    pub(super) fn by_domain(&self, domain: &str) -> Option<Found<'_>> {
        if let Some(number) = self.claims.get(domain) {
            return self.found(number, MatchedBy::Domain);
        }
        let dotted = format!(".{domain}");
        for (at, _) in dotted.match_indices('.') {
            let end = dotted.get(at..).filter(|end| self.depths & depth(end) != 0);
            if let Some(number) = end.and_then(|end| self.claims.get(end)) {
                let by = if at == 0 { MatchedBy::Domain } else { MatchedBy::ParentDomain };
                return self.found(number, by);
            }
        }
        None
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// All rows, in the order of the file.
    pub(super) fn each(&self) -> impl Iterator<Item = Found<'_>> {
        (0u32..).take(self.rows.len()).filter_map(|number| {
            let by = match self.claims.text(number) {
                address if address.contains('@') => MatchedBy::Address,
                _ => MatchedBy::Domain,
            };
            self.found(number, by)
        })
    }

    /// The tiers that customers have.
    pub(super) fn tiers(&self) -> impl Iterator<Item = &str> {
        self.tiers.texts()
    }

    fn found(&self, number: u32, by: MatchedBy) -> Option<Found<'_>> {
        let row = self.rows.get(number as usize)?;
        let claim = self.claims.text(number);
        let entry = if claim.starts_with('.') { format!("*{claim}") } else { claim.to_owned() };
        Some(Found {
            customer: self.names.text_at(row.customer),
            tier: row.tier.map(|tier| self.tiers.text(tier.get() - 1)),
            manager: row.manager.and_then(|n| self.managers.get(n.get() as usize - 1)?.as_ref()),
            matched: Match { by, entry, line: Some(row.line) },
        })
    }

    /// The tier's number. Each is looked at once, however many rows have it.
    fn tier(
        &mut self,
        row: &Row<'_>,
        rules: &Rules,
        findings: &mut Findings,
    ) -> Option<NonZeroU32> {
        let tier = Some(row.field(TIER)).filter(|tier| !tier.is_empty())?;
        let (number, new) = self.tiers.intern(tier);
        // Without any, tiers are only for people to read.
        if new && !rules.tiers.is_empty() && !rules.tiers.contains_key(tier) {
            findings.push(unknown_tier(row, tier, rules));
        }
        counted(number)
    }

    /// The account manager's number. Each is looked at once, however many rows name them.
    fn manager(
        &mut self,
        row: &Row<'_>,
        source: &SourceText,
        people: &People,
        findings: &mut Findings,
    ) -> Option<u32> {
        let typed = Some(row.field(MANAGER)).filter(|typed| !typed.is_empty())?;
        let (number, new) = self.typed_managers.intern(typed);
        if new {
            let address = EmailAddress::parse(typed);
            match &address {
                Err(error) => {
                    findings.push(row.error(MANAGER, "bad-address", error.to_string()));
                }
                Ok(address) if people.find(address).is_none() => {
                    findings.push(people::unknown(row.mark(MANAGER), source, address));
                }
                Ok(_) => {}
            }
            self.managers.push(address.ok());
        }
        Some(number)
    }
}

/// A number as [`Entry`] keeps it: 1 more, so that none takes no room.
fn counted(number: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(number.saturating_add(1))
}

/// The bit of [`Customers::depths`] for a domain with a dot in front.
fn depth(dotted: &str) -> u64 {
    1 << dotted.bytes().filter(|byte| *byte == b'.').count().min(63)
}

fn unknown_tier(row: &Row<'_>, tier: &str, rules: &Rules) -> Diagnostic {
    let message = format!("`{tier}` is not among the `[tiers]` of the configuration");
    let warning = row.error(TIER, "unknown-tier", message).warning();
    match nearest(tier, rules.tiers.keys().map(String::as_str)) {
        Some(nearest) => warning.help(format!("did you mean `{nearest}`?")),
        None => {
            warning.help("its ladder is as for all; an empty section there says that it is meant")
        }
    }
}

/// `earlier` is the line that has the claim, by its number and text.
fn claimed_twice(row: &Row<'_>, claim: &str, (earlier, text): (u32, &str)) -> Diagnostic {
    let typed = row.field(MATCH);
    let spelled_so = |text: &str| text.to_lowercase().contains(claim);
    let same = spelled_so(typed) && spelled_so(text);
    let help = if same || !claim.contains('@') {
        "remove one of the two rows"
    } else {
        "a `+tag` makes no other mailbox, nor do dots at Gmail with `gmail_dots`: remove one of the \
         two rows"
    };
    let message = format!("`{typed}` is claimed already, by line {earlier}");
    row.error(MATCH, "claimed-twice", message).help(help)
}

/// What the row claims, in the form of [`Customers::claims`].
fn read_claim(
    row: &Row<'_>,
    people: &People,
    rules: &Rules,
    findings: &mut Findings,
) -> Option<String> {
    let text = row.field(MATCH);
    if text.is_empty() {
        let error = row.error(MATCH, "empty-field", "this row matches nobody");
        findings.push(error.help("write an address or a domain"));
        return None;
    }
    // `@acme.example` is how some tools write a domain; it is not an address.
    if text.contains('@') && !text.starts_with('@') {
        return read_address(row, text, people, rules, findings);
    }
    let claim = DomainClaim::parse(text)
        .map_err(|error| findings.push(row.error(MATCH, "bad-domain", error.to_string())))
        .ok()?;
    if rules.own_domains.iter().any(|own| own.covers(claim.domain()).is_some()) {
        findings.push(
            row.error(MATCH, "own-domain", format!("`{claim}` is our own domain"))
                .help("mail from there is a colleague's: remove the row"),
        );
        return None;
    }
    if rules.is_freemail(claim.domain()) {
        findings.push(
            row.error(MATCH, "freemail-domain", format!("anybody can have mail at `{claim}`"))
                .warning()
                .help("the row matches nobody: name the customer's addresses there instead"),
        );
        return None;
    }
    let dot = if claim.with_subdomains() { "." } else { "" };
    Some(format!("{dot}{}", claim.domain()))
}

fn read_address(
    row: &Row<'_>,
    text: &str,
    people: &People,
    rules: &Rules,
    findings: &mut Findings,
) -> Option<String> {
    let address = EmailAddress::parse(text)
        .map_err(|error| findings.push(row.error(MATCH, "bad-address", error.to_string())))
        .ok()?;
    if address.local() == "*" {
        let message = format!("`{address}` is nobody's address: a domain takes in all of them");
        let help = format!("write `{}`", address.domain());
        findings.push(row.error(MATCH, "bad-address", message).help(help));
        return None;
    }
    // Copied along from a page, it makes an address that no mail has.
    if let Some(unseen) = address.local().chars().find(|c| invisible(*c)) {
        let message = format!(
            "`{}` holds a character that can't be seen, U+{:04X}",
            address.as_str().replace(invisible, ""),
            u32::from(unseen)
        );
        findings.push(row.error(MATCH, "bad-address", message).help("type the address anew"));
        return None;
    }
    if people.find(&address).is_some() {
        findings.push(
            row.error(MATCH, "own-person", format!("`{address}` is one of our own people"))
                .warning()
                .help("mail from them is a colleague's: the row matches nobody"),
        );
        return None;
    }
    Some(mailbox_of(&address, rules.gmail_dots).into_owned())
}
