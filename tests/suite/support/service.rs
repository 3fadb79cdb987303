//! `postroom` as a process of its own: a folder with its configuration and ledger, the service
//! started and stopped in it, and what it says of itself over HTTP and on its command line.
//!
//! It knows nothing of any mail server but the port.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use super::plain_imap::{PASSWORD, USER};
use super::unpacked::free_port;
use super::wait::wait_for;

/// Whatever the service does in a test, it does within this time.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder from which the service runs.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    web: u16,
}

/// A running service. It is killed if it is dropped before it was stopped.
pub(crate) struct Service(Child);

impl Home {
    /// A folder whose configuration ends in these `[[mailbox]]` sections.
    pub(crate) fn new(mailboxes: &str) -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap(), web: free_port() };
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).display();
        let config = format!(
            "dictionaries = \"{project}/dictionaries\"\n\
             [store]\nurl = \"sqlite:ledger.db\"\n\
             [web]\nlisten = \"127.0.0.1:{}\"\n\
             [directory]\ncustomers = \"{project}/fixtures/customers.csv\"\n\
             people = \"{project}/fixtures/people.csv\"\n\
             own_domains = [\"callwise.example\"]\nlast_rung = \"technical-support\"\n\
             {mailboxes}",
            home.web
        );
        fs::write(home.path("postroom.toml"), config).unwrap();
        home
    }

    /// Where a file of the folder lies.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the service and waits until it answers.
    pub(crate) fn serve(&self) -> Service {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = self.command(&["serve"]);
        let service = Service(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        self.wait("an answer to /healthz", || TcpStream::connect(self.web()).is_ok());
        service
    }

    /// Waits for a condition; shows the service's log if it doesn't come.
    pub(crate) fn wait(&self, what: &str, condition: impl Fn() -> bool) {
        let end = std::time::Instant::now() + PATIENCE;
        while !condition() {
            assert!(
                std::time::Instant::now() < end,
                "{what}: not within {PATIENCE:?}; the log:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What the service logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// Runs `postroom` to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Every ticket, oldest first.
    pub(crate) fn tickets(&self) -> Vec<serde_json::Value> {
        let output = self.run(&["ledger", "list", "--json", "--limit", "1000000"]);
        let text = String::from_utf8(output.stdout).unwrap();
        let mut tickets: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        tickets.reverse();
        tickets
    }

    /// Waits until there are `count` tickets and each is delivered or stays where it is.
    pub(crate) fn settled(&self, count: usize) -> Vec<serde_json::Value> {
        let done = |ticket: &serde_json::Value| {
            matches!(ticket["progress"].as_str(), Some("stays" | "delivered"))
        };
        self.wait(&format!("{count} mails routed"), || {
            let tickets = self.tickets();
            tickets.len() == count && tickets.iter().all(done)
        });
        self.tickets()
    }

    /// The status and body that the service answers to a GET.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.web()).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// The value of a metric, given with its labels; 0 while there is none.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").1;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    fn web(&self) -> (Ipv4Addr, u16) {
        (Ipv4Addr::LOCALHOST, self.web)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.arg("--config").arg(self.path("postroom.toml")).args(arguments);
        command.stdin(Stdio::null());
        command
    }
}

impl Service {
    /// The most memory that it has held so far, in KiB.
    pub(crate) fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// SIGTERM, and the end that follows it.
    pub(crate) fn stop(mut self) {
        let id = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        let status = wait_for("the service's end", PATIENCE, || self.0.try_wait().unwrap());
        assert!(status.success(), "a shutdown that is asked for is no failure: {status}");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // One that was stopped is gone already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A `[[mailbox]]` for alice on a server without encryption; `extra` are further lines, with
/// which any of its keys but the name can be given anew, the password also as a file.
pub(crate) fn mailbox(name: &str, port: u16, extra: &str) -> String {
    let given = |key: &str| extra.lines().any(|line| line.starts_with(key));
    let usual = [
        ("host", "\"127.0.0.1\"".to_owned()),
        ("port", port.to_string()),
        ("tls", "\"none\"".to_owned()),
        ("user", format!("\"{USER}\"")),
        ("password", format!("\"{PASSWORD}\"")),
        ("poll_every", "\"1s\"".to_owned()),
        ("trust", "\"ignore\"".to_owned()),
    ];
    let lines: Vec<String> = usual
        .iter()
        .filter(|(key, _)| !given(key))
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect();
    let lines = lines.concat();
    format!("\n[[mailbox]]\nname = \"{name}\"\n{lines}{extra}\n")
}

/// A loopback port at which connections are refused.
pub(crate) fn nobody_listens() -> u16 {
    free_port()
}
