//! The whole program against IMAP servers, good and bad: what becomes of the mail, what the
//! service says of it, and how much memory it takes.

use std::net::TcpListener;

use crate::support::dovecot::Dovecot;
use crate::support::plain_imap::{ImapServer as _, USER};
use crate::support::scripted_imap::{Scripted, Then};
use crate::support::service::{Home, mailbox, nobody_listens};

/// What is known of a `[[mailbox]]` and what `postroom check --connect` says of it.
struct Checked {
    name: &'static str,
    mailbox: String,
    good: bool,
    says: &'static [&'static str],
}

/// A mail that the dictionary of billing is sure of.
fn invoice(number: usize) -> Vec<u8> {
    mail_about("Wrong invoice", "The invoice has the wrong VAT, please send a refund.", number)
}

/// A mail that no dictionary knows anything of.
fn riddle(number: usize) -> Vec<u8> {
    mail_about("Hello", "I have a question about something else entirely.", number)
}

fn mail_about(subject: &str, text: &str, number: usize) -> Vec<u8> {
    format!(
        "From: bob@stranger.example\r\nTo: support@callwise.example\r\nSubject: {subject}\r\n\
         Message-ID: <{number}@service.example>\r\nX-Number: {number}\r\n\
         Content-Type: text/plain\r\n\r\n{text}\r\nNumber {number}.\r\n"
    )
    .into_bytes()
}

/// A mail with an invoice's complaint and an attachment of this many bytes.
fn with_attachment(size: usize) -> Vec<u8> {
    let part = "Content-Type: application/octet-stream\r\n\
                Content-Transfer-Encoding: base64\r\n\
                Content-Disposition: attachment; filename=log.bin\r\n\r\n";
    let whole = String::from_utf8(invoice(1_000)).unwrap();
    let (header, text) = whole.split_once("\r\n\r\n").unwrap();
    let header = header.replace("text/plain", "multipart/mixed; boundary=b");
    let line = format!("{}\r\n", "QUJD".repeat(19));
    let attached = line.repeat(size / line.len());
    format!("{header}\r\n\r\n--b\r\n\r\n{text}--b\r\n{part}{attached}--b--\r\n").into_bytes()
}

#[test]
#[allow(clippy::too_many_lines, reason = "it is a table")]
fn a_check_says_all_that_is_wrong_with_a_mailbox() {
    let server = Dovecot::start("");
    let authority = server.authority().display().to_string();
    let stranger = Dovecot::start("");
    let other = stranger.authority().display().to_string();
    server.append(USER, "INBOX", &[invoice(1), invoice(2)]);
    let with_tls = |tls: &str, port: u16, authority: &str| {
        mailbox("m", port, &format!("tls = \"{tls}\"\nca_file = \"{authority}\"\n"))
    };
    let nobody = nobody_listens();
    let all: &[&str] = &[
        "m: the server is reached, without encryption",
        "m: the login works",
        "m: the server has MOVE and UIDPLUS",
        "m: the server has IDLE",
        "m: `INBOX` holds 2 mails",
        "m: the folder `Filed` will be created",
        "no error",
    ];
    let cases = [
        Checked { name: "good", mailbox: mailbox("m", server.port, ""), good: true, says: all },
        Checked {
            name: "TLS",
            mailbox: with_tls("implicit", server.tls_port, &authority),
            good: true,
            says: &["m: the server is reached, with TLS", "m: the login works"],
        },
        Checked {
            name: "STARTTLS",
            mailbox: with_tls("starttls", server.port, &authority),
            good: true,
            says: &["m: the server is reached, with TLS by STARTTLS", "m: the login works"],
        },
        Checked {
            name: "a wrong password",
            mailbox: mailbox("m", server.port, "password = \"wrong\"\n"),
            good: false,
            says: &["m: the server is reached", "m: problem: the server refuses the login"],
        },
        Checked {
            name: "missing folders",
            mailbox: mailbox("m", server.port, "inbox = \"Nowhere\"\ncreate_folders = false\n"),
            good: false,
            says: &[
                "m: the login works",
                "m: problem: there is no folder `Nowhere` to watch",
                "m: problem: there is no folder `Filed`: create it, or set `create_folders = true`",
                "m: problem: there is no folder `Repeats`",
            ],
        },
        Checked {
            name: "another authority",
            mailbox: with_tls("implicit", server.tls_port, &other),
            good: false,
            says: &["m: problem: ", "is not trusted", "`ca_file`"],
        },
        Checked {
            name: "nobody listens",
            mailbox: mailbox("m", nobody, ""),
            good: false,
            says: &["m: problem: can't connect to `127.0.0.1:"],
        },
    ];
    for Checked { name, mailbox, good, says } in cases {
        let output = Home::new(&mailbox).run(&["check", "--connect"]);
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(if good { 0 } else { 2 }), "{name}: {said}");
        for text in says {
            assert!(said.contains(text), "{name}: no `{text}` in:\n{said}");
        }
    }
}

