//! Recording entries: which mails are new, which are known, which are further copies.
//!
//! A batch is a handful of statements, however many entries it has.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::database::{Change, Lock, Transaction, Value};
use super::rows::{self, ADD_DECISIONS, ADD_EVENTS, ADD_JOBS};
use crate::mail::{EmailAddress, MailKey};
use crate::route::Target;
use crate::seams::{Entry, Happening, POSTROOM, Place, Recorded, StoreError, TicketId};

/// The first copy of a mail, and the first decision about it.
const FIRST: i64 = 1;

/// What a repeat's job has for a revision: it delivers no decision.
const NO_REVISION: i64 = 0;

/// An entry with its costly columns made.
pub(super) struct Prepared<'a> {
    entry: &'a Entry,
    text: Value,
    evidence: Value,
}

/// Makes what can be made before a transaction begins: while one is open, others wait.
pub(super) fn prepare(entries: &[Entry]) -> Result<Vec<Prepared<'_>>, StoreError> {
    entries.iter().map(Prepared::new).collect()
}

impl<'a> Prepared<'a> {
    fn new(entry: &'a Entry) -> Result<Self, StoreError> {
        let (text, evidence) = (rows::json(&entry.mail.text)?, rows::json(&entry.evidence)?);
        Ok(Self { entry, text, evidence })
    }
}

/// Records entries in order.
pub(super) async fn record(
    tx: &mut Transaction,
    entries: Vec<Prepared<'_>>,
    now: Timestamp,
) -> Result<Vec<Recorded>, StoreError> {
    let all: Vec<&Entry> = entries.iter().map(|prepared| prepared.entry).collect();
    let Places { known, given_anew } = places(tx, &all).await?;
    forget_names(tx, given_anew).await?;
    let unknown: Vec<&Entry> =
        all.into_iter().filter(|entry| !known.contains_key(&entry.place)).collect();
    let fresh = add_tickets(tx, &unknown, now).await?;
    let older = older_tickets(tx, &unknown, &fresh).await?;
    let mut ledger = Ledger { now, known, fresh, older, ..Ledger::default() };
    let recorded = entries.into_iter().map(|entry| ledger.take(entry)).collect::<Result<_, _>>()?;
    ledger.write(tx).await?;
    Ok(recorded)
}

/// What the ledger has of the places of a batch.
#[derive(Default)]
struct Places {
    /// The tickets of those that hold what they held.
    known: BTreeMap<Place, TicketId>,
    /// The copies whose name another mail has now, by ticket and number.
    given_anew: Vec<[Value; 2]>,
}

/// The places that are known already.
async fn places(tx: &mut Transaction, entries: &[&Entry]) -> Result<Places, StoreError> {
    let keys: BTreeMap<&Place, MailKey> =
        entries.iter().map(|entry| (&entry.place, entry.mail.key)).collect();
    let rows = tx
        .each(
            "WITH v (source, folder, epoch, name) AS (",
            entries.iter().map(|entry| rows::place_columns(&entry.place)).collect(),
            ") SELECT places.source, places.folder, places.epoch, places.name, places.ticket, \
                 places.copy, tickets.key \
             FROM v JOIN places ON places.source = v.source AND places.folder = v.folder \
             AND places.epoch = v.epoch AND places.name = v.name AND places.name <> '' \
             JOIN tickets ON tickets.id = places.ticket",
        )
        .await?;
    let mut places = Places::default();
    for row in &rows {
        let (place, ticket, key) = (rows::place(row, 0)?, row.int(4)?, rows::key(&row.bytes(6)?)?);
        // A server that was restored may give numbers anew without saying so; a Maildir, which has
        // no epoch, never gives a name twice.
        if place.epoch == 0 || keys.get(&place) == Some(&key) {
            places.known.insert(place, TicketId(ticket));
        } else {
            places.given_anew.push([ticket.into(), row.int(5)?.into()]);
        }
    }
    Ok(places)
}

/// Forgets under which name copies lie. Delivery finds them by their key, or says that they are gone.
async fn forget_names(tx: &mut Transaction, copies: Vec<[Value; 2]>) -> Result<(), StoreError> {
    let forget = tx.each(
        "WITH v (ticket, copy) AS (",
        copies,
        ") UPDATE places SET name = '' FROM v \
         WHERE places.ticket = v.ticket AND places.copy = v.copy",
    );
    forget.await.map(|_| ())
}

