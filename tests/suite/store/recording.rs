//! What is new, what is known, what is a further copy.

use std::time::Duration;

use super::*;
use postroom::seams::{Outcome, Proof, TicketFilter};

pub(super) async fn the_same_entry_again_changes_nothing(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let before = ground.store.ticket(ticket).await.unwrap();
    let again = Entry { decision: team("billing"), ..entry(1) };
    assert_eq!(ground.record(&fence, &[again]).await, [Recorded::Known(ticket)]);
    assert_eq!(ground.store.ticket(ticket).await.unwrap(), before);
    assert_eq!(ground.claim(&fence, at(0)).await.len(), 1);
}

pub(super) async fn a_trial_records_nothing(ground: Ground) {
    let fence = ground.fence().await;
    ground.store.would_record(&fence, &[entry(1)], at(0)).await.unwrap();
    assert!(ground.claim(&fence, at(0)).await.is_empty());
    assert!(matches!(ground.record_one(&fence, &entry(1)).await, Recorded::New(_)));
}

pub(super) async fn one_message_id_with_two_contents_is_two_tickets(ground: Ground) {
    let fence = ground.fence().await;
    let mut second = entry(2);
    second.mail.message_id = entry(1).mail.message_id;
    let recorded = ground.record(&fence, &[entry(1), second]).await;
    assert_eq!(recorded, [Recorded::New(TicketId(1)), Recorded::New(TicketId(2))]);
}

pub(super) async fn a_mail_in_two_mailboxes_is_one_ticket_with_two_places(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let sales = ground.fence_of("sales").await;
    let copy = Entry { place: place("sales", 5, 77), ..entry(1) };
    assert_eq!(ground.record_one(&sales, &copy).await, Recorded::Repeat(ticket));
    assert_eq!(ground.record_one(&sales, &copy).await, Recorded::Known(ticket));

    let detail = ground.store.ticket(ticket).await.unwrap();
    assert_eq!(detail.places, [entry(1).place, copy.place.clone()]);
    let seen_again = Happening::SeenAgain { place: copy.place.clone() };
    let decided = Happening::Decided { decision: team("infrastructure") };
    assert_eq!(ground.happenings(ticket).await, [decided, seen_again]);
    for (fence, place, action) in [
        (fence, entry(1).place, to_folder("Teams/infrastructure")),
        (sales, copy.place, to_folder("Repeats")),
    ] {
        let jobs = ground.claim(&fence, at(0)).await;
        assert_eq!(jobs.len(), 1);
        assert_eq!((&jobs[0].place, &jobs[0].action, jobs[0].ticket), (&place, &action, ticket));
    }
}

pub(super) async fn one_batch_may_hold_a_mail_twice(ground: Ground) {
    let fence = ground.fence().await;
    let copy = Entry { place: place("support", 1, 2), if_repeat: None, ..entry(1) };
    let batch = [entry(1), copy, entry(1)];
    let ticket = TicketId(1);
    let recorded = ground.record(&fence, &batch).await;
    assert_eq!(
        recorded,
        [Recorded::New(ticket), Recorded::Repeat(ticket), Recorded::Known(ticket)]
    );
    assert_eq!(ground.claim(&fence, at(0)).await.len(), 1);
}

pub(super) async fn a_renumbered_mail_keeps_its_ticket_and_its_job_follows(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let renumbered = Entry { place: place("support", 2, 31), ..entry(1) };
    assert_eq!(ground.record_one(&fence, &renumbered).await, Recorded::Known(ticket));
    // Seen once more, it is known under its new number.
    assert_eq!(ground.record_one(&fence, &renumbered).await, Recorded::Known(ticket));
    let detail = ground.store.ticket(ticket).await.unwrap();
    assert_eq!(detail.places, std::slice::from_ref(&renumbered.place));
    assert_eq!(
        ground.happenings(ticket).await.last(),
        Some(&Happening::Renumbered { place: renumbered.place.clone() })
    );
    let jobs = ground.claim(&fence, at(0)).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!((&jobs[0].place, jobs[0].attempt), (&renumbered.place, 1));
}

