//! The service as a process: mail in, mail out, what people change meanwhile, and its end.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;

use rustix::process::Signal;
use serde_json::Value;

use crate::directory_database::sql;
use crate::support::office::{Office, PATIENCE, Serving, mail};
use crate::support::postgres::Server;
use crate::support::wait::wait_for;

/// A mail that the dictionaries are sure of, one of a customer's, one that nobody is sure of, and
/// an automatic answer.
fn four(tag: &str) -> [String; 4] {
    let id = |n: u32| format!("{tag}.{n}");
    let ann = "ann@stranger.example";
    let auto = mail(&id(4), ann, "Out of office", "I am away.");
    [
        mail(&id(1), ann, "My calls are not connecting", "Calls drop, the server is down."),
        mail(&id(2), "carol@acme.example", "Question", "Can you look at this?"),
        mail(&id(3), ann, "Hello", "Something else entirely."),
        auto.replacen("\r\n", "\r\nAuto-Submitted: auto-replied\r\n", 1),
    ]
}

/// Where a ticket went, and why.
fn way(ticket: &Value) -> String {
    let decision = &ticket["decision"];
    let target = decision["target"]["to"].as_str();
    let target = target.or(decision["target"]["decision"].as_str()).unwrap();
    format!("{target}: {}", decision["reason"].as_str().unwrap())
}

#[test]
fn mails_are_routed_answered_and_taken_back() {
    let office = Office::open();
    for mail in four("a") {
        office.post(&mail);
    }
    let service = office.serve(&[]);
    let ways: Vec<String> = office.settled(4).iter().map(way).collect();
    let expected = [
        "infrastructure: confident",
        "amira@callwise.example: account_manager",
        "assist: no_evidence",
        "filed: auto_reply",
    ];
    assert_eq!(ways, expected);
    let folders = [".Teams.infrastructure", ".People.amira", "", ".Filed"];
    assert_eq!(folders.map(|folder| office.lie_in(folder)), [1; 4]);

    let waiting = office.run(&["assist", "list", "--json"]).objects();
    assert_eq!((waiting.len(), &waiting[0]["id"]), (1, &3.into()));
    let table = office.run(&["assist", "list"]).well();
    assert!(table.contains("Hello") && table.contains("no evidence"), "{table}");
    let shown = office.run(&["assist", "show", "3"]).well();
    assert!(
        shown.contains("Something else entirely.") && shown.contains("Goes to assist"),
        "{shown}"
    );

    answers_and_refusals(&office);
    assert_eq!((office.lie_in(""), office.lie_in(".Teams.sales")), (0, 1));
    let history = office.run(&["ledger", "show", "3"]).well();
    for event in [
        "decided: assist (no evidence)",
        "command line decided: billing",
        "Kim decided: sales",
        "moved to Teams/sales",
    ] {
        assert!(history.contains(event), "`{event}` is not in:\n{history}");
    }
    service.stop();
}

/// Answers ticket 3, and everything that can be refused on the way.
fn answers_and_refusals(office: &Office) {
    // (arguments, what is said, whether it is refused)
    let steps: [(&[&str], &str, bool); 11] = [
        (&["assist", "answer", "77", "billing"], "there is no ticket 77", true),
        (
            &["assist", "answer", "3", "biling"],
            "there is no team `biling`; did you mean `billing`?",
            true,
        ),
        (&["assist", "answer", "2", "amira@callwise.example"], "ticket 2: it is with `amira", true),
        (&["assist", "undo", "3"], "nobody answered it", true),
        (&["assist", "answer", "3", "billing"], "ticket 3 goes to billing", false),
        (
            &["assist", "answer", "3", "sales"],
            "`postroom assist undo 3` takes the answer back",
            true,
        ),
        (&["assist", "undo", "3"], "ticket 3 is a question again", false),
        (&["assist", "undo", "3"], "nothing to take back", true),
        // Under a tag, she would have a folder that nobody reads.
        (
            &["assist", "answer", "3", "Amira+x@callwise.example"],
            "ticket 3 goes to amira@callwise.example",
            false,
        ),
        (&["assist", "undo", "3"], "ticket 3 is a question again", false),
        (&["assist", "answer", "3", "sales", "--by", "Kim"], "ticket 3 goes to sales", false),
    ];
    // Somebody is in the middle of an edit; an answer doesn't hang on what they write.
    let dictionary = fs::read_to_string(office.path("dictionaries/sales.dict")).unwrap();
    office.write("dictionaries/sales.dict", &format!("{dictionary}\n[terms\n"));
    for (arguments, said, refused) in steps {
        let ran = office.run(arguments);
        let (quiet, loud) = if refused { (&ran.out, &ran.err) } else { (&ran.err, &ran.out) };
        assert_eq!(ran.code, if refused { 2 } else { 0 }, "{arguments:?}: {ran:?}");
        assert!(loud.contains(said) && loud.lines().count() == 1 && quiet.is_empty(), "{ran:?}");
        office.settled(4);
    }
    office.write("dictionaries/sales.dict", &dictionary);
}

