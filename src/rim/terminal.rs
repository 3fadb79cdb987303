//! Findings as a person at a terminal reads them: the line, a mark under the place, the way out.
//!
//! It draws; it prints nothing. Each finding has one line in the form that editors and logs read,
//! `file:line:column: error: …`, through its `Display`.

use std::fmt;
use std::io::{self, IsTerminal};

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use crate::diagnostic::{Diagnostic, Severity};

/// Whether a stream is a terminal that is to show colours (<https://no-color.org>).
#[must_use]
pub fn color(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// How many columns there are to draw in: the terminal's, or a page's where there is none.
#[must_use]
pub fn width() -> usize {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let seen = || {
        use rustix::termios::tcgetwinsize;
        tcgetwinsize(io::stdout()).or_else(|_| tcgetwinsize(io::stderr())).ok()
    };
    let columns = said.or_else(|| seen().map(|size| size.ws_col.into()));
    columns.filter(|columns| *columns >= 20).unwrap_or(100)
}

/// Draws findings one below the other, at most `width` columns wide.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], color: bool, width: usize) -> String {
    let styles = if color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let theme = GraphicalTheme { characters: ThemeCharacters::unicode(), styles };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(width)
        .with_links(false)
        .without_syntax_highlighting();
    let mut drawn = String::new();
    for finding in diagnostics {
        // What can't be drawn is said in one line.
        if handler.render_report(&mut drawn, &Drawn::new(finding)).is_err() {
            drawn.push_str(&finding.to_string());
        }
        drawn.truncate(drawn.trim_end().len());
        drawn.push_str("\n\n");
    }
    drawn.truncate(drawn.trim_end().len());
    if !drawn.is_empty() {
        drawn.push('\n');
    }
    drawn
}

/// A finding with what the drawing needs: its line as if that were the whole source.
#[derive(Debug)]
struct Drawn<'a> {
    finding: &'a Diagnostic,
    excerpt: Excerpt<'a>,
}

#[derive(Debug)]
struct Excerpt<'a> {
    finding: &'a Diagnostic,
    mark: SourceSpan,
}

impl<'a> Drawn<'a> {
    fn new(finding: &'a Diagnostic) -> Self {
        Self { finding, excerpt: Excerpt { finding, mark: bytes_of(finding) } }
    }
}

/// The finding's place in bytes of its excerpt.
fn bytes_of(finding: &Diagnostic) -> SourceSpan {
    let offset_of = |characters: usize| {
        finding.excerpt.char_indices().nth(characters).map_or(finding.excerpt.len(), |(at, _)| at)
    };
    if finding.column == 0 {
        return (0, finding.excerpt.len()).into();
    }
    let first = finding.column as usize - 1;
    let start = offset_of(first);
    (start, offset_of(first + finding.width as usize) - start).into()
}

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without a line to show, the file and line have to be said.
        if self.finding.excerpt.is_empty() {
            f.write_str(&self.finding.file)?;
            if self.finding.line > 0 {
                write!(f, ":{}", self.finding.line)?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.finding.message)
    }
}

impl std::error::Error for Drawn<'_> {}

impl miette::Diagnostic for Drawn<'_> {
    fn code<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        Some(Box::new(self.finding.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.finding.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (!self.finding.excerpt.is_empty()).then_some(&self.excerpt as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(None, self.excerpt.mark);
        (!self.finding.excerpt.is_empty())
            .then(|| Box::new(std::iter::once(label)) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}

impl SourceCode for Excerpt<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let text = &self.finding.excerpt;
        let before = text.get(..span.offset()).unwrap_or_default();
        Ok(Box::new(MietteSpanContents::new_named(
            self.finding.file.clone(),
            text.as_bytes(),
            (0, text.len()).into(),
            (self.finding.line as usize).saturating_sub(1),
            before.chars().count(),
            1,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_marked_under_its_line() {
        let finding = Diagnostic::error("größe.dict", "bad-weight", "`3+` is not a weight")
            .at(12, 8, 2, "störung 3+")
            .help("write `+3`");
        let drawn = render(&[finding.clone(), finding.warning()], false, 80);
        assert!(drawn.contains("12 │ störung 3+"), "{drawn}");
        assert!(drawn.contains("·        ──"), "{drawn}");
        assert!(drawn.contains("help: write `+3`"), "{drawn}");
        assert_eq!(drawn.matches("größe.dict:12:8").count(), 2, "{drawn}");
    }

    #[test]
    fn a_finding_about_a_whole_file_names_it() {
        let drawn = render(&[Diagnostic::error("a.dict", "empty", "it is empty")], false, 80);
        assert!(drawn.contains("a.dict: it is empty"), "{drawn}");
        assert_eq!(render(&[], true, 80), "");
    }
}
