//! A real PostgreSQL 15 on a free loopback port, in a temporary folder.
//!
//! A shell stands guard over it: when the pipe that it reads from closes, because the server was
//! dropped or because this process ended in whatever way, it stops the server and removes the
//! folder.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const BIN: &str = "/usr/lib/postgresql/15/bin";

/// Starts the server at each line, stops it at the end of its input.
const GUARD: &str = r#"
dir=$1; shift; pid=
while read -r _; do "$@" </dev/null >>"$dir/log" 2>&1 & pid=$!; done
kill -INT "$pid"; wait "$pid"; rm -rf "$dir"
"#;

/// A running server.
pub(crate) struct Server {
    guard: Child,
    starts: Option<ChildStdin>,
    dir: PathBuf,
    port: u16,
}

impl Server {
    /// The server that all tests of this process share; each has its own database in it.
    pub(crate) fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| Self::start("off"))
    }

    /// Starts a server. Without `fsync` it is faster, and would not survive a power cut.
    pub(crate) fn start(fsync: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("postroom-pg-").tempdir().unwrap().keep();
        let data = dir.join("data");
        let user = unprivileged();
        if let Some((uid, gid)) = user {
            chown(&dir, Some(uid), Some(gid)).unwrap();
        }
        let made = as_user(user, "initdb")
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N", "-D"])
            .arg(&data)
            .current_dir(&dir)
            .output()
            .expect("PostgreSQL 15 is needed: `apt-get install postgresql-15`");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = as_user(user, "postgres");
        let mut guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&dir)
            .arg(server.get_program())
            .args(server.get_args())
            .arg("-D")
            .arg(&data)
            .args(["-p", &port.to_string(), "-k", "", "-c", "listen_addresses=127.0.0.1"])
            .args(["-c", &format!("fsync={fsync}"), "-c", "max_connections=200"])
            .current_dir(&dir)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut server = Self { starts: guard.stdin.take(), guard, dir, port };
        server.go();
        server
    }

    /// The URL of a database in it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes a new database; its URL.
    pub(crate) fn database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let made = Command::new(Path::new(BIN).join("createdb"))
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", &name])
            .output()
            .unwrap();
        assert!(made.status.success(), "createdb: {}", String::from_utf8_lossy(&made.stderr));
        self.url(&name)
    }

    /// Ends the server as a crash does, and waits until it is gone.
    pub(crate) fn crash(&self) {
        let text = fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap();
        let pid = text.lines().next().and_then(|line| line.parse().ok()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::QUIT).unwrap();
        self.wait_until(false);
    }

    /// Starts the server (again), and waits until it answers.
    pub(crate) fn go(&mut self) {
        self.starts.as_mut().unwrap().write_all(b"\n").unwrap();
        self.wait_until(true);
    }

    fn wait_until(&self, ready: bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let asked = Command::new(Path::new(BIN).join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status()
                .unwrap();
            if asked.success() == ready {
                return;
            }
            let log = || fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "PostgreSQL is not ready={ready}: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.starts.take());
        let _ = self.guard.wait();
    }
}

/// PostgreSQL refuses to run as root: the user to run as instead, if we are root.
fn unprivileged() -> Option<(u32, u32)> {
    let root = fs::metadata("/proc/self").unwrap().uid() == 0;
    root.then(|| {
        let id = |flag| {
            let output = Command::new("id").args([flag, "postgres"]).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            text.trim().parse().expect("a user `postgres`: `apt-get install postgresql-15`")
        };
        (id("-u"), id("-g"))
    })
}

/// A program of PostgreSQL's, as that user.
fn as_user(user: Option<(u32, u32)>, program: &str) -> Command {
    let program = Path::new(BIN).join(program);
    let Some((uid, gid)) = user else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={uid}"))
        .arg(format!("--regid={gid}"))
        .arg("--clear-groups")
        .arg(program);
    command
}
