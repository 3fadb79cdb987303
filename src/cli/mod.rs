//! The command line: one file a subcommand. Errors become one line and an exit code.

mod assist;
mod calibrate;
mod check;
mod classify;
mod demo;
mod directory;
mod eval;
mod explain;
mod failure;
mod files;
mod labelled;
mod ledger;
mod lint;
mod logging;
mod moment;
mod output;
mod replay;
mod rota;
mod serve;
mod setup;
mod shell;
mod signs;
mod suggest;
mod what_if;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::filter::LevelFilter;

use failure::Failure;

/// What every command's help ends with.
macro_rules! exit_codes {
    () => {
        "Exit codes: 0 done · 1 something failed on the way · 2 the input, a file or the \
         configuration is wrong, and nothing was changed"
    };
}

const FIRST_STEPS: &str = concat!(
    exit_codes!(),
    "

First steps:
  postroom demo                          see it work on sample mail
  postroom classify inbox.mbox           where would my mail go?
  postroom explain mail.eml              why does it go there?
  postroom check --sample > postroom.toml    then edit it, and:
  postroom check --connect && postroom serve"
);

/// The end of a subcommand's help: how it is called, a line each.
macro_rules! examples {
    ($($line:literal),+) => {
        concat!("Examples:", $("\n  ", $line,)+ "\n\n", exit_codes!())
    };
}

/// Sorts support mail: known customers to the person who knows them, the rest to the team whose
/// words they use; what is uncertain waits for a person.
#[derive(Debug, Parser)]
#[command(name = "postroom", version, after_help = FIRST_STEPS, arg_required_else_help = true)]
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
    #[command(after_help = examples![
        "postroom demo --no-serve        the table, and the folder to look into",
        "postroom demo --dir ./trial     in a folder of your own"
    ])]
    Demo(demo::Options),
    /// Watch the mailboxes and sort what comes in
    #[command(after_help = examples![
        "postroom serve",
        "postroom --config /etc/postroom/postroom.toml --log-format json serve",
        "",
        "SIGTERM, SIGINT and SIGHUP end it when what is under way is done; a second one at once.",
        "Dictionaries, directory and rota are read again when they change: a bad edit leaves the",
        "last good version live. postroom.toml itself is read at the start only."
    ])]
    Serve(serve::Options),
    /// Say all that is wrong with the configuration; if nothing is, with the directory, the rota and
    /// the dictionaries
    #[command(after_help = examples![
        "postroom check                            without touching anything",
        "postroom check --connect                  mailboxes and store too",
        "postroom check --sample > postroom.toml   every key with its meaning"
    ])]
    Check(check::Options),
    /// Say where mails would go: files, mbox, Maildir, folders, or standard input
    #[command(after_help = examples![
        "postroom classify mail.eml old.mbox ~/Maildir archive/",
        "postroom classify --dictionaries new/ archive/   what would other words do?",
        "postroom classify --json archive/ | jq -r 'select(.decision == \"assist\") | .source'",
        "",
        "Without a configuration, the dictionaries in ./dictionaries are used, or those that",
        "Postroom brings along, and nobody is a customer."
    ])]
    Classify(classify::Options),
    /// Say why a mail goes where it goes, and what would change that
    #[command(after_help = examples![
        "postroom explain mail.eml",
        "postroom explain - < mail.eml",
        "postroom explain --ticket 42   as it was decided then"
    ])]
    Explain(explain::Options),
    /// Check dictionary files
    #[command(after_help = examples![
        "postroom lint                              the dictionaries in use",
        "postroom lint dictionaries/billing.dict",
        "postroom lint --data answers.jsonl         lines that are dead, wrong or of no use",
        "postroom lint --mail archive/              the same without labels, as far as can be seen",
        "postroom lint --ledger --days 90           the same on what came in",
        "postroom lint --strict --format github dictionaries   for a pipeline; or sarif, json"
    ])]
    Lint(lint::Options),
    /// Ask the directory: who is a sender, who is free, what is wrong with it
    #[command(subcommand, after_help = examples![
        "postroom directory find joe@acme.example        the match and why, and near misses",
        "postroom directory ladder joe@acme.example --at 2026-12-24T10:00",
        "postroom directory lint"
    ])]
    Directory(directory::Command),
    /// Measure how good the dictionaries are on labelled mail
    #[command(after_help = examples![
        "postroom eval --data answers.jsonl",
        "postroom eval --dictionaries new/ --data archive/   folders named after teams",
        "postroom eval --data answers.jsonl.gz --json | jq .auto_routed",
        "postroom eval --data answers.jsonl --html page.html   with plots, to open or print",
        "",
        "A line of JSONL is a mail: {\"id\": \"7\", \"label\": \"billing\", \"subject\": \"…\", \"body\": \"…\"},",
        "or with \"text\" in place of subject and body, or \"raw\" with the whole mail. The label",
        "`other` is for mail that is nobody's."
    ])]
    Eval(eval::Options),
    /// Propose dictionary lines from labelled mail
    #[command(after_help = examples![
        "postroom suggest --train answers.jsonl            what to add, weigh otherwise, drop",
        "postroom suggest --train answers.jsonl --ask      take them one by one",
        "postroom suggest --train answers.jsonl --diff     as a patch, to edit and to apply",
        "postroom suggest --from-scratch --train answers.jsonl --out new/",
        "",
        "Nothing is written without --apply, --ask or --out. The effect is measured on a fifth of",
        "the answers that nothing was learned from."
    ])]
    Suggest(suggest::Options),
    /// Fit the confidence, and the thresholds at a target precision, on confirmed answers
    #[command(after_help = examples![
        "postroom calibrate --data answers.jsonl",
        "postroom calibrate --dictionaries new/ --data answers.jsonl --target-precision 0.98",
        "",
        "It writes calibration.toml beside the dictionaries. Use answers that the dictionaries were",
        "not learned from, and a random sample: the mails that a person was asked about are the",
        "hard ones, and would make the thresholds too careful."
    ])]
    Calibrate(calibrate::Options),
    /// Replay past mail with two versions of the dictionaries: what would go elsewhere?
    #[command(name = "what-if", after_help = concat!(
        "Examples:
  postroom what-if --data answers.jsonl      the last commit against the files here
  postroom what-if --before old/ --after new/ --mail archive/
  postroom what-if --before git:main --ledger --max-worse 0 --markdown

