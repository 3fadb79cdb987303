//! Everything that touches the world: servers, files, databases, the clock.
//!
//! The rim depends on the core, never the other way.

pub mod health;
pub mod store;
pub mod web;
pub mod archive;
pub mod backoff;
pub mod imap;
pub mod secret;
pub mod clock;
pub mod directory;
mod http;
pub mod maildir;
pub mod labelled;
pub mod ledger;
pub mod revision;
pub mod terminal;
pub mod report;
pub mod watch;

/// What a look at a mailbox found, for `postroom check --connect`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What is as it should be, or good to know.
    pub facts: Vec<String>,
    /// What stands in the way.
    pub problems: Vec<String>,
}
