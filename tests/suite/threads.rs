//! Threads, floods and bounces through the whole service: what a mail answers is in the ledger, and
//! what follows from it is done and kept.

use std::time::Duration;

use postroom::config::StoreSettings;
use postroom::mail::mark::Marks;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::office::{Office, mail};
use crate::support::wait::wait_for;

/// Longer than this nothing takes here.
const PATIENCE: Duration = Duration::from_mins(1);

/// The first mail of a thread, which billing gets.
const INVOICE: &str = "Our invoice was charged twice, please refund the second payment.";

/// A mail that answers others; `server` is what our own server says of its sender.
pub(crate) fn reply(id: &str, from: &str, answers: &[&str], server: &str, body: &str) -> String {
    let references: Vec<String> =
        answers.iter().map(|answered| format!("<{answered}@test.example>")).collect();
    let fields = format!("References: {}\r\n", references.join("\r\n "));
    let results = if server.is_empty() {
        String::new()
    } else {
        format!("Authentication-Results: mx.callwise.example; {server}\r\n")
    };
    format!("{results}{fields}{}", mail(id, from, "Re: another subject", body))
}

/// Where a ticket goes and why, as one line, with what became of the thread.
pub(crate) fn told(ticket: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let decision = &ticket["ticket"]["decision"];
    let target = &decision["target"];
    let thread = &ticket["evidence"]["signs"]["thread"];
    let to = match target["to"].as_str() {
        Some(to) => to.to_owned(),
        None => text(&target["decision"]),
    };
    format!("{to} {} {}", text(&decision["reason"]), text(&thread["outcome"])).trim().to_owned()
}

/// A mail that is pasted into another.
const PASTED: &str = "\r\nFrom: Ann <ann@stranger.example>\r\nSent: Monday\r\nTo: mara\r\n\r\nHi";

/// What our own server says of a customer's mail, and of a colleague's.
const ACME: &str = "dmarc=pass header.from=acme.example";
const OWN: &str = "dmarc=pass header.from=callwise.example";

/// What shows, the sender, what it answers, what our server says of it, where it goes and why.
const CASES: [(&str, &str, &[&str], &str, &str); 17] = [
    (
        "the same sender, under a new subject",
        "ann@stranger.example",
        &["first"],
        "",
        "billing follow_up follows",
    ),
    (
        "the same mailbox under a tag",
        "ann+phone@stranger.example",
        &["first"],
        "",
        "billing follow_up follows",
    ),
    (
        "a stranger who guesses the reference",
        "mallory@elsewhere.example",
        &["first"],
        "",
        "assist no_evidence stranger",
    ),
    (
        "a stranger at the same domain",
        "bob@stranger.example",
        &["first"],
        "",
        "assist no_evidence stranger",
    ),
    ("a colleague", "mara@callwise.example", &["first"], OWN, "billing follow_up follows"),
    (
        "a colleague of whom nothing is proven",
        "mara@callwise.example",
        &["first"],
        "",
        "billing follow_up follows",
    ),
    (
        "a colleague of whom nothing is proven, among a customer's mail",
        "mara@callwise.example",
        &["customers"],
        "",
        "assist no_evidence unproven",
    ),
    (
        "somebody who only says to be a colleague",
        "mara@callwise.example",
        &["first"],
        "dmarc=fail header.from=callwise.example",
        "assist claims_to_be unproven",
    ),
    ("corrected meanwhile", "ute@unclear.example", &["unclear"], "", "sales follow_up follows"),
    (
        "somebody else at the same customer",
        "road@acme.example",
        &["customers"],
        ACME,
        "amira@callwise.example follow_up follows",
    ),
    (
        "somebody who only says to be the customer",
        "road@acme.example",
        &["customers"],
        "",
        "assist claims_to_be unproven",
    ),
    (
        "many references, of which the last that is known counts",
        "ann@stranger.example",
        &["unclear", "first", "unknown-1", "unknown-2"],
        "",
        "billing follow_up follows",
    ),
    (
        "whoever has the ticket is away",
        "eve@globex.example",
        &["away"],
        "dmarc=pass header.from=globex.example",
        "mara@callwise.example manager holder_busy",
    ),
    ("a mail that was filed", "ann@stranger.example", &["filed"], "", "assist no_evidence closed"),
    (
        "an automatic answer in the thread",
        "ann@stranger.example",
        &["first"],
        "none\r\nAuto-Submitted: auto-replied",
        "filed auto_reply",
    ),
    (
        "a colleague who sends it on",
        "mara@callwise.example",
        &["first"],
        OWN,
        "assist no_evidence forwarded",
    ),
    ("no reference that is known", "ann@stranger.example", &["unknown"], "", "assist no_evidence"),
];

