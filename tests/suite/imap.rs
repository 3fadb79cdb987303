//! The IMAP source and delivery against a real Dovecot.

use std::time::Duration;

use postroom::config::folders::Waiting;
use postroom::config::{ImapSettings, Login, Mailbox, Secret, Tls};
use postroom::mail::parse::{key_of, parse};
use postroom::rim::imap::{Account, ImapDelivery, ImapSource, check};
use postroom::seams::{
    Action, Again, Cursor, Delivery, Fetched, Job, JobId, Outcome, Place, Proof, Source,
    SourceError, TicketId, Wanted,
};
use secrecy::SecretString;

use crate::support::dovecot::Dovecot;
use crate::support::imap::{Plain, large_mail, mail, mailbox};

/// A source and a delivery for a mailbox.
pub(crate) fn ends(mailbox: &Mailbox, settings: &ImapSettings) -> (ImapSource, ImapDelivery) {
    let account = Account::new(settings.clone());
    (ImapSource::new(mailbox, account.clone()), ImapDelivery::new(mailbox, account))
}

/// Everything behind a cursor.
pub(crate) async fn drain(source: &mut ImapSource, mut after: Cursor) -> (Vec<Fetched>, Cursor) {
    let mut all = Vec::new();
    loop {
        let window = source.next(after).await.expect("a window");
        assert!(window.mails.len() <= 100);
        after = window.upto;
        if window.mails.is_empty() {
            return (all, after);
        }
        all.extend(window.mails);
    }
}

/// A job for a fetched mail.
pub(crate) fn job(id: i64, fetched: &Fetched, action: Action, attempt: u32) -> Job {
    Job {
        id: JobId(id),
        ticket: TicketId(id),
        place: fetched.place.clone(),
        key: key_of(&fetched.raw, fetched.size),
        size: fetched.size,
        action,
        message_id: None,
        is_repeat: false,
        rung: None,
        attempt,
    }
}

/// Fetched mails, wanted again from where they lie now.
pub(crate) fn wanted(mails: &[Fetched], places: &[Place]) -> Vec<Wanted> {
    let wanted = mails.iter().zip(places).map(|(mail, place)| Wanted {
        place: place.clone(),
        key: key_of(&mail.raw, mail.size),
        size: mail.size,
        message_id: None,
    });
    wanted.collect()
}

/// Fetches them again: those that are there.
pub(crate) async fn again(source: &mut ImapSource, wanted: &[Wanted]) -> Vec<Fetched> {
    let found = source.fetch(wanted).await.expect("fetched");
    assert_eq!(found.len(), wanted.len(), "an answer for each");
    let there = found.into_iter().filter_map(|again| match again {
        Again::There(mail) => Some(mail),
        Again::Gone => None,
        Again::Withheld(why) => panic!("withheld: {why}"),
    });
    there.collect()
}

pub(crate) fn to(folder: &str) -> Action {
    Action::Move { folder: folder.to_owned() }
}

/// Delivers all mails and asserts the proof.
pub(crate) async fn deliver(
    delivery: &mut ImapDelivery,
    jobs: &[Job],
    expected: Proof,
) -> Vec<Place> {
    let outcomes = delivery.deliver(jobs).await;
    assert_eq!(outcomes.len(), jobs.len());
    let place = |(_, outcome): (JobId, Outcome)| match outcome {
        Outcome::Done { place, proof } if proof == expected => place,
        other @ (Outcome::Done { .. }
        | Outcome::Retry { .. }
        | Outcome::Wait { .. }
        | Outcome::Gone { .. }
        | Outcome::GiveUp { .. }) => {
            panic!("expected {expected:?}, got {other:?}")
        }
    };
    outcomes.into_iter().filter_map(place).collect()
}

