//! How each line of the dictionaries fares on mail: what it hits, how often that is right, and
//! whether it ever matters.
//!
//! A line is *decisive* for a mail if without it another team would be the best. It *helped* if
//! the team that a person named would then not have been the best, and *harmed* if it would have
//! been. It *swayed* a mail if the best team stays, and whether the mail goes there by itself does
//! not.
//!
//! Counting keeps numbers only, some for each line and one for each line and team, however much
//! mail there is. It knows verdicts and labels; what to say of a line is for others.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;

use super::judged::{Judged, judge};
use super::labelled::Labelled;
use super::measure::Measured;
use super::share::Share;
use crate::classify::{Scratch, Verdict, classify, strength, weight};
use crate::dictionary::format::SectionKind;
use crate::dictionary::lines::Owner;
use crate::dictionary::quick::QuickMap;
use crate::dictionary::sought::{Key, Sought};
use crate::dictionary::{Dictionaries, TeamId};
use crate::mail::{Text, TextPart, TextPlace};
use crate::route::Policy;

/// How a line fares.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineHealth {
    /// Whose line it is.
    pub team: TeamId,
    /// The dictionary file's name.
    pub file: String,
    /// The line in that file, from 1.
    pub line: u32,
    /// Its term as written, without its weight.
    pub term: String,
    /// Its points.
    pub points: i32,
    /// Whether it stands under `[learned]`.
    pub learned: bool,
    /// In how many mails it hit.
    pub mails: u64,
    /// Those of them that a person named a team for, by that team.
    pub by_team: BTreeMap<TeamId, u64>,
    /// Of those, the share that bears the line out: that is its team's if it adds points, and
    /// that is not if it takes some away.
    pub precision: Measured,
    /// What the precision of a line would be that hits at random; `None` without labelled mail.
    pub chance: Option<f64>,
    /// In how many mails it was decisive.
    pub decisive: u64,
    /// In how many it made the right team the best.
    pub helped: u64,
    /// In how many it kept the right team from being the best.
    pub harmed: u64,
    /// In how many the best team would be the same without it, but not whether the mail goes
    /// there by itself.
    pub swayed: u64,
    /// In how many mails it hit only in quoted text.
    pub quoted_only: u64,
    /// In how many mails it would hit in a signature or disclaimer, where nothing counts.
    pub in_signature: u64,
    /// Which other teams lay claim to what it hits, if it adds points: those whose mail it hits,
    /// most first, and those that have a line of the same words. At most [`LineHealth::CLAIMS`].
    pub contested: Vec<Claim>,
}

impl LineHealth {
    /// More claims than these are not named.
    pub const CLAIMS: usize = 3;
}

/// A team's claim to what another team's line hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The team.
    pub team: TeamId,
    /// How many of the mails are its.
    pub mails: u64,
    /// Its file, and the line there that adds points for the same words, if there is one.
    pub line: Option<(String, u32)>,
}

/// Judges labelled mail, in its order, and counts how the lines fare on it, in one pass. `progress`
/// is told how many more are done.
#[must_use]
pub fn judge_with_lines(
    dictionaries: &Dictionaries,
    policy: &Policy,
    mails: &[Labelled],
    progress: &(dyn Fn(u64) + Sync),
) -> (Vec<Judged>, Vec<LineHealth>) {
    let counts = Counts::new(dictionaries, policy, mails.iter().map(|mail| &mail.team));
    let watch = |scratch: &mut Scratch, number: usize, verdict: &Verdict| {
        let Some(mail) = mails.get(number) else { return };
        counts.add(verdict, Some(&mail.team));
        counts.add_signatures(scratch, &mail.text);
    };
    let (judged, _) = judge(dictionaries, policy, mails, progress, watch);
    (judged, counts.health())
}

// ---------------------------------------------------------------------------------- counting --

