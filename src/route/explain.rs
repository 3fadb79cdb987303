//! Why a mail goes where it goes by its words, for a person: the sum line by line, what the rule
//! makes of it, and what would change that.
//!
//! It knows verdicts, the rule and the text that they are about. It is plain data with one rendering
//! as text; pages make their own.

use std::fmt::Write as _;

use super::{Decision, Reason, Said, Target, by_words};
use crate::classify::{Hit, Span, Verdict};
use crate::dictionary::{Calibration, TeamId};
use crate::mail::{Text, TextPlace};

/// What a decision by words rests on beside the verdict.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// What the verdict's confidence was made with.
    pub calibration: &'a Calibration,
    /// How sure is sure enough for the best team.
    pub threshold: f64,
    /// The team that owns the address that the mail came to.
    pub hinted: Option<&'a TeamId>,
    /// Where the mail goes: by its words, unless something else had the last word since.
    pub decision: &'a Decision,
}

/// A verdict with the sum redone and the way to another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The best two teams, and every other team with a hit, best first.
    pub teams: Vec<TeamSum>,
    /// The words that were counted.
    pub words: f64,
    /// What every point is multiplied with.
    pub length_factor: f64,
    /// How far the best team is ahead.
    pub margin: f64,
    /// How sure that makes.
    pub confidence: f64,
    /// How sure is sure enough for the best team.
    pub threshold: f64,
    /// Whether the confidence was fitted on confirmed answers.
    pub calibrated: bool,
    /// What the rule makes of it.
    pub by_words: Decision,
    /// Whether that holds no more: a person answered since, say.
    pub is_past: bool,
    /// What would change it.
    pub flips: Vec<Flip>,
}

/// How a team's score comes about.
#[derive(Debug, Clone, PartialEq)]
pub struct TeamSum {
    /// The team.
    pub team: TeamId,
    /// Where it starts.
    pub base: i32,
    /// What its lines add, in their order.
    pub lines: Vec<LineSum>,
    /// The sum.
    pub score: f64,
}

/// What a line adds to a score: points × strength × length factor.
#[derive(Debug, Clone, PartialEq)]
pub struct LineSum {
    /// The line and what it found.
    pub hit: Hit,
    /// What it adds.
    pub contribution: f64,
    /// Its first occurrence with some words around, between `»` and `«`; empty if the text is not
    /// at hand any more.
    pub excerpt: String,
}

/// Something that would change where the mail goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Flip {
    /// So many points more for the best team, in a line that matches once, would route it.
    MorePoints {
        /// Whole points.
        points: i32,
        /// Whose.
        team: TeamId,
    },
    /// Without this line another team would be the best.
    WithoutChangesBest {
        /// The line.
        line: Place,
        /// The team that would be the best.
        to: TeamId,
    },
    /// Without this line the mail would go elsewhere.
    WithoutGoesTo {
        /// The line.
        line: Place,
        /// To a team by itself, or to a person who is asked.
        to: Target,
    },
    /// So many points more for the second team would make it the best.
    SecondOvertakes {
        /// Whole points.
        points: i32,
        /// The second team.
        team: TeamId,
    },
}

/// A line of a dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line in it.
    pub line: u32,
    /// Its term.
    pub term: String,
}

/// Explains a verdict on a mail with this subject and text.
#[must_use]
pub fn explain(verdict: &Verdict, basis: Basis<'_>, subject: &str, text: &Text) -> Explanation {
    let hits = verdict.hits.to_vec();
    let teams = verdict.ranking.iter().enumerate().filter_map(|(rank, score)| {
        let lines: Vec<LineSum> = hits
            .iter()
            .filter(|hit| hit.team == score.team)
            .map(|hit| LineSum {
                hit: hit.clone(),
                contribution: contribution(verdict, hit),
                excerpt: hit.spans.first().map(|s| excerpt(s, subject, text)).unwrap_or_default(),
            })
            .collect();
        let shown = rank < 2 || !lines.is_empty();
        let (team, base) = (score.team.clone(), score.base);
        shown.then_some(TeamSum { team, base, lines, score: score.score })
    });
    let by_words = basis.rule(Said::of(verdict));
    let is_past = by_words != *basis.decision;
    Explanation {
        teams: teams.collect(),
        words: verdict.words,
        length_factor: verdict.length_factor,
        margin: verdict.margin(),
        confidence: verdict.confidence,
        threshold: basis.threshold,
        calibrated: verdict.calibrated,
        flips: flips(verdict, &hits, basis, &by_words.target, is_past),
        by_words,
        is_past,
    }
}

