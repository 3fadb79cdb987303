//! Changes to dictionary files, line by line, that leave all else as its author wrote it:
//! comments, order, blank lines, alignment, line ends.
//!
//! It knows the text of files; why a line should change is for others.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::dictionary::format::{self, SectionKind, TeamFile};
use crate::dictionary::{Language, Rule};

/// One change to one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "edit", rename_all = "snake_case")]
pub enum Edit {
    /// A new line under `[learned]`.
    Add {
        /// The file.
        file: String,
        /// Whose word forms the line takes: the code of its section.
        language: String,
        /// What it looks for.
        term: String,
        /// What it adds.
        points: i32,
    },
    /// Other points for a line.
    Weigh {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// Its term, to be sure that it is the line that was meant.
        term: String,
        /// What it added.
        before: i32,
        /// What it shall add.
        points: i32,
    },
    /// A line less.
    Drop {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
        /// Its term, to be sure that it is the line that was meant.
        term: String,
        /// What it added.
        before: i32,
    },
    /// Another place for a team to start.
    Rebase {
        /// The file.
        file: String,
        /// Where it started.
        before: i32,
        /// Where it shall start.
        base: i32,
    },
}

impl Edit {
    /// The file that it changes.
    #[must_use]
    pub fn file(&self) -> &str {
        match self {
            Self::Add { file, .. }
            | Self::Weigh { file, .. }
            | Self::Drop { file, .. }
            | Self::Rebase { file, .. } => file,
        }
    }
}

/// The files with the edits made, and the edits that were left out because what they change is not
/// there any more, or says something else now: so files may have been written since the edits were
/// thought of. A line that only moved is found.
#[must_use]
pub fn apply(
    files: &BTreeMap<String, String>,
    edits: &[Edit],
) -> (BTreeMap<String, String>, Vec<Edit>) {
    let mut patched = files.clone();
    let mut left_out = Vec::new();
    for (name, text) in &mut patched {
        let own: Vec<&Edit> = edits.iter().filter(|edit| edit.file() == name).collect();
        if own.is_empty() {
            continue;
        }
        match format::parse(name, text) {
            (Some(file), _) => *text = patch(text, &file, &own, &mut left_out),
            (None, _) => left_out.extend(own.into_iter().cloned()),
        }
    }
    let known = |edit: &&Edit| files.contains_key(edit.file());
    left_out.extend(edits.iter().filter(|edit| !known(edit)).cloned());
    (patched, left_out)
}

/// A file as lines, each with its end.
struct Sheet<'a> {
    lines: Vec<&'a str>,
    end: &'static str,
}

fn patch(text: &str, file: &TeamFile, edits: &[&Edit], left_out: &mut Vec<Edit>) -> String {
    let sheet = Sheet {
        lines: text.split_inclusive('\n').collect(),
        end: if text.contains("\r\n") { "\r\n" } else { "\n" },
    };
    // By line, what stands there instead; a line that is gone is empty.
    let mut instead: BTreeMap<u32, String> = BTreeMap::new();
    // By line, what is put in before it.
    let mut before: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let mut added: BTreeMap<Language, Vec<Added<'_>>> = BTreeMap::new();
    for edit in edits {
        let done = match edit {
            Edit::Weigh { line, term, before, points, .. } => rule_at(file, *line, term, *before)
                .map(|(_, rule)| (rule.line, reweighed(sheet.line(rule.line), rule, *points)))
                .map(|(line, changed)| instead.insert(line, changed))
                .is_some(),
            Edit::Drop { line, term, before, .. } => rule_at(file, *line, term, *before)
                .map(|(kind, rule)| instead.insert(rule.line, note_of(kind, rule, sheet.end)))
                .is_some(),
            Edit::Rebase { before: old, base, .. } => {
                file.base == *old && rebase(&sheet, file, *base, &mut instead, &mut before)
            }
            Edit::Add { language, term, points, .. } => Language::from_code(language)
                .filter(|language| !has(file, *language, term))
                .map(|language| {
                    added.entry(language).or_default().push(Added { term, points: *points });
                })
                .is_some(),
        };
        if !done {
            left_out.push((*edit).clone());
        }
    }
    for (language, lines) in added {
        add(&sheet, file, language, lines, &mut before);
    }
    sheet.with(&instead, before)
}

