//! Who is on duty when: the rota's file alone, and beside a directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::directory::calendar::{Busy, Found, Owner, Search, absences};
use crate::directory::{DirectoryFiles, Rules, SourceText, zone};

const HEADER: &str = "person,name,start,week,away\n";

fn source(name: &str, text: String) -> SourceText {
    SourceText { name: name.to_owned(), text }
}

fn rota(rows: &str) -> Rota {
    let leads = Group::People(vec![EmailAddress::parse("leads@callwise.example").unwrap()]);
    Rota::read(&source("rota.csv", format!("{HEADER}{rows}")), leads, None).unwrap().0
}

/// Our people, in Berlin if their row doesn't say otherwise.
fn directory(people: &str) -> Directory {
    let rules = Rules { zone: zone::named("Europe/Berlin").unwrap(), ..Rules::default() };
    let text = format!("person,away,zone,hours\n{people}");
    let files =
        DirectoryFiles { people: Some(source("people.csv", text)), ..DirectoryFiles::default() };
    Directory::build(&files, &rules).unwrap().0
}

/// `kim, lee` for people, `(nobody there)` with what was skipped for the group.
fn on_duty(rota: &Rota, directory: &Directory, present: &Present) -> String {
    let name = |person: &EmailAddress| person.as_str().split('@').next().unwrap().to_owned();
    let duty = rota.on_duty(directory, present);
    assert_eq!(duty.people.is_empty(), duty.fallback.is_some());
    let mut said: Vec<String> = duty.people.iter().map(name).collect();
    said.extend(duty.fallback.map(|fallback| match fallback.why {
        Uncovered::NobodysWeek => "(nobody's week)".to_owned(),
        Uncovered::NobodyThere => "(nobody there)".to_owned(),
    }));
    said.extend(duty.skipped.iter().map(|absent| {
        let why = match absent.why {
            Skipped::Away { .. } => "away",
            Skipped::Calendar { .. } => "calendar",
            Skipped::OutsideHours { .. } => "hours",
            Skipped::Holiday { .. } => "holiday",
            Skipped::Full { .. } | Skipped::AlreadyTried | Skipped::Unknown => "odd",
        };
        format!("-{} {why}", name(&absent.person))
    }));
    said.join(" ")
}

fn at(moment: &str) -> Present {
    Present::at(moment.parse::<Timestamp>().unwrap())
}

#[test]
fn the_first_full_week_after_the_start_is_theirs() {
    // (what shows, start, the Monday of the week)
    let cases = [
        ("a Wednesday", "2026-11-04", "2026-11-09"),
        ("a Monday: that week is not after it", "2026-11-02", "2026-11-09"),
        ("a Sunday: the next day begins a full week", "2026-11-08", "2026-11-09"),
        ("over the end of a year", "2026-12-30", "2027-01-04"),
        ("in the last week of a year with 53", "2026-12-28", "2027-01-04"),
        ("before a leap day", "2028-02-24", "2028-02-28"),
    ];
    for (name, start, monday) in cases {
        let rota = rota(&format!("kim@x.example,Kim,{start},,\n"));
        let weeks: Vec<String> = rota.weeks.keys().map(|week| week.monday().to_string()).collect();
        assert_eq!(weeks, [monday], "{name}");
    }
}

