//! What several replicas on one PostgreSQL can show, and what becomes of calls when it dies.

use super::*;
use postroom::rim::store::{check, open_existing};
use tokio::task::JoinSet;

#[tokio::test]
async fn of_two_replicas_that_race_for_a_lease_one_wins() {
    let ground = Ground::postgres().await;
    let other = ground.another().await;
    for round in 0..20 {
        let source = format!("source {round}");
        let (one, two) = tokio::join!(
            lease(&*ground.store, &source, "one", at(0)),
            lease(&*other, &source, "two", at(0)),
        );
        assert_ne!(one.is_some(), two.is_some(), "{one:?} {two:?}");
        // The same for a lease that has run out.
        let (one, two) = tokio::join!(
            lease(&*ground.store, &source, "three", at(60)),
            lease(&*other, &source, "four", at(60)),
        );
        assert_ne!(one.is_some(), two.is_some(), "{one:?} {two:?}");
        assert_eq!(one.or(two).map(|fence| fence.number), Some(2));
    }
}

#[tokio::test]
async fn concurrent_claims_never_overlap() {
    let ground = Ground::postgres().await;
    let fence = ground.fence().await;
    let entries: Vec<Entry> = (1..=400).map(entry).collect();
    ground.record(&fence, &entries).await;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (store, fence) = (ground.another().await, fence.clone());
        tasks.spawn(async move {
            let mut claimed = Vec::new();
            for _ in 0..10 {
                let jobs = store.claim(&fence, 7, at(0)).await.unwrap();
                claimed.extend(jobs.into_iter().map(|job| job.id));
            }
            claimed
        });
    }
    let mut claimed = tasks.join_all().await.concat();
    claimed.extend(ground.claim(&fence, at(0)).await.into_iter().map(|job| job.id));
    let count = claimed.len();
    assert!(count >= 400, "8 × 10 × 7 is more than there are: {count} claimed");
    let once: BTreeSet<_> = claimed.into_iter().collect();
    assert_eq!((once.len(), count), (400, 400));
}

#[tokio::test]
async fn replicas_that_record_the_same_mails_make_one_ticket_each() {
    let ground = Ground::postgres().await;
    let mut tasks = JoinSet::new();
    for source in ["support", "sales", "billing", "hello"] {
        let store = ground.another().await;
        tasks.spawn(async move {
            let fence = lease(&*store, source, source, at(0)).await.unwrap();
            let mut new = 0;
            for batch in 0..10 {
                let entry = |n| Entry { place: place(source, 1, n), ..entry(n) };
                // Half of them the other way round, so that they get in each other's way.
                let mut entries: Vec<Entry> = (batch * 20..batch * 20 + 20).map(entry).collect();
                if source.len() % 2 == 0 {
                    entries.reverse();
                }
                // A deadlock is resolved by PostgreSQL and passes.
                let recorded = loop {
                    match store.record(&fence, &entries, None, at(0)).await {
                        Ok(recorded) => break recorded,
                        Err(StoreError::Transient(_)) => {}
                        Err(other) => panic!("{other}"),
                    }
                };
                new += recorded.iter().filter(|what| matches!(what, Recorded::New(_))).count();
            }
            new
        });
    }
    assert_eq!(tasks.join_all().await.into_iter().sum::<usize>(), 200);
    let listed = ground.store.tickets(&everything()).await.unwrap();
    assert_eq!(listed.len(), 200);
    for ticket in listed {
        let places = ground.store.ticket(ticket.id).await.unwrap().places;
        let sources: BTreeSet<_> = places.iter().map(|place| &place.source).collect();
        assert_eq!((places.len(), sources.len()), (4, 4));
    }
}

fn everything() -> postroom::seams::TicketFilter {
    postroom::seams::TicketFilter { limit: 1_000, ..Default::default() }
}

