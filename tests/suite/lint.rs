//! `postroom lint` as its users meet it: what it prints for people and programs, and what mail and
//! the ledger show of the lines.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::support::office::{Office, mail, objects};

fn project(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).display().to_string()
}

/// The findings of a run as `file:line code`.
fn told(office: &Office, arguments: &[&str]) -> Vec<String> {
    let ran = office.run(&[&["lint", "--json"], arguments].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    let place = |found: &Value| {
        format!("{}:{} {}", found["file"], found["line"], found["code"]).replace('"', "")
    };
    objects(&ran.out).iter().map(place).collect()
}

/// Labelled mail, so many of each.
fn labelled(mails: &[(usize, &str, &str)]) -> String {
    let mut lines = String::new();
    for (times, label, body) in mails {
        for _ in 0..*times {
            let line = serde_json::json!({ "label": label, "subject": "x", "body": body });
            writeln!(lines, "{line}").unwrap();
        }
    }
    lines
}

#[test]
fn findings_are_printed_for_whoever_reads_them() {
    let office = Office::open();
    office.write("new/a.dict", "team a\n[terms]\nthe +3\nserver | servers\n");
    let run = |format: &str| office.run(&["lint", "new", "--format", format]);
    let text = run("text").well();
    assert!(text.contains("`the` says nothing by itself: it is all over English"), "{text}");
    assert!(text.ends_with("no error, 2 warnings in 1 file\n"), "{text}");
    assert_eq!(run("json").well(), office.run(&["lint", "--json", "new"]).well());
    let annotated = run("github").well();
    let first = "::warning file=new/a.dict,line=3,col=1,endColumn=3,title=stop-word::`the` says";
    assert!(annotated.starts_with(first), "{annotated}");
    assert_eq!(annotated.lines().count(), 2);
    let log: Value = serde_json::from_str(&run("sarif").well()).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let codes: Vec<&str> = results.iter().filter_map(|found| found["ruleId"].as_str()).collect();
    assert_eq!(codes, ["stop-word", "swallowed-term"]);

    for format in ["text", "json", "sarif", "github"] {
        let strict = office.run(&["lint", "new", "--strict", "--format", format]);
        assert_eq!(strict.code, 2, "{format}: {strict:?}");
        assert_eq!(strict.err, "postroom: no error, 2 warnings in 1 file\n", "{format}");
    }
}

#[test]
fn mail_shows_what_lines_are_worth() {
    let office = Office::open();
    office.write("new/a.dict", "team a\n[terms]\nword +4\nlost +5\n");
    office.write("new/b.dict", "team b\n[terms]\nthing +3\n");
    let mails =
        [(10, "b", "word thing"), (1, "a", "word"), (1, "a", "Hi.\n\n-- \nlost\nand gone\n")];
    office.write("answers.jsonl", &labelled(&mails));
    office.write("archive/1.eml", &mail("1", "ann@stranger.example", "Word", "A thing."));
    let labelled = ["new", "--enough", "5", "--data", "answers.jsonl"];
    assert_eq!(told(&office, &labelled), ["new/a.dict:3 harmful-line"]);
    let archive = ["--enough", "1", "--mail", "archive"];
    assert_eq!(told(&office, &[&["new"][..], &archive].concat()), ["new/a.dict:4 dead-line"]);
    // One file is judged beside the others.
    let one = told(&office, &[&["new/b.dict"][..], &archive].concat());
    assert!(one.is_empty(), "{one:?}");
    let said = office.run(&["lint", "new", "--mail", "archive"]).well();
    assert!(said.ends_with("tried on 1 mail; under 1000, no line is called dead\n"), "{said}");
    let absent = office.run(&["lint", "new", "--mail", "absent"]);
    assert_eq!(absent.code, 2, "{absent:?}");
    let both = office.run(&["lint", "new", "--mail", "archive", "--ledger"]);
    assert_eq!(both.code, 2, "{both:?}");
}

#[test]
fn the_ledger_shows_what_lines_were_worth() {
    let office = Office::open();
    let dictionary = "team billing\n[terms]\ninvoice +9\ncredit note +9\n";
    office.write("dictionaries/billing.dict", dictionary);
    for number in 0..4 {
        let id = format!("invoice-{number}");
        office.post(&mail(&id, "ann@stranger.example", "Invoice", "My invoice is wrong."));
    }
    let service = office.serve(&[]);
    office.settled(4);
    service.stop();
    // The line has moved since.
    office.write(
        "dictionaries/billing.dict",
        "team billing\n[terms]\ncredit note +9\n\n\ninvoice +9\n",
    );
    let found = told(&office, &["dictionaries/billing.dict", "--ledger", "--enough", "4"]);
    let file = "dictionaries/billing.dict";
    assert_eq!(found, [format!("{file}:3 dead-line")]);
    let few = told(&office, &["dictionaries/billing.dict", "--ledger", "--days", "30"]);
    assert!(few.is_empty(), "{few:?}");
}

#[test]
fn good_dictionaries_are_left_alone() {
    let office = Office::open();
    let (ours, mails) = (project("dictionaries"), project("fixtures/mails"));
    assert!(told(&office, &[&ours, "--mail", &mails]).is_empty());
    let (train, dev) =
        (project("fixtures/tickets/train.jsonl"), project("fixtures/tickets/dev.jsonl"));
    office.run(&["suggest", "--from-scratch", "--train", &train, "--out", "new"]);
    assert!(told(&office, &["new"]).is_empty(), "a draft is not a matter of style");
    let found = told(&office, &["new", "--enough", "200", "--data", &dev]);
    let codes: BTreeSet<&str> =
        found.iter().filter_map(|found| found.split(' ').next_back()).collect();
    assert!(found.len() <= 9 && codes.is_subset(&BTreeSet::from(["dead-line"])), "{found:?}");
}
