//! Servers that can't be installed beside one another, run from their unpacked packages.
//!
//! `tests/servers.sh` unpacks each into a folder that is complete down to libc. A test gets a copy
//! of it for itself and runs the server's programs there by `chroot`, so that the paths compiled
//! into them lead to the test's own files, as an ordinary user. Root calls `chroot`; anybody else
//! becomes able to by `unshare --user`. It knows nothing of any one server.

use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getegid, geteuid, kill_process_group};
use tempfile::TempDir;

/// Who the servers run as when the tests run as root: a number that nobody has.
const NOBODYS_ID: u32 = 61_143;

/// A server that needs longer to start will not start.
const PATIENCE: Duration = Duration::from_secs(30);

/// One test's own copy of an unpacked server. It goes when this is dropped.
pub(crate) struct Root {
    folder: TempDir,
    /// The user that the server's programs run as.
    pub(crate) uid: u32,
    /// Their group.
    pub(crate) gid: u32,
}

impl Root {
    /// Copies the server `name`, and makes the folders `own` in the copy, which belong to the user
    /// that the server runs as.
    pub(crate) fn new(name: &str, own: &[&str]) -> Self {
        let way_out = "run `export POSTROOM_SERVERS=\"$(tests/servers.sh)\"` first";
        let servers = std::env::var_os("POSTROOM_SERVERS")
            .unwrap_or_else(|| panic!("POSTROOM_SERVERS is not set: {way_out}"));
        let unpacked = Path::new(&servers).join(name);
        assert!(unpacked.is_dir(), "there is no server in `{}`: {way_out}", unpacked.display());

        let folder = tempfile::Builder::new().prefix("postroom-").tempdir().unwrap();
        // Hard links cost nothing; another file system, or another owner, makes it a real copy.
        let copied = ["-al", "-af"].iter().any(|how| {
            let mut copy = Command::new("cp");
            copy.arg(how).arg(unpacked.join(".")).arg(folder.path()).stderr(Stdio::null());
            copy.status().unwrap().success()
        });
        assert!(
            copied,
            "`{}` can't be copied to `{}`",
            unpacked.display(),
            folder.path().display()
        );

        let (uid, gid) = if geteuid().is_root() {
            (NOBODYS_ID, NOBODYS_ID)
        } else {
            (geteuid().as_raw(), getegid().as_raw())
        };
        let root = Self { folder, uid, gid };
        for inside in ["dev", "etc", "tmp"].iter().chain(own) {
            fs::create_dir_all(root.path(inside)).unwrap();
        }
        // To write to a file is as good as to write to nothing, and needs no right to make devices.
        root.write("dev/null", "");
        root.write("etc/group", &format!("mail:x:{gid}:\n"));
        root
    }

    /// Where a file of the copy lies.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Writes a file into the copy.
    pub(crate) fn write(&self, inside: &str, text: &str) {
        fs::write(self.path(inside), text).unwrap();
    }

    /// Gives the folders `own`, and what the harness itself made, to the user.
    pub(crate) fn hand_over(&self, own: &[&str]) {
        let mut chown = Command::new("chown");
        chown.arg("-R").arg(format!("{}:{}", self.uid, self.gid));
        chown.args(["dev", "etc", "tmp"].iter().chain(own).map(|inside| self.path(inside)));
        assert!(chown.status().unwrap().success(), "the server's folders can't be handed over");
        std::os::unix::fs::chown(self.folder.path(), Some(self.uid), Some(self.gid)).unwrap();
    }

    /// A program of the copy, given by its path there, with an empty environment, as the user.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = if geteuid().is_root() {
            let mut chroot = Command::new("chroot");
            chroot.arg(format!("--userspec={}:{}", self.uid, self.gid)).arg("--groups=");
            chroot.arg(self.folder.path());
            chroot
        } else {
            let mut unshare = Command::new("unshare");
            unshare.args(["--user", "--map-current-user", "--root"]).arg(self.folder.path());
            unshare
        };
        command.arg(program).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a program of the copy to its end.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.command(program).args(arguments).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`{program}` {}: {complaint}", output.status);
    }

    /// Starts a server of the copy and waits until it is `ready`. What it prints is kept in a file
    /// and shown if it doesn't get there.
    pub(crate) fn start(&self, command: &mut Command, ready: impl Fn() -> bool) -> Running {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        // A group of its own: Cyrus' master signals its whole group when it ends.
        let mut running = Running(command.process_group(0).spawn().unwrap());
        let deadline = Instant::now() + PATIENCE;
        while !ready() {
            let ended = running.0.try_wait().unwrap();
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read(self.path("log")).unwrap();
                let log = String::from_utf8_lossy(&log);
                panic!("the server did not start ({ended:?}): {command:?}\n{log}");
            }
            thread::sleep(Duration::from_millis(5));
        }
        running
    }
}

/// A server that was started. It, and all that it started, ends when this is dropped.
pub(crate) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Its folder goes with it, so there is nothing for it to put in order. A group that is
        // gone already is as it should be.
        kill_process_group(Pid::from_child(&self.0), Signal::KILL).ok();
        self.0.wait().ok();
    }
}

/// A loopback port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Whether an IMAP server greets at this port.
pub(crate) fn greets(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).is_ok() && &greeting == b"* OK"
}