#[test]
fn replies_go_where_their_ticket_is_now_if_their_sender_belongs_to_it() {
    let office = Office::open_with("sqlite:ledger.db", "authserv_id = \"mx.callwise.example\"");
    let nothing = "Thanks, Tuesday it is.";
    office.post(&mail("first", "ann@stranger.example", "Invoice", INVOICE));
    office.post(&mail("unclear", "ute@unclear.example", "Hello", "Could you call me?"));
    office.post(&reply("customers", "wile@acme.example", &[], ACME, INVOICE));
    office.post(&mail("away", "eve@globex.example", "Hello", INVOICE));
    let automatic = mail("filed", "ann@stranger.example", "Away", "Until Monday.");
    office.post(&format!("Auto-Submitted: auto-replied\r\n{automatic}"));
    let service = office.serve(&[]);
    office.settled(5);
    for (id, to) in [("unclear", "sales"), ("away", "jonas@callwise.example")] {
        office.run(&["assist", "answer", &number(&office, id), to]).well();
    }
    for (number, (name, from, answers, server, _)) in CASES.iter().enumerate() {
        let mail = reply(&format!("case-{number}"), from, answers, server, nothing);
        let sent_on = name.contains("sends it on");
        let mail =
            if sent_on { mail.replace("Re: ", "Fwd: ").replace(nothing, PASTED) } else { mail };
        office.post(&mail);
    }
    office.settled(5 + CASES.len());
    for (number, (name, .., expected)) in CASES.iter().enumerate() {
        let ticket = found(&office, &format!("case-{number}"));
        assert_eq!(told(&ticket), *expected, "{name}: {ticket:#}");
    }
    let all = 5 + CASES.len();
    let replayed = office.run(&["ledger", "replay"]).well();
    assert_eq!(replayed, format!("{all} tickets as decided, 0 otherwise\n"));
    service.stop();
}

#[test]
fn a_thread_that_arrives_whole_goes_one_way_and_corrections_move_what_follows() {
    let office = Office::open();
    office.post(&mail("1", "ute@unclear.example", "Hello", "Could you call me?"));
    for n in 2..=8 {
        let answers = (n - 1).to_string();
        office.post(&reply(&n.to_string(), "ute@unclear.example", &[&answers], "", INVOICE));
    }
    let service = office.serve(&[]);
    office.settled(8);
    for n in 2..=8 {
        let ticket = found(&office, &n.to_string());
        assert_eq!(told(&ticket), "assist follow_up follows");
        assert_eq!(ticket["evidence"]["signs"]["thread"]["ticket"], 1, "{ticket:#}");
    }
    // The beginning of the thread is answered: what waited for that goes there, and what answers
    // its last mail does too.
    let said = office.run(&["assist", "answer", "1", "sales"]).well();
    assert_eq!(said.matches("follows it").count(), 7, "{said}");
    for ticket in office.settled(8) {
        assert_eq!(ticket["decision"]["target"]["to"], "sales", "{ticket:#}");
    }
    assert_eq!((office.lie_in(".Teams.sales"), office.lie_in("")), (8, 0));
    office.post(&reply("9", "ute@unclear.example", &["8"], "", "And now?"));
    office.settled(9);
    assert_eq!(told(&found(&office, "9")), "sales follow_up follows");
    // A mail in the middle that was corrected by itself is the beginning of its own thread.
    let fifth = number(&office, "5");
    office.run(&["assist", "answer", &fifth, "marketing"]).well();
    office.post(&reply("10", "ute@unclear.example", &["5"], "", "And here?"));
    office.settled(10);
    assert_eq!(told(&found(&office, "10")), "marketing follow_up follows");
    let replayed = office.run(&["ledger", "replay"]).well();
    assert_eq!(replayed, "10 tickets as decided, 0 otherwise\n");
    service.stop();
}