pub(super) async fn a_claimed_job_of_a_renumbered_mail_waits_again(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let first = ground.claim(&fence, at(0)).await;
    let renumbered = Entry { place: place("support", 2, 31), ..entry(1) };
    ground.record_one(&fence, &renumbered).await;
    // That the old number is gone says nothing of the mail under the new one.
    let gone = Outcome::GiveUp { why: "no such mail".to_owned() };
    ground.store.settle(&fence, &[(first[0].id, gone)], at(1)).await.unwrap();
    let jobs = ground.claim(&fence, at(1)).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!((jobs[0].id, &jobs[0].place), (first[0].id, &renumbered.place));
    assert_eq!(jobs[0].attempt, 2);
    assert_eq!(jobs[0].ticket, ticket);
}

pub(super) async fn a_copy_that_has_left_is_not_renumbered(ground: Ground) {
    let fence = ground.fence().await;
    let ticket = ground.recorded(&fence, &entry(1)).await;
    let job = ground.claim(&fence, at(0)).await[0].id;
    let done = Outcome::Done { place: Some(moved(4)), proof: Proof::CopyUid };
    ground.store.settle(&fence, &[(job, done)], at(0)).await.unwrap();
    let back = Entry { place: place("support", 2, 31), ..entry(1) };
    assert_eq!(ground.record_one(&fence, &back).await, Recorded::Repeat(ticket));
    let detail = ground.store.ticket(ticket).await.unwrap();
    assert_eq!(detail.places, [moved(4), back.place]);
}

pub(super) async fn a_number_that_was_given_anew_is_the_new_mails(ground: Ground) {
    let fence = ground.fence().await;
    let (first, second) =
        (ground.recorded(&fence, &entry(1)).await, ground.recorded(&fence, &entry(2)).await);
    // The server was restored without the first, and counts on from there under the same epoch.
    let at_place_of = |place: u32, mail: u32| Entry { place: entry(place).place, ..entry(mail) };
    let batch = [at_place_of(1, 2), at_place_of(2, 3)];
    let recorded = ground.record(&fence, &batch).await;
    let Recorded::New(third) = recorded[1] else { panic!("{recorded:?}") };
    assert_eq!(recorded[0], Recorded::Known(second));
    assert_eq!(ground.record(&fence, &batch).await, [second, third].map(Recorded::Known));
    for (ticket, name) in [(first, ""), (second, "1"), (third, "2")] {
        let places = ground.store.ticket(ticket).await.unwrap().places;
        assert_eq!((places.len(), places[0].name.as_str()), (1, name));
    }
}

pub(super) async fn the_cursor_moves_only_with_its_batch(ground: Ground) {
    let fence = ground.fence().await;
    let cursor = async || ground.store.cursor(&fence.source).await.unwrap();
    assert_eq!(cursor().await, Cursor::default());
    ground.store.record(&fence, &[entry(1)], None, at(0)).await.unwrap();
    assert_eq!(cursor().await, Cursor::default());
    ground.store.record(&fence, &[entry(2)], Some(upto(2)), at(0)).await.unwrap();
    assert_eq!(cursor().await, upto(2));
    ground.store.record(&fence, &[], Some(upto(u32::MAX)), at(0)).await.unwrap();
    assert_eq!(cursor().await, upto(u32::MAX));
    let other = SourceId("sales".to_owned());
    assert_eq!(ground.store.cursor(&other).await.unwrap(), Cursor::default());
}

pub(super) async fn an_error_in_the_middle_of_a_batch_leaves_nothing(ground: Ground) {
    let fence = ground.fence().await;
    // The events are written last.
    ground.behind("ALTER TABLE events RENAME TO gone").await.unwrap();
    let failed = ground.store.record(&fence, &[entry(1)], Some(upto(1)), at(0)).await;
    assert!(matches!(failed, Err(StoreError::Broken(_))), "{failed:?}");
    ground.behind("ALTER TABLE gone RENAME TO events").await.unwrap();
    assert_eq!(ground.store.cursor(&fence.source).await.unwrap(), Cursor::default());
    let filter = TicketFilter { limit: 10, ..TicketFilter::default() };
    assert_eq!(ground.store.tickets(&filter).await.unwrap(), []);
    assert_eq!(ground.claim(&fence, at(0)).await, []);
    ground.recorded(&fence, &entry(1)).await;
}