#[tokio::test]
async fn mail_is_fetched_in_order_and_moved_with_proof() {
    let server = Dovecot::start("");
    let mut plain = Plain::login(server.port);
    let mails: Vec<Vec<u8>> = (0..250).map(mail).collect();
    plain.append("INBOX", mails.iter().map(Vec::as_slice));
    let (mailbox, settings) = mailbox(server.port);
    let (mut source, mut delivery) = ends(&mailbox, &settings);

    let (fetched, cursor) = drain(&mut source, Cursor::default()).await;
    assert!(fetched.iter().map(|mail| &mail.raw).eq(&mails), "all of them, in order");
    assert!(fetched.iter().all(|f| f.received.is_some() && f.size == f.raw.len() as u64));
    assert!(plain.flags("INBOX").iter().all(|line| !line.contains("Seen")), "nothing is marked");
    let (none, same) = drain(&mut source, cursor.clone()).await;
    assert_eq!((none.len(), same), (0, cursor));

    let folders = ["Teams/sales", "Teams/it \"x\" & Büro", "Teams/sales"];
    let jobs: Vec<Job> = (0..)
        .zip(&fetched)
        .zip(folders.iter().cycle())
        .map(|((id, mail), folder)| job(id, mail, to(folder), 1))
        .collect();
    let places = deliver(&mut delivery, &jobs, Proof::CopyUid).await;
    assert_eq!(plain.count("INBOX"), 0);
    assert_eq!(plain.count("Teams/sales"), 167);
    let again = again(&mut source, &wanted(&fetched, &places)).await;
    assert_eq!(again.len(), 250);
    assert!(again.iter().zip(&fetched).all(|(a, b)| a.raw == b.raw), "each lies where it says");
}

/// A server with these mails in alice's inbox, and a connection of the test's own.
fn filled(extra: &str, mails: &[Vec<u8>]) -> (Dovecot, Plain) {
    let server = Dovecot::start(extra);
    let mut plain = Plain::login(server.port);
    plain.append("INBOX", mails.iter().map(Vec::as_slice));
    (server, plain)
}

/// Dovecot as a server that has no MOVE.
const WITHOUT_MOVE: &str =
    "imap_capability=IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ UIDPLUS NAMESPACE";

#[tokio::test]
async fn reading_some_again_in_the_middle_of_a_backlog_skips_none() {
    let mails: Vec<Vec<u8>> = (0..250).map(mail).collect();
    let (server, _plain) = filled("", &mails);
    let (mailbox, settings) = mailbox(server.port);
    let (mut source, _) = ends(&mailbox, &settings);
    let first = source.next(Cursor::default()).await.expect("a window");
    let places: Vec<Place> = first.mails.iter().take(3).map(|it| it.place.clone()).collect();
    let some = wanted(&first.mails, &places);
    assert_eq!(again(&mut source, &some).await.len(), 3);
    let second = source.next(first.upto).await.expect("a window");
    let gone = Wanted { key: key_of(b"another", 7), size: 7, ..some[0].clone() };
    assert!(again(&mut source, &[gone]).await.is_empty());
    let (rest, _) = drain(&mut source, second.upto).await;
    let all = first.mails.iter().chain(&second.mails).chain(&rest);
    let all: Vec<&[u8]> = all.map(|it| it.raw.as_slice()).collect();
    assert_eq!(all.len(), 250);
    assert!(all.iter().zip(&mails).all(|(one, other)| *one == other.as_slice()), "in order");
}

#[tokio::test]
async fn without_move_mails_are_copied_and_only_they_are_removed() {
    let (server, mut plain) = filled(WITHOUT_MOVE, &[mail(1), mail(2), mail(3), mail(4)]);
    let (mailbox, settings) = mailbox(server.port);
    let (mut source, mut delivery) = ends(&mailbox, &settings);
    let (mails, _) = drain(&mut source, Cursor::default()).await;
    plain.run("SELECT INBOX");
    plain.run("UID STORE 4 +FLAGS (\\Deleted)");
    let jobs: Vec<Job> =
        (0..3).zip(&mails).map(|(n, mail)| job(n, mail, to("Target"), 1)).collect();
    let places = deliver(&mut delivery, &jobs, Proof::CopyUid).await;
    assert_eq!((plain.count("INBOX"), plain.count("Target"), places.len()), (1, 3, 3));
}

