//! The rota: what is said of broken files, `postroom rota` on the command line, and questions that
//! wait too long, as the running service sees them.

use std::fs;

use jiff::tz::TimeZone;
use postroom::assist::rota::{Group, Rota, Week};
use postroom::directory::{Directory, DirectoryFiles, Rules, SourceText};
use postroom::mail::EmailAddress;
use postroom::rim::clock::SystemClock;
use postroom::seams::Clock as _;
use serde_json::{Value, json};

use crate::support::broken;
use crate::support::office::{Office, Serving, mail, objects};
use crate::support::wait::wait_for;

fn source(path: &std::path::Path) -> SourceText {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    SourceText { name, text: fs::read_to_string(path).unwrap() }
}

#[test]
fn broken_rotas_say_all_that_is_wrong_and_where() {
    let people = Some(source(&broken::fixtures().join("people.csv")));
    let files = DirectoryFiles { people, ..DirectoryFiles::default() };
    let (directory, _) = Directory::build(&files, &Rules::default()).unwrap();
    let leads = Group::People(vec![EmailAddress::parse("leads@callwise.example").unwrap()]);
    broken::check("rota", |path| {
        match Rota::read(&source(path), leads.clone(), Some(&directory)) {
            Ok((_, findings)) | Err(findings) => findings,
        }
    });
}

/// An office with a rota, by the clock in Berlin.
fn office(rows: &str, more: &str) -> Office {
    let office = Office::open();
    office.write("rota.csv", &format!("person,name,start,week,away\n{rows}"));
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    let section = format!(
        "[working_hours]\nzone = \"Europe/Berlin\"\n[assist]\nrota = \"rota.csv\"\n\
         fallback = \"support-leads@callwise.example\"\n{more}\n[[mailbox]]"
    );
    office.write("postroom.toml", &config.replace("[[mailbox]]", &section));
    office
}

const ROWS: &str = "\
amira@callwise.example,Amira,2026-11-04,,2026-11-10
noor@callwise.example,Noor,2026-11-05,2026-W48,
olivia@callwise.example,Olivia,,2026-W52,
";

#[test]
fn rota_shows_who_has_it_and_what_falls_to_the_group() {
    let office = office(ROWS, "");
    // (what shows, the moment, lines)
    let cases: [(&str, &str, &[&str]); 5] = [
        (
            "a joiner",
            "2026-11-09T10:00",
            &[
                "Mon 2026-11-09 10:00 CET, 2026-W46",
                "on duty: amira@callwise.example",
                "2026-W46   2026-11-09   2026-11-15   amira@callwise.example (away Tue)",
                "support-leads@callwise.example (Tue: nobody is there)",
                "2026-W47   2026-11-16   2026-11-22   support-leads@callwise.example (nobody has it)",
                "2026-W48   2026-11-23   2026-11-29   noor@callwise.example (instead of 2026-W46)",
                "olivia@callwise.example (away Thu, Fri, Sat, Sun)",
            ],
        ),
        (
            "away by the rota",
            "2026-11-10T00:00",
            &[
                "on duty: support-leads@callwise.example, since nobody who has this week is there",
                "  amira@callwise.example: away on 2026-11-10",
            ],
        ),
        (
            "away by the people's file",
            "2026-12-24T10:00",
            &["  olivia@callwise.example: away from 2026-12-24 until 2027-01-02"],
        ),
        (
            "a week that is nobody's",
            "2026-11-22T23:59",
            &["on duty: support-leads@callwise.example, since nobody has this week"],
        ),
        ("a minute later", "2026-11-23T00:00", &["on duty: noor@callwise.example"]),
    ];
    for (name, at, expected) in cases {
        let shown = office.run(&["rota", "--at", at]).well();
        for line in expected {
            assert!(shown.contains(line), "{name}: `{line}` is not in:\n{shown}");
        }
    }
    let shown = office.run(&["rota", "--at", "2026-11-23T00:00", "--weeks", "0"]).well();
    assert_eq!(shown.lines().count(), 2, "{shown}");

    let arguments = ["rota", "--json", "--weeks", "2", "--at", "2026-11-10T10:00:00Z"];
    let shown = office.run(&arguments).objects().remove(0);
    let away = json!({"away": {"from": "2026-11-10", "until": "2026-11-10"}});
    let group = json!({"people": ["support-leads@callwise.example"]});
    let duty = json!({
        "at": "2026-11-10T10:00:00Z", "week": "2026-W46", "people": [],
        "skipped": [{"person": "amira@callwise.example", "why": away}],
        "fallback": {"group": group, "why": "nobody_there"},
    });
    assert_eq!(shown["duty"], duty);
    assert_eq!(shown["weeks"][0]["shifts"][0]["name"], "Amira");
    assert_eq!(shown["weeks"][0]["shifts"][0]["away"]["2026-11-10"], away);
    assert_eq!(shown["weeks"][0]["uncovered"], json!(["2026-11-10"]));
    assert_eq!(shown["weeks"][1]["week"], "2026-W47");
    assert_eq!(shown["weeks"].as_array().unwrap().len(), 2);
}

