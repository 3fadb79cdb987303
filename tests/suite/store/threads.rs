//! Which tickets the mails belong to that another mail answers.

use super::*;
use postroom::directory::{Match, MatchedBy, Receipt};
use postroom::mail::trust::{Trust, TrustVerdict};
use postroom::route::ReturnedMail;
use postroom::route::follow::{Earlier, Outcome, Thread, Tie};
use postroom::seams::Amendment;

/// What is known of the n-th mail of the test's world, if it follows nothing.
fn known(n: u32, ticket: TicketId) -> Earlier {
    Earlier {
        message_id: format!("{n}@mail.example"),
        ticket: ticket.0,
        thread: ticket.0,
        now: team("infrastructure").target,
        came: at(-60),
        senders: vec![EmailAddress::parse("jane@customer.example").unwrap()],
        customers: Vec::new(),
    }
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

/// The entry of a mail that follows a ticket.
fn follower(n: u32, thread: TicketId) -> Entry {
    let mut entry = entry(n);
    entry.decision.reason = Reason::FollowUp;
    entry.evidence.signs.thread = Some(Thread {
        answers: "1@mail.example".to_owned(),
        ticket: thread.0,
        now: entry.decision.target.clone(),
        days: 0,
        outcome: Outcome::Follows { by: Tie::SameAddress },
    });
    entry
}

/// A person's answer to a ticket that was routed like [`entry`].
fn answer(ticket: TicketId, instead_of: Decision, to: &str) -> Amendment {
    let target = team(to).target;
    let decision = Decision { target, reason: Reason::Answered };
    let by = "ann".to_owned();
    Amendment { ticket, instead_of, decision, evidence: None, customer: None, action: None, by }
}

fn customer(name: &str) -> Party {
    Party::Registered {
        customer: name.to_owned(),
        tier: None,
        matched: Match {
            by: MatchedBy::Domain,
            entry: "customer.example".to_owned(),
            line: Some(2),
        },
        ladder: Receipt { at: at(0), steps: Vec::new(), nobody_free: false },
    }
}

pub(super) async fn a_thread_is_found_by_any_message_id_in_it(ground: Ground) {
    let fence = ground.fence().await;
    let mut twin = entry(3);
    twin.mail.message_id = entry(1).mail.message_id;
    twin.mail.sender = None;
    twin.received = None;
    let mut customers = entry(4);
    customers.evidence.party = customer("Acme");
    let mut claimed = entry(5);
    claimed.evidence.party = customer("Acme");
    claimed.evidence.signs.trust = Trust { verdict: TrustVerdict::Failed, ..Trust::default() };
    let all = [entry(1), entry(2), twin, customers, claimed];
    ground.record(&fence, &all).await;

    let found = async |asked: &[&str]| ground.store.threads(&ids(asked)).await.unwrap();
    assert_eq!(found(&[]).await, []);
    assert_eq!(found(&["unknown@mail.example", ""]).await, []);
    assert_eq!(found(&["2@mail.example"]).await, [known(2, TicketId(2))]);
    // As it is written, and no other.
    assert_eq!(found(&["2@MAIL.example", "<2@mail.example>", "2@mail.exampl_"]).await, []);
    let twin = Earlier { senders: Vec::new(), came: at(0), ..known(1, TicketId(3)) };
    assert_eq!(found(&["1@mail.example", "x"]).await, [known(1, TicketId(1)), twin]);
    let customers = Earlier { customers: vec!["Acme".to_owned()], ..known(4, TicketId(4)) };
    assert_eq!(found(&["4@mail.example"]).await, [customers]);
    assert_eq!(found(&["5@mail.example"]).await, [known(5, TicketId(5))], "nobody believed it");
    let many: Vec<String> = (0..1_203).map(|n| format!("{n}@mail.example")).collect();
    assert_eq!(ground.store.threads(&many).await.unwrap().len(), 5);
}

pub(super) async fn a_follow_up_belongs_to_the_beginning_until_it_is_corrected(ground: Ground) {
    let fence = ground.fence().await;
    let first = ground.recorded(&fence, &question(1)).await;
    let second = ground.recorded(&fence, &follower(2, first)).await;
    let found = async |id: &str| ground.store.threads(&ids(&[id])).await.unwrap();
    let follows = Earlier { thread: first.0, now: Target::Assist, ..known(2, second) };
    assert_eq!(found("2@mail.example").await, std::slice::from_ref(&follows));

    // An answer to the first moves what follows; one to the second lets it go its own way.
    ground.store.amend(&answer(first, assist(), "billing"), at(1)).await.unwrap();
    let moved = Earlier { now: team("billing").target, ..follows };
    assert_eq!(found("2@mail.example").await, [moved]);
    let at_second = Decision { reason: Reason::FollowUp, ..team("infrastructure") };
    ground.store.amend(&answer(second, at_second, "sales"), at(2)).await.unwrap();
    let own = Earlier { now: team("sales").target, ..known(2, second) };
    assert_eq!(found("2@mail.example").await, [own]);
}

pub(super) async fn a_mail_that_is_read_again_may_join_a_thread(ground: Ground) {
    let fence = ground.fence().await;
    let first = ground.recorded(&fence, &entry(1)).await;
    let second = ground.recorded(&fence, &question(2)).await;
    let again = follower(2, first);
    let mut evidence = again.evidence;
    evidence.party = customer("Acme");
    let amendment = Amendment {
        decision: again.decision,
        evidence: Some(evidence),
        by: "postroom".to_owned(),
        ..answer(second, assist(), "billing")
    };
    ground.store.amend(&amendment, at(1)).await.unwrap();
    let found = ground.store.threads(&ids(&["2@mail.example"])).await.unwrap();
    let customers = vec!["Acme".to_owned()];
    assert_eq!(found, [Earlier { thread: first.0, customers, ..known(2, second) }]);
}

pub(super) async fn an_id_of_any_length_and_make_is_taken(ground: Ground) {
    let fence = ground.fence().await;
    let long = "x".repeat(100_000);
    let odd = "N\0L \u{1a}0 '\"\\ ü@\u{1f4bb}";
    for (n, id) in [(1, long.as_str()), (2, odd)] {
        let mut entry = entry(n);
        entry.mail.message_id = Some(id.to_owned());
        ground.recorded(&fence, &entry).await;
    }
    assert_eq!(ground.store.threads(&ids(&[&long])).await.unwrap(), [], "too long to be one");
    let found = ground.store.threads(&ids(&[odd])).await.unwrap();
    assert_eq!(found, [Earlier { message_id: odd.to_owned(), ..known(2, TicketId(2)) }]);
}

pub(super) async fn a_ticket_hears_of_its_bounce(ground: Ground) {
    let fence = ground.fence().await;
    let first = ground.recorded(&fence, &entry(1)).await;
    let mut bounce = entry(2);
    let message_id = entry(1).mail.message_id;
    bounce.evidence.signs.returned =
        Some(ReturnedMail { message_id, ticket: Some(first.0), ours: false });
    let ticket = ground.recorded(&fence, &bounce).await;
    assert_eq!(
        ground.happenings(first).await.last(),
        Some(&Happening::Bounced { ticket, ours: false })
    );
    assert_eq!(ground.happenings(ticket).await.len(), 1);
}
