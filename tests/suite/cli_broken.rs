//! Every broken file in `fixtures/broken` through the real program: what is expected to be said of
//! it is said, the exit code is 2, and nothing was made or changed.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::broken::fixtures;
use crate::support::office::{Office, Ran, objects};

/// Runs each case of a folder in an office of its own, and compares what is said with the
/// `.expect` file beside it. `arguments` furnishes the office with the case.
fn check(folder: &str, arguments: impl Fn(&Office, &Path) -> Vec<String>) {
    let mut checked = 0;
    for case in cases(folder) {
        let office = Office::open();
        let mut call = arguments(&office, &case);
        let before = listing(&office.path(""));
        let expected = fs::read_to_string(case.with_extension("expect")).unwrap();
        // The program hands on only files that can be dictionaries.
        let expected: Vec<&str> =
            expected.lines().filter(|line| !line.contains("the file is not read")).collect();
        let errors = expected.iter().filter(|line| !is_warning(line)).count();
        let code = if errors == 0 { 0 } else { 2 };
        let call_of =
            |call: &[String]| office.run(&call.iter().map(String::as_str).collect::<Vec<_>>());
        let drawn = call_of(&call);
        call.push("--json".to_owned());
        let told = call_of(&call);
        assert_eq!((drawn.code, told.code), (code, code), "{}: {drawn:?}", case.display());
        let lines: Vec<String> = objects(&told.out).iter().map(line).collect();
        for expected in &expected {
            let found = lines.iter().any(|line| line.ends_with(expected));
            assert!(found, "{}: `{expected}` is not among:\n{}", case.display(), lines.join("\n"));
        }
        assert_eq!(lines.len(), expected.len(), "{}: {lines:#?}", case.display());
        assert_eq!(listing(&office.path("")), before, "{} changed something", case.display());
        summed_up(&drawn, code, &case);
        checked += 1;
    }
    assert!(checked > 0, "no case in {folder}");
}

/// One line on standard error says how many errors there are.
fn summed_up(drawn: &Ran, code: i32, case: &Path) {
    let lines = drawn.err.lines().count();
    assert_eq!(lines, usize::from(code != 0), "{}: {}", case.display(), drawn.err);
    assert!(code == 0 || drawn.err.starts_with("postroom: "), "{}: {}", case.display(), drawn.err);
}

fn cases(folder: &str) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(fixtures().join("broken").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|ending| ending != "expect"))
        .collect();
    cases.sort();
    cases
}

fn is_warning(line: &str) -> bool {
    line.contains(": warning: ")
}

/// A finding as `.expect` files and logs have it.
fn line(finding: &Value) -> String {
    let text = |key: &str| finding[key].as_str().unwrap_or_default();
    let mut place = text("file").to_owned();
    for number in
        ["line", "column"].iter().map_while(|key| finding[*key].as_u64().filter(|n| *n > 0))
    {
        let _ = write!(place, ":{number}");
    }
    let help = finding["help"].as_str().map_or(String::new(), |help| format!(" ({help})"));
    format!("{place}: {}: {}{help}", text("severity"), text("message"))
}

/// Every file below a folder with its content.
fn listing(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(listing(&path));
        } else {
            found.push((path.clone(), fs::read(path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn configurations() {
    check("config", |office, case| {
        let name = case.file_name().unwrap().to_str().unwrap();
        fs::copy(case, office.path(name)).unwrap();
        ["--config", name, "check"].map(str::to_owned).to_vec()
    });
}

#[test]
fn dictionaries() {
    check("dictionaries", |_, case| vec!["lint".to_owned(), case.display().to_string()]);
}

#[test]
fn rotas() {
    check("rota", |office, case| {
        let name = case.file_name().unwrap().to_str().unwrap();
        fs::copy(case, office.path(name)).unwrap();
        let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
        let section = format!(
            "[assist]\nrota = \"{name}\"\nfallback = \"leads@callwise.example\"\n[[mailbox]]"
        );
        office.write("postroom.toml", &config.replace("[[mailbox]]", &section));
        vec!["check".to_owned()]
    });
}

#[test]
fn directories() {
    check("directory", |office, case| {
        let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
        let (customers, people) = if case.is_dir() {
            (case.join("customers.csv"), case.join("people.csv"))
        } else {
            (case.to_owned(), fixtures().join("people.csv"))
        };
        fs::copy(&customers, office.path(&name(&customers))).unwrap();
        fs::copy(people, office.path("people.csv")).unwrap();
        let mut holidays = String::new();
        for list in ["holidays.txt", "holidays.ics"] {
            if fs::copy(case.join(list), office.path(list)).is_ok() {
                let _ = writeln!(holidays, "\"{list}\" = \"{list}\"");
            }
        }
        let config = fs::read_to_string(office.path("postroom.toml")).unwrap();
        let config = config
            .replace("\"customers.csv\"", &format!("\"{}\"", name(&customers)))
            .replace("\"callwise.example\"", "\"*.callwise.example\"");
        office.write("postroom.toml", &format!("{config}[holidays]\n{holidays}"));
        vec!["check".to_owned()]
    });
}
