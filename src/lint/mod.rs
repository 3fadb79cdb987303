//! What could be better in dictionary files that are right in form.
//!
//! ```text
//! the files alone ──> words     stop words, swallowed alternatives, contested terms, no examples
//!                └──> spelling  words that differ by a slip of the finger
//! mail            ──> measured  dead, harmful, misleading lines, and lines that change nothing
//! the ledger      ──> aging     lines that hit, or are right, much less often than before
//! ```
//!
//! A false alarm is worse than silence: a finding that rests on mail is told only where chance
//! alone would not explain it. Lines under `[learned]` were weighed together, by what they do to
//! mail: how they are written is no finding, nor is what one of them does by itself. Of them only
//! is told that they are dead, that they harm, or that they fade.
//!
//! It knows dictionaries and how their lines fared; where the mail came from is for others.

mod words;
mod spelling;
mod measured;
mod aging;

use crate::diagnostic::Diagnostic;
use crate::dictionary::format::{Line, Section, SectionKind, TeamFile};
use crate::dictionary::{Dictionaries, Rule};

pub use aging::aging;
pub use measured::{Sample, measured};
pub use spelling::Written;

/// What can be seen in the files alone.
#[must_use]
pub fn files(dictionaries: &Dictionaries) -> Vec<Diagnostic> {
    let mut found = words::check(dictionaries.files());
    found.extend(dictionaries.files().iter().flat_map(spelling::check));
    found
}

/// Whether a person wrote a section's lines.
fn by_hand(section: &Section) -> bool {
    section.kind != SectionKind::Learned
}

/// A warning at a part of a rule, or at the whole rule if it doesn't hold the part.
fn warning(
    file: &TeamFile,
    rule: &Rule,
    part: &str,
    code: &'static str,
    message: String,
) -> Diagnostic {
    let line = Line { number: rule.line, raw: &rule.raw };
    let at = rule.raw.find(part).and_then(|at| rule.raw.get(at..at + part.len()));
    let warning = Diagnostic::error(&file.file, code, message).warning();
    line.mark(warning, at.unwrap_or(rule.raw.trim()))
}

/// A warning about a whole file, at the line that says whose it is.
fn about_file(file: &TeamFile, code: &'static str, message: String) -> Diagnostic {
    let team = format!("team {}", file.team);
    Diagnostic::error(&file.file, code, message).warning().at(file.team_line, 0, 0, team)
}

/// `1 mail`, `1,200 mails`.
fn mails(number: u64) -> String {
    format!("{} mail{}", grouped(number), if number == 1 { "" } else { "s" })
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_threes() {
        for (number, expected) in
            [(0, "0 mails"), (1, "1 mail"), (1_200, "1,200 mails"), (1_234_567, "1,234,567 mails")]
        {
            assert_eq!(mails(number), expected);
        }
    }
}
