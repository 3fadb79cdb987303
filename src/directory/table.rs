//! A CSV file, row by row, with the place of every finding.
//!
//! The first line names the columns; their order is free. Columns are separated by commas, a value
//! that holds a comma stands in double quotes, a quote in it is doubled (RFC 4180), empty lines and
//! lines that begin with `#` are skipped. A row is a line: the RFC lets a value in quotes go on over
//! line breaks, but then a quote that somebody forgot to close takes in the rows that follow, and
//! nobody is told. It knows nothing of what the columns mean.

use std::borrow::Cow;

use csv::{ByteRecord, ReaderBuilder};

use super::SourceText;
use crate::diagnostic::{Diagnostic, Severity, nearest};

/// What is wrong in files that are read together.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Diagnostic>,
    left_out: usize,
    /// The worst of those that were left out.
    more: Option<Severity>,
}

impl Findings {
    /// A file that is wrong in a million rows is wrong in one way: more is not listed.
    const LISTED: usize = 200;

    pub(crate) fn push(&mut self, finding: Diagnostic) {
        if self.list.len() < Self::LISTED {
            // Holiday lists come along: they are read beside the people, and say little.
            self.list.push(finding.about_people());
        } else {
            self.left_out += 1;
            self.more = Some(self.more.map_or(finding.severity, |more| more.min(finding.severity)));
        }
    }

    /// The findings in the order of their places.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.list.sort();
        if let (Some(more), Some(last)) = (&self.more, self.list.last()) {
            let message = format!("and {} more findings", self.left_out);
            self.list.push(Diagnostic {
                severity: *more,
                ..Diagnostic::error(&last.file, "more", message)
            });
        }
        self.list
    }
}

/// A column that a file can have.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Whether the file must have the column.
    pub(crate) required: bool,
}

/// A row of the file.
pub(crate) struct Row<'a> {
    source: &'a SourceText,
    record: &'a ByteRecord,
    /// For each known column, where it stands in the record.
    columns: &'a [Option<usize>],
    start: Start,
}

/// Where a row begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    byte: usize,
    line: u32,
}

impl Row<'_> {
    /// The value in a column, without white space around it; empty if the row doesn't have it.
    pub(crate) fn field(&self, column: usize) -> &str {
        let place = self.columns.get(column).copied().flatten();
        let bytes = place.and_then(|place| self.record.get(place)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default().trim()
    }

    /// The line on which the row begins, from 1.
    pub(crate) fn line(&self) -> u32 {
        self.start.line
    }

    /// The byte of the text at which the row begins.
    pub(crate) fn begin(&self) -> usize {
        self.start.byte
    }

    /// A place to come back to when the other rows are known.
    pub(crate) fn mark(&self, column: usize) -> Mark {
        Mark { start: self.start, field: self.columns.get(column).copied().flatten() }
    }

    /// An error at a column of this row.
    pub(crate) fn error(
        &self,
        column: usize,
        code: &'static str,
        message: impl Into<String>,
    ) -> Diagnostic {
        self.mark(column).error(self.source, code, message)
    }
}

/// A column of a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    start: Start,
    field: Option<usize>,
}

impl Mark {
    /// The line on which the row begins, from 1.
    pub(crate) fn line(self) -> u32 {
        self.start.line
    }

    /// An error at this place of the file.
    pub(crate) fn error(
        self,
        source: &SourceText,
        code: &'static str,
        message: impl Into<String>,
    ) -> Diagnostic {
        let error = Diagnostic::error(&source.name, code, message);
        let Some(field) = self.field else { return error.at(self.start.line, 0, 0, "") };
        let place = locate(&source.text, self.start, field);
        error.at(self.start.line, place.column, place.width, place.excerpt)
    }
}