/// Adds a ticket for every key that has none; says which.
async fn add_tickets(
    tx: &mut Transaction,
    entries: &[&Entry],
    now: Timestamp,
) -> Result<BTreeMap<MailKey, TicketId>, StoreError> {
    let mut seen = BTreeSet::new();
    let tickets = entries
        .iter()
        .filter(|entry| seen.insert(entry.mail.key))
        .map(|entry| ticket_columns(entry, now))
        .collect::<Result<_, _>>()?;
    let rows = tx
        .each(
            "INSERT INTO tickets (key, message_id, sender, subject, kind, oddities, size, \
             received, recorded, revision, target, addressee, reason, confidence, best_team, \
             customer, follows, waits_since)",
            tickets,
            "ON CONFLICT (key) DO NOTHING RETURNING key, id",
        )
        .await?;
    rows.iter().map(|row| Ok((rows::key(&row.bytes(0)?)?, TicketId(row.int(1)?)))).collect()
}

fn ticket_columns(entry: &Entry, now: Timestamp) -> Result<[Value; 18], StoreError> {
    let mail = &entry.mail;
    let [target, addressee, reason] = rows::decision_columns(&entry.decision);
    let [confidence, best_team] = rows::verdict_columns(&entry.evidence);
    let [customer, follows] = rows::thread_columns(&entry.evidence);
    let waits = entry.decision.target == Target::Assist;
    Ok([
        Value::Bytes(mail.key.as_bytes().to_vec()),
        mail.message_id.as_deref().into(),
        mail.sender.as_ref().map(EmailAddress::as_str).into(),
        mail.subject.as_str().into(),
        mail.kind.name().into(),
        rows::json(&mail.oddities)?,
        i64::try_from(mail.size).unwrap_or(i64::MAX).into(),
        entry.received.map(Timestamp::as_millisecond).into(),
        now.as_millisecond().into(),
        FIRST.into(),
        target,
        addressee,
        reason,
        confidence,
        best_team,
        customer,
        follows,
        waits.then(|| now.as_millisecond()).into(),
    ])
}

/// A ticket from before, with its copies in the order in which they were seen.
struct Older {
    ticket: TicketId,
    copies: Vec<(i64, Place)>,
}

/// The tickets that the other keys have, locked, so that no other process adds a copy meanwhile.
async fn older_tickets(
    tx: &mut Transaction,
    entries: &[&Entry],
    fresh: &BTreeMap<MailKey, TicketId>,
) -> Result<BTreeMap<MailKey, Older>, StoreError> {
    let keys: BTreeSet<MailKey> =
        entries.iter().map(|entry| entry.mail.key).filter(|key| !fresh.contains_key(key)).collect();
    let keys = keys.iter().map(|key| [Value::Bytes(key.as_bytes().to_vec())]).collect();
    let found = tx
        .each_locked(
            "SELECT id, key FROM tickets WHERE key IN (",
            keys,
            ") ORDER BY id",
            Lock::Update,
        )
        .await?;
    let mut keys = BTreeMap::new();
    let mut older = BTreeMap::new();
    for row in &found {
        let (ticket, key) = (TicketId(row.int(0)?), rows::key(&row.bytes(1)?)?);
        keys.insert(ticket, key);
        older.insert(key, Older { ticket, copies: Vec::new() });
    }
    let copies = tx
        .each(
            "SELECT source, folder, epoch, name, ticket, copy FROM places WHERE ticket IN (",
            keys.keys().map(|ticket| [ticket.0.into()]).collect(),
            ") ORDER BY ticket, copy",
        )
        .await?;
    for row in &copies {
        let ticket = TicketId(row.int(4)?);
        if let Some(older) = keys.get(&ticket).and_then(|key| older.get_mut(key)) {
            older.copies.push((row.int(5)?, rows::place(row, 0)?));
        }
    }
    Ok(older)
}

/// What is known while a batch is gone through, and what is to be written at its end.
#[derive(Default)]
struct Ledger {
    now: Timestamp,
    known: BTreeMap<Place, TicketId>,
    /// Keys whose ticket was added by this batch, until its first copy comes.
    fresh: BTreeMap<MailKey, TicketId>,
    older: BTreeMap<MailKey, Older>,
    places: Vec<[Value; 6]>,
    renumbered: Vec<[Value; 5]>,
    /// Tickets whose delivery did not arrive.
    bounced: Vec<[Value; 1]>,
    texts: Vec<[Value; 2]>,
    decisions: Vec<[Value; 8]>,
    jobs: Vec<[Value; 9]>,
    events: Vec<[Value; 3]>,
}

impl Ledger {
    fn take(&mut self, prepared: Prepared<'_>) -> Result<Recorded, StoreError> {
        let entry = prepared.entry;
        let key = entry.mail.key;
        if let Some(ticket) = self.known.get(&entry.place) {
            return Ok(Recorded::Known(*ticket));
        }
        let (ticket, recorded) = if let Some(ticket) = self.fresh.remove(&key) {
            self.add(ticket, prepared)?;
            self.older.insert(key, Older { ticket, copies: vec![(FIRST, entry.place.clone())] });
            (ticket, Recorded::New(ticket))
        } else {
            // Every key was either added or found.
            let mut older = self.older.remove(&key).ok_or_else(|| rows::unreadable("key"))?;
            let recorded = self.again(&mut older, entry)?;
            let ticket = older.ticket;
            self.older.insert(key, older);
            (ticket, recorded)
        };
        if !entry.place.name.is_empty() {
            self.known.insert(entry.place.clone(), ticket);
        }
        Ok(recorded)
    }

