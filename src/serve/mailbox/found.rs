//! What is found out about judged mails before they are recorded: which tickets they answer, which
//! mail a bounce is about, and whether a sender writes more than anybody does.
//!
//! It asks the store and counts; what follows from what it finds, the core decides.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use tracing::warn;

use super::Desk;
use crate::directory::Present;
use crate::mail::{Mail, MailKey};
use crate::pipeline::{Rules, reconsider};
use crate::rim::backoff::backoff;
use crate::route::follow::{Earlier, Moment, thread};
use crate::route::{Decision, Flood, Policy, Reason, Target};
use crate::seams::{Entry, Evidence, StoreError, TicketId};

/// More senders than this are not counted at a time.
const SENDERS: usize = 20_000;

/// How many of the entries, from the first, answer none of those before them. What they answer has
/// to be in the ledger before it is looked for there.
pub(super) fn independent(entries: &[Entry]) -> usize {
    let mut ids = BTreeSet::new();
    for (count, entry) in entries.iter().enumerate() {
        if asked(&entry.mail).any(|id| ids.contains(id)) {
            return count;
        }
        ids.extend(entry.mail.message_id.as_deref());
    }
    entries.len()
}

/// The Message-IDs that may have a ticket which matters to this mail.
fn asked(mail: &Mail) -> impl Iterator<Item = &str> {
    let returned = mail.returned.iter().filter_map(|about| about.message_id.as_deref());
    mail.answers.iter().map(String::as_str).chain(returned)
}

/// Puts into entries what the ledger knows of the mails that they answer; `false` when the stages
/// are to end.
pub(super) async fn look_up(desk: &Desk, entries: &mut [Entry], now: Timestamp) -> bool {
    // What is filed or stopped goes nowhere, whatever it answers.
    let open = |entry: &Entry| may_follow(&entry.decision) || entry.mail.returned.is_some();
    let ids: BTreeSet<String> = entries
        .iter()
        .filter(|entry| open(entry))
        .flat_map(|entry| asked(&entry.mail).map(str::to_owned))
        .collect();
    let Some(earlier) = earlier(desk, ids).await else { return false };
    if earlier.is_empty() {
        return true;
    }
    let rules = desk.shared.rules.borrow().clone();
    let present = desk.shared.presence.at(now);
    for entry in entries.iter_mut().filter(|entry| open(entry)) {
        let at = entry.received.unwrap_or(now);
        let before = entry.decision.clone();
        let of = (&mut entry.decision, &mut entry.evidence);
        tie(&entry.mail, of, &earlier, (&rules, &present, at));
        if entry.decision.reason == Reason::FollowUp {
            desk.shared.presence.gave_back(&before);
        }
        entry.action = desk.mailbox.folders.action(&entry.decision);
    }
    true
}

/// What the ledger knows of these Message-IDs, for as long as it needs to say; `None` when the
/// stages are to end.
async fn earlier(desk: &Desk, ids: BTreeSet<String>) -> Option<Vec<Earlier>> {
    if ids.is_empty() {
        return Some(Vec::new());
    }
    let ids: Vec<String> = ids.into_iter().collect();
    let mut attempt = 0;
    loop {
        match desk.shared.store.threads(&ids).await {
            Ok(earlier) => return Some(earlier),
            Err(failure) => {
                attempt += 1;
                warn!(mailbox = %desk.mailbox.id, failure = %failure, "can't look up threads");
                desk.shared.health.store_failed(&desk.mailbox.id, &failure.to_string());
                if !desk.pause(backoff(attempt)).await {
                    return None;
                }
            }
        }
    }
}

/// Puts into a mail that was read again what the ledger knows of the mails that it answers.
pub(super) async fn look_up_again(
    desk: &Desk,
    ticket: TicketId,
    mail: &Mail,
    of: (&mut Decision, &mut Evidence),
    at: Timestamp,
) -> Result<(), StoreError> {
    if !may_follow(of.0) && mail.returned.is_none() {
        return Ok(());
    }
    let ids: Vec<String> = asked(mail).map(str::to_owned).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let mut earlier = desk.shared.store.threads(&ids).await?;
    // It doesn't follow what followed it.
    earlier.retain(|earlier| earlier.ticket < ticket.0 && earlier.thread != ticket.0);
    let rules = desk.shared.rules.borrow().clone();
    let present = desk.shared.presence.at(desk.shared.clock.now());
    tie(mail, of, &earlier, (&rules, &present, at));
    Ok(())
}

/// Whether a decision may give way to that of a thread.
fn may_follow(decision: &Decision) -> bool {
    match decision.target {
        Target::Person(_) | Target::Team(_) => true,
        Target::Assist => !matches!(decision.reason, Reason::Loop | Reason::DeliveryBounced),
        Target::Filed | Target::SetAside => false,
    }
}

