//! Directories that are asked over the net: a service, calendars; each as the running service sees
//! it, and while it is away.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::office::{Office, PATIENCE, Serving, mail};
use crate::support::service::nobody_listens;
use crate::support::wait::wait_for;

/// Where a ticket went, and why.
pub(crate) fn way(ticket: &Value) -> String {
    let decision = &ticket["decision"];
    let target = decision["target"]["to"].as_str();
    let target = target.or(decision["target"]["decision"].as_str()).unwrap();
    format!("{target}: {}", decision["reason"].as_str().unwrap())
}

/// The configuration with `more` of the directory in it, and without the CSV file of customers.
pub(crate) fn configure(office: &Office, more: &str) {
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    let config = config.replace("customers = \"customers.csv\"\n", "");
    office.write("postroom.toml", &config.replace("[[mailbox]]", &format!("{more}\n[[mailbox]]")));
}

pub(crate) fn from(id: &str, sender: &str) -> String {
    mail(id, sender, "Question", "Please look.")
}

fn metric(service: &Serving, sample: &str) -> Option<f64> {
    let text = service.get("/metrics", "").2;
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
}

pub(crate) fn is(service: &Serving, sample: &str, value: f64) {
    wait_for(&format!("{sample} {value}"), PATIENCE, || {
        metric(service, sample).filter(|found| found.to_bits() == value.to_bits())
    });
}

/// A directory service, its answers, and how it behaves.
#[derive(Clone, Default)]
struct Crm(Arc<Mutex<Behaviour>>);

#[derive(Default)]
struct Behaviour {
    asked: Vec<String>,
    status: Option<StatusCode>,
    /// What it answers, whoever is asked about.
    says: Option<&'static str>,
    slow: bool,
}

impl Crm {
    /// Starts it, on a port that it keeps.
    fn start(&self, runtime: &Runtime) -> u16 {
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = Router::new().route("/who", post(who)).with_state(self.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        port
    }

    fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.0.lock().unwrap());
    }

    fn asked(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }
}

