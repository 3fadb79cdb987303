//! Assist: the questions that a person answers.
//!
//! It knows what a question and an answer are; it knows nothing of pages or tables.

use serde::{Deserialize, Serialize};

use crate::dictionary::TeamId;

/// What a person can answer to an assist question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "to", rename_all = "snake_case")]
pub enum Answer {
    /// It belongs to this team; `other` for nobody's.
    Team(TeamId),
}
