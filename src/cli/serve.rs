//! `postroom serve`: the service, until a signal ends it.

use std::time::Duration;

use clap::Args;
use sd_notify::NotifyState;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::output::count;
use super::{Failure, Global};
use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::serve::{ServeError, Service};

#[derive(Debug, Args)]
pub(crate) struct Options {}

impl From<ServeError> for Failure {
    fn from(failure: ServeError) -> Self {
        match failure {
            ServeError::Rules(findings) => Self::Findings(findings),
            ServeError::Store(failure) => failure.into(),
            ServeError::Listen { .. } | ServeError::Directory(_) => Self::Failed(failure.into()),
        }
    }
}

/// Serves until SIGTERM, SIGINT or, when its terminal is closed, SIGHUP. A second signal ends it at once: what was under way then is
/// found again at the next start, as after a crash.
pub(crate) fn run(global: &Global) -> Result<(), Failure> {
    let read = global.read_config().map_err(|failure| logged(failure, ToString::to_string));
    let (config, warnings) = read?;
    for finding in warnings {
        warn!(%finding, "the configuration could be better");
    }
    let runtime = Runtime::new()?;
    let served = runtime.block_on(serve(config));
    runtime.shutdown_background();
    served
}

async fn serve(config: Config) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let service = tokio::select! {
        started = Service::start(config) => {
            started.map_err(|failure| logged(failure.into(), Diagnostic::in_public))?
        }
        () = signals.next() => return Ok(()),
        () = keep_patience() => return Ok(()),
    };
    tell_systemd(&[NotifyState::Ready]);
    signals.next().await;
    info!("stopping: what is under way is finished first; a second signal ends it at once");
    tell_systemd(&[NotifyState::Stopping]);
    tokio::select! {
        () = service.stop() => {}
        () = signals.next() => warn!("stopped at once, by a second signal"),
    }
    Ok(())
}

/// The signals that ask for the end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// What a service says on standard error is kept in a log: findings are a line each there, and
/// not drawn.
fn logged(failure: Failure, line: impl Fn(&Diagnostic) -> String) -> Failure {
    let Failure::Findings(findings) = failure else { return failure };
    for finding in findings.iter().filter(|finding| finding.is_error()) {
        error!(finding = line(finding), "a file has an error");
    }
    let errors =
        count(findings.iter().filter(|finding| finding.is_error()).count() as u64, "error");
    Failure::input(format!("{errors} in the files; `postroom check` shows them with their lines"))
}

/// Tells systemd again and again that the start goes on, however long: it may wait for the
/// directory's database.
async fn keep_patience() {
    loop {
        tokio::time::sleep(Duration::from_secs(20)).await;
        tell_systemd(&[NotifyState::ExtendTimeoutUsec(60_000_000)]);
    }
}

/// Without systemd this does nothing.
fn tell_systemd(state: &[NotifyState<'_>]) {
    if let Err(failure) = sd_notify::notify(state) {
        warn!(%failure, "systemd could not be told");
    }
}