#[test]
fn an_edit_of_a_dictionary_decides_the_next_mail() {
    let office = Office::open();
    let service = office.serve(&[]);
    let zeppelin = |id: &str| mail(id, "ann@stranger.example", "Zeppelin", "The zeppelin.");
    office.post(&zeppelin("1"));
    assert_eq!(way(&office.settled(1)[0]), "assist: no_evidence");
    let before = fs::read_to_string(office.path("dictionaries/billing.dict")).unwrap();
    let edited = |line: &str| before.replacen("[terms]\n", &format!("[terms]\n{line}\n"), 1);
    let version = || service.readiness(200, |_| true)["dictionaries"].clone();
    let first = version();

    office.write("dictionaries/billing.dict", &edited("zeppelin +15"));
    let second =
        service.readiness(200, |ready| ready["dictionaries"] != first)["dictionaries"].clone();
    office.post(&zeppelin("2"));
    assert_eq!(way(&office.settled(2)[1]), "billing: confident");

    office.write("dictionaries/billing.dict", &edited("zeppelin 15+"));
    let line =
        edited("zeppelin 15+").lines().position(|line| line.contains("zeppelin")).unwrap() + 1;
    let place = format!("billing.dict:{line}:10: error: `15+` is not a weight");
    service.says(&["ERROR", "the last good version stays live", &place]);
    let refused = service.readiness(200, |ready| ready["refused_edit"] != Value::Array(vec![]));
    assert!(refused["refused_edit"][0].as_str().unwrap().contains(&place), "{refused}");
    assert_eq!(version(), second);
    assert!(service.get("/metrics", "").2.contains("\npostroom_edit_refused 1\n"));
    office.post(&zeppelin("3"));
    assert_eq!(way(&office.settled(3)[2]), "billing: confident");

    // An empty folder is no edit: somebody unmounted it.
    fs::rename(office.path("dictionaries"), office.path("away")).unwrap();
    fs::create_dir(office.path("dictionaries")).unwrap();
    service.says(&["there is no dictionary in this folder"]);
    fs::remove_dir(office.path("dictionaries")).unwrap();
    fs::rename(office.path("away"), office.path("dictionaries")).unwrap();

    office.write("dictionaries/billing.dict", &before);
    service.readiness(200, |ready| {
        ready["dictionaries"] == first && ready["refused_edit"] == Value::Array(vec![])
    });
    assert!(service.get("/metrics", "").2.contains("\npostroom_edit_refused 0\n"));
    office.post(&zeppelin("4"));
    assert_eq!(way(&office.settled(4)[3]), "assist: no_evidence");
    service.stop();
}