impl Sheet<'_> {
    fn line(&self, number: u32) -> &str {
        (number as usize).checked_sub(1).and_then(|at| self.lines.get(at)).copied().unwrap_or("")
    }

    fn count(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// The text with lines changed and lines put in.
    fn with(&self, instead: &BTreeMap<u32, String>, before: BTreeMap<u32, Vec<String>>) -> String {
        let mut text = String::new();
        let mut before = before.into_iter().peekable();
        let end = self.end;
        for number in 1..=self.count() + 1 {
            while let Some((_, lines)) = before.next_if(|(at, _)| *at <= number) {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push_str(end);
                }
                for line in lines {
                    text.push_str(&line);
                    text.push_str(end);
                }
            }
            match instead.get(&number) {
                Some(changed) => text.push_str(changed),
                None => text.push_str(self.line(number)),
            }
        }
        text
    }
}

/// The rule with this term and these points: at the line, or elsewhere if it is the only one.
fn rule_at<'a>(
    file: &'a TeamFile,
    line: u32,
    term: &str,
    points: i32,
) -> Option<(SectionKind, &'a Rule)> {
    let section = file.sections.iter().map(|section| (section.kind, &section.rules));
    let rules = section.flat_map(|(kind, rules)| rules.iter().map(move |rule| (kind, rule)));
    let mut same = rules.filter(|(_, rule)| rule.term == term && rule.points == points);
    let first = same.next()?;
    match same.next() {
        None => Some(first),
        Some(second) => [first, second].into_iter().chain(same).find(|(_, rule)| rule.line == line),
    }
}

/// Whether a line says the same of the same language already.
fn has(file: &TeamFile, language: Language, term: &str) -> bool {
    let mut sections = file.sections.iter().filter(|section| section.language == language);
    sections.any(|section| section.rules.iter().any(|rule| rule.term == term))
}

/// What is left of a line that is dropped: the note that a person wrote beside it. Those under
/// `[learned]` say only what the line was learned from.
fn note_of(kind: SectionKind, rule: &Rule, end: &str) -> String {
    match &rule.note {
        Some(note) if kind != SectionKind::Learned => format!("# {}: {note}{end}", rule.term),
        _ => String::new(),
    }
}

/// The line with other points. What stands around them stays, and a column of points stays one.
fn reweighed(line: &str, rule: &Rule, points: i32) -> String {
    let written = format!("{points:+}");
    let term_end = line.find(&rule.term).map_or(0, |at| at + rule.term.len());
    let (head, tail) = line.split_at_checked(term_end).unwrap_or((line, ""));
    if !rule.points_written {
        return format!("{head} {written}{tail}");
    }
    let mut from = 0;
    for word in tail.split_whitespace() {
        let at = from + tail.get(from..).and_then(|rest| rest.find(word)).unwrap_or(0);
        from = at + word.len();
        if word.parse::<i32>().is_ok() && word.starts_with(['+', '-']) {
            let (gap, rest) = (tail.get(..at).unwrap_or(""), tail.get(from..).unwrap_or(""));
            // `+9` becomes `+10`: one space less before it, if there are spaces to spare.
            let longer = written.len().saturating_sub(word.len());
            let spare = gap.len() - gap.trim_end_matches(' ').len();
            let kept = gap.len() - longer.min(spare.saturating_sub(1));
            let pad = " ".repeat(word.len().saturating_sub(written.len()));
            return format!("{head}{}{pad}{written}{rest}", gap.get(..kept).unwrap_or(gap));
        }
    }
    format!("{head} {written}{tail}")
}

fn rebase(
    sheet: &Sheet<'_>,
    file: &TeamFile,
    base: i32,
    instead: &mut BTreeMap<u32, String>,
    before: &mut BTreeMap<u32, Vec<String>>,
) -> bool {
    let Some(number) = file.base_line else {
        before.entry(file.team_line + 1).or_default().push(format!("base {base}"));
        return true;
    };
    let line = sheet.line(number);
    let written = file.base.to_string();
    // The number may be written `+2` too; what is replaced is the second word.
    let Some(word) = line.split_whitespace().nth(1) else { return false };
    let at = line.find("base").map_or(0, |at| at + "base".len());
    let Some(place) = line.get(at..).and_then(|rest| rest.find(word)).map(|place| at + place)
    else {
        return false;
    };
    debug_assert_eq!(word.trim_start_matches('+'), written);
    let (head, rest) = (line.get(..place), line.get(place + word.len()..));
    instead.insert(number, format!("{}{base}{}", head.unwrap_or(""), rest.unwrap_or("")));
    true
}

