//! What a change of dictionaries would move, as the command line tells it; and that it is what the
//! live path does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;
use postroom::classify::Scratch;
use postroom::config::{Folders, StoreSettings};
use postroom::dictionary::{Dictionaries, Version};
use postroom::directory::Present;
use postroom::learn::what_if::{Past, Versions, judge, what_if};
use postroom::mail::trust::Door;
use postroom::pipeline::{Arrival, Rules, identified, replay};
use postroom::rim::ledger::{Pages, past};
use postroom::rim::{archive, store};
use postroom::route::Target;
use postroom::seams::{Cursor, Evidence, Fetched, Place, SourceId, TicketFilter};
use serde_json::Value;

use crate::support::broken::fixtures;
use crate::support::office::{Office, mail};
use crate::support::samples::sample_rules;

/// A day on which the people are away whom `people.csv` says to be away.
fn day() -> Present {
    Present::at("2026-11-23T12:00:00Z".parse().unwrap())
}

fn arrival<'a>(raw: &'a [u8], present: &'a Present, door: &'a Door) -> Arrival<'a> {
    Arrival { raw, size: raw.len() as u64, present, door }
}

const OLD: &str = "team billing\nbase -2\n\n[terms]\ninvoice +15\nrefund +15\nrow +2\n";
const NEW: &str = "team billing\nbase -2\n\n[terms]\n# said more\nrefund +15\nrow +2\n\
                   invoice +3\nvat +15\n";
const SALES: &str = "team sales\nbase -2\n\n[terms]\nquote +15\n";
const MAILS: &str = r#"{"id":"a","label":"billing","subject":"Invoice","body":"The invoice is wrong"}
{"id":"b","label":"sales","subject":"Invoice","body":"An invoice | `for` @you"}
{"id":"c","label":"billing","subject":"VAT","body":"Our VAT is wrong"}
{"id":"d","label":"other","subject":"VAT","body":"vat vat"}
{"id":"e","label":"billing","subject":"Refund","body":"A refund please"}
{"id":"f","label":"sales","subject":"Quote","body":"A quote please"}
"#;

/// An office with two versions of the dictionaries, and mails of which it is known where they
/// belong.
fn office() -> Office {
    let office = Office::open();
    fs::remove_file(office.path("postroom.toml")).unwrap();
    fs::remove_dir_all(office.path("dictionaries")).unwrap();
    for (folder, billing) in [("old", OLD), ("new", NEW)] {
        office.write(&format!("{folder}/billing.dict"), billing);
        office.write(&format!("{folder}/sales.dict"), SALES);
    }
    office.write("mails.jsonl", MAILS);
    office
}

const BETWEEN: [&str; 7] =
    ["what-if", "--before", "old", "--after", "new", "--data", "mails.jsonl"];

fn between<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments: Vec<&str> = BETWEEN.to_vec();
    arguments.extend(more);
    arguments
}

#[test]
fn what_moves_is_told_with_the_lines_that_move_it() {
    let office = office();
    let told = office.run(&between(&["--json"])).objects().remove(0);
    assert_eq!((&told["mails"], &told["moved"]), (&6.into(), &4.into()), "{told}");
    assert_eq!((&told["worse"], &told["better"]), (&2.into(), &1.into()));
    let said = |part: &Value| {
        let place = format!("{}:{}", part["file"].as_str().unwrap(), part["line"]);
        format!("{place} {} {} {}", part["term"].as_str().unwrap(), part["before"], part["after"])
    };
    let edits: Vec<Value> = told["edits"].as_array().unwrap().clone();
    // A line that only stands elsewhere is none.
    let expected = ["billing.dict:8 invoice 15 3", "billing.dict:9 vat null 15"];
    assert_eq!(edits.iter().map(said).collect::<Vec<_>>(), expected);
    let mut moves = BTreeMap::new();
    for group in told["groups"].as_array().unwrap() {
        for moved in group["moves"].as_array().unwrap() {
            let stands = ["before", "after"].map(|side| moved[side]["standing"].as_str().unwrap());
            let first = usize::try_from(moved["edits"][0].as_u64().unwrap()).unwrap();
            let because = edits[first]["term"].as_str();
            moves.insert(moved["id"].as_str().unwrap(), (stands, because.unwrap()));
        }
    }
    let expected = [
        ("a", (["right", "asked"], "invoice")),
        ("b", (["wrong", "asked"], "invoice")),
        ("c", (["asked", "right"], "vat")),
        ("d", (["asked", "wrong"], "vat")),
    ];
    assert_eq!(moves, expected.into());
    let (before, after) = (&told["measured"]["before"], &told["measured"]["after"]);
    assert_eq!(before["auto_routed"], serde_json::json!({"hits": 4, "of": 6}));
    assert_eq!(before["auto_precision"], serde_json::json!({"hits": 3, "of": 4}));
    assert_eq!(after["auto_precision"], serde_json::json!({"hits": 3, "of": 4}));
    // The same mail without its labels moves the same way, and nothing is said of right or wrong.
    office.write("archive/a.eml", "Subject: Invoice\n\nThe invoice is wrong\n");
    office.write("archive/b.eml", "Subject: Refund\n\nA refund please\n");
    let unlabelled =
        ["what-if", "--before", "old", "--after", "new", "--mail", "archive", "--json"];
    let told = office.run(&unlabelled).objects().remove(0);
    assert_eq!((&told["mails"], &told["moved"]), (&2.into(), &1.into()), "{told}");
    assert!(told["measured"].is_null());
}

