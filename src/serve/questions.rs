//! Questions that wait too long: looked for every so often, told of once, and again only after all
//! of them were answered.
//!
//! It tells how many wait, not who should have looked: the log holds no addresses.

use std::time::Duration;

use tracing::{info, warn};

use super::Shared;
use super::presence::pause;
use crate::assist::rota::{Duty, Fallback};
use crate::seams::Questions;

/// How often it is looked, at the most and at the least.
const OFTEN: Duration = Duration::from_millis(100);
const SELDOM: Duration = Duration::from_secs(5);

/// Looks after the questions until the service stops. One that waits longer than `overdue` is an
/// alarm.
pub(super) async fn keep_watch(overdue: Option<Duration>, shared: Shared) {
    let every = overdue.map_or(SELDOM, |overdue| (overdue / 4).clamp(OFTEN, SELDOM));
    let mut raised = false;
    loop {
        // A store that doesn't answer is told of by whoever has something to record.
        if let Ok(questions) = shared.store.questions().await {
            let late = is_late(&questions, overdue, &shared);
            shared.health.questions(&questions, late);
            match (raised, late) {
                (false, true) => raise(&questions, &shared),
                (true, false) => info!(waiting = questions.waiting, "no question is overdue now"),
                (false, false) | (true, true) => {}
            }
            raised = late;
        }
        if !pause(&shared, every).await {
            return;
        }
    }
}

fn is_late(questions: &Questions, overdue: Option<Duration>, shared: &Shared) -> bool {
    let (Some((_, since)), Some(overdue)) = (questions.oldest, overdue) else { return false };
    let waited = shared.clock.now().duration_since(since);
    Duration::try_from(waited).is_ok_and(|waited| waited > overdue)
}

fn raise(questions: &Questions, shared: &Shared) {
    let Some((ticket, since)) = questions.oldest else { return };
    let now = shared.clock.now();
    let rota = shared.rota.borrow().clone();
    let duty = rota.map(|rota| {
        let directory = shared.rules.borrow().directory.clone();
        said(&rota.on_duty(&directory, &shared.presence.at(now)))
    });
    let on_duty = duty.as_deref().unwrap_or("nobody is named in `[assist]`");
    let waiting = questions.waiting;
    warn!(%ticket, %since, waiting, on_duty, "a question waits too long for an answer");
}

/// Who is on duty, without names.
fn said(duty: &Duty) -> String {
    match &duty.fallback {
        Some(Fallback { why, .. }) => format!("the fallback group, since {}", why.reason()),
        None => format!("{} of the rota", duty.people.len()),
    }
}
