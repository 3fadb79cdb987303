//! A look at a mailbox before it is relied on: can we get in, and will delivery work there?
//!
//! It changes nothing on the server.

use std::collections::BTreeSet;

use super::connect::Account;
use super::fault::Fault;
use super::folder::{Folders, Found};
use super::removal::{may_remove, no_rights};
use super::session::Session;
use crate::config::folders::Waiting;
use crate::config::{Access, Mailbox, Tls};
use crate::rim::Report;

/// Logs in and looks at what a mailbox needs. One that isn't on an IMAP server gets an empty
/// report.
pub async fn check(mailbox: &Mailbox) -> Report {
    let mut report = Report::default();
    if let Access::Imap(settings) = &mailbox.access {
        let account = Account::new(settings.clone());
        if let Err(fault) = look(mailbox, &account, &mut report).await {
            report.problems.push(fault.to_string());
        }
    }
    report
}

async fn look(mailbox: &Mailbox, account: &Account, report: &mut Report) -> Result<(), Fault> {
    let (session, known) = account.greeted().await?;
    report.facts.push(format!("the server is reached, {}", encryption(account.tls())));
    let mut session = account.enter(session, known).await?;
    report.facts.push("the login works".to_owned());
    abilities(&session, report);
    let mut folders = Folders::default();
    match folders.find(&mut session, &mailbox.inbox).await? {
        Found::There(name) => {
            let opened = session.open(&name, false).await?;
            if !may_remove(&mut session, &name).await? {
                report.problems.push(no_rights(&mailbox.inbox));
            }
            let mails = if opened.exists == 1 { "mail" } else { "mails" };
            report.facts.push(format!("`{}` holds {} {mails}", mailbox.inbox, opened.exists));
        }
        Found::Missing(_) => {
            report.problems.push(format!("there is no folder `{}` to watch", mailbox.inbox));
        }
    }
    for folder in named(mailbox) {
        match folders.find(&mut session, &folder).await? {
            Found::There(_) => report.facts.push(format!("the folder `{folder}` exists")),
            Found::Missing(_) if mailbox.create_folders => {
                report.facts.push(format!("the folder `{folder}` will be created"));
            }
            Found::Missing(_) => report.problems.push(format!(
                "there is no folder `{folder}`: create it, or set `create_folders = true`"
            )),
        }
    }
    Ok(())
}

fn encryption(tls: Tls) -> &'static str {
    match tls {
        Tls::Implicit => "with TLS",
        Tls::StartTls => "with TLS by STARTTLS",
        Tls::None => "without encryption",
    }
}

fn abilities(session: &Session, report: &mut Report) {
    let (moves, uidplus) = (session.can("MOVE"), session.can("UIDPLUS"));
    match (moves, uidplus) {
        (true, true) => report.facts.push("the server has MOVE and UIDPLUS".to_owned()),
        (true, false) => report
            .facts
            .push("the server has MOVE but no UIDPLUS: where a mail went is looked up".to_owned()),
        (false, true) => {
            report.facts.push("the server has no MOVE: mails are copied, then removed".to_owned());
        }
        (false, false) => report
            .problems
            .push("the server has neither MOVE nor UIDPLUS: nothing can be delivered".to_owned()),
    }
    report.facts.push(if session.can("IDLE") {
        "the server has IDLE: new mail is seen at once".to_owned()
    } else {
        "the server has no IDLE: new mail is seen at the next poll".to_owned()
    });
}

/// The folders that the configuration names, patterns apart.
fn named(mailbox: &Mailbox) -> BTreeSet<String> {
    let folders = &mailbox.folders;
    let waiting = match &folders.assist {
        Waiting::Moves(folder) => Some(folder.clone()),
        Waiting::Stays | Waiting::Marked(_) => None,
    };
    folders
        .teams
        .values()
        .chain([&folders.filed, &folders.repeats])
        .cloned()
        .chain(waiting)
        .collect()
}
