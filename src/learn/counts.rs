//! Counting over verdicts how lines fare: numbers only, some for each line and one for each line and
//! team, however much mail there is.
//!
//! It knows verdicts, labels and numbers of lines; what the counts say is for [`super::health`].

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::classify::{Scratch, Verdict, classify, strength, weight};
use crate::dictionary::lines::Owner;
use crate::dictionary::{Dictionaries, TeamId};
use crate::mail::{Text, TextPart, TextPlace};
use crate::route::Policy;

/// What is counted for each line, in the order of [`Counts::numbers`]; then a number for each team.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Mails,
    Quoted,
    Decisive,
    Helped,
    Harmed,
    Swayed,
    Signature,
}

/// How many columns stand before those of the teams.
const COLUMNS: usize = Column::Signature as usize + 1;

/// Counts how lines fare, from any number of threads.
pub struct Counts<'a> {
    pub(super) dictionaries: &'a Dictionaries,
    /// How far ahead each team must be for mail to go there by itself.
    margins: HashMap<TeamId, f64>,
    /// The teams that mail can be labelled with, and each one's number.
    teams: Vec<TeamId>,
    numbers_of_teams: HashMap<TeamId, usize>,
    /// Labelled mails by team.
    labelled: Vec<AtomicU32>,
    /// Line by line, a row of columns and teams.
    numbers: Vec<AtomicU32>,
}

/// A line that hit, as it was when it hit.
struct Seen<'a> {
    /// Its number in the dictionaries that are counted for.
    line: u32,
    team: &'a TeamId,
    points: f64,
    strength: f64,
    occurrences: u32,
}

/// By file and term, the lines of dictionaries: evidence of another time names them so.
pub struct LinesNow(HashMap<String, HashMap<String, Vec<(u32, u32)>>>);

impl LinesNow {
    /// The lines of these dictionaries.
    #[must_use]
    pub fn of(dictionaries: &Dictionaries) -> Self {
        let mut by_file: HashMap<String, HashMap<String, Vec<(u32, u32)>>> = HashMap::new();
        let files = dictionaries.files().iter();
        let rules = files.flat_map(|file| file.rules().map(move |(_, rule)| (file, rule)));
        for (number, (file, rule)) in (0..).zip(rules) {
            let by_term = by_file.entry(file.file.clone()).or_default();
            by_term.entry(rule.term.clone()).or_default().push((rule.line, number));
        }
        Self(by_file)
    }

    /// The number of the line with this term: of several, the one that is nearest to `line`.
    fn line(&self, file: &str, term: &str, line: u32) -> Option<u32> {
        let lines = self.0.get(file)?.get(term)?;
        lines.iter().min_by_key(|(at, _)| at.abs_diff(line)).map(|(_, number)| *number)
    }
}

