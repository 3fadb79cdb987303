//! Why a verdict is what it is, for a person: the sum line by line, and what would change it.
//!
//! It knows verdicts and the text that they point at. It is plain data with one rendering as text;
//! pages make their own.

use std::fmt::Write as _;

use crate::dictionary::{Calibration, TeamId};
use crate::mail::{Text, TextPlace};

use super::{Hit, Span, Verdict};

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
    /// Whether the mail goes to the best team by itself.
    pub routes: bool,
    /// What would change that.
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
    /// Its first occurrence with some words around, between `»` and `«`.
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
    /// Without this line the mail would no longer be routed by itself.
    WithoutStopsRouting(Place),
    /// Without this line another team would be the best.
    WithoutChangesBest {
        /// The line.
        line: Place,
        /// The team that would be the best.
        to: TeamId,
    },
    /// Without this line the mail would be routed.
    WithoutRoutes(Place),
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

/// Explains a verdict on a mail with this subject and text, at this threshold.
#[must_use]
pub fn explain(
    verdict: &Verdict,
    calibration: &Calibration,
    threshold: f64,
    subject: &str,
    text: &Text,
) -> Explanation {
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
    Explanation {
        teams: teams.collect(),
        words: verdict.words,
        length_factor: verdict.length_factor,
        margin: verdict.margin(),
        confidence: verdict.confidence,
        threshold,
        calibrated: verdict.calibrated,
        routes: verdict.confidence >= threshold && !verdict.hits.is_empty(),
        flips: flips(verdict, &hits, calibration, threshold),
    }
}

fn contribution(verdict: &Verdict, hit: &Hit) -> f64 {
    f64::from(hit.points) * hit.strength * verdict.length_factor
}

// ------------------------------------------------------------------------------ what would flip --

/// At most so many lines are named for each kind of change.
const FLIPS: usize = 3;

fn flips(verdict: &Verdict, hits: &[Hit], calibration: &Calibration, threshold: f64) -> Vec<Flip> {
    let (Some(best), second) = (verdict.best(), verdict.ranking.get(1)) else { return Vec::new() };
    let routes = verdict.confidence >= threshold;
    let mut flips = Vec::new();
    if !routes {
        let missing = calibration.margin_for(&best.team, threshold) - verdict.margin();
        if let Some(points) = whole_points(missing / verdict.length_factor) {
            flips.push(Flip::MorePoints { points, team: best.team.clone() });
        }
    }
    if let Some(second) = second
        && let Some(points) = whole_points(verdict.margin() / verdict.length_factor)
    {
        flips.push(Flip::SecondOvertakes { points, team: second.team.clone() });
    }
    let mut hits: Vec<&Hit> = hits.iter().collect();
    hits.sort_by(|one, other| {
        contribution(verdict, other).abs().total_cmp(&contribution(verdict, one).abs())
    });
    let without = hits.into_iter().filter_map(|hit| {
        let (to, confidence) = without(verdict, calibration, hit)?;
        let line = Place { file: hit.file.clone(), line: hit.line, term: hit.term.clone() };
        if to != best.team {
            Some(Flip::WithoutChangesBest { line, to })
        } else if routes && confidence < threshold {
            Some(Flip::WithoutStopsRouting(line))
        } else if !routes && confidence >= threshold {
            Some(Flip::WithoutRoutes(line))
        } else {
            None
        }
    });
    flips.extend(without.take(FLIPS));
    flips
}

/// The next whole number of points, if it is one that lines can have between them.
fn whole_points(points: f64) -> Option<i32> {
    (1..=99).find(|whole| f64::from(*whole) > points)
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

/// A match with some text around it, on one line.
#[must_use]
pub fn excerpt(span: &Span, subject: &str, text: &Text) -> String {
    let whole = if span.place == TextPlace::Subject { subject } else { text.body.as_str() };
    let (start, end) = (span.start as usize, span.end as usize);
    let before = whole.get(..start).unwrap_or_default();
    let found = whole.get(start..end).unwrap_or_default();
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
    let Explanation { teams, words, length_factor, margin, confidence, threshold, .. } =
        explanation;
    let best = teams.first().map_or("nobody", |sum| sum.team.as_str());
    let (sign, end) = if explanation.routes {
        ("≥", format!("it goes to {best}"))
    } else {
        ("<", "a person is asked".to_owned())
    };
    let made = if explanation.calibrated { "" } else { " (uncalibrated)" };
    // No confidence reaches 1, however it is rounded.
    let beside = if *threshold < 1.0 {
        format!(" {sign} {threshold:.3}")
    } else {
        ", but nothing goes there by itself".to_owned()
    };
    writeln!(out, "{best}: confidence {confidence:.3}{made}{beside}, so {end}")?;
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
            writeln!(out, "            {}", line.excerpt)?;
        }
    }
    writeln!(out, "\nThe best team is {margin:.2} points ahead.")?;
    explanation.flips.iter().try_for_each(|flip| write_flip(out, flip))
}

fn write_flip(out: &mut String, flip: &Flip) -> std::fmt::Result {
    let named = |place: &Place| format!("{}:{} `{}`", place.file, place.line, place.term);
    match flip {
        Flip::MorePoints { points, team } => {
            writeln!(out, "With {points} more points for {team} it would go there by itself.")
        }
        Flip::SecondOvertakes { points, team } => {
            writeln!(out, "With {points} more points for {team} that would be the best team.")
        }
        Flip::WithoutStopsRouting(line) => {
            writeln!(out, "Without {} a person would be asked.", named(line))
        }
        Flip::WithoutRoutes(line) => {
            writeln!(out, "Without {} it would go there by itself.", named(line))
        }
        Flip::WithoutChangesBest { line, to } => {
            writeln!(out, "Without {} the best team would be {to}.", named(line))
        }
    }
}