impl Basis<'_> {
    fn rule(self, said: Said<'_>) -> Decision {
        by_words(said, self.hinted, |_| self.threshold)
    }
}

fn contribution(verdict: &Verdict, hit: &Hit) -> f64 {
    f64::from(hit.points) * hit.strength * verdict.length_factor
}

// ------------------------------------------------------------------------------ what would flip --

/// At most so many lines are named for each kind of change.
const FLIPS: usize = 3;

/// What would change the ranking; and where the mail goes, `now`, unless that is past.
fn flips(
    verdict: &Verdict,
    hits: &[Hit],
    basis: Basis<'_>,
    now: &Target,
    is_past: bool,
) -> Vec<Flip> {
    let (Some(best), second) = (verdict.best(), verdict.ranking.get(1)) else { return Vec::new() };
    let said = Said::of(verdict);
    // Where nothing is written no line can match.
    if !said.has_text {
        return Vec::new();
    }
    // Where the mail would go if the best team stayed it.
    let elsewhere =
        |said: Said<'_>| Some(basis.rule(said).target).filter(|target| !is_past && target != now);
    let mut flips = Vec::new();
    let sure = Said { has_evidence: true, confidence: basis.threshold, ..said };
    if let Some(Target::Team(team)) = elsewhere(sure) {
        let missing = basis.calibration.margin_for(&team, basis.threshold) - verdict.margin();
        let points = whole_points(missing / verdict.length_factor);
        flips.extend(points.map(|points| Flip::MorePoints { points, team }));
    }
    if let Some(second) = second
        && let Some(points) = whole_points(verdict.margin() / verdict.length_factor)
    {
        flips.push(Flip::SecondOvertakes { points, team: second.team.clone() });
    }
    let has_evidence = hits.len() > 1;
    let mut hits: Vec<&Hit> = hits.iter().collect();
    hits.sort_by(|one, other| {
        contribution(verdict, other).abs().total_cmp(&contribution(verdict, one).abs())
    });
    let without = hits.into_iter().filter_map(|hit| {
        let (to, confidence) = without(verdict, basis.calibration, hit)?;
        let line = Place { file: hit.file.clone(), line: hit.line, term: hit.term.clone() };
        if to != best.team {
            return Some(Flip::WithoutChangesBest { line, to });
        }
        let to = elsewhere(Said { has_evidence, confidence, ..said })?;
        Some(Flip::WithoutGoesTo { line, to })
    });
    flips.extend(without.take(FLIPS));
    flips
}

/// The next whole number of points, if it is one that lines can have between them. A division's last
/// digits are not to be relied on: what may be a tie takes one more.
fn whole_points(points: f64) -> Option<i32> {
    (1..=99).find(|whole| f64::from(*whole) > points + 1e-9)
}

/// The best team and the confidence if `hit` were not.
fn without(verdict: &Verdict, calibration: &Calibration, hit: &Hit) -> Option<(TeamId, f64)> {
    let mut scores: Vec<(f64, &TeamId)> = verdict
        .ranking
        .iter()
        .map(|score| {
            let less = if score.team == hit.team { contribution(verdict, hit) } else { 0.0 };
            (score.score - less, &score.team)
        })
        .collect();
    scores.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(other.1)));
    let (best, team) = *scores.first()?;
    let margin = scores.get(1).map_or(best, |(second, _)| best - second);
    Some((team.clone(), calibration.confidence(team, margin)))
}

// -------------------------------------------------------------------------------------- excerpts --

/// So many characters are shown on each side of a match.
const AROUND: usize = 30;

/// A match with some text around it, on one line; nothing if the text doesn't hold it.
#[must_use]
pub fn excerpt(span: &Span, subject: &str, text: &Text) -> String {
    let whole = if span.place == TextPlace::Subject { subject } else { text.body.as_str() };
    let (start, end) = (span.start as usize, span.end as usize);
    let Some(found) = whole.get(start..end) else { return String::new() };
    let before = whole.get(..start).unwrap_or_default();
    let after = whole.get(end..).unwrap_or_default();
    let mut head: Vec<char> = before.chars().rev().take(AROUND).collect();
    head.reverse();
    let head: String = head.into_iter().collect();
    let tail: String = after.chars().take(AROUND).collect();
    let mark = |cut: bool| if cut { "…" } else { "" };
    let marked = format!(
        "{}{head}»{found}«{tail}{}",
        mark(head.len() < before.len()),
        mark(tail.len() < after.len())
    );
    marked.split_whitespace().collect::<Vec<_>>().join(" ")
}

