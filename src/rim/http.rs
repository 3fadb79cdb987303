//! The web client that asks other servers: bounded in time and size, over TLS with the system's
//! authorities, and never led elsewhere.
//!
//! It knows nothing of what is asked.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use rustls_platform_verifier::BuilderVerifierExt;

/// A client that takes no redirect: it would carry what we say elsewhere.
///
/// # Errors
/// What stands in the way of TLS.
pub(super) fn client(timeout: Duration) -> Result<reqwest::Client, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|error| error.to_string())?
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .map_err(|error| error.to_string())
}

/// The body of a response; an error if it is longer than `most` bytes or breaks off. The words
/// of the error show no URL, which may hold a secret.
pub(super) async fn body(mut response: reqwest::Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(said)? {
        body.extend_from_slice(&part);
        if body.len() > most {
            return Err("the answer is too long".to_owned());
        }
    }
    Ok(body)
}

/// What a failure says, down to its cause, without the URL.
pub(super) fn said(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}
