//! One folder of a Maildir: where it is, which mails it holds, and where a mail is by now.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Once;

use tracing::warn;

use crate::seams::Place;

/// The folder that is the Maildir itself (RFC 9051 §5.1: in any case).
const INBOX: &str = "INBOX";

/// How often a folder is read before a mail is said not to be in it: one that another program gives a
/// new name meanwhile, with other flags, can be passed over by a reading (readdir leaves it open).
const SCANS: usize = 3;

/// A file is passed over each time that its folder is read, and told of once.
static NOT_READ: Once = Once::new();

/// A folder of a Maildir, whether or not it is there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Folder {
    path: PathBuf,
    is_inbox: bool,
}

/// In which half of a folder a mail lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Half {
    /// Nobody has seen it.
    New,
    /// A program has.
    Cur,
}

impl Half {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Cur => "cur",
        }
    }
}

/// A file in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) half: Half,
    pub(super) file: Box<str>,
}

impl Found {
    /// The part of the file's name that stays.
    pub(super) fn unique(&self) -> &str {
        self.file.split_once(':').map_or(&self.file, |(unique, _)| unique)
    }

    /// Seconds and microseconds of the delivery, which the name begins with; what has none comes
    /// last.
    pub(super) fn delivered(&self) -> (u64, u64) {
        let unique = self.unique();
        let (seconds, rest) = unique.split_once('.').unwrap_or((unique, ""));
        let micros = rest.split_once('M').map_or("", |(_, digits)| digits);
        let end = micros.bytes().take_while(u8::is_ascii_digit).count();
        let micros = micros.get(..end).and_then(|digits| digits.parse().ok());
        (seconds.parse().unwrap_or(u64::MAX), micros.unwrap_or(0))
    }
}

/// When the halves were last changed: a new stamp means that something came, went or was renamed.
pub(super) type Stamp = [(i64, i64); 2];

impl Folder {
    /// The folder with this name, `/` between its levels.
    pub(super) fn locate(root: &Path, name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case(INBOX) {
            return Ok(Self::inbox(root));
        }
        let fits = |level: &str| {
            !level.is_empty() && !level.contains('.') && !level.chars().any(char::is_control)
        };
        if !name.split('/').all(fits) {
            return Err(format!("`{}` can't be a folder of a Maildir", name.escape_debug()));
        }
        let path = root.join(format!(".{}", name.replace('/', ".")));
        Ok(Self { path, is_inbox: false })
    }

    /// The folder that a Maildir itself is.
    pub(super) fn inbox(root: &Path) -> Self {
        Self { path: root.to_owned(), is_inbox: true }
    }

    pub(super) fn half(&self, half: Half) -> PathBuf {
        self.path.join(half.name())
    }

    pub(super) fn file(&self, found: &Found) -> PathBuf {
        self.half(found.half).join(&*found.file)
    }

    pub(super) fn exists(&self) -> bool {
        self.half(Half::New).is_dir() && self.half(Half::Cur).is_dir()
    }

    /// Makes the folder, or what is missing of it, to stay.
    pub(super) fn create(&self) -> io::Result<()> {
        for part in ["tmp", "new", "cur"] {
            fs::create_dir_all(self.path.join(part))?;
        }
        if !self.is_inbox {
            // Maildir++ tells a folder from a mailbox of its own by this file.
            fs::write(self.path.join("maildirfolder"), "")?;
        }
        sync(&self.path)?;
        self.path.parent().map_or(Ok(()), sync)
    }

    pub(super) fn stamp(&self) -> io::Result<Stamp> {
        let of =
            |half| fs::metadata(self.half(half)).map(|found| (found.mtime(), found.mtime_nsec()));
        Ok([of(Half::New)?, of(Half::Cur)?])
    }

    /// Every mail, in no order. `new/` is read first: a mail that another program moves to `cur/`
    /// meanwhile is then seen twice rather than not at all.
    pub(super) fn scan(&self) -> io::Result<Vec<Found>> {
        let mut found: Vec<Found> = Vec::new();
        for half in [Half::New, Half::Cur] {
            for entry in fs::read_dir(self.half(half))? {
                let entry = entry?;
                if !is_file(&entry) {
                    continue;
                }
                match entry.file_name().into_string() {
                    Ok(file) if !file.starts_with('.') => {
                        found.push(Found { half, file: file.into() });
                    }
                    Ok(_) => {}
                    // It was given by no mail program; a place has text for a name.
                    Err(name) => NOT_READ.call_once(|| {
                        let folder = entry.path().parent().map(Path::to_owned);
                        warn!(?folder, ?name, "a file's name is not UTF-8, so it is not read: give it another; others like it are not told");
                    }),
                }
            }
        }
        Ok(found)
    }

