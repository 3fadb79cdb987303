//! Random dictionaries and random mail: nothing panics, spans point at what they should, and a
//! slow reference finds the same.

use std::collections::BTreeMap;

use postroom::classify::{Scratch, Verdict, classify};
use postroom::dictionary::{Dictionaries, format};
use postroom::mail::{Text, TextPart, TextPlace};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::reference::{Spoken, occurrences, spoken};

/// A few words, so that lines and mails meet often.
const WORDS: [&str; 12] = [
    "call", "calls", "Calling", "drop", "dropped", "net", "network", "Networks", "work", "DNS",
    "dns", "a1",
];

fn word() -> impl Strategy<Value = String> {
    select(&WORDS[..]).prop_map(str::to_owned)
}

fn element() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => word(),
        1 => select(&["net*", "ca*", "work*", "dro*"][..]).prop_map(str::to_owned),
        1 => select(&["*work", "*ed", "*ing", "*s1"][..]).prop_map(str::to_owned),
    ]
}

fn alternative() -> impl Strategy<Value = String> {
    let joined = |words: Vec<String>| words.join(" ");
    prop_oneof![
        4 => vec(element(), 1..4).prop_map(joined),
        1 => vec(word(), 1..3).prop_map(|words| format!("={}", words.join(" "))),
        2 => vec(vec(element(), 1..3).prop_map(joined), 2..4).prop_map(|p| p.join(" ~ ")),
    ]
}

fn line() -> impl Strategy<Value = String> {
    vec(alternative(), 1..3).prop_map(|alternatives| alternatives.join(" | "))
}

fn place() -> impl Strategy<Value = TextPlace> {
    select(&[TextPlace::New, TextPlace::New, TextPlace::Quoted, TextPlace::Signature][..])
}

fn mail_text(piece: impl Strategy<Value = String>) -> impl Strategy<Value = Text> {
    vec((place(), piece), 0..4).prop_map(|pieces| {
        let mut text = Text::default();
        for (place, piece) in pieces {
            let start = text.body.len();
            text.body.push_str(&piece);
            text.parts.push(TextPart { place, range: start..text.body.len() });
        }
        text
    })
}

fn said() -> impl Strategy<Value = String> {
    let between = select(&[" ", "\n", "-", ", ", " x ", " y y "][..]);
    vec((word(), between), 0..14)
        .prop_map(|words| words.into_iter().map(|(word, between)| word + between).collect())
}

/// Text with everything that a mail can have.
fn anything() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        word(),
        any::<char>().prop_map(String::from),
        "\\PC{0,8}",
        select(
            &["ß", "ä", "’", "\u{AD}", "\u{200B}", "服务", "サ", "ｶﾞ", "u\u{308}", "İ", "ไทย"][..]
        )
        .prop_map(str::to_owned),
        select(&[" ", "\r\n", "'", "-"][..]).prop_map(str::to_owned),
    ];
    vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

fn dictionaries(lines: &[String]) -> Dictionaries {
    let text = format!("team one\n[terms]\n{}\n", lines.join(" +3\n"));
    build(&text).unwrap_or_else(|| panic!("{text}"))
}

fn build(text: &str) -> Option<Dictionaries> {
    let files = BTreeMap::from([("one.dict".to_owned(), text.to_owned())]);
    Dictionaries::build(&files).ok().map(|(dictionaries, _)| dictionaries)
}

fn read(dictionaries: &Dictionaries, subject: &str, text: &Text) -> Verdict {
    classify(dictionaries, &mut Scratch::default(), subject, text)
}

/// Every span lies in a part of its place, on character boundaries, and is not empty.
fn spans_are_sound(verdict: &Verdict, subject: &str, text: &Text) {
    for span in verdict.hits.iter().flat_map(|hit| hit.spans) {
        let range = span.start as usize..span.end as usize;
        let whole = if span.place == TextPlace::Subject { subject } else { text.body.as_str() };
        assert!(whole.get(range.clone()).is_some_and(|found| !found.is_empty()), "{span:?}");
        let in_a_part = text.parts.iter().any(|part| {
            part.place == span.place
                && part.range.start <= range.start
                && range.end <= part.range.end
        });
        assert!(span.place == TextPlace::Subject || in_a_part, "{span:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_automaton_finds_what_the_reference_finds(
        lines in vec(line(), 1..8),
        subject in said(),
        text in mail_text(said()),
    ) {
        let dictionaries = dictionaries(&lines);
        let verdict = read(&dictionaries, &subject, &text);
        spans_are_sound(&verdict, &subject, &text);
        let mut mail: Vec<Spoken> = spoken(0, TextPlace::Subject, &subject, 0);
        for (number, part) in (1..).zip(&text.parts) {
            let piece = &text.body[part.range.clone()];
            mail.extend(spoken(number, part.place, piece, part.range.start));
        }
        let counted = mail.iter().filter(|word| word.place != TextPlace::Signature).count();
        prop_assert_eq!(verdict.words.to_bits(), f64::from(u32::try_from(counted).unwrap()).to_bits());
        for (_, rule) in dictionaries.files().iter().flat_map(format::TeamFile::rules) {
            let expected = occurrences(&rule.alternatives, &mail);
            let spans: Vec<(u32, u32)> = expected
                .iter()
                .take(8)
                .map(|(first, last)| (mail[*first].start, mail[*last].end))
                .collect();
            let hit = verdict.hits.iter().find(|hit| hit.line == rule.line);
            let found: Vec<(u32, u32)> = hit
                .as_ref()
                .map(|hit| hit.spans.iter().map(|span| (span.start, span.end)).collect())
                .unwrap_or_default();
            prop_assert_eq!(&found, &spans, "{}", rule.term);
            prop_assert_eq!(hit.map_or(0, |hit| hit.occurrences) as usize, expected.len());
        }
    }

    #[test]
    fn no_dictionary_text_panics(text in anything(), lines in vec("\\PC{0,30}", 0..10)) {
        let text = format!("{text}\n{}", lines.join("\n"));
        let _ = build(&text);
        let _ = build(&format!("team one\n[terms de]\n{text}"));
    }

    #[test]
    fn no_mail_panics_in_any_language(subject in anything(), text in mail_text(anything())) {
        let dictionaries = everything();
        let fresh = read(dictionaries, &subject, &text);
        spans_are_sound(&fresh, &subject, &text);
    }

    #[test]
    fn a_used_scratch_gives_the_same(mails in vec((anything(), mail_text(anything())), 1..6)) {
        let one = everything();
        let two = dictionaries(&["call".to_owned(), "ä*".to_owned().replace('ä', "net")]);
        let mut used = Scratch::default();
        for (subject, text) in &mails {
            for dictionaries in [one, &two, one] {
                let verdict = classify(dictionaries, &mut used, subject, text);
                prop_assert_eq!(verdict, read(dictionaries, subject, text));
            }
        }
    }
}

/// A dictionary with a section in every language and lines of every kind.
fn everything() -> &'static Dictionaries {
    static BUILT: std::sync::OnceLock<Dictionaries> = std::sync::OnceLock::new();
    BUILT.get_or_init(|| {
        let mut text = "team one\nbase -2\n".to_owned();
        for language in postroom::dictionary::Language::all() {
            let code = language.code();
            text.extend(["[terms ", code, "]\n"]);
            text += "calls dropped\nnet*\n*work\nstraße ~ 服务\nu\u{308}\n=DNS | サ\nกท\n";
        }
        build(&text).unwrap()
    })
}
