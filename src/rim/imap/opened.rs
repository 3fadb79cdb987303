//! The folder that a source reads, opened: what is listed in it, and getting mails out of it.
//!
//! It knows UIDs and bytes. Which mails make a window, and what happens when the server fails to
//! give one, is the source's to say.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use async_imap::imap_proto::{AttributeValue, Response};
use jiff::Timestamp;

use super::fault::Fault;
use super::session::{Session, Tag, uid_set};
use crate::seams::Cursor;

/// And about this many bytes.
const WINDOW_BYTES: u64 = 8 * 1024 * 1024;
/// This much of each mail comes with the first command. Most mails end within it.
pub(super) const BEGINNING: u64 = 64 * 1024;
/// UIDs are listed in ranges of this many, and of more where most of them are gone.
const LIST_RANGE: u32 = 10_000;
const LONGEST_LIST_RANGE: u32 = 80_000;

/// The watched folder, opened.
pub(super) struct Open {
    pub(super) session: Session,
    pub(super) name: String,
    pub(super) epoch: u32,
    /// The highest UID when we last looked.
    pub(super) top: u32,
    /// UIDs that are there, in order.
    pub(super) listed: VecDeque<u32>,
    /// Every UID up to this one is in `listed`, was handed out, or isn't there.
    pub(super) listed_upto: u32,
    /// Where the cursor stands once all that was handed out is recorded.
    pub(super) handed_upto: u32,
    /// What the server says that the next mail's UID will be.
    pub(super) uid_next: Option<u32>,
    /// The next beginnings, asked for ahead.
    pub(super) ahead: Option<(Tag, Vec<u32>)>,
}

/// What a FETCH says of one mail.
#[derive(Debug, Default, Clone)]
pub(super) struct Piece {
    pub(super) size: u64,
    pub(super) received: Option<Timestamp>,
    pub(super) bytes: Option<Vec<u8>>,
}

impl Open {
    /// Opens a folder by the server's name for it.
    pub(super) async fn look_into(session: Session, name: String) -> Result<Self, Fault> {
        let mut open = Self {
            session,
            name,
            epoch: 0,
            top: 0,
            listed: VecDeque::new(),
            listed_upto: 0,
            handed_upto: 0,
            uid_next: None,
            ahead: None,
        };
        open.look().await?;
        Ok(open)
    }

    /// Opens the folder anew: its epoch and its highest UID. UIDNEXT wouldn't do: some servers
    /// leave it out, and after a repair it may be too low.
    pub(super) async fn look(&mut self) -> Result<(), Fault> {
        let opened = self.session.open(&self.name, false).await?;
        if opened.epoch != self.epoch {
            self.epoch = opened.epoch;
            self.restart(0);
        }
        self.uid_next = opened.uid_next;
        self.top = 0;
        if opened.exists > 0 {
            let mut top = 0;
            self.session
                .command("looking for new mail", "UID FETCH * (UID)", |response| {
                    if let Some((uid, _)) = piece(response) {
                        top = uid.max(top);
                    }
                })
                .await?;
            self.top = top;
        }
        Ok(())
    }

    pub(super) fn restart(&mut self, upto: u32) {
        self.listed.clear();
        self.listed_upto = upto;
        self.handed_upto = upto;
    }

    /// Takes note of where the cursor is, and gives the UID that it stands for.
    pub(super) async fn behind(&mut self, after: &Cursor) -> Result<u32, Fault> {
        // Two folders may well have the same UIDVALIDITY: on some servers, all of them do.
        let elsewhere = after.folder.as_ref().is_some_and(|folder| *folder != self.name);
        let renumbered = after.epoch != self.epoch
            // A server may renumber without saying so: then its numbers went down. That UIDNEXT
            // is too low by itself proves nothing.
            || (self.uid_next.is_some_and(|next| next <= after.uid) && self.top < after.uid);
        let from = if elsewhere || renumbered { 0 } else { after.uid };
        if from != self.handed_upto {
            self.drain_ahead().await?;
            self.restart(from);
        }
        Ok(from)
    }

