//! What goes to standard output: tables for people, JSON for programs, progress for the patient.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Row, Table, TableStyle};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::Failure;
use crate::diagnostic::Diagnostic;
use crate::rim::terminal;

/// Writes text, without what a mail could do to a terminal with it.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    drawn(&printable(text))
}

/// Writes what was drawn for a terminal, colours and all.
pub(crate) fn drawn(text: &str) -> Result<(), Failure> {
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

/// A text without the characters that act on a terminal instead of showing on it: control
/// characters move its cursor and set its title, and overrides of direction (Unicode UAX #9, 2)
/// turn round what stands behind them.
fn printable(text: &str) -> Cow<'_, str> {
    let acts = |c: char| {
        let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        turns || (c.is_control() && c != '\n' && c != '\t')
    };
    if text.contains(acts) { text.replace(acts, "\u{fffd}").into() } else { text.into() }
}

/// Writes one JSON object on one line.
pub(crate) fn json_line(value: &impl Serialize) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(io::stdout().lock().write_all(&line)?)
}

/// An empty table with a heading. The columns in `whole`, counted from 0, are never broken.
pub(crate) fn table(heading: &[&str], whole: &[usize]) -> Table {
    let mut table = Table::new();
    let style = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));
    table
        .load_style(style)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_truncation_indicator("…")
        .set_header(heading);
    for column in whole {
        if let Some(column) = table.column_mut(*column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

/// A row of a list: one line, cut where the terminal is too narrow for it.
pub(crate) fn row(cells: impl IntoIterator<Item = String>) -> Row {
    let mut row = Row::from(cells);
    row.max_height(1);
    row
}

/// A progress bar on standard error, or nothing where nobody watches.
pub(crate) fn progress(total: Option<u64>, what: &str) -> ProgressBar {
    let template = match total {
        Some(_) => "{msg} {wide_bar:.cyan/blue} {pos}/{len} ({per_sec}, {eta} to go)",
        None => "{spinner} {msg} {pos} ({per_sec})",
    };
    bar(total, what, template)
}

/// The same over bytes.
pub(crate) fn progress_of_bytes(total: Option<u64>, what: &str) -> ProgressBar {
    let template = match total {
        Some(_) => "{msg} {wide_bar:.cyan/blue} {bytes}/{total_bytes} ({eta} to go)",
        None => "{spinner} {msg} {bytes} ({bytes_per_sec})",
    };
    bar(total, what, template)
}

fn bar(total: Option<u64>, what: &str, template: &str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    // The templates are constants; one that didn't parse would show in every test of the demo.
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(what.to_owned())
}

/// The beginning of a text, for a column.
pub(crate) fn short(text: &str, limit: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= limit {
        return text.into_owned();
    }
    let kept: String = text.chars().take(limit.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// `1 mail`, `2 mails`.
pub(crate) fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// Prints findings, drawn or as JSON; fails if there are errors, or warnings where `strict` says
/// so.
pub(crate) fn report(
    found: &[Diagnostic],
    files: usize,
    (json, strict): (bool, bool),
) -> Result<(), Failure> {
    let errors = found.iter().filter(|finding| finding.is_error()).count();
    let warnings = found.len() - errors;
    let sum = format!("{} in {}", findings(errors, warnings), count(files as u64, "file"));
    if json {
        found.iter().try_for_each(json_line)?;
    } else {
        let (color, width) = (terminal::color(&io::stdout()), terminal::width());
        drawn(&terminal::render(found, color, width))?;
    }
    if errors > 0 || (strict && warnings > 0) {
        return Err(Failure::input(sum));
    }
    if json { Ok(()) } else { text(&format!("{sum}\n")) }
}

/// `no error, 2 warnings`.
pub(crate) fn findings(errors: usize, warnings: usize) -> String {
    let said = |number: usize, what| match number {
        0 => format!("no {what}"),
        number => count(number as u64, what),
    };
    format!("{}, {}", said(errors, "error"), said(warnings, "warning"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_the_terminal() {
        let cases = [
            ("plain text", "Größe\t1\n", "Größe\t1\n"),
            ("a colour", "\u{1b}[31mred", "\u{fffd}[31mred"),
            ("the window's title", "\u{1b}]0;x\u{7}", "\u{fffd}]0;x\u{fffd}"),
            ("a control sequence in one character", "\u{9b}2J", "\u{fffd}2J"),
            ("back to the line's beginning", "safe\revil", "safe\u{fffd}evil"),
            ("turned round", "exe.\u{202e}fdp", "exe.\u{fffd}fdp"),
        ];
        for (name, text, expected) in cases {
            assert_eq!(printable(text), expected, "{name}");
        }
        assert_eq!(short("a\u{1b}bcd", 3), "a\u{fffd}…");
    }
}