#[test]
fn an_edit_of_the_directory_decides_the_next_mail_and_names_nobody_in_the_log() {
    let office = Office::open();
    let service = office.serve(&[]);
    let carol = |id: &str| mail(id, "carol@acme.example", "Question", "Please look.");
    let newcomer = |id: &str| mail(id, "nina@newco.example", "Question", "Please look.");
    let customers = fs::read_to_string(office.path("customers.csv")).unwrap();
    let people = fs::read_to_string(office.path("people.csv")).unwrap();

    office.post(&newcomer("1"));
    assert_eq!(way(&office.settled(1)[0]), "assist: no_evidence");
    let more = format!("{customers}newco.example,Newco,amira@callwise.example,gold\n");
    office.write("customers.csv", &more);
    service.says(&["new rules are live"]);
    office.post(&newcomer("2"));
    assert_eq!(way(&office.settled(2)[1]), "amira@callwise.example: account_manager");

    let line = more.lines().count() + 1;
    office.write("customers.csv", &format!("{more}marked person@acme.example,Acme,marked@,gold\n"));
    service.says(&[
        "ERROR",
        &format!("customers.csv:{line}:1: error: "),
        "the last good version stays live",
    ]);
    let refused = service.readiness(200, |ready| ready["refused_edit"] != Value::Array(vec![]));
    office.post(&newcomer("3"));
    assert_eq!(way(&office.settled(3)[2]), "amira@callwise.example: account_manager");
    office.write("customers.csv", &more);
    service.readiness(200, |ready| ready["refused_edit"] == Value::Array(vec![]));

    // Amira leaves: her manager takes over. The row's own edit may not be named either.
    let away = people.replace(
        "Amira Haddad,mara@callwise.example,",
        "Amira Haddad,mara@callwise.example,2026-01-01..2099-12-31",
    );
    assert_ne!(people, away);
    let swaps = service.log().matches("new rules are live").count();
    office.write("people.csv", &away);
    wait_for("the rules after the edit", PATIENCE, || {
        (service.log().matches("new rules are live").count() > swaps).then_some(())
    });
    office.post(&carol("4"));
    assert_eq!(way(&office.settled(4)[3]), "mara@callwise.example: manager");
    let log = service.stop();
    for text in [log, refused.to_string()] {
        assert!(!text.contains("marked") && !text.contains('@'), "{text}");
    }
}