/// Hands every row to `each`. Nothing is handed over if the columns are wrong.
pub(crate) fn rows(
    source: &SourceText,
    known: &[Column],
    findings: &mut Findings,
    mut each: impl FnMut(&Row<'_>, &mut Findings),
) {
    if u32::try_from(source.text.len()).is_err() {
        let message = "the file is larger than 4 GiB";
        findings.push(Diagnostic::error(&source.name, "too-large", message));
        return;
    }
    let Some(text) = well_quoted(source, findings) else { return };
    let skipped = mark_length(&source.text);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(text.get(skipped..).unwrap_or_default());
    let mut record = ByteRecord::new();
    let mut header: Option<(Vec<Option<usize>>, usize)> = None;
    loop {
        // Reading from memory, with rows of any length, has no way to fail.
        if !matches!(reader.read_byte_record(&mut record), Ok(true)) {
            break;
        }
        let start = record.position().map_or(Start { byte: 0, line: 1 }, |position| {
            let byte = usize::try_from(position.byte()).unwrap_or(usize::MAX) + skipped;
            let line = u32::try_from(position.line()).unwrap_or(u32::MAX);
            first_of_row(&text, Start { byte, line })
        });
        if start.byte >= text.len() {
            // A comment without a line break at its end is taken for a row.
            break;
        }
        let Some((columns, width)) = &header else {
            let Some(columns) = read_header(source, &record, start, known, findings) else {
                return;
            };
            header = Some((columns, record.len()));
            continue;
        };
        let row = Row { source, record: &record, columns, start };
        if record.len() > *width {
            findings.push(too_long(&row, *width));
        } else {
            each(&row, findings);
        }
    }
    if header.is_none() {
        findings.push(
            Diagnostic::error(&source.name, "missing-column", "the file is empty")
                .help(format!("begin it with the line `{}`", header_line(known))),
        );
    }
}

fn header_line(known: &[Column]) -> String {
    known.iter().map(|column| column.name).collect::<Vec<_>>().join(",")
}

/// A byte-order mark says nothing in UTF-8, but spreadsheets write it.
fn mark_length(text: &str) -> usize {
    if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
}

/// The text, in which every line whose quotes are wrong is an error and has become a comment, so
/// that the rows behind it are read as rows. `None` if it is the line with the columns' names.
fn well_quoted<'a>(source: &'a SourceText, findings: &mut Findings) -> Option<Cow<'a, [u8]>> {
    let bytes = source.text.as_bytes();
    let from = |byte: usize| bytes.get(byte..).unwrap_or_default();
    let header = first_of_row(bytes, Start { byte: mark_length(&source.text), line: 1 });
    let mut text = Cow::Borrowed(bytes);
    let mut next = header;
    // Few files have many quotes, so they are what is searched for, not the lines.
    while let Some(quote) = memchr::memchr(b'"', from(next.byte)) {
        let before = from(next.byte).get(..quote).unwrap_or_default();
        let begin = memchr::memrchr2(b'\n', b'\r', before).map_or(0, |end| end + 1);
        let lines = memchr::memchr_iter(b'\n', before).count();
        let start = Start {
            byte: next.byte + begin,
            line: next.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)),
        };
        let rest = from(start.byte);
        let comment = rest.first() == Some(&b'#');
        let end =
            if comment { memchr::memchr(b'\n', rest) } else { memchr::memchr2(b'\n', b'\r', rest) };
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        next = Start { byte: start.byte + line.len(), ..start };
        let Some((field, message)) = bad_quote(line).filter(|_| !comment) else { continue };
        let mark = Mark { start, field: Some(field) };
        let help = "close it on its line, and double one that belongs to the value";
        findings.push(mark.error(source, "bad-quote", message).help(help));
        if start.byte == header.byte {
            return None;
        }
        if let Some(line) = text.to_mut().get_mut(start.byte..next.byte) {
            line.fill(b'#');
        }
    }
    Some(text)
}

/// The first field of a line with a wrong quote, and what is wrong with it.
fn bad_quote(line: &[u8]) -> Option<(usize, &'static str)> {
    let mut bytes = line.iter().copied().peekable();
    let mut field = 0;
    loop {
        if bytes.next_if_eq(&b'"').is_some() {
            loop {
                match bytes.next() {
                    None => return Some((field, "a quote is never closed")),
                    // The first of two doesn't close it, and the second is a part of the value.
                    Some(b'"') if bytes.next_if_eq(&b'"').is_none() => break,
                    Some(_) => {}
                }
            }
            while bytes.next_if(|byte| matches!(byte, b' ' | b'\t')).is_some() {}
            if bytes.peek().is_some_and(|byte| *byte != b',') {
                return Some((field, "text follows behind a closing quote"));
            }
        }
        bytes.find(|byte| *byte == b',')?;
        field += 1;
    }
}