#[tokio::test]
async fn a_move_that_was_interrupted_ends_with_one_copy() {
    let ways: [(&str, &str, &[&str]); 5] = [
        ("the OK of a MOVE is lost", "", &["UID MOVE 1 Target"]),
        ("nothing was done", "", &[]),
        ("killed after the COPY", WITHOUT_MOVE, &["UID COPY 1 Target"]),
        (
            "killed before the EXPUNGE",
            WITHOUT_MOVE,
            &["UID COPY 1 Target", "UID STORE 1 +FLAGS (\\Deleted)"],
        ),
        (
            "killed after the EXPUNGE",
            WITHOUT_MOVE,
            &["UID COPY 1 Target", "UID STORE 1 +FLAGS (\\Deleted)", "UID EXPUNGE 1"],
        ),
    ];
    for (name, extra, done) in ways {
        let (server, mut plain) = filled(extra, &[mail(1), mail(2)]);
        let (mailbox, settings) = mailbox(server.port);
        let (mut source, mut delivery) = ends(&mailbox, &settings);
        let (mails, _) = drain(&mut source, Cursor::default()).await;
        plain.run("CREATE Target");
        plain.run("SELECT INBOX");
        for command in done {
            plain.run(command);
        }
        let outcomes = delivery.deliver(&[job(1, &mails[0], to("Target"), 2)]).await;
        let [(_, Outcome::Done { place: Some(place), .. })] = outcomes.as_slice() else {
            panic!("{name}: {outcomes:?}")
        };
        plain.run("CLOSE");
        assert_eq!((plain.count("INBOX"), plain.count("Target")), (1, 1), "{name}");
        let again = again(&mut source, &wanted(&mails, std::slice::from_ref(place))).await;
        assert_eq!(again[0].raw, mails[0].raw, "{name}");
    }
}

#[tokio::test]
async fn a_mail_is_read_again_wherever_it_is_in_its_folder() {
    let (server, _plain) = filled("", &[mail(1), mail(2), mail(3), mail(4)]);
    let (mailbox, settings) = mailbox(server.port);
    let (mut source, _) = ends(&mailbox, &settings);
    let (mails, _) = drain(&mut source, Cursor::default()).await;
    let at = |name: &str| Place { name: name.to_owned(), ..mails[0].place.clone() };
    // The second under the first one's number, which the server gave it without a word; the third
    // where nobody said which number it has; the fourth under one that is no longer there.
    let places = [at("1"), at(""), at("99")];
    let found = again(&mut source, &wanted(&mails[1..], &places)).await;
    assert!(found == mails[1..], "each is what was meant, and where it is");
    // Some servers only estimate sizes (Exchange, unless told otherwise).
    let id = parse(&mails[2].raw, mails[2].size).message_id;
    let mut estimated = wanted(&mails[2..3], &places[1..2]);
    estimated[0].size += 37;
    assert!(again(&mut source, &estimated).await.is_empty());
    estimated[0].message_id = id;
    assert!(again(&mut source, &estimated).await == mails[2..3], "found by its Message-ID");
}

