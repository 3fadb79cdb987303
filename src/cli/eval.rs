//! `postroom eval`: how good the dictionaries are on labelled mail.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::labelled::{From, read_mail, tell_unknown};
use super::output::{count, json_line, progress, row, short, table, text};
use super::{Failure, Global, files};
use crate::dictionary::{Dictionaries, TeamId};
use crate::learn::health::{LineHealth, judge_with_lines};
use crate::learn::measure::{Evaluation, Measured, evaluate};
use crate::rim::clock::SystemClock;
use crate::rim::report;
use crate::seams::Clock as _;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The folder with the dictionaries; the configuration's, or `dictionaries/`, if none is given
    #[arg(long, value_name = "DIR")]
    dictionaries: Option<PathBuf>,
    #[command(flatten)]
    from: From,
    /// Show how the lines fare instead, the worst first
    #[arg(long, conflicts_with = "json")]
    lines: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write one page of HTML as well, with plots and a table of every line
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// The JSON object.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    /// How each of their lines fares.
    lines: &'a [LineHealth],
    /// Which dictionaries they are.
    version: String,
    /// How long reading, judging and counting took.
    seconds: f64,
}

/// Measures.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let started = Instant::now();
    if let Some(path) = &options.html {
        can_be_written(path)?;
    }
    let (folder, sources) = global.dictionary_files(options.dictionaries.as_deref())?;
    let (dictionaries, policy) = global.built(&sources)?;
    let mails = read_mail(global, &options.from.data, options.from.ledger)?;
    tell_unknown(&[&dictionaries], mails.iter().map(|mail| &mail.team))?;
    let bar = progress(Some(mails.len() as u64), "judging");
    let (judged, lines) = judge_with_lines(&dictionaries, &policy, &mails, &|more| bar.inc(more));
    bar.finish_and_clear();
    let evaluation = evaluate(&judged, dictionaries.calibration().is_fitted());
    let seconds = started.elapsed().as_secs_f64();
    let version = dictionaries.version().to_string();
    if let Some(path) = &options.html {
        let mut data: Vec<String> =
            options.from.data.iter().map(|at| at.display().to_string()).collect();
        if options.from.ledger {
            data.push("the ledger's answers".to_owned());
        }
        let page = report::page(&report::Report {
            evaluation: &evaluation,
            lines: &lines,
            dictionaries: &folder.display().to_string(),
            version: &version,
            data: &data,
            at: SystemClock.now(),
        });
        files::replace(path, &page.map_err(anyhow::Error::from)?)?;
    }
    if options.json {
        return json_line(&Report { evaluation: &evaluation, lines: &lines, version, seconds });
    }
    if options.lines {
        return text(&shown_lines(lines, evaluation.n));
    }
    text(&shown(&evaluation, &dictionaries, seconds))
}

/// Says now what would otherwise be said after minutes of measuring.
fn can_be_written(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
        let path = path.display();
        return Err(Failure::input(format!("`{path}` is no file in a folder that is there")));
    }
    Ok(())
}

fn percent(share: f64) -> String {
    format!("{:.1}%", share * 100.0)
}

/// `84.2% (82.0–86.1)`.
fn with_interval(measured: &Measured) -> String {
    match (measured.value, measured.interval) {
        (Some(value), Some((low, high))) => {
            format!("{} ({:.0}–{:.0})", percent(value), low * 100.0, high * 100.0)
        }
        _ => "—".to_owned(),
    }
}

fn shown(evaluation: &Evaluation, dictionaries: &Dictionaries, seconds: f64) -> String {
    let heading =
        ["team", "mails", "precision", "recall", "F1", "routed", "of that right", "taken for"];
    let mut table = table(&heading, &[0]);
    for (team, measured) in &evaluation.teams {
        table.add_row(row([
            team.to_string(),
            measured.n.to_string(),
            with_interval(&measured.precision),
            with_interval(&measured.recall),
            percent(measured.f1),
            measured.routed.to_string(),
            with_interval(&measured.routed_precision),
            measured.taken_for.as_ref().map_or("", TeamId::as_str).to_owned(),
        ]));
    }
    let confusion = confusion(evaluation);
    let (low, high) = evaluation.accuracy_interval;
    let coverage = |at: &str| percent(evaluation.coverage.get(at).copied().unwrap_or_default());
    let mut sum = format!(
        "{table}\n{confusion}{} in {seconds:.1} s, dictionaries {}\n\
         right team first   {} ({:.1}–{:.1})   macro-F1 {}\n\
         routed by itself   {}, of that right {} — {}\n\
         could be routed    {} at 95% precision, {} at 98%\n\
         confidence is off  by {} on average\n",
        count(evaluation.n, "mail"),
        dictionaries.version(),
        percent(evaluation.accuracy),
        low * 100.0,
        high * 100.0,
        percent(evaluation.macro_f1),
        percent(evaluation.auto_routed),
        percent(evaluation.auto_precision),
        if evaluation.calibrated { "at the calibrated thresholds" } else { "uncalibrated" },
        coverage("0.95"),
        coverage("0.98"),
        percent(evaluation.ece),
    );
    if let Some(routed) = evaluation.other_routed.value() {
        // Writing to a string never fails.
        let _ = writeln!(sum, "of nobody's mail   {} would be routed to a team", percent(routed));
    }
    sum
}