/// Where each known column stands; `None` if a required one is missing.
fn read_header(
    source: &SourceText,
    record: &ByteRecord,
    start: Start,
    known: &[Column],
    findings: &mut Findings,
) -> Option<Vec<Option<usize>>> {
    let names: Vec<String> =
        record.iter().map(|name| String::from_utf8_lossy(name).trim().to_lowercase()).collect();
    for (index, name) in names.iter().enumerate() {
        let mark = Mark { start, field: Some(index) };
        if known.iter().all(|column| column.name != name) {
            let message = format!("the column `{name}` is not known and not read");
            let nearest = nearest(name, known.iter().map(|column| column.name));
            let help = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("the columns are `{}`", header_line(known)),
            };
            findings.push(mark.error(source, "unknown-column", message).warning().help(help));
        } else if names.iter().take(index).any(|earlier| earlier == name) {
            let message = format!("the column `{name}` is there twice");
            findings.push(mark.error(source, "column-twice", message).help("remove one"));
        }
    }
    let columns: Vec<_> =
        known.iter().map(|column| names.iter().position(|name| name == column.name)).collect();
    let mut complete = true;
    for (column, place) in known.iter().zip(&columns) {
        if column.required && place.is_none() {
            complete = false;
            let message = format!("the column `{}` is missing", column.name);
            let help = if names.iter().any(|name| name.contains(';') || name.contains('\t')) {
                "columns are separated by commas".to_owned()
            } else {
                format!("the first line names the columns, such as `{}`", header_line(known))
            };
            let mark = Mark { start, field: None };
            let excerpt = line_at(&source.text, start.byte);
            let error = mark.error(source, "missing-column", message);
            findings.push(error.at(start.line, 0, 0, excerpt).help(help));
        }
    }
    complete.then_some(columns)
}

fn too_long(row: &Row<'_>, width: usize) -> Diagnostic {
    let message = format!("this row has {} columns, the first line {width}", row.record.len());
    Mark { start: row.start, field: Some(width) }
        .error(row.source, "too-many-columns", message)
        .help("put a value that holds a comma in double quotes")
}

/// The place of a field in its line, for display.
struct Located<'a> {
    column: u32,
    width: u32,
    excerpt: &'a str,
}

/// Where a row really begins: the reader says where it began to look, which may be the end of the
/// row before, or an empty line or comment that it skipped.
fn first_of_row(bytes: &[u8], start: Start) -> Start {
    let Start { mut byte, mut line } = start;
    loop {
        match bytes.get(byte) {
            Some(b'\n') => {
                line += 1;
                byte += 1;
            }
            Some(b'\r') => byte += 1,
            Some(b'#') => {
                let rest = bytes.get(byte..).unwrap_or_default();
                byte += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            }
            _ => return Start { byte, line },
        }
    }
}

/// Finds a field of the row that begins at `start`. Only findings need it, so it may read the row
/// once more.
fn locate(text: &str, start: Start, field: usize) -> Located<'_> {
    let excerpt = line_at(text, start.byte);
    let mut index = 0;
    let mut quoted = false;
    let mut begin = 0;
    let mut end = excerpt.len();
    for (at, c) in excerpt.char_indices() {
        match c {
            // Elsewhere a quote is a part of the value.
            '"' if excerpt.get(begin..).is_some_and(|value| value.starts_with('"')) => {
                quoted = !quoted;
            }
            ',' if !quoted && index < field => {
                index += 1;
                begin = at + 1;
            }
            ',' | '\r' if !quoted => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let value = excerpt.get(begin..end).unwrap_or_default();
    let indent = value.len() - value.trim_start().len();
    let before = excerpt.get(..begin + indent).unwrap_or_default();
    Located { column: count(before) + 1, width: count(value.trim()), excerpt }
}

/// The line that begins at this byte.
pub(crate) fn line_at(text: &str, byte: usize) -> &str {
    text.get(byte..).unwrap_or_default().lines().next().unwrap_or_default()
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}
