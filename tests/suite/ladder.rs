//! Who is free: the contact ladder at a moment, case by case.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use postroom::diagnostic::Diagnostic;
use postroom::dictionary::TeamId;
use postroom::directory::hours::Hours;
use postroom::directory::{
    Directory, DirectoryFiles, Party, Present, Receipt, Rules, Rung, Skipped, SourceText, Tier,
};
use postroom::mail::EmailAddress;
use postroom::route::{Reason, Signs, Target, climbed};

const CUSTOMERS: &str = "\
match,customer,account_manager,tier
acme.example,Acme,ann@callwise.example,
globex.example,Globex,ann@callwise.example,gold
initech.example,Initech,ann@callwise.example,free
";

/// Ann in Berlin, her manager Bob in New York, his manager Cleo, who works at any hour.
const PEOPLE: &str = "\
person,name,manager,away,zone,hours,holidays,cap
ann@callwise.example,Ann,bob@callwise.example,,Europe/Berlin,Mon-Fri 09:00-17:00,de,
bob@callwise.example,Bob,cleo@callwise.example,,America/New_York,Mon-Fri 09:00-17:00,us,
cleo@callwise.example,Cleo,,,,always,,
";

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn team(name: &str) -> TeamId {
    TeamId::parse(name).unwrap()
}

fn rules() -> Rules {
    Rules { managers: u32::MAX, last_rung: team("technical-support"), ..Rules::default() }
}

fn build(people: &str, rules: &Rules) -> Directory {
    let source =
        |name: &str, text: &str| SourceText { name: name.to_owned(), text: text.to_owned() };
    let files = DirectoryFiles {
        customers: Some(source("customers.csv", CUSTOMERS)),
        people: Some(source("people.csv", people)),
        holidays: BTreeMap::from([
            ("de".to_owned(), source("de", "2026-10-03  Tag der Deutschen Einheit\n2026-12-25")),
            ("us".to_owned(), source("us", "2026-11-26  # Thanksgiving")),
        ]),
    };
    Directory::build(&files, rules).map_err(|it| lines(&it)).unwrap().0
}

fn lines(findings: &[Diagnostic]) -> String {
    crate::support::broken::lines(findings)
}

fn at(time: &str) -> Present {
    Present::at(time.parse::<Timestamp>().unwrap())
}

fn receipt(directory: &Directory, sender: &str, present: &Present) -> Receipt {
    let party = directory.identify(Some(&address(sender)), present);
    let Party::Registered { ladder, .. } = party else { panic!("{sender}: {party:?}") };
    ladder
}

/// The walk in one line: each rung, and in a word why it was skipped.
fn walk(receipt: &Receipt) -> String {
    let steps = receipt.steps.iter().map(|step| {
        let who = match &step.rung {
            Rung::AccountManager(person) | Rung::Manager(person) => person.local(),
            Rung::Team(team) => team.as_str(),
        };
        let why = match &step.skipped {
            None => "",
            Some(Skipped::Away { .. }) => " away",
            Some(Skipped::Calendar { .. }) => " calendar",
            Some(Skipped::Holiday { .. }) => " holiday",
            Some(Skipped::OutsideHours { .. }) => " hours",
            Some(Skipped::Full { .. }) => " full",
            Some(Skipped::AlreadyTried) => " again",
            Some(Skipped::Unknown) => " unknown",
        };
        format!("{who}{why}")
    });
    let steps: Vec<String> = steps.collect();
    format!("{}{}", steps.join(", "), if receipt.nobody_free { " (nobody free)" } else { "" })
}

#[test]
fn the_account_manager_is_away_so_the_next_rung_is_taken() {
    let people =
        PEOPLE.replace("Ann,bob@callwise.example,,", "Ann,bob@callwise.example,2026-06-01,");
    let directory = build(&people, &rules());
    // 10:00 in Berlin is 04:00 in New York.
    let morning = receipt(&directory, "joe@acme.example", &at("2026-06-01T08:00:00Z"));
    assert_eq!(walk(&morning), "ann away, bob hours, cleo");
    let noon = receipt(&directory, "joe@acme.example", &at("2026-06-01T14:00:00Z"));
    assert_eq!(walk(&noon), "ann away, bob");
    assert_eq!(noon.at, "2026-06-01T14:00:00Z".parse().unwrap());
    // Away days are those of Ann's own zone: in Berlin the day is over an hour or two before UTC's.
    let late = receipt(&directory, "joe@acme.example", &at("2026-06-01T22:30:00Z"));
    assert_eq!(walk(&late), "ann hours, bob hours, cleo");
}

