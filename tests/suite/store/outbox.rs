//! Leases, claims and outcomes.

use super::*;
use postroom::seams::{Amendment, JobId, Outcome, Progress, Proof};
use std::collections::BTreeMap;

fn done(place: Option<Place>) -> Outcome {
    Outcome::Done { place, proof: Proof::CopyUid }
}

fn retry(seconds: u64) -> Outcome {
    Outcome::Retry { why: "no answer".to_owned(), after: Duration::from_secs(seconds) }
}

fn give_up() -> Outcome {
    Outcome::GiveUp { why: "no such folder".to_owned() }
}

async fn progress(ground: &Ground, ticket: TicketId) -> Progress {
    ground.store.ticket(ticket).await.unwrap().ticket.progress
}

pub(super) async fn a_lease_is_renewed_and_handed_on(ground: Ground) {
    let lease = async |holder, now| lease(&*ground.store, "support", holder, at(now)).await;
    let first = lease("one", 0).await.unwrap();
    assert_eq!(first.number, 1);
    assert_eq!(lease("one", 20).await.as_ref(), Some(&first), "renewed until 50");
    if !ground.embedded {
        assert_eq!(lease("two", 49).await, None, "it is held");
    }
    let second = lease("two", 50).await.unwrap();
    assert_eq!(second.number, 2);
    // A release by who lost it is none.
    ground.store.release(&first).await.unwrap();
    ground.store.record(&second, &[entry(1)], None, at(50)).await.unwrap();
    ground.store.release(&second).await.unwrap();
    let stale = ground.store.record(&second, &[entry(2)], None, at(50)).await;
    assert!(is_fenced(&stale), "{stale:?}");
    assert_eq!(lease("two", 51).await.unwrap().number, 3, "given back, it is another right");
    assert_eq!(ground.fence_of("sales").await.number, 1, "each source has its own");
}

pub(super) async fn a_stale_fence_is_refused_everywhere(ground: Ground) {
    let stale = ground.fence().await;
    ground.recorded(&stale, &entry(1)).await;
    let job = ground.claim(&stale, at(0)).await[0].id;
    let current = lease(&*ground.store, "support", "two", at(31)).await.unwrap();
    let recorded = ground.store.record(&stale, &[entry(2)], Some(upto(2)), at(31)).await;
    assert!(is_fenced(&recorded), "{recorded:?}");
    let tried = ground.store.would_record(&stale, &[entry(2)], at(31)).await;
    assert!(is_fenced(&tried), "{tried:?}");
    let claimed = ground.store.claim(&stale, 10, at(31)).await;
    assert!(is_fenced(&claimed), "{claimed:?}");
    let settled = ground.store.settle(&stale, &[(job, done(None))], at(31)).await;
    assert!(is_fenced(&settled), "{settled:?}");
    assert_eq!(ground.store.cursor(&stale.source).await.unwrap(), Cursor::default());
    assert_eq!(ground.store.counts().await.unwrap().jobs_waiting, 1);
    ground.store.record(&current, &[entry(2)], Some(upto(2)), at(31)).await.unwrap();
    for forged in [
        Fence { holder: "three".to_owned(), ..current.clone() },
        Fence { number: current.number + 1, ..current.clone() },
    ] {
        assert!(is_fenced(&ground.store.claim(&forged, 10, at(31)).await));
    }
}

pub(super) async fn a_job_is_claimed_once(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    assert_eq!(progress(&ground, ticket).await, Progress::Waiting);
    let claimed = ground.claim(&fence, at(0)).await;
    let job = Job {
        id: JobId(1),
        ticket,
        place: entry(1).place,
        key: entry(1).mail.key,
        size: 5_000,
        action: to_folder("Teams/infrastructure"),
        message_id: entry(1).mail.message_id,
        is_repeat: false,
        rung: None,
        attempt: 1,
    };
    assert_eq!(claimed, std::slice::from_ref(&job));
    assert_eq!(progress(&ground, ticket).await, Progress::UnderWay);
    assert_eq!(ground.claim(&fence, at(1)).await, []);
    // Whoever takes over looks at it again at once.
    let next = lease(&*ground.store, "support", "two", at(31)).await.unwrap();
    assert_eq!(ground.claim(&next, at(31)).await, [Job { attempt: 2, ..job }]);
    assert_eq!(ground.store.claim(&next, 0, at(31)).await.unwrap(), []);
    let sales = ground.fence_of("sales").await;
    assert_eq!(ground.claim(&sales, at(31)).await, [], "not its source");
}

