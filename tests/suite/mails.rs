//! The sample mails: each is read, its sender identified, classified and routed, and compared
//! with the expectation beside it. `fixtures/README.md` describes the format.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use postroom::classify::Scratch;
use postroom::directory::Present;
use postroom::mail::mark::Marks;
use postroom::mail::trust::{Door, TrustPolicy, TrustVerdict};
use postroom::mail::{EmailAddress, Kind, Oddity, TextPlace};
use postroom::pipeline::{Arrival, Judgement, Rules};

use crate::support::broken::fixtures;
use crate::support::samples::sample_rules;

/// A day on which the people are away whom `people.csv` says to be away.
const DAY: &str = "2026-11-23T12:00:00Z";

/// What the server calls itself that received the samples.
const SERVER: &str = "mx.callwise.example";
/// What signs the fields of our own in the fixtures.
const MARK_KEY: [u8; 32] = *b"the fixtures' key, 32 bytes long";

/// What only mails can show that are too large to lie in a folder.
const OF_MONSTERS: [Oddity; 4] =
    [Oddity::NestedTooDeep, Oddity::HeaderTooLarge, Oddity::TextCut, Oddity::FetchedInPart];

#[test]
fn every_sample_mail_goes_where_it_should() {
    let rules = sample_rules();
    let mut wrong = String::new();
    let mut cases = 0;
    for path in mails() {
        let expected = Expected::beside(&path);
        let found = judge(&rules, &path);
        let differences = expected.compare(&found);
        if !differences.is_empty() {
            let name = path.file_stem().unwrap().display();
            let _ = write!(wrong, "\n{name}: {}\n{}", expected.shows, differences.concat());
        }
        cases += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(cases >= 60, "only {cases} sample mails");
}

#[test]
fn the_sample_mails_show_every_oddity_and_every_kind() {
    let rules = sample_rules();
    let (mut oddities, mut kinds) = (BTreeSet::from(OF_MONSTERS), BTreeSet::new());
    for path in mails() {
        let found = judge(&rules, &path).mail;
        oddities.extend(found.oddities);
        kinds.insert(found.kind);
    }
    let missing: Vec<_> = Kind::ALL.iter().filter(|(kind, _)| !kinds.contains(kind)).collect();
    assert!(missing.is_empty(), "no sample mail is of these kinds: {missing:?}");
    let missing: Vec<_> = Oddity::ALL.iter().filter(|(odd, _)| !oddities.contains(odd)).collect();
    assert!(missing.is_empty(), "no sample mail is odd in these ways: {missing:?}");
}

#[test]
fn no_expectation_has_lost_its_mail() {
    let folder = fixtures().join("mails");
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|ending| ending == "expect") {
            assert!(path.with_extension("eml").exists(), "{} stands alone", path.display());
        }
    }
}

fn mails() -> Vec<PathBuf> {
    let mut mails: Vec<PathBuf> = std::fs::read_dir(fixtures().join("mails"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "eml"))
        .collect();
    mails.sort();
    mails
}

fn judge(rules: &Rules, path: &Path) -> Judgement {
    let raw = std::fs::read(path).unwrap();
    let door = Door {
        authserv_ids: vec![SERVER.to_owned()],
        policy: TrustPolicy::Prefer,
        marks: Marks::new(MARK_KEY),
    };
    let present = Present::at(DAY.parse::<Timestamp>().unwrap());
    let (raw, size) = (raw.as_slice(), raw.len() as u64);
    rules.judge(&mut Scratch::default(), Arrival { raw, size, present: &present, door: &door })
}

/// What an `.expect` file says.
struct Expected {
    /// Its first line: what the mail shows.
    shows: String,
    /// What it says once each, by name.
    values: BTreeMap<String, String>,
    /// What must stand in which part of the text, or nowhere.
    texts: Vec<(String, String)>,
}

/// Fields that every expectation has, and those that it may have.
const ALWAYS: [&str; 5] = ["sender", "subject", "kind", "decision", "reason"];
const SOMETIMES: [&str; 2] = ["oddities", "to"];
/// What is compared only where it is said.
const SIGNS: [&str; 5] = ["trust", "came_to", "forwarded_from", "returned", "spam"];
const TEXTS: [&str; 4] = ["new", "quoted", "signature", "absent"];