#[test]
fn a_mail_that_went_wrong_by_itself_is_corrected_and_its_thread_goes_along() {
    let office = Office::open();
    office.post(&mail("1", "ann@stranger.example", "Invoice", INVOICE));
    let service = office.serve(&[]);
    office.settled(1);
    assert_eq!(told(&found(&office, "1")), "billing confident");
    let there = office.run(&["assist", "answer", "1", "billing"]);
    assert!(there.code == 2 && there.err.contains("it is with `billing` already"), "{there:?}");
    office.run(&["assist", "answer", "1", "sales"]).well();
    office.settled(1);
    assert_eq!((office.lie_in(".Teams.billing"), office.lie_in(".Teams.sales")), (0, 1));
    office.post(&reply("2", "ann@stranger.example", &["1"], "", "And now?"));
    office.settled(2);
    assert_eq!(told(&found(&office, "2")), "sales follow_up follows");
    // Taken back, it is a question with all that followed it; another answer moves both.
    office.run(&["assist", "undo", "1"]).well();
    let ways = || [1, 2].map(|number| told(&office.ticket(number)));
    assert_eq!(ways(), ["assist undone", "assist follow_up follows"]);
    office.run(&["assist", "answer", "1", "marketing"]).well();
    assert_eq!(ways(), ["marketing answered", "marketing follow_up follows"]);
    office.settled(2);
    assert_eq!(office.lie_in(".Teams.marketing"), 2);
    let replayed = office.run(&["ledger", "replay"]).well();
    assert_eq!(replayed, "2 tickets as decided, 0 otherwise\n");
    service.stop();
}

/// A thread tears apart only when its holder is away for a while, whoever writes in it.
#[test]
fn a_strangers_thread_goes_elsewhere_while_its_holder_is_away() {
    let office = Office::open();
    office.post(&mail("1", "ann@stranger.example", "Hello", "Could you call me?"));
    let service = office.serve(&[]);
    office.settled(1);
    office.run(&["assist", "answer", "1", "amira@callwise.example"]).well();
    office.post(&reply("2", "ann@stranger.example", &["1"], "", INVOICE));
    office.settled(2);
    assert_eq!(told(&found(&office, "2")), "amira@callwise.example follow_up follows");
    let people = std::fs::read_to_string(office.path("people.csv")).unwrap();
    let left = |line: &&str| !line.starts_with("amira@");
    let without: Vec<&str> = people.split_inclusive('\n').filter(left).collect();
    let customers = std::fs::read_to_string(office.path("customers.csv")).unwrap();
    office.write("customers.csv", &customers.replace("amira@", "mara@"));
    office.write("people.csv", &without.concat());
    service.says(&["new rules are live"]);
    office.post(&reply("3", "ann@stranger.example", &["1"], "", INVOICE));
    office.settled(3);
    assert_eq!(told(&found(&office, "3")), "billing confident holder_busy");
    service.stop();
}

#[test]
fn a_thread_counts_once_for_a_cap() {
    let office = Office::open();
    let config = std::fs::read_to_string(office.path("postroom.toml")).unwrap();
    office.write("postroom.toml", &config.replace("[directory]\n", "[directory]\ncap = 2\n"));
    office.post(&mail("1", "wile@acme.example", "Hello", "Could you call me?"));
    for n in 2..=5 {
        office.post(&reply(&n.to_string(), "wile@acme.example", &["1"], "", "And now?"));
    }
    let service = office.serve(&[]);
    office.settled(5);
    for n in 6..=7 {
        office.post(&mail(&n.to_string(), "wile@acme.example", "Other", "Something else."));
        office.settled(n);
    }
    for n in 1..=6 {
        let to = &found(&office, &n.to_string())["ticket"]["decision"]["target"]["to"];
        assert_eq!(to, "amira@callwise.example", "{n}");
    }
    assert_eq!(told(&found(&office, "7")), "mara@callwise.example manager");
    // A full desk is no reason to tear a thread apart.
    office.post(&reply("8", "wile@acme.example", &["1"], "", "And now?"));
    office.settled(8);
    assert_eq!(told(&found(&office, "8")), "amira@callwise.example follow_up follows");
    service.stop();
}