pub(super) async fn a_claim_whose_answer_was_lost_lapses(ground: Ground) {
    let fence = ground.fence().await;
    ground.recorded(&fence, &entry(1)).await;
    ground.claim(&fence, at(0)).await;
    assert_eq!(ground.claim(&fence, at(14 * 60)).await, []);
    let again = ground.claim(&fence, at(15 * 60)).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].attempt, 2);
}

pub(super) async fn a_delivered_mail_lies_where_it_was_moved(ground: Ground) {
    let fence = ground.fence().await;
    let somewhere = Place { name: String::new(), ..moved(0) };
    for (n, to, lies) in [
        (1, Some(moved(11)), moved(11)),
        (2, None, entry(2).place),
        (3, Some(somewhere.clone()), somewhere.clone()),
        (4, Some(somewhere.clone()), somewhere),
    ] {
        let ticket = ground.recorded(&fence, &entry(n)).await;
        let job = ground.claim(&fence, at(0)).await[0].id;
        ground.store.settle(&fence, &[(job, done(to))], at(5)).await.unwrap();
        let detail = ground.store.ticket(ticket).await.unwrap();
        assert_eq!(detail.places, [lies]);
        assert_eq!(detail.ticket.progress, Progress::Delivered);
        let last = detail.events.last().unwrap();
        let action = to_folder("Teams/infrastructure");
        assert_eq!(last.what, Happening::Delivered { action, proof: Proof::CopyUid });
        assert_eq!(last.at, at(5));
        assert_eq!(ground.claim(&fence, at(9_999)).await, []);
    }
}

pub(super) async fn a_failed_delivery_waits_its_time(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let job = ground.claim(&fence, at(0)).await[0].id;
    ground.store.settle(&fence, &[(job, retry(60))], at(0)).await.unwrap();
    assert_eq!(progress(&ground, ticket).await, Progress::Waiting);
    assert_eq!(ground.claim(&fence, at(59)).await, []);
    assert_eq!(ground.claim(&fence, at(60)).await[0].attempt, 2);
    ground.store.settle(&fence, &[(job, retry(0))], at(60)).await.unwrap();
    assert_eq!(ground.claim(&fence, at(60)).await[0].attempt, 3);
    let failed = |attempt| Happening::DeliveryFailed { why: "no answer".to_owned(), attempt };
    assert_eq!(ground.happenings(ticket).await[1..], [failed(1), failed(2)]);
}

pub(super) async fn a_copy_whose_first_is_gone_takes_its_place(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    assert_eq!(ground.store.first_copies(&[ticket]).await.unwrap().len(), 0, "it is to be moved");
    let job = ground.claim(&fence, at(0)).await.remove(0);
    assert!(!job.is_repeat);
    let done = Outcome::Done { place: Some(moved(11)), proof: Proof::CopyUid };
    ground.store.settle(&fence, &[(job.id, done)], at(0)).await.unwrap();
    let first = ground.store.first_copies(&[ticket]).await.unwrap();
    assert_eq!((&first[&ticket].place, first[&ticket].key), (&moved(11), entry(1).mail.key));

    let back = Entry { place: place("support", 1, 7), ..entry(1) };
    assert_eq!(ground.record_one(&fence, &back).await, Recorded::Repeat(ticket));
    let repeat = ground.claim(&fence, at(1)).await.remove(0);
    assert!(repeat.is_repeat);
    let decision = Decision { target: Target::Assist, reason: Reason::CameBack };
    let amendment = Amendment {
        ticket,
        instead_of: entry(1).decision,
        decision: decision.clone(),
        evidence: None,
        customer: None,
        action: Some(to_folder("Assist")),
        by: "postroom".to_owned(),
    };
    let came = ground.store.came_back(&fence, &repeat, Some(&amendment), at(1)).await;
    came.unwrap();
    let again = ground.store.came_back(&fence, &repeat, None, at(1)).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    assert_eq!(ground.store.ticket(ticket).await.unwrap().ticket.decision, decision);
    let jobs = ground.claim(&fence, at(1)).await;
    let what: Vec<_> = jobs.iter().map(|job| (&job.place, &job.action, job.is_repeat)).collect();
    assert_eq!(what, [(&back.place, &to_folder("Assist"), false)], "and nothing for Repeats");
    assert_eq!(ground.record_one(&fence, &back).await, Recorded::Known(ticket));
}

