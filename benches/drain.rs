//! Draining 10,000 mails of the SpamAssassin public corpus from a local Dovecot: routed, recorded
//! durably and moved; beside a bare client that only fetches in ranges and moves in batches of
//! 300 to the same folders, in the same run.
//!
//! `POSTROOM_SPAMASSASSIN=$(tests/corpus.sh) cargo bench --bench drain [-- ROUNDS]`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark says what it measured and fails loudly"
)]
#![allow(dead_code, reason = "the helpers are the test suite's, which uses all of them")]

#[path = "support/corpus.rs"]
mod corpus;
#[path = "../tests/suite/support/dovecot.rs"]
mod dovecot;
#[path = "../tests/suite/support/plain_imap.rs"]
mod plain_imap;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use corpus::{files, median};
use dovecot::Dovecot;
use plain_imap::{ImapServer, USER};

const MAILS: usize = 10_000;
/// The six folders that both move to.
const FOLDERS: [&str; 6] = ["Assist", "Teams/a", "Teams/b", "Teams/c", "Teams/d", "Teams/e"];
/// A service that says nothing for this long is stuck.
const PATIENCE: Duration = Duration::from_mins(1);
/// Linux tells processor time in hundredths of a second.
const TICKS: f64 = 100.0;

fn main() {
    let rounds = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(3);
    let mailbox = filled();
    println!("{MAILS} mails, {rounds} rounds");
    let mut ours = Vec::new();
    let mut bare = Vec::new();
    for round in 1..=rounds {
        let drain = drain_with_postroom(&mailbox);
        let rate = MAILS as f64 / drain.seconds;
        ours.push(rate);
        let (fetching, whole, server) = drain_bare(&mailbox);
        bare.push(MAILS as f64 / whole);
        println!(
            "round {round}: postroom {rate:.0} mails/s, peak {:.0} MB; bare client {:.0} mails/s \
             (fetching alone {:.0}); ratio {:.2}",
            drain.peak as f64 / 1024.0,
            MAILS as f64 / whole,
            MAILS as f64 / fetching,
            rate * whole / MAILS as f64,
        );
        println!(
            "  seconds of processor: postroom {:.2} and its server {:.2} within {:.2} s; the bare \
             client's server {server:.2} within {whole:.2} s",
            drain.ours, drain.server, drain.seconds,
        );
    }
    let (ours, bare) = (median(ours), median(bare));
    println!("median: postroom {ours:.0}, bare client {bare:.0}, ratio {:.2}", ours / bare);
}

/// The corpus, repeated with new Message-IDs.
fn mails() -> Vec<Vec<u8>> {
    let files = files();
    (0..MAILS).map(|n| renumbered(&fs::read(&files[n % files.len()]).unwrap(), n)).collect()
}

/// The mail with a Message-ID of its own and the line endings that IMAP wants.
fn renumbered(raw: &[u8], number: usize) -> Vec<u8> {
    let mut mail = format!("Message-ID: <{number}@drain.example>\r\n").into_bytes();
    let mut in_header = true;
    for line in raw.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        in_header &= !line.is_empty();
        let id = line.get(..11).is_some_and(|name| name.eq_ignore_ascii_case(b"message-id:"));
        // mbox separators are no header fields.
        if in_header && (id || line.starts_with(b"From ")) {
            continue;
        }
        mail.extend(line.iter().filter(|byte| **byte != 0));
        mail.extend(b"\r\n");
    }
    mail
}

/// A server with all mails in its inbox, which is copied for each drain.
fn filled() -> Dovecot {
    let dovecot = Dovecot::start("");
    dovecot.append(USER, "INBOX", &mails());
    dovecot
}

/// A server of its own for one drain. The tests' server takes it easy with flushing to disk; this
/// one does as Dovecot's default is.
fn copied(mailbox: &Dovecot) -> Dovecot {
    let dovecot = Dovecot::start("mail_fsync=optimized");
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(mailbox.path().join("mail")).arg(dovecot.path());
    assert!(copy.status().unwrap().success());
    // What the copy left to be written is not to be paid for by who comes first.
    assert!(Command::new("sync").status().unwrap().success());
    dovecot
}

