//! Lists, details, counts, dictionaries, and what the ledger refuses to change.

use std::collections::BTreeMap;

use super::*;
use postroom::learn::Labelled;
use postroom::mail::Oddity;
use postroom::rim::ledger::{Pages, answers};
use postroom::seams::{Amendment, Counts, Event, Outcome, Progress, Questions, TicketFilter};

pub(super) async fn a_ticket_reads_back_as_it_was_recorded(ground: Ground) {
    let fence = ground.fence().await;
    let mut given = entry(1);
    given.mail.kind = Kind::Calendar;
    given.mail.oddities = [Oddity::NulBytes, Oddity::HtmlOnly].into();
    given.mail.size = u64::from(u32::MAX) + 1;
    given.decision = Decision {
        target: Target::Person(EmailAddress::parse("ann@postroom.example").unwrap()),
        reason: Reason::AccountManager,
    };
    let ticket = ground.recorded(&fence, &given).await;
    let detail = ground.store.ticket(ticket).await.unwrap();
    assert_eq!(detail.key, given.mail.key.to_string());
    assert_eq!(detail.size, given.mail.size);
    assert_eq!(detail.received, given.received);
    assert_eq!(detail.text, Some(given.mail.text));
    assert_eq!(detail.oddities, given.mail.oddities);
    assert_eq!(detail.evidence, given.evidence, "to the last bit");
    let decided = Happening::Decided { decision: given.decision.clone() };
    assert_eq!(detail.events, [Event { at: at(0), what: decided }]);
    let listed = detail.ticket;
    assert_eq!((listed.id, listed.recorded), (ticket, at(0)));
    assert_eq!((listed.message_id, listed.sender), (given.mail.message_id, given.mail.sender));
    assert_eq!((listed.subject, listed.kind), (given.mail.subject, Kind::Calendar));
    assert_eq!((listed.decision, listed.progress), (given.decision, Progress::Waiting));
    let verdict = given.evidence.verdict.unwrap();
    assert_eq!(listed.confidence, Some(verdict.confidence));
    assert_eq!(listed.best_team.as_deref(), Some("infrastructure"));

    let bare = Evidence { verdict: None, threshold: None, ..evidence() };
    let mut given = Entry { received: None, evidence: bare, ..question(2) };
    given.mail.message_id = None;
    given.mail.sender = None;
    let ticket = ground.recorded(&fence, &given).await;
    let detail = ground.store.ticket(ticket).await.unwrap();
    assert_eq!((&detail.ticket.message_id, &detail.ticket.sender), (&None, &None));
    assert_eq!((detail.received, detail.ticket.progress), (None, Progress::Stays));
    assert_eq!((detail.ticket.confidence, detail.ticket.best_team), (None, None));
}