    /// Where the cursor stands once all mails up to this one are recorded.
    pub(super) fn upto(&self, uid: u32) -> Cursor {
        Cursor { folder: Some(self.name.clone()), epoch: self.epoch, uid }
    }

    /// Lists what is behind `from` unless some of it is listed; says whether there is nothing.
    pub(super) async fn nothing_behind(&mut self, from: u32) -> Result<bool, Fault> {
        let mut range = LIST_RANGE;
        while self.listed.is_empty() && self.listed_upto < self.top {
            let first = self.listed_upto + 1;
            let last = self.listed_upto.saturating_add(range).min(self.top);
            let mut uids = BTreeSet::new();
            self.session
                .command("listing", &format!("UID FETCH {first}:{last} (UID)"), |response| {
                    if let Some((uid, _)) = piece(response) {
                        uids.insert(uid);
                    }
                })
                .await?;
            self.listed = uids.range(first..=last).copied().filter(|uid| *uid > from).collect();
            self.listed_upto = last;
            range = range.saturating_mul(2).min(LONGEST_LIST_RANGE);
        }
        Ok(self.listed.is_empty())
    }

    /// Asks for the beginnings of mails.
    pub(super) async fn ask(&mut self, uids: &[u32], beginning: u64) -> Result<Tag, Fault> {
        let set = uid_set(uids);
        self.session
            .send(&format!(
                "UID FETCH {set} (UID RFC822.SIZE INTERNALDATE BODY.PEEK[]<0.{beginning}>)"
            ))
            .await
    }

    pub(super) async fn beginnings(
        &mut self,
        tag: &Tag,
        count: usize,
        beginning: u64,
    ) -> Result<BTreeMap<u32, Piece>, Fault> {
        // Twice as many, since a server may send a mail again.
        self.session.allow(beginning, beginning.saturating_mul(2 * count as u64));
        let mut pieces = BTreeMap::new();
        self.session
            .finish("fetching", tag, |response| {
                if let Some((uid, piece)) = piece(response)
                    && piece.bytes.is_some()
                {
                    pieces.insert(uid, piece);
                }
            })
            .await?;
        Ok(pieces)
    }

    /// What the server says of one mail; `None` if it is no longer there.
    pub(super) async fn about(&mut self, uid: u32, items: &str) -> Result<Option<Piece>, Fault> {
        let mut found = None;
        self.session
            .command("fetching", &format!("UID FETCH {uid} ({items})"), |response| {
                let said = piece(response).filter(|(of, _)| *of == uid);
                found = said.map(|(_, piece)| piece).or(found.take());
            })
            .await?;
        Ok(found)
    }

