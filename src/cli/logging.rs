//! Log lines on standard error: pretty for people, JSON for machines.

use std::io;

use clap::ValueEnum;
use postroom::rim::terminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::{Failure, Global};

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// These log passwords and mail content, whatever the level (async-imap logs LOGIN as sent, and
/// parse errors with the text that did not parse). They stay off, also when asked for.
const NEVER: [&str; 4] = ["async_imap=off", "imap_proto=off", "sqlx=warn", "rustls=warn"];

/// Starts logging: at `info` for the service, at `warn` for commands that print an answer.
pub(crate) fn start(global: &Global, serving: bool) -> Result<(), Failure> {
    let level = if serving { LevelFilter::INFO } else { LevelFilter::WARN };
    let asked = global.log.as_deref().unwrap_or_default();
    let mut filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .parse(asked)
        .map_err(|failure| Failure::input(format!("`{asked}` is not a log filter: {failure}")))?;
    for directive in NEVER {
        let directive = directive.parse().map_err(|failure| {
            Failure::Failed(anyhow::anyhow!("`{directive}` is not a log filter: {failure}"))
        })?;
        filter = filter.add_directive(directive);
    }
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match global.log_format {
        Format::Pretty => lines.with_ansi(terminal::color(&io::stderr())).with_target(false).init(),
        Format::Json => lines.json().flatten_event(true).init(),
    }
    quiet_panics();
    Ok(())
}

/// A panic's message may hold a piece of a mail; its place in the code never does. The message
/// itself is kept with the ticket.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a stage failed on a mail, or a task broke");
    }));
}
