//! `postroom calibrate`: from margins to confidence, and thresholds at a target precision.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use comfy_table::Table;
use jiff::SignedDuration;

use super::labelled::{From, read_answers, read_files, tell_unknown};
use super::output::{count, json_line, progress, row, table, text};
use super::{Failure, Global, files};
use crate::classify::Scratch;
use crate::dictionary::{Calibration, Dictionaries};
use crate::learn::calibrating::{ENOUGH, calibrate};
use crate::learn::measure::{Evaluation, evaluate};
use crate::learn::what_if::judge as judge_past;
use crate::learn::{Labelled, judge, teams_of};
use crate::rim::ledger::past;
use crate::route::{Policy, Target};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder with the dictionaries; the configuration's, or `dictionaries/`, if none is given
    #[arg(long, value_name = "DIR")]
    dictionaries: Option<PathBuf>,
    #[command(flatten)]
    from: From,
    /// The share of right decisions that the thresholds aim at
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = share)]
    target_precision: f64,
    /// How many mails come in a week, to tell how many would be asked about; with --ledger its own
    /// last four weeks tell, unless this is given
    #[arg(long, value_name = "N")]
    per_week: Option<u32>,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write also what comes of too few answers: mostly that a person is asked about everything
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A week.
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How far back the ledger is asked how much mail comes in a week.
const WINDOW: SignedDuration = SignedDuration::from_hours(4 * 7 * 24);

/// What is said of answers that are no sample.
const ONLY_ASKED: &str = "\
    these answers are all about mails that the dictionaries were unsure of, which are the hard\n\
    ones: the thresholds come out too careful, and more mail than this would go by itself. Add a\n\
    random sample of all mail, labelled by a person, with --data\n";

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "write for example 0.95".to_owned())?;
    let inside = share > 0.0 && share < 1.0;
    if inside { Ok(share) } else { Err("a share is between 0 and 1, such as 0.95".to_owned()) }
}

/// The answers, and whether all of them are about mails that a person was asked about.
fn answers(global: &Global, from: &From) -> Result<(Vec<Labelled>, bool), Failure> {
    let mut mails = read_files(&from.data)?;
    if !from.ledger {
        return Ok((mails, false));
    }
    let mut answers = read_answers(global)?;
    let only_asked = mails.is_empty() && answers.asked == answers.mails.len() as u64;
    mails.append(&mut answers.mails);
    Ok((mails, only_asked))
}

/// Fits, writes and tells.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let (folder, mut sources) = global.dictionary_files(options.dictionaries.as_deref())?;
    // Its own earlier answer must not stand in the way, nor have a say.
    sources.remove(Calibration::FILE);
    let (uncalibrated, policy) = global.built(&sources)?;
    let (mails, only_asked) = answers(global, &options.from)?;
    tell_unknown(&[&uncalibrated], mails.iter().map(|mail| &mail.team))?;
    let bar = progress(Some(mails.len() as u64), "judging");
    let judged = judge(&uncalibrated, &policy, &mails, &|more| bar.inc(more));
    bar.finish_and_clear();
    let calibration = calibrate(&judged, &teams_of(&uncalibrated), options.target_precision);
    let written = calibration.to_text();
    sources.insert(Calibration::FILE.to_owned(), written.clone());
    let (calibrated, policy) = global.built(&sources)?;
    let evaluation = evaluate(&judge(&calibrated, &policy, &mails, &|_| ()), true);
    let path = folder.join(Calibration::FILE);
    let few = mails.len() < ENOUGH;
    // What is live follows the file at once: with hardly any answers nothing would go by itself.
    let refused = few && !options.force && !options.dry_run;
    let writes = !options.dry_run && !refused;
    if writes {
        files::replace(&path, &written)?;
    }
    let weekly = match options.per_week {
        Some(mails) => {
            let mails = f64::from(mails);
            Some(Weekly { mails, asked: mails * (1.0 - evaluation.auto_routed) })
        }
        None if options.from.ledger => of_ledger(global, &calibrated, &policy)?,
        None => None,
    };
    if options.json {
        json_line(&serde_json::json!({
            "answers": mails.len(),
            "too_few": few,
            "only_asked": only_asked,
            "calibration": calibration,
            "auto_routed": evaluation.auto_routed,
            "auto_precision": evaluation.auto_precision,
            "ece": evaluation.ece,
            "per_week": weekly.as_ref().map(|weekly| weekly.asked.round()),
            "mails_per_week": weekly.as_ref().map(|weekly| weekly.mails.round()),
            "written": writes.then(|| path.display().to_string()),
        }))?;
    } else {
        let table = by_team(&calibration, &evaluation);
        text(&format!("{table}\n{}", sum(&evaluation, weekly.as_ref(), mails.len())))?;
        text(if only_asked { ONLY_ASKED } else { "" })?;
        text(&if writes { format!("written to {}\n", path.display()) } else { String::new() })?;
    }
    if refused {
        return Err(Failure::input(format!(
            "nothing was written, since {} can bear out no threshold; --force writes it all the same",
            count(mails.len() as u64, "answer")
        )));
    }
    Ok(())
}

