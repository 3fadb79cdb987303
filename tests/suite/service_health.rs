//! How the service says that it is well or not, and what becomes of it when what it needs is
//! missing: another process, a port, a database.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::Value;

use crate::support::office::{Office, PATIENCE, mail};
use crate::support::postgres::Server;

fn hello(id: &str) -> String {
    mail(id, "ann@stranger.example", "Hello", "Something else entirely.")
}

#[test]
fn pages_say_how_it_is() {
    let office = Office::open();
    office.post(&mail("1", "carol@acme.example", "Question", "Please look."));
    let service = office.serve(&[]);
    office.settled(1);
    assert_eq!(service.get("/healthz", "").0, 200);
    let ready = service.readiness(200, |_| true);
    assert_eq!((&ready["ready"], &ready["reasons"]), (&true.into(), &serde_json::json!([])));
    for path in ["/", "/nope", "/healthz/", "/metrics/x"] {
        let (status, head, body) = service.get(path, "");
        assert_eq!(status, 404, "{path}: {head}");
        assert!(body.contains("/readyz"), "{path}: {body}");
    }
    // A mailbox that can't be read is a reason, with its name.
    fs::rename(office.path("mailbox"), office.path("away")).unwrap();
    service.says(&["can't read", "mailbox=support"]);
    service.stop();
    let service = office.serve(&[]);
    let waiting =
        service.readiness(503, |ready| ready["mailboxes"]["support"]["failure"].is_string());
    let reason = waiting["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("the mailbox `support` was not read yet: "), "{reason}");
    assert_eq!(service.get("/healthz", "").0, 200, "a service that isn't ready lives");
    fs::rename(office.path("away"), office.path("mailbox")).unwrap();
    service.readiness(200, |_| true);
    service.stop();
}

#[test]
fn who_does_not_end_a_request_is_let_go_and_keeps_nobody_out() {
    let office = Office::open();
    let service = office.serve(&[]);
    let slow: Vec<TcpStream> = (0..80)
        .map(|_| {
            let mut slow = TcpStream::connect(service.address()).unwrap();
            slow.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
            slow.set_read_timeout(Some(PATIENCE)).unwrap();
            slow
        })
        .collect();
    service.readiness(200, |_| true);
    for mut slow in slow {
        let mut answer = Vec::new();
        slow.read_to_end(&mut answer).unwrap();
    }
    service.stop();
}

#[test]
fn metrics_are_in_the_format_that_was_asked_for() {
    let office = Office::open();
    office.post(&mail("1", "carol@acme.example", "Question", "Please look."));
    office.post(&hello("2"));
    let service = office.serve(&[]);
    office.settled(2);
    let (status, head, plain) = service.get("/metrics", "");
    assert!(status == 200 && head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    let samples = check_metrics(&plain, false);
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.3\r\n";
    let (_, head, open) = service.get("/metrics", accept);
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert_eq!(
        samples.keys().collect::<Vec<_>>(),
        check_metrics(&open, true).keys().collect::<Vec<_>>()
    );
    // (sample, value)
    let expected = [
        ("postroom_mails_recorded_total{mailbox=\"support\",result=\"new\"}", 2.0),
        ("postroom_deliveries_total{mailbox=\"support\",result=\"done\"}", 1.0),
        ("postroom_tickets{decision=\"assist\",reason=\"no_evidence\"}", 1.0),
        ("postroom_tickets{decision=\"person\",reason=\"account_manager\"}", 1.0),
        ("postroom_outbox_jobs", 0.0),
        ("postroom_edit_refused", 0.0),
        ("postroom_store_answers", 1.0),
    ];
    for (sample, value) in expected {
        assert_eq!(samples.get(sample), Some(&value), "{sample} in:\n{plain}");
    }
    service.stop();
}

/// Reads metrics line by line as Prometheus does, and hands back the samples.
fn check_metrics(text: &str, open: bool) -> BTreeMap<String, f64> {
    let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
    let mut helped: Option<&str> = None;
    let mut samples = BTreeMap::new();
    let body = if open { text.strip_suffix("# EOF\n").unwrap() } else { text };
    for line in body.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, said) = help.split_once(' ').unwrap();
            assert!(said.len() > 10, "{line}");
            helped = Some(name);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(helped, Some(name), "HELP stands before TYPE: {line}");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            assert!(kinds.insert(name, kind).is_none(), "declared twice: {line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            has_a_good_name(name, sample);
            let family = if open { name.trim_end_matches("_total") } else { name };
            let kind = kinds.get(family).unwrap_or_else(|| panic!("no TYPE before {line}"));
            assert_eq!(*kind == "counter", name.ends_with("_total"), "{line}");
            let value: f64 = value.parse().unwrap();
            assert!(value.is_finite() && value >= 0.0, "{line}");
            assert!(samples.insert(sample.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    assert!(samples.len() > 6, "{text}");
    samples
}

/// `postroom_…`, with the unit at its end where there is one, and labels in quotes.
fn has_a_good_name(name: &str, sample: &str) {
    let letters = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    assert!(name.starts_with("postroom_") && letters, "{name}");
    assert!(!name.contains("timestamp") || name.ends_with("_timestamp_seconds"), "{name}");
    if let Some(labels) = sample.strip_prefix(name).unwrap().strip_prefix('{') {
        for label in labels.strip_suffix('}').unwrap().split(',') {
            let (key, value) = label.split_once('=').unwrap();
            assert!(key.chars().all(|c| c.is_ascii_lowercase()), "{sample}");
            assert!(value.len() > 2 && value.starts_with('"') && value.ends_with('"'), "{sample}");
        }
    }
}

#[test]
fn a_second_service_on_one_file_ends_and_says_why() {
    let office = Office::open();
    office.post(&hello("1"));
    let service = office.serve(&[]);
    office.settled(1);
    let second = office.run(&["serve"]);
    assert_eq!((second.code, second.out.as_str()), (1, ""));
    let word = second.err.lines().last().unwrap();
    for text in ["another process serves from it", "ledger.db.lock", "PostgreSQL to run several"] {
        assert!(word.contains(text), "`{text}` is not in: {}", second.err);
    }
    // The first one is none the worse for it.
    office.post(&hello("2"));
    office.settled(2);
    service.stop();
}

#[test]
fn what_it_can_not_have_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = |store: &str| {
        let office = Office::open_with(store, "");
        let text = fs::read_to_string(office.path("postroom.toml")).unwrap();
        (office, text)
    };
    let (office, text) = config("sqlite:ledger.db");
    office.write("postroom.toml", &text.replace("127.0.0.1:0", &address));
    let ran = office.run(&["serve"]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.lines().count()), (1, "", 1), "{ran:?}");
    assert!(ran.err.contains(&address) && ran.err.contains("`[web]`"), "{}", ran.err);
    assert!(!office.path("ledger.db").exists(), "it began before it knew that it could");

    // Nobody listens on the first port: it was tcpmux's.
    let free = "127.0.0.1:1";
    let (office, _) = config(&format!("postgres://ledger:marked-password@{free}/postroom"));
    for command in [&["serve"][..], &["ledger", "list"], &["--log", "trace", "assist", "list"]] {
        let ran = office.run(command);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        let word = ran.err.lines().last().unwrap();
        assert!(word.contains(&format!("PostgreSQL at {free}: ")), "{}", ran.err);
        assert!(word.contains("Connection refused"), "{}", ran.err);
        assert!(!ran.err.contains("marked-password"), "{}", ran.err);
    }

    let (office, _) = config("sqlite:ledger.db");
    office.write("ledger.db", &"no database at all ".repeat(100));
    for command in ["serve", "ledger list"] {
        let ran = office.run(&command.split(' ').collect::<Vec<_>>());
        let named = format!("`{}`: file is not a database", office.path("ledger.db").display());
        assert!(ran.code == 1 && ran.err.contains(&named), "{ran:?}");
    }

    let (office, text) = config("sqlite:ledger.db");
    office.write("customers.csv", "match,customer,account_manager\nmarked person@x.example,X,\n");
    let ran = office.run(&["serve"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    assert!(ran.err.contains("customers.csv:2:1: error: "), "{}", ran.err);
    assert!(ran.err.ends_with("`postroom check` shows them with their lines\n"), "{}", ran.err);
    assert!(!ran.err.contains("marked"), "a person's address is in the log: {}", ran.err);
    office.write("postroom.toml", &text.replace("[store]", "[stor]"));
    let ran = office.run(&["serve"]);
    assert!(ran.code == 2 && ran.err.contains("did you mean `store`?"), "{ran:?}");
    assert!(!office.path("ledger.db").exists(), "something was made");
}

#[test]
fn a_database_may_go_and_come_back() {
    let mut server = Server::start("off");
    let office = Office::open_with(&server.database(), "");
    office.post(&hello("1"));
    let service = office.serve(&[]);
    office.settled(1);
    service.readiness(200, |_| true);
    assert!(service.get("/metrics", "").2.contains("\npostroom_tickets{"));

    server.crash();
    office.post(&hello("2"));
    let gone = service.readiness(503, |ready| ready["store"].is_string());
    assert_eq!(gone["reasons"][0], gone["store"]);
    assert_eq!(service.get("/healthz", "").0, 200);
    let (status, _, text) = service.get("/metrics", "");
    assert!(status == 200 && text.contains("\npostroom_store_answers 0\n"), "{text}");
    assert!(text.contains("\npostroom_tickets{"), "its numbers are as they were: {text}");

    server.go();
    service.readiness(200, |_| true);
    office.settled(2);
    let text = service.get("/metrics", "").2;
    assert!(text.contains("\npostroom_store_answers 1\n"), "{text}");
    // It can be stopped while its database is away, too.
    server.crash();
    office.post(&hello("3"));
    service.readiness(503, |ready| ready["store"].is_string());
    service.stop();
    server.go();
    let service = office.serve(&[]);
    office.settled(3);
    service.stop();
}

#[test]
fn of_two_replicas_one_stands_by_and_takes_over() {
    let office = Office::open_with(&Server::shared().database(), "");
    office.post(&hello("1"));
    let first = office.serve(&[]);
    office.settled(1);
    let second = office.serve(&[]);
    let standing_by = |ready: &Value| ready["mailboxes"]["support"]["standing_by"] == true;
    second.readiness(200, standing_by);
    office.post(&hello("2"));
    office.settled(2);
    assert!(!second.log().contains("attending"), "both read the mailbox: {}", second.log());
    assert!(first.stop().contains("stopped"));
    second.says(&["attending to the mailbox", "fence=2"]);
    office.post(&hello("3"));
    office.settled(3);
    second.readiness(200, |ready| !standing_by(ready));
    second.stop();
}
