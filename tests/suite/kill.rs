//! `kill -9` at every step between fetch and confirmed delivery, and at any moment: after the
//! restarts every mail is routed exactly once, and a further run does nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::support::courier::Courier;
use crate::support::cyrus::Cyrus;
use crate::support::dovecot::{Dovecot, WITHOUT_MOVE};
use crate::support::plain_imap::{ImapServer, PASSWORD, USER};
use crate::support::wait::wait_for;

/// The steps at which the service can be told to die, in the order in which a mail meets them.
const STEPS: [&str; 9] = [
    "fetched",
    "read",
    "before_commit",
    "committed",
    "claimed",
    "moved",
    "delivered",
    "before_settle",
    "settled",
];
/// Those of a server without MOVE, where `moved` never comes.
const COPY_STEPS: [&str; 3] = ["copied", "expunging", "delivered"];

/// How a round ends.
enum Kill {
    /// At the n-th pass of a step.
    At(&'static str, u32),
    /// This long after the start, wherever it is then.
    After(Duration),
}

/// Mails that come in before each kill: one of each kind, and one more.
const MAILS: u32 = 7;

struct Office<S> {
    server: S,
    folder: tempfile::TempDir,
    mails: u32,
}

impl<S: ImapServer> Office<S> {
    fn open(server: S) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let config = format!(
            r#"
dictionaries = "{project}/dictionaries"

[store]
url = "sqlite:ledger.db"

[directory]
customers = "{project}/fixtures/customers.csv"
people = "{project}/fixtures/people.csv"
own_domains = ["callwise.example"]
last_rung = "technical-support"

[[mailbox]]
name = "support"
host = "127.0.0.1"
port = {port}
tls = "none"
user = "{USER}"
password = "{PASSWORD}"
trust = "ignore"
create_folders = true
"#,
            project = project.display(),
            port = server.port(),
        );
        fs::write(folder.path().join("postroom.toml"), config).unwrap();
        Self { server, folder, mails: 0 }
    }

    /// Puts `count` further mails into INBOX, each with a number of its own.
    fn post(&mut self, count: u32) {
        let mails: Vec<Vec<u8>> =
            (self.mails..self.mails + count).map(|number| mail(number).into_bytes()).collect();
        self.server.append(USER, "INBOX", &mails);
        self.mails += count;
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postroom"));
        command.arg("--config").arg(self.folder.path().join("postroom.toml"));
        command.args(arguments).stderr(Stdio::null()).stdin(Stdio::null());
        command
    }

    /// The service, which logs to a file.
    fn service(&self) -> Command {
        let log = fs::File::options().create(true).append(true).open(self.log()).unwrap();
        let mut service = self.command(&["serve"]);
        service.stdout(Stdio::null()).stderr(log);
        service
    }

