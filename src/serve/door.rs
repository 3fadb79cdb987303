//! Where health and metrics are served: taken once, served at by whoever has something to tell.
//!
//! It knows addresses and the end of serving; what is served is not its business.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::ServeError;

/// How long requests that came before the end may take.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// How long a client may take to ask, also for the next time.
const ASKING: Duration = Duration::from_secs(10);
/// More clients than this wait: the mail needs files and connections, too.
const VISITORS: usize = 64;
/// How soon to take clients again after one could not be taken.
const SOON: Duration = Duration::from_secs(1);

/// An address that is ours.
pub(super) struct Door {
    listener: TcpListener,
    address: SocketAddr,
}

impl Door {
    /// Takes the address, before anything is begun.
    pub(super) fn open(address: SocketAddr) -> Result<Self, ServeError> {
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        info!(%address, "serving health and metrics");
        Ok(Self { listener, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves pages there until the end. A client that is slow to ask does not hold up that end.
    pub(super) fn serve(
        &self,
        pages: Router,
        end: CancellationToken,
    ) -> Result<impl Future<Output = ()> + Send + use<>, ServeError> {
        let failed = |source| ServeError::Listen { address: self.address, source };
        let listener = self.listener.try_clone().map_err(failed)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
        Ok(async move {
            let visits = GracefulShutdown::new();
            tokio::select! {
                () = end.cancelled() => {}
                never = receive(listener, pages, &visits) => match never {},
            }
            // A client that is slow to take its answer goes without.
            let _ = timeout(LAST_ANSWERS, visits.shutdown()).await;
        })
    }
}

/// Answers whoever comes, so many at a time.
async fn receive(
    listener: tokio::net::TcpListener,
    pages: Router,
    visits: &GracefulShutdown,
) -> Infallible {
    let room = Arc::new(Semaphore::new(VISITORS));
    let mut server = Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(ASKING);
    loop {
        let place = room.clone().acquire_owned().await;
        let stream = match listener.accept().await {
            Ok((stream, _)) => TokioIo::new(stream),
            Err(failure) => {
                warn!(%failure, "who asks for health or metrics can't be answered just now");
                sleep(SOON).await;
                continue;
            }
        };
        let pages = TowerToHyperService::new(pages.clone());
        let visit = visits.watch(server.serve_connection(stream, pages));
        tokio::spawn(async move {
            // That a client went away, or was too slow, is its own affair.
            let _ = visit.await;
            drop(place);
        });
    }
}
