//! Reading mails of the SpamAssassin public corpus, on one core: our `parse`, with all that it
//! does behind the parser (visible text, quote marking, the key), beside mail-parser alone on the
//! same bytes, taken in turns in the same run.
//!
//! `POSTROOM_SPAMASSASSIN=$(tests/corpus.sh) cargo bench --bench parse [-- ROUNDS]`

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

use std::hint::black_box;
use std::time::Instant;

use corpus::{TURN, median, seconds};

fn main() {
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(15);
    let mails = corpus::mails();
    let bytes: usize = mails.iter().map(Vec::len).sum();
    println!("{} mails, {:.1} MB, {rounds} rounds, one thread", mails.len(), bytes as f64 / 1e6);
    whole(&mails, rounds);
    each(&mails, rounds);
}

fn ours(mail: &[u8]) {
    black_box(postroom::mail::parse::parse(black_box(mail), mail.len() as u64));
}

fn theirs(mail: &[u8]) {
    black_box(mail_parser::MessageParser::default().parse(black_box(mail)));
}

fn whole(mails: &[Vec<u8>], rounds: usize) {
    let (mut own, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let turns = mails.chunks(TURN).map(|mails| (seconds(mails, theirs), seconds(mails, ours)));
        let (their, our) = turns.fold((0.0, 0.0), |sum, turn| (sum.0 + turn.0, sum.1 + turn.1));
        alone.push(their);
        own.push(our);
    }
    let ratio = median(own.iter().zip(&alone).map(|(own, alone)| own / alone).collect());
    let rate = |seconds: Vec<f64>| mails.len() as f64 / median(seconds);
    println!(
        "parse {:.0} mails/s, mail-parser alone {:.0} mails/s, time ratio {ratio:.2}",
        rate(own),
        rate(alone),
    );
}

/// The best of a few readings of each mail, so that what is slow is the mail and not the machine.
fn each(mails: &[Vec<u8>], rounds: usize) {
    let best = |mail: &Vec<u8>, read: fn(&[u8])| {
        let one = |_| {
            let began = Instant::now();
            read(mail);
            began.elapsed().as_secs_f64() * 1e6
        };
        (0..rounds).map(one).fold(f64::INFINITY, f64::min)
    };
    for (name, read) in [("parse", ours as fn(&[u8])), ("mail-parser alone", theirs)] {
        let mut times: Vec<(f64, usize)> =
            mails.iter().map(|mail| (best(mail, read), mail.len())).collect();
        times.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (slowest, size) = times[times.len() - 1];
        println!(
            "{name}: median {:.0} µs, 99th percentile {:.0} µs, worst {slowest:.0} µs ({size} bytes)",
            times[times.len() / 2].0,
            times[times.len() * 99 / 100].0,
        );
    }
}
