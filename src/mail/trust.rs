//! Whether a mail is from whom its From field names, as far as our own mail server found out.
//!
//! Anybody can write anything into From, and into `Authentication-Results` too. What counts is
//! what the server said that received the mail for us (RFC 8601): it is known by its name, its
//! authserv-id, and it puts its field above whatever came with the mail. No signature is checked
//! here, and nothing here knows who is a customer.

use serde::{Deserialize, Serialize};

use super::authres::{self, Finding, Results};
use super::mark::Marks;
use super::original::Attached;
use super::registry::organisation;
use super::{EmailAddress, Mail, Oddity};

/// More fields than these are not kept: our own server's is the topmost or close to it.
const MAX_FIELDS: usize = 10;
/// A longer field is not understood.
const MAX_FIELD: usize = 8 * 1024;
/// What a field said is kept up to this many characters.
const MAX_SAID: usize = 300;

/// An `Authentication-Results` field, whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthField {
    /// What stands behind the colon; empty if it is too long to be looked at.
    pub value: String,
    /// Whether it stands above the topmost Received field. Nobody but our own servers can write
    /// there.
    pub above_received: bool,
}

/// What is known of the server that receives a mailbox's mail, and what its word is worth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Door {
    /// The names by which it signs its `Authentication-Results`, in lower case. The empty name
    /// stands for fields that name no server.
    pub authserv_ids: Vec<String>,
    /// What a sender needs to be taken for who they say they are.
    pub policy: TrustPolicy,
    /// What marks a mail as Postroom's own.
    pub marks: Marks,
}

/// What a sender needs to be taken for who they say they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustPolicy {
    /// Proof, whoever they are: also a colleague, and also to follow a thread.
    Require,
    /// Proof, for whoever claims to be a customer, or acts on a customer's behalf.
    #[default]
    Prefer,
    /// Nothing.
    Ignore,
}

impl TrustPolicy {
    /// Every policy, with its name in files and output.
    pub const ALL: [(Self, &'static str); 3] =
        [(Self::Require, "require"), (Self::Prefer, "prefer"), (Self::Ignore, "ignore")];
}

/// Whether a mail's sender is who they say they are, and what that rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// What the mailbox asks for.
    pub policy: TrustPolicy,
    /// What was found.
    #[serde(flatten)]
    pub verdict: TrustVerdict,
    /// Which field that rests on, if on any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
}

/// What our server said of a sender.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum TrustVerdict {
    /// Nobody looked: it is not known what our server calls itself.
    #[default]
    Unchecked,
    /// It is the sender's domain that sent it.
    Verified {
        /// What shows it.
        by: Method,
    },
    /// The domain's owner says that such mail is not theirs (DMARC).
    Failed,
    /// Nothing shows that it is the sender's domain that sent it.
    Unverified {
        /// Why not.
        why: Doubt,
    },
}

/// What shows that a domain sent a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// DMARC (RFC 7489).
    Dmarc,
    /// A signature by the sender's domain (RFC 6376).
    Dkim,
    /// A server that the sender's domain names (RFC 7208).
    Spf,
    /// A login of the sender's at our own server (RFC 4954).
    Auth,
}

/// Why nothing shows that a sender's domain sent a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The mail names no sender.
    NoSender,
    /// From names several, so that it is open which of them was checked.
    SeveralSenders,
    /// No field is from our own server.
    NoFieldOfOurs,
    /// Our server's field can't be understood.
    NotUnderstood,
    /// What passed, passed for another domain, or nothing did.
    NothingPassed,
}

/// The field that a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// Which of the mail's `Authentication-Results` it is, from the top, from 1.
    pub field: usize,
    /// The server that it names.
    pub server: String,
    /// What it says, without comments.
    pub says: String,
}

impl Trust {
    /// Whether the sender may be taken for who they say they are.
    #[must_use]
    pub fn holds(&self) -> bool {
        let found = matches!(self.verdict, TrustVerdict::Unchecked | TrustVerdict::Verified { .. });
        found || self.policy == TrustPolicy::Ignore
    }

    /// Whether they may, or are nobody of whom proof is asked. Whom their own domain disowns is
    /// not even that.
    #[must_use]
    pub fn suffices(&self) -> bool {
        let disowned = self.verdict == TrustVerdict::Failed;
        self.holds() || (self.policy == TrustPolicy::Prefer && !disowned)
    }

    /// Whether it is as if nobody had ever thought of trust.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The `Authentication-Results` of a mail, from values and whether they stand above Received.
pub(super) fn fields<'a>(values: impl Iterator<Item = (&'a [u8], bool)>) -> Vec<AuthField> {
    let field = |(value, above_received): (&[u8], bool)| {
        let value = if value.len() > MAX_FIELD { &[] } else { value };
        AuthField { value: String::from_utf8_lossy(value).into_owned(), above_received }
    };
    values.take(MAX_FIELDS).map(field).collect()
}

