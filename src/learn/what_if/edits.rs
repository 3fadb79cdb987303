//! What differs between two versions of the dictionaries, and which of it a mail feels.
//!
//! Lines are compared by what they do: a line that only stands elsewhere in its file, or has
//! another note, is the same. It knows dictionaries and verdicts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Move;
use crate::classify::Verdict;
use crate::dictionary::{Calibration, Dictionaries, TeamId};

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Edit {
    /// The file that it stands in.
    pub file: String,
    /// Its line there: in the version after, or in the one before if it is gone; 0 for all of it.
    pub line: u32,
    /// What it is.
    #[serde(flatten)]
    pub part: Part,
    /// The points before; nothing if it is new.
    pub before: Option<i32>,
    /// The points after; nothing if it is gone.
    pub after: Option<i32>,
    /// How many moves it had a part in.
    pub moves: u64,
}

/// A part of the dictionaries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Part {
    /// A line with a term.
    Line {
        /// Whose.
        team: TeamId,
        /// The term as written.
        term: String,
    },
    /// Where a team starts.
    Base {
        /// Which team.
        team: TeamId,
    },
    /// How margins become confidences, and the thresholds.
    Calibration,
}

impl Edit {
    /// `billing.dict:12 invoice +4 → +7`.
    #[must_use]
    pub fn said(&self) -> String {
        let place = match self.line {
            0 => self.file.clone(),
            line => format!("{}:{line}", self.file),
        };
        let what = match &self.part {
            Part::Line { term, .. } => format!(" {term}"),
            Part::Base { .. } => " base".to_owned(),
            Part::Calibration => String::new(),
        };
        let points = match (self.before, self.after) {
            (Some(before), Some(after)) => format!(" {before:+} → {after:+}"),
            (None, Some(after)) => format!(" {after:+} (new)"),
            (Some(before), None) => format!(" {before:+} (gone)"),
            (None, None) => String::new(),
        };
        format!("{place}{what}{points}")
    }
}

/// Everything that differs.
pub(super) struct Edits {
    all: Vec<Edit>,
    /// The edits by the place of a line, before and after.
    lines: [BTreeMap<(String, u32), usize>; 2],
    bases: BTreeMap<TeamId, usize>,
    calibration: Option<usize>,
}

/// What a line does, but for its points.
type Deed<'a> = (&'a TeamId, &'a str, &'static str, bool);
/// The points of a line, and where it stands.
type Placed<'a> = (i32, &'a str, u32);

impl Edits {
    pub(super) fn between(before: &Dictionaries, after: &Dictionaries) -> Self {
        let mut edits = Self {
            all: Vec::new(),
            lines: [BTreeMap::new(), BTreeMap::new()],
            bases: BTreeMap::new(),
            calibration: None,
        };
        let (mut old, mut new) = (deeds(before), deeds(after));
        for (deed, gone) in &mut old {
            let fresh = new.entry(*deed).or_default();
            // The same points are the same line, in whatever order they stand.
            gone.retain(|(points, ..)| match fresh.iter().position(|(is, ..)| is == points) {
                Some(at) => {
                    fresh.remove(at);
                    false
                }
                None => true,
            });
            let paired = gone.len().min(fresh.len());
            for (was, is) in gone.drain(..paired).zip(fresh.drain(..paired)) {
                edits.add_line(*deed, Some(was), Some(is));
            }
            for was in gone.drain(..) {
                edits.add_line(*deed, Some(was), None);
            }
        }
        for (deed, fresh) in new {
            for is in fresh {
                edits.add_line(deed, None, Some(is));
            }
        }
        edits.add_bases(before, after);
        if before.calibration() != after.calibration() {
            edits.calibration = Some(edits.all.len());
            edits.all.push(Edit {
                file: Calibration::FILE.to_owned(),
                line: 0,
                part: Part::Calibration,
                before: None,
                after: None,
                moves: 0,
            });
        }
        edits
    }

