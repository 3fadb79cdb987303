//! Removing mails from a folder: what is left to do after a copy, where there is no MOVE.
//!
//! A server may say OK to all of it and remove nothing: Dovecot does so to those who lack the rights.
//! So rights are asked for before, and afterwards it is looked what is still there.

use std::collections::BTreeSet;

use async_imap::imap_proto::{Response, rfc4314::AclRight};

use super::fault::Fault;
use super::lookup::existing;
use super::outcomes::Failure;
use super::session::{Session, quoted, uid_set};
use crate::killpoint;

/// Whether we have the rights to remove mails from a folder, as far as the server tells.
pub(super) async fn may_remove(session: &mut Session, wire_name: &str) -> Result<bool, Fault> {
    if !session.can("ACL") {
        return Ok(true);
    }
    let mut enough = true;
    let command = format!("MYRIGHTS {}", quoted(wire_name));
    let asked = session
        .command("asking for rights", &command, |response| {
            if let Response::MyRights(mine) = response {
                // RFC 4314 §4 has two rights for what was one in RFC 2086 (§2.1.1).
                let has = |right| mine.rights.contains(&right);
                enough = has(AclRight::OldDelete)
                    || (has(AclRight::DeleteMessage) && has(AclRight::Expunge));
            }
        })
        .await;
    match asked {
        // Some don't tell the rights on each folder.
        Ok(_) | Err(Fault::Denied { .. }) => Ok(enough),
        Err(fault) => Err(fault),
    }
}

/// The same, where nothing is to be begun without.
pub(super) async fn demand_rights(session: &mut Session, wire_name: &str) -> Result<(), Failure> {
    if may_remove(session, wire_name).await? {
        return Ok(());
    }
    Err(Failure::before(Fault::Misconfigured(no_rights(wire_name))))
}

/// What is wrong where [`may_remove`] says no.
pub(super) fn no_rights(folder: &str) -> String {
    format!(
        "no mail may be removed from `{folder}`: give the account the rights `t` (mark as deleted) \
         and `e` (expunge) on it"
    )
}

/// Removes mails whose copies are known to be in the target; says which are still there. Only these:
/// other mails that a client marked as deleted are not ours to remove, so never a bare EXPUNGE
/// (RFC 4315 §2.1).
pub(super) async fn remove(session: &mut Session, uids: &[u32]) -> Result<BTreeSet<u32>, Fault> {
    if uids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let set = uid_set(uids);
    let mark = format!("UID STORE {set} +FLAGS.SILENT (\\Deleted)");
    session.command("removing", &mark, |_| {}).await?;
    killpoint::pass("expunging");
    session.command("removing", &format!("UID EXPUNGE {set}"), |_| {}).await?;
    existing(session, uids).await
}
