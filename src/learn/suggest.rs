//! Better lines for dictionaries that stand: what confirmed answers speak for.
//!
//! The lines that stand are fitted together with candidates, each drawn to what its author thought
//! of it: the fit starts from its points, and answers have to pull it away from there. So a line
//! that no answer speaks of stays as it is. With fewer than
//! [`FEW`] answers nothing is known of single lines: then only each team's base and one factor for
//! all its lines are learned.
//!
//! A fifth of the answers is held out. Nothing is learned from it; what the suggestions do, all
//! together and each alone, is measured on it.
//!
//! Mail of which nobody said where it belongs can help: what the present dictionaries say of it
//! counts half as much as a confirmed answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::draft::cost;
use super::effect::{Alone, HeldOut, Standard};
use super::fit::{Problem, fit};
use super::folds;
use super::labelled::Labelled;
use super::matrix::Matrix;
use super::patch::Edit;
use super::promises::{Kept, keeping_examples};
use super::scale::{Scale, Sums, points, whole};
use super::select::{Choice, Chosen, choose, promising};
use super::standing::Standing;
use super::terms::Terms;
use crate::diagnostic::Diagnostic;
use crate::dictionary::format::TeamFile;
use crate::dictionary::{Dictionaries, Language, TeamId};
use crate::workers::each;

/// What is wished of the suggestions.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// At most so many new lines for each team.
    pub new_lines: usize,
    /// The language whose word forms new lines take.
    pub language: Language,
}

/// What is suggested.
#[derive(Debug, Clone, Serialize)]
pub struct Suggestions {
    /// The changes, by team, the strongest first.
    pub all: Vec<Suggestion>,
    /// How many answers they were learned from.
    pub learned_from: usize,
    /// How many answers were held out to measure them on.
    pub held_out: usize,
    /// How good the dictionaries are on the held-out answers now.
    pub before: Standard,
    /// How good they would be with all changes.
    pub after: Standard,
    /// The mails that were held out, so that the same can be measured again.
    pub held_out_mails: Vec<String>,
    /// What was left out since it would break an example, and which.
    pub broke_examples: Vec<(String, String)>,
    /// Whether there were too few answers to say anything of single lines.
    pub few: bool,
    /// Teams that have answers and no dictionary.
    pub without_dictionary: BTreeSet<TeamId>,
}

impl Suggestions {
    /// Whether the changes do more harm than good on the held-out answers.
    #[must_use]
    pub fn is_worse(&self) -> bool {
        let (before, after) = (&self.before, &self.after);
        let fewer_right = after.right.hits < before.right.hits;
        let less_covered = after.coverage < before.coverage;
        (fewer_right && after.coverage <= before.coverage)
            || (less_covered && after.right.hits <= before.right.hits)
            || after.coverage + 0.02 < before.coverage
    }
}

/// One change, and what speaks for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suggestion {
    /// Whose dictionary it is about.
    pub team: TeamId,
    /// What to change.
    #[serde(flatten)]
    pub edit: Edit,
    /// The mails that it was seen in, by the team that they belong to.
    pub seen: BTreeMap<TeamId, u32>,
    /// Some of them.
    pub examples: Vec<String>,
    /// What it does alone, on held-out answers.
    pub alone: Alone,
}

/// With fewer answers than this only bases and factors are learned.
pub const FEW: usize = 200;
/// Smaller changes than this, in points, are not worth a person's look.
const WORTH_A_LOOK: i32 = 2;
/// A line that was met less often is left alone, and one less often than the second is not dropped.
const MET: [u32; 2] = [5, 10];
/// Where fitting takes long, so many candidates are looked at for each line that may be new.
const PROMISING: usize = 25;
/// So many mails are named beside a suggestion.
const EXAMPLES: usize = 3;
/// At most so many mails without an answer are read.
const UNANSWERED: usize = 8_000;

