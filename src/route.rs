//! The decision: from who sent a mail and what the dictionaries say of it to where it goes.
//!
//! [`rule`] is a pure function of its arguments, so that every decision can be replayed. It
//! knows nothing of folders or servers.

pub mod explain;
pub mod follow;
mod policy;
mod signs;

use serde::{Deserialize, Serialize};

use crate::classify::{Scratch, Verdict, classify};
use crate::dictionary::{Dictionaries, TeamId};
use crate::directory::{Party, Receipt, Rung};
use crate::mail::{EmailAddress, Kind, Mail, Oddity};
pub use policy::{Policy, Treatment, Treatments};
pub use signs::{CameTo, Flood, Forward, ReturnedMail, Signs, came_to};

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
    /// A colleague sent a registered customer's mail on, whole.
    Forwarded,
    /// It answers a mail that has a ticket, and goes where that is.
    FollowUp,
    /// It claims to be from a customer or a colleague, and nothing shows that it is.
    ClaimsToBe,
    /// A colleague sent on what looks like a customer's mail.
    LooksForwarded,
    /// The dictionaries are sure enough.
    Confident,
    /// The address that it came to belongs to a team, and the dictionaries say nothing against it.
    Alias,
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
    /// A mail of ours did not arrive.
    DeliveryBounced,
    /// A mailing list or newsletter.
    List,
    /// A read receipt.
    Receipt,
    /// A calendar invitation, or an answer to one.
    Calendar,
    /// The receiving server calls it spam.
    Spam,
    /// Its sender writes more than the policy allows.
    TooMany,
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
    /// The mail was to be delivered, and was no longer where it had been.
    MailGone,
    /// Somebody put the mail back where it came in.
    CameBack,
    /// A person said so.
    Answered,
    /// A person took an answer back.
    Undone,
}

impl Reason {
    /// Why a mail with this oddity is set aside and not read; `None` for those that hinder nothing.
    #[must_use]
    pub fn not_to_read(oddity: Oddity) -> Option<Self> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "few of them leave nothing to go by")]
        match oddity {
            Oddity::NestedTooDeep => Some(Self::NestedTooDeep),
            Oddity::HeaderTooLarge => Some(Self::HeaderTooLarge),
            _ => None,
        }
    }

    /// Its name in files and output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AccountManager => "account_manager",
            Self::Manager => "manager",
            Self::LadderTeam => "ladder_team",
            Self::NobodyFree => "nobody_free",
            Self::Forwarded => "forwarded",
            Self::FollowUp => "follow_up",
            Self::ClaimsToBe => "claims_to_be",
            Self::LooksForwarded => "looks_forwarded",
            Self::Confident => "confident",
            Self::Alias => "alias",
            Self::BelowThreshold => "below_threshold",
            Self::NoEvidence => "no_evidence",
            Self::NoText => "no_text",
            Self::Unreadable => "unreadable",
            Self::AutoReply => "auto_reply",
            Self::Bounce => "bounce",
            Self::DeliveryBounced => "delivery_bounced",
            Self::List => "list",
            Self::Receipt => "receipt",
            Self::Calendar => "calendar",
            Self::Spam => "spam",
            Self::TooMany => "too_many",
            Self::Loop => "loop",
            Self::NestedTooDeep => "nested_too_deep",
            Self::HeaderTooLarge => "header_too_large",
            Self::DirectoryAway => "directory_away",
            Self::Failed => "failed",
            Self::Undeliverable => "undeliverable",
            Self::MailGone => "mail_gone",
            Self::CameBack => "came_back",
            Self::Answered => "answered",
            Self::Undone => "undone",
        }
    }
}

/// All that a decision rests on but the dictionaries.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The mail.
    pub mail: &'a Mail,
    /// Who it counts as being from.
    pub party: &'a Party,
    /// What else was found.
    pub signs: &'a Signs,
    /// What the owner decided once for all mail.
    pub policy: &'a Policy,
}