The versions are folders, or git:REVISION for the dictionaries' folder as it was then. Of mail
whose team a person named, it says what is right or wrong; of any other mail, only what moves.

", exit_codes!(), "; of what-if, 1 also\nmeans that a limit is broken"
    ))]
    WhatIf(what_if::Options),
    /// List and answer the questions that wait for a person
    #[command(subcommand, after_help = examples![
        "postroom assist list",
        "postroom assist show 42",
        "postroom assist answer 42 billing",
        "postroom assist undo 42"
    ])]
    Assist(assist::Command),
    /// Say who answers questions, now and in the next weeks
    #[command(after_help = examples![
        "postroom rota                         who is on duty, and the next eight weeks",
        "postroom rota --at 2026-12-24T10:00   who would be on duty then",
        "postroom rota --ics > rota.ics        a calendar, to subscribe to",
        "postroom rota lint                    what is wrong, and which weeks are nobody's",
        "",
        "The rota is a CSV file with a line for each new joiner: person,name,start,week,away. The",
        "first full week after `start` is theirs; `week`, as 2026-W48, is another instead, or one",
        "more in a line of its own; `away` has days, as 2026-12-24..2027-01-02. `[assist]` in the",
        "configuration names the file, and the group that has what nobody has."
    ])]
    Rota(rota::Options),
    /// Look into the ledger: tickets, their events, and trying again
    #[command(subcommand, after_help = examples![
        "postroom ledger list --decision set_aside",
        "postroom ledger show 42",
        "postroom ledger retry 42    after mending what set it aside",
        "postroom ledger replay      does every decision come out as it did?"
    ])]
    Ledger(ledger::Command),
    /// Print completions for a shell
    #[command(after_help = examples![
        "postroom completions bash > /etc/bash_completion.d/postroom",
        "postroom completions zsh > ~/.zfunc/_postroom"
    ])]
    Completions(shell::Completions),
    /// Write the manual pages to a folder
    #[command(after_help = examples![
        "postroom man /usr/local/share/man/man1"
    ])]
    Man(shell::Man),
}

/// The command line; a variable that is set to nothing is as good as none.
fn command() -> clap::Command {
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    Cli::command().mut_args(|arg| match arg.get_env() {
        Some(name) if is_empty(name) => arg.env(None::<&'static str>),
        _ => arg,
    })
}

/// Runs the command and says how it went.
#[must_use]
pub fn run() -> ExitCode {
    let cli = match Cli::from_arg_matches(&command().get_matches()) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let level = match cli.command {
        Command::Serve(_) => LevelFilter::INFO,
        // The demo shows what it does by itself.
        Command::Demo(_) => LevelFilter::ERROR,
        Command::Check(_)
        | Command::Classify(_)
        | Command::Explain(_)
        | Command::Lint(_)
        | Command::Directory(_)
        | Command::Eval(_)
        | Command::Suggest(_)
        | Command::Calibrate(_)
        | Command::WhatIf(_)
        | Command::Assist(_)
        | Command::Rota(_)
        | Command::Ledger(_)
        | Command::Completions(_)
        | Command::Man(_) => LevelFilter::WARN,
    };
    if let Err(failure) = logging::start(&cli.global, level) {
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
        Command::Directory(command) => directory::run(global, &command),
        Command::Eval(options) => eval::run(global, &options),
        Command::Suggest(options) => suggest::run(global, &options),
        Command::Calibrate(options) => calibrate::run(global, &options),
        Command::WhatIf(options) => what_if::run(global, &options),
        Command::Assist(command) => assist::run(global, &command),
        Command::Rota(options) => rota::run(global, &options),
        Command::Ledger(command) => ledger::run(global, &command),
        Command::Completions(options) => shell::completions(&options, &mut Cli::command()),
        Command::Man(options) => shell::man(&options, Cli::command()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