#[test]
fn a_reply_months_later_follows_for_as_long_as_the_policy_lets_a_thread_rest() {
    const DAY: i64 = 24 * 60 * 60;
    let office = Office::open();
    let config = std::fs::read_to_string(office.path("postroom.toml")).unwrap();
    office.write("postroom.toml", &format!("{config}\n[policy]\nthread_rests = \"90d\"\n"));
    // A Maildir's file names say when a mail came.
    let came = |days: i64, mail: &str| {
        office.write(&format!("mailbox/new/{}.test", 1_700_000_000 + days * DAY), mail);
    };
    came(0, &mail("first", "ann@stranger.example", "Invoice", INVOICE));
    came(89, &reply("soon", "ann@stranger.example", &["first"], "", "One more thing."));
    came(91, &reply("late", "ann@stranger.example", &["first"], "", "One more thing."));
    let service = office.serve(&[]);
    office.settled(3);
    for (id, expected, days) in
        [("soon", "billing follow_up follows", 89), ("late", "assist no_evidence too_old", 91)]
    {
        let ticket = found(&office, id);
        assert_eq!(told(&ticket), expected);
        assert_eq!(ticket["evidence"]["signs"]["thread"]["days"], days, "{ticket:#}");
    }
    service.stop();
}

#[test]
fn a_sender_who_writes_too_much_is_stopped_with_one_alarm_and_nothing_is_lost() {
    let office = Office::open();
    let config = std::fs::read_to_string(office.path("postroom.toml")).unwrap();
    office.write("postroom.toml", &format!("{config}\n[policy]\nsender_cap = 5\n"));
    for n in 0..20 {
        // A tag makes no other sender.
        let robot = format!("robot+{n}@shop.example");
        office.post(&mail(&format!("loop-{n}"), &robot, "Invoice", INVOICE));
        office.post(&mail(&format!("calm-{n}"), &format!("ann-{n}@a.example"), "Hi", INVOICE));
    }
    let service = office.serve(&[]);
    let tickets = office.settled(40);
    let count = |reason: &str| {
        tickets.iter().filter(|ticket| ticket["decision"]["reason"] == reason).count()
    };
    assert_eq!((count("confident"), count("too_many")), (25, 15));
    let replayed = office.run(&["ledger", "replay"]).well();
    assert_eq!(replayed, "40 tickets as decided, 0 otherwise\n");
    let log = service.stop();
    assert_eq!(log.matches("a sender writes too much").count(), 1, "{log}");
    assert!(!log.contains("shop.example"));
}

#[test]
fn who_writes_in_a_customers_name_uses_up_nothing_of_theirs() {
    let office = Office::open_with("sqlite:ledger.db", "authserv_id = \"mx.callwise.example\"");
    let config = std::fs::read_to_string(office.path("postroom.toml")).unwrap();
    office.write("postroom.toml", &format!("{config}\n[policy]\nsender_cap = 3\n"));
    for n in 0..6 {
        let forged = "dmarc=fail header.from=acme.example";
        office.post(&reply(&format!("forged-{n}"), "wile@acme.example", &[], forged, INVOICE));
    }
    let service = office.serve(&[]);
    office.settled(6);
    office.post(&reply("theirs", "wile@acme.example", &[], ACME, INVOICE));
    office.settled(7);
    assert_eq!(told(&found(&office, "theirs")), "amira@callwise.example account_manager");
    service.stop();
}

