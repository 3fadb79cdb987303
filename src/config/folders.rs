//! Which folder a decision means.
//!
//! It knows decisions and folder names; whether a folder exists is the delivery's business.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dictionary::TeamId;
use crate::mail::EmailAddress;
use crate::route::{Decision, Target};
use crate::seams::Action;

/// Where the mail of one mailbox goes. Folder names have `/` between levels, whatever the server
/// uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folders {
    /// The folder of a team that `teams` doesn't name; `{team}` stands for its name.
    pub team: String,
    /// The folders of single teams.
    pub teams: BTreeMap<TeamId, String>,
    /// The folder of a person; `{person}` stands for the part of their address before the `@`,
    /// `{domain}` for the one behind it, `{address}` for all of it.
    pub person: String,
    /// Where auto-replies, bounces and filed lists go.
    pub filed: String,
    /// Where further copies of a known mail go.
    pub repeats: String,
    /// What happens to a mail that waits for a person.
    pub assist: Waiting,
}

/// What happens to a mail that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// It stays where it is, untouched.
    Stays,
    /// It stays where it is and gets this keyword.
    Marked(String),
    /// It moves to this folder.
    Moves(String),
}

impl Default for Folders {
    fn default() -> Self {
        Self {
            team: "Teams/{team}".to_owned(),
            teams: BTreeMap::new(),
            person: "People/{person}".to_owned(),
            filed: "Filed".to_owned(),
            repeats: "Repeats".to_owned(),
            assist: Waiting::Stays,
        }
    }
}

impl Folders {
    /// What delivery has to do for a decision; `None` if the mail stays as it is.
    #[must_use]
    pub fn action(&self, decision: &Decision) -> Option<Action> {
        let moved = |folder: String| Some(Action::Move { folder });
        match &decision.target {
            Target::Person(person) => moved(self.of_person(person)),
            Target::Team(team) => moved(self.of_team(team)),
            Target::Filed => moved(self.filed.clone()),
            // What is set aside stays where it came in, so that another try finds it there.
            Target::SetAside => None,
            Target::Assist => match &self.assist {
                Waiting::Stays => None,
                Waiting::Marked(keyword) => Some(Action::Mark { keyword: keyword.clone() }),
                Waiting::Moves(folder) => moved(folder.clone()),
            },
        }
    }

    /// What delivery has to do with a further copy of a known mail.
    #[must_use]
    pub fn repeat(&self) -> Option<Action> {
        Some(Action::Move { folder: self.repeats.clone() })
    }

    /// The folder of a person.
    #[must_use]
    pub fn of_person(&self, person: &EmailAddress) -> String {
        // A local part can hold braces, so it comes last.
        let address = || plain(&person.as_str().replace('_', "__"));
        self.person
            .replace("{domain}", &plain(person.domain()))
            .replace("{address}", &address())
            .replace("{person}", &plain(person.local()))
    }

    /// The part of a folder's name that tells who of us it belongs to, if it can be a person's.
    #[must_use]
    pub fn owner<'a>(&self, folder: &'a str) -> Option<&'a str> {
        let waiting = matches!(&self.assist, Waiting::Moves(assist) if assist == folder);
        let is_ours = waiting
            || [&self.filed, &self.repeats]
                .into_iter()
                .chain(self.teams.values())
                .any(|it| it == folder);
        if is_ours { None } else { filling(&self.person, folder) }
    }

    /// The folder of a team.
    #[must_use]
    pub fn of_team(&self, team: &TeamId) -> String {
        self.teams.get(team).cloned().unwrap_or_else(|| self.team.replace("{team}", team.as_str()))
    }
}

/// Whether two names are of one folder. RFC 9051 §5.1: "INBOX" is written in any case.
pub(super) fn same(one: &str, other: &str) -> bool {
    let parts = |folder: &str| {
        let (first, below) = match folder.split_once('/') {
            Some((first, below)) => (first.to_owned(), Some(below.to_owned())),
            None => (folder.to_owned(), None),
        };
        let is_inbox = first.eq_ignore_ascii_case("INBOX");
        (if is_inbox { "INBOX".to_owned() } else { first }, below)
    };
    parts(one) == parts(other)
}

/// What stands in a folder's name where a template has its braces.
pub(super) fn filling<'a>(template: &str, folder: &'a str) -> Option<&'a str> {
    let (before, rest) = template.split_once('{')?;
    let (_, behind) = rest.rsplit_once('}')?;
    let filling = folder.strip_prefix(before)?.strip_suffix(behind)?;
    let levels = |name: &str| name.matches('/').count();
    (!filling.is_empty() && levels(template) == levels(folder)).then_some(filling)
}

/// A part of an address as one level of a folder name: separators and wildcards become `_`.
fn plain(part: &str) -> String {
    part.chars()
        .map(|c| if matches!(c, '/' | '\\' | '.' | '*' | '%' | '"') { '_' } else { c })
        .collect()
}