fn tie(
    mail: &Mail,
    (decision, evidence): (&mut Decision, &mut Evidence),
    earlier: &[Earlier],
    (rules, present, at): (&Rules, &Present, Timestamp),
) {
    if let Some(returned) = &mut evidence.signs.returned {
        let about = |earlier: &&Earlier| Some(&earlier.message_id) == returned.message_id.as_ref();
        let named = earlier.iter().find(about).map(|earlier| earlier.ticket);
        // What a mail of ours says of itself goes before what it is called.
        returned.ticket = returned.ticket.or(named);
    }
    if may_follow(decision) {
        let found = (&evidence.party, &evidence.signs);
        let rests = rules.policy.thread_rests;
        let moment = Moment { directory: &rules.directory, present, came: at, rests };
        evidence.signs.thread = thread(mail, found, earlier, moment);
        reconsider(mail, decision, evidence, &rules.policy);
    }
}

/// How much each sender wrote lately. Kept in memory: after a restart, counting begins anew.
#[derive(Default)]
pub(super) struct Rates {
    senders: BTreeMap<Writer, Rate>,
    /// When somebody was last told that our own mail comes back.
    loop_told: Option<Timestamp>,
}

/// A mailbox, and whether it was shown that its mail is its own: whoever writes in its name must not
/// use up what it may write itself.
type Writer = (String, bool);

/// What one sender wrote lately.
#[derive(Default)]
struct Rate {
    /// When, oldest first, at most one more than the policy allows.
    mails: VecDeque<(Timestamp, MailKey)>,
    /// Whether somebody was told.
    told: bool,
}

impl Rates {
    /// Stops the entries of senders who write more than the policy allows. They wait for a
    /// person, and so do the next ones until their sender has slowed down.
    pub(super) fn limit(&mut self, desk: &Desk, entries: &mut [Entry], now: Timestamp) {
        let rules = desk.shared.rules.borrow().clone();
        let policy = &rules.policy;
        if entries.iter().any(|entry| entry.decision.reason == Reason::Loop) {
            self.tell_of_loop(desk, now, policy.sender_window);
        }
        for entry in entries.iter_mut().filter(|entry| may_follow(&entry.decision)) {
            let Some(sender) = &entry.mail.sender else { continue };
            let mailbox = rules.directory.mailbox_of(sender).into_owned();
            let writer = (mailbox, entry.evidence.signs.trust.holds());
            let at = entry.received.unwrap_or(now);
            let (flooded, alarm) = self.note(writer, (at, entry.mail.key), policy);
            if !flooded {
                continue;
            }
            if alarm {
                let (cap, mailbox) = (policy.sender_cap, &desk.mailbox.id);
                warn!(%mailbox, cap, window = ?policy.sender_window, "a sender writes too much; their mail waits for a person");
            }
            let seconds = policy.sender_window.as_secs();
            entry.evidence.signs.flood = Some(Flood { cap: policy.sender_cap, seconds });
            desk.shared.presence.gave_back(&entry.decision);
            reconsider(&entry.mail, &mut entry.decision, &mut entry.evidence, policy);
            entry.action = desk.mailbox.folders.action(&entry.decision);
        }
    }

    /// One alarm for a loop, and the next when it goes on after the window.
    fn tell_of_loop(&mut self, desk: &Desk, now: Timestamp, window: Duration) {
        let lately = |told: Timestamp| now.duration_since(told).unsigned_abs() <= window;
        if !self.loop_told.is_some_and(lately) {
            warn!(mailbox = %desk.mailbox.id, "mail of our own comes back; it waits for a person");
            self.loop_told = Some(now);
        }
    }

    /// Counts a mail; says whether it is one too many, and whether it is the first such.
    fn note(
        &mut self,
        writer: Writer,
        (at, key): (Timestamp, MailKey),
        policy: &Policy,
    ) -> (bool, bool) {
        if self.senders.len() >= SENDERS && !self.senders.contains_key(&writer) {
            self.forget(at, policy.sender_window);
        }
        let rate = self.senders.entry(writer).or_default();
        let cap = policy.sender_cap as usize;
        let old = |(then, _): &(Timestamp, MailKey)| {
            at.duration_since(*then).unsigned_abs() > policy.sender_window
        };
        while rate.mails.front().is_some_and(old) {
            rate.mails.pop_front();
        }
        // The same mail, read again, is one mail.
        if !rate.mails.iter().any(|(_, known)| *known == key) {
            rate.mails.push_back((at, key));
        }
        let flooded = rate.mails.len() > cap;
        while rate.mails.len() > cap.saturating_add(1) {
            rate.mails.pop_front();
        }
        let alarm = flooded && !rate.told;
        rate.told = flooded;
        (flooded, alarm)
    }

    /// Makes room: whoever wrote nothing within the window goes, or all, if that is nobody.
    fn forget(&mut self, now: Timestamp, window: Duration) {
        let recent = |rate: &Rate| {
            let last = rate.mails.back().map_or(now, |(at, _)| *at);
            now.duration_since(last).unsigned_abs() <= window
        };
        self.senders.retain(|_, rate| recent(rate));
        if self.senders.len() >= SENDERS {
            self.senders.clear();
        }
    }
}
