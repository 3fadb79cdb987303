//! What a what-if found, as a comment on a pull request: short, details folded, and never longer
//! than such a comment may be.
//!
//! What stands in mails and dictionaries is shown as code, so that it neither mentions anybody nor
//! becomes markup.

use std::fmt::Write as _;

use super::super::output::short;
use super::Report;
use super::show::{because, figures_of, name, standing, sum};

/// A folded part grows no longer than this, in bytes: GitHub takes 65,536 characters in all, other
/// forges more.
const PART: usize = 20_000;
/// Lines that differ are shown up to this number, unless all are asked for.
const EDITS: usize = 50;
/// Kinds of moves are shown up to this number: the largest.
const GROUPS: usize = 50;

/// The comment.
pub(super) fn page(report: &Report<'_>) -> String {
    let found = report.found;
    let mut page = format!("### What these dictionaries would change\n\n**{}**\n", sum(report));
    // Writing to a string never fails.
    for broken in report.broken {
        let _ = writeln!(page, "\n> ❌ `--{}` is broken: {}", broken.limit, broken.what);
    }
    if let Some(measured) = &found.measured {
        page += "\n| | before | after | change |\n|---|--:|--:|--:|\n";
        for line in figures_of(measured) {
            let _ = writeln!(page, "| {} |", line.join(" | "));
        }
    }
    if found.moved > 0 {
        page += "\n| from | to | mails |\n|---|---|--:|\n";
        for group in found.groups.iter().take(GROUPS) {
            let (from, to) = (code(name(&group.from), 60), code(name(&group.to), 60));
            let _ = writeln!(page, "| {from} | {to} | {} |", group.moves.len());
        }
        let rest = found.groups.len().saturating_sub(GROUPS);
        if rest > 0 {
            let _ = writeln!(page, "| and {rest} more | | |");
        }
        page += &moves(report);
    }
    if !found.edits.is_empty() {
        page += &edits(report);
    }
    let (before, after) = (report.before, report.after);
    let _ = writeln!(
        page,
        "\n<sub>{} ({}) against {} ({})</sub>",
        code(&before.name, 100),
        before.dictionaries.version(),
        code(&after.name, 100),
        after.dictionaries.version(),
    );
    page
}

fn moves(report: &Report<'_>) -> String {
    let subjects = report.options.shown.subjects;
    let rows = report.found.groups.iter().flat_map(|group| group.moves.iter().take(report.most()));
    let rows = rows.map(|moved| {
        let mut cells = vec![
            code(&moved.id, 60),
            code(name(&moved.before.decision.target), 60),
            code(name(&moved.after.decision.target), 60),
            standing(moved),
            code(&because(report.found, moved), 120),
        ];
        if subjects {
            cells.insert(1, code(&moved.subject, 80));
        }
        cells
    });
    let heading: &[&str] = if subjects {
        &["mail", "subject", "from", "to", "that was, and is", "because of"]
    } else {
        &["mail", "from", "to", "that was, and is", "because of"]
    };
    folded("Mails that would move", heading, rows, report.found.moved)
}

fn edits(report: &Report<'_>) -> String {
    let edits = &report.found.edits;
    let most = if report.options.shown.all { edits.len() } else { EDITS };
    let rows = edits.iter().take(most);
    let rows = rows.map(|edit| vec![code(&edit.said(), 120), edit.moves.to_string()]);
    folded("Lines that differ", &["line", "moves"], rows, edits.len() as u64)
}

/// A table that is folded away, with as many of the rows as fit.
fn folded(
    title: &str,
    heading: &[&str],
    rows: impl Iterator<Item = Vec<String>>,
    total: u64,
) -> String {
    let mut part = format!("\n<details><summary>{title}: {total}</summary>\n\n");
    let _ = writeln!(part, "| {} |\n|{}", heading.join(" | "), "---|".repeat(heading.len()));
    let mut shown = 0;
    for row in rows {
        if part.len() > PART {
            break;
        }
        let _ = writeln!(part, "| {} |", row.join(" | "));
        shown += 1;
    }
    let rest = total.saturating_sub(shown);
    if rest > 0 {
        let _ = writeln!(part, "\nand {rest} more");
    }
    part + "\n</details>\n"
}

/// A text as code in a table's cell, at most so many characters of it.
fn code(text: &str, limit: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut = short(&line, limit).replace('`', "'").replace('|', "\\|");
    if cut.is_empty() { String::new() } else { format!("`{cut}`") }
}
