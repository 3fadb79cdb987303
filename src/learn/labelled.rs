//! Labelled mail: a text and the team that a person says it belongs to.
//!
//! On disk it is JSONL, a mail a line, with `label` and the text in one of three shapes:
//!
//! ```json
//! {"id": "7", "label": "billing", "subject": "Invoice 12", "body": "It has the wrong VAT."}
//! {"id": "8", "label": "billing", "text": "wrong vat on our invoice"}
//! {"id": "9", "label": "billing", "raw": "From: ann@example.org\r\nSubject: …\r\n\r\n…"}
//! ```
//!
//! Bodies are read as a mail's plain text is: what is quoted or a signature weighs what it weighs
//! there. It knows lines; which files there are is for others.

use std::collections::BTreeMap;

use any_ascii::any_ascii;
use serde::Deserialize;
use thiserror::Error;

use crate::dictionary::TeamId;
use crate::mail::{Text, parse};

/// A mail, and the team that it belongs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// What it is called where it came from: an id, a path, or a ticket's number.
    pub id: String,
    /// Its subject; empty when there is none.
    pub subject: String,
    /// Its text.
    pub text: Text,
    /// The team that it belongs to; [`TeamId::OTHER`] for nobody's.
    pub team: TeamId,
}

/// Why a line is not a labelled mail.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LabelledError {
    /// Not JSON, or not of the shape above.
    #[error("it is not a labelled mail: {0}")]
    Shape(String),
    /// The label can't be made a team's name.
    #[error("`{0}` is no label: a team's name needs a letter or a digit")]
    Label(String),
    /// Two labels give one team's name that hardly mean one team.
    #[error("`{first}` and `{label}` would both be the team `{team}`: rename one of the labels")]
    Ambiguous {
        /// The label that came first.
        first: String,
        /// The other.
        label: String,
        /// The name.
        team: TeamId,
    },
    /// None of `subject`, `body`, `text` and `raw` is there.
    #[error("it has no text: write `subject` and `body`, `text`, or `raw`")]
    NoText,
}

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    id: Option<serde_json::Value>,
    label: String,
    subject: Option<String>,
    body: Option<String>,
    text: Option<String>,
    raw: Option<String>,
}

impl Labelled {
    /// Reads one line of JSON. `number` names the mail if it has no `id`; `labels` are those before.
    ///
    /// # Errors
    /// [`LabelledError`] says what is wrong with it.
    pub fn from_json(line: &str, number: u64, labels: &mut Labels) -> Result<Self, LabelledError> {
        let record: Record =
            serde_json::from_str(line).map_err(|error| LabelledError::Shape(error.to_string()))?;
        let team = labels.team(&record.label)?;
        let id = match record.id {
            Some(serde_json::Value::String(id)) => id,
            Some(other) if !other.is_null() => other.to_string(),
            _ => number.to_string(),
        };
        if let Some(raw) = record.raw {
            return Ok(Self::from_raw(id, raw.as_bytes(), team));
        }
        if record.subject.is_none() && record.body.is_none() && record.text.is_none() {
            return Err(LabelledError::NoText);
        }
        let body = record.body.or(record.text).unwrap_or_default();
        let subject = record.subject.unwrap_or_default();
        Ok(Self { id, subject, text: Text::plain(body), team })
    }

    /// A whole mail with its team.
    #[must_use]
    pub fn from_raw(id: String, raw: &[u8], team: TeamId) -> Self {
        let mail = parse::parse(raw, raw.len() as u64);
        Self { id, subject: mail.subject, text: mail.text, team }
    }
}

/// The labels of a set of mail: two that mean different teams must not become one.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// By team, the label that it was made of first.
    first: BTreeMap<TeamId, String>,
}

impl Labels {
    /// The team that a label stands for.
    ///
    /// # Errors
    /// [`LabelledError::Label`] if there is nothing in it to make a name of;
    /// [`LabelledError::Ambiguous`] if another label became this team that differs in more than
    /// case, blanks and punctuation between words.
    pub fn team(&mut self, label: &str) -> Result<TeamId, LabelledError> {
        let Some(team) = team_of(label) else { return Err(LabelledError::Label(label.to_owned())) };
        let first = self.first.entry(team.clone()).or_insert_with(|| label.to_owned());
        // Nobody's mail has two labels.
        if team == TeamId::other() || spelling(first) == spelling(label) {
            return Ok(team);
        }
        Err(LabelledError::Ambiguous { first: first.clone(), label: label.to_owned(), team })
    }
}