#[test]
fn whose_week_it_is() {
    let rota = rota(
        "kim@x.example,Kim,2026-11-04,,\n\
         lee@x.example,Lee,2026-11-06,,2026-11-11\n\
         noor@x.example,Noor,2026-11-04,2026-W48,\n\
         kim@x.example,,,2026-11-28,\n\
         lee@x.example,,,2026-W51,2026-12-14..2026-12-16\n\
         lee@x.example,,,,2026-12-18; 2026-12-20\n\
         pia@x.example,Pia,2027-03-17,,\n\
         quinn@x.example,Quinn,2027-10-20,,\n",
    );
    let directory = directory("");
    // (what shows, a moment, who)
    let cases = [
        ("two who started in one week share theirs", "2026-11-09T10:00:00Z", "kim lee"),
        ("one of them is away for a day", "2026-11-11T10:00:00Z", "kim -lee away"),
        ("before its first minute it is nobody's", "2026-11-08T22:59:59Z", "(nobody's week)"),
        ("from midnight in Berlin on it is theirs", "2026-11-08T23:00:00Z", "kim lee"),
        ("to the last second", "2026-11-15T22:59:59Z", "kim lee"),
        ("and not longer", "2026-11-15T23:00:00Z", "(nobody's week)"),
        ("a swap and a further week, by its Saturday", "2026-11-25T10:00:00Z", "noor kim"),
        ("a holiday falls to the group", "2026-12-15T10:00:00Z", "(nobody there) -lee away"),
        ("between two holidays", "2026-12-17T10:00:00Z", "lee"),
        ("a holiday with a line of its own", "2026-12-18T10:00:00Z", "(nobody there) -lee away"),
        ("a week with an hour less, its first", "2027-03-21T23:00:00Z", "pia"),
        ("a week with an hour less, its last", "2027-03-28T21:59:59Z", "pia"),
        ("a week with an hour less, over", "2027-03-28T22:00:00Z", "(nobody's week)"),
        ("a week with an hour more, its first", "2027-10-24T22:00:00Z", "quinn"),
        ("a week with an hour more, its last", "2027-10-31T22:59:59Z", "quinn"),
        ("a week with an hour more, over", "2027-10-31T23:00:00Z", "(nobody's week)"),
    ];
    for (name, moment, expected) in cases {
        assert_eq!(on_duty(&rota, &directory, &at(moment)), expected, "{name}");
    }
}

#[test]
fn whom_the_directory_says_away_is_skipped() {
    let rota = rota(
        "kim@x.example,Kim,,2026-W46,\n\
         lee@x.example,Lee,,2026-W46,\n\
         new@x.example,Newcomer,,2026-W47,\n",
    );
    let directory = directory(
        "kim@x.example,2026-11-10..2026-11-11,,\n\
         lee@x.example,,America/New_York,Mon-Fri 09:00-17:00\n",
    );
    // (what shows, a moment, who)
    let cases = [
        ("both are there", "2026-11-09T15:00:00Z", "kim lee"),
        ("it is early where one of them is", "2026-11-09T08:00:00Z", "kim -lee hours"),
        ("one is ill", "2026-11-10T15:00:00Z", "lee -kim away"),
        ("nobody is there", "2026-11-10T08:00:00Z", "(nobody there) -kim away -lee hours"),
        ("whoever is not in the people's file is there", "2026-11-16T10:00:00Z", "new"),
    ];
    for (name, moment, expected) in cases {
        assert_eq!(on_duty(&rota, &directory, &at(moment)), expected, "{name}");
    }
    let kim = EmailAddress::parse("kim@x.example").unwrap();
    let busy = |from: &str, until: &str| -> Busy {
        let text = format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:{from}\r\n\
             DTEND:{until}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        );
        let owner = Owner { address: &kim, zone: directory.zone() };
        absences(&text, owner, &whole_year()).unwrap().busy
    };
    let busy = busy("20261109T120000Z", "20261109T180000Z");
    let calendars = BTreeMap::from([(kim, busy)]);
    let ill = Present { calendars: Arc::new(calendars), ..at("2026-11-09T15:00:00Z") };
    assert_eq!(on_duty(&rota, &directory, &ill), "lee -kim calendar");
}

fn whole_year() -> Search {
    Search {
        from: "2026-01-01T00:00:00Z".parse().unwrap(),
        until: "2027-12-31T00:00:00Z".parse().unwrap(),
        least: SignedDuration::from_hours(4),
    }
}

#[test]
fn a_rota_without_a_file_is_the_groups() {
    let rota = Rota::of(Group::Team(TeamId::parse("support").unwrap()));
    let present = at("2026-11-09T15:00:00Z");
    assert_eq!(on_duty(&rota, &Directory::default(), &present), "(nobody's week)");
    assert_eq!(rota.fallback().to_string(), "team support");
}

