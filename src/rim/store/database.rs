//! The two databases behind one narrow door: begin, ask, commit. The same SQL text runs on both,
//! so what the ledger does is written once; what differs is named here.
//!
//! It knows connections, statements and values. It knows nothing of tickets.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use sqlx::postgres::{PgPool, PgRow};
use sqlx::query::Query;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Decode, Encode, Postgres, Row as _, SqlSafeStr, Sqlite, Type};

use super::failure::failure;
use crate::seams::StoreError;

/// More values than this don't go into one statement: both databases limit them, SQLite to 32,766.
const VALUES: usize = 16_000;

/// Whatever a server is asked takes far less.
const ANSWER: Duration = Duration::from_mins(2);

/// The log is emptied when nobody reads; whoever wants to write meanwhile doesn't wait for long.
const EMPTYING: &str = "PRAGMA busy_timeout = 1000";
/// And the patience of every other statement, as the file is opened with.
const WRITING: &str = "PRAGMA busy_timeout = 10000";

/// An open database.
pub(super) enum Database {
    /// One connection writes, as SQLite wants it; others read beside it.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    /// Any number of connections, here and in other processes.
    Postgres(PgPool),
}

impl Database {
    /// Begins a transaction that writes.
    pub(super) async fn write(&self) -> Result<Transaction, StoreError> {
        match self {
            // IMMEDIATE: the lock is taken at once or waited for. A deferred transaction that
            // has read would be refused without waiting when it begins to write.
            Self::Sqlite { writer, .. } => {
                writer.begin_with("BEGIN IMMEDIATE").await.map(Transaction::Sqlite)
            }
            // READ COMMITTED: what races is locked by name, and every statement sees what was
            // committed while it waited for a lock.
            Self::Postgres(pool) => {
                let begin = pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
                in_time(begin).await?.map(Transaction::Postgres)
            }
        }
        .map_err(failure)
    }

    /// Sees that what was deleted is nowhere in the files any more, as far as that is ours to do.
    /// SQLite's log keeps it until it is emptied; readers may be in the way for now.
    pub(super) async fn empty_log(&self) {
        let Self::Sqlite { writer, .. } = self else { return };
        let Ok(mut connection) = writer.acquire().await else { return };
        for pragma in [EMPTYING, "PRAGMA wal_checkpoint(TRUNCATE)", WRITING] {
            // At the next time it is tried again.
            let _ = sqlx::raw_sql(pragma).execute(&mut *connection).await;
        }
    }

    /// Begins a transaction that reads: all of its statements see the same state.
    pub(super) async fn read(&self) -> Result<Transaction, StoreError> {
        match self {
            Self::Sqlite { readers, .. } => readers.begin().await.map(Transaction::Sqlite),
            Self::Postgres(pool) => {
                let begin = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
                in_time(begin).await?.map(Transaction::Postgres)
            }
        }
        .map_err(failure)
    }
}

/// A statement over a table of values, which stands between `head` and `tail`.
pub(super) struct Change {
    head: &'static str,
    columns: usize,
    values: Vec<Value>,
    tail: String,
}

impl Change {
    pub(super) fn new<const N: usize>(
        head: &'static str,
        table: Vec<[Value; N]>,
        tail: &str,
    ) -> Self {
        const { assert!(N > 0, "a table has columns") };
        Self {
            head,
            columns: N,
            values: table.into_iter().flatten().collect(),
            tail: tail.to_owned(),
        }
    }
}

/// What a SELECT locks until the end of its transaction. SQLite needs none of it: there, a
/// transaction that writes is alone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lock {
    /// Nobody may change the rows.
    Share,
    /// Nobody else may have them.
    Update,
    /// As `Update`, for the rows of `jobs`, leaving out those that somebody else has.
    FreeJobs,
}

