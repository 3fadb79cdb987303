//! The seams: every trait at which the core meets the world, and what travels across it.
//!
//! The docs of each trait are its contract: who normalises, what may be repeated, what is durable
//! when, and what a failure promises. Times are UTC; a [`Timestamp`] is kept in milliseconds.

mod source;
mod ledger;
mod store;
mod delivery;

use jiff::Timestamp;

pub use delivery::{Action, Delivery, Job, JobId, Outcome, Proof};
pub use ledger::{
    Amendment, Counts, Entry, Event, Evidence, Fence, Happening, POSTROOM, Progress, Questions,
    Recorded, Ticket, TicketDetail, TicketFilter, TicketId,
};
pub use source::{Again, Cursor, Fetched, Place, Source, SourceError, SourceId, Wanted, Window};
pub use store::{Store, StoreError};

/// What time it is. Tests set it.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}