    /// Asks once more for those that didn't come. What doesn't come then is no longer there;
    /// but if a list has it, the server failed to give it.
    pub(super) async fn again(
        &mut self,
        uids: &[u32],
        pieces: &mut BTreeMap<u32, Piece>,
        beginning: u64,
    ) -> Result<(), Fault> {
        let missing: Vec<u32> =
            uids.iter().copied().filter(|uid| !pieces.contains_key(uid)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let tag = self.ask(&missing, beginning).await?;
        pieces.extend(self.beginnings(&tag, missing.len(), beginning).await?);
        let mut there = false;
        let set = uid_set(&missing);
        self.session
            .command("fetching", &format!("UID FETCH {set} (UID)"), |response| {
                there |= piece(response)
                    .is_some_and(|(uid, _)| missing.contains(&uid) && !pieces.contains_key(&uid));
            })
            .await?;
        if there { Err(left_out()) } else { Ok(()) }
    }

    /// Fetches what is larger than its beginning, up to the limits, and says which mails are
    /// complete now: the first ones, as many as a window holds.
    pub(super) async fn complete(
        &mut self,
        uids: &[u32],
        pieces: &mut BTreeMap<u32, Piece>,
        beginning: u64,
        limit: u64,
    ) -> Result<Vec<u32>, Fault> {
        let rest = limit - beginning;
        let (mut taken, mut larger, mut bytes) = (Vec::new(), Vec::new(), 0);
        for &uid in uids {
            if let Some(piece) = pieces.get(&uid) {
                let have = piece.bytes.as_ref().map_or(0, Vec::len) as u64;
                // A size that the server states too low shows in a beginning that is full.
                let partial = have >= beginning && rest > 0;
                let all =
                    if partial { piece.size.clamp(have + 1, limit.max(have + 1)) } else { have };
                if bytes > 0 && bytes + all > WINDOW_BYTES {
                    break;
                }
                bytes += all;
                if partial {
                    larger.push(uid);
                }
            }
            taken.push(uid);
        }
        if !larger.is_empty() {
            self.rests(&larger, pieces, beginning, rest).await?;
        }
        Ok(taken)
    }

    pub(super) async fn rests(
        &mut self,
        uids: &[u32],
        pieces: &mut BTreeMap<u32, Piece>,
        beginning: u64,
        rest: u64,
    ) -> Result<(), Fault> {
        let together = rest.saturating_add(2 * WINDOW_BYTES);
        self.session.allow(rest, together);
        let set = uid_set(uids);
        let command = format!("UID FETCH {set} (UID BODY.PEEK[]<{beginning}.{rest}>)");
        let mut seen = BTreeSet::new();
        self.session
            .command("fetching", &command, |response| {
                if let Some((uid, Piece { bytes: Some(more), .. })) = piece(response)
                    && seen.insert(uid)
                    && let Some(Piece { bytes: Some(bytes), .. }) = pieces.get_mut(&uid)
                {
                    bytes.extend_from_slice(&more);
                }
            })
            .await?;
        // One that vanished in between isn't handed out in part; the next list doesn't have it.
        if uids.iter().all(|uid| seen.contains(uid)) { Ok(()) } else { Err(left_out()) }
    }

    /// Reads and forgets what was asked for ahead.
    pub(super) async fn drain_ahead(&mut self) -> Result<(), Fault> {
        if let Some((tag, uids)) = self.ahead.take() {
            self.beginnings(&tag, uids.len(), BEGINNING).await?;
        }
        Ok(())
    }
}

fn left_out() -> Fault {
    Fault::Denied {
        what: "fetching".to_owned(),
        answer: "OK, without all that was asked for".to_owned(),
        missing: false,
    }
}

/// What a response says of a mail, if it is about one and names its UID.
pub(super) fn piece(response: &Response<'_>) -> Option<(u32, Piece)> {
    let Response::Fetch(_, attributes) = response else { return None };
    let (mut uid, mut piece) = (None, Piece::default());
    for attribute in attributes {
        match attribute {
            AttributeValue::Uid(number) => uid = Some(*number),
            AttributeValue::Rfc822Size(size) => piece.size = u64::from(*size),
            AttributeValue::InternalDate(text) => piece.received = date(text),
            AttributeValue::BodySection { data, .. } => {
                piece.bytes = data.as_deref().map(<[u8]>::to_vec);
            }
            _ => {}
        }
    }
    Some((uid?, piece))
}

/// INTERNALDATE: `17-Jul-1996 02:44:25 -0700`, the day padded with a space.
fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim_start()).ok()?.to_timestamp().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_dates_are_read() {
        for (text, expected) in [
            ("17-Jul-1996 02:44:25 -0700", Some("1996-07-17T09:44:25Z")),
            (" 1-Jan-2026 00:00:00 +0000", Some("2026-01-01T00:00:00Z")),
            ("yesterday", None),
        ] {
            assert_eq!(date(text).map(|at| at.to_string()).as_deref(), expected, "{text}");
        }
    }
}
