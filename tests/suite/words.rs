//! Dictionaries and what they find: matching, scoring, spellings, and a slow reference.

use std::collections::BTreeMap;

use postroom::classify::{Hit, Scratch, Verdict, classify};
use postroom::dictionary::Dictionaries;
use postroom::mail::{Text, TextPart, TextPlace};

/// A mail in the making: its subject and the parts of its body.
#[derive(Debug, Clone, Default)]
struct Letter {
    subject: String,
    text: Text,
}

impl Letter {
    fn body(body: &str) -> Self {
        Self::default().and(TextPlace::New, body)
    }

    fn and(mut self, place: TextPlace, piece: &str) -> Self {
        let start = self.text.body.len();
        self.text.body.push_str(piece);
        self.text.parts.push(TextPart { place, range: start..self.text.body.len() });
        self
    }

    /// The original text that a span points at.
    fn at(&self, place: TextPlace, start: u32, end: u32) -> &str {
        let text = if place == TextPlace::Subject { &self.subject } else { &self.text.body };
        &text[start as usize..end as usize]
    }
}

/// Dictionaries from `(team, rest of the file)`.
fn build(files: &[(&str, &str)]) -> Dictionaries {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(team, rest)| (format!("{team}.dict"), format!("team {team}\n{rest}")))
        .collect();
    match Dictionaries::build(&files) {
        Ok((dictionaries, _)) => dictionaries,
        Err(found) => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            panic!("{}", found.join("\n"))
        }
    }
}

fn read(dictionaries: &Dictionaries, letter: &Letter) -> Verdict {
    classify(dictionaries, &mut Scratch::default(), &letter.subject, &letter.text)
}

/// What the lines found, as the original text: `term: text|text`.
fn found(dictionaries: &Dictionaries, letter: &Letter) -> Vec<String> {
    let verdict = read(dictionaries, letter);
    let mut hits: Vec<&Hit> = verdict.hits.iter().collect();
    hits.sort_by_key(|hit| (&hit.team, hit.line));
    hits.iter()
        .map(|hit| {
            let spans = hit.spans.iter().map(|span| letter.at(span.place, span.start, span.end));
            format!("{}: {}", hit.term, spans.collect::<Vec<_>>().join("|"))
        })
        .collect()
}

/// Lines of one team, a text of new words, and what is found in it.
fn check(shows: &str, lines: &str, text: &str, expected: &[&str]) {
    let dictionaries = build(&[("one", lines)]);
    assert_eq!(found(&dictionaries, &Letter::body(text)), expected, "{shows}");
}

/// What a case shows, the lines of a dictionary, a text, and what is found in it.
type Finds = (&'static str, &'static str, &'static str, &'static [&'static str]);

const FINDS: &[Finds] = &[
    ("any case", "[terms]\nserver", "The SERVER", &["server: SERVER"]),
    ("any form", "[terms]\ncall", "calls, calling", &["call: calls|calling"]),
    ("whole words", "[terms]\nnet", "network netto", &[]),
    ("a phrase", "[terms]\nserver down", "server down", &["server down: server down"]),
    ("in a row", "[terms]\nserver down", "server is down", &[]),
    (
        "a hyphen",
        "[terms]\ncalls not connecting",
        "calls-not-connecting",
        &["calls not connecting: calls-not-connecting"],
    ),
    (
        "a line break",
        "[terms]\nserver down",
        "server\r\n  down",
        &["server down: server\r\n  down"],
    ),
    (
        "words that overlap",
        "[terms]\nserver down\nserver\ndowntime",
        "server downtime",
        &["server: server", "downtime: downtime"],
    ),
    ("one shared separator", "[terms]\nred\nblue", "red blue red", &["red: red|red", "blue: blue"]),
    (
        "phrases that share a word",
        "[terms]\nred blue\nblue green",
        "red blue green",
        &["red blue: red blue", "blue green: blue green"],
    ),
    (
        "one phrase with itself",
        "[terms]\nred red",
        "red red red red red",
        &["red red: red red|red red"],
    ),
    ("not other cases than ASCII", "[terms]\nÜbersicht", "ÜBERSICHT", &["Übersicht: ÜBERSICHT"]),
    (
        "a gap",
        "[terms]\ncall ~ drop",
        "calls a b c d e dropped",
        &["call ~ drop: calls a b c d e dropped"],
    ),
    ("six words are too many", "[terms]\ncall ~ drop", "calls a b c d e f dropped", &[]),
    ("no gap is a gap", "[terms]\ncall ~ drop", "dropped call drop", &["call ~ drop: call drop"]),
    ("a gap has an order", "[terms]\ncall ~ drop", "dropped my call", &[]),
    (
        "a gap takes the nearest",
        "[terms]\ncall ~ drop",
        "call call drop drop",
        &["call ~ drop: call drop"],
    ),
    (
        "two gaps",
        "[terms]\na1 ~ b1 ~ c1",
        "a1 b1 x x x x b1 c1",
        &["a1 ~ b1 ~ c1: a1 b1 x x x x b1 c1"],
    ),
    (
        "words that begin so",
        "[terms]\nbackup*",
        "backups, Backup-job",
        &["backup*: backups|Backup"],
    ),
    (
        "words that end so",
        "[terms de]\n*ausfall",
        "Netzausfall Ausfall ausfallen",
        &["*ausfall: Netzausfall|Ausfall"],
    ),
    (
        "open words in a phrase",
        "[terms]\nbackup* failed again",
        "backups failing again",
        &["backup* failed again: backups failing again"],
    ),
    (
        "several open words are one",
        "[terms]\nnet*\nnetw*\n*work",
        "network",
        &["net*: network", "netw*: network", "*work: network"],
    ),
    (
        "either counts as one line",
        "[terms]\noutage | downtime",
        "outage, downtime",
        &["outage | downtime: outage|downtime"],
    ),
    (
        "alternatives that overlap count once",
        "[terms]\ncall | call drop",
        "call drop",
        &["call | call drop: call"],
    ),
    (
        "exactly so",
        "[terms]\n=DNS\n=Teams",
        "DNS dns Dns teams Teams Team",
        &["=DNS: DNS", "=Teams: Teams"],
    ),
    (
        "an exact phrase",
        "[terms]\n=Single Sign-On",
        "Single Sign On, single sign on",
        &["=Single Sign-On: Single Sign On"],
    ),
    ("a number is a word", "[terms]\nerror 503", "Error 503!", &["error 503: Error 503"]),
    ("only in the subject", "[terms]\nsla @subject", "sla", &[]),
    (
        "two lines, one word",
        "[terms]\ncall +2\n=calls +3",
        "calls",
        &["call: calls", "=calls: calls"],
    ),
    ("nothing in nothing", "[terms]\ncall", "", &[]),
];

#[test]
fn lines_find_words() {
    for (shows, lines, text, expected) in FINDS {
        check(shows, lines, text, expected);
    }
}