#[test]
fn everyone_is_away_so_the_last_team_takes_it() {
    let people = PEOPLE
        .replace("Ann,bob@callwise.example,,", "Ann,bob@callwise.example,2026-06-01,")
        .replace("Bob,cleo@callwise.example,,", "Bob,cleo@callwise.example,2026-06-01,")
        .replace("Cleo,,,", "Cleo,,2026-05-30..2026-06-05,");
    let directory = build(&people, &rules());
    let found = receipt(&directory, "joe@acme.example", &at("2026-06-01T14:00:00Z"));
    assert_eq!(walk(&found), "ann away, bob away, cleo away, technical-support (nobody free)");
}

#[test]
fn a_ladder_that_leads_back_to_itself_is_an_error_and_a_person_who_left_is_skipped() {
    let circle = PEOPLE.replace("Cleo,,", "Cleo,ann@callwise.example,");
    let source = |text: &str| Some(SourceText { name: "people.csv".into(), text: text.into() });
    let files = DirectoryFiles { people: source(&circle), ..DirectoryFiles::default() };
    let findings = Directory::build(&files, &rules()).unwrap_err();
    assert!(lines(&findings).contains("managers go round in a circle"), "{}", lines(&findings));

    let left = PEOPLE.replace("bob@callwise.example,Bob", "rob@callwise.example,Rob");
    let directory = build(&left, &rules());
    let found = receipt(&directory, "joe@acme.example", &at("2026-06-01T20:00:00Z"));
    assert_eq!(walk(&found), "ann hours, bob unknown, technical-support (nobody free)");
}

#[test]
fn daylight_saving_public_holidays_and_two_time_zones() {
    let directory = build(PEOPLE, &rules());
    let cases = [
        ("summer: 9:00 in Berlin", "2026-06-01T07:00:00Z", "ann"),
        ("winter: 8:00 in Berlin", "2026-01-12T07:00:00Z", "ann hours, bob hours, cleo"),
        ("winter: 9:00 in Berlin", "2026-01-12T08:00:00Z", "ann"),
        // Europe changes its clocks on 2026-03-29, America on 2026-03-08.
        ("the Friday before: 9:00 in Berlin", "2026-03-27T08:00:00Z", "ann"),
        ("the Monday after: 9:00 in Berlin", "2026-03-30T07:00:00Z", "ann"),
        ("the Monday after: 17:00 in Berlin", "2026-03-30T15:00:00Z", "ann hours, bob"),
        ("between both changes: 12:00 in New York", "2026-03-16T16:00:00Z", "ann hours, bob"),
        ("the day that has 25 hours", "2026-10-25T12:00:00Z", "ann hours, bob hours, cleo"),
        ("after it: 9:00 in Berlin", "2026-10-26T08:00:00Z", "ann"),
        ("after it: New York is still in summer", "2026-10-26T20:00:00Z", "ann hours, bob"),
        ("after it: 17:00 in New York", "2026-10-26T21:00:00Z", "ann hours, bob hours, cleo"),
        ("a holiday in one country", "2026-12-25T15:00:00Z", "ann holiday, bob"),
        ("a holiday in the other", "2026-11-26T16:30:00Z", "ann hours, bob holiday, cleo"),
        ("a holiday on a Saturday", "2026-10-03T10:00:00Z", "ann holiday, bob hours, cleo"),
    ];
    for (case, time, expected) in cases {
        let found = receipt(&directory, "joe@acme.example", &at(time));
        assert_eq!(walk(&found), expected, "{case}");
    }
    let night = receipt(&directory, "joe@acme.example", &at("2026-06-01T02:00:00Z"));
    let why = |n: usize| night.steps[n].skipped.clone().unwrap();
    let local = date(2026, 6, 1).at(4, 0, 0, 0);
    assert_eq!(why(0), Skipped::OutsideHours { local, zone: "Europe/Berlin".to_owned() });
    let local = date(2026, 5, 31).at(22, 0, 0, 0);
    assert_eq!(why(1), Skipped::OutsideHours { local, zone: "America/New_York".to_owned() });
}

#[test]
fn what_a_row_leaves_open_is_as_for_all() {
    let people = "person,manager,hours,holidays\nann@callwise.example,bob@callwise.example,,\n\
        bob@callwise.example,cleo@callwise.example,always,\n\
        cleo@callwise.example,,always,none\n";
    let rules = Rules {
        zone: TimeZone::get("Asia/Kolkata").unwrap(),
        hours: Hours::parse("Mon-Fri 09:00-17:00").unwrap(),
        holidays: Some("de".to_owned()),
        cap: Some(2),
        ..rules()
    };
    let directory = build(people, &rules);
    let open = |n| Arc::new(BTreeMap::from([(address("ann@callwise.example"), n)]));
    let cases = [
        // 13:00 in Kolkata, half an hour off the full one.
        ("at work", "2026-06-01T07:30:00Z", 1, "ann"),
        ("at 8:59", "2026-06-01T03:29:00Z", 0, "ann hours, bob"),
        ("at 9:00", "2026-06-01T03:30:00Z", 0, "ann"),
        ("on a holiday", "2026-12-25T07:30:00Z", 0, "ann holiday, bob holiday, cleo"),
        ("with enough to do", "2026-06-01T07:30:00Z", 2, "ann full, bob"),
    ];
    for (case, time, tickets, expected) in cases {
        let present = Present { open: open(tickets), ..at(time) };
        assert_eq!(walk(&receipt(&directory, "joe@acme.example", &present)), expected, "{case}");
    }
}

