//! A watched folder on an IMAP server.
//!
//! UIDs are listed first, in bounded ranges; then the beginnings of up to a hundred mails come
//! with one command, and what is larger than that in a second one. So memory is bounded by what
//! was asked for, not by what a server claims. The folder is opened read-only: nothing can be
//! marked or moved from here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::connect::Account;
use super::fault::Fault;
use super::folder::{Folders, Found};
use super::lookup::{Seeker, number_in};
use super::opened::{BEGINNING, Open, Piece};
use crate::config::Mailbox;
use crate::killpoint;
use crate::seams::{Again, Cursor, Fetched, Place, Source, SourceError, SourceId, Wanted, Window};

/// A window holds at most this many mails.
const WINDOW_MAILS: usize = 100;
/// RFC 2177 asks for a new IDLE every 29 minutes; many a NAT forgets a connection sooner.
const LONGEST_IDLE: Duration = Duration::from_mins(5);
/// A look that brings nothing is expected to take so long, waiting included.
const SOONEST: Duration = Duration::from_secs(1);
/// A mail that the server lists but never gives is asked for alone until this is reached: by what a
/// refusal counts and what a connection that breaks meanwhile does, which proves less.
const ENOUGH: u32 = 6;
const REFUSAL: u32 = 2;
const BREAK: u32 = 1;
/// From here on it isn't asked for its size and date either, which may be what fails.
const MORE_THAN_ENOUGH: u32 = ENOUGH + REFUSAL;

/// A folder on an IMAP server.
pub struct ImapSource {
    id: SourceId,
    inbox: String,
    fetch_limit: u64,
    poll_every: Duration,
    account: Arc<Account>,
    folders: Folders,
    open: Option<Open>,
    idle: bool,
    /// How many looks in a row came soon and brought nothing.
    fruitless: u32,
    /// How many mails are asked for at once: fewer after the server failed to give some.
    batch: usize,
    /// The mail at which the server failed last, and how much speaks against it.
    failing: Option<(u32, u32)>,
}

impl ImapSource {
    /// A source for a mailbox.
    #[must_use]
    pub fn new(mailbox: &Mailbox, account: Arc<Account>) -> Self {
        Self {
            id: mailbox.id.clone(),
            inbox: mailbox.inbox.clone(),
            fetch_limit: mailbox.fetch_limit.max(1),
            poll_every: mailbox.poll_every,
            idle: account.idle(),
            account,
            folders: Folders::default(),
            open: None,
            fruitless: 0,
            batch: WINDOW_MAILS,
            failing: None,
        }
    }

    /// The folder, opened now or earlier. It is taken out, so that an answer that nobody waited
    /// for is never taken for that of a later command: who fails or is dropped doesn't put it back.
    async fn opened(&mut self) -> Result<Open, Fault> {
        if let Some(open) = self.open.take() {
            return Ok(open);
        }
        let mut session = self.account.connect().await?;
        let name = match self.folders.find(&mut session, &self.inbox).await? {
            Found::There(name) => name,
            Found::Missing(_) => {
                return Err(Fault::Misconfigured(format!(
                    "there is no folder `{}` on the server",
                    self.inbox
                )));
            }
        };
        Open::look_into(session, name).await
    }

    async fn window(&mut self, after: Cursor) -> Result<Window, Fault> {
        let mut open = self.opened().await?;
        let mut from = open.behind(&after).await?;
        if open.nothing_behind(from).await? {
            let waiting = Instant::now();
            if !open.session.has_news() {
                self.wait(&mut open).await?;
            }
            open.look().await?;
            from = open.behind(&after).await?;
            if open.nothing_behind(from).await? {
                let upto = open.upto(from);
                self.open = Some(open);
                self.rest_after(waiting.elapsed()).await;
                return Ok(Window { mails: Vec::new(), upto });
            }
        }
        self.fruitless = 0;
        let next = open.listed.front().copied().unwrap_or_default();
        let given_up = self.failing.is_some_and(|(uid, count)| uid == next && count >= ENOUGH);
        let (mails, last) = if given_up {
            self.without_its_bytes(&mut open, next).await?
        } else {
            match self.take_window(&mut open).await {
                Ok(window) => window,
                Err(fault) => {
                    self.note_failure(next, &fault);
                    return Err(fault);
                }
            }
        };
        self.batch = WINDOW_MAILS;
        let upto = open.upto(last);
        killpoint::pass("fetched");
        self.open = Some(open);
        Ok(Window { mails, upto })
    }

