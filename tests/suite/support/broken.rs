//! Broken files with what is expected to be said of them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use postroom::diagnostic::Diagnostic;

/// Runs every fixture of `fixtures/broken/FOLDER` that isn't an `.expect` file through `find`, and
/// compares what was found, a line each, with the `.expect` file beside it. All differences are
/// shown at once.
pub(crate) fn check(folder: &str, find: impl Fn(&Path) -> Vec<Diagnostic>) {
    let root = fixtures().join("broken").join(folder);
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_none_or(|extension| extension != "expect"))
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "no broken fixtures in {}", root.display());
    let mut wrong = String::new();
    for case in cases {
        let found = lines(&find(&case));
        let expected = std::fs::read_to_string(case.with_extension("expect")).unwrap_or_default();
        if found.is_empty() || found != expected {
            let _ =
                write!(wrong, "\n{}\n--- expected\n{expected}--- found\n{found}", case.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The folder with the fixtures.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// What was found, a line each.
pub(crate) fn lines(findings: &[Diagnostic]) -> String {
    findings.iter().fold(String::new(), |mut lines, finding| {
        let _ = writeln!(lines, "{finding}");
        lines
    })
}
