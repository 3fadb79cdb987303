//! Suggestions as a person reads them, and as a patch.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use similar::TextDiff;

use super::super::output::count;
use crate::dictionary::TeamId;
use crate::learn::effect::Alone;
use crate::learn::patch::Edit;
use crate::learn::promises::Kept;
use crate::learn::share::Share;
use crate::learn::suggest::{FEW, Suggestion, Suggestions};

/// Teams that a term was seen with: so many are named.
const TEAMS: usize = 3;

/// All suggestions by file, and what they would do.
pub(super) fn proposal(found: &Suggestions, applied: bool) -> String {
    let mut out = String::new();
    let mut file = "";
    for suggestion in &found.all {
        if suggestion.edit.file() != file {
            file = suggestion.edit.file();
            let _ = writeln!(out, "{}{file}", if out.is_empty() { "" } else { "\n" });
        }
        let _ = writeln!(out, "{}", self::suggestion(suggestion));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out += &effect(found);
    if !applied && !found.all.is_empty() {
        out += "take them with --apply, one by one with --ask, or as a patch with --diff\n";
    }
    out
}

/// What all suggestions together would do, and what there is none for.
pub(super) fn effect(found: &Suggestions) -> String {
    let mut out = String::new();
    let (before, after) = (&found.before, &found.after);
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    let _ = write!(
        out,
        "{} from {}; on {} that were held out:\n\
         right team first   {} → {}\n\
         could be routed    {} → {} at 95% precision\n",
        count(found.all.len() as u64, "suggestion"),
        count(found.learned_from as u64, "answer"),
        found.held_out,
        between(before.right),
        between(after.right),
        percent(before.coverage),
        percent(after.coverage),
    );
    if found.is_worse() {
        out += "these changes make it worse on mail that they were not learned from: take only some \
                of them, with --ask or fewer --new-lines, or none\n";
    }
    out += &broke_examples(&found.broke_examples);
    if found.few {
        let _ =
            writeln!(out, "with less than {FEW} answers, only bases and whole files are weighed");
    }
    for team in &found.without_dictionary {
        let _ =
            writeln!(out, "`{team}` has answers and no dictionary: begin one with `team {team}`");
    }
    out
}

/// What was left out of the changes that were taken.
pub(super) fn left_out(kept: &Kept) -> String {
    let gone = |edit| format!("left out: {edit}, since somebody changed that line meanwhile\n");
    let gone: String = kept.without_place.iter().map(gone).collect();
    broke_examples(&kept.left_out) + &gone
}

/// What was left out for an example's sake.
fn broke_examples(left_out: &[(String, String)]) -> String {
    let line = |(edit, example): &(String, String)| {
        format!("left out: {edit}, which would break the example `{example}`\n")
    };
    left_out.iter().map(line).collect()
}

/// A share, and where the true one lies with 95%.
pub(super) fn between(share: Share) -> String {
    let (low, high) = share.interval();
    format!("{:.1}% ({:.0}–{:.0})", share.or_zero() * 100.0, low * 100.0, high * 100.0)
}

/// One suggestion on a line.
pub(super) fn suggestion(suggestion: &Suggestion) -> String {
    let Suggestion { edit, seen, examples, alone, .. } = suggestion;
    let what = match edit {
        Edit::Add { term, points, language, .. } if language == "en" => {
            format!("+ {term}  {points:+}")
        }
        Edit::Add { term, points, language, .. } => format!("+ {term}  {points:+}  [{language}]"),
        Edit::Weigh { term, before, points, line, .. } => {
            format!("~ {term}  {before:+} → {points:+}  (line {line})")
        }
        Edit::Drop { term, before, line, .. } => format!("- {term}  {before:+}  (line {line})"),
        Edit::Rebase { before, base, .. } => format!("~ base {before} → {base}"),
    };
    let mut line = format!("  {what:<44}");
    if !seen.is_empty() {
        let _ = write!(line, " seen in {}", counted(seen));
    }
    let Alone { mails, righted, wronged } = alone;
    let gap = if seen.is_empty() { " " } else { "; " };
    let _ = match mails {
        0 => write!(line, "{gap}not seen in held-out mail"),
        _ => write!(line, "{gap}alone on {mails} held out: {righted} righted, {wronged} wronged"),
    };
    if !examples.is_empty() {
        let _ = write!(line, "; such as {}", examples.join(", "));
    }
    line
}

/// `13 billing, 1 sales`: the teams whose mail it was seen in, most first.
fn counted(seen: &BTreeMap<TeamId, u32>) -> String {
    let mut teams: Vec<(&TeamId, &u32)> = seen.iter().collect();
    teams.sort_by(|one, other| other.1.cmp(one.1).then_with(|| one.0.cmp(other.0)));
    let more: u32 = teams.iter().skip(TEAMS).map(|(_, mails)| **mails).sum();
    let mut named: Vec<String> =
        teams.iter().take(TEAMS).map(|(team, mails)| format!("{mails} {team}")).collect();
    if more > 0 {
        named.push(format!("{more} others"));
    }
    named.join(", ")
}

/// The change as a unified diff, as `git apply` and `patch -p1` read it. `folder` is where the files
/// are, from where that is run.
pub(super) fn diff(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
    folder: &Path,
) -> String {
    let mut out = String::new();
    for (name, new) in after {
        let Some(old) = before.get(name).filter(|old| *old != new) else { continue };
        let path = folder.join(name).display().to_string();
        let diff = TextDiff::from_lines(old.as_str(), new.as_str());
        let _ = write!(
            out,
            "{}",
            diff.unified_diff().header(&format!("a/{path}"), &format!("b/{path}"))
        );
    }
    out
}