    /// The next mails, and the UID up to which nothing else is left.
    async fn take_window(&mut self, open: &mut Open) -> Result<(Vec<Fetched>, u32), Fault> {
        let beginning = BEGINNING.min(self.fetch_limit);
        let (tag, uids) = if let Some(asked) = open.ahead.take() {
            asked
        } else {
            let uids: Vec<u32> = open.listed.iter().take(self.batch).copied().collect();
            (open.ask(&uids, beginning).await?, uids)
        };
        let mut pieces = open.beginnings(&tag, uids.len(), beginning).await?;
        open.again(&uids, &mut pieces, beginning).await?;
        let taken = open.complete(&uids, &mut pieces, beginning, self.fetch_limit).await?;
        let last = taken.last().copied().unwrap_or_default();
        open.listed.retain(|uid| *uid > last);
        open.handed_upto = last;
        let mails = taken
            .iter()
            .filter_map(|uid| Some((*uid, pieces.remove(uid)?)))
            .map(|(uid, piece)| fetched(self.place(open, uid), piece, self.fetch_limit))
            .collect();
        // While these are judged and recorded, the server reads the next ones.
        if taken.len() == uids.len() && !open.listed.is_empty() {
            let next: Vec<u32> = open.listed.iter().take(self.batch).copied().collect();
            let tag = open.ask(&next, beginning).await?;
            open.ahead = Some((tag, next));
        }
        Ok((mails, last))
    }

    async fn wait(&mut self, open: &mut Open) -> Result<(), Fault> {
        if !(self.idle && open.session.can("IDLE")) {
            tokio::time::sleep(self.poll_every).await;
            return Ok(());
        }
        let result = open.session.idle(self.poll_every.min(LONGEST_IDLE)).await;
        if let Err(Fault::Denied { .. }) = &result {
            // It offers IDLE and refuses it: from here on we look now and then.
            self.idle = false;
        }
        result
    }

    /// After a look that brought nothing: a server that tells of mail which isn't there, or ends
    /// each IDLE at once, is looked at less and less often.
    async fn rest_after(&mut self, waited: Duration) {
        self.fruitless = if waited < SOONEST { self.fruitless.saturating_add(1) } else { 0 };
        if self.fruitless > 0 {
            let rest = SOONEST.saturating_mul(1 << (self.fruitless - 1).min(10));
            tokio::time::sleep(rest.min(self.poll_every)).await;
        }
    }

    fn place(&self, open: &Open, uid: u32) -> Place {
        Place {
            source: self.id.clone(),
            folder: open.name.clone(),
            epoch: open.epoch,
            name: uid.to_string(),
        }
    }

    /// After a failure, fewer mails are asked for at once, so that one which the server can't
    /// give doesn't keep the others; until that one is known, and how often it failed. A
    /// connection that breaks again and again, and always over the same mail, breaks over it.
    fn note_failure(&mut self, uid: u32, fault: &Fault) {
        let more = match fault {
            Fault::Denied { .. } => REFUSAL,
            Fault::Lost(_) => BREAK,
            Fault::Throttled { .. } | Fault::Refused(_) | Fault::Misconfigured(_) => 0,
        };
        if self.batch == 1 && more > 0 {
            let before = self.failing.filter(|(other, _)| *other == uid).map_or(0, |(_, n)| n);
            self.failing = Some((uid, before + more));
        }
        self.batch = (self.batch / 10).max(1);
    }

    /// A mail that the server lists but won't give: it is handed out without its bytes, so that
    /// a person sees that it is there.
    async fn without_its_bytes(
        &mut self,
        open: &mut Open,
        uid: u32,
    ) -> Result<(Vec<Fetched>, u32), Fault> {
        open.drain_ahead().await?;
        let asks_little = self.failing.is_some_and(|(_, count)| count >= MORE_THAN_ENOUGH);
        let items = if asks_little { "UID" } else { "UID RFC822.SIZE INTERNALDATE" };
        let found = match open.about(uid, items).await {
            Ok(found) => found,
            Err(fault) => {
                self.note_failure(uid, &fault);
                return Err(fault);
            }
        };
        self.failing = None;
        open.listed.pop_front();
        open.handed_upto = uid;
        let mails = found
            .map(|piece| Fetched {
                place: self.place(open, uid),
                raw: Vec::new(),
                // Of a mail without a byte there is nothing to withhold.
                size: piece.size.max(1),
                received: piece.received,
            })
            .into_iter()
            .collect();
        Ok((mails, uid))
    }

