//! Dictionaries and what they find: matching, scoring, spellings, and a slow reference.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use postroom::classify::{Hit, Scratch, Verdict, classify};
use postroom::diagnostic::Diagnostic;
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
        Err(found) => panic!("{}", listed(&found)),
    }
}

/// Findings, one a line.
fn listed(found: &[Diagnostic]) -> String {
    found.iter().flat_map(|found| [found.to_string(), "\n".to_owned()]).collect()
}

fn read(dictionaries: &Dictionaries, letter: &Letter) -> Verdict {
    classify(dictionaries, &mut Scratch::default(), &letter.subject, &letter.text)
}

/// What the lines found, as the original text: `term: text|text`.
fn found(dictionaries: &Dictionaries, letter: &Letter) -> Vec<String> {
    let verdict = read(dictionaries, letter);
    let mut hits: Vec<Hit> = verdict.hits.to_vec();
    hits.sort_by_key(|hit| (hit.team.clone(), hit.line));
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

/// Spellings that are one word: a language, a term, a text that has it.
const SPELLINGS: &[(&str, &str, &str)] = &[
    ("de", "störung", "STÖRUNGEN"),
    ("de", "störung", "sto\u{308}rung"),
    ("de", "störung", "Stoerung"),
    ("de", "störung", "Storung"),
    ("de", "stoerung", "Störung"),
    ("de", "straße", "STRASSE"),
    ("de", "strasse", "Straße"),
    ("de", "störung im netz", "Störungen im\u{A0}Netz"),
    ("de", "stör*", "Stoerungsmeldung"),
    ("de", "*störung", "Netzstoerung"),
    ("en", "server", "ｓｅｒｖｅｒ"),
    ("en", "server", "ser\u{AD}ver"),
    ("en", "server", "ser\u{200B}ver"),
    ("en", "can't connect", "can’t connect"),
    ("en", "can’t connect", "can't connect"),
    ("en", "calls not connecting", "calls-not-connecting"),
    ("en", "calls not connecting", "calls\nnot   connecting"),
    ("en", "=DNS", "ＤＮＳ"),
    ("en", "服务器", "我的服务器坏了"),
    ("en", "サーバー", "サーバーが落ちた"),
    ("en", "เซิร์ฟเวอร์", "ปัญหาเซิร์ฟเวอร์ล่ม"),
    ("fr", "réseau", "RESEAUX"),
    ("fr", "facture", "factures"),
    ("ru", "сервер", "Серверы"),
    ("es", "conexión", "conexiones"),
    ("nl", "storing", "storingen"),
    ("en", "переезд", "переезд"),
];

#[test]
fn a_word_is_one_in_every_spelling() {
    for (language, term, text) in SPELLINGS {
        let dictionaries = build(&[("one", &format!("[terms {language}]\n{term}\n"))]);
        let verdict = read(&dictionaries, &Letter::body(&format!("«{text}», 1")));
        assert_eq!(verdict.hits.len(), 1, "{term} in {text}");
        let verdict = read(&dictionaries, &Letter::body("something else"));
        assert_eq!(verdict.hits.len(), 0, "{term} in nothing");
    }
}

#[test]
fn a_spelling_that_two_lines_share_finds_both() {
    let dictionaries = build(&[("one", "[terms de]\nschön +2\nschon +3\n")]);
    for text in ["schön", "schon"] {
        assert_eq!(read(&dictionaries, &Letter::body(text)).hits.len(), 2, "{text}");
    }
}

/// One team of base -2 with `server +5`: the mail, t, words, and the score by hand.
#[test]
fn the_sum_is_the_one_in_the_book() {
    let letter = Letter { subject: "Server".to_owned(), text: Text::default() };
    let letter = letter
        .and(TextPlace::New, "server server ")
        .and(TextPlace::Quoted, "server ")
        .and(TextPlace::Signature, "server and its admin");
    let dictionaries = build(&[("one", "base -2\n[terms]\nserver +5\n")]);
    let verdict = read(&dictionaries, &letter);
    // t = 1 × 2 + 2 × 1 + 1 × ½ = 4.5; v = 1 + ln 4.5; four words.
    let hit = &verdict.hits.to_vec()[0];
    close("strength", hit.strength, 2.504_077_396_776_274);
    assert_eq!((hit.occurrences, hit.spans.len(), hit.points, hit.line), (4, 4, 5, 4));
    close("words", verdict.words, 4.0);
    close("length factor", verdict.length_factor, 1.581_138_830_084_189_8);
    let score = -2.0 + 1.581_138_830_084_189_8 * 5.0 * 2.504_077_396_776_274;
    close("score", verdict.ranking[0].score, score);
    close("margin", verdict.margin(), score);
    close("confidence", verdict.confidence, 1.0 / (1.0 + (1.5 - 0.35 * score).exp()));
    assert!(!verdict.calibrated);
    let teams: Vec<&str> = verdict.ranking.iter().map(|score| score.team.as_str()).collect();
    assert_eq!(teams, ["one", "other"]);
}

#[test]
fn a_word_that_is_said_ten_thousand_times_is_counted_so() {
    let dictionaries = build(&[("one", "[terms]\nserver +5\ndown +1\n")]);
    let verdict = read(&dictionaries, &Letter::body(&"server down server ".repeat(5_000)));
    let hits = verdict.hits.to_vec();
    let counts: Vec<_> = hits.iter().map(|hit| (hit.term.as_str(), hit.occurrences)).collect();
    assert_eq!(counts, [("server", 10_000), ("down", 5_000)]);
    close("strength", hits[0].strength, 1.0 + 10_000_f64.ln());
    assert_eq!(hits[1].spans[0].start, 7);
}

fn close(what: &str, found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-12, "{what}: {found} is not {expected}");
}

