//! Teams that the configuration names and no dictionary does: mostly slips of the pen.
//!
//! It knows names; whether a team's folder exists is the mail server's to say.

use std::collections::{BTreeMap, BTreeSet};

use crate::assist::rota::Group;
use crate::config::Config;
use crate::diagnostic::{Diagnostic, nearest};
use crate::dictionary::{Dictionaries, TeamId};

/// Every such team, wherever it is named.
#[must_use]
pub fn unknown(config: &Config, dictionaries: &Dictionaries) -> Vec<Diagnostic> {
    let known = known(dictionaries);
    let rungs = rungs(config);
    let of_aliases = config.policy.aliases.values().flatten();
    let in_policy = config.policy.thresholds.keys().chain(of_aliases);
    let in_assist = match &config.assist.fallback {
        Some(Group::Team(team)) => Some(team),
        Some(Group::People(_)) | None => None,
    };
    let named: BTreeSet<&TeamId> = in_policy.chain(in_folders(config)).chain(in_assist).collect();
    let unknown =
        named.into_iter().filter(|team| !known.contains(team) && !rungs.contains_key(team));
    let mut findings: Vec<Diagnostic> = unknown
        .filter_map(|team| {
            let finding = named_at(config, team)?;
            Some(match meant(team, &known) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding,
            })
        })
        .collect();
    findings.extend(unknown_rungs(config, dictionaries));
    findings
}

/// The teams at the end of ladders that have no dictionary, and no folder of their own either:
/// with one, it is meant that such a team takes nothing but customers' mail.
#[must_use]
pub fn unknown_rungs(config: &Config, dictionaries: &Dictionaries) -> Vec<Diagnostic> {
    let known = known(dictionaries);
    let foldered: BTreeSet<&TeamId> = in_folders(config).collect();
    let unknown = rungs(config)
        .into_iter()
        .filter(|(team, _)| !known.contains(team) && !foldered.contains(team));
    unknown
        .map(|(team, keys)| {
            let message = format!("`{team}`, named by {}, has no dictionary", keys.join(" and "));
            let meant = meant(team, &known);
            let asked = meant.map_or(String::new(), |near| format!("did you mean `{near}`? "));
            let finding = named_at(config, team).unwrap_or_else(|| unnamed(config));
            Diagnostic { message, ..finding }.help(format!(
                "{asked}if it takes customers' mail alone, name its folder below \
                 `[mailbox.folders.teams]`"
            ))
        })
        .collect()
}

/// What is to be said of a team that the configuration names first there.
fn named_at(config: &Config, team: &TeamId) -> Option<Diagnostic> {
    let named = config.teams_named.iter().find(|(named, _)| named == team);
    named.map(|(_, finding)| finding.clone())
}

/// The same of one that it doesn't name: what it means when it says nothing.
fn unnamed(config: &Config) -> Diagnostic {
    Diagnostic::error(&config.file, "unknown-team", "").warning()
}

fn known(dictionaries: &Dictionaries) -> BTreeSet<&TeamId> {
    dictionaries.teams().map(|(team, _)| team).collect()
}

fn meant<'a>(team: &TeamId, known: &BTreeSet<&'a TeamId>) -> Option<&'a str> {
    nearest(team.as_str(), known.iter().map(|team| team.as_str()))
}

fn in_folders(config: &Config) -> impl Iterator<Item = &TeamId> {
    config.mailboxes.iter().flat_map(|mailbox| mailbox.folders.teams.keys())
}

/// The teams at the end of ladders, and which keys name each. Without customers nobody climbs.
fn rungs(config: &Config) -> BTreeMap<&TeamId, Vec<String>> {
    let mut rungs: BTreeMap<&TeamId, Vec<String>> = BTreeMap::new();
    if !config.directory.has_customers() {
        return rungs;
    }
    let rules = &config.directory.rules;
    rungs.entry(&rules.last_rung).or_default().push("`last_rung`".to_owned());
    for (name, tier) in &rules.tiers {
        if let Some(team) = &tier.last_rung {
            rungs.entry(team).or_default().push(format!("`[tiers.{name}]`"));
        }
    }
    rungs
}