impl<'a> Counts<'a> {
    /// Counts for the lines of these dictionaries. `labels` has every team that mail will be
    /// labelled with, as often as you like.
    pub fn new<'b>(
        dictionaries: &'a Dictionaries,
        policy: &Policy,
        labels: impl IntoIterator<Item = &'b TeamId>,
    ) -> Self
    where
        'a: 'b,
    {
        let mut teams = Vec::new();
        let mut numbers_of_teams = HashMap::new();
        let known = dictionaries.teams().map(|(team, _)| team);
        for team in known.chain(labels) {
            if !numbers_of_teams.contains_key(team) {
                numbers_of_teams.insert(team.clone(), teams.len());
                teams.push(team.clone());
            }
        }
        let margin = |team: &TeamId| {
            let threshold = policy.threshold_for(dictionaries, team);
            (team.clone(), dictionaries.calibration().margin_for(team, threshold))
        };
        let lines = dictionaries.lines().len();
        let zeros = |length: usize| (0..length).map(|_| AtomicU32::new(0)).collect();
        Self {
            dictionaries,
            margins: dictionaries.teams().map(|(team, _)| margin(team)).collect(),
            labelled: zeros(teams.len()),
            numbers: zeros(lines * (COLUMNS + teams.len())),
            teams,
            numbers_of_teams,
        }
    }

    /// Counts a verdict that these dictionaries made, and the team that a person named.
    pub fn add(&self, verdict: &Verdict, label: Option<&TeamId>) {
        let lines = self.dictionaries.lines();
        let mut owner: Option<&Owner> = None;
        let seen = verdict.hits.counted().filter_map(|(line, strength, occurrences)| {
            // Hits come team by team.
            let same = owner.filter(|owner| owner.lines.contains(&line));
            owner = same.or_else(|| lines.owner(line));
            let (team, points) = (&owner?.team, lines.worth(line).points());
            Some(Seen { line, team, points, strength, occurrences })
        });
        self.add_seen(verdict, label, seen);
    }

    /// Counts a verdict of another time, whose lines are those of the same file and term now.
    pub fn add_kept(&self, verdict: &Verdict, label: Option<&TeamId>, now: &LinesNow) {
        let hits = verdict.hits.to_vec();
        let seen = hits.iter().filter_map(|hit| {
            Some(Seen {
                line: now.line(&hit.file, &hit.term, hit.line)?,
                team: &hit.team,
                points: f64::from(hit.points),
                strength: hit.strength,
                occurrences: hit.occurrences,
            })
        });
        self.add_seen(verdict, label, seen);
    }

    /// Counts what was seen in a mail, team by team in the order of the ranking.
    fn add_seen<'b>(
        &self,
        verdict: &Verdict,
        label: Option<&TeamId>,
        seen: impl Iterator<Item = Seen<'b>>,
    ) {
        let label_number = label.and_then(|label| self.numbers_of_teams.get(label)).copied();
        if let Some(count) = label_number.and_then(|number| self.labelled.get(number)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let Some(best) = verdict.best() else { return };
        let needed = self.margins.get(&best.team).copied().unwrap_or(f64::INFINITY);
        let is_routed = verdict.margin() >= needed;
        let mut rank = 0;
        for seen in seen {
            while verdict.ranking.get(rank).is_some_and(|score| score.team != *seen.team) {
                rank += 1;
            }
            self.count(seen.line, Column::Mails as usize);
            if let Some(number) = label_number {
                self.count(seen.line, COLUMNS + number);
            }
            if is_quoted_only(&seen) {
                self.count(seen.line, Column::Quoted as usize);
            }
            let adds = seen.points * seen.strength * verdict.length_factor;
            let Some(instead) = best_without(verdict, rank, adds) else {
                if (margin_without(verdict, rank, adds) >= needed) != is_routed {
                    self.count(seen.line, Column::Swayed as usize);
                }
                continue;
            };
            self.count(seen.line, Column::Decisive as usize);
            if label == Some(&best.team) {
                self.count(seen.line, Column::Helped as usize);
            } else if label == Some(instead) {
                self.count(seen.line, Column::Harmed as usize);
            }
        }
    }

    /// Counts the lines that would hit in the signatures of a mail.
    pub fn add_signatures(&self, scratch: &mut Scratch, text: &Text) {
        let signatures = text.parts.iter().filter(|part| part.place == TextPlace::Signature);
        let parts: Vec<TextPart> = signatures
            .map(|part| TextPart { place: TextPlace::New, range: part.range.clone() })
            .collect();
        if parts.is_empty() {
            return;
        }
        let text = Text { body: text.body.clone(), parts };
        for (line, _, _) in classify(self.dictionaries, scratch, "", &text).hits.counted() {
            self.count(line, Column::Signature as usize);
        }
    }

    /// How many mails were counted that a person named a team for, by that team.
    #[must_use]
    pub fn labelled(&self) -> BTreeMap<TeamId, u64> {
        let counts = self.labelled.iter().map(read);
        self.teams.iter().cloned().zip(counts).filter(|(_, count)| *count > 0).collect()
    }

    /// What was counted of a line.
    pub(super) fn of_line(&self, line: u32, column: Column) -> u64 {
        self.row(line).get(column as usize).map_or(0, read)
    }

    /// How many mails of each team a line hit.
    pub(super) fn by_team(&self, line: u32) -> BTreeMap<TeamId, u64> {
        let counts = self.row(line).iter().skip(COLUMNS).map(read);
        self.teams.iter().zip(counts).filter(|(_, n)| *n > 0).map(|(t, n)| (t.clone(), n)).collect()
    }

    fn row(&self, line: u32) -> &[AtomicU32] {
        let width = COLUMNS + self.teams.len();
        let from = line as usize * width;
        self.numbers.get(from..from + width).unwrap_or_default()
    }

    fn count(&self, line: u32, column: usize) {
        if let Some(number) = self.row(line).get(column) {
            number.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn read(number: &AtomicU32) -> u64 {
    number.load(Ordering::Relaxed).into()
}

/// The occurrences that count half are all there are exactly if they make up the strength.
#[allow(clippy::float_cmp, reason = "sums of halves are exact, so equal is equal")]
fn is_quoted_only(seen: &Seen<'_>) -> bool {
    seen.strength == strength(weight(TextPlace::Quoted) * f64::from(seen.occurrences))
}

/// The team that would be the best instead, if the team at this rank had so much less.
fn best_without(verdict: &Verdict, rank: usize, less: f64) -> Option<&TeamId> {
    let best = verdict.best()?;
    let changed = verdict.ranking.get(rank)?;
    let score = changed.score - less;
    // Equals come in the order of their names.
    let (instead, ahead) = if rank == 0 {
        let second = verdict.ranking.get(1)?;
        (second, second.score.total_cmp(&score))
    } else {
        (changed, score.total_cmp(&best.score))
    };
    let wins = ahead.then_with(|| best.team.cmp(&instead.team)).is_gt();
    wins.then_some(&instead.team)
}

/// How far the best team would be ahead, if the team at this rank had so much less and the best
/// team stayed the best.
fn margin_without(verdict: &Verdict, rank: usize, less: f64) -> f64 {
    let score = |rank: usize| verdict.ranking.get(rank).map_or(f64::NEG_INFINITY, |s| s.score);
    match rank {
        0 => score(0) - less - score(1),
        1 => score(0) - (score(1) - less).max(score(2)),
        _ => score(0) - (score(rank) - less).max(score(1)),
    }
}
