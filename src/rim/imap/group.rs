//! Jobs that have the same done to them in the same folder.

use crate::seams::{Action, Job};

/// What one call has to do in one folder.
pub(super) struct Group<'a> {
    pub(super) folder: &'a str,
    pub(super) action: &'a Action,
    pub(super) jobs: Vec<&'a Job>,
}

/// Jobs by the folder that their mail lies in and what is to be done, oldest first.
pub(super) fn grouped(jobs: &[Job]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for job in jobs {
        let alike =
            |group: &&mut Group<'_>| group.jobs.iter().take(1).any(|first| first.is_like(job));
        match groups.iter_mut().find(alike) {
            Some(group) => group.jobs.push(job),
            None => groups.push(Group {
                folder: &job.place.folder,
                action: &job.action,
                jobs: vec![job],
            }),
        }
    }
    groups
}
