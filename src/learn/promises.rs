//! Examples are what a person promised of a dictionary: changes that would break one are left out.
//!
//! It tries changes; what speaks for them is for [`super::suggest`].

use std::collections::BTreeMap;

use super::patch::{Edit, apply};
use crate::diagnostic::Diagnostic;
use crate::dictionary::{Dictionaries, TeamId};

/// What is found where an example doesn't hold.
const FAILING_EXAMPLE: &str = "failing-example";

/// Changes, each with its team.
pub type Changes = Vec<(TeamId, Edit)>;

/// Changes that leave every example as it is.
pub struct Kept {
    /// The changes.
    pub changes: Changes,
    /// The files with them.
    pub files: BTreeMap<String, String>,
    /// The dictionaries made of those.
    pub dictionaries: Dictionaries,
    /// What was left out, and the example that it would break.
    pub left_out: Vec<(String, String)>,
    /// What was left out since the line that it is about is another one now.
    pub without_place: Vec<String>,
}

/// Takes as many of the changes as break no example. No answer speaks against an example. The files
/// may be newer than the changes.
///
/// # Errors
/// What else is wrong with the files.
pub fn keeping_examples(
    files: &BTreeMap<String, String>,
    mut changes: Changes,
) -> Result<Kept, Vec<Diagnostic>> {
    let (dictionaries, _) = Dictionaries::build(files)?;
    let edits: Vec<Edit> = changes.iter().map(|(_, edit)| edit.clone()).collect();
    let (_, lost) = apply(files, &edits);
    changes.retain(|(_, edit)| !lost.contains(edit));
    let mut kept = Kept {
        changes: Vec::new(),
        files: files.clone(),
        dictionaries,
        left_out: Vec::new(),
        without_place: lost.iter().map(named).collect(),
    };
    kept.take(files, changes)?;
    Ok(kept)
}

impl Kept {
    /// Takes all of the changes if that goes, and otherwise one half after the other.
    fn take(
        &mut self,
        files: &BTreeMap<String, String>,
        mut more: Changes,
    ) -> Result<(), Vec<Diagnostic>> {
        let edits: Vec<Edit> =
            self.changes.iter().chain(&more).map(|(_, edit)| edit.clone()).collect();
        let (patched, _) = apply(files, &edits);
        let findings = match Dictionaries::build(&patched) {
            Ok((dictionaries, _)) => {
                self.dictionaries = dictionaries;
                self.files = patched;
                self.changes.append(&mut more);
                return Ok(());
            }
            Err(findings) => findings,
        };
        let mut errors = findings.iter().filter(|finding| finding.is_error()).peekable();
        let example = errors.peek().map(|first| first.excerpt.trim().to_owned());
        if !errors.all(|finding| finding.code == FAILING_EXAMPLE) {
            return Err(findings);
        }
        if more.len() > 1 {
            let rest = more.split_off(more.len() / 2);
            self.take(files, more)?;
            return self.take(files, rest);
        }
        let left_out = more.iter().map(|(_, edit)| (named(edit), example.clone()));
        let left_out = left_out.filter_map(|(edit, example)| Some((edit, example?)));
        self.left_out.extend(left_out);
        Ok(())
    }
}

/// An edit in a word.
fn named(edit: &Edit) -> String {
    let file = edit.file();
    match edit {
        Edit::Add { term, points, .. } | Edit::Weigh { term, points, .. } => {
            format!("{file}: {term} {points:+}")
        }
        Edit::Drop { term, .. } => format!("{file}: {term}, dropped"),
        Edit::Rebase { base, .. } => format!("{file}: base {base}"),
    }
}
