//! The stages of a mail, one after the other: parse, identify, classify, decide.
//!
//! [`Rules::judge`] is the one way from bytes to a decision: the service, the command line and
//! the tests all take it. It does no I/O; what is true just now comes with the call.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::classify::{Scratch, Verdict, classify};
use crate::config::Folders;
use crate::dictionary::Dictionaries;
use crate::directory::{Directory, NoMatch, Party, Present};
use crate::mail::{Kind, Mail, parse};
use crate::route::{Decision, Policy, Reason, Target, decide};
use crate::seams::{Entry, Evidence, Fetched, TicketDetail};

/// Everything that a decision depends on beside the mail itself. Swapped as a whole when a file
/// changes, so that no mail is judged by half of an edit.
pub struct Rules {
    /// What words belong to which team.
    pub dictionaries: Dictionaries,
    /// The files that they were made of, by name.
    pub sources: BTreeMap<String, String>,
    /// Who is a customer, and who of us knows them.
    pub directory: Arc<Directory>,
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
    /// `raw` is the mail or its beginning, `size` the size of the whole, `present` decides who is
    /// free, and has what the directory service said.
    #[must_use]
    pub fn judge(
        &self,
        scratch: &mut Scratch,
        raw: &[u8],
        size: u64,
        present: &Present,
    ) -> Judgement {
        guarded(scratch, (raw, size), |scratch| {
            crate::killpoint::read(raw);
            self.decide(scratch, parse::parse(raw, size), present)
        })
    }

    /// Decides again about a mail that was judged before the directory service answered, now that
    /// `present` has what it said. `raw` is the mail as it was judged.
    #[must_use]
    pub fn judge_answered(
        &self,
        scratch: &mut Scratch,
        judged: Judgement,
        raw: &[u8],
        present: &Present,
    ) -> Judgement {
        let size = judged.mail.size;
        guarded(scratch, (raw, size), |scratch| self.decide(scratch, judged.mail, present))
    }

    fn decide(&self, scratch: &mut Scratch, mut mail: Mail, present: &Present) -> Judgement {
        // A support address is often a list of our own, as a group at Google is; then every mail
        // that comes in over it has a List-Id and is a person's all the same.
        if mail.kind == Kind::List
            && mail.list_id.as_deref().is_some_and(|id| self.directory.runs_list(id))
        {
            mail.kind = Kind::Person;
        }
        let party = self.directory.identify(mail.sender.as_ref(), present);
        let (decision, verdict) = decide(
            &mail,
            &party,
            &self.policy,
            |team| self.threshold(team),
            || classify(&self.dictionaries, scratch, &mail.subject, &mail.text),
        );
        let threshold = verdict.as_ref().and_then(Verdict::best).map(|b| self.threshold(&b.team));
        Judgement {
            mail,
            decision,
            evidence: Evidence { party, verdict, threshold, failure: None },
        }
    }

    /// How sure the dictionaries must be to send a mail to `team`: what the configuration says
    /// of the team, else what was calibrated for it, else what the configuration says of all.
    #[must_use]
    pub fn threshold(&self, team: &crate::dictionary::TeamId) -> f64 {
        let configured = self.policy.thresholds.get(team).copied();
        configured.or_else(|| self.dictionaries.threshold(team)).unwrap_or(self.policy.threshold)
    }
}

/// Runs the stages of a mail; a panic in one of them sets the mail aside.
fn guarded(
    scratch: &mut Scratch,
    (raw, size): (&[u8], u64),
    stages: impl FnOnce(&mut Scratch) -> Judgement,
) -> Judgement {
    let run = AssertUnwindSafe(|| stages(scratch));
    // A panic may leave the scratch half written, so it is not used again.
    catch_unwind(run).unwrap_or_else(|panic| {
        *scratch = Scratch::default();
        failed(raw, size, &panic_message(panic.as_ref()))
    })
}

impl Judgement {
    /// The address about which the directory service has to be asked before this mail can be
    /// decided, if that is what it waits for.
    #[must_use]
    pub fn asks(&self) -> Option<&str> {
        let Party::Unanswered { mailbox } = &self.evidence.party else { return None };
        (self.decision.reason == Reason::DirectoryAway).then_some(mailbox)
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
) -> Option<(Decision, Evidence)> {
    if kept.evidence.failure.is_some() {
        let decision = Decision { target: Target::SetAside, reason: Reason::Failed };
        return Some((decision, kept.evidence.clone()));
    }
    let mut mail = parse::unreadable(&[], kept.size);
    mail.kind = kept.ticket.kind;
    mail.oddities.clone_from(&kept.oddities);
    mail.sender.clone_from(&kept.ticket.sender);
    mail.subject.clone_from(&kept.ticket.subject);
    mail.text = kept.text.clone()?;
    let party = kept.evidence.party.clone();
    let threshold = kept.evidence.threshold;
    let (decision, verdict) = decide(
        &mail,
        &party,
        policy,
        |_| threshold.unwrap_or(policy.threshold),
        || classify(dictionaries, &mut Scratch::default(), &mail.subject, &mail.text),
    );
    Some((decision, Evidence { party, verdict, threshold, failure: None }))
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

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("a stage failed: {}", text.unwrap_or("no message"))
}
