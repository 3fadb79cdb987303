//! Follow-ups: whether a mail that answers another goes where that one is now.
//!
//! It weighs what the ledger knows of the mails that are answered; looking them up is done
//! elsewhere. A reference alone proves nothing, since ids can be guessed and are passed on: the
//! sender has to belong to the ticket.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Signs, Target};
use crate::directory::{Directory, Party, Present};
use crate::mail::{EmailAddress, Mail};

/// A recorded mail that another may answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its Message-ID.
    pub message_id: String,
    /// Its ticket.
    pub ticket: i64,
    /// The ticket that it follows itself, or its own.
    pub thread: i64,
    /// Where that one is now.
    pub now: Target,
    /// When it came, as its server says, or when it was recorded.
    pub came: Timestamp,
    /// Who sent it, and who sent the one that it follows.
    pub senders: Vec<EmailAddress>,
    /// The customers whose mail they are.
    pub customers: Vec<String>,
}

/// A ticket that a mail answers, and what follows from that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thread {
    /// The Message-ID that it answers.
    pub answers: String,
    /// The ticket at the beginning of the thread.
    pub ticket: i64,
    /// Where that was when the mail came.
    pub now: Target,
    /// How many days lay between the mail and the one that it answers.
    pub days: u64,
    /// What follows from it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Whether a mail follows the ticket that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It goes where the ticket is.
    Follows {
        /// What its sender has to do with it.
        by: Tie,
    },
    /// Its sender has nothing to do with the ticket: it is a mail like any other.
    Stranger,
    /// Its sender would belong to the ticket, if they could be taken for who they say they are.
    Unproven,
    /// The mail that it answers is older than the policy lets a thread rest.
    TooOld,
    /// The ticket was filed or set aside, where nobody would see what follows.
    Closed,
    /// Whoever has the ticket is away, or no longer one of us: it is decided as a new mail is.
    HolderBusy,
    /// A colleague sends it on, which asks for another place than where it is.
    Forwarded,
}

/// What a sender has to do with a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// The same address wrote in it before.
    SameAddress,
    /// The same customer did.
    SameCustomer,
    /// One of us.
    Colleague,
}

impl Thread {
    /// Whether the mail goes where the ticket is.
    #[must_use]
    pub fn follows(&self) -> bool {
        matches!(self.outcome, Outcome::Follows { .. })
    }
}

/// What beside the mail and the ledger decides whether a thread is followed.
#[derive(Clone, Copy)]
pub struct Moment<'a> {
    /// Who of us is there.
    pub directory: &'a Directory,
    /// Who of them is away.
    pub present: &'a Present,
    /// When the mail came.
    pub came: Timestamp,
    /// How long a thread may rest; `None` for ever.
    pub rests: Option<Duration>,
}

/// What a mail answers, of all that the ledger knows of the mails that it names: the first that
/// it follows, in the order in which it names them; else the first at all, with why it is not
/// followed.
#[must_use]
pub fn thread(
    mail: &Mail,
    (party, signs): (&Party, &Signs),
    earlier: &[Earlier],
    moment: Moment<'_>,
) -> Option<Thread> {
    let Moment { directory, present, came, rests } = moment;
    let named = mail
        .answers
        .iter()
        .flat_map(|id| earlier.iter().filter(move |earlier| earlier.message_id == *id));
    let is_away = |now: &Target| matches!(now, Target::Person(holder) if directory.away(holder, present).is_some());
    let mut first = None;
    for earlier in named {
        let age = came.duration_since(earlier.came);
        let too_old = rests.is_some_and(|rests| age > rests.try_into().unwrap_or(age));
        let outcome = match tie(mail, (party, signs), earlier, directory) {
            _ if signs.forward.is_some() => Outcome::Forwarded,
            Err(outcome) => outcome,
            Ok(_) if too_old => Outcome::TooOld,
            Ok(_) if matches!(earlier.now, Target::Filed | Target::SetAside) => Outcome::Closed,
            Ok(_) if is_away(&earlier.now) => Outcome::HolderBusy,
            Ok(by) => Outcome::Follows { by },
        };
        let thread = Thread {
            answers: earlier.message_id.clone(),
            ticket: earlier.thread,
            now: earlier.now.clone(),
            days: u64::try_from(age.as_hours() / 24).unwrap_or(0),
            outcome,
        };
        if thread.follows() {
            return Some(thread);
        }
        first.get_or_insert(thread);
    }
    first
}

/// What the sender has to do with a ticket, or why nothing that counts.
fn tie(
    mail: &Mail,
    (party, signs): (&Party, &Signs),
    earlier: &Earlier,
    directory: &Directory,
) -> Result<Tie, Outcome> {
    let same_address = mail.sender.as_ref().is_some_and(|sender| {
        let theirs = directory.mailbox_of(sender);
        earlier.senders.iter().any(|known| directory.mailbox_of(known) == theirs)
    });
    let (tie, proven) = match party {
        Party::Registered { customer, .. } if earlier.customers.contains(customer) => {
            (Tie::SameCustomer, signs.trust.holds())
        }
        // Whoever is taken for one of us among a customer's mail speaks on their behalf.
        Party::Colleague { .. } if earlier.customers.is_empty() => {
            (Tie::Colleague, signs.trust.suffices())
        }
        Party::Colleague { .. } => (Tie::Colleague, signs.trust.holds()),
        // Who is nobody to us gains little by being taken for the stranger of last week.
        Party::Registered { .. } | Party::Unregistered { .. } | Party::Unanswered { .. }
            if same_address =>
        {
            (Tie::SameAddress, signs.trust.suffices())
        }
        Party::Registered { .. } | Party::Unregistered { .. } | Party::Unanswered { .. } => {
            return Err(Outcome::Stranger);
        }
    };
    if proven { Ok(tie) } else { Err(Outcome::Unproven) }
}
