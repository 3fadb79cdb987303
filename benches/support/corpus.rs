//! The mails of the SpamAssassin public corpus, as the benches use them.

use std::fs;
use std::path::PathBuf;

/// The files of the corpus, in the order of their names.
pub(crate) fn files() -> Vec<PathBuf> {
    let folder = std::env::var("POSTROOM_SPAMASSASSIN")
        .expect("POSTROOM_SPAMASSASSIN names no folder: POSTROOM_SPAMASSASSIN=$(tests/corpus.sh)");
    let mut files: Vec<PathBuf> = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "txt") {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(files.len() > 1000, "only {} mails in the corpus", files.len());
    files
}

/// The middle of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
