//! A Maildir on this machine as a watched mailbox, with Maildir++ folders.
//!
//! `/var/mail/support/Maildir` has its mail in `new/` and `cur/`, and its folders beside them:
//! `Teams/Billing` is `.Teams.Billing`, with `new/` and `cur/` of its own. A mail is a file; the
//! part of its name before the `:` never changes, what stands behind it are flags, which other
//! programs change whenever they like. A mail that is moved stays in `new/` if nobody has seen it.
//!
//! It knows files. What a mail says and where it should go are decided elsewhere.

mod delivery;
mod folder;
mod source;

pub use delivery::MaildirDelivery;
pub use source::MaildirSource;
