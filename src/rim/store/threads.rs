//! Threads: which tickets the mails belong to that another mail answers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::database::{Row, Transaction, Value};
use super::rows;
use crate::mail::EmailAddress;
use crate::mail::thread::MAX_ID;
use crate::route::follow::Earlier;
use crate::route::{Decision, Reason};
use crate::seams::StoreError;

/// So many ids are looked up by one statement.
const IDS: usize = 100;

/// Finds the mails with these Message-IDs, and for each the ticket that it follows: its own, or
/// while it is where it followed to, the one at the beginning of the thread.
pub(super) async fn threads(
    tx: &mut Transaction,
    message_ids: &[String],
) -> Result<Vec<Earlier>, StoreError> {
    let ids = message_ids.iter().filter(|id| id.len() <= MAX_ID).map(|id| id.as_str().into());
    // The index has no other ids: PostgreSQL takes none that is longer than a third of a page.
    let indexed = "octet_length(message_id) <= 998 AND message_id";
    let found = mails(tx, indexed, ids.collect()).await?;
    // Looked up by themselves: joined, and not knowing yet how large the ledger is, PostgreSQL
    // would go through all of it.
    let beginnings: BTreeSet<i64> = found.iter().filter_map(Mail::follows_still).collect();
    let beginnings = beginnings.into_iter().map(Value::from).collect();
    let threads: BTreeMap<i64, Mail> =
        mails(tx, "id", beginnings).await?.into_iter().map(|mail| (mail.ticket, mail)).collect();
    let mut earlier: Vec<Earlier> = found
        .iter()
        .map(|mail| {
            let thread = mail.follows_still().and_then(|thread| threads.get(&thread));
            mail.in_thread(thread)
        })
        .collect();
    earlier.sort_by_key(|earlier| earlier.ticket);
    Ok(earlier)
}

/// What is known of a recorded mail.
struct Mail {
    ticket: i64,
    decision: Decision,
    message_id: String,
    came: Timestamp,
    sender: Option<EmailAddress>,
    customer: Option<String>,
    follows: Option<i64>,
}

/// The mails whose column has one of these values.
async fn mails(
    tx: &mut Transaction,
    column: &str,
    values: Vec<Value>,
) -> Result<Vec<Mail>, StoreError> {
    let mut found = Vec::new();
    for values in values.chunks(IDS) {
        let places: Vec<String> = (1..=values.len()).map(|n| format!("${n}")).collect();
        let sql = format!(
            "SELECT target, addressee, reason, id, coalesce(message_id, ''), \
                 coalesce(received, recorded), sender, customer, follows \
             FROM tickets WHERE {column} IN ({})",
            places.join(",")
        );
        for row in tx.rows(AssertSqlSafe(sql), values.to_vec()).await? {
            found.push(Mail::of(&row)?);
        }
    }
    Ok(found)
}

impl Mail {
    fn of(row: &Row) -> Result<Self, StoreError> {
        let sender = row.maybe_text(6)?;
        Ok(Self {
            decision: rows::decision(row, 0)?,
            ticket: row.int(3)?,
            message_id: row.text(4)?,
            came: rows::time(row.int(5)?)?,
            sender: sender.and_then(|sender| EmailAddress::parse(&sender).ok()),
            customer: row.maybe_text(7)?,
            follows: row.maybe_int(8)?,
        })
    }

    /// The ticket that it follows, unless somebody decided otherwise since.
    fn follows_still(&self) -> Option<i64> {
        self.follows.filter(|_| self.decision.reason == Reason::FollowUp)
    }

    /// The mail, with the beginning of its thread if that is another.
    fn in_thread(&self, thread: Option<&Self>) -> Earlier {
        let theirs = |mail: &Self| (mail.sender.clone(), mail.customer.clone());
        let (senders, customers): (Vec<_>, Vec<_>) =
            thread.map(theirs).into_iter().chain([theirs(self)]).unzip();
        let mut senders: Vec<EmailAddress> = senders.into_iter().flatten().collect();
        let mut customers: Vec<String> = customers.into_iter().flatten().collect();
        senders.dedup();
        customers.dedup();
        let beginning = thread.unwrap_or(self);
        Earlier {
            ticket: self.ticket,
            thread: beginning.ticket,
            now: beginning.decision.target.clone(),
            came: self.came,
            senders,
            customers,
            message_id: self.message_id.clone(),
        }
    }
}
