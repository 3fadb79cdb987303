//! A starting dictionary from nothing but labelled mail.
//!
//! ```text
//! candidates ([`super::terms`]) → chosen and weighed for each team ([`super::select`])
//!   → scaled and rounded to whole points → lines, the weakest sharing one (`toner | cartridge  +2`)
//! ```
//!
//! The team `other` has no words of its own unless some of the mail is labelled so: then its base
//! is a floor, set so that hardly any of the mail that was held back from the fit (one in two
//! hundred) scores below it everywhere. Mail about something that no team ever saw falls under it.
//!
//! It knows labelled mail and the format of dictionary files; it reads and writes none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::calibrating::calibrate;
use super::folds::held_out;
use super::judged::Judged;
use super::labelled::Labelled;
use super::scale::{points, whole};
use super::select::{Choice, Chosen, choose};
use super::share::Share;
use super::terms::Terms;
use crate::dictionary::format::POINTS;
use crate::dictionary::{Calibration, Language, TeamId};
use crate::workers::each;

/// What is wished of the dictionaries.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// At most so many lines for each team.
    pub max_lines: usize,
    /// The language whose word forms its lines take.
    pub language: Language,
}

/// Dictionaries that were drafted.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The files, by name.
    pub files: BTreeMap<String, String>,
    /// How many lines each team has.
    pub lines: BTreeMap<TeamId, usize>,
    /// How many mails the draft rests on.
    pub mails: usize,
    /// Of the fifth that was held back from a first fit, the share whose best team was right.
    pub held_out: Share,
}

/// How a drafted file begins.
const MARK: &str = "# Drafted by `postroom suggest`";

/// Whether a dictionary's text was drafted and can be drafted anew: a section of a person's own is
/// theirs to keep.
#[must_use]
pub fn is_draft(text: &str) -> bool {
    let is_theirs = |line: &str| line.starts_with('[') && !line.starts_with("[learned");
    text.starts_with(MARK) && !text.lines().any(is_theirs)
}

/// The share of known mail that may score below the floor.
const BELOW_FLOOR: f64 = 0.005;
/// The precision that a draft's thresholds aim at.
const TARGET: f64 = 0.95;
/// A line holds at most so many terms.
const ALTERNATIVES: usize = 4;
/// All but one line in so many keep their ratio to the others; those are clipped.
const CLIPPED: f64 = 0.001;

/// What a mail on the wrong side costs, for so many mails: the more there are, the less each has
/// to say. (Tried on four corpora of 900 to 29,000 mails.)
#[allow(clippy::cast_precision_loss, reason = "a number of mails")]
pub(crate) fn cost(mails: usize) -> f64 {
    0.1 / (1.0 + mails as f64 / 5_000.0).sqrt()
}

/// Drafts dictionaries. `step` is told what is being done.
#[must_use]
pub fn draft(mails: &[Labelled], wish: &Wish, step: &dyn Fn(&str)) -> Draft {
    step("reading words");
    let teams: Vec<&TeamId> =
        mails.iter().map(|mail| &mail.team).collect::<BTreeSet<_>>().into_iter().collect();
    let candidates = Terms::of(mails, wish.language, []);
    let spreads = candidates.rows.spreads();
    let fit = |costs: &[f64], among: Option<&[Chosen]>| {
        each(teams.len(), |team| {
            let known = among.and_then(|among| among.get(team));
            let among: Vec<u32> = match known {
                Some(known) => known.terms.iter().map(|(column, _)| *column).collect(),
                None => (0..).zip(&candidates.all).map(|(column, _)| column).collect(),
            };
            let ours: Vec<bool> =
                mails.iter().map(|mail| Some(&&mail.team) == teams.get(team)).collect();
            choose(&Choice {
                rows: &candidates.rows,
                spreads: &spreads,
                ours: &ours,
                costs,
                among,
                prior: &[],
                prior_base: 0.0,
                // Weak terms share lines, so that there are about two for each.
                wanted: wish.max_lines * 2,
            })
        })
    };
    let full = cost(mails.len());
    step("fitting four fifths of the mail");
    let held_out = held_out(mails);
    let without: Vec<f64> = held_out.iter().map(|held| if *held { 0.0 } else { full }).collect();
    let tried = fit(&without, None);
    let held_out = mails.iter().enumerate().zip(held_out).filter(|(_, held)| *held);
    let trial = Trial::of(&tried, held_out.map(|(mail, _)| mail), &teams, &candidates);
    let has_other = teams.iter().any(|team| team.as_str() == TeamId::OTHER);
    step("fitting all of the mail");
    // Where choosing takes long, the terms that four fifths of so much mail chose are weighed anew.
    let among = candidates.rows.takes_long().then_some(tried.as_slice());
    let chosen = fit(&vec![full; mails.len()], among);
    step("writing lines");
    let scale = scale(&chosen, &candidates);
    let sheets: Vec<Sheet> = teams
        .iter()
        .zip(&chosen)
        .map(|(team, chosen)| {
            let ours: Vec<bool> = mails.iter().map(|mail| mail.team == **team).collect();
            let ours = candidates.rows.count_in(&ours);
            let lines = lines(chosen, &ours, &candidates, scale);
            let base = whole(chosen.base * scale);
            Sheet { team: (*team).clone(), base, lines: share(lines, wish.max_lines) }
        })
        .collect();
    let floor = (!has_other).then(|| whole(trial.floor * scale));
    let mut files = files(&sheets, floor, mails.len());
    let calibration = trial.calibration(scale, has_other, &teams);
    files.insert(Calibration::FILE.to_owned(), calibration.to_text());
    Draft {
        lines: sheets.iter().map(|sheet| (sheet.team.clone(), sheet.lines.len())).collect(),
        files,
        mails: mails.len(),
        held_out: trial.accuracy(),
    }
}

