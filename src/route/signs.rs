//! What a decision rests on beside the mail's text and who sent it. All of it is found before the
//! decision is made, and kept with it, so that the decision can be made again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::follow::Thread;
use crate::dictionary::TeamId;
use crate::mail::EmailAddress;
use crate::mail::trust::Trust;

/// What was found about a mail. What was not found is left out when it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Signs {
    /// Whether the sender is who they say they are.
    #[serde(skip_serializing_if = "Trust::is_default")]
    pub trust: Trust,
    /// Which of our addresses it came to, where the configuration names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub came_to: Option<CameTo>,
    /// The field by which the receiving server calls it spam.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spam: Option<String>,
    /// Whose mail a colleague sent on with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward: Option<Forward>,
    /// The ticket that it answers, and whether it follows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<Thread>,
    /// The mail that a bounce is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned: Option<ReturnedMail>,
    /// That its sender wrote more than anybody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flood: Option<Flood>,
}

impl Signs {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The team that owns the address that it came to.
    #[must_use]
    pub fn hinted(&self) -> Option<&TeamId> {
        self.came_to.as_ref()?.team.as_ref()
    }
}

/// One of our addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameTo {
    /// The address.
    pub address: EmailAddress,
    /// The team that it belongs to, if to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
}

/// Which of our addresses a mail came to: the first that belongs to a team, else the first that
/// is known at all. A tag behind `+` makes no other address.
#[must_use]
pub fn came_to(
    recipients: &[EmailAddress],
    aliases: &BTreeMap<EmailAddress, Option<TeamId>>,
) -> Option<CameTo> {
    let known = |address: &EmailAddress| {
        let (address, team) = aliases
            .get_key_value(address)
            .or_else(|| aliases.get_key_value(&untagged(address)?))?;
        Some(CameTo { address: address.clone(), team: team.clone() })
    };
    let mut found = recipients.iter().filter_map(known).peekable();
    let first = found.peek().cloned();
    found.find(|came_to| came_to.team.is_some()).or(first)
}

fn untagged(address: &EmailAddress) -> Option<EmailAddress> {
    let (name, _) = address.local().split_once('+')?;
    EmailAddress::parse(&format!("{name}@{}", address.domain())).ok()
}

/// A mail that a colleague sent on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// Who wrote it, as it says itself.
    pub from: EmailAddress,
    /// Whether it is attached whole. If not, it was pasted, and may say anything.
    pub attached: bool,
    /// Whether our own server said, when it came in, that it is not from whom it names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disowned: bool,
    /// The customer whose address that is, if it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Who of us would get that customer's mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<EmailAddress>,
}

/// The mail that a bounce is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnedMail {
    /// Its Message-ID, if the bounce names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The ticket with that id, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<i64>,
    /// Whether Postroom sent it: a delivery of ours did not arrive.
    pub ours: bool,
}

/// More mails of one sender's than the policy allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flood {
    /// How many are allowed.
    pub cap: u32,
    /// Within how many seconds.
    pub seconds: u64,
}
