#![allow(warnings)]
#[path = "../benches/support/corpus.rs"]
mod corpus;
use std::time::Instant;
fn main() {
    let mails: Vec<Vec<u8>> = corpus::files().iter().map(|f| std::fs::read(f).unwrap()).collect();
    let html: Vec<&Vec<u8>> = mails
        .iter()
        .filter(|m| {
            postroom::mail::parse::parse(m, m.len() as u64)
                .oddities
                .contains(&postroom::mail::Oddity::HtmlOnly)
        })
        .collect();
    let plain: Vec<&Vec<u8>> = mails
        .iter()
        .filter(|m| {
            !postroom::mail::parse::parse(m, m.len() as u64)
                .oddities
                .contains(&postroom::mail::Oddity::HtmlOnly)
        })
        .collect();
    let only = std::env::args().nth(1);
    for (n, set) in [("html", &html), ("plain", &plain)] {
        if only.as_deref().is_some_and(|o| o != n) {
            continue;
        }
        let mut best = (f64::MAX, f64::MAX);
        for _ in 0..20 {
            let t = Instant::now();
            if std::env::args().nth(2).is_none() {
                for m in set.iter() {
                    std::hint::black_box(mail_parser::MessageParser::default().parse(m.as_slice()));
                }
            }
            let a = t.elapsed().as_secs_f64();
            let t = Instant::now();
            for m in set.iter() {
                std::hint::black_box(postroom::mail::parse::parse(m, m.len() as u64));
            }
            let b = t.elapsed().as_secs_f64();
            best = (best.0.min(a), best.1.min(b));
        }
        println!(
            "{n} {} mails {:.1} MB: mail-parser {:.1} us, ours {:.1} us",
            set.len(),
            set.iter().map(|m| m.len()).sum::<usize>() as f64 / 1e6,
            best.0 * 1e6 / set.len() as f64,
            best.1 * 1e6 / set.len() as f64
        );
    }
}