/// The key with which an office's service marks its own mail.
fn marks(office: &Office) -> Marks {
    let settings = StoreSettings::Sqlite(office.path("ledger.db"));
    let key = Runtime::new().unwrap().block_on(async {
        let store = postroom::rim::store::open(&settings).await.unwrap();
        store.mark_key().await.unwrap()
    });
    Marks::new(key)
}

#[test]
fn our_own_mail_come_back_is_stopped_with_one_alarm_and_a_forged_field_stops_nothing() {
    let office = Office::open();
    let service = office.serve(&[]);
    let own = format!("Postroom-Ticket: {}\r\n", marks(&office).write(47).unwrap());
    for n in 0..4 {
        let back = mail(&format!("own-{n}"), "ann@stranger.example", "Invoice", INVOICE);
        office.post(&format!("{own}{back}"));
    }
    let forged = mail("forged", "ann@stranger.example", "Invoice", INVOICE);
    office.post(&format!("Postroom-Ticket: 47 {}\r\n{forged}", "0".repeat(32)));
    office.settled(5);
    for n in 0..4 {
        assert_eq!(told(&found(&office, &format!("own-{n}"))), "assist loop");
    }
    assert_eq!(told(&found(&office, "forged")), "billing confident");
    let log = service.stop();
    assert_eq!(log.matches("mail of our own comes back").count(), 1, "{log}");
}

#[test]
fn a_bounce_is_matched_to_the_mail_that_it_is_about() {
    let office = Office::open();
    office.post(&mail("first", "ann@stranger.example", "Invoice", INVOICE));
    let service = office.serve(&[]);
    office.settled(1);
    let bounce = "Return-Path: <>\r\nFrom: MAILER-DAEMON@far.example\r\nTo: support@callwise.example\r\n\
        Subject: Undelivered\r\nMessage-ID: <b@far.example>\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
        --b\r\n\r\nMailbox full.\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n";
    let about =
        |own: &str| format!("{bounce}{own}{}--b--\r\n", mail("first", "a@b.example", "I", "x"));
    office.post(&about(""));
    office.settled(2);
    let forged = format!("Postroom-Ticket: 1 {}\r\n", "0".repeat(32));
    office.post(&about(&forged).replace("<b@", "<c@"));
    office.settled(3);
    // One that brings nothing back but says which mail it answers.
    let bare = bounce.split("--b\r\nContent-Type: message").next().unwrap();
    let answers = "In-Reply-To: <first@test.example>\r\nMIME-Version";
    let bare = bare.replace("<b@", "<d@").replace("MIME-Version", answers);
    office.post(&format!("{bare}--b--\r\n"));
    office.settled(4);
    let ours = format!("Postroom-Ticket: {}\r\n", marks(&office).write(1).unwrap());
    office.post(&about(&ours).replace("<b@", "<e@"));
    wait_for("the bounce of our own", PATIENCE, || (office.tickets().len() == 5).then_some(()));
    let tickets = [2, 3, 4, 5].map(|number| office.ticket(number));
    let expected = ["filed bounce", "filed bounce", "filed bounce", "assist delivery_bounced"];
    assert_eq!(tickets.each_ref().map(told), expected);
    for ticket in &tickets {
        assert_eq!(ticket["evidence"]["signs"]["returned"]["ticket"], 1, "{ticket:#}");
    }
    let told_of = office.run(&["ledger", "show", "1"]).well();
    for line in [
        "a bounce came that is about it: ticket 2",
        "a bounce came that is about it: ticket 4",
        "it did not arrive: ticket 5 is the bounce",
        "failed",
    ] {
        assert!(told_of.contains(line), "`{line}` is not in:\n{told_of}");
    }
    service.stop();
}

/// The ticket of the mail with this id.
fn found(office: &Office, id: &str) -> Value {
    let number = number(office, id).parse().unwrap();
    office.ticket(number)
}

/// The number of its ticket.
fn number(office: &Office, id: &str) -> String {
    let id = format!("{id}@test.example");
    wait_for(&format!("the ticket of {id}"), PATIENCE, || {
        let tickets = office.tickets();
        let ticket = tickets.iter().find(|ticket| ticket["message_id"] == id.as_str())?;
        Some(ticket["id"].to_string())
    })
}