impl Case<'_> {
    /// Decides where a mail goes. `threshold` says how sure the dictionaries must be to send a
    /// mail to a team. `verdict` is asked for only when the dictionaries have a say, and is handed
    /// back with the decision, since it is the evidence.
    pub fn decide(
        self,
        threshold: impl Fn(&TeamId) -> f64,
        verdict: impl FnOnce() -> Verdict,
    ) -> (Decision, Option<Verdict>) {
        if let Some(decision) = self.settled() {
            return (decision, None);
        }
        let verdict = verdict();
        (by_words(Said::of(&verdict), self.signs.hinted(), threshold), Some(verdict))
    }

    /// The decision, if it needs no dictionary.
    #[must_use]
    pub fn settled(self) -> Option<Decision> {
        self.unsafe_to_read()
            .or_else(|| self.by_kind())
            .or_else(|| self.by_doubt())
            .or_else(|| self.by_thread())
            .or_else(|| self.by_ladder())
            // Who knows the customer may well have the key.
            .or_else(|| (self.mail.kind == Kind::Encrypted).then(|| ask(Reason::Unreadable)))
    }

    fn unsafe_to_read(self) -> Option<Decision> {
        let reason = self.mail.oddities.iter().find_map(|oddity| Reason::not_to_read(*oddity))?;
        Some(Decision { target: Target::SetAside, reason })
    }

    /// Whether it is a registered customer's, as far as anybody can tell. Whom the directory
    /// service has yet to tell of may be one.
    fn is_customers(self) -> bool {
        matches!(self.party, Party::Registered { .. } | Party::Unanswered { .. })
            && self.signs.trust.holds()
    }

    /// What no person wrote to be answered.
    fn by_kind(self) -> Option<Decision> {
        let treatments = &self.policy.treatments;
        let decision = match self.mail.kind {
            // A loop is stopped where a person sees it; filing it would hide it.
            Kind::Loop => Some(ask(Reason::Loop)),
            Kind::Bounce if self.signs.returned.as_ref().is_some_and(|about| about.ours) => {
                Some(ask(Reason::DeliveryBounced))
            }
            Kind::Bounce => treated(treatments.bounces, Reason::Bounce),
            Kind::AutoReply => treated(treatments.auto_replies, Reason::AutoReply),
            Kind::Receipt => treated(treatments.receipts, Reason::Receipt),
            // A customer's list mail is still a customer's.
            Kind::List if !self.is_customers() => treated(treatments.lists, Reason::List),
            Kind::Calendar if !self.is_customers() => {
                treated(treatments.calendar, Reason::Calendar)
            }
            Kind::Person | Kind::Signed | Kind::List | Kind::Calendar | Kind::Encrypted => None,
        };
        let spam = self.signs.spam.is_some() && !self.is_customers();
        decision.or_else(|| if spam { treated(treatments.spam, Reason::Spam) } else { None })
    }

    /// What a person has to look at before anybody acts on it.
    fn by_doubt(self) -> Option<Decision> {
        let Signs { trust, forward, flood, .. } = self.signs;
        let claims = match self.party {
            Party::Registered { .. } => !trust.holds(),
            Party::Colleague { .. } => !trust.suffices(),
            Party::Unregistered { .. } | Party::Unanswered { .. } => false,
        };
        let colleague = matches!(self.party, Party::Colleague { .. });
        let sent_on = forward.as_ref().filter(|it| colleague && it.customer.is_some());
        match sent_on {
            _ if flood.is_some() => Some(ask(Reason::TooMany)),
            _ if claims => Some(ask(Reason::ClaimsToBe)),
            Some(forward) if forward.disowned => Some(ask(Reason::LooksForwarded)),
            // It would count as the customer's if its sender counted as a colleague.
            Some(forward) if forward.attached => Some(ask(Reason::ClaimsToBe)),
            Some(_) => Some(ask(Reason::LooksForwarded)),
            None => None,
        }
    }

    /// Where the thread is.
    fn by_thread(self) -> Option<Decision> {
        let thread = self.signs.thread.as_ref().filter(|thread| thread.follows())?;
        Some(Decision { target: thread.now.clone(), reason: Reason::FollowUp })
    }

    /// What the contact ladder says.
    fn by_ladder(self) -> Option<Decision> {
        // A customer must not be taken for a stranger because a service is away.
        if let Party::Unanswered { .. } = self.party {
            return Some(ask(Reason::DirectoryAway));
        }
        let Party::Registered { ladder, .. } = self.party else { return None };
        climbed(ladder, self.signs)
    }
}