#[test]
fn a_mail_of_60_mb_is_routed_by_its_beginning_and_costs_little_memory() {
    let peak = |large: &[Vec<u8>]| {
        let server = Dovecot::start("");
        let small: Vec<Vec<u8>> = (0..20).map(invoice).collect();
        server.append(USER, "INBOX", &small);
        server.append(USER, "INBOX", large);
        let home = Home::new(&mailbox("support", server.port, ""));
        let service = home.serve();
        let tickets = home.settled(small.len() + large.len());
        let peak = service.peak();
        service.stop();
        if let [large] = large {
            let shown = home.run(&["ledger", "show", &tickets.len().to_string(), "--json"]);
            let shown = String::from_utf8(shown.stdout).unwrap();
            assert!(shown.contains(&large.len().to_string()), "its whole size is known: {shown}");
            assert!(shown.contains("fetched_in_part"), "{shown}");
            let numbers = server.headers(USER, "Teams/billing", "X-Number");
            assert!(numbers.contains(&"1000".to_owned()), "it was routed: {shown}");
        }
        peak
    };
    let large = with_attachment(60_000_000);
    let (without, with) = (peak(&[]), peak(&[large]));
    // The cap is 1 MiB; its bytes are held a few times over on their way through the stages.
    assert!(with < without + 12 * 1024, "{without} KiB without it, {with} KiB with it");
}

#[test]
fn a_renumbered_folder_loses_nothing_and_routes_nothing_twice() {
    let server = Dovecot::start("");
    let mails: Vec<Vec<u8>> =
        (0..300).map(|n| if n % 2 == 0 { invoice(n) } else { riddle(n) }).collect();
    server.append(USER, "INBOX", &mails[..200]);
    let home = Home::new(&mailbox("support", server.port, ""));
    let service = home.serve();
    // In the middle of the work, again after it, and while the service is down.
    home.wait("a ticket", || !home.tickets().is_empty());
    server.renumber("INBOX", 2_000_000_001);
    home.settled(200);
    server.renumber("INBOX", 2_000_000_002);
    server.append(USER, "INBOX", &mails[200..250]);
    home.settled(250);
    service.stop();
    server.renumber("INBOX", 2_000_000_003);
    server.append(USER, "INBOX", &mails[250..]);
    let service = home.serve();
    home.settled(300);
    service.stop();
    let mut numbers: Vec<usize> = server
        .folders(USER)
        .iter()
        .flat_map(|folder| server.headers(USER, folder, "X-Number"))
        .map(|number| number.parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..300), "each mail lies in one folder, once");
    assert_eq!(server.headers(USER, "Repeats", "X-Number").len(), 0);
    assert_eq!(server.headers(USER, "Teams/billing", "X-Number").len(), 150);
}

#[test]
fn a_missing_target_folder_is_created_or_waited_for() {
    let server = Dovecot::start("");
    server.append(USER, "INBOX", &[invoice(1)]);
    let home = Home::new(&mailbox("support", server.port, "create_folders = false\n"));
    let service = home.serve();
    let retries = "postroom_deliveries_total{mailbox=\"support\",result=\"retry\"}";
    home.wait("a delivery that has to wait", || home.metric(retries) >= 1.0);
    assert!(home.log().contains("there is no folder `Teams/billing`"), "{}", home.log());
    assert_eq!(server.headers(USER, "INBOX", "X-Number"), ["1"], "the mail stays");
    let readiness = |says: &str| {
        let (status, body) = home.get("/readyz");
        status == 200 && body.contains(says)
    };
    home.wait("/readyz names it", || readiness("deliveries_wait\":\"there is no folder"));
    server.imap(USER).create("Teams/billing");
    home.settled(1);
    home.wait("/readyz says that it is over", || readiness("deliveries_wait\":null"));
    service.stop();
    assert_eq!(server.headers(USER, "Teams/billing", "X-Number"), ["1"]);

    let server = Dovecot::start("");
    server.append(USER, "INBOX", &[invoice(1)]);
    let home = Home::new(&mailbox("support", server.port, "create_folders = true\n"));
    let service = home.serve();
    home.settled(1);
    service.stop();
    assert_eq!(server.headers(USER, "Teams/billing", "X-Number"), ["1"]);
}

