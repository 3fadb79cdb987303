//! Labelled mail for the commands that learn or measure: from files, and from the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::output::{count, progress};
use super::{Failure, Global};
use crate::diagnostic::nearest;
use crate::dictionary::{Dictionaries, TeamId};
use crate::learn::Labelled;
use crate::rim::labelled;
use crate::rim::ledger::{Answers, answers};

/// Where labelled mail comes from.
#[derive(Debug, Args)]
pub(super) struct From {
    /// Labelled mail: JSONL (plain or .gz), or folders with a folder or an mbox for each team
    #[arg(
        long = "data",
        required_unless_present = "ledger",
        value_name = "PATH",
        num_args = 1..
    )]
    pub(super) data: Vec<PathBuf>,
    /// The answers that people gave, from the ledger of the configuration
    #[arg(long)]
    pub(super) ledger: bool,
}

/// Reads the labelled mail at the paths, and with `ledger` the confirmed answers, with a bar.
pub(super) fn read_mail(
    global: &Global,
    paths: &[PathBuf],
    ledger: bool,
) -> Result<Vec<Labelled>, Failure> {
    let mut mails = read_files(paths)?;
    if ledger {
        mails.append(&mut read_answers(global)?.mails);
    }
    Ok(mails)
}

/// Tells of labels that none of the dictionaries has: mostly a name that is written otherwise, which would ruin
/// every figure without a word. If it is all of them, there is nothing to measure.
pub(super) fn tell_unknown<'a>(
    dictionaries: &[&Dictionaries],
    labels: impl Iterator<Item = &'a TeamId>,
) -> Result<(), Failure> {
    let teams = dictionaries.iter().flat_map(|dictionaries| dictionaries.teams());
    let known: BTreeSet<&TeamId> = teams.map(|(team, _)| team).collect();
    let mut unknown: BTreeMap<&TeamId, u64> = BTreeMap::new();
    let other = TeamId::other();
    let mut is_any_known = false;
    for label in labels {
        if known.contains(label) || *label == other {
            is_any_known = true;
        } else {
            *unknown.entry(label).or_default() += 1;
        }
    }
    for (team, mails) in &unknown {
        let mails = count(*mails, "mail");
        let near = nearest(team.as_str(), known.iter().map(|team| team.as_str()));
        let meant = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        writeln!(io::stderr(), "note: {mails} of `{team}`, which has no dictionary{meant}")?;
    }
    if is_any_known || unknown.is_empty() {
        return Ok(());
    }
    let teams: Vec<&str> = known.iter().map(|team| team.as_str()).collect();
    Err(Failure::input(format!(
        "no label is a team that has a dictionary; there are {}",
        teams.join(", ")
    )))
}

/// Reads the labelled mail at the paths; none, if there are no paths.
pub(super) fn read_files(paths: &[PathBuf]) -> Result<Vec<Labelled>, Failure> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let bar = progress(None, "reading mail");
    let mails = labelled::read(paths, &|more| bar.inc(more)).map_err(Failure::Findings);
    bar.finish_and_clear();
    mails
}

/// Reads the confirmed answers.
pub(super) fn read_answers(global: &Global) -> Result<Answers, Failure> {
    let (_, runtime, store) = global.store()?;
    let bar = progress(None, "reading answers");
    let found = runtime.block_on(answers(store.as_ref(), &|more| bar.inc(more)));
    bar.finish_and_clear();
    let found = found?;
    if found.mails.is_empty() {
        return Err(Failure::input(match found.forgotten {
            0 => "the ledger holds no answers yet: `postroom assist answer` gives one".to_owned(),
            gone => format!("the text of all {gone} answered mails is no longer kept"),
        }));
    }
    Ok(found)
}
