//! `postroom directory` on the command line: who is a sender, who is free when, what is wrong.

use std::fs;

use crate::support::office::{Office, objects};

/// An office with customers of our own.
fn office() -> Office {
    let office = Office::open();
    office.write(
        "customers.csv",
        "match,customer,account_manager,tier\n\
         acme.example,Acme,amira@callwise.example,gold\n\
         boss@acme.example,Acme board,noor@callwise.example,\n\
         clerk@acme.example,Acme,amira@callwise.example,gold\n\
         *.umbrella.example,Umbrella,jonas@callwise.example,\n\
         eu.umbrella.example,Umbrella EU,jonas@callwise.example,\n\
         gavin.belson@gmail.com,Hooli,amira@callwise.example,silver\n\
         müller.example,Müller,amira@callwise.example,\n",
    );
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    let more = "[working_hours]\nzone = \"Europe/Berlin\"\nhours = \"Mon-Fri 09:00-17:00\"\n\
        [holidays]\nde = [\"2026-12-25\"]\n[tiers.golden]\nlast_rung = \"vip\"\n[[mailbox]]";
    office.write("postroom.toml", &config.replace("[[mailbox]]", more));
    office
}

/// `find` shows these lines for each address.
fn shows(office: &Office, cases: &[(&str, &[&str])]) {
    for (address, expected) in cases {
        let found = office.run(&["directory", "find", address]).well();
        for line in *expected {
            assert!(found.contains(line), "{address}: `{line}` is not in:\n{found}");
        }
    }
}

#[test]
fn find_shows_the_match_and_why_and_the_near_misses() {
    let office = office();
    let cases: [(&str, &[&str]); 10] = [
        (
            "joe@acme.example",
            &["Acme, tier gold: the domain acme.example in line 2", "account manager amira@"],
        ),
        (
            "boss+x@ACME.example",
            &[
                "Acme board: the address boss@acme.example in line 3",
                "acme.example (Acme) in line 2: would match, but a more exact row does",
            ],
        ),
        (
            "bos@acme.example",
            &["Acme, tier gold", "boss@acme.example (Acme board) in line 3: nearly the same name"],
        ),
        (
            "x@eu.umbrella.example",
            &[
                "Umbrella EU: the domain eu.umbrella.example in line 6",
                "*.umbrella.example (Umbrella) in line 5: would match, but a more exact row does",
            ],
        ),
        (
            "x@shop.acme.example",
            &["not in the directory", "acme.example (Acme) in line 2: stands for itself alone"],
        ),
        ("x@acmee.example", &["not in the directory", "acme.example (Acme) in line 2: nearly the"]),
        ("x@acme.test", &["not in the directory", "acme.example (Acme) in line 2: nearly the"]),
        (
            "gavin.belson@hooli.example",
            &["gavin.belson@gmail.com (Hooli) in line 7: the same name at another domain"],
        ),
        (
            "gavin.belson@gmail.com",
            &["Hooli, tier silver", "at a freemail domain, which never matches as a domain"],
        ),
        (
            "ceo@callwlse.example",
            &["not in the directory", "take care: callwlse.example is not our callwise.example"],
        ),
    ];
    shows(&office, &cases);
    let stranger = office.run(&["directory", "find", "x@gmail.com"]).well();
    assert_eq!(stranger, "x@gmail.com\n  not in the directory; a freemail domain never matches\n");
    let found = office.run(&["directory", "find", "boss@acme.example", "--json"]).objects();
    assert_eq!(
        (&found[0]["party"], &found[0]["matched"]["line"]),
        (&"registered".into(), &3.into())
    );
    assert_eq!(found[0]["near"][0]["kind"], "shadowed");
    let refused = office.run(&["directory", "find", "nobody"]);
    assert_eq!((refused.code, refused.err.lines().count()), (2, 1), "{refused:?}");
}

