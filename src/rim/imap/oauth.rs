//! Access tokens: kept until they expire, then had anew from the token endpoint (RFC 6749 §6).
//!
//! It knows neither IMAP nor what a token is good for.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::fault::{Fault, shortened};
use crate::config::{Secret, Token};
use crate::rim::secret;

/// The endpoint has this long to answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A token is not used in its last minute, so that it doesn't expire on the way.
const MARGIN: Duration = Duration::from_mins(1);
/// RFC 6749 §5.1 lets the endpoint leave `expires_in` out; an hour is usual.
const USUAL_LIFE: u64 = 3600;
/// No answer of a token endpoint is longer.
const MAX_ANSWER: usize = 256 * 1024;

/// The access token of one account. One caller at a time refreshes it: two that present the same
/// refresh token look like theft to a provider that rotates them.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    access: SecretString,
    until: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    expires_in: Option<u64>,
    refresh_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
    error_description: Option<String>,
}

impl Tokens {
    /// An access token that is still good.
    pub(super) async fn access(&self, token: &Token) -> Result<SecretString, Fault> {
        let Token::Refresh { .. } = token else { return ready(token).await };
        let mut kept = self.kept.lock().await;
        if let Some(Kept { access, until }) = &*kept
            && Instant::now() < *until
        {
            return Ok(access.clone());
        }
        *kept = None;
        let granted = refresh(token).await?;
        let life = Duration::from_secs(granted.expires_in.unwrap_or(USUAL_LIFE));
        let access = granted.access_token;
        *kept = Some(Kept {
            access: access.clone(),
            until: Instant::now() + life.saturating_sub(MARGIN),
        });
        Ok(access)
    }

    /// The token was not accepted.
    pub(super) async fn forget(&self) {
        *self.kept.lock().await = None;
    }
}

async fn ready(token: &Token) -> Result<SecretString, Fault> {
    match token {
        Token::Ready(from) => read(from).await,
        Token::Refresh { .. } => Err(Fault::Refused("the token has to be refreshed".to_owned())),
    }
}

async fn read(from: &Secret) -> Result<SecretString, Fault> {
    secret::read(from).await.map_err(|error| Fault::Refused(error.to_string()))
}

async fn refresh(token: &Token) -> Result<Granted, Fault> {
    let Token::Refresh { endpoint, client_id, client_secret, refresh_token_file, scope } = token
    else {
        return Err(Fault::Refused("a ready token can't be refreshed".to_owned()));
    };
    let refresh_token = read(&Secret::File(refresh_token_file.clone())).await?;
    let secret = match client_secret {
        Some(from) => Some(read(from).await?),
        None => None,
    };
    let mut form = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.expose_secret()),
        ("client_id", client_id),
    ];
    if let Some(secret) = &secret {
        form.push(("client_secret", secret.expose_secret()));
    }
    if let Some(scope) = scope {
        form.push(("scope", scope));
    }
    let granted = ask(endpoint, &form).await?;
    if let Some(rotated) = &granted.refresh_token
        && rotated.expose_secret() != refresh_token.expose_secret()
    {
        keep(refresh_token_file.clone(), rotated.clone()).await?;
    }
    Ok(granted)
}

async fn ask(endpoint: &str, form: &[(&str, &str)]) -> Result<Granted, Fault> {
    let away =
        |error: reqwest::Error| Fault::Lost(format!("the token endpoint: {}", error.without_url()));
    let mut response = client()?.post(endpoint).form(form).send().await.map_err(away)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(away)? {
        body.extend_from_slice(&part);
        if body.len() > MAX_ANSWER {
            return Err(Fault::Lost("the token endpoint's answer is too long".to_owned()));
        }
    }
    if status.is_success() {
        // The parser's own words could quote the token.
        return serde_json::from_slice(&body)
            .map_err(|_| Fault::Lost("the token endpoint's answer holds no token".to_owned()));
    }
    match serde_json::from_slice::<Denied>(&body) {
        // RFC 6749 §5.2: errors come with 400 or 401; all of them need a person.
        Ok(denied) if status.is_client_error() && status.as_u16() != 429 => {
            let why = denied.error_description.unwrap_or_default();
            Err(Fault::Refused(format!(
                "the token endpoint refuses the refresh token: `{}` {}",
                shortened(&denied.error),
                shortened(&why)
            )))
        }
        Ok(_) | Err(_) => Err(Fault::Lost(format!("the token endpoint answered {status}"))),
    }
}

/// A client that takes no redirect: it would carry the refresh token elsewhere.
fn client() -> Result<reqwest::Client, Fault> {
    let trouble =
        |why: String| Fault::Misconfigured(format!("no client for the token endpoint: {why}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|error| trouble(error.to_string()))?
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| trouble(error.to_string()))
}

/// Writes the rotated refresh token, durably, before anything else happens: the old one is dead.
async fn keep(path: PathBuf, token: SecretString) -> Result<(), Fault> {
    let shown = path.display().to_string();
    let written = tokio::task::spawn_blocking(move || replace(&path, token.expose_secret())).await;
    let why = match written {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Err(Fault::Misconfigured(format!("can't keep the rotated refresh token in `{shown}`: {why}")))
}

fn replace(path: &Path, token: &str) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // A temporary file is made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{token}")?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    std::fs::File::open(folder)?.sync_all()
}
