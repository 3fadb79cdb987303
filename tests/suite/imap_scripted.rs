//! The IMAP source and delivery against servers that misbehave.

use std::time::Duration;

use postroom::config::{ImapSettings, Mailbox, Tls};
use postroom::seams::{Cursor, Delivery as _, Outcome, Source, SourceError};

use crate::imap::ends;
use crate::imap_scripted_delivery::{jobs, kind};
use crate::support::imap::mailbox;
use crate::support::scripted_imap::{Line, Scripted, Then};

pub(crate) const GREETING: &str = "* OK ready\r\n";

pub(crate) fn quick(port: u16) -> (Mailbox, ImapSettings) {
    let (mut mailbox, mut settings) = mailbox(port);
    settings.timeout = Duration::from_millis(400);
    mailbox.poll_every = Duration::from_millis(20);
    (mailbox, settings)
}

/// How a source fares: the first thing it says, and what it has handed out in the end.
async fn fares(script: Vec<Line>) -> (String, Vec<String>) {
    let server = Scripted::start(GREETING, script).await;
    let (mailbox, settings) = quick(server.port);
    let (mut source, _) = ends(&mailbox, &settings);
    let (mut first, mut cursor, mut names) = (None, Cursor::default(), Vec::new());
    // Whatever happens, a few tries later everything is there, and nothing twice.
    for _ in 0..20 {
        let said = match source.next(cursor.clone()).await {
            Ok(window) => {
                names.extend(window.mails.iter().map(|mail| mail.place.name.clone()));
                assert!(window.mails.iter().all(|mail| !mail.raw.is_empty()));
                cursor = window.upto;
                "a window".to_owned()
            }
            Err(SourceError::Transient(why)) => format!("transient: {why}"),
            Err(SourceError::Throttled { after, .. }) => {
                format!("throttled: {}", after.as_millis())
            }
            Err(SourceError::Refused(why)) => format!("refused: {why}"),
            Err(SourceError::Misconfigured(why)) => format!("misconfigured: {why}"),
        };
        first.get_or_insert(said);
        if names.len() >= 3 {
            break;
        }
    }
    (first.unwrap_or_default(), names)
}

pub(crate) fn line(command: &'static str, answer: &str, then: Then) -> Line {
    (command, answer.to_owned(), then)
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "it is a table")]
async fn whatever_a_server_does_nothing_is_lost() {
    let deep = format!("* 1 FETCH (UID 1 BODYSTRUCTURE {}", "(".repeat(10_000));
    let cut = "* 1 FETCH (UID 1 RFC822.SIZE 900 BODY[]<0> {900}\r\nSubject: x";
    let some = "* 1 FETCH (UID 1 RFC822.SIZE 3 BODY[]<0> {3}\r\nabc)\r\nTAG OK done\r\n";
    let opened = "* OK [UIDVALIDITY 7] valid\r\n* 3 EXISTS\r\n";
    let cases: Vec<(&str, &str, Line)> = vec![
        ("a good server", "a window", line("NOTHING", "", Then::On)),
        (
            "cut in the middle of a literal",
            "transient",
            line("UID FETCH 1:3 (UID RFC", cut, Then::Close),
        ),
        (
            "cut between two mails",
            "transient",
            line(
                "UID FETCH 1:3 (UID RFC",
                "* 1 FETCH (UID 1 RFC822.SIZE 3 BODY[]<0> {3}\r\nabc)\r\n",
                Then::Close,
            ),
        ),
        ("some mails left out", "a window", line("UID FETCH 1:3 (UID RFC", some, Then::On)),
        (
            "NO to FETCH",
            "transient",
            line("UID FETCH 1:3 (UID RFC", "TAG NO [SERVERBUG] oops\r\n", Then::On),
        ),
        ("NO to the list", "transient", line("UID FETCH 1:3 (UID)", "TAG NO oops\r\n", Then::On)),
        ("NO to EXAMINE", "transient", line("EXAMINE", "TAG NO [SERVERBUG] oops\r\n", Then::On)),
        (
            "the folder is missing",
            "misconfigured",
            line("EXAMINE", "TAG NO [NONEXISTENT] Unknown Mailbox\r\n", Then::On),
        ),
        ("the end after EXAMINE", "transient", line("EXAMINE", "", Then::Close)),
        ("no UIDVALIDITY", "transient", line("EXAMINE", "* 3 EXISTS\r\nTAG OK done\r\n", Then::On)),
        ("no UIDNEXT", "a window", line("EXAMINE", &format!("{opened}TAG OK done\r\n"), Then::On)),
        (
            "an untagged NO",
            "a window",
            line(
                "EXAMINE",
                &format!("* NO [ALERT] disk nearly full\r\n{opened}TAG OK done\r\n"),
                Then::On,
            ),
        ),
        ("BYE", "transient", line("EXAMINE", "* BYE shutting down\r\n", Then::Close)),
        ("silence", "transient", line("UID FETCH 1:3 (UID RFC", "* 1 FETCH (UID 1", Then::Silence)),
        (
            "a literal that claims 500 MB",
            "transient",
            line(
                "UID FETCH 1:3 (UID RFC",
                "* 1 FETCH (UID 1 BODY[]<0> {500000000}\r\n",
                Then::Silence,
            ),
        ),
        (
            "parentheses 10,000 deep",
            "transient",
            line("UID FETCH 1:3 (UID RFC", &deep, Then::Silence),
        ),
        (
            "a date that makes the parser panic",
            "transient",
            line("UID FETCH 1:3 (UID RFC", "* 1 FETCH (UID 1 INTERNALDATE NIL)\r\n", Then::Silence),
        ),
        ("garbage", "transient", line("UID FETCH 1:3 (UID RFC", "* \u{1}\u{2}\r\n", Then::Silence)),
        (
            "throttled",
            "throttled: 1234",
            line(
                "EXAMINE",
                "TAG BAD Request is throttled. Suggested Backoff Time: 1234 milliseconds\r\n",
                Then::On,
            ),
        ),
        (
            "connected but not connected",
            "transient",
            line("EXAMINE", "TAG BAD User is authenticated but not connected.\r\n", Then::Close),
        ),
        (
            "wrong password",
            "refused",
            line("LOGIN", "TAG NO [AUTHENTICATIONFAILED] no\r\n", Then::On),
        ),
        (
            "a login server in trouble",
            "transient",
            line("LOGIN", "TAG NO [UNAVAILABLE] later\r\n", Then::On),
        ),
        (
            "an answer to another command",
            "transient",
            line("EXAMINE", "X99 OK done\r\n", Then::Silence),
        ),
    ];
    for (name, expected, script) in cases {
        let (first, names) = fares(vec![script]).await;
        assert!(first.starts_with(expected), "{name}: {first}");
        assert_eq!(names, ["1", "2", "3"], "{name}");
    }
}