#[test]
fn find_shows_what_a_sender_could_be_taken_for() {
    let office = office();
    let cases: [(&str, &[&str]); 8] = [
        (
            "ceo@callwise-help.example",
            &["take care: callwise-help.example is not our callwise.example"],
        ),
        (
            "joe@xn--cme-5cd.example",
            &[
                "joe@xn--cme-5cd.example [joe@аcme.example]\n  not in the directory",
                "acme.example (Acme) in line 2: another domain that looks like it",
            ],
        ),
        (
            "joe@muller.example",
            &[
                "not in the directory",
                "xn--mller-kva.example [müller.example] (Müller) in line 8: another domain that",
            ],
        ),
        ("joe@mueller.example", &["(Müller) in line 8: nearly the same domain"]),
        (
            "joe@MÜLLER.example",
            &["Müller: the domain xn--mller-kva.example [müller.example] in line 8 of the"],
        ),
        (
            "joe@acme.example.com",
            &["not in the directory", "acme.example (Acme) in line 2: its name stands in the"],
        ),
        (
            "joe@acme-support.example",
            &["not in the directory", "acme.example (Acme) in line 2: its name stands in the"],
        ),
        (
            "joe@umbrellacorp.example",
            &["*.umbrella.example (Umbrella) in line 5: its name stands in the sender's domain"],
        ),
    ];
    shows(&office, &cases);
}

#[test]
fn ladder_shows_what_would_happen_then() {
    let office = office();
    let cases = [
        ("2026-06-01T10:00", "Mon 2026-06-01 10:00 CEST", "amira@callwise.example: takes it"),
        ("2026-06-01T10:00Z", "Mon 2026-06-01 12:00 CEST", "amira@callwise.example: takes it"),
        ("2026-06-01T10:00-04:00", "Mon 2026-06-01 16:00 CEST", "amira@callwise.example: takes it"),
        (
            "2026-06-01T22:00[America/New_York]",
            "Tue 2026-06-02 04:00 CEST",
            "amira@callwise.example: is not at work: it is Tue 04:00 in Europe/Berlin",
        ),
        (
            "2026-06-06T10:00",
            "Sat 2026-06-06 10:00 CEST",
            "team technical-support: takes it\n  nobody is free: the last team takes it, and an",
        ),
        ("2026-01-12T09:00", "Mon 2026-01-12 09:00 CET", "amira@callwise.example: takes it"),
        // A day is noon of that day, whenever it is asked.
        ("2026-06-01", "Mon 2026-06-01 12:00 CEST", "amira@callwise.example: takes it"),
    ];
    for (at, shown, expected) in cases {
        let found = office.run(&["directory", "ladder", "joe@acme.example", "--at", at]).well();
        assert!(found.contains(shown) && found.contains(expected), "{at}:\n{found}");
    }
    let arguments = ["directory", "ladder", "x@umbrella.example", "--json", "--at"];
    let found = office.run(&[&arguments[..], &["2026-06-01T12:00:00Z"]].concat()).objects();
    assert_eq!(found[0]["at"], "2026-06-01T12:00:00Z");
    let steps = found[0]["ladder"]["steps"].as_array().unwrap();
    assert_eq!(steps[0]["skipped"]["away"]["until"], "2027-12-31");
    assert_eq!(steps[1]["rung"]["manager"], "mara@callwise.example");
    let stranger = office.run(&["directory", "ladder", "x@stranger.example"]).well();
    assert!(stranger.contains("so there is no ladder to climb"), "{stranger}");
    for at in ["tomorrow", "2026-02-30", "10:00"] {
        let refused = office.run(&["directory", "ladder", "joe@acme.example", "--at", at]);
        assert!(refused.code == 2 && refused.err.contains("is not a time"), "{refused:?}");
    }
}

