//! A logged-in connection: commands go out, answers come in, and nothing passes for done that the
//! server hasn't confirmed.
//!
//! Of async-imap only its response stream is used. Its convenient calls take an answer that was
//! cut off, or a NO, for an empty result; here every command waits for the OK with our own tag.
//! This knows the protocol's frame, not what mails or folders are for.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_imap::Client;
use async_imap::imap_proto::{
    Capability, MailboxDatum, Response, ResponseCode, Status, rfc4315::UidSetMember,
};
use futures_util::FutureExt;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, error::Elapsed, timeout, timeout_at};

use super::fault::Fault;
use super::guard::{Guard, Wire};

/// Longer than any wait that has a limit of its own.
const LONG: Duration = Duration::from_hours(24);

/// A connection to a server.
#[derive(Debug)]
pub(super) struct Session {
    client: Client<Guard>,
    timeout: Duration,
    last_tag: u32,
    capabilities: BTreeSet<String>,
    /// The server told of new mail since a folder was opened.
    news: bool,
    /// The folder that is open to be changed.
    selected: Option<(String, Opened)>,
}

/// A command that was sent and not yet answered.
#[derive(Debug)]
pub(super) struct Tag(String);

/// A command that the server confirmed.
#[derive(Debug)]
pub(super) struct Done {
    /// The COPYUID of the tagged answer.
    pub(super) copied: Option<Copied>,
}

/// What COPYUID says: the target's UIDVALIDITY, and which UID became which.
#[derive(Debug, Default, Clone)]
pub(super) struct Copied {
    pub(super) epoch: u32,
    pub(super) pairs: Vec<(u32, u32)>,
}

/// What a folder is like when it is opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Opened {
    /// UIDVALIDITY.
    pub(super) epoch: u32,
    /// How many mails it holds.
    pub(super) exists: u32,
    /// UIDNEXT, which some servers leave out.
    pub(super) uid_next: Option<u32>,
    /// The flags that can be set for good.
    pub(super) flags: BTreeSet<String>,
}

/// What one response is to the command that waits.
enum Step {
    Data,
    Continue(String),
    Done(Done),
    Failed(Fault),
}

impl Session {
    /// A connection whose greeting hasn't been read yet.
    pub(super) fn new(wire: Box<dyn Wire>, timeout: Duration) -> Self {
        Self {
            client: Client::new(Guard::new(wire)),
            timeout,
            last_tag: 0,
            capabilities: BTreeSet::new(),
            news: false,
            selected: None,
        }
    }

    /// Reads the greeting; says whether we are logged in already.
    pub(super) async fn greeting(&mut self) -> Result<bool, Fault> {
        self.read("greeting", self.timeout, |response| match response {
            Response::Data { status: Status::Ok, .. } => Ok(false),
            Response::Data { status: Status::PreAuth, .. } => Ok(true),
            Response::Data { outcome, .. } => Err(Fault::answered(
                "greeting",
                outcome.information.as_deref().unwrap_or("BYE"),
                false,
            )),
            _ => Err(Fault::Lost("what answers there is no IMAP server".to_owned())),
        })
        .await?
    }

