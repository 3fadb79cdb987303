//! `postroom check`: all that is wrong with the configuration, the directory, the rota, the
//! dictionaries, and, when asked to connect, the mailboxes and the store. A mistake in the configuration
//! is mended first: which files it means is not known before. Nothing is changed.

use std::fs::File;
use std::io;
use std::path::Path;

use clap::Args;
use tokio::runtime::Runtime;

use super::output::{count, drawn, json_line, text};
use super::{Failure, Global, output};
use crate::config::{self, Access, Config, Mailbox};
use crate::diagnostic::Diagnostic;
use crate::pipeline::Rules;
use crate::rim;
use crate::rim::directory::Service;
use crate::rim::{Report, terminal};
use crate::serve::{folders, rules};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Also log in to every mailbox, and try the store
    #[arg(long)]
    connect: bool,
    /// Print a commented configuration to start from, and nothing else
    #[arg(long)]
    sample: bool,
    /// Print one JSON object a finding, a line each
    #[arg(long, conflicts_with = "connect")]
    json: bool,
}

/// Checks everything; exit code 2 if something is wrong.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    if options.sample {
        return text(config::SAMPLE);
    }
    let (config, findings) = match global.read_config() {
        Ok((config, mut findings)) => {
            match rules::load(&config) {
                Ok(loaded) => {
                    findings.extend(loaded.warnings);
                    let (directory, dictionaries) =
                        (&loaded.rules.directory, &loaded.rules.dictionaries);
                    findings.extend(folders::shared(&config, directory, Some(dictionaries)));
                    say(options, &in_use(&config, &loaded.rules))?;
                }
                Err(wrong) => findings.extend(wrong),
            }
            findings.extend(config.mailboxes.iter().flat_map(out_of_reach));
            (Some(config), findings)
        }
        Err(Failure::Findings(wrong)) => {
            say(options, "the files that the configuration names were not looked at yet\n")?;
            (None, wrong)
        }
        Err(failure) => return Err(failure),
    };
    if options.json {
        findings.iter().try_for_each(json_line)?;
    } else {
        drawn(&terminal::render(&findings, terminal::color(&io::stdout()), terminal::width()))?;
    }
    let mut problems = findings.iter().filter(|finding| finding.is_error()).count();
    if let (true, Some(config)) = (options.connect, &config) {
        problems += connect(config)?;
    }
    match problems {
        0 if findings.is_empty() => say(options, "everything is in order\n"),
        0 => say(options, &format!("{}\n", output::findings(0, findings.len()))),
        1 => Err(Failure::input("there is one problem; nothing was changed")),
        count => Err(Failure::input(format!("there are {count} problems; nothing was changed"))),
    }
}

/// Files for a mailbox that can't be read here, where it may be that nobody is to log in, and a
/// Maildir that isn't there yet.
fn out_of_reach(mailbox: &Mailbox) -> Vec<Diagnostic> {
    let unreadable = |path: &Path| {
        let why = File::open(path).err()?;
        let message = format!("mailbox `{}` needs it, and it can't be read: {why}", mailbox.id);
        Some(Diagnostic::error(path.display().to_string(), "unreadable", message).warning())
    };
    let mut found: Vec<Diagnostic> = mailbox.files().into_iter().filter_map(unreadable).collect();
    if let Access::Maildir(path) = &mailbox.access
        && !path.join("cur").is_dir()
    {
        let message = format!("mailbox `{}` is to be here, and it is no Maildir", mailbox.id);
        let finding = Diagnostic::error(path.display().to_string(), "no-maildir", message);
        found.push(finding.help("a Maildir has `cur` and `new` in it").warning());
    }
    found
}

/// What only people want to read.
fn say(options: &Options, line: &str) -> Result<(), Failure> {
    if options.json { Ok(()) } else { text(line) }
}

fn in_use(config: &Config, rules: &Rules) -> String {
    format!(
        "{} in {}, dictionaries {}\n",
        count(rules.dictionaries.teams().count() as u64, "team"),
        config.dictionaries.display(),
        rules.dictionaries.version(),
    )
}

/// Tries the store, the directory service and every mailbox; says how many problems there are.
fn connect(config: &Config) -> Result<usize, Failure> {
    Runtime::new()?.block_on(async {
        let mut problems = tell("store", &rim::store::check(&config.store).await)?;
        if let Some(settings) = config.directory.service.clone() {
            let rules = config.directory.rules.clone();
            let service = Service::new(settings, rules).map_err(Failure::input)?;
            problems += tell("directory service", &service.check().await)?;
        }
        for mailbox in &config.mailboxes {
            let report = match &mailbox.access {
                Access::Imap(_) => rim::imap::check(mailbox).await,
                Access::Maildir(path) => rim::maildir::check(mailbox, path),
            };
            problems += tell(&mailbox.id.0, &report)?;
        }
        Ok(problems)
    })
}

/// Prints what was found out about something; says how many problems there are.
fn tell(of: &str, report: &Report) -> Result<usize, Failure> {
    for fact in &report.facts {
        text(&format!("{of}: {fact}\n"))?;
    }
    for problem in &report.problems {
        text(&format!("{of}: problem: {problem}\n"))?;
    }
    Ok(report.problems.len())
}