#[test]
fn a_cap_counts_for_the_next_mail_and_not_for_those_that_somebody_has() {
    let people = PEOPLE.replace("17:00,de,", "17:00,de,3");
    let directory = build(&people, &rules());
    let present = |ann: u32| Present {
        open: Arc::new(BTreeMap::from([(address("ann@callwise.example"), ann)])),
        ..at("2026-06-01T08:00:00Z")
    };
    assert_eq!(walk(&receipt(&directory, "joe@acme.example", &present(2))), "ann");
    let full = receipt(&directory, "joe@acme.example", &present(3));
    assert_eq!(full.steps[0].skipped, Some(Skipped::Full { open: 3, cap: 3 }));
    let party = directory.identify(Some(&address("joe@acme.example")), &present(2));
    assert_eq!(directory.climb_again(&party, &present(3)), None);
}

#[test]
fn a_thread_stays_with_whoever_has_it_unless_they_are_away_for_a_while() {
    let ann = address("ann@callwise.example");
    let people = PEOPLE
        .replace("Ann,bob@callwise.example,,", "Ann,bob@callwise.example,2026-06-03,")
        .replace("17:00,de,", "17:00,de,1");
    let directory = build(&people, &rules());
    for (what, time, away) in [
        ("at work", "2026-06-01T08:00:00Z", false),
        ("at night", "2026-06-01T22:00:00Z", false),
        ("on a weekend", "2026-06-06T10:00:00Z", false),
        ("on a public holiday", "2026-12-25T10:00:00Z", false),
        ("away by the file", "2026-06-03T08:00:00Z", true),
    ] {
        assert_eq!(directory.away(&ann, &at(time)).is_some(), away, "{what}");
    }
    let open = Arc::new(BTreeMap::from([(ann.clone(), 9)]));
    let full = Present { open, ..at("2026-06-01T08:00:00Z") };
    assert!(directory.away(&ann, &full).is_none(), "with a full desk");
    let left = address("zoe@callwise.example");
    assert!(directory.away(&left, &at("2026-06-01T08:00:00Z")).is_some(), "not one of us any more");
}

#[test]
fn whoever_became_busy_since_is_passed_over_when_delivery_starts() {
    let directory = build(PEOPLE, &rules());
    let sender = address("joe@acme.example");
    let party = directory.identify(Some(&sender), &at("2026-06-01T14:59:00Z"));
    assert_eq!(directory.climb_again(&party, &at("2026-06-01T14:59:59Z")), None);
    let later = at("2026-06-01T15:00:00Z");
    let (party, why) = directory.climb_again(&party, &later).unwrap();
    assert!(matches!(why, Skipped::OutsideHours { .. }));
    let Party::Registered { customer, ladder, .. } = &party else { panic!("{party:?}") };
    assert_eq!((customer.as_str(), walk(ladder).as_str()), ("Acme", "ann hours, bob"));
    assert_eq!(ladder.at, later.now);
    // Ann is back before Bob goes home: he has it, and keeps it.
    assert_eq!(directory.climb_again(&party, &at("2026-06-02T14:00:00Z")), None);
    // He goes home, and Ann came first on the ladder.
    let (again, _) = directory.climb_again(&party, &at("2026-06-02T08:00:00Z")).unwrap();
    let Party::Registered { ladder, .. } = &again else { panic!("{again:?}") };
    assert_eq!(walk(ladder), "ann");
    // A team is always there.
    let gone = directory.identify(Some(&sender), &at("2026-06-01T14:59:00Z"));
    let nobody = build("person\nx@callwise.example\n", &rules());
    let (teams, why) = nobody.climb_again(&gone, &later).unwrap();
    assert_eq!(why, Skipped::Unknown);
    assert_eq!(nobody.climb_again(&teams, &later), None);
}

