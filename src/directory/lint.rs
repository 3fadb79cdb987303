//! What could be better in a directory that is right: rows that change nothing, customers without
//! an account manager, tiers that nobody has.
//!
//! It looks at every row, so it is for people who ask. What is wrong is found when the files are
//! read, and refused there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Directory, MatchedBy, SourceText};
use crate::diagnostic::{Diagnostic, nearest};
use crate::mail::EmailAddress;

/// More of them are one finding: the file means to have both.
const LISTED: usize = 100;

impl Directory {
    /// That nobody is a customer. `source` is the text that the customers were read from.
    #[must_use]
    pub fn without_customers(&self, source: &SourceText) -> Option<Diagnostic> {
        let message = "no row names a customer, so that every sender is a stranger";
        (self.customers.len() == 0).then(|| {
            Diagnostic::error(&source.name, "no-customers", message)
                .warning()
                .help("add a row for each, unless it is meant so")
        })
    }

    /// The rows that could go without any mail going elsewhere. `source` is the text that the
    /// customers were read from.
    #[must_use]
    pub fn idle_rows(&self, source: &SourceText) -> Vec<Diagnostic> {
        let mut lines: BTreeSet<u32> = BTreeSet::new();
        for row in self.customers.each() {
            let (MatchedBy::Address, Some(line)) = (row.matched.by, row.matched.line) else {
                continue;
            };
            let Some((_, domain)) = row.matched.entry.rsplit_once('@') else { continue };
            let colleague = self.rules.own_domains.iter().any(|own| own.covers(domain).is_some());
            let above = self.customers.by_domain(domain).filter(|_| !colleague);
            let same = above.is_some_and(|above| {
                let of = |found: &super::customers::Found<'_>| {
                    (
                        found.customer.to_owned(),
                        found.tier.map(str::to_owned),
                        found.manager.cloned(),
                    )
                };
                of(&above) == of(&row)
            });
            if same && lines.len() < LISTED {
                lines.insert(line);
            }
        }
        let texts = (1u32..).zip(source.text.lines()).filter(|(line, _)| lines.contains(line));
        let finding = |(line, text): (u32, &str)| {
            Diagnostic::error(&source.name, "idle-row", "the row of the domain says the same")
                .warning()
                .at(line, 0, 0, text)
                .help("remove this one: one row less to keep true")
        };
        texts.map(finding).collect()
    }

    /// The rows that name no account manager, where somebody would be tried: their mail goes to the
    /// team at the end. `source` is the text that the customers were read from.
    #[must_use]
    pub fn rows_without_manager(&self, source: &SourceText) -> Vec<Diagnostic> {
        let mut rows = BTreeMap::new();
        for row in self.customers.each().filter(|row| row.manager.is_none()) {
            let tier = row.tier.and_then(|tier| self.rules.tiers.get(tier));
            let Some(line) = row.matched.line.filter(|_| !tier.is_some_and(|tier| tier.straight))
            else {
                continue;
            };
            let team = tier.and_then(|tier| tier.last_rung.as_ref());
            let team = team.unwrap_or(&self.rules.last_rung);
            if rows.len() < LISTED {
                rows.insert(
                    line,
                    format!("nobody looks after `{}`, so `{team}` does", row.customer),
                );
            }
        }
        let texts = (1u32..).zip(source.text.lines());
        let finding = |(line, text): (u32, &str)| {
            let finding = Diagnostic::error(&source.name, "no-manager", rows.remove(&line)?);
            let help = "name an account manager, unless it is meant so";
            Some(finding.warning().at(line, 0, 0, text).help(help))
        };
        texts.filter_map(finding).collect()
    }

    /// Everybody who can get a customer's mail, each once: our people, and account managers who
    /// are not among them.
    #[must_use]
    pub fn receivers(&self) -> Vec<&EmailAddress> {
        let managers = self.customers.each().filter_map(|row| row.manager);
        let all = self.people.iter().map(|person| &person.address).chain(managers);
        let mut by_mailbox = BTreeMap::new();
        for person in all {
            by_mailbox.entry(self.mailbox_of(person)).or_insert(person);
        }
        by_mailbox.into_values().collect()
    }

    /// The tiers of the configuration that no customer has. `file` is the configuration's name.
    #[must_use]
    pub fn idle_tiers(&self, file: &str) -> Vec<Diagnostic> {
        let known: BTreeSet<&str> = self.customers.tiers().collect();
        let idle = self.rules.tiers.keys().filter(|tier| !known.contains(tier.as_str()));
        let finding = |tier: &String| {
            let message = format!("no customer has the tier `{tier}`");
            let finding = Diagnostic::error(file, "idle-tier", message).warning();
            match nearest(tier, known.iter().copied()) {
                Some(nearest) => finding.help(format!("did you mean `{nearest}`?")),
                None => finding,
            }
        };
        // Where a service knows the customers, so it does their tiers.
        if self.rules.service { Vec::new() } else { idle.map(finding).collect() }
    }
}