/// What is counted for each line, in the order of [`Counts::numbers`]; then a number for each team.
#[derive(Clone, Copy)]
enum Column {
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
    dictionaries: &'a Dictionaries,
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
        let seen = verdict.hits.numbers().filter_map(|(line, strength, occurrences)| {
            // Hits come team by team.
            let same = owner.filter(|owner| owner.lines.contains(&line));
            owner = same.or_else(|| lines.owner(line));
            let (team, points) = (&owner?.team, lines.points(line));
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
        for (line, _, _) in classify(self.dictionaries, scratch, "", &text).hits.numbers() {
            self.count(line, Column::Signature as usize);
        }
    }

    /// How many mails were counted that a person named a team for, by that team.
    #[must_use]
    pub fn labelled(&self) -> BTreeMap<TeamId, u64> {
        let counts = self.labelled.iter().map(read);
        self.teams.iter().cloned().zip(counts).filter(|(_, count)| *count > 0).collect()
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

// ------------------------------------------------------------------------------- what it says --

impl Counts<'_> {
    /// How every line fared, in the order of the teams' names and of the lines.
    #[must_use]
    pub fn health(&self) -> Vec<LineHealth> {
        let labelled: Vec<u64> = self.labelled.iter().map(read).collect();
        let all: u64 = labelled.iter().sum();
        let twins = Twins::of(self.dictionaries);
        let mut health = Vec::new();
        for file in self.dictionaries.files() {
            let own = self.numbers_of_teams.get(&file.team).copied();
            let of_team = |counts: &[u64]| own.and_then(|at| counts.get(at)).copied().unwrap_or(0);
            for (section, rule) in file.rules() {
                let line = u32::try_from(health.len()).unwrap_or(u32::MAX);
                let row: Vec<u64> = self.row(line).iter().map(read).collect();
                let (columns, teams) = row.split_at_checked(COLUMNS).unwrap_or_default();
                let column = |column: Column| columns.get(column as usize).copied().unwrap_or(0);
                let borne_out = |own: u64, of: u64| {
                    Share::new(if rule.points > 0 { own } else { of - own.min(of) }, of)
                };
                let hit = teams.iter().sum();
                health.push(LineHealth {
                    team: file.team.clone(),
                    file: file.file.clone(),
                    line: rule.line,
                    term: rule.term.clone(),
                    points: rule.points,
                    learned: section.kind == SectionKind::Learned,
                    mails: column(Column::Mails),
                    by_team: self
                        .teams
                        .iter()
                        .zip(teams)
                        .filter(|(_, count)| **count > 0)
                        .map(|(team, count)| (team.clone(), *count))
                        .collect(),
                    precision: borne_out(of_team(teams), hit).into(),
                    chance: borne_out(of_team(&labelled), all).value(),
                    decisive: column(Column::Decisive),
                    helped: column(Column::Helped),
                    harmed: column(Column::Harmed),
                    swayed: column(Column::Swayed),
                    quoted_only: column(Column::Quoted),
                    in_signature: column(Column::Signature),
                    contested: Vec::new(),
                });
                if rule.points > 0
                    && let Some(last) = health.last_mut()
                {
                    last.contested = claims(last, twins.of_line(line));
                }
            }
        }
        health
    }
}

fn read(number: &AtomicU32) -> u64 {
    number.load(Ordering::Relaxed).into()
}

/// Who else lays claim to what a line hits.
fn claims<'a>(line: &LineHealth, twins: impl Iterator<Item = &'a Twin>) -> Vec<Claim> {
    let mut claims: BTreeMap<&TeamId, Claim> = BTreeMap::new();
    let claim = |team: &TeamId, mails| Claim { team: team.clone(), mails, line: None };
    for (team, mails) in line.by_team.iter().filter(|(team, _)| **team != line.team) {
        claims.insert(team, claim(team, *mails));
    }
    for twin in twins.filter(|twin| twin.team != line.team) {
        let claim = claims.entry(&twin.team).or_insert_with(|| claim(&twin.team, 0));
        claim.line.get_or_insert_with(|| (twin.file.clone(), twin.line));
    }
    let mut claims: Vec<Claim> = claims.into_values().collect();
    claims.sort_by_key(|claim| (std::cmp::Reverse(claim.mails), claim.line.is_none()));
    claims.truncate(LineHealth::CLAIMS);
    claims
}

/// The lines that add points for the same words.
struct Twins {
    /// By number of the words, the lines that add points for them.
    lines: Vec<Vec<Twin>>,
    /// By number of a line, those of its words that several lines look for.
    words: QuickMap<u32, Vec<u32>>,
}

/// A line that adds points.
struct Twin {
    team: TeamId,
    file: String,
    line: u32,
}

impl Twins {
    fn of(dictionaries: &Dictionaries) -> Self {
        let sought = Sought::of(dictionaries.files());
        let lines = dictionaries.lines();
        let adds = |line: u32| lines.points(line) > 0.0;
        let mut by_words: BTreeMap<&Key, Vec<u32>> = BTreeMap::new();
        for (line, key) in sought.all().iter().filter(|(line, _)| adds(*line)) {
            by_words.entry(key).or_default().push(*line);
        }
        let twin = |number: u32| {
            let (owner, line) = (lines.owner(number)?, lines.get(number)?);
            Some(Twin { team: owner.team.clone(), file: owner.file.to_string(), line: line.number })
        };
        let mut twins = Self { lines: Vec::new(), words: QuickMap::default() };
        for same in by_words.into_values().filter(|same| same.len() > 1) {
            let number = u32::try_from(twins.lines.len()).unwrap_or(u32::MAX);
            for line in &same {
                twins.words.entry(*line).or_default().push(number);
            }
            twins.lines.push(same.into_iter().filter_map(twin).collect());
        }
        twins
    }

