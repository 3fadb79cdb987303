//! Directories from elsewhere than CSV files: a database, a service, calendars; each as the
//! running service sees it, and while it is away.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::runtime::Runtime;

use crate::support::office::{Office, PATIENCE, Serving, mail};
use crate::support::postgres::Server;
use crate::support::service::nobody_listens;
use crate::support::wait::wait_for;

/// Where a ticket went, and why.
fn way(ticket: &Value) -> String {
    let decision = &ticket["decision"];
    let target = decision["target"]["to"].as_str();
    let target = target.or(decision["target"]["decision"].as_str()).unwrap();
    format!("{target}: {}", decision["reason"].as_str().unwrap())
}

/// The configuration with `more` of the directory in it, and without the CSV file of customers.
fn configure(office: &Office, more: &str) {
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    let config = config.replace("customers = \"customers.csv\"\n", "");
    office.write("postroom.toml", &config.replace("[[mailbox]]", &format!("{more}\n[[mailbox]]")));
}

fn from(id: &str, sender: &str) -> String {
    mail(id, sender, "Question", "Please look.")
}

fn metric(service: &Serving, sample: &str) -> Option<f64> {
    let text = service.get("/metrics", "").2;
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
}

fn is(service: &Serving, sample: &str, value: f64) {
    wait_for(&format!("{sample} {value}"), PATIENCE, || {
        metric(service, sample).filter(|found| found.to_bits() == value.to_bits())
    });
}

/// Statements on a database of either kind.
fn sql(url: &str, statements: &str) {
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

    sql(url, "UPDATE staff SET away = '2020-01-01..2099-12-31' WHERE boss IS NOT NULL");
    service.says(&["new rules are live"]);
    office.post(&from("2", "joe@acme.example"));
    assert_eq!(way(&office.settled(2)[1]), "bob@callwise.example: manager");

    // What is wrong with a row changes nothing, and says which it is, but not whose.
    sql(url, "INSERT INTO crm VALUES ('acme.example', 'Acme again', 'ann@callwise.example', '')");
    service.says(&["ERROR", "[directory.sql] customers:3:1: error: claimed twice"]);
    sql(url, "DELETE FROM crm WHERE name = 'Acme again'");
    service.readiness(200, |ready| ready["refused_edit"] == json!([]));

    // While it is away, the directory stays as it was, also when another file changes.
    sql(url, break_it);
    service.says(&["WARN", "the directory stays as it was"]);
    is(&service, "postroom_directory_failing{source=\"database\"}", 1.0);
    let before = service.readiness(200, |_| true)["dictionaries"].clone();
    let dictionary = fs::read_to_string(office.path("dictionaries/billing.dict")).unwrap();
    let edited = dictionary.replacen("[terms]\n", "[terms]\nzeppelin +15\n", 1);
    office.write("dictionaries/billing.dict", &edited);
    service.readiness(200, |ready| ready["dictionaries"] != before);
    office.post(&from("3", "joe@acme.example"));
    assert_eq!(way(&office.settled(3)[2]), "bob@callwise.example: manager");
    sql(url, mend_it);
    is(&service, "postroom_directory_failing{source=\"database\"}", 0.0);
    sql(url, "DELETE FROM crm");
    wait_for("an empty table", PATIENCE, || {
        let ran = office.run(&["directory", "find", "joe@acme.example"]).well();
        ran.contains("not in the directory").then_some(())
    });
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

/// A directory service, its answers, and how it behaves.
#[derive(Clone, Default)]
struct Crm(Arc<Mutex<Behaviour>>);

#[derive(Default)]
struct Behaviour {
    asked: Vec<String>,
    status: Option<StatusCode>,
    slow: bool,
}

impl Crm {
    /// Starts it, on a port that it keeps.
    fn start(&self, runtime: &Runtime) -> u16 {
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().route("/who", post(who)).with_state(self.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        port
    }

    fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.0.lock().unwrap());
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }
}

