//! What can go wrong between us and an IMAP server, and whether another try may help.
//!
//! It reads the server's words, which are the only hint that many servers give.

use std::time::Duration;

use thiserror::Error;

use crate::seams::SourceError;

/// When a server asks for patience without a number.
const PATIENCE: Duration = Duration::from_secs(30);
/// RFC 5530 §3, and RFC 9208 §5.3 for the last: the trouble is the server's or the account's, and says
/// nothing against any mail.
const PASSING: [&str; 5] = ["[UNAVAILABLE]", "[INUSE]", "[SERVERBUG]", "[LIMIT]", "[OVERQUOTA]"];
/// No server is obeyed longer than this.
const LONGEST_PATIENCE: Duration = Duration::from_mins(15);

/// Why the server didn't do what was asked. After any of them the connection is dropped.
#[derive(Debug, Error)]
pub(super) enum Fault {
    /// The connection is gone or no longer makes sense: closed, silent, garbled.
    #[error("{0}")]
    Lost(String),
    /// The server answered NO or BAD.
    #[error("{what}: the server answered `{answer}`")]
    Denied {
        /// What was being done.
        what: String,
        /// The server's words.
        answer: String,
        /// Whether they say that the folder is missing.
        missing: bool,
    },
    /// The server wants to be left alone for a while.
    #[error("the server asks for patience: `{answer}`")]
    Throttled {
        /// The server's words.
        answer: String,
        /// For how long.
        after: Duration,
    },
    /// The server doesn't accept who we say we are.
    #[error("{0}")]
    Refused(String),
    /// Nothing but a changed configuration will help.
    #[error("{0}")]
    Misconfigured(String),
}

impl Fault {
    /// What a NO, BAD or BYE means, from its words.
    pub(super) fn answered(what: &str, text: &str, try_create: bool) -> Self {
        let answer = shortened(text);
        let words = text.to_ascii_lowercase();
        if let Some(after) = patience(&words) {
            return Self::Throttled { answer, after };
        }
        let missing = try_create
            || ["[trycreate]", "[nonexistent]", "doesn't exist", "does not exist", "no such"]
                .iter()
                .any(|hint| words.contains(hint));
        Self::Denied { what: what.to_owned(), answer, missing }
    }

    /// Whether the server's answer is about no mail: the same may work in a while.
    pub(super) fn is_passing(&self) -> bool {
        let Self::Denied { answer, .. } = self else { return false };
        let answer = answer.to_ascii_uppercase();
        PASSING.iter().any(|code| answer.contains(code))
    }

    /// The same fault, met while logging in: a plain NO or BAD there is about the credentials,
    /// unless the server says that the trouble is its own.
    pub(super) fn at_login(self) -> Self {
        let passing = self.is_passing();
        match self {
            Self::Denied { answer, .. } if !passing => {
                Self::Refused(format!("the server refuses the login: `{answer}`"))
            }
            other => other,
        }
    }
}

impl From<Fault> for SourceError {
    fn from(fault: Fault) -> Self {
        let why = fault.to_string();
        match fault {
            Fault::Lost(_) | Fault::Denied { missing: false, .. } => Self::Transient(why),
            Fault::Throttled { after, .. } => Self::Throttled { why, after },
            Fault::Refused(_) => Self::Refused(why),
            Fault::Misconfigured(_) | Fault::Denied { missing: true, .. } => {
                Self::Misconfigured(why)
            }
        }
    }
}

/// `Request is throttled. Suggested Backoff Time: 5000 milliseconds` is how Microsoft 365 says it.
fn patience(words: &str) -> Option<Duration> {
    let suggested = words.split_once("suggested backoff time:").and_then(|(_, rest)| {
        let digits: String =
            rest.trim_start().chars().take_while(char::is_ascii_digit).take(12).collect();
        digits.parse().ok().map(Duration::from_millis)
    });
    match suggested {
        Some(after) => Some(after.min(LONGEST_PATIENCE)),
        None if words.contains("throttle") => Some(PATIENCE),
        None => None,
    }
}

/// A server's words, short enough for one line of a log.
pub(super) fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_server_say_what_to_do() {
        let kind = |text: &str| match Fault::answered("select", text, false) {
            Fault::Denied { missing: true, .. } => "missing".to_owned(),
            Fault::Throttled { after, .. } => format!("wait {} ms", after.as_millis()),
            other => format!("{other}"),
        };
        for (text, expected) in [
            ("[NONEXISTENT] Unknown Mailbox: X", "missing"),
            ("Mailbox doesn't exist: X", "missing"),
            ("Request is throttled. Suggested Backoff Time: 5123 milliseconds", "wait 5123 ms"),
            ("Suggested Backoff Time: 99999999999999999999 milliseconds", "wait 900000 ms"),
            ("Throttled", "wait 30000 ms"),
            (
                "[SERVERBUG] Internal error",
                "select: the server answered `[SERVERBUG] Internal error`",
            ),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    #[test]
    fn a_no_at_login_is_about_the_credentials_unless_the_server_says_otherwise() {
        let refused =
            |text| matches!(Fault::answered("login", text, false).at_login(), Fault::Refused(_));
        assert!(refused("[AUTHENTICATIONFAILED] Authentication failed."));
        assert!(refused("invalid credentials"));
        assert!(!refused("[UNAVAILABLE] Temporary authentication failure."));
        assert!(!refused("throttled"));
    }
}