    /// The lines that add points for words that this line looks for; it is among them.
    fn of_line(&self, line: u32) -> impl Iterator<Item = &Twin> {
        let words = self.words.get(&line).into_iter().flatten();
        words.filter_map(|words| self.lines.get(*words as usize)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(name: &str) -> TeamId {
        TeamId::parse(name).unwrap()
    }

    fn mail(label: &str, body: &str) -> Labelled {
        let line = serde_json::json!({"label": label, "subject": "x", "body": body}).to_string();
        Labelled::from_json(&line, 1).unwrap()
    }

    /// How the lines of two teams' files fare on these mails, by term.
    fn health(a: &str, b: &str, mails: &[Labelled]) -> BTreeMap<String, LineHealth> {
        let files = [("a.dict", format!("team a\n{a}")), ("b.dict", format!("team b\n{b}"))];
        let files = files.into_iter().map(|(name, text)| (name.to_owned(), text)).collect();
        let (dictionaries, _) = Dictionaries::build(&files).unwrap();
        let (judged, lines) = judge_with_lines(&dictionaries, &Policy::default(), mails, &|_| ());
        assert_eq!(judged.len(), mails.len());
        lines.into_iter().map(|line| (format!("{} {}", line.team, line.term), line)).collect()
    }

    #[test]
    fn hits_are_counted_by_the_team_that_a_person_named() {
        let mails =
            [mail("a", "word"), mail("a", "word word"), mail("b", "word"), mail("c", "else")];
        let found = health("[terms]\nword +4\n[not]\nelse -2\n", "[terms]\nword +2\n", &mails);
        let word = &found["a word"];
        assert_eq!((word.mails, word.points, word.line), (3, 4, 3));
        assert_eq!(word.by_team, BTreeMap::from([(team("a"), 2), (team("b"), 1)]));
        assert_eq!(word.precision.share, Share::new(2, 3));
        assert_eq!(word.chance, Some(0.5));
        let claim = Claim { team: team("b"), mails: 1, line: Some(("b.dict".to_owned(), 3)) };
        assert_eq!(word.contested, [claim]);
        let other = &found["a else"];
        assert_eq!((other.precision.share, other.chance), (Share::new(1, 1), Some(0.5)));
        assert!(other.contested.is_empty(), "a line that takes away is no claim");
        assert_eq!(found["b word"].precision.share, Share::new(1, 3));
    }

    #[test]
    fn a_line_is_decisive_if_another_team_would_be_best_without_it() {
        // (lines of a, lines of b, the mail's team, the mail, the line, decisive, helped, harmed)
        let cases = [
            ("word +4", "thing +3", "a", "word thing", "a word", 1, 1, 0),
            ("word +4", "thing +3", "b", "word thing", "a word", 1, 0, 1),
            ("word +4", "thing +3", "c", "word thing", "a word", 1, 0, 0),
            ("word +4", "thing +3", "b", "word thing", "b thing", 0, 0, 0),
            ("word +9\nextra +1", "thing +3", "a", "word extra thing", "a extra", 0, 0, 0),
            ("word +4\nthing -9", "thing +3", "b", "word thing", "a thing", 1, 1, 0),
            ("word +4\nthing -9", "thing +3", "a", "word thing", "a thing", 1, 0, 1),
            // Equals come by name: without its line a is still the best.
            ("word +4", "", "a", "word", "a word", 0, 0, 0),
            ("", "word +4", "b", "word", "b word", 1, 1, 0),
        ];
        for (a, b, label, body, line, decisive, helped, harmed) in cases {
            let (a, b) = (format!("[terms]\n{a}\n"), format!("[terms]\n{b}\n"));
            let found = &health(&a, &b, &[mail(label, body)])[line];
            let counted = (found.decisive, found.helped, found.harmed);
            assert_eq!(counted, (decisive, helped, harmed), "{line} in `{body}` of {label}");
        }
    }

    #[test]
    fn a_line_sways_a_mail_that_would_not_go_by_itself_without_it() {
        // Nobody's team is 0 points behind, and a mail goes by itself from some points on.
        let found = health("[terms]\nword +15\nextra +1\n", "", &[mail("a", "word extra")]);
        let counted = |line: &str| (found[line].decisive, found[line].swayed);
        assert_eq!(counted("a word"), (0, 1));
        assert_eq!(counted("a extra"), (0, 0));
    }

    #[test]
    fn quotes_and_signatures_are_told_apart() {
        let quoted = "Yes.\n\n> word word\n> word\n";
        let both = "The word.\n\n> word\n";
        let signed = "Hello.\n\n-- \nword of\nA Company\n";
        // (mail, hits, only in quotes, in signatures)
        for (body, mails, quoted_only, in_signature) in
            [(quoted, 1, 1, 0), (both, 1, 0, 0), (signed, 0, 0, 1), ("word", 1, 0, 0)]
        {
            let found = &health("[terms]\nword\n", "", &[mail("a", body)])["a word"];
            let counted = (found.mails, found.quoted_only, found.in_signature);
            assert_eq!(counted, (mails, quoted_only, in_signature), "{body:?}");
        }
    }
}