pub(super) async fn a_copy_takes_over_from_a_mailbox_that_nobody_attends_to(ground: Ground) {
    let (old, new) = (ground.fence().await, ground.fence_of("helpdesk").await);
    let ticket = ground.recorded(&old, &entry(1)).await;
    ground.recorded(&old, &question(2)).await;
    let unsettled = async || ground.store.unsettled().await.unwrap();
    let waiting = |source: &str, count| (SourceId(source.to_owned()), count);
    assert_eq!(unsettled().await, BTreeMap::from([waiting("support", 2)]));

    let renamed = Entry { place: place("helpdesk", 1, 1), ..entry(1) };
    assert_eq!(ground.record_one(&new, &renamed).await, Recorded::Repeat(ticket));
    let repeat = ground.claim(&new, at(1)).await.remove(0);
    let as_it_was = Amendment {
        ticket,
        instead_of: entry(1).decision,
        decision: entry(1).decision,
        evidence: None,
        customer: None,
        action: entry(1).action,
        by: "postroom".to_owned(),
    };
    let early = ground.store.came_back(&new, &repeat, Some(&as_it_was), at(1)).await;
    assert!(matches!(early, Err(StoreError::Conflict { .. })), "it is attended to: {early:?}");
    ground.store.release(&old).await.unwrap();
    ground.store.came_back(&new, &repeat, Some(&as_it_was), at(2)).await.unwrap();
    let jobs = ground.claim(&new, at(2)).await;
    let what: Vec<_> = jobs.iter().map(|job| (&job.place, job.is_repeat)).collect();
    assert_eq!(what, [(&renamed.place, false)]);
    assert_eq!(unsettled().await, BTreeMap::from([waiting("support", 1), waiting("helpdesk", 1)]));
}

pub(super) async fn a_wait_by_a_clock_that_was_ahead_is_over(ground: Ground) {
    let fence = ground.fence().await;
    ground.recorded(&fence, &entry(1)).await;
    let next_year = at(365 * 24 * 60 * 60);
    let job = ground.claim(&fence, next_year).await[0].id;
    ground.store.settle(&fence, &[(job, retry(60))], next_year).await.unwrap();
    assert_eq!(ground.claim(&fence, at(0)).await.len(), 1);
}

pub(super) async fn a_wait_is_no_try(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let wait = Outcome::Wait { why: "no answer".to_owned(), after: Duration::from_mins(1) };
    let job = ground.claim(&fence, at(0)).await[0].id;
    for minute in 1..=30 {
        ground.store.settle(&fence, &[(job, wait.clone())], at(60 * (minute - 1))).await.unwrap();
        assert_eq!(progress(&ground, ticket).await, Progress::Waiting);
        assert_eq!(ground.claim(&fence, at(60 * minute - 1)).await, []);
        assert_eq!(ground.claim(&fence, at(60 * minute)).await[0].attempt, 1);
    }
    assert_eq!(ground.happenings(ticket).await.len(), 1, "nothing happened");
}

pub(super) async fn a_delivery_given_up_becomes_a_question(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let job = ground.claim(&fence, at(0)).await[0].id;
    ground.store.settle(&fence, &[(job, give_up())], at(0)).await.unwrap();
    let detail = ground.store.ticket(ticket).await.unwrap();
    let decision = Decision { target: Target::Assist, reason: Reason::Undeliverable };
    assert_eq!(detail.ticket.decision, decision);
    assert_eq!(detail.ticket.progress, Progress::Failed);
    assert_eq!(detail.evidence, evidence(), "it still says why it was to go there");
    assert_eq!(
        ground.happenings(ticket).await[1..],
        [
            Happening::DeliveryGivenUp { why: "no such folder".to_owned() },
            Happening::DecidedAgain { decision, by: "postroom".to_owned() },
        ]
    );
    assert_eq!(ground.claim(&fence, at(9_999)).await, []);
}

