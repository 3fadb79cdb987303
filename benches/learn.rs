//! How good learned dictionaries are: drafted from labelled mail, thresholds set and figures taken
//! on mail that they were not learned from.
//!
//! `POSTROOM_CORPORA` names a folder with `NAME.train.jsonl.gz` and `NAME.dev.jsonl.gz`. Where it
//! has a `spamassassin.csv` too (`file,label,split`), and `POSTROOM_SPAMASSASSIN` names the corpus,
//! its mails are measured as they are, but for what gives their list away: tags in the subject, and
//! footers. The last table learns from few answers: taken at random, and as assist would ask for
//! them, the most uncertain first.
//!
//! `POSTROOM_CORPORA=FOLDER POSTROOM_SPAMASSASSIN=$(tests/corpus.sh) cargo bench --bench learn`

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark says what it measured and fails loudly"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use postroom::dictionary::{Calibration, Dictionaries, Language, TeamId};
use postroom::learn::calibrating::calibrate;
use postroom::learn::draft::{Wish, draft};
use postroom::learn::labelled::team_of;
use postroom::learn::measure::{Evaluation, evaluate};
use postroom::learn::{Judged, Labelled, judge, teams_of};
use postroom::mail::Text;
use postroom::rim::labelled::read;
use postroom::route::Policy;

/// What the best of the common methods makes of the same corpora (`LinearSVC` on TF-IDF of words and
/// pairs, calibrated; accuracy and coverage at 95% precision): the mark to reach.
const MARKS: [(&str, &str); 4] = [
    ("it_tickets", "86/71"),
    ("spamassassin", "91/93"),
    ("corefx_issues", "75/54"),
    ("clinc_domains", "97/96"),
];
/// Lines for each team.
const LINES: [usize; 3] = [200, 500, 1_000];
/// How many answers are few.
const FEW: [usize; 3] = [100, 500, 2_000];

struct Corpus {
    name: String,
    train: Vec<Labelled>,
    dev: Vec<Labelled>,
}

fn main() {
    let Some(folder) = std::env::var_os("POSTROOM_CORPORA").map(PathBuf::from) else {
        println!("POSTROOM_CORPORA names no folder with labelled mail: nothing to measure");
        return;
    };
    let corpora = corpora(&folder);
    println!("accuracy / coverage at 95% precision, in %; most lines for each team beside");
    println!(
        "{:<16}{:>14}{:>14}{:>14}{:>14}{:>10}",
        "", "200", "500", "1000", "LinearSVC", "500 in"
    );
    for corpus in &corpora {
        print!("{:<16}", corpus.name);
        let mut seconds = 0.0;
        for lines in LINES {
            let started = Instant::now();
            let drafted = drafted(&corpus.train, lines);
            if lines == 500 {
                seconds = started.elapsed().as_secs_f64();
            }
            print!("{:>14}", figures(&measured(&drafted, &corpus.dev)));
        }
        let mark = MARKS.iter().find(|(name, _)| *name == corpus.name);
        println!("{:>14}{seconds:>8.1} s", mark.map_or("", |(_, mark)| mark));
    }
    println!("\nthe same from few answers, 500 lines: at random, and the most uncertain first");
    println!("{:<16}{:>22}{:>22}{:>22}", "", "100", "500", "2000");
    for corpus in &corpora {
        print!("{:<16}", corpus.name);
        let pool = shuffled(&corpus.train);
        let mut asked: Vec<Labelled> = Vec::new();
        for few in FEW {
            if few > pool.len() {
                break;
            }
            let random = drafted(pool.get(..few).unwrap_or_default(), 500);
            asked = uncertain_first(&pool, asked, few);
            let uncertain = drafted(&asked, 500);
            let both = [random, uncertain].map(|files| figures(&measured(&files, &corpus.dev)));
            print!("{:>22}", both.join("  "));
        }
        println!();
    }
}

fn corpora(folder: &Path) -> Vec<Corpus> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".train.jsonl.gz").map(str::to_owned))
        .collect();
    names.sort();
    let part = |name: &str, part: &str| {
        let path = folder.join(format!("{name}.{part}.jsonl.gz"));
        let mut mails = read(&[path], &|_| ()).expect("labelled mail");
        // Nobody's mail is for measuring how much of it is routed, not for learning.
        mails.retain(|mail| mail.team.as_str() != TeamId::OTHER);
        mails
    };
    let mut corpora: Vec<Corpus> = names
        .into_iter()
        .map(|name| Corpus { train: part(&name, "train"), dev: part(&name, "dev"), name })
        .collect();
    corpora.extend(spamassassin(&folder.join("spamassassin.csv")));
    corpora
}