    /// A mail that was never seen.
    fn add(&mut self, ticket: TicketId, prepared: Prepared<'_>) -> Result<(), StoreError> {
        let Prepared { entry, text, evidence } = prepared;
        let [target, addressee, reason] = rows::decision_columns(&entry.decision);
        self.texts.push([ticket.0.into(), text]);
        self.decisions.push([
            ticket.0.into(),
            FIRST.into(),
            target,
            addressee,
            reason,
            evidence,
            POSTROOM.into(),
            self.now.as_millisecond().into(),
        ]);
        self.place(ticket, FIRST, &entry.place);
        if let Some(action) = &entry.action {
            let of = (ticket, FIRST, FIRST);
            self.jobs.push(rows::job(of, &entry.place.source, action, self.now)?);
        }
        self.event(ticket, &Happening::Decided { decision: entry.decision.clone() })?;
        let returned = entry.evidence.signs.returned.as_ref();
        let Some((about, ours)) = returned.and_then(|it| Some((it.ticket?, it.ours))) else {
            return Ok(());
        };
        if ours {
            self.bounced.push([about.into()]);
        }
        self.event(TicketId(about), &Happening::Bounced { ticket, ours })
    }

    /// A mail that has a ticket: the same copy under a new number, or another copy.
    fn again(&mut self, older: &mut Older, entry: &Entry) -> Result<Recorded, StoreError> {
        let ticket = older.ticket;
        let place = entry.place.clone();
        let renumbered = older.copies.iter_mut().find(|(_, was)| {
            was.source == place.source
                && was.folder == place.folder
                && (was.epoch != place.epoch || was.name.is_empty())
        });
        if let Some((copy, was)) = renumbered {
            *was = place.clone();
            let (epoch, name) = (place.epoch.into(), place.name.as_str().into());
            let now = self.now.as_millisecond().into();
            self.renumbered.push([ticket.0.into(), (*copy).into(), epoch, name, now]);
            self.event(ticket, &Happening::Renumbered { place })?;
            return Ok(Recorded::Known(ticket));
        }
        let copy = older.copies.last().map_or(FIRST, |(copy, _)| copy + 1);
        older.copies.push((copy, place.clone()));
        self.place(ticket, copy, &place);
        if let Some(action) = &entry.if_repeat {
            let of = (ticket, copy, NO_REVISION);
            self.jobs.push(rows::job(of, &place.source, action, self.now)?);
        }
        self.event(ticket, &Happening::SeenAgain { place })?;
        Ok(Recorded::Repeat(ticket))
    }

    fn place(&mut self, ticket: TicketId, copy: i64, place: &Place) {
        let [source, folder, epoch, name] = rows::place_columns(place);
        self.places.push([ticket.0.into(), copy.into(), source, folder, epoch, name]);
    }

    fn event(&mut self, ticket: TicketId, what: &Happening) -> Result<(), StoreError> {
        self.events.push(rows::event(ticket, self.now, what)?);
        Ok(())
    }

    async fn write(self, tx: &mut Transaction) -> Result<(), StoreError> {
        let places = "INSERT INTO places (ticket, copy, source, folder, epoch, name)";
        tx.change([
            Change::new("INSERT INTO texts (ticket, text)", self.texts, ""),
            Change::new(ADD_DECISIONS, self.decisions, ""),
            Change::new(places, self.places, ""),
            Change::new(ADD_JOBS, self.jobs, ""),
            Change::new(
                "WITH v (ticket, copy, epoch, name, now) AS (",
                self.renumbered.clone(),
                ") UPDATE places SET epoch = v.epoch, name = v.name FROM v \
                 WHERE places.ticket = v.ticket AND places.copy = v.copy",
            ),
            // A claimed job of such a copy can't have been done: the mail is still there.
            Change::new(
                "WITH v (ticket, copy, epoch, name, now) AS (",
                self.renumbered,
                ") UPDATE jobs SET state = 'waiting', due = v.now FROM v \
                 WHERE jobs.ticket = v.ticket AND jobs.copy = v.copy AND jobs.state = 'claimed'",
            ),
            Change::new(
                "WITH v (ticket) AS (",
                self.bounced,
                ") UPDATE jobs SET state = 'failed' FROM v \
                 WHERE jobs.ticket = v.ticket AND jobs.state = 'done'",
            ),
            Change::new(ADD_EVENTS, self.events, ""),
        ])
        .await
    }
}
