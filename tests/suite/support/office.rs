//! A folder with a configuration, a Maildir, dictionaries and a directory, and the program run in
//! it as its users run it: as a process.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::wait::wait_for;

/// Longer than this nothing takes here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The program, in an environment that says nothing.
pub(crate) fn postroom() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
    for name in ["CONFIG", "LOG", "LOG_FORMAT", "KILL_AT", "PANIC_AT", "PANIC_ON"] {
        command.env_remove(format!("POSTROOM_{name}"));
    }
    command.env_remove("COLUMNS").env_remove("NO_COLOR").env_remove("NOTIFY_SOCKET");
    command.stdin(Stdio::null());
    command
}

/// What a run printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What was printed, if all went well.
    pub(crate) fn well(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    /// The JSON objects that were printed, one a line.
    pub(crate) fn objects(self) -> Vec<Value> {
        objects(&self.well())
    }
}

/// One JSON object a line.
pub(crate) fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The folder.
pub(crate) struct Office {
    folder: tempfile::TempDir,
}

impl Office {
    /// A furnished folder: an SQLite ledger, a Maildir, our own dictionaries and directory.
    pub(crate) fn open() -> Self {
        Self::open_with("sqlite:ledger.db", "")
    }

    /// The same with another store, and more in the configuration's last section, which is the
    /// mailbox's.
    pub(crate) fn open_with(store: &str, more: &str) -> Self {
        let office = Self { folder: tempfile::tempdir().unwrap() };
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in ["dictionaries", "mailbox/cur", "mailbox/new", "mailbox/tmp"] {
            fs::create_dir_all(office.path(folder)).unwrap();
        }
        for file in fs::read_dir(project.join("dictionaries")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), office.path("dictionaries").join(file.file_name())).unwrap();
        }
        for file in ["customers.csv", "people.csv"] {
            fs::copy(project.join("fixtures").join(file), office.path(file)).unwrap();
        }
        // What is asked of senders is for the tests to say that are about it.
        let trust = if more.contains("authserv_id") { "" } else { "trust = \"ignore\"" };
        let config = format!(
            r#"dictionaries = "dictionaries"
reload_every = "50ms"

[store]
url = "{store}"

[web]
listen = "127.0.0.1:0"

[directory]
customers = "customers.csv"
people = "people.csv"
own_domains = ["callwise.example"]
last_rung = "technical-support"

[[mailbox]]
name = "support"
maildir = "mailbox"
poll_every = "50ms"
{trust}
{more}
"#
        );
        office.write("postroom.toml", &config);
        office
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file as a careful editor does: whole, or not at all.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let (path, fresh) = (self.path(name), self.path(".fresh"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&fresh, text).unwrap();
        fs::rename(fresh, path).unwrap();
    }

    /// Puts a mail into the Maildir.
    pub(crate) fn post(&self, mail: &str) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        self.write(&format!("mailbox/new/{}.test", 1_790_000_000 + number), mail);
    }

    /// The program with these arguments, in the folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = postroom();
        command.args(arguments).current_dir(self.folder.path());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(arguments))
    }

    /// Starts the service.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Serving {
        let mut all = vec!["serve"];
        all.extend(arguments);
        Serving::start(&mut self.command(&all))
    }

    /// All tickets, oldest first.
    pub(crate) fn tickets(&self) -> Vec<Value> {
        let mut tickets = self.run(&["ledger", "list", "--json", "--limit", "100000"]).objects();
        tickets.reverse();
        tickets
    }

    /// One ticket with all that is known of it.
    pub(crate) fn ticket(&self, number: i64) -> Value {
        self.run(&["ledger", "show", &number.to_string(), "--json"]).objects().remove(0)
    }

    /// Waits until there are so many tickets and nothing is left to deliver.
    pub(crate) fn settled(&self, count: usize) -> Vec<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let ran = self.run(&["ledger", "list", "--json", "--limit", "100000"]);
            let mut tickets = objects(&ran.out);
            tickets.reverse();
            let mut progress: BTreeMap<&str, usize> = BTreeMap::new();
            for ticket in &tickets {
                *progress.entry(ticket["progress"].as_str().unwrap()).or_default() += 1;
            }
            if tickets.len() == count
                && progress.keys().all(|is| ["stays", "delivered"].contains(is))
            {
                return tickets;
            }
            assert!(
                Instant::now() < end,
                "{} of {count} tickets: {progress:?} {}",
                tickets.len(),
                ran.err
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How many mails lie in a folder of the Maildir; the inbox is the empty name.
    pub(crate) fn lie_in(&self, folder: &str) -> usize {
        let home = self.path("mailbox").join(folder);
        let count = |part: &str| fs::read_dir(home.join(part)).map_or(0, Iterator::count);
        count("cur") + count("new")
    }
}

/// A running service.
pub(crate) struct Serving {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Serving {
    /// Starts it; what it says on standard error is its log.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(String::new()));
        let kept = log.clone();
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
                kept.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        Self { child, log, reader: Some(reader) }
    }

    /// What it said so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until a line of the log holds all of these texts; the line.
    pub(crate) fn says(&self, texts: &[&str]) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            let mut lines = log.lines();
            if let Some(line) = lines.find(|line| texts.iter().all(|text| line.contains(text))) {
                return line.to_owned();
            }
            assert!(Instant::now() < end, "no line with {texts:?} in:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Where it serves its pages.
    pub(crate) fn address(&self) -> SocketAddr {
        let line = self.says(&["serving health and metrics"]);
        let at = line.find("127.0.0.1:").unwrap();
        line[at..].trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
    }

    /// What it answers to a GET: the status, the header and the body.
    pub(crate) fn get(&self, path: &str, header: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{header}\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_lowercase(), body.to_owned())
    }

    /// What `/readyz` answers, once it has this status and `found` finds what it looks for in it.
    pub(crate) fn readiness(&self, status: u16, found: impl Fn(&Value) -> bool) -> Value {
        wait_for(&format!("/readyz with {status}"), PATIENCE, || {
            let (is, _, body) = self.get("/readyz", "");
            let readiness: Value = serde_json::from_str(&body).unwrap();
            (is == status && found(&readiness)).then_some(readiness)
        })
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end: how it ended, and all that it said.
    pub(crate) fn end(mut self) -> (ExitStatus, String) {
        let ended = wait_for("the service's end", PATIENCE, || self.child.try_wait().unwrap());
        self.reader.take().unwrap().join().unwrap();
        (ended, self.log())
    }

    /// Asks it to stop, and sees that it ends well; all that it said.
    pub(crate) fn stop(self) -> String {
        self.signal(Signal::TERM);
        let (ended, log) = self.end();
        assert!(ended.success(), "{ended}: {log}");
        log
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It has ended already, if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A mail.
pub(crate) fn mail(id: &str, from: &str, subject: &str, body: &str) -> String {
    format!(
        "From: {from}\r\nTo: support@callwise.example\r\nSubject: {subject}\r\n\
         Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@test.example>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\n"
    )
}
