//! The stages of a mail, one after the other: parse, identify, classify, decide.
//!
//! [`Rules::judge`] is the one way from bytes to a decision: the service, the command line and
//! the tests all take it. It does no I/O; what is true just now comes with the call.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::classify::Scratch;
use crate::config::Folders;
use crate::dictionary::{Dictionaries, TeamId};
use crate::directory::{Directory, NoMatch, Party, Present, Rung};
use crate::mail::trust::{Door, is_disowned, trust};
use crate::mail::{Kind, Mail, original, parse};
use crate::route::{
    Case, Decision, Forward, Identified, Policy, Reason, ReturnedMail, Ruling, Signs, Target,
    came_to, rule,
};
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

/// A mail as it comes in.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The mail or its beginning.
    pub raw: &'a [u8],
    /// The size of the whole.
    pub size: u64,
    /// What is true just now: it decides who is free, and has what the directory service said.
    pub present: &'a Present,
    /// What is known of the server that received it.
    pub door: &'a Door,
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
    #[must_use]
    pub fn judge(&self, scratch: &mut Scratch, arrival: Arrival<'_>) -> Judgement {
        match identified(&self.directory, &self.policy, arrival) {
            Ok(case) => self.ruled(scratch, case, arrival),
            Err(why) => failed(arrival.raw, arrival.size, &why),
        }
    }

    /// Decides again about a mail that was judged before the directory service answered, now that
    /// `arrival` comes with what it said.
    #[must_use]
    pub fn judge_answered(
        &self,
        scratch: &mut Scratch,
        judged: Judgement,
        arrival: Arrival<'_>,
    ) -> Judgement {
        match caught(|| looked_up(&self.directory, &self.policy, judged.mail, arrival)) {
            Ok(case) => self.ruled(scratch, case, arrival),
            Err(why) => failed(arrival.raw, arrival.size, &why),
        }
    }

    fn ruled(&self, scratch: &mut Scratch, case: Identified, arrival: Arrival<'_>) -> Judgement {
        let threshold = |team: &TeamId| self.threshold(team);
        match caught(|| rule(&case, &self.dictionaries, &self.policy, scratch, threshold)) {
            Ok(ruling) => Judgement::of(case, ruling),
            Err(why) => {
                // A panic may leave the scratch half written, so it is not used again.
                *scratch = Scratch::default();
                failed(arrival.raw, arrival.size, &why)
            }
        }
    }
    /// How sure the dictionaries must be to send a mail to `team`.
    #[must_use]
    pub fn threshold(&self, team: &TeamId) -> f64 {
        self.policy.threshold_for(&self.dictionaries, team)
    }
}

/// The first two stages: parse, and look up who sent it.
///
/// # Errors
/// What made a stage fail.
pub fn identified(
    directory: &Directory,
    policy: &Policy,
    arrival: Arrival<'_>,
) -> Result<Identified, String> {
    caught(|| {
        crate::killpoint::read(arrival.raw);
        looked_up(directory, policy, parse::parse(arrival.raw, arrival.size), arrival)
    })
}

/// Who a mail is from, and what else it says of itself.
fn looked_up(
    directory: &Directory,
    policy: &Policy,
    mut mail: Mail,
    arrival: Arrival<'_>,
) -> Identified {
    // A support address is often a list of our own, as a group at Google is; then every mail
    // that comes in over it has a List-Id and is a person's all the same.
    if mail.kind == Kind::List && mail.list_id.as_deref().is_some_and(|id| directory.runs_list(id))
    {
        mail.kind = Kind::Person;
    }
    let marks = &arrival.door.marks;
    // A loop before all else: it must not go round once more.
    if marks.ticket(mail.marks.iter().map(String::as_str)).is_some() {
        mail.kind = Kind::Loop;
    }
    let party = directory.identify(mail.sender.as_ref(), arrival.present);
    let returned = mail.returned.as_ref().map(|about| {
        let ticket = marks.ticket(about.marks.iter().map(String::as_str));
        ReturnedMail { message_id: about.message_id.clone(), ticket, ours: ticket.is_some() }
    });
    let signs = Signs {
        trust: trust(&mail, arrival.door),
        came_to: came_to(&mail.recipients, &policy.aliases),
        spam: mail.spam.clone(),
        returned,
        ..Signs::default()
    };
    let (party, signs) = match &party {
        Party::Colleague { .. } => sent_on(directory, &mail, (party, signs), arrival),
        Party::Registered { .. } | Party::Unregistered { .. } | Party::Unanswered { .. } => {
            (party, signs)
        }
    };
    Identified { mail, party, signs }
}

