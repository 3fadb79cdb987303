//! From the text of `postroom.toml` to what the operator meant, with all problems at once.
//!
//! `sample.toml` beside this file describes every key. It reads no other file: whether the paths
//! lead anywhere, and whether the teams have dictionaries, is for `postroom check` to see.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::raw::{Given, Section, Source};
use super::{Config, DirectorySettings, StoreSettings};
use super::{assist, directory, mailbox, policy, values};
use crate::diagnostic::Diagnostic;
use crate::dictionary::TeamId;

/// Reads the configuration. `file` is its name for findings, and relative paths in it start from
/// `base`. Warnings come with the configuration.
///
/// # Errors
/// All findings, in the order of their places, if one of them is an error.
pub fn parse(
    file: &str,
    text: &str,
    base: &Path,
) -> Result<(Config, Vec<Diagnostic>), Vec<Diagnostic>> {
    let source = Source::new(file, text);
    let config = read(&source, base);
    let findings = source.into_findings();
    match config {
        Some(config) if !findings.iter().any(Diagnostic::is_error) => Ok((config, findings)),
        _ => Err(findings),
    }
}

/// What can be told of the sections; `None` if something is missing that has no default, which is
/// then among the findings.
fn read(source: &Source<'_>, base: &Path) -> Option<Config> {
    let tables = source.tables()?;
    let top = Section::top(source, &tables);
    let store = store(top.section("store"), base);
    let listen = listen(top.section("web"));
    let directory = directory::directory(&top, base);
    let policy = policy::policy(&top);
    let assist = assist::assist(&top, base);
    let has_customers = directory.as_ref().is_some_and(DirectorySettings::has_customers);
    let mailboxes = mailbox::mailboxes(&top, base, has_customers);
    let dictionaries =
        top.text("dictionaries").map_or_else(|| "dictionaries".to_owned(), |it| it.value);
    let keep_text = match top.text("keep_text") {
        Some(given) if given.value == "forever" => None,
        Some(given) => checked(source, &given, values::duration),
        None => Some(Duration::from_hours(90 * 24)),
    };
    let reload_every = duration(&top, "reload_every", 2);
    top.finish();
    Some(Config {
        file: source.file().to_owned(),
        store: store?,
        listen,
        dictionaries: base.join(dictionaries),
        directory: directory?,
        policy,
        assist,
        mailboxes,
        keep_text,
        reload_every,
        teams_named: source.teams_named(),
    })
}

/// The checked value, or an error at its place.
pub(super) fn checked<T>(
    source: &Source<'_>,
    given: &Given<String>,
    check: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    check(&given.value)
        .map_err(|message| {
            // `imaps://user:password@host` in place of a host's name.
            let has_password = given.value.contains("://") && given.value.contains('@');
            let message = if has_password { message.replace(&given.value, "…") } else { message };
            let _ = source.report(given.span.clone(), "bad-value", message);
        })
        .ok()
}

/// A duration, or the default in seconds.
pub(super) fn duration(section: &Section<'_>, key: &'static str, default: u64) -> Duration {
    section
        .text(key)
        .and_then(|given| checked(section.source(), &given, values::duration))
        .unwrap_or(Duration::from_secs(default))
}

/// A path, from `base` if it is relative.
pub(super) fn path(section: &Section<'_>, key: &'static str, base: &Path) -> Option<PathBuf> {
    let given = section.text(key)?;
    let not_empty = |text: &str| {
        if text.is_empty() { Err(format!("`{key}` names no file")) } else { Ok(base.join(text)) }
    };
    checked(section.source(), &given, not_empty)
}

fn store(section: Section<'_>, base: &Path) -> Option<StoreSettings> {
    let source = section.source();
    let given = section.text("url");
    section.finish();
    match given {
        Some(given) => database(source, &given, base),
        None => Some(StoreSettings::Sqlite(base.join("postroom.db"))),
    }
}

/// The database that a URL names. What is wrong with it is said without showing it.
pub(super) fn database(
    source: &Source<'_>,
    given: &Given<String>,
    base: &Path,
) -> Option<StoreSettings> {
    let url = given.value.as_str();
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Some(StoreSettings::Postgres(SecretString::from(url)));
    }
    let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    let message = match path {
        Some("" | ":memory:") => "this names no file: write `sqlite:postroom.db`",
        Some(path) if path.contains('?') => {
            "`sqlite:` takes a file and no settings: leave out the `?` and what follows"
        }
        Some(path) => return Some(StoreSettings::Sqlite(base.join(path))),
        None => "`url` is neither `sqlite:FILE` nor `postgres://…`",
    };
    let _ = source.report(given.span.clone(), "bad-value", message).hidden();
    None
}

fn listen(section: Section<'_>) -> Option<std::net::SocketAddr> {
    let given = section.text("listen");
    let source = section.source();
    section.finish();
    let given = given?;
    let address = checked(source, &given, values::listen)?;
    if !address.ip().is_loopback() {
        let _ = source
            .report(given.span, "open-to-others", format!("`{address}` is open to other machines"))
            .warning()
            .help("mail is shown there: put a proxy with TLS and a login before it");
    }
    Some(address)
}

pub(super) fn team(source: &Source<'_>, given: &Given<String>) -> Option<TeamId> {
    let read = |text: &str| TeamId::parse(text).map_err(|error| error.to_string());
    let team = checked(source, given, read)?;
    source.note_team(&team, given);
    Some(team)
}
