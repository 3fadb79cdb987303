//! Delivery in an IMAP mailbox: moving and marking mails, on a connection of its own.
//!
//! A move is done when the server's COPYUID names the mail, or when a look finds it in the target
//! and no longer in the source; an OK alone proves nothing, since a server also says OK to moving
//! what isn't there. It knows jobs, not why a mail goes where it goes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use super::connect::Account;
use super::fault::Fault;
use super::folder::{Folders, Target};
use super::group::{Group, grouped};
use super::lookup::{Seeker, existing, number_in, there};
use super::mark;
use super::outcomes::{Failure, Ledger};
use super::removal::{demand_rights, remove};
use super::session::{Copied, Opened, Session, copied, quoted, uid_set};
use crate::config::Mailbox;
use crate::config::folders::Waiting;
use crate::killpoint;
use crate::rim::backoff::{after_refusal, backoff};
use crate::seams::{Action, Delivery, Job, JobId, Outcome, Place, Proof, Wanted};

use async_imap::imap_proto::Response;

/// One command moves, or looks for, at most this many mails. A server flushes two folders to disk
/// for each move; its line stays below the 8,192 octets that servers should take (RFC 7162 §4).
pub(super) const BATCH: usize = 500;

const NOT_MOVED: &str = "the server didn't move the mail";
const NOT_REMOVED: &str = "the server didn't copy the mail and then remove it: \
                           the account needs the rights to delete and to expunge in its folder";

/// Moves and marks mails in one mailbox.
pub struct ImapDelivery {
    account: Arc<Account>,
    create_folders: bool,
    folders: Folders,
    /// The keyword of mails that wait for a person, if they have one.
    waiting: Option<String>,
    session: Option<Session>,
    /// How often in a row no connection could be made, or no folder opened on it.
    unreached: u32,
}

impl ImapDelivery {
    /// A delivery for a mailbox.
    #[must_use]
    pub fn new(mailbox: &Mailbox, account: Arc<Account>) -> Self {
        Self {
            account,
            create_folders: mailbox.create_folders,
            folders: Folders::default(),
            waiting: match &mailbox.folders.assist {
                Waiting::Marked(keyword) => Some(keyword.clone()),
                Waiting::Stays | Waiting::Moves(_) => None,
            },
            session: None,
            unreached: 0,
        }
    }

