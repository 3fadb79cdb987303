//! The dictionaries: plain files in which each team says which words are its own.
//!
//! It knows lines, words and teams. It knows nothing of mails, senders or where files are kept.

mod language;
pub(crate) mod chunks;
pub(crate) mod words;
pub mod format;
mod weight;
mod rule;
pub(crate) mod lines;
pub(crate) mod quick;
pub(crate) mod vocabulary;
pub(crate) mod uses;
pub(crate) mod automaton;
pub(crate) mod sought;
pub mod calibration;
pub mod compile;
mod examples;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use calibration::Calibration;
pub use compile::Dictionaries;
pub use language::Language;
pub(crate) use language::Stems;
pub use rule::{Alternative, Element, Rule, Star};

/// A team's name in files, folders and the API: lower-case ASCII letters, digits and `-`,
/// beginning with a letter, at most 40 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TeamId(Arc<str>);

/// Why a text is not a team's name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a team's name: use lower-case letters, digits and `-`, a letter first, \
     at most 40 characters"
)]
pub struct TeamIdError(String);

impl TeamId {
    /// The team that takes what is nobody's; it always exists.
    pub const OTHER: &'static str = "other";

    /// Reads a team's name.
    ///
    /// # Errors
    /// [`TeamIdError`] if it is not one.
    pub fn parse(text: &str) -> Result<Self, TeamIdError> {
        let well_formed = text.len() <= 40
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if well_formed { Ok(Self(text.into())) } else { Err(TeamIdError(text.to_owned())) }
    }

    /// The team that takes what is nobody's.
    #[must_use]
    pub fn other() -> Self {
        Self(Self::OTHER.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TeamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for TeamId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TeamId {
    type Error = TeamIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<TeamId> for String {
    fn from(team: TeamId) -> Self {
        team.as_str().to_owned()
    }
}

/// Which dictionaries a verdict was made with: the first 16 hex digits of the SHA-256 over the
/// name and text of every file, in the order of their names, and of the calibration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version(pub String);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
