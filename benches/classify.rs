//! How fast mail is classified, with few lines and with many, and how long loading takes.
//!
//! `POSTROOM_SPAMASSASSIN` names a folder with raw mails (any depth); with it the same
//! dictionaries read real mail, beside mail-parser's time for the same bytes in the same run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a benchmark may stop where it can't go on"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use mail_parser::MessageParser;
use postroom::classify::{Scratch, classify};
use postroom::dictionary::Dictionaries;
use postroom::mail::{Text, TextPart, TextPlace};

fn main() {
    divan::main();
}

/// Teams × lines.
const SIZES: [(usize, usize); 2] = [(5, 50), (50, 2000)];

/// The same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        // Knuth's MMIX constants; the high bits are the good ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    /// Small numbers are frequent, as words are (Zipf's law).
    fn zipf(&mut self, end: usize) -> usize {
        let range = self.below(end) + 1;
        self.below(range)
    }
}

/// A made-up word.
fn word(number: usize) -> String {
    const ONSETS: [&str; 16] =
        ["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr", "pl"];
    const RHYMES: [&str; 8] = ["a", "e", "i", "o", "u", "an", "el", "or"];
    let mut rest = number;
    let mut word = String::new();
    loop {
        word.push_str(ONSETS.get(rest % 16).unwrap());
        word.push_str(RHYMES.get(rest / 16 % 8).unwrap());
        rest /= 128;
        if rest == 0 {
            return word;
        }
    }
}

/// `words` may be those of real mail, so that lines find something in it.
fn dictionary_files((teams, lines): (usize, usize), words: &[String]) -> BTreeMap<String, String> {
    let mut numbers = Numbers(7);
    let mut pick = || words.get(numbers.below(words.len())).unwrap().clone();
    (0..teams)
        .map(|team| {
            let mut text = format!("team team-{team}\nbase -2\n[terms]\n");
            for line in 0..lines {
                let term = match line % 5 {
                    0 => format!("{} {}", pick(), pick()),
                    1 => format!("{} ~ {}", pick(), pick()),
                    _ => pick(),
                };
                text.push_str(&format!("{term} +{}\n", 1 + line % 9));
            }
            (format!("team-{team}.dict"), text)
        })
        .collect()
}

fn build(files: &BTreeMap<String, String>) -> Dictionaries {
    match Dictionaries::build(files) {
        Ok((dictionaries, _)) => dictionaries,
        Err(found) => panic!("{}", found.iter().map(|f| format!("{f}\n")).collect::<String>()),
    }
}

fn new_text(body: String) -> Text {
    let part = TextPart { place: TextPlace::New, range: 0..body.len() };
    Text { body, parts: vec![part] }
}

fn run(bencher: Bencher, dictionaries: &Dictionaries, mails: &[(String, Text)]) {
    let mut scratch = Scratch::default();
    bencher.counter(ItemsCount::new(mails.len())).bench_local(|| {
        for (subject, text) in mails {
            black_box(classify(dictionaries, &mut scratch, subject, text));
        }
    });
}

#[divan::bench(args = SIZES, sample_count = 20)]
fn made_up_mail(bencher: Bencher, size: (usize, usize)) {
    let words: Vec<String> = (200..40_000).map(word).collect();
    let dictionaries = build(&dictionary_files(size, &words));
    let mut numbers = Numbers(1);
    let mails: Vec<(String, Text)> = (0..500)
        .map(|_| {
            let said: Vec<String> = (0..400).map(|_| word(numbers.zipf(60_000))).collect();
            (said.iter().take(6).cloned().collect(), new_text(said.join(" ")))
        })
        .collect();
    run(bencher, &dictionaries, &mails);
}

#[divan::bench(args = SIZES, sample_count = 5)]
fn load(bencher: Bencher, size: (usize, usize)) {
    let words: Vec<String> = (200..40_000).map(word).collect();
    let files = dictionary_files(size, &words);
    bencher.bench_local(|| build(black_box(&files)));
}

// ------------------------------------------------------------------------------------ real mail --

static RAW: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let Some(folder) = std::env::var_os("POSTROOM_SPAMASSASSIN") else { return Vec::new() };
    let mut raw = Vec::new();
    gather(Path::new(&folder), &mut raw);
    raw
});

fn gather(folder: &Path, raw: &mut Vec<Vec<u8>>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            gather(&entry, raw);
        } else if entry.extension().is_none_or(|end| end != "json") {
            raw.push(fs::read(entry).unwrap());
        }
    }
}

fn real_mails() -> Vec<(String, Text)> {
    RAW.iter()
        .map(|raw| {
            let parsed = MessageParser::default().parse(raw.as_slice()).unwrap_or_default();
            let body = parsed.body_text(0).unwrap_or_default().into_owned();
            let end = body.floor_char_boundary(Text::LIMIT);
            (parsed.subject().unwrap_or_default().to_owned(), new_text(body[..end].to_owned()))
        })
        .collect()
}

#[divan::bench(sample_count = 3)]
fn real_mail_parser_alone(bencher: Bencher) {
    bencher.counter(ItemsCount::new(RAW.len())).bench_local(|| {
        for raw in RAW.iter() {
            black_box(MessageParser::default().parse(raw.as_slice()));
        }
    });
}

#[divan::bench(args = SIZES, sample_count = 5)]
fn real_mail(bencher: Bencher, size: (usize, usize)) {
    let mails = real_mails();
    let mut words: Vec<String> = mails
        .iter()
        .flat_map(|(_, text)| text.body.split(|c: char| !c.is_ascii_alphabetic()))
        .filter(|word| word.len() > 3)
        .map(str::to_lowercase)
        .collect();
    words.sort();
    words.dedup();
    if words.is_empty() {
        return;
    }
    run(bencher, &build(&dictionary_files(size, &words)), &mails);
}
