//! `postroom what-if`: past mail replayed with two versions of the dictionaries.

mod markdown;
mod show;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use super::labelled::{read_files, tell_unknown};
use super::output::{json_line, progress, text};
use super::{Failure, Global};
use crate::dictionary::{Dictionaries, Version};
use crate::directory::Present;
use crate::learn::what_if::{Bound, Broken, Limits, Past, Versions, WhatIf, what_if};
use crate::pipeline::{Arrival, identified};
use crate::rim::clock::SystemClock;
use crate::rim::ledger::past;
use crate::rim::watch::read_dictionaries;
use crate::rim::{archive, revision};
use crate::seams::Clock;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The dictionaries before: a folder, or git:REVISION
    #[arg(long, value_name = "VERSION", default_value = "git:HEAD")]
    before: String,
    /// The dictionaries after: a folder, or git:REVISION; the configuration's folder, or
    /// `dictionaries/`, as it lies there now, if none is given
    #[arg(long, value_name = "VERSION")]
    after: Option<String>,
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    shown: Shown,
    /// Print one JSON object
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print Markdown for a comment on a pull request
    #[arg(long)]
    markdown: bool,
    #[command(flatten)]
    limits: LimitOptions,
}

/// The mail that is replayed.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Sources {
    /// Labelled mail: JSONL (plain or .gz), or folders with a folder or an mbox for each team
    #[arg(long, value_name = "PATH", num_args = 1..)]
    data: Vec<PathBuf>,
    /// Mail as it came: files, mbox, Maildir, folders
    #[arg(long, value_name = "PATH", num_args = 1..)]
    mail: Vec<PathBuf>,
    /// All mail that the ledger of the configuration keeps; answers are its labels
    #[arg(long)]
    ledger: bool,
}

/// How much of it is shown.
#[derive(Debug, Args)]
struct Shown {
    /// Show so many mails of each kind of move
    #[arg(long, value_name = "N", default_value_t = 5, conflicts_with = "all")]
    examples: usize,
    /// Show every mail that moves, and every line that differs
    #[arg(long)]
    all: bool,
    /// Show subjects in Markdown too; more people may read a pull request than the mail
    #[arg(long, requires = "markdown")]
    subjects: bool,
}

/// What fails with exit code 1 when it is broken.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits: broken, the exit code is 1")]
struct LimitOptions {
    /// At most so many mails may move: a number, or a share such as 0.05 or 5%
    #[arg(long, value_name = "N|SHARE", value_parser = bound)]
    max_moved: Option<Bound>,
    /// At most so many mails may no longer go where they belong, or newly to a wrong team
    #[arg(long, value_name = "N")]
    max_worse: Option<u64>,
    /// The share that could be routed at 95% precision must be so large after
    #[arg(long, value_name = "SHARE", value_parser = share)]
    min_coverage: Option<f64>,
    /// That share may fall by at most so many points, such as 0.5
    #[arg(long, value_name = "POINTS", value_parser = points)]
    max_coverage_loss: Option<f64>,
}

impl LimitOptions {
    fn limits(&self) -> Limits {
        Limits {
            max_moved: self.max_moved,
            max_worse: self.max_worse,
            min_coverage: self.min_coverage,
            max_coverage_loss: self.max_coverage_loss,
        }
    }
}

fn bound(text: &str) -> Result<Bound, String> {
    text.parse().map(Bound::Mails).or_else(|_| share(text).map(Bound::Share))
}

fn share(text: &str) -> Result<f64, String> {
    let share = match text.strip_suffix('%') {
        Some(hundredths) => hundredths.parse::<f64>().map(|number| number / 100.0),
        None => text.parse(),
    };
    let share = share.ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share is from 0 to 1, or from 0% to 100%".to_owned())
}

fn points(text: &str) -> Result<f64, String> {
    let points = text.parse().ok().filter(|points| (0.0..=100.0).contains(points));
    points.ok_or_else(|| "points are hundredths of all mail, such as 0.5".to_owned())
}

/// A version with the name that it is shown by.
struct Named {
    name: String,
    dictionaries: Dictionaries,
}

/// All there is to show.
struct Report<'a> {
    options: &'a Options,
    before: &'a Named,
    after: &'a Named,
    found: &'a WhatIf,
    broken: &'a [Broken],
    /// Tickets whose text is no longer kept.
    gone: u64,
}