    /// What became of these mails. One that the server won't give ends the connection, and nothing is
    /// known of the others.
    async fn at(&mut self, wanted: &[Wanted]) -> Result<Vec<Again>, Fault> {
        let mut open = self.opened().await?;
        open.drain_ahead().await?;
        let mut by_folder: BTreeMap<&str, Vec<(usize, &Wanted)>> = BTreeMap::new();
        for (nth, one) in wanted.iter().enumerate() {
            by_folder.entry(&one.place.folder).or_default().push((nth, one));
        }
        let mut found = vec![Again::Gone; wanted.len()];
        for (folder, wanted) in by_folder {
            open.name = folder.to_owned();
            match open.session.open(folder, false).await {
                Ok(opened) => open.epoch = opened.epoch,
                // The folder is gone, and with it the mail.
                Err(Fault::Denied { missing: true, .. }) => continue,
                Err(fault) => return Err(fault),
            }
            for (nth, mail) in self.in_folder(&mut open, &wanted).await? {
                if let Some(found) = found.get_mut(nth) {
                    *found = Again::There(mail);
                }
            }
        }
        // The watched folder is opened anew; what was listed of it may be stale by now, and what was
        // not handed out yet is listed again.
        let upto = open.handed_upto;
        open.restart(upto);
        if let Found::There(name) = self.folders.find(&mut open.session, &self.inbox).await? {
            open.name = name;
            open.look().await?;
            self.open = Some(open);
        }
        Ok(found)
    }

    /// Those of the mails that are in the open folder: under the number that they had, or, if
    /// numbers were given anew or were never known, wherever they are recognised.
    async fn in_folder(
        &self,
        open: &mut Open,
        wanted: &[(usize, &Wanted)],
    ) -> Result<Vec<(usize, Fetched)>, Fault> {
        let epoch = open.epoch;
        let number = |one: &Wanted| number_in(epoch, &one.place);
        let numbers = wanted.iter().filter_map(|(_, one)| number(one)).collect();
        let mut numbered = self.numbered(open, numbers).await?;
        let (mut found, mut taken, mut elsewhere) = (Vec::new(), BTreeSet::new(), Vec::new());
        for &(nth, one) in wanted {
            let mail = number(one).and_then(|uid| numbered.remove(&uid));
            if let Some(mail) = mail.filter(|mail| one.is(&mail.raw, mail.size)) {
                taken.extend(number(one));
                found.push((nth, mail));
            } else {
                elsewhere.push((nth, one));
            }
        }
        for (nth, one) in elsewhere {
            let found_at = Seeker::from(one).find(&mut open.session, &taken).await?;
            let Some(uid) = found_at else { continue };
            taken.insert(uid);
            let mail = self.numbered(open, BTreeSet::from([uid])).await?.remove(&uid);
            found.extend(mail.map(|mail| (nth, mail)));
        }
        Ok(found)
    }

    /// The mails with these UIDs in the open folder.
    async fn numbered(
        &self,
        open: &mut Open,
        uids: BTreeSet<u32>,
    ) -> Result<BTreeMap<u32, Fetched>, Fault> {
        let beginning = BEGINNING.min(self.fetch_limit);
        let mut found = BTreeMap::new();
        let mut left: Vec<u32> = uids.into_iter().collect();
        while !left.is_empty() {
            let now: Vec<u32> = left.iter().take(WINDOW_MAILS).copied().collect();
            let tag = open.ask(&now, beginning).await?;
            let mut pieces = open.beginnings(&tag, now.len(), beginning).await?;
            open.again(&now, &mut pieces, beginning).await?;
            let taken = open.complete(&now, &mut pieces, beginning, self.fetch_limit).await?;
            for uid in &taken {
                if let Some(piece) = pieces.remove(uid) {
                    found.insert(*uid, fetched(self.place(open, *uid), piece, self.fetch_limit));
                }
            }
            left.drain(..taken.len().min(left.len()));
        }
        Ok(found)
    }
}

/// A piece that is complete up to the limit, as a mail. The size that a server states can be
/// wrong; what came is not.
fn fetched(place: Place, piece: Piece, limit: u64) -> Fetched {
    let raw = piece.bytes.unwrap_or_default();
    let have = raw.len() as u64;
    let size = if have < limit { have } else { piece.size.max(have) };
    Fetched { place, raw, size, received: piece.received }
}

#[async_trait]
impl Source for ImapSource {
    fn id(&self) -> &SourceId {
        &self.id
    }

    async fn next(&mut self, after: Cursor) -> Result<Window, SourceError> {
        self.window(after).await.map_err(SourceError::from)
    }

    fn knows_of_more(&self) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| !open.listed.is_empty() || open.listed_upto < open.top)
    }

    async fn fetch(&mut self, wanted: &[Wanted]) -> Result<Vec<Again>, SourceError> {
        match self.at(wanted).await {
            Ok(found) => return Ok(found),
            Err(Fault::Denied { .. }) => {}
            Err(fault) => return Err(fault.into()),
        }
        // One of them can't be had: the others don't wait for it.
        let mut found = Vec::new();
        for one in wanted {
            match self.at(std::slice::from_ref(one)).await {
                Ok(answer) => found.extend(answer),
                Err(fault @ Fault::Denied { .. }) => found.push(Again::Withheld(fault.to_string())),
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(found)
    }
}
