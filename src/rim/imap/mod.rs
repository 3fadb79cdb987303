//! Mailboxes on IMAP servers: reading them, delivering in them, and getting in.
//!
//! async-imap and its parser log what they read and send. Whoever sets up logging must keep the
//! targets `async_imap` and `imap_proto` off: at trace level they carry mail.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a server may say anything at any time; only what was asked for is looked at"
)]

mod certificate;
mod check;
mod connect;
mod delivery;
mod fault;
mod folder;
mod group;
mod guard;
mod lookup;
mod mark;
mod oauth;
mod outcomes;
mod removal;
mod opened;
mod session;
mod source;

pub use check::check;
pub use connect::Account;
pub use delivery::ImapDelivery;
pub(crate) use folder::encoded;
pub use oauth::Tokens;
pub use source::ImapSource;
