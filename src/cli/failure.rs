//! How a command fails: one line on standard error, and an exit code.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::diagnostic::Diagnostic;
use crate::rim::terminal;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was handed in is wrong: exit code 2.
    Input(String),
    /// Files have errors: exit code 2. Drawn with their lines.
    Findings(Vec<Diagnostic>),
    /// Wrong input that was named already, while the rest went on: exit code 2.
    Told,
    /// Something failed on the way: exit code 1.
    Failed(anyhow::Error),
    /// The reader of our output went away, as `head` does: no failure.
    ReaderGone,
}

impl Failure {
    /// Something that was handed in is wrong.
    pub(crate) fn input(message: impl Display) -> Self {
        Self::Input(message.to_string())
    }

    /// Says what went wrong, and with which code to exit.
    pub(crate) fn report(self) -> ExitCode {
        let (message, code) = match self {
            Self::ReaderGone => return ExitCode::SUCCESS,
            Self::Told => return ExitCode::from(2),
            Self::Input(message) => (format!("postroom: {message}\n"), 2),
            Self::Findings(findings) => (draw(&findings), 2),
            Self::Failed(failure) => (format!("postroom: {failure:#}\n"), 1),
        };
        // With standard error gone there is nobody left to tell.
        let _ = io::stderr().write_all(message.as_bytes());
        ExitCode::from(code)
    }
}

/// Findings as they are shown to a person.
fn draw(findings: &[Diagnostic]) -> String {
    terminal::render(findings, terminal::color(&io::stderr()), terminal::width())
}

impl From<anyhow::Error> for Failure {
    fn from(failure: anyhow::Error) -> Self {
        Self::Failed(failure)
    }
}

impl From<crate::seams::StoreError> for Failure {
    fn from(failure: crate::seams::StoreError) -> Self {
        use crate::seams::StoreError as E;
        match failure {
            E::NoSuchTicket(_) | E::Conflict { .. } => Self::input(failure),
            E::Transient(_) | E::Fenced(_) | E::Broken(_) => Self::Failed(failure.into()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(failure: io::Error) -> Self {
        if failure.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::Failed(failure.into())
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(failure: serde_json::Error) -> Self {
        Self::from(io::Error::from(failure))
    }
}