    /// Whether the server says that it can do this; names are in upper case.
    pub(super) fn can(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// Whether the server told of new mail since the folder was opened. It tells but once, with
    /// the answer to whatever it was asked then.
    pub(super) fn has_news(&self) -> bool {
        self.news
    }

    /// Asks what the server can do; says whether it greeted us as logged in meanwhile. Courier
    /// may complain of something in an OK before its real greeting.
    pub(super) async fn ask_capabilities(&mut self) -> Result<bool, Fault> {
        let mut found = BTreeSet::new();
        let mut known = false;
        self.command("capability", "CAPABILITY", |response| {
            if let Response::Capabilities(list) = response {
                found.extend(list.iter().map(spelled));
            }
            known |= matches!(response, Response::Data { status: Status::PreAuth, .. });
        })
        .await?;
        self.capabilities = found;
        Ok(known)
    }

    /// The mails' bodies that are asked for next are no longer than `each`, and `together`.
    pub(super) fn allow(&mut self, each: u64, together: u64) {
        self.client.get_mut().allow(each, together);
    }

    /// Sends a command and waits until the server confirms it. `on` sees everything else that the
    /// server says meanwhile.
    pub(super) async fn command(
        &mut self,
        what: &str,
        command: &str,
        on: impl FnMut(&Response<'_>) + Send,
    ) -> Result<Done, Fault> {
        let tag = self.send(command).await?;
        self.finish(what, &tag, on).await
    }

    /// Sends a command.
    pub(super) async fn send(&mut self, command: &str) -> Result<Tag, Fault> {
        self.last_tag += 1;
        let tag = format!("P{}", self.last_tag);
        self.send_line(&format!("{tag} {command}")).await?;
        Ok(Tag(tag))
    }

    /// Sends a line that isn't a command of its own.
    pub(super) async fn send_line(&mut self, line: &str) -> Result<(), Fault> {
        // Nothing that comes from outside may end the line and begin another command.
        if line.contains(['\r', '\n', '\0']) {
            return Err(Fault::Misconfigured("a name or secret holds a line break".to_owned()));
        }
        let bytes = format!("{line}\r\n");
        let wire = self.client.get_mut();
        let sending = async {
            wire.write_all(bytes.as_bytes()).await?;
            wire.flush().await
        };
        timeout(self.timeout, sending)
            .await
            .map_err(|_: Elapsed| silent(self.timeout))?
            .map_err(|error| lost(&error))
    }

    /// Waits until the server confirms a command that was sent.
    pub(super) async fn finish(
        &mut self,
        what: &str,
        tag: &Tag,
        mut on: impl FnMut(&Response<'_>) + Send,
    ) -> Result<Done, Fault> {
        loop {
            match self.step(what, tag, self.timeout, &mut on).await? {
                Step::Data | Step::Continue(_) => {}
                Step::Done(done) => return Ok(done),
                Step::Failed(fault) => return Err(fault),
            }
        }
    }

    /// Waits until the server asks for more (`+`), and gives what it says; `None` if it confirms
    /// the command instead.
    pub(super) async fn prompted(
        &mut self,
        what: &str,
        tag: &Tag,
    ) -> Result<Option<String>, Fault> {
        loop {
            match self.step(what, tag, self.timeout, |_| {}).await? {
                Step::Data => {}
                Step::Continue(text) => return Ok(Some(text)),
                Step::Done(_) => return Ok(None),
                Step::Failed(fault) => return Err(fault),
            }
        }
    }

    /// Waits under IDLE until the server tells of a change, at most `patience` long.
    pub(super) async fn idle(&mut self, patience: Duration) -> Result<(), Fault> {
        let tag = self.send("IDLE").await?;
        if self.prompted("idle", &tag).await?.is_none() {
            return Err(Fault::Lost("the server ended IDLE by itself".to_owned()));
        }
        let until = Instant::now() + patience;
        while !self.news {
            // The reader keeps what it has when a wait for more is given up.
            let step = timeout_at(until, self.step("idle", &tag, LONG, |_| {}));
            match step.await {
                Err(Elapsed { .. }) => break,
                Ok(Ok(Step::Data | Step::Continue(_))) => {}
                // It ended before we said so: what it has to tell is found by looking.
                Ok(Ok(Step::Done(_))) => return Ok(()),
                Ok(Ok(Step::Failed(fault)) | Err(fault)) => return Err(fault),
            }
        }
        self.send_line("DONE").await?;
        self.finish("idle", &tag, |_| {}).await.map(|_| ())
    }

    /// Opens a folder: to look (EXAMINE) or to change (SELECT).
    pub(super) async fn open(&mut self, wire_name: &str, change: bool) -> Result<Opened, Fault> {
        let verb = if change { "SELECT" } else { "EXAMINE" };
        self.selected = None;
        let mut opened = Opened::default();
        let mut epoch = None;
        let what = format!("opening `{wire_name}`");
        self.command(&what, &format!("{verb} {}", quoted(wire_name)), |response| match response {
            Response::MailboxData(MailboxDatum::Exists(count)) => opened.exists = *count,
            Response::Data { outcome, .. } => match &outcome.code {
                Some(ResponseCode::UidValidity(number)) => epoch = Some(*number),
                Some(ResponseCode::UidNext(number)) => opened.uid_next = Some(*number),
                Some(ResponseCode::PermanentFlags(flags)) => {
                    opened.flags = flags.iter().map(|flag| flag.to_ascii_lowercase()).collect();
                }
                _ => {}
            },
            _ => {}
        })
        .await?;
        self.news = false;
        // RFC 3501 §2.3.1.1: without it no UID means anything.
        opened.epoch = epoch.filter(|number| *number > 0).ok_or_else(|| {
            Fault::Lost(format!("the server opened `{wire_name}` without a UIDVALIDITY"))
        })?;
        self.selected = change.then(|| (wire_name.to_owned(), opened.clone()));
        Ok(opened)
    }

    /// Opens a folder to change it, unless it is open since the last [`Session::forget_folder`].
    pub(super) async fn select(&mut self, wire_name: &str) -> Result<Opened, Fault> {
        match &self.selected {
            Some((name, opened)) if name == wire_name => Ok(opened.clone()),
            Some(_) | None => self.open(wire_name, true).await,
        }
    }

    /// What is known of the open folder may no longer be so.
    pub(super) fn forget_folder(&mut self) {
        self.selected = None;
    }

    async fn step(
        &mut self,
        what: &str,
        tag: &Tag,
        patience: Duration,
        mut on: impl FnMut(&Response<'_>) + Send,
    ) -> Result<Step, Fault> {
        let mut capabilities = None;
        let mut news = false;
        let step = self
            .read(what, patience, |response| match response {
                Response::Done { tag: theirs, status, outcome } if theirs.0 == tag.0 => {
                    let text = outcome.information.as_deref().unwrap_or_default();
                    let code = outcome.code.as_ref();
                    if *status != Status::Ok {
                        let missing = matches!(code, Some(ResponseCode::TryCreate));
                        return Step::Failed(Fault::answered(what, text, missing));
                    }
                    if let Some(ResponseCode::Capabilities(list)) = code {
                        capabilities = Some(list.iter().map(spelled).collect());
                    }
                    Step::Done(Done { copied: code.and_then(copied) })
                }
                Response::Done { .. } => {
                    Step::Failed(Fault::Lost("the server answered what nobody asked".to_owned()))
                }
                Response::Data { status: Status::Bye, outcome } => {
                    let text = outcome.information.as_deref().unwrap_or_default();
                    Step::Failed(match Fault::answered(what, text, false) {
                        Fault::Denied { answer, .. } => {
                            Fault::Lost(format!("{what}: the server said goodbye: `{answer}`"))
                        }
                        other => other,
                    })
                }
                Response::Continue(outcome) => {
                    Step::Continue(outcome.information.as_deref().unwrap_or_default().to_owned())
                }
                other => {
                    news = is_news(other);
                    on(other);
                    Step::Data
                }
            })
            .await?;
        self.news |= news;
        if let Some(list) = capabilities {
            self.capabilities = list;
        }
        Ok(step)
    }

    async fn read<T>(
        &mut self,
        what: &str,
        patience: Duration,
        take: impl FnOnce(&Response<'_>) -> T,
    ) -> Result<T, Fault> {
        // The parser unwraps and slices where a strange answer makes it panic (`INTERNALDATE NIL`
        // is one); that must cost this connection and nothing else.
        let reading = AssertUnwindSafe(self.client.read_response()).catch_unwind();
        match timeout(patience, reading).await {
            Err(Elapsed { .. }) => Err(silent(patience)),
            Ok(Err(_)) => Err(Fault::Lost(format!("{what}: the server's answer can't be read"))),
            Ok(Ok(Err(error))) => Err(lost(&error)),
            Ok(Ok(Ok(None))) => {
                Err(Fault::Lost(format!("{what}: the server closed the connection")))
            }
            Ok(Ok(Ok(Some(response)))) => Ok(take(response.parsed())),
        }
    }
}

/// What COPYUID says, if it is one that makes sense: as many UIDs on one side as on the other.
pub(super) fn copied(code: &ResponseCode<'_>) -> Option<Copied> {
    let ResponseCode::CopyUid(epoch, from, to) = code else { return None };
    let (from, to) = (members(from)?, members(to)?);
    (from.len() == to.len())
        .then(|| Copied { epoch: *epoch, pairs: from.into_iter().zip(to).collect() })
}

/// The UIDs of a set, unless it claims more than any command of ours names.
fn members(set: &[UidSetMember]) -> Option<Vec<u32>> {
    let mut uids = Vec::new();
    for member in set {
        match member {
            UidSetMember::Uid(uid) => uids.push(*uid),
            UidSetMember::UidRange(range) => uids.extend(range.clone().take(10_001)),
        }
        if uids.len() > 10_000 {
            return None;
        }
    }
    Some(uids)
}

fn is_news(response: &Response<'_>) -> bool {
    matches!(response, Response::MailboxData(MailboxDatum::Exists(_) | MailboxDatum::Recent(_)))
}

fn spelled(capability: &Capability<'_>) -> String {
    match capability {
        Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
        Capability::Auth(mechanism) => format!("AUTH={}", mechanism.to_ascii_uppercase()),
        Capability::Atom(name) => name.to_ascii_uppercase(),
    }
}

fn silent(patience: Duration) -> Fault {
    Fault::Lost(format!("no answer from the server for {} s", patience.as_secs_f32()))
}

/// An I/O error without the bytes that the parser quotes in its own.
fn lost(error: &std::io::Error) -> Fault {
    if error.kind() == std::io::ErrorKind::Other {
        Fault::Lost("the server's answer can't be understood".to_owned())
    } else {
        Fault::Lost(format!("the connection to the server is lost: {error}"))
    }
}

/// A string as IMAP quotes it.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// UIDs as a sequence set, runs written as ranges. They must be in ascending order.
pub(super) fn uid_set(uids: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &uid in uids {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(uid) => *last = uid,
            _ => runs.push((uid, uid)),
        }
    }
    let spelled: Vec<String> = runs
        .iter()
        .map(
            |(first, last)| {
                if first == last { first.to_string() } else { format!("{first}:{last}") }
            },
        )
        .collect();
    spelled.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_written_as_ranges_where_they_follow_each_other() {
        for (uids, expected) in [
            (&[][..], ""),
            (&[7], "7"),
            (&[1, 2, 3], "1:3"),
            (&[1, 3, 4, 9], "1,3:4,9"),
            (&[u32::MAX - 1, u32::MAX], "4294967294:4294967295"),
        ] {
            assert_eq!(uid_set(uids), expected);
        }
    }

    #[test]
    fn strings_are_quoted() {
        assert_eq!(quoted(r#"a "b" \c"#), r#""a \"b\" \\c""#);
    }

    #[test]
    fn a_copyuid_that_makes_no_sense_proves_nothing() {
        let set = |range| vec![UidSetMember::UidRange(range)];
        let code = |from, to| copied(&ResponseCode::CopyUid(7, set(from), set(to)));
        assert_eq!(code(1..=2, 8..=9).map(|c| c.pairs), Some(vec![(1, 8), (2, 9)]));
        assert!(code(1..=2, 8..=8).is_none(), "another number on each side");
        assert!(code(1..=u32::MAX, 1..=u32::MAX).is_none(), "more than was asked");
    }
}
