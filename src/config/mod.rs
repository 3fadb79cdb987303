//! What the operator decided, as meant: checked, with defaults filled in, paths made absolute.
//!
//! [`parse::parse`] makes it from the text of `postroom.toml`; `raw` has that text as typed. Only
//! the form as meant travels.

pub mod folders;
pub mod parse;
mod assist;
mod directory;
mod excerpt;
mod mailbox;
mod overlap;
mod policy;
mod raw;
mod values;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use crate::assist::rota::Group;
use crate::diagnostic::Diagnostic;
use crate::dictionary::TeamId;
use crate::mail::trust::Door;
use crate::route::Policy;
use crate::seams::SourceId;
pub use folders::Folders;

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it was read from, as it was named.
    pub file: String,
    /// Where the ledger is kept.
    pub store: StoreSettings,
    /// Where health, metrics and pages are served; `None` for nowhere.
    pub listen: Option<SocketAddr>,
    /// The folder with the `.dict` files.
    pub dictionaries: PathBuf,
    /// Who is a customer and who is one of us.
    pub directory: DirectorySettings,
    /// How decisions are made.
    pub policy: Policy,
    /// Who answers questions, and how long one may wait.
    pub assist: AssistSettings,
    /// The watched mailboxes.
    pub mailboxes: Vec<Mailbox>,
    /// How long the text of a settled ticket is kept; `None` for ever.
    pub keep_text: Option<Duration>,
    /// How often files are looked at for changes.
    pub reload_every: Duration,
    /// Every team that it names, with what is to be said if there is no such team, at its place.
    pub teams_named: Vec<(TeamId, Diagnostic)>,
}

/// Where the ledger is kept.
#[derive(Debug, Clone)]
pub enum StoreSettings {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database; the URL may hold a password.
    Postgres(SecretString),
}

/// Where the directory is had from.
#[derive(Debug, Clone)]
pub struct DirectorySettings {
    /// The CSV file with the customers; `None` if there is none.
    pub customers: Option<PathBuf>,
    /// The CSV file with our own people.
    pub people: Option<PathBuf>,
    /// A database that has customers or people instead.
    pub sql: Option<SqlSettings>,
    /// A service to ask about senders who are in neither.
    pub service: Option<ServiceSettings>,
    /// Public holidays, by the names that people have them under.
    pub holidays: BTreeMap<String, HolidaySettings>,
    /// How people's calendars are read.
    pub calendars: CalendarSettings,
    /// How long a ticket counts as open for the person whom it went to.
    pub open_for: Duration,
    /// What is decided beside the files.
    pub rules: crate::directory::Rules,
}

impl DirectorySettings {
    /// Whether anybody can be a customer.
    #[must_use]
    pub fn has_customers(&self) -> bool {
        let asked = self.sql.as_ref().is_some_and(|sql| sql.customers.is_some());
        self.customers.is_some() || self.service.is_some() || asked
    }

    /// The files that make up the directory.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let listed = self.holidays.values().filter_map(|list| match list {
            HolidaySettings::File(path) => Some(path),
            HolidaySettings::Days(_) => None,
        });
        self.customers.iter().chain(&self.people).chain(listed)
    }
}

/// A database with rows of the directory.
#[derive(Debug, Clone)]
pub struct SqlSettings {
    /// The database.
    pub database: StoreSettings,
    /// The query whose columns are those of the customers' file.
    pub customers: Option<String>,
    /// The query whose columns are those of the people's file.
    pub people: Option<String>,
    /// How often the database is asked.
    pub every: Duration,
    /// No answer for this long is a failure.
    pub timeout: Duration,
}

/// A directory service.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// Where it is asked.
    pub url: String,
    /// What shows it who asks.
    pub token: Option<Secret>,
    /// No mail waits longer for an answer.
    pub timeout: Duration,
    /// How long an answer is taken for true without asking again.
    pub keep: Duration,
    /// The same for the answer that it doesn't know somebody.
    pub keep_unknown: Duration,
    /// How long an answer can stand in while the service is away.
    pub stale: Duration,
    /// How many answers are kept.
    pub entries: usize,
    /// What it means when it answers 404.
    pub not_found: NotFound,
}

/// What a directory service means by 404 (Not Found).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFound {
    /// That nothing is to be had there: an address that is wrong in the configuration must not
    /// make strangers of all customers.
    Failure,
    /// That it doesn't know the sender.
    Unknown,
}

/// Where a list of holidays is had from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HolidaySettings {
    /// A file: days, or an iCalendar text.
    File(PathBuf),
    /// The days themselves, a line each.
    Days(String),
}

/// Who answers questions, and how long one may wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssistSettings {
    /// The CSV file with the joiners and their weeks; `None` if nobody has one.
    pub rota: Option<PathBuf>,
    /// Who has what nobody in the rota has; always there beside a rota.
    pub fallback: Option<Group>,
    /// A question that waits longer is told of; `None` for never.
    pub overdue: Option<Duration>,
}