#[test]
fn a_server_that_falls_silent_holds_up_no_other_mailbox() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Dovecot::start("");
    // That a mail was read before says nothing of whether Postroom has seen it.
    server.append(USER, "INBOX", &[invoice(1), invoice(2)]);
    let mut imap = server.imap(USER);
    imap.command("SELECT INBOX");
    imap.command("UID STORE 1 +FLAGS.SILENT (\\Seen)");
    let mailboxes = [("mute", silent.local_addr().unwrap().port()), ("support", server.port)]
        .map(|(name, port)| mailbox(name, port, "timeout = \"1s\"\n"));
    let home = Home::new(&mailboxes.concat());
    let service = home.serve();
    home.settled(2);
    let failures = "postroom_read_failures_total{mailbox=\"mute\"}";
    home.wait("the silence to be noticed, again and again", || home.metric(failures) >= 2.0);
    let (status, body) = home.get("/readyz");
    assert_eq!(status, 503, "{body}");
    let readiness: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(readiness["mailboxes"]["support"]["ready"], true, "{body}");
    assert_eq!(readiness["mailboxes"]["mute"]["ready"], false, "{body}");
    assert!(readiness["mailboxes"]["mute"]["failure"].as_str().unwrap().contains("no answer"));
    let metrics = home.get("/metrics").1;
    for of_the_unread in ["last_read_timestamp_seconds", "login_refused"] {
        let shown = format!("\npostroom_{of_the_unread}{{mailbox=\"mute\"}} 0");
        assert!(metrics.contains(&shown), "{shown}: {metrics}");
    }
    service.stop();
    assert_eq!(server.headers(USER, "Teams/billing", "X-Number"), ["1", "2"]);
}

#[test]
fn a_server_that_takes_no_more_connections_is_tried_again() {
    let server = Dovecot::start("mail_max_userip_connections = 2");
    let mut held = server.imap(USER);
    held.append("INBOX", &[invoice(1)]);
    let other = server.imap(USER);
    let home = Home::new(&mailbox("support", server.port, ""));
    let service = home.serve();
    let failures = "postroom_read_failures_total{mailbox=\"support\"}";
    home.wait("a refused connection", || home.metric(failures) >= 1.0);
    drop((held, other));
    home.settled(1);
    service.stop();
}

#[test]
fn credentials_that_stop_working_are_seen_at_once_and_mended_without_a_restart() {
    let server = Dovecot::start("");
    let home = Home::new(&mailbox("support", server.port, "password_file = \"password\"\n"));
    std::fs::write(home.path("password"), "secret\n").unwrap();
    let service = home.serve();
    home.wait("readiness", || home.get("/readyz").0 == 200);
    assert!(home.metric("postroom_login_refused{mailbox=\"support\"}") < 0.5);
    std::fs::write(home.path("password"), "dead\n").unwrap();
    server.doveadm(&["kick", USER]);
    home.wait("unreadiness", || home.get("/readyz").0 == 503);
    assert!(home.get("/readyz").1.contains("the server refuses the login"));
    assert!(home.metric("postroom_login_refused{mailbox=\"support\"}") > 0.5);
    std::fs::write(home.path("password"), "secret\n").unwrap();
    home.wait("readiness again", || home.get("/readyz").0 == 200);
    assert!(home.metric("postroom_login_refused{mailbox=\"support\"}") < 0.5);
    service.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_literal_that_claims_500_mb_costs_no_memory() {
    let claim = "* 1 FETCH (UID 1 BODY[]<0> {500000000}\r\n".to_owned() + &"x".repeat(8 << 20);
    let script = vec![("UID FETCH 1:3 (UID RFC", claim, Then::Silence)];
    let server = Scripted::start("* OK ready\r\n", script).await;
    let port = server.port;
    let judged = tokio::task::spawn_blocking(move || {
        let home = Home::new(&mailbox("support", port, "timeout = \"2s\"\n"));
        let service = home.serve();
        home.wait("the mails, once the server behaves", || home.tickets().len() == 3);
        let peak = service.peak();
        service.stop();
        (peak, home.log())
    });
    let (peak, log) = judged.await.unwrap();
    assert!(log.contains("can't read"), "the claim was met: {log}");
    assert!(peak < 100 * 1024, "{peak} KiB");
}