/// Whether a colleague's mail is another's that they send on. One that is attached whole
/// counts as from whoever wrote it, if the colleague may be taken for one.
fn sent_on(
    directory: &Directory,
    mail: &Mail,
    (party, mut signs): (Party, Signs),
    arrival: Arrival<'_>,
) -> (Party, Signs) {
    let mut senders = mail.attached.iter().filter_map(|attached| attached.sender.as_ref());
    let one = senders.next().filter(|first| senders.all(|other| other == *first));
    let all_named = mail.attached.iter().all(|attached| attached.sender.is_some());
    let (from, attached) = match (one, original::pasted(mail)) {
        // Where the text says another than the file, a person has to see whose mail it is.
        (Some(from), Some(pasted)) if all_named && *from != pasted => (pasted, false),
        (Some(from), _) if all_named => (from.clone(), true),
        (_, Some(from)) => (from, false),
        _ => return (party, signs),
    };
    let disowned = attached && mail.attached.iter().any(|it| is_disowned(it, arrival.door));
    let theirs = directory.identify(Some(&from), arrival.present);
    let (customer, takes) = match &theirs {
        Party::Registered { customer, ladder, .. } => {
            let takes = ladder.taken_by().and_then(Rung::person);
            (Some(customer.clone()), takes.cloned())
        }
        // What it is can only be told when the service has answered.
        Party::Unanswered { .. } if signs.trust.holds() => return (theirs, signs),
        Party::Colleague { .. } | Party::Unregistered { .. } | Party::Unanswered { .. } => {
            (None, None)
        }
    };
    let counts = attached && !disowned && customer.is_some() && signs.trust.holds();
    signs.forward = Some(Forward { from, attached, disowned, customer, takes });
    (if counts { theirs } else { party }, signs)
}

impl Judgement {
    /// The address about which the directory service has to be asked before this mail can be
    /// decided, if that is what it waits for.
    #[must_use]
    pub fn asks(&self) -> Option<&str> {
        let Party::Unanswered { mailbox } = &self.evidence.party else { return None };
        (self.decision.reason == Reason::DirectoryAway).then_some(mailbox)
    }

    fn of(case: Identified, ruling: Ruling) -> Self {
        let Identified { mail, party, signs } = case;
        let Ruling { decision, verdict, threshold } = ruling;
        let evidence = Evidence { party, signs, verdict, threshold, failure: None };
        Self { mail, decision, evidence }
    }

    /// The entry for the ledger.
    #[must_use]
    pub fn entry(mut self, fetched: &Fetched, folders: &Folders) -> Entry {
        if fetched.raw.is_empty() && fetched.size > 0 {
            // Its bytes can't be had: nothing but its place tells it from others like that.
            self.mail.key = fetched.place.key();
        }
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

/// Decides again about a judged mail, after something was found out about it. What the dictionaries
/// said is dropped where they no longer have a say.
pub fn reconsider(mail: &Mail, decision: &mut Decision, evidence: &mut Evidence, policy: &Policy) {
    let case = Case { mail, party: &evidence.party, signs: &evidence.signs, policy };
    if let Some(settled) = case.settled() {
        *decision = settled;
        evidence.verdict = None;
        evidence.threshold = None;
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
    let Evidence { party, signs, .. } = kept.evidence.clone();
    Some(Identified { mail, party, signs })
}

/// The judgement of a mail that made something fail.
#[must_use]
pub fn failed(raw: &[u8], size: u64, why: &str) -> Judgement {
    Judgement {
        mail: parse::unreadable(raw, size),
        decision: Decision { target: Target::SetAside, reason: Reason::Failed },
        evidence: Evidence {
            party: Party::Unregistered { why: NoMatch::NoSender },
            signs: Signs::default(),
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