/// There is no rota. Half a working day is long for a customer who doesn't know that nobody has
/// looked.
impl Default for AssistSettings {
    fn default() -> Self {
        Self { rota: None, fallback: None, overdue: Some(Duration::from_hours(4)) }
    }
}

/// How people's calendars are read.
#[derive(Debug, Clone)]
pub struct CalendarSettings {
    /// Where relative paths start.
    pub base: PathBuf,
    /// How often they are read.
    pub every: Duration,
    /// An event that is shorter is an appointment, not an absence.
    pub least: Duration,
}

/// The sample of `postroom.toml`: every key with its meaning and its default.
pub const SAMPLE: &str = include_str!("sample.toml");

/// A watched mailbox.
#[derive(Debug, Clone)]
pub struct Mailbox {
    /// Its name.
    pub id: SourceId,
    /// The folder that is watched.
    pub inbox: String,
    /// How it is reached.
    pub access: Access,
    /// Which server receives its mail, and what that server's word is worth.
    pub door: Door,
    /// Where its mail goes.
    pub folders: Folders,
    /// Whether missing folders are created.
    pub create_folders: bool,
    /// More bytes of one mail than this are not fetched.
    pub fetch_limit: u64,
    /// How long to wait between two looks when the server can't tell us of new mail.
    pub poll_every: Duration,
}

impl Mailbox {
    /// The files that logging in needs: secrets and certificate authorities.
    #[must_use]
    pub fn files(&self) -> Vec<&Path> {
        let Access::Imap(imap) = &self.access else { return Vec::new() };
        let (secret, refresh_token) = match &imap.login {
            Login::Password { password: secret, .. }
            | Login::OAuth { token: Token::Ready(secret), .. } => (Some(secret), None),
            Login::OAuth {
                token: Token::Refresh { client_secret, refresh_token_file, .. },
                ..
            } => (client_secret.as_ref(), Some(refresh_token_file)),
        };
        let secret = secret.and_then(|secret| match secret {
            Secret::File(path) => Some(path),
            Secret::Inline(_) | Secret::Command(_) => None,
        });
        let files = [imap.ca_file.as_ref(), secret, refresh_token];
        files.into_iter().flatten().map(PathBuf::as_path).collect()
    }
}

/// How a mailbox is reached.
#[derive(Debug, Clone)]
pub enum Access {
    /// Over IMAP.
    Imap(ImapSettings),
    /// A Maildir on this machine (Maildir++ folders beside it).
    Maildir(PathBuf),
}

impl Access {
    /// Whether both see the same folders, as far as what is written here tells.
    #[must_use]
    pub fn is_same_account(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Imap(one), Self::Imap(other)) => {
                one.host.eq_ignore_ascii_case(&other.host)
                    && one.port == other.port
                    && one.login.user() == other.login.user()
            }
            (Self::Maildir(one), Self::Maildir(other)) => one == other,
            (Self::Imap(_), Self::Maildir(_)) | (Self::Maildir(_), Self::Imap(_)) => false,
        }
    }
}

/// An IMAP server and how to log in.
#[derive(Debug, Clone)]
pub struct ImapSettings {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is secured.
    pub tls: Tls,
    /// A PEM file with the certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Who we are.
    pub login: Login,
    /// No answer for this long ends the connection.
    pub timeout: Duration,
    /// Whether to use IDLE where the server has it.
    pub idle: bool,
}

/// How a connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// STARTTLS; if the server doesn't offer it, the connection is given up.
    StartTls,
    /// Not at all: for a server on this machine.
    None,
}

/// Who we are to an IMAP server.
#[derive(Debug, Clone)]
pub enum Login {
    /// A user name and password (LOGIN, or AUTHENTICATE PLAIN where LOGIN is disabled).
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A user name and OAuth access token (OAUTHBEARER or XOAUTH2, whichever is offered).
    OAuth {
        /// The user.
        user: String,
        /// Where the token comes from.
        token: Token,
    },
}

impl Login {
    /// The user.
    #[must_use]
    pub fn user(&self) -> &str {
        let (Self::Password { user, .. } | Self::OAuth { user, .. }) = self;
        user
    }
}

/// Where a secret comes from. It is read anew at every login, so that it can be renewed.
#[derive(Debug, Clone)]
pub enum Secret {
    /// The configuration itself.
    Inline(SecretString),
    /// The first line of a file.
    File(PathBuf),
    /// The first line that a command prints: the program and its arguments.
    Command(Vec<String>),
}

/// Where an OAuth access token comes from.
#[derive(Debug, Clone)]
pub enum Token {
    /// A ready token, kept fresh by somebody else.
    Ready(Secret),
    /// A token endpoint that takes a refresh token (RFC 6749 §6).
    Refresh {
        /// The endpoint's URL.
        endpoint: String,
        /// Our client id.
        client_id: String,
        /// Our client secret, where the provider wants one.
        client_secret: Option<Secret>,
        /// The file with the refresh token; when the provider rotates it, the new one is written
        /// here before it is used.
        refresh_token_file: PathBuf,
        /// The scope to ask for, where the provider wants one.
        scope: Option<String>,
    },
}
