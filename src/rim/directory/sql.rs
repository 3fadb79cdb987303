//! Rows of the directory from a database: the answer to a query becomes a CSV text with the
//! documented columns, so that it is read, checked and found fault with like a file.
//!
//! It reads in one transaction and writes nothing. It doesn't know what the columns mean.

use std::path::Path;
use std::str::FromStr;

use futures_util::TryStreamExt as _;
use secrecy::ExposeSecret as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
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
pub const DATABASE: &str = "[directory.sql]";

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
    let answer = asked.unwrap_or_else(|_| Err("asking it failed".to_owned()));
    answer.map_err(|why| {
        let message = format!("the database can't be read: {why}");
        vec![Diagnostic::error(DATABASE, "unreadable", message)]
    })
}

fn on_its_own(settings: &SqlSettings) -> Result<Tables, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let asked = async {
            match &settings.database {
                StoreSettings::Sqlite(path) => sqlite(path, settings).await,
                StoreSettings::Postgres(url) => postgres(url.expose_secret(), settings).await,
            }
        };
        match tokio::time::timeout(settings.timeout, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {:?}", settings.timeout)),
        }
    })
}

async fn sqlite(path: &Path, settings: &SqlSettings) -> Result<Tables, String> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(said)?;
    let mut transaction = connection.begin().await.map_err(said)?;
    tables(settings, async |query| rows::<Sqlite>(&mut transaction, query).await).await
}

async fn postgres(url: &str, settings: &SqlSettings) -> Result<Tables, String> {
    let options = PgConnectOptions::from_str(url).map_err(said)?.application_name("postroom");
    let mut connection = PgConnection::connect_with(&options).await.map_err(said)?;
    // Both queries see the same state, and neither can change it.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    let mut transaction = connection.begin_with(begin).await.map_err(said)?;
    tables(settings, async |query| rows::<Postgres>(&mut transaction, query).await).await
}

/// The tables of the configuration's queries, each asked for by `ask`.
async fn tables(
    settings: &SqlSettings,
    mut ask: impl AsyncFnMut(&str) -> Result<String, String>,
) -> Result<Tables, String> {
    let mut tables = Tables::default();
    let wanted = [
        ("customers", &settings.customers, &mut tables.customers),
        ("people", &settings.people, &mut tables.people),
    ];
    for (name, query, table) in wanted {
        if let Some(query) = query {
            let text = ask(query).await.map_err(|why| format!("the query `{name}`: {why}"))?;
            *table = Some(SourceText { name: format!("{DATABASE} {name}"), text });
        }
    }
    Ok(tables)
}

/// What the database says of a failure, without a value of a row or the URL.
fn said(error: sqlx::Error) -> String {
    match failure(error) {
        StoreError::Transient(why) | StoreError::Broken(why) => why,
        other @ (StoreError::Fenced(_)
        | StoreError::NoSuchTicket(_)
        | StoreError::Conflict { .. }) => other.to_string(),
    }
}

/// The answer to a query as a CSV text: the names of the columns, then a line a row.
async fn rows<DB: Fields>(connection: &mut DB::Connection, query: &str) -> Result<String, String>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    // The owner of the configuration wrote it, and it can only read.
    let sql = AssertSqlSafe(query.to_owned()).into_sql_str();
    let prepared = connection.prepare(sql.clone()).await.map_err(said)?;
    let names: Vec<String> =
        prepared.columns().iter().map(|column| column.name().to_owned()).collect();
    let mut out = csv::Writer::from_writer(Vec::new());
    let written = |error: csv::Error| error.to_string();
    out.write_record(&names).map_err(written)?;
    let mut answer = sqlx::query::<DB>(sql).fetch(connection);
    while let Some(row) = answer.try_next().await.map_err(said)? {
        for (index, name) in names.iter().enumerate() {
            let text = DB::text(&row, index)
                .ok_or_else(|| format!("the column `{name}` is not a text: cast it to one"))?;
            // A row is a line, so that the number of one tells the other.
            out.write_field(text.replace(['\r', '\n'], " ")).map_err(written)?;
        }
        out.write_record(None::<&[u8]>).map_err(written)?;
    }
    let bytes = out.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|_| "a value is not UTF-8".to_owned())
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