    /// What the service says of itself, for whoever looks into a failure.
    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Starts the service, kills it as told; `false` if nothing was left to be killed at.
    fn round(&self, kill: &Kill) -> bool {
        let mut command = self.service();
        if let Kill::At(step, pass) = kill {
            command.env("POSTROOM_KILL_AT", format!("{step}:{pass}"));
        }
        let mut service = command.spawn().unwrap();
        if let Kill::After(time) = kill {
            // The moment is the point here: there is no condition to wait for.
            std::thread::sleep(*time);
            service.kill().unwrap();
            service.wait().unwrap();
            return true;
        }
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            if let Some(status) = service.try_wait().unwrap() {
                let said = std::fs::read_to_string(self.log()).unwrap_or_default();
                assert_eq!(status.signal(), Some(9), "it ended by itself: {status}\n{said}");
                return true;
            }
            if self.settled() {
                // The step may still come while it ends.
                return ended(&mut service).signal() == Some(9);
            }
            assert!(Instant::now() < end, "neither killed nor done");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Serves until all is done, without a kill.
    fn finish(&self) {
        let mut service = self.service().spawn().unwrap();
        let end = Instant::now() + Duration::from_mins(2);
        while !self.settled() {
            if Instant::now() > end {
                service.kill().unwrap();
                service.wait().unwrap();
                panic!("not everything is routed:\n{}", self.last_words());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        stop(&mut service);
    }

    /// What isn't done, and the end of the service's log.
    fn last_words(&self) -> String {
        let tickets = self.tickets();
        let waiting: Vec<&serde_json::Value> = tickets
            .iter()
            .filter(|ticket| !matches!(ticket["progress"].as_str(), Some("stays" | "delivered")))
            .collect();
        let log = fs::read_to_string(self.log()).unwrap();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(80)..].join("\n");
        format!("{} of {} mails, {waiting:#?}\n{end}", tickets.len(), self.mails)
    }

    /// Whether every mail has a ticket and nothing is left to deliver.
    fn settled(&self) -> bool {
        let tickets = self.tickets();
        tickets.len() == self.mails as usize
            && tickets
                .iter()
                .all(|ticket| matches!(ticket["progress"].as_str(), Some("stays" | "delivered")))
    }

    fn tickets(&self) -> Vec<serde_json::Value> {
        let output =
            self.command(&["ledger", "list", "--json", "--limit", "1000000"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Where each mail lies, by its number: every folder that has a copy.
    fn lying(&self) -> BTreeMap<u32, Vec<String>> {
        let mut lying: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for folder in self.server.folders(USER) {
            for raw in self.server.headers(USER, &folder, "X-Number") {
                let number = raw.trim().parse().unwrap();
                lying.entry(number).or_default().push(folder.clone());
            }
        }
        lying
    }

    /// Every mail lies once, where its ticket says.
    fn check(&self) {
        let lying = self.lying();
        assert_eq!(lying.len(), self.mails as usize, "mails on the server");
        let twice: Vec<_> = lying.iter().filter(|(_, folders)| folders.len() != 1).collect();
        assert!(twice.is_empty(), "these lie more than once: {twice:?}");
        let mut by_folder: BTreeMap<String, u32> = BTreeMap::new();
        for folders in lying.values() {
            *by_folder.entry(folders[0].clone()).or_default() += 1;
        }
        let mut by_ledger: BTreeMap<String, u32> = BTreeMap::new();
        for ticket in self.tickets() {
            let decision = &ticket["decision"]["target"];
            let folder = match (decision["decision"].as_str().unwrap(), decision["to"].as_str()) {
                ("team", Some(team)) => format!("Teams/{team}"),
                ("person", Some(person)) => {
                    format!("People/{}", person.split('@').next().unwrap())
                }
                ("filed", _) => "Filed".to_owned(),
                (_, _) => "INBOX".to_owned(),
            };
            *by_ledger.entry(folder).or_default() += 1;
        }
        assert_eq!(by_folder, by_ledger, "the server and the ledger disagree");
        assert!(
            by_folder.len() >= 4,
            "the mails went to too few folders to show much: {by_folder:?}"
        );
    }
}

/// SIGTERM, and the end that follows it.
fn ended(service: &mut Child) -> ExitStatus {
    let id = rustix::process::Pid::from_child(service);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    wait_for("the service's end", Duration::from_secs(30), || service.try_wait().unwrap())
}

fn stop(service: &mut Child) {
    let status = ended(service);
    assert!(status.success(), "a shutdown that is asked for is no failure: {status}");
}

/// A mail of one of six kinds, so that every way out is taken.
fn mail(number: u32) -> String {
    let (from, subject, body) = match number % 6 {
        0 => (
            "ann@stranger.example",
            "My calls are not connecting",
            "Calls drop, the server is down.",
        ),
        1 => (
            "bob@stranger.example",
            "Wrong invoice",
            "The invoice has the wrong VAT, please send a refund.",
        ),
        2 => ("carol@acme.example", "Question", "Can you have a look at our account?"),
        3 => ("dave@stranger.example", "Hello", "I have a question about something else entirely."),
        4 => ("mailer-daemon@stranger.example", "Undelivered Mail", "It could not be delivered."),
        _ => ("erin@globex.example", "Numbers", "We would like more numbers."),
    };
    let auto = if number % 6 == 4 { "Auto-Submitted: auto-replied\r\n" } else { "" };
    format!(
        "From: {from}\r\nTo: support@callwise.example\r\nSubject: {subject}\r\n\
         Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}@kill.example>\r\n\
         X-Number: {number}\r\n{auto}MIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\n{body}\r\nNumber {number}.\r\n"
    )
}

/// Says how many kills there were.
fn survive(server: impl ImapServer, kills: &[Kill]) -> u32 {
    let mut office = Office::open(server);
    let mut kills_done = 0;
    for kill in kills {
        office.post(MAILS);
        let killed = office.round(kill);
        kills_done += u32::from(killed);
        // All may be done before a step comes twice; but every step comes.
        if let Kill::At(step, 1) = kill {
            assert!(killed, "`{step}` never came");
        }
    }
    office.finish();
    office.check();
    let before = (office.tickets(), office.lying());
    office.finish();
    assert_eq!(before, (office.tickets(), office.lying()), "a second run did something");
    kills_done
}

#[test]
fn killed_at_every_step_and_at_any_moment() {
    let mut kills = Vec::new();
    for pass in 1..=2 {
        kills.extend(STEPS.iter().map(|step| Kill::At(step, pass)));
    }
    // From before the first connection to after the last delivery, in steps that share no period
    // with anything in the service.
    kills.extend((0..191).map(|n| Kill::After(Duration::from_millis(20 + n * 37 % 400))));
    assert!(survive(Dovecot::start(""), &kills) >= 200);
}

/// A few kills at each step, and some at any moment.
fn a_few(steps: &[&'static str]) -> Vec<Kill> {
    let mut kills: Vec<Kill> = steps.iter().map(|step| Kill::At(step, 1)).collect();
    kills.extend((0..24).map(|n| Kill::After(Duration::from_millis(60 + n * 37 % 300))));
    kills
}

#[test]
fn killed_between_copy_and_expunge() {
    survive(Dovecot::start(WITHOUT_MOVE), &a_few(&COPY_STEPS));
}

#[test]
fn killed_on_courier_which_has_no_move() {
    survive(Courier::start(), &a_few(&COPY_STEPS));
}

#[test]
fn killed_on_cyrus() {
    survive(Cyrus::start(), &a_few(&STEPS));
}
