//! What the ledger holds: tickets, what they rest on, and what happened to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Action, Place, Proof, SourceId};
use crate::classify::Verdict;
use crate::directory::{Party, Skipped};
use crate::mail::{EmailAddress, Kind, Mail, Oddity, Text};
use crate::route::{Decision, Reason, Signs, Target};

/// The number of a ticket, from 1. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TicketId(pub i64);

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whom the history names when no person decided.
pub const POSTROOM: &str = "postroom";

/// The right to read a source and to write what comes of it. The number grows each time that the
/// right passes to another holder, so that one who slept through its loss can't write any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The source.
    pub source: SourceId,
    /// Who holds it: a name that no other process, and no earlier run of this one, has.
    pub holder: String,
    /// The fencing number.
    pub number: i64,
}

/// Everything that a decision rests on. With the ticket's text and the dictionaries of its
/// version it replays to the same bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Who sent it.
    pub party: Party,
    /// What else was found out about it.
    #[serde(default, skip_serializing_if = "Signs::is_empty")]
    pub signs: Signs,
    /// What the dictionaries said, if they were asked.
    pub verdict: Option<Verdict>,
    /// How sure they had to be for the team that they ranked first.
    pub threshold: Option<f64>,
    /// What failed, if something did.
    pub failure: Option<String>,
}

/// A mail that was judged, ready to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where it lies.
    pub place: Place,
    /// The mail.
    pub mail: Mail,
    /// When its server received it, if known.
    pub received: Option<Timestamp>,
    /// Where it goes.
    pub decision: Decision,
    /// Why.
    pub evidence: Evidence,
    /// What delivery has to do; `None` if it stays where it is.
    pub action: Option<Action>,
    /// What delivery has to do with this copy if the mail is already known from another place.
    pub if_repeat: Option<Action>,
}

/// What recording an entry did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// A new ticket.
    New(TicketId),
    /// A mail that has a ticket already: the same copy, seen again, perhaps under a new number.
    Known(TicketId),
    /// Another copy of a mail that has a ticket already.
    Repeat(TicketId),
}

/// How far the delivery of a ticket's current decision is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// There is nothing to deliver.
    Stays,
    /// In the outbox.
    Waiting,
    /// Claimed: under way, or cut off by a crash.
    UnderWay,
    /// Done.
    Delivered,
    /// Given up.
    Failed,
}

/// A ticket in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its number.
    pub id: TicketId,
    /// The mail's Message-ID.
    pub message_id: Option<String>,
    /// The mail's sender.
    pub sender: Option<EmailAddress>,
    /// The mail's subject.
    pub subject: String,
    /// The mail's kind.
    pub kind: Kind,
    /// The current decision.
    pub decision: Decision,
    /// How sure the dictionaries were, if they were asked.
    pub confidence: Option<f64>,
    /// The team that the dictionaries ranked first, if they were asked.
    pub best_team: Option<String>,
    /// How far delivery is.
    pub progress: Progress,
    /// When it was recorded.
    pub recorded: Timestamp,
}

/// A ticket with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketDetail {
    /// What lists show.
    pub ticket: Ticket,
    /// Recognises the mail, in hexadecimal.
    pub key: String,
    /// Size of the mail in bytes.
    pub size: u64,
    /// When the mail's server received it.
    pub received: Option<Timestamp>,
    /// The text that was classified; `None` once its retention time is over.
    pub text: Option<Text>,
    /// What was odd about it.
    pub oddities: BTreeSet<Oddity>,
    /// What the current decision rests on.
    pub evidence: Evidence,
    /// Every place where a copy lies or lay, the first one first.
    pub places: Vec<Place>,
    /// All that happened, oldest first.
    pub events: Vec<Event>,
}