/// Suggests changes to the dictionaries made of `files`. `step` is told what is being done.
///
/// # Errors
/// What is wrong with the files, or would be with the changed ones.
pub fn suggest(
    files: &BTreeMap<String, String>,
    answers: &[Labelled],
    unanswered: &[Labelled],
    wish: &Wish,
    step: &dyn Fn(&str),
) -> Result<Suggestions, Vec<Diagnostic>> {
    let (dictionaries, _) = Dictionaries::build(files)?;
    let (mut learned, mut held_out) = (Vec::new(), Vec::new());
    for (answer, is_held_out) in answers.iter().zip(folds::held_out(answers)) {
        if is_held_out { &mut held_out } else { &mut learned }.push(answer.clone());
    }
    let learned_from = learned.len();
    step("reading words");
    let bench = Bench::of(&dictionaries, learned, unanswered, wish);
    step("fitting lines");
    let few = answers.len() < FEW;
    let found = if few { bench.shifts() } else { bench.changes() };
    step("trying them on held-out answers");
    let Kept { changes: found, dictionaries: changed, left_out: broke_examples, .. } =
        keeping_examples(files, found)?;
    let before = HeldOut::judge(&dictionaries, &held_out);
    let after = HeldOut::judge(&changed, &held_out);
    let all = bench
        .evidence(&found)
        .into_iter()
        .zip(found)
        .map(|(Evidence { seen, examples }, (team, edit))| {
            let alone = before.alone(&after, &team, &edit);
            Suggestion { team, edit, seen, examples, alone }
        })
        .collect();
    let known: BTreeSet<&TeamId> = with_file(&dictionaries).map(|file| &file.team).collect();
    let teams = answers.iter().map(|answer| &answer.team);
    Ok(Suggestions {
        all,
        learned_from,
        held_out: held_out.len(),
        held_out_mails: held_out.iter().map(|mail| mail.id.clone()).collect(),
        broke_examples,
        before: before.standard,
        after: after.standard,
        few,
        without_dictionary: teams.filter(|team| !known.contains(team)).cloned().collect(),
    })
}

/// The teams whose lines can be changed. There is always a team for nobody's mail, with a file or
/// without.
fn with_file(dictionaries: &Dictionaries) -> impl Iterator<Item = &TeamFile> {
    dictionaries.files().iter().filter(|file| file.team_line > 0)
}

/// A mail that is learned from, once its words are read.
struct Mail {
    id: String,
    team: TeamId,
}

/// All that is learned from.
struct Bench<'a> {
    dictionaries: &'a Dictionaries,
    wish: &'a Wish,
    mails: Vec<Mail>,
    costs: Vec<f64>,
    terms: Terms,
    standing: Standing,
    /// Mails by the candidates, then by the lines that stand.
    rows: Matrix,
    spreads: Vec<f64>,
    scale: Scale,
}

impl<'a> Bench<'a> {
    fn of(
        dictionaries: &'a Dictionaries,
        learned: Vec<Labelled>,
        unanswered: &[Labelled],
        wish: &'a Wish,
    ) -> Self {
        let answers = learned.len();
        let mut mails = learned;
        mails.extend(unanswered.iter().take(UNANSWERED).cloned());
        let lines = dictionaries.files().iter().flat_map(TeamFile::rules);
        let lines = lines.map(|(_, rule)| rule.term.as_str());
        let mut terms = Terms::of(&mails, wish.language, lines);
        let mut standing = Standing::of(dictionaries, &mails, &terms);
        let mut costs = Vec::with_capacity(mails.len());
        for (number, (mail, judged)) in mails.iter_mut().zip(&standing.judged).enumerate() {
            let is_answer = number < answers;
            if !is_answer {
                mail.team = judged.best.clone();
            }
            let counts = is_answer || judged.has_evidence;
            let share = if is_answer { 1.0 } else { 0.5 };
            costs.push(if counts { cost(answers) * share } else { 0.0 });
        }
        let rows = std::mem::take(&mut terms.rows).beside(std::mem::take(&mut standing.rows));
        let spreads = rows.spreads();
        let mails = mails.into_iter().map(|Labelled { id, team, .. }| Mail { id, team }).collect();
        let scale = Scale::of(&[]);
        let mut bench =
            Self { dictionaries, wish, mails, costs, terms, standing, rows, spreads, scale };
        bench.scale = Scale::of(&bench.sums());
        bench
    }

    /// What the lines of each team with mail add up to.
    fn sums(&self) -> Vec<Sums> {
        let sums = |file: &TeamFile| Sums {
            mails: self.standing.sums(&self.rows, &file.team),
            ours: self.ours(&file.team),
            base: f64::from(file.base),
            squares: self.standing.squares(&file.team),
        };
        let all = self.dictionaries.files().iter().map(sums);
        all.filter(|team| team.ours.contains(&true)).collect()
    }

    fn ours(&self, team: &TeamId) -> Vec<bool> {
        self.mails.iter().map(|mail| mail.team == *team).collect()
    }

