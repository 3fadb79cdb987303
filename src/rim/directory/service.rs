//! A directory service: asked over HTTP about senders whom the tables don't list.
//!
//! ```text
//! POST {url}                                      Authorization: Bearer {token}
//! {"address": "joe@acme.example"}
//!
//! 200 {"customer": "Acme", "account_manager": "ann@callwise.example", "tier": "gold",
//!      "domain": "acme.example"}
//! 200 {"customer": null}                          nobody's
//! ```
//!
//! `customer` has to be there; `account_manager` and `tier` may be left out or null; `domain` says that the whole domain is
//! the customer's (`*.acme.example`: its sub-domains too), and not the address alone. The address
//! comes in normal form, without a `+tag`. Further keys are passed over. Whatever else the service
//! does is a failure, 404 too: an address that is wrong in the configuration must not make
//! strangers of all customers. Only where the configuration says `not_found = "unknown"` does a
//! 404 mean what `{"customer": null}` does. An answer whose `domain` doesn't hold the address, or
//! is a freemail provider's, counts for nothing.
//!
//! Answers are kept. While the service is away, one that was kept stands in for so long as the
//! configuration says, and the service is left in peace for a while, so that no mail waits for it
//! again and again. An answer that can't be understood, or an error over one address, says nothing
//! about the others. It knows nothing of mails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt as _, stream};
use hashlink::LruCache;
use reqwest::StatusCode;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::config::{NotFound, ServiceSettings};
use crate::directory::{Answer, ClaimError, DomainClaim, Known, Rules};
use crate::mail::EmailAddress;
use crate::rim::backoff::backoff;
use crate::rim::{Report, http, secret};

/// So many questions are asked at the same time.
const AT_ONCE: usize = 16;
/// An error over so many addresses, and an answer over none, is no longer about the addresses.
const ODD_AT_MOST: u32 = 3;
/// No answer is longer.
const MOST: usize = 64 << 10;

/// The service, and what it said.
pub struct Service {
    settings: ServiceSettings,
    rules: Rules,
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
    /// How many addresses it stumbled over since it last answered.
    odd: u32,
    /// It is not asked before.
    rests_until: Option<Instant>,
}

/// Why there is no answer.
enum Trouble {
    /// It doesn't answer at all.
    Away(String),
    /// It doesn't answer about this address.
    Odd(String),
}

#[derive(Serialize)]
struct Question<'a> {
    address: &'a str,
}

/// What the service writes.
#[derive(Deserialize)]
struct Said {
    // With a deserializer of its own the key has to be there: an answer without it says nothing.
    #[serde(deserialize_with = "Option::deserialize")]
    customer: Option<String>,
    account_manager: Option<String>,
    tier: Option<String>,
    domain: Option<String>,
}

impl Service {
    /// The service of the configuration, and the rules that tell which of its answers count; it
    /// isn't asked yet.
    ///
    /// # Errors
    /// What stands in the way of TLS.
    pub fn new(settings: ServiceSettings, rules: Rules) -> Result<Self, String> {
        Ok(Self {
            client: http::client(settings.timeout)?,
            kept: Mutex::new(LruCache::new(settings.entries)),
            mood: Mutex::default(),
            rules,
            settings,
        })
    }

