//! Where the first copy of a mail lies, as seen from the mailbox that another copy was read in.
//!
//! It compares names. Several can lead to one place: a mailbox that was renamed in the configuration,
//! and a mailbox that watches a folder to which another delivers. What may be the only copy there is
//! must not be taken for a further one.

use std::collections::BTreeMap;

use crate::config::{Access, Mailbox};
use crate::seams::{Place, SourceId};

/// How each mailbox of the configuration is reached.
#[derive(Clone, Default)]
pub(in crate::serve) struct Neighbours(BTreeMap<SourceId, Access>);

/// Where a first copy lies, seen from the mailbox of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// Where it can be looked at from here.
    InSight,
    /// Where it may be looked for from here, by what it is: its mailbox has no name any more.
    PerhapsInSight,
    /// At this very place, which has another name in the configuration now.
    HereRenamed,
    /// At this very place, as far as can be told, which another mailbox watches or delivers to.
    HereToo,
    /// In a mailbox that can't be looked at from here.
    Elsewhere,
}

impl Neighbours {
    /// All mailboxes of a configuration.
    pub(in crate::serve) fn new(mailboxes: &[Mailbox]) -> Self {
        let access = |mailbox: &Mailbox| (mailbox.id.clone(), mailbox.access.clone());
        Self(mailboxes.iter().map(access).collect())
    }

    /// Whether the configuration names this mailbox.
    pub(in crate::serve) fn has(&self, source: &SourceId) -> bool {
        self.0.contains_key(source)
    }

    /// Where the first copy lies for whoever has another at `here`.
    pub(super) fn first(&self, first: &Place, here: &Place) -> First {
        if first.source == here.source {
            return First::InSight;
        }
        let same_folder = first.folder == here.folder;
        let same_name = first.epoch == here.epoch && first.name == here.name;
        let Some(access) = self.0.get(&first.source) else {
            return if same_folder { First::HereRenamed } else { First::PerhapsInSight };
        };
        let same_account =
            self.0.get(&here.source).is_some_and(|here| here.is_same_account(access));
        // One account can have several names, so an equal place is taken for the same whatever they
        // say. A mail whose name was never told could be found to be this one.
        if same_folder && (same_name || (same_account && first.name.is_empty())) {
            First::HereToo
        } else if same_account {
            First::InSight
        } else {
            First::Elsewhere
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_the_same_copy_is_told_from_a_further_one() {
        let maildir =
            |name: &str, path: &str| (SourceId(name.to_owned()), Access::Maildir(path.into()));
        let neighbours = Neighbours(BTreeMap::from([
            maildir("support", "/mail/one"),
            maildir("billing", "/mail/one"),
            maildir("sales", "/mail/two"),
        ]));
        let place = |source: &str, folder: &str, name: &str| Place {
            source: SourceId(source.to_owned()),
            folder: folder.to_owned(),
            epoch: 7,
            name: name.to_owned(),
        };
        let here = place("support", "INBOX", "4");
        for (why, first, expected) in [
            ("its own mailbox", place("support", "INBOX", "2"), First::InSight),
            ("the same account", place("billing", "Teams/x", "4"), First::InSight),
            ("another mail in the same folder", place("billing", "INBOX", "2"), First::InSight),
            ("the same mail", place("billing", "INBOX", "4"), First::HereToo),
            ("perhaps the same mail", place("billing", "INBOX", ""), First::HereToo),
            ("another account", place("sales", "INBOX", "2"), First::Elsewhere),
            ("another account, as it seems", place("sales", "INBOX", "4"), First::HereToo),
            ("an old name", place("help", "INBOX", "4"), First::HereRenamed),
            ("an old name, and renumbered", place("help", "INBOX", "2"), First::HereRenamed),
            ("another folder of an old name", place("help", "Teams/x", "2"), First::PerhapsInSight),
        ] {
            assert_eq!(neighbours.first(&first, &here), expected, "{why}");
        }
    }
}