#[test]
fn lint_says_what_is_wrong_and_what_could_be_better() {
    let office = office();
    let people = fs::read_to_string(office.path("people.csv")).unwrap();
    let header = "person,name,manager,away,calendar,holidays\n";
    let people = people.replace("person,name,manager,away\n", header);
    let people = people.replace(
        "amira@callwise.example,Amira Haddad,mara@callwise.example,",
        "amira@callwise.example,Amira Haddad,left@callwise.example,,absent.ics,de",
    );
    office.write("people.csv", &people);
    let customers = fs::read_to_string(office.path("customers.csv")).unwrap();
    office.write("customers.csv", &format!("{customers}wonka.example,Wonka,,\n"));
    let ran = office.run(&["directory", "lint", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let found: Vec<(String, u64)> = objects(&ran.out)
        .iter()
        .map(|it| (it["code"].as_str().unwrap().to_owned(), it["line"].as_u64().unwrap()))
        .collect();
    let expected = [
        ("unknown-person", 4),
        ("idle-row", 4),
        ("unknown-tier", 2),
        ("unknown-tier", 7),
        ("no-manager", 9),
        ("idle-tier", 0),
        ("unknown-team", 22),
        ("unreadable-calendar", 4),
    ];
    for (code, line) in expected {
        assert!(found.contains(&(code.to_owned(), line)), "{code} is not in {found:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
    let strict = office.run(&["directory", "lint", "--strict"]);
    assert_eq!(strict.code, 2);
    for said in [
        "customers.csv:2:42]",
        "did you mean `golden`?",
        "nobody looks after `Wonka`, so `technical-support` does",
        "`vip`, named by `[tiers.golden]`, has no dictionary",
        "people.csv:4: the calendar of `amira@callwise.example` can't be read",
    ] {
        assert!(strict.out.contains(said), "`{said}` is not in:\n{}", strict.out);
    }

    office.write(
        "customers.csv",
        &format!("{customers}acme.example,Twice,amira@callwise.example,\ngmail.com,G,,\n"),
    );
    office.write(
        "people.csv",
        &people.replace("Olivia Okafor,,", "Olivia Okafor,mara@callwise.example,"),
    );
    let ran = office.run(&["directory", "lint"]);
    assert_eq!(ran.code, 2);
    for said in ["claimed already, by line 2", "round in a circle", "anybody can have mail at"] {
        assert!(ran.out.contains(said), "`{said}` is not in:\n{}", ran.out);
    }

    office.write("people.csv", &people.replace("absent.ics", ""));
    office.write("customers.csv", "match,customer,account_manager\n");
    let ran = office.run(&["directory", "lint"]);
    assert!(ran.out.contains("no row names a customer"), "{ran:?}");
}

#[test]
fn teams_that_no_dictionary_knows_are_told_wherever_they_are_named() {
    let office = Office::open();
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    let aliased = "[[alias]]\naddress = \"vip@callwise.example\"\nteam = \"technical-support\"\n";
    let folder = "[mailbox.folders.teams]\nvip-desk = \"VIP\"\n";
    let cases: [(&str, &str, &str, &[&str]); 5] = [
        ("all as it should be", "technical-support", "", &[]),
        (
            "a slip in the last rung",
            "technical-suport",
            "",
            &["`technical-suport`, named by `last_rung`, has no dictionary (did you mean \
               `technical-support`? if it takes customers' mail alone, name its folder below \
               `[mailbox.folders.teams]`)"],
        ),
        (
            "slips in tiers",
            "technical-support",
            "[tiers.gold]\nlast_rung = \"biling\"\n[tiers.free]\nteam = \"biling\"\n",
            &["`biling`, named by `[tiers.free]` and `[tiers.gold]`, has no dictionary (did you \
               mean `billing`?"],
        ),
        ("a rung with a folder of its own", "vip-desk", folder, &[]),
        (
            "a folder for nobody",
            "technical-support",
            folder,
            &["`vip-desk` is named as a team, but has no dictionary"],
        ),
    ];
    for (case, last_rung, more, expected) in cases {
        let config = config.replace("\"technical-support\"", &format!("\"{last_rung}\""));
        let tiers = "acme.example,Acme,amira@callwise.example,gold\n\
            a.example,A,amira@callwise.example,free\n";
        if more.contains("[tiers") {
            office.write("customers.csv", &format!("match,customer,account_manager,tier\n{tiers}"));
        }
        office.write("postroom.toml", &format!("{config}{more}{aliased}"));
        let ran = office.run(&["check", "--json"]);
        let lines: Vec<String> = objects(&ran.out)
            .iter()
            .filter(|it| it["code"] == "unknown-team")
            .map(|it| {
                let help = it["help"].as_str().unwrap_or_default();
                format!("{} ({help})", it["message"].as_str().unwrap())
            })
            .collect();
        assert_eq!(lines.len(), expected.len(), "{case}: {ran:?}");
        let written = std::fs::read_to_string(office.path("postroom.toml")).unwrap();
        for it in objects(&ran.out).iter().filter(|it| it["code"] == "unknown-team") {
            let at = usize::try_from(it["line"].as_u64().unwrap()).unwrap();
            let line = written.lines().nth(at - 1).unwrap();
            let team = it["message"].as_str().unwrap().split('`').nth(1).unwrap();
            assert!(line.contains(team), "{case}: `{team}` stands in {line}");
        }
        for (line, expected) in lines.iter().zip(expected) {
            assert!(line.starts_with(expected), "{case}: {line}");
        }
    }
}

#[test]
fn folders_that_several_would_share_are_told() {
    let office = Office::open();
    let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
    let people = "person\nanna@callwise.example\nanna@callwise.de\na.b@callwise.example\n\
        a_b@callwise.example\nsales@callwise.example\n";
    office.write("people.csv", people);
    let manager = "acme.example,Acme,anna@elsewhere.example,\nb.example,B,anna@callwise.de,\n";
    office.write("customers.csv", &format!("match,customer,account_manager,tier\n{manager}"));
    let (a_b, anna) = (
        "`a.b@callwise.example` and `a_b@callwise.example` would share the folder",
        "`anna@callwise.de`, `anna@callwise.example` and `anna@elsewhere.example` would share the \
         folder",
    );
    let cases: [(&str, &str, &[String]); 7] = [
        (
            "one name at several domains",
            "",
            &[format!("{a_b} `People/a_b`"), format!("{anna} `People/anna`")],
        ),
        (
            "with the domain",
            "person = \"P/{domain}/{person}\"\n",
            &[format!("{a_b} `P/callwise_example/a_b`")],
        ),
        ("with all of the address", "person = \"P/{address}\"\n", &[]),
        ("all in one folder, as it is written", "person = \"P\"\nteam = \"T\"\n", &[]),
        (
            "two teams",
            "person = \"P/{address}\"\nteams = { billing = \"Teams/sales\" }\n",
            &["the team `billing` and the team `sales` would share the folder `Teams/sales`"
                .into()],
        ),
        (
            "two teams, by name",
            "person = \"P/{address}\"\nteams = { billing = \"Money\", sales = \"Money\" }\n",
            &[],
        ),
        (
            "a person and a team",
            "person = \"P/{address}\"\nteam = \"P/{team}@callwise_example\"\n",
            &["`sales@callwise.example` and the team `sales` would share the folder \
             `P/sales@callwise_example`"
                .into()],
        ),
    ];
    for (case, folders, expected) in cases {
        office.write("postroom.toml", &format!("{config}[mailbox.folders]\n{folders}"));
        for command in [&["check", "--json"][..], &["directory", "lint", "--json"]] {
            let ran = office.run(command);
            assert_eq!(ran.code, 0, "{case}: {ran:?}");
            let found = objects(&ran.out);
            let shared = found.iter().filter(|it| it["code"] == "shared-folder");
            let told: Vec<&str> = shared.map(|it| it["message"].as_str().unwrap()).collect();
            assert_eq!(told, *expected, "{case}: {command:?}");
        }
    }
}