#[test]
fn a_tier_sets_its_own_ladder() {
    let tier = |managers, last: Option<&str>, straight| Tier {
        managers,
        last_rung: last.map(team),
        straight,
    };
    let rules = Rules {
        managers: 1,
        tiers: BTreeMap::from([
            ("gold".to_owned(), tier(Some(2), Some("priority"), false)),
            ("free".to_owned(), tier(None, Some("self-service"), true)),
        ]),
        ..rules()
    };
    let directory = build(PEOPLE, &rules);
    let night = at("2026-06-01T02:00:00Z");
    let of = |sender| walk(&receipt(&directory, sender, &night));
    assert_eq!(of("joe@acme.example"), "ann hours, bob hours, technical-support (nobody free)");
    assert_eq!(of("joe@globex.example"), "ann hours, bob hours, cleo");
    assert_eq!(of("joe@initech.example"), "self-service");
}

#[test]
fn a_ladder_is_as_long_as_the_rules_say() {
    let mut people = "person,manager,away\n".to_owned();
    for n in 0..40 {
        let below = if n == 0 { "ann".to_owned() } else { format!("m{n}") };
        let above = n + 1;
        writeln!(people, "{below}@callwise.example,m{above}@callwise.example,2026-06-01").unwrap();
    }
    people += "m40@callwise.example,,\n";
    for (managers, length, free) in [(0, 2, false), (3, 5, false), (u32::MAX, 41, true)] {
        let directory = build(&people, &Rules { managers, ..rules() });
        let found = receipt(&directory, "joe@acme.example", &at("2026-06-01T12:00:00Z"));
        assert_eq!((found.steps.len(), !found.nobody_free), (length, free), "{managers}");
    }
}

/// Ten levels of four people each, so that ladders share their upper rungs.
fn many_people() -> String {
    let mut people = "person,manager,away,zone,hours,cap\n".to_owned();
    let zones = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"];
    people += "ann@callwise.example,p0@callwise.example,,Europe/Berlin,Mon-Fri 08:00-18:00,40\n";
    for n in 0..40 {
        let above =
            if n < 36 { format!("p{}@callwise.example", n + 4 - n % 3) } else { String::new() };
        let away = format!("2026-0{}-01..2026-0{}-11", n % 6 + 1, n % 6 + 1);
        let (zone, cap) = (zones[n % 4], n + 1);
        writeln!(people, "p{n}@callwise.example,{above},{away},{zone},Mon-Sat 07:00-19:00,{cap}")
            .unwrap();
    }
    people
}

#[test]
fn ten_thousand_mails_through_a_churn_of_availability_all_have_an_owner() {
    let directory = build(&many_people(), &rules());
    let mut reasons: BTreeMap<Reason, u32> = BTreeMap::new();
    let mut moved = 0;
    let mut open: BTreeMap<EmailAddress, u32> = BTreeMap::new();
    for n in 0..10_000_i64 {
        // Strides that are prime to what they wrap around.
        let minutes = n * 7919 % 20;
        let now = Timestamp::from_second(1_767_225_600 + (n * 20 + minutes) * 60).unwrap();
        let present = Present { open: Arc::new(open.clone()), ..Present::at(now) };
        let party = directory.identify(Some(&address("joe@acme.example")), &present);
        check(&party, &mut reasons, &mut open);
        // It may be hours until it is delivered.
        let later = now + jiff::SignedDuration::from_mins(n * 7907 % 600);
        if let Some((again, _)) = directory.climb_again(&party, &Present { now: later, ..present })
        {
            check(&again, &mut reasons, &mut open);
            moved += 1;
        }
        if n % 50 == 0 {
            open.clear();
        }
    }
    let few = |reason| *reasons.get(&reason).unwrap_or(&0) < 100;
    let dull = [Reason::AccountManager, Reason::Manager, Reason::NobodyFree].into_iter().any(few);
    assert!(!dull && moved > 1000, "too little happened: {reasons:?}, {moved} moved");
}

/// Somebody has it, nobody was tried twice, and the receipt says the same after it was kept.
fn check(
    party: &Party,
    reasons: &mut BTreeMap<Reason, u32>,
    open: &mut BTreeMap<EmailAddress, u32>,
) {
    let Party::Registered { ladder, .. } = party else { panic!("{party:?}") };
    let decision = climbed(ladder, &Signs::default()).unwrap();
    let tried: Vec<_> = ladder.steps.iter().filter_map(|step| step.rung.person()).collect();
    assert_eq!(tried.iter().collect::<BTreeSet<_>>().len(), tried.len(), "{ladder:?}");
    let (last, before) = ladder.steps.split_last().unwrap();
    assert!(last.skipped.is_none() && before.iter().all(|step| step.skipped.is_some()));
    let kept = serde_json::to_string(party).unwrap();
    let read: Party = serde_json::from_str(&kept).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), kept);
    let Party::Registered { ladder: again, .. } = &read else { panic!("{read:?}") };
    assert_eq!(climbed(again, &Signs::default()).unwrap(), decision);
    *reasons.entry(decision.reason).or_default() += 1;
    if let Target::Person(person) = decision.target {
        *open.entry(person).or_default() += 1;
    }
}
