//! `postroom classify`: where mails would go. Takes archives, needs no network, keeps nothing.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::moment::When;
use super::output::{count, json_line, progress_of_bytes, row, short, table, text};
use super::{Failure, Global};
use crate::classify::{Hit, Span};
use crate::dictionary::TeamId;
use crate::directory::Party;
use crate::mail::trust::Trust;
use crate::mail::{EmailAddress, TextPlace};
use crate::pipeline::Judgement;
use crate::rim::archive;
use crate::route::{CameTo, Forward};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Mails: an .eml file, an mbox, a Maildir, a folder of them, or - for standard input
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Print one JSON object a mail, a line each
    #[arg(long)]
    json: bool,
    /// Use the dictionaries in this folder instead of the configuration's
    #[arg(long, value_name = "DIR")]
    dictionaries: Option<PathBuf>,
    /// Judge as if it were then (who is free depends on it), as 2026-12-24 or 2026-12-24T10:00
    #[arg(long, value_name = "TIME")]
    on: Option<When>,
}

/// A mail's answer, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    source: &'a str,
    message_id: Option<&'a str>,
    sender: Option<&'a EmailAddress>,
    subject: &'a str,
    kind: &'static str,
    oddities: Vec<crate::mail::Oddity>,
    decision: &'static str,
    to: Option<&'a str>,
    reason: &'static str,
    confidence: Option<f64>,
    threshold: Option<f64>,
    party: &'a Party,
    trust: &'a Trust,
    came_to: Option<&'a CameTo>,
    recipients: &'a [EmailAddress],
    forward: Option<&'a Forward>,
    spam: Option<&'a str>,
    evidence: Vec<Matched>,
    failure: Option<&'a str>,
    text_chars: usize,
}

/// A dictionary line that matched, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Matched {
    team: TeamId,
    file: String,
    line: u32,
    term: String,
    points: i32,
    strength: f64,
    occurrences: u32,
    /// Where the first occurrence is.
    place: Option<TextPlace>,
    spans: Vec<Span>,
}

impl Matched {
    fn of(hit: Hit) -> Self {
        Self {
            team: hit.team,
            file: hit.file,
            line: hit.line,
            term: hit.term,
            points: hit.points,
            strength: hit.strength,
            occurrences: hit.occurrences,
            place: hit.spans.first().map(|span| span.place),
            spans: hit.spans,
        }
    }
}

impl<'a> Answer<'a> {
    fn of(source: &'a str, judgement: &'a Judgement) -> Self {
        let Judgement { mail, decision, evidence } = judgement;
        let verdict = evidence.verdict.as_ref();
        Self {
            source,
            message_id: mail.message_id.as_deref(),
            sender: mail.sender.as_ref(),
            subject: &mail.subject,
            kind: mail.kind.name(),
            oddities: mail.oddities.iter().copied().collect(),
            decision: decision.target.name(),
            to: decision.target.to(),
            reason: decision.reason.name(),
            confidence: verdict.map(|verdict| verdict.confidence),
            threshold: evidence.threshold,
            party: &evidence.party,
            trust: &evidence.signs.trust,
            came_to: evidence.signs.came_to.as_ref(),
            recipients: &mail.recipients,
            forward: evidence.signs.forward.as_ref(),
            spam: mail.spam.as_deref(),
            evidence: verdict.map_or(Vec::new(), |v| v.hits.iter().map(Matched::of).collect()),
            failure: evidence.failure.as_deref(),
            text_chars: mail.text.body.chars().count(),
        }
    }
}

/// Classifies every mail at the paths. What can't be read is named, and the rest goes on.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let mut judge = global.judge(options.dictionaries.as_deref(), options.on)?;
    // Looking through all folders beforehand is only for a bar that somebody sees.
    let watched = io::stderr().is_terminal();
    let total = if watched { archive::size_hint(&options.paths) } else { None };
    let bar = progress_of_bytes(total, "classifying");
    let mut report = Report::new(options.json);
    let mut unreadable = false;
    for mail in archive::read(&options.paths) {
        match mail {
            Ok(mail) => {
                bar.inc(mail.size);
                let judgement = judge.judge(&mail.raw, mail.size);
                // To draw the bar anew takes longer than to judge a mail.
                if report.prints() {
                    bar.suspend(|| report.add(&mail.source, &judgement))?;
                } else {
                    report.add(&mail.source, &judgement)?;
                }
            }
            Err(failure) => {
                unreadable = true;
                bar.suspend(|| Failure::input(failure).report());
            }
        }
    }
    bar.finish_and_clear();
    let mut last = format!("dictionaries {}", judge.rules.dictionaries.version());
    if !global.has_config() {
        last += "; without a configuration, nobody is a customer";
    }
    match (unreadable, report.counts.is_empty()) {
        (false, _) => report.end(&last),
        (true, true) => Err(Failure::Told),
        (true, false) => report.end(&last).and(Err(Failure::Told)),
    }
}

/// What was found so far: printed at once as JSON, collected for a table.
struct Report {
    table: Option<comfy_table::Table>,
    counts: BTreeMap<String, u64>,
}

impl Report {
    fn new(json: bool) -> Self {
        let heading = ["mail", "from", "subject", "goes to", "why", "sure"];
        Self { table: (!json).then(|| table(&heading, &[4, 5])), counts: BTreeMap::new() }
    }

    /// Whether each answer is printed at once where the bar is.
    fn prints(&self) -> bool {
        self.table.is_none() && io::stdout().is_terminal()
    }

    fn add(&mut self, source: &str, judgement: &Judgement) -> Result<(), Failure> {
        let answer = Answer::of(source, judgement);
        let Some(table) = &mut self.table else { return json_line(&answer) };
        let goes_to = answer.to.map_or_else(|| answer.decision.replace('_', " "), str::to_owned);
        table.add_row(row([
            short(source.rsplit('/').next().unwrap_or(source), 28),
            short(answer.sender.map_or("—", EmailAddress::as_str), 40),
            short(answer.subject, 44),
            goes_to.clone(),
            answer.reason.replace('_', " "),
            answer.confidence.map_or(String::new(), |sure| format!("{:.0}%", sure * 100.0)),
        ]));
        *self.counts.entry(goes_to).or_default() += 1;
        Ok(())
    }

    fn end(self, last: &str) -> Result<(), Failure> {
        let Some(table) = self.table else { return Ok(()) };
        let total: u64 = self.counts.values().sum();
        if total == 0 {
            return text("no mail was found\n");
        }
        let counts: Vec<String> =
            self.counts.iter().map(|(to, count)| format!("{to} {count}")).collect();
        let (mails, counts) = (count(total, "mail"), counts.join(", "));
        text(&format!("{table}\n{mails}: {counts}\n{last}\n"))
    }
}
