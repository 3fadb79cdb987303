//! Finding a mail in a folder by what it is, when its number is not known.
//!
//! Candidates are those of the same size; of them, as much is fetched as the key covers. It
//! changes nothing.

use std::collections::BTreeSet;

use async_imap::imap_proto::{AttributeValue, MailboxDatum, Response};

use super::delivery::KeyOf;
use super::fault::Fault;
use super::session::Session;
use crate::mail::parse::MAX_HEADER;
use crate::seams::Job;

/// This many candidates are looked at, the newest first.
const MOST_CANDIDATES: usize = 50;
/// The key covers the header and the first 64 KiB of the body.
const COVERED: u64 = MAX_HEADER as u64 + 64 * 1024;

/// Recognises mails.
pub(super) struct Seeker {
    pub(super) key_of: KeyOf,
}

impl Seeker {
    /// The newest UID in the open folder under which the job's mail lies, `taken` ones apart.
    pub(super) async fn find(
        &self,
        session: &mut Session,
        job: &Job,
        taken: &BTreeSet<u32>,
    ) -> Result<Option<u32>, Fault> {
        let mut candidates = BTreeSet::new();
        let (above, below) = (job.size.saturating_sub(1), job.size.saturating_add(1));
        let larger = if job.size == 0 { String::new() } else { format!("LARGER {above} ") };
        let command = format!("UID SEARCH {larger}SMALLER {below}");
        session
            .command("searching", &command, |response| {
                // Where nothing matches, some servers leave the response out (iCloud).
                if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                    candidates.extend(uids.iter().copied());
                }
            })
            .await?;
        let likely = candidates.iter().rev().filter(|uid| !taken.contains(uid));
        for uid in likely.take(MOST_CANDIDATES) {
            if self.is(session, job, *uid).await? {
                return Ok(Some(*uid));
            }
        }
        Ok(None)
    }

    async fn is(&self, session: &mut Session, job: &Job, uid: u32) -> Result<bool, Fault> {
        session.allow(COVERED, COVERED);
        let mut key = None;
        session
            .command(
                "looking",
                &format!("UID FETCH {uid} (UID BODY.PEEK[]<0.{COVERED}>)"),
                |response| {
                    if uid_of(response) == Some(uid)
                        && let Some(bytes) = body_of(response)
                    {
                        let have = bytes.len() as u64;
                        let size = if have < COVERED { have } else { job.size };
                        key = Some((self.key_of)(bytes, size));
                    }
                },
            )
            .await?;
        Ok(key == Some(job.key))
    }
}

/// The UID that a FETCH response names.
pub(super) fn uid_of(response: &Response<'_>) -> Option<u32> {
    let Response::Fetch(_, attributes) = response else { return None };
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::Uid(uid) => Some(*uid),
        _ => None,
    })
}

fn body_of<'a>(response: &'a Response<'_>) -> Option<&'a [u8]> {
    let Response::Fetch(_, attributes) = response else { return None };
    attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::BodySection { data, .. } => data.as_deref(),
        _ => None,
    })
}
