//! The demo's folder: sample mails, dictionaries, a directory, a rota and a configuration.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use tempfile::TempDir;

use crate::assist::rota::Week;
use crate::cli::Failure;
use crate::cli::output::text;
use crate::cli::setup::{DICTIONARIES, MAILS, texts};
use crate::rim::clock::SystemClock;
use crate::seams::Clock;

const CUSTOMERS: &str = include_str!("../../../fixtures/customers.csv");
const PEOPLE: &str = include_str!("../../../fixtures/people.csv");

/// A furnished folder.
pub(super) struct Home {
    folder: PathBuf,
    /// Removes the folder when the demo ends, unless it is to be kept.
    temporary: Option<TempDir>,
    /// How many mails lie in the mailbox.
    pub(super) mails: u64,
}

impl Home {
    /// Makes the folder and all that lies in it.
    pub(super) fn furnish(
        dir: Option<PathBuf>,
        listen: SocketAddr,
        keep: bool,
    ) -> Result<Self, Failure> {
        let (folder, temporary) = if let Some(dir) = dir {
            (empty(dir)?, None)
        } else {
            let made = tempfile::Builder::new().prefix("postroom-demo-").tempdir()?;
            if keep { (made.keep(), None) } else { (made.path().to_owned(), Some(made)) }
        };
        let mut home = Self { folder, temporary, mails: 0 };
        fs::create_dir_all(home.dictionaries())?;
        for (name, contents) in texts(&DICTIONARIES) {
            fs::write(home.dictionaries().join(name), contents)?;
        }
        fs::write(home.folder.join("customers.csv"), CUSTOMERS)?;
        fs::write(home.folder.join("people.csv"), PEOPLE)?;
        let today = SystemClock.now().to_zoned(TimeZone::system()).date();
        fs::write(home.folder.join("rota.csv"), rota(today))?;
        home.mails = home.fill_mailbox()?;
        fs::write(home.config(), configuration(free(listen)))?;
        Ok(home)
    }

    /// The configuration file.
    pub(super) fn config(&self) -> PathBuf {
        self.folder.join("postroom.toml")
    }

    /// The folder with the dictionaries.
    pub(super) fn dictionaries(&self) -> PathBuf {
        self.folder.join("dictionaries")
    }

    /// The Maildir.
    pub(super) fn mailbox(&self) -> PathBuf {
        self.folder.join("mailbox")
    }

    /// Ends the stay: a temporary folder goes, another is named.
    pub(super) fn leave(self) -> Result<(), Failure> {
        match self.temporary {
            Some(folder) => Ok(folder.close()?),
            None => text(&format!("\nThe demo's folder is kept: {}\n", self.folder.display())),
        }
    }

    /// Puts the sample mails into the mailbox as a mail server would, one after the other.
    fn fill_mailbox(&self) -> Result<u64, io::Error> {
        let mailbox = self.mailbox();
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(mailbox.join(part))?;
        }
        let mut mails: Vec<_> = MAILS
            .files()
            .filter(|file| file.path().extension().is_some_and(|ending| ending == "eml"))
            .collect();
        mails.sort_by_key(|file| file.path());
        for (number, mail) in mails.iter().enumerate() {
            let stem = mail.path().file_stem().unwrap_or_default().to_string_lossy();
            // https://cr.yp.to/proto/maildir.html: time, then something unique, then the host.
            let name = format!("{}.{stem}.demo", 1_790_000_000 + number);
            fs::write(mailbox.join("tmp").join(&name), mail.contents())?;
            fs::rename(mailbox.join("tmp").join(&name), mailbox.join("new").join(&name))?;
        }
        Ok(mails.len() as u64)
    }
}

/// The folder, if it can be furnished without touching anything.
fn empty(dir: PathBuf) -> Result<PathBuf, Failure> {
    match fs::read_dir(&dir).map(Iterator::count) {
        Ok(0) => Ok(std::path::absolute(dir)?),
        Ok(_) => Err(Failure::input(format!(
            "`{}` is not empty; name a folder that is empty or doesn't exist",
            dir.display()
        ))),
        Err(failure) if failure.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(&dir)?;
            Ok(std::path::absolute(dir)?)
        }
        Err(failure) => Err(failure.into()),
    }
}

/// The address, or the same with any free port if it is taken.
fn free(listen: SocketAddr) -> SocketAddr {
    match TcpListener::bind(listen) {
        Ok(_) => listen,
        Err(_) => SocketAddr::new(listen.ip(), 0),
    }
}

/// A rota for two joiners, whose weeks come one after the other.
fn rota(today: Date) -> String {
    let week = Week::of(today);
    format!(
        "# Who answers questions. Noor has the week that today lies in; Amira starts today, and so has
# the one after it.
person,name,start,week,away
noor@callwise.example,Noor de Vries,,{week},
amira@callwise.example,Amira Haddad,{today},,
"
    )
}

fn configuration(listen: SocketAddr) -> String {
    format!(
        r#"# The demo's configuration. Every command takes it with --config.
dictionaries = "dictionaries"
reload_every = "500ms"

[store]
url = "sqlite:postroom.db"

[web]
listen = "{listen}"

[directory]
customers = "customers.csv"
people = "people.csv"
own_domains = ["callwise.example"]
last_rung = "technical-support"

[assist]
rota = "rota.csv"
fallback = "technical-support"

[[alias]]
address = "billing@callwise.example"
team = "billing"

[[mailbox]]
name = "support"
maildir = "mailbox"
authserv_id = "mx.callwise.example"
create_folders = true
poll_every = "200ms"
"#
    )
}

/// How to call this program from here.
pub(super) fn program() -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let Ok(exe) = std::env::current_exe() else { return "postroom".to_owned() };
    exe.strip_prefix(&here).unwrap_or(&exe).display().to_string()
}

impl AsRef<Path> for Home {
    fn as_ref(&self) -> &Path {
        &self.folder
    }
}
