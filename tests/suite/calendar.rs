//! What an iCalendar text says of somebody's absences, and of public holidays.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use postroom::directory::calendar::{Busy, Found, Owner, Search, absences};
use postroom::directory::{Directory, DirectoryFiles, Present, Rules, Skipped, SourceText};
use postroom::mail::EmailAddress;

/// The absences in a calendar between 2026-06-01 and 2026-07-11, of somebody in Berlin.
fn berlin(events: &str) -> Busy {
    calendar(events, "Europe/Berlin")
}

/// The same, of somebody in this zone.
fn calendar(events: &str, zone: &str) -> Busy {
    read(&whole(events), &TimeZone::get(zone).unwrap()).unwrap().busy
}

/// A calendar with these events.
fn whole(events: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n{}END:VCALENDAR\r\n",
        events.replace('\n', "\r\n")
    )
}

/// What stands in a calendar of Amira's, who is in this zone.
fn read(text: &str, zone: &TimeZone) -> Result<Found, String> {
    let moment = |text: &str| text.parse::<Timestamp>().unwrap();
    let search = Search {
        from: moment("2026-06-01T00:00:00Z"),
        until: moment("2026-07-11T00:00:00Z"),
        least: SignedDuration::from_hours(4),
    };
    let address = &EmailAddress::parse("amira@callwise.example").unwrap();
    absences(text, Owner { address, zone }, &search)
}

const WHOLE: &str = "DTSTART;VALUE=DATE:20260608\nDTEND;VALUE=DATE:20260610";
const WEEKLY: &str = "DTSTART;TZID=Europe/Berlin:20200106T090000\nDTEND;TZID=Europe/Berlin:\
    20200106T170000\nRRULE:FREQ=WEEKLY;BYDAY=MO";

/// What each shows, an event (behind `WHOLE` or `WEEKLY`, where it begins with these words), a
/// moment, and whether somebody is away then.
const CASES: [(&str, &str, &str, bool); 22] = [
    ("two days, from midnight in Berlin", "WHOLE", "2026-06-07T22:00:00Z", true),
    ("not before", "WHOLE", "2026-06-07T21:59:59Z", false),
    ("to midnight in Berlin", "WHOLE", "2026-06-09T21:59:59Z", true),
    ("not after", "WHOLE", "2026-06-09T22:00:00Z", false),
    ("a day without an end", "DTSTART;VALUE=DATE:20260608", "2026-06-08T12:00:00Z", true),
    ("in UTC", "DTSTART:20260608T080000Z\nDURATION:PT6H", "2026-06-08T13:59:59Z", true),
    ("an appointment", "DTSTART:20260608T080000Z\nDURATION:PT1H", "2026-06-08T08:30:00Z", false),
    (
        "a short absence that Outlook marks",
        "DTSTART:20260608T080000Z\nDURATION:PT1H\nX-MICROSOFT-CDO-BUSYSTATUS:OOF",
        "2026-06-08T08:30:00Z",
        true,
    ),
    ("free", "WHOLE\nTRANSP:TRANSPARENT", "2026-06-08T12:00:00Z", false),
    ("busy", "WHOLE\nTRANSP:OPAQUE", "2026-06-08T12:00:00Z", true),
    ("cancelled", "WHOLE\nSTATUS:CANCELLED", "2026-06-08T12:00:00Z", false),
    ("not decided", "WHOLE\nSTATUS:TENTATIVE", "2026-06-08T12:00:00Z", false),
    (
        "at work elsewhere",
        "WHOLE\nX-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE",
        "2026-06-08T12:00:00Z",
        false,
    ),
    ("every Monday for years", "WEEKLY", "2026-06-15T07:00:00Z", true),
    ("not on Tuesday", "WEEKLY", "2026-06-16T07:00:00Z", false),
    (
        "but for one",
        "WEEKLY\nEXDATE;TZID=Europe/Berlin:20260615T090000",
        "2026-06-15T07:00:00Z",
        false,
    ),
    (
        "the last one begins at the end of the rule",
        "WEEKLY;UNTIL=20260615T070000Z",
        "2026-06-15T07:00:00Z",
        true,
    ),
    ("and then no more", "WEEKLY;UNTIL=20260615T070000Z", "2026-06-22T07:00:00Z", false),
    (
        "the last Friday of each month",
        "DTSTART;VALUE=DATE:20250131\nRRULE:FREQ=MONTHLY;BYDAY=-1FR",
        "2026-06-26T12:00:00Z",
        true,
    ),
    (
        "a zone by the name that Windows has for it",
        "DTSTART;TZID=W. Europe Standard Time:20260608T090000\n\
         DTEND;TZID=W. Europe Standard Time:20260608T170000",
        "2026-06-08T07:00:00Z",
        true,
    ),
    (
        "a time on the wall",
        "DTSTART:20260608T090000\nDTEND:20260608T170000",
        "2026-06-08T07:00:00Z",
        true,
    ),
    (
        "repeated every second",
        "DTSTART:20200608T090000Z\nDURATION:PT8H\nRRULE:FREQ=SECONDLY",
        "2026-06-08T12:00:00Z",
        false,
    ),
];

