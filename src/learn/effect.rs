//! What changes to the dictionaries do to mail that they were not learned from: all together, and
//! each alone.
//!
//! It judges mail before and after and counts; it proposes nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use super::calibrating::calibrate;
use super::judged::{Judged, judge};
use super::labelled::Labelled;
use super::measure::evaluate;
use super::patch::Edit;
use super::share::Share;
use super::teams_of;
use crate::classify::Verdict;
use crate::dictionary::format::SectionKind;
use crate::dictionary::{Calibration, Dictionaries, TeamId};
use crate::route::Policy;

/// How good the dictionaries are on held-out mail.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Standard {
    /// Mails whose best team is right.
    pub right: Share,
    /// The share that could be routed by itself at 95% precision, the confidence fitted anew.
    pub coverage: f64,
}

/// What one change does alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Alone {
    /// In how many of the held-out mails it has a say.
    pub mails: u32,
    /// Mails that come to the right team only with it.
    pub righted: u32,
    /// Mails that came to the right team without it.
    pub wronged: u32,
}

/// Held-out mail, judged by one version of the dictionaries.
pub(crate) struct HeldOut {
    pub(crate) standard: Standard,
    mails: Vec<Mail>,
    /// By file and line, the mails that the line hit, with its strength.
    hits: BTreeMap<(String, u32), Vec<(usize, f64)>>,
    /// By file, language and term, the line under `[learned]`.
    learned: Learned,
}

type Learned = BTreeMap<(String, String, String), u32>;

struct Mail {
    team: TeamId,
    factor: f64,
    scores: BTreeMap<TeamId, f64>,
}

impl HeldOut {
    pub(crate) fn judge(dictionaries: &Dictionaries, mails: &[Labelled]) -> Self {
        type Seen = Vec<(f64, BTreeMap<TeamId, f64>, Vec<u32>, Vec<f64>)>;
        let look = |seen: &mut Seen, _: usize, verdict: &Verdict| {
            let scores =
                verdict.ranking.iter().map(|score| (score.team.clone(), score.score)).collect();
            let (lines, strengths) = verdict.hits.numbers().unzip();
            seen.push((verdict.length_factor, scores, lines, strengths));
        };
        let (judged, seen) = judge(dictionaries, &Policy::default(), mails, &|_| (), look);
        let mut hits: BTreeMap<(String, u32), Vec<(usize, f64)>> = BTreeMap::new();
        let mut held_out = Vec::with_capacity(mails.len());
        for ((at, mail), (factor, scores, lines, strengths)) in
            mails.iter().enumerate().zip(seen.into_iter().flatten())
        {
            for (line, strength) in lines.into_iter().zip(strengths) {
                let all = dictionaries.lines();
                let (Some(owner), Some(line)) = (all.owner(line), all.get(line)) else { continue };
                let key = (owner.file.to_string(), line.number);
                hits.entry(key).or_default().push((at, strength));
            }
            held_out.push(Mail { team: mail.team.clone(), factor, scores });
        }
        let standard = standard(dictionaries, &judged);
        Self { standard, mails: held_out, hits, learned: learned(dictionaries) }
    }

    fn hits(&self, file: &str, line: u32) -> Vec<(usize, f64)> {
        self.hits.get(&(file.to_owned(), line)).cloned().unwrap_or_default()
    }

    /// Where a line that was added stands.
    fn added(&self, file: &str, language: &str, term: &str) -> Option<u32> {
        let key = (file.to_owned(), language.to_owned(), term.to_owned());
        self.learned.get(&key).copied()
    }