/// An open transaction. Dropped without a commit, it leaves nothing.
pub(super) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// Asks for rows.
    pub(super) async fn rows(
        &mut self,
        sql: impl SqlSafeStr + Send,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(tx) => bound::<Sqlite>(sql, values)
                .fetch_all(&mut **tx)
                .await
                .map(|rows| rows.into_iter().map(Row::Sqlite).collect()),
            Self::Postgres(tx) => in_time(bound::<Postgres>(sql, values).fetch_all(&mut **tx))
                .await?
                .map(|rows| rows.into_iter().map(Row::Postgres).collect()),
        }
        .map_err(failure)
    }

    /// Changes rows, and says how many.
    pub(super) async fn run(
        &mut self,
        sql: impl SqlSafeStr + Send,
        values: Vec<Value>,
    ) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(tx) => bound::<Sqlite>(sql, values)
                .execute(&mut **tx)
                .await
                .map(|done| done.rows_affected()),
            Self::Postgres(tx) => in_time(bound::<Postgres>(sql, values).execute(&mut **tx))
                .await?
                .map(|done| done.rows_affected()),
        }
        .map_err(failure)
    }

    /// Asks for rows and locks them.
    pub(super) async fn locked(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
        lock: Lock,
    ) -> Result<Vec<Row>, StoreError> {
        let clause = self.clause(lock);
        self.rows(AssertSqlSafe(format!("{sql}{clause}")), values).await
    }

    /// Runs one statement over a table of values that stands between `head` and `tail`; nothing
    /// if the table is empty.
    pub(super) async fn each<const N: usize>(
        &mut self,
        head: &'static str,
        table: Vec<[Value; N]>,
        tail: &str,
    ) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        for (sql, values) in self.statements(Change::new(head, table, tail)) {
            rows.append(&mut self.rows(AssertSqlSafe(sql), values).await?);
        }
        Ok(rows)
    }

    /// Makes changes, in their order.
    pub(super) async fn change(
        &mut self,
        changes: impl IntoIterator<Item = Change>,
    ) -> Result<(), StoreError> {
        let mut all = Vec::new();
        for change in changes {
            all.extend(self.statements(change));
        }
        // SQLite takes them at once, so that its thread and ours change over once.
        if matches!(self, Self::Sqlite(_)) {
            let (sql, values): (Vec<_>, Vec<_>) = all.drain(..).unzip();
            if !sql.is_empty() {
                all.push((sql.join(";"), values.into_iter().flatten().collect()));
            }
        }
        for (sql, values) in all {
            self.run(AssertSqlSafe(sql), values).await?;
        }
        Ok(())
    }

    /// The statements of a change, with their values.
    fn statements(&self, change: Change) -> Vec<(String, Vec<Value>)> {
        let Change { head, columns, mut values, tail } = change;
        let mut statements = Vec::new();
        while !values.is_empty() {
            let rest = values.split_off(values.len().min(VALUES / columns * columns));
            statements.push((self.statement(head, columns, values.len(), &tail), values));
            values = rest;
        }
        statements
    }

    fn statement(&self, head: &str, columns: usize, values: usize, tail: &str) -> String {
        let mut sql = format!("{head} VALUES ");
        for number in 0..values {
            sql.push_str(match (number, number % columns) {
                (0, _) => "(",
                (_, 0) => "),(",
                _ => ",",
            });
            match self {
                // SQLite takes `$1` for a name, and looks names up one by one.
                Self::Sqlite(_) => sql.push('?'),
                // Writing to a String can't fail.
                Self::Postgres(_) => drop(write!(sql, "${}", number + 1)),
            }
        }
        sql.push_str(") ");
        sql.push_str(tail);
        sql
    }

    /// As [`Transaction::each`] for a SELECT, whose rows are locked.
    pub(super) async fn each_locked<const N: usize>(
        &mut self,
        head: &'static str,
        table: Vec<[Value; N]>,
        tail: &'static str,
        lock: Lock,
    ) -> Result<Vec<Row>, StoreError> {
        let clause = self.clause(lock);
        self.each(head, table, &format!("{tail}{clause}")).await
    }

    /// Makes it durable.
    pub(super) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => in_time(tx.commit()).await?,
        }
        .map_err(failure)
    }

    fn clause(&self, lock: Lock) -> &'static str {
        match (self, lock) {
            (Self::Sqlite(_), _) => "",
            (Self::Postgres(_), Lock::Share) => " FOR SHARE",
            (Self::Postgres(_), Lock::Update) => " FOR UPDATE",
            (Self::Postgres(_), Lock::FreeJobs) => " FOR UPDATE OF jobs SKIP LOCKED",
        }
    }
}

