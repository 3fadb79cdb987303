//! Assist: the questions that a person answers, and whose week it is to answer them.
//!
//! It knows what may be answered and what may be taken back; it knows nothing of pages, tables or
//! folders.

pub mod rota;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dictionary::TeamId;
use crate::mail::EmailAddress;
use crate::route::{Decision, Reason, Target};

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
    /// The ticket is not a question.
    #[error(
        "it is not a question: it went to `{to}` ({reason}); \
         only a ticket that waits in assist can be answered"
    )]
    NotAQuestion {
        /// Where it went.
        to: String,
        /// Why.
        reason: &'static str,
    },
    /// The ticket was not answered by a person.
    #[error("nobody answered it, so there is nothing to take back ({reason})")]
    NotAnswered {
        /// Why it is where it is.
        reason: &'static str,
    },
}

/// The decision that an answer makes of a question.
///
/// # Errors
/// [`Refused::NotAQuestion`] if the ticket does not wait for a person.
pub fn answered(current: &Decision, answer: &Answer) -> Result<Decision, Refused> {
    match current.target {
        // What was set aside may be answered too: a person who looks at it knows where it belongs.
        Target::Assist | Target::SetAside => {}
        Target::Person(_) | Target::Team(_) | Target::Filed => {
            let to = current.target.to().unwrap_or(current.target.name()).to_owned();
            return Err(Refused::NotAQuestion { to, reason: current.reason.name() });
        }
    }
    let target = match answer {
        Answer::Team(team) => Target::Team(team.clone()),
        Answer::Person(person) => Target::Person(person.clone()),
    };
    Ok(Decision { target, reason: Reason::Answered })
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
    fn only_questions_are_answered_and_only_answers_taken_back() {
        // (what shows, current target, reason, may be answered, may be taken back)
        let cases = [
            ("a question", Target::Assist, Reason::BelowThreshold, true, false),
            ("set aside", Target::SetAside, Reason::Failed, true, false),
            ("undeliverable", Target::Assist, Reason::Undeliverable, true, false),
            ("routed by words", team("billing"), Reason::Confident, false, false),
            ("filed", Target::Filed, Reason::Bounce, false, false),
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
