//! Finding a mail in a folder by what it is, when its number is not known.
//!
//! Candidates are those of the same size; of them, as much is fetched as the key covers. SEARCH
//! tells sizes fast but not everywhere right: Courier searches by the size on its disk, where
//! lines end in LF, and so finds none. Then the sizes that FETCH tells are compared. It changes
//! nothing.

use std::collections::BTreeSet;

use async_imap::imap_proto::{AttributeValue, MailboxDatum, Response};

use super::delivery::BATCH;
use super::fault::Fault;
use super::opened::piece;
use super::session::{Session, uid_set};
use crate::mail::MailKey;
use crate::mail::parse::{MAX_HEADER, key_of};
use crate::seams::{Job, Place, Wanted};

/// This many candidates are looked at, the newest first.
const MOST_CANDIDATES: usize = 50;
/// Mails whose UID is further below the highest are not among the newest.
const RECENT: u32 = 10_000;
/// The sizes of this many are compared where SEARCH doesn't find the mail, the newest again.
const MOST_COMPARED: usize = 2_000;
/// The key covers the header and the first 64 KiB of the body.
const COVERED: u64 = MAX_HEADER as u64 + 64 * 1024;

/// What a mail is recognised by.
#[derive(Clone, Copy)]
pub(super) struct Seeker<'a> {
    pub(super) key: MailKey,
    /// Its whole size in bytes.
    pub(super) size: u64,
    pub(super) message_id: Option<&'a str>,
}

impl<'a> From<&'a Wanted> for Seeker<'a> {
    fn from(wanted: &'a Wanted) -> Self {
        let Wanted { key, size, message_id, .. } = wanted;
        Self { key: *key, size: *size, message_id: message_id.as_deref() }
    }
}

impl<'a> From<&'a Job> for Seeker<'a> {
    fn from(job: &'a Job) -> Self {
        Self { key: job.key, size: job.size, message_id: job.message_id.as_deref() }
    }
}

impl Seeker<'_> {
    /// The newest UID in the open folder under which the mail lies, `taken` ones apart.
    pub(super) async fn find(
        self,
        session: &mut Session,
        taken: &BTreeSet<u32>,
    ) -> Result<Option<u32>, Fault> {
        let exact = sized(session, "", self.size, self.size).await?;
        if let Some(uid) = self.among(session, &exact, taken).await? {
            return Ok(Some(uid));
        }
        // Only the newest are asked for: a move puts it there.
        let first = newest_uid(session).await?.saturating_sub(RECENT).max(1);
        let recent = format!("UID {first}:* ");
        if let Some(id) = self.message_id.filter(|id| can_be_quoted(id)) {
            let command = format!("UID SEARCH {recent}HEADER Message-ID \"{id}\"");
            let named = searched(session, &command).await?;
            if let Some(uid) = self.among(session, &named, taken).await? {
                return Ok(Some(uid));
            }
        }
        // A mail of nothing but line ends is half as long where they end in LF. Many mails are about
        // as long, so their sizes are compared.
        let near = sized(session, &recent, self.size / 2, self.size).await?;
        let others: Vec<u32> = near.difference(&exact).copied().collect();
        let newest = others.split_at(others.len().saturating_sub(MOST_COMPARED)).1;
        let same = of_size(session, newest, self.size).await?;
        self.among(session, &same, taken).await
    }

    /// The newest of the candidates that is the mail.
    async fn among(
        self,
        session: &mut Session,
        candidates: &BTreeSet<u32>,
        taken: &BTreeSet<u32>,
    ) -> Result<Option<u32>, Fault> {
        let likely = candidates.iter().rev().filter(|uid| !taken.contains(uid));
        for uid in likely.take(MOST_CANDIDATES) {
            if self.is(session, *uid).await? {
                return Ok(Some(*uid));
            }
        }
        Ok(None)
    }

    async fn is(self, session: &mut Session, uid: u32) -> Result<bool, Fault> {
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
                        let size = if have < COVERED { have } else { self.size };
                        key = Some(key_of(bytes, size));
                    }
                },
            )
            .await?;
        Ok(key == Some(self.key))
    }
}