impl Expected {
    fn beside(mail: &Path) -> Self {
        let path = mail.with_extension("expect");
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("{} can't be read: {error}", path.display()));
        let (mut shows, mut values, mut texts) = (String::new(), BTreeMap::new(), Vec::new());
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            if let Some(comment) = line.strip_prefix('#') {
                let _ = write!(shows, "{comment}");
                continue;
            }
            let (name, value) = line
                .split_once(':')
                .unwrap_or_else(|| panic!("{}: no field in `{line}`", path.display()));
            let value = value.trim().to_owned();
            if TEXTS.contains(&name) {
                assert!(!value.is_empty(), "{}: `{name}` is empty", path.display());
                texts.push((name.to_owned(), value));
            } else {
                let known = [&ALWAYS[..], &SOMETIMES, &SIGNS].concat().contains(&name);
                assert!(known, "{}: unknown field `{name}`", path.display());
                let before = values.insert(name.to_owned(), value);
                assert!(before.is_none(), "{}: `{name}` stands there twice", path.display());
            }
        }
        for name in ALWAYS {
            assert!(values.contains_key(name), "{}: `{name}` is missing", path.display());
        }
        assert!(!shows.is_empty(), "{}: say in a comment what it shows", path.display());
        Self { shows, values, texts }
    }

    /// Every difference, a line each.
    fn compare(&self, found: &Judgement) -> Vec<String> {
        let mail = &found.mail;
        let mut oddities: Vec<&str> = mail.oddities.iter().map(|odd| odd.name()).collect();
        oddities.sort_unstable();
        let facts = [
            ("sender", mail.sender.as_ref().map_or("none", EmailAddress::as_str).to_owned()),
            ("subject", mail.subject.clone()),
            ("kind", mail.kind.name().to_owned()),
            ("oddities", oddities.join(", ")),
            ("decision", found.decision.target.name().to_owned()),
            ("to", found.decision.target.to().unwrap_or_default().to_owned()),
            ("reason", found.decision.reason.name().to_owned()),
        ];
        let said = |(name, _): &(&str, _)| self.values.contains_key(*name);
        let signs = signs(found).into_iter().filter(said);
        let mut differences = Vec::new();
        for (name, is) in facts.into_iter().chain(signs) {
            let mut expected = self.values.get(name).cloned().unwrap_or_default();
            if name == "oddities" {
                let mut names: Vec<&str> = expected.split(", ").collect();
                names.sort_unstable();
                expected = names.join(", ");
            }
            if is != expected {
                differences.push(format!("  {name}: expected `{expected}`, found `{is}`\n"));
            }
        }
        for (part, text) in &self.texts {
            let place = match part.as_str() {
                "new" => Some(TextPlace::New),
                "quoted" => Some(TextPlace::Quoted),
                "signature" => Some(TextPlace::Signature),
                _ => None,
            };
            let stands = mail
                .text
                .pieces()
                .any(|(at, piece)| place.is_none_or(|place| place == at) && piece.contains(text));
            if stands == place.is_none() {
                let body = &mail.text.body;
                differences.push(format!("  {part}: `{text}` in\n---\n{body}\n---\n"));
            }
        }
        differences
    }
}

/// What was found beside the words, as expectations name it.
fn signs(found: &Judgement) -> [(&'static str, String); 5] {
    let signs = &found.evidence.signs;
    let trust = match &signs.trust.verdict {
        TrustVerdict::Unchecked => "unchecked".to_owned(),
        TrustVerdict::Verified { by } => format!("verified by {by:?}").to_lowercase(),
        TrustVerdict::Failed => "failed".to_owned(),
        TrustVerdict::Unverified { .. } => "unverified".to_owned(),
    };
    let came_to = signs.came_to.as_ref().map(|it| it.address.to_string());
    let forward = signs.forward.as_ref().map(|it| it.from.to_string());
    let returned = signs.returned.as_ref().and_then(|it| it.message_id.clone());
    [
        ("trust", trust),
        ("came_to", came_to.unwrap_or_default()),
        ("forwarded_from", forward.unwrap_or_default()),
        ("returned", returned.unwrap_or_default()),
        ("spam", signs.spam.clone().unwrap_or_default()),
    ]
}
