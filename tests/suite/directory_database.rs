//! A directory from a database, as the running service sees it, while it is away, and when the
//! service starts meanwhile.

use std::fs;

use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::runtime::Runtime;

use crate::directory_sources::{configure, from, is, way};
use crate::support::office::{Office, PATIENCE, Serving};
use crate::support::postgres::Server;
use crate::support::service::nobody_listens;
use crate::support::wait::wait_for;

/// Statements on a database of either kind.
pub(crate) fn sql(url: &str, statements: &str) {
    Runtime::new().unwrap().block_on(async {
        let text = AssertSqlSafe(statements.to_owned());
        if url.starts_with("postgres") {
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection =
                sqlx::SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
            sqlx::raw_sql(text).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    });
}

const TABLES: &str = "\
CREATE TABLE crm (domain TEXT, name TEXT, owner TEXT, tier TEXT);
INSERT INTO crm VALUES ('acme.example', 'Acme, \"Inc\"', 'ann@callwise.example', NULL);
CREATE TABLE staff (mail TEXT, boss TEXT, away TEXT, most BIGINT, grade INTEGER);
INSERT INTO staff VALUES ('ann@callwise.example', 'bob@callwise.example', NULL, 30, 7);
INSERT INTO staff VALUES ('bob@callwise.example', NULL, NULL, NULL, 8);
";

/// The database is read, followed, and survived; `break_it` makes its queries fail, `mend_it` ends
/// that.
fn a_table_is_followed(url: &str, office: &Office, break_it: &str, mend_it: &str) {
    sql(url, TABLES);
    fs::remove_file(office.path("people.csv")).unwrap();
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    office.write("postroom.toml", &config.replace("people = \"people.csv\"\n", ""));
    configure(
        office,
        &format!(
            "[directory.sql]\nurl = \"{url}\"\nevery = \"100ms\"\n\
             customers = \"SELECT domain AS match, name AS customer, owner AS account_manager, \
             tier FROM crm\"\n\
             people = \"SELECT mail AS person, boss AS manager, away, most AS cap FROM staff\"\n"
        ),
    );
    let service = office.serve(&[]);
    office.post(&from("1", "joe@acme.example"));
    assert_eq!(way(&office.settled(1)[0]), "ann@callwise.example: account_manager");
    let shown = office.run(&["explain", "--ticket", "1"]).well();
    assert!(shown.contains("acme.example in row 1 of [directory.sql] customers\n"), "{shown}");
    assert!(shown.contains("  from      joe@acme.example\n") && shown.contains("kind      person"));

    sql(url, "UPDATE staff SET away = '2020-01-01..2099-12-31' WHERE boss IS NOT NULL");
    service.says(&["new rules are live"]);
    office.post(&from("2", "joe@acme.example"));
    assert_eq!(way(&office.settled(2)[1]), "bob@callwise.example: manager");

    // No value is a comment, however it begins.
    sql(url, "INSERT INTO crm VALUES ('#sales@hash.example', 'Hash', 'ann@callwise.example', '')");
    let ran = office.run(&["directory", "find", "#sales@hash.example"]).well();
    assert!(ran.contains("Hash"), "{ran}");
    sql(url, "DELETE FROM crm WHERE name = 'Hash'");

    // What is wrong with a row changes nothing, and says which it is, but not whose.
    sql(url, "INSERT INTO crm VALUES ('acme.example', 'Acme again', 'ann@callwise.example', '')");
    service.says(&["ERROR", "[directory.sql] customers:3:1: error: claimed twice"]);
    sql(url, "DELETE FROM crm WHERE name = 'Acme again'");
    service.readiness(200, |ready| ready["refused_edit"] == json!([]));

    // While it is away, the directory stays as it was, also when another file changes.
    sql(url, break_it);
    service.says(&["WARN", "the directory stays as it was"]);
    is(&service, "postroom_directory_failing{source=\"database\"}", 1.0);
    let before = service.readiness(200, |ready| ready["directory_failing"] == json!(["database"]));
    let before = before["dictionaries"].clone();
    let dictionary = fs::read_to_string(office.path("dictionaries/billing.dict")).unwrap();
    let edited = dictionary.replacen("[terms]\n", "[terms]\nzeppelin +15\n", 1);
    office.write("dictionaries/billing.dict", &edited);
    service.readiness(200, |ready| ready["dictionaries"] != before);
    office.post(&from("3", "joe@acme.example"));
    assert_eq!(way(&office.settled(3)[2]), "bob@callwise.example: manager");
    sql(url, mend_it);
    is(&service, "postroom_directory_failing{source=\"database\"}", 0.0);
    a_start_waits_for_the_table(service, url, office, (break_it, mend_it));
    let service = office.serve(&[]);
    service.says(&["attending to the mailbox"]);
    sql(url, "DELETE FROM crm");
    service.says(&["ERROR", "no row names a customer", "restart the service"]);
    office.post(&from("5", "joe@acme.example"));
    assert_eq!(way(&office.settled(5)[4]), "bob@callwise.example: manager");
    wait_for("an empty table", PATIENCE, || {
        let ran = office.run(&["directory", "find", "joe@acme.example"]).well();
        ran.contains("not in the directory").then_some(())
    });
    service.stop();
}

/// A service that starts while the database is away sorts mail when it is back; until then it says
/// what it waits for, and a signal ends it.
fn a_start_waits_for_the_table(
    running: Serving,
    url: &str,
    office: &Office,
    (break_it, mend_it): (&str, &str),
) {
    running.stop();
    sql(url, break_it);
    let service = office.serve(&[]);
    service.says(&["WARN", "the start waits for the directory's database", "can't be read"]);
    let readiness = service.readiness(503, |_| true);
    let why = readiness["reasons"][0].as_str().unwrap();
    assert!(why.starts_with("the start waits for the directory: the database can't be"), "{why}");
    assert_eq!(readiness["directory_failing"], json!(["database"]));
    assert_eq!(service.get("/healthz", "").0, 200);
    is(&service, "postroom_directory_failing{source=\"database\"}", 1.0);
    let checked = office.run(&["check"]);
    assert_eq!(checked.code, 2, "{checked:?}");
    service.stop();

    // What is wrong beside it is not waited for.
    let dictionary = fs::read_to_string(office.path("dictionaries/billing.dict")).unwrap();
    office.write("dictionaries/billing.dict", "this is no dictionary");
    let (ended, log) = office.serve(&[]).end();
    assert_eq!(ended.code(), Some(2), "{log}");
    office.write("dictionaries/billing.dict", &dictionary);

    let service = office.serve(&[]);
    service.says(&["the start waits for the directory's database"]);
    office.post(&from("4", "joe@acme.example"));
    sql(url, mend_it);
    assert_eq!(way(&office.settled(4)[3]), "bob@callwise.example: manager");
    let ready = service.readiness(200, |ready| ready["reasons"] == json!([]));
    assert_eq!(ready["directory_failing"], json!([]));
    service.stop();
}

#[test]
fn a_table_in_sqlite_is_followed() {
    let office = Office::open();
    let url = format!("sqlite:{}", office.path("crm.db").display());
    let (break_it, mend_it) = ("ALTER TABLE crm RENAME TO gone", "ALTER TABLE gone RENAME TO crm");
    a_table_is_followed(&url, &office, break_it, mend_it);
}

#[test]
fn a_table_in_postgresql_is_followed() {
    let office = Office::open();
    let url = Server::shared().database();
    let (break_it, mend_it) = ("ALTER TABLE crm RENAME TO gone", "ALTER TABLE gone RENAME TO crm");
    a_table_is_followed(&url, &office, break_it, mend_it);
}

#[test]
fn a_database_that_cannot_be_read_is_named_without_its_secrets() {
    let office = Office::open();
    let port = nobody_listens();
    let cases = [
        (format!("postgres://crm:hunter2@127.0.0.1:{port}/crm"), "SELECT 1", "can't be read"),
        ("sqlite:absent.db".to_owned(), "SELECT 1", "unable to open database file"),
        ("sqlite:crm.db".to_owned(), "SELECT absent FROM crm", "no such column: absent"),
        ("sqlite:crm.db".to_owned(), "SELECT x'00' AS match", "cast it to one"),
        ("sqlite:crm.db".to_owned(), "SELECT 1 AS customer", "the column `match` is missing"),
        ("sqlite:crm.db".to_owned(), "DELETE FROM crm", "attempt to write a readonly database"),
    ];
    sql(&format!("sqlite:{}", office.path("crm.db").display()), TABLES);
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    for (url, query, said) in cases {
        office.write("postroom.toml", &config);
        let more = format!(
            "[directory.sql]\nurl = \"{url}\"\ntimeout = \"3s\"\ncustomers = \"{query}\"\n"
        );
        configure(&office, &more);
        let ran = office.run(&["check", "--json"]);
        assert!(ran.code == 2 && ran.out.contains(said), "{url} {query}: {ran:?}");
        assert!(!format!("{ran:?}").contains("hunter2"), "{ran:?}");
    }
}

#[test]
fn a_query_that_is_wrong_is_not_waited_for() {
    let office = Office::open();
    let sqlite = format!("sqlite:{}", office.path("crm.db").display());
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    for url in [sqlite, Server::shared().database()] {
        sql(&url, TABLES);
        for query in [
            "SELECT absent FROM crm",
            "SELEC match FROM crm",
            "DELETE FROM crm",
            "SELECT CAST('a' AS BLOB) AS match",
        ] {
            // PostgreSQL has another name for bytes.
            let query = if url.starts_with("sqlite") {
                query.to_owned()
            } else {
                query.replace("BLOB", "BYTEA")
            };
            office.write("postroom.toml", &config);
            configure(
                &office,
                &format!("[directory.sql]\nurl = \"{url}\"\ncustomers = \"{query}\"\n"),
            );
            let (ended, log) = office.serve(&[]).end();
            assert_eq!(ended.code(), Some(2), "{url} {query}: {log}");
            assert!(log.contains("the query `customers`"), "{log}");
        }
    }
}
