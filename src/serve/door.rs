//! Where health and metrics are served: taken once, served at by whoever has something to tell.
//!
//! It knows addresses and the end of serving; what is served is not its business.

use std::future::IntoFuture as _;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use axum::Router;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::ServeError;

/// How long requests that came before the end may take.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

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
        let ended = end.clone().cancelled_owned();
        let serving = axum::serve(listener, pages).with_graceful_shutdown(ended).into_future();
        Ok(async move {
            let patience = async {
                end.cancelled().await;
                tokio::time::sleep(LAST_ANSWERS).await;
            };
            tokio::select! {
                served = serving => if let Err(failure) = served {
                    error!(%failure, "the web server ended");
                },
                () = patience => {}
            }
        })
    }
}