#[test]
fn places_count_as_they_should() {
    let dictionaries = build(&[("one", "[terms]\nserver down +5\ncall ~ drop +5\n")]);
    let strength = |letter: &Letter| -> Vec<f64> {
        read(&dictionaries, letter).hits.iter().map(|hit| hit.strength).collect()
    };
    let quoted = Letter::default().and(TextPlace::Quoted, "server down");
    assert_eq!(strength(&quoted), [0.5], "quoted text counts half");
    let signature = Letter::default().and(TextPlace::Signature, "server down");
    assert_eq!(strength(&signature), [0.0; 0], "a signature is no evidence");
    close("no words in a signature", read(&dictionaries, &signature).words, 0.0);
    let split = Letter::body("server ").and(TextPlace::Quoted, "down");
    assert_eq!(strength(&split), [0.0; 0], "no phrase spans two parts");
    let split = Letter::body("call ").and(TextPlace::Quoted, "drop");
    assert_eq!(strength(&split), [0.0; 0], "no gap spans two parts");
    let split = Letter { subject: "server".to_owned(), ..Letter::body("down") };
    assert_eq!(strength(&split), [0.0; 0], "no phrase spans subject and body");
}

#[test]
fn equal_scores_stand_in_the_order_of_names() {
    let dictionaries = build(&[("b", ""), ("a", ""), ("zeta", "base 1\n")]);
    let verdict = read(&dictionaries, &Letter::body("nothing"));
    let teams: Vec<&str> = verdict.ranking.iter().map(|score| score.team.as_str()).collect();
    assert_eq!(teams, ["zeta", "a", "b", "other"]);
}

// ----------------------------------------------------------------------------------- the files --

fn files_in(folder: &Path) -> BTreeMap<String, String> {
    fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn broken_dictionaries_say_what_and_where_and_how() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/broken/dictionaries");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let files = if path.is_dir() {
            files_in(&path)
        } else if path.extension().is_some_and(|end| end == "dict") {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            BTreeMap::from([(name, fs::read_to_string(&path).unwrap())])
        } else {
            continue;
        };
        seen += 1;
        let found = match Dictionaries::build(&files) {
            Ok(_) => panic!("{} is not broken", path.display()),
            Err(found) => listed(&found),
        };
        let expected = fs::read_to_string(path.with_extension("expect")).unwrap_or_default();
        // To write the expected findings anew, and then read them: BLESS=1 cargo test
        if std::env::var_os("BLESS").is_some() {
            fs::write(path.with_extension("expect"), found).unwrap();
            continue;
        }
        assert_eq!(found, expected, "{}\n{found}", path.display());
    }
    assert!(seen >= 9, "fixtures are missing");
}

