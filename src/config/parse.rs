//! From the text of `postroom.toml` to what the operator meant, with all problems at once.
//!
//! `sample.toml` beside this file describes every key. It reads no other file: whether the paths
//! lead anywhere, and whether the teams have dictionaries, is for `postroom check` to see.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::raw::{Given, Section, Source};
use super::{Config, DirectorySettings, StoreSettings, mailbox, policy, values};
use crate::diagnostic::Diagnostic;
use crate::dictionary::TeamId;
use crate::directory::{DomainClaim, Rules};
use crate::mail::address::normal_domain;

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
    let directory = directory(top.section("directory"), base);
    let policy = policy::policy(&top);
    let has_customers = directory.as_ref().is_some_and(|it| it.customers.is_some());
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
        mailboxes,
        keep_text,
        reload_every,
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
    let Some(given) = given else {
        return Some(StoreSettings::Sqlite(base.join("postroom.db")));
    };
    let url = given.value.as_str();
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return Some(StoreSettings::Postgres(SecretString::from(url)));
    }
    let path = url.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    let message = match path {
        Some("" | ":memory:") => "the ledger has to be kept: write `sqlite:postroom.db`",
        Some(path) => return Some(StoreSettings::Sqlite(base.join(path))),
        None => "`url` is neither `sqlite:FILE` nor `postgres://…`",
    };
    let _ = source.report(given.span, "bad-value", message).hidden();
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

fn directory(section: Section<'_>, base: &Path) -> Option<DirectorySettings> {
    let source = section.source();
    let own = section.texts("own_domains");
    let freemail = section.texts("freemail");
    let last_rung = match section.text("last_rung") {
        Some(given) => team(source, &given),
        None => TeamId::parse("technical-support").ok(),
    };
    let managers = section.number("managers").map_or(1, |given| {
        if given.value > 20 {
            let message = format!("`{}` managers are more than a ladder can have", given.value);
            let _ = source.report(given.span, "bad-value", message).help("write at most 20");
        }
        u32::try_from(given.value).unwrap_or(u32::MAX)
    });
    let claim = |text: &str| DomainClaim::parse(text).map_err(|error| error.to_string());
    let domain = |text: &str| {
        normal_domain(text)
            .filter(|domain| domain.contains('.'))
            .ok_or_else(|| format!("`{text}` is not a domain: write `acme.example`"))
    };
    let settings = DirectorySettings {
        customers: path(&section, "customers", base),
        people: path(&section, "people", base),
        rules: Rules {
            own_domains: own.iter().filter_map(|given| checked(source, given, claim)).collect(),
            freemail: freemail.iter().filter_map(|given| checked(source, given, domain)).collect(),
            managers,
            last_rung: last_rung?,
            gmail_dots: section.flag("gmail_dots").unwrap_or(false),
        },
    };
    section.finish();
    Some(settings)
}

pub(super) fn team(source: &Source<'_>, given: &Given<String>) -> Option<TeamId> {
    checked(source, given, |text| TeamId::parse(text).map_err(|error| error.to_string()))
}