#[test]
fn a_joiner_who_is_ill_by_their_calendar_is_skipped() {
    let office = office("Noor+Rota@callwise.example,Noor,,2026-W48,\n", "");
    office.write(
        "people.csv",
        "person,calendar\nnoor@callwise.example,noor.ics\namira@callwise.example,absent.ics\n",
    );
    office.write(
        "noor.ics",
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Ill\r\n\
         DTSTART;VALUE=DATE:20261124\r\nDTEND;VALUE=DATE:20261126\r\nEND:VEVENT\r\n\
         END:VCALENDAR\r\n",
    );
    // Nobody says that Amira's calendar is missing: she is not on the rota.
    let ill = office.run(&["rota", "--at", "2026-11-25T10:00"]).well();
    for said in [
        "on duty: support-leads@callwise.example, since nobody who has this week is there",
        "away from 2026-11-24 until 2026-11-25 by their calendar",
        "(away Tue, Wed)",
    ] {
        assert!(ill.contains(said), "`{said}` is not in:\n{ill}");
    }
    // Also one who will be away in a week that is far ahead.
    let early = office.run(&["rota", "--at", "2026-10-05T10:00"]).well();
    assert!(early.contains("(away Tue, Wed)"), "{early}");
    let well = office.run(&["rota", "--at", "2026-11-26T10:00"]).well();
    assert!(well.to_lowercase().contains("on duty: noor"), "{well}");
    fs::remove_file(office.path("noor.ics")).unwrap();
    let told = office.run(&["rota"]);
    assert!(told.code == 0 && told.err.contains("can't be read"), "{told:?}");
}

#[test]
fn the_calendar_is_one_that_people_can_subscribe_to() {
    let feed = office(ROWS, "").run(&["rota", "--ics"]).well();
    assert!(feed.starts_with("BEGIN:VCALENDAR\r\n") && feed.ends_with("END:VCALENDAR\r\n"));
    assert_eq!(feed.matches("BEGIN:VEVENT\r\n").count(), 3, "{feed}");
    assert!(feed.contains("SUMMARY:Assist duty: Noor\r\n"), "{feed}");
    assert!(feed.contains("DTSTART;VALUE=DATE:20261123\r\n"), "{feed}");
}