    /// Each team's base and one factor for all its lines, as edits.
    fn shifts(&self) -> Vec<(TeamId, Edit)> {
        let mut edits = Vec::new();
        for file in with_file(self.dictionaries) {
            let ours = self.ours(&file.team);
            if !ours.contains(&true) {
                continue;
            }
            let mut rows = Matrix::new(1);
            for sum in self.standing.sums(&self.rows, &file.team) {
                #[allow(clippy::cast_possible_truncation, reason = "seven digits are enough")]
                rows.push(std::iter::once((0, (sum / self.scale.points) as f32)));
            }
            let found = fit(&Problem {
                rows: &rows,
                ours: &ours,
                costs: &self.costs,
                prior: &[1.0],
                prior_base: self.scale.base(file.base),
                tolerance: 1e-3,
            });
            let factor = found.columns.first().copied().unwrap_or(1.0).clamp(0.5, 2.0);
            for line in self.standing.lines.iter().filter(|line| line.team == file.team) {
                let points = points(f64::from(line.points) * factor);
                if points != line.points && points != 0 {
                    edits.push((file.team.clone(), weigh(line, points)));
                }
            }
            edits.extend(self.rebased(&file.team, found.base));
        }
        edits
    }

    /// Lines to add, to weigh otherwise and to drop, and bases, team by team.
    fn changes(&self) -> Vec<(TeamId, Edit)> {
        let files: Vec<&TeamFile> = with_file(self.dictionaries).collect();
        each(files.len(), |number| {
            let team = files.get(number).map(|file| &file.team)?;
            let ours = self.ours(team);
            ours.contains(&true).then(|| self.changes_of(team, &ours))
        })
        .into_iter()
        .flatten()
        .flatten()
        .collect()
    }

    fn changes_of(&self, team: &TeamId, ours: &[bool]) -> Vec<(TeamId, Edit)> {
        let candidates = self.terms.all.len();
        let lines = (candidates..).zip(&self.standing.lines);
        let own: Vec<_> = lines.filter(|(_, line)| line.team == *team).collect();
        let mut prior = vec![0.0; self.rows.width()];
        let mut barred = vec![false; candidates];
        for (column, line) in &own {
            if let Some(place) = prior.get_mut(*column) {
                *place = f64::from(line.points) / (line.rarity * self.scale.points);
            }
            for column in self.terms.columns_of_line(&line.term) {
                if let Some(place) = barred.get_mut(column as usize) {
                    *place = true;
                }
            }
        }
        let free = (0_u32..).zip(&barred).filter(|(_, barred)| !**barred).map(|(column, _)| column);
        let free: Vec<u32> = free.collect();
        let kept: Vec<u32> = own.iter().filter_map(|(at, _)| u32::try_from(*at).ok()).collect();
        let file = self.dictionaries.files().iter().find(|file| file.team == *team);
        let choice = |among: Vec<u32>| Choice {
            rows: &self.rows,
            spreads: &self.spreads,
            ours,
            costs: &self.costs,
            among,
            prior: &prior,
            prior_base: self.scale.base(file.map_or(0, |file| file.base)),
            wanted: own.len() + self.wish.new_lines,
        };
        let free = if self.rows.takes_long() {
            let most = self.wish.new_lines * PROMISING;
            promising(&choice(kept.clone()), free, most)
        } else {
            free
        };
        let chosen = choose(&choice(free.into_iter().chain(kept).collect()));
        let mut edits = self.edits(team, ours, &chosen, &prior);
        edits.extend(self.rebased(team, chosen.base));
        edits
    }

    /// What the chosen weights mean for the file, the strongest change first.
    fn edits(
        &self,
        team: &TeamId,
        ours: &[bool],
        chosen: &Chosen,
        prior: &[f64],
    ) -> Vec<(TeamId, Edit)> {
        let candidates = self.terms.all.len();
        let met = self.rows.count_in(ours);
        let mut edits: Vec<(i32, Edit)> = Vec::new();
        for (column, weight) in &chosen.terms {
            let column = *column as usize;
            let edit = if let Some(term) = self.terms.all.get(column) {
                let points = points(weight * term.rarity * self.scale.points);
                // What adds points was met in mail of the team, and more than once.
                let rests = points < 0 || met.get(column).is_some_and(|mails| *mails > 1);
                (rests && points.abs() >= WORTH_A_LOOK).then(|| Edit::Add {
                    file: self.file_of(team),
                    language: term.language.code().to_owned(),
                    term: term.text.clone(),
                    points,
                })
            } else {
                let line =
                    column.checked_sub(candidates).and_then(|at| self.standing.lines.get(at));
                let known = prior.get(column).copied().unwrap_or_default();
                line.and_then(|line| {
                    let moved = whole((weight - known) * line.rarity * self.scale.points);
                    reweighed(line, moved)
                })
            };
            edits.extend(edit.map(|edit| (strength(&edit), edit)));
        }
        edits.sort_by_key(|(strength, _)| std::cmp::Reverse(*strength));
        edits.into_iter().map(|(_, edit)| (team.clone(), edit)).collect()
    }

