//! One conformance suite, run over both stores, and what only one of them can show.

mod change;
mod embedded;
mod outbox;
mod reading;
mod recording;
mod replicas;
mod threads;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use postroom::classify::{Hit, Span, TeamScore, Verdict};
use postroom::config::StoreSettings;
use postroom::dictionary::{TeamId, Version};
use postroom::directory::{NoMatch, Party};
use postroom::mail::{EmailAddress, Kind, Mail, MailKey, Text, TextPart, TextPlace};
use postroom::rim::store::open;
use postroom::route::{Decision, Reason, Signs, Target};
use postroom::seams::{
    Action, Cursor, Entry, Evidence, Fence, Happening, Job, Place, Recorded, SourceId, Store,
    StoreError, TicketId,
};
use sqlx::Connection as _;
use tempfile::TempDir;

use crate::support::postgres::Server;

/// Every case runs over both stores under its own name.
macro_rules! cases {
    ($($module:ident: $($case:ident),+;)+) => {
        mod sqlite { $($(#[tokio::test] async fn $case() {
            super::$module::$case(super::Ground::sqlite().await).await;
        })+)+ }
        mod postgres { $($(#[tokio::test] async fn $case() {
            super::$module::$case(super::Ground::postgres().await).await;
        })+)+ }
    };
}

cases! {
    recording:
        the_same_entry_again_changes_nothing,
        a_trial_records_nothing,
        one_message_id_with_two_contents_is_two_tickets,
        a_mail_in_two_mailboxes_is_one_ticket_with_two_places,
        one_batch_may_hold_a_mail_twice,
        a_renumbered_mail_keeps_its_ticket_and_its_job_follows,
        a_claimed_job_of_a_renumbered_mail_waits_again,
        a_copy_that_has_left_is_not_renumbered,
        a_number_that_was_given_anew_is_the_new_mails,
        the_cursor_moves_only_with_its_batch,
        an_error_in_the_middle_of_a_batch_leaves_nothing,
        a_large_batch_is_recorded_in_order,
        odd_text_comes_out_as_it_went_in;
    outbox:
        a_lease_is_renewed_and_handed_on,
        a_stale_fence_is_refused_everywhere,
        a_job_is_claimed_once,
        a_claim_whose_answer_was_lost_lapses,
        a_delivered_mail_lies_where_it_was_moved,
        a_failed_delivery_waits_its_time,
        a_wait_is_no_try,
        a_wait_by_a_clock_that_was_ahead_is_over,
        a_copy_whose_first_is_gone_takes_its_place,
        a_copy_takes_over_from_a_mailbox_that_nobody_attends_to,
        a_delivery_given_up_becomes_a_question,
        an_answer_that_knew_its_mail_to_be_gone_stands,
        a_copy_that_is_given_up_changes_no_decision,
        an_outcome_counts_once_and_for_its_own_source,
        two_copies_may_end_up_in_one_place;
    change:
        an_amendment_replaces_the_waiting_job,
        a_stale_amendment_is_refused,
        an_amendment_waits_for_a_delivery_under_way,
        a_delivered_mail_is_moved_from_where_it_lies_now,
        an_amendment_leaves_the_jobs_of_other_copies,
        a_retry_is_asked_for_once_and_ends,
        what_a_person_decides_ends_a_retry_that_was_asked_for_before,
        a_ticket_that_is_not_there_is_named;
    reading:
        a_ticket_reads_back_as_it_was_recorded,
        tickets_are_listed_in_pages,
        details_are_those_of_each_ticket,
        answers_are_read_as_labelled_mail,
        counts_tell_targets_reasons_and_jobs,
        questions_wait_since_they_are_questions,
        questions_of_an_older_ledger_wait_since_then,
        events_can_only_be_added,
        dictionaries_are_kept_as_they_were,
        forgetting_texts_leaves_questions_alone,
        a_ledger_opens_again,
        a_ledger_of_a_newer_version_is_refused;
    threads:
        a_thread_is_found_by_any_message_id_in_it,
        a_follow_up_belongs_to_the_beginning_until_it_is_corrected,
        a_mail_that_is_read_again_may_join_a_thread,
        an_id_of_any_length_and_make_is_taken,
        a_ticket_hears_of_its_bounce;
}

/// A store to test on, and the means to look behind it.
struct Ground {
    settings: StoreSettings,
    store: Arc<dyn Store>,
    url: String,
    embedded: bool,
    _folder: Option<TempDir>,
}

