//! The dictionary workbench as its users meet it, on real helpdesk tickets: from nothing to
//! dictionaries, calibrated and measured.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::office::{Office, Ran};

pub(crate) fn tickets(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tickets").join(name).display().to_string()
}

fn object(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out))
}

/// An office with dictionaries drafted from the tickets to train on.
fn drafted() -> Office {
    let office = Office::open();
    let train = tickets("train.jsonl");
    let told = object(&office.run(&[
        "suggest",
        "--from-scratch",
        "--train",
        &train,
        "--out",
        "new",
        "--max-lines",
        "100",
        "--json",
    ]));
    assert_eq!(told["mails"], 400);
    assert_eq!(told["teams"], 8, "{told}");
    office
}

#[test]
fn dictionaries_are_drafted_calibrated_and_measured() {
    let office = self::drafted();
    let dev = tickets("dev.jsonl");
    for team in ["hardware", "hr-support", "administrative-rights"] {
        let text = fs::read_to_string(office.path(&format!("new/{team}.dict"))).unwrap();
        let lines = text.lines().filter(|line| line.contains(" mails") && !line.starts_with('#'));
        assert!((20..=100).contains(&lines.count()), "{text}");
    }
    assert!(office.path("new/other.dict").exists(), "nobody's mail has a floor");
    assert_eq!(office.run(&["lint", "new"]).code, 0);

    let drafted = object(&office.run(&["eval", "--dictionaries", "new", "--data", &dev, "--json"]));
    assert_eq!(drafted["calibrated"], true, "the mail that was held back calibrates it");
    let told = object(&office.run(&[
        "calibrate",
        "--dictionaries",
        "new",
        "--data",
        &dev,
        "--target-precision",
        "0.9",
        "--json",
    ]));
    assert_eq!((&told["answers"], &told["too_few"]), (&250.into(), &false.into()));
    let measured =
        object(&office.run(&["eval", "--dictionaries", "new", "--data", &dev, "--json"]));
    assert_eq!(measured["n"], 250);
    let share = |key: &str| measured[key].as_f64().unwrap_or_else(|| panic!("{key}: {measured}"));
    // Guessing the commonest team is right for a quarter of them.
    assert!(share("accuracy") > 0.55, "{}", share("accuracy"));
    assert!(share("macro_f1") > 0.4 && share("macro_f1") <= 1.0);
    assert!(share("auto_routed") > 0.05 && share("auto_precision") >= 0.9, "{measured}");
    assert!(share("ece") < 0.15 && share("seconds") > 0.0);
    assert_eq!(measured["calibrated"], true);
    assert_eq!(measured["accuracy"], drafted["accuracy"], "calibrating ranks nothing anew");
    let team = &measured["teams"]["hardware"];
    let recall = &team["recall"];
    assert_eq!(team["n"], recall["of"]);
    assert!(recall["interval"][0].as_f64() < recall["value"].as_f64(), "{team}");
    let confused: u64 = measured["confusion"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|row| row.as_object().unwrap().values())
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(confused, 250, "every mail stands in the table once");
    // What a line finds already, in whatever form, is not offered again.
    let applied = office.run(&[
        "suggest",
        "--dictionaries",
        "new",
        "--train",
        &dev,
        "--new-lines",
        "40",
        "--apply",
    ]);
    assert_eq!(applied.code, 0, "{applied:?}");
    let linted = office.run(&["lint", "--strict", "new"]);
    assert_eq!(linted.code, 0, "{linted:?}");
}

#[test]
fn a_language_without_word_forms_is_drafted_as_well() {
    let office = Office::open();
    let train = tickets("train.jsonl");
    let call = ["suggest", "--from-scratch", "--train", &train, "--out", "new", "--json"];
    let told = object(&office.run(&[&call[..], &["--language", "any"]].concat()));
    assert!(told["held_out_accuracy"].as_f64().unwrap() > 0.6, "{told}");
    let hardware = fs::read_to_string(office.path("new/hardware.dict")).unwrap();
    assert!(hardware.contains("[learned any]\n") && !hardware.contains("[learned]"), "{hardware}");
}

