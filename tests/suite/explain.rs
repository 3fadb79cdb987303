//! Explanations: the sum that a person can redo, and a first line and flips that agree with where the
//! mail goes.

use std::collections::BTreeMap;

use postroom::classify::{Scratch, classify};
use postroom::dictionary::{Dictionaries, TeamId};
use postroom::mail::Text;
use postroom::route::explain::{Basis, explain, render};
use postroom::route::{Decision, Reason, Target};

use crate::support::office::Office;

fn team(name: &str) -> TeamId {
    TeamId::parse(name).unwrap()
}

fn to_team(name: &str, reason: Reason) -> Decision {
    Decision { target: Target::Team(team(name)), reason }
}

fn ask(reason: Reason) -> Decision {
    Decision { target: Target::Assist, reason }
}

const NET: &str = "team net\nbase -2\n[terms]\nserver down +9\nserver +2\n[not]\nrestaurant -5\n";

/// The explanation of a mail that came to `hinted`'s address, if to a team's, and went where the
/// decision says.
fn explained(subject: &str, body: &str, hinted: Option<&str>, decision: &Decision) -> String {
    let files = BTreeMap::from([("net.dict".to_owned(), NET.to_owned())]);
    let (dictionaries, _) =
        Dictionaries::build(&files).map_err(|found| format!("{found:?}")).unwrap();
    let text = Text::plain(body.to_owned());
    let verdict = classify(&dictionaries, &mut Scratch::default(), subject, &text);
    let calibration = dictionaries.calibration();
    let hinted = hinted.map(team);
    let basis = Basis { calibration, threshold: 0.9, hinted: hinted.as_ref(), decision };
    let explained = explain(&verdict, basis, subject, &text);
    for sum in &explained.teams {
        let added: f64 = sum.lines.iter().map(|line| line.contribution).sum();
        assert!((f64::from(sum.base) + added - sum.score).abs() < 1e-9, "{sum:?}");
    }
    render(&explained)
}

#[test]
fn an_explanation_redoes_the_sum() {
    let confident = to_team("net", Reason::Confident);
    assert_eq!(
        explained("Server down", "The server is off.", None, &confident),
        "\
net: confidence 0.999 (uncalibrated) ≥ 0.900, so it goes to net
6 words: every point counts √(20 / (6 + 4)) = 1.414

net  +25.49 points
        -2  where the team starts
    +21.55  net.dict:4  server down  (+9 × 1.69 × 1.414)
            »Server down«
     +5.94  net.dict:5  server  (+2 × 2.10 × 1.414, 2 times)
            »Server« down

other  +0.00 points
        +0  where the team starts

The best team is 25.49 points ahead.
With 19 more points for other that would be the best team.
Without net.dict:4 `server down` a person would be asked.
"
    );
}

/// A mail by its subject and body, whose address it came to, where it went, and what is said of it:
/// the first line, and those behind the sum.
type Case<'a> = (&'a str, (&'a str, &'a str), Option<&'a str>, Decision, &'a str, &'a [&'a str]);

fn check(cases: &[Case<'_>]) {
    for (name, (subject, body), hinted, decision, first, flips) in cases {
        let said = explained(subject, body, *hinted, decision);
        assert_eq!(said.lines().next().unwrap(), *first, "{name}");
        let (_, rest) = said.split_once(" points ahead.\n").unwrap();
        assert_eq!(rest.lines().collect::<Vec<_>>(), *flips, "{name}");
    }
}

#[test]
fn what_is_said_agrees_with_a_person_being_asked() {
    check(&[
        (
            "below the threshold",
            ("", "the server"),
            None,
            ask(Reason::BelowThreshold),
            "net: confidence 0.285 (uncalibrated) < 0.900, so a person is asked",
            &[
                "With 5 more points for net it would go there by itself.",
                "With 1 more point for other that would be the best team.",
                "Without net.dict:5 `server` the best team would be other.",
            ],
        ),
        (
            "no line matched, and other teams start lower",
            ("", "hello there"),
            None,
            ask(Reason::NoEvidence),
            "no line matched, so a person is asked",
            &[
                "With 5 more points for other it would go there by itself.",
                "With 2 more points for net that would be the best team.",
            ],
        ),
        (
            "no text",
            ("", ""),
            None,
            ask(Reason::NoText),
            "there is no text, so a person is asked",
            &[],
        ),
    ]);
}

#[test]
fn what_is_said_agrees_with_an_address_or_an_answer_that_decides() {
    let alias = |name| to_team(name, Reason::Alias);
    check(&[
        (
            "the best team's own address",
            ("", "the server"),
            Some("net"),
            alias("net"),
            "net: confidence 0.285 (uncalibrated) < 0.900; it came to an address of net, so it goes \
             to net",
            &[
                "With 1 more point for other that would be the best team.",
                "Without net.dict:5 `server` the best team would be other.",
            ],
        ),
        (
            "no line matched, at an address",
            ("", "hello there"),
            Some("net"),
            alias("net"),
            "no line matched; it came to an address of net, so it goes to net",
            &[
                "With 5 more points for other it would go there by itself.",
                "With 2 more points for net that would be the best team.",
            ],
        ),
        (
            "sure at its own address, which it would go to all the same",
            ("Server down", "The server is off."),
            Some("net"),
            to_team("net", Reason::Confident),
            "net: confidence 0.999 (uncalibrated) ≥ 0.900, so it goes to net",
            &["With 19 more points for other that would be the best team."],
        ),
        (
            "a person answered",
            ("Server down", "The restaurant."),
            None,
            to_team("other", Reason::Answered),
            "net: confidence 0.995 (uncalibrated) ≥ 0.900, so it went to net",
            &[
                "With 13 more points for other that would be the best team.",
                "Without net.dict:4 `server down` the best team would be other.",
            ],
        ),
    ]);
}

#[test]
fn a_mail_to_a_teams_address_is_explained_by_it() {
    let office = Office::open();
    let config = std::fs::read_to_string(office.path("postroom.toml")).unwrap();
    let alias = "[[alias]]\naddress = \"bills@callwise.example\"\nteam = \"billing\"\n";
    office.write("postroom.toml", &config.replace("[[mailbox]]", &format!("{alias}\n[[mailbox]]")));
    office.write("a.eml", "From: a@b.example\nTo: bills@callwise.example\n\nGood morning.\n");
    let said = office.run(&["explain", "a.eml"]).well();
    let told = "no line matched; it came to an address of billing, so it goes to billing\n";
    assert!(said.contains("Goes to billing: alias") && said.contains(told), "{said}");
}
