//! Learning from mail of which a person said where it belongs.
//!
//! Nothing learned decides by itself: what comes out are lines of plain files, numbers in
//! `calibration.toml`, and tables, for a person to read and accept.
//!
//! ```text
//! labelled mail ─┬─> draft       dictionaries from nothing (terms → select → fit → points)
//!                ├─> suggest     changes to those that stand, with their effect; patch makes them
//!                ├─> calibrating from margins to confidence, thresholds at a target precision
//!                ├─> measure     how good the dictionaries are on it
//!                ├─> health      how each of their lines fares
//! past mail ─────┴─> what_if     where it would go with other dictionaries
//! ```
//!
//! It knows dictionaries and labelled mail; files, ledgers and pages are for others.

pub mod labelled;
pub mod folds;
pub mod share;
pub mod judged;
pub mod measure;
pub mod counts;
pub mod health;
pub mod calibrating;
mod matrix;
mod terms;
mod fit;
mod select;
mod scale;
pub mod draft;
mod standing;
pub mod patch;
pub mod promises;
pub mod effect;
pub mod suggest;
pub mod what_if;

use crate::dictionary::{Dictionaries, TeamId};
use crate::route::Policy;

pub use judged::Judged;
pub use labelled::Labelled;

/// Judges mails, in their order, as the live path would; `progress` is told how many more are done.
#[must_use]
pub fn judge(
    dictionaries: &Dictionaries,
    policy: &Policy,
    mails: &[Labelled],
    progress: &(dyn Fn(u64) + Sync),
) -> Vec<Judged> {
    judged::judge(dictionaries, policy, mails, progress, |(): &mut (), _, _| ()).0
}

/// The teams that have a dictionary, in order.
#[must_use]
pub fn teams_of(dictionaries: &Dictionaries) -> Vec<TeamId> {
    dictionaries.teams().map(|(team, _)| team.clone()).collect()
}
