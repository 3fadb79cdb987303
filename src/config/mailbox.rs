//! The `[[mailbox]]` sections: how a mailbox is reached and where its mail goes.
//!
//! It knows what goes together; it never tries a server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use secrecy::SecretString;

use super::folders::{self, Folders, Waiting};
use super::parse::{checked, duration, path, team};
use super::raw::{Given, Section};
use super::{Access, ImapSettings, Login, Mailbox, Secret, Tls, Token, overlap, values};
use crate::mail::trust::{Door, TrustPolicy};
use crate::seams::SourceId;

/// What people write on one mail is far below; what is above is attachments.
const FETCH_LIMIT: u64 = 1 << 20;
/// Below this, whole header sections would be cut off.
const LEAST_FETCH_LIMIT: u64 = 64 << 10;

/// All mailboxes that can be made sense of.
pub(super) fn mailboxes(top: &Section<'_>, base: &Path, has_customers: bool) -> Vec<Mailbox> {
    let mut mailboxes = Vec::new();
    let mut names = BTreeSet::new();
    let sections = top.sections("mailbox");
    if sections.is_empty() && !top.has("mailbox") {
        let _ = top
            .source()
            .report(0..0, "no-mailbox", "no mailbox is watched")
            .warning()
            .help("add a `[[mailbox]]`");
    }
    for section in sections {
        let source = section.source();
        let name = required(&section, "name", "name = \"support\"");
        let mailbox = mailbox(&section, name.as_ref(), base);
        let door = door(&section, has_customers);
        let span = section.span();
        section.finish();
        if let Some(name) = name
            && !names.insert(name.value.clone())
        {
            let message = format!("there is a mailbox `{}` already", name.value);
            let _ = source
                .report(name.span, "mailbox-twice", message)
                .help("give each mailbox its own name: it is how the ledger knows them");
        }
        mailboxes.extend(mailbox.map(|mailbox| (Mailbox { door, ..mailbox }, span)));
    }
    overlap::report(top.source(), &mailboxes);
    mailboxes.into_iter().map(|(mailbox, _)| mailbox).collect()
}

fn mailbox(section: &Section<'_>, name: Option<&Given<String>>, base: &Path) -> Option<Mailbox> {
    let source = section.source();
    let plain = |text: &str| {
        let plain = !text.trim().is_empty() && !text.chars().any(char::is_control);
        if plain { Ok(text.to_owned()) } else { Err("a mailbox needs a name".to_owned()) }
    };
    let id = name.and_then(|name| checked(source, name, plain));
    let inbox = folder(section, "inbox", &[], "INBOX");
    let access = access(section, base);
    let maildir = matches!(access, Some(Access::Maildir(_)));
    let folders = folders(section.section("folders"), &inbox, maildir);
    let fetch_limit = section.text_or_number("fetch_limit").and_then(|given| {
        let size = checked(source, &given, values::size)?;
        if size < LEAST_FETCH_LIMIT {
            let message = format!("`{}` is less than the header of a mail can have", given.value);
            let _ = source.report(given.span, "bad-value", message).help("write at least `64KiB`");
        }
        Some(size)
    });
    Some(Mailbox {
        inbox,
        create_folders: section.flag("create_folders").unwrap_or(true),
        fetch_limit: fetch_limit.unwrap_or(FETCH_LIMIT),
        poll_every: duration(section, "poll_every", 60),
        folders,
        door: Door::default(),
        id: SourceId(id?),
        access: access?,
    })
}

/// Who may be taken for a customer. Without the server's name nobody can tell who is one, and
/// nobody's mail is held up for it; that is worth a warning.
fn door(section: &Section<'_>, has_customers: bool) -> Door {
    let source = section.source();
    let ids = section.texts("authserv_id");
    let name = |text: &str| {
        let whole = text.split_whitespace().count() <= 1 && !text.contains([';', '(', '"', '=']);
        let wrong =
            format!("`{text}` is not a server's name: write what stands before the first `;`");
        if whole { Ok(text.trim().to_lowercase()) } else { Err(wrong) }
    };
    let authserv_ids: Vec<String> =
        ids.iter().filter_map(|given| checked(source, given, name)).collect();
    let given = section.text("trust");
    let read = |text: &str| {
        let known = TrustPolicy::ALL.iter().find(|(_, name)| *name == text);
        let wrong = format!("`{text}` is none of `require`, `prefer` and `ignore`");
        known.map(|(policy, _)| *policy).ok_or(wrong)
    };
    let policy = given.as_ref().and_then(|given| checked(source, given, read)).unwrap_or_default();
    if !section.has("authserv_id") {
        let help = "set `authserv_id` to what stands before the first `;` in the \
                    `Authentication-Results` of mail that came in";
        match (policy, given) {
            (TrustPolicy::Require, Some(given)) => {
                let message = "proof can't be required: it is not known which server to believe";
                let _ = source.report(given.span, "no-authserv-id", message).help(help);
            }
            (TrustPolicy::Prefer, _) if has_customers => {
                let message = "nobody checks whether mail is from the customer that it names";
                let _ = source
                    .report(section.span(), "no-authserv-id", message)
                    .warning()
                    .help(format!("{help}, or `trust = \"ignore\"` if that is as it should be"));
            }
            _ => {}
        }
    }
    Door { authserv_ids, policy, ..Door::default() }
}

