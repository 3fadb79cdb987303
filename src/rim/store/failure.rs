//! Which failure of a database may pass and which won't.
//!
//! It knows SQLite's result codes and PostgreSQL's SQLSTATEs, and lets no value from a mail into
//! a message.

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;

use crate::seams::StoreError;

/// What a failure of sqlx's means to whoever called the store.
#[allow(clippy::wildcard_enum_match_arm, reason = "the enum is open-ended")]
pub(in crate::rim) fn failure(error: sqlx::Error) -> StoreError {
    use sqlx::Error;
    match error {
        Error::Database(error) => answered(error.as_ref()),
        Error::Io(error) => StoreError::Transient(error.to_string()),
        Error::Tls(_) | Error::Protocol(_) | Error::BeginFailed => {
            StoreError::Transient("the connection to the database broke".to_owned())
        }
        // sqlx keeps trying a server that refuses connections until the time is over.
        Error::PoolTimedOut => {
            StoreError::Transient("the database is away, or has no connection free".to_owned())
        }
        Error::PoolClosed | Error::WorkerCrashed => {
            StoreError::Transient("the connection to the database was closed".to_owned())
        }
        // These can quote the database's URL.
        Error::Configuration(_) => {
            StoreError::Broken("the database URL can't be understood".to_owned())
        }
        // These can quote a value, so only the column is named.
        Error::ColumnDecode { index, .. } => {
            StoreError::Broken(format!("column {index} doesn't hold what it should"))
        }
        Error::Decode(_) | Error::Encode(_) => {
            StoreError::Broken("a value doesn't have the type that it should".to_owned())
        }
        other => StoreError::Broken(other.to_string()),
    }
}

/// What a failed migration means.
#[allow(clippy::wildcard_enum_match_arm, reason = "the enum is open-ended")]
pub(super) fn migration_failure(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => failure(error),
        MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
            StoreError::Broken(format!(
                "a newer Postroom has changed it (migration {version}); use that one"
            ))
        }
        other => StoreError::Broken(other.to_string()),
    }
}

/// A failure to open a database, with what it is called.
pub(super) fn named(database: &str, failure: StoreError) -> StoreError {
    match failure {
        StoreError::Transient(why) => StoreError::Transient(format!("{database}: {why}")),
        StoreError::Broken(why) => StoreError::Broken(format!("{database}: {why}")),
        StoreError::Fenced(_) | StoreError::NoSuchTicket(_) | StoreError::Conflict { .. } => {
            failure
        }
    }
}

/// What the database itself said.
fn answered(error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    let (passes, quotes) = match code.parse::<u32>() {
        Ok(number) if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() => {
            (sqlite_passes(number), false)
        }
        // Class 22 is about data, and says which.
        Ok(_) | Err(_) => (postgres_passes(&code), code.starts_with("22")),
    };
    let what =
        if quotes { format!("error {code}") } else { format!("{} ({code})", error.message()) };
    if passes { StoreError::Transient(what) } else { StoreError::Broken(what) }
}

/// Whether one of SQLite's extended result codes may pass (<https://sqlite.org/rescode.html>).
fn sqlite_passes(code: u32) -> bool {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const NOMEM: u32 = 7;
    const INTERRUPT: u32 = 9;
    const IOERR: u32 = 10;
    const FULL: u32 = 13;
    const CANTOPEN: u32 = 14;
    const PROTOCOL: u32 = 15;
    // The low byte is the primary code.
    matches!(code & 0xff, BUSY | LOCKED | NOMEM | INTERRUPT | IOERR | FULL | CANTOPEN | PROTOCOL)
}

/// Whether one of PostgreSQL's SQLSTATEs may pass (PostgreSQL 15, appendix A).
fn postgres_passes(code: &str) -> bool {
    // Connection, rollback (serialization, deadlock), resources (disk, memory, connections),
    // operator intervention (shutdown, starting up), system error.
    let class = ["08", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class));
    // A server that became a standby; a lock that was not to be had; a transaction that was cut.
    class || matches!(code, "25006" | "25P03" | "25P04" | "55P03")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes() {
        for (code, passes) in
            [(5, true), (517, true), (13, true), (778, true), (19, false), (11, false)]
        {
            assert_eq!(sqlite_passes(code), passes, "SQLite {code}");
        }
        for (code, passes) in [
            ("57P01", true),
            ("57P03", true),
            ("40001", true),
            ("40P01", true),
            ("53100", true),
            ("08006", true),
            ("23505", false),
            ("42P01", false),
            ("28P01", false),
        ] {
            assert_eq!(postgres_passes(code), passes, "PostgreSQL {code}");
        }
    }
}