/// What a drain took.
struct Drain {
    /// From the start of the process until everything was settled.
    seconds: f64,
    /// The peak of its resident memory in KiB.
    peak: u64,
    /// Seconds of processor that it used.
    ours: f64,
    /// And that its server did.
    server: f64,
}

fn drain_with_postroom(mailbox: &Dovecot) -> Drain {
    let dovecot = copied(mailbox);
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let config = folder.path().join("postroom.toml");
    fs::write(&config, configuration(&dovecot, port)).unwrap();
    let began = Instant::now();
    let mut service = Command::new(env!("CARGO_BIN_EXE_postroom"))
        .arg("--config")
        .arg(&config)
        .args(["--log", "info", "serve"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = service.stderr.take().unwrap();
    wait_for_delivery(log);
    let seconds = began.elapsed().as_secs_f64();
    all_settled(port);
    let peak = peak_memory(&service);
    let (ours, server) = (processor(service.id()), processor(server_of(&dovecot)));
    let id = rustix::process::Pid::from_child(&service);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    service.wait().unwrap();
    verify(&dovecot, &config);
    Drain { seconds, peak, ours, server }
}

/// Waits until the service tells that the last mail was moved and that this is recorded. To ask it
/// all the time would cost the store, and to ask it seldom would be late.
fn wait_for_delivery(log: ChildStderr) {
    let (tell, told) = mpsc::channel();
    // Also reads on when nobody listens any more: a log that is full would stop the service.
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            let count = line.contains("delivered").then(|| line.split_once("count=")).flatten();
            let count = count.and_then(|(_, count)| count.trim().parse::<usize>().ok());
            let _ = tell.send(count.unwrap_or(0));
        }
    });
    let mut moved = 0;
    while moved < MAILS {
        moved += told.recv_timeout(PATIENCE).expect("the service tells no more");
    }
}

/// The numbers that it serves say the same.
fn all_settled(port: u16) {
    let metrics = get(port, "/metrics").expect("metrics");
    let value = |name: &str| -> usize {
        let lines = metrics.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
    };
    assert_eq!(value("postroom_tickets{"), MAILS, "tickets");
    assert_eq!(value("postroom_outbox_jobs "), 0, "jobs");
}

/// The process that starts all of a server's others.
fn server_of(dovecot: &Dovecot) -> u32 {
    let id = fs::read_to_string(dovecot.path().join("run/master.pid")).unwrap();
    id.trim().parse().unwrap()
}

/// Seconds of processor that a process and its living descendants have used.
fn processor(id: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold anything.
    let fields = stat.rsplit(')').next().unwrap().split_whitespace();
    // Its own time and what its ended children used, in the kernel and out of it (proc(5)).
    let ticks: f64 = fields.skip(11).take(4).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    let tasks = format!("/proc/{id}/task/{id}/children");
    let children = fs::read_to_string(tasks).unwrap_or_default();
    let theirs = children.split_whitespace().map(|child| processor(child.parse().unwrap()));
    ticks / TICKS + theirs.sum::<f64>()
}

/// The server's folders hold what the ledger says.
fn verify(dovecot: &Dovecot, config: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_postroom"))
        .arg("--config")
        .arg(config)
        .args(["ledger", "list", "--json", "--limit", "1000000"])
        .output()
        .unwrap();
    let mut ledger: BTreeMap<String, usize> = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let ticket: serde_json::Value = serde_json::from_str(line).unwrap();
        let target = &ticket["decision"]["target"];
        let folder = match target["to"].as_str() {
            Some(team) => folder_of(team).to_owned(),
            None if target["decision"] == "assist" => "Assist".to_owned(),
            None => "Filed".to_owned(),
        };
        *ledger.entry(folder).or_default() += 1;
    }
    let mut server: BTreeMap<String, usize> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for name in dovecot.folders(USER) {
        let ids = dovecot.headers(USER, &name, "Message-ID");
        if !ids.is_empty() {
            server.insert(name, ids.len());
        }
        for id in ids {
            assert!(all.insert(id.clone()), "{id} lies there twice");
        }
    }
    assert_eq!(all.len(), MAILS, "mails on the server");
    assert!(!server.contains_key("INBOX"), "INBOX is empty");
    assert_eq!(ledger, server, "the ledger and the server disagree");
    println!("  folders: {server:?}");
}

