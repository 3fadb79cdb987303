//! Opening the embedded store: one SQLite file.
//!
//! It knows files, pragmas and migrations; it knows nothing of tickets.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};

use super::database::Database;
use super::failure::{failure, migration_failure, named};
use super::migrations;
use crate::seams::StoreError;

/// A writer waits this long for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two tries for the turn to open a file.
const OPENING_POLL: Duration = Duration::from_millis(5);

/// What is committed is copied from the log into the file when the log has this many pages of
/// 4 KiB. The writer waits meanwhile, so seldom; and what was written again and again is copied
/// once.
const LOG_PAGES: &str = "16000";

/// The writer keeps as many KiB of pages in memory: all that a transaction changes.
const WRITER_CACHE: &str = "-8000";

/// Statements that stay prepared. Those over a table of values are large, and differ with its
/// length.
const STATEMENTS: usize = 24;

/// Rows that may wait between a connection's thread and who asked: fewer make the two wait for
/// each other at every few rows.
const ROWS_AHEAD: usize = 2_000;

/// Queries wait for one of this many connections.
const READERS: u32 = 4;

/// Opens the file, makes it if there is none, and brings its tables up to date.
pub(super) async fn open(path: &Path) -> Result<Database, StoreError> {
    open_file(path).await.map_err(|failure| named(&format!("`{}`", path.display()), failure))
}

async fn open_file(path: &Path) -> Result<Database, StoreError> {
    let broken = |error: std::io::Error| StoreError::Broken(error.to_string());
    let _turn = opening_turn(path).await;
    // Closing a file that is open as a database too would end that one's locks, so a file that is
    // there already isn't touched.
    if !path.exists() {
        create(path).map_err(broken)?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode NORMAL may lose the last transactions in a power cut; FULL doesn't.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .row_buffer_size(ROWS_AHEAD)
        .statement_cache_capacity(STATEMENTS)
        .busy_timeout(BUSY_TIMEOUT)
        // Statements say nothing to whoever reads our log.
        .disable_statement_logging();
    let writing = options
        .clone()
        .pragma("wal_autocheckpoint", LOG_PAGES)
        .pragma("cache_size", WRITER_CACHE)
        // A text whose retention time is over is overwritten, not only left out.
        .pragma("secure_delete", "ON");
    let writer = pool(1, writing).await?;
    migrations::sqlite().run(&writer).await.map_err(migration_failure)?;
    let readers = pool(READERS, options.pragma("query_only", "ON")).await?;
    Ok(Database::Sqlite { writer, readers })
}

/// Whether there is a file with our tables. What is half made is waited for.
pub(super) async fn has_tables(path: &Path) -> Result<bool, StoreError> {
    let _turn = opening_turn(path).await;
    if !path.exists() {
        return Ok(false);
    }
    let look = async {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let sql = "SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'";
        let found: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(found > 0)
    };
    look.await.map_err(|error| named(&format!("`{}`", path.display()), failure(error)))
}

/// Whether the file can be opened, or made where there is none yet.
pub(super) async fn check(path: &Path) -> Result<String, StoreError> {
    let broken = |why: String| StoreError::Broken(format!("`{}` {why}", path.display()));
    if path.exists() {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(failure)?;
        let read = sqlx::query("SELECT count(*) FROM sqlite_master").execute(&mut connection);
        read.await.map_err(failure)?;
        connection.close().await.map_err(failure)?;
        return Ok("the ledger's file can be read".to_owned());
    }
    match path.parent().map(std::fs::metadata) {
        Some(Ok(folder)) if folder.permissions().readonly() => {
            Err(broken("can't be made: its folder can't be written to".to_owned()))
        }
        Some(Ok(folder)) if folder.is_dir() => Ok("the ledger's file will be made".to_owned()),
        Some(Err(error)) => Err(broken(format!("can't be made in its folder: {error}"))),
        Some(Ok(_)) | None => Err(broken("can't be made: it stands in no folder".to_owned())),
    }
}

/// The ledger holds what customers wrote: nobody but its owner reads it. SQLite gives its own
/// files beside it the same mode.
fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

async fn pool(size: u32, options: SqliteConnectOptions) -> Result<SqlitePool, StoreError> {
    SqlitePoolOptions::new()
        .max_connections(size)
        .acquire_timeout(BUSY_TIMEOUT)
        // A file's connection doesn't die by itself.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        // Where SQLite itself has taken a transaction back, as on a full disk, sqlx goes on as if
        // it were open, and no other could ever begin.
        .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await
        .map_err(failure)
}

/// One process at a time turns a new file into a database with our tables: SQLite says at once that
/// it is locked, without the usual patience, when two switch it to write-ahead logging. The turn is
/// a lock on the folder, which leaves nothing behind, and ends with the value. Where a file system
/// has no such locks, or they are held too long, it goes on without.
async fn opening_turn(path: &Path) -> Option<File> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = File::open(folder.unwrap_or(Path::new("."))).ok()?;
    let until = Instant::now() + BUSY_TIMEOUT;
    loop {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                tokio::time::sleep(OPENING_POLL).await;
            }
            Err(_) => return None,
        }
    }
}

/// The right to serve a file, which one process has at a time.
pub(super) struct ServeLock {
    path: PathBuf,
    held: Mutex<Option<File>>,
}

impl ServeLock {
    /// The lock of a file that is there. By whatever name it is opened, it has one lock.
    pub(super) fn new(database: &Path) -> Self {
        let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
        let mut path = database.into_os_string();
        path.push(".lock");
        Self { path: path.into(), held: Mutex::new(None) }
    }

    /// Takes the lock if it isn't held; it ends with this value or its process.
    pub(super) fn take(&self) -> Result<(), StoreError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_some() {
            return Ok(());
        }
        let broken = |error: std::io::Error| {
            StoreError::Broken(format!("can't lock `{}`: {error}", self.path.display()))
        };
        let file = create(&self.path).map_err(broken)?;
        match file.try_lock() {
            Ok(()) => {
                *held = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::Broken(format!(
                "another process serves from it and holds `{}`; stop that one, or keep the \
                 ledger in PostgreSQL to run several",
                self.path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(broken(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_sqlite_takes_back_by_itself_holds_up_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("file.db"))
            .create_if_missing(true);
        let pool = pool(1, options).await.unwrap();
        for pages in ["8", "100000"] {
            let fits = async {
                sqlx::raw_sql(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}")))
                    .execute(&pool)
                    .await?;
                let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                sqlx::raw_sql(
                    "CREATE TABLE IF NOT EXISTS t (x); INSERT INTO t VALUES (zeroblob(99999))",
                )
                .execute(&mut *tx)
                .await?;
                tx.commit().await
            };
            assert_eq!(fits.await.is_ok(), pages != "8", "{pages} pages");
        }
    }
}
