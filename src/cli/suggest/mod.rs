//! `postroom suggest`: dictionary lines from labelled mail.

mod draft;
mod propose;
mod show;

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::labelled::read_mail;
use super::output::count;
use super::{Failure, Global};
use crate::dictionary::Language;
use crate::learn::Labelled;
use crate::learn::folds::{Once, once};

/// So many mails that two teams claim are named.
const DISPUTED: usize = 5;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Labelled mail: JSONL (plain or .gz), or folders with a folder or an mbox for each team
    #[arg(
        long = "train",
        required_unless_present = "ledger",
        value_name = "PATH",
        num_args = 1..
    )]
    train: Vec<PathBuf>,
    /// The answers that people gave, from the ledger of the configuration
    #[arg(long)]
    ledger: bool,
    /// The language whose word forms new lines take: its ISO 639-1 code, or `any` for none
    #[arg(long, value_name = "CODE", default_value = "en", value_parser = language)]
    language: Language,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    propose: propose::Options,
    #[command(flatten)]
    draft: draft::Options,
}

/// The answers to learn from, each once; what that leaves out is told.
fn answers(global: &Global, options: &Options) -> Result<Vec<Labelled>, Failure> {
    let Once { mails, repeats, disputed } =
        once(read_mail(global, &options.train, options.ledger)?);
    let mut told = io::stderr().lock();
    if repeats > 0 {
        let repeats = count(repeats as u64, "mail");
        writeln!(told, "note: {repeats} left out, with the same text as another of the same team")?;
    }
    for same in disputed.iter().take(DISPUTED) {
        let named: Vec<String> =
            same.iter().map(|(id, team)| format!("`{id}` of {team}")).collect();
        writeln!(told, "note: {} say the same: label them with one team", named.join(" and "))?;
    }
    if let more @ 1.. = disputed.len().saturating_sub(DISPUTED) {
        writeln!(told, "note: so do {more} more pairs of mails")?;
    }
    Ok(mails)
}

fn language(code: &str) -> Result<Language, String> {
    Language::from_code(code).ok_or_else(|| {
        let codes: Vec<&str> = Language::all().map(Language::code).collect();
        format!("there are {} and any", codes.join(", "))
    })
}

/// Proposes changes to dictionaries that stand, or drafts new ones.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    if options.draft.from_scratch {
        draft::run(global, options)
    } else {
        propose::run(global, options)
    }
}