#[test]
fn a_calendar_says_when_somebody_is_away() {
    for (case, lines, moment, away) in CASES {
        let lines = lines.replace("WHOLE", WHOLE);
        let lines = match lines.strip_prefix("WEEKLY") {
            Some(rest) => format!("{WEEKLY}{rest}"),
            None => lines,
        };
        let busy = berlin(&format!(
            "BEGIN:VEVENT\nUID:1@x\nDTSTAMP:20260101T000000Z\n{lines}\nEND:VEVENT\n"
        ));
        let found = busy.at(moment.parse().unwrap());
        assert_eq!(found.is_some(), away, "{case}: {busy:?}");
    }
}

#[test]
fn a_changed_repetition_and_a_free_busy_answer_are_understood() {
    let series = "BEGIN:VEVENT\nUID:a@x\nDTSTAMP:20260101T000000Z\n\
        DTSTART;TZID=Europe/Berlin:20260601T090000\nDTEND;TZID=Europe/Berlin:20260601T170000\n\
        RRULE:FREQ=WEEKLY;COUNT=4\nEND:VEVENT\n\
        BEGIN:VEVENT\nUID:a@x\nDTSTAMP:20260101T000000Z\n\
        RECURRENCE-ID;TZID=Europe/Berlin:20260608T090000\n\
        DTSTART;TZID=Europe/Berlin:20260609T090000\nDTEND;TZID=Europe/Berlin:20260609T170000\n\
        END:VEVENT\n";
    let busy = berlin(series);
    let away = |time: &str| busy.at(time.parse().unwrap()).is_some();
    let days = ["2026-06-01", "2026-06-08", "2026-06-09", "2026-06-15", "2026-06-22", "2026-06-29"];
    let found = days.map(|day| away(&format!("{day}T10:00:00Z")));
    assert_eq!(found, [true, false, true, true, true, false], "{busy:?}");

    let busy = berlin(
        "BEGIN:VFREEBUSY\nUID:b@x\nDTSTAMP:20260101T000000Z\n\
         FREEBUSY;FBTYPE=BUSY-UNAVAILABLE:20260608T080000Z/PT1H\n\
         FREEBUSY:20260609T080000Z/20260609T160000Z,20260610T080000Z/PT30M\n\
         FREEBUSY;FBTYPE=BUSY-TENTATIVE:20260611T080000Z/P1D\nEND:VFREEBUSY\n",
    );
    let away = |day: &str| busy.at(format!("{day}T08:10:00Z").parse().unwrap()).is_some();
    let found = ["2026-06-08", "2026-06-09", "2026-06-10", "2026-06-11"].map(away);
    assert_eq!(found, [true, true, false, false], "{busy:?}");
}