#[test]
fn the_same_mail_makes_the_same_files() {
    let (one, other) = (drafted(), drafted());
    for entry in fs::read_dir(one.path("new")).unwrap() {
        let name = entry.unwrap().file_name();
        let read = |office: &Office| fs::read(office.path("new").join(&name)).unwrap();
        assert_eq!(read(&one), read(&other), "{name:?}");
    }
}

#[test]
fn a_draft_replaces_a_draft_and_nothing_else() {
    let office = drafted();
    let train = tickets("train.jsonl");
    let again =
        |out: &str| office.run(&["suggest", "--from-scratch", "--train", &train, "--out", out]);
    assert_eq!(again("new").code, 0);
    office.write("mine/billing.dict", "team billing\n\n[terms]\ninvoice +7\n");
    let ran = again("mine");
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.err,
        "postroom: `mine` has a `billing.dict` that no command wrote; name an empty folder\n"
    );
    assert_eq!(fs::read_dir(office.path("mine")).unwrap().count(), 1);
    // A line that somebody moved to `[terms]` is theirs.
    let drafted = fs::read_to_string(office.path("new/hardware.dict")).unwrap();
    office.write("new/hardware.dict", &format!("{drafted}\n[terms]\nmine +9\n"));
    assert_eq!(again("new").code, 2);
    assert!(fs::read_to_string(office.path("new/hardware.dict")).unwrap().contains("mine +9"));
}

#[test]
fn labelled_mail_is_read_from_folders_and_packed_files() {
    let office = Office::open();
    office.write("dictionaries/billing.dict", "team billing\nbase -2\n\n[terms]\ninvoice +9\n");
    office.write("archive/billing/a.eml", "Subject: Your invoice\n\nAn invoice.\n");
    office
        .write("archive/other.mbox", "From a@b Mon Nov 23 10:00:00 2026\nSubject: Hi\n\nHello.\n");
    let measured = object(&office.run(&[
        "eval",
        "--dictionaries",
        "dictionaries",
        "--data",
        "archive",
        "--json",
    ]));
    assert_eq!((&measured["n"], measured["accuracy"].as_f64()), (&2.into(), Some(1.0)));
    assert_eq!(measured["other_routed"]["hits"], 0);
}

#[test]
fn what_is_no_labelled_mail_is_named_with_its_line() {
    let office = Office::open();
    office.write("dictionaries/a.dict", "team a\n\n[terms]\nword\n");
    for (name, text, expected) in [
        (
            "not JSON",
            "{\"label\":\"a\",\"text\":\"x\"}\n{\n",
            "bad.jsonl:2: error: it is not a labelled mail",
        ),
        ("no label", "{\"text\":\"x\"}\n", "missing field `label`"),
        ("no text", "{\"label\":\"a\"}\n", "it has no text"),
        ("nothing", "\n", "there is no labelled mail here"),
        (
            "two labels that become one team",
            "{\"label\":\"a+\",\"text\":\"x\"}\n{\"label\":\"a#\",\"text\":\"x\"}\n",
            "`a+` and `a#` would both be the team `a`: rename one of the labels",
        ),
    ] {
        office.write("bad.jsonl", text);
        let ran = office.run(&["eval", "--dictionaries", "dictionaries", "--data", "bad.jsonl"]);
        assert_eq!(ran.code, 2, "{name}: {ran:?}");
        let said = ran.err.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = expected.trim_start_matches("bad.jsonl:2: error: ");
        assert!(said.contains(expected), "{name}: {said}");
    }
    let absent = office.run(&["eval", "--dictionaries", "dictionaries", "--data", "absent.jsonl"]);
    assert_eq!(absent.code, 2);
    assert!(absent.err.contains("it can't be read"), "{}", absent.err);
}

