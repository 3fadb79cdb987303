//! How fast the ledger takes tickets in and out, in batches, durably: SQLite on this disk with
//! `synchronous=FULL`, PostgreSQL 15 on this machine with `fsync=on`.
//!
//! `cargo bench --bench store`; the rate that is printed is tickets a second.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that fails says so")]
#![allow(missing_docs, reason = "a benchmark has no readers but its own")]

#[allow(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/suite/support/postgres.rs"]
mod postgres;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use jiff::Timestamp;
use postgres::Server;
use postroom::classify::{Hit, Span, TeamScore, Verdict};
use postroom::config::StoreSettings;
use postroom::dictionary::{TeamId, Version};
use postroom::directory::{NoMatch, Party};
use postroom::mail::{EmailAddress, Kind, Mail, MailKey, Text, TextPart, TextPlace};
use postroom::rim::store::open;
use postroom::route::{Decision, Reason, Signs, Target};
use postroom::seams::{
    Action, Entry, Evidence, Fence, Job, Outcome, Place, Proof, SourceId, Store, TicketFilter,
};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

/// As many mails as one commit takes while there is much to do.
const RECORD: usize = 500;
/// And as many as it takes from a trickle.
const FEW: usize = 50;
/// As many jobs as one MOVE takes.
const MOVE: usize = 500;

/// A store, the right to its only source, and a runtime to ask it in.
struct Ground {
    runtime: Runtime,
    store: Arc<dyn Store>,
    fence: Fence,
    _folder: tempfile::TempDir,
    _server: Option<Server>,
}

impl Ground {
    fn new(backend: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = (backend == "postgres").then(|| Server::start("on"));
        let settings = server.as_ref().map_or_else(
            || StoreSettings::Sqlite(folder.path().join("ledger.db")),
            |server| StoreSettings::Postgres(server.database().into()),
        );
        let runtime = Runtime::new().unwrap();
        let source = SourceId("support".to_owned());
        let (store, fence) = runtime.block_on(async {
            let store = open(&settings).await.unwrap();
            let fence = store.lease(&source, "bench", now(), Duration::from_mins(1)).await;
            (store, fence.unwrap().unwrap())
        });
        Self { runtime, store, fence, _folder: folder, _server: server }
    }

    fn with_questions(backend: &str) -> Self {
        let ground = Self::new(backend);
        for _ in 0..200 {
            ground.record(&entries(500, true));
        }
        ground
    }

    fn record(&self, entries: &[Entry]) {
        let recorded = self.store.record(&self.fence, entries, None, now());
        black_box(self.runtime.block_on(recorded).unwrap());
    }

    fn claim(&self) -> Vec<Job> {
        let limit = u32::try_from(MOVE).unwrap();
        self.runtime.block_on(self.store.claim(&self.fence, limit, now())).unwrap()
    }

    fn settle(&self, jobs: &[Job]) {
        let moved = |job: &Job| {
            let place = Place { folder: "Teams/infrastructure".to_owned(), ..job.place.clone() };
            (job.id, Outcome::Done { place: Some(place), proof: Proof::CopyUid })
        };
        let results: Vec<_> = jobs.iter().map(moved).collect();
        self.runtime.block_on(self.store.settle(&self.fence, &results, now())).unwrap();
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

#[divan::bench(
    args = [("sqlite", RECORD), ("sqlite", FEW), ("postgres", RECORD), ("postgres", FEW)],
    sample_count = 40,
    sample_size = 1
)]
fn record(bencher: Bencher, (backend, together): (&str, usize)) {
    let ground = Ground::new(backend);
    bencher
        .counter(ItemsCount::new(together))
        .with_inputs(|| entries(together, false))
        .bench_local_refs(|entries| ground.record(entries));
}