    /// Asks about an address that nobody has, and says how it went.
    pub async fn check(&self) -> Report {
        // RFC 2606 §2: no such domain will ever be.
        match self.ask("nobody@postroom.invalid").await {
            Ok(_) => Report { facts: vec!["it answers".to_owned()], problems: Vec::new() },
            Err(Trouble::Away(why) | Trouble::Odd(why)) => {
                Report { facts: Vec::new(), problems: vec![why] }
            }
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
        if !open.is_empty() && !self.is_away() {
            self.ask_all(&open, &mut answers).await;
        }
        for address in open {
            answers.entry(address).or_insert_with_key(|address| self.stale(address));
        }
        answers
    }

    /// Asks about all of them, until there is no time left.
    async fn ask_all(&self, open: &[String], answers: &mut BTreeMap<String, Answer>) {
        let deadline = Instant::now() + self.settings.timeout;
        let mut asked = stream::iter(open.to_vec())
            .map(|address| async move {
                let said = self.ask(&address).await;
                (address, said)
            })
            .buffer_unordered(AT_ONCE);
        let (mut well, mut odd, mut trouble) = (false, 0, None);
        loop {
            match timeout_at(deadline, asked.next()).await {
                Ok(Some((address, Ok(answer)))) => {
                    well = true;
                    self.tell_unfit(&address, &answer);
                    self.keep(&address, &answer);
                    answers.insert(address, answer);
                }
                Ok(Some((address, Err(why)))) => {
                    if let Trouble::Odd(_) = &why {
                        self.leave_in_peace(&address);
                        odd += 1;
                    }
                    // Being away goes before stumbling.
                    if !matches!((&trouble, &why), (Some(Trouble::Away(_)), Trouble::Odd(_))) {
                        trouble = Some(why);
                    }
                }
                Ok(None) => break,
                Err(_) => {
                    trouble = Some(Trouble::Away("no answer in time".to_owned()));
                    break;
                }
            }
        }
        if well {
            self.well();
        }
        if let Some(why) = trouble {
            self.failed(&why, odd, well);
        }
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

    /// Does not ask about an address again for a while that the service stumbles over.
    fn leave_in_peace(&self, address: &str) {
        if self.stale(address) == Answer::Silence {
            self.keep(address, &Answer::Silence);
        }
    }

    /// Says that an answer counts for nothing: it is a customer's mail that goes elsewhere.
    fn tell_unfit(&self, address: &str, answer: &Answer) {
        let (Answer::Known(known), Ok(sender)) = (answer, EmailAddress::parse(address)) else {
            return;
        };
        if let Err(why) = known.covers(&sender, &self.rules) {
            warn!(%why, "an answer of the directory service counts for nothing");
        }
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

    /// It failed, over so many single addresses, but for what it answered beside.
    fn failed(&self, trouble: &Trouble, odd: u32, well: bool) {
        let mut mood = lock(&self.mood);
        match trouble {
            Trouble::Away(why) | Trouble::Odd(why) if well => {
                warn!(why, "the directory service answers some questions only");
            }
            Trouble::Away(why) => {
                mood.failures = mood.failures.saturating_add(1);
                let rest = backoff(mood.failures);
                mood.rests_until = Some(Instant::now() + rest);
                warn!(why, rest = ?rest, "the directory service does not answer");
            }
            Trouble::Odd(why) => {
                mood.odd = mood.odd.saturating_add(odd);
                if mood.odd < ODD_AT_MOST {
                    warn!(why, "the directory service can't answer about a sender");
                } else {
                    mood.failures = mood.failures.saturating_add(1);
                    warn!(why, "the directory service can't answer about any sender");
                }
            }
        }
    }

    async fn ask(&self, address: &str) -> Result<Answer, Trouble> {
        let mut request = self.client.post(&self.settings.url).json(&Question { address });
        if let Some(token) = &self.settings.token {
            let token = secret::read(token).await.map_err(|error| Trouble::Away(error.to_string()));
            request = request.bearer_auth(token?.expose_secret());
        }
        let sent = request.send().await;
        let response = sent.map_err(|error| Trouble::Away(http::said(error)))?;
        match response.status() {
            StatusCode::OK => {
                let body = http::body(response, MOST).await.map_err(Trouble::Away)?;
                // The parser's own words could quote a customer.
                said(&body)
                    .map_err(|_| "the answer is not as documented".to_owned())
                    .and_then(meant)
                    .map_err(Trouble::Odd)
            }
            StatusCode::NOT_FOUND => match self.settings.not_found {
                NotFound::Unknown => Ok(Answer::Unknown),
                NotFound::Failure => Err(Trouble::Away(
                    "it answered 404 Not Found; if it says so of senders whom it doesn't know, \
                     write `not_found = \"unknown\"`"
                        .to_owned(),
                )),
            },
            status @ (StatusCode::BAD_REQUEST
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::INTERNAL_SERVER_ERROR) => {
                Err(Trouble::Odd(format!("it answered {status}")))
            }
            status => Err(Trouble::Away(format!("it answered {status}"))),
        }
    }
}

/// What the service wrote: an object, where the parser would take a list of the values as well.
fn said(body: &[u8]) -> Result<Said, serde_json::Error> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body)?;
    Said::deserialize(object)
}

/// From what the service writes to what it means.
fn meant(said: Said) -> Result<Answer, String> {
    let given = |text: Option<String>| {
        text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let Some(customer) = given(said.customer) else { return Ok(Answer::Unknown) };
    let tier = given(said.tier);
    let wrong = |what: &str| format!("the answer's `{what}` is not as documented");
    // Both are shown to people, on a line, and compared with what files say.
    let is_broken = |text: &str| text.contains(char::is_control);
    if is_broken(&customer) {
        return Err(wrong("customer"));
    }
    if tier.as_deref().is_some_and(is_broken) {
        return Err(wrong("tier"));
    }
    let account_manager = given(said.account_manager).map(|text| EmailAddress::parse(&text));
    let domain = given(said.domain).map(|text| DomainClaim::parse(&text));
    if let Some(Err(ClaimError::TooBroad(_) | ClaimError::OpenToAll(_))) = &domain {
        return Err("the answer's `domain` takes in everybody below a registry".to_owned());
    }
    Ok(Answer::Known(Known {
        customer,
        tier,
        account_manager: account_manager.transpose().map_err(|_| wrong("account_manager"))?,
        domain: domain.transpose().map_err(|_| wrong("domain"))?,
    }))
}

/// A lock that a panicked holder does not take from the others: what it guards is whole after
/// every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
