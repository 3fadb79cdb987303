//! The format of a dictionary file, and its parser.
//!
//! A file is one team's. Each line stands for itself: it is a header, a section, a rule, an
//! example, a comment (`#` first) or blank. Text after white space and `#` is a note.
//!
//! ```text
//! team infrastructure             # the team; needed. Headers stand above the first section
//! name Infrastructure & network   # what people read; without it the team's own name
//! base -2                         # where the team starts, -15 to +15; without it 0
//!
//! [terms]                         # word forms of English; [terms de] of German, and so on;
//!                                 # [terms any] of none: words as written, in any case
//! calls not connecting    +9      # a phrase: these words in a row, in any case and word form
//! call ~ drop             +7      # both, in this order, at most five other words between them
//! backup*                 +3      # words that begin so
//! *ausfall                +6      # words that end so
//! outage | downtime       +7      # either; the line still counts as one
//! sla                     +5 @subject   # only in the subject
//! =DNS                    +4      # exactly so: this case, no other word form
//! error 503                       # without a weight: +4. A number is no weight without its sign
//!
//! [not]                           # takes points away; every line needs its weight
//! restaurant server       -12
//!
//! [learned]                       # like [terms], kept by `postroom suggest`
//! packet loss             +5
//!
//! [examples]                      # tests that run at every load
//! yes  Subject: Calls not connecting since noon # must come here
//! no   The server at the restaurant was rude   # must not be sent here
//! todo Printer on floor 3 is offline           # should come here, but doesn't yet
//! ```
//!
//! Weights are whole points from -15 to +15, never 0. A section's language chooses the word forms
//! of its lines; it does not choose mails. In `[examples]` a note needs white space on both sides
//! of its `#`, since mails speak of `ticket #123`.
//!
//! Every finding names file, line and column and the way out. It knows the shape of lines; which
//! words are the same word is for [`super::compile`].

use super::language::Language;
use super::rule::{self, Place};
use super::{TeamId, rule::Rule};
use crate::diagnostic::Diagnostic;

/// The least and the most points that a line or a base can have.
pub const POINTS: std::ops::RangeInclusive<i32> = -15..=15;
/// What a line of `[terms]` without a weight adds.
pub const DEFAULT_POINTS: i32 = 4;

/// A dictionary file, as its author wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamFile {
    /// The file's name.
    pub file: String,
    /// Whose it is.
    pub team: TeamId,
    /// The line of the `team` header; 0 for a team without a file.
    pub team_line: u32,
    /// What people read.
    pub name: String,
    /// Where the team starts.
    pub base: i32,
    /// The line of the `base` header, if there is one.
    pub base_line: Option<u32>,
    /// The sections with rules, in order; `[examples]` is not among them.
    pub sections: Vec<Section>,
    /// The examples, in order.
    pub examples: Vec<Example>,
    /// How many lines the file has.
    pub lines: u32,
}

impl TeamFile {
    /// A team that has no file: no lines, base 0.
    #[must_use]
    pub fn empty(team: TeamId, name: &str) -> Self {
        Self {
            file: format!("{team}.dict"),
            team,
            team_line: 0,
            name: name.to_owned(),
            base: 0,
            base_line: None,
            sections: Vec::new(),
            examples: Vec::new(),
            lines: 0,
        }
    }

    /// Every rule with its section, in order.
    pub fn rules(&self) -> impl Iterator<Item = (&Section, &Rule)> {
        self.sections.iter().flat_map(|section| section.rules.iter().map(move |r| (section, r)))
    }
}

/// What a section does with its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionKind {
    /// `[terms]`: written by a person.
    Terms,
    /// `[not]`: takes points away.
    Not,
    /// `[learned]`: proposed by `postroom suggest` and accepted by a person.
    Learned,
}

impl SectionKind {
    /// The word between the brackets.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Terms => "terms",
            Self::Not => "not",
            Self::Learned => "learned",
        }
    }
}