/// What each shows, what else is said of a series on Mondays, and the days of the first half of
/// June on which somebody is away. `@08` stands for nine o'clock on the 8th, in Berlin.
const CHANGES: [(&str, &str, &[i8]); 13] = [
    ("nothing else", "", &[1, 8, 15]),
    ("one is moved", "UID:a\nSEQUENCE:2\nRECURRENCE-ID@08\nDTSTART@09", &[1, 9, 15]),
    ("it has a higher SEQUENCE", "UID:a\nSEQUENCE:7\nRECURRENCE-ID@08\nDTSTART@09", &[1, 9, 15]),
    ("it has a lower one", "UID:a\nSEQUENCE:1\nRECURRENCE-ID@08\nDTSTART@09", &[1, 9, 15]),
    ("it has none", "UID:a\nRECURRENCE-ID:20260608T070000Z\nDTSTART@09", &[1, 9, 15]),
    (
        "one is free",
        "UID:a\nSEQUENCE:5\nRECURRENCE-ID@08\nDTSTART@08\nTRANSP:TRANSPARENT",
        &[1, 15],
    ),
    (
        "one is cancelled",
        "UID:a\nSEQUENCE:5\nRECURRENCE-ID@08\nDTSTART@08\nSTATUS:CANCELLED",
        &[1, 15],
    ),
    (
        "moved from then on",
        "UID:a\nSEQUENCE:5\nRECURRENCE-ID;RANGE=THISANDFUTURE@08\nDTSTART@09",
        &[1, 9, 16],
    ),
    (
        "one of another event is cancelled",
        "UID:b\nSEQUENCE:2\nRECURRENCE-ID@08\nDTSTART@08\nSTATUS:CANCELLED",
        &[1, 8, 15],
    ),
    (
        "a task is done",
        "UID:a\nSEQUENCE:2\nRECURRENCE-ID@08\nDTSTART@08\nCOMPLETED:20260601T070000Z",
        &[1, 8, 15],
    ),
    (
        "one is moved twice",
        "UID:a\nSEQUENCE:3\nRECURRENCE-ID@08\nDTSTART@09\n\n\
         UID:a\nSEQUENCE:4\nRECURRENCE-ID@08\nDTSTART@10",
        &[1, 10, 15],
    ),
    (
        "one is moved twice, and the last comes first",
        "UID:a\nSEQUENCE:4\nRECURRENCE-ID@08\nDTSTART@10\n\n\
         UID:a\nSEQUENCE:3\nRECURRENCE-ID:20260608T070000Z\nDTSTART@09",
        &[1, 10, 15],
    ),
    ("the series was something else before", "UID:a\nSEQUENCE:1\nDTSTART@04", &[1, 8, 15]),
];

#[test]
fn what_was_changed_takes_the_place_of_what_it_names() {
    for (case, changes, expected) in CHANGES {
        let mut events = vec![format!("BEGIN:VEVENT\nUID:a\nSEQUENCE:2\n{WEEKLY}\nEND:VEVENT\n")];
        for change in changes.split("\n\n").filter(|change| !change.is_empty()) {
            let kind = if change.contains("COMPLETED") { "VTODO" } else { "VEVENT" };
            let mut event = format!("BEGIN:{kind}\nDURATION:PT8H\n");
            for line in change.lines() {
                match line.split_once('@') {
                    Some((name, day)) => {
                        writeln!(event, "{name};TZID=Europe/Berlin:202606{day}T090000").unwrap();
                    }
                    None => writeln!(event, "{line}").unwrap(),
                }
            }
            events.push(format!("{event}END:{kind}\n"));
        }
        for order in ["the series first", "the series last"] {
            let busy = berlin(&events.concat());
            let noon = |day: &i8| format!("2026-06-{day:02}T10:00:00Z").parse().unwrap();
            let found: Vec<i8> = (1..17).filter(|day| busy.at(noon(day)).is_some()).collect();
            assert_eq!(found, expected, "{case}, {order}: {busy:?}");
            events.rotate_left(1);
        }
    }
}

/// A zone, what each shows, what else is said of a series at 22:00 in UTC, eight hours each time,
/// on Mondays from March on, and the days of the first half of June on which it begins.
const IN_UTC: [(&str, &str, &str, &[i8]); 8] = [
    ("Europe/Berlin", "nothing else", "", &[1, 8, 15]),
    ("America/Los_Angeles", "nothing else", "", &[1, 8, 15]),
    ("Asia/Tokyo", "nothing else", "", &[1, 8, 15]),
    ("Europe/Berlin", "but for one", "EXDATE:20260608T220000Z", &[1, 15]),
    (
        "America/Los_Angeles",
        "but for one, by another clock",
        "EXDATE;TZID=Europe/Berlin:20260609T000000",
        &[1, 15],
    ),
    ("Asia/Tokyo", "until one", "UNTIL=20260608T220000Z", &[1, 8]),
    ("Europe/Berlin", "one is moved", "RECURRENCE-ID:20260608T220000Z", &[1, 10, 15]),
    ("America/Los_Angeles", "one is moved", "RECURRENCE-ID:20260608T220000Z", &[1, 10, 15]),
];

