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
mod threads;
mod along;
mod trust;
mod mails;
mod reading;
mod kill;
mod imap;
mod imap_idle;
mod imap_oauth;
mod imap_scripted;
mod imap_scripted_delivery;
mod imap_withheld;
mod service_imap;
mod other_servers;
mod support;
mod cli;
mod cli_broken;
mod cli_directory;
mod replay;
mod returned;
mod silence;
mod service;
mod service_health;
mod config;
mod directory;
mod ladder;
mod calendar;
mod ladder_service;
mod directory_database;
mod directory_sources;
mod rota;
mod random_words;
mod random_edits;
mod random_patches;
mod what_if;
mod words;
mod explain;
mod monsters;
mod any_mail;
mod public_mails;
mod maildir;
mod watch;
mod workbench;
mod suggest_ask;
mod eval_page;
mod lint;
mod store;