#[test]
fn the_shipped_dictionaries_are_sound() {
    let files = files_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("dictionaries"));
    let (dictionaries, warnings) =
        Dictionaries::build(&files).unwrap_or_else(|found| panic!("{}", listed(&found)));
    assert_eq!(warnings, [], "{}", listed(&warnings));
    for (subject, body, team, sure) in [
        ("My calls are not connecting", "", "infrastructure", true),
        ("Invoice 4711", "We were charged twice, please refund.", "billing", true),
        ("Application as software engineer", "My CV is attached.", "recruiting", true),
        ("Question", "I have a question about my account.", "", false),
        ("Hello", "Please call me back.", "", false),
        ("", "The server was slow yesterday.", "infrastructure", false),
    ] {
        let letter = Letter { subject: subject.to_owned(), ..Letter::body(body) };
        let verdict = read(&dictionaries, &letter);
        let best = verdict.best().unwrap();
        assert_eq!(verdict.confidence >= 0.9, sure, "{subject} {body}: {verdict:?}");
        if !team.is_empty() {
            assert_eq!(best.team.as_str(), team, "{subject} {body}");
        }
    }
}

/// More words than two bytes can tell apart, in phrases and alone, beside each other.
#[test]
fn more_words_than_two_bytes_can_tell_apart() {
    const WORDS: usize = 66_000;
    let word = |n: usize| format!("w{n}x");
    let mut lines = "[terms]\n".to_owned();
    for first in (0..WORDS).step_by(20) {
        lines += &(first..first + 20).map(word).collect::<Vec<_>>().join(" ");
        lines += " +3\n";
    }
    let last = WORDS - 1;
    lines += &[word(last), [word(last), word(0)].join(" ")].join("\n");
    let dictionaries = build(&[("one", &lines)]);
    let said = |range: std::ops::Range<usize>| range.map(word).collect::<Vec<_>>().join(" ");
    let text = [said(WORDS - 20..WORDS), said(0..20), said(21..40)].join(" ");
    let both = format!("{} {}", word(last), word(0));
    let expected = [
        format!("{0}: {0}", said(0..20)),
        format!("{0}: {0}", said(WORDS - 20..WORDS)),
        format!("{0}: {0}", word(last)),
        format!("{both}: {both}"),
    ];
    assert_eq!(found(&dictionaries, &Letter::body(&text)), expected);
}

/// Lines of several teams that look for the same word share its finding, and nothing else.
#[test]
fn a_word_that_many_lines_look_for() {
    let dictionaries = build(&[
        ("a", "[terms]\nserver +3\nserver down +4\n"),
        ("b", "[terms]\nservers +5\nserver +7 @subject\nserver | net +2\n=Server +1\n"),
    ]);
    let letter = Letter {
        subject: "Server".to_owned(),
        ..Letter::body(&"server down, ".repeat(10)).and(TextPlace::Signature, "server")
    };
    let verdict = read(&dictionaries, &letter);
    let counted: Vec<(String, String, u32, usize)> = verdict
        .hits
        .iter()
        .map(|hit| (hit.team.to_string(), hit.term, hit.occurrences, hit.spans.len()))
        .collect();
    let hit = |team: &str, term: &str, occurrences, spans| {
        (team.to_owned(), term.to_owned(), occurrences, spans)
    };
    assert_eq!(
        counted,
        [
            hit("b", "servers", 11, 8),
            hit("b", "server", 1, 1),
            hit("b", "server | net", 11, 8),
            hit("b", "=Server", 1, 1),
            hit("a", "server", 11, 8),
            hit("a", "server down", 10, 8),
        ]
    );
}
