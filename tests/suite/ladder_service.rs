//! The contact ladder in the running service: checked again when delivery starts, counted against
//! caps, and an alarm when nobody is free.

use std::fs;

use serde_json::Value;

use crate::support::office::{Office, Serving, mail};

/// Where a ticket went, and why.
fn way(ticket: &Value) -> String {
    let decision = &ticket["decision"];
    let target = decision["target"]["to"].as_str();
    let target = target.or(decision["target"]["decision"].as_str()).unwrap();
    format!("{target}: {}", decision["reason"].as_str().unwrap())
}

fn carol(id: &str) -> String {
    mail(id, "carol@acme.example", "Question", "Please look.")
}

fn away(office: &Office, names: &[&str]) {
    let people = fs::read_to_string(office.path("people.csv")).unwrap();
    let line = |line: &str| {
        let gone = names.iter().any(|name| line.starts_with(&format!("{name}@")));
        let bare = line.trim_end_matches(|c: char| c != ',');
        if gone { format!("{bare}2020-01-01..2099-12-31\n") } else { format!("{line}\n") }
    };
    office.write("people.csv", &people.lines().map(line).collect::<String>());
}

/// An office whose service was killed after it had recorded a mail of Carol's, before delivery.
fn killed_before_delivery() -> Office {
    let office = Office::open();
    office.post(&carol("1"));
    let mut command = office.command(&["serve"]);
    let service = Serving::start(command.env("POSTROOM_KILL_AT", "committed:1"));
    assert!(!service.end().0.success());
    assert_eq!(way(&office.tickets()[0]), "amira@callwise.example: account_manager");
    office
}

fn events(ticket: &Value) -> Vec<&str> {
    ticket["events"].as_array().unwrap().iter().map(|it| it["event"].as_str().unwrap()).collect()
}

#[test]
fn whoever_became_busy_before_delivery_does_not_get_the_mail() {
    let office = killed_before_delivery();
    away(&office, &["amira"]);
    let service = office.serve(&[]);
    assert_eq!(way(&office.settled(1)[0]), "mara@callwise.example: manager");
    let folders = [".People.amira", ".People.mara", ""];
    assert_eq!(folders.map(|folder| office.lie_in(folder)), [0, 1, 0]);
    let ticket = office.ticket(1);
    assert_eq!(events(&ticket), ["decided", "became_busy", "decided_again", "delivered"]);
    let shown = office.run(&["ledger", "show", "1"]).well();
    for line in [
        "amira@callwise.example can't have it any more: away from 2020-01-01",
        "postroom decided: mara@callwise.example (manager)",
        "account manager amira@callwise.example: away",
        "manager mara@callwise.example: takes it",
    ] {
        assert!(shown.contains(line), "`{line}` is not in:\n{shown}");
    }
    assert_eq!(office.run(&["ledger", "replay"]).well(), "1 ticket as decided, 0 otherwise\n");
    service.stop();
}

#[test]
fn before_a_later_try_the_ladder_is_climbed_again_if_no_earlier_one_did_anything() {
    // (killed at, when she goes away, where the mail lies at the end)
    for (at, already_away, lies) in [
        // Claimed, so that it may have been delivered; but it lies where it lay.
        ("before_reroute:1", true, [0, 1, 0]),
        ("claimed:1", false, [0, 1, 0]),
        // It was delivered: a mail that lies with somebody stays there.
        ("maildir-renamed:1", false, [1, 0, 0]),
    ] {
        let office = killed_before_delivery();
        if already_away {
            away(&office, &["amira"]);
        }
        let mut command = office.command(&["serve"]);
        let service = Serving::start(command.env("POSTROOM_KILL_AT", at));
        assert!(!service.end().0.success());
        away(&office, &["amira"]);
        let service = office.serve(&[]);
        office.settled(1);
        let folders = [".People.amira", ".People.mara", ""];
        assert_eq!(folders.map(|folder| office.lie_in(folder)), lies, "{at}");
        service.stop();
    }
}

/// A mail that follows a thread is looked at once more, too.
#[test]
fn whoever_went_away_before_delivery_does_not_get_what_follows_either() {
    let office = Office::open();
    office.post(&carol("1"));
    let service = office.serve(&[]);
    office.settled(1);
    service.stop();
    office.post(&format!("In-Reply-To: <1@test.example>\r\n{}", carol("2")));
    let mut command = office.command(&["serve"]);
    let service = Serving::start(command.env("POSTROOM_KILL_AT", "committed:1"));
    assert!(!service.end().0.success());
    assert_eq!(way(&office.ticket(2)["ticket"]), "amira@callwise.example: follow_up");
    away(&office, &["amira"]);
    let service = office.serve(&[]);
    office.settled(2);
    let ticket = office.ticket(2);
    assert_eq!(way(&ticket["ticket"]), "mara@callwise.example: manager");
    assert_eq!(ticket["evidence"]["signs"]["thread"]["outcome"], "holder_busy");
    assert_eq!([".People.amira", ".People.mara"].map(|it| office.lie_in(it)), [1, 1]);
    assert_eq!(office.run(&["ledger", "replay"]).well(), "2 tickets as decided, 0 otherwise\n");
    service.stop();
}

#[test]
fn when_nobody_is_free_the_last_team_takes_it_and_an_alarm_says_so() {
    let office = killed_before_delivery();
    away(&office, &["amira", "mara"]);
    let service = office.serve(&[]);
    assert_eq!(way(&office.settled(1)[0]), "technical-support: nobody_free");
    office.post(&carol("2"));
    assert_eq!(way(&office.settled(2)[1]), "technical-support: nobody_free");
    let metrics = service.get("/metrics", "").2;
    assert!(metrics.contains("postroom_nobody_free_total{mailbox=\"support\"} 2\n"), "{metrics}");
    let log = service.stop();
    let alarms: Vec<&str> =
        log.lines().filter(|line| line.contains("nobody on the ladder is free")).collect();
    assert_eq!(alarms.len(), 2, "{log}");
    assert!(alarms.iter().all(|line| line.contains("WARN") && !line.contains('@')), "{log}");
}

#[test]
fn a_cap_of_open_tickets_passes_mail_on() {
    let office = Office::open();
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    office.write("postroom.toml", &config.replace("[directory]\n", "[directory]\ncap = 3\n"));
    for number in 0..8 {
        office.post(&carol(&number.to_string()));
    }
    let service = office.serve(&[]);
    let mut ways: Vec<String> = office.settled(8).iter().map(way).collect();
    ways.sort();
    let expected = [
        ("amira@callwise.example: account_manager", 3),
        ("mara@callwise.example: manager", 3),
        ("technical-support: nobody_free", 2),
    ];
    let expected: Vec<&str> = expected.iter().flat_map(|(way, n)| vec![*way; *n]).collect();
    assert_eq!(ways, expected);
    service.stop();
    // What the ledger holds counts after a start, too, and on the command line.
    let service = office.serve(&[]);
    office.post(&carol("9"));
    assert_eq!(way(&office.settled(9)[8]), "technical-support: nobody_free");
    let ran = office.run(&["directory", "ladder", "carol@acme.example"]).well();
    assert!(ran.contains("amira@callwise.example: has 3 open tickets, and takes up to 3"), "{ran}");
    assert!(ran.contains("nobody is free: the last team takes it"), "{ran}");
    assert_eq!(office.run(&["ledger", "replay"]).well(), "9 tickets as decided, 0 otherwise\n");
    service.stop();
}
