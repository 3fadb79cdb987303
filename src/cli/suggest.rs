//! `postroom suggest`: dictionary lines from labelled mail.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use postroom::dictionary::{Dictionaries, Language};
use postroom::learn::Labelled;
use postroom::learn::draft::{self, Wish, draft};
use postroom::rim::labelled;

use super::output::{count, json_line, progress, text};
use super::{Failure, Global, files};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Labelled mail: JSONL (plain or .gz), or folders with a folder or an mbox for each team
    #[arg(long = "train", required = true, value_name = "PATH", num_args = 1..)]
    train: Vec<PathBuf>,
    /// Draft dictionaries from nothing but this mail
    #[arg(long, requires = "out")]
    from_scratch: bool,
    /// The folder that drafted dictionaries are written to
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// At most so many lines for each team
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    max_lines: u32,
    /// The language whose word forms the lines take: its ISO 639-1 code, or `any` for none
    #[arg(long, value_name = "CODE", default_value = "en", value_parser = language)]
    language: Language,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn language(code: &str) -> Result<Language, String> {
    Language::from_code(code).ok_or_else(|| {
        let codes: Vec<&str> = Language::all().map(Language::code).collect();
        format!("there are {} and any", codes.join(", "))
    })
}

/// Drafts dictionaries.
pub(crate) fn run(_global: &Global, options: &Options) -> Result<(), Failure> {
    let Some(out) = &options.out else {
        return Err(Failure::input("name a folder with --out"));
    };
    let started = Instant::now();
    let mails = read(&options.train)?;
    let wish = Wish { max_lines: options.max_lines as usize, language: options.language };
    let bar = progress(None, "learning");
    let drafted = draft(&mails, &wish, &|step| bar.set_message(step.to_owned()));
    bar.finish_and_clear();
    // What is written must be what a service would take.
    Dictionaries::build(&drafted.files).map_err(Failure::Findings)?;
    files::fill(out, &drafted.files, |name, text| {
        name == "calibration.toml" || draft::is_draft(text)
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let lines: usize = drafted.lines.values().sum();
    if options.json {
        return json_line(&serde_json::json!({
            "mails": drafted.mails,
            "teams": drafted.lines.len(),
            "lines": drafted.lines,
            "held_out_accuracy": drafted.held_out_accuracy,
            "seconds": seconds,
        }));
    }
    text(&format!(
        "{} for {} from {} in {seconds:.1} s, in {}\n\
         of a fifth that was held back from a first fit, {:.1}% would have come to the right team\n\
         next: postroom calibrate --dictionaries {} --data OTHER-MAIL\n",
        count(lines as u64, "line"),
        count(drafted.lines.len() as u64, "team"),
        count(drafted.mails as u64, "mail"),
        out.display(),
        drafted.held_out_accuracy * 100.0,
        out.display(),
    ))
}

/// Reads labelled mail with a bar.
pub(super) fn read(paths: &[PathBuf]) -> Result<Vec<Labelled>, Failure> {
    let bar = progress(None, "reading mail");
    let mails = labelled::read(paths, &|more| bar.inc(more)).map_err(Failure::Findings);
    bar.finish_and_clear();
    mails
}
