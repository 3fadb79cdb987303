//! A Cyrus IMAP server with one user, `alice`, whose password is `secret`.
//!
//! Its own master runs it, with its default paths inside the private root; the password lies in a
//! sasldb. It is strict about what it is sent, and has MOVE, UIDPLUS, LITERAL+ and QRESYNC.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;

use super::plain_imap::{ImapServer, PASSWORD, USER};
use super::unpacked::{Root, Running, free_port, greets};

const OWN: [&str; 2] = ["run", "var"];

const IMAPD_CONF: &str = "\
configdirectory: /var/lib/cyrus
defaultpartition: default
partition-default: /var/spool/cyrus
cyrus_user: cyrus
cyrus_group: mail
servername: localhost
allowplaintext: yes
altnamespace: yes
unixhierarchysep: yes
autocreate_quota: 0
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: /etc/sasldb2
sasl_mech_list: PLAIN
";

/// The server. It stops when this is dropped.
pub(crate) struct Cyrus {
    /// Where it listens on the loopback address, without TLS.
    pub(crate) port: u16,
    // Dropped in this order: the process before its log and its folder.
    _master: Running,
    _syslog: Syslog,
    _root: Root,
}

impl Cyrus {
    /// Starts it.
    pub(crate) fn start() -> Self {
        let port = free_port();
        let root = configured(port);
        let syslog = Syslog::listen(&root);
        let mut master = root.command("/usr/lib/cyrus/bin/master");
        let master = root.start(&mut master, || greets(port));
        Self { port, _master: master, _syslog: syslog, _root: root }
    }
}

impl ImapServer for Cyrus {
    fn port(&self) -> u16 {
        self.port
    }
}

/// A copy of the server with the user's password in it. The inbox comes with the first login.
fn configured(port: u16) -> Root {
    let root = Root::new("cyrus", &OWN);
    for inside in ["run/cyrus", "var/lib/cyrus/socket", "var/spool/cyrus", "usr/share/zoneinfo"] {
        fs::create_dir_all(root.path(inside)).unwrap();
    }
    let (uid, gid) = (root.uid, root.gid);
    root.write("etc/passwd", &format!("cyrus:x:{uid}:{gid}::/var/lib/cyrus:/bin/false\n"));
    root.write("etc/imapd.conf", IMAPD_CONF);
    root.write(
        "etc/cyrus.conf",
        &format!(
            "START {{\n  recover cmd=\"ctl_cyrusdb -r\"\n  idled cmd=\"idled\"\n}}\n\
             SERVICES {{\n  imap cmd=\"imapd\" listen=\"127.0.0.1:{port}\" proto=tcp4\n}}\n\
             EVENTS {{\n}}\n"
        ),
    );
    // Every program of Cyrus' ends at once if there is no time zone at all to be known of.
    root.write("usr/share/zoneinfo/zone.tab", "GB\t+513030-0000731\tEurope/London\n");
    root.hand_over(&OWN);

    let mut saslpasswd = root.command("/usr/sbin/saslpasswd2");
    saslpasswd.args(["-p", "-c", "-f", "/etc/sasldb2", "-u", "localhost", USER]);
    let mut saslpasswd = saslpasswd.stdin(Stdio::piped()).spawn().unwrap();
    saslpasswd.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    assert!(saslpasswd.wait().unwrap().success(), "saslpasswd2 failed");
    root
}

/// Cyrus says what ails it to syslog only: this is where it finds one, which writes to the log of
/// the private root.
struct Syslog(PathBuf);

impl Syslog {
    fn listen(root: &Root) -> Self {
        let path = root.path("dev/log");
        let socket = UnixDatagram::bind(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(root.uid), Some(root.gid)).unwrap();
        let mut log = fs::File::options().create(true).append(true).open(root.path("log")).unwrap();
        thread::spawn(move || {
            let mut message = vec![0; 8192];
            while let Ok(length @ 1..) = socket.recv(&mut message) {
                log.write_all(&message[..length]).unwrap();
                log.write_all(b"\n").unwrap();
            }
        });
        Self(path)
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        // The empty message ends the thread.
        UnixDatagram::unbound().and_then(|end| end.send_to(b"", &self.0)).ok();
    }
}