#[test]
fn a_shutdown_amid_work_leaves_nothing_half_done() {
    const MAILS: usize = 400;
    let office = Office::open();
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    office.write("postroom.toml", &format!("{config}\n[policy]\nsender_cap = 1000000\n"));
    let (early, later) = ("attending to the mailbox", "delivered mailbox=support");
    let ends =
        [(Signal::TERM, early), (Signal::INT, early), (Signal::TERM, later), (Signal::INT, later)];
    for (round, (signal, moment)) in ends.into_iter().enumerate() {
        for number in 0..MAILS / 4 {
            for mail in four(&format!("{round}.{number}")) {
                office.post(&mail);
            }
        }
        let service = office.serve(&[]);
        service.says(&[moment]);
        service.signal(signal);
        let (ended, log) = service.end();
        assert!(ended.success() && log.contains("stopped"), "{ended}: {log}");
        let tickets = office.tickets();
        let cut = tickets.iter().filter(|ticket| ticket["progress"] == "under_way").count();
        assert_eq!(cut, 0, "deliveries that nobody knows the end of");
        // The next one goes on where this one stopped.
        let service = office.serve(&[]);
        let total = MAILS * (round + 1);
        office.settled(total);
        let folders = ["", ".Teams.infrastructure", ".People.amira", ".Filed"];
        assert_eq!(folders.map(|folder| office.lie_in(folder)), [total / 4; 4]);
        service.stop();
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let office = Office::open();
    let service = office.serve(&[]);
    // A request that never ends is waited for, for a while.
    let mut slow = TcpStream::connect(service.address()).unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    service.readiness(200, |_| true);
    service.signal(Signal::TERM);
    service.says(&["stopping"]);
    service.signal(Signal::TERM);
    let (ended, log) = service.end();
    assert!(ended.success() && log.contains("stopped at once"), "{ended}: {log}");
    // A terminal that is closed ends it as well as any other signal.
    let service = office.serve(&[]);
    service.readiness(200, |_| true);
    service.signal(Signal::HUP);
    let (ended, log) = service.end();
    assert!(ended.success() && log.ends_with("stopped\n"), "{ended}: {log}");
    // Without the second signal the slow client doesn't hold it up for ever either.
    let service = office.serve(&[]);
    let mut slow = TcpStream::connect(service.address()).unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    service.readiness(200, |_| true);
    assert!(service.stop().ends_with("stopped\n"));
}

#[test]
fn systemd_is_told() {
    let office = Office::open();
    let socket = UnixDatagram::bind(office.path("notify")).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = || {
        let mut buffer = [0; 256];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    };
    let service =
        Serving::start(office.command(&["serve"]).env("NOTIFY_SOCKET", office.path("notify")));
    assert_eq!(heard(), "READY=1");
    service.signal(Signal::TERM);
    assert_eq!(heard(), "STOPPING=1");
    assert!(service.end().0.success());
}

#[test]
fn a_mail_that_makes_a_stage_fail_is_set_aside_and_tried_again() {
    let office = Office::open();
    let [calls, ..] = four("a");
    let feared = calls.replace("a.1@", "feared@").replace("drop,", "drop, feared-words,");
    for mail in [&calls, &feared, &calls.replace("a.1@", "b.1@")] {
        office.post(mail);
    }
    let mut command = office.command(&["serve"]);
    let service = Serving::start(command.env("POSTROOM_PANIC_ON", "feared-words"));
    let ways: Vec<String> = office.settled(3).iter().map(way).collect();
    let confident = "infrastructure: confident";
    assert_eq!(ways, [confident, "set_aside: failed", confident]);
    let cause = office.ticket(2)["evidence"]["failure"].clone();
    assert_eq!(cause, "a stage failed: the mail holds `feared-words`");
    let shown = office.run(&["ledger", "show", "2"]).well();
    assert!(shown.contains("what failed: a stage failed: the mail holds"), "{shown}");
    assert_eq!((office.lie_in(""), office.lie_in(".Teams.infrastructure")), (1, 2));
    // Before it is mended, another try changes nothing.
    office.run(&["ledger", "retry", "2"]).well();
    service.says(&["reading again"]);
    // What is asked for is done before it stops: else it would be done after it was mended.
    let tried = || office.run(&["ledger", "show", "2"]).well().contains("postroom decided");
    wait_for("the try", PATIENCE, || tried().then_some(()));
    let log = service.stop();
    assert!(log.contains("a mail was set aside") && !log.contains("feared-words"), "{log}");

    let service = office.serve(&[]);
    assert_eq!(office.run(&["ledger", "retry", "77"]).code, 2);
    office.run(&["ledger", "retry", "2", "--by", "Kim"]).well();
    wait_for("the retry", PATIENCE, || (way(&office.tickets()[1]) == confident).then_some(()));
    office.settled(3);
    assert_eq!((office.lie_in(""), office.lie_in(".Teams.infrastructure")), (0, 3));
    let shown = office.run(&["ledger", "show", "2"]).well();
    assert!(shown.contains("Kim asked to read it again"), "{shown}");
    service.stop();
}

#[test]
fn an_answer_stands_against_a_retry_that_was_asked_for_before_it() {
    let office = Office::open();
    let service = office.serve(&[]);
    office.post(&mail("q", "ann@stranger.example", "Zeppelins", "What of the zeppelin?"));
    office.post(&mail("r", "ann@stranger.example", "Zeppelins", "What of the other zeppelin?"));
    office.settled(2);
    service.stop();
    office.run(&["ledger", "retry", "1", "--by", "Kim"]).well();
    office.run(&["assist", "answer", "1", "sales", "--by", "Bob"]).well();
    office.run(&["ledger", "retry", "2", "--by", "Kim"]).well();
    let service = office.serve(&[]);
    let tried = || office.run(&["ledger", "show", "2"]).well().contains("postroom decided");
    wait_for("the other's try", PATIENCE, || tried().then_some(()));
    assert_eq!(way(&office.settled(2)[0]), "sales: answered");
    assert_eq!((office.lie_in(""), office.lie_in(".Teams.sales")), (1, 1));
    let shown = office.run(&["ledger", "show", "1"]).well();
    assert!(shown.contains("changed nothing: Bob decided about it first"), "{shown}");
    service.stop();
}

#[test]
fn what_could_not_be_done_or_told_from_our_own_doing_is_not_asked_for() {
    let office = Office::open();
    let service = office.serve(&[]);
    office.post(&mail("q", "ann@stranger.example", "Zeppelins", "What of the zeppelin?"));
    office.settled(1);
    service.stop();
    for change in [&["ledger", "retry", "1"][..], &["assist", "answer", "1", "sales"]] {
        let ran = office.run(&[change, &["--by", "Postroom"]].concat());
        assert!(ran.code == 2 && ran.err.contains("name the person who asks"), "{ran:?}");
    }
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    office.write("postroom.toml", &config.replace("\"support\"", "\"elsewhere\""));
    for (change, why) in [
        (&["ledger", "retry", "1"][..], "so it could not be read again"),
        (&["assist", "answer", "1", "sales"], "so it could not be delivered"),
    ] {
        let ran = office.run(change);
        assert!(ran.code == 2 && ran.err.contains(why), "{ran:?}");
    }
    assert_eq!(office.ticket(1)["events"].as_array().unwrap().len(), 1);
}

#[test]
fn a_question_whose_mail_is_gone_stays_one_until_it_is_answered_by_who_knows_that() {
    let office = Office::open();
    let service = office.serve(&[]);
    office.post(&mail("q", "ann@stranger.example", "Zeppelins", "What of the zeppelin?"));
    let before = way(&office.settled(1)[0]);
    assert!(before.starts_with("assist"), "{before}");
    for half in ["cur", "new"] {
        for file in fs::read_dir(office.path("mailbox").join(half)).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
    office.run(&["ledger", "retry", "1"]).well();
    service.says(&["what was decided about it stays"]);
    let told = "changed nothing: the mail is no longer in its folder";
    let shown = || office.run(&["ledger", "show", "1"]).well().contains(told);
    wait_for(told, PATIENCE, || shown().then_some(()));
    assert_eq!(way(&office.settled(1)[0]), before);
    office.run(&["assist", "answer", "1", "sales"]).well();
    let becomes = |expected| {
        wait_for(expected, PATIENCE, || {
            let ticket = &office.tickets()[0];
            (way(ticket) == expected && ticket["progress"] == "failed").then_some(())
        });
    };
    becomes("assist: mail_gone");
    let said = office.run(&["assist", "answer", "1", "sales"]).well();
    assert!(said.contains("its mail was gone"), "{said}");
    becomes("sales: answered");
    assert_eq!(office.run(&["assist", "list"]).well(), "no question waits\n");
    service.stop();
}

#[test]
fn a_store_that_takes_nothing_sets_nothing_aside() {
    let office = Office::open();
    let service = office.serve(&[]);
    let [calls, ..] = four("a");
    office.post(&calls);
    office.settled(1);
    let ledger = format!("sqlite:{}", office.path("ledger.db").display());
    let shut =
        "CREATE TRIGGER shut BEFORE INSERT ON tickets BEGIN SELECT RAISE(ABORT, 'shut'); END";
    sql(&ledger, shut);
    office.post(&calls.replace("a.1@", "b.1@"));
    service.says(&["a batch can't be recorded"]);
    service.readiness(503, |ready| ready["mailboxes"]["support"]["failure"].is_string());
    sql(&ledger, "DROP TRIGGER shut");
    let ways: Vec<String> = office.settled(2).iter().map(way).collect();
    assert_eq!(ways, ["infrastructure: confident", "infrastructure: confident"]);
    service.readiness(200, |_| true);
    service.stop();
}

#[test]
fn a_store_that_is_mended_amid_the_search_for_misfits_sets_nothing_aside() {
    let ledger = Server::shared().database();
    let office = Office::open_with(&ledger, "");
    let service = office.serve(&[]);
    let [calls, ..] = four("a");
    office.post(&calls);
    office.settled(1);
    // A sequence counts on where all else is taken back: as many recordings fail as are meant to.
    sql(
        &ledger,
        "CREATE SEQUENCE recordings; CREATE TABLE refused AS SELECT 0 AS recordings;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF nextval('recordings') <= (SELECT recordings FROM refused) THEN
                 RAISE EXCEPTION 'refused';
             END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON tickets EXECUTE FUNCTION refuse()",
    );
    for refused in 1..=4 {
        sql(
            &ledger,
            &format!(
                "ALTER SEQUENCE recordings RESTART; UPDATE refused SET recordings = {refused}"
            ),
        );
        office.post(&calls.replace("a.1@", &format!("{refused}.1@")));
        service.says(&["a batch can't be recorded", "refused"]);
        let tickets = office.settled(1 + refused);
        assert_eq!(way(&tickets[refused]), "infrastructure: confident", "{refused} refused");
    }
    service.stop();
}

#[test]
fn a_task_that_breaks_begins_anew() {
    // The points that reading, recording and delivering pass, each in a task of its own.
    for point in ["read", "committed", "claimed", "delivered", "before_settle", "settled"] {
        let office = Office::open();
        for mail in four("a") {
            office.post(&mail);
        }
        let mut command = office.command(&["serve"]);
        let service = Serving::start(command.env("POSTROOM_PANIC_AT", format!("{point}:1")));
        service.says(&["ERROR", "a task broke; beginning anew"]);
        office.settled(4);
        office.post(&mail("later", "carol@acme.example", "Question", "And this?"));
        office.settled(5);
        let folders = [".Teams.infrastructure", ".People.amira", "", ".Filed"];
        assert_eq!(folders.map(|folder| office.lie_in(folder)), [1, 2, 1, 1], "{point}");
        service.stop();
    }
}
