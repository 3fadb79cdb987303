//! Random edits of dictionary files: nothing panics, what `lint` accepts is what a service takes
//! live, and after a bad edit the last good version stays.

use std::fs;
use std::path::Path;

use postroom::classify::Scratch;
use postroom::config::Config;
use postroom::config::parse::parse;
use postroom::diagnostic::Diagnostic;
use postroom::dictionary::Dictionaries;
use postroom::directory::Present;
use postroom::mail::trust::Door;
use postroom::pipeline::Arrival;
use postroom::rim::watch::read_dictionaries;
use postroom::serve::rules::{LiveRules, Offered, load};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::runtime::Runtime;

/// The files that the edits begin with, by name.
const FILES: [(&str, &str); 3] = [
    (
        "billing.dict",
        "# ours\nteam billing\nname Billing & dues\nbase -2\n\n[terms]\ninvoice +7\n\
         credit ~ note +5 # a note\nrefund* +3\n=VAT +4 @subject\n\n[not]\nrestaurant -9\n\n\
         [examples]\nyes Subject: Invoice and VAT, a refund\nno The restaurant was good\n",
    ),
    (
        "network.dict",
        "team network\nbase -1\n\n[terms]\nserver down +9\noutage | downtime +7\ncalls +4\n\n\
         [terms de]\n*ausfall +6\n\n[learned]\npacket loss +5\n",
    ),
    ("calibration.toml", "answers = 300\na = 0.4\nb = -1.0\n\n[teams.billing]\nb = -0.5\n"),
];

/// Lines that somebody might write, well or badly.
const LINES: [&str; 18] = [
    "",
    "# why",
    "invoice +5",
    "invoice",
    "invoice 5+",
    "pay* ~ late +15",
    "pay* +16",
    "a +0",
    "[terms]",
    "[terms fr]",
    "[nott]",
    "[not]",
    "[examples]",
    "yes invoice",
    "no invoice",
    "team network",
    "base -20",
    "x = [",
];

/// One change that a hand or an accident makes to a file.
#[derive(Debug, Clone)]
enum Edit {
    Insert(Index, String),
    Delete(Index),
    Duplicate(Index, Index),
    Bytes(Index, Vec<u8>),
    SwapWeights(Index, Index),
    BreakSection(Index),
    Cut(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let line =
        prop_oneof![3 => select(&LINES[..]).prop_map(str::to_owned), 1 => "[ -~äß~|*]{0,20}"];
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), line).prop_map(|(at, line)| Edit::Insert(at, line)),
        2 => index().prop_map(Edit::Delete),
        2 => (index(), index()).prop_map(|(from, to)| Edit::Duplicate(from, to)),
        1 => (index(), vec(any::<u8>(), 1..4)).prop_map(|(at, bytes)| Edit::Bytes(at, bytes)),
        2 => (index(), index()).prop_map(|(one, other)| Edit::SwapWeights(one, other)),
        1 => index().prop_map(Edit::BreakSection),
        1 => index().prop_map(Edit::Cut),
    ]
}

