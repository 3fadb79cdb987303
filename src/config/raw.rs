//! `postroom.toml` as typed: tables, keys and values with their places in the text.
//!
//! A section remembers which keys were asked for, so that those that nobody asked for are found
//! to be unknown at the end. All problems are collected, so that a person mends them in one go.
//! It knows TOML; it knows nothing of what the keys mean.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeFloat, DeTable, DeValue};

use super::excerpt;
use crate::diagnostic::{Diagnostic, Severity, nearest};
use crate::dictionary::TeamId;

/// The text, and what is wrong with it so far.
pub(super) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    findings: RefCell<Vec<Diagnostic>>,
    teams_named: RefCell<Vec<(TeamId, Diagnostic)>>,
}

/// A value as typed, with its place.
#[derive(Debug, Clone)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<'a> Source<'a> {
    /// The file's name.
    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, findings: RefCell::default(), teams_named: RefCell::default() }
    }

    /// Reads the text; `None` if it is not TOML. What would be said of the rest of such a text
    /// would mislead: its sections may begin and end elsewhere than was meant.
    pub(super) fn tables(&self) -> Option<Spanned<DeTable<'a>>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            let _ = self.report(error.span().unwrap_or(0..0), "syntax", message);
        }
        errors.is_empty().then_some(table)
    }

    /// Adds an error at a place, and hands it back as a thing to add help to.
    #[must_use = "an error without help needs `let _ =`"]
    pub(super) fn report(
        &self,
        span: Range<usize>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Reported<'_> {
        let finding = self.at(span, Diagnostic::error(self.file, code, message));
        self.findings.borrow_mut().push(finding);
        Reported(self)
    }

    /// Notes that a team was named, for whoever knows which teams there are.
    pub(super) fn note_team(&self, team: &TeamId, given: &Given<String>) {
        let message = format!("`{team}` is named as a team, but has no dictionary");
        let finding = Diagnostic::error(self.file, "unknown-team", message).warning();
        let named = (team.clone(), self.at(given.span.clone(), finding));
        self.teams_named.borrow_mut().push(named);
    }

    /// The teams that were named.
    pub(super) fn teams_named(&self) -> Vec<(TeamId, Diagnostic)> {
        self.teams_named.take()
    }

    /// A finding, with its place.
    fn at(&self, span: Range<usize>, finding: Diagnostic) -> Diagnostic {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let line_text =
            self.text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let column = self.text.get(line_start..span.start).unwrap_or_default().chars().count() + 1;
        // What goes on in the next line is shown to the end of this one.
        let end = span.end.min(line_start + line_text.len());
        let shown = if finding.code == "syntax" {
            excerpt::of_no_toml(line_text)
        } else {
            excerpt::of_toml(line_text, before.len() - line_start..end.saturating_sub(line_start))
        };
        let width = self.text.get(span.start..end).unwrap_or_default().chars().count();
        finding.at(count(line), count(column), count(width), shown)
    }

    /// Everything that was found, in the order of the places.
    pub(super) fn into_findings(self) -> Vec<Diagnostic> {
        let mut findings = self.findings.into_inner();
        findings.sort();
        findings.dedup();
        findings
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// The error that was reported last.
pub(super) struct Reported<'s>(&'s Source<'s>);

impl Reported<'_> {
    /// Names the way out.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        if let Some(last) = self.0.findings.borrow_mut().last_mut() {
            last.help = Some(help.into());
        }
        self
    }

    /// Makes it a warning.
    pub(super) fn warning(self) -> Self {
        if let Some(last) = self.0.findings.borrow_mut().last_mut() {
            last.severity = Severity::Warning;
        }
        self
    }

    /// Keeps the line out of sight: a secret may stand in it.
    pub(super) fn hidden(self) -> Self {
        if let Some(last) = self.0.findings.borrow_mut().last_mut() {
            last.excerpt.clear();
        }
        self
    }
}

