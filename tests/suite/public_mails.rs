//! The mails that other projects test their parsers with: each is read without a panic or a stall,
//! and its sender and subject are what the other project reads in it. Where they are not, the
//! difference is listed here and judged.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use postroom::mail::EmailAddress;
use postroom::mail::parse::parse;
use serde_json::Value;

/// No mail takes longer, in a build that is not optimised.
const STALL: Duration = Duration::from_millis(100);

/// What a parser reads in a mail: the sender's address, and the subject on one line.
type Read = (String, String);

/// The folder that `tests/mail-data.sh` prints.
fn data() -> PathBuf {
    let root = std::env::var_os("POSTROOM_MAIL_DATA")
        .expect("public mails are needed: POSTROOM_MAIL_DATA=\"$(tests/mail-data.sh)\" cargo test");
    PathBuf::from(root)
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path, ending));
        } else if path.extension().is_some_and(|is| is == ending) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Reads a mail within its time.
fn read(path: &Path) -> Read {
    let raw = fs::read(path).unwrap();
    let began = Instant::now();
    let mail = parse(&raw, raw.len() as u64);
    let took = began.elapsed();
    assert!(took < STALL, "{} took {took:?}", path.display());
    let sender = mail.sender.as_ref().map_or("", EmailAddress::as_str).to_owned();
    (sender, mail.subject)
}

/// As Postroom writes it, if it is an address at all.
fn address(text: &str) -> String {
    EmailAddress::parse(text).map_or_else(|_| String::new(), |address| address.to_string())
}

fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_control() || c == ' ');
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What mail-parser's JSON says of the mail itself: the header of its first part.
fn expected_by_mail_parser(json: &Path) -> Read {
    let whole: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    let headers = whole["parts"][0]["headers"].as_array().cloned().unwrap_or_default();
    let value = |name: &str| {
        headers.iter().find(|header| header["name"] == name).map(|header| header["value"].clone())
    };
    let from = value("from").unwrap_or_default();
    let list = &from["Address"]["List"][0]["address"];
    let group = &from["Address"]["Group"][0]["addresses"][0]["address"];
    let sender = list.as_str().or(group.as_str()).unwrap_or_default();
    let subject = value("subject").unwrap_or_default();
    (address(sender), one_line(subject["Text"].as_str().unwrap_or_default()))
}

/// All differences but those that were judged, a line each.
fn differences(found: &BTreeMap<String, (Read, Read)>, judged: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, (is, expected)) in found {
        if is != expected && !judged.iter().any(|(known, _)| known == name) {
            let _ = writeln!(out, "{name}: {is:?} instead of {expected:?}");
        }
    }
    for (name, _) in judged {
        let differs = found.get(*name).is_some_and(|(is, expected)| is != expected);
        if !differs {
            let _ = writeln!(out, "{name}: no longer differs");
        }
    }
    out
}

#[test]
fn mail_parsers_own_mails_have_the_sender_and_subject_that_it_expects() {
    let mut found = BTreeMap::new();
    let root = data().join("mail-parser");
    for path in files(&root, "eml") {
        let is = read(&path);
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        found.insert(name, (is, expected_by_mail_parser(&path.with_extension("json"))));
    }
    assert!(found.len() > 60, "only {} mails", found.len());
    let latin_1 = "bytes of Latin-1 stand in the subject without a word of it: ours are readable";
    let judged = ["010", "020", "022", "027", "052"].map(|n| format!("legacy/{n}.eml"));
    let judged = judged.each_ref().map(|name| (name.as_str(), latin_1));
    let differences = differences(&found, &judged);
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn pythons_mails_have_the_sender_and_subject_that_python_reads() {
    let mut found = BTreeMap::new();
    let list = fs::read_to_string(data().join("python.expected")).unwrap();
    for line in list.lines() {
        let [name, sender, subject] = line.splitn(3, '\t').collect::<Vec<_>>()[..] else {
            panic!("not three columns: {line}")
        };
        let is = read(&data().join("python").join(name));
        found.insert(name.to_owned(), (is, (address(sender), one_line(subject))));
    }
    assert!(found.len() > 40, "only {} mails", found.len());
    let differences = differences(&found, &[]);
    assert!(differences.is_empty(), "{differences}");
}