impl Edit {
    fn make(&self, file: &mut Vec<u8>) {
        let mut lines: Vec<Vec<u8>> =
            file.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let starting = |lines: &[Vec<u8>], with: fn(&[u8]) -> bool| -> Vec<usize> {
            (0..lines.len()).filter(|at| with(&lines[*at])).collect()
        };
        match self {
            Self::Insert(at, line) => {
                lines.insert(at.index(lines.len()), line.as_bytes().to_vec());
            }
            Self::Delete(at) => drop(lines.remove(at.index(lines.len()))),
            Self::Duplicate(from, to) => {
                let line = lines[from.index(lines.len())].clone();
                lines.insert(to.index(lines.len()), line);
            }
            Self::Bytes(at, bytes) => {
                let place = at.index(file.len() + 1);
                file.splice(place..(place + bytes.len()).min(file.len()), bytes.iter().copied());
                return;
            }
            Self::SwapWeights(one, other) => {
                let weighed = starting(&lines, |line| line.contains(&b'+') || line.contains(&b'-'));
                if !weighed.is_empty() {
                    let (one, other) =
                        (weighed[one.index(weighed.len())], weighed[other.index(weighed.len())]);
                    let split = |line: &[u8]| {
                        let sign = |byte: &u8| matches!(byte, b'+' | b'-');
                        line.iter().position(sign).unwrap_or(line.len())
                    };
                    let (first, second) = (split(&lines[one]), split(&lines[other]));
                    let tails = (lines[one].split_off(first), lines[other].split_off(second));
                    lines[one].extend(&tails.1);
                    lines[other].extend(&tails.0);
                }
            }
            Self::BreakSection(at) => {
                let sections = starting(&lines, |line| line.starts_with(b"["));
                if !sections.is_empty() {
                    lines[sections[at.index(sections.len())]].pop();
                }
            }
            Self::Cut(at) => lines.truncate(at.index(lines.len() + 1)),
        }
        *file = lines.join(&b'\n');
    }
}

/// A configuration with its dictionaries in a folder.
fn config(folder: &Path) -> Config {
    let text = "dictionaries = \".\"\n[store]\nurl = \"sqlite:unused.db\"\n\
                [[mailbox]]\nname = \"support\"\nmaildir = \"unused\"\n";
    parse("postroom.toml", text, folder).expect("a good configuration").0
}

/// What `lint` says of the files: their version, or nothing if they have errors.
fn linted(folder: &Path) -> Option<Dictionaries> {
    let files = read_dictionaries(folder).ok()?;
    Dictionaries::build(&files).ok().map(|(dictionaries, _)| dictionaries)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_what_lint_accepts_is_ever_live(
        saves in vec(vec((any::<Index>(), edit()), 1..4), 1..8),
    ) {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut files = FILES.map(|(name, text)| (name, text.as_bytes().to_vec()));
        for (name, bytes) in &files {
            fs::write(folder.join(name), bytes).unwrap();
        }
        let config = config(folder);
        let live = LiveRules::load(&config).expect("the files are good at first");
        let rules = live.subscribe();
        let mail = b"Subject: Invoice, VAT\r\n\r\nThe server downtime; a credit for calls: refunds.\r\n";
        for edits in saves {
            for (file, edit) in edits {
                edit.make(&mut files[file.index(FILES.len())].1);
            }
            for (name, bytes) in &files {
                fs::write(folder.join(name), bytes).unwrap();
            }
            let before = rules.borrow().clone();
            let expected = linted(folder);
            let offered = runtime.block_on(live.offer(load(&config), async |_| Ok(())));
            let now = rules.borrow().clone();
            if let Some(dictionaries) = &expected {
                prop_assert!(matches!(offered, Offered::Live(_)), "{:?}", offered);
                prop_assert_eq!(now.dictionaries.version(), dictionaries.version());
            } else {
                let Offered::Refused(findings) = offered else {
                    return Err(TestCaseError::fail(format!("not refused: {offered:?}")));
                };
                prop_assert!(findings.iter().any(Diagnostic::is_error));
                prop_assert_eq!(now.dictionaries.version(), before.dictionaries.version());
                prop_assert_eq!(&now.sources, &before.sources);
            }
            // What is live decides as its files say, built anew.
            let (anew, _) = Dictionaries::build(&now.sources).expect("what is live is good");
            let mut scratch = Scratch::default();
            let (size, door) = (mail.len() as u64, Door::default());
            let present = Present::at("2026-11-23T12:00:00Z".parse().unwrap());
            let arrival = Arrival { raw: mail, size, present: &present, door: &door };
            let found = now.judge(&mut scratch, arrival);
            let said = postroom::classify::classify(
                &anew,
                &mut Scratch::default(),
                &found.mail.subject,
                &found.mail.text,
            );
            prop_assert_eq!(found.evidence.verdict, Some(said));
        }
    }
}
