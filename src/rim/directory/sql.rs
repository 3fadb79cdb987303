//! Rows of the directory from a database: the answer to a query becomes a CSV text with the
//! documented columns, so that it is read, checked and found fault with like a file.
//!
//! It reads in one transaction and writes nothing. It doesn't know what the columns mean.

use std::path::Path;
use std::str::FromStr;

use futures_util::TryStreamExt as _;
use secrecy::ExposeSecret as _;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteError, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, Connection as _, Database, Executor, IntoArguments, Postgres,
    Row as _, SqlSafeStr as _, Sqlite, Statement as _,
};

use crate::config::{SqlSettings, StoreSettings};
use crate::diagnostic::Diagnostic;
use crate::directory::SourceText;
use crate::rim::store::failure;
use crate::seams::StoreError;

/// How findings name the database; those about a table go on with the table's name.
const DATABASE: &str = "[directory.sql]";
/// The kind of a finding that may pass by itself: the database is away, or lacks a table.
pub const AWAY: &str = "database-away";
/// The kind of one that doesn't: a query is wrong.
const WRONG: &str = "bad-query";

/// The tables that the queries gave; `None` where there is no query.
#[derive(Debug, Default)]
pub struct Tables {
    /// The customers.
    pub customers: Option<SourceText>,
    /// Our own people.
    pub people: Option<SourceText>,
}

/// Asks the database. Waits for the answer, so it is for a thread that may be blocked.
///
/// # Errors
/// One finding that says why there is no answer.
pub fn read(settings: &SqlSettings) -> Result<Tables, Vec<Diagnostic>> {
    // A thread of its own, since whoever calls may be in a runtime already.
    let asked = std::thread::scope(|scope| scope.spawn(|| on_its_own(settings)).join());
    let answer = asked.unwrap_or_else(|_| Err(NoAnswer::away("asking it failed")));
    answer.map_err(|NoAnswer { code, why }| {
        vec![Diagnostic::error(DATABASE, code, format!("the database can't be read: {why}"))]
    })
}

/// Why there is no answer, with its kind.
struct NoAnswer {
    code: &'static str,
    why: String,
}

impl NoAnswer {
    fn away(why: impl Into<String>) -> Self {
        Self { code: AWAY, why: why.into() }
    }

    fn wrong(why: impl Into<String>) -> Self {
        Self { code: WRONG, why: why.into() }
    }
}

/// Without a value of a row or the URL.
impl From<sqlx::Error> for NoAnswer {
    fn from(error: sqlx::Error) -> Self {
        let is_wrong = error.as_database_error().is_some_and(is_about_the_query);
        let (StoreError::Transient(why) | StoreError::Broken(why)) = failure(error) else {
            return Self::away("it gave no answer");
        };
        if is_wrong { Self::wrong(why) } else { Self::away(why) }
    }
}

/// Whether it is the query that is wrong, and not a table that is to come or a right to be granted.
fn is_about_the_query(error: &dyn DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<SqliteError>().is_some() {
        // <https://sqlite.org/rescode.html>: 1 is a generic error, 8 is READONLY.
        let is_missing_table = error.message().starts_with("no such table");
        return (code == "1" && !is_missing_table) || code == "8";
    }
    // PostgreSQL 15, appendix A: class 42 is about syntax and rights, 42P01 an undefined table,
    // 42501 a missing right, 25006 a query that writes.
    (code.starts_with("42") && !matches!(&*code, "42P01" | "42501")) || code == "25006"
}

fn on_its_own(settings: &SqlSettings) -> Result<Tables, NoAnswer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| NoAnswer::away(error.to_string()))?;
    runtime.block_on(async {
        let asked = async {
            match &settings.database {
                StoreSettings::Sqlite(path) => sqlite(path, settings).await,
                StoreSettings::Postgres(url) => postgres(url.expose_secret(), settings).await,
            }
        };
        match tokio::time::timeout(settings.timeout, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(NoAnswer::away(format!("no answer within {:?}", settings.timeout))),
        }
    })
}

