//! Assist: the questions that a person answers, and whose week it is to answer them.
//!
//! It knows what may be answered and what may be taken back; it knows nothing of pages, tables or
//! folders.

pub mod rota;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dictionary::TeamId;
use crate::directory::Party;
use crate::mail::EmailAddress;
use crate::route::{Decision, Reason, Signs, Target};

/// What a person can answer to an assist question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "to", rename_all = "snake_case")]
pub enum Answer {
    /// It belongs to this team; `other` for nobody's.
    Team(TeamId),
    /// It belongs to this one of our people: it is from the customer that it claims to be from.
    Person(EmailAddress),
}

/// Why an answer or its withdrawal is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// The ticket is there already.
    #[error("it is with `{to}` already ({reason})")]
    AlreadyThere {
        /// Where it is.
        to: String,
        /// Why.
        reason: &'static str,
    },
    /// Somebody answered it, who should know if the answer changes.
    #[error("it was answered: `{to}`")]
    Answered {
        /// Where it went.
        to: String,
    },
    /// The ticket was not answered by a person.
    #[error("nobody answered it, so there is nothing to take back ({reason})")]
    NotAnswered {
        /// Why it is where it is.
        reason: &'static str,
    },
}

/// The decision that an answer makes of a question, or of a mail that went somewhere by itself: then
/// it corrects that.
///
/// # Errors
/// [`Refused::AlreadyThere`] if that is where the mail is; [`Refused::Answered`] if a person sent it
/// elsewhere, whose answer has to be taken back first.
pub fn answered(current: &Decision, answer: &Answer) -> Result<Decision, Refused> {
    let target = match answer {
        Answer::Team(team) => Target::Team(team.clone()),
        Answer::Person(person) => Target::Person(person.clone()),
    };
    let to = || current.target.to().unwrap_or(current.target.name()).to_owned();
    if current.target == target {
        return Err(Refused::AlreadyThere { to: to(), reason: current.reason.name() });
    }
    if current.reason == Reason::Answered {
        return Err(Refused::Answered { to: to() });
    }
    Ok(Decision { target, reason: Reason::Answered })
}

/// The customer that an answer confirms a mail to be from: whoever sends what claims to be a
/// customer's to a person takes the claim for true.
#[must_use]
pub fn confirmed(current: &Decision, answered: &Decision, party: &Party) -> Option<String> {
    let Party::Registered { customer, .. } = party else { return None };
    let believed =
        current.reason == Reason::ClaimsToBe && matches!(answered.target, Target::Person(_));
    believed.then(|| customer.clone())
}

/// What becomes of a mail that followed another, now that this was moved: the decision and what it
/// rests on, as if it came now. `None` for one that is there already, or is where it is for another
/// reason: a person decided about it, say.
#[must_use]
pub fn follows(current: &Decision, signs: &Signs, to: &Target) -> Option<(Decision, Signs)> {
    let followed = current.target != *to && current.reason == Reason::FollowUp;
    let mut signs = signs.clone();
    signs.thread.as_mut().filter(|_| followed)?.now = to.clone();
    Some((Decision { target: to.clone(), reason: current.reason }, signs))
}

/// The decision that taking an answer back leads to: the question is open again.
///
/// # Errors
/// [`Refused::NotAnswered`] if the current decision is not a person's answer.
pub fn undone(current: &Decision) -> Result<Decision, Refused> {
    if current.reason != Reason::Answered {
        return Err(Refused::NotAnswered { reason: current.reason.name() });
    }
    Ok(Decision { target: Target::Assist, reason: Reason::Undone })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(name: &str) -> Target {
        Target::Team(TeamId::parse(name).unwrap())
    }

    #[test]
    fn what_may_be_answered_and_what_taken_back() {
        // (what shows, current target, reason, may be answered, may be taken back)
        let cases = [
            ("a question", Target::Assist, Reason::BelowThreshold, true, false),
            ("set aside", Target::SetAside, Reason::Failed, true, false),
            ("undeliverable", Target::Assist, Reason::Undeliverable, true, false),
            ("routed by words", team("billing"), Reason::Confident, true, false),
            ("there already", team("sales"), Reason::Confident, false, false),
            ("filed", Target::Filed, Reason::Bounce, true, false),
            ("answered", team("billing"), Reason::Answered, false, true),
            ("taken back", Target::Assist, Reason::Undone, true, false),
            ("claims to be a customer", Target::Assist, Reason::ClaimsToBe, true, false),
        ];
        let answer = Answer::Team(TeamId::parse("sales").unwrap());
        for (name, target, reason, may_answer, may_undo) in cases {
            let current = Decision { target, reason };
            let expected = Decision { target: team("sales"), reason: Reason::Answered };
            assert_eq!(answered(&current, &answer).ok(), may_answer.then_some(expected), "{name}");
            let expected = Decision { target: Target::Assist, reason: Reason::Undone };
            assert_eq!(undone(&current).ok(), may_undo.then_some(expected), "{name}");
        }
    }
}
