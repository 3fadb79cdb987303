//! `postroom demo`: the main job before one's eyes. Sample mails lie in a Maildir in a temporary
//! folder and take the same way as any mail; what the service does afterwards is shown as it
//! happens.

mod home;
mod show;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::output::{progress, text};
use super::{Failure, setup};
use crate::rim;
use crate::seams::{Store, TicketId};
use crate::serve::Service;
use home::Home;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// End after the table; the folder is kept
    #[arg(long)]
    no_serve: bool,
    /// Use this folder, which must be empty or absent, instead of a temporary one; it is kept
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where to serve health and metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8088")]
    listen: SocketAddr,
}

/// Longer than this the sample mails never take; something is wrong then.
const DEADLINE: Duration = Duration::from_mins(2);
/// How often to look for news.
const LOOK: Duration = Duration::from_millis(100);

/// Runs the demo.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let home = Home::furnish(options.dir.clone(), options.listen, options.no_serve)?;
    let (config, _) = setup::read_config(&home.config())?;
    Runtime::new()?.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let began = Instant::now();
        let settings = config.store.clone();
        let service = Service::start(config).await?;
        let store = rim::store::open(&settings).await?;
        text(&format!("{} mails lie in {}\n", home.mails, home.mailbox().display()))?;
        let demo = async {
            drain(&service, store.as_ref(), home.mails).await?;
            let last = show::table(store.as_ref(), began.elapsed()).await?;
            let serving = service.address.filter(|_| !options.no_serve);
            text(&show::tips(&home, store.as_ref(), serving).await?)?;
            if options.no_serve { Ok(()) } else { watch(&service, store.as_ref(), last).await }
        };
        let shown = tokio::select! {
            shown = demo => shown,
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        };
        service.stop().await;
        shown
    })?;
    home.leave()
}

/// Waits until every mail is recorded and delivered.
async fn drain(service: &Service, store: &dyn Store, mails: u64) -> Result<(), Failure> {
    let bar = progress(Some(mails), "routing");
    let deadline = Instant::now() + DEADLINE;
    loop {
        let recorded = service.recorded();
        bar.set_position(recorded.min(mails));
        if recorded >= mails && store.counts().await?.jobs_waiting == 0 {
            bar.finish_and_clear();
            return Ok(());
        }
        if Instant::now() > deadline {
            bar.finish_and_clear();
            return Err(Failure::Failed(anyhow::anyhow!(
                "{recorded} of {mails} mails were routed in {} s; that is not as it should be",
                DEADLINE.as_secs()
            )));
        }
        tokio::time::sleep(LOOK / 5).await;
    }
}

/// Shows what happens, for as long as it is watched.
async fn watch(service: &Service, store: &dyn Store, mut last: TicketId) -> Result<(), Failure> {
    let mut rules = service.rules();
    rules.mark_unchanged();
    loop {
        tokio::select! {
            changed = rules.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
                let version = rules.borrow_and_update().dictionaries.version().clone();
                text(&format!("the dictionaries were reloaded: version {version}\n"))?;
            }
            () = tokio::time::sleep(LOOK) => last = show::news(store, last).await?,
        }
    }
}