impl Ground {
    async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("ledger.db");
        let url = format!("sqlite://{}", path.display());
        let settings = StoreSettings::Sqlite(path);
        let store = open(&settings).await.unwrap();
        Self { settings, store, url, embedded: true, _folder: Some(folder) }
    }

    async fn postgres() -> Self {
        Self::at(Server::shared().database()).await
    }

    /// In this PostgreSQL database.
    async fn at(url: String) -> Self {
        let settings = StoreSettings::Postgres(url.clone().into());
        let store = open(&settings).await.unwrap();
        Self { settings, store, url, embedded: false, _folder: None }
    }

    /// Another process's store on the same database.
    async fn another(&self) -> Arc<dyn Store> {
        open(&self.settings).await.unwrap()
    }

    /// Runs a statement behind the store's back.
    async fn behind(&self, sql: &'static str) -> Result<(), sqlx::Error> {
        if self.embedded {
            let mut connection = sqlx::SqliteConnection::connect(&self.url).await?;
            sqlx::raw_sql(sql).execute(&mut connection).await?;
        } else {
            let mut connection = sqlx::PgConnection::connect(&self.url).await?;
            sqlx::raw_sql(sql).execute(&mut connection).await?;
        }
        Ok(())
    }

    /// The right to the source `support`.
    async fn fence(&self) -> Fence {
        self.fence_of("support").await
    }

    async fn fence_of(&self, source: &str) -> Fence {
        lease(&*self.store, source, "one", at(0)).await.expect("nobody else has it")
    }

    /// Records entries without moving the cursor.
    async fn record(&self, fence: &Fence, entries: &[Entry]) -> Vec<Recorded> {
        self.store.record(fence, entries, None, at(0)).await.unwrap()
    }

    async fn record_one(&self, fence: &Fence, entry: &Entry) -> Recorded {
        self.record(fence, std::slice::from_ref(entry)).await[0]
    }

    /// Records one new entry.
    async fn recorded(&self, fence: &Fence, entry: &Entry) -> TicketId {
        let recorded = self.record_one(fence, entry).await;
        let Recorded::New(ticket) = recorded else { panic!("not new: {recorded:?}") };
        ticket
    }

    async fn claim(&self, fence: &Fence, now: Timestamp) -> Vec<Job> {
        self.store.claim(fence, 100, now).await.unwrap()
    }

    /// What happened to a ticket, oldest first.
    async fn happenings(&self, ticket: TicketId) -> Vec<Happening> {
        let detail = self.store.ticket(ticket).await.unwrap();
        detail.events.into_iter().map(|event| event.what).collect()
    }
}

const TTL: Duration = Duration::from_secs(30);

async fn lease(store: &dyn Store, source: &str, holder: &str, now: Timestamp) -> Option<Fence> {
    store.lease(&SourceId(source.to_owned()), holder, now, TTL).await.unwrap()
}

/// A time that many seconds after the start of the test's world.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + seconds).unwrap()
}

fn place(source: &str, epoch: u32, uid: u32) -> Place {
    Place {
        source: SourceId(source.to_owned()),
        folder: "INBOX".to_owned(),
        epoch,
        name: uid.to_string(),
    }
}

/// Where the mail with this number lies once it was moved.
fn moved(uid: u32) -> Place {
    Place { folder: "Teams/infrastructure".to_owned(), epoch: 9, ..place("support", 1, uid) }
}

fn to_folder(folder: &str) -> Action {
    Action::Move { folder: folder.to_owned() }
}

fn team(name: &str) -> Decision {
    Decision { target: Target::Team(TeamId::parse(name).unwrap()), reason: Reason::Confident }
}

fn assist() -> Decision {
    Decision { target: Target::Assist, reason: Reason::BelowThreshold }
}

/// The n-th mail of the test's world, at its place in the mailbox `support`, for a team.
fn entry(n: u32) -> Entry {
    Entry {
        place: place("support", 1, n),
        mail: mail(n),
        received: Some(at(-60)),
        decision: team("infrastructure"),
        evidence: evidence(),
        action: Some(to_folder("Teams/infrastructure")),
        if_repeat: Some(to_folder("Repeats")),
    }
}

fn mail(n: u32) -> Mail {
    let mut key = [7; 32];
    key[..4].copy_from_slice(&n.to_be_bytes());
    let body = "My calls are not connecting".to_owned();
    let parts = vec![TextPart { place: TextPlace::New, range: 0..body.len() }];
    Mail {
        key: MailKey::from_bytes(key),
        message_id: Some(format!("{n}@mail.example")),
        answers: Vec::new(),
        sender: Some(EmailAddress::parse("jane@customer.example").unwrap()),
        recipients: Vec::new(),
        subject: format!("Mail {n}"),
        text: Text { body, parts },
        kind: Kind::Person,
        list_id: None,
        authentication: Vec::new(),
        spam: None,
        attached: Vec::new(),
        marks: Vec::new(),
        returned: None,
        oddities: BTreeSet::new(),
        size: 5_000,
    }
}

fn evidence() -> Evidence {
    let infrastructure = TeamId::parse("infrastructure").unwrap();
    let span = Span { place: TextPlace::New, start: 3, end: 27 };
    Evidence {
        party: Party::Unregistered { why: NoMatch::NotListed },
        signs: Signs::default(),
        verdict: Some(Verdict {
            version: Version("0123456789abcdef".to_owned()),
            words: 16.1,
            // Numbers that a careless reader of JSON gets wrong in the last bit.
            length_factor: 0.997_509_336_107_632_9,
            ranking: vec![TeamScore { team: infrastructure.clone(), base: -2, score: 0.1 + 0.2 }],
            confidence: 2.0_f64.powi(-1022) * 3.0,
            calibrated: false,
            hits: vec![Hit {
                team: infrastructure,
                file: "infrastructure.dict".to_owned(),
                line: 8,
                term: "calls not connecting".to_owned(),
                points: 9,
                strength: 1.0 + 2.0_f64.ln(),
                spans: vec![span],
                occurrences: 1,
            }]
            .into(),
        }),
        threshold: Some(1.0 / 3.0),
        failure: None,
    }
}

/// The same entry as a question for assist, which stays where it is.
fn question(n: u32) -> Entry {
    Entry { decision: assist(), action: None, ..entry(n) }
}

/// A cursor of the first epoch.
fn upto(uid: u32) -> Cursor {
    Cursor { folder: Some("INBOX".to_owned()), epoch: 1, uid }
}

/// Whether it failed for the fence.
fn is_fenced<T>(result: &Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Fenced(source)) if source.0 == "support")
}
