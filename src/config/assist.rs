//! The `[assist]` section: who answers questions, and how long one may wait.
//!
//! It knows what goes together; it opens no file.

use std::path::Path;

use super::AssistSettings;
use super::parse::{checked, path, team};
use super::raw::{Given, Section};
use super::values;
use crate::assist::rota::Group;
use crate::mail::EmailAddress;

/// What the configuration says of assist.
pub(super) fn assist(top: &Section<'_>, base: &Path) -> AssistSettings {
    let section = top.section("assist");
    let default = AssistSettings::default();
    let rota = path(&section, "rota", base);
    let fallback = fallback(&section);
    if section.has("rota") && !section.has("fallback") {
        let message = "somebody has to have the weeks that are nobody's in `rota`";
        let _ = section
            .source()
            .report(section.span(), "missing-key", message)
            .help("add `fallback = \"support-leads@callwise.example\"`, or a team's name");
    }
    let overdue = match section.text("overdue") {
        Some(given) if given.value == "never" => None,
        Some(given) => checked(section.source(), &given, values::duration),
        None => default.overdue,
    };
    section.finish();
    AssistSettings { rota, fallback, overdue }
}

/// A team, an address, or a list of addresses.
fn fallback(section: &Section<'_>) -> Option<Group> {
    let source = section.source();
    let given = section.texts("fallback");
    if let [only] = given.as_slice()
        && !only.value.contains('@')
    {
        return team(source, only).map(Group::Team);
    }
    let address = |given: &Given<String>| {
        let read = |text: &str| EmailAddress::parse(text).map_err(|error| error.to_string());
        checked(source, given, read)
    };
    let people: Vec<EmailAddress> = given.iter().filter_map(address).collect();
    if section.has("fallback") && given.is_empty() {
        let _ = source
            .report(section.span(), "bad-value", "`fallback` names nobody")
            .help("write an address, a list of addresses, or a team's name");
    }
    (!people.is_empty()).then_some(Group::People(people))
}