    /// What an edit does alone. `after` is the same mail judged with all edits made, which has the
    /// hits of the new lines.
    pub(crate) fn alone(&self, after: &Self, team: &TeamId, edit: &Edit) -> Alone {
        let mut alone = Alone::default();
        let moved: Vec<(usize, f64)> = match edit {
            Edit::Add { file, language, term, points } => {
                let line = after.added(file, language, term);
                scaled(line.map(|line| after.hits(file, line)).unwrap_or_default(), *points)
            }
            Edit::Weigh { file, line, before, points, .. } => {
                scaled(self.hits(file, *line), points - before)
            }
            Edit::Drop { file, line, before, .. } => scaled(self.hits(file, *line), -before),
            Edit::Rebase { before, base, .. } => {
                let shift = f64::from(base - before);
                // The base is not multiplied with the length factor.
                self.mails.iter().enumerate().map(|(at, m)| (at, shift / m.factor)).collect()
            }
        };
        for (at, points) in moved {
            let Some(mail) = self.mails.get(at) else { continue };
            let was_right = mail.best(team, 0.0) == Some(&mail.team);
            let is_right = mail.best(team, points * mail.factor) == Some(&mail.team);
            alone.mails += 1;
            alone.righted += u32::from(is_right && !was_right);
            alone.wronged += u32::from(was_right && !is_right);
        }
        alone
    }
}

fn learned(dictionaries: &Dictionaries) -> Learned {
    let mut learned = Learned::new();
    for file in dictionaries.files() {
        for section in file.sections.iter().filter(|it| it.kind == SectionKind::Learned) {
            learned.extend(section.rules.iter().map(|rule| {
                let key =
                    (file.file.clone(), section.language.code().to_owned(), rule.term.clone());
                (key, rule.line)
            }));
        }
    }
    learned
}

fn scaled(hits: Vec<(usize, f64)>, points: i32) -> Vec<(usize, f64)> {
    hits.into_iter().map(|(at, strength)| (at, strength * f64::from(points))).collect()
}

impl Mail {
    /// The best team if `team` had so much more.
    fn best(&self, team: &TeamId, more: f64) -> Option<&TeamId> {
        let score = |(name, score): (&TeamId, &f64)| {
            if name == team { score + more } else { *score }
        };
        self.scores
            .iter()
            .map(|entry| (score(entry), entry.0))
            // Among equals the first name wins, as in a ranking.
            .max_by(|one, other| one.0.total_cmp(&other.0).then_with(|| other.1.cmp(one.1)))
            .map(|(_, name)| name)
    }
}

fn standard(dictionaries: &Dictionaries, judged: &[Judged]) -> Standard {
    let calibration: Calibration = calibrate(judged, &teams_of(dictionaries), 0.95);
    let refitted: Vec<Judged> = judged
        .iter()
        .map(|judged| Judged {
            confidence: calibration.confidence(&judged.best, judged.margin),
            ..judged.clone()
        })
        .collect();
    let mut right = Share::default();
    for judged in judged {
        right.add(judged.is_right());
    }
    let coverage = evaluate(&refitted, true).coverage.get("0.95").copied().unwrap_or_default();
    Standard { right, coverage }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::labelled::Labels;

    #[test]
    fn a_line_is_weighed_on_the_mails_that_it_hits_itself() {
        let file = "fruit.dict";
        let text = "team fruit\n[terms]\npear +2 @subject\npear +1\n";
        let learned = "[learned]\napple +5\n[learned any]\napple +5\n";
        let built = |text: String| {
            let files = BTreeMap::from([(file.to_owned(), text)]);
            Dictionaries::build(&files).map_err(|found| format!("{found:?}")).unwrap().0
        };
        let (before, after) = (built(text.to_owned()), built(format!("{text}{learned}")));
        let mails: Vec<Labelled> = ["apple", "apples", "pear"]
            .map(|text| {
                Labelled::from_json(
                    &format!(r#"{{"label":"fruit","text":"{text}"}}"#),
                    1,
                    &mut Labels::default(),
                )
            })
            .map(Result::unwrap)
            .into();
        let (before, after) = (HeldOut::judge(&before, &mails), HeldOut::judge(&after, &mails));
        let (file, fruit) = (file.to_owned(), TeamId::parse("fruit").unwrap());
        let add = |language: &str| {
            let (language, term) = (language.to_owned(), "apple".to_owned());
            Edit::Add { file: file.clone(), language, term, points: 5 }
        };
        let weigh = |line, before| {
            let term = "pear".to_owned();
            Edit::Weigh { file: file.clone(), line, term, before, points: 5 }
        };
        for (edit, mails) in [(add("en"), 2), (add("any"), 1), (weigh(3, 2), 0), (weigh(4, 1), 1)] {
            assert_eq!(before.alone(&after, &fruit, &edit).mails, mails, "{edit:?}");
        }
    }
}
