//! `postroom suggest --from-scratch`: dictionaries from nothing but labelled mail.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::super::output::{count, json_line, progress, text};
use super::super::{Failure, Global, files};
use super::show::between;
use crate::dictionary::Dictionaries;
use crate::learn::draft::{self, Wish, draft};

#[derive(Debug, Args)]
#[command(next_help_heading = "From scratch")]
#[group(skip)]
pub(crate) struct Options {
    /// Draft dictionaries from nothing but this mail
    #[arg(long, requires = "out")]
    pub(super) from_scratch: bool,
    /// The folder that drafted dictionaries are written to
    #[arg(long, value_name = "DIR", requires = "from_scratch")]
    out: Option<PathBuf>,
    /// At most so many lines for each team
    #[arg(
        long,
        value_name = "N",
        default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(1..=20_000)
    )]
    max_lines: u32,
}

pub(super) fn run(global: &Global, options: &super::Options) -> Result<(), Failure> {
    let own = &options.draft;
    let Some(out) = &own.out else { return Err(Failure::input("name a folder with --out")) };
    let started = Instant::now();
    let mails = super::answers(global, options)?;
    let wish = Wish { max_lines: own.max_lines as usize, language: options.language };
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
            "held_out_accuracy": drafted.held_out.or_zero(),
            "seconds": seconds,
        }));
    }
    let (lines, teams) = (count(lines as u64, "line"), count(drafted.lines.len() as u64, "team"));
    let (mails, out) = (count(drafted.mails as u64, "mail"), out.display());
    text(&format!(
        "{lines} for {teams} from {mails} in {seconds:.1} s, in {out}\n\
         of a fifth that was held back from a first fit, {} would have come to the right team\n\
         next: postroom calibrate --dictionaries {out} --data OTHER-MAIL\n",
        between(drafted.held_out),
    ))
}