/// What was fitted for each team, and what it would do.
fn by_team(calibration: &Calibration, evaluation: &Evaluation) -> Table {
    let mut teams = table(&["team", "b", "routes from", "would route", "right"], &[]);
    for (team, fitted) in &calibration.teams {
        let measured = evaluation.teams.get(team);
        let threshold = fitted.threshold.filter(|threshold| *threshold < 1.0);
        teams.add_row(row([
            team.to_string(),
            format!("{:+.2}", fitted.b),
            threshold.map_or("never".to_owned(), |at| format!("{:.1}%", at * 100.0)),
            measured.map_or(0, |team| team.routed).to_string(),
            measured
                .and_then(|team| team.routed_precision.value)
                .map_or(String::new(), |right| format!("{:.1}%", right * 100.0)),
        ]));
    }
    teams
}

/// Mails of a week, and how many of them would be asked about.
struct Weekly {
    mails: f64,
    asked: f64,
}

/// As the mail of the ledger's last weeks would be decided now; nothing if it tells of less than a
/// week. All of that mail counts, not only what was answered.
fn of_ledger(
    global: &Global,
    dictionaries: &Dictionaries,
    policy: &Policy,
) -> Result<Option<Weekly>, Failure> {
    let (_, runtime, store) = global.store()?;
    let bar = progress(None, "reading the last weeks");
    let kept = runtime.block_on(past(store.as_ref(), Some(WINDOW), &|more| bar.inc(more)));
    bar.finish_and_clear();
    let kept = kept?;
    let Some((first, last)) = kept.span else { return Ok(None) };
    let weeks = last.duration_since(first).as_secs_f64() / WEEK.as_secs_f64();
    if weeks < 1.0 {
        return Ok(None);
    }
    let mut scratch = Scratch::default();
    let asked = kept.mails.iter().filter(|past| {
        let ruling = judge_past(past, dictionaries, policy, &mut scratch);
        ruling.decision.target == Target::Assist
    });
    #[allow(clippy::cast_precision_loss, reason = "a number of mails")]
    let in_a_week = |mails: usize| mails as f64 / weeks;
    let asked = asked.count();
    Ok(Some(Weekly { mails: in_a_week(kept.mails.len()), asked: in_a_week(asked) }))
}

fn sum(evaluation: &Evaluation, weekly: Option<&Weekly>, answers: usize) -> String {
    let mut sum = format!(
        "{}: {:.1}% would be routed by itself, {:.1}% of that right; {:.1}% would be asked about\n",
        count(answers as u64, "answer"),
        evaluation.auto_routed * 100.0,
        evaluation.auto_precision * 100.0,
        (1.0 - evaluation.auto_routed) * 100.0,
    );
    // Writing to a string never fails.
    if let Some(Weekly { mails, asked }) = weekly {
        let _ = writeln!(sum, "of {mails:.0} mails a week, {asked:.0} would be asked about");
    }
    if answers < ENOUGH {
        let _ = writeln!(
            sum,
            "with fewer answers than {ENOUGH} the thresholds are mostly guesses on the careful side"
        );
    }
    sum
}