/// A section with rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it does.
    pub kind: SectionKind,
    /// Whose word forms its lines take.
    pub language: Language,
    /// The line of its header.
    pub line: u32,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// What an example asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// `yes`: the mail must come here.
    Yes,
    /// `no`: the mail must not be sent here.
    No,
    /// `todo`: the mail should come here, but doesn't yet.
    Todo,
}

/// A line of `[examples]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Its line.
    pub line: u32,
    /// What it asks for.
    pub wanted: Wanted,
    /// Whether the text is a subject; else it is a body.
    pub is_subject: bool,
    /// The text of the mail.
    pub text: String,
    /// The line as it stands in the file.
    pub raw: String,
}

/// Reads a dictionary file. Whatever can be read is in the result, so that all findings come at
/// once; with an error among them the file must not be used. `None` if it names no team.
#[must_use]
pub fn parse(file: &str, text: &str) -> (Option<TeamFile>, Vec<Diagnostic>) {
    let mut parser = Parser::new(file);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    for (number, raw) in (1..).zip(text.lines()) {
        parser.line(&Line { number, raw });
    }
    parser.finish()
}

/// One line of the file.
pub(crate) struct Line<'a> {
    pub(crate) number: u32,
    pub(crate) raw: &'a str,
}

impl Line<'_> {
    /// Places a finding at `part`, which must be a piece of this line.
    pub(crate) fn mark(&self, found: Diagnostic, part: &str) -> Diagnostic {
        let offset = (part.as_ptr() as usize).saturating_sub(self.raw.as_ptr() as usize);
        let before = self.raw.get(..offset).unwrap_or_default().chars().count();
        let column = u32::try_from(before).unwrap_or(u32::MAX - 1) + 1;
        let width = u32::try_from(part.chars().count()).unwrap_or(u32::MAX);
        found.at(self.number, column, width, self.raw)
    }
}

/// The text of a line without its note. `spaced`: a note's `#` needs white space after it, too.
fn without_note(raw: &str, spaced: bool) -> (&str, Option<&str>) {
    let Some(_) = raw.find('#') else { return (raw.trim(), None) };
    let mut before_is_space = true;
    for (at, c) in raw.char_indices() {
        let (head, tail) = raw.split_at(at);
        let note = tail.strip_prefix('#');
        if let Some(note) = note
            && before_is_space
            && (!spaced || head.trim().is_empty() || note.is_empty() || note.starts_with(' '))
        {
            return (head.trim(), Some(note.trim()));
        }
        before_is_space = c.is_whitespace();
    }
    (raw.trim(), None)
}

/// The first word and the rest.
fn first_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

/// Where the parser stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Above the first section.
    Headers,
    /// In the last of `sections`.
    Rules,
    Examples,
    /// In a section that is not known: its lines can't be judged.
    Lost,
}

struct Parser<'a> {
    file: &'a str,
    state: State,
    team: Option<(TeamId, u32)>,
    name: Option<(String, u32)>,
    base: Option<(i32, u32)>,
    sections: Vec<Section>,
    examples: Vec<Example>,
    found: Vec<Diagnostic>,
    lines: u32,
}

const HEADERS: [&str; 3] = ["team", "name", "base"];
const SECTIONS: [&str; 4] = ["terms", "not", "learned", "examples"];
const EXAMPLES: [&str; 3] = ["yes", "no", "todo"];

/// The known word that `word` was probably meant to be.
fn near(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let word = word.to_lowercase();
    known
        .iter()
        .map(|known| (strsim::osa_distance(&word, known), *known))
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3))
        .min()
        .map(|(_, known)| known)
}

impl<'a> Parser<'a> {
    fn new(file: &'a str) -> Self {
        Self {
            file,
            state: State::Headers,
            team: None,
            name: None,
            base: None,
            sections: Vec::new(),
            examples: Vec::new(),
            found: Vec::new(),
            lines: 0,
        }
    }

    fn error(&self, code: &'static str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(self.file, code, message)
    }

