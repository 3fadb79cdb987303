//! What only the embedded store can show.

use super::*;
use postroom::seams::TicketFilter;

#[tokio::test]
async fn one_process_serves_and_others_only_look_and_amend() {
    let ground = Ground::sqlite().await;
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &question(1)).await;

    // Another process is another store: the lock belongs to the open file, not to the process.
    let other = ground.another().await;
    let refused = other.lease(&fence.source, "two", at(99), TTL).await;
    let Err(StoreError::Broken(why)) = refused else { panic!("not refused: {refused:?}") };
    assert!(why.contains("another process serves from it"), "{why}");
    ground.store.record(&fence, &[question(2)], None, at(1)).await.unwrap();

    let filter = TicketFilter { limit: 9, ..TicketFilter::default() };
    assert_eq!(other.tickets(&filter).await.unwrap().len(), 2);
    other.ask_retry(ticket, "Ann", at(2)).await.unwrap();
    assert_eq!(ground.store.retries(&fence.source, 9).await.unwrap().len(), 1);

    // Once the first has gone, however it went, the next may serve at once.
    drop(ground.store);
    let taken = other.lease(&fence.source, "two", at(3), TTL).await.unwrap().unwrap();
    assert_eq!(taken.number, fence.number + 1);
}

#[tokio::test]
async fn a_file_has_one_lock_by_whatever_name_it_is_opened() {
    let ground = Ground::sqlite().await;
    let fence = ground.fence().await;
    let StoreSettings::Sqlite(path) = &ground.settings else { unreachable!() };
    let link = path.with_file_name("link.db");
    std::os::unix::fs::symlink(path, &link).unwrap();
    let other = open(&StoreSettings::Sqlite(link)).await.unwrap();
    let refused = other.lease(&fence.source, "two", at(99), TTL).await;
    assert!(matches!(refused, Err(StoreError::Broken(_))), "{refused:?}");
}

#[tokio::test]
async fn a_text_that_is_forgotten_is_in_no_file() {
    let ground = Ground::sqlite().await;
    let fence = ground.fence().await;
    let with_text = |n: u32| {
        let mut entry = entry(n);
        // Short ones share a page, long ones have pages of their own.
        entry.mail.text.body = "what Jane told nobody else ".repeat(1 + n as usize % 7 * 60);
        entry
    };
    ground.record(&fence, &(1..=50).map(with_text).collect::<Vec<_>>()).await;
    let StoreSettings::Sqlite(path) = &ground.settings else { unreachable!() };
    let found = || {
        let beside =
            ["", "-wal"].map(|beside| PathBuf::from(format!("{}{beside}", path.display())));
        let files = beside.iter().filter_map(|path| std::fs::read(path).ok());
        files
            .map(|file| memchr::memmem::find_iter(&file, "Jane told nobody").count())
            .sum::<usize>()
    };
    assert!(found() > 0);
    // Whoever reads meanwhile keeps it for as long as that takes, and fails nothing.
    let mut reader = sqlx::SqliteConnection::connect(&ground.url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM texts").execute(&mut reader).await.unwrap();
    assert_eq!(ground.store.forget_texts(at(1)).await.unwrap(), 50);
    reader.close().await.unwrap();
    assert_eq!(ground.store.forget_texts(at(1)).await.unwrap(), 0);
    assert_eq!(found(), 0);
}

#[tokio::test]
async fn nobody_but_its_owner_reads_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let ground = Ground::sqlite().await;
    ground.fence().await;
    let StoreSettings::Sqlite(path) = &ground.settings else { unreachable!() };
    for beside in ["", "-wal", "-shm", ".lock"] {
        let path = PathBuf::from(format!("{}{beside}", path.display()));
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[tokio::test]
async fn a_missing_folder_and_a_foreign_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign.db");
    std::fs::write(&foreign, "this is a letter, not a database; it is long enough ".repeat(99))
        .unwrap();
    for (path, says) in [(folder.path().join("no/ledger.db"), "no/ledger.db"), (foreign, "not a")] {
        let result = open(&StoreSettings::Sqlite(path)).await;
        let Err(StoreError::Broken(why)) = result else { panic!("not refused") };
        assert!(why.contains(says), "{why}");
    }
}

#[tokio::test]
async fn many_writers_wait_for_one_another() {
    let ground = Ground::sqlite().await;
    let fence = ground.fence().await;
    let entries: Vec<Entry> = (1..=40).map(question).collect();
    ground.record(&fence, &entries).await;
    let other = ground.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 1..=40 {
        let store = if n % 2 == 0 { ground.store.clone() } else { other.clone() };
        tasks.spawn(async move { store.ask_retry(TicketId(n), "Ann", at(n)).await });
    }
    for result in tasks.join_all().await {
        result.unwrap();
    }
    assert_eq!(other.retries(&fence.source, 99).await.unwrap().len(), 40);
}

#[tokio::test]
async fn a_new_file_may_be_opened_by_several_at_once() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings::Sqlite(folder.path().join("ledger.db"));
        // Each has a thread of its own for its connection, as another process would.
        let opened = futures_util::future::join_all((0..6).map(|_| open(&settings))).await;
        for opened in opened {
            opened.map(|_| ()).expect("whoever loses the race looks again");
        }
    }
}