/// How the mail fared that a fit did not see.
struct Trial {
    mails: Vec<Tried>,
    /// The score below which [`BELOW_FLOOR`] of its best teams are.
    floor: f64,
}

/// A mail that a fit did not see, and its best two teams.
struct Tried {
    team: TeamId,
    best: TeamId,
    score: f64,
    second: f64,
}

impl Trial {
    /// `mails` are those that were held back, with their number.
    fn of<'a>(
        chosen: &[Chosen],
        mails: impl Iterator<Item = (usize, &'a Labelled)>,
        teams: &[&TeamId],
        candidates: &Terms,
    ) -> Self {
        let scores: Vec<Vec<f64>> = each(chosen.len(), |team| {
            chosen.get(team).map(|chosen| chosen.scores(&candidates.rows)).unwrap_or_default()
        });
        let tried = |(number, mail): (usize, &Labelled)| {
            let of_teams = scores.iter().zip(teams);
            let mut ranked: Vec<(f64, &TeamId)> =
                of_teams.filter_map(|(scores, team)| Some((*scores.get(number)?, *team))).collect();
            ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
            let (score, best) = *ranked.first()?;
            let second = ranked.get(1).map_or(f64::NEG_INFINITY, |(score, _)| *score);
            Some(Tried { team: mail.team.clone(), best: best.clone(), score, second })
        };
        let mails: Vec<Tried> = mails.filter_map(tried).collect();
        let best = mails.iter().map(|tried| tried.score).collect();
        let floor = quantile(best, BELOW_FLOOR).unwrap_or_default();
        Self { mails, floor }
    }

    fn accuracy(&self) -> Share {
        let mut right = Share::default();
        for tried in &self.mails {
            right.add(tried.best == tried.team);
        }
        right
    }

    /// How sure a margin makes, where one unit of the fit is so many points.
    fn calibration(&self, scale: f64, has_other: bool, teams: &[&TeamId]) -> Calibration {
        let floor = if has_other { f64::NEG_INFINITY } else { self.floor };
        let judged: Vec<Judged> = self
            .mails
            .iter()
            .map(|tried| {
                let is_under = tried.score < floor;
                let second = if is_under { tried.score } else { tried.second.max(floor) };
                Judged {
                    team: tried.team.clone(),
                    best: if is_under { TeamId::other() } else { tried.best.clone() },
                    margin: ((tried.score.max(floor) - second) * scale).min(1e3),
                    confidence: 0.0,
                    has_evidence: true,
                    routed: false,
                }
            })
            .collect();
        let teams: BTreeSet<TeamId> =
            teams.iter().map(|team| (*team).clone()).chain([TeamId::other()]).collect();
        calibrate(&judged, &teams.into_iter().collect::<Vec<_>>(), TARGET)
    }
}

// ------------------------------------------------------------------------------------- points --

/// What weights are multiplied with to be points: all but the largest fit.
fn scale(chosen: &[Chosen], candidates: &Terms) -> f64 {
    let sizes: Vec<f64> = chosen
        .iter()
        .flat_map(|team| &team.terms)
        .map(|(column, weight)| (weight * rarity(candidates, *column)).abs())
        .filter(|size| *size > 0.0)
        .collect();
    let largest = quantile(sizes, 1.0 - CLIPPED).unwrap_or(1.0);
    f64::from(*POINTS.end()) / largest
}

/// The number that such a share of all is below.
fn quantile(mut all: Vec<f64>, share: f64) -> Option<f64> {
    all.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among a number of mails or lines"
    )]
    let at = (all.len() as f64 * share) as usize;
    all.get(at).or(all.last()).copied()
}

fn rarity(candidates: &Terms, column: u32) -> f64 {
    candidates.all.get(column as usize).map_or(1.0, |term| term.rarity)
}

// -------------------------------------------------------------------------------------- lines --

/// A team's dictionary before it is text.
struct Sheet {
    team: TeamId,
    base: i32,
    lines: Vec<Line>,
}

/// A line before it is text.
struct Line {
    language: Language,
    points: i32,
    terms: Vec<String>,
    /// In how many mails of the team it is, and in how many at all.
    ours: u32,
    mails: u32,
}

