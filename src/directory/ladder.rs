//! The walk up the contact ladder: account manager, managers, team.
//!
//! It knows people, tiers and the present moment. Whether somebody gets the mail is for `route` to
//! decide.

use jiff::tz::TimeZone;

use super::people::{People, Person};
use super::present::Present;
use super::{Receipt, Rules, Rung, Skipped, Step};
use crate::mail::EmailAddress;

/// Walks up from the account manager until somebody is free, at the latest to the team at the end.
/// What the customer's tier says of the ladder goes before what the rules say of all.
pub(super) fn walk(
    account_manager: Option<&EmailAddress>,
    tier: Option<&str>,
    people: &People,
    rules: &Rules,
    present: &Present,
) -> Receipt {
    let at = present.now;
    let tier = tier.and_then(|tier| rules.tiers.get(tier));
    let team = tier.and_then(|tier| tier.last_rung.as_ref()).unwrap_or(&rules.last_rung);
    let last = Step { rung: Rung::Team(team.clone()), skipped: None };
    if tier.is_some_and(|tier| tier.straight) {
        return Receipt { at, steps: vec![last], nobody_free: false };
    }
    let managers = tier.and_then(|tier| tier.managers).unwrap_or(rules.managers);
    let mut steps: Vec<Step> = Vec::new();
    let mut tried: Vec<&EmailAddress> = Vec::new();
    let mut next = account_manager;
    while let Some(address) = next.filter(|_| tried.len() <= managers as usize) {
        let person = people.find(address);
        // The address as our own file spells it is the one that folders are named after.
        let address = person.map_or(address, |person| &person.address);
        let again = tried.contains(&address);
        let skipped = if again { Some(Skipped::AlreadyTried) } else { busy(person, present) };
        let free = skipped.is_none();
        let rung = if tried.is_empty() { Rung::AccountManager } else { Rung::Manager };
        steps.push(Step { rung: rung(address.clone()), skipped });
        if free {
            return Receipt { at, steps, nobody_free: false };
        }
        if again {
            break;
        }
        tried.push(address);
        next = person.and_then(|person| person.manager.as_ref());
    }
    let nobody_free = !steps.is_empty();
    steps.push(last);
    Receipt { at, steps, nobody_free }
}

/// Why somebody can't take a mail now.
fn busy(person: Option<&Person>, present: &Present) -> Option<Skipped> {
    let Some(person) = person else { return Some(Skipped::Unknown) };
    absent(person, present).or_else(|| {
        let open = present.open.get(&person.address).copied().unwrap_or_default();
        let cap = person.cap.filter(|cap| open >= *cap)?;
        Some(Skipped::Full { open, cap })
    })
}

/// Why somebody who has a mail already can't keep it. How much else they have is no reason: that
/// was asked when they got it.
pub(super) fn gone(person: Option<&Person>, present: &Present) -> Option<Skipped> {
    person.map_or(Some(Skipped::Unknown), |person| absent(person, present))
}

/// Why somebody isn't at their desk.
pub(super) fn absent(person: &Person, present: &Present) -> Option<Skipped> {
    // Most people have nothing to look up, and a zone costs a search.
    let wall = person.keeps_days().then(|| present.now.to_zoned(person.zone.clone()).datetime());
    let away = wall.and_then(|wall| person.away_on(wall.date()));
    if let Some((from, until)) = away {
        return Some(Skipped::Away { from, until });
    }
    let calendar = present.calendars.get(&person.address);
    if let Some((from, until)) = calendar.and_then(|calendar| calendar.at(present.now)) {
        return Some(Skipped::Calendar { from, until });
    }
    let wall = wall?;
    let day = wall.date();
    if person.holidays.as_ref().is_some_and(|days| days.contains(&day)) {
        return Some(Skipped::Holiday { day });
    }
    let shut = person.hours.as_ref().is_some_and(|hours| !hours.open_at(wall));
    shut.then(|| Skipped::OutsideHours { local: wall, zone: name_of(&person.zone) })
}

/// The zone as people know it.
fn name_of(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("the system's zone").to_owned()
}
