//! Log lines on standard error: pretty for people, JSON for machines.

use std::io;

use clap::ValueEnum;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, registry};

use super::{Failure, Global};
use crate::rim::terminal;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Starts logging, at this level unless somebody asks for another.
pub(crate) fn start(global: &Global, level: LevelFilter) -> Result<(), Failure> {
    let filter = match global.log.as_deref().map(str::trim) {
        None | Some("") => Targets::new().with_default(level),
        Some(asked) => asked.parse().map_err(|failure| {
            Failure::input(format!("`{asked}` is not a log filter: {failure}"))
        })?,
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = match global.log_format {
        Format::Pretty => {
            lines.with_ansi(terminal::color(&io::stderr())).with_target(false).boxed()
        }
        Format::Json => lines.json().flatten_event(true).boxed(),
    };
    // For all layers at once: a filter of one layer loses the line after sqlx asks whether a line
    // of its own would be shown, and then writes none.
    registry().with(lines).with(filter).with(filter_fn(is_safe)).init();
    quiet_panics();
    Ok(())
}

/// Whether a line may be shown, whatever was asked for. Other people's code logs what it handles:
/// async-imap the LOGIN as sent and mail that it could not parse, HTTP clients their headers. Of
/// theirs, only warnings are shown, and of the IMAP client's nothing.
fn is_safe(line: &Metadata<'_>) -> bool {
    let from = |name: &str| line.target().split("::").next() == Some(name);
    let ours = from(env!("CARGO_CRATE_NAME"));
    ours || (*line.level() <= Level::WARN && !from("async_imap") && !from("imap_proto"))
}

/// A panic's message may hold a piece of a mail; its place in the code never does. The message
/// itself is kept with the ticket.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a stage failed on a mail, or a task broke");
    }));
}