/// More teams than these are too many for the width of a terminal.
const CONFUSED: usize = 12;

/// Where the mail of each team comes out, as numbers.
fn confusion(evaluation: &Evaluation) -> String {
    let came_out = evaluation.confusion.values().flat_map(|row| row.keys());
    let teams: BTreeSet<&TeamId> = evaluation.confusion.keys().chain(came_out).collect();
    if teams.len() < 2 {
        return String::new();
    }
    if teams.len() > CONFUSED {
        return format!(
            "(which of the {} teams is taken for which: --html, --json)\n",
            teams.len()
        );
    }
    let numbers: Vec<String> = (1..=teams.len()).map(|number| number.to_string()).collect();
    let heading: Vec<&str> =
        ["mail of \\ goes to"].into_iter().chain(numbers.iter().map(String::as_str)).collect();
    let mut matrix = table(&heading, &[0]);
    for (number, team) in numbers.iter().zip(&teams) {
        let Some(mails) = evaluation.confusion.get(*team) else { continue };
        let cells = teams.iter().map(|to| match mails.get(*to) {
            Some(count) => count.to_string(),
            None => "·".to_owned(),
        });
        let cells: Vec<String> = [format!("{number} {team}")].into_iter().chain(cells).collect();
        matrix.add_row(row(cells));
    }
    let unseen =
        numbers.iter().zip(&teams).filter(|(_, team)| !evaluation.confusion.contains_key(**team));
    let unseen: Vec<String> = unseen.map(|(number, team)| format!("{number} is {team}")).collect();
    let unseen =
        if unseen.is_empty() { String::new() } else { format!("({})\n", unseen.join(", ")) };
    format!("{matrix}\n{unseen}")
}

// -------------------------------------------------------------------------------------- lines --

/// So many lines are shown.
const SHOWN: usize = 40;

/// How the lines fare that hit anything, the worst first: those that keep mail from its team, then
/// those that are right less often than chance.
fn shown_lines(mut lines: Vec<LineHealth>, mails: u64) -> String {
    let all = lines.len();
    lines.retain(|line| line.mails > 0);
    let hit = lines.len();
    let harm = |line: &LineHealth| i128::from(line.helped) - i128::from(line.harmed);
    let gain = |line: &LineHealth| {
        line.precision.value.unwrap_or_default() - line.chance.unwrap_or_default()
    };
    lines.sort_by(|one, other| {
        harm(one).cmp(&harm(other)).then_with(|| gain(one).total_cmp(&gain(other)))
    });
    let heading = [
        "line",
        "term",
        "points",
        "mails",
        "right",
        "by chance",
        "decisive",
        "helped",
        "harmed",
        "mail of",
    ];
    let mut table = table(&heading, &[0, 2]);
    for line in lines.iter().take(SHOWN) {
        let others = line.by_team.iter().filter(|(team, _)| **team != line.team);
        let most = others.max_by_key(|(_, mails)| **mails);
        table.add_row(row([
            format!("{}:{}", line.file, line.line),
            short(&line.term, 30),
            format!("{:+}", line.points),
            line.mails.to_string(),
            with_interval(&line.precision),
            line.chance.map_or(String::new(), percent),
            line.decisive.to_string(),
            line.helped.to_string(),
            line.harmed.to_string(),
            most.map_or(String::new(), |(team, mails)| format!("{team} {mails}")),
        ]));
    }
    format!(
        "{table}\n{} of {} hit something in {}{}\n",
        hit,
        count(all as u64, "line"),
        count(mails, "mail"),
        if hit > SHOWN {
            format!("; these are the {SHOWN} worst, --json has all")
        } else {
            String::new()
        }
    )
}