/// What our own server says of a mail's sender.
#[must_use]
pub fn trust(mail: &Mail, door: &Door) -> Trust {
    let (verdict, basis) = if door.authserv_ids.is_empty() {
        (TrustVerdict::Unchecked, None)
    } else {
        verdict(mail, &door.authserv_ids)
    };
    Trust { policy: door.policy, verdict, basis }
}

/// Whether the server that received an attached mail for us said that it is not from whom it names.
/// Whoever attached it could have written that it is, but hardly that it isn't.
#[must_use]
pub fn is_disowned(attached: &Attached, door: &Door) -> bool {
    let Some(sender) = attached.sender.as_ref().filter(|_| !door.authserv_ids.is_empty()) else {
        return false;
    };
    let (verdict, _) = said(sender, &attached.authentication, &door.authserv_ids);
    verdict == TrustVerdict::Failed
}

fn verdict(mail: &Mail, ours: &[String]) -> (TrustVerdict, Option<Basis>) {
    let doubt = |why| TrustVerdict::Unverified { why };
    let Some(sender) = &mail.sender else { return (doubt(Doubt::NoSender), None) };
    // Whoever checks two senders may check the other one.
    if mail.oddities.contains(&Oddity::SeveralSenders) {
        return (doubt(Doubt::SeveralSenders), None);
    }
    said(sender, &mail.authentication, ours)
}

/// What our servers say of a sender in these fields.
fn said(
    sender: &EmailAddress,
    fields: &[AuthField],
    ours: &[String],
) -> (TrustVerdict, Option<Basis>) {
    let doubt = |why| TrustVerdict::Unverified { why };
    let read = match our_results(fields, ours) {
        Ok(read) => read,
        Err(why) => return (doubt(why), None),
    };
    let findings = || {
        read.iter().flat_map(|(at, one)| one.results.iter().map(move |result| (*at, one, result)))
    };
    let disowned =
        findings().find(|(_, _, found)| found.method == "dmarc" && found.result == "fail");
    if let Some((at, one, finding)) = disowned {
        return (TrustVerdict::Failed, Some(basis(at, one, std::slice::from_ref(finding))));
    }
    // DMARC first: it is what the sender's domain asks to be judged by.
    for method in [Method::Dmarc, Method::Dkim, Method::Spf, Method::Auth] {
        let proven = findings().find(|(_, _, found)| proves(found, method, sender));
        if let Some((at, one, finding)) = proven {
            let basis = basis(at, one, std::slice::from_ref(finding));
            return (TrustVerdict::Verified { by: method }, Some(basis));
        }
    }
    let topmost = read.first().map(|(at, one)| basis(*at, one, &one.results));
    (doubt(Doubt::NothingPassed), topmost)
}

/// The fields of our own server's, with their place among all: the topmost of them, which is
/// above all that came with the mail, and further ones where nobody else can write.
fn our_results(all: &[AuthField], ours: &[String]) -> Result<Vec<(usize, Results)>, Doubt> {
    let mut found = Vec::new();
    let mut misread = false;
    for (at, field) in all.iter().enumerate() {
        if !found.is_empty() && !field.above_received {
            break;
        }
        match authres::read(&field.value) {
            Some(results) if ours.contains(&results.authserv_id) => found.push((at + 1, results)),
            Some(_) => {}
            None => misread = true,
        }
    }
    match found.is_empty() {
        false => Ok(found),
        true if misread => Err(Doubt::NotUnderstood),
        true => Err(Doubt::NoFieldOfOurs),
    }
}

fn basis(field: usize, of: &Results, findings: &[Finding]) -> Basis {
    let says: Vec<String> = findings.iter().map(Finding::to_string).collect();
    let says = says.join("; ");
    let says = says.chars().filter(|c| !c.is_control()).take(MAX_SAID).collect();
    Basis { field, server: of.authserv_id.clone(), says }
}

/// Whether a result shows by this method that the sender's domain sent the mail.
fn proves(finding: &Finding, method: Method, sender: &EmailAddress) -> bool {
    let (name, properties): (&str, &[&str]) = match method {
        Method::Dmarc => ("dmarc", &["header.from"]),
        Method::Dkim => ("dkim", &["header.d", "header.i"]),
        Method::Spf => ("spf", &["smtp.mailfrom"]),
        Method::Auth => ("auth", &["smtp.auth", "smtp.mailfrom"]),
    };
    if finding.method != name || finding.result != "pass" {
        return false;
    }
    // What it passed for has to be the sender, and each property that names somebody has to.
    let mut named = properties.iter().filter_map(|name| finding.property(name)).peekable();
    named.peek().is_some() && named.all(|value| is_aligned(value, sender.domain()))
}

/// Whether a domain, or an address at one, belongs to the same organisation as the sender's
/// domain: "relaxed" alignment (RFC 7489 §3.1).
fn is_aligned(value: &str, sender: &str) -> bool {
    let domain = value.rsplit_once('@').map_or(value, |(_, domain)| domain).trim_end_matches('>');
    let Some(domain) = super::address::normal_domain(domain) else { return false };
    domain == sender
        || match (organisation(&domain), organisation(sender)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
}