#[tokio::test]
async fn another_epoch_or_folder_begins_anew_and_a_lower_uidnext_too() {
    let of =
        |folder: Option<&str>, epoch, uid| Cursor { folder: folder.map(str::to_owned), epoch, uid };
    let cases = [
        ("another UIDVALIDITY", of(Some("INBOX"), 6, 3), 3),
        ("UIDNEXT went down", of(Some("INBOX"), 7, 900), 3),
        ("another folder with the same UIDVALIDITY", of(Some("Support"), 7, 3), 3),
        ("the same", of(Some("INBOX"), 7, 3), 0),
        ("a folder that was not kept is the same", of(None, 7, 3), 0),
        (
            "UIDs behind the cursor only, though `n:*` would give the last",
            of(Some("INBOX"), 7, 2),
            1,
        ),
    ];
    for (name, after, expected) in cases {
        let server = Scripted::start(GREETING, Vec::new()).await;
        let (mailbox, settings) = quick(server.port);
        let window = ends(&mailbox, &settings).0.next(after).await.expect("a window");
        assert_eq!(
            (window.mails.len(), window.upto),
            (expected, of(Some("INBOX"), 7, 3)),
            "{name}"
        );
    }
}

#[tokio::test]
async fn starttls_fails_closed() {
    let greeted_in = "* PREAUTH welcome\r\n";
    let offer = "* CAPABILITY IMAP4rev1 STARTTLS\r\nTAG OK done\r\n";
    let injected = "TAG OK begin\r\nP1 OK [CAPABILITY IMAP4rev1] injected\r\n* OK injected\r\n";
    let cases = [
        ("not offered", GREETING, vec![]),
        ("already logged in", greeted_in, vec![]),
        (
            "refused",
            GREETING,
            vec![line("CAPABILITY", offer, Then::On), line("STARTTLS", "TAG NO\r\n", Then::On)],
        ),
        (
            "answers injected",
            GREETING,
            vec![line("CAPABILITY", offer, Then::On), line("STARTTLS", injected, Then::On)],
        ),
        (
            "no TLS behind it",
            GREETING,
            vec![
                line("CAPABILITY", offer, Then::On),
                line("STARTTLS", "TAG OK begin\r\n", Then::On),
            ],
        ),
    ];
    for (name, greeting, script) in cases {
        let server = Scripted::start(greeting, script).await;
        let (mailbox, mut settings) = quick(server.port);
        settings.tls = Tls::StartTls;
        assert!(ends(&mailbox, &settings).0.next(Cursor::default()).await.is_err(), "{name}");
        let heard = server.heard();
        assert!(
            !heard.iter().any(|c| c.contains("secret") || c.contains("LOGIN")),
            "{name}: {heard:?}"
        );
    }
}