// ----------------------------------------------------------------------------------------- as text --

/// The explanation as text, for a person with a calculator.
#[must_use]
pub fn render(explanation: &Explanation) -> String {
    let mut out = String::new();
    // Writing to a string never fails.
    let _ = write(&mut out, explanation);
    out
}

fn write(out: &mut String, explanation: &Explanation) -> std::fmt::Result {
    let Explanation { teams, words, length_factor, margin, .. } = explanation;
    write_rule(out, explanation)?;
    writeln!(out, "{words} words: every point counts √(20 / ({words} + 4)) = {length_factor:.3}")?;
    for sum in teams {
        writeln!(out, "\n{}  {:+.2} points", sum.team, sum.score)?;
        writeln!(out, "  {:>8}  where the team starts", format!("{:+}", sum.base))?;
        for line in &sum.lines {
            let Hit { file, line: number, term, points, strength, occurrences, .. } = &line.hit;
            let times =
                if *occurrences > 1 { format!(", {occurrences} times") } else { String::new() };
            writeln!(
                out,
                "  {:>+8.2}  {file}:{number}  {term}  ({points:+} × {strength:.2} × \
                 {length_factor:.3}{times})",
                line.contribution
            )?;
            if !line.excerpt.is_empty() {
                writeln!(out, "            {}", line.excerpt)?;
            }
        }
    }
    writeln!(out, "\nThe best team is {margin:.2} points ahead.")?;
    explanation.flips.iter().try_for_each(|flip| write_flip(out, flip))
}

/// What the rule makes of the sum, in a sentence.
fn write_rule(out: &mut String, explanation: &Explanation) -> std::fmt::Result {
    let Explanation { teams, confidence, threshold, by_words, is_past, .. } = explanation;
    let best = teams.first().map_or("nobody", |sum| sum.team.as_str());
    let made = if explanation.calibrated { "" } else { " (uncalibrated)" };
    let sure = format!("{best}: confidence {confidence:.3}{made}");
    // No confidence reaches 1, however it is rounded.
    let below = if *threshold < 1.0 {
        format!("{sure} < {threshold:.3}")
    } else {
        format!("{sure}, but nothing goes there by itself")
    };
    let Decision { target, reason } = by_words;
    let why = if explanation.words == 0.0 {
        "there is no text".to_owned()
    } else if teams.iter().all(|sum| sum.lines.is_empty()) {
        "no line matched".to_owned()
    } else if *reason == Reason::Confident {
        format!("{sure} ≥ {threshold:.3}")
    } else {
        below
    };
    let hinted = match (reason, target) {
        (Reason::Alias, Target::Team(team)) => format!("; it came to an address of {team}"),
        _ => String::new(),
    };
    let end = match (target, is_past) {
        (Target::Team(team), false) => format!("it goes to {team}"),
        (Target::Team(team), true) => format!("it went to {team}"),
        (_, false) => "a person is asked".to_owned(),
        (_, true) => "a person was asked".to_owned(),
    };
    writeln!(out, "{why}{hinted}, so {end}")
}

fn write_flip(out: &mut String, flip: &Flip) -> std::fmt::Result {
    let named = |place: &Place| format!("{}:{} `{}`", place.file, place.line, place.term);
    let more = |points: i32| match points {
        1 => "1 more point".to_owned(),
        points => format!("{points} more points"),
    };
    match flip {
        Flip::MorePoints { points, team } => {
            writeln!(out, "With {} for {team} it would go there by itself.", more(*points))
        }
        Flip::SecondOvertakes { points, team } => {
            writeln!(out, "With {} for {team} that would be the best team.", more(*points))
        }
        Flip::WithoutGoesTo { line, to } => match to.to() {
            Some(team) => writeln!(out, "Without {} it would go to {team} by itself.", named(line)),
            None => writeln!(out, "Without {} a person would be asked.", named(line)),
        },
        Flip::WithoutChangesBest { line, to } => {
            writeln!(out, "Without {} the best team would be {to}.", named(line))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_tie_takes_one_more() {
        for (points, whole) in [
            (12.5, Some(13)),
            (13.0, Some(14)),
            // 13 points, divided by a length factor.
            (12.999_999_999_999_998, Some(14)),
            (-3.0, Some(1)),
            (99.0, None),
        ] {
            assert_eq!(whole_points(points), whole, "{points}");
        }
    }
}