async fn who(State(crm): State<Crm>, headers: HeaderMap, question: String) -> (StatusCode, String) {
    if headers.get("authorization").is_none_or(|given| given != "Bearer let-me-in") {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let question: Value = serde_json::from_str(&question).unwrap();
    let address = question["address"].as_str().unwrap().to_owned();
    let (status, says, slow) = {
        let mut behaviour = crm.0.lock().unwrap();
        behaviour.asked.push(address.clone());
        (behaviour.status, behaviour.says, behaviour.slow)
    };
    if slow {
        tokio::time::sleep(Duration::from_mins(1)).await;
    }
    if address.starts_with("poison") {
        let odd = StatusCode::INTERNAL_SERVER_ERROR;
        return (if address.contains("too") { StatusCode::OK } else { odd }, String::new());
    }
    if let Some(status) = status {
        return (status, "<html>hunter2</html>".to_owned());
    }
    if let Some(says) = says {
        return (StatusCode::OK, says.to_owned());
    }
    let known = |domain: Value| {
        let answer = json!({"customer": "Acme", "account_manager": "amira@callwise.example",
            "tier": "gold", "domain": domain, "more": 1});
        (StatusCode::OK, answer.to_string())
    };
    match address.rsplit_once('@').unwrap() {
        (_, "acme.example") => known(json!("acme.example")),
        ("vip", _) => known(Value::Null),
        (_, "gmail.com") => known(json!("gmail.com")),
        (_, "elsewhere.example") => known(json!("acme.example")),
        _ => (StatusCode::OK, r#"{"customer": null}"#.to_owned()),
    }
}

/// An office whose directory asks the service at a port; `more` are further keys.
fn asking(port: u16, more: &str) -> Office {
    let office = Office::open();
    configure(
        &office,
        &format!(
            "[directory.service]\nurl = \"http://127.0.0.1:{port}/who\"\ntoken = \"let-me-in\"\n\
             timeout = \"500ms\"\n{more}\n"
        ),
    );
    office
}

#[test]
fn a_service_knows_customers_and_is_not_asked_twice() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    let office = asking(crm.start(&runtime), "");
    let service = office.serve(&[]);
    let senders = [
        ("Joe+tag@ACME.example", "amira@callwise.example: account_manager"),
        ("joe@acme.example", "amira@callwise.example: account_manager"),
        ("vip@gmail.com", "amira@callwise.example: account_manager"),
        ("other@gmail.com", "assist: no_evidence"),
        ("joe@elsewhere.example", "assist: no_evidence"),
        ("joe@stranger.example", "assist: no_evidence"),
        ("new@callwise.example", "assist: no_evidence"),
    ];
    for (number, (sender, expected)) in senders.iter().enumerate() {
        office.post(&from(&number.to_string(), sender));
        assert_eq!(way(&office.settled(number + 1)[number]), *expected, "{sender}");
    }
    // A tag makes no other mailbox, and a colleague is never asked about.
    assert_eq!(crm.asked(), senders.len() - 2);
    let shown = office.run(&["explain", "--ticket", "1"]).well();
    assert!(shown.contains("the domain acme.example, as the directory service says"), "{shown}");
    let replayed = office.run(&["ledger", "replay"]).well();
    assert_eq!(replayed, "7 tickets as decided, 0 otherwise\n");
    let found = office.run(&["directory", "find", "joe@acme.example"]).well();
    assert!(found.contains("Acme, tier gold"), "{found}");
    let checked = office.run(&["check", "--connect"]).well();
    assert!(checked.contains("directory service: it answers\n"), "{checked}");
    let log = service.stop();
    assert!(!log.contains("acme.example") && !log.contains("let-me-in"), "{log}");
    for why in ["its `domain` is a freemail provider's", "its `domain` doesn't hold the address"] {
        let told = log.lines().filter(|line| line.contains("WARN") && line.contains(why));
        assert_eq!(told.count(), 1, "{why}: {log}");
    }
}

#[test]
fn a_404_is_a_failure_unless_the_configuration_says_what_it_means() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    crm.change(|behaviour| behaviour.status = Some(StatusCode::NOT_FOUND));
    let port = crm.start(&runtime);
    for (more, expected, said) in [
        ("", "assist: directory_away", "problem: it answered 404 Not Found; if it says so of"),
        ("not_found = \"unknown\"", "assist: no_evidence", "it answers\n"),
    ] {
        let office = asking(port, more);
        let service = office.serve(&[]);
        office.post(&from("1", "joe@stranger.example"));
        assert_eq!(way(&office.settled(1)[0]), expected, "{more}");
        let checked = office.run(&["check", "--connect"]);
        assert!(checked.out.contains(said), "{more}: {checked:?}");
        service.stop();
    }
}

#[test]
fn while_the_service_is_away_old_answers_stand_in_and_strangers_wait() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    let office = asking(crm.start(&runtime), "keep = \"1ms\"\nkeep_unknown = \"1ms\"");
    let service = office.serve(&[]);
    office.post(&from("1", "joe@acme.example"));
    assert_eq!(way(&office.settled(1)[0]), "amira@callwise.example: account_manager");

    crm.change(|behaviour| behaviour.status = Some(StatusCode::BAD_GATEWAY));
    office.post(&from("2", "joe@acme.example"));
    office.post(&from("3", "jim@acme.example"));
    let list = "List-Id: <news.vendor.example>\r\n";
    office.post(&format!("{list}{}", from("4", "news@vendor.example")));
    let automatic = "Auto-Submitted: auto-replied\r\n";
    office.post(&format!("{automatic}{}", from("5", "jim@acme.example")));
    let ways: Vec<String> = office.settled(5).iter().map(way).collect();
    assert_eq!(
        ways[1..],
        [
            "amira@callwise.example: account_manager",
            "assist: directory_away",
            "assist: directory_away",
            "filed: auto_reply"
        ]
    );
    let line = service.says(&["WARN", "the directory service does not answer", "502"]);
    assert!(!line.contains("hunter2") && !line.contains("acme"), "{line}");
    is(&service, "postroom_directory_failing{source=\"service\"}", 1.0);
    service.readiness(200, |ready| ready["directory_failing"] == json!(["service"]));
    let checked = office.run(&["check", "--connect"]);
    assert!(checked.out.contains("directory service: problem: it answered 502"), "{checked:?}");
    let shown = office.run(&["explain", "--ticket", "3"]).well();
    assert!(shown.contains("may know them, doesn't answer"), "{shown}");
    // A person may decide meanwhile, and nobody undoes that.
    office.run(&["assist", "answer", "4", "billing"]).well();
    office.settled(5);

    crm.change(|behaviour| behaviour.status = None);
    wait_for("the mail that waited", PATIENCE, || {
        let way = way(&office.tickets()[2]);
        (way == "amira@callwise.example: account_manager").then_some(())
    });
    let ways: Vec<String> = office.settled(5).iter().map(way).collect();
    assert_eq!(ways[3], "billing: answered");
    is(&service, "postroom_directory_failing{source=\"service\"}", 0.0);
    service.readiness(200, |ready| ready["directory_failing"] == json!([]));
    let replayed = office.run(&["ledger", "replay"]).well();
    assert_eq!(replayed, "5 tickets as decided, 0 otherwise\n");
    service.stop();
}

