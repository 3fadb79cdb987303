//! What the files alone show: words that say nothing, alternatives that never count, terms that two
//! teams claim, files without an example.
//!
//! Stop words are those of the NLTK corpus, a short list for each language: longer ones hold words
//! such as `system` and `bill`, which tell teams apart.

use std::collections::BTreeMap;

use super::{about_file, by_hand, warning};
use crate::diagnostic::Diagnostic;
use crate::dictionary::format::{Section, TeamFile, Wanted};
use crate::dictionary::sought::{Key, Sought};
use crate::dictionary::words::words;
use crate::dictionary::{Alternative, Language, Rule, Star};

/// A file with fewer lines is only begun: nobody asks it for examples.
const BEGUN: usize = 5;

/// A line that a person wrote, with where it stands and what it looks for.
struct Place<'a> {
    file: &'a TeamFile,
    section: &'a Section,
    rule: &'a Rule,
    keys: Vec<&'a Key>,
}

/// Checks all files.
pub(super) fn check(files: &[TeamFile]) -> Vec<Diagnostic> {
    let sought = Sought::of(files);
    let places = places(files, &sought);
    let mut found: Vec<Diagnostic> = files.iter().filter_map(without_example).collect();
    for place in &places {
        found.extend(stop_words(place));
        found.extend(swallowed(place));
    }
    found.extend(contested(&places));
    found
}

fn places<'a>(files: &'a [TeamFile], sought: &'a Sought) -> Vec<Place<'a>> {
    let mut keys = sought.all().iter();
    let mut places = Vec::new();
    for file in files {
        for (section, rule) in file.rules() {
            let keys = keys.by_ref().take(rule.alternatives.len()).map(|(_, key)| key).collect();
            if by_hand(section) {
                places.push(Place { file, section, rule, keys });
            }
        }
    }
    places
}

fn without_example(file: &TeamFile) -> Option<Diagnostic> {
    let lines = file.rules().filter(|(section, _)| by_hand(section)).count();
    let has_yes = file.examples.iter().any(|example| example.wanted == Wanted::Yes);
    (lines >= BEGUN && !has_yes).then(|| {
        let message = "no example says which mail must come here".to_owned();
        about_file(file, "no-example", message).help(
            "under `[examples]`, write `yes` and a sentence that people write: it is tried at \
             every load",
        )
    })
}

/// Alternatives that are nothing but a word that is in nearly every mail.
fn stop_words(place: &Place<'_>) -> Vec<Diagnostic> {
    let Place { file, section, rule, .. } = place;
    let known = stop_words::lookup(section.language.code()).unwrap_or_default();
    let is_stop_word = |alternative: &Alternative| {
        only_word(alternative).is_some_and(|word| known.contains(&word.as_str()))
    };
    let parts = rule.parts().into_iter().zip(&rule.alternatives);
    let stop_words = parts.filter(|(_, alternative)| is_stop_word(alternative));
    stop_words
        .map(|(part, _)| {
            let language = match section.language {
                Language::ANY => "any language",
                language => language.name(),
            };
            let message = format!("`{part}` says nothing by itself: it is all over {language}");
            let help = "add the words that it stands beside, as in `not connecting`; in capitals \
                        it would be `=IT`";
            warning(file, rule, part, "stop-word", message).help(help)
        })
        .collect()
}

/// The word, if an alternative is only that, in any case.
fn only_word(alternative: &Alternative) -> Option<String> {
    let [phrase] = alternative.phrases.as_slice() else { return None };
    let [element] = phrase.as_slice() else { return None };
    let mut spoken = words(&element.text).into_iter();
    let word = spoken.next().filter(|_| spoken.next().is_none())?;
    (!alternative.exact && element.star == Star::None).then_some(word.folded.into_owned())
}

/// Alternatives that hold another one of their line: where they are, the other one is, and a line
/// counts once.
fn swallowed(place: &Place<'_>) -> Vec<Diagnostic> {
    let Place { file, rule, keys, .. } = place;
    let parts: Vec<(&str, &Key)> = rule.parts().into_iter().zip(keys.iter().copied()).collect();
    let mut found = Vec::new();
    for (at, (part, key)) in parts.iter().enumerate() {
        let others = parts.iter().enumerate().filter(|(other, _)| *other != at);
        let within = others.filter(|(other, (_, inner))| {
            // Of two that are the same, the later one is too many.
            holds(key, inner) && (inner.len() < key.len() || *other < at)
        });
        if let Some((_, (inner, _))) = within.min_by_key(|(other, _)| *other) {
            let message = format!("`{part}` adds nothing: wherever it is, `{inner}` is");
            let help = "take it out, or give it a line of its own if it is worth more";
            found.push(warning(file, rule, part, "swallowed-term", message).help(help));
        }
    }
    found
}