/// A mail whose sender was looked up: what a decision is made about.
#[derive(Debug, Clone, PartialEq)]
pub struct Identified {
    /// The mail.
    pub mail: Mail,
    /// Who it counts as being from.
    pub party: Party,
    /// What else was found.
    pub signs: Signs,
}

/// A decision, and what the dictionaries said if they were asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// Where the mail goes.
    pub decision: Decision,
    /// What the dictionaries said.
    pub verdict: Option<Verdict>,
    /// How sure they had to be for the team that they ranked first.
    pub threshold: Option<f64>,
}

/// Decides about a mail with the dictionaries at hand. The service, a replay of the ledger and a
/// what-if all come this way; they differ in where the mail and the threshold are from.
pub fn rule(
    case: &Identified,
    dictionaries: &Dictionaries,
    policy: &Policy,
    scratch: &mut Scratch,
    threshold: impl Fn(&TeamId) -> f64,
) -> Ruling {
    let Identified { mail, party, signs } = case;
    let (decision, verdict) = Case { mail, party, signs, policy }
        .decide(&threshold, || classify(dictionaries, scratch, &mail.subject, &mail.text));
    let threshold = verdict.as_ref().and_then(Verdict::best).map(|best| threshold(&best.team));
    Ruling { decision, verdict, threshold }
}

fn ask(reason: Reason) -> Decision {
    Decision { target: Target::Assist, reason }
}

fn treated(treatment: Treatment, reason: Reason) -> Option<Decision> {
    match treatment {
        Treatment::File => Some(Decision { target: Target::Filed, reason }),
        Treatment::Ask => Some(ask(reason)),
        Treatment::Classify => None,
    }
}

/// What the contact ladder says; `None` only for one without rungs.
#[must_use]
pub fn climbed(ladder: &Receipt, signs: &Signs) -> Option<Decision> {
    let mut decision = match ladder.taken_by()? {
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
    };
    if signs.forward.is_some() && decision.reason != Reason::NobodyFree {
        decision.reason = Reason::Forwarded;
    }
    Some(decision)
}

/// What the rule asks of a verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said<'a> {
    has_text: bool,
    has_evidence: bool,
    best: Option<&'a TeamId>,
    confidence: f64,
}

impl<'a> Said<'a> {
    pub(crate) fn of(verdict: &'a Verdict) -> Self {
        Self {
            has_text: verdict.words > 0.0,
            has_evidence: !verdict.hits.is_empty(),
            best: verdict.best().map(|best| &best.team),
            confidence: verdict.confidence,
        }
    }
}

/// What the dictionaries say. `hinted` is the team that owns the address that the mail came to: it
/// gets what nothing speaks against.
pub(crate) fn by_words(
    said: Said<'_>,
    hinted: Option<&TeamId>,
    threshold: impl Fn(&TeamId) -> f64,
) -> Decision {
    let team = |team: &TeamId, reason| Decision { target: Target::Team(team.clone()), reason };
    let unless_hinted = |reason| match hinted {
        Some(hinted) => team(hinted, Reason::Alias),
        None => ask(reason),
    };
    match said.best {
        _ if !said.has_text => unless_hinted(Reason::NoText),
        _ if !said.has_evidence => unless_hinted(Reason::NoEvidence),
        Some(best) if said.confidence >= threshold(best) => team(best, Reason::Confident),
        Some(best) if hinted == Some(best) => team(best, Reason::Alias),
        _ => ask(Reason::BelowThreshold),
    }
}
