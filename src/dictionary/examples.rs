//! The examples of the dictionary files, tried on the dictionaries that they stand in.
//!
//! It knows examples and verdicts; what a verdict rests on is for [`crate::classify`].

use super::calibration::DEFAULT_THRESHOLD;
use super::compile::Dictionaries;
use super::format::{Example, TeamFile, Wanted};
use super::{TeamId, format};
use crate::classify::{Scratch, Verdict, classify};
use crate::diagnostic::Diagnostic;
use crate::mail::{Text, TextPart, TextPlace};

/// Tries every example; what fails is an error at its line.
pub(crate) fn check(dictionaries: &Dictionaries) -> Vec<Diagnostic> {
    let mut scratch = Scratch::default();
    let mut found = Vec::new();
    for file in dictionaries.files() {
        for example in &file.examples {
            let verdict = verdict(dictionaries, &mut scratch, example);
            found.extend(judge(dictionaries, file, example, &verdict));
        }
    }
    found
}

fn verdict(dictionaries: &Dictionaries, scratch: &mut Scratch, example: &Example) -> Verdict {
    if example.is_subject {
        return classify(dictionaries, scratch, &example.text, &Text::default());
    }
    let part = TextPart { place: TextPlace::New, range: 0..example.text.len() };
    let text = Text { body: example.text.clone(), parts: vec![part] };
    classify(dictionaries, scratch, "", &text)
}

fn judge(
    dictionaries: &Dictionaries,
    file: &TeamFile,
    example: &Example,
    verdict: &Verdict,
) -> Option<Diagnostic> {
    let best = verdict.best()?;
    let is_first = best.team == file.team;
    // Without a hit the order is only that of the bases; nobody's mail needs no hit.
    let has_hit = verdict.hits.iter().any(|hit| hit.team == file.team);
    let comes_here = is_first && (has_hit || file.team.as_str() == TeamId::OTHER);
    let threshold = dictionaries.threshold(&file.team).unwrap_or(DEFAULT_THRESHOLD);
    let found = match example.wanted {
        Wanted::Yes if !comes_here => {
            let message = if is_first || verdict.hits.is_empty() {
                "no line of this file finds anything in it".to_owned()
            } else {
                let own = verdict.ranking.iter().find(|score| score.team == file.team);
                format!(
                    "it goes to `{}` with {:+.1} points, here it has {:+.1}",
                    best.team,
                    best.score,
                    own.map_or(0.0, |own| own.score)
                )
            };
            Diagnostic::error(&file.file, "failing-example", message)
                .help("add a line, change weights, or write `todo` instead of `yes`")
        }
        Wanted::No if is_first && has_hit && verdict.confidence >= threshold => {
            let message =
                format!("it would be sent here with confidence {:.2}", verdict.confidence);
            Diagnostic::error(&file.file, "failing-example", message)
                .help("take points away under [not]")
        }
        Wanted::Todo if comes_here => {
            Diagnostic::error(&file.file, "done-todo", "it comes here by now")
                .warning()
                .help("write `yes` instead of `todo`, so that it stays so")
        }
        Wanted::Yes | Wanted::No | Wanted::Todo => return None,
    };
    let line = format::Line { number: example.line, raw: &example.raw };
    Some(line.mark(found, example.raw.trim()))
}
