//! The stages of a mail, one after the other: parse, identify, classify, decide.
//!
//! [`Rules::judge`] is the one way from bytes to a decision: the service, the command line and
//! the tests all take it. It does no I/O; what day it is comes with the call.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::civil::Date;

use crate::classify::Scratch;
use crate::config::Folders;
use crate::dictionary::{Dictionaries, TeamId};
use crate::directory::{Directory, NoMatch, Party};
use crate::mail::{Kind, Mail, parse};
use crate::route::{Decision, Identified, Policy, Reason, Ruling, Target, rule};
use crate::seams::{Entry, Evidence, Fetched, TicketDetail};

/// Everything that a decision depends on beside the mail itself. Swapped as a whole when a file
/// changes, so that no mail is judged by half of an edit.
pub struct Rules {
    /// What words belong to which team.
    pub dictionaries: Dictionaries,
    /// The files that they were made of, by name.
    pub sources: BTreeMap<String, String>,
    /// Who is a customer, and who of us knows them.
    pub directory: Directory,
    /// What the owner decided once for all mail.
    pub policy: Policy,
}

/// A mail, where it goes, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The mail.
    pub mail: Mail,
    /// Where it goes.
    pub decision: Decision,
    /// Why.
    pub evidence: Evidence,
}

impl Rules {
    /// Takes a mail through all stages. Answers for every mail: one that makes a stage fail is
    /// set aside with the failure named, and the next one is none the worse for it.
    ///
    /// `raw` is the mail or its beginning, `size` the size of the whole, `today` decides who is
    /// away.
    #[must_use]
    pub fn judge(&self, scratch: &mut Scratch, raw: &[u8], size: u64, today: Date) -> Judgement {
        let case = match identified(&self.directory, raw, size, today) {
            Ok(case) => case,
            Err(why) => return failed(raw, size, &why),
        };
        let threshold = |team: &TeamId| self.threshold(team);
        match caught(|| rule(&case, &self.dictionaries, &self.policy, scratch, threshold)) {
            Ok(ruling) => Judgement::of(case, ruling),
            Err(why) => {
                // A panic may leave the scratch half written, so it is not used again.
                *scratch = Scratch::default();
                failed(raw, size, &why)
            }
        }
    }

    /// How sure the dictionaries must be to send a mail to `team`.
    #[must_use]
    pub fn threshold(&self, team: &TeamId) -> f64 {
        self.policy.threshold_for(&self.dictionaries, team)
    }
}

/// The first two stages: parse, and look up who sent it. `today` decides who is away.
///
/// # Errors
/// What made a stage fail.
pub fn identified(
    directory: &Directory,
    raw: &[u8],
    size: u64,
    today: Date,
) -> Result<Identified, String> {
    caught(|| {
        crate::killpoint::read(raw);
        let mut mail = parse::parse(raw, size);
        // A support address is often a list of our own, as a group at Google is; then every mail
        // that comes in over it has a List-Id and is a person's all the same.
        if mail.kind == Kind::List
            && mail.list_id.as_deref().is_some_and(|id| directory.runs_list(id))
        {
            mail.kind = Kind::Person;
        }
        let party = directory.identify(mail.sender.as_ref(), today);
        Identified { mail, party }
    })
}

impl Judgement {
    fn of(case: Identified, ruling: Ruling) -> Self {
        let Identified { mail, party } = case;
        let Ruling { decision, verdict, threshold } = ruling;
        Self { mail, decision, evidence: Evidence { party, verdict, threshold, failure: None } }
    }

    /// The entry for the ledger.
    #[must_use]
    pub fn entry(self, fetched: &Fetched, folders: &Folders) -> Entry {
        Entry {
            place: fetched.place.clone(),
            received: fetched.received,
            action: folders.action(&self.decision),
            if_repeat: folders.repeat(),
            mail: self.mail,
            decision: self.decision,
            evidence: self.evidence,
        }
    }
}

/// Judges a ticket's mail again from what the ledger holds of it: the mail itself is not needed.
/// With the dictionaries of the version that its evidence names, and the policy of that time, it
/// comes to the same decision and the same evidence, to the byte. `None` if its text is no longer
/// kept.
#[must_use]
pub fn replay(
    kept: &TicketDetail,
    dictionaries: &Dictionaries,
    policy: &Policy,
    scratch: &mut Scratch,
) -> Option<(Decision, Evidence)> {
    if kept.evidence.failure.is_some() {
        let decision = Decision { target: Target::SetAside, reason: Reason::Failed };
        return Some((decision, kept.evidence.clone()));
    }
    let case = kept_case(kept)?;
    let threshold = kept.evidence.threshold.unwrap_or(policy.threshold);
    let ruling = rule(&case, dictionaries, policy, scratch, |_| threshold);
    let Judgement { decision, evidence, .. } = Judgement::of(case, ruling);
    Some((decision, evidence))
}

/// What the decision about a ticket was made about, as far as the ledger holds it: all that a rule
/// looks at. `None` if its text is no longer kept, or a stage failed at it.
#[must_use]
pub fn kept_case(kept: &TicketDetail) -> Option<Identified> {
    if kept.evidence.failure.is_some() {
        return None;
    }
    let mut mail = parse::unreadable(&[], kept.size);
    mail.kind = kept.ticket.kind;
    mail.oddities.clone_from(&kept.oddities);
    mail.sender.clone_from(&kept.ticket.sender);
    mail.subject.clone_from(&kept.ticket.subject);
    mail.text = kept.text.clone()?;
    Some(Identified { mail, party: kept.evidence.party.clone() })
}

/// The judgement of a mail that made something fail.
#[must_use]
pub fn failed(raw: &[u8], size: u64, why: &str) -> Judgement {
    Judgement {
        mail: parse::unreadable(raw, size),
        decision: Decision { target: Target::SetAside, reason: Reason::Failed },
        evidence: Evidence {
            party: Party::Unregistered { why: NoMatch::NoSender },
            verdict: None,
            threshold: None,
            failure: Some(why.to_owned()),
        },
    }
}

/// The result of a stage, or what it panicked with. What a stage had half written must not be used
/// after that.
fn caught<T>(stage: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(stage)).map_err(|panic| panic_message(panic.as_ref()))
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("a stage failed: {}", text.unwrap_or("no message"))
}
