//! Random changes to random dictionary files: a patch changes the lines that it is about, and every
//! other line, comment and line end stays where it was.

use std::collections::BTreeMap;

use postroom::dictionary::Rule;
use postroom::dictionary::format::{TeamFile, parse};
use postroom::learn::patch::{Edit, apply};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const FILE: &str = "billing.dict";

/// A line below the headers, as somebody may have written it.
#[derive(Debug, Clone)]
enum Line {
    Blank,
    Comment,
    Section(&'static str),
    Rule { shape: &'static str, gap: usize, points: Option<i32>, note: bool, subject: bool },
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy)]
enum Change {
    Weigh(i32),
    Drop,
}

#[derive(Debug, Clone)]
struct Case {
    base: Option<(i32, bool)>,
    lines: Vec<Line>,
    examples: bool,
    windows: bool,
    last_end: bool,
    changes: Vec<(Index, Change)>,
    rebased: Option<i32>,
    added: Vec<(&'static str, i32)>,
}

/// Points that are not 0.
fn points() -> impl Strategy<Value = i32> {
    prop_oneof![-15..=-1, 1..=15]
}

fn line() -> impl Strategy<Value = Line> {
    let shape =
        select(&["word", "two  words", "#word", "word ~ far", "a1 | word", "=Word", "w#"][..]);
    let rule = (shape, 1_usize..30, proptest::option::of(points()), any::<bool>(), any::<bool>());
    prop_oneof![
        1 => Just(Line::Blank),
        2 => Just(Line::Comment),
        1 => select(&["[terms]", "[not]", "[learned]", "[terms de]", "[learned any]"][..])
            .prop_map(Line::Section),
        6 => rule.prop_map(|(shape, gap, points, note, subject)| {
            Line::Rule { shape, gap, points, note, subject }
        }),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let change = prop_oneof![3 => points().prop_map(Change::Weigh), 1 => Just(Change::Drop)];
    (
        proptest::option::of((-15..=15, any::<bool>())),
        vec(line(), 0..25),
        any::<(bool, bool, bool)>(),
        vec((any::<Index>(), change), 0..6),
        proptest::option::of(-15..=15),
        vec((select(&["en", "de", "any"][..]), points()), 0..5),
    )
        .prop_map(|(base, lines, (examples, windows, last_end), changes, rebased, added)| {
            Case { base, lines, examples, windows, last_end, changes, rebased, added }
        })
}

impl Case {
    /// The file's lines. Every term and comment is another one, so that none can be mistaken.
    fn lines(&self) -> Vec<String> {
        let mut lines = vec!["# Ours.".to_owned(), "team billing  # the team".to_owned()];
        lines.extend(self.base.map(|(base, noted)| {
            if noted { format!("base  {base:+} # why") } else { format!("base {base}") }
        }));
        lines.extend([String::new(), "[terms]".to_owned()]);
        let mut in_not = false;
        for (number, line) in self.lines.iter().enumerate() {
            lines.push(match line {
                Line::Blank => "  ".to_owned(),
                Line::Comment => format!("  # comment {number} +5"),
                Line::Section(header) => {
                    in_not = *header == "[not]";
                    format!("{header} # section {number}")
                }
                Line::Rule { shape, gap, points, note, subject } => {
                    let mut text = shape.replace("word", &format!("word{number}"));
                    text = text.replace("Word", &format!("Word{number}"));
                    text = text.replace("w#", &format!("w{number}#"));
                    let points = match points {
                        // In `[not]` every line takes points, and says how many.
                        _ if in_not => Some(-points.unwrap_or(4).abs()),
                        points => *points,
                    };
                    text.extend(points.map(|points| format!("{:gap$}{points:+}", "")));
                    text += if *subject { " @subject" } else { "" };
                    text += if *note { "   # note -3" } else { "" };
                    text
                }
            });
        }
        if self.examples {
            lines.extend([String::new(), "# Tried.".to_owned(), "[examples]".to_owned()]);
            lines.push("todo something else".to_owned());
        }
        lines
    }

    fn text(&self) -> String {
        let end = if self.windows { "\r\n" } else { "\n" };
        let text = self.lines().join(end);
        if self.last_end { text + end } else { text }
    }

    /// One edit at most of a line, as `suggest` makes them.
    fn edits(&self, file: &TeamFile) -> (Vec<Edit>, BTreeMap<u32, Change>) {
        let rules: Vec<&Rule> = file.rules().map(|(_, rule)| rule).collect();
        let mut changes = BTreeMap::new();
        let mut edits = Vec::new();
        for (at, change) in self.changes.iter().filter(|_| !rules.is_empty()) {
            let rule = rules[at.index(rules.len())];
            if changes.insert(rule.line, *change).is_some() {
                changes.remove(&rule.line);
                edits.retain(|edit| {
                    !matches!(edit,
                    Edit::Weigh { line, .. } | Edit::Drop { line, .. } if *line == rule.line)
                });
                continue;
            }
            let (file, line, term) = (FILE.to_owned(), rule.line, rule.term.clone());
            edits.push(match *change {
                // A line stays on its side of nothing.
                Change::Weigh(points) => {
                    let points = points.abs() * rule.points.signum();
                    changes.insert(line, Change::Weigh(points));
                    Edit::Weigh { file, line, term, before: rule.points, points }
                }
                Change::Drop => Edit::Drop { file, line, term, before: rule.points },
            });
        }
        edits.extend(self.rebased.map(|base| Edit::Rebase {
            file: FILE.to_owned(),
            before: file.base,
            base,
        }));
        edits.extend(self.added.iter().enumerate().map(|(number, (language, points))| Edit::Add {
            file: FILE.to_owned(),
            language: (*language).to_owned(),
            term: format!("new{number} term"),
            points: *points,
        }));
        (edits, changes)
    }
}

/// A file's lines with what they say, in their order: term, points and place.
fn said(file: &TeamFile) -> Vec<(String, i32, bool)> {
    file.rules().map(|(_, rule)| (rule.term.clone(), rule.points, rule.subject_only)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_else_stays_as_it_was(case in case()) {
        let text = case.text();
        let (Some(file), findings) = parse(FILE, &text) else {
            return Err(TestCaseError::fail(text));
        };
        prop_assert!(!findings.iter().any(postroom::diagnostic::Diagnostic::is_error), "{findings:?}\n{text}");
        let (edits, changes) = case.edits(&file);
        let (patched, left_out) = apply(&BTreeMap::from([(FILE.to_owned(), text.clone())]), &edits);
        prop_assert_eq!(left_out, Vec::new());
        let after = &patched[FILE];
        let (Some(new), findings) = parse(FILE, after) else {
            return Err(TestCaseError::fail(after.clone()));
        };
        prop_assert!(!findings.iter().any(postroom::diagnostic::Diagnostic::is_error), "{findings:?}\n{after}");

        // Every line that was there comes again, in its order; in between is only what was added.
        let end = if case.windows { "\r\n" } else { "\n" };
        let mut old = (1_u32..).zip(text.split_inclusive('\n')).peekable();
        for line in after.split_inclusive('\n') {
            let (body, line_end) = (line.trim_end_matches(['\r', '\n']), &line[line.trim_end_matches(['\r', '\n']).len()..]);
            prop_assert!(line_end == end || line_end.is_empty(), "{line:?}");
            // A line that is gone leaves its note, if a person wrote one.
            let is_gone = |(number, _): &(u32, &str)| matches!(changes.get(number), Some(Change::Drop));
            while old.next_if(|next| is_gone(next) && !leaves_note(&file, next.0)).is_some() {}
            let matches = old.peek().is_some_and(|(number, before)| {
                let before = before.trim_end_matches(['\r', '\n']);
                let note = || before.find(" # ").map_or("", |at| &before[at..]);
                match changes.get(number) {
                    None if Some(*number) == file.base_line && case.rebased.is_some() => {
                        body.starts_with("base ") && body.ends_with(note())
                    }
                    None => before == body,
                    Some(Change::Weigh(points)) => {
                        let rule = file.rules().map(|(_, rule)| rule).find(|rule| rule.line == *number).unwrap();
                        body.starts_with(&rule.term)
                            && body.ends_with(note())
                            && body.contains(&format!("{points:+}"))
                    }
                    Some(Change::Drop) => body.starts_with('#') && body.ends_with(note().trim_start_matches([' ', '#'])),
                }
            });
            if matches {
                old.next();
                continue;
            }
            let is_new = body.is_empty()
                || body.starts_with("[learned") && !body.contains('#')
                || body.starts_with("base ") && file.base_line.is_none()
                || body.starts_with("new");
            prop_assert!(is_new, "{body:?} came from nowhere\n{text}\n---\n{after}");
        }
        let left: Vec<_> = old.filter(|(number, _)| !matches!(changes.get(number), Some(Change::Drop)) || leaves_note(&file, *number)).collect();
        prop_assert!(left.is_empty(), "{left:?} are lost\n{after}");

        // And the lines say what they should.
        let mut expected: Vec<(String, i32, bool)> = Vec::new();
        for (_, rule) in file.rules() {
            match changes.get(&rule.line) {
                Some(Change::Drop) => {}
                Some(Change::Weigh(points)) => expected.push((rule.term.clone(), *points, rule.subject_only)),
                None => expected.push((rule.term.clone(), rule.points, rule.subject_only)),
            }
        }
        let (added, kept): (Vec<_>, Vec<_>) =
            said(&new).into_iter().partition(|(term, ..)| term.starts_with("new"));
        prop_assert_eq!(kept, expected);
        let mut added: Vec<(String, i32)> = added.into_iter().map(|(term, points, _)| (term, points)).collect();
        added.sort();
        let wanted: Vec<(String, i32)> = case.added.iter().enumerate().map(|(number, (_, points))| (format!("new{number} term"), *points)).collect();
        prop_assert_eq!(added, wanted);
        prop_assert_eq!(new.base, case.rebased.unwrap_or(file.base));
    }
}

/// Whether a person wrote a note beside the line of this number.
fn leaves_note(file: &TeamFile, number: u32) -> bool {
    use postroom::dictionary::format::SectionKind;
    file.sections
        .iter()
        .filter(|section| section.kind != SectionKind::Learned)
        .flat_map(|section| &section.rules)
        .any(|rule| rule.line == number && rule.note.is_some())
}
