//! `postroom serve`: the service, until a signal ends it.

use clap::Args;
use postroom::serve::{ServeError, Service};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use super::{Failure, Global};

#[derive(Debug, Args)]
pub(crate) struct Options {}

impl From<ServeError> for Failure {
    fn from(failure: ServeError) -> Self {
        match failure {
            ServeError::Rules(findings) => Self::Findings(findings),
            ServeError::Store(failure) => failure.into(),
            ServeError::Listen { .. } => Self::Failed(failure.into()),
        }
    }
}

/// Serves until SIGTERM or SIGINT.
pub(crate) fn run(global: &Global) -> Result<(), Failure> {
    let config = global.config()?;
    Runtime::new()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let service = Service::start(config).await?;
        tell_systemd(&[sd_notify::NotifyState::Ready]);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        info!("stopping: what is under way is finished first");
        tell_systemd(&[sd_notify::NotifyState::Stopping]);
        service.stop().await;
        Ok(())
    })
}

/// Without systemd this does nothing.
fn tell_systemd(state: &[sd_notify::NotifyState<'_>]) {
    if let Err(failure) = sd_notify::notify(state) {
        warn!(%failure, "systemd could not be told");
    }
}