    fn line(&mut self, line: &Line<'_>) {
        self.lines = line.number;
        let (text, note) = without_note(line.raw, self.state == State::Examples);
        if text.is_empty() {
            return;
        }
        if text.starts_with('[') {
            return self.section(line, text);
        }
        match self.state {
            State::Headers => self.header(line, text),
            State::Rules => self.rule(line, text, note),
            State::Examples => self.example(line, text),
            State::Lost => {}
        }
    }

    fn header(&mut self, line: &Line<'_>, text: &str) {
        let (word, rest) = first_word(text);
        let twice = match word {
            "team" => self.team.as_ref().map(|(_, first)| *first),
            "name" => self.name.as_ref().map(|(_, first)| *first),
            "base" => self.base.map(|(_, first)| first),
            _ => {
                let found = self.error("unknown-header", format!("`{word}` is not a header"));
                let help = match near(word, &HEADERS) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None if EXAMPLES.contains(&word) => {
                        "examples stand under `[examples]`".to_owned()
                    }
                    None => "terms stand under `[terms]`".to_owned(),
                };
                return self.found.push(line.mark(found.help(help), word));
            }
        };
        if let Some(first) = twice {
            let found = self
                .error("duplicate-header", format!("`{word}` stands twice"))
                .help(format!("it is in line {first} already: keep one"));
            return self.found.push(line.mark(found, word));
        }
        if rest.is_empty() {
            let found = self
                .error("empty-header", format!("`{word}` says nothing"))
                .help(format!("write for example `{}`", sample(word)));
            return self.found.push(line.mark(found, word));
        }
        match word {
            "team" => match TeamId::parse(rest) {
                Ok(team) => self.team = Some((team, line.number)),
                Err(error) => {
                    let found = self.error("bad-team", error.to_string());
                    self.found.push(line.mark(found, rest));
                }
            },
            "name" => self.name = Some((rest.to_owned(), line.number)),
            _ => self.base(line, rest),
        }
    }

    fn base(&mut self, line: &Line<'_>, rest: &str) {
        let found = match rest.parse::<i32>() {
            Ok(base) if POINTS.contains(&base) => {
                self.base = Some((base, line.number));
                return;
            }
            Ok(_) => self
                .error("base-out-of-range", format!("base `{rest}` is out of range"))
                .help("a base is from -15 to +15"),
            Err(_) => self
                .error("bad-base", format!("base `{rest}` is not a whole number"))
                .help("write for example `base -2`"),
        };
        self.found.push(line.mark(found, rest));
    }

    fn section(&mut self, line: &Line<'_>, text: &str) {
        let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let Some(inner) = inner else {
            let found = self
                .error("bad-section", format!("`{text}` is not a section"))
                .help("write for example `[terms]` or `[terms de]`, alone on its line");
            self.state = State::Lost;
            return self.found.push(line.mark(found, text));
        };
        let (word, language) = first_word(inner.trim());
        let kind = match word {
            "terms" => SectionKind::Terms,
            "not" => SectionKind::Not,
            "learned" => SectionKind::Learned,
            "examples" => {
                self.state = State::Examples;
                if !language.is_empty() {
                    let found = self
                        .error("bad-language", "`[examples]` has no language")
                        .help("write `[examples]`");
                    self.found.push(line.mark(found, language));
                }
                return;
            }
            _ => return self.unknown_section(line, text, word),
        };
        let language = self.language(line, language);
        self.state = State::Rules;
        self.sections.push(Section { kind, language, line: line.number, rules: Vec::new() });
    }

    fn unknown_section(&mut self, line: &Line<'_>, text: &str, word: &str) {
        let help = match near(word, &SECTIONS) {
            Some(known) => format!("did you mean `[{known}]`?"),
            None => "there are `[terms]`, `[not]`, `[learned]` and `[examples]`".to_owned(),
        };
        let found = self.error("unknown-section", format!("`{text}` is not a section")).help(help);
        self.state = State::Lost;
        self.found.push(line.mark(found, text));
    }

    fn language(&mut self, line: &Line<'_>, code: &str) -> Language {
        if code.is_empty() {
            return Language::ENGLISH;
        }
        Language::from_code(code).unwrap_or_else(|| {
            let help = match (code, Language::near(code)) {
                ("el" | "greek", _) => {
                    "Greek word forms can't be told safely: write `any`".to_owned()
                }
                (_, Some(near)) => format!("for {} write `{}`", near.name(), near.code()),
                _ => {
                    let codes: Vec<&str> = Language::all().map(Language::code).collect();
                    format!("there are {}; write `any` for another", codes.join(", "))
                }
            };
            let message = format!("`{code}` is not a language with known word forms");
            let found = self.error("unknown-language", message).help(help);
            self.found.push(line.mark(found, code));
            Language::ENGLISH
        })
    }

    fn rule(&mut self, line: &Line<'_>, text: &str, note: Option<&str>) {
        if self.is_late_team(line, text) {
            return;
        }
        let Some(section) = self.sections.last_mut() else { return };
        let place = Place { file: self.file, line, section: section.kind };
        section.rules.extend(rule::parse(&place, text, note, &mut self.found));
    }

    /// A header below a section is read as a term. For `team` that can't be meant; for `base` it
    /// can, if there is one above.
    fn is_late_team(&mut self, line: &Line<'_>, text: &str) -> bool {
        let (word, rest) = first_word(text);
        let is_team = word == "team" && self.team.is_none() && TeamId::parse(rest).is_ok();
        let is_base = word == "base" && self.base.is_none() && rest.parse::<i32>().is_ok();
        if is_team || is_base {
            let help = "headers stand above the first section";
            let message = format!("`{text}` stands below a section");
            let found = self.error("late-header", message).help(help);
            let found = if is_base { found.warning() } else { found };
            self.found.push(line.mark(found, text));
        }
        is_team
    }

    fn example(&mut self, line: &Line<'_>, text: &str) {
        let (word, rest) = first_word(text);
        let wanted = match word {
            "yes" => Wanted::Yes,
            "no" => Wanted::No,
            "todo" => Wanted::Todo,
            _ => {
                let help = match near(word.trim_end_matches(':'), &EXAMPLES) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => "an example begins with `yes`, `no` or `todo`".to_owned(),
                };
                let message = format!("`{word}` doesn't say what should happen");
                let found = self.error("unknown-example", message).help(help);
                return self.found.push(line.mark(found, word));
            }
        };
        if rest.is_empty() {
            let found = self
                .error("empty-example", format!("`{word}` has no text"))
                .help("write the text of a mail, or `Subject:` and its subject");
            return self.found.push(line.mark(found, word));
        }
        let subject = rest.strip_prefix("Subject:").map(str::trim);
        self.examples.push(Example {
            line: line.number,
            wanted,
            is_subject: subject.is_some(),
            text: subject.unwrap_or(rest).to_owned(),
            raw: line.raw.to_owned(),
        });
    }

    fn finish(mut self) -> (Option<TeamFile>, Vec<Diagnostic>) {
        let told = self.found.iter().any(|found| matches!(found.code, "bad-team" | "late-header"));
        if self.team.is_none() && !told {
            let stem = self.file.trim_end_matches(".dict");
            let stem = if TeamId::parse(stem).is_ok() { stem } else { "billing" };
            let found = self
                .error("no-team", "the file doesn't say whose it is")
                .help(format!("write `team {stem}` in the first line"));
            self.found.push(found);
        }
        let file = self.team.map(|(team, team_line)| TeamFile {
            file: self.file.to_owned(),
            name: self.name.map_or_else(|| team.to_string(), |(name, _)| name),
            team,
            team_line,
            base: self.base.map_or(0, |(base, _)| base),
            base_line: self.base.map(|(_, line)| line),
            sections: self.sections,
            examples: self.examples,
            lines: self.lines,
        });
        (file, self.found)
    }
}

/// A header as it could be.
fn sample(word: &str) -> &'static str {
    match word {
        "team" => "team billing",
        "name" => "name Billing & payments",
        _ => "base -2",
    }
}
