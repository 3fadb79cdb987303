//! What is wrong in a file that a person wrote, and how to mend it.
//!
//! One type for the dictionaries, the directory and the configuration, so that every tool shows
//! them alike. It knows nothing of terminals: the command line draws it, the log flattens it.

use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file can't be used; the last good version stays live.
    Error,
    /// The file is used, but its author will want to know.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One finding at one place of one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Diagnostic {
    /// The file as its author knows it.
    pub file: String,
    /// Line, counted from 1; 0 when the finding is about the whole file.
    pub line: u32,
    /// Column in characters, counted from 1; 0 when the finding is about the whole line.
    pub column: u32,
    /// How many characters the finding covers; 0 when unknown.
    pub width: u32,
    /// Error or warning.
    pub severity: Severity,
    /// A stable name for the kind of finding, such as `unknown-section`.
    pub code: &'static str,
    /// What is wrong: lower case, no full stop, the offending value in backquotes.
    pub message: String,
    /// The way out, if there is one to name.
    pub help: Option<String>,
    /// The text of the line, for display.
    pub excerpt: String,
    /// Whether the file lists people, so that the message may name some.
    #[serde(skip)]
    pub names_people: bool,
}

impl Diagnostic {
    /// An error about a whole file.
    #[must_use]
    pub fn error(file: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: 0,
            column: 0,
            width: 0,
            severity: Severity::Error,
            code,
            message: message.into(),
            help: None,
            excerpt: String::new(),
            names_people: false,
        }
    }

    /// The same finding as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The same finding at a place in the file: line and column from 1, width in characters.
    #[must_use]
    pub fn at(mut self, line: u32, column: u32, width: u32, excerpt: impl Into<String>) -> Self {
        self.line = line;
        self.column = column;
        self.width = width;
        self.excerpt = excerpt.into();
        self
    }

    /// The same finding with the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the file can't be used.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The same finding, in a file that lists people.
    #[must_use]
    pub fn about_people(mut self) -> Self {
        self.names_people = true;
        self
    }

    /// The finding as a log may say it: of a file that lists people only the place and the kind,
    /// `file:line:column: error: kind`.
    #[must_use]
    pub fn in_public(&self) -> String {
        if self.names_people {
            format!("{}: {}: {}", self.place(), self.severity, self.code.replace('-', " "))
        } else {
            self.to_string()
        }
    }

    fn place(&self) -> String {
        match (self.line, self.column) {
            (0, _) => self.file.clone(),
            (line, 0) => format!("{}:{line}", self.file),
            (line, column) => format!("{}:{line}:{column}", self.file),
        }
    }
}

/// `file:line:column: error: message (help)`: one line, as editors and logs read it.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place(), self.severity, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

/// The known word that somebody may have meant by an unknown one, for "did you mean".
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2.max(candidate.len() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
