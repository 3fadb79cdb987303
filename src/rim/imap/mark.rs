//! Keywords of mails in the folder that is open.
//!
//! It knows commands and numbers; what a keyword means is for others.

use super::delivery::BATCH;
use super::fault::Fault;
use super::session::{Opened, Session, uid_set};

/// Sets a keyword, where the folder takes one.
pub(super) async fn set(
    session: &mut Session,
    opened: &Opened,
    uids: &[u32],
    keyword: &str,
) -> Result<(), Fault> {
    if !opened.flags.contains("\\*") && !lists(opened, keyword) {
        return Ok(());
    }
    if keyword.is_empty() || !keyword.chars().all(is_keyword_char) {
        return Err(Fault::Misconfigured(format!("`{keyword}` is no IMAP keyword")));
    }
    store(session, uids, ('+', keyword)).await
}

/// Takes a keyword away. A folder that doesn't list it has no mail that bears it.
pub(super) async fn unset(
    session: &mut Session,
    opened: &Opened,
    uids: &[u32],
    keyword: &str,
) -> Result<(), Fault> {
    if !lists(opened, keyword) {
        return Ok(());
    }
    store(session, uids, ('-', keyword)).await
}

fn lists(opened: &Opened, keyword: &str) -> bool {
    opened.flags.contains(&keyword.to_ascii_lowercase())
}

async fn store(
    session: &mut Session,
    uids: &[u32],
    (sign, keyword): (char, &str),
) -> Result<(), Fault> {
    for batch in uids.chunks(BATCH) {
        let command = format!("UID STORE {} {sign}FLAGS.SILENT ({keyword})", uid_set(batch));
        session.command("marking", &command, |_| {}).await?;
    }
    Ok(())
}

fn is_keyword_char(c: char) -> bool {
    c.is_ascii_graphic() && !"(){%*\"\\]".contains(c)
}