impl Line {
    /// Whether a term can stand beside those of this line: a word that both have would be counted
    /// once where it should count for both.
    fn takes(&self, term: &str) -> bool {
        let has = |word: &str| self.terms.iter().any(|term| term.split(' ').any(|w| w == word));
        self.terms.len() < ALTERNATIVES && !term.split(' ').any(has)
    }
}

/// A line for each chosen term that is worth a point.
fn lines(chosen: &Chosen, ours: &[u32], candidates: &Terms, scale: f64) -> Vec<Line> {
    let mut lines = Vec::new();
    for (column, weight) in &chosen.terms {
        let Some(term) = candidates.all.get(*column as usize) else { continue };
        let points = points(weight * term.rarity * scale);
        if points != 0 {
            let (language, mails) = (term.language, term.mails);
            let ours = ours.get(*column as usize).copied().unwrap_or_default();
            lines.push(Line { language, points, terms: vec![term.text.clone()], ours, mails });
        }
    }
    lines
}

/// Lets terms of the same worth share lines until there are at most `most`, the weakest first, and
/// puts the strongest on top.
fn share(mut lines: Vec<Line>, most: usize) -> Vec<Line> {
    lines.sort_by(|one, other| {
        (one.points.abs(), one.points, one.language, &one.terms).cmp(&(
            other.points.abs(),
            other.points,
            other.language,
            &other.terms,
        ))
    });
    let mut surplus = lines.len().saturating_sub(most);
    let mut shared: Vec<Line> = Vec::with_capacity(lines.len() - surplus);
    // Where the lines of the same worth begin.
    let mut from = 0;
    for line in lines {
        let is_same = |other: &Line| other.points == line.points && other.language == line.language;
        if !shared.get(from).is_some_and(is_same) {
            from = shared.len();
        }
        let term = line.terms.first().map(String::as_str).unwrap_or_default();
        let open = shared.iter_mut().skip(from).find(|other| surplus > 0 && other.takes(term));
        if let Some(open) = open {
            open.ours += line.ours;
            open.mails += line.mails;
            open.terms.extend(line.terms);
            surplus -= 1;
        } else {
            shared.push(line);
        }
    }
    // Where not even four on a line are enough, the weakest go.
    let first = shared.len().saturating_sub(most);
    let mut kept = shared.split_off(first);
    kept.sort_by(|one, other| {
        (other.points.abs(), other.ours, &one.terms).cmp(&(
            one.points.abs(),
            one.ours,
            &other.terms,
        ))
    });
    kept
}

// --------------------------------------------------------------------------------------- text --

/// The files of all teams. Only differences of bases count, so they are shifted to where they fit.
fn files(sheets: &[Sheet], floor: Option<i32>, mails: usize) -> BTreeMap<String, String> {
    let bases = || sheets.iter().map(|sheet| sheet.base).chain(floor);
    let (least, most) = (bases().min().unwrap_or(0), bases().max().unwrap_or(0));
    let shift = if POINTS.contains(&least) && POINTS.contains(&most) {
        0
    } else {
        -i32::midpoint(least, most)
    };
    let base = |base: i32| (base + shift).clamp(*POINTS.start(), *POINTS.end());
    let mut files = BTreeMap::new();
    for sheet in sheets {
        let head = format!(
            "{MARK} from {mails} labelled mails, strongest lines first.\n\
             # A note says in how many mails a line's terms were seen, and how many of them came\n\
             # here. A line that you move to [terms] is yours.\n"
        );
        files.insert(format!("{}.dict", sheet.team), text(sheet, base(sheet.base), &head));
    }
    if let Some(floor) = floor {
        let head = format!(
            "{MARK}. For nobody: the base is a floor, and mail in\n\
             # which no team finds more than this is about something else.\n"
        );
        let sheet = Sheet { team: TeamId::other(), base: floor, lines: Vec::new() };
        files.insert(format!("{}.dict", sheet.team), text(&sheet, base(floor), &head));
    }
    files
}

fn text(sheet: &Sheet, base: i32, head: &str) -> String {
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = write!(text, "{head}team {}\nbase {base}\n", sheet.team);
    let languages: BTreeSet<Language> = sheet.lines.iter().map(|line| line.language).collect();
    // Lines with word forms first.
    let mut languages: Vec<Language> = languages.into_iter().collect();
    languages.sort_by_key(|language| *language == Language::ANY);
    for language in languages {
        let _ = match language {
            Language::ENGLISH => write!(text, "\n[learned]\n"),
            language => write!(text, "\n[learned {}]\n", language.code()),
        };
        for line in sheet.lines.iter().filter(|line| line.language == language) {
            let terms = line.terms.join(" | ");
            let Line { points, ours, mails, .. } = line;
            let _ = writeln!(text, "{terms:<40} {points:>+3}  # {ours} of {mails} mails");
        }
    }
    text
}
