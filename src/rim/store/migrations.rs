//! The tables of both databases, one file a change. A file that was once released is never
//! edited: its checksum is kept in the database.

use std::borrow::Cow;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The migrations of an SQLite file.
pub(super) fn sqlite() -> Migrator {
    migrator([
        (1, "ledger", include_str!("migrations/sqlite/0001_ledger.sql")),
        (2, "threads", include_str!("migrations/sqlite/0002_threads.sql")),
        (3, "open tickets", include_str!("migrations/sqlite/0003_open_tickets.sql")),
        (4, "questions", include_str!("migrations/sqlite/0004_questions.sql")),
        (5, "cursor folder", include_str!("migrations/sqlite/0005_cursor_folder.sql")),
    ])
}

/// The migrations of a PostgreSQL database.
pub(super) fn postgres() -> Migrator {
    migrator([
        (1, "ledger", include_str!("migrations/postgres/0001_ledger.sql")),
        (2, "threads", include_str!("migrations/postgres/0002_threads.sql")),
        (3, "open tickets", include_str!("migrations/postgres/0003_open_tickets.sql")),
        (4, "questions", include_str!("migrations/postgres/0004_questions.sql")),
        (5, "cursor folder", include_str!("migrations/postgres/0005_cursor_folder.sql")),
    ])
}

fn migrator<const N: usize>(files: [(i64, &'static str, &'static str); N]) -> Migrator {
    let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
        let kind = MigrationType::Simple;
        Migration::new(version, Cow::Borrowed(name), kind, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(files.into_iter().map(migration).collect())
}
