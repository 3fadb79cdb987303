//! Labelled mail from files: JSONL, plain or gzipped, and folders named after teams.
//!
//! A folder is read as `FOLDER/TEAM/…`: what lies in it, at any depth, is mail of that team,
//! as single files, mbox or Maildir; an mbox `TEAM.mbox` in the folder is that team's too. What a mail
//! is, and what a label is, is for others.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::archive;
use crate::diagnostic::Diagnostic;
use crate::learn::Labelled;
use crate::learn::labelled::{LabelledError, Labels};

/// After so many lines that are no labelled mail, the rest is not looked at.
const FAULTS: usize = 20;

/// The labelled mail at the paths, in their order. `progress` is told how many more were read.
///
/// # Errors
/// All that is wrong, up to some dozen: measuring on half of the mail would mislead.
pub fn read(paths: &[PathBuf], progress: &dyn Fn(u64)) -> Result<Vec<Labelled>, Vec<Diagnostic>> {
    let mut mails = Vec::new();
    let mut found = Vec::new();
    let mut labels = Labels::default();
    for path in paths {
        if path.is_dir() {
            read_folder(path, &mut labels, &mut mails, &mut found, progress);
        } else {
            read_lines(path, &mut labels, &mut mails, &mut found, progress);
        }
    }
    if found.is_empty() && mails.is_empty() {
        let first = paths.first().map_or_else(String::new, |path| path.display().to_string());
        let message = "there is no labelled mail here";
        found.push(Diagnostic::error(first, "no-mail", message).help(
            "a line of JSONL has `label` and `subject`, `body`, `text` or `raw`; a folder has a \
             folder or an mbox for each team",
        ));
    }
    if found.is_empty() { Ok(mails) } else { Err(found) }
}

fn read_lines(
    path: &Path,
    labels: &mut Labels,
    mails: &mut Vec<Labelled>,
    found: &mut Vec<Diagnostic>,
    progress: &dyn Fn(u64),
) {
    let name = path.display().to_string();
    let input = match open(path) {
        Ok(input) => input,
        Err(error) => return found.push(unreadable(&name, &error)),
    };
    for (number, line) in (1_u32..).zip(input.lines()) {
        let line = match line {
            Ok(line) => line,
            Err(error) => return found.push(unreadable(&name, &error).at(number, 0, 0, "")),
        };
        if line.trim().is_empty() {
            continue;
        }
        match Labelled::from_json(&line, u64::from(number), labels) {
            Ok(mail) => mails.push(mail),
            Err(error) => {
                // The line itself holds somebody's mail.
                let told = Diagnostic::error(&name, "not-labelled", error.to_string());
                found.push(told.at(number, 0, 0, ""));
                // What is wrong with a label is so in every line that has it.
                let is_label = matches!(error, LabelledError::Ambiguous { .. });
                if is_label || found.len() >= FAULTS {
                    return;
                }
            }
        }
        progress(1);
    }
}

/// A file, standard input for `-`; unpacked if it begins as gzip does.
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut input: Box<dyn BufRead> = if path == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::with_capacity(256 * 1024, File::open(path)?))
    };
    if input.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        let unpacked: Box<dyn Read> = Box::new(MultiGzDecoder::new(input));
        return Ok(Box::new(BufReader::new(unpacked)));
    }
    Ok(input)
}

fn read_folder(
    folder: &Path,
    labels: &mut Labels,
    mails: &mut Vec<Labelled>,
    found: &mut Vec<Diagnostic>,
    progress: &dyn Fn(u64),
) {
    let mut entries: Vec<PathBuf> = match fs::read_dir(folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) => return found.push(unreadable(&folder.display().to_string(), &error)),
    };
    entries.sort();
    for entry in entries {
        let stem = if entry.is_dir() { entry.file_name() } else { entry.file_stem() };
        let label = stem.unwrap_or_default().to_string_lossy().into_owned();
        let ending = entry.extension().and_then(|ending| ending.to_str());
        if label.starts_with('.') {
            continue;
        }
        if entry.is_file() && ending != Some("mbox") {
            if matches!(ending, Some("jsonl" | "gz")) {
                read_lines(&entry, labels, mails, found, progress);
            }
            continue;
        }
        let name = entry.display().to_string();
        let team = match labels.team(&label) {
            Ok(team) => team,
            Err(error) => {
                found.push(Diagnostic::error(name, "bad-label", error.to_string()));
                continue;
            }
        };
        for mail in archive::read(&[entry]) {
            match mail {
                Ok(mail) => {
                    mails.push(Labelled::from_raw(mail.source, &mail.raw, team.clone()));
                    progress(1);
                }
                Err(error) => found.push(unreadable(&error.path, &error.why)),
            }
        }
    }
}

fn unreadable(name: &str, error: &io::Error) -> Diagnostic {
    Diagnostic::error(name, "unreadable", format!("it can't be read: {error}"))
}
