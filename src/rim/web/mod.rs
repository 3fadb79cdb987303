//! What is served over HTTP: health, readiness and metrics.
//!
//! It knows the store and the health of the service; it decides nothing.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use tokio::time::timeout;

use crate::rim::health::Health;
use crate::seams::{Clock, Store};

/// Those who ask whether we are ready don't wait longer for the store.
const PROBE: Duration = Duration::from_secs(2);
/// Those who scrape give up after 10 seconds.
const SCRAPE: Duration = Duration::from_secs(8);

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone)]
struct Pages {
    store: Option<Arc<dyn Store>>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
}

/// Everything that is served; without the store, what there is to tell before the start is done.
pub fn router(store: Option<Arc<dyn Store>>, health: Arc<Health>, clock: Arc<dyn Clock>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .fallback(nothing_here)
        .with_state(Pages { store, health, clock })
}

async fn nothing_here() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "nothing here; there are /healthz, /readyz and /metrics\n")
}

/// Whether the process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether it does its work: every mailbox read lately, the store answering.
async fn readyz(State(pages): State<Pages>) -> Response {
    let store = match &pages.store {
        Some(store) => match timeout(PROBE, store.ping()).await {
            Ok(answered) => answered.err().map(|failure| failure.to_string()),
            Err(_) => Some("the store does not answer".to_owned()),
        },
        None => None,
    };
    let readiness = pages.health.readiness(pages.clock.now(), store);
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// The numbers, for Prometheus: as `OpenMetrics` for those who ask for it, else in the older text
/// format, which everything reads.
async fn metrics(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    let counts = match &pages.store {
        Some(store) => timeout(SCRAPE, store.counts()).await.ok().and_then(Result::ok),
        None => None,
    };
    let text = pages.health.metrics(counts.as_ref());
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
        ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response()
    } else {
        ([(header::CONTENT_TYPE, PLAIN)], plain(&text)).into_response()
    }
}

/// `OpenMetrics` in Prometheus' older text format (its version 0.0.4): there, a counter is named
/// with its `_total` everywhere, and the end is not marked.
fn plain(open: &str) -> String {
    let mut text = String::with_capacity(open.len());
    let is_counter = |name: &str| open.contains(&format!("# TYPE {name} counter\n"));
    for line in open.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some(word), Some(name), Some(rest)) if is_counter(name) => {
                let _ = writeln!(text, "# {word} {name}_total {rest}");
            }
            _ => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}
