//! The command line: one file a subcommand. Errors become one line and an exit code.

mod assist;
mod check;
mod classify;
mod demo;
mod explain;
mod failure;
mod ledger;
mod lint;
mod logging;
mod output;
mod serve;
mod setup;
mod shell;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use failure::Failure;

const EXIT_CODES: &str = "\
Exit codes: 0 done · 1 something failed on the way · 2 the input, a file or the configuration is \
wrong, and nothing was changed

First steps:
  postroom demo                          see it work on sample mail
  postroom classify inbox.mbox           where would my mail go?
  postroom explain mail.eml              why does it go there?
  postroom check --sample > postroom.toml    then edit it, and:
  postroom check --connect && postroom serve";

/// Sorts support mail: known customers to the person who knows them, the rest to the team whose
/// words they use; what is uncertain waits for a person.
#[derive(Debug, Parser)]
#[command(name = "postroom", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every subcommand takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The configuration file
    #[arg(
        long,
        short,
        global = true,
        value_name = "FILE",
        env = "POSTROOM_CONFIG",
        help_heading = "Everywhere"
    )]
    config: Option<PathBuf>,
    /// How log lines look
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "pretty",
        env = "POSTROOM_LOG_FORMAT",
        help_heading = "Everywhere"
    )]
    log_format: logging::Format,
    /// Which log lines to show, such as `info` or `postroom=debug`
    #[arg(
        long,
        global = true,
        value_name = "FILTER",
        env = "POSTROOM_LOG",
        help_heading = "Everywhere"
    )]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the main job on sample mail: no configuration, no network
    Demo(demo::Options),
    /// Watch the mailboxes and sort what comes in
    Serve(serve::Options),
    /// Say all that is wrong with the configuration, the directory and the dictionaries
    Check(check::Options),
    /// Say where mails would go: files, mbox, Maildir, folders, or standard input
    Classify(classify::Options),
    /// Say why a mail goes where it goes, and what would change that
    Explain(explain::Options),
    /// Check dictionary files
    Lint(lint::Options),
    /// List and answer the questions that wait for a person
    #[command(subcommand)]
    Assist(assist::Command),
    /// Look into the ledger: tickets, their events, and trying again
    #[command(subcommand)]
    Ledger(ledger::Command),
    /// Print completions for a shell
    Completions(shell::Completions),
    /// Write the manual pages to a folder
    Man(shell::Man),
}

/// Runs the command and says how it went.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let serving = matches!(cli.command, Command::Serve(_));
    if let Err(failure) = logging::start(&cli.global, serving) {
        return failure.report();
    }
    let global = &cli.global;
    let done = match cli.command {
        Command::Demo(options) => demo::run(&options),
        Command::Serve(_) => serve::run(global),
        Command::Check(options) => check::run(global, &options),
        Command::Classify(options) => classify::run(global, &options),
        Command::Explain(options) => explain::run(global, &options),
        Command::Lint(options) => lint::run(global, &options),
        Command::Assist(command) => assist::run(global, &command),
        Command::Ledger(command) => ledger::run(global, &command),
        Command::Completions(options) => shell::completions(&options, &mut Cli::command()),
        Command::Man(options) => shell::man(&options, Cli::command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
