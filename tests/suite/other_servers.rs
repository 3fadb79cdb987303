//! What Postroom meets on servers other than Dovecot: a real Courier and a real Cyrus.

use postroom::seams::{Cursor, Job, Proof};

use crate::imap::{again, deliver, drain, ends, job, to, wanted};
use crate::support::courier::Courier;
use crate::support::cyrus::Cyrus;
use crate::support::plain_imap::{ImapServer, USER};

/// What is to be found on one server.
struct Expected {
    announces: &'static [&'static str],
    lacks: &'static [&'static str],
    /// How it spells the folder `Teams/Billing`.
    spelled: &'static str,
    /// What is there once `Teams/Billing` was made: some make the level above too.
    folders: &'static [&'static str],
}

#[test]
fn courier_keeps_what_it_is_given_and_has_no_move() {
    check(
        &Courier::start(),
        &Expected {
            announces: &["IMAP4REV1", "UIDPLUS", "IDLE", "NAMESPACE"],
            lacks: &["MOVE", "LITERAL+", "CONDSTORE", "QRESYNC"],
            spelled: "INBOX.Teams.Billing",
            folders: &["INBOX", "Teams/Billing"],
        },
    );
}

#[test]
fn cyrus_keeps_what_it_is_given_and_has_move() {
    check(
        &Cyrus::start(),
        &Expected {
            announces: &[
                "IMAP4REV1",
                "UIDPLUS",
                "IDLE",
                "NAMESPACE",
                "MOVE",
                "LITERAL+",
                "QRESYNC",
            ],
            lacks: &[],
            spelled: "Teams/Billing",
            folders: &["INBOX", "Teams", "Teams/Billing"],
        },
    );
}

fn check(server: &impl ImapServer, expected: &Expected) {
    let numbers: Vec<String> = (1..=50).map(|number| format!("number {number}")).collect();
    let mails: Vec<Vec<u8>> = numbers.iter().map(|number| mail(number)).collect();
    assert_eq!(server.folders(USER), ["INBOX"]);
    server.append(USER, "INBOX", &mails[..20]);
    server.append(USER, "INBOX", &mails[20..]);
    server.append(USER, "Teams/Billing", &mails[..3]);

    assert_eq!(server.folders(USER), expected.folders);
    assert_eq!(server.headers(USER, "INBOX", "X-Number"), numbers);
    assert_eq!(server.headers(USER, "Teams/Billing", "X-Number"), numbers[..3]);
    assert_eq!(server.headers(USER, "Teams/Billing", "X-Other"), ["", "", ""]);
    assert!(server.headers(USER, "Nowhere", "X-Number").is_empty());

    let mut imap = server.imap(USER);
    for capability in expected.announces {
        assert!(imap.can(capability), "no {capability} in {:?}", imap.capabilities());
    }
    for capability in expected.lacks {
        assert!(!imap.can(capability), "{capability} in {:?}", imap.capabilities());
    }
    assert_eq!(imap.spelled("Teams/Billing"), expected.spelled);

    // To look at the mails set no flag; the keyword is the only one.
    assert!(imap.flags("INBOX").values().all(Vec::is_empty));
    imap.command(&format!("SELECT \"{}\"", imap.spelled("Teams/Billing")));
    imap.command("UID STORE 2 +FLAGS.SILENT (postroom-waits)");
    let flags: Vec<_> = imap.flags("Teams/Billing").into_iter().collect();
    let waits = vec!["postroom-waits".to_owned()];
    assert_eq!(flags, [(1, vec![]), (2, waits), (3, vec![])]);
}

/// A mail whose field `X-Number` is folded, as any header field may be.
fn mail(number: &str) -> Vec<u8> {
    let folded = number.replace(' ', "\r\n ");
    let header = format!("From: bob@example.org\r\nSubject: {number}\r\nX-Number: {folded}\r\n");
    format!("{header}\r\nThe invoice is wrong.\r\n").into_bytes()
}

#[tokio::test]
async fn a_move_whose_answer_was_lost_is_found_on_every_server() {
    moved_and_found(&Courier::start()).await;
    moved_and_found(&Cyrus::start()).await;
}

/// Moves mails twice, the second time as after a crash in between: they are found where they are,
/// also on Courier, whose SEARCH counts a line's end as one byte.
async fn moved_and_found(server: &impl ImapServer) {
    let mails: Vec<Vec<u8>> = (1..=30).map(|n| mail(&format!("number {n}"))).collect();
    server.append(USER, "INBOX", &mails);
    let (mailbox, settings) = crate::support::imap::mailbox(server.port());
    let (mut source, mut delivery) = ends(&mailbox, &settings);
    let (fetched, _) = drain(&mut source, Cursor::default()).await;
    assert!(fetched.iter().map(|mail| &mail.raw).eq(&mails), "all of them, in order");
    let jobs = |attempt| -> Vec<Job> {
        (0..).zip(&fetched).map(|(n, mail)| job(n, mail, to("Teams/Büro"), attempt)).collect()
    };
    let places = deliver(&mut delivery, &jobs(1), Proof::CopyUid).await;
    assert_eq!(deliver(&mut delivery, &jobs(2), Proof::FoundInTarget).await, places);
    assert!(server.headers(USER, "INBOX", "X-Number").is_empty());
    assert_eq!(again(&mut source, &wanted(&fetched, &places)).await.len(), mails.len());
}
