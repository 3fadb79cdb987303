//! What is served over HTTP: health, readiness and metrics.
//!
//! It knows the store and the health of the service; it decides nothing.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;

use crate::rim::health::Health;
use crate::seams::{Clock, Store};

#[derive(Clone)]
struct Pages {
    store: Arc<dyn Store>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
}

/// Everything that is served.
pub fn router(store: Arc<dyn Store>, health: Arc<Health>, clock: Arc<dyn Clock>) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Pages { store, health, clock })
}

/// Whether the process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether it does its work: every mailbox read lately, the store answering.
async fn readyz(State(pages): State<Pages>) -> Response {
    let store = pages.store.counts().await.err().map(|failure| failure.to_string());
    let readiness = pages.health.readiness(pages.clock.now(), store);
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}

/// The numbers, for Prometheus. Those that come from the store are left as they were while it
/// doesn't answer.
async fn metrics(State(pages): State<Pages>) -> Response {
    let counts = pages.store.counts().await.ok();
    let text = pages.health.metrics(counts.as_ref());
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}
