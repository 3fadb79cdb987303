//! The shape of the source: which way modules may depend on each other, and how long files are.

use std::fs;
use std::path::{Path, PathBuf};

/// Every Rust file below a folder, in order.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no source in {}", folder.display());
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Lines of code that hold one of the words; comments may speak of anything.
fn lines_with(path: &Path, words: &[&str]) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let code = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.filter(|(_, line)| words.iter().any(|word| line.contains(word)))
        .map(|(number, line)| format!("{}:{}: {}", path.display(), number + 1, line.trim()))
        .collect()
}

#[test]
fn dependencies_point_from_the_rim_to_the_core() {
    let world = ["tokio::", "sqlx::", "axum::", "reqwest::", "async_imap::", "std::fs", "std::net"];
    let rim = [
        "crate::cli",
        "crate::rim",
        "crate::serve",
        "crate::pipeline",
        "crate::config",
        "crate::seams",
    ];
    let core = [
        "diagnostic.rs",
        "mail",
        "directory",
        "dictionary",
        "classify",
        "route.rs",
        "route",
        "assist",
        "learn",
        "lint",
    ];
    // (what may not be reached for, from where)
    let rules: [(&[&str], &[&str]); 5] = [
        (&world, &core),
        (&rim, &core),
        (&["crate::cli", "crate::rim", "crate::serve"], &["seams", "pipeline.rs", "config"]),
        (&["crate::cli", "crate::serve"], &["rim"]),
        (&["crate::cli"], &["serve"]),
    ];
    let mut wrong = Vec::new();
    for (words, places) in rules {
        for place in places {
            let path = src().join(place);
            let files = if path.is_dir() { sources(&path) } else { vec![path] };
            wrong.extend(files.iter().flat_map(|file| lines_with(file, words)));
        }
    }
    assert!(wrong.is_empty(), "these lines point the wrong way:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut wrong = Vec::new();
    for path in sources(&src()).into_iter().chain(sources(&tests)) {
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("//!") {
            wrong.push(format!("{} does not open with `//!`", path.display()));
        }
        let lines = text.lines().count();
        if lines >= 500 {
            wrong.push(format!("{} has {lines} lines", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn at_every_point_that_can_be_killed_some_test_kills() {
    let tests = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite"));
    let tests: String = tests.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut points = 0;
    for path in sources(&src()) {
        for line in lines_with(&path, &["killpoint::pass(\""]) {
            let point = line.split('"').nth(1).unwrap();
            assert!(
                ["\"", ":"].iter().any(|end| tests.contains(&format!("\"{point}{end}"))),
                "nothing is killed at `{point}`"
            );
            points += 1;
        }
    }
    assert!(points >= 10, "only {points} points were found");
}
