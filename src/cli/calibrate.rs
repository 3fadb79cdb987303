//! `postroom calibrate`: from margins to confidence, and thresholds at a target precision.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use postroom::dictionary::Calibration;
use postroom::learn::calibrating::{ENOUGH, calibrate};
use postroom::learn::measure::evaluate;
use postroom::learn::{judge, teams_of};

use super::output::{count, json_line, progress, row, table, text};
use super::suggest::read;
use super::{Failure, Global, files};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder with the dictionaries; the configuration's, or `dictionaries/`, if none is given
    #[arg(long, value_name = "DIR")]
    dictionaries: Option<PathBuf>,
    /// Confirmed answers: JSONL (plain or .gz), or folders with a folder or an mbox for each team
    #[arg(long = "data", required = true, value_name = "PATH", num_args = 1..)]
    data: Vec<PathBuf>,
    /// The share of right decisions that the thresholds aim at
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = share)]
    target_precision: f64,
    /// How many mails come in a week, to tell how many would be asked about
    #[arg(long, value_name = "N")]
    per_week: Option<u32>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "write for example 0.95".to_owned())?;
    let inside = share > 0.0 && share < 1.0;
    if inside { Ok(share) } else { Err("a share is between 0 and 1, such as 0.95".to_owned()) }
}

/// Fits, writes and tells.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let (folder, mut sources) = global.dictionary_files(options.dictionaries.as_deref())?;
    // Its own earlier answer must not stand in the way, nor have a say.
    sources.remove(Calibration::FILE);
    let (uncalibrated, policy) = global.built(&sources)?;
    let mails = read(&options.data)?;
    let bar = progress(Some(mails.len() as u64), "judging");
    let judged = judge(&uncalibrated, &policy, &mails, &|more| bar.inc(more));
    bar.finish_and_clear();
    let calibration = calibrate(&judged, &teams_of(&uncalibrated), options.target_precision);
    let written = calibration.to_text();
    sources.insert(Calibration::FILE.to_owned(), written.clone());
    let (calibrated, policy) = global.built(&sources)?;
    let evaluation = evaluate(&judge(&calibrated, &policy, &mails, &|_| ()), true);
    let path = folder.join(Calibration::FILE);
    if !options.dry_run {
        files::replace(&path, &written)?;
    }
    let few = mails.len() < ENOUGH;
    if options.json {
        return json_line(&serde_json::json!({
            "answers": mails.len(),
            "too_few": few,
            "calibration": calibration,
            "auto_routed": evaluation.auto_routed,
            "auto_precision": evaluation.auto_precision,
            "ece": evaluation.ece,
            "per_week": options.per_week.map(|n| asked(n, evaluation.auto_routed)),
            "written": (!options.dry_run).then(|| path.display().to_string()),
        }));
    }
    let mut table = table(&["team", "b", "routes from", "would route", "right"], &[]);
    for (team, fitted) in &calibration.teams {
        let measured = evaluation.teams.get(team);
        let threshold = fitted.threshold.filter(|threshold| *threshold < 1.0);
        table.add_row(row([
            team.to_string(),
            format!("{:+.2}", fitted.b),
            threshold.map_or("never".to_owned(), |at| format!("{:.1}%", at * 100.0)),
            measured.map_or(0, |team| team.routed).to_string(),
            measured
                .and_then(|team| team.routed_precision.value)
                .map_or(String::new(), |right| format!("{:.1}%", right * 100.0)),
        ]));
    }
    text(&format!("{table}\n{}", sum(options, &evaluation, mails.len(), few)))?;
    text(&if options.dry_run { String::new() } else { format!("written to {}\n", path.display()) })
}

fn asked(per_week: u32, routed: f64) -> f64 {
    (f64::from(per_week) * (1.0 - routed)).round()
}

fn sum(
    options: &Options,
    evaluation: &postroom::learn::measure::Evaluation,
    answers: usize,
    few: bool,
) -> String {
    let mut sum = format!(
        "{}: {:.1}% would be routed by itself, {:.1}% of that right; {:.1}% would be asked about\n",
        count(answers as u64, "answer"),
        evaluation.auto_routed * 100.0,
        evaluation.auto_precision * 100.0,
        (1.0 - evaluation.auto_routed) * 100.0,
    );
    // Writing to a string never fails.
    if let Some(per_week) = options.per_week {
        let asked = asked(per_week, evaluation.auto_routed);
        let mails = count(per_week.into(), "mail");
        let _ = writeln!(sum, "of {mails} a week, {asked} would be asked about");
    }
    if few {
        let _ = writeln!(
            sum,
            "{answers} answers are too few to go by: with less than {ENOUGH} the thresholds are \
             mostly guesses on the careful side"
        );
    }
    sum
}
