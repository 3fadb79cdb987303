//! `postroom suggest`: dictionary lines from labelled mail.

mod draft;
mod propose;
mod show;

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Global};
use crate::dictionary::Language;

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