/// Something that happened to a ticket. Events are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened to a ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happening {
    /// It was decided for the first time.
    Decided {
        /// Where it goes and why.
        decision: Decision,
    },
    /// It was decided again: after a retry, an answer, or an answer taken back.
    DecidedAgain {
        /// Where it goes and why.
        decision: Decision,
        /// Who asked for it: a person's name, or [`POSTROOM`].
        by: String,
    },
    /// Whoever was to have it became busy before it was delivered.
    BecameBusy {
        /// Who.
        person: EmailAddress,
        /// Why they can't have it.
        why: Skipped,
    },
    /// Another copy came.
    SeenAgain {
        /// Where it lies.
        place: Place,
    },
    /// The mailbox was renumbered, and this copy found again.
    Renumbered {
        /// Where it lies now.
        place: Place,
    },
    /// Delivered.
    Delivered {
        /// What was done.
        action: Action,
        /// What shows it.
        proof: Proof,
    },
    /// A delivery failed and will be tried again.
    DeliveryFailed {
        /// What happened.
        why: String,
        /// Which try it was, from 1.
        attempt: u32,
    },
    /// A delivery was given up.
    DeliveryGivenUp {
        /// What happened.
        why: String,
    },
    /// A bounce came that is about it.
    Bounced {
        /// The bounce's ticket.
        ticket: TicketId,
        /// Whether it is our own delivery that did not arrive.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ours: bool,
    },
    /// Somebody asked to read the mail again.
    RetryAsked {
        /// Who.
        by: String,
    },
    /// That changed nothing.
    RetryFailed {
        /// Why.
        why: String,
    },
}

/// Which tickets to list; newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketFilter {
    /// Only those whose current target has this name (see [`Target::name`]).
    pub target: Option<String>,
    /// Only those that go to this team or person.
    pub to: Option<String>,
    /// Only those that followed this ticket when they came.
    pub follows: Option<TicketId>,
    /// Only those whose current decision has this reason.
    pub reason: Option<Reason>,
    /// Only those with a lower number: for paging.
    pub before: Option<TicketId>,
    /// Oldest first instead of newest first.
    pub oldest_first: bool,
    /// At most this many.
    pub limit: u32,
}

/// A changed decision about a known ticket.
#[derive(Debug, Clone, PartialEq)]
pub struct Amendment {
    /// Which ticket.
    pub ticket: TicketId,
    /// The decision that the change was made in sight of; if it is no longer the current one, the
    /// change is refused.
    pub instead_of: Decision,
    /// The new decision.
    pub decision: Decision,
    /// Its evidence; `None` keeps the old one.
    pub evidence: Option<Evidence>,
    /// The customer that a person confirmed it to be from; `None` leaves that as it was.
    pub customer: Option<String>,
    /// What delivery has to do.
    pub action: Option<Action>,
    /// Who changed it: a person's name, or [`POSTROOM`].
    pub by: String,
}

/// Numbers for the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tickets by the name of their current target and reason.
    pub tickets: BTreeMap<(String, String), u64>,
    /// Jobs that wait or are under way.
    pub jobs_waiting: u64,
    /// When the oldest of them was made.
    pub oldest_job: Option<Timestamp>,
    /// The questions.
    pub questions: Questions,
}

/// The questions that wait for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    /// How many.
    pub waiting: u64,
    /// The one that waits longest, and since when: since it became a question, which an answer
    /// that was taken back or a failed delivery does later than the mail came.
    pub oldest: Option<(TicketId, Timestamp)>,
}

impl TicketDetail {
    /// The decision that the evidence belongs to: the last one that no person made, and that says
    /// where the mail belongs, not that it could not be brought there.
    #[must_use]
    pub fn by_rules(&self) -> Option<&Decision> {
        self.events.iter().rev().find_map(|event| match &event.what {
            Happening::Decided { decision } | Happening::DecidedAgain { decision, .. } => {
                let of_others = [
                    Reason::Answered,
                    Reason::Undone,
                    Reason::Undeliverable,
                    Reason::MailGone,
                    Reason::CameBack,
                ];
                (!of_others.contains(&decision.reason)).then_some(decision)
            }
            Happening::BecameBusy { .. }
            | Happening::SeenAgain { .. }
            | Happening::Renumbered { .. }
            | Happening::Delivered { .. }
            | Happening::DeliveryFailed { .. }
            | Happening::DeliveryGivenUp { .. }
            | Happening::Bounced { .. }
            | Happening::RetryAsked { .. }
            | Happening::RetryFailed { .. } => None,
        })
    }
}

impl Ticket {
    /// Whether it waits for a person.
    #[must_use]
    pub fn is_question(&self) -> bool {
        self.decision.target == Target::Assist
    }
}