async fn who(State(crm): State<Crm>, headers: HeaderMap, question: String) -> (StatusCode, String) {
    if headers.get("authorization").is_none_or(|given| given != "Bearer let-me-in") {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let question: Value = serde_json::from_str(&question).unwrap();
    let address = question["address"].as_str().unwrap().to_owned();
    let (status, slow) = {
        let mut behaviour = crm.0.lock().unwrap();
        behaviour.asked.push(address.clone());
        (behaviour.status, behaviour.slow)
    };
    if slow {
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    if address.starts_with("poison") {
        let odd = StatusCode::INTERNAL_SERVER_ERROR;
        return (if address.contains("too") { StatusCode::OK } else { odd }, String::new());
    }
    if let Some(status) = status {
        return (status, "<html>hunter2</html>".to_owned());
    }
    let known = |domain: Value| {
        let answer = json!({"customer": "Acme", "account_manager": "amira@callwise.example",
            "tier": "gold", "domain": domain, "more": 1});
        (StatusCode::OK, answer.to_string())
    };
    match address.rsplit_once('@').unwrap() {
        (_, "acme.example") => known(json!("acme.example")),
        ("vip", _) => known(Value::Null),
        (_, "gmail.com") => known(json!("gmail.com")),
        (_, "elsewhere.example") => known(json!("acme.example")),
        _ => (StatusCode::OK, r#"{"customer": null}"#.to_owned()),
    }
}

/// An office whose directory asks the service at a port; `more` are further keys.
fn asking(port: u16, more: &str) -> Office {
    let office = Office::open();
    configure(
        &office,
        &format!(
            "[directory.service]\nurl = \"http://127.0.0.1:{port}/who\"\ntoken = \"let-me-in\"\n\
             timeout = \"500ms\"\n{more}\n"
        ),
    );
    office
}

#[test]
fn a_service_knows_customers_and_is_not_asked_twice() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    let office = asking(crm.start(&runtime), "");
    let service = office.serve(&[]);
    let senders = [
        ("Joe+tag@ACME.example", "amira@callwise.example: account_manager"),
        ("joe@acme.example", "amira@callwise.example: account_manager"),
        ("vip@gmail.com", "amira@callwise.example: account_manager"),
        ("other@gmail.com", "assist: no_evidence"),
        ("joe@elsewhere.example", "assist: no_evidence"),
        ("joe@stranger.example", "assist: no_evidence"),
        ("new@callwise.example", "assist: no_evidence"),
    ];
    for (number, (sender, expected)) in senders.iter().enumerate() {
        office.post(&from(&number.to_string(), sender));
        assert_eq!(way(&office.settled(number + 1)[number]), *expected, "{sender}");
    }
    // A tag makes no other mailbox, and a colleague is never asked about.
    assert_eq!(crm.asked(), senders.len() - 2);
    let shown = office.run(&["explain", "--ticket", "1"]).well();
    assert!(shown.contains("the domain acme.example says the directory service"), "{shown}");
    let replayed = office.run(&["ledger", "replay"]).well();
    assert_eq!(replayed, "7 tickets as decided, 0 otherwise\n");
    let found = office.run(&["directory", "find", "joe@acme.example"]).well();
    assert!(found.contains("Acme, tier gold"), "{found}");
    let checked = office.run(&["check", "--connect"]).well();
    assert!(checked.contains("directory service: it answers\n"), "{checked}");
    let log = service.stop();
    assert!(!log.contains("acme.example") && !log.contains("let-me-in"), "{log}");
}

#[test]
fn while_the_service_is_away_old_answers_stand_in_and_strangers_wait() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    let office = asking(crm.start(&runtime), "keep = \"1ms\"\nkeep_unknown = \"1ms\"");
    let service = office.serve(&[]);
    office.post(&from("1", "joe@acme.example"));
    assert_eq!(way(&office.settled(1)[0]), "amira@callwise.example: account_manager");

    crm.change(|behaviour| behaviour.status = Some(StatusCode::BAD_GATEWAY));
    office.post(&from("2", "joe@acme.example"));
    office.post(&from("3", "jim@acme.example"));
    let list = "List-Id: <news.vendor.example>\r\n";
    office.post(&format!("{list}{}", from("4", "news@vendor.example")));
    let automatic = "Auto-Submitted: auto-replied\r\n";
    office.post(&format!("{automatic}{}", from("5", "jim@acme.example")));
    let ways: Vec<String> = office.settled(5).iter().map(way).collect();
    assert_eq!(
        ways[1..],
        [
            "amira@callwise.example: account_manager",
            "assist: directory_away",
            "assist: directory_away",
            "filed: auto_reply"
        ]
    );
    let line = service.says(&["WARN", "the directory service does not answer", "502"]);
    assert!(!line.contains("hunter2") && !line.contains("acme"), "{line}");
    is(&service, "postroom_directory_failing{source=\"service\"}", 1.0);
    let checked = office.run(&["check", "--connect"]);
    assert!(checked.out.contains("directory service: problem: it answered 502"), "{checked:?}");
    let shown = office.run(&["explain", "--ticket", "3"]).well();
    assert!(shown.contains("may know them, doesn't answer"), "{shown}");
    // A person may decide meanwhile, and nobody undoes that.
    office.run(&["assist", "answer", "4", "billing"]).well();
    office.settled(5);

    crm.change(|behaviour| behaviour.status = None);
    wait_for("the mail that waited", PATIENCE, || {
        let way = way(&office.tickets()[2]);
        (way == "amira@callwise.example: account_manager").then_some(())
    });
    let ways: Vec<String> = office.settled(5).iter().map(way).collect();
    assert_eq!(ways[3], "billing: answered");
    is(&service, "postroom_directory_failing{source=\"service\"}", 0.0);
    let replayed = office.run(&["ledger", "replay"]).well();
    assert_eq!(replayed, "5 tickets as decided, 0 otherwise\n");
    service.stop();
}

#[test]
fn an_address_that_the_service_stumbles_over_holds_up_no_other() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    let office = asking(crm.start(&runtime), "");
    crm.change(|behaviour| behaviour.status = Some(StatusCode::BAD_GATEWAY));
    for (id, name) in ["joe", "poison", "jim", "poison-too"].iter().enumerate() {
        office.post(&from(&id.to_string(), &format!("{name}@acme.example")));
    }
    let service = office.serve(&[]);
    let waiting = |it: &Value| way(it) == "assist: directory_away";
    assert!(office.settled(4).iter().all(waiting));
    crm.change(|behaviour| behaviour.status = None);
    wait_for("the mails that can be decided", PATIENCE, || {
        let ways: Vec<String> = office.tickets().iter().map(way).collect();
        let known = ways.iter().filter(|way| way.starts_with("amira")).count();
        (known == 2).then_some(())
    });
    assert_eq!(office.settled(4).iter().filter(|it| waiting(it)).count(), 2);
    service.stop();
}

