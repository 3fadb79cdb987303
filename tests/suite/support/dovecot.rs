//! A real Dovecot in a folder of its own, on free loopback ports, ended when dropped.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::plain_imap::ImapServer;

/// A running Dovecot with the users alice and bob; their password is `secret`.
pub(crate) struct Dovecot {
    folder: tempfile::TempDir,
    child: Child,
    /// Port of plain IMAP, with STARTTLS.
    pub(crate) port: u16,
    /// Port of IMAP over TLS.
    pub(crate) tls_port: u16,
}

/// Makes a server that has no MOVE; see [`Dovecot::start`].
pub(crate) const WITHOUT_MOVE: &str =
    "imap_capability=IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ UIDPLUS NAMESPACE";

impl ImapServer for Dovecot {
    fn port(&self) -> u16 {
        self.port
    }
}

impl Dovecot {
    /// Starts one. `extra` are further lines for its configuration; `$D` in them is its folder.
    pub(crate) fn start(extra: &str) -> Self {
        Self::start_with(extra, &[])
    }

    /// Starts one with further files in its folder.
    pub(crate) fn start_with(extra: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).expect("written");
        }
        let root = folder.path();
        certificate(root);
        let users = "alice:{PLAIN}secret::::::\nbob:{PLAIN}se\"cr\\et ü::::::\n";
        std::fs::write(root.join("users"), users).expect("users");
        let (port, tls_port) = (free_port(), free_port());
        let extra = extra.replace("$D", &root.display().to_string());
        let conf = configuration(root, port, tls_port, &extra);
        std::fs::write(root.join("dovecot.conf"), conf).expect("configuration");
        let (user, group) = owner();
        let owned =
            Command::new("chown").arg("-R").arg(format!("{user}:{group}")).arg(root).status();
        assert!(owned.expect("chown runs").success());
        let child = Command::new("dovecot")
            .arg("-F")
            .arg("-c")
            .arg(root.join("dovecot.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("dovecot runs: apt-get install -y --no-install-recommends dovecot-imapd");
        let dovecot = Self { folder, child, port, tls_port };
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "dovecot doesn't listen: {}", dovecot.log());
            std::thread::yield_now();
        }
        dovecot
    }

    /// The certificate of the authority that signed its own.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A place for files of the test's.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs doveadm.
    pub(crate) fn doveadm(&self, arguments: &[&str]) -> String {
        let output = Command::new("doveadm")
            .arg("-c")
            .arg(self.folder.path().join("dovecot.conf"))
            .args(arguments)
            .output()
            .expect("doveadm runs");
        assert!(output.status.success(), "doveadm {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Renumbers a folder of alice's.
    pub(crate) fn renumber(&self, folder: &str, epoch: u32) {
        let epoch = epoch.to_string();
        self.doveadm(&["mailbox", "update", "-u", "alice", "--uid-validity", &epoch, folder]);
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").arg(pid).status();
        let _ = self.child.wait();
    }
}

/// Who the server runs as: ourselves, but never root, as which Dovecot's login refuses to run.
fn owner() -> (String, String) {
    let id = |flag: &str| {
        let output = Command::new("id").arg(flag).output().expect("id runs").stdout;
        String::from_utf8_lossy(&output).trim().to_owned()
    };
    match id("-un").as_str() {
        "root" => ("nobody".to_owned(), "nogroup".to_owned()),
        _ => (id("-un"), id("-gn")),
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

fn certificate(root: &Path) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(root)
            .output()
            .expect("openssl runs: apt-get install openssl");
        assert!(output.status.success(), "openssl {arguments}: {output:?}");
    };
    std::fs::write(root.join("san"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").expect("san");
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem",
    );
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout key.pem -out csr.pem",
    );
    openssl(
        "x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile san -out cert.pem",
    );
}

fn configuration(root: &Path, port: u16, tls_port: u16, extra: &str) -> String {
    let d = root.display();
    let (user, group) = owner();
    let mut text = format!(
        "base_dir={d}/run\nstate_dir={d}/state\nprotocols=imap\nlisten=127.0.0.1\nlog_path={d}/log\n\
         ssl=yes\nssl_cert=<{d}/cert.pem\nssl_key=<{d}/key.pem\ndisable_plaintext_auth=no\n\
         default_internal_user={user}\ndefault_login_user={user}\ndefault_internal_group={group}\n\
         first_valid_uid=0\nfirst_valid_gid=0\nmail_uid={user}\nmail_gid={group}\n\
         mail_location=sdbox:{d}/mail/%u\nmail_max_userip_connections=200\nmail_fsync=never\nauth_failure_delay=0\n\
         service anvil {{\n  chroot=\n}}\nservice stats {{\n  chroot=\n}}\n"
    );
    let _ = write!(
        text,
        "service imap-login {{\n  chroot=\n  inet_listener imap {{\n    address=127.0.0.1\n    port={port}\n  }}\n  \
         inet_listener imaps {{\n    address=127.0.0.1\n    port={tls_port}\n    ssl=yes\n  }}\n}}\n\
         userdb {{\n  driver=passwd-file\n  args={d}/users\n}}\n\
         passdb {{\n  driver=passwd-file\n  args=scheme=PLAIN {d}/users\n}}\n\
         namespace inbox {{\n  inbox=yes\n  separator=/\n}}\n{extra}\n"
    );
    text
}
