//! The IMAP delivery against servers that misbehave.

use std::time::Duration;

use postroom::seams::{Action, Delivery, Fetched, Job, Outcome, Place, Proof, SourceId};

use crate::imap::{ends, job};
use crate::imap_scripted::{GREETING, line, quick};
use crate::support::scripted_imap::{Line, Scripted, Then};
use crate::support::service::nobody_listens;

/// Three jobs for mails 1 to 3 that go to `Target`.
pub(crate) fn jobs(attempt: u32) -> Vec<Job> {
    let action = Action::Move { folder: "Target".to_owned() };
    (1..=3)
        .map(|uid| {
            let raw = format!("Subject: {uid}\r\n\r\n{uid}\r\n").into_bytes();
            let place = Place {
                source: SourceId("support".to_owned()),
                folder: "INBOX".to_owned(),
                epoch: 7,
                name: uid.to_string(),
            };
            let fetched = Fetched { place, size: raw.len() as u64, raw, received: None };
            job(uid, &fetched, action.clone(), attempt)
        })
        .collect()
}

pub(crate) fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done { proof: Proof::CopyUid, .. } => "copyuid",
        Outcome::Done { .. } => "found",
        Outcome::Retry { .. } => "retry",
        Outcome::Wait { .. } => "wait",
        Outcome::Gone { .. } => "gone",
        Outcome::GiveUp { .. } => "given up",
    }
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "it is a table")]
async fn only_proof_makes_a_move_done() {
    let search = "* SEARCH 1 2 3\r\nTAG OK done\r\n";
    let gone = || line("UID FETCH 1:3 (UID)", "TAG OK done\r\n", Then::On);
    let ok = || line("UID MOVE", "TAG OK done\r\n", Then::On);
    let there = |uids: &str| {
        let each = uids.split(' ').map(|uid| format!("* {uid} FETCH (UID {uid})\r\n"));
        format!("{}TAG OK done\r\n", each.collect::<String>())
    };
    // Two names are looked for, and each again after it could not be made.
    let missing = || {
        let no = |name| line(name, "TAG OK done\r\n", Then::On);
        let (plain, below) = ("LIST \"\" \"T", "LIST \"\" \"I");
        vec![no(plain), no(below), no(plain), no(below)]
    };
    let searches = |answer: &str| vec![line("UID SEARCH", answer, Then::On); 3];
    let cases: Vec<(&str, u32, Vec<Line>, [&str; 3])> = vec![
        ("COPYUID", 1, vec![], ["copyuid"; 3]),
        (
            "COPYUID for some, the others are still there",
            1,
            vec![line("UID MOVE", "TAG OK [COPYUID 9 2 12] done\r\n", Then::On)],
            ["retry", "copyuid", "retry"],
        ),
        ("OK without COPYUID, and they are still there", 1, vec![ok()], ["retry"; 3]),
        (
            "OK without COPYUID, gone, and found",
            1,
            [vec![ok(), gone()], searches(search)].concat(),
            ["found"; 3],
        ),
        (
            "OK without COPYUID, gone, SEARCH left out",
            1,
            [vec![ok(), gone()], searches("TAG OK done\r\n")].concat(),
            ["gone"; 3],
        ),
        ("the OK is lost", 1, vec![line("UID MOVE", "", Then::Close)], ["retry"; 3]),
        (
            "after a lost OK they are found",
            2,
            [vec![gone()], searches(search)].concat(),
            ["found"; 3],
        ),
        ("after a lost OK they are where they were", 2, vec![], ["copyuid"; 3]),
        (
            "NO to SEARCH",
            2,
            vec![gone(), line("UID SEARCH", "TAG NO oops\r\n", Then::On)],
            ["retry"; 3],
        ),
        (
            "the end in SEARCH",
            2,
            vec![gone(), line("UID SEARCH", "* SEARCH 1", Then::Close)],
            ["retry"; 3],
        ),
        (
            "given up in the end",
            12,
            vec![line("UID MOVE", "TAG NO oops\r\n", Then::On)],
            ["given up"; 3],
        ),
        (
            "the inbox can't be opened",
            12,
            vec![line("SELECT", "TAG NO oops\r\n", Then::On)],
            ["wait"; 3],
        ),
        (
            "it breaks off when the inbox is opened",
            12,
            vec![line("SELECT", "", Then::Close)],
            ["wait"; 3],
        ),
        (
            "the inbox is gone",
            12,
            vec![line("SELECT", "TAG NO [NONEXISTENT] no such folder\r\n", Then::On)],
            ["given up"; 3],
        ),
        (
            "the quota is used up",
            12,
            vec![line("UID MOVE", "TAG NO [OVERQUOTA] Quota exceeded\r\n", Then::On)],
            ["wait"; 3],
        ),
        (
            "the quota is used up in the middle: of what has left, it is not known where it is",
            2,
            vec![
                line("UID MOVE", "TAG NO [OVERQUOTA] Quota exceeded\r\n", Then::On),
                // Before the move all were there.
                line("UID FETCH 1:3 (UID)", &there("1 2 3"), Then::On),
                line("UID FETCH 1:3 (UID)", &there("1 3"), Then::On),
            ],
            ["wait", "retry", "wait"],
        ),
        (
            "the server doesn't take the folder",
            12,
            [missing(), vec![line("CREATE", "TAG NO [CANNOT] not that name\r\n", Then::On); 2]]
                .concat(),
            ["given up"; 3],
        ),
        (
            "there is no room for the folder",
            12,
            [missing(), vec![line("CREATE", "TAG NO [OVERQUOTA] too many\r\n", Then::On); 2]]
                .concat(),
            ["wait"; 3],
        ),
        (
            "the target vanished",
            1,
            vec![line("UID MOVE", "TAG NO [TRYCREATE] no such folder\r\n", Then::On)],
            ["copyuid"; 3],
        ),
    ];
    for (name, attempt, script, expected) in cases {
        let server = Scripted::start(GREETING, script).await;
        let (mailbox, settings) = quick(server.port);
        let outcomes = ends(&mailbox, &settings).1.deliver(&jobs(attempt)).await;
        let kinds: Vec<&str> = outcomes.iter().map(|(_, outcome)| kind(outcome)).collect();
        assert_eq!(kinds, expected, "{name}: {outcomes:?}");
        assert!(!server.heard().iter().any(|c| c == "EXPUNGE" || c == "CLOSE"), "{name}");
    }
}

