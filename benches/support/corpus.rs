//! The mails of the SpamAssassin public corpus and the shipped dictionaries, as the benches use
//! them.

#![allow(dead_code, reason = "no bench uses all of it")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// That of the `postroom` command, for all that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is compared takes turns after so many mails: a machine that is slow for a while is so for
/// all of it.
pub(crate) const TURN: usize = 100;

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

/// The mails of the corpus.
pub(crate) fn mails() -> Vec<Vec<u8>> {
    files().iter().map(|file| fs::read(file).unwrap()).collect()
}

/// The dictionaries that Postroom ships, by file name.
pub(crate) fn shipped() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dictionaries");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect()
}

/// Seconds that `work` takes over all mails.
pub(crate) fn seconds(mails: &[Vec<u8>], mut work: impl FnMut(&[u8])) -> f64 {
    let began = Instant::now();
    for mail in mails {
        work(mail);
    }
    began.elapsed().as_secs_f64()
}

/// The middle of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
