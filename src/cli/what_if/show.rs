//! What a what-if found, at a terminal; and the words for it, which Markdown shares.

use std::fmt::Write as _;

use super::super::output::{count, row, short, table};
use super::Report;
use crate::learn::share::Share;
use crate::learn::what_if::{Measured, Move, PRECISION, Standing, WhatIf};
use crate::route::Target;

/// Lines that differ are shown up to this number, unless all are asked for.
const EDITS: usize = 10;

/// The page.
pub(super) fn page(report: &Report<'_>, seconds: f64) -> String {
    let found = report.found;
    let mut page = String::new();
    if found.moved > 0 {
        page += &moves(report);
        page.push('\n');
    }
    if !found.edits.is_empty() {
        page += &edits(report);
        page.push('\n');
    }
    if let Some(measured) = &found.measured {
        let mut figures = table(&["", "before", "after", "change"], &[0, 1, 2, 3]);
        for line in figures_of(measured) {
            figures.add_row(row(line));
        }
        // Writing to a string never fails.
        let _ = writeln!(page, "{figures}\n");
    }
    let (before, after) = (report.before, report.after);
    let _ = writeln!(
        page,
        "{}\n{} ({}) against {} ({}), in {seconds:.1} s",
        sum(report),
        before.name,
        before.dictionaries.version(),
        after.name,
        after.dictionaries.version(),
    );
    page
}

fn moves(report: &Report<'_>) -> String {
    let heading = ["from", "to", "mail", "subject", "that was, and is", "because of"];
    let mut moves = table(&heading, &[0, 1]);
    for group in &report.found.groups {
        let (from, to) = (name(&group.from), name(&group.to));
        for (number, moved) in group.moves.iter().take(report.most()).enumerate() {
            let shown = |name: &str| if number == 0 { name.to_owned() } else { String::new() };
            moves.add_row(row([
                shown(from),
                shown(to),
                short(moved.id.rsplit('/').next().unwrap_or(&moved.id), 24),
                short(&moved.subject, 36),
                standing(moved),
                short(&because(report.found, moved), 60),
            ]));
        }
        let rest = group.moves.len().saturating_sub(report.most());
        if rest > 0 {
            let more = format!("and {rest} more");
            moves.add_row(row([String::new(), String::new(), more]));
        }
    }
    format!("{moves}\n")
}

fn edits(report: &Report<'_>) -> String {
    let edits = &report.found.edits;
    let most = if report.options.shown.all { edits.len() } else { EDITS };
    let mut lines = table(&["line that differs", "moves"], &[1]);
    for edit in edits.iter().take(most) {
        lines.add_row(row([short(&edit.said(), 80), edit.moves.to_string()]));
    }
    let rest = edits.len().saturating_sub(most);
    if rest > 0 {
        lines.add_row(row([format!("and {rest} more")]));
    }
    format!("{lines}\n")
}

/// `340 mails, 12 would move: 3 become right, 1 was right and no longer is`.
pub(super) fn sum(report: &Report<'_>) -> String {
    let found = report.found;
    let mails = count(found.mails, "mail");
    let mut sum = match found.moved {
        0 => format!("{mails}, none would move"),
        moved => format!("{mails}, {moved} would move"),
    };
    if found.moved > 0 && found.measured.is_some() {
        let (better, worse) = (found.better, found.worse);
        let _ =
            write!(sum, ": {better} to where it belongs, {worse} away from there or newly wrong");
    }
    if found.settled > 0 {
        let _ = write!(sum, "; {} no dictionary has a say in", found.settled);
    }
    if report.gone > 0 {
        let _ = write!(sum, "; {} no longer kept whole", count(report.gone, "ticket"));
    }
    sum
}

/// Where mail goes, in a word.
pub(super) fn name(target: &Target) -> &str {
    target.to().unwrap_or(target.name())
}

/// `asked, right`: what was good about where a mail went, and what is.
pub(super) fn standing(moved: &Move) -> String {
    let word = |standing| match standing {
        Standing::Right => "right",
        Standing::Wrong => "wrong",
        Standing::Asked => "asked",
        Standing::Unknown => "?",
    };
    let (before, after) = (word(moved.before.standing), word(moved.after.standing));
    match &moved.label {
        Some(label) if moved.after.standing != Standing::Right => {
            format!("{before}, {after} ({label})")
        }
        Some(_) => format!("{before}, {after}"),
        None => String::new(),
    }
}

/// The lines that made a move, as they are said.
pub(super) fn because(found: &WhatIf, moved: &Move) -> String {
    let lines = moved.edits.iter().filter_map(|place| found.edits.get(*place));
    lines.map(crate::learn::what_if::Edit::said).collect::<Vec<_>>().join(", ")
}

/// What is measured, with both versions, and by how many points it changes.
pub(super) fn figures_of(measured: &Measured) -> [[String; 4]; 4] {
    let Measured { before, after } = measured;
    let line = |name: String, was: Share, is: Share| {
        let change = match (was.value(), is.value()) {
            (Some(was), Some(is)) => format!("{:+.1} points", (is - was) * 100.0 + 0.0),
            (None, _) | (_, None) => String::new(),
        };
        [name, counted(was), counted(is), change]
    };
    let coverage = format!("could be routed at {:.0}% precision", PRECISION * 100.0);
    [
        line("right team first".to_owned(), before.accuracy, after.accuracy),
        line("routed by itself".to_owned(), before.auto_routed, after.auto_routed),
        line("of that right".to_owned(), before.auto_precision, after.auto_precision),
        line(coverage, before.coverage, after.coverage),
    ]
}

/// `84.2% (337 of 400)`.
fn counted(share: Share) -> String {
    match share.value() {
        Some(value) => format!("{:.1}% ({} of {})", value * 100.0, share.hits, share.of),
        None => "—".to_owned(),
    }
}