pub(super) async fn tickets_are_listed_in_pages(ground: Ground) {
    let fence = ground.fence().await;
    // Odd numbers are questions, even ones infrastructure's.
    let entries: Vec<Entry> =
        (1..=9).map(|n| if n % 2 == 1 { question(n) } else { entry(n) }).collect();
    ground.record(&fence, &entries).await;
    let all = TicketFilter { limit: 100, ..TicketFilter::default() };
    let questions = TicketFilter { target: Some("assist".to_owned()), ..all.clone() };
    let before =
        |id, filter: &TicketFilter| TicketFilter { before: Some(TicketId(id)), ..filter.clone() };
    let team = TicketFilter { to: Some("infrastructure".to_owned()), ..all.clone() };
    let both = TicketFilter { target: Some("team".to_owned()), ..team.clone() };
    let nobody = TicketFilter { to: Some("billing".to_owned()), ..all.clone() };
    let oldest = |filter: &TicketFilter| TicketFilter { oldest_first: true, ..filter.clone() };
    for (filter, expected) in [
        (all.clone(), vec![9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (TicketFilter { limit: 2, ..all.clone() }, vec![9, 8]),
        (TicketFilter { limit: 0, ..all.clone() }, vec![]),
        (TicketFilter { limit: 2, ..oldest(&all) }, vec![1, 2]),
        (before(4, &all), vec![3, 2, 1]),
        (questions.clone(), vec![9, 7, 5, 3, 1]),
        (oldest(&questions), vec![1, 3, 5, 7, 9]),
        (TicketFilter { limit: 2, ..before(7, &questions) }, vec![5, 3]),
        (team, vec![8, 6, 4, 2]),
        (before(8, &both), vec![6, 4, 2]),
        (nobody, vec![]),
    ] {
        let listed = ground.store.tickets(&filter).await.unwrap();
        let numbers: Vec<i64> = listed.iter().map(|ticket| ticket.id.0).collect();
        assert_eq!(numbers, expected, "{filter:?}");
    }
}

/// A person says that the ticket's mail belongs to billing.
async fn answer(ground: &Ground, ticket: i64, instead_of: Decision) {
    let answered = Amendment {
        ticket: TicketId(ticket),
        instead_of,
        decision: Decision { reason: Reason::Answered, ..team("billing") },
        evidence: None,
        customer: None,
        action: Some(to_folder("Teams/billing")),
        by: "Ann".to_owned(),
    };
    ground.store.amend(&answered, at(7)).await.unwrap();
}

pub(super) async fn details_are_those_of_each_ticket(ground: Ground) {
    let fence = ground.fence().await;
    // More than two pages, and more than one statement takes.
    let mut entries: Vec<Entry> = (1..=1_003).map(entry).collect();
    entries[4] = question(5);
    ground.record(&fence, &entries).await;
    let copy = Entry { place: place("support", 1, 2_000), ..entry(5) };
    ground.record(&fence, &[copy]).await;
    answer(&ground, 5, assist()).await;
    ground.store.forget_texts(at(1)).await.unwrap();
    let mut pages = Pages::of(&*ground.store, TicketFilter::default());
    let mut seen = Vec::new();
    loop {
        let page = pages.next().await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    let numbers: Vec<i64> = seen.iter().map(|detail| detail.ticket.id.0).collect();
    assert_eq!(numbers, (1..=1_003).rev().collect::<Vec<_>>());
    for number in [1, 5, 500, 1_003] {
        let alone = ground.store.ticket(TicketId(number)).await.unwrap();
        let found = seen.iter().find(|detail| detail.ticket.id.0 == number);
        assert_eq!(found, Some(&alone));
    }
    let five = ground.store.ticket(TicketId(5)).await.unwrap();
    assert_eq!((five.places.len(), five.events.len()), (2, 3));
    assert_eq!(five.by_rules(), Some(&assist()), "the person's word is not the rules'");
}

pub(super) async fn answers_are_read_as_labelled_mail(ground: Ground) {
    let none = answers(&*ground.store, &|_| ()).await.unwrap();
    assert_eq!((none.mails.len(), none.asked), (0, 0));
    let fence = ground.fence().await;
    ground.record(&fence, &[question(1), entry(2), question(3), entry(4)]).await;
    answer(&ground, 1, assist()).await;
    // As when somebody looks through what was routed by itself.
    answer(&ground, 2, team("infrastructure")).await;
    let found = answers(&*ground.store, &|_| ()).await.unwrap();
    let expected = |number: u32| Labelled {
        id: number.to_string(),
        subject: mail(number).subject,
        text: mail(number).text,
        team: TeamId::parse("billing").unwrap(),
    };
    assert_eq!(found.mails, [expected(1), expected(2)], "oldest first");
    assert_eq!((found.asked, found.forgotten), (1, 0));
    ground.store.forget_texts(at(1_000)).await.unwrap();
    let found = answers(&*ground.store, &|_| ()).await.unwrap();
    assert_eq!((found.mails.len(), found.forgotten), (0, 2));
}

pub(super) async fn counts_tell_targets_reasons_and_jobs(ground: Ground) {
    assert_eq!(ground.store.counts().await.unwrap(), Counts::default());
    let fence = ground.fence().await;
    let store = &ground.store;
    store.record(&fence, &[entry(1), question(2)], None, at(5)).await.unwrap();
    store.record(&fence, &[entry(3), entry(4)], None, at(6)).await.unwrap();
    ground.store.claim(&fence, 1, at(9)).await.unwrap();
    let count = |target: &str, reason: &str, n| ((target.to_owned(), reason.to_owned()), n);
    let expected = Counts {
        tickets: [count("assist", "below_threshold", 1), count("team", "confident", 3)].into(),
        jobs_waiting: 3,
        oldest_job: Some(at(5)),
        questions: Questions { waiting: 1, oldest: Some((TicketId(2), at(5))) },
    };
    assert_eq!(ground.store.counts().await.unwrap(), expected);
}

pub(super) async fn questions_wait_since_they_are_questions(ground: Ground) {
    let store = &ground.store;
    let oldest = async || {
        let Questions { waiting, oldest } = store.questions().await.unwrap();
        (waiting, oldest.map(|(ticket, since)| (ticket.0, since)))
    };
    assert_eq!(oldest().await, (0, None));
    let fence = ground.fence().await;
    store.record(&fence, &[entry(1), question(2)], None, at(1)).await.unwrap();
    store.record(&fence, &[question(3)], None, at(2)).await.unwrap();
    assert_eq!(oldest().await, (2, Some((2, at(1)))));
    let amend = async |ticket: i64, was: Decision, decision: Decision, now: i64| {
        let (ticket, by) = (TicketId(ticket), "Ann".to_owned());
        let change = Amendment {
            ticket,
            instead_of: was,
            decision,
            customer: None,
            evidence: None,
            action: None,
            by,
        };
        store.amend(&change, at(now)).await.unwrap();
    };
    let other = Decision { reason: Reason::NoEvidence, ..assist() };
    amend(2, assist(), other.clone(), 3).await;
    assert_eq!(oldest().await, (2, Some((2, at(1)))), "decided again, it is the same question");
    amend(2, other, team("billing"), 4).await;
    assert_eq!(oldest().await, (1, Some((3, at(2)))), "answered");
    amend(2, team("billing"), assist(), 5).await;
    assert_eq!(oldest().await, (2, Some((3, at(2)))), "taken back, it waits since then");
    amend(3, assist(), team("billing"), 6).await;
    assert_eq!(oldest().await, (1, Some((2, at(5)))));
    amend(2, assist(), team("billing"), 7).await;
    assert_eq!(oldest().await, (0, None));
    // A delivery that is given up makes a question when it is, not when its mail came.
    let jobs = ground.claim(&fence, at(8)).await;
    let outcomes: Vec<_> =
        jobs.iter().map(|job| (job.id, Outcome::GiveUp { why: "gone".to_owned() })).collect();
    store.settle(&fence, &outcomes, at(9)).await.unwrap();
    assert_eq!(oldest().await, (1, Some((1, at(9)))));
}

pub(super) async fn questions_of_an_older_ledger_wait_since_then(ground: Ground) {
    let fence = ground.fence().await;
    ground.store.record(&fence, &[entry(1), question(2)], None, at(1)).await.unwrap();
    ground.store.record(&fence, &[question(3)], None, at(2)).await.unwrap();
    let change = |instead_of: Decision, decision: Decision| Amendment {
        ticket: TicketId(2),
        instead_of,
        decision,
        customer: None,
        evidence: None,
        action: None,
        by: "Ann".to_owned(),
    };
    let other = Decision { reason: Reason::NoEvidence, ..assist() };
    ground.store.amend(&change(assist(), team("billing")), at(3)).await.unwrap();
    ground.store.amend(&change(team("billing"), assist()), at(4)).await.unwrap();
    ground.store.amend(&change(assist(), other), at(5)).await.unwrap();
    // As it was before it kept that.
    ground.behind("DROP INDEX tickets_that_wait").await.unwrap();
    ground.behind("ALTER TABLE tickets DROP COLUMN waits_since").await.unwrap();
    ground.behind("DELETE FROM _sqlx_migrations WHERE version = 4").await.unwrap();
    let store = ground.another().await;
    let both = Questions { waiting: 2, oldest: Some((TicketId(3), at(2))) };
    assert_eq!(store.questions().await.unwrap(), both);
    let answer = Amendment { ticket: TicketId(3), ..change(assist(), team("billing")) };
    store.amend(&answer, at(6)).await.unwrap();
    let left = Questions { waiting: 1, oldest: Some((TicketId(2), at(4))) };
    assert_eq!(store.questions().await.unwrap(), left);
}

pub(super) async fn events_can_only_be_added(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let before = ground.happenings(ticket).await;
    for sql in ["UPDATE events SET what = '{}'", "DELETE FROM events"] {
        let error = ground.behind(sql).await.unwrap_err().to_string();
        assert!(error.contains("events are only ever added"), "{sql}: {error}");
    }
    assert_eq!(ground.happenings(ticket).await, before);
}

pub(super) async fn dictionaries_are_kept_as_they_were(ground: Ground) {
    let version = Version("0123456789abcdef".to_owned());
    assert_eq!(ground.store.dictionaries(&version).await.unwrap(), None);
    let text = "team infrastructure\nname \0 \u{fffd} \"quoted\"\r\n".to_owned();
    let files = BTreeMap::from([("infrastructure.dict".to_owned(), text)]);
    for _ in 0..2 {
        ground.store.keep_dictionaries(&version, &files, at(0)).await.unwrap();
        assert_eq!(ground.store.dictionaries(&version).await.unwrap(), Some(files.clone()));
    }
    let empty = Version("0".to_owned());
    ground.store.keep_dictionaries(&empty, &BTreeMap::new(), at(0)).await.unwrap();
    assert_eq!(ground.store.dictionaries(&empty).await.unwrap(), Some(BTreeMap::new()));
}

pub(super) async fn forgetting_texts_leaves_questions_alone(ground: Ground) {
    let fence = ground.fence().await;
    let store = &ground.store;
    store.record(&fence, &[entry(1), question(2)], None, at(0)).await.unwrap();
    store.record(&fence, &[entry(3)], None, at(10)).await.unwrap();
    assert_eq!(store.forget_texts(at(0)).await.unwrap(), 0);
    assert_eq!(store.forget_texts(at(10)).await.unwrap(), 1);
    assert_eq!(store.forget_texts(at(10)).await.unwrap(), 0);
    for (ticket, kept) in [(1, false), (2, true), (3, true)] {
        let detail = store.ticket(TicketId(ticket)).await.unwrap();
        assert_eq!(detail.text.is_some(), kept, "ticket {ticket}");
        assert_eq!(detail.evidence, evidence());
    }
    // The time runs from the last decision: just now somebody needed the text.
    let answer = Amendment {
        ticket: TicketId(2),
        instead_of: assist(),
        decision: team("billing"),
        customer: None,
        evidence: None,
        action: None,
        by: "Ann".to_owned(),
    };
    store.amend(&answer, at(20)).await.unwrap();
    assert_eq!(store.forget_texts(at(20)).await.unwrap(), 1, "that of the third");
    assert_eq!(store.forget_texts(at(21)).await.unwrap(), 1);
}

pub(super) async fn a_ledger_opens_again(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let again = ground.another().await;
    assert_eq!(again.ticket(ticket).await.unwrap(), ground.store.ticket(ticket).await.unwrap());
}

pub(super) async fn a_ledger_of_a_newer_version_is_refused(ground: Ground) {
    let newer = "UPDATE _sqlx_migrations SET version = 99 \
                 WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    ground.behind(newer).await.unwrap();
    let error = open(&ground.settings).await.err().expect("refused").to_string();
    assert!(error.contains("a newer Postroom"), "{error}");
}
