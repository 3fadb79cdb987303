//! Access tokens: kept until they expire, then had anew from the token endpoint (RFC 6749 §6).
//!
//! It knows neither IMAP nor what a token is good for.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use super::fault::{Fault, shortened};
use crate::config::{Secret, Token};
use crate::rim::{http, secret};

/// The endpoint has this long to answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A token is not used in its last minute, so that it doesn't expire on the way.
const MARGIN: Duration = Duration::from_mins(1);
/// RFC 6749 §5.1 lets the endpoint leave `expires_in` out; an hour is usual.
const USUAL_LIFE: u64 = 3600;
/// No token is used longer than this, whatever its endpoint promises.
const LONGEST_LIFE: Duration = Duration::from_hours(24);
/// No answer of a token endpoint is longer.
const MAX_ANSWER: usize = 256 * 1024;

/// The access tokens of all accounts. For each refresh token, one caller at a time refreshes: two
/// that present the same look like theft to a provider that rotates them.
#[derive(Debug, Default)]
pub struct Tokens {
    /// By the file that holds the refresh token.
    files: std::sync::Mutex<BTreeMap<PathBuf, Arc<Mutex<Kept>>>>,
}

#[derive(Debug, Default)]
struct Kept {
    /// By what was asked for: mailboxes with the same refresh token may ask for different scopes.
    access: BTreeMap<Grant, (SecretString, Instant)>,
    /// A rotated refresh token that could not be written yet: the one in the file is dead.
    unwritten: Option<SecretString>,
}

/// What an access token was asked for: the endpoint, the client and the scope.
type Grant = (String, String, Option<String>);

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
    ///
    /// Once the endpoint has been asked, the refresh token that we have may be dead: whoever waits
    /// for the answer may be stopped, but not the keeping of what it rotates.
    pub(super) async fn access(&self, token: &Token) -> Result<SecretString, Fault> {
        let Some((file, grant)) = named(token) else { return ready(token).await };
        let kept = self.kept(&file).lock_owned().await;
        if let Some((access, until)) = kept.access.get(&grant)
            && Instant::now() < *until
        {
            return Ok(access.clone());
        }
        let renewing = tokio::spawn(renew(kept, token.clone(), file, grant));
        renewing.await.unwrap_or_else(|broke| Err(Fault::Lost(broke.to_string())))
    }

    /// The token was not accepted.
    pub(super) async fn forget(&self, token: &Token) {
        if let Some((file, grant)) = named(token) {
            self.kept(&file).lock().await.access.remove(&grant);
        }
    }

    /// Waits until what is being refreshed is kept.
    pub async fn settled(&self) {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for kept in files.into_values() {
            drop(kept.lock().await);
        }
    }

    fn kept(&self, file: &Path) -> Arc<Mutex<Kept>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.entry(file.to_owned()).or_default().clone()
    }
}

/// Where the refresh token is, if there is one, and what it is used for.
fn named(token: &Token) -> Option<(PathBuf, Grant)> {
    let Token::Refresh { endpoint, client_id, refresh_token_file, scope, .. } = token else {
        return None;
    };
    Some((refresh_token_file.clone(), (endpoint.clone(), client_id.clone(), scope.clone())))
}

/// Has a new access token, and keeps it.
async fn renew(
    mut kept: OwnedMutexGuard<Kept>,
    token: Token,
    file: PathBuf,
    grant: Grant,
) -> Result<SecretString, Fault> {
    kept.access.remove(&grant);
    let old = match &kept.unwritten {
        Some(token) => token.clone(),
        None => read(&Secret::File(file.clone())).await?,
    };
    let granted = refresh(&token, &old).await?;
    if let Some(rotated) = granted.refresh_token
        && rotated.expose_secret() != old.expose_secret()
    {
        kept.unwritten = Some(rotated);
    }
    if let Some(rotated) = kept.unwritten.clone() {
        keep(file, rotated).await?;
        kept.unwritten = None;
    }
    let life = Duration::from_secs(granted.expires_in.unwrap_or(USUAL_LIFE));
    let until = Instant::now() + life.saturating_sub(MARGIN).min(LONGEST_LIFE);
    kept.access.insert(grant, (granted.access_token.clone(), until));
    Ok(granted.access_token)
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

async fn refresh(token: &Token, refresh_token: &SecretString) -> Result<Granted, Fault> {
    let Token::Refresh { endpoint, client_id, client_secret, scope, .. } = token else {
        return Err(Fault::Refused("a ready token can't be refreshed".to_owned()));
    };
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
    ask(endpoint, &form).await
}

async fn ask(endpoint: &str, form: &[(&str, &str)]) -> Result<Granted, Fault> {
    let away = |why: String| Fault::Lost(format!("the token endpoint: {why}"));
    let client = http::client(TIMEOUT)
        .map_err(|why| Fault::Misconfigured(format!("no client for the token endpoint: {why}")))?;
    let sent = client.post(endpoint).form(form).send().await;
    let response = sent.map_err(|error| away(http::said(error)))?;
    let status = response.status();
    let body = http::body(response, MAX_ANSWER).await.map_err(away)?;
    if status.is_success() {
        // The parser's own words could quote the token.
        return serde_json::from_slice(&body)
            .map_err(|_| Fault::Lost("the token endpoint's answer holds no token".to_owned()));
    }
    match serde_json::from_slice::<Denied>(&body) {
        // RFC 6749 §5.2: errors come with 400 or 401, and all of them need a person.
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