#[test]
fn a_plan_has_the_days_on_which_nobody_is_there() {
    let rota = rota(
        "kim@x.example,Kim,2026-11-04,2026-W50,2026-12-07..2026-12-08\n\
         lee@x.example,Lee,,2026-W50,2026-12-08..2026-12-09\n",
    );
    let directory = directory("lee@x.example,,,Mon-Fri 22:00-24:00\n");
    let week = |text: &str| {
        let planned = rota.plan(Week::parse(text).unwrap(), &directory, &Present::default());
        let days: Vec<i8> = planned.uncovered.iter().map(|day| day.day()).collect();
        let shifts = planned.shifts.iter().map(|shift| {
            let instead_of = shift.instead_of.map_or(String::new(), |week| week.to_string());
            (shift.name.clone(), instead_of, shift.away.len())
        });
        (shifts.collect::<Vec<_>>(), days)
    };
    let shifts = vec![
        ("Kim".to_owned(), "2026-W46".to_owned(), 2),
        // Working at night is no absence.
        ("Lee".to_owned(), String::new(), 2),
    ];
    assert_eq!(week("2026-W50"), (shifts, vec![8]));
    assert_eq!(week("2026-W46"), (vec![], (9..=15).collect()));
}

#[test]
fn the_feed_is_a_calendar_in_which_nobody_is_away() {
    let rota = rota(
        "kim@x.example,\"Kim, the first\",2026-11-04,,\n\
         lee@x.example,,2026-11-04,2026-W53,\n",
    );
    let feed = rota.feed("2026-11-25T03:00:00Z".parse().unwrap());
    let lines: Vec<&str> = feed.split("\r\n").collect();
    for line in [
        "UID:2026-W46/kim@x.example",
        "SUMMARY:Assist duty: Kim\\, the first",
        "DTSTART;VALUE=DATE:20261109",
        "DTEND;VALUE=DATE:20261116",
        "SUMMARY:Assist duty: lee@x.example",
        "DTSTART;VALUE=DATE:20261228",
        "DTEND;VALUE=DATE:20270104",
        "DTSTAMP:20261125T030000Z",
        "TRANSP:TRANSPARENT",
    ] {
        assert!(lines.contains(&line), "{line} is not in:\n{feed}");
    }
    assert_eq!(lines.iter().filter(|line| **line == "BEGIN:VEVENT").count(), 2, "{feed}");
    let address = &EmailAddress::parse("kim@x.example").unwrap();
    let owner = Owner { address, zone: &zone::named("Europe/Berlin").unwrap() };
    let busy = absences(&feed, owner, &whole_year());
    assert_eq!(busy, Ok(Found::default()), "duty is no absence");
}

#[test]
fn gaps_are_told_before_they_come() {
    let rota = rota(
        "kim@x.example,Kim,,2026-W46,2026-11-09..2026-11-10\n\
         kim@x.example,,,2026-W50,2026-12-12..2026-12-13\n\
         lee@x.example,,,2026-W51,\n",
    );
    let gaps = |from: &str| {
        let from = Week::parse(from).unwrap();
        let found = rota.gaps(from, &Directory::default(), &Present::default());
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let line = |message: &str| format!("rota.csv: warning: {message}");
    let said = gaps("2026-W46");
    let expected = [
        "nobody who has 2026-W46 is there on Mon, Tue, so that `leads@callwise.example` has it",
        "nobody has 2026-W47 to 2026-W49, so that `leads@callwise.example` has it",
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.starts_with(&line(expected)), "{said}");
    }
    for (from, end) in
        [("2026-W50", "2026-W52"), ("2026-W51", "2026-W52"), ("2027-W10", "2027-W10")]
    {
        let end =
            format!("nobody has a week from {end} on, so that `leads@callwise.example` has all");
        let said = gaps(from);
        assert!(said.len() == 1 && said[0].starts_with(&line(&end)), "{from}: {said:?}");
    }
}
