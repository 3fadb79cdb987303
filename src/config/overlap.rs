//! Mailboxes that get in each other's way: one that is watched twice, and one that watches where
//! another delivers. Either way each mail is read a second time, and taken for a repeat of itself.
//!
//! It sees what is written here; that two hosts are one server, it can't know.

use std::ops::Range;

use super::Mailbox;
use super::folders::{self, Folders, Waiting};
use super::raw::Source;
use crate::dictionary::TeamId;

/// Reports each pair of such mailboxes, at the section of one of them.
pub(super) fn report(source: &Source<'_>, mailboxes: &[(Mailbox, Range<usize>)]) {
    for (at, (mailbox, span)) in mailboxes.iter().enumerate() {
        let (id, inbox) = (&mailbox.id.0, &mailbox.inbox);
        for (other_at, (other, _)) in mailboxes.iter().enumerate() {
            let other_id = &other.id.0;
            if at == other_at || !mailbox.access.is_same_account(&other.access) {
                continue;
            }
            if folders::same(inbox, &other.inbox) {
                if at > other_at {
                    let message = format!("mailbox `{id}` is the mailbox `{other_id}` once more");
                    let _ = source
                        .report(span.clone(), "mailbox-twice", message)
                        .help("remove one: each mail would be taken for a repeat of itself");
                }
                continue;
            }
            let help = "give one of them another folder: what comes in there was sorted already";
            let message = |may| {
                format!(
                    "mailbox `{id}` watches `{inbox}`, where mailbox `{other_id}` {may}delivers"
                )
            };
            if delivers(&other.folders, inbox) {
                let _ = source.report(span.clone(), "inbox-is-target", message("")).help(help);
            } else if may_deliver(&other.folders, inbox) {
                let reported = source.report(span.clone(), "inbox-is-target", message("perhaps "));
                let _ = reported.warning().help(help);
            }
        }
    }
}

/// Whether mail goes to a folder by its name.
fn delivers(targets: &Folders, folder: &str) -> bool {
    let mut all = vec![&targets.team, &targets.person, &targets.filed, &targets.repeats];
    all.extend(targets.teams.values());
    if let Waiting::Moves(waiting) = &targets.assist {
        all.push(waiting);
    }
    all.into_iter().any(|target| folders::same(target, folder))
}

/// Whether a folder is what a template could stand for.
fn may_deliver(targets: &Folders, folder: &str) -> bool {
    // A team that has a folder of its own is not meant by the template.
    let is_team = |name: &str| TeamId::parse(name).is_ok() && !targets.teams.contains_key(name);
    folders::filling(&targets.team, folder).is_some_and(is_team)
        || folders::filling(&targets.person, folder).is_some()
}