#[test]
fn a_series_in_utc_repeats_in_utc_wherever_its_owner_is() {
    for (zone, case, said, expected) in IN_UTC {
        let part = |name: &str| Some(said).filter(|said| said.starts_with(name)).unwrap_or("");
        let until = part("UNTIL").replace("UNTIL", ";UNTIL");
        let mut events = format!(
            "BEGIN:VEVENT\nUID:a\nDTSTART:20260302T220000Z\nDURATION:PT8H\n\
             RRULE:FREQ=WEEKLY{until}\n{}\nEND:VEVENT\n",
            part("EXDATE")
        );
        if let id @ "RECURRENCE-ID:20260608T220000Z" = said {
            events += "BEGIN:VEVENT\nUID:a\nDTSTART:20260610T220000Z\nDURATION:PT8H\n";
            events += id;
            events += "\nEND:VEVENT\n";
        }
        let busy = calendar(&events, zone);
        let away = |day: &i8| {
            let begin: Timestamp = format!("2026-06-{day:02}T22:00:00Z").parse().unwrap();
            let end = begin + SignedDuration::from_hours(8);
            assert!(busy.at(begin).is_none_or(|span| span == (begin, end)), "{case}: {busy:?}");
            busy.at(begin).is_some()
        };
        let found: Vec<i8> = (1..17).filter(away).collect();
        assert_eq!(found, expected, "{zone}, {case}: {busy:?}");
    }
}

/// The hours of New York as Outlook writes them, and those of Delhi.
const NEW_YORK: &str = "BEGIN:STANDARD\nDTSTART:16011104T020000\n\
    RRULE:FREQ=YEARLY;BYDAY=1SU;BYMONTH=11\nTZOFFSETFROM:-0400\nTZOFFSETTO:-0500\nEND:STANDARD\n\
    BEGIN:DAYLIGHT\nDTSTART:16010311T020000\nRRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3\n\
    TZOFFSETFROM:-0500\nTZOFFSETTO:-0400\nEND:DAYLIGHT\n";
const DELHI: &str = "BEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0530\n\
    TZOFFSETTO:+0530\nEND:STANDARD\n";

/// The name of a zone, its VTIMEZONE, and when somebody whose own is Berlin's is away from nine
/// o'clock there; whether that is in doubt.
const ZONES: [(&str, &str, &str, bool); 8] = [
    ("America/New_York", "", "13:00", false),
    ("/freeassociation.sourceforge.net/America/New_York", "", "13:00", false),
    ("/citadel.org/20210210_1/America/Argentina/Salta", "", "12:00", false),
    ("\"tzone://Microsoft/Utc\"", "", "09:00", false),
    ("Customized Time Zone", NEW_YORK, "13:00", false),
    ("Customized Time Zone", DELHI, "03:30", false),
    ("Customized Time Zone", "", "07:00", true),
    ("Customized Time Zone", "BEGIN:STANDARD\nEND:STANDARD\n", "07:00", true),
];

#[test]
fn a_zone_is_known_by_its_name_or_by_its_hours_and_else_it_is_told() {
    for (zone, hours, begin, doubt) in ZONES {
        let mut events = format!(
            "BEGIN:VEVENT\nUID:a\nDTSTART;TZID={zone}:20200106T090000\nDURATION:PT8H\n\
             RRULE:FREQ=WEEKLY\nEND:VEVENT\n"
        );
        if !hours.is_empty() {
            events = format!("BEGIN:VTIMEZONE\nTZID:{zone}\n{hours}END:VTIMEZONE\n{events}");
        }
        let found = read(&whole(&events), &TimeZone::get("Europe/Berlin").unwrap()).unwrap();
        let begin: Timestamp = format!("2026-06-08T{begin}:00Z").parse().unwrap();
        assert_eq!(found.busy.at(begin).map(|span| span.0), Some(begin), "{zone} {found:?}");
        let told = found.doubt.is_some_and(|doubt| doubt.contains("`Customized Time Zone`"));
        assert_eq!(told, doubt, "{zone} {hours}");
    }
}