#[test]
fn a_broken_limit_fails_and_is_named() {
    let office = office();
    // (arguments, the limit that is broken)
    let cases: [(&[&str], Option<&str>); 12] = [
        (&[], None),
        (&["--max-moved", "4"], None),
        (&["--max-moved", "3"], Some("--max-moved: 4 mails move, 3 may")),
        (&["--max-moved", "70%"], None),
        (&["--max-moved", "0.5"], Some("--max-moved: 66.7% of the mails move, 50.0% may")),
        (&["--max-worse", "2"], None),
        (&["--max-worse", "0"], Some("--max-worse: 2 mails are no longer right")),
        (&["--min-coverage", "0"], None),
        (&["--min-coverage", "0.9"], Some("--min-coverage: the coverage is")),
        (&["--max-coverage-loss", "100"], None),
        (&["--max-worse", "0", "--json"], Some("--max-worse")),
        (&["--max-worse", "0", "--markdown"], Some("--max-worse")),
    ];
    for (more, expected) in cases {
        let ran = office.run(&between(more));
        assert_eq!(ran.code, i32::from(expected.is_some()), "{more:?}: {}", ran.err);
        assert!(!ran.out.is_empty(), "{more:?}: it is shown all the same");
        match expected {
            Some(text) => assert!(
                ran.err.starts_with("postroom: a limit is broken: ") && ran.err.contains(text),
                "{more:?}: {}",
                ran.err
            ),
            None => assert_eq!(ran.err, "", "{more:?}"),
        }
    }
    office.write("archive/a.eml", "Subject: Invoice\n\nThe invoice is wrong\n");
    office.write("bad/billing.dict", "team billing\n[terms]\ninvoice 3+\n");
    // (arguments, what standard error holds)
    let cases: [(&[&str], &str); 5] = [
        (&["--before", "old", "--after", "new"], "--data"),
        (&["--before", "old", "--after", "new", "--mail", "archive", "--max-worse", "0"], "--data"),
        (&["--before", "old", "--after", "bad", "--mail", "archive"], "bad/billing.dict:3"),
        (&["--before", "absent", "--after", "new", "--mail", "archive"], "it can't be read"),
        (&["--before", "old", "--after", "new", "--mail", "archive", "--max-moved", "2.5"], "0%"),
    ];
    for (arguments, expected) in cases {
        let mut all = vec!["what-if"];
        all.extend(arguments);
        let ran = office.run(&all);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(expected), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn people_and_pull_requests_read_it() {
    let office = office();
    let shown = office.run(&between(&["--examples", "1"])).well();
    for text in [
        "6 mails, 4 would move: 1 to where it belongs, 2 away from there or newly wrong",
        "billing.dict:8 invoice +15 → +3",
        "right, asked",
        "and 1 more",
        "could be routed at 95% precision",
    ] {
        assert!(shown.contains(text), "`{text}` is not in:\n{shown}");
    }
    let page = office.run(&between(&["--markdown", "--subjects"])).well();
    assert!(page.contains("<details><summary>Mails that would move: 4</summary>"), "{page}");
    assert!(page.contains("`billing.dict:9 vat +15 (new)`"), "{page}");
    let secret = office.run(&between(&["--markdown"])).well();
    assert!(page.contains("`Invoice`") && !secret.contains("`Invoice`"), "{secret}");
    // However much moves, and whatever stands in it.
    let line = |number: u32| {
        let subject = format!("`x` | <b>@you {}", "y".repeat(200));
        let mail = serde_json::json!({"id": number, "label": "billing", "subject": subject,
                                      "body": "invoice"});
        format!("{mail}\n")
    };
    office.write("mails.jsonl", &(0..2_000).map(line).collect::<String>());
    let page = office.run(&between(&["--markdown", "--subjects", "--all"])).well();
    assert!(page.len() < 60_000 && page.contains("\nand "), "{}", page.len());
    let row = page.lines().find(|line| line.contains("@you")).unwrap();
    assert!(row.contains(r"`'x' \| <b>@you"), "{row}");
}

#[test]
fn answers_in_the_ledger_are_mail_to_measure_and_replay() {
    let office = Office::open();
    for command in ["eval", "calibrate", "what-if"] {
        let ran = office.run(&[command, "--ledger"]);
        assert_eq!(ran.code, 2, "{command}: {}", ran.err);
    }
    let service = office.serve(&[]);
    let stranger = "ann@stranger.example";
    office.post(&mail("q", stranger, "Zeppelins", "What of the zeppelin?"));
    office.post(&mail("r", stranger, "Calls", "My calls are not connecting, the server is down."));
    office.settled(2);
    let none = office.run(&["eval", "--ledger"]);
    assert!(none.code == 2 && none.err.contains("holds no answers yet"), "{}", none.err);
    let tickets = office.tickets();
    let asked = |ticket: &&Value| ticket["decision"]["target"]["decision"] == "assist";
    let question = tickets.iter().find(asked).unwrap()["id"].to_string();
    office.run(&["assist", "answer", &question, "billing"]).well();
    service.stop();

    let measured = office.run(&["eval", "--ledger", "--json"]).objects().remove(0);
    assert_eq!((&measured["n"], &measured["teams"]["billing"]["n"]), (&1.into(), &1.into()));
    office.write("more.jsonl", MAILS);
    let both = ["eval", "--ledger", "--data", "more.jsonl", "--json"];
    assert_eq!(office.run(&both).objects()[0]["n"], 7);
    // One answer would stop everything that goes by itself.
    let refused = office.run(&["calibrate", "--ledger"]);
    assert!(refused.code == 2 && refused.err.contains("nothing was written"), "{refused:?}");
    assert!(!office.path("dictionaries/calibration.toml").exists());
    let told = office.run(&["calibrate", "--ledger", "--dry-run"]).well();
    assert!(told.contains("unsure of") && told.contains("random"), "{told}");
    let told = office.run(&["calibrate", "--ledger", "--dry-run", "--json"]).objects().remove(0);
    assert_eq!((&told["only_asked"], &told["per_week"]), (&true.into(), &Value::Null), "{told}");

    // All mail is replayed, and what was answered is known.
    let text = fs::read_to_string(office.path("dictionaries/billing.dict")).unwrap();
    office.write("new/billing.dict", &text.replacen("[terms]\n", "[terms]\nzeppelin +15\n", 1));
    for (name, text) in
        postroom::rim::watch::read_dictionaries(&office.path("dictionaries")).unwrap()
    {
        if name != "billing.dict" {
            office.write(&format!("new/{name}"), &text);
        }
    }
    let replayed = ["what-if", "--before", "dictionaries", "--after", "new", "--ledger", "--json"];
    let told = office.run(&replayed).objects().remove(0);
    assert_eq!(
        (&told["mails"], &told["moved"], &told["better"]),
        (&2.into(), &1.into(), &1.into())
    );
    assert_eq!(told["groups"][0]["moves"][0]["id"], question);
}

/// Runs git in the office.
fn git(office: &Office, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=Ann", "-c", "user.email=ann@postroom.example"]).args(arguments);
    let ran = git.current_dir(office.path("")).output().expect("git is needed: install it");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn a_revision_is_a_version() {
    let office = office();
    fs::rename(office.path("old"), office.path("dictionaries")).unwrap();
    let working = ["what-if", "--data", "mails.jsonl", "--json"];
    let outside = office.run(&working);
    assert_eq!(outside.code, 2, "{}", outside.err);
    assert!(outside.err.contains("not in a git repository"), "{}", outside.err);
    git(&office, &["init", "--quiet"]);
    let unborn = office.run(&working);
    assert!(unborn.code == 2 && unborn.err.contains("no revision `HEAD`"), "{}", unborn.err);
    office.write("dictionaries/notes.txt", "no dictionary");
    git(&office, &["add", "dictionaries"]);
    git(&office, &["commit", "--quiet", "-m", "Old"]);
    assert_eq!(office.run(&working).objects()[0]["moved"], 0);
    office.write("dictionaries/billing.dict", NEW);
    let told = office.run(&working).objects().remove(0);
    assert_eq!((&told["moved"], &told["before"]["name"]), (&4.into(), &"git:HEAD".into()));
    git(&office, &["commit", "--quiet", "--all", "-m", "New"]);
    // (before, after, how many move)
    for (before, after, moved) in [
        ("git:HEAD", None, 0),
        ("git:HEAD~1", None, 4),
        ("git:HEAD~1", Some("git:HEAD"), 4),
        ("git:HEAD", Some("git:HEAD~1"), 4),
        ("git:HEAD", Some("new"), 0),
    ] {
        let mut arguments = working.to_vec();
        arguments.extend(["--before", before]);
        arguments.extend(after.iter().flat_map(|after| ["--after", after]));
        if after == Some("new") {
            // That folder was never committed, so the other version is told apart by name.
            let ran = office.run(&arguments);
            assert!(ran.code == 2 && ran.err.contains("no dictionary"), "{}", ran.err);
            continue;
        }
        assert_eq!(office.run(&arguments).objects()[0]["moved"], moved, "{before} {after:?}");
    }
    for wrong in ["git:nowhere", "git:--output=x", "git:"] {
        let ran = office.run(&["what-if", "--data", "mails.jsonl", "--before", wrong]);
        assert!(ran.code == 2 && ran.err.contains("no revision"), "{wrong}: {}", ran.err);
    }
    office.write("dictionaries/billing.dict", "team billing\n[terms]\nbad 3+\n");
    git(&office, &["commit", "--quiet", "--all", "-m", "Bad"]);
    office.write("dictionaries/billing.dict", NEW);
    let ran = office.run(&working);
    assert!(ran.code == 2 && ran.err.contains("git:HEAD:billing.dict:3"), "{}", ran.err);
}

/// The sample mails.
fn samples() -> Vec<Vec<u8>> {
    let folder = [fixtures().join("mails")];
    let mails = archive::read(&folder);
    let mails: Vec<_> = mails
        .map(Result::unwrap)
        .filter(|mail| Path::new(&mail.source).extension().is_some_and(|end| end == "eml"))
        .map(|mail| mail.raw)
        .collect();
    assert!(mails.len() >= 60, "only {} sample mails", mails.len());
    mails
}

/// The sample files with words for infrastructure that many mails have.
fn edited(rules: &Rules) -> Dictionaries {
    let mut files = rules.sources.clone();
    let text = files["infrastructure.dict"].replacen(
        "[terms]\n",
        "[terms]\nthe +15\nyour +15\nplease +15\nmail +15\ncall +15\n",
        1,
    );
    files.insert("infrastructure.dict".to_owned(), text);
    // Examples would rightly refuse such words.
    let files: BTreeMap<_, _> = files
        .into_iter()
        .map(|(name, text)| (name, text.split("[examples]").next().unwrap().to_owned()))
        .collect();
    Dictionaries::build(&files).map_err(|findings| format!("{findings:?}")).expect("good").0
}

#[tokio::test]
async fn the_ledger_replays_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let ledger =
        store::open(&StoreSettings::Sqlite(folder.path().join("ledger.db"))).await.unwrap();
    let rules = sample_rules();
    let now = Timestamp::UNIX_EPOCH;
    let source = SourceId("support".to_owned());
    let ttl = Duration::from_secs(30);
    let fence = ledger.lease(&source, "one", now, ttl).await.unwrap().unwrap();
    let mut entries = Vec::new();
    for (number, raw) in samples().into_iter().enumerate() {
        let place = Place {
            source: source.clone(),
            folder: "INBOX".into(),
            epoch: 1,
            name: number.to_string(),
        };
        let size = raw.len() as u64;
        let fetched = Fetched { place, raw, size, received: Some(now) };
        let judgement =
            rules.judge(&mut Scratch::default(), arrival(&fetched.raw, &day(), &Door::default()));
        entries.push(judgement.entry(&fetched, &Folders::default()));
    }
    ledger.keep_dictionaries(rules.dictionaries.version(), &rules.sources, now).await.unwrap();
    ledger.record(&fence, &entries, Some(Cursor::default()), now).await.unwrap();

    let version: Version = rules.dictionaries.version().clone();
    let files = ledger.dictionaries(&version).await.unwrap().unwrap();
    let (kept_dictionaries, _) = Dictionaries::build(&files).unwrap();
    let kept = past(&*ledger, None, &|_| ()).await.unwrap();
    let mut details = BTreeMap::new();
    let mut pages = Pages::of(&*ledger, TicketFilter::default());
    for detail in pages.next().await.unwrap() {
        details.insert(detail.ticket.id.to_string(), detail);
    }
    assert_eq!(kept.mails.len() as u64 + kept.gone, details.len() as u64);
    assert!(kept.mails.len() >= 55, "too few to show much: {}", kept.mails.len());
    let mut scratch = Scratch::default();
    let mut reasons = BTreeSet::new();
    for one in &kept.mails {
        let detail = &details[&one.id];
        let ruling = judge(one, &kept_dictionaries, &rules.policy, &mut scratch);
        let evidence = Evidence {
            party: one.case.party.clone(),
            signs: one.case.signs.clone(),
            verdict: ruling.verdict,
            threshold: ruling.threshold,
            failure: None,
        };
        reasons.insert(ruling.decision.reason);
        let again = serde_json::to_string(&(&ruling.decision, &evidence)).unwrap();
        let then = serde_json::to_string(&(detail.by_rules().unwrap(), &detail.evidence)).unwrap();
        assert_eq!(again, then, "ticket {}", one.id);
        let replayed = replay(detail, &kept_dictionaries, &rules.policy, &mut scratch).unwrap();
        assert_eq!(serde_json::to_string(&replayed).unwrap(), then, "ticket {}", one.id);
    }
    assert!(reasons.len() >= 7, "too few kinds of decisions to show much: {reasons:?}");
    let same =
        Versions { before: &rules.dictionaries, after: &kept_dictionaries, policy: &rules.policy };
    let found = what_if(same, &kept.mails, &|_| ());
    assert_eq!((found.moved, found.edits.len()), (0, 0));
}

#[test]
fn what_moves_is_what_the_new_dictionaries_route_otherwise() {
    let (old, new) = (sample_rules(), sample_rules());
    let new = Rules { dictionaries: edited(&new), ..new };
    let targets = |rules: &Rules, raw: &[u8]| {
        rules.judge(&mut Scratch::default(), arrival(raw, &day(), &Door::default())).decision.target
    };
    let mut past = Vec::new();
    let mut expected: BTreeMap<String, (Target, Target)> = BTreeMap::new();
    for (number, raw) in samples().iter().enumerate() {
        let id = number.to_string();
        let (was, is) = (targets(&old, raw), targets(&new, raw));
        if was != is {
            expected.insert(id.clone(), (was, is));
        }
        let case = identified(&old.directory, &old.policy, arrival(raw, &day(), &Door::default()))
            .unwrap();
        past.push(Past { id, case, label: None });
    }
    assert!(expected.len() >= 3, "too few to show much: {expected:?}");
    let versions =
        Versions { before: &old.dictionaries, after: &new.dictionaries, policy: &old.policy };
    let found = what_if(versions, &past, &|_| ());
    let moves = found.groups.iter().flat_map(|group| &group.moves);
    let moves: BTreeMap<String, (Target, Target)> = moves
        .map(|one| {
            let ends = (one.before.decision.target.clone(), one.after.decision.target.clone());
            (one.id.clone(), ends)
        })
        .collect();
    assert_eq!(moves, expected);
    for one in found.groups.iter().flat_map(|group| &group.moves) {
        assert!(!one.edits.is_empty(), "nothing is named as behind {one:?}");
    }
}
