//! From raw bytes to a decision, on one core, over the SpamAssassin public corpus; beside the
//! time that mail-parser alone takes to parse the same bytes, and beside bogofilter classifying
//! the same mails, in the same run. Then the same with dictionaries of two sizes.
//!
//! `POSTROOM_SPAMASSASSIN=$(tests/corpus.sh) cargo bench --bench decide [-- ROUNDS]`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark says what it measured and fails loudly"
)]

#[path = "support/corpus.rs"]
mod corpus;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use postroom::classify::Scratch;
use postroom::dictionary::Dictionaries;
use postroom::directory::Present;
use postroom::mail::trust::Door;
use postroom::pipeline::{Arrival, Rules};
use postroom::route::{Policy, Treatment, Treatments};

use corpus::{TURN, median, seconds, shipped};

fn main() {
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(5);
    let files = corpus::files();
    let mails = corpus::mails();
    let bytes: usize = mails.iter().map(Vec::len).sum();
    println!("{} mails, {:.1} MB, {rounds} rounds, one thread", mails.len(), bytes as f64 / 1e6);
    decide_beside_parsing(&mails, rounds);
    decide_beside_bogofilter(&files, &mails, rounds);
    scale(&mails, rounds);
}

/// Everything is classified: lists are not filed, nobody is a customer.
fn rules(files: &BTreeMap<String, String>) -> Rules {
    let (dictionaries, _) = Dictionaries::build(files).unwrap();
    let policy = Policy {
        treatments: Treatments {
            lists: Treatment::Classify,
            spam: Treatment::Classify,
            ..Treatments::default()
        },
        ..Policy::default()
    };
    Rules { dictionaries, sources: files.clone(), directory: Arc::default(), policy }
}

/// Seconds to decide about all mails.
fn decide(rules: &Rules, scratch: &mut Scratch, mails: &[Vec<u8>]) -> f64 {
    let present = Present::at("2026-11-23T12:00:00Z".parse::<Timestamp>().unwrap());
    let door = Door::default();
    seconds(mails, |mail| {
        let size = mail.len() as u64;
        let arrival = Arrival { raw: black_box(mail), size, present: &present, door: &door };
        black_box(rules.judge(scratch, arrival));
    })
}

fn decide_beside_parsing(mails: &[Vec<u8>], rounds: usize) {
    let rules = rules(&shipped());
    let mut scratch = Scratch::default();
    let (mut deciding, mut parsing) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (mut parse, mut judge) = (0.0, 0.0);
        for mails in mails.chunks(TURN) {
            parse += seconds(mails, |mail| {
                black_box(mail_parser::MessageParser::default().parse(black_box(mail)));
            });
            judge += decide(&rules, &mut scratch, mails);
        }
        parsing.push(parse);
        deciding.push(judge);
    }
    let rate = |seconds: f64| mails.len() as f64 / seconds;
    let ratio = median(deciding.iter().zip(&parsing).map(|(d, p)| d / p).collect());
    println!(
        "decide {:.0} mails/s, mail-parser alone {:.0} mails/s, time ratio {ratio:.2}",
        rate(median(deciding)),
        rate(median(parsing)),
    );
}

fn decide_beside_bogofilter(files: &[PathBuf], mails: &[Vec<u8>], rounds: usize) {
    let here = tempfile::tempdir().unwrap();
    let bogofilter = |arguments: &[&str], input: &str| -> Option<f64> {
        let began = Instant::now();
        let mut child = Command::new("bogofilter")
            .arg("-d")
            .arg(here.path())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        assert!(child.wait().unwrap().code().is_some_and(|code| code < 3), "bogofilter failed");
        Some(began.elapsed().as_secs_f64())
    };
    let (mut ham, mut spam, mut all) = (String::new(), String::new(), String::new());
    for file in files {
        let path = file.display();
        let list = if path.to_string().contains("spam-") { &mut spam } else { &mut ham };
        let _ = writeln!(list, "{path}");
        let _ = writeln!(all, "{path}");
    }
    if bogofilter(&["-n", "-b"], &ham).and_then(|_| bogofilter(&["-s", "-b"], &spam)).is_none() {
        println!("bogofilter is not installed (apt-get install bogofilter), so not compared");
        return;
    }
    let rules = rules(&shipped());
    let mut scratch = Scratch::default();
    // Both have seen the mails once when it begins: bogofilter in training.
    decide(&rules, &mut scratch, mails);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(decide(&rules, &mut scratch, mails));
        theirs.extend(bogofilter(&["-b", "-t"], &all));
    }
    let ratio = median(theirs.iter().zip(&ours).map(|(theirs, ours)| theirs / ours).collect());
    println!(
        "decide {:.0} mails/s, bogofilter {:.0} mails/s, rate ratio {ratio:.1}",
        mails.len() as f64 / median(ours),
        mails.len() as f64 / median(theirs),
    );
}

/// Dictionaries of `teams` × `lines` lines, made of the corpus's own words so that they hit.
fn made(mails: &[Vec<u8>], teams: usize, lines: usize) -> BTreeMap<String, String> {
    let mut seen = std::collections::BTreeSet::new();
    for mail in mails {
        for word in mail.split(|byte| !byte.is_ascii_alphabetic()) {
            if (4..=12).contains(&word.len()) {
                seen.insert(String::from_utf8(word.to_ascii_lowercase()).unwrap());
            }
        }
    }
    let words: Vec<&String> = seen.iter().collect();
    let mut made = BTreeMap::new();
    // Prime steps spread the words over the teams without repeating a line within one.
    let mut next = 0_usize;
    for team in 0..teams {
        let mut text = format!("team made-{team}\nbase -2\n\n[terms]\n");
        for line in 0..lines {
            next += 7_919;
            let (one, other) = (words[next % words.len()], words[(next * 31) % words.len()]);
            let term = if line % 3 == 0 { format!("{one} {other}") } else { one.clone() };
            let _ = writeln!(text, "{term}  {:+}", line % 9 + 1);
        }
        made.insert(format!("made-{team}.dict"), text);
    }
    made
}

fn scale(mails: &[Vec<u8>], rounds: usize) {
    let mut sizes = Vec::new();
    for (teams, lines) in [(5, 50), (50, 2_000)] {
        let files = made(mails, teams, lines);
        let began = Instant::now();
        let rules = rules(&files);
        let compiling = began.elapsed().as_secs_f64() * 1e3;
        sizes.push((teams, lines, compiling, rules, Scratch::default(), Vec::new()));
    }
    for _ in 0..rounds {
        for (.., seconds) in &mut sizes {
            seconds.push(0.0);
        }
        for mails in mails.chunks(TURN) {
            for (_, _, _, rules, scratch, seconds) in &mut sizes {
                *seconds.last_mut().unwrap() += decide(rules, scratch, mails);
            }
        }
    }
    let mut rates = Vec::new();
    for (teams, lines, compiling, _, _, seconds) in sizes {
        let rate = mails.len() as f64 / median(seconds);
        rates.push(rate);
        println!("{teams} teams × {lines} lines: compiled in {compiling:.0} ms, {rate:.0} mails/s");
    }
    println!("rate of the large dictionaries to that of the small: {:.2}", rates[1] / rates[0]);
}