    fn file_of(&self, team: &TeamId) -> String {
        let mut files = self.dictionaries.files().iter();
        files.find(|file| file.team == *team).map_or_else(String::new, |file| file.file.clone())
    }

    fn rebased(&self, team: &TeamId, base: f64) -> Option<(TeamId, Edit)> {
        let file = self.dictionaries.files().iter().find(|file| file.team == *team)?;
        let base = self.scale.base_points(base);
        (base != file.base).then(|| {
            let edit = Edit::Rebase { file: file.file.clone(), before: file.base, base };
            (team.clone(), edit)
        })
    }

    /// The mails that each edit rests on.
    fn evidence(&self, edits: &[(TeamId, Edit)]) -> Vec<Evidence> {
        let mut edits_of: HashMap<usize, Vec<usize>> = HashMap::new();
        let columns = self.columns();
        for (number, (team, edit)) in edits.iter().enumerate() {
            if let Some(column) = columns.get(&Place::of(team, edit)) {
                edits_of.entry(*column).or_default().push(number);
            }
        }
        let mut evidence = vec![Evidence::default(); edits.len()];
        for (row, mail) in self.mails.iter().enumerate() {
            for number in self.rows.row(row).filter_map(|(at, _)| edits_of.get(&at)).flatten() {
                let (Some(found), Some((team, _))) =
                    (evidence.get_mut(*number), edits.get(*number))
                else {
                    continue;
                };
                *found.seen.entry(mail.team.clone()).or_default() += 1;
                if mail.team == *team && found.examples.len() < EXAMPLES {
                    found.examples.push(mail.id.clone());
                }
            }
        }
        evidence
    }

    /// Where each term and line is among the columns.
    fn columns(&self) -> HashMap<Place<'_>, usize> {
        let terms = self.terms.all.iter();
        let terms = terms.map(|term| Place::Term(term.language.code(), &term.text));
        let lines = self.standing.lines.iter();
        terms.chain(lines.map(|line| Place::Line(&line.team, line.number))).zip(0..).collect()
    }
}

/// The mails that an edit rests on: by team, and some of them by name.
#[derive(Debug, Clone, Default)]
struct Evidence {
    seen: BTreeMap<TeamId, u32>,
    examples: Vec<String>,
}

/// What a column is of.
#[derive(PartialEq, Eq, Hash)]
enum Place<'a> {
    Term(&'a str, &'a str),
    Line(&'a TeamId, u32),
    /// No column.
    Base,
}

impl<'a> Place<'a> {
    fn of(team: &'a TeamId, edit: &'a Edit) -> Self {
        match edit {
            Edit::Add { term, language, .. } => Self::Term(language, term),
            Edit::Weigh { line, .. } | Edit::Drop { line, .. } => Self::Line(team, *line),
            Edit::Rebase { .. } => Self::Base,
        }
    }
}

/// What to do with a line whose worth moved by so many points.
fn reweighed(line: &super::standing::Line, moved: i32) -> Option<Edit> {
    let [to_weigh, to_drop] = MET;
    if moved.abs() < WORTH_A_LOOK || line.mails < to_weigh {
        return None;
    }
    let points = points(f64::from(line.points + moved));
    if points.signum() == line.points.signum() {
        return (points != line.points).then(|| weigh(line, points));
    }
    (line.mails >= to_drop).then(|| Edit::Drop {
        file: line.file.clone(),
        line: line.number,
        term: line.term.clone(),
        before: line.points,
    })
}

fn weigh(line: &super::standing::Line, points: i32) -> Edit {
    Edit::Weigh {
        file: line.file.clone(),
        line: line.number,
        term: line.term.clone(),
        before: line.points,
        points,
    }
}

/// By how many points an edit moves its line.
fn strength(edit: &Edit) -> i32 {
    match edit {
        Edit::Add { points, .. } => points.abs(),
        Edit::Weigh { before, points, .. } => (points - before).abs(),
        Edit::Drop { before, .. } => before.abs(),
        Edit::Rebase { before, base, .. } => (base - before).abs(),
    }
}
