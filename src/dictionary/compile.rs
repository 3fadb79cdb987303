//! From dictionary files to what a mail is classified with.
//!
//! Everything or nothing: with an error in any file there are no dictionaries, and whoever asked
//! keeps the last good ones. It knows files by name and text; where they are kept it doesn't.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::automaton::{Automaton, Phrases, Piece, Wants};
use super::calibration::Calibration;
use super::format::{self, TeamFile};
use super::lines::{Line, Lines};
use super::quick::QuickMap;
use super::rule::Rule;
use super::sought;
use super::uses::Index;
use super::vocabulary::Vocabulary;
use super::{TeamId, Version, examples};
use crate::diagnostic::Diagnostic;
use crate::workers::{both, each};

/// The dictionaries of all teams, ready to classify with.
pub struct Dictionaries {
    version: Version,
    /// By the names of the teams.
    files: Vec<TeamFile>,
    /// Shared with the verdicts, which name lines by their numbers.
    lines: Arc<Lines>,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) index: Index,
    pub(crate) automaton: Automaton,
    calibration: Calibration,
}

impl Dictionaries {
    /// Builds the dictionaries from files by name: `TEAM.dict`, and [`Calibration::FILE`] if there
    /// is one. The team `other` always exists. With the dictionaries come the warnings.
    ///
    /// # Errors
    /// All errors and warnings of all files, at least one of them an error.
    pub fn build(
        files: &BTreeMap<String, String>,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut found = Vec::new();
        let mut teams = Vec::new();
        let mut calibration = Calibration::default();
        let mut sources = Vec::new();
        for (name, text) in files {
            if name == Calibration::FILE {
                match Calibration::parse(name, text) {
                    Ok(fitted) => calibration = fitted,
                    Err(error) => found.push(error),
                }
            } else if is_dictionary(name) {
                sources.push((name, text));
            } else {
                let message = "the file is not read: a dictionary's name ends in `.dict`";
                found.push(Diagnostic::error(name, "unknown-file", message).warning());
            }
        }
        let read =
            |number: usize| sources.get(number).map(|(name, text)| format::parse(name, text));
        for (team, findings) in each(sources.len(), read).into_iter().flatten() {
            teams.extend(team);
            found.extend(findings);
        }
        check_teams(&teams, &calibration, &mut found);
        if teams.iter().all(|team| team.team.as_str() != TeamId::OTHER) {
            teams.push(TeamFile::empty(TeamId::other(), "For nobody"));
        }
        teams.sort_by(|one, other| one.team.cmp(&other.team));
        let compiled = compile(teams, calibration, version(files), &mut found);
        // Examples of a broken file fail for its errors' sake, and would only hide them.
        let compiled = compiled.filter(|_| !found.iter().any(Diagnostic::is_error));
        if let Some(dictionaries) = &compiled {
            found.extend(examples::check(dictionaries));
        }
        found.sort_by(|one, other| {
            (&one.file, one.line, one.column).cmp(&(&other.file, other.line, other.column))
        });
        match compiled {
            Some(dictionaries) if !found.iter().any(Diagnostic::is_error) => {
                Ok((dictionaries, found))
            }
            _ => Err(found),
        }
    }

    /// The teams that files by name have, also files that there is an error in; `other` always is
    /// among them.
    #[must_use]
    pub fn teams_of(files: &BTreeMap<String, String>) -> BTreeSet<TeamId> {
        let dictionaries = files.iter().filter(|(name, _)| is_dictionary(name));
        let read = dictionaries.filter_map(|(name, text)| format::parse(name, text).0);
        read.map(|file| file.team).chain([TeamId::other()]).collect()
    }

    /// Which dictionaries these are.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// Every team with the name that people read, in the order of the teams' names.
    pub fn teams(&self) -> impl Iterator<Item = (&TeamId, &str)> {
        self.files.iter().map(|file| (&file.team, file.name.as_str()))
    }

    /// The files as they were read, in the order of the teams' names; a team without a file has
    /// an empty one.
    #[must_use]
    pub fn files(&self) -> &[TeamFile] {
        &self.files
    }

    /// How margins become confidences.
    #[must_use]
    pub fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// The confidence at which mail goes to `team` by itself, where it was fitted.
    #[must_use]
    pub fn threshold(&self, team: &TeamId) -> Option<f64> {
        self.calibration.threshold(team)
    }