pub(super) async fn an_answer_that_knew_its_mail_to_be_gone_stands(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let answered = Decision { reason: Reason::Answered, ..team("billing") };
    let answer = async |instead_of: Decision| {
        let amendment = Amendment {
            ticket,
            instead_of,
            decision: answered.clone(),
            evidence: None,
            customer: None,
            action: Some(to_folder("Teams/billing")),
            by: "Ann".to_owned(),
        };
        ground.store.amend(&amendment, at(1)).await.unwrap();
    };
    let not_found = async || {
        let gone = Outcome::Gone { why: "no longer in its folder".to_owned() };
        let job = ground.claim(&fence, at(2)).await[0].id;
        ground.store.settle(&fence, &[(job, gone)], at(2)).await.unwrap();
        assert_eq!(progress(&ground, ticket).await, Progress::Failed);
        ground.store.ticket(ticket).await.unwrap().ticket.decision
    };
    answer(entry(1).decision).await;
    let question = Decision { target: Target::Assist, reason: Reason::MailGone };
    assert_eq!(not_found().await, question, "whoever answered did not know");
    answer(question).await;
    assert_eq!(not_found().await, answered);
    assert_eq!(ground.store.questions().await.unwrap().waiting, 0);
    let why = "no longer in its folder, as was known when it was answered".to_owned();
    let last = Happening::DeliveryGivenUp { why };
    assert_eq!(ground.happenings(ticket).await.last(), Some(&last));
}

pub(super) async fn a_copy_that_is_given_up_changes_no_decision(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    ground.record_one(&fence, &Entry { place: place("support", 1, 2), ..entry(1) }).await;
    let jobs = ground.claim(&fence, at(0)).await;
    let results = [(jobs[0].id, done(Some(moved(11)))), (jobs[1].id, give_up())];
    ground.store.settle(&fence, &results, at(0)).await.unwrap();
    let detail = ground.store.ticket(ticket).await.unwrap();
    assert_eq!(detail.ticket.decision, entry(1).decision);
    assert_eq!(detail.ticket.progress, Progress::Delivered);
    let given_up = Happening::DeliveryGivenUp { why: "no such folder".to_owned() };
    assert_eq!(ground.happenings(ticket).await.last(), Some(&given_up), "but it is not forgotten");
}

pub(super) async fn an_outcome_counts_once_and_for_its_own_source(ground: Ground) {
    let fence = ground.fence().await;
    let sales = ground.fence_of("sales").await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let job = ground.claim(&fence, at(0)).await[0].id;
    ground.store.settle(&sales, &[(job, give_up())], at(0)).await.unwrap();
    assert_eq!(progress(&ground, ticket).await, Progress::UnderWay, "not the other's to settle");
    let results = [(JobId(999), give_up()), (job, done(None)), (job, give_up())];
    ground.store.settle(&fence, &results, at(0)).await.unwrap();
    ground.store.settle(&fence, &[(job, give_up())], at(0)).await.unwrap();
    ground.store.settle(&fence, &[], at(0)).await.unwrap();
    assert_eq!(progress(&ground, ticket).await, Progress::Delivered);
    assert_eq!(ground.happenings(ticket).await.len(), 2);
}

pub(super) async fn two_copies_may_end_up_in_one_place(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let copies = [2, 3].map(|uid| Entry { place: place("support", 1, uid), ..entry(1) });
    ground.record(&fence, &copies).await;
    let jobs = ground.claim(&fence, at(0)).await;
    assert_eq!(jobs.len(), 3);
    let both: Vec<_> = jobs[..2].iter().map(|job| (job.id, done(Some(moved(11))))).collect();
    ground.store.settle(&fence, &both, at(0)).await.unwrap();
    ground.store.settle(&fence, &[(jobs[2].id, done(Some(moved(11))))], at(0)).await.unwrap();
    let nameless = Place { name: String::new(), ..moved(11) };
    let detail = ground.store.ticket(ticket).await.unwrap();
    assert_eq!(detail.places, [moved(11), nameless.clone(), nameless]);
}
