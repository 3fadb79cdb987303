//! Everything that touches the world: servers, files, databases, the clock.
//!
//! The rim depends on the core, never the other way.

pub mod health;
pub mod store;
pub mod web;
pub mod backoff;
pub mod imap;
pub mod secret;
pub mod clock;
pub mod maildir;
pub mod terminal;
pub mod watch;