// --------------------------------------------------------------------------------- new lines --

struct Added<'a> {
    term: &'a str,
    points: i32,
}

/// Puts lines into the `[learned]` section of a language, the strongest first among those that are
/// there; makes the section if there is none.
fn add(
    sheet: &Sheet<'_>,
    file: &TeamFile,
    language: Language,
    mut lines: Vec<Added<'_>>,
    before: &mut BTreeMap<u32, Vec<String>>,
) {
    lines.sort_by(|one, other| (other.points.abs(), one.term).cmp(&(one.points.abs(), other.term)));
    let written = |line: &Added<'_>| format!("{:<32} {:>+3}", line.term, line.points);
    let section = file
        .sections
        .iter()
        .find(|section| section.kind == SectionKind::Learned && section.language == language);
    let Some(section) = section else {
        let (at, needs_gap) = place_of_new_section(sheet);
        let header = match language {
            Language::ENGLISH => "[learned]".to_owned(),
            language => format!("[learned {}]", language.code()),
        };
        let mut new = if needs_gap { vec![String::new()] } else { Vec::new() };
        new.push(header);
        new.extend(lines.iter().map(written));
        if at <= sheet.count() {
            new.push(String::new());
        }
        before.entry(at).or_default().extend(new);
        return;
    };
    for line in lines {
        let weaker = section.rules.iter().find(|rule| rule.points.abs() < line.points.abs());
        let last = section.rules.last().map_or(section.line, |rule| rule.line);
        let at = weaker.map_or(last + 1, |rule| rule.line);
        before.entry(at).or_default().push(written(&line));
    }
}