/// A dictionary for two of the teams, by hand, with comments that must outlive any change.
const HARDWARE: &str = "# Ours by hand.\nteam hardware\nbase -2   # most mail is not for us\n\n\
                        [terms]\nlaptop                  +6  # the thing itself\nmonitor | screen\n\
                        # printers too\nprinter +5\n\n[examples]\nyes My laptop is broken\n";
const ACCESS: &str = "team access\n\n[terms]\npassword +5\naccess card +7\n";

pub(crate) fn by_hand() -> Office {
    let office = Office::open();
    office.write("dictionaries/hardware.dict", HARDWARE);
    office.write("dictionaries/access.dict", ACCESS);
    for team in ["hr-support", "storage", "purchase", "miscellaneous"] {
        office.write(&format!("dictionaries/{team}.dict"), &format!("team {team}\n"));
    }
    office
}

fn suggest(office: &Office, more: &[&str]) -> Ran {
    let train = tickets("train.jsonl");
    let call = ["suggest", "--dictionaries", "dictionaries", "--train", &train];
    office.run(&[&call[..], more].concat())
}

#[test]
fn what_is_suggested_keeps_its_promise_on_other_mail() {
    let office = by_hand();
    let dev = tickets("dev.jsonl");
    let accuracy = |office: &Office| {
        let call = ["eval", "--dictionaries", "dictionaries", "--data", &dev, "--json"];
        object(&office.run(&call))["accuracy"].as_f64().unwrap()
    };
    let before = accuracy(&office);
    let told = object(&suggest(&office, &["--json"]));
    assert_eq!((&told["learned_from"], &told["held_out"]), (&320.into(), &80.into()));
    let untouched = fs::read_to_string(office.path("dictionaries/hardware.dict")).unwrap();
    assert_eq!(untouched, HARDWARE, "nothing is changed until somebody says so");
    let promised = told["after"]["right"]["hits"].as_f64().unwrap() / 80.0;
    let without: Vec<&Value> = told["without_dictionary"].as_array().unwrap().iter().collect();
    assert!(without.contains(&&"administrative-rights".into()), "{without:?}");

    let ran = suggest(&office, &["--apply"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let after = accuracy(&office);
    assert!(after > before + 0.1, "{before} became {after}");
    // 80 and 250 mails: three standard errors of the difference of two shares of about a half.
    assert!((after - promised).abs() < 0.2, "promised {promised}, kept {after}");
    assert_eq!(office.run(&["lint", "dictionaries"]).code, 0);

    let file = fs::read_to_string(office.path("dictionaries/hardware.dict")).unwrap();
    for kept in
        ["# Ours by hand.", "# most mail is not for us", "# the thing itself", "# printers too"]
    {
        assert!(file.contains(kept), "{kept} is gone:\n{file}");
    }
    assert!(file.find("[terms]") < file.find("[learned]"), "{file}");
    assert!(file.find("[learned]") < file.find("[examples]"), "{file}");
}

#[test]
fn a_team_without_a_file_gets_no_suggestions_and_is_named() {
    let office = by_hand();
    fs::remove_file(office.path("dictionaries/other.dict")).unwrap();
    let nobodys = fs::read_to_string(tickets("train.jsonl")).unwrap();
    office.write("train.jsonl", &nobodys.replace("\"Miscellaneous\"", "\"other\""));
    let suggest = |more: &[&str]| {
        let call = ["suggest", "--dictionaries", "dictionaries", "--train", "train.jsonl"];
        office.run(&[&call[..], more].concat())
    };
    let of_nobody = |told: &Value| {
        let all = told["all"].as_array().unwrap().clone();
        all.iter().filter(|suggestion| suggestion["team"] == "other").count()
    };
    let told = object(&suggest(&["--json"]));
    assert_eq!(of_nobody(&told), 0);
    let without: Vec<&Value> = told["without_dictionary"].as_array().unwrap().iter().collect();
    assert!(without.contains(&&"other".into()), "{without:?}");
    let said = suggest(&[]).well();
    assert!(said.contains("`other` has answers and no dictionary"), "{said}");

    office.write("dictionaries/other.dict", "team other\n");
    let told = object(&suggest(&["--json"]));
    assert!(of_nobody(&told) > 0, "{told}");
    let made = suggest(&["--diff"]).well();
    assert!(made.contains("b/dictionaries/other.dict"), "{made}");
}

#[test]
fn each_suggestion_says_what_it_rests_on() {
    let office = by_hand();
    let told = object(&suggest(&office, &["--json", "--new-lines", "5"]));
    let all = told["all"].as_array().unwrap();
    assert!(!all.is_empty());
    for suggestion in all {
        let kind = suggestion["edit"].as_str().unwrap();
        assert!(suggestion["alone"]["righted"].is_u64(), "{suggestion}");
        if kind != "rebase" {
            assert!(!suggestion["seen"].as_object().unwrap().is_empty(), "{suggestion}");
        }
    }
    for team in ["hardware", "hr-support"] {
        let added = all.iter().filter(|s| s["team"] == team && s["edit"] == "add").count();
        assert!((1..=5).contains(&added), "{team}: {added}");
    }
    let again = object(&suggest(&office, &["--json", "--new-lines", "5"]));
    assert_eq!(told, again, "the same answers make the same suggestions");
}

#[test]
fn a_patch_is_what_apply_does() {
    let office = by_hand();
    let patch = suggest(&office, &["--diff"]);
    assert_eq!(patch.code, 0);
    assert!(
        patch.out.contains("--- a/dictionaries/hardware.dict\n+++ b/dictionaries/hardware.dict\n")
    );
    office.write("suggested.patch", &patch.out);
    let folder = office.path("");
    let git = std::process::Command::new("git")
        .args(["apply", "--unsafe-paths", "suggested.patch"])
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
    let other = by_hand();
    assert_eq!(suggest(&other, &["--apply"]).code, 0);
    for name in ["hardware", "access", "hr-support", "storage"] {
        let read = |office: &Office| {
            fs::read_to_string(office.path(&format!("dictionaries/{name}.dict"))).unwrap()
        };
        assert_eq!(read(&office), read(&other), "{name}");
    }
}

/// With a configuration the folder is known by its whole path, which no patch can have.
#[test]
fn a_patch_names_files_from_where_it_is_applied() {
    let office = by_hand();
    let train = tickets("train.jsonl");
    let patch = || office.run(&["suggest", "--train", &train, "--diff"]).well();
    assert!(patch().starts_with("--- a/dictionaries/access.dict\n"), "{}", patch());
    let git = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        assert!(git.args(arguments).current_dir(office.path("")).status().unwrap().success());
    };
    git(&["init", "--quiet"]);
    let mut from_below = office.command(&["-c", "../postroom.toml", "suggest", "--train", &train]);
    let ran = Ran::of(from_below.arg("--diff").current_dir(office.path("mailbox")));
    let patch = ran.well();
    assert!(patch.starts_with("--- a/dictionaries/access.dict\n"), "{patch}");
    office.write("suggested.patch", &patch);
    git(&["apply", "suggested.patch"]);
    let file = fs::read_to_string(office.path("dictionaries/access.dict")).unwrap();
    assert!(file.contains("[learned]"), "{file}");
}

#[test]
fn a_patch_of_a_file_with_windows_line_ends_fits() {
    let office = by_hand();
    office.write("dictionaries/hardware.dict", &HARDWARE.replace('\n', "\r\n"));
    office.write("suggested.patch", &suggest(&office, &["--diff"]).out);
    let git = std::process::Command::new("git")
        .args(["apply", "--unsafe-paths", "suggested.patch"])
        .current_dir(office.path(""))
        .output()
        .unwrap();
    assert!(git.status.success(), "{}", String::from_utf8_lossy(&git.stderr));
    let file = fs::read_to_string(office.path("dictionaries/hardware.dict")).unwrap();
    assert_eq!(file.matches('\n').count(), file.matches("\r\n").count());
}

/// What a person promised in an example goes before what answers speak for.
#[test]
fn what_would_break_an_example_is_left_out_and_told() {
    let office = Office::open();
    fs::remove_dir_all(office.path("dictionaries")).unwrap();
    fs::create_dir(office.path("dictionaries")).unwrap();
    let fruit = "team fruit\n\n[terms]\napple +3\n\n[examples]\nyes Apple at a discount\n";
    office.write("dictionaries/fruit.dict", fruit);
    office.write("dictionaries/sales.dict", "team sales\n\n[terms]\noffer +3\n");
    let mut answers = String::new();
    for n in 0..150 {
        for (label, text) in
            [("sales", "discount please"), ("fruit", "an apple tree"), ("sales", "apple discount")]
        {
            writeln!(answers, "{{\"label\":\"{label}\",\"text\":\"{text} {n}\"}}").unwrap();
        }
    }
    office.write("answers.jsonl", &answers);
    let call = ["suggest", "--dictionaries", "dictionaries", "--train", "answers.jsonl"];
    let told = object(&office.run(&[&call[..], &["--json"]].concat()));
    let left_out = told["broke_examples"].as_array().unwrap();
    assert!(!left_out.is_empty(), "{told:#}");
    assert!(left_out.iter().all(|pair| pair[1] == "yes Apple at a discount"), "{left_out:?}");
    let ran = office.run(&[&call[..], &["--apply"]].concat());
    assert!(
        ran.code == 0
            && ran.out.contains("which would break the example `yes Apple at a discount`"),
        "{ran:?}"
    );
    assert_eq!(office.run(&["lint", "dictionaries"]).code, 0);
}

#[test]
fn a_label_that_no_dictionary_has_is_told() {
    let office = by_hand();
    let odd = "{\"label\":\"hard-ware\",\"text\":\"my laptop\"}\n";
    office.write("odd.jsonl", &format!("{odd}{{\"label\":\"access\",\"text\":\"my password\"}}\n"));
    office.write("none.jsonl", odd);
    let folder = ["--dictionaries", "dictionaries"];
    for command in [
        &["eval", folder[0], folder[1]][..],
        &["calibrate", "--force", folder[0], folder[1]],
        &["what-if", "--before", "dictionaries"],
        &["lint", "dictionaries"],
    ] {
        let ran = office.run(&[command, &["--data", "odd.jsonl"]].concat());
        let told = "1 mail of `hard-ware`, which has no dictionary; did you mean `hardware`?";
        assert!(ran.code == 0 && ran.err.contains(told), "{ran:?}");
        let ran = office.run(&[command, &["--data", "none.jsonl"]].concat());
        let told = "no label is a team that has a dictionary; there are access, admin, ";
        assert!(ran.code == 2 && ran.err.contains(told), "{ran:?}");
    }
}

#[test]
fn few_answers_weigh_whole_files_only() {
    let office = by_hand();
    let train = fs::read_to_string(tickets("train.jsonl")).unwrap();
    let few: Vec<&str> = train.lines().take(150).collect();
    office.write("few.jsonl", &few.join("\n"));
    let call = ["suggest", "--dictionaries", "dictionaries", "--train", "few.jsonl", "--json"];
    let told = object(&office.run(&call));
    assert_eq!(told["few"], true);
    let kinds: Vec<&str> =
        told["all"].as_array().unwrap().iter().map(|s| s["edit"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"rebase"), "{kinds:?}");
    assert!(kinds.iter().all(|kind| ["rebase", "weigh"].contains(kind)), "{kinds:?}");
}
