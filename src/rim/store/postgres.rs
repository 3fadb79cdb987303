//! Opening the shared store: a PostgreSQL database.
//!
//! It knows connections and migrations; it knows nothing of tickets. That a commit survives a
//! power cut is the server's `synchronous_commit`, which is on unless somebody turned it off.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};

use super::database::Database;
use super::failure::{failure, migration_failure, named};
use super::migrations;
use crate::seams::StoreError;

/// Connections of one process. Every mailbox has a reader and a deliverer, and both wait for the
/// network most of the time.
const CONNECTIONS: u32 = 8;

/// A call waits this long for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server forgets us when we die in the middle of something: what we hold there, such as the
/// right to a mailbox, must not be held until its own patience, of hours, ends. And nobody waits
/// longer for what another holds.
const FORGET_US: &str = "SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '20s'; \
    SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3";

/// A server that doesn't answer for this long is taken to be away.
const CONNECTING: Duration = Duration::from_secs(10);

/// Connects and brings the tables up to date.
pub(super) async fn open(url: &str) -> Result<Database, StoreError> {
    let (options, server) = options(url)?;
    connect(options).await.map_err(|failure| named(&server, failure))
}

/// Whether the server lets us in, and the database can hold a ledger.
pub(super) async fn check(url: &str) -> Result<String, StoreError> {
    let (options, server) = options(url)?;
    let look = async {
        let mut connection = enter(&options).await?;
        let fit = fit(&mut connection).await;
        connection.close().await.map_err(failure)?;
        fit
    };
    look.await.map_err(|failure| named(&server, failure))?;
    Ok(format!("{server} is reached, and lets us in"))
}

/// Whether our tables can be made, if they aren't there, and hold any text.
async fn fit(connection: &mut PgConnection) -> Result<(), StoreError> {
    let asked = sqlx::query_as(
        "SELECT current_setting('server_encoding'), current_user::text, current_schema()::text, \
             to_regclass('_sqlx_migrations') IS NOT NULL \
                 OR COALESCE(has_schema_privilege(current_schema()::text, 'CREATE'), FALSE)",
    )
    .fetch_one(connection)
    .await;
    let (encoding, role, schema, may): (String, String, Option<String>, bool) = match asked {
        Ok(answer) => answer,
        // PostgreSQL's kin doesn't know all of these, and can do without.
        Err(sqlx::Error::Database(_)) => return Ok(()),
        Err(error) => return Err(failure(error)),
    };
    if encoding != "UTF8" {
        return Err(StoreError::Broken(format!(
            "the database's encoding is {encoding}, which can't hold every mail's text; make one \
             with `ENCODING 'UTF8'`"
        )));
    }
    match schema {
        _ if may => Ok(()),
        Some(schema) => Err(StoreError::Broken(format!(
            "`{role}` may not make tables in the schema `{schema}`; \
             `GRANT CREATE ON SCHEMA {schema} TO {role}` allows it"
        ))),
        None => Err(StoreError::Broken(format!(
            "no schema of the `search_path` of `{role}` is there to make tables in"
        ))),
    }
}

/// Whether the database has our tables.
pub(super) async fn has_tables(url: &str) -> Result<bool, StoreError> {
    let (options, server) = options(url)?;
    let look = async {
        let mut connection = enter(&options).await?;
        let sql = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
        let found = sqlx::query_scalar(sql).fetch_one(&mut connection).await.map_err(failure)?;
        connection.close().await.map_err(failure)?;
        Ok(found)
    };
    look.await.map_err(|failure| named(&server, failure))
}

/// How to connect, and the server's name for messages: the URL can't be shown, since it may hold
/// a password.
fn options(url: &str) -> Result<(PgConnectOptions, String), StoreError> {
    // sqlx takes whatever has a colon for a URL, and goes to this machine's server.
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        let why = "the database URL must begin with `postgres://`";
        return Err(StoreError::Broken(why.to_owned()));
    }
    let options = PgConnectOptions::from_str(url).map_err(failure)?;
    // Statements say nothing to whoever reads our log.
    let options = options.application_name("postroom").disable_statement_logging();
    let server = format!("PostgreSQL at {}:{}", options.get_host(), options.get_port());
    Ok((options, server))
}

async fn connect(options: PgConnectOptions) -> Result<Database, StoreError> {
    // Replicas that start together wait for one another on an advisory lock; where there is none
    // (PostgreSQL's distributed kin), the loser of the race fails and finds it done when it
    // looks again. It may lose as often as there are migrations.
    let mut migrated = migrate(&options).await;
    for _ in migrations::postgres().iter() {
        if migrated.is_ok() {
            break;
        }
        migrated = migrate(&options).await;
    }
    migrated?;
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .after_connect(|connection, _| {
            Box::pin(async move {
                // PostgreSQL's kin doesn't know all of these, and works without.
                match sqlx::raw_sql(FORGET_US).execute(connection).await {
                    Ok(_) | Err(sqlx::Error::Database(_)) => Ok(()),
                    Err(error) => Err(error),
                }
            })
        })
        .connect_with(options)
        .await
        .map_err(failure)?;
    Ok(Database::Postgres(pool))
}

/// Brings the tables up to date, over a connection of its own: a migration that fails leaves it
/// with the lock, which only its end gives back.
async fn migrate(options: &PgConnectOptions) -> Result<(), StoreError> {
    let mut connection = enter(options).await?;
    let migrated = migrations::postgres().run(&mut connection).await.map_err(migration_failure);
    connection.close().await.map_err(failure)?;
    migrated
}

async fn enter(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let connecting = tokio::time::timeout(CONNECTING, PgConnection::connect_with(options));
    let connected = connecting.await.map_err(|_| {
        StoreError::Transient(format!("no answer within {} s", CONNECTING.as_secs()))
    })?;
    connected.map_err(failure)
}
