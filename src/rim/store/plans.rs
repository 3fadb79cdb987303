//! What a service asks again and again must not take longer as the ledger grows: SQLite finds each
//! row of a table that grows by an index.

use sqlx::AssertSqlSafe;

use super::{change, outbox, read, sqlite};

/// What may be gone through from end to end: it holds what is open and no more.
const SMALL: [&str; 3] = ["retries", "tickets_that_wait", "jobs_open"];

#[tokio::test]
async fn what_is_asked_again_and_again_goes_through_nothing_that_grows() {
    let folder = tempfile::tempdir().unwrap();
    let database = sqlite::open(&folder.path().join("ledger.db")).await.unwrap();
    let asked =
        [change::RETRIES, outbox::CLAIM, read::OLDEST_QUESTION, read::QUESTIONS, read::OPEN_JOBS];
    let mut tx = database.read().await.unwrap();
    for sql in asked {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let steps = tx.rows(explain, vec![]).await.unwrap();
        assert!(!steps.is_empty(), "{sql}");
        for step in steps {
            let step = step.text(3).unwrap();
            let is_scan = step.starts_with("SCAN ");
            let is_small = step.split_whitespace().any(|word| SMALL.contains(&word));
            assert!(!is_scan || is_small, "{step}, in: {sql}");
        }
    }
}
