//! What the log never says: who wrote what, at the level that a service runs at; and a secret, at
//! any level.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::dovecot::Dovecot;
use crate::support::office::{Office, PATIENCE, Serving, mail, objects};
use crate::support::plain_imap::{ImapServer as _, USER};
use crate::support::wait::wait_for;

/// Does everything that a service has a word about, over mails whose every part is marked.
fn eventful(office: &Office, service: &Serving) {
    let marked = |id: &str, subject: &str, body: &str| {
        let mail = mail(id, "Marked Name <marked-from@marked.example>", subject, body);
        mail.replace("support@callwise.example", "marked-to@callwise.example")
    };
    // Routed, known from another place, asked about, set aside, and not to be delivered.
    let invoice = "The marked-body invoice has the wrong VAT, please send a refund.";
    fs::write(office.path("mailbox/.Teams.billing"), "a file where a folder should be").unwrap();
    office.post(&marked(
        "marked.1",
        "marked-subject: calls are not connecting",
        "The server is down.",
    ));
    office.post(&marked(
        "marked.1",
        "marked-subject: calls are not connecting",
        "The server is down.",
    ));
    office.post(&marked("marked.2", "marked-subject", "marked-body"));
    office.post(&marked("marked.3", "marked-subject", "marked-body feared-words"));
    office.post(&marked("marked.4", "marked-subject: wrong invoice", invoice));
    service.says(&["set aside"]);
    service.says(&["delivery waits"]);
    let number = |reason: &str| {
        let tickets = office.tickets();
        let found = tickets.iter().find(|ticket| ticket["decision"]["reason"] == reason);
        found.map(|ticket| ticket["id"].to_string())
    };
    let question = wait_for("a question", PATIENCE, || number("no_evidence"));
    office.run(&["assist", "answer", &question, "sales", "--by", "marked-colleague"]).well();
    let aside = number("failed").unwrap();
    office.run(&["ledger", "retry", &aside, "--by", "marked-colleague"]).well();
    service.says(&["reading again"]);
    // Bad edits, and a mailbox that goes away.
    for (name, line) in [
        ("customers.csv", "marked person@marked.example,Marked,marked@,gold"),
        ("people.csv", "marked@,Marked Name,marked manager,soon"),
    ] {
        let text = fs::read_to_string(office.path(name)).unwrap();
        office.write(name, &format!("{text}{line}\n"));
        service.says(&["ERROR", name]);
        office.write(name, &text);
    }
    fs::rename(office.path("mailbox"), office.path("away")).unwrap();
    service.says(&["can't read"]);
    fs::rename(office.path("away"), office.path("mailbox")).unwrap();
}

#[test]
fn nobody_is_named_in_the_log() {
    for format in ["pretty", "json"] {
        let office = Office::open();
        let mut command = office.command(&["serve", "--log", "info", "--log-format", format]);
        let service = Serving::start(command.env("POSTROOM_PANIC_ON", "feared-words"));
        eventful(&office, &service);
        let pages = ["/readyz", "/metrics"].map(|path| service.get(path, "").2).concat();
        let log = service.stop();
        assert!(log.lines().count() > 10, "too little was said to show much: {log}");
        for text in [&log, &pages] {
            let lines = text.lines().filter(|line| {
                let line = line.to_lowercase();
                line.contains("marked") || line.contains('@') || line.contains("feared")
            });
            assert_eq!(lines.collect::<Vec<_>>(), [""; 0], "{format}");
        }
        if format == "json" {
            for line in objects(&log) {
                let has = |key: &str| line[key].is_string();
                assert!(has("timestamp") && has("level") && has("message"), "{line}");
            }
        }
    }
}

#[test]
fn no_secret_is_in_the_log_at_any_level() {
    let server = Dovecot::start("");
    server.append(
        USER,
        "INBOX",
        &[mail("1", "ann@stranger.example", "Hello", "Hello.").into_bytes()],
    );
    let secret = "marked-secret";
    let sasl = [
        format!("\0{USER}\0{secret}"),
        format!("user={USER}\u{1}auth=Bearer {secret}\u{1}\u{1}"),
        format!("n,a={USER},\u{1}auth=Bearer {secret}\u{1}\u{1}"),
    ];
    // (what shows, how to log in, what the service says of it)
    let cases = [
        ("a login that works", "password = \"secret\"".to_owned(), "attending to the mailbox"),
        ("a wrong password", format!("password = \"{secret}\""), "can't read"),
        (
            "a wrong password from a command",
            format!("password_command = [\"echo\", \"{secret}\"]"),
            "can't read",
        ),
        ("a token that is no good", "token_file = \"token\"".to_owned(), "can't read"),
    ];
    for (name, login, said) in cases {
        let office = Office::open();
        office.write("token", secret);
        let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
        let account = format!(
            "host = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nuser = \"{USER}\"\n{login}",
            server.port()
        );
        office.write("postroom.toml", &config.replace("maildir = \"mailbox\"", &account));
        let service = office.serve(&["--log", "trace,async_imap=trace,async_imap::client=trace"]);
        service.says(&[said]);
        if said == "attending to the mailbox" {
            office.settled(1);
        }
        let log = service.stop();
        for hidden in sasl.iter().map(|text| STANDARD.encode(text)).chain([secret.to_owned()]) {
            assert!(!log.contains(&hidden), "{name}: `{hidden}` is in:\n{log}");
        }
        assert!(!log.contains("\"secret\"") && !log.contains(" secret"), "{name}:\n{log}");
        assert!(!log.contains("LOGIN "), "{name}: what is sent is in:\n{log}");
    }
}

#[test]
fn a_configuration_with_a_secret_in_it_is_shown_without() {
    // (what shows, a line of the configuration)
    let cases = [
        ("not in quotes", "password = marked-secret"),
        ("a list", "password = [\"marked-secret\"]"),
        ("a slip of the pen", "pasword = \"marked-secret\""),
        ("a key that nobody knows", "geheim = \"marked-secret\""),
        ("twice", "password = \"marked-secret\"\npassword_file = \"x\""),
        ("never ended", "password = \"marked-secret"),
    ];
    for (name, line) in cases {
        let office = Office::open();
        let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
        let account = format!("host = \"imap.callwise.example\"\nuser = \"u\"\n{line}");
        office.write("postroom.toml", &config.replace("maildir = \"mailbox\"", &account));
        for arguments in [&["check"][..], &["check", "--json"], &["serve"]] {
            let ran = office.run(arguments);
            let all = format!("{}{}", ran.out, ran.err);
            assert_eq!(ran.code, 2, "{name}: {all}");
            assert!(!all.contains("marked-secret"), "{name}: {all}");
        }
    }
    let office = Office::open_with("postgre://u:marked-secret@h/db", "");
    let ran = office.run(&["check"]);
    assert!(ran.code == 2 && !format!("{ran:?}").contains("marked-secret"), "{ran:?}");
}
