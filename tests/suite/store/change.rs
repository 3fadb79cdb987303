//! Amendments and retries.

use super::*;
use postroom::seams::{Amendment, Outcome, POSTROOM, Progress, Proof, Wanted};

/// Infrastructure's mail goes to billing instead, says Ann.
fn amendment(ticket: TicketId) -> Amendment {
    Amendment {
        ticket,
        instead_of: team("infrastructure"),
        decision: Decision { reason: Reason::Answered, ..team("billing") },
        evidence: None,
        customer: None,
        action: Some(to_folder("Teams/billing")),
        by: "Ann".to_owned(),
    }
}

fn is_conflict(result: &Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::Conflict { .. }))
}

pub(super) async fn an_amendment_replaces_the_waiting_job(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let failure = Evidence { verdict: None, failure: Some("x".to_owned()), ..evidence() };
    let amendment = Amendment { evidence: Some(failure.clone()), ..amendment(ticket) };
    ground.store.amend(&amendment, at(3)).await.unwrap();
    let detail = ground.store.ticket(ticket).await.unwrap();
    assert_eq!(detail.ticket.decision, amendment.decision);
    assert_eq!(detail.ticket.progress, Progress::Waiting);
    assert_eq!((detail.ticket.confidence, detail.ticket.best_team), (None, None));
    assert_eq!(detail.evidence, failure);
    let decided =
        Happening::DecidedAgain { decision: amendment.decision.clone(), by: "Ann".to_owned() };
    assert_eq!(ground.happenings(ticket).await.last(), Some(&decided));
    let jobs = ground.claim(&fence, at(3)).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!((&jobs[0].action, jobs[0].attempt), (&to_folder("Teams/billing"), 1));
}

pub(super) async fn a_stale_amendment_is_refused(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    ground.store.amend(&amendment(ticket), at(0)).await.unwrap();
    let before = ground.store.ticket(ticket).await.unwrap();
    let stale = ground.store.amend(&amendment(ticket), at(1)).await;
    assert!(is_conflict(&stale), "{stale:?}");
    let other_reason = Amendment { instead_of: team("billing"), ..amendment(ticket) };
    let stale = ground.store.amend(&other_reason, at(1)).await;
    assert!(is_conflict(&stale), "{stale:?}");
    assert_eq!(ground.store.ticket(ticket).await.unwrap(), before);
}

pub(super) async fn an_amendment_waits_for_a_delivery_under_way(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let job = ground.claim(&fence, at(0)).await[0].id;
    let before = ground.store.ticket(ticket).await.unwrap();
    let early = ground.store.amend(&amendment(ticket), at(1)).await;
    assert!(is_conflict(&early), "{early:?}");
    assert_eq!(ground.store.ticket(ticket).await.unwrap(), before);
    let retry = Outcome::Retry { why: "no answer".to_owned(), after: Duration::ZERO };
    ground.store.settle(&fence, &[(job, retry)], at(1)).await.unwrap();
    let in_doubt = ground.store.amend(&amendment(ticket), at(1)).await;
    assert!(is_conflict(&in_doubt), "it may have happened: {in_doubt:?}");
    assert_eq!(ground.claim(&fence, at(1)).await[0].attempt, 2, "and is tried again");
    let wait = Outcome::Wait { why: "no answer".to_owned(), after: Duration::ZERO };
    ground.store.settle(&fence, &[(job, wait)], at(1)).await.unwrap();
    assert!(is_conflict(&ground.store.amend(&amendment(ticket), at(1)).await), "still in doubt");
    ground.claim(&fence, at(1)).await;
    let done = Outcome::Done { place: Some(moved(11)), proof: Proof::CopyUid };
    ground.store.settle(&fence, &[(job, done)], at(1)).await.unwrap();
    ground.store.amend(&amendment(ticket), at(1)).await.unwrap();
    // Where nothing was tried, nothing is in doubt.
    let ticket = ground.recorded(&fence, &entry(2)).await;
    let job = ground.claim(&fence, at(1)).await.into_iter().find(|job| job.ticket == ticket);
    let wait = Outcome::Wait { why: "no answer".to_owned(), after: Duration::ZERO };
    ground.store.settle(&fence, &[(job.unwrap().id, wait)], at(1)).await.unwrap();
    ground.store.amend(&amendment(ticket), at(1)).await.unwrap();
}

