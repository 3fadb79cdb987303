//! What was measured, as one page of HTML that brings along all that it needs: it opens from a
//! file, from a pipeline's artefacts or beside a mail, asks no network for anything, and says so
//! in a policy that a browser holds it to. Without scripts it lacks sorting and filtering only.
//!
//! The charts are SVG templates of our own. plotters compiles fast (20 packages, 3 s) and draws
//! well, but writes each colour and pixel into the picture, where neither a dark page nor paper
//! can change them, and neither titles nor descriptions for those who don't see it.
//!
//! It knows the measured figures; what measured them, and where the page is kept, is for others.

mod chart;
mod figures;
mod tables;

use askama::Template;
use jiff::Timestamp;

use self::chart::{Coverage, Reliability};
use self::figures::{Percent, mails};
use self::tables::{Confusion, Lines, PRINTED, TeamRow};
use crate::learn::calibrating::ENOUGH;
use crate::learn::health::LineHealth;
use crate::learn::measure::Evaluation;
use crate::learn::share::Share;

/// What a page tells.
#[derive(Debug, Clone, Copy)]
pub struct Report<'a> {
    /// The figures.
    pub evaluation: &'a Evaluation,
    /// How each line of the dictionaries does.
    pub lines: &'a [LineHealth],
    /// The folder of the dictionaries, as a person would name it.
    pub dictionaries: &'a str,
    /// Which dictionaries they are.
    pub version: &'a str,
    /// The files and folders of the mail that was measured on.
    pub data: &'a [String],
    /// When it was measured.
    pub at: Timestamp,
}

/// Writes the page.
///
/// # Errors
/// As templates go; none of these fails on any figures or texts.
pub fn page(report: &Report<'_>) -> Result<String, askama::Error> {
    Page::of(report).render()
}

#[derive(Template)]
#[template(path = "rim/report/page.html", config = "src/rim/report/askama.toml")]
struct Page<'a> {
    headline: String,
    cautions: Vec<String>,
    evaluation: &'a Evaluation,
    accuracy: Tile,
    auto_precision: Tile,
    auto_routed: Percent,
    macro_f1: Percent,
    ece: Percent,
    could: Vec<(Percent, Percent)>,
    confusion: Confusion<'a>,
    reliability: Reliability,
    coverage: Coverage,
    teams: Vec<TeamRow<'a>>,
    lines: Lines<'a>,
    printed: usize,
    report: &'a Report<'a>,
    at: String,
}

/// A figure at the head of the page.
struct Tile {
    value: Percent,
    low: Percent,
    high: Percent,
}

impl Tile {
    fn of(value: f64, (low, high): (f64, f64)) -> Self {
        Self { value: value.into(), low: low.into(), high: high.into() }
    }
}

impl<'a> Page<'a> {
    fn of(report: &'a Report<'a>) -> Self {
        let evaluation = report.evaluation;
        let could = |(precision, routed): (f64, &str)| {
            let covered = evaluation.coverage.get(routed).copied().unwrap_or_default();
            (Percent::from(precision), Percent::from(covered))
        };
        Self {
            headline: headline(evaluation),
            cautions: cautions(evaluation),
            evaluation,
            accuracy: Tile::of(evaluation.accuracy, evaluation.accuracy_interval),
            auto_precision: Tile::of(evaluation.auto_precision, evaluation.auto_precision_interval),
            auto_routed: evaluation.auto_routed.into(),
            macro_f1: evaluation.macro_f1.into(),
            ece: evaluation.ece.into(),
            could: [(0.95, "0.95"), (0.98, "0.98")].map(could).into(),
            confusion: Confusion::of(evaluation),
            reliability: Reliability::of(&evaluation.reliability),
            coverage: Coverage::of(evaluation),
            teams: tables::teams(evaluation),
            lines: Lines::of(report.lines),
            printed: PRINTED,
            report,
            at: report.at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        }
    }
}