    /// Where these mails are by now, under whatever flags; those that are gone are left out.
    pub(super) fn find<'a>(
        &self,
        uniques: impl IntoIterator<Item = &'a str>,
    ) -> io::Result<HashMap<&'a str, Found>> {
        let mut places = HashMap::new();
        let mut wanted = BTreeSet::new();
        for unique in uniques {
            match self.guess(unique) {
                Some(found) => {
                    places.insert(unique, found);
                }
                None => {
                    wanted.insert(unique);
                }
            }
        }
        for _ in 0..SCANS {
            if wanted.is_empty() {
                break;
            }
            for found in self.scan()? {
                if let Some(unique) = wanted.take(found.unique()) {
                    places.insert(unique, found);
                }
            }
        }
        Ok(places)
    }

    /// The names that most mails have, tried before all of a large folder is read.
    fn guess(&self, unique: &str) -> Option<Found> {
        if unique.contains('/') {
            return None;
        }
        [(Half::New, ""), (Half::Cur, ":2,"), (Half::Cur, ":2,S")]
            .map(|(half, flags)| Found { half, file: format!("{unique}{flags}").into() })
            .into_iter()
            .find(|found| self.file(found).symlink_metadata().is_ok())
    }
}

/// Whether it can be a mail. Reading from a pipe would wait for a writer; a link that leads nowhere
/// is a mail that can't be read.
fn is_file(entry: &fs::DirEntry) -> bool {
    let leads_to_file = || entry.path().metadata().map_or(true, |found| found.is_file());
    entry.file_type().is_ok_and(|kind| kind.is_file() || (kind.is_symlink() && leads_to_file()))
}

/// Makes what was created, renamed or removed in a directory outlive a power cut.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

/// A mail in its folder, under whatever name it has there by now; `None` if it is gone, maybe with
/// the folder. That the whole Maildir is away is an error, and says nothing of a mail.
pub(super) fn find_mail(root: &Path, place: &Place) -> io::Result<Option<(Folder, Found)>> {
    let Ok(folder) = Folder::locate(root, &place.folder) else { return Ok(None) };
    match folder.find([place.name.as_str()]) {
        Ok(mut found) => Ok(found.remove(place.name.as_str()).map(|found| (folder, found))),
        Err(error) => {
            let is_gone = error.kind() == io::ErrorKind::NotFound && Folder::inbox(root).exists();
            if is_gone { Ok(None) } else { Err(error) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::time::Duration;

    use super::*;

    #[test]
    fn names_tell_when_a_mail_was_delivered() {
        for (file, unique, delivered) in [
            ("1700000000.M250P7.host", "1700000000.M250P7.host", (1_700_000_000, 250)),
            ("1700000000.M9P7.host,S=5:2,FS", "1700000000.M9P7.host,S=5", (1_700_000_000, 9)),
            ("1700000000.7_1.host:2,", "1700000000.7_1.host", (1_700_000_000, 0)),
            ("restored", "restored", (u64::MAX, 0)),
        ] {
            let found = Found { half: Half::New, file: file.into() };
            assert_eq!((found.unique(), found.delivered()), (unique, delivered), "{file}");
        }
    }

    #[test]
    fn folders_stay_within_the_maildir() {
        let path = |name| Folder::locate(Path::new("/m"), name).map(|folder| folder.path);
        assert_eq!(path("inbox"), Ok(PathBuf::from("/m")));
        assert_eq!(path("Teams/Billing"), Ok(PathBuf::from("/m/.Teams.Billing")));
        for name in ["", "..", "a/../b", "a//b", "a.b", "a\nb"] {
            assert!(path(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_mail_that_gets_other_flags_while_it_is_sought_is_found() {
        const ROUNDS: u32 = 100;
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::inbox(root.path());
        folder.create().unwrap();
        let name =
            |flags: &str| folder.half(Half::Cur).join(format!("1700000000.M1P1.host:2,{flags}"));
        for number in 0..2_000 {
            fs::write(folder.half(Half::Cur).join(format!("1700000001.M{number}P1.host:2,")), "")
                .unwrap();
        }
        fs::write(name("F0"), "").unwrap();
        let ready = Barrier::new(2);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..ROUNDS {
                    ready.wait();
                    std::thread::sleep(Duration::from_micros(u64::from(round) * 20));
                    let flags = |round: u32| format!("F{round}");
                    fs::rename(name(&flags(round)), name(&flags(round + 1))).unwrap();
                    ready.wait();
                }
            });
            let mut missed = 0;
            for _ in 0..ROUNDS {
                ready.wait();
                missed += u32::from(folder.find(["1700000000.M1P1.host"]).unwrap().is_empty());
                ready.wait();
            }
            assert_eq!(missed, 0);
        });
    }
}