/// A text that has no default.
pub(super) fn required(
    section: &Section<'_>,
    key: &'static str,
    example: &str,
) -> Option<Given<String>> {
    let given = section.text(key);
    if given.is_none() && !section.has(key) {
        let _ = section
            .source()
            .report(section.span(), "missing-key", format!("this section has no `{key}`"))
            .help(format!("add `{example}`"));
    }
    given
}

fn access(section: &Section<'_>, base: &Path) -> Option<Access> {
    let source = section.source();
    let maildir = path(section, "maildir", base);
    let both = section.has("maildir") && section.has("host");
    if section.has("maildir") && !both {
        return maildir.map(Access::Maildir);
    }
    if both {
        let _ = source
            .report(section.span(), "two-accesses", "a mailbox has either `host` or `maildir`")
            .help("remove one of the two");
    }
    let host = required(section, "host", "host = \"imap.callwise.example\"` or `maildir = \"…\"");
    if let Some(host) = &host {
        checked(source, host, values::host);
    }
    let tls = tls(section, host.as_ref());
    let port = section.number("port").and_then(|given| {
        let port = u16::try_from(given.value).ok().filter(|port| *port > 0);
        if port.is_none() {
            let message = format!("`{}` is not a port", given.value);
            let _ = source.report(given.span, "bad-value", message).help("write 1 to 65535");
        }
        port
    });
    let login = login(section, base);
    Some(Access::Imap(ImapSettings {
        // RFC 8314 §7.3: 993 is for TLS from the first byte, 143 for all else.
        port: port.unwrap_or(if tls == Tls::Implicit { 993 } else { 143 }),
        tls,
        ca_file: path(section, "ca_file", base),
        timeout: duration(section, "timeout", 30),
        idle: section.flag("idle").unwrap_or(true),
        host: host?.value,
        login: login?,
    }))
}

fn tls(section: &Section<'_>, host: Option<&Given<String>>) -> Tls {
    let Some(given) = section.text("tls") else { return Tls::Implicit };
    let read = |text: &str| match text {
        "implicit" => Ok(Tls::Implicit),
        "starttls" => Ok(Tls::StartTls),
        "none" => Ok(Tls::None),
        _ => Err(format!("`{text}` is none of `implicit`, `starttls` and `none`")),
    };
    let tls = checked(section.source(), &given, read).unwrap_or(Tls::Implicit);
    if tls == Tls::None && host.is_some_and(|host| !values::is_loopback(&host.value)) {
        let _ = section
            .source()
            .report(given.span, "no-tls", "without TLS, mail and password can be read on the way")
            .help("write `implicit` or `starttls`: `none` is for a server on this machine");
    }
    tls
}

fn login(section: &Section<'_>, base: &Path) -> Option<Login> {
    let user = required(section, "user", "user = \"support@callwise.example\"");
    let token = secret(section, ["token", "token_file", "token_command"], base);
    let password = secret(section, ["password", "password_file", "password_command"], base);
    let oauth = section.section("oauth");
    let has_oauth = section.has("oauth");
    let refresh = if has_oauth { refresh(oauth, base) } else { None };
    let absent = |offer: &Offer| matches!(offer, Offer::Absent);
    let ways = [!absent(&token), !absent(&password), has_oauth];
    let message = match ways.iter().filter(|way| **way).count() {
        0 => Some("this mailbox has no password and no token"),
        1 => None,
        _ => Some("this mailbox has more than one way to log in"),
    };
    if let Some(message) = message {
        let _ = section
            .source()
            .report(section.span(), "login", message)
            .help("give it one of `password_file`, `token_file` and `[mailbox.oauth]`");
    }
    let user = user?.value;
    match (password, token) {
        (Offer::Secret(password), _) => Some(Login::Password { user, password }),
        (_, Offer::Secret(token)) => Some(Login::OAuth { user, token: Token::Ready(token) }),
        _ => Some(Login::OAuth { user, token: refresh? }),
    }
}

/// What stands under the keys of a secret.
pub(super) enum Offer {
    /// None of the keys is there.
    Absent,
    /// What is there is wrong, and reported.
    Wrong,
    /// Where the secret comes from.
    Secret(Secret),
}

