//! Mails that lie in files: single ones, mbox files, Maildirs, folders of all these, and standard
//! input. Read one at a time, in an order that is the same every time; nothing is changed.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A mail of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveMail {
    /// Its path; for the n-th mail of an mbox file with several, `path:n`.
    pub source: String,
    /// Its bytes, or the first [`MOST`] of them.
    pub raw: Vec<u8>,
    /// How many it has.
    pub size: u64,
}

/// More bytes of a mail than this are not kept: its text stands at its beginning, and whatever is
/// taken for a mail must not fill the memory.
pub const MOST: usize = 32 << 20;

/// Something that can't be read. The rest of the archive can.
#[derive(Debug, Error)]
#[error("`{path}` can't be read: {why}")]
pub struct ArchiveError {
    /// Which path.
    pub path: String,
    /// Why.
    pub why: io::Error,
}

/// The mails at the paths, in the order of the paths, and within a folder in the order of the
/// names; `-` is standard input. A folder is looked through to its bottom; hidden files, links and
/// what is neither file nor folder are left out there, and in a Maildir `tmp` too.
pub fn read(paths: &[PathBuf]) -> impl Iterator<Item = Result<ArchiveMail, ArchiveError>> {
    Archive { waiting: paths.iter().cloned().collect(), open: None }
}

/// How many bytes lie at the paths, for a progress bar. `None` when there is no telling beforehand,
/// as for standard input or a pipe.
#[must_use]
pub fn size_hint(paths: &[PathBuf]) -> Option<u64> {
    let mut bytes = 0;
    let mut waiting: Vec<PathBuf> = paths.to_vec();
    while let Some(path) = waiting.pop() {
        let found = fs::metadata(&path).ok()?;
        if found.is_dir() {
            waiting.extend(entries(&path).unwrap_or_default());
        } else if found.is_file() {
            bytes += found.len();
        } else {
            return None;
        }
    }
    Some(bytes)
}

struct Archive {
    waiting: VecDeque<PathBuf>,
    open: Option<Mbox>,
}

impl Iterator for Archive {
    type Item = Result<ArchiveMail, ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(mbox) = &mut self.open {
                match mbox.next() {
                    Some(found) => return Some(found),
                    None => self.open = None,
                }
            }
            let path = self.waiting.pop_front()?;
            if let Err(why) = self.open(&path) {
                return Some(Err(ArchiveError { path: path.display().to_string(), why }));
            }
        }
    }
}

impl Archive {
    fn open(&mut self, path: &Path) -> io::Result<()> {
        if path == Path::new("-") {
            let input = Box::new(BufReader::new(io::stdin()));
            self.open = Some(Mbox::new("-".to_owned(), input));
        } else if path.is_dir() {
            for entry in entries(path)?.into_iter().rev() {
                self.waiting.push_front(entry);
            }
        } else {
            let file = BufReader::with_capacity(256 * 1024, File::open(path)?);
            self.open = Some(Mbox::new(path.display().to_string(), Box::new(file)));
        }
        Ok(())
    }
}

/// What lies in a folder, by name. What is being written to a Maildir is not there yet.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let is_maildir = folder.join("cur").is_dir() && folder.join("new").is_dir();
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        // A link may lead back up, and reading a pipe may wait for ever.
        if !kind.is_dir() && !kind.is_file() {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Maildir++ folders begin with a dot; anything else that does is hidden.
        let hidden = name.starts_with('.') && !(is_maildir && path.join("cur").is_dir());
        let unfinished = is_maildir && name == "tmp";
        let beside = is_maildir && !kind.is_dir();
        if !hidden && !unfinished && !beside {
            entries.push(path);
        }
    }
    entries.sort();
    Ok(entries)
}

/// A file that holds one mail, or several with "From " lines between them (RFC 4155).
struct Mbox {
    path: String,
    reader: Box<dyn BufRead>,
    /// How many mails were handed out.
    count: u64,
    /// Whether the file begins with a "From " line, and so may hold several mails.
    several: bool,
    /// The line that was read last, and belongs to the next mail.
    ahead: Option<Vec<u8>>,
    ended: bool,
}

/// A mail as far as it was read.
#[derive(Default)]
struct Reading {
    raw: Vec<u8>,
    size: u64,
}

impl Reading {
    fn add(&mut self, bytes: &[u8]) {
        let room = MOST - self.raw.len().min(MOST);
        self.raw.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        self.size += bytes.len() as u64;
    }
}

impl Mbox {
    fn new(path: String, reader: Box<dyn BufRead>) -> Self {
        Self { path, reader, count: 0, several: false, ahead: None, ended: false }
    }

    fn next(&mut self) -> Option<Result<ArchiveMail, ArchiveError>> {
        let first = self.count == 0;
        let read = self.begin().and_then(|()| self.take());
        self.count += 1;
        match read {
            Ok(Some(Reading { raw, size })) => {
                let alone = first && self.ended;
                let source =
                    if alone { self.path.clone() } else { format!("{}:{}", self.path, self.count) };
                Some(Ok(ArchiveMail { source, raw, size }))
            }
            Ok(None) => None,
            Err(why) => {
                self.ended = true;
                Some(Err(ArchiveError { path: self.path.clone(), why }))
            }
        }
    }

    /// Looks at the first line: what does not begin with "From " is one mail, to the end.
    fn begin(&mut self) -> io::Result<()> {
        if self.count > 0 {
            return Ok(());
        }
        let mut line = Vec::new();
        // An empty file is an empty mail; a program that hands on nothing hands on none.
        if self.line(&mut line)? == 0 && self.path == "-" {
            return Ok(());
        }
        self.several = is_separator(&line);
        self.ahead = Some(if self.several { Vec::new() } else { line });
        Ok(())
    }

