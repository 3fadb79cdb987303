//! `postroom check`: all that is wrong with the configuration, the directory, the dictionaries,
//! and, when asked to connect, the mailboxes and the store; at once, and nothing changed.

use clap::Args;
use postroom::config::{self, Access, Config};
use postroom::rim;
use postroom::rim::terminal;
use postroom::serve::rules;
use tokio::runtime::Runtime;

use super::output::text;
use super::{Failure, Global, setup};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Also log in to every mailbox and open the store
    #[arg(long)]
    connect: bool,
    /// Print a commented configuration to start from, and nothing else
    #[arg(long)]
    sample: bool,
}

/// Checks everything; exit code 2 if something is wrong.
pub(crate) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    if options.sample {
        return text(config::SAMPLE);
    }
    let path = global.config.clone().unwrap_or_else(|| "postroom.toml".into());
    let (config, mut findings) = setup::read_config(&path)?;
    match rules::load(&config) {
        Ok(rules::Loaded { rules, warnings, .. }) => {
            findings.extend(warnings);
            text(&format!(
                "{} teams in {}, dictionaries {}\n",
                rules.dictionaries.teams().count(),
                config.dictionaries.display(),
                rules.dictionaries.version(),
            ))?;
        }
        Err(wrong) => findings.extend(wrong),
    }
    text(&terminal::render(&findings, terminal::color(), terminal::width()))?;
    let mut problems = findings.iter().filter(|finding| finding.is_error()).count();
    if options.connect {
        problems += connect(&config)?;
    }
    match problems {
        0 => text("everything is in order\n"),
        1 => Err(Failure::input("there is one problem; nothing was changed")),
        count => Err(Failure::input(format!("there are {count} problems; nothing was changed"))),
    }
}

/// Tries the store and every mailbox; says how many problems there are.
fn connect(config: &Config) -> Result<usize, Failure> {
    Runtime::new()?.block_on(async {
        let mut problems = 0;
        match rim::store::open(&config.store).await {
            Ok(_) => text("store: opened\n")?,
            Err(failure) => {
                problems += 1;
                text(&format!("store: {failure}\n"))?;
            }
        }
        for mailbox in &config.mailboxes {
            let report = match &mailbox.access {
                Access::Imap(_) => rim::imap::check(mailbox).await,
                Access::Maildir(path) => rim::maildir::check(mailbox, path),
            };
            for fact in &report.facts {
                text(&format!("{}: {fact}\n", mailbox.id))?;
            }
            for problem in &report.problems {
                text(&format!("{}: problem: {problem}\n", mailbox.id))?;
            }
            problems += report.problems.len();
        }
        Ok(problems)
    })
}
