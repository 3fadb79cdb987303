//! The directory with a million rows: how long it takes to load, how much memory it holds, how
//! long one sender takes.
//!
//! `cargo bench --bench directory`. A third of the rows are addresses, two thirds domains, one in
//! ten of them with sub-domains; every second row is a customer of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    reason = "a measurement prints what it found, or fails"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::LazyLock;

use divan::Bencher;
use jiff::Timestamp;
use postroom::dictionary::TeamId;
use postroom::directory::{Directory, DirectoryFiles, DomainClaim, Present, Rules, SourceText};
use postroom::mail::EmailAddress;

const ROWS: u32 = 1_000_000;

static FILES: LazyLock<DirectoryFiles> = LazyLock::new(files);
static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| load(&FILES));

fn main() {
    let before = resident();
    let files = LazyLock::force(&FILES);
    let with_texts = resident();
    LazyLock::force(&DIRECTORY);
    let after = resident();
    let bytes = files.customers.as_ref().map_or(0, |source| source.text.len());
    println!("{ROWS} rows, {} MB of CSV ({} MB resident)", bytes >> 20, with_texts - before);
    println!("directory: {} MB resident", after - with_texts);
    divan::main();
}

/// The memory of this process in MiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this needs Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("no VmRSS");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().expect("not a number") / 1024
}

fn files() -> DirectoryFiles {
    let mut people = "person,name,manager,away\n".to_owned();
    for n in 0..500 {
        let away = if n % 5 == 0 { "2026-06-01..2026-06-14" } else { "" };
        let manager = if n == 0 { String::new() } else { format!("p{}@callwise.example", n / 8) };
        writeln!(people, "p{n}@callwise.example,Person {n},{manager},{away}").unwrap();
    }
    let mut customers = "match,customer,account_manager,tier\n".to_owned();
    for n in 0..ROWS {
        let claim = match n % 30 {
            0..10 => format!("firstname.lastname{n}@company{}.example", n % 5000),
            10..12 => format!("*.company-{n}.example"),
            _ => format!("company-number-{n}.example"),
        };
        let tier = ["gold", "silver", ""].get(n as usize % 3).copied().unwrap_or_default();
        let (customer, manager) = (n / 2, n % 500);
        writeln!(
            customers,
            "{claim},Company Number {customer} Ltd,p{manager}@callwise.example,{tier}"
        )
        .unwrap();
    }
    let source = |name: &str, text| Some(SourceText { name: name.to_owned(), text });
    DirectoryFiles {
        customers: source("customers.csv", customers),
        people: source("people.csv", people),
        ..DirectoryFiles::default()
    }
}

fn load(files: &DirectoryFiles) -> Directory {
    let rules = Rules {
        own_domains: vec![DomainClaim::parse("callwise.example").unwrap()],
        last_rung: TeamId::parse("technical-support").unwrap(),
        ..Rules::default()
    };
    let (directory, findings) = Directory::build(files, &rules).expect("the rows are right");
    assert_eq!(findings, []);
    directory
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn load_a_million_rows() -> Directory {
    load(&FILES)
}

/// Senders from all over the file, so that the memory they touch isn't in the cache already.
#[divan::bench(sample_count = 50, sample_size = 10_000, args = ["address", "domain", "sub-domain", "not listed"])]
fn identify(bencher: Bencher<'_, '_>, kind: &str) {
    let senders: Vec<EmailAddress> = (0..10_000u32)
        .map(|n| {
            // A stride that is prime to the number of rows.
            let row = n.wrapping_mul(7919) % (ROWS / 30) * 30;
            let text = match kind {
                "address" => {
                    format!("firstname.lastname{row}@company{}.example", row % 5000)
                }
                "domain" => format!("someone@company-number-{}.example", row + 20),
                "sub-domain" => format!("someone@mail.eu.company-{}.example", row + 10),
                _ => format!("someone@mail.unheard-of-{row}.example"),
            };
            EmailAddress::parse(&text).unwrap()
        })
        .collect();
    let mut next = senders.iter().cycle();
    let present = Present::at("2026-06-01T12:00:00Z".parse::<Timestamp>().unwrap());
    bencher.bench_local(move || DIRECTORY.identify(black_box(next.next()), &present));
}
