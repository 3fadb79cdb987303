//! The directory: who a sender is, the walk up the ladder, and what is said of broken files.

use std::path::Path;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use postroom::diagnostic::Diagnostic;
use postroom::dictionary::TeamId;
use postroom::directory::{
    Directory, DirectoryFiles, DomainClaim, Match, MatchedBy, NoMatch, Party, Present, Rules, Rung,
    Skipped, SourceText,
};
use postroom::mail::EmailAddress;

use crate::support::broken;

fn rules() -> Rules {
    Rules {
        own_domains: vec![DomainClaim::parse("*.callwise.example").unwrap()],
        freemail: vec!["freemail.example".to_owned()],
        last_rung: TeamId::parse("technical-support").unwrap(),
        ..Rules::default()
    }
}

fn source(path: &Path) -> Option<SourceText> {
    let text = std::fs::read_to_string(path).ok()?;
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    Some(SourceText { name, text })
}

fn files(customers: &str, people: &str) -> DirectoryFiles {
    let source =
        |name: &str, text: &str| Some(SourceText { name: name.to_owned(), text: text.to_owned() });
    DirectoryFiles {
        customers: source("customers.csv", customers),
        people: source("people.csv", people),
        ..DirectoryFiles::default()
    }
}

fn build(files: &DirectoryFiles, rules: &Rules) -> Directory {
    match Directory::build(files, rules) {
        Ok((directory, _)) => directory,
        Err(findings) => {
            panic!("{}", findings.iter().map(Diagnostic::to_string).collect::<String>())
        }
    }
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

/// The ladder in one line: who was tried, why each was skipped, who took it.
fn ladder(party: &Party) -> String {
    let Party::Registered { ladder, .. } = party else { return "no ladder".to_owned() };
    let step = |step: &postroom::directory::Step| {
        let rung = match &step.rung {
            Rung::AccountManager(person) => format!("account manager {}", person.local()),
            Rung::Manager(person) => format!("manager {}", person.local()),
            Rung::Team(team) => format!("team {team}"),
        };
        match &step.skipped {
            None => rung,
            Some(Skipped::Away { from, until }) => format!("{rung} away {from}..{until}"),
            Some(Skipped::AlreadyTried) => format!("{rung} already tried"),
            Some(Skipped::Unknown) => format!("{rung} unknown"),
            Some(why) => format!("{rung} {why:?}"),
        }
    };
    let steps: Vec<_> = ladder.steps.iter().map(step).collect();
    format!("{}{}", steps.join(", "), if ladder.nobody_free { " (nobody free)" } else { "" })
}

const TODAY: Date = date(2026, 6, 1);

/// Noon of a day.
fn on(day: Date) -> Present {
    Present::at(day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp())
}

#[test]
fn broken_directories_say_all_that_is_wrong_and_where() {
    broken::check("directory", |path| {
        let files = if path.is_dir() {
            DirectoryFiles {
                customers: source(&path.join("customers.csv")),
                people: source(&path.join("people.csv")),
                holidays: source(&path.join("holidays.txt"))
                    .into_iter()
                    .chain(source(&path.join("holidays.ics")))
                    .map(|text| (text.name.clone(), text))
                    .collect(),
            }
        } else {
            DirectoryFiles {
                customers: source(path),
                people: source(&broken::fixtures().join("people.csv")),
                ..DirectoryFiles::default()
            }
        };
        match Directory::build(&files, &rules()) {
            Ok((_, findings)) | Err(findings) => findings,
        }
    });
}

#[test]
fn the_demo_directory_shows_each_end_of_the_ladder() {
    let fixtures = broken::fixtures();
    let files = DirectoryFiles {
        customers: source(&fixtures.join("customers.csv")),
        people: source(&fixtures.join("people.csv")),
        ..DirectoryFiles::default()
    };
    let (directory, findings) = Directory::build(&files, &rules()).unwrap();
    assert_eq!(findings, []);
    assert_eq!((directory.customer_rows(), directory.people()), (9, 7));
    assert_eq!(directory.name_of(&address("pavel@callwise.example")), Some("Pavel Novák"));
    for day in [date(2026, 1, 1), date(2026, 11, 23), date(2027, 12, 31)] {
        for (sender, expected) in [
            ("joe@acme.example", "account manager amira"),
            (
                "joe@globex.example",
                "account manager jonas away 2026-01-01..2027-12-31, manager mara",
            ),
            (
                "joe@initech.example",
                "account manager lena away 2026-01-01..2027-12-31, manager pavel away \
                 2026-01-01..2027-12-31, team technical-support (nobody free)",
            ),
        ] {
            let party = directory.identify(Some(&address(sender)), &on(day));
            assert_eq!(ladder(&party), expected, "{sender} on {day}");
        }
    }
}

const CUSTOMERS: &str = "\
match,customer,account_manager,tier
acme.example,Acme,ben@callwise.example,gold
*.umbrella.example,Umbrella,ben@callwise.example,
eu.umbrella.example,Umbrella EU,ben@callwise.example,
*.lab.umbrella.example,Umbrella Lab,ben@callwise.example,
boss@acme.example,Acme board,ben@callwise.example,
joe.doe@gmail.com,Joe's Garage,ben@callwise.example,
monitor@callwise.example,Callwise test account,ben@callwise.example,
*.bücher.example,Bücher,ben@callwise.example,
";
const PEOPLE: &str = "person,name\nben@callwise.example,Ben\nfreelancer@acme.example,Fay\n";

const CUSTOMERS_MAIL: [(&str, &str, &str, MatchedBy, &str, u32); 10] = [
    ("a domain row", "x@acme.example", "Acme", MatchedBy::Domain, "acme.example", 2),
    (
        "any spelling of the address",
        " Boss+Urgent@ACME.example. ",
        "Acme board",
        MatchedBy::Address,
        "boss@acme.example",
        6,
    ),
    (
        "the domain itself under a row for sub-domains",
        "x@umbrella.example",
        "Umbrella",
        MatchedBy::Domain,
        "*.umbrella.example",
        3,
    ),
    (
        "a sub-domain of a sub-domain",
        "x@a.b.umbrella.example",
        "Umbrella",
        MatchedBy::ParentDomain,
        "*.umbrella.example",
        3,
    ),
    (
        "the longer domain",
        "x@a.lab.umbrella.example",
        "Umbrella Lab",
        MatchedBy::ParentDomain,
        "*.lab.umbrella.example",
        5,
    ),
    (
        "a domain row below a row for sub-domains",
        "x@eu.umbrella.example",
        "Umbrella EU",
        MatchedBy::Domain,
        "eu.umbrella.example",
        4,
    ),
    (
        "below a domain row that stands for itself alone",
        "x@fr.eu.umbrella.example",
        "Umbrella",
        MatchedBy::ParentDomain,
        "*.umbrella.example",
        3,
    ),
    (
        "an address at a freemail provider",
        "joe.doe@gmail.com",
        "Joe's Garage",
        MatchedBy::Address,
        "joe.doe@gmail.com",
        7,
    ),
    (
        "an address of ours that is a customer's",
        "monitor@callwise.example",
        "Callwise test account",
        MatchedBy::Address,
        "monitor@callwise.example",
        8,
    ),
    (
        "a domain in another script",
        "x@shop.BÜCHER.example",
        "Bücher",
        MatchedBy::ParentDomain,
        "*.xn--bcher-kva.example",
        9,
    ),
];

#[test]
fn a_sender_is_who_the_most_exact_row_says() {
    let directory = build(&files(CUSTOMERS, PEOPLE), &rules());
    let dotless = build(&files(CUSTOMERS, PEOPLE), &Rules { gmail_dots: true, ..rules() });
    for (case, sender, name, by, entry, line) in CUSTOMERS_MAIL {
        let Party::Registered { customer, matched, .. } =
            directory.identify(Some(&address(sender)), &on(TODAY))
        else {
            panic!("{case}: not registered")
        };
        let expected = Match { by, entry: entry.to_owned(), line: Some(line) };
        assert_eq!((customer.as_str(), matched), (name, expected), "{case}");
    }
    let colleague = |by| Party::Colleague { by };
    let nobody = |why| Party::Unregistered { why };
    for (case, sender, expected) in [
        ("our domain", "new@callwise.example", colleague(MatchedBy::Domain)),
        ("our sub-domain", "x@lab.callwise.example", colleague(MatchedBy::ParentDomain)),
        ("one of us", "ben+x@callwise.example", colleague(MatchedBy::Address)),
        (
            "one of us in a customer's house",
            "freelancer@acme.example",
            colleague(MatchedBy::Address),
        ),
        ("not below", "x@lab.acme.example", nobody(NoMatch::NotListed)),
        ("a longer name", "x@notacme.example", nobody(NoMatch::NotListed)),
        ("a look-alike", "x@аcme.example", nobody(NoMatch::NotListed)),
        ("freemail", "stranger@gmail.com", nobody(NoMatch::Freemail)),
        ("freemail that we named", "x@freemail.example", nobody(NoMatch::Freemail)),
        ("dots at Gmail", "joedoe@gmail.com", nobody(NoMatch::Freemail)),
    ] {
        assert_eq!(directory.identify(Some(&address(sender)), &on(TODAY)), expected, "{case}");
    }
    assert_eq!(directory.identify(None, &on(TODAY)), nobody(NoMatch::NoSender));
    let party = dotless.identify(Some(&address("jo.edoe+x@gmail.com")), &on(TODAY));
    assert!(matches!(party, Party::Registered { .. }), "dots that we chose not to see");
}

#[test]
fn the_ladder_is_climbed_only_as_far_as_needed() {
    const PEOPLE: &str = "\
person,name,manager,away
in@callwise.example,,top@callwise.example,
away@callwise.example,,in@callwise.example,2026-06-01
long@callwise.example,,middle@callwise.example,2026-05-01..2026-05-31; 2026-06-01..2026-06-14
middle@callwise.example,,top@callwise.example,2026-06-01
top@callwise.example,,,
left@callwise.example,,gone@callwise.example,2026-06-01
";
    let check = |case: &str, manager: &str, managers: u32, day: Date, expected: &str| {
        let customers = format!("match,customer,account_manager\nacme.example,Acme,{manager}\n");
        let directory = build(&files(&customers, PEOPLE), &Rules { managers, ..rules() });
        let party = directory.identify(Some(&address("x@acme.example")), &on(day));
        assert_eq!(ladder(&party), expected, "{case}");
    };
    let day = TODAY;
    check("free", "in@callwise.example", 1, day, "account manager in");
    let away = "account manager away away 2026-06-01..2026-06-01";
    check("away", "away@callwise.example", 1, day, &format!("{away}, manager in"));
    check("back", "away@callwise.example", 1, date(2026, 6, 2), "account manager away");
    check(
        "no manager is asked",
        "away@callwise.example",
        0,
        day,
        &format!("{away}, team technical-support (nobody free)"),
    );
    let long = "account manager long away 2026-06-01..2026-06-14";
    let middle = "manager middle away 2026-06-01..2026-06-01";
    check(
        "the ladder is too short",
        "long@callwise.example",
        1,
        day,
        &format!("{long}, {middle}, team technical-support (nobody free)"),
    );
    check(
        "the ladder is long enough",
        "long@callwise.example",
        2,
        day,
        &format!("{long}, {middle}, manager top"),
    );
    check(
        "the manager has left",
        "left@callwise.example",
        3,
        day,
        "account manager left away 2026-06-01..2026-06-01, manager gone unknown, team \
         technical-support (nobody free)",
    );
    check(
        "the account manager has left",
        "nobody@callwise.example",
        1,
        day,
        "account manager nobody unknown, team technical-support (nobody free)",
    );
    check("nobody looks after them", "", 1, day, "team technical-support");
}

#[test]
fn spreadsheets_are_understood() {
    let customers = "\u{feff}Tier,Customer,Match,Account_Manager\r\n\r\n# ours\r\n\
        gold,\"Acme, \"\"Inc\"\"\", acme.example ,ben@callwise.example\r\n";
    let directory = build(&files(customers, PEOPLE), &rules());
    let party = directory.identify(Some(&address("x@acme.example")), &on(TODAY));
    let Party::Registered { customer, tier, matched, .. } = party else { panic!("not found") };
    assert_eq!(customer, "Acme, \"Inc\"");
    assert_eq!(tier.as_deref(), Some("gold"));
    assert_eq!(matched.line, Some(4));
}

#[test]
fn without_files_everybody_is_unregistered() {
    let directory = build(&DirectoryFiles::default(), &rules());
    let party = directory.identify(Some(&address("x@acme.example")), &on(TODAY));
    assert_eq!(party, Party::Unregistered { why: NoMatch::NotListed });
}

#[test]
fn a_file_that_is_wrong_throughout_is_not_listed_row_by_row() {
    let rows = "nonsense row,Acme,\n".repeat(1000);
    let customers = format!("match,customer,account_manager\n{rows}");
    let findings = Directory::build(&files(&customers, PEOPLE), &rules()).unwrap_err();
    assert_eq!(findings.len(), 201);
    assert_eq!(findings[200].to_string(), "customers.csv: error: and 800 more findings");
}

#[test]
fn rows_that_are_all_there_twice_name_the_line_that_was_first() {
    let row = |n: usize| format!("customer-{n}.example,Customer {n},\n");
    let rows = (0..20_000).map(row).collect::<String>();
    let customers = format!("match,customer,account_manager\n{rows}{rows}");
    let findings = Directory::build(&files(&customers, PEOPLE), &rules()).unwrap_err();
    assert_eq!(findings.len(), 201);
    assert_eq!(
        findings[199].to_string(),
        "customers.csv:20201:1: error: `customer-199.example` is claimed already, by line 201 \
         (remove one of the two rows)"
    );
    assert_eq!(findings[200].to_string(), "customers.csv: error: and 19800 more findings");
}

#[test]
fn our_own_lists_are_told_from_others() {
    let directory = build(&DirectoryFiles::default(), &rules());
    let check = |list: &str, ours: bool| assert_eq!(directory.runs_list(list), ours, "{list}");
    check("support.callwise.example", true);
    check("Support.CallWise.Example", true);
    check("support.lists.callwise.example", true);
    check("news.vendor.example", false);
    check("callwise.example.vendor.example", false);
    check("callwise.example", false);
    check("support.notcallwise.example", false);
    check("", false);
}