/// A label without what may differ between two ways of writing it.
fn spelling(label: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    let folded: String = label.nfkc().flat_map(char::to_lowercase).collect();
    let is_between = |c: char| c.is_whitespace() || "-_.,:;/\\|&()[]'\"".contains(c);
    let words: Vec<&str> = folded.split(is_between).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The team that a label stands for: `HR Support` is `hr-support`, `Łódź` is `lodz`, and `oos` (out
/// of scope), as some data sets say, is [`TeamId::OTHER`]. `None` if there is nothing in it to make a
/// name of.
#[must_use]
pub fn team_of(label: &str) -> Option<TeamId> {
    let mut name = String::new();
    for c in any_ascii(label).chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        name.insert_str(0, "team-");
    }
    name.truncate(40);
    match name.trim_end_matches('-') {
        "oos" => Some(TeamId::other()),
        name => TeamId::parse(name).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_names_of_teams() {
        for (label, expected) in [
            ("billing", Some("billing")),
            ("HR Support", Some("hr-support")),
            ("area-System.Net", Some("area-system-net")),
            ("small_talk", Some("small-talk")),
            ("Büro & Technik", Some("buro-technik")),
            ("Straßenbau", Some("strassenbau")),
            ("Łódź", Some("lodz")),
            ("Bu\u{308}ro", Some("buro")),
            ("oos", Some("other")),
            ("other", Some("other")),
            ("2nd level", Some("team-2nd-level")),
            ("  -- ", None),
            ("", None),
        ] {
            let team = team_of(label);
            assert_eq!(team.as_ref().map(TeamId::as_str), expected, "{label:?}");
        }
    }

    #[test]
    fn two_labels_that_mean_different_teams_never_become_one() {
        let long = "A very long name of a team that goes on and on";
        for (one, other, is_one) in [
            ("HR Support", "hr_support", true),
            ("HR-Support ", "hr support", true),
            ("area-System.Net", "area system net", true),
            ("Büro", "bu\u{308}ro", true),
            ("oos", "other", true),
            ("C++", "C#", false),
            ("C++ team", "C# team", false),
            ("Büro", "Buro", false),
            (&format!("{long} 1"), &format!("{long} 2"), false),
        ] {
            let mut labels = Labels::default();
            let team = labels.team(one).unwrap();
            let expected = if is_one {
                Ok(team)
            } else {
                let (first, label) = (one.to_owned(), other.to_owned());
                Err(LabelledError::Ambiguous { first, label, team })
            };
            assert_eq!(labels.team(other), expected, "{one} and {other}");
        }
    }

    #[test]
    fn a_line_is_a_mail_in_any_of_three_shapes() {
        for (line, subject, body) in [
            (r#"{"label":"a","subject":"S","body":"B"}"#, "S", "B"),
            (r#"{"id":7,"label":"a","text":"T"}"#, "", "T"),
            (r#"{"label":"a","raw":"Subject: S\r\n\r\nB\r\n"}"#, "S", "B\r\n"),
            (r#"{"label":"a","subject":"S"}"#, "S", ""),
        ] {
            let mail = Labelled::from_json(line, 1, &mut Labels::default()).expect(line);
            assert_eq!((mail.subject.as_str(), mail.text.body.as_str()), (subject, body), "{line}");
        }
        for (line, expected) in [
            ("{", "it is not a labelled mail: "),
            (r#"{"text":"T"}"#, "it is not a labelled mail: missing field `label`"),
            (r#"{"label":"a"}"#, "it has no text: "),
            (r#"{"label":"!","text":"T"}"#, "`!` is no label: "),
        ] {
            let error =
                Labelled::from_json(line, 1, &mut Labels::default()).expect_err(line).to_string();
            assert!(error.starts_with(expected), "{line}: {error}");
        }
    }
}