/// The highest UID in the open folder; 0 if it is empty.
async fn newest_uid(session: &mut Session) -> Result<u32, Fault> {
    let mut newest = 0;
    let note = |response: &Response<'_>| newest = newest.max(uid_of(response).unwrap_or_default());
    match session.command("looking", "UID FETCH * (UID)", note).await {
        // Some servers say that there is no `*` in an empty folder.
        Ok(_) | Err(Fault::Denied { .. }) => Ok(newest),
        Err(fault) => Err(fault),
    }
}

/// The UIDs in the open folder that SEARCH takes for no smaller and no larger than this.
async fn sized(
    session: &mut Session,
    which: &str,
    smallest: u64,
    largest: u64,
) -> Result<BTreeSet<u32>, Fault> {
    let larger = smallest.checked_sub(1).map_or(String::new(), |above| format!("LARGER {above} "));
    searched(session, &format!("UID SEARCH {which}{larger}SMALLER {}", largest.saturating_add(1)))
        .await
}

/// Whether a Message-ID can stand in a search as it is; some are anything but one.
fn can_be_quoted(id: &str) -> bool {
    !id.is_empty()
        && id.len() <= 250
        && id.chars().all(|c| c.is_ascii_graphic() && !"\"\\".contains(c))
}

/// The UIDs that a search finds in the open folder.
async fn searched(session: &mut Session, command: &str) -> Result<BTreeSet<u32>, Fault> {
    let mut found = BTreeSet::new();
    session
        .command("searching", command, |response| {
            // Where nothing matches, some servers leave the response out (iCloud).
            if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                found.extend(uids.iter().copied());
            }
        })
        .await?;
    Ok(found)
}

/// Those of the UIDs of which FETCH says that they have this size.
async fn of_size(session: &mut Session, uids: &[u32], size: u64) -> Result<BTreeSet<u32>, Fault> {
    let mut found = BTreeSet::new();
    for batch in uids.chunks(BATCH) {
        let command = format!("UID FETCH {} (UID RFC822.SIZE)", uid_set(batch));
        session
            .command("looking", &command, |response| {
                if let Some((uid, piece)) = piece(response)
                    && piece.size == size
                {
                    found.insert(uid);
                }
            })
            .await?;
    }
    Ok(found)
}

/// The UID of a mail that lay at a place, as far as it is still good: one that was given before the
/// folder was renumbered says nothing, and some were never told.
pub(super) fn number_in(epoch: u32, place: &Place) -> Option<u32> {
    let uid = place.name.parse().ok().filter(|uid| *uid > 0);
    uid.filter(|_| place.epoch == epoch)
}

/// Which of these UIDs are in the open folder.
pub(super) async fn existing(session: &mut Session, uids: &[u32]) -> Result<BTreeSet<u32>, Fault> {
    let mut found = BTreeSet::new();
    for batch in uids.chunks(BATCH) {
        let command = format!("UID FETCH {} (UID)", uid_set(batch));
        session
            .command("looking", &command, |response| {
                if let Some(uid) = uid_of(response) {
                    found.insert(uid);
                }
            })
            .await?;
    }
    Ok(found)
}

/// Of each of these mails, whether it is in the folder: under its number, or, where that is not known
/// or was given anew, wherever it is recognised.
pub(super) async fn there(
    session: &mut Session,
    folder: &str,
    wanted: &[&Wanted],
) -> Result<Vec<bool>, Fault> {
    let opened = match session.open(folder, false).await {
        Ok(opened) => opened,
        // The folder is gone, and with it the mails.
        Err(Fault::Denied { missing: true, .. }) => return Ok(vec![false; wanted.len()]),
        Err(fault) => return Err(fault),
    };
    let number = |one: &Wanted| number_in(opened.epoch, &one.place);
    let numbers: Vec<u32> = wanted.iter().filter_map(|one| number(one)).collect();
    let known = existing(session, &numbers).await?;
    let mut found = Vec::new();
    for one in wanted {
        found.push(if let Some(uid) = number(one) {
            known.contains(&uid)
        } else {
            Seeker::from(*one).find(session, &BTreeSet::new()).await?.is_some()
        });
    }
    Ok(found)
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