pub(super) async fn a_delivered_mail_is_moved_from_where_it_lies_now(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let job = ground.claim(&fence, at(0)).await[0].id;
    let done = Outcome::Done { place: Some(moved(11)), proof: Proof::CopyUid };
    ground.store.settle(&fence, &[(job, done)], at(0)).await.unwrap();
    ground.store.amend(&amendment(ticket), at(1)).await.unwrap();
    let jobs = ground.claim(&fence, at(1)).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!((&jobs[0].place, &jobs[0].action), (&moved(11), &to_folder("Teams/billing")));
    let done = Outcome::Done { place: None, proof: Proof::Marked };
    ground.store.settle(&fence, &[(jobs[0].id, done)], at(1)).await.unwrap();
    // Taken back without anything to do, it stays where it is.
    let undone = Amendment {
        instead_of: amendment(ticket).decision,
        decision: Decision { target: Target::Assist, reason: Reason::Undone },
        action: None,
        ..amendment(ticket)
    };
    ground.store.amend(&undone, at(2)).await.unwrap();
    let ticket = ground.store.ticket(ticket).await.unwrap().ticket;
    assert_eq!((ticket.progress, ticket.is_question()), (Progress::Stays, true));
}

pub(super) async fn an_amendment_leaves_the_jobs_of_other_copies(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let copy = Entry { place: place("support", 1, 2), ..entry(1) };
    ground.record_one(&fence, &copy).await;
    ground.store.amend(&amendment(ticket), at(0)).await.unwrap();
    let jobs = ground.claim(&fence, at(0)).await;
    let what: Vec<_> = jobs.iter().map(|job| (&job.place, &job.action)).collect();
    assert_eq!(
        what,
        [(&copy.place, &to_folder("Repeats")), (&entry(1).place, &to_folder("Teams/billing"))]
    );
}

pub(super) async fn a_retry_is_asked_for_once_and_ends(ground: Ground) {
    let fence = ground.fence().await;
    let first = ground.recorded(&fence, &question(1)).await;
    let second = ground.recorded(&fence, &question(2)).await;
    for (ticket, second_of_the_day) in [(second, 1), (first, 2), (second, 3)] {
        ground.store.ask_retry(ticket, "Ann", at(second_of_the_day)).await.unwrap();
    }
    let waiting = [(second, question(2)), (first, question(1))].map(|(ticket, entry)| {
        let Entry { place, mail, .. } = entry;
        (ticket, Wanted { place, key: mail.key, size: mail.size, message_id: mail.message_id })
    });
    let source = &fence.source;
    assert_eq!(ground.store.retries(source, 10).await.unwrap(), waiting);
    assert_eq!(ground.store.retries(source, 1).await.unwrap(), waiting[..1]);
    let other = SourceId("sales".to_owned());
    assert_eq!(ground.store.retries(&other, 10).await.unwrap(), []);
    ground.store.retry_done(second).await.unwrap();
    ground.store.retry_done(second).await.unwrap();
    assert_eq!(ground.store.retries(source, 10).await.unwrap(), waiting[1..]);
    let asked = Happening::RetryAsked { by: "Ann".to_owned() };
    assert_eq!(ground.happenings(second).await[1..], std::slice::from_ref(&asked)[..]);
    ground.store.ask_retry(second, "Ann", at(9)).await.unwrap();
    assert_eq!(ground.happenings(second).await[1..], [asked.clone(), asked]);
}

pub(super) async fn what_a_person_decides_ends_a_retry_that_was_asked_for_before(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    ground.store.ask_retry(ticket, "Kim", at(1)).await.unwrap();
    let by_itself = Amendment {
        decision: assist(),
        action: None,
        by: POSTROOM.to_owned(),
        ..amendment(ticket)
    };
    ground.store.amend(&by_itself, at(2)).await.unwrap();
    let retries = async || ground.store.retries(&fence.source, 10).await.unwrap().len();
    assert_eq!(retries().await, 1, "it is for a person that it ends");
    let by_ann = Amendment { instead_of: assist(), ..amendment(ticket) };
    ground.store.amend(&by_ann, at(3)).await.unwrap();
    assert_eq!(retries().await, 0);
    ground.store.retry_failed(ticket, "it is too late", at(4)).await.unwrap();
    let happened = ground.happenings(ticket).await;
    let failed = Happening::RetryFailed { why: "Ann decided about it first".to_owned() };
    let decided = Happening::DecidedAgain { decision: by_ann.decision, by: "Ann".to_owned() };
    assert_eq!(happened[happened.len() - 2..], [failed, decided]);
    ground.store.ask_retry(ticket, "Kim", at(5)).await.unwrap();
    assert_eq!(retries().await, 1, "asked for after it, it is read again");
}

pub(super) async fn a_ticket_that_is_not_there_is_named(ground: Ground) {
    let none = TicketId(404);
    for result in [
        ground.store.ticket(none).await.map(drop),
        ground.store.amend(&amendment(none), at(0)).await,
        ground.store.ask_retry(none, "Ann", at(0)).await,
    ] {
        assert!(matches!(result, Err(StoreError::NoSuchTicket(id)) if id == none), "{result:?}");
    }
}