pub(super) async fn a_large_batch_is_recorded_in_order(ground: Ground) {
    let fence = ground.fence().await;
    let entries: Vec<Entry> = (1..=1_203).map(entry).collect();
    let recorded = ground.record(&fence, &entries).await;
    let expected: Vec<Recorded> = (1..=1_203).map(|n| Recorded::New(TicketId(n))).collect();
    assert_eq!(recorded, expected);
    let jobs = ground.store.claim(&fence, 1_100, at(0)).await.unwrap();
    assert_eq!(jobs.len(), 1_100);
    assert!(jobs.is_sorted_by_key(|job| job.id), "oldest first");
    let results: Vec<_> = jobs
        .iter()
        .map(|job| {
            let place = Some(Place { folder: "Done".to_owned(), ..job.place.clone() });
            (job.id, Outcome::Done { place, proof: Proof::CopyUid })
        })
        .collect();
    ground.store.settle(&fence, &results, at(1)).await.unwrap();
    assert_eq!(ground.store.counts().await.unwrap().jobs_waiting, 103);
    let again = ground.record(&fence, &entries).await;
    // What was moved is found again by its key: somebody dragged it back.
    assert_eq!(again.iter().filter(|what| matches!(what, Recorded::Repeat(_))).count(), 1_100);
    assert_eq!(again.iter().filter(|what| matches!(what, Recorded::Known(_))).count(), 103);
}

pub(super) async fn odd_text_comes_out_as_it_went_in(ground: Ground) {
    let fence = ground.fence().await;
    for (n, odd) in [
        (1, "NUL\0in\0the middle"),
        (2, "\0"),
        (3, "substitute \u{1a}, \u{1a}0 and \u{1a}s\0"),
        (4, "\u{ffff}\u{fdd0}\u{fffd}\u{feff} \u{202e}abc \u{1f469}\u{200d}\u{1f4bb} \u{10ffff}"),
        (5, "quotes ' \" \\ $1 ? %s \r\n\t\u{7f}\u{85}"),
        (6, ""),
    ] {
        let mut odd_entry = question(n);
        odd_entry.place.folder = odd.to_owned();
        odd_entry.place.name = format!("{odd}.");
        odd_entry.mail.subject = odd.to_owned();
        odd_entry.mail.message_id = Some(odd.to_owned());
        odd_entry.mail.text = Text { body: odd.to_owned(), parts: Vec::new() };
        odd_entry.evidence.failure = Some(odd.to_owned());
        let ticket = ground.recorded(&fence, &odd_entry).await;
        assert_eq!(ground.record_one(&fence, &odd_entry).await, Recorded::Known(ticket));
        ground.store.ask_retry(ticket, odd, at(0)).await.unwrap();
        let detail = ground.store.ticket(ticket).await.unwrap();
        assert_eq!(detail.ticket.subject, odd);
        assert_eq!(detail.ticket.message_id.as_deref(), Some(odd));
        assert_eq!(detail.text, Some(odd_entry.mail.text));
        assert_eq!(detail.evidence, odd_entry.evidence);
        assert_eq!(detail.places, [odd_entry.place]);
        let asked = Happening::RetryAsked { by: odd.to_owned() };
        assert_eq!(ground.happenings(ticket).await.last(), Some(&asked));
    }
    let source = SourceId("mail\0box".to_owned());
    let holder = "hol\0der";
    let fence = ground.store.lease(&source, holder, at(0), Duration::from_secs(1)).await.unwrap();
    let fence = fence.expect("nobody has it");
    ground.store.record(&fence, &[], Some(upto(3)), at(0)).await.unwrap();
    assert_eq!(ground.store.cursor(&source).await.unwrap(), upto(3));
}
