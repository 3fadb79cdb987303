//! The walk up the contact ladder: account manager, managers, team.
//!
//! It knows people and days. Whether somebody gets the mail is for `route` to decide.

use jiff::civil::Date;

use super::people::{People, Person};
use super::{Receipt, Rules, Rung, Skipped, Step};
use crate::mail::EmailAddress;

/// Walks up from the account manager until somebody is free on that day, at the latest to the
/// team at the end.
pub(super) fn walk(
    account_manager: Option<&EmailAddress>,
    people: &People,
    rules: &Rules,
    on: Date,
) -> Receipt {
    let mut steps: Vec<Step> = Vec::with_capacity(rules.managers as usize + 2);
    let mut tried: Vec<&EmailAddress> = Vec::new();
    let mut next = account_manager;
    for height in 0..=rules.managers {
        let Some(address) = next else { break };
        let person = people.find(address);
        // The address as our own file spells it is the one that folders are named after.
        let address = person.map_or(address, |person| &person.address);
        let skipped =
            if tried.contains(&address) { Some(Skipped::AlreadyTried) } else { busy(person, on) };
        let free = skipped.is_none();
        let rung = if height == 0 { Rung::AccountManager } else { Rung::Manager };
        steps.push(Step { rung: rung(address.clone()), skipped });
        if free {
            return Receipt { steps, nobody_free: false };
        }
        tried.push(address);
        next = person.and_then(|person| person.manager.as_ref());
    }
    let nobody_free = !steps.is_empty();
    steps.push(Step { rung: Rung::Team(rules.last_rung.clone()), skipped: None });
    Receipt { steps, nobody_free }
}

fn busy(person: Option<&Person>, on: Date) -> Option<Skipped> {
    match person {
        None => Some(Skipped::Unknown),
        Some(person) => person.away_on(on).map(|(from, until)| Skipped::Away { from, until }),
    }
}