    /// Reads a line, or as much of one as is kept of a mail; 0 at the end.
    fn line(&mut self, line: &mut Vec<u8>) -> io::Result<usize> {
        line.clear();
        (&mut self.reader).take(MOST as u64).read_until(b'\n', line)
    }

    /// The mail that was begun, read to its end.
    fn take(&mut self) -> io::Result<Option<Reading>> {
        let Some(begun) = self.ahead.take() else { return Ok(None) };
        let mut mail = Reading::default();
        mail.add(&begun);
        let mut after_blank = false;
        let mut line = begun;
        while self.line(&mut line)? > 0 {
            if !self.several {
                mail.add(&line);
                continue;
            }
            if after_blank && is_separator(&line) {
                self.ahead = Some(Vec::new());
                return Ok(Some(mail));
            }
            after_blank = line.iter().all(u8::is_ascii_whitespace);
            mail.add(unquoted(&line));
        }
        self.ended = true;
        Ok(Some(mail))
    }
}

/// "From somebody Mon Nov 23 10:00:00 2026": a sender and a time, unlike a sentence that begins
/// with the word.
fn is_separator(line: &[u8]) -> bool {
    let time = |piece: &[u8]| matches!(piece, [h, b':', _, _, ..] | [_, h, b':', _, ..] if h.is_ascii_digit());
    line.starts_with(b"From ") && line.split(|byte| *byte == b' ').any(time)
}

/// A line without the `>` that was put in front of "From ", however often.
fn unquoted(line: &[u8]) -> &[u8] {
    let marks = line.iter().take_while(|byte| **byte == b'>').count();
    match line.get(marks..) {
        Some(rest) if marks > 0 && rest.starts_with(b"From ") => line.get(1..).unwrap_or(line),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sources and first lines of what is found at a path of a folder that was made.
    fn found(files: &[(&str, &str)], path: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let root = format!("{}/", folder.path().display());
        read(&[folder.path().join(path)])
            .map(|mail| match mail {
                Ok(mail) => {
                    let text = String::from_utf8(mail.raw).unwrap();
                    let source = mail.source.replace(&root, "");
                    format!("{source} {}", text.replace('\n', "|"))
                }
                Err(failure) => format!("failed {}", failure.path.replace(&root, "")),
            })
            .collect()
    }

    /// What a case shows, its files, the path that is read, and what is found.
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, &'a [&'a str]);

    #[test]
    fn every_form_of_archive_is_read() {
        let mbox = "From a@b.example Mon Nov 23 10:00:00 2026\nSubject: 1\n\n>From here\n\n\
                    From what I know\n\nFrom c@d.example Mon Nov 23 11:00:00 2026\nSubject: 2\n\nx\n";
        let maildir = [
            ("m/cur/1:2,S", "A: 1\n"),
            ("m/new/2", "A: 2\n"),
            ("m/tmp/3", "half"),
            ("m/.Sent/cur/4", "A: 4\n"),
            ("m/.Sent/new/5", "A: 5\n"),
            ("m/dovecot.index", "no mail"),
        ];
        let folder =
            [("f/b.eml", "B: 1\n"), ("f/a/c.eml", "C: 1\n"), ("f/.hidden", "no"), ("f/e", "")];
        // (what shows, files, path, what is found)
        let cases: [Case<'_>; 7] = [
            (
                "a single mail",
                &[("a.eml", "A: 1\n\nFrom here\n")],
                "a.eml",
                &["a.eml A: 1||From here|"],
            ),
            (
                "a mail with a From line of its own is one mail",
                &[("a.txt", "From a@b Mon Nov 23 10:00:00 2026\nA: 1\n")],
                "a.txt",
                &["a.txt A: 1|"],
            ),
            (
                "an mbox",
                &[("x.mbox", mbox)],
                "x.mbox",
                &["x.mbox:1 Subject: 1||From here||From what I know||", "x.mbox:2 Subject: 2||x|"],
            ),
            (
                "a Maildir with a folder",
                &maildir,
                "m",
                &[
                    "m/.Sent/cur/4 A: 4|",
                    "m/.Sent/new/5 A: 5|",
                    "m/cur/1:2,S A: 1|",
                    "m/new/2 A: 2|",
                ],
            ),
            ("a folder of mails", &folder, "f", &["f/a/c.eml C: 1|", "f/b.eml B: 1|", "f/e "]),
            ("nothing there", &[], "no.eml", &["failed no.eml"]),
            ("an empty file is an empty mail", &[("e.eml", "")], "e.eml", &["e.eml "]),
        ];
        for (name, files, path, expected) in cases {
            assert_eq!(found(files, path), expected, "{name}");
        }
    }

    #[test]
    fn links_and_pipes_in_a_folder_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let mails = folder.path().join("mails");
        fs::create_dir(&mails).unwrap();
        fs::write(mails.join("a.eml"), "A: 1\n").unwrap();
        std::os::unix::fs::symlink(&mails, mails.join("loop")).unwrap();
        std::os::unix::fs::symlink(mails.join("a.eml"), mails.join("link.eml")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(mails.join("pipe")).status().unwrap();
        assert!(made.success());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&mails, &link).unwrap();
        // A link that somebody names is followed.
        let found: Vec<_> = read(std::slice::from_ref(&link)).map(|mail| mail.unwrap()).collect();
        assert_eq!(found.len(), 1, "{:?}", found.iter().map(|m| &m.source).collect::<Vec<_>>());
        assert_eq!(size_hint(&[link]), Some(5));
        assert_eq!(size_hint(&[mails.join("pipe")]), None);
    }
}
