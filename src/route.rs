//! The decision: from who sent a mail and what the dictionaries say of it to where it goes.
//!
//! [`decide`] is a pure function of its arguments, so that every decision can be replayed. It
//! knows nothing of folders or servers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::classify::Verdict;
use crate::dictionary::TeamId;
use crate::directory::{Party, Receipt, Rung};
use crate::mail::{EmailAddress, Kind, Mail, Oddity};

/// Where a mail goes, and the reason by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Where it goes.
    pub target: Target,
    /// Why.
    pub reason: Reason,
}

/// Where a mail goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "decision", content = "to", rename_all = "snake_case")]
pub enum Target {
    /// To one of our people.
    Person(EmailAddress),
    /// To a team.
    Team(TeamId),
    /// To whoever is on assist duty.
    Assist,
    /// Away: nobody needs to read it, nothing is thrown away.
    Filed,
    /// Nowhere yet: something failed, and a person should see why.
    SetAside,
}

impl Target {
    /// Its name in files and output.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Person(_) => "person",
            Self::Team(_) => "team",
            Self::Assist => "assist",
            Self::Filed => "filed",
            Self::SetAside => "set_aside",
        }
    }

    /// The team or the person, if it goes to one.
    #[must_use]
    pub fn to(&self) -> Option<&str> {
        match self {
            Self::Person(person) => Some(person.as_str()),
            Self::Team(team) => Some(team.as_str()),
            Self::Assist | Self::Filed | Self::SetAside => None,
        }
    }
}

/// Why a mail goes where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A registered customer's account manager is free.
    AccountManager,
    /// The account manager is busy; somebody above on the ladder is free.
    Manager,
    /// A registered customer, and the ladder ends at a team straight away.
    LadderTeam,
    /// A registered customer, and everybody on the ladder is busy.
    NobodyFree,
    /// The dictionaries are sure enough.
    Confident,
    /// The dictionaries lean one way, but not enough to go by.
    BelowThreshold,
    /// No line of any dictionary matched.
    NoEvidence,
    /// The mail has no text to read.
    NoText,
    /// Only its addressee can read it.
    Unreadable,
    /// An automatic answer.
    AutoReply,
    /// A bounce.
    Bounce,
    /// A mailing list or newsletter, which the policy files.
    List,
    /// A read receipt.
    Receipt,
    /// Our own mail came back.
    Loop,
    /// Nested deeper than is safe to read.
    NestedTooDeep,
    /// A header larger than is safe to read.
    HeaderTooLarge,
    /// The directory service, which may know the sender, does not answer.
    DirectoryAway,
    /// Something failed while this mail was read.
    Failed,
    /// The mail could not be delivered where it was to go.
    Undeliverable,
    /// A person said so.
    Answered,
    /// A person took an answer back.
    Undone,
}

impl Reason {
    /// Its name in files and output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AccountManager => "account_manager",
            Self::Manager => "manager",
            Self::LadderTeam => "ladder_team",
            Self::NobodyFree => "nobody_free",
            Self::Confident => "confident",
            Self::BelowThreshold => "below_threshold",
            Self::NoEvidence => "no_evidence",
            Self::NoText => "no_text",
            Self::Unreadable => "unreadable",
            Self::AutoReply => "auto_reply",
            Self::Bounce => "bounce",
            Self::List => "list",
            Self::Receipt => "receipt",
            Self::Loop => "loop",
            Self::NestedTooDeep => "nested_too_deep",
            Self::HeaderTooLarge => "header_too_large",
            Self::DirectoryAway => "directory_away",
            Self::Failed => "failed",
            Self::Undeliverable => "undeliverable",
            Self::Answered => "answered",
            Self::Undone => "undone",
        }
    }
}