/// Replays, shows, and fails if a limit is broken.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let started = Instant::now();
    let folder = global.dictionary_folder(options.after.as_deref().and_then(as_folder))?;
    let before = version(&folder, Some(&options.before))?;
    let after = version(&folder, options.after.as_deref())?;
    let policy = global.config_if_any()?.map(|config| config.policy).unwrap_or_default();
    let (mails, gone, unreadable) = mails(global, &options.sources)?;
    tell_unknown(
        &[&before.dictionaries, &after.dictionaries],
        mails.iter().filter_map(|past| past.label.as_ref()),
    )?;
    let limits = options.limits.limits();
    if limits.need_labels() && mails.iter().all(|past| past.label.is_none()) {
        return Err(Failure::input(
            "this limit needs mail of which a person said where it belongs: --data, or answers in \
             the ledger",
        ));
    }
    let bar = progress(Some(mails.len() as u64), "replaying");
    let versions =
        Versions { before: &before.dictionaries, after: &after.dictionaries, policy: &policy };
    let found = what_if(versions, &mails, &|more| bar.inc(more));
    bar.finish_and_clear();
    let broken = limits.broken(&found);
    let seconds = started.elapsed().as_secs_f64();
    let report =
        Report { options, before: &before, after: &after, found: &found, broken: &broken, gone };
    if options.json {
        json_line(&report.json(seconds))?;
    } else if options.markdown {
        text(&markdown::page(&report))?;
    } else {
        text(&show::page(&report, seconds))?;
    }
    match broken.as_slice() {
        _ if unreadable => Err(Failure::Told),
        [] => Ok(()),
        broken => {
            let what: Vec<String> = broken
                .iter()
                .map(|broken| format!("--{}: {}", broken.limit, broken.what))
                .collect();
            Err(Failure::Failed(anyhow::anyhow!("a limit is broken: {}", what.join("; "))))
        }
    }
}

fn as_folder(version: &str) -> Option<&Path> {
    (!version.starts_with("git:")).then(|| Path::new(version))
}

/// Builds a version: of a folder, of a revision of `home`, or of `home` as it lies there.
fn version(home: &Path, named: Option<&str>) -> Result<Named, Failure> {
    let (name, files) = match named.map(|named| (named, named.strip_prefix("git:"))) {
        Some((name, Some(revision))) => {
            (name.to_owned(), revision::read_dictionaries(home, revision))
        }
        Some((name, None)) => (name.to_owned(), read_dictionaries(Path::new(name))),
        None => (home.display().to_string(), read_dictionaries(home)),
    };
    let files = files.map_err(Failure::Findings)?;
    let separator = if name.starts_with("git:") { ':' } else { '/' };
    match Dictionaries::build(&files) {
        Ok((dictionaries, _)) => Ok(Named { name, dictionaries }),
        // Both versions have the same names of files.
        Err(mut found) => {
            for finding in &mut found {
                finding.file = format!("{name}{separator}{}", finding.file);
            }
            Err(Failure::Findings(found))
        }
    }
}

/// The mails to replay, how many the ledger no longer keeps, and whether some can't be read.
fn mails(global: &Global, sources: &Sources) -> Result<(Vec<Past>, u64, bool), Failure> {
    let mut mails: Vec<Past> = read_files(&sources.data)?.into_iter().map(Past::from).collect();
    let mut gone = 0;
    if sources.ledger {
        let (_, runtime, store) = global.store()?;
        let bar = progress(None, "reading the ledger");
        let kept = runtime.block_on(past(store.as_ref(), None, &|more| bar.inc(more)));
        bar.finish_and_clear();
        let mut kept = kept?;
        gone = kept.gone;
        mails.append(&mut kept.mails);
    }
    let mut unreadable = false;
    if !sources.mail.is_empty() {
        let (directory, policy, door) = global.senders()?;
        let present = Present::at(SystemClock.now());
        let bar = progress(None, "reading mail");
        for mail in archive::read(&sources.mail) {
            bar.inc(1);
            match mail {
                Ok(mail) => {
                    let (raw, size) = (mail.raw.as_slice(), mail.size);
                    let arrival = Arrival { raw, size, present: &present, door: &door };
                    match identified(&directory, &policy, arrival) {
                        Ok(case) => mails.push(Past { id: mail.source, case, label: None }),
                        Err(why) => {
                            tracing::warn!(%why, "a mail made a stage fail and is left out");
                        }
                    }
                }
                Err(failure) => {
                    unreadable = true;
                    bar.suspend(|| Failure::input(failure).report());
                }
            }
        }
        bar.finish_and_clear();
    }
    if mails.is_empty() {
        return Err(Failure::input("there is no mail to replay"));
    }
    Ok((mails, gone, unreadable))
}

/// The JSON object.
#[derive(Serialize)]
struct Json<'a> {
    before: Side<'a>,
    after: Side<'a>,
    #[serde(flatten)]
    found: &'a WhatIf,
    /// Tickets whose text is no longer kept.
    no_longer_kept: u64,
    limits_broken: &'a [Broken],
    seconds: f64,
}

#[derive(Serialize)]
struct Side<'a> {
    name: &'a str,
    version: &'a Version,
}

impl Report<'_> {
    fn json(&self, seconds: f64) -> Json<'_> {
        Json {
            before: Side { name: &self.before.name, version: self.before.dictionaries.version() },
            after: Side { name: &self.after.name, version: self.after.dictionaries.version() },
            found: self.found,
            no_longer_kept: self.gone,
            limits_broken: self.broken,
            seconds,
        }
    }

    /// How many mails are shown of each kind of move.
    fn most(&self) -> usize {
        let shown = &self.options.shown;
        if shown.all { usize::MAX } else { shown.examples }
    }
}