    async fn group(&mut self, group: &Group<'_>, ledger: &mut Ledger) -> Result<(), Failure> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => match self.account.connect().await {
                Ok(session) => session,
                Err(fault) => return Err(self.not_reached(fault)),
            },
        };
        match group.action {
            Action::Mark { keyword } => self.mark(&mut session, group, keyword, ledger).await?,
            Action::Move { folder } => self.relocate(&mut session, group, folder, ledger).await?,
        }
        self.session = Some(session);
        Ok(())
    }

    /// A fault on the way to a group's mails. It says nothing against any of them.
    fn not_reached(&mut self, fault: Fault) -> Failure {
        self.unreached = self.unreached.saturating_add(1);
        let wait = match &fault {
            Fault::Throttled { after, .. } => *after,
            Fault::Refused(_) => after_refusal(self.unreached),
            Fault::Lost(_) | Fault::Denied { .. } | Fault::Misconfigured(_) => {
                backoff(self.unreached)
            }
        };
        Failure { fault, wait: Some(wait) }
    }

    /// Opens the folder that a group's mails lie in.
    async fn select(&mut self, session: &mut Session, folder: &str) -> Result<Opened, Failure> {
        match session.select(folder).await.inspect(|_| self.unreached = 0) {
            Ok(opened) => Ok(opened),
            // The folder is gone or can't be, and so the mails: that is for a person in the end.
            Err(fault @ (Fault::Denied { missing: true, .. } | Fault::Misconfigured(_))) => {
                Err(fault.into())
            }
            Err(fault) => Err(self.not_reached(fault)),
        }
    }

    /// Of a group's jobs, those whose mail lies where it lay. Where there is no MOVE, a copy of it may
    /// lie in the target as well.
    async fn lying(&mut self, group: &Group<'_>) -> Result<Vec<JobId>, Fault> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.account.connect().await?,
        };
        let mut lying = Vec::new();
        if session.can("MOVE") {
            let opened = session.select(group.folder).await?;
            let (there, _) = self.present(&mut session, &opened, group).await?;
            lying.extend(there.values().map(|job| job.id));
        }
        self.session = Some(session);
        Ok(lying)
    }

    /// Of each of these mails, whether it is in its folder.
    async fn found_in(&mut self, folder: &str, wanted: &[&Wanted]) -> Result<Vec<bool>, Fault> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.account.connect().await?,
        };
        let found = there(&mut session, folder, wanted).await?;
        self.session = Some(session);
        Ok(found)
    }

    /// The UIDs of a group's mails in the folder that is open, and the jobs whose mail isn't there.
    async fn present<'a>(
        &self,
        session: &mut Session,
        opened: &Opened,
        group: &Group<'a>,
    ) -> Result<(BTreeMap<u32, &'a Job>, Vec<&'a Job>), Fault> {
        let (mut there, mut doubtful, mut gone) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        let mut unnumbered = Vec::new();
        for &job in &group.jobs {
            match number_in(opened.epoch, &job.place) {
                Some(uid) => {
                    let first = job.attempt <= 1;
                    let list = if first { &mut there } else { &mut doubtful };
                    if let Some(other) = list.insert(uid, job) {
                        gone.push(other);
                    }
                }
                None => unnumbered.push(job),
            }
        }
        if !doubtful.is_empty() {
            let uids: Vec<u32> = doubtful.keys().copied().collect();
            let still = existing(session, &uids).await?;
            for (uid, job) in doubtful {
                if still.contains(&uid) {
                    there.insert(uid, job);
                } else {
                    gone.push(job);
                }
            }
        }
        let mut taken: BTreeSet<u32> = there.keys().copied().collect();
        for job in unnumbered {
            match Seeker::from(job).find(session, &taken).await? {
                Some(uid) => {
                    taken.insert(uid);
                    there.insert(uid, job);
                }
                None => gone.push(job),
            }
        }
        Ok((there, gone))
    }

    async fn mark(
        &mut self,
        session: &mut Session,
        group: &Group<'_>,
        keyword: &str,
        ledger: &mut Ledger,
    ) -> Result<(), Failure> {
        let opened = self.select(session, group.folder).await?;
        let (there, gone) = self.present(session, &opened, group).await?;
        let uids: Vec<u32> = there.keys().copied().collect();
        mark::set(session, &opened, &uids, keyword).await.map_err(Failure::about)?;
        for job in there.values() {
            ledger.done(job, None, Proof::Marked);
        }
        for job in gone {
            ledger.gone(job);
        }
        Ok(())
    }

    async fn relocate(
        &mut self,
        session: &mut Session,
        group: &Group<'_>,
        folder: &str,
        ledger: &mut Ledger,
    ) -> Result<(), Failure> {
        let moves = session.can("MOVE");
        if !moves && !session.can("UIDPLUS") {
            for job in &group.jobs {
                ledger.give_up(job, "the server has neither MOVE nor UIDPLUS, so that nothing can be moved without risk for other mails");
            }
            return Ok(());
        }
        let mut target = self.folders.target(session, folder, self.create_folders).await?;
        let opened = self.select(session, group.folder).await?;
        let (mut there, mut gone) = self.present(session, &opened, group).await?;
        if target.name == group.folder {
            for (uid, job) in there {
                let place = placed(job, group.folder, opened.epoch, uid);
                ledger.done(job, Some(place), Proof::FoundInTarget);
            }
            for job in gone {
                ledger.gone(job);
            }
            return Ok(());
        }
        if !moves {
            demand_rights(session, group.folder).await?;
            self.finish_copies(session, &target, &mut there, ledger).await?;
        }
        if let Some(keyword) = &self.waiting {
            // What leaves waits for nobody any more.
            let uids: Vec<u32> = there.keys().copied().collect();
            mark::unset(session, &opened, &uids, keyword).await.map_err(Failure::about)?;
        }
        let unproven = match self.move_there(session, &there, &mut target, ledger).await {
            Ok(unproven) => unproven,
            Err(Failure { fault, wait: Some(after) }) => {
                // What still lies there was not touched; of the others that is not known.
                for uid in existing(session, &there.keys().copied().collect::<Vec<_>>()).await? {
                    there.get(&uid).inspect(|job| ledger.wait(job, &fault.to_string(), after));
                }
                return Err(fault.into());
            }
            Err(failure) => return Err(failure),
        };
        // What COPYUID doesn't name was gone before, or the server doesn't say where it went.
        let uids: Vec<u32> = unproven.iter().map(|(uid, _)| *uid).collect();
        let still = existing(session, &uids).await?;
        for (uid, job) in unproven {
            if still.contains(&uid) {
                ledger.retry(job, if moves { NOT_MOVED } else { NOT_REMOVED });
            } else {
                gone.push(job);
            }
        }
        Ok(self.look_in_target(session, &target, &gone, ledger).await?)
    }

    /// Moves mails of the open folder; says of which the server didn't say that it did.
    async fn move_there<'a>(
        &mut self,
        session: &mut Session,
        there: &BTreeMap<u32, &'a Job>,
        target: &mut Target,
        ledger: &mut Ledger,
    ) -> Result<Vec<(u32, &'a Job)>, Failure> {
        let uids: Vec<u32> = there.keys().copied().collect();
        let moves = session.can("MOVE");
        let mut unproven = Vec::new();
        for batch in uids.chunks(BATCH) {
            let copied = match self.move_batch(session, batch, target, moves).await {
                Err(Failure { fault: Fault::Denied { missing: true, .. }, .. }) => {
                    // The folder vanished since it was found.
                    self.folders.forget(&target.folder);
                    let create = self.create_folders;
                    *target = self.folders.target(session, &target.folder, create).await?;
                    self.move_batch(session, batch, target, moves).await?
                }
                Err(failure) => {
                    // Servers say in many words that a folder is gone: it is looked for next time.
                    self.folders.forget(&target.folder);
                    return Err(failure);
                }
                Ok(copied) => copied,
            };
            let new: BTreeMap<u32, u32> = copied.pairs.iter().copied().collect();
            for uid in batch {
                let Some(job) = there.get(uid) else { continue };
                match new.get(uid) {
                    Some(number) => {
                        ledger.claimed.insert((target.name.clone(), *number));
                        let place = placed(job, &target.name, copied.epoch, *number);
                        ledger.done(job, Some(place), Proof::CopyUid);
                    }
                    None => unproven.push((*uid, *job)),
                }
            }
        }
        Ok(unproven)
    }

    /// Moves mails of the open folder, or copies them and removes what was copied.
    async fn move_batch(
        &self,
        session: &mut Session,
        uids: &[u32],
        target: &Target,
        moves: bool,
    ) -> Result<Copied, Failure> {
        let verb = if moves { "MOVE" } else { "COPY" };
        let command = format!("UID {verb} {} {}", uid_set(uids), quoted(&target.name));
        let mut all = Copied::default();
        // RFC 6851 §4.3: MOVE gives COPYUID before its end, in an untagged OK.
        let mut note = |code: Copied| {
            all.epoch = code.epoch;
            all.pairs.extend(code.pairs);
        };
        let done = session
            .command("moving", &command, |response| {
                if let Response::Data { outcome, .. } = response
                    && let Some(code) = outcome.code.as_ref().and_then(copied)
                {
                    note(code);
                }
            })
            .await
            .map_err(Failure::about)?;
        if let Some(code) = done.copied {
            note(code);
        }
        if moves {
            killpoint::pass("moved");
            return Ok(all);
        }
        killpoint::pass("copied");
        let mut copied: Vec<u32> =
            all.pairs.iter().map(|(from, _)| *from).filter(|uid| uids.contains(uid)).collect();
        copied.sort_unstable();
        // A mail that lies in both folders isn't moved yet.
        let still = remove(session, &copied).await?;
        all.pairs.retain(|(from, _)| !still.contains(from));
        Ok(all)
    }

    /// Without MOVE, an earlier try may have ended between the copy and the removal: then only
    /// the removal is left to do.
    async fn finish_copies(
        &self,
        session: &mut Session,
        target: &Target,
        there: &mut BTreeMap<u32, &Job>,
        ledger: &mut Ledger,
    ) -> Result<(), Fault> {
        let tried: Vec<(u32, &Job)> = there
            .iter()
            .filter(|(_, job)| job.attempt > 1)
            .map(|(uid, job)| (*uid, *job))
            .collect();
        let Some(folder) = tried.first().map(|(_, job)| job.place.folder.as_str()) else {
            return Ok(());
        };
        let opened = session.open(&target.name, false).await?;
        let mut copies = Vec::new();
        for (uid, job) in tried {
            if let Some(copy) = self.seek(session, target, job, ledger).await? {
                copies.push((uid, job, copy));
            }
        }
        session.select(folder).await?;
        let uids: Vec<u32> = copies.iter().map(|(uid, ..)| *uid).collect();
        let still = remove(session, &uids).await?;
        for (uid, job, copy) in copies {
            there.remove(&uid);
            if still.contains(&uid) {
                ledger.retry(job, NOT_REMOVED);
                continue;
            }
            let place = placed(job, &target.name, opened.epoch, copy);
            ledger.done(job, Some(place), Proof::FoundInTarget);
        }
        Ok(())
    }

    /// Looks for mails in the target that are no longer where they were.
    async fn look_in_target(
        &self,
        session: &mut Session,
        target: &Target,
        gone: &[&Job],
        ledger: &mut Ledger,
    ) -> Result<(), Fault> {
        if gone.is_empty() {
            return Ok(());
        }
        let opened = session.open(&target.name, false).await?;
        for job in gone {
            match self.seek(session, target, job, ledger).await? {
                Some(uid) => {
                    let place = placed(job, &target.name, opened.epoch, uid);
                    ledger.done(job, Some(place), Proof::FoundInTarget);
                }
                None => ledger.gone(job),
            }
        }
        Ok(())
    }

    /// Finds a job's mail in the target, which is open, and claims it for the job.
    async fn seek(
        &self,
        session: &mut Session,
        target: &Target,
        job: &Job,
        ledger: &mut Ledger,
    ) -> Result<Option<u32>, Fault> {
        let taken: BTreeSet<u32> = ledger
            .claimed
            .iter()
            .filter(|(name, _)| *name == target.name)
            .map(|(_, uid)| *uid)
            .collect();
        let found = Seeker::from(job).find(session, &taken).await?;
        if let Some(uid) = found {
            ledger.claimed.insert((target.name.clone(), uid));
        }
        Ok(found)
    }
}

