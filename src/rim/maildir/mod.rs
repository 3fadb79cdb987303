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

use std::path::Path;

pub use delivery::MaildirDelivery;
pub use source::MaildirSource;

use crate::config::Mailbox;
use crate::rim::Report;
use folder::Folder;

/// A look at a Maildir before it is relied on. It changes nothing.
#[must_use]
pub fn check(mailbox: &Mailbox, root: &Path) -> Report {
    let mut report = Report::default();
    match Folder::locate(root, &mailbox.inbox) {
        Ok(folder) if folder.exists() => match folder.scan() {
            Ok(found) => report.facts.push(format!("{} mails lie in it", found.len())),
            Err(failure) => report.problems.push(format!("it can't be read: {failure}")),
        },
        Ok(_) => report
            .problems
            .push(format!("`{}` is not a Maildir: it needs `cur` and `new`", root.display())),
        Err(why) => report.problems.push(why),
    }
    report
}
