//! An IMAP server that says what a script tells it, to be as bad as servers can be.
//!
//! A script answers each command by its beginning. What it doesn't name is answered as a good
//! server with three mails would.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What follows a scripted answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The script goes on.
    On,
    /// The connection is closed.
    Close,
    /// Nothing more is ever said.
    Silence,
}

/// One line of a script: the command's beginning, the answer (`TAG` stands for its tag), and what
/// follows.
pub(crate) type Line = (&'static str, String, Then);

/// A running server.
pub(crate) struct Scripted {
    /// Its port.
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// Starts a server that follows the script, each line once, over all its connections; then it
    /// is good.
    pub(crate) async fn start(greeting: &'static str, script: Vec<Line>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(VecDeque::from(script)));
        let server_heard = heard.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, greeting, script.clone(), server_heard.clone()));
            }
        });
        Self { port, heard }
    }

    /// Every command so far, without its tag.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").clone()
    }
}

async fn serve(
    stream: TcpStream,
    greeting: &'static str,
    script: Arc<Mutex<VecDeque<Line>>>,
    heard: Arc<Mutex<Vec<String>>>,
) {
    let mut stream = BufReader::new(stream);
    let _ = stream.get_mut().write_all(greeting.as_bytes()).await;
    let mut line = String::new();
    while stream.read_line(&mut line).await.is_ok_and(|count| count > 0) {
        let text = line.trim_end().to_owned();
        line.clear();
        let (tag, command) = text.split_once(' ').unwrap_or(("", &text));
        heard.lock().expect("no panic").push(command.to_owned());
        let (answer, then) = scripted(&script, command);
        let answer = answer.unwrap_or_else(|| good(command)).replace("TAG", tag);
        if stream.get_mut().write_all(answer.as_bytes()).await.is_err() || then == Then::Close {
            return;
        }
        if then == Then::Silence {
            std::future::pending::<()>().await;
        }
    }
}

fn scripted(script: &Mutex<VecDeque<Line>>, command: &str) -> (Option<String>, Then) {
    let mut script = script.lock().expect("no panic");
    let place = script.iter().position(|(start, ..)| command.starts_with(start));
    match place.and_then(|place| script.remove(place)) {
        Some((_, answer, then)) => (Some(answer), then),
        None => (None, Then::On),
    }
}

/// The answer of a good server with mails 1 to 3.
fn good(command: &str) -> String {
    let mail = |uid: u32| {
        let body = format!("Subject: {uid}\r\n\r\n{uid}\r\n");
        format!(
            "* {uid} FETCH (UID {uid} RFC822.SIZE {0} INTERNALDATE \"01-Jan-2026 00:00:00 +0000\" BODY[]<0> {{{0}}}\r\n{body})\r\n",
            body.len()
        )
    };
    let untagged = match command.split(' ').collect::<Vec<_>>().as_slice() {
        ["CAPABILITY"] => "* CAPABILITY IMAP4rev1 MOVE UIDPLUS\r\n".to_owned(),
        ["LIST", "\"\"", "\"\""] => "* LIST (\\Noselect) \"/\" \"\"\r\n".to_owned(),
        ["LIST", _, name] => format!("* LIST () \"/\" {name}\r\n"),
        ["EXAMINE" | "SELECT", ..] => {
            "* 3 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\n* OK [UIDNEXT 4] next\r\n".to_owned()
        }
        ["UID", "FETCH", "*", ..] => "* 3 FETCH (UID 3)\r\n".to_owned(),
        ["UID", "FETCH", set, what @ ..] => {
            let (first, last) = set.split_once(':').unwrap_or((set, set));
            let (first, last): (u32, u32) = (first.parse().unwrap_or(1), last.parse().unwrap_or(3));
            let there = (1..=3).filter(|uid| (first..=last).contains(uid));
            if what.concat().contains("BODY") {
                there.map(mail).collect()
            } else {
                there.map(|uid| format!("* {uid} FETCH (UID {uid})\r\n")).collect()
            }
        }
        ["UID", "MOVE", ..] => "* OK [COPYUID 9 1:3 11:13] moved\r\n".to_owned(),
        _ => String::new(),
    };
    format!("{untagged}TAG OK done\r\n")
}