#[divan::bench(args = ["sqlite", "postgres"], sample_count = 30, sample_size = 1)]
fn claim_and_settle(bencher: Bencher, backend: &str) {
    let ground = Ground::new(backend);
    for _ in 0..40 {
        ground.record(&entries(MOVE, false));
    }
    bencher.counter(ItemsCount::new(MOVE)).bench_local(|| {
        let jobs = ground.claim();
        assert_eq!(jobs.len(), MOVE);
        ground.settle(&jobs);
    });
}

/// The first page of 100,000 open questions.
#[divan::bench(args = ["sqlite", "postgres"], sample_count = 20, sample_size = 1)]
fn page_of_100_000_questions(bencher: Bencher, backend: &str) {
    let ground = Ground::with_questions(backend);
    let questions = TicketFilter {
        target: Some("assist".to_owned()),
        oldest_first: true,
        limit: 50,
        ..TicketFilter::default()
    };
    bencher.bench_local(|| {
        let page = ground.runtime.block_on(ground.store.tickets(&questions)).unwrap();
        assert_eq!(page.len(), 50);
    });
}

/// The numbers for the metrics over 100,000 tickets.
#[divan::bench(args = ["sqlite", "postgres"], sample_count = 20, sample_size = 1)]
fn counts_of_100_000_tickets(bencher: Bencher, backend: &str) {
    let ground = Ground::with_questions(backend);
    bencher.bench_local(|| black_box(ground.runtime.block_on(ground.store.counts()).unwrap()));
}

/// New mails of 5 KB, as the drain brings them.
fn entries(count: usize, questions: bool) -> Vec<Entry> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    (0..count).map(|_| entry(NEXT.fetch_add(1, Ordering::Relaxed), questions)).collect()
}

fn entry(n: u32, question: bool) -> Entry {
    let team = TeamId::parse("infrastructure").unwrap();
    let decision = if question {
        Decision { target: Target::Assist, reason: Reason::BelowThreshold }
    } else {
        Decision { target: Target::Team(team.clone()), reason: Reason::Confident }
    };
    let folder = "Teams/infrastructure".to_owned();
    Entry {
        place: Place {
            source: SourceId("support".to_owned()),
            folder: "INBOX".to_owned(),
            epoch: 1,
            name: n.to_string(),
        },
        mail: mail(n),
        received: Some(now()),
        decision,
        evidence: evidence(&team),
        action: (!question).then_some(Action::Move { folder }),
        if_repeat: None,
    }
}

fn mail(n: u32) -> Mail {
    let body = "My calls are not connecting since this morning, please help us.\n".repeat(75);
    let parts = vec![TextPart { place: TextPlace::New, range: 0..body.len() }];
    Mail {
        // As random as real ones are, since the index feels it.
        key: MailKey::from_bytes(Sha256::digest(n.to_be_bytes()).into()),
        message_id: Some(format!("{n}.abcdef@mail.customer.example")),
        answers: Vec::new(),
        sender: Some(EmailAddress::parse("jane@customer.example").unwrap()),
        recipients: Vec::new(),
        subject: format!("Calls are not connecting ({n})"),
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

fn evidence(team: &TeamId) -> Evidence {
    let hit = |line| Hit {
        team: team.clone(),
        file: "infrastructure.dict".to_owned(),
        line,
        term: "calls not connecting".to_owned(),
        points: 9,
        strength: 1.693,
        spans: vec![Span { place: TextPlace::New, start: 3, end: 27 }],
        occurrences: 1,
    };
    let score = |at: u32| TeamScore { team: team.clone(), base: -2, score: f64::from(at) / 3.0 };
    Evidence {
        party: Party::Unregistered { why: NoMatch::NotListed },
        signs: Signs::default(),
        verdict: Some(Verdict {
            version: Version("0123456789abcdef".to_owned()),
            words: 16.5,
            length_factor: 0.987_654_321,
            ranking: (0..6).rev().map(score).collect(),
            confidence: 0.912_345_678,
            calibrated: false,
            hits: (1..=5).map(hit).collect(),
        }),
        threshold: Some(0.8),
        failure: None,
    }
}
