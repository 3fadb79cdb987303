//! Claimed jobs, gathered until a server can do many of the same kind at once.
//!
//! A move costs a server about the same for one mail and for hundreds: it flushes two folders to
//! disk. So while more is to come, the few mails for a seldom folder wait for others. It knows
//! jobs and numbers; whether there is more to come is for others to say.

use std::collections::BTreeSet;

use tokio::time::{Duration, Instant};

use crate::seams::{Job, JobId};

/// This many jobs that are alike are worth a command of their own.
const FULL: usize = 500;
/// More than this many don't wait.
const MOST: usize = 5_000;
/// Nor does any wait longer than this, whatever is to come.
const LONGEST: Duration = Duration::from_secs(1);

/// Jobs that were claimed and not begun.
#[derive(Default)]
pub(super) struct Gathered {
    /// Those of one group have their mail in the same folder and the same to be done with it,
    /// oldest first.
    groups: Vec<Vec<Job>>,
    /// When the one that waits longest came.
    since: Option<Instant>,
}

impl Gathered {
    /// Adds jobs that were claimed later than those before. One that waits here already was claimed
    /// again, for its mail under a new number: it takes the place of the earlier one. Says how many
    /// did.
    pub(super) fn add(&mut self, jobs: Vec<Job>) -> usize {
        let before = self.waiting();
        if before > 0 {
            let again: BTreeSet<JobId> = jobs.iter().map(|job| job.id).collect();
            for group in &mut self.groups {
                group.retain(|job| !again.contains(&job.id));
            }
            self.groups.retain(|group| !group.is_empty());
        }
        let replaced = before - self.waiting();
        for job in jobs {
            self.since.get_or_insert_with(Instant::now);
            let alike =
                |group: &&mut Vec<Job>| group.first().is_some_and(|first| first.is_like(&job));
            match self.groups.iter_mut().find(alike) {
                Some(group) => group.push(job),
                None => self.groups.push(vec![job]),
            }
        }
        replaced
    }

    fn waiting(&self) -> usize {
        self.groups.iter().map(Vec::len).sum()
    }

    /// Takes the jobs that are to be carried out now: all that are in full groups, and the others
    /// as well unless there is more to come.
    pub(super) fn take(&mut self, more: bool) -> Vec<Job> {
        let waiting = self.waiting();
        let late = self.since.is_some_and(|since| since.elapsed() >= LONGEST);
        if !more || late || waiting > MOST {
            self.since = None;
            return std::mem::take(&mut self.groups).into_iter().flatten().collect();
        }
        let mut full = Vec::new();
        for group in &mut self.groups {
            full.extend(group.drain(..group.len() / FULL * FULL));
        }
        self.groups.retain(|group| !group.is_empty());
        if self.groups.is_empty() {
            self.since = None;
        }
        full
    }

    /// Waits until jobs are late; for ever if there are none.
    pub(super) async fn late(&self) {
        match self.since {
            Some(since) => tokio::time::sleep_until(since + LONGEST).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jobs that move mails from INBOX, one for each number, to these folders.
    fn jobs(folders: &[(&str, usize)]) -> Vec<Job> {
        let folders = folders.iter().flat_map(|(folder, count)| vec![*folder; *count]);
        (1..).zip(folders).map(|(id, folder)| Job::sample(id, folder)).collect()
    }

    #[test]
    fn what_is_seldom_waits_for_more_of_its_kind() {
        for (name, claimed, more, taken) in [
            ("a lone mail goes at once", &[("a", 1)][..], false, 1),
            ("nothing is nothing", &[], false, 0),
            ("few wait while there is more to come", &[("a", FULL - 1), ("b", 1)], true, 0),
            ("a full group goes", &[("a", FULL), ("b", 1)], true, FULL),
            ("what is beyond full waits", &[("a", FULL + 1)], true, FULL),
            ("it comes together over time", &[("a", 300), ("b", 9), ("a", 200)], true, FULL),
            ("all go at the end", &[("a", FULL + 1), ("b", 1)], false, FULL + 2),
            (
                "not too many wait",
                &[("a", 400), ("b", 3 * FULL), ("c", MOST - 400)],
                true,
                3 * FULL + MOST,
            ),
        ] {
            let mut gathered = Gathered::default();
            assert_eq!(gathered.add(jobs(claimed)), 0, "{name}");
            assert_eq!(gathered.take(more).len(), taken, "{name}");
        }
    }

    #[test]
    fn a_job_that_was_claimed_again_is_carried_out_once() {
        let mut gathered = Gathered::default();
        gathered.add(jobs(&[("a", 2), ("b", 1)]));
        let mut again = jobs(&[("a", 1)]);
        again[0].attempt = 2;
        assert_eq!(gathered.add(again), 1);
        let mut taken: Vec<(i64, u32)> =
            gathered.take(false).iter().map(|job| (job.id.0, job.attempt)).collect();
        taken.sort_unstable();
        assert_eq!(taken, [(1, 2), (2, 1), (3, 1)]);
    }
}