fn placed(job: &Job, folder: &str, epoch: u32, uid: u32) -> Place {
    Place {
        source: job.place.source.clone(),
        folder: folder.to_owned(),
        epoch,
        name: uid.to_string(),
    }
}

#[async_trait]
impl Delivery for ImapDelivery {
    async fn deliver(&mut self, jobs: &[Job]) -> Vec<(JobId, Outcome)> {
        let mut ledger = Ledger::default();
        let mut lost = 0;
        if let Some(session) = &mut self.session {
            session.forget_folder();
        }
        let mut groups = grouped(jobs).into_iter();
        for group in groups.by_ref() {
            if let Err(Failure { fault, wait }) = self.group(&group, &mut ledger).await {
                ledger.failed(&group.jobs, &fault, wait);
                let server_trouble =
                    !matches!(fault, Fault::Denied { .. } | Fault::Misconfigured(_));
                lost += u32::from(server_trouble);
                // A connection that breaks is made anew once; then the rest has to wait.
                if lost > 1 || matches!(fault, Fault::Throttled { .. } | Fault::Refused(_)) {
                    groups.for_each(|group| ledger.failed(&group.jobs, &fault, wait));
                    break;
                }
            }
        }
        ledger.outcomes.into_iter().collect()
    }

    async fn untouched(&mut self, jobs: &[Job]) -> BTreeSet<JobId> {
        let mut untouched = BTreeSet::new();
        if let Some(session) = &mut self.session {
            session.forget_folder();
        }
        for group in grouped(jobs) {
            // A server that is in trouble is not asked again and again: delivery will find out.
            let Ok(lying) = self.lying(&group).await else { break };
            untouched.extend(lying);
        }
        untouched
    }

    async fn there(&mut self, wanted: &[Wanted]) -> Vec<Option<bool>> {
        let mut there = vec![None; wanted.len()];
        let mut by_folder: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (nth, one) in wanted.iter().enumerate() {
            by_folder.entry(&one.place.folder).or_default().push(nth);
        }
        for (folder, numbers) in by_folder {
            let some: Vec<&Wanted> = numbers.iter().filter_map(|nth| wanted.get(*nth)).collect();
            // A server that is in trouble is not asked again and again.
            let Ok(found) = self.found_in(folder, &some).await else { break };
            for (nth, is_there) in numbers.into_iter().zip(found) {
                if let Some(there) = there.get_mut(nth) {
                    *there = Some(is_there);
                }
            }
        }
        there
    }
}