#[test]
fn a_service_that_is_not_there_is_told_with_the_cause() {
    let office = asking(nobody_listens(), "");
    let checked = office.run(&["check", "--connect"]);
    assert!(checked.out.contains("Connection refused"), "{checked:?}");
    assert!(!checked.out.contains("/who"), "{checked:?}");
}

#[test]
fn an_address_that_the_service_stumbles_over_holds_up_no_other() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    let office = asking(crm.start(&runtime), "");
    crm.change(|behaviour| behaviour.status = Some(StatusCode::BAD_GATEWAY));
    for (id, name) in ["joe", "poison", "jim", "poison-too"].iter().enumerate() {
        office.post(&from(&id.to_string(), &format!("{name}@acme.example")));
    }
    let service = office.serve(&[]);
    let waiting = |it: &Value| way(it) == "assist: directory_away";
    assert!(office.settled(4).iter().all(waiting));
    crm.change(|behaviour| behaviour.status = None);
    wait_for("the mails that can be decided", PATIENCE, || {
        let ways: Vec<String> = office.tickets().iter().map(way).collect();
        let known = ways.iter().filter(|way| way.starts_with("amira")).count();
        (known == 2).then_some(())
    });
    assert_eq!(office.settled(4).iter().filter(|it| waiting(it)).count(), 2);
    service.stop();
}

#[test]
fn one_address_that_the_service_stumbles_over_is_no_outage() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    let office = asking(crm.start(&runtime), "");
    let service = office.serve(&[]);
    office.post(&from("1", "poison@acme.example"));
    assert_eq!(way(&office.settled(1)[0]), "assist: directory_away");
    let line = service.says(&["WARN", "the directory service can't answer about a sender"]);
    assert!(!line.contains("poison"), "{line}");
    for id in ["2", "3"] {
        office.post(&from(id, &format!("poison-{id}@acme.example")));
    }
    office.settled(3);
    service.says(&["WARN", "the directory service can't answer about any sender"]);
    is(&service, "postroom_directory_failing{source=\"service\"}", 1.0);
    office.post(&from("4", "joe@acme.example"));
    is(&service, "postroom_directory_failing{source=\"service\"}", 0.0);
    let log = service.stop();
    assert!(!log.contains("does not answer"), "{log}");
}

