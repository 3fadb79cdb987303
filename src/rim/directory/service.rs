//! A directory service: asked over HTTP about senders whom the tables don't list.
//!
//! ```text
//! POST {url}                                      Authorization: Bearer {token}
//! {"address": "joe@acme.example"}
//!
//! 200 {"customer": "Acme", "account_manager": "ann@callwise.example", "tier": "gold",
//!      "domain": "acme.example"}
//! 200 {"customer": null}      or 404: nobody's
//! ```
//!
//! `account_manager` and `tier` may be left out or null; `domain` says that the whole domain is
//! the customer's (`*.acme.example`: its sub-domains too), and not the address alone. The address
//! comes in normal form, without a `+tag`. Further keys are passed over. Whatever else the service
//! does is a failure.
//!
//! Answers are kept. While the service is away, one that was kept stands in for so long as the
//! configuration says, and the service is left in peace for a while, so that no mail waits for it
//! again and again. It knows nothing of mails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt as _, stream};
use hashlink::LruCache;
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::config::ServiceSettings;
use crate::directory::{Answer, DomainClaim, Known};
use crate::mail::EmailAddress;
use crate::rim::backoff::backoff;
use crate::rim::{Report, http, secret};

/// So many questions are asked at the same time.
const AT_ONCE: usize = 16;
/// No answer is longer.
const MOST: usize = 64 << 10;

/// The service, and what it said.
pub struct Service {
    settings: ServiceSettings,
    client: reqwest::Client,
    kept: Mutex<LruCache<String, Kept>>,
    mood: Mutex<Mood>,
}

/// An answer, and when it came.
#[derive(Clone)]
struct Kept {
    answer: Answer,
    since: Instant,
}

/// How the service is.
#[derive(Default)]
struct Mood {
    failures: u32,
    /// It is not asked before.
    rests_until: Option<Instant>,
}

#[derive(Serialize)]
struct Question<'a> {
    address: &'a str,
}

/// What the service writes.
#[derive(Deserialize)]
struct Said {
    customer: Option<String>,
    account_manager: Option<String>,
    tier: Option<String>,
    domain: Option<String>,
}

impl Service {
    /// The service of the configuration; it isn't asked yet.
    ///
    /// # Errors
    /// What stands in the way of TLS.
    pub fn new(settings: ServiceSettings) -> Result<Self, String> {
        Ok(Self {
            client: http::client(settings.timeout)?,
            kept: Mutex::new(LruCache::new(settings.entries)),
            mood: Mutex::default(),
            settings,
        })
    }

    /// Asks about an address that nobody has, and says how it went.
    pub async fn check(&self) -> Report {
        // RFC 2606 §2: no such domain will ever be.
        match self.ask("nobody@postroom.invalid").await {
            Ok(_) => Report { facts: vec!["it answers".to_owned()], problems: Vec::new() },
            Err(why) => Report { facts: Vec::new(), problems: vec![why] },
        }
    }

    /// What the service says of each of these addresses, within the time that the configuration
    /// allows: an answer that was kept, a new one, an old one while the service is away, or
    /// [`Answer::Silence`].
    pub async fn answers(&self, addresses: BTreeSet<String>) -> BTreeMap<String, Answer> {
        let mut answers = BTreeMap::new();
        let mut open = Vec::new();
        for address in addresses {
            match self.fresh(&address) {
                Some(answer) => drop(answers.insert(address, answer)),
                None => open.push(address),
            }
        }
        if open.is_empty() {
            return answers;
        }
        let deadline = Instant::now() + self.settings.timeout;
        let mut asked = stream::iter(open.clone())
            .map(|address| async {
                let said = self.ask(&address).await;
                (address, said)
            })
            .buffer_unordered(AT_ONCE);
        while !self.is_away() {
            match timeout_at(deadline, asked.next()).await {
                Ok(Some((address, Ok(answer)))) => {
                    self.well();
                    self.keep(&address, &answer);
                    answers.insert(address, answer);
                }
                Ok(Some((_, Err(why)))) => self.failed(&why),
                Ok(None) => break,
                Err(_) => self.failed("no answer in time"),
            }
        }
        for address in open {
            answers.entry(address).or_insert_with_key(|address| self.stale(address));
        }
        answers
    }

    /// Whether it failed lately, and is left in peace.
    #[must_use]
    pub fn is_away(&self) -> bool {
        let rests = lock(&self.mood).rests_until;
        rests.is_some_and(|until| Instant::now() < until)
    }

    /// How often it failed since it last answered.
    #[must_use]
    pub fn failures(&self) -> u32 {
        lock(&self.mood).failures
    }

    /// An answer that is still taken for true.
    fn fresh(&self, address: &str) -> Option<Answer> {
        let mut kept = lock(&self.kept);
        let Kept { answer, since } = kept.get(address)?;
        let keep = match answer {
            Answer::Known(_) => self.settings.keep,
            Answer::Unknown | Answer::Silence => self.settings.keep_unknown,
        };
        (since.elapsed() < keep).then(|| answer.clone())
    }

    /// What stands in while the service is away.
    fn stale(&self, address: &str) -> Answer {
        let mut kept = lock(&self.kept);
        let found = kept.get(address).filter(|kept| kept.since.elapsed() < self.settings.stale);
        found.map_or(Answer::Silence, |kept| kept.answer.clone())
    }

    fn keep(&self, address: &str, answer: &Answer) {
        let kept = Kept { answer: answer.clone(), since: Instant::now() };
        lock(&self.kept).insert(address.to_owned(), kept);
    }

    fn well(&self) {
        let mut mood = lock(&self.mood);
        if mood.failures > 0 {
            info!("the directory service answers again");
        }
        *mood = Mood::default();
    }

    fn failed(&self, why: &str) {
        let mut mood = lock(&self.mood);
        mood.failures = mood.failures.saturating_add(1);
        let rest = backoff(mood.failures);
        mood.rests_until = Some(Instant::now() + rest);
        warn!(why, rest = ?rest, "the directory service does not answer");
    }

    async fn ask(&self, address: &str) -> Result<Answer, String> {
        let mut request = self.client.post(&self.settings.url).json(&Question { address });
        if let Some(token) = &self.settings.token {
            let token = secret::read(token).await.map_err(|error| error.to_string())?;
            request = request.bearer_auth(token.expose_secret());
        }
        let response = request.send().await.map_err(http::said)?;
        match response.status() {
            StatusCode::OK => {
                let body = http::body(response, MOST).await?;
                // The parser's own words could quote a customer.
                let said = serde_json::from_slice(&body);
                let said = said.map_err(|_| "the answer is not as documented".to_owned())?;
                meant(said)
            }
            StatusCode::NOT_FOUND => Ok(Answer::Unknown),
            status => Err(format!("it answered {status}")),
        }
    }
}

/// From what the service writes to what it means.
fn meant(said: Said) -> Result<Answer, String> {
    let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let Some(customer) = given(said.customer) else { return Ok(Answer::Unknown) };
    let wrong = |what: &str| format!("the answer's `{what}` is not as documented");
    let account_manager = given(said.account_manager).map(|text| EmailAddress::parse(&text));
    let domain = given(said.domain).map(|text| DomainClaim::parse(&text));
    Ok(Answer::Known(Known {
        customer,
        tier: given(said.tier),
        account_manager: account_manager.transpose().map_err(|_| wrong("account_manager"))?,
        domain: domain.transpose().map_err(|_| wrong("domain"))?,
    }))
}

/// A lock that a panicked holder does not take from the others: what it guards is whole after
/// every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