/// What a server answers. A connection that died without a word would be waited for for hours.
async fn in_time<T>(answer: impl Future<Output = T>) -> Result<T, StoreError> {
    tokio::time::timeout(ANSWER, answer).await.map_err(|_| {
        let why = format!("the database doesn't answer within {} s", ANSWER.as_secs());
        StoreError::Transient(why)
    })
}

/// A statement with its values in place.
fn bound<DB>(
    sql: impl SqlSafeStr,
    values: Vec<Value>,
) -> Query<'static, DB, <DB as sqlx::Database>::Arguments>
where
    DB: sqlx::Database,
    Option<i64>: Encode<'static, DB> + Type<DB>,
    Option<f64>: Encode<'static, DB> + Type<DB>,
    Option<String>: Encode<'static, DB> + Type<DB>,
    Vec<u8>: Encode<'static, DB> + Type<DB>,
{
    values.into_iter().fold(sqlx::query(sql), |query, value| match value {
        Value::Int(value) => query.bind(value),
        Value::Real(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    })
}

/// A value on its way into the database.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(Some(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(Some(value.into()))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Int(value)
    }
}

impl From<Option<f64>> for Value {
    fn from(value: Option<f64>) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(without_nul(text).into_owned()))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(|text| without_nul(text).into_owned()))
    }
}

/// A row that came out of the database. Columns are counted from 0.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(super) fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.get(column)
    }

    pub(super) fn maybe_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.get(column)
    }

    pub(super) fn maybe_real(&self, column: usize) -> Result<Option<f64>, StoreError> {
        self.get(column)
    }

    pub(super) fn text(&self, column: usize) -> Result<String, StoreError> {
        self.get(column).map(with_nul)
    }

    pub(super) fn maybe_text(&self, column: usize) -> Result<Option<String>, StoreError> {
        Ok(self.get::<Option<String>>(column)?.map(with_nul))
    }

    pub(super) fn bytes(&self, column: usize) -> Result<Vec<u8>, StoreError> {
        self.get(column)
    }

    fn get<'r, T>(&'r self, column: usize) -> Result<T, StoreError>
    where
        T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
        .map_err(failure)
    }
}

/// Stands before the letter that says what was meant; U+001A SUBSTITUTE, which JSON text never
/// has unescaped, and mail hardly ever.
const ESCAPE: char = '\u{1a}';

/// PostgreSQL refuses NUL in text (SQLite cuts there in its own functions), but a subject or a
/// folder can have one. It is escaped on the way in and comes out as it was.
fn without_nul(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(ESCAPE, "\u{1a}s").replace('\0', "\u{1a}0"))
}

/// The way back.
fn with_nul(text: String) -> String {
    if text.contains(ESCAPE) {
        text.replace("\u{1a}0", "\0").replace("\u{1a}s", "\u{1a}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nul_goes_in_and_comes_out() {
        for text in
            ["", "plain", "a\0b", "\0\0", "\u{1a}", "\u{1a}0", "\u{1a}s\0", "s\u{1a}\u{1a}0\0"]
        {
            let kept = without_nul(text);
            assert!(!kept.contains('\0'), "{text:?} is kept as {kept:?}");
            assert_eq!(with_nul(kept.into_owned()), text);
        }
    }
}