async fn sqlite(path: &Path, settings: &SqlSettings) -> Result<Tables, NoAnswer> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut transaction = connection.begin().await?;
    tables(settings, async |query| rows::<Sqlite>(&mut transaction, query).await).await
}

async fn postgres(url: &str, settings: &SqlSettings) -> Result<Tables, NoAnswer> {
    let options = PgConnectOptions::from_str(url)?.application_name("postroom");
    let mut connection = PgConnection::connect_with(&options).await?;
    // Both queries see the same state, and neither can change it.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    let mut transaction = connection.begin_with(begin).await?;
    tables(settings, async |query| rows::<Postgres>(&mut transaction, query).await).await
}

/// The tables of the configuration's queries, each asked for by `ask`.
async fn tables(
    settings: &SqlSettings,
    mut ask: impl AsyncFnMut(&str) -> Result<String, NoAnswer>,
) -> Result<Tables, NoAnswer> {
    let mut tables = Tables::default();
    let wanted = [
        ("customers", &settings.customers, &mut tables.customers),
        ("people", &settings.people, &mut tables.people),
    ];
    for (name, query, table) in wanted {
        if let Some(query) = query {
            let named =
                |no: NoAnswer| NoAnswer { why: format!("the query `{name}`: {}", no.why), ..no };
            let text = ask(query).await.map_err(named)?;
            *table = Some(SourceText { name: format!("{DATABASE} {name}"), text });
        }
    }
    Ok(tables)
}

/// The answer to a query as a CSV text: the names of the columns, then a line a row.
async fn rows<DB: Fields>(connection: &mut DB::Connection, query: &str) -> Result<String, NoAnswer>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    // The owner of the configuration wrote it, and it can only read.
    let sql = AssertSqlSafe(query.to_owned()).into_sql_str();
    let prepared = connection.prepare(sql.clone()).await?;
    let names: Vec<String> =
        prepared.columns().iter().map(|column| column.name().to_owned()).collect();
    // A value that begins as a comment does stands in quotes.
    let mut out = csv::WriterBuilder::new().comment(Some(b'#')).from_writer(Vec::new());
    let written = |error: csv::Error| NoAnswer::away(error.to_string());
    out.write_record(&names).map_err(written)?;
    let mut answer = sqlx::query::<DB>(sql).fetch(connection);
    while let Some(row) = answer.try_next().await? {
        for (index, name) in names.iter().enumerate() {
            let text = DB::text(&row, index)
                .ok_or_else(|| format!("the column `{name}` is not a text: cast it to one"))
                .map_err(NoAnswer::wrong)?;
            // A row is a line, so that the number of one tells the other.
            out.write_field(text.replace(['\r', '\n'], " ")).map_err(written)?;
        }
        out.write_record(None::<&[u8]>).map_err(written)?;
    }
    let bytes = out.into_inner().map_err(|error| NoAnswer::away(error.to_string()))?;
    String::from_utf8(bytes).map_err(|_| NoAnswer::away("a value is not UTF-8"))
}

/// How a database hands out the values of a row.
trait Fields: Database {
    /// A text or a whole number as text, nothing for null; `None` for what is neither.
    fn text(row: &Self::Row, index: usize) -> Option<String>;
}

impl Fields for Sqlite {
    fn text(row: &SqliteRow, index: usize) -> Option<String> {
        let text = row.try_get::<Option<String>, _>(index).map(Option::unwrap_or_default);
        text.or_else(|_| row.try_get::<i64, _>(index).map(|number| number.to_string())).ok()
    }
}

impl Fields for Postgres {
    fn text(row: &PgRow, index: usize) -> Option<String> {
        let text = row.try_get::<Option<String>, _>(index).map(Option::unwrap_or_default);
        text.or_else(|_| row.try_get::<i64, _>(index).map(|number| number.to_string()))
            .or_else(|_| row.try_get::<i32, _>(index).map(|number| number.to_string()))
            .ok()
    }
}