/// A table, with the keys that were asked for.
pub(super) struct Section<'s> {
    source: &'s Source<'s>,
    /// As messages name it: `[store]`, or nothing for the keys above the first table.
    name: String,
    table: Option<&'s DeTable<'s>>,
    span: Range<usize>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'s> Section<'s> {
    pub(super) fn top(source: &'s Source<'s>, table: &'s Spanned<DeTable<'s>>) -> Self {
        Self {
            source,
            name: String::new(),
            table: Some(table.get_ref()),
            span: 0..0,
            asked: RefCell::default(),
        }
    }

    /// Where the section begins.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    pub(super) fn source(&self) -> &'s Source<'s> {
        self.source
    }

    fn get(&self, key: &'static str) -> Option<&'s Spanned<DeValue<'s>>> {
        self.asked.borrow_mut().push(key);
        self.table?.get(key)
    }

    /// Whether a key is there, whatever its value.
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    fn wrong_type<T>(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Option<T> {
        let found = value.get_ref().type_str();
        let message = format!("`{key}` is {} {found}, not {wanted}", article(found));
        let _ = self.source.report(value.span(), "wrong-type", message);
        None
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str) -> Option<Given<String>> {
        let value = self.get(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(Given { value: text.to_owned(), span: value.span() }),
            None => self.wrong_type(key, value, "a text in quotes"),
        }
    }

    /// A list of texts; a single text is a list of one.
    pub(super) fn texts(&self, key: &'static str) -> Vec<Given<String>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        self.read_texts(key, value)
    }

    fn read_texts(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Vec<Given<String>> {
        if let Some(text) = value.get_ref().as_str() {
            return vec![Given { value: text.to_owned(), span: value.span() }];
        }
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type::<()>(key, value, "a list of texts");
            return Vec::new();
        };
        let text = |item: &Spanned<DeValue<'_>>| match item.get_ref().as_str() {
            Some(text) => Some(Given { value: text.to_owned(), span: item.span() }),
            None => self.wrong_type(&format!("{key}[]"), item, "a text in quotes"),
        };
        items.iter().filter_map(text).collect()
    }

    /// True or false.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        match value.get_ref().as_bool() {
            Some(flag) => Some(flag),
            None => self.wrong_type(key, value, "`true` or `false`"),
        }
    }

    /// A whole number from 0 up.
    pub(super) fn number(&self, key: &'static str) -> Option<Given<u64>> {
        let value = self.get(key)?;
        let Some(number) = value.get_ref().as_integer() else {
            return self.wrong_type(key, value, "a whole number");
        };
        let read = u64::from_str_radix(number.as_str(), number.radix());
        if read.is_err() {
            let message = format!("`{number}` can't be `{key}`: write a whole number from 0 up");
            let _ = self.source.report(value.span(), "bad-value", message);
        }
        Some(Given { value: read.ok()?, span: value.span() })
    }

    /// A text, or a whole number as a text.
    pub(super) fn text_or_number(&self, key: &'static str) -> Option<Given<String>> {
        let value = self.get(key)?;
        let text = value.get_ref().as_str().map(str::to_owned);
        match text.or_else(|| Some(value.get_ref().as_integer()?.to_string())) {
            Some(text) => Some(Given { value: text, span: value.span() }),
            None => self.wrong_type(key, value, "a text in quotes"),
        }
    }

    /// A share.
    pub(super) fn decimal(&self, key: &'static str) -> Option<Given<f64>> {
        self.read_decimal(key, self.get(key)?)
    }

    fn read_decimal(&self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Given<f64>> {
        let decimal = value.get_ref().as_float().map(DeFloat::as_str);
        let digits = decimal.or_else(|| Some(value.get_ref().as_integer()?.as_str()));
        match digits.and_then(|digits| digits.parse().ok()) {
            Some(number) => Some(Given { value: number, span: value.span() }),
            None => self.wrong_type(key, value, "a decimal number"),
        }
    }

    /// A table in this one; empty if it is not there.
    pub(super) fn section(&self, key: &'static str) -> Self {
        let value = self.get(key);
        let table = value.and_then(|value| match value.get_ref().as_table() {
            Some(table) => Some(table),
            None => self.wrong_type(key, value, &format!("a table: write `[{key}]`")),
        });
        self.below(key, table, value.map_or_else(|| self.span(), Spanned::span))
    }

    /// The tables of a list, `[[key]]` each.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let wanted = format!("a list of tables: write `[[{key}]]`");
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type::<()>(key, value, &wanted);
            return Vec::new();
        };
        let section = |item: &'s Spanned<DeValue<'s>>| match item.get_ref().as_table() {
            Some(table) => Some(self.below(key, Some(table), item.span())),
            None => self.wrong_type(key, item, &wanted),
        };
        items.iter().filter_map(section).collect()
    }

    fn below(&self, key: &str, table: Option<&'s DeTable<'s>>, span: Range<usize>) -> Self {
        let name =
            if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        Self { source: self.source, name, table, span, asked: RefCell::default() }
    }

    /// All entries of a table whose keys are names that the operator chose, as texts.
    pub(super) fn named_texts(&self) -> Vec<(Given<String>, Given<String>)> {
        self.named(|key, value| match value.get_ref().as_str() {
            Some(text) => Some(Given { value: text.to_owned(), span: value.span() }),
            None => self.wrong_type(key, value, "a text in quotes"),
        })
    }

    /// The same, where each may be a list of texts too: `true` says that it is one.
    pub(super) fn named_lists(&self) -> Vec<(Given<String>, bool, Vec<Given<String>>)> {
        let read = |key: &str, value: &Spanned<DeValue<'s>>| {
            let texts = self.read_texts(key, value);
            Some(Given { value: (value.get_ref().is_array(), texts), span: value.span() })
        };
        let entry = |(name, given): (_, Given<(bool, _)>)| (name, given.value.0, given.value.1);
        self.named(read).into_iter().map(entry).collect()
    }

    /// The tables in this one, whose names the operator chose.
    pub(super) fn named_sections(&self) -> Vec<(Given<String>, Self)> {
        let read = |key: &str, value: &'s Spanned<DeValue<'s>>| {
            let Some(table) = value.get_ref().as_table() else {
                return self.wrong_type(key, value, "a table");
            };
            let section = self.below(key, Some(table), value.span());
            Some(Given { value: section, span: value.span() })
        };
        self.named(read).into_iter().map(|(name, given)| (name, given.value)).collect()
    }

    /// All entries of a table whose keys are names that the operator chose, as shares.
    pub(super) fn named_decimals(&self) -> Vec<(Given<String>, Given<f64>)> {
        self.named(|key, value| self.read_decimal(key, value))
    }

    fn named<T>(
        &self,
        read: impl Fn(&str, &'s Spanned<DeValue<'s>>) -> Option<Given<T>>,
    ) -> Vec<(Given<String>, Given<T>)> {
        let entry = |(key, value): (&'s Spanned<_>, &'s Spanned<DeValue<'s>>)| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            let given = Given { value: name.clone().into_owned(), span: key.span() };
            Some((given, read(name, value)?))
        };
        self.table.into_iter().flatten().filter_map(entry).collect()
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        let asked = self.asked.into_inner();
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if asked.contains(&name) {
                continue;
            }
            let message = if self.name.is_empty() {
                format!("`{name}` is not a key here")
            } else {
                format!("`{name}` is not a key of `[{}]`", self.name)
            };
            let help = nearest(name, asked.iter().copied()).map_or_else(
                || format!("the keys are {}", listed(&asked)),
                |nearest| format!("did you mean `{nearest}`?"),
            );
            let _ = self.source.report(key.span(), "unknown-key", message).help(help);
        }
    }
}

fn listed(asked: &[&str]) -> String {
    let names: BTreeSet<_> = asked.iter().map(|name| format!("`{name}`")).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}