#[test]
fn a_zone_without_a_name_is_that_of_its_hours() {
    let event = "BEGIN:VEVENT\nUID:a\nDTSTART:20200106T090000\nDURATION:PT8H\n\
        RRULE:FREQ=WEEKLY\nEND:VEVENT\n";
    for (zone, begin) in [
        (TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap(), "07:00"),
        (TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap(), "13:00"),
        (TimeZone::fixed(jiff::tz::offset(9)), "00:00"),
    ] {
        let found = read(&whole(event), &zone).unwrap();
        let begin: Timestamp = format!("2026-06-08T{begin}:00Z").parse().unwrap();
        assert_eq!(found.busy.at(begin).map(|span| span.0), Some(begin), "{zone:?} {found:?}");
    }
    let nowhere = TimeZone::posix("ODD-5:17").unwrap();
    let wrong = read(&whole(event), &nowhere).unwrap_err();
    assert!(wrong.contains("write it as `zone` below `[working_hours]`"), "{wrong}");
}

/// What each shows, a line of an event on the 8th, and whether Amira is away then.
const GUESTS: [(&str, &str, bool); 5] = [
    ("she declined", "ATTENDEE;PARTSTAT=DECLINED:mailto:Amira@Callwise.example", false),
    ("she accepted", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:amira@callwise.example", true),
    ("she has not answered", "ATTENDEE:mailto:amira@callwise.example", true),
    ("another declined", "ATTENDEE;PARTSTAT=DECLINED:mailto:mara@callwise.example", true),
    (
        "she declined, another accepted",
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:mara@callwise.example\n\
         ATTENDEE;CN=Amira;PARTSTAT=DECLINED:MAILTO:amira@callwise.example",
        false,
    ),
];

#[test]
fn what_its_owner_declined_is_no_absence() {
    for (case, lines, away) in GUESTS {
        let busy = berlin(&format!("BEGIN:VEVENT\nUID:a\n{WHOLE}\n{lines}\nEND:VEVENT\n"));
        let found = busy.at("2026-06-08T12:00:00Z".parse().unwrap());
        assert_eq!(found.is_some(), away, "{case}: {busy:?}");
    }
}

#[test]
fn all_calendars_of_a_text_are_read_and_none_that_is_cut_off() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let event = |uid: &str, day: &str| {
        whole(&format!("BEGIN:VEVENT\nUID:{uid}\nDTSTART;VALUE=DATE:{day}\nEND:VEVENT\n"))
    };
    let text = event("a", "20260608") + &event("b", "20260610") + "\r\n";
    let found = read(&text, &berlin).unwrap();
    assert_eq!(found.busy.len(), 2, "{found:?}");
    let first = event("a", "20260608").len();
    for end in 1..text.len() - 4 {
        let read = read(&text[..end], &berlin);
        // Where the first ends, half a text can't be told from a whole one.
        let whole = (first - 2..=first + "BEGIN:VCALENDA".len()).contains(&end);
        assert_eq!(read.is_ok(), whole, "{end}: {read:?}");
    }
}

#[test]
fn events_without_a_name_are_all_different() {
    let busy = berlin(
        "BEGIN:VEVENT\nDTSTART;VALUE=DATE:20260608\nEND:VEVENT\n\
         BEGIN:VEVENT\nSEQUENCE:3\nDTSTART;VALUE=DATE:20260610\nEND:VEVENT\n",
    );
    assert_eq!(busy.len(), 2, "{busy:?}");
}