#[test]
fn lint_tells_of_gaps_and_check_of_what_is_wrong() {
    let office = office(ROWS, "");
    let codes = |arguments: &[&str]| {
        let ran = office.run(arguments);
        let found = objects(&ran.out);
        found.iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let lint = ["rota", "lint", "--json"];
    office.write("rota.csv", "person,week\namira@callwise.example,2026-W40\n");
    assert_eq!(codes(&lint), ["end-of-rota"], "a rota that has passed");
    assert_eq!(office.run(&["rota", "lint"]).code, 0);
    assert_eq!(office.run(&["rota", "lint", "--strict"]).code, 2);
    office.write("rota.csv", &format!("person,week\n{}", weeks("amira@callwise.example", 5)));
    office.run(&["rota", "lint", "--strict"]).well();
    assert!(office.run(&["check"]).well().contains("everything is in order"));

    office.write("rota.csv", "person,week\nstranger@callwise.example,2026-W48\n");
    assert_eq!(codes(&["check", "--json"]), ["unknown-person"]);
    office.write("rota.csv", "person,week\namira@callwise.example,2026-W60\n");
    assert_eq!(codes(&["check", "--json"]), ["bad-week"]);
    assert_eq!(codes(&lint), ["bad-week"]);
    let refused = office.run(&["rota"]);
    assert!(refused.code == 2 && refused.err.contains("`2026-W60` is not a week"), "{refused:?}");

    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    office
        .write("postroom.toml", &config.replace("\"support-leads@callwise.example\"", "\"bill\""));
    office.write("rota.csv", "person,week\namira@callwise.example,2026-W48\n");
    assert_eq!(codes(&["check", "--json"]), ["unknown-team"]);
    let shown = office.run(&["rota", "--at", "2027-01-04", "--weeks", "0"]).well();
    assert!(shown.contains("on duty: team bill, since nobody has this week"), "{shown}");
}

#[test]
fn without_a_rota_nobody_is_named() {
    let refused = Office::open().run(&["rota"]);
    assert!(refused.code == 2 && refused.err.contains("[assist]"), "{refused:?}");
    let office = Office::open();
    let service = office.serve(&[]);
    service.readiness(200, |_| true);
    service.stop();
    assert_eq!(office.run(&["assist", "list"]).well(), "no question waits\n");
}

/// Rows for so many weeks, from the one that today lies in; with two, a test may run over midnight.
fn weeks(person: &str, count: usize) -> String {
    let today = SystemClock.now().to_zoned(TimeZone::get("Europe/Berlin").unwrap()).date();
    let weeks = std::iter::successors(Some(Week::of(today)), |week| Some(week.next()));
    weeks.take(count).fold(String::new(), |rows, week| format!("{rows}{person},{week}\n"))
}

fn metric(service: &Serving, name: &str) -> f64 {
    let text = service.get("/metrics", "").2;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in:\n{text}")).parse().unwrap()
}

fn question(id: &str) -> String {
    mail(id, "ann@stranger.example", "Hello", "Something else entirely.")
}

#[test]
fn a_question_that_waits_too_long_is_told_of_once_and_again_after_an_answer() {
    let office = office("", "overdue = \"300ms\"");
    let service = office.serve(&[]);
    service.readiness(200, |ready| ready["questions"]["waiting"] == 0);
    office.post(&question("1"));
    office.post(&question("2"));
    office.settled(2);
    let alarm = "a question waits too long for an answer";
    let said = service.says(&["WARN", alarm]);
    assert!(said.contains("ticket=1"), "{said}");
    assert!(said.contains("the fallback group, since nobody has this week"), "{said}");
    let late = service.readiness(200, |ready| ready["questions"]["overdue"] == true);
    assert_eq!((&late["ready"], &late["questions"]["oldest"]), (&true.into(), &1.into()));
    assert_eq!(metric(&service, "postroom_questions_waiting").to_bits(), 2.0_f64.to_bits());
    assert!(metric(&service, "postroom_oldest_question_timestamp_seconds") > 1.7e9);
    assert!(metric(&service, "postroom_question_overdue") > 0.5);

    // One more is late, but the alarm stands already; so it does while only one is answered.
    office.post(&question("3"));
    office.settled(3);
    office.run(&["assist", "answer", "1", "billing"]).well();
    service.readiness(200, |ready| ready["questions"]["oldest"] == 2);
    office.run(&["assist", "answer", "3", "billing"]).well();
    office.run(&["assist", "answer", "2", "billing"]).well();
    service.says(&["INFO", "no question is overdue now"]);
    let clear = service.readiness(200, |ready| ready["questions"]["overdue"] == false);
    assert_eq!(clear["questions"]["oldest"], Value::Null);
    assert!(metric(&service, "postroom_oldest_question_timestamp_seconds") < 0.5);
    assert_eq!(service.log().matches(alarm).count(), 1, "{}", service.log());

    // A question again: it waits since the answer was taken back, not since the mail came.
    office.settled(3);
    office.run(&["assist", "undo", "3"]).well();
    wait_for("a second alarm", crate::support::office::PATIENCE, || {
        (service.log().matches(alarm).count() == 2).then_some(())
    });
    let log = service.stop();
    for private in ["stranger.example", "Hello", "support-leads"] {
        assert!(!log.contains(private), "`{private}` is in:\n{log}");
    }
}

#[test]
fn an_edit_of_the_rota_is_live_and_a_bad_one_changes_nothing() {
    let office = office("", "overdue = \"200ms\"");
    office.write("rota.csv", &format!("person,week\n{}", weeks("amira@callwise.example", 2)));
    let service = office.serve(&[]);
    service.readiness(200, |ready| ready["refused_edit"] == json!([]));

    office.write("rota.csv", "person,week\nnoor@callwise.example,next week\n");
    let refused = service.readiness(200, |ready| ready["refused_edit"] != json!([]));
    let said = refused["refused_edit"][0].as_str().unwrap();
    assert!(said.ends_with("rota.csv:2:23: error: bad week"), "{said}");
    service.says(&["ERROR", "rota.csv:2:23: error: bad week", "the last good version stays live"]);
    assert!(metric(&service, "postroom_edit_refused") > 0.5);
    // The rota that was live when the edit went wrong still says who is on duty.
    office.post(&question("1"));
    office.settled(1);
    let told = service.says(&["a question waits too long"]);
    assert!(told.contains("1 of the rota"), "{told}");
    let listed = office.run(&["assist", "list"]).well();
    assert!(listed.starts_with("who is on duty can't be told; `postroom check` says why\n"));
    assert!(listed.contains("ann@stranger.example"), "{listed}");
    office.run(&["assist", "answer", "1", "billing"]).well();
    service.says(&["no question is overdue now"]);

    let both = weeks("amira@callwise.example", 2) + &weeks("noor@callwise.example", 2);
    office.write("rota.csv", &format!("person,week\n{both}"));
    service.readiness(200, |ready| ready["refused_edit"] == json!([]));
    let listed = office.run(&["assist", "list"]).well();
    assert_eq!(
        listed,
        "on duty: amira@callwise.example, noor@callwise.example\nno question waits\n"
    );
    office.post(&question("2"));
    service.says(&["a question waits too long", "2 of the rota"]);
    let log = service.stop();
    assert!(!log.contains("@callwise.example"), "{log}");
}