#[tokio::test]
async fn a_connection_that_is_cut_passes() {
    let ground = Ground::postgres().await;
    let fence = ground.fence().await;
    // A transaction that waits for a lock is cut while it waits.
    let url = ground.url.clone();
    let mut holder = sqlx::PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN; LOCK TABLE tickets").execute(&mut holder).await.unwrap();
    let store = ground.store.clone();
    let recording = {
        let fence = fence.clone();
        tokio::spawn(async move { store.record(&fence, &[entry(1)], Some(upto(1)), at(0)).await })
    };
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'postroom' AND datname = current_database() \
               AND wait_event_type = 'Lock'";
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while sqlx::query(cut).fetch_all(&mut holder).await.unwrap().is_empty() {
        // pg_stat_activity is a snapshot of the transaction's; it must be taken anew.
        sqlx::raw_sql("SELECT pg_stat_clear_snapshot()").execute(&mut holder).await.unwrap();
        assert!(std::time::Instant::now() < deadline, "it never waited for the lock");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    let result = recording.await.unwrap();
    assert!(matches!(result, Err(StoreError::Transient(_))), "{result:?}");
    assert_eq!(ground.store.cursor(&fence.source).await.unwrap(), Cursor::default());
    assert_eq!(ground.store.tickets(&everything()).await.unwrap(), []);
    ground.recorded(&fence, &entry(1)).await;
}

#[tokio::test]
async fn a_server_that_crashes_and_comes_back_has_kept_what_was_recorded() {
    let mut server = Server::start("on");
    let ground = Ground::at(server.database()).await;
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    server.crash();
    let away = ground.store.record(&fence, &[entry(2)], None, at(0)).await;
    assert!(matches!(away, Err(StoreError::Transient(_))), "{away:?}");
    let closed = open(&ground.settings).await.err().expect("there is no server");
    assert!(matches!(closed, StoreError::Transient(_)), "{closed}");
    server.go();
    // Connections that died unnoticed are replaced without a failed call.
    let after = ground.store.ticket(ticket).await;
    assert_eq!(after.unwrap().ticket.id, ticket);
    assert_eq!(ground.claim(&fence, at(0)).await.len(), 1);
}

#[tokio::test]
async fn a_wrong_url_is_refused_without_its_password() {
    let database = Server::shared().url("no_such_database");
    for url in [database.as_str(), "postgres://me:hunter2@[", "nonsense:hunter2"] {
        let result = open(&StoreSettings::Postgres(url.to_owned().into())).await;
        let Err(StoreError::Broken(why)) = result else { panic!("not refused: {url}") };
        assert!(!why.contains("hunter2"), "{why}");
    }
}

#[tokio::test]
async fn a_check_tells_of_a_database_that_can_hold_no_ledger_and_looking_makes_none() {
    let server = Server::shared();
    let ground = Ground::at(server.database()).await;
    for sql in [
        "CREATE ROLE guest LOGIN",
        "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0",
        "CREATE DATABASE narrow",
    ] {
        ground.behind(sql).await.unwrap();
    }
    let guest = |database: &str| server.url(database).replace("postgres@", "guest@");
    for (url, problem) in [
        (server.url("latin"), "the database's encoding is LATIN1"),
        (guest("narrow"), "`GRANT CREATE ON SCHEMA public TO guest` allows it"),
    ] {
        let settings = StoreSettings::Postgres(url.into());
        let problems = check(&settings).await.problems;
        assert!(problems.len() == 1 && problems[0].contains(problem), "{problems:?}");
    }
    let narrow = StoreSettings::Postgres(server.url("narrow").into());
    for _ in 0..2 {
        assert!(open_existing(&narrow).await.unwrap().is_none());
        assert_eq!(check(&narrow).await.problems, Vec::<String>::new());
    }
    assert!(open_existing(&ground.settings).await.unwrap().is_some());
    assert_eq!(check(&ground.settings).await.problems, Vec::<String>::new());
}