/// What each shows, an event of a calendar of holidays, and the days that are one, in Berlin.
const HOLIDAYS: [(&str, &str, &[&str]); 10] = [
    ("a whole day", "DTSTART;VALUE=DATE:20261225", &["2026-12-25"]),
    ("two", "DTSTART;VALUE=DATE:20261225\nDURATION:P2D", &["2026-12-25", "2026-12-26"]),
    (
        "from midnight to midnight",
        "DTSTART;TZID=Europe/Berlin:20261225T000000\nDTEND;TZID=Europe/Berlin:20261226T000000",
        &["2026-12-25"],
    ),
    (
        "by another clock",
        "DTSTART;TZID=Pacific/Auckland:20261225T000000\nDURATION:P2D",
        &["2026-12-25", "2026-12-26"],
    ),
    (
        "by no clock",
        "DTSTART:20261225T000000\nDTEND:20261227T000000",
        &["2026-12-25", "2026-12-26"],
    ),
    ("in UTC", "DTSTART:20261224T230000Z\nDTEND:20261225T230000Z", &["2026-12-25"]),
    (
        "a day of 25 hours",
        "DTSTART;TZID=Europe/Berlin:20261025T000000\nDTEND;TZID=Europe/Berlin:20261026T000000",
        &["2026-10-25"],
    ),
    (
        "a day of 25 hours, in UTC",
        "DTSTART:20261024T220000Z\nDTEND:20261025T230000Z",
        &["2026-10-25"],
    ),
    (
        "a whole day every year, until one",
        "DTSTART;VALUE=DATE:20201225\nRRULE:FREQ=YEARLY;UNTIL=20261225",
        &["2026-12-25"],
    ),
    (
        "every year",
        "DTSTART;TZID=Europe/Berlin:20201225T000000\nDTEND;TZID=Europe/Berlin:20201226T000000\n\
         RRULE:FREQ=YEARLY",
        &["2026-12-25", "2027-12-25"],
    ),
];

#[test]
fn a_holiday_is_on_the_day_that_its_calendar_shows() {
    let source = |name: &str, text: String| SourceText { name: name.to_owned(), text };
    let rules = Rules {
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        holidays: Some("de".to_owned()),
        ..Rules::default()
    };
    let amira = EmailAddress::parse("amira@callwise.example").unwrap();
    for (case, event, expected) in HOLIDAYS {
        let calendar = format!(
            "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:1\n{event}\nEND:VEVENT\nEND:VCALENDAR\n"
        );
        let files = DirectoryFiles {
            people: Some(source("people.csv", format!("person\n{amira}\n"))),
            holidays: [("de".to_owned(), source("de.ics", calendar))].into(),
            ..DirectoryFiles::default()
        };
        let (directory, findings) = Directory::build(&files, &rules).unwrap();
        assert_eq!(findings, [], "{case}");
        let is_holiday = |day: &Date| {
            let noon = day.at(12, 0, 0, 0).to_zoned(rules.zone.clone()).unwrap().timestamp();
            let absence = directory.absence(&amira, &Present::at(noon));
            matches!(absence, Some(Skipped::Holiday { .. }))
        };
        let days = date(2026, 10, 1).series(1.day()).take(500).filter(is_holiday);
        let days: Vec<String> = days.map(|day| day.to_string()).collect();
        assert_eq!(days, expected, "{case}");
    }
}

#[test]
fn a_calendar_that_never_ends_is_read_in_bounded_time() {
    let began = Instant::now();
    let mut events = String::new();
    for n in 0..200 {
        write!(
            events,
            "BEGIN:VEVENT\nUID:{n}@x\nDTSTAMP:20260101T000000Z\nDTSTART:20100101T080000Z\n\
             DURATION:PT8H\nRRULE:FREQ=DAILY\nEND:VEVENT\n"
        )
        .unwrap();
    }
    events += "BEGIN:VEVENT\nUID:s@x\nDTSTAMP:20260101T000000Z\nDTSTART:20100101T080000Z\n\
        RRULE:FREQ=SECONDLY\nEND:VEVENT\n";
    let busy = berlin(&events);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert!(busy.at("2026-06-08T10:00:00Z".parse().unwrap()).is_some());
    for text in ["", "hello", "BEGIN:VCARD\r\nEND:VCARD\r\n"] {
        assert!(read(text, &TimeZone::UTC).is_err(), "{text}");
    }
}