    fn add_line(&mut self, deed: Deed<'_>, was: Option<Placed<'_>>, is: Option<Placed<'_>>) {
        for (side, place) in self.lines.iter_mut().zip([was, is]) {
            if let Some((_, file, line)) = place {
                side.insert((file.to_owned(), line), self.all.len());
            }
        }
        let (_, file, line) = is.or(was).unwrap_or_default();
        let (team, written, ..) = deed;
        self.all.push(Edit {
            file: file.to_owned(),
            line,
            part: Part::Line { team: team.clone(), term: written.to_owned() },
            before: was.map(|(points, ..)| points),
            after: is.map(|(points, ..)| points),
            moves: 0,
        });
    }

    fn add_bases(&mut self, before: &Dictionaries, after: &Dictionaries) {
        let bases = |dictionaries: &Dictionaries| -> BTreeMap<TeamId, (i32, String, u32)> {
            let base = |file: &crate::dictionary::format::TeamFile| {
                (file.base, file.file.clone(), file.base_line.unwrap_or(file.team_line))
            };
            dictionaries.files().iter().map(|file| (file.team.clone(), base(file))).collect()
        };
        let (old, new) = (bases(before), bases(after));
        let mut teams: Vec<&TeamId> = old.keys().chain(new.keys()).collect();
        teams.sort();
        teams.dedup();
        for team in teams {
            let (was, is) = (old.get(team), new.get(team));
            let (points_before, points_after) = (was.map(|b| b.0), is.map(|b| b.0));
            let Some((_, file, line)) = is.or(was) else { continue };
            if points_before != points_after {
                self.bases.insert(team.clone(), self.all.len());
                self.all.push(Edit {
                    file: file.clone(),
                    line: *line,
                    part: Part::Base { team: team.clone() },
                    before: points_before,
                    after: points_after,
                    moves: 0,
                });
            }
        }
    }

    /// What of it a mail feels: the lines that hit it, the bases of the best two teams; the calibration, which every mail feels, only if it is none of these.
    pub(super) fn behind(&self, before: &Verdict, after: &Verdict) -> Vec<usize> {
        let mut behind: Vec<usize> = Vec::new();
        for (verdict, lines) in [before, after].into_iter().zip(&self.lines) {
            behind.extend(verdict.hits.iter().filter_map(|hit| lines.get(&(hit.file, hit.line))));
            let nearest = verdict.ranking.iter().take(2);
            behind.extend(nearest.filter_map(|score| self.bases.get(&score.team)));
        }
        if behind.is_empty() {
            behind.extend(self.calibration);
        }
        behind.sort_unstable();
        behind.dedup();
        behind
    }

    /// The edits with their moves counted, those with most first; the moves then name them by their
    /// new places.
    pub(super) fn counted(self, moves: &mut [Move]) -> Vec<Edit> {
        let mut all = self.all;
        for place in moves.iter().flat_map(|moved| &moved.edits) {
            if let Some(edit) = all.get_mut(*place) {
                edit.moves += 1;
            }
        }
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by_key(|place| {
            all.get(*place)
                .map(|edit| (std::cmp::Reverse(edit.moves), edit.file.clone(), edit.line, *place))
        });
        let new_places: BTreeMap<usize, usize> = order.iter().copied().zip(0..).collect();
        for moved in moves {
            for place in &mut moved.edits {
                *place = new_places.get(place).copied().unwrap_or(*place);
            }
            moved.edits.sort_unstable();
        }
        order.into_iter().filter_map(|place| all.get(place).cloned()).collect()
    }
}

fn deeds(dictionaries: &Dictionaries) -> BTreeMap<Deed<'_>, Vec<Placed<'_>>> {
    let mut deeds: BTreeMap<Deed<'_>, Vec<Placed<'_>>> = BTreeMap::new();
    for file in dictionaries.files() {
        for (section, rule) in file.rules() {
            let deed = (&file.team, rule.term.as_str(), section.language.code(), rule.subject_only);
            let placed = (rule.points, file.file.as_str(), rule.line);
            deeds.entry(deed).or_default().push(placed);
        }
    }
    deeds
}