#[test]
fn a_service_that_hangs_holds_nobody_up_for_long() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    crm.change(|behaviour| behaviour.slow = true);
    let office = asking(crm.start(&runtime), "");
    for number in 0..200 {
        office.post(&from(&number.to_string(), &format!("joe@company-{number}.example")));
    }
    let began = Instant::now();
    let service = office.serve(&[]);
    let tickets = office.settled(200);
    // 200 mails are four batches, and each waits for half a second at most.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let waiting = tickets.iter().filter(|it| way(it) == "assist: directory_away").count();
    assert_eq!(waiting, 200);
    assert!(crm.asked() <= 64, "it is left in peace: {}", crm.asked());
    service.stop();
}

/// What a feed answers, until it is changed.
type Feed = Arc<Mutex<(StatusCode, String)>>;

/// A feed at a port; its address is `/secret.ics`.
fn feed(runtime: &Runtime, answer: &str) -> (u16, Feed) {
    let feed = Arc::new(Mutex::new((StatusCode::OK, answer.to_owned())));
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = feed.clone();
    let answer = get(move || async move { served.lock().unwrap().clone() });
    let router = Router::new().route("/secret.ics", answer);
    runtime.spawn(async move { axum::serve(listener, router).await });
    (port, feed)
}

#[test]
fn calendars_are_followed_and_one_that_cannot_be_read_stays_as_it_was() {
    let event = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//EN\r\nBEGIN:VEVENT\r\n\
        UID:1@x\r\nDTSTAMP:20200101T000000Z\r\nDTSTART;VALUE=DATE:20200101\r\n\
        RRULE:FREQ=DAILY\r\nSUMMARY:At the beach\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
    let empty = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//EN\r\nEND:VCALENDAR\r\n";
    let runtime = Runtime::new().unwrap();
    let (port, feed) = feed(&runtime, event);
    let office = Office::open();
    office.write("amira.ics", empty);
    office.write(
        "people.csv",
        &format!(
            "person,manager,calendar\namira@callwise.example,mara@callwise.example,amira.ics\n\
             mara@callwise.example,olivia@callwise.example,http://127.0.0.1:{port}/secret.ics\n\
             olivia@callwise.example,,\n"
        ),
    );
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    let config = config.replace("[directory]\n", "[directory]\nmanagers = \"all\"\n");
    let config = config.replace("[directory]\n", "[directory]\ncalendars_every = \"100ms\"\n");
    office.write("postroom.toml", &config);
    let now = |expected: &str| {
        let ran = office.run(&["directory", "ladder", "carol@acme.example", "--json"]);
        let found: Value = serde_json::from_str(&ran.out).unwrap();
        let steps = found["ladder"]["steps"].as_array().unwrap();
        let taken = serde_json::to_string(&steps.last().unwrap()["rung"]).unwrap();
        assert!(taken.contains(expected), "{found}");
    };
    let service = office.serve(&[]);
    now("amira");
    let mut count = 0;
    // The service takes a moment to see a change: the next mail, or the one after it, goes there.
    let mut goes = |expected: &str| {
        wait_for(expected, PATIENCE, || {
            count += 1;
            office.post(&from(&count.to_string(), "carol@acme.example"));
            (way(&office.settled(count)[count - 1]) == expected).then_some(count.to_string())
        })
    };
    goes("amira@callwise.example: account_manager");
    office.write("amira.ics", event);
    now("olivia");
    let ticket = goes("olivia@callwise.example: manager");

    *feed.lock().unwrap() = (StatusCode::NOT_FOUND, String::new());
    office.write("amira.ics", "this is no calendar");
    service.says(&["WARN", "calendars can't be read; they stay as they were"]);
    is(&service, "postroom_calendars_failing", 2.0);
    goes("olivia@callwise.example: manager");
    let lint = office.run(&["directory", "lint"]);
    assert!(lint.out.contains("`amira@callwise.example` can't be read"), "{lint:?}");
    assert!(lint.out.contains("404") && !lint.out.contains("secret.ics"), "{lint:?}");

    *feed.lock().unwrap() = (StatusCode::OK, empty.to_owned());
    is(&service, "postroom_calendars_failing", 1.0);
    goes("mara@callwise.example: manager");
    let log = service.stop();
    for private in ["amira@", "mara@", "secret.ics", "beach"] {
        assert!(!log.contains(private), "{private} is in:\n{log}");
    }
    let shown = office.run(&["ledger", "show", &ticket]).well();
    assert!(shown.contains("by their calendar") && !shown.contains("beach"), "{shown}");
}