/// Whether all that `inner` looks for stands side by side in what `key` looks for.
fn holds(key: &Key, inner: &Key) -> bool {
    // The first number tells what may stand before the first word. One among the words, for a gap,
    // could hide matches.
    let Some((_, words)) = inner.split_first() else { return false };
    let is_one_phrase = words.iter().all(|word| *word < u32::MAX - Alternative::GAP);
    is_one_phrase && !words.is_empty() && key.windows(words.len()).any(|window| window == words)
}

/// Terms that lines of two teams add about as many points for. One finding a term, at the line
/// that adds less.
fn contested(places: &[Place<'_>]) -> Vec<Diagnostic> {
    let mut by_words: BTreeMap<(&Key, bool), Vec<(&Place<'_>, usize)>> = BTreeMap::new();
    for place in places.iter().filter(|place| place.rule.points > 0) {
        for (at, key) in place.keys.iter().enumerate() {
            by_words.entry((key, place.rule.subject_only)).or_default().push((place, at));
        }
    }
    let mut found = Vec::new();
    for same in by_words.into_values() {
        let most = same.iter().max_by_key(|(place, _)| place.rule.points);
        let Some((strongest, _)) = most else { continue };
        for (place, at) in &same {
            let (points, most) = (place.rule.points, strongest.rule.points);
            // Much more for one team is a decision; as much for both is none.
            if place.file.team == strongest.file.team || points * 2 < most {
                continue;
            }
            let part = place.rule.parts().get(*at).copied().unwrap_or(&place.rule.term);
            let other = format!("{}:{}", strongest.file.file, strongest.rule.line);
            let message = format!("`{part}` speaks for {} too: {other}", strongest.file.team);
            let help = format!(
                "it adds {points:+} here and {most:+} there; keep it where it belongs, or add the \
                 words that tell the two apart"
            );
            let warning = warning(place.file, place.rule, part, "contested-term", message);
            found.push(warning.help(help));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::lint::measured::tests::check_files;

    #[test]
    fn what_the_files_show() {
        // (name, a's lines, b's lines, what is found)
        let cases: [(&str, &str, &str, &[&str]); 16] = [
            ("nothing", "[terms]\nserver\n", "[terms]\ninvoice\n", &[]),
            ("a stop word", "[terms]\nthe +2\n", "", &["a.dict:3:1 stop-word `the`"]),
            ("in any case", "[terms]\nwhere | server\n", "", &["a.dict:3:1 stop-word `where`"]),
            ("exactly so", "[terms]\n=IT\n", "", &[]),
            ("in a phrase", "[terms]\nnot there\n", "", &[]),
            ("of another language", "[terms de]\nwhere\n", "", &[]),
            (
                "of this language",
                "[terms de]\nserver | nicht\n",
                "",
                &["a.dict:3:10 stop-word `nicht`"],
            ),
            ("learned", "[learned]\nthe\n", "", &[]),
            (
                "a term inside another",
                "[terms]\ncall failure | call | lost calls\n",
                "",
                &[
                    "a.dict:3:1 swallowed-term `call failure`",
                    "a.dict:3:23 swallowed-term `lost calls`",
                ],
            ),
            (
                "the same twice",
                "[terms]\ncall | calls\n",
                "",
                &["a.dict:3:8 swallowed-term `calls`"],
            ),
            ("words of both", "[terms]\nlost call | call failure\n", "", &[]),
            ("a gap", "[terms]\ncall ~ lost | call failure lost\n", "", &[]),
            (
                "two teams",
                "[terms]\ninvoice +5\n",
                "[terms]\nbill | invoices +4\n",
                &["b.dict:3:8 contested-term `invoices`"],
            ),
            ("much more for one", "[terms]\ninvoice +9\n", "[terms]\ninvoice +2\n", &[]),
            ("taken away there", "[terms]\ninvoice\n", "[not]\ninvoice -4\n", &[]),
            (
                "no example",
                "[terms]\none two\nthree\nfour\nfive\nsix\n[examples]\nno  zero\n",
                "",
                &["a.dict:1:0 no-example"],
            ),
        ];
        for (name, a, b, expected) in cases {
            assert_eq!(check_files(a, b), expected, "{name}");
        }
    }
}