/// What the owner of the pipeline decided once for all mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// How sure the dictionaries must be, for a team that [`Policy::thresholds`] doesn't name.
    pub threshold: f64,
    /// How sure they must be, by team.
    pub thresholds: BTreeMap<TeamId, f64>,
    /// Whether list mail from unregistered senders is filed, or classified like any other.
    pub file_lists: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self { threshold: 0.9, thresholds: BTreeMap::new(), file_lists: true }
    }
}

/// Decides where a mail goes. `threshold` says how sure the dictionaries must be to send a mail
/// to a team. `verdict` is asked for only when the dictionaries have a say, and is handed back
/// with the decision, since it is the evidence.
pub fn decide(
    mail: &Mail,
    party: &Party,
    policy: &Policy,
    threshold: impl Fn(&TeamId) -> f64,
    verdict: impl FnOnce() -> Verdict,
) -> (Decision, Option<Verdict>) {
    if let Some(decision) = settled_by_itself(mail, party, policy) {
        return (decision, None);
    }
    if let Party::Registered { ladder, .. } = party
        && let Some(decision) = by_ladder(ladder)
    {
        return (decision, None);
    }
    // A customer must not be taken for a stranger because a service is away.
    if let Party::Unanswered { .. } = party {
        return (Decision { target: Target::Assist, reason: Reason::DirectoryAway }, None);
    }
    let verdict = verdict();
    (by_words(&verdict, threshold), Some(verdict))
}

/// What needs neither a ladder nor a dictionary.
fn settled_by_itself(mail: &Mail, party: &Party, policy: &Policy) -> Option<Decision> {
    let set_aside = |reason| Some(Decision { target: Target::SetAside, reason });
    let filed = |reason| Some(Decision { target: Target::Filed, reason });
    let assist = |reason| Some(Decision { target: Target::Assist, reason });
    if mail.oddities.contains(&Oddity::NestedTooDeep) {
        return set_aside(Reason::NestedTooDeep);
    }
    if mail.oddities.contains(&Oddity::HeaderTooLarge) {
        return set_aside(Reason::HeaderTooLarge);
    }
    // Whom the directory service has yet to tell of may be one.
    let registered = matches!(party, Party::Registered { .. } | Party::Unanswered { .. });
    match mail.kind {
        Kind::AutoReply => filed(Reason::AutoReply),
        Kind::Bounce => filed(Reason::Bounce),
        Kind::Receipt => filed(Reason::Receipt),
        // A loop is stopped where a person sees it; filing it would hide it.
        Kind::Loop => assist(Reason::Loop),
        // A customer's list mail is still a customer's.
        Kind::List if policy.file_lists && !registered => filed(Reason::List),
        Kind::Encrypted if !registered => assist(Reason::Unreadable),
        Kind::Person | Kind::List | Kind::Calendar | Kind::Encrypted => None,
    }
}

/// What the contact ladder says; `None` only for one without rungs.
#[must_use]
pub fn by_ladder(ladder: &Receipt) -> Option<Decision> {
    Some(match ladder.taken_by()? {
        Rung::AccountManager(person) => {
            Decision { target: Target::Person(person.clone()), reason: Reason::AccountManager }
        }
        Rung::Manager(person) => {
            Decision { target: Target::Person(person.clone()), reason: Reason::Manager }
        }
        Rung::Team(team) => Decision {
            target: Target::Team(team.clone()),
            reason: if ladder.nobody_free { Reason::NobodyFree } else { Reason::LadderTeam },
        },
    })
}

/// What the dictionaries say.
fn by_words(verdict: &Verdict, threshold: impl Fn(&TeamId) -> f64) -> Decision {
    let assist = |reason| Decision { target: Target::Assist, reason };
    match verdict.best() {
        _ if verdict.words == 0.0 => assist(Reason::NoText),
        _ if verdict.hits.is_empty() => assist(Reason::NoEvidence),
        Some(best) if verdict.confidence >= threshold(&best.team) => {
            Decision { target: Target::Team(best.team.clone()), reason: Reason::Confident }
        }
        _ => assist(Reason::BelowThreshold),
    }
}