#[test]
fn the_names_of_an_answer_fit_on_a_line() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    let office = asking(crm.start(&runtime), "");
    for (says, wrong) in [
        (r#"{"customer": "Ac\nme"}"#, "`customer`"),
        (r#"{"customer": "\u001b[31mAcme"}"#, "`customer`"),
        (r#"{"customer": "Acme", "tier": "go\rld"}"#, "`tier`"),
    ] {
        crm.change(|behaviour| behaviour.says = Some(says));
        let checked = office.run(&["check", "--connect"]);
        let expected = format!("the answer's {wrong} is not as documented");
        assert!(checked.out.contains(&expected), "{says}: {checked:?}");
    }
    crm.change(|behaviour| behaviour.says = Some(r#"{"customer": " Acme\n", "tier": " gold "}"#));
    let ran = office.run(&["directory", "find", "joe@acme.example"]).well();
    assert!(ran.contains("Acme, tier gold: "), "{ran}");
}

#[test]
fn an_answer_that_does_not_name_a_customer_or_none_makes_no_stranger() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    let office = asking(crm.start(&runtime), "");
    let odd = [
        "{}",
        r#"{"error": "try again"}"#,
        r#"{"Customer": "Acme"}"#,
        "[null, null, null, null]",
        "null",
    ];
    for says in odd {
        crm.change(|behaviour| behaviour.says = Some(says));
        let checked = office.run(&["check", "--connect"]);
        assert!(checked.out.contains("the answer is not as documented"), "{says}: {checked:?}");
    }
    crm.change(|behaviour| behaviour.says = Some(r#"{"customer": null}"#));
    let checked = office.run(&["check", "--connect"]);
    assert!(checked.out.contains("it answers"), "{checked:?}");
    crm.change(|behaviour| behaviour.says = Some("{}"));
    office.post(&from("1", "joe@acme.example"));
    let service = office.serve(&[]);
    assert_eq!(way(&office.settled(1)[0]), "assist: directory_away");
    service.stop();
}

#[test]
fn what_followed_a_mail_that_waited_for_the_service_goes_along() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    let office = asking(crm.start(&runtime), "");
    crm.change(|behaviour| behaviour.status = Some(StatusCode::BAD_GATEWAY));
    office.post(&from("1", "joe@acme.example"));
    let service = office.serve(&[]);
    office.settled(1);
    let reply = from("2", "joe@acme.example");
    office.post(&format!("In-Reply-To: <1@test.example>\r\n{reply}"));
    let ways: Vec<String> = office.settled(2).iter().map(way).collect();
    assert_eq!(ways, ["assist: directory_away", "assist: follow_up"]);
    crm.change(|behaviour| behaviour.status = None);
    wait_for("both at the account manager's", PATIENCE, || {
        let ways: Vec<String> = office.tickets().iter().map(way).collect();
        let there =
            ["amira@callwise.example: account_manager", "amira@callwise.example: follow_up"];
        (ways == there || ways.iter().rev().eq(there.iter())).then_some(())
    });
    office.settled(2);
    assert_eq!(office.lie_in(".People.amira"), 2);
    service.stop();
}

#[test]
fn a_service_that_hangs_holds_nobody_up_for_long() {
    let runtime = Runtime::new().unwrap();
    let crm = Crm::default();
    crm.change(|behaviour| behaviour.slow = true);
    let office = asking(crm.start(&runtime), "");
    for number in 0..200 {
        office.post(&from(&number.to_string(), &format!("joe@company-{number}.example")));
    }
    let began = Instant::now();
    let service = office.serve(&[]);
    let tickets = office.settled(200);
    // 200 mails are four batches, and each waits for half a second at most.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let waiting = tickets.iter().filter(|it| way(it) == "assist: directory_away").count();
    assert_eq!(waiting, 200);
    assert!(crm.asked() <= 64, "it is left in peace: {}", crm.asked());
    service.stop();
}

/// What a feed answers, until it is changed.
type Feed = Arc<Mutex<(StatusCode, String)>>;

/// A feed at a port; its address is `/secret.ics`. Beside it is `/hang.ics`, which never answers.
fn feed(runtime: &Runtime, answer: &str) -> (u16, Feed) {
    let feed = Arc::new(Mutex::new((StatusCode::OK, answer.to_owned())));
    let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = feed.clone();
    let answer = get(move || async move { served.lock().unwrap().clone() });
    let hang = get(|| async { tokio::time::sleep(Duration::from_mins(10)).await });
    let router = Router::new().route("/secret.ics", answer).route("/hang.ics", hang);
    runtime.spawn(async move { axum::serve(listener, router).await });
    (port, feed)
}

/// The calendar of somebody who is always away.
const AWAY: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//EN\r\nBEGIN:VEVENT\r\n\
    UID:1@x\r\nDTSTAMP:20200101T000000Z\r\nDTSTART;VALUE=DATE:20200101\r\n\
    RRULE:FREQ=DAILY\r\nSUMMARY:At the beach\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
/// The calendar of somebody who never is.
const EMPTY: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//EN\r\nEND:VCALENDAR\r\n";

#[test]
fn a_calendar_that_hangs_holds_up_no_other() {
    let runtime = Runtime::new().unwrap();
    let (port, _) = feed(&runtime, "");
    let office = Office::open();
    office.write("amira.ics", AWAY);
    office.write(
        "people.csv",
        &format!(
            "person,manager,calendar\namira@callwise.example,mara@callwise.example,amira.ics\n\
             mara@callwise.example,,http://127.0.0.1:{port}/hang.ics\n"
        ),
    );
    office.post(&from("1", "carol@acme.example"));
    let service = office.serve(&[]);
    assert_eq!(way(&office.settled(1)[0]), "mara@callwise.example: manager");
    service.says(&["WARN", "some calendars take long to read"]);
    office.write("amira.ics", EMPTY);
    let mut count = 1;
    wait_for("amira is back", Duration::from_secs(20), || {
        count += 1;
        office.post(&from(&count.to_string(), "carol@acme.example"));
        let way = way(&office.settled(count)[count - 1]);
        (way == "amira@callwise.example: account_manager").then_some(())
    });
    service.stop();
}

#[test]
fn calendars_are_followed_and_one_that_cannot_be_read_stays_as_it_was() {
    let (event, empty) = (AWAY, EMPTY);
    let runtime = Runtime::new().unwrap();
    let (port, feed) = feed(&runtime, event);
    let office = Office::open();
    office.write("amira.ics", empty);
    office.write(
        "people.csv",
        &format!(
            "person,manager,calendar\namira@callwise.example,mara@callwise.example,amira.ics\n\
             mara@callwise.example,olivia@callwise.example,http://127.0.0.1:{port}/secret.ics\n\
             olivia@callwise.example,,\n"
        ),
    );
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    let config = config.replace("[directory]\n", "[directory]\nmanagers = \"all\"\n");
    let config = config.replace("[directory]\n", "[directory]\ncalendars_every = \"100ms\"\n");
    office.write("postroom.toml", &config);
    let now = |expected: &str| {
        let ran = office.run(&["directory", "ladder", "carol@acme.example", "--json"]);
        let found: Value = serde_json::from_str(&ran.out).unwrap();
        let steps = found["ladder"]["steps"].as_array().unwrap();
        let taken = serde_json::to_string(&steps.last().unwrap()["rung"]).unwrap();
        assert!(taken.contains(expected), "{found}");
    };
    let service = office.serve(&[]);
    now("amira");
    let mut count = 0;
    // The service takes a moment to see a change: the next mail, or the one after it, goes there.
    let mut goes = |expected: &str| {
        wait_for(expected, PATIENCE, || {
            count += 1;
            office.post(&from(&count.to_string(), "carol@acme.example"));
            (way(&office.settled(count)[count - 1]) == expected).then_some(count.to_string())
        })
    };
    goes("amira@callwise.example: account_manager");
    office.write("amira.ics", event);
    now("olivia");
    let ticket = goes("olivia@callwise.example: manager");

    *feed.lock().unwrap() = (StatusCode::NOT_FOUND, String::new());
    office.write("amira.ics", "this is no calendar");
    service.says(&["WARN", "calendars can't be read; they stay as they were"]);
    is(&service, "postroom_calendars_failing", 2.0);
    goes("olivia@callwise.example: manager");
    let lint = office.run(&["directory", "lint"]);
    assert!(lint.out.contains("`amira@callwise.example` can't be read"), "{lint:?}");
    assert!(lint.out.contains("people.csv:2: the calendar"), "{lint:?}");
    assert!(lint.out.contains("404") && !lint.out.contains("secret.ics"), "{lint:?}");

    *feed.lock().unwrap() = (StatusCode::OK, empty.to_owned());
    is(&service, "postroom_calendars_failing", 1.0);
    goes("mara@callwise.example: manager");
    let log = service.stop();
    for private in ["amira@", "mara@", "secret.ics", "beach"] {
        assert!(!log.contains(private), "{private} is in:\n{log}");
    }
    let shown = office.run(&["ledger", "show", &ticket]).well();
    assert!(shown.contains("by their calendar") && !shown.contains("beach"), "{shown}");
}
