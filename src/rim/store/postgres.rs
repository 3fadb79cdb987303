//! Opening the shared store: a PostgreSQL database.
//!
//! It knows connections and migrations; it knows nothing of tickets. That a commit survives a
//! power cut is the server's `synchronous_commit`, which is on unless somebody turned it off.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::database::Database;
use super::failure::{failure, migration_failure};
use super::migrations;
use crate::seams::StoreError;

/// Connections of one process. Every mailbox has a reader and a deliverer, and both wait for the
/// network most of the time.
const CONNECTIONS: u32 = 8;

/// A call waits this long for a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects and brings the tables up to date.
pub(super) async fn open(url: &str) -> Result<Database, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(failure)?.application_name("postroom");
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(failure)?;
    // Replicas that start together wait for one another on an advisory lock; where there is none
    // (PostgreSQL's distributed kin), the loser of the race fails and finds it done when it
    // looks again.
    let migrator = migrations::postgres();
    if migrator.run(&pool).await.is_err() {
        migrator.run(&pool).await.map_err(migration_failure)?;
    }
    Ok(Database::Postgres(pool))
}