#[tokio::test]
async fn the_login_fits_what_the_server_offers() {
    let capability = |words: &str| {
        line("CAPABILITY", &format!("* CAPABILITY IMAP4rev1 {words}\r\nTAG OK done\r\n"), Then::On)
    };
    // base64 of NUL alice NUL secret
    let plain = "AGFsaWNlAHNlY3JldA==";
    let cases = [
        ("LOGIN", "", vec![], true, "LOGIN \"alice\" \"secret\""),
        ("LOGINDISABLED alone", "LOGINDISABLED", vec![], false, "CAPABILITY"),
        (
            "PLAIN with its first message",
            "LOGINDISABLED AUTH=PLAIN SASL-IR",
            vec![],
            true,
            "AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==",
        ),
        (
            "PLAIN after a prompt",
            "LOGINDISABLED AUTH=PLAIN",
            vec![line("AUTHENTICATE", "+ \r\n", Then::On), line(plain, "P2 OK in\r\n", Then::On)],
            true,
            plain,
        ),
    ];
    for (name, offered, more, good, command) in cases {
        let script = [vec![capability(offered)], more].concat();
        let server = Scripted::start(GREETING, script).await;
        let (mailbox, settings) = quick(server.port);
        let result = ends(&mailbox, &settings).0.next(Cursor::default()).await;
        let heard = server.heard();
        assert_eq!(result.is_ok(), good, "{name}: {:?} {heard:?}", result.err());
        assert!(heard.iter().any(|c| c == command), "{name}: {heard:?}");
    }
}

#[tokio::test]
async fn names_that_hold_a_line_break_never_reach_the_server() {
    let server = Scripted::start(GREETING, Vec::new()).await;
    let (mut mailbox, settings) = quick(server.port);
    mailbox.inbox = "INBOX\r\nX1 DELETE INBOX".to_owned();
    assert!(ends(&mailbox, &settings).0.next(Cursor::default()).await.is_err());
    let mut jobs = jobs(1);
    jobs[0].place.folder = "INBOX\r\nX1 DELETE INBOX".to_owned();
    let outcomes = ends(&mailbox, &settings).1.deliver(&jobs).await;
    assert!(matches!(outcomes[0].1, Outcome::Retry { .. }), "{outcomes:?}");
    assert!(!server.heard().iter().any(|command| command.starts_with("DELETE")));
}

#[tokio::test]
async fn what_a_server_can_do_is_asked_again_once_it_knows_us() {
    let announced = |words: &str| {
        line("CAPABILITY", &format!("* CAPABILITY IMAP4rev1 {words}\r\nTAG OK done\r\n"), Then::On)
    };
    let complaint = "* OK [ALERT] no file monitor\r\n* PREAUTH welcome\r\n";
    let cases = [
        (
            "MOVE comes with the login, and LOGINDISABLED with it, as on Cyrus",
            GREETING,
            vec![announced(""), announced("LOGINDISABLED MOVE UIDPLUS")],
            &["CAPABILITY", "LOGIN", "CAPABILITY"][..],
        ),
        (
            "what the answer to LOGIN announces is not the last word",
            GREETING,
            vec![
                announced(""),
                line("LOGIN", "TAG OK [CAPABILITY IMAP4rev1] in\r\n", Then::On),
                announced("MOVE UIDPLUS"),
            ],
            &["CAPABILITY", "LOGIN", "CAPABILITY"],
        ),
        (
            "a complaint, as of Courier, and then logged in already",
            complaint,
            vec![announced("MOVE UIDPLUS")],
            &["CAPABILITY"],
        ),
    ];
    for (name, greeting, script, expected) in cases {
        let server = Scripted::start(greeting, script).await;
        let (mailbox, settings) = quick(server.port);
        let outcomes = ends(&mailbox, &settings).1.deliver(&jobs(1)).await;
        assert!(outcomes.iter().all(|(_, o)| kind(o) == "copyuid"), "{name}: {outcomes:?}");
        let heard = server.heard();
        let words = heard.iter().map(|command| command.split(' ').next().unwrap_or_default());
        assert!(words.take(expected.len()).eq(expected.iter().copied()), "{name}: {heard:?}");
        let logins = |commands: &[&str]| commands.iter().filter(|c| c.starts_with("LOGIN")).count();
        let all: Vec<&str> = heard.iter().map(String::as_str).collect();
        assert_eq!(logins(&all), logins(expected), "{name}: {heard:?}");
    }
}