fn spamassassin(list: &Path) -> Option<Corpus> {
    let mails = std::env::var_os("POSTROOM_SPAMASSASSIN").map(PathBuf::from)?;
    let mut rows = csv::Reader::from_path(list).ok()?;
    let (mut train, mut dev) = (Vec::new(), Vec::new());
    for row in rows.records().map_while(Result::ok) {
        let (file, label, split) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let raw = std::fs::read(mails.join(file)).expect("a mail of the corpus");
        let mail = Labelled::from_raw(file.to_owned(), &raw, team_of(label)?);
        match split {
            "train" => train.push(without_give_aways(mail)),
            "dev" => dev.push(without_give_aways(mail)),
            _ => {}
        }
    }
    Some(Corpus { name: "spamassassin".to_owned(), train, dev })
}

/// Takes off list tags and footers, which name the answer.
fn without_give_aways(mut mail: Labelled) -> Labelled {
    let mut subject = mail.subject.as_str();
    let mut kept = String::new();
    while let Some((before, rest)) = subject.split_once('[') {
        kept.push_str(before);
        subject = rest.split_once(']').map_or("", |(_, after)| after);
    }
    mail.subject = kept + subject;
    let is_rule = |line: &str| {
        let line = line.trim();
        line.len() >= 20 && (line.chars().all(|c| c == '_') || line.chars().all(|c| c == '-'))
    };
    let body = &mail.text.body;
    let lines: Vec<&str> = body.lines().take_while(|line| !is_rule(line)).collect();
    mail.text = Text::plain(lines.join("\n"));
    mail
}

fn drafted(train: &[Labelled], max_lines: usize) -> BTreeMap<String, String> {
    let wish = Wish { max_lines, language: Language::ENGLISH };
    draft(train, &wish, &|_| ()).files
}

fn judged(files: &BTreeMap<String, String>, mails: &[Labelled]) -> (Dictionaries, Vec<Judged>) {
    let (dictionaries, _) = Dictionaries::build(files).expect("a draft has no errors");
    let judged = judge(&dictionaries, &Policy::default(), mails, &|_| ());
    (dictionaries, judged)
}

/// Calibrates and measures.
fn measured(files: &BTreeMap<String, String>, dev: &[Labelled]) -> Evaluation {
    let (dictionaries, first) = judged(files, dev);
    let calibration: Calibration = calibrate(&first, &teams_of(&dictionaries), 0.95);
    let sure = |judged: Judged| Judged {
        confidence: calibration.confidence(&judged.best, judged.margin),
        ..judged
    };
    evaluate(&first.into_iter().map(sure).collect::<Vec<_>>(), true)
}

fn figures(found: &Evaluation) -> String {
    let coverage = found.coverage.get("0.95").copied().unwrap_or_default();
    format!("{:.1}/{:.1}", found.accuracy * 100.0, coverage * 100.0)
}

/// Another order, the same each time.
fn shuffled(mails: &[Labelled]) -> Vec<Labelled> {
    let mut mails = mails.to_vec();
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for last in (1..mails.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        mails.swap(last, usize::try_from(state % (last as u64 + 1)).unwrap_or(0));
    }
    mails
}

/// As many answers as are wanted: those that there are, and then the mails of the pool that the
/// dictionaries drafted from them are least sure of.
fn uncertain_first(pool: &[Labelled], asked: Vec<Labelled>, wanted: usize) -> Vec<Labelled> {
    if asked.is_empty() {
        return pool.get(..wanted).unwrap_or_default().to_vec();
    }
    let (_, judged) = judged(&drafted(&asked, 500), pool);
    let known: std::collections::BTreeSet<&str> =
        asked.iter().map(|mail| mail.id.as_str()).collect();
    let mut unsure: Vec<(f64, &Labelled)> = judged
        .iter()
        .zip(pool)
        .filter(|(_, mail)| !known.contains(mail.id.as_str()))
        .map(|(judged, mail)| (judged.margin, mail))
        .collect();
    unsure.sort_by(|one, other| one.0.total_cmp(&other.0));
    let more = unsure.iter().take(wanted - asked.len()).map(|(_, mail)| (*mail).clone());
    let more: Vec<Labelled> = more.collect();
    asked.into_iter().chain(more).collect()
}
