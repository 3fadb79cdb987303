//! Mails that people put back where they came in.

use std::fs;

use serde_json::Value;

use crate::support::office::{Office, PATIENCE, mail};
use crate::support::wait::wait_for;

/// Moves the only mail of a folder to another, under a new name, as mail programs do.
fn put(office: &Office, from: &str, to: &str, name: &str) {
    let folder = office.path("mailbox").join(from).join("new");
    let mail = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let parts = office.path("mailbox").join(to);
    for part in ["new", "cur"] {
        fs::create_dir_all(parts.join(part)).unwrap();
    }
    fs::rename(mail, parts.join("new").join(name)).unwrap();
}

fn reason(ticket: &Value) -> &str {
    ticket["decision"]["reason"].as_str().unwrap()
}

#[test]
fn a_mail_that_is_put_back_is_a_question_and_no_copy() {
    let office = Office::open();
    office.post(&mail("1", "carol@acme.example", "Question", "Can you look at this?"));
    let service = office.serve(&[]);
    office.settled(1);
    assert_eq!(office.lie_in(".People.amira"), 1);
    put(&office, ".People.amira", "", "1790500000.back");
    wait_for("a question", PATIENCE, || {
        (reason(&office.tickets()[0]) == "came_back").then_some(())
    });
    assert_eq!([".People.amira", "", ".Repeats"].map(|folder| office.lie_in(folder)), [0, 1, 0]);
    office.run(&["assist", "answer", "1", "billing"]).well();
    office.settled(1);
    assert_eq!(["", ".Teams.billing"].map(|folder| office.lie_in(folder)), [0, 1]);
    service.stop();
}

#[test]
fn a_question_that_was_elsewhere_meanwhile_is_answered_where_it_is() {
    let office = Office::open();
    office.post(&mail("1", "ann@stranger.example", "Hello", "Something else entirely."));
    let service = office.serve(&[]);
    office.settled(1);
    put(&office, "", ".Elsewhere", "1790500000.away");
    put(&office, ".Elsewhere", "", "1790500001.back");
    service.says(&["a question was put back"]);
    assert_eq!(reason(&office.tickets()[0]), "no_evidence");
    office.run(&["assist", "answer", "1", "billing"]).well();
    office.settled(1);
    assert_eq!(["", ".Teams.billing", ".Repeats"].map(|f| office.lie_in(f)), [0, 1, 0]);
    service.stop();
}

#[test]
fn a_copy_of_a_mail_that_is_still_there_is_put_away() {
    let office = Office::open();
    let mail = mail("1", "carol@acme.example", "Question", "Can you look at this?");
    office.post(&mail);
    let service = office.serve(&[]);
    office.settled(1);
    office.post(&mail);
    wait_for("put away", PATIENCE, || (office.lie_in(".Repeats") == 1).then_some(()));
    assert_eq!(reason(&office.tickets()[0]), "account_manager");
    assert_eq!(["", ".People.amira"].map(|folder| office.lie_in(folder)), [0, 1]);
    service.stop();
}

/// Gives the mailbox another name in the configuration.
fn rename(office: &Office, to: &str) {
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    office
        .write("postroom.toml", &config.replace("name = \"support\"", &format!("name = \"{to}\"")));
}

#[test]
fn under_a_new_name_of_their_mailbox_questions_stay_and_can_be_answered() {
    let office = Office::open();
    office.post(&mail("1", "ann@stranger.example", "Hello", "Something else entirely."));
    let service = office.serve(&[]);
    office.settled(1);
    service.stop();
    rename(&office, "helpdesk");
    let service = office.serve(&[]);
    service.says(&["mails wait in a mailbox", "mailbox=support", "tickets=1"]);
    service.says(&["a mail is found again under the new name"]);
    assert_eq!(reason(&office.tickets()[0]), "no_evidence");
    office.run(&["assist", "answer", "1", "billing"]).well();
    office.settled(1);
    assert_eq!(["", ".Teams.billing", ".Repeats"].map(|f| office.lie_in(f)), [0, 1, 0]);
    service.stop();
}

#[test]
fn what_was_not_delivered_is_delivered_under_the_new_name() {
    let office = Office::open_with("sqlite:ledger.db", "create_folders = false");
    office.post(&mail("1", "carol@acme.example", "Question", "Can you look at this?"));
    let service = office.serve(&[]);
    service.says(&["delivery waits"]);
    service.stop();
    rename(&office, "helpdesk");
    for part in ["new", "cur", "tmp"] {
        fs::create_dir_all(office.path("mailbox/.People.amira").join(part)).unwrap();
    }
    let service = office.serve(&[]);
    wait_for("the delivery", PATIENCE, || (office.lie_in(".People.amira") == 1).then_some(()));
    office.settled(1);
    assert_eq!(reason(&office.tickets()[0]), "account_manager");
    assert_eq!(["", ".Repeats"].map(|folder| office.lie_in(folder)), [0, 0]);
    service.stop();
}

#[test]
fn a_mailbox_that_watches_the_folder_of_another_leaves_its_mail_there() {
    let watching = "[[mailbox]]\nname = \"ann\"\nmaildir = \"mailbox\"\ninbox = \"People/amira\"\n\
                    poll_every = \"50ms\"\ntrust = \"ignore\"\n";
    let office = Office::open_with("sqlite:ledger.db", watching);
    office.post(&mail("1", "carol@acme.example", "Question", "Can you look at this?"));
    let service = office.serve(&[]);
    service.says(&["attending to the mailbox", "ann"]);
    let told = |ticket: &Value| {
        let events = ticket["events"].as_array().unwrap();
        events
            .iter()
            .any(|event| event["why"] == "another mailbox knows this very mail, so it stays")
    };
    wait_for("both to have seen it", PATIENCE, || {
        (office.tickets().len() == 1 && told(&office.ticket(1))).then_some(())
    });
    assert_eq!(reason(&office.tickets()[0]), "account_manager");
    assert_eq!([".People.amira", "", ".Repeats"].map(|f| office.lie_in(f)), [1, 0, 0]);
    service.stop();
}