#[tokio::test]
async fn without_move_a_mail_that_stays_is_not_delivered_and_copied_once() {
    let able = |more: &str| {
        let answer = format!("* CAPABILITY IMAP4rev1 UIDPLUS{more}\r\nTAG OK done\r\n");
        vec![line("CAPABILITY", &answer, Then::On); 2]
    };
    let copied = || line("UID COPY", "TAG OK [COPYUID 9 1:3 11:13] done\r\n", Then::On);
    let found = vec![line("UID SEARCH", "* SEARCH 1 2 3\r\nTAG OK done\r\n", Then::On); 9];
    let rights =
        |of: &str| line("MYRIGHTS", &format!("* MYRIGHTS INBOX {of}\r\nTAG OK done\r\n"), Then::On);
    let left = || line("UID FETCH 1:3 (UID)", "TAG OK done\r\n", Then::On);
    // All are said to be there whenever it is looked, unless the script says that they have left.
    for (name, attempt, script, expected, copies) in [
        ("it stays", 1, [able(""), vec![copied()]].concat(), "retry", 1),
        ("a copy is there already", 2, [able(""), found].concat(), "retry", 0),
        ("it leaves", 1, [able(""), vec![copied(), left()]].concat(), "copyuid", 1),
        ("no right to expunge", 12, [able(" ACL"), vec![rights("lrswit")]].concat(), "wait", 0),
        (
            "all rights",
            1,
            [able(" ACL"), vec![rights("lrswite"), copied(), left()]].concat(),
            "copyuid",
            1,
        ),
        (
            "the right of old",
            1,
            [able(" ACL"), vec![rights("lrswid"), copied(), left()]].concat(),
            "copyuid",
            1,
        ),
        (
            "the rights aren't told",
            1,
            [able(" ACL"), vec![line("MYRIGHTS", "TAG NO oops\r\n", Then::On), copied(), left()]]
                .concat(),
            "copyuid",
            1,
        ),
    ] {
        let server = Scripted::start(GREETING, script).await;
        let (mailbox, settings) = quick(server.port);
        let outcomes = ends(&mailbox, &settings).1.deliver(&jobs(attempt)).await;
        let kinds: Vec<&str> = outcomes.iter().map(|(_, outcome)| kind(outcome)).collect();
        assert_eq!(kinds, [expected; 3], "{name}: {outcomes:?}");
        let heard = server.heard();
        let made = heard.iter().filter(|command| command.starts_with("UID COPY")).count();
        assert_eq!(made, copies, "{name}: {heard:?}");
    }
}

#[tokio::test]
async fn a_server_that_cannot_move_safely_is_told_so() {
    let poor = || line("CAPABILITY", "* CAPABILITY IMAP4rev1\r\nTAG OK done\r\n", Then::On);
    let server = Scripted::start(GREETING, vec![poor(), poor()]).await;
    let (mailbox, settings) = quick(server.port);
    let outcomes = ends(&mailbox, &settings).1.deliver(&jobs(1)).await;
    assert!(
        outcomes
            .iter()
            .all(|(_, o)| matches!(o, Outcome::GiveUp { why } if why.contains("UIDPLUS")))
    );
    assert!(!server.heard().iter().any(|command| command.contains("STORE")));
}

#[tokio::test]
async fn a_throttling_server_is_left_alone_for_as_long_as_it_asks() {
    let answer = "TAG NO Request is throttled. Suggested Backoff Time: 7000 milliseconds\r\n";
    let server = Scripted::start(GREETING, vec![line("UID MOVE", answer, Then::On)]).await;
    let (mailbox, settings) = quick(server.port);
    let outcomes = ends(&mailbox, &settings).1.deliver(&jobs(1)).await;
    let wait = Duration::from_secs(7);
    assert!(
        outcomes.iter().all(|(_, o)| matches!(o, Outcome::Retry { after, .. } if *after == wait))
    );
}

#[tokio::test]
async fn a_server_that_is_away_counts_against_no_mail() {
    let port = nobody_listens();
    let (mailbox, settings) = quick(port);
    let mut delivery = ends(&mailbox, &settings).1;
    let mut waits = Vec::new();
    for _ in 0..20 {
        let outcomes = delivery.deliver(&jobs(30)).await;
        let [first, ..] = outcomes.as_slice() else { panic!("no outcome") };
        assert!(outcomes.iter().all(|(_, outcome)| kind(outcome) == "wait"), "{outcomes:?}");
        let Outcome::Wait { after, .. } = first.1 else { panic!("{first:?}") };
        waits.push(after.as_secs());
    }
    assert!(waits[0] <= 4 && waits[19] >= 80, "more and more patient: {waits:?}");
}
