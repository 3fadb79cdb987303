//! How the lines fare on mail: labelled, an archive, or the ledger's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::labelled::{read_files, tell_unknown};
use super::super::moment::Judge;
use super::super::output::{count, progress};
use super::super::{Failure, Global};
use super::{Found, Options, ledger};
use crate::classify::Scratch;
use crate::diagnostic::Diagnostic;
use crate::dictionary::Dictionaries;
use crate::learn::Labelled;
use crate::learn::counts::Counts;
use crate::learn::health::judge_with_lines;
use crate::lint::{Sample, Written, measured};
use crate::rim::archive;
use crate::route::Policy;

/// The mail that lines are tried on.
pub(super) enum Evidence {
    Labelled { mails: Vec<Labelled>, enough: u64 },
    Archive { paths: Vec<PathBuf>, enough: u64 },
    Ledger { days: u32, enough: u64 },
}

impl Evidence {
    /// What was asked for, if anything was.
    pub(super) fn of(options: &Options) -> Result<Option<Self>, Failure> {
        let Options { enough, days, .. } = *options;
        Ok(if !options.data.is_empty() {
            Some(Self::Labelled { mails: read_files(&options.data)?, enough })
        } else if !options.mail.is_empty() {
            Some(Self::Archive { paths: options.mail.clone(), enough })
        } else {
            options.ledger.then_some(Self::Ledger { days, enough })
        })
    }

    /// What it shows of the lines in a folder: all of them, since how a line fares depends on the
    /// other teams' files. What it rests on, and what can't be read, is added to `found`.
    pub(super) fn findings(
        &self,
        global: &Global,
        folder: &Path,
        found: &mut Found,
    ) -> Result<Vec<Diagnostic>, Failure> {
        let built = || {
            let (_, files) = global.dictionary_files(Some(folder))?;
            global.built(&files)
        };
        match self {
            Self::Labelled { mails, enough } => {
                let (dictionaries, policy) = built()?;
                tell_unknown(&[&dictionaries], mails.iter().map(|mail| &mail.team))?;
                Ok(labelled(&dictionaries, &policy, (mails, *enough), found))
            }
            Self::Archive { paths, enough } => {
                Ok(archived(&mut global.judge(Some(folder), None)?, paths, *enough, found))
            }
            Self::Ledger { days, enough } => {
                let (dictionaries, policy) = built()?;
                let (_, runtime, store) = global.store()?;
                let mut time = ledger::Time::new(&dictionaries, &policy, *days);
                runtime.block_on(time.read(store.as_ref()))?;
                Ok(time.findings(*enough, found))
            }
        }
    }
}

fn labelled(
    dictionaries: &Dictionaries,
    policy: &Policy,
    (mails, enough): (&[Labelled], u64),
    found: &mut Found,
) -> Vec<Diagnostic> {
    let bar = progress(Some(mails.len() as u64), "judging");
    let (_, lines) = judge_with_lines(dictionaries, policy, mails, &|more| bar.inc(more));
    bar.finish_and_clear();
    let mut labelled = BTreeMap::new();
    let mut written = Written::default();
    for mail in mails {
        *labelled.entry(mail.team.clone()).or_default() += 1;
        written.add(&mail.subject, &mail.text);
    }
    let mails = mails.len() as u64;
    let sample = Sample { lines: &lines, mails, labelled: &labelled, enough, which: "" };
    found.notes.push(note(&sample));
    measured(dictionaries, &sample, &written)
}

/// Only mail that the dictionaries are asked about: a customer's goes its way without them.
fn archived(
    judge: &mut Judge,
    paths: &[PathBuf],
    enough: u64,
    found: &mut Found,
) -> Vec<Diagnostic> {
    let rules = judge.rules.clone();
    let counts = Counts::new(&rules.dictionaries, &rules.policy, []);
    let mut beside = Scratch::default();
    let mut written = Written::default();
    let mut mails = 0;
    let bar = progress(None, "judging");
    for mail in archive::read(paths) {
        bar.inc(1);
        match mail {
            Ok(mail) => {
                let judgement = judge.judge(&mail.raw, mail.size);
                if let Some(verdict) = &judgement.evidence.verdict {
                    mails += 1;
                    counts.add(verdict, None);
                    counts.add_signatures(&mut beside, &judgement.mail.text);
                    written.add(&judgement.mail.subject, &judgement.mail.text);
                }
            }
            Err(failure) => {
                found.unreadable = true;
                bar.suspend(|| Failure::input(failure).report());
            }
        }
    }
    bar.finish_and_clear();
    let (lines, labelled) = (counts.health(), BTreeMap::new());
    let sample = Sample { lines: &lines, mails, labelled: &labelled, enough, which: "" };
    found.notes.push(note(&sample));
    measured(&rules.dictionaries, &sample, &written)
}

/// What findings rest on.
pub(super) fn note(sample: &Sample<'_>) -> String {
    let few = if sample.mails < sample.enough {
        format!("; under {}, no line is called dead", sample.enough)
    } else {
        String::new()
    };
    format!("tried on {}{}{few}", count(sample.mails, "mail"), sample.which)
}