#[tokio::test]
async fn twins_are_told_apart_by_place_and_a_lost_mail_is_reported() {
    let (server, mut plain) = filled("", &[mail(1), mail(1), mail(3)]);
    let (mailbox, settings) = mailbox(server.port);
    let (mut source, mut delivery) = ends(&mailbox, &settings);
    let (mails, _) = drain(&mut source, Cursor::default()).await;
    plain.run("CREATE Target");
    plain.run("SELECT INBOX");
    plain.run("UID MOVE 1:2 Target");
    plain.run("UID STORE 3 +FLAGS (\\Deleted)");
    plain.run("EXPUNGE");
    let twins = [job(1, &mails[0], to("Target"), 2), job(2, &mails[1], to("Target"), 1)];
    let places = deliver(&mut delivery, &twins, Proof::FoundInTarget).await;
    assert_ne!(places[0], places[1]);
    let outcomes = delivery.deliver(&[job(3, &mails[2], to("Target"), 1)]).await;
    assert!(
        matches!(&outcomes[0].1, Outcome::Gone { why } if why.contains("no longer")),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn a_renumbered_folder_is_read_anew_and_delivered_from() {
    let (server, mut plain) = filled("", &[mail(1), mail(2)]);
    let (mailbox, settings) = mailbox(server.port);
    let (mut source, mut delivery) = ends(&mailbox, &settings);
    let (mails, cursor) = drain(&mut source, Cursor::default()).await;
    server.renumber("INBOX", cursor.epoch + 7);
    let jobs = [job(1, &mails[0], to("Target"), 1)];
    deliver(&mut delivery, &jobs, Proof::CopyUid).await;
    assert_eq!((plain.count("INBOX"), plain.count("Target")), (1, 1));
    let renumbered = again(&mut source, &wanted(&mails[1..], &[mails[1].place.clone()])).await;
    assert_eq!(renumbered[0].raw, mails[1].raw);
    assert_eq!(renumbered[0].place.epoch, cursor.epoch + 7, "found under its new number");
    let (again, renumbered) = drain(&mut source, cursor.clone()).await;
    assert_eq!((again.len(), renumbered.epoch), (1, cursor.epoch + 7));
    assert_eq!(again[0].raw, mails[1].raw);
}

#[tokio::test]
async fn a_kicked_connection_and_mails_that_vanish_lose_nothing_else() {
    let all: Vec<Vec<u8>> = (0..500).map(mail).collect();
    let (server, _) = filled("", &all);
    let (mailbox, settings) = mailbox(server.port);
    let (mut source, _) = ends(&mailbox, &settings);
    let (mut cursor, mut names, mut failures) = (Cursor::default(), Vec::new(), 0);
    for round in 0.. {
        match source.next(cursor.clone()).await {
            Ok(window) if window.mails.is_empty() && window.upto == cursor => break,
            Ok(window) => {
                names.extend(window.mails.into_iter().map(|mail| mail.place.name));
                cursor = window.upto;
            }
            Err(error) => {
                assert!(matches!(error, SourceError::Transient(_)), "{error}");
                failures += 1;
                assert!(failures < 10, "{error}");
            }
        }
        if round == 1 {
            server.doveadm(&["kick", "alice"]);
            let mut plain = Plain::login(server.port);
            plain.run("SELECT INBOX");
            plain.run("UID STORE 350:360 +FLAGS (\\Deleted)");
            plain.run("EXPUNGE");
        }
    }
    let expected: Vec<String> =
        (1..=500).filter(|uid| !(350..=360).contains(uid)).map(|uid| uid.to_string()).collect();
    assert_eq!(names, expected);
    assert!(failures > 0, "the connection was to break once");
}

#[tokio::test]
async fn of_a_large_mail_only_the_beginning_is_fetched() {
    let sizes = [60_000_000, 65_535, 65_536, 65_537, 999_999, 1_048_576, 1_048_577, 200];
    let mails: Vec<Vec<u8>> = sizes
        .iter()
        .map(|size| {
            let mut mail = large_mail(*size, *size);
            mail.truncate((*size).max(120));
            mail
        })
        .collect();
    let (server, _) = filled("", &mails);
    let (mailbox, settings) = mailbox(server.port);
    let (mut source, _) = ends(&mailbox, &settings);
    let (fetched, _) = drain(&mut source, Cursor::default()).await;
    let limit = usize::try_from(mailbox.fetch_limit).expect("fits");
    assert_eq!(fetched.len(), mails.len());
    for (got, whole) in fetched.iter().zip(&mails) {
        assert_eq!(got.size, whole.len() as u64);
        assert!(got.raw == whole[..whole.len().min(limit)], "{} bytes", whole.len());
    }
}

#[tokio::test]
async fn new_mail_ends_the_wait() {
    for idle in [true, false] {
        let (server, plain) = filled("", &[mail(0)]);
        let (mut mailbox, mut settings) = mailbox(server.port);
        settings.idle = idle;
        // Under IDLE a poll would come too late for the deadline.
        mailbox.poll_every = Duration::from_millis(if idle { 600_000 } else { 10 });
        let (mut source, _) = ends(&mailbox, &settings);
        let mut cursor = source.next(Cursor::default()).await.expect("a window").upto;
        let mut plain = Some(plain);
        for round in 1..10 {
            let mut connection = plain.take().expect("given back");
            let appending = tokio::task::spawn_blocking(move || {
                connection.append("INBOX", [mail(round).as_slice()]);
                connection
            });
            let waiting = async {
                loop {
                    let window = source.next(cursor.clone()).await.expect("a window");
                    if !window.mails.is_empty() {
                        break window;
                    }
                }
            };
            let window = tokio::time::timeout(Duration::from_secs(30), waiting).await;
            let window = window.unwrap_or_else(|_| panic!("round {round}, idle {idle}: no mail"));
            assert_eq!(window.mails[0].raw, mail(round));
            cursor = window.upto;
            plain = Some(appending.await.expect("appended"));
        }
    }
}

#[tokio::test]
async fn encryption_is_what_was_asked_for() {
    let (server, _) = filled("", &[mail(1)]);
    let authority = Some(server.authority());
    let cases = [
        ("implicit", Tls::Implicit, server.tls_port, authority.clone(), true),
        ("STARTTLS", Tls::StartTls, server.port, authority.clone(), true),
        ("an authority that nobody knows", Tls::Implicit, server.tls_port, None, false),
        ("the same with STARTTLS", Tls::StartTls, server.port, None, false),
        ("TLS to a port without it", Tls::Implicit, server.port, authority, false),
    ];
    for (name, tls, port, ca_file, good) in cases {
        let (mailbox, mut settings) = mailbox(port);
        settings.tls = tls;
        settings.ca_file = ca_file;
        let result = ends(&mailbox, &settings).0.next(Cursor::default()).await;
        assert_eq!(
            result.as_ref().is_ok_and(|w| w.mails.len() == 1),
            good,
            "{name}: {:?}",
            result.err()
        );
    }
}

#[tokio::test]
async fn passwords_of_every_kind_get_in_and_wrong_ones_are_refused() {
    let server = Dovecot::start("");
    let file = server.path().join("password");
    std::fs::write(&file, "secret\nanother line\n").expect("written");
    let inline = |text: &str| Secret::Inline(SecretString::from(text));
    let printf = ["printf", "secret\\nmore"].map(str::to_owned).to_vec();
    let cases = [
        ("inline", "alice", inline("secret"), true),
        ("from a file", "alice", Secret::File(file), true),
        ("from a command", "alice", Secret::Command(printf), true),
        ("with quotes and letters beyond ASCII", "bob", inline("se\"cr\\et ü"), true),
        ("wrong", "alice", inline("wrong"), false),
        ("no file", "alice", Secret::File(server.path().join("none")), false),
    ];
    for (name, user, password, good) in cases {
        let (mailbox, mut settings) = mailbox(server.port);
        settings.login = Login::Password { user: user.to_owned(), password };
        match ends(&mailbox, &settings).0.next(Cursor::default()).await {
            Ok(_) => assert!(good, "{name}"),
            Err(SourceError::Refused(why)) => assert!(!good, "{name}: {why}"),
            Err(other) => panic!("{name}: {other}"),
        }
    }
}

#[tokio::test]
async fn a_missing_folder_is_created_only_if_allowed() {
    let (server, mut plain) = filled("", &[mail(1)]);
    let (mut mailbox, settings) = mailbox(server.port);
    mailbox.create_folders = false;
    let (mut source, mut delivery) = ends(&mailbox, &settings);
    let (mails, _) = drain(&mut source, Cursor::default()).await;
    let jobs = [job(1, &mails[0], to("New/folder"), 1)];
    let outcomes = delivery.deliver(&jobs).await;
    assert!(
        matches!(&outcomes[0].1, Outcome::Wait { why, .. } if why.contains("New/folder")),
        "{outcomes:?}"
    );
    assert_eq!(plain.count("INBOX"), 1);
    mailbox.create_folders = true;
    deliver(&mut ends(&mailbox, &settings).1, &jobs, Proof::CopyUid).await;
    assert_eq!((plain.count("INBOX"), plain.count("New/folder")), (0, 1));
    assert!(plain.run("LSUB \"\" *").iter().any(|line| line.contains("New/folder")));
}

#[tokio::test]
async fn a_mail_is_marked_for_as_long_as_it_waits() {
    let (server, mut plain) = filled("", &[mail(1), mail(2)]);
    let (mut mailbox, settings) = mailbox(server.port);
    mailbox.folders.assist = Waiting::Marked("$Assist".to_owned());
    let (mut source, mut delivery) = ends(&mailbox, &settings);
    let (mails, _) = drain(&mut source, Cursor::default()).await;
    let mark = Action::Mark { keyword: "$Assist".to_owned() };
    deliver(&mut delivery, &[job(1, &mails[1], mark, 1)], Proof::Marked).await;
    let flags = plain.flags("INBOX");
    assert_eq!(flags.iter().map(|f| f.contains("$Assist")).collect::<Vec<_>>(), [false, true]);
    assert!(flags.iter().all(|f| !f.contains("Seen")));
    let both = [(2, 0), (3, 1)].map(|(id, nth)| job(id, &mails[nth], to("Target"), 1));
    deliver(&mut delivery, &both, Proof::CopyUid).await;
    assert!(plain.flags("Target").iter().all(|f| !f.contains("$Assist")));
}

#[tokio::test]
async fn a_check_tells_what_works_and_what_does_not() {
    let (server, _) = filled("", &[mail(1)]);
    let (mut mailbox, _) = mailbox(server.port);
    let report = check(&mailbox).await;
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.facts.iter().any(|fact| fact.ends_with("holds 1 mail")), "{report:?}");
    mailbox.create_folders = false;
    mailbox.inbox = "Nowhere".to_owned();
    let problems = check(&mailbox).await.problems.join("; ");
    for missing in ["Nowhere", "Filed", "Repeats"] {
        assert!(problems.contains(missing), "{problems}");
    }
}

#[tokio::test]
async fn a_source_that_is_dropped_at_any_await_hands_out_the_rest_later() {
    let all: Vec<Vec<u8>> = (0..400).map(|number| large_mail(number, 20_000)).collect();
    let (server, _) = filled("", &all);
    let (mailbox, settings) = mailbox(server.port);
    let (mut source, _) = ends(&mailbox, &settings);
    let (mut cursor, mut raws, mut dropped) = (Cursor::default(), Vec::new(), 0);
    let mut patience = Duration::from_micros(100);
    while raws.len() < all.len() {
        match tokio::time::timeout(patience, source.next(cursor.clone())).await {
            Ok(window) => {
                let window = window.expect("a window");
                raws.extend(window.mails.into_iter().map(|mail| mail.raw));
                cursor = window.upto;
                patience /= 8;
            }
            Err(_) => dropped += 1,
        }
        // Each try gets a little further than the one before.
        patience = patience * 5 / 4 + Duration::from_micros(10);
    }
    assert!(raws == all, "all of them, in order");
    assert!(dropped > 10);
}
