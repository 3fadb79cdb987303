//! All tests that need more than one module, in one binary: it links once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test says what it expects by failing"
)]

mod shape;
mod kill;
mod imap;
mod imap_oauth;
mod imap_scripted;
mod other_servers;
mod support;
mod config;
mod directory;
mod random_words;
mod words;
mod monsters;
mod any_mail;
mod maildir;
mod watch;
mod store;