/// Above the examples with the comment that belongs to them, or at the end; and whether a blank line
/// is wanted above.
fn place_of_new_section(sheet: &Sheet<'_>) -> (u32, bool) {
    let is_blank = |number: u32| sheet.line(number).trim().is_empty();
    let mut numbers = 1..=sheet.count();
    let examples = numbers.find(|number| sheet.line(*number).trim_start().starts_with("[examples"));
    let Some(mut at) = examples else {
        let end = sheet.count() + 1;
        return (end, end > 1 && !is_blank(end - 1));
    };
    while at > 1 && sheet.line(at - 1).trim_start().starts_with('#') {
        at -= 1;
    }
    (at, at > 1 && !is_blank(at - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Ours.\nteam billing\nbase -2   # most mail is not for us\n\n[terms]\n\
                        invoice                 +9  # the word itself\nrefund\n# a comment\n\
                        vat @subject +4\n\n[not]\nrestaurant bill   -12\n\n# Tried at every load.\n\
                        [examples]\nyes Our invoice is wrong\n";

    fn files(text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("billing.dict".to_owned(), text.to_owned())])
    }

    fn file() -> String {
        "billing.dict".to_owned()
    }

    fn weigh(line: u32, term: &str, before: i32, points: i32) -> Edit {
        Edit::Weigh { file: file(), line, term: term.to_owned(), before, points }
    }

    fn add(term: &str, language: &str, points: i32) -> Edit {
        Edit::Add { file: file(), language: language.to_owned(), term: term.to_owned(), points }
    }

    /// The lines that are gone (`-`) and new (`+`).
    fn changed(text: &str, edits: &[Edit]) -> Vec<String> {
        let (patched, left_out) = apply(&files(text), edits);
        assert_eq!(left_out, []);
        let (old, new): (Vec<&str>, Vec<&str>) =
            (text.lines().collect(), patched["billing.dict"].lines().collect());
        let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("-{line}"));
        let come = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+{line}"));
        gone.chain(come).collect()
    }

    #[test]
    fn a_line_changes_and_nothing_around_it() {
        for (name, edit, expected) in [
            (
                "points beside a note",
                weigh(6, "invoice", 9, 7),
                &[
                    "-invoice                 +9  # the word itself",
                    "+invoice                 +7  # the word itself",
                ][..],
            ),
            (
                "longer points take a space",
                weigh(6, "invoice", 9, 10),
                &[
                    "-invoice                 +9  # the word itself",
                    "+invoice                +10  # the word itself",
                ],
            ),
            ("points that were not written", weigh(7, "refund", 4, 6), &["-refund", "+refund +6"]),
            ("a place stays", weigh(9, "vat", 4, -3), &["-vat @subject +4", "+vat @subject -3"]),
            (
                "shorter points keep the column",
                weigh(12, "restaurant bill", -12, -9),
                &["-restaurant bill   -12", "+restaurant bill    -9"],
            ),
            (
                "a line is dropped",
                Edit::Drop { file: file(), line: 7, term: "refund".to_owned(), before: 4 },
                &["-refund"],
            ),
            (
                "the base",
                Edit::Rebase { file: file(), before: -2, base: 1 },
                &["-base -2   # most mail is not for us", "+base 1   # most mail is not for us"],
            ),
        ] {
            assert_eq!(changed(FILE, &[edit]), expected, "{name}");
        }
    }

    #[test]
    fn new_lines_stand_under_learned() {
        let edits = [add("late fee", "en", 5), add("po number", "en", 8), add("rechnung", "de", 4)];
        let (patched, left_out) = apply(&files(FILE), &edits);
        assert_eq!(left_out, []);
        let text = &patched["billing.dict"];
        let from = text.find("[learned").unwrap();
        let to = text.find("# Tried").unwrap();
        assert_eq!(
            text.get(from..to).unwrap(),
            "[learned de]\nrechnung                          +4\n\n\
             [learned]\npo number                         +8\nlate fee                          +5\n\n"
        );
        // A second time, into the section that is there.
        let (again, _) = apply(&patched, &[add("dunning", "en", 6)]);
        let learned: Vec<&str> = again["billing.dict"]
            .lines()
            .skip_while(|line| *line != "[learned]")
            .skip(1)
            .take(3)
            .map(|line| line.split("  ").next().unwrap())
            .collect();
        assert_eq!(learned, ["po number", "dunning", "late fee"]);
    }

    #[test]
    fn a_file_without_examples_or_a_last_line_end_takes_lines_too() {
        let (patched, _) = apply(&files("team billing"), &[add("invoice", "en", 9)]);
        assert_eq!(
            patched["billing.dict"],
            "team billing\n\n[learned]\ninvoice                           +9\n"
        );
        let windows = "team billing\r\n\r\n[terms]\r\ninvoice +9\r\n";
        let (patched, _) =
            apply(&files(windows), &[weigh(4, "invoice", 9, 8), add("vat", "en", 3)]);
        let text = &patched["billing.dict"];
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count(), "{text:?}");
        let based = Edit::Rebase { file: file(), before: 0, base: -1 };
        let (patched, _) = apply(&files("team billing\n\n[terms]\nvat\n"), &[based]);
        assert_eq!(patched["billing.dict"], "team billing\nbase -1\n\n[terms]\nvat\n");
    }

    #[test]
    fn an_edit_of_a_line_that_is_another_now_is_left_out() {
        let edits = [weigh(6, "receipt", 9, 3), weigh(7, "refund", 4, 3)];
        let (patched, left_out) = apply(&files(FILE), &edits);
        assert_eq!(left_out, &edits[..1]);
        assert!(patched["billing.dict"].contains("refund +3\n"));
        let stray = Edit::Rebase { file: "sales.dict".to_owned(), before: 0, base: 1 };
        assert_eq!(apply(&files(FILE), std::slice::from_ref(&stray)).1, [stray]);
    }
    #[test]
    fn what_somebody_wrote_since_is_never_overwritten() {
        let moved = format!("# A new line on top.\n{FILE}").replace("vat @subject +4", "vat +9");
        let edits = [
            weigh(6, "invoice", 9, 7),
            weigh(9, "vat", 4, 3),
            Edit::Drop { file: file(), line: 7, term: "refund".to_owned(), before: 5 },
            Edit::Rebase { file: file(), before: -3, base: 0 },
            add("refund", "en", 5),
            add("refund", "de", 5),
        ];
        let (patched, left_out) = apply(&files(&moved), &edits);
        assert_eq!(left_out, &edits[1..5]);
        let text = &patched["billing.dict"];
        let expected = moved.replace("+9  # the word", "+7  # the word");
        let (before, after) = text.split_once("[learned de]\n").unwrap();
        assert!(expected.starts_with(before), "{text}");
        assert!(after.starts_with("refund "), "{text}");
    }
}
