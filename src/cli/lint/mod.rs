//! `postroom lint`: what is wrong with dictionary files, and what could be better.

mod formats;
mod ledger;
mod mail;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::output::{drawn, json_line, text};
use super::{Failure, Global, output};
use crate::diagnostic::Diagnostic;
use crate::dictionary::{Dictionaries, format};
use crate::lint;
use crate::rim::terminal;
use crate::rim::watch::{CALIBRATION, lying_in, path_in, read_text, readable_dictionaries};
use mail::Evidence;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Folders with .dict files, or single files; the configuration's, or `dictionaries/`, if
    /// none is given
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The folder with the dictionaries, as other commands take it: the same as PATH
    #[arg(long, value_name = "DIR", conflicts_with = "paths")]
    dictionaries: Option<PathBuf>,
    /// See how the lines fare on labelled mail: JSONL (plain or .gz), or folders with a folder or
    /// an mbox for each team
    #[arg(long, value_name = "PATH", num_args = 1.., group = "evidence")]
    data: Vec<PathBuf>,
    /// See how the lines fare on an archive without labels, read as `classify` does
    #[arg(long, value_name = "PATH", num_args = 1.., group = "evidence")]
    mail: Vec<PathBuf>,
    /// See how the lines fared on the mail in the ledger
    #[arg(long, group = "evidence")]
    ledger: bool,
    /// How far back to look into the ledger
    #[arg(long, value_name = "N", default_value_t = 90, requires = "ledger", conflicts_with_all = ["data", "mail"], value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// Call a line dead that hit none of so many mails or more
    #[arg(long, value_name = "N", default_value_t = 1_000, requires = "evidence")]
    enough: u64,
    /// How to print findings
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Print one JSON object a finding, a line each: `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Let warnings fail the check too
    #[arg(long)]
    strict: bool,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One JSON object a finding, a line each
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Annotations of a GitHub workflow
    Github,
}

/// What was found, and in what.
#[derive(Default)]
struct Found {
    findings: Vec<Diagnostic>,
    files: usize,
    /// What the findings rest on beside the files.
    notes: Vec<String>,
    /// Some of the mail could not be read, which was said already.
    unreadable: bool,
}

/// Checks dictionaries; exit code 2 if there are errors.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let paths = match options.paths.as_slice() {
        [] => vec![global.dictionary_folder(options.dictionaries.as_deref())?],
        paths => paths.to_vec(),
    };
    let evidence = Evidence::of(options)?;
    let mut found = Found::default();
    for path in &paths {
        let (folder, texts, unreadable) = read(path);
        found.files += texts.len();
        let findings = if unreadable.is_empty() {
            check(global, &folder, &texts, evidence.as_ref(), &mut found)?
        } else {
            // Whether an example holds is for all dictionaries together to say.
            texts.iter().filter(|(name, _)| *name != CALIBRATION).flat_map(parsed).collect()
        };
        let findings = findings.into_iter().filter(|f| texts.contains_key(&f.file)).collect();
        found.findings.extend(lying_in(&folder, findings));
        found.findings.extend(unreadable);
    }
    found.findings.sort();
    report(&found, options)
}

/// What is wrong with files of a folder, and what could be better.
fn check(
    global: &Global,
    folder: &Path,
    texts: &BTreeMap<String, String>,
    evidence: Option<&Evidence>,
    found: &mut Found,
) -> Result<Vec<Diagnostic>, Failure> {
    let (dictionaries, mut findings) = match Dictionaries::build(texts) {
        Ok(built) => built,
        Err(errors) => return Ok(errors),
    };
    findings.extend(lint::files(&dictionaries));
    if let Some(evidence) = evidence {
        findings.extend(evidence.findings(global, folder, found)?);
    }
    Ok(findings)
}

/// What is wrong with the lines of a file.
fn parsed((name, text): (&String, &String)) -> Vec<Diagnostic> {
    format::parse(name, text).1
}

/// The folder that a path means, the dictionaries at the path by name, and what is said of those
/// that can't be read.
fn read(path: &Path) -> (PathBuf, BTreeMap<String, String>, Vec<Diagnostic>) {
    if path.is_dir() {
        let (texts, unreadable) = readable_dictionaries(path);
        return (path.to_owned(), texts, unreadable);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).to_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut unreadable = Vec::new();
    let text = read_text(path, &path_in(&folder, &name), &mut unreadable);
    (folder, text.map(|text| (name, text)).into_iter().collect(), unreadable)
}

fn report(found: &Found, options: &Options) -> Result<(), Failure> {
    let Found { findings, files, notes, unreadable } = found;
    let errors = findings.iter().filter(|finding| finding.is_error()).count();
    let warnings = findings.len() - errors;
    let mut sum = format!(
        "{} in {}",
        output::findings(errors, warnings),
        output::count(*files as u64, "file")
    );
    let format = if options.json { Format::Json } else { options.format };
    match format {
        Format::Json => findings.iter().try_for_each(json_line)?,
        Format::Sarif => json_line(&formats::sarif(findings))?,
        Format::Github => drawn(&formats::github(findings))?,
        Format::Text => {
            let (color, width) = (terminal::color(&io::stdout()), terminal::width());
            drawn(&terminal::render(findings, color, width))?;
            for note in notes {
                sum = format!("{sum}\n{note}");
            }
        }
    }
    if errors > 0 || (options.strict && warnings > 0) {
        return Err(Failure::input(sum));
    }
    if *unreadable {
        return Err(Failure::Told);
    }
    if format == Format::Text { text(&format!("{sum}\n")) } else { Ok(()) }
}