    /// The lines of all files, by their numbers.
    pub(crate) fn lines(&self) -> &Arc<Lines> {
        &self.lines
    }
}

/// Whether a file with this name is a dictionary.
fn is_dictionary(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "dict")
}

/// The SHA-256 over name and text of every file, in the order of the names, begins with it. The
/// lengths keep one file's end from being another's beginning.
fn version(files: &BTreeMap<String, String>) -> Version {
    let mut hash = Sha256::new();
    for (name, text) in files {
        for part in [name, text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    let mut version = String::new();
    for byte in hash.finalize().iter().take(8) {
        let _ = write!(version, "{byte:02x}");
    }
    Version(version)
}

/// Finds teams that two files claim, and calibrated teams that no file has.
fn check_teams(teams: &[TeamFile], calibration: &Calibration, found: &mut Vec<Diagnostic>) {
    let mut known: BTreeMap<&TeamId, &TeamFile> = BTreeMap::new();
    for team in teams {
        if let Some(first) = known.get(&team.team) {
            let message = format!("team `{}` has a file already", team.team);
            let help = format!("it is `{}`: put the lines there, or name another team", first.file);
            let error = Diagnostic::error(&team.file, "duplicate-team", message).help(help);
            found.push(error.at(team.team_line, 0, 0, format!("team {}", team.team)));
        } else {
            known.insert(&team.team, team);
        }
    }
    for team in calibration.teams.keys() {
        if !known.contains_key(team) && team.as_str() != TeamId::OTHER {
            let message = format!("team `{team}` has no dictionary");
            found.push(
                Diagnostic::error(Calibration::FILE, "unknown-team", message)
                    .warning()
                    .help("let `postroom calibrate` write it anew"),
            );
        }
    }
}

fn compile(
    teams: Vec<TeamFile>,
    calibration: Calibration,
    version: Version,
    found: &mut Vec<Diagnostic>,
) -> Option<Dictionaries> {
    let (wants, vocabulary) = sought::wants(&teams);
    let (phrases, index) = Phrases::gather(&wants, vocabulary.last_code);
    // The search takes longest to build: all that can be done beside it is.
    let beside = || {
        let lines = numbered(&teams);
        let index = index.finish(vocabulary.last_code, &lines);
        (Arc::new(lines), index, find_repeats(&teams, &wants))
    };
    let (automaton, (lines, index, repeats)) = both(|| phrases.build(), beside);
    found.extend(repeats);
    match automaton {
        Ok(automaton) => {
            let files = teams;
            Some(Dictionaries { version, files, lines, vocabulary, index, automaton, calibration })
        }
        Err(error) => {
            let message = format!("the dictionaries are too large: {error}");
            found.push(Diagnostic::error("dictionaries", "too-large", message));
            None
        }
    }
}

/// The lines of all teams, numbered.
fn numbered(teams: &[TeamFile]) -> Lines {
    let mut lines = Lines::default();
    for team in teams {
        lines.add_team(&team.team, &team.file);
        for (_, rule) in team.rules() {
            lines.add(Line {
                number: rule.line,
                term: rule.term.as_str().into(),
                points: rule.points,
                subject_only: rule.subject_only,
            });
        }
    }
    lines
}

/// Warns of lines of one file that find the same words.
fn find_repeats(teams: &[TeamFile], wants: &Wants) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut wanted = wants.iter();
    for team in teams {
        // What an alternative looks for, and whether only in the subject.
        let mut known: QuickMap<(&[Piece], &[u32], bool), &Rule> = QuickMap::default();
        known.reserve(team.rules().count());
        for (_, rule) in team.rules() {
            let mut told = false;
            for wanted in wanted.by_ref().take(rule.alternatives.len()) {
                let key = (wanted.pieces, wanted.words, rule.subject_only);
                let first = *known.entry(key).or_insert(rule);
                if first.line != rule.line && !told {
                    told = true;
                    let message = format!("`{}` finds what line {} finds", rule.term, first.line);
                    let help = format!("both count; keep this or `{}`", first.term);
                    let line = format::Line { number: rule.line, raw: &rule.raw };
                    let warning = Diagnostic::error(&team.file, "repeated-term", message).warning();
                    found.push(line.mark(warning.help(help), rule.raw.trim()));
                }
            }
        }
    }
    found
}