/// Which of the folders a team's mail goes to.
fn folder_of(team: &str) -> &'static str {
    match team {
        "infrastructure" => "Teams/a",
        "billing" => "Teams/b",
        "sales" => "Teams/c",
        "marketing" => "Teams/d",
        _ => "Teams/e",
    }
}

fn configuration(dovecot: &Dovecot, port: u16) -> String {
    format!(
        r#"
dictionaries = "{project}/dictionaries"

[store]
url = "sqlite:ledger.db"

[web]
listen = "127.0.0.1:{port}"

[directory]
last_rung = "technical-support"

# Every mail that any line matches is moved to a team: this measures the way, not the words.
[policy]
threshold = 0.0
lists = "classify"
spam = "classify"
sender_cap = 1000000

[[mailbox]]
name = "support"
host = "127.0.0.1"
port = {imap}
tls = "none"
user = "alice"
password = "secret"
create_folders = true

[mailbox.folders]
team = "Teams/e"
assist_folder = "Assist"

[mailbox.folders.teams]
infrastructure = "Teams/a"
billing = "Teams/b"
sales = "Teams/c"
marketing = "Teams/d"
"#,
        project = env!("CARGO_MANIFEST_DIR"),
        imap = dovecot.port,
    )
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn peak_memory(service: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Seconds for fetching alone, for fetching and moving, and of processor that the server used.
fn drain_bare(mailbox: &Dovecot) -> (f64, f64, f64) {
    let dovecot = copied(mailbox);
    let began = Instant::now();
    let mut client = Bare::connect(dovecot.port);
    client.command("LOGIN alice secret");
    for folder in FOLDERS {
        client.command(&format!("CREATE \"{folder}\""));
    }
    client.command("SELECT INBOX");
    let mut fetched = 0;
    for first in (1..=MAILS).step_by(100) {
        let last = first + 99;
        fetched += client.command(&format!("UID FETCH {first}:{last} (UID BODY.PEEK[])"));
    }
    assert_eq!(fetched, MAILS);
    let fetching = began.elapsed().as_secs_f64();
    for (number, folder) in FOLDERS.iter().enumerate() {
        let uids: Vec<String> =
            (1..=MAILS).filter(|uid| uid % 6 == number).map(|uid| uid.to_string()).collect();
        for batch in uids.chunks(300) {
            client.command(&format!("UID MOVE {} \"{folder}\"", batch.join(",")));
        }
    }
    (fetching, began.elapsed().as_secs_f64(), processor(server_of(&dovecot)))
}

/// As little of an IMAP client as can be.
struct Bare {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Bare {
    fn connect(port: u16) -> Self {
        let writer = TcpStream::connect(("127.0.0.1", port)).unwrap();
        writer.set_nodelay(true).unwrap();
        let mut reader = BufReader::with_capacity(256 * 1024, writer.try_clone().unwrap());
        reader.read_line(&mut String::new()).unwrap();
        Self { reader, writer }
    }

    /// Sends a command and reads to its end; says how many literals came.
    fn command(&mut self, command: &str) -> usize {
        self.writer.write_all(format!("a {command}\r\n").as_bytes()).unwrap();
        let mut literals = 0;
        let mut line = Vec::new();
        let mut mail = Vec::new();
        loop {
            line.clear();
            self.reader.read_until(b'\n', &mut line).unwrap();
            if line.starts_with(b"a ") {
                assert!(line.starts_with(b"a OK"), "{}", String::from_utf8_lossy(&line));
                return literals;
            }
            let text = String::from_utf8_lossy(&line);
            let announced = text.trim_end().strip_suffix('}').and_then(|t| t.rsplit_once('{'));
            if let Some(size) = announced.and_then(|(_, size)| size.parse::<usize>().ok()) {
                literals += 1;
                mail.resize(size, 0);
                self.reader.read_exact(&mut mail).unwrap();
            }
        }
    }
}
