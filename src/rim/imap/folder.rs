//! Folder names: from the configuration's spelling (`/` between levels, Unicode) to the server's.
//!
//! A server has its own separator, may keep all folders below `INBOX`, and spells what isn't ASCII
//! in modified UTF-7. It doesn't know what lies in a folder.

use std::collections::BTreeMap;
use std::fmt::Write;

use async_imap::imap_proto::{MailboxDatum, NameAttribute, Response};
use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

use super::fault::Fault;
use super::outcomes::Failure;
use super::session::{Session, quoted};

const MODIFIED_BASE64: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// What is known of a server's folders.
#[derive(Debug, Default)]
pub(super) struct Folders {
    separator: Option<String>,
    known: BTreeMap<String, String>,
}

/// The folder that mails go to.
pub(super) struct Target {
    /// As the configuration has it.
    pub(super) folder: String,
    /// As the server has it.
    pub(super) name: String,
}

/// A folder that was looked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is there; this is the server's name of it.
    There(String),
    /// It isn't; these are the names under which it may be created, the likelier first.
    Missing(Vec<String>),
}

impl Folders {
    /// Finds a folder by its configured name.
    pub(super) async fn find(
        &mut self,
        session: &mut Session,
        configured: &str,
    ) -> Result<Found, Fault> {
        if let Some(name) = self.known.get(configured) {
            return Ok(Found::There(name.clone()));
        }
        if configured.eq_ignore_ascii_case("INBOX") {
            return Ok(Found::There("INBOX".to_owned()));
        }
        // LIST takes these for wildcards, and there is no way to quote them.
        if configured.contains(['*', '%']) || configured.is_empty() {
            return Err(Fault::Misconfigured(format!("`{configured}` is no folder name")));
        }
        let separator = self.separator(session).await?;
        let plain = encoded(&configured.replace('/', &separator));
        let below_inbox = format!("INBOX{separator}{plain}");
        let mut candidates = vec![plain];
        // Courier and Cyrus may keep every folder below INBOX.
        if !configured.to_ascii_uppercase().starts_with("INBOX/") && !separator.is_empty() {
            candidates.push(below_inbox);
        }
        for name in &candidates {
            if listed(session, name).await? {
                self.remember(configured, name);
                return Ok(Found::There(name.clone()));
            }
        }
        Ok(Found::Missing(candidates))
    }

    /// Creates a folder under the first name that the server takes, and subscribes to it so that
    /// mail clients show it.
    pub(super) async fn create(
        &mut self,
        session: &mut Session,
        configured: &str,
        names: &[String],
    ) -> Result<String, Fault> {
        let mut refused = Fault::Misconfigured(format!("`{configured}` can't be created"));
        for name in names {
            let what = format!("creating the folder `{configured}`");
            match session.command(&what, &format!("CREATE {}", quoted(name)), |_| {}).await {
                Ok(_) => {
                    self.remember(configured, name);
                    let subscribe = format!("SUBSCRIBE {}", quoted(name));
                    match session.command("subscribing", &subscribe, |_| {}).await {
                        Ok(_) | Err(Fault::Denied { .. }) => return Ok(name.clone()),
                        Err(fault) => return Err(fault),
                    }
                }
                Err(fault @ Fault::Denied { .. }) => {
                    // Another connection may have created it meanwhile.
                    if listed(session, name).await? {
                        self.remember(configured, name);
                        return Ok(name.clone());
                    }
                    refused = fault;
                }
                Err(fault) => return Err(fault),
            }
        }
        Err(refused)
    }

    /// Finds the folder that mails are to go to, or makes it if it may be made.
    pub(super) async fn target(
        &mut self,
        session: &mut Session,
        folder: &str,
        create: bool,
    ) -> Result<Target, Failure> {
        let name = match self.find(session, folder).await.map_err(Failure::before)? {
            Found::There(name) => name,
            Found::Missing(names) if create => {
                let created = self.create(session, folder, &names).await;
                created.map_err(|fault| match fault {
                    // Waiting makes no folder that the server doesn't take: a person has to know.
                    Fault::Denied { .. } => Failure::about(fault),
                    fault => Failure::before(fault),
                })?
            }
            Found::Missing(_) => {
                return Err(Failure::before(Fault::Misconfigured(format!(
                    "there is no folder `{folder}`: create it, or set `create_folders = true`"
                ))));
            }
        };
        Ok(Target { folder: folder.to_owned(), name })
    }

    /// What was known may have changed.
    pub(super) fn forget(&mut self, configured: &str) {
        self.known.remove(configured);
    }

    /// The string between levels; empty where the server knows no levels.
    async fn separator(&mut self, session: &mut Session) -> Result<String, Fault> {
        if let Some(known) = &self.separator {
            return Ok(known.clone());
        }
        let mut separator = None;
        session
            .command("list", "LIST \"\" \"\"", |response| {
                if let Response::MailboxData(MailboxDatum::List(list)) = response {
                    separator = list.delimiter.as_deref().map(unescaped);
                }
            })
            .await?;
        let separator = separator.unwrap_or_default();
        self.separator = Some(separator.clone());
        Ok(separator)
    }

    fn remember(&mut self, configured: &str, name: &str) {
        self.known.insert(configured.to_owned(), name.to_owned());
    }
}

/// Whether there is a folder of this name that can be opened.
async fn listed(session: &mut Session, name: &str) -> Result<bool, Fault> {
    let mut there = false;
    session
        .command("list", &format!("LIST \"\" {}", quoted(name)), |response| {
            if let Response::MailboxData(MailboxDatum::List(list)) = response {
                there |= !list.name_attributes.iter().any(cannot_be_opened);
            }
        })
        .await?;
    Ok(there)
}

fn cannot_be_opened(attribute: &NameAttribute<'_>) -> bool {
    match attribute {
        NameAttribute::NoSelect => true,
        NameAttribute::Extension(name) => name.eq_ignore_ascii_case("\\NonExistent"),
        _ => false,
    }
}

/// A quoted character as it was meant: the parser leaves the backslash in.
fn unescaped(text: &str) -> String {
    if text.len() > 1 { text.trim_start_matches('\\').to_owned() } else { text.to_owned() }
        .replace("\\\\", "\\")
}

/// Modified UTF-7 (RFC 3501 §5.1.3).
pub(crate) fn encoded(name: &str) -> String {
    let mut out = String::new();
    let mut foreign: Vec<u8> = Vec::new();
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            flush(&mut out, &mut foreign);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                foreign.extend(unit.to_be_bytes());
            }
        }
    }
    flush(&mut out, &mut foreign);
    out
}

fn flush(out: &mut String, foreign: &mut Vec<u8>) {
    if !foreign.is_empty() {
        // Writing to a string can't fail.
        let _ = write!(out, "&{}-", MODIFIED_BASE64.encode(&*foreign));
        foreign.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_in_modified_utf_7() {
        for (name, expected) in [
            ("Teams/sales", "Teams/sales"),
            ("R&D", "R&-D"),
            ("Büro", "B&APw-ro"),
            // The example of RFC 3501 §5.1.3.
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("😀", "&2D3eAA-"),
        ] {
            assert_eq!(encoded(name), expected);
        }
    }
}