/// What a team lead wants to know, in a sentence.
fn headline(evaluation: &Evaluation) -> String {
    let right: u64 = evaluation.teams.values().map(|team| team.recall.share.hits).sum();
    let first = match evaluation.n {
        0 => return "No mail was measured".to_owned(),
        1..100 => format!("{right} of {}", mails(evaluation.n)),
        n => {
            let share = Percent::from(Share::new(right, n).or_zero());
            format!("{:.0} of 100 mails", share.of_a_hundred())
        }
    };
    let alone = match evaluation.coverage.get("0.95").copied().unwrap_or_default() {
        none if none <= 0.0 => "none could go by itself with 95% right".to_owned(),
        covered => {
            let covered = Percent::from(covered).whole();
            format!("{covered} could go by themselves with 95% right")
        }
    };
    format!("{first} have the right team first; {alone}")
}

/// What to know before any figure is believed.
fn cautions(evaluation: &Evaluation) -> Vec<String> {
    let mut cautions = Vec::new();
    if evaluation.n < ENOUGH as u64 {
        cautions.push(format!(
            "Only {} measured: below {ENOUGH} the intervals are wide, and chance speaks loudly.",
            match evaluation.n {
                1 => "1 mail was".to_owned(),
                n => format!("{n} mails were"),
            },
        ));
    }
    if !evaluation.calibrated {
        cautions.push(
            "The confidence has not been fitted on confirmed answers: it is a careful guess until \
             you run postroom calibrate."
                .to_owned(),
        );
    }
    let others = evaluation.other_routed;
    if others.hits > 0 {
        cautions.push(format!(
            "Of {} for nobody, {} would go to a team all the same.",
            mails(others.of),
            others.hits,
        ));
    }
    cautions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dictionary::{Dictionaries, TeamId};
    use crate::learn::health::judge_with_lines;
    use crate::learn::judged::Judged;
    use crate::learn::measure::evaluate;
    use crate::route::Policy;

    fn judged(team: &str, best: &str, confidence: f64) -> Judged {
        let [team, best] = [team, best].map(|name| TeamId::parse(name).unwrap());
        Judged { team, best, margin: 0.0, confidence, has_evidence: true, routed: true }
    }

    #[test]
    fn a_sentence_says_how_good_they_are() {
        let right = judged("a", "a", 0.9);
        let wrong = judged("a", "b", 0.5);
        let many = [vec![right.clone(); 167], vec![wrong.clone(); 33]].concat();
        let cases = [
            (vec![], "No mail was measured"),
            (
                vec![right.clone(), wrong.clone()],
                "1 of 2 mails have the right team first; 50% could go by themselves with 95% right",
            ),
            (
                vec![wrong],
                "0 of 1 mail have the right team first; none could go by itself with 95% right",
            ),
            (
                many,
                "84 of 100 mails have the right team first; 84% could go by themselves with 95% \
                 right",
            ),
        ];
        for (judged, expected) in cases {
            assert_eq!(headline(&evaluate(&judged, true)), expected);
        }
        assert_eq!(cautions(&evaluate(&vec![right.clone(); 200], true)), [""; 0]);
        let said = cautions(&evaluate(&[right, judged("other", "a", 0.5)], false));
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(said[2], "Of 1 mail for nobody, 1 would go to a team all the same.");
    }

    #[test]
    fn text_that_looks_like_markup_stays_text() {
        let hostile = r#"<script>alert("1")</script>'&amp;"#;
        let files = [("a.dict".to_owned(), "team a\n[terms]\nword\n".to_owned())].into();
        let (dictionaries, _) = Dictionaries::build(&files).unwrap();
        let (_, mut lines) = judge_with_lines(&dictionaries, &Policy::default(), &[], &|_| ());
        lines[0].file = format!("{hostile}.dict");
        hostile.clone_into(&mut lines[0].term);
        let evaluation = evaluate(&[judged("a", "b", 0.5)], true);
        let page = page(&Report {
            evaluation: &evaluation,
            lines: &lines,
            dictionaries: hostile,
            version: hostile,
            data: &[hostile.to_owned()],
            at: Timestamp::UNIX_EPOCH,
        })
        .unwrap();
        assert!(!page.contains("<script>alert") && !page.contains("'&amp;\""));
        assert_eq!(page.matches("alert(").count(), 5, "file, term, folder, version and data");
        assert!(page.contains("&#60;script&#62;alert(&#34;1&#34;)"), "{page}");
    }
}
