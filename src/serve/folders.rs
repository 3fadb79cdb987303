//! Folders that several would share: two people of one name at two domains, or two teams.
//!
//! It knows names; whether a folder exists is the mail server's to say.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, Folders};
use crate::diagnostic::Diagnostic;
use crate::dictionary::{Dictionaries, TeamId};
use crate::directory::Directory;
use crate::mail::EmailAddress;

/// More of them than this are told by their number.
const NAMED: usize = 3;

/// Every folder that mail for several would lie in, of all mailboxes. What a template without
/// braces says of everybody at once is meant so. Without dictionaries only people are looked at.
#[must_use]
pub fn shared(
    config: &Config,
    directory: &Directory,
    dictionaries: Option<&Dictionaries>,
) -> Vec<Diagnostic> {
    let people = directory.receivers();
    let known = dictionaries.into_iter().flat_map(Dictionaries::teams).map(|(team, _)| team);
    let named = config.teams_named.iter().map(|(team, _)| team);
    let teams: BTreeSet<&TeamId> = known.chain(named).collect();
    let mut found = BTreeSet::new();
    for folders in config.mailboxes.iter().map(|mailbox| &mailbox.folders) {
        for (folder, owners) in owners(folders, &people, &teams) {
            // Teams that are each given the same folder by name are meant to share it.
            let is_meant = owners.iter().all(
                |owner| matches!(owner, Owner::Team(team) if folders.teams.contains_key(*team)),
            );
            if owners.len() > 1 && !is_meant {
                found.insert(finding(config, &folder, &owners));
            }
        }
    }
    found.into_iter().collect()
}

/// Whose mail lies in a folder.
#[derive(Clone, Copy)]
enum Owner<'a> {
    Person(&'a EmailAddress),
    Team(&'a TeamId),
}

fn owners<'a>(
    folders: &Folders,
    people: &[&'a EmailAddress],
    teams: &BTreeSet<&'a TeamId>,
) -> BTreeMap<String, Vec<Owner<'a>>> {
    let mut owners: BTreeMap<String, Vec<Owner<'a>>> = BTreeMap::new();
    for person in people.iter().filter(|_| folders.person.contains('{')) {
        owners.entry(folders.of_person(person)).or_default().push(Owner::Person(person));
    }
    let apart = |team: &&&TeamId| folders.team.contains('{') || folders.teams.contains_key(**team);
    for team in teams.iter().filter(apart) {
        owners.entry(folders.of_team(team)).or_default().push(Owner::Team(team));
    }
    owners
}

fn finding(config: &Config, folder: &str, owners: &[Owner<'_>]) -> Diagnostic {
    let name = |owner: &Owner<'_>| match owner {
        Owner::Person(person) => format!("`{person}`"),
        Owner::Team(team) => format!("the team `{team}`"),
    };
    let mut names: Vec<String> = owners.iter().take(NAMED).map(name).collect();
    if let Some(more @ 1..) = owners.len().checked_sub(NAMED) {
        names.push(format!("{more} more"));
    }
    let last = names.pop().unwrap_or_default();
    let message = format!("{} and {last} would share the folder `{folder}`", names.join(", "));
    let help = if owners.iter().any(|owner| matches!(owner, Owner::Team(_))) {
        "give each a folder of its own, below `[mailbox.folders.teams]` or by `person`"
    } else {
        "write `person = \"People/{address}\"` below `[mailbox.folders]`, or `{domain}` in it"
    };
    Diagnostic::error(&config.file, "shared-folder", message).warning().help(help)
}