/// A secret under one of three keys: as typed, in a file, from a command.
pub(super) fn secret(section: &Section<'_>, keys: [&'static str; 3], base: &Path) -> Offer {
    let [inline, in_file, by_command] = keys;
    let source = section.source();
    let typed = section.text(inline);
    let file = path(section, in_file, base);
    let mut command = section.texts(by_command).into_iter().map(|given| given.value).peekable();
    let given: Vec<_> = keys.into_iter().filter(|key| section.has(key)).collect();
    if given.len() > 1 {
        let message = format!("`{}` say the same twice", given.join("` and `"));
        let _ = source.report(section.span(), "secret-twice", message).help("keep one of them");
        return Offer::Wrong;
    }
    if let Some(typed) = typed {
        let _ = source
            .report(typed.span, "secret-in-config", format!("`{inline}` stands in this file"))
            .warning()
            .hidden()
            .help(format!("`{in_file}` keeps it out of backups and version control"));
        return Offer::Secret(Secret::Inline(SecretString::from(typed.value)));
    }
    if let Some(file) = file {
        return Offer::Secret(Secret::File(file));
    }
    if command.peek().is_some_and(|program| !program.is_empty()) {
        return Offer::Secret(Secret::Command(command.collect()));
    }
    if section.has(by_command) {
        let _ = source
            .report(section.span(), "bad-value", format!("`{by_command}` names no program"))
            .help(format!("write `{by_command} = [\"pass\", \"show\", \"support\"]`"));
    }
    if given.is_empty() { Offer::Absent } else { Offer::Wrong }
}

fn refresh(section: Section<'_>, base: &Path) -> Option<Token> {
    let source = section.source();
    let endpoint = required(&section, "endpoint", "endpoint = \"https://…/token\"");
    if let Some(given) = &endpoint {
        checked(source, given, values::web_address);
    }
    let client_id = required(&section, "client_id", "client_id = \"…\"");
    let keys = ["client_secret", "client_secret_file", "client_secret_command"];
    let client_secret = match secret(&section, keys, base) {
        Offer::Secret(secret) => Some(secret),
        Offer::Absent | Offer::Wrong => None,
    };
    let refresh_token_file = path(&section, "refresh_token_file", base);
    if !section.has("refresh_token_file") {
        required(&section, "refresh_token_file", "refresh_token_file = \"…\"");
    }
    let scope = section.text("scope").map(|given| given.value);
    section.finish();
    Some(Token::Refresh {
        endpoint: endpoint?.value,
        client_id: client_id?.value,
        client_secret,
        refresh_token_file: refresh_token_file?,
        scope,
    })
}

/// What the folder of a person may hold in braces.
const IN_PERSON: [&str; 3] = ["{person}", "{address}", "{domain}"];

/// A folder's name, or its default.
fn folder(
    section: &Section<'_>,
    key: &'static str,
    placeholders: &[&str],
    default: &str,
) -> String {
    section
        .text(key)
        .and_then(|given| {
            checked(section.source(), &given, |text| values::folder(text, placeholders))?;
            Some(given.value)
        })
        .unwrap_or_else(|| default.to_owned())
}

fn folders(section: Section<'_>, inbox: &str, maildir: bool) -> Folders {
    let source = section.source();
    let default = Folders::default();
    let mut teams = BTreeMap::new();
    for (name, given) in section.section("teams").named_texts() {
        checked(source, &given, |text| values::folder(text, &[]));
        if let Some(team) = team(source, &name) {
            teams.insert(team, given.value);
        }
    }
    let folders = Folders {
        team: folder(&section, "team", &["{team}"], &default.team),
        teams,
        person: folder(&section, "person", &IN_PERSON, &default.person),
        filed: folder(&section, "filed", &[], &default.filed),
        repeats: folder(&section, "repeats", &[], &default.repeats),
        assist: waiting(&section),
    };
    let mut all = vec![&folders.team, &folders.person, &folders.filed, &folders.repeats];
    all.extend(folders.teams.values());
    if let Waiting::Moves(folder) = &folders.assist {
        all.push(folder);
    }
    for folder in all {
        if folders::same(folder, inbox) {
            let message = format!("mail from `{inbox}` would be moved to where it is");
            let _ = source
                .report(section.span(), "folder-is-inbox", message)
                .help("name another folder: what lies in the watched one is taken for new mail");
        }
        // Maildir++ uses `.` between levels, so that a name can't hold one.
        let dotted = |level: &str| level.contains('.') && !matches!(level, "." | "..");
        if maildir && folder.split('/').any(dotted) {
            let message = format!("`{folder}`: a folder of a Maildir can't have a `.` in its name");
            let _ = source.report(section.span(), "bad-value", message).help("leave out the `.`");
        }
    }
    section.finish();
    folders
}

fn waiting(section: &Section<'_>) -> Waiting {
    let source = section.source();
    let folder = section.text("assist_folder");
    let keyword = section.text("assist_keyword");
    if let (Some(_), Some(keyword)) = (&folder, &keyword) {
        let message = "mail that waits is either marked or moved";
        let _ = source
            .report(keyword.span.clone(), "two-ways-to-wait", message)
            .help("keep one of `assist_folder` and `assist_keyword`");
    }
    if let Some(given) = folder {
        checked(source, &given, |text| values::folder(text, &[]));
        return Waiting::Moves(given.value);
    }
    match keyword {
        Some(given) => {
            checked(source, &given, values::keyword);
            Waiting::Marked(given.value)
        }
        None => Waiting::Stays,
    }
}
