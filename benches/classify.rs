//! How fast mail is classified, with few lines and with many, beside the time that mail-parser
//! alone takes for the same mails in the same run; and how long dictionaries take to load.
//!
//! `POSTROOM_SPAMASSASSIN=$(tests/corpus.sh) cargo bench --bench classify [-- ROUNDS]`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a benchmark says what it measured and fails loudly"
)]

#[path = "support/corpus.rs"]
mod corpus;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use mail_parser::MessageParser;
use postroom::classify::{Scratch, classify};
use postroom::dictionary::Dictionaries;
use postroom::mail::{Mail, parse};

use corpus::{median, shipped};

/// Dictionaries of one size, and what was measured with them, in µs a mail.
struct Size {
    name: &'static str,
    dictionaries: Dictionaries,
    scratch: Scratch,
    classify: Vec<f64>,
    with_parse: Vec<f64>,
}

fn main() {
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(7);
    let raw = corpus::mails();
    let mails: Vec<Mail> = raw.iter().map(|raw| parse::parse(raw, raw.len() as u64)).collect();
    let words = words(&mails);
    println!("{} mails with {} words, {rounds} rounds, one thread", mails.len(), words.len());
    let mut sizes = vec![
        size("5 teams × 50 terms", &made(&words, 5, 50), &mails),
        size("the shipped files", &shipped(), &mails),
        size("20 teams × 500 terms", &made(&words, 20, 500), &mails),
        size("50 teams × 2,000 terms", &made(&words, 50, 2_000), &mails),
    ];
    let per_mail = |began: Instant| began.elapsed().as_secs_f64() * 1e6 / mails.len() as f64;
    let mut alone = Vec::new();
    for _ in 0..rounds {
        let began = Instant::now();
        for raw in &raw {
            black_box(MessageParser::default().parse(black_box(raw.as_slice())));
        }
        alone.push(per_mail(began));
        for Size { dictionaries, scratch, classify: only, with_parse, .. } in &mut sizes {
            let began = Instant::now();
            for Mail { subject, text, .. } in &mails {
                black_box(classify(dictionaries, scratch, subject, text));
            }
            only.push(per_mail(began));
            let began = Instant::now();
            for raw in &raw {
                let Mail { subject, text, .. } = parse::parse(raw, raw.len() as u64);
                black_box(classify(dictionaries, scratch, &subject, &text));
            }
            with_parse.push(per_mail(began));
        }
    }
    let alone = median(alone);
    println!("mail-parser alone: {alone:.1} µs a mail");
    for Size { name, classify, with_parse, .. } in sizes {
        let (classify, with_parse) = (median(classify), median(with_parse));
        println!(
            "{name}: classify {classify:.1} µs ({:.2} × mail-parser), parse and classify \
             {with_parse:.1} µs ({:.2} ×)",
            classify / alone,
            with_parse / alone,
        );
    }
}

fn size(name: &'static str, files: &BTreeMap<String, String>, mails: &[Mail]) -> Size {
    let mut loading = Vec::new();
    let mut build = || {
        let began = Instant::now();
        let built = Dictionaries::build(files);
        loading.push(began.elapsed().as_secs_f64() * 1e3);
        built.unwrap_or_else(|found| panic!("{:?}", found.iter().find(|f| f.is_error()))).0
    };
    drop((build(), build()));
    let dictionaries = build();
    let mut scratch = Scratch::default();
    let hits: usize = mails
        .iter()
        .map(|mail| classify(&dictionaries, &mut scratch, &mail.subject, &mail.text).hits.len())
        .sum();
    let hits = hits as f64 / mails.len() as f64;
    println!("{name}: loads in {:.0} ms, {hits:.1} lines match a mail", median(loading));
    Size { name, dictionaries, scratch, classify: Vec::new(), with_parse: Vec::new() }
}

/// The words of the mails, frequent ones first.
fn words(mails: &[Mail]) -> Vec<String> {
    let mut counts: HashMap<String, u32> = HashMap::new();
    for mail in mails {
        for word in mail.text.body.split(|c: char| !c.is_ascii_alphabetic()) {
            if (3..=14).contains(&word.len()) {
                *counts.entry(word.to_lowercase()).or_default() += 1;
            }
        }
    }
    let mut words: Vec<(u32, String)> = counts.into_iter().map(|(word, n)| (n, word)).collect();
    words.sort_by(|(n, word), (m, other)| m.cmp(n).then_with(|| word.cmp(other)));
    words.into_iter().map(|(_, word)| word).collect()
}

/// The same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        // Knuth's MMIX constants; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from(self.0 >> 33).unwrap()
    }

    /// Half of the words by Zipf's law from the 500th on, since no team claims "the"; half of them
    /// from anywhere, since teams name what is rare.
    fn word<'a>(&mut self, words: &'a [String]) -> &'a str {
        const COMMON: usize = 500;
        if self.next().is_multiple_of(2) {
            return &words[COMMON + self.next() % (words.len() - COMMON)];
        }
        let share = self.next() as f64 / f64::from(1_u32 << 31);
        let rank = COMMON as f64 * (words.len() as f64 / COMMON as f64).powf(share);
        &words[(rank as usize).min(words.len() - 1)]
    }
}

/// Dictionaries of this size: three lines of four are one word, the others two or three.
fn made(words: &[String], teams: usize, lines: usize) -> BTreeMap<String, String> {
    let mut numbers = Numbers(7);
    let mut files = BTreeMap::new();
    for team in 0..teams {
        let mut text = format!("team made-{team}\nbase -2\n\n[terms]\n");
        let mut known = BTreeSet::new();
        while known.len() < lines {
            let length = match known.len() % 8 {
                0 => 2,
                4 => 3,
                _ => 1,
            };
            let term: Vec<&str> = (0..length).map(|_| numbers.word(words)).collect();
            let term = term.join(" ");
            if !known.contains(&term) {
                let _ = writeln!(text, "{term}  {:+}", known.len() % 9 + 1);
                known.insert(term);
            }
        }
        files.insert(format!("made-{team}.dict"), text);
    }
    files
}
