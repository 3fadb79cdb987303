//! A Courier IMAP server with one user, `alice`, whose password is `secret`.
//!
//! It has neither MOVE nor LITERAL+ nor CONDSTORE, keeps every folder below `INBOX.`, and has a
//! real LOGIN: authdaemond looks the user up in a userdb, at its compiled-in socket inside the
//! private root.

use std::fs;

use super::plain_imap::{ImapServer, USER};
use super::unpacked::{Root, Running, free_port, greets};

/// What Debian's configuration has Courier announce.
const CAPABILITY: &str = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT \
                          THREAD=REFERENCES SORT QUOTA IDLE";

/// The base64 of the SHA-1 of the password, which is what the userdb holds.
const PASSWORD_SHA1: &str = "5en6G6MezRroT3XKqkdPOmY/BfQ=";

const OWN: [&str; 2] = ["mail", "run"];

/// The server. It stops when this is dropped.
pub(crate) struct Courier {
    /// Where it listens on the loopback address, without TLS.
    pub(crate) port: u16,
    // Dropped in this order: the processes before their folder.
    _processes: [Running; 3],
    _root: Root,
}

impl Courier {
    /// Starts it.
    pub(crate) fn start() -> Self {
        let root = configured();
        let port = free_port();
        // Without a watcher of its own, each locking of a folder waits a second for one to appear.
        // Watchers of one user share an abstract socket, so that each server names its own.
        let watch = format!("postroom-{}-{port}", std::process::id());
        let listens = || fs::read_to_string("/proc/net/unix").unwrap().contains(&watch);
        let mut gamin = root.command("/usr/libexec/gam_server");
        let gamin = root.start(gamin.args(["--notimeout", &watch]), listens);

        let mut auth = root.command("/usr/lib/courier/courier-authlib/authdaemond");
        let socket = root.path("run/courier/authdaemon/socket");
        let auth = root.start(&mut auth, || socket.exists());

        let mut imap = root.command("/usr/sbin/couriertcpd");
        imap.args(["-address=127.0.0.1", "-maxprocs=200", "-maxperip=200"]);
        imap.args(["-nodnslookup", "-noidentlookup", &port.to_string()]);
        imap.args(["/usr/lib/courier/courier/imaplogin", "/usr/bin/imapd", "Maildir"]);
        imap.env("IMAP_CAPABILITY", CAPABILITY).env("IMAP_KEYWORDS", "1");
        imap.env("IMAP_USELOCKS", "1").env("IMAP_ENHANCEDIDLE", "1").env("GAM_CLIENT_ID", &watch);
        imap.env("IMAP_IDLE_TIMEOUT", "60").env("IMAP_TLS_REQUIRED", "0");
        let imap = root.start(&mut imap, || greets(port));
        Self { port, _processes: [imap, auth, gamin], _root: root }
    }
}

impl ImapServer for Courier {
    fn port(&self) -> u16 {
        self.port
    }
}

/// A copy of the server with the user's account in it.
fn configured() -> Root {
    let root = Root::new("courier", &OWN);
    let (uid, gid) = (root.uid, root.gid);
    for inside in ["etc/courier", "run/courier/authdaemon", &format!("mail/{USER}")] {
        fs::create_dir_all(root.path(inside)).unwrap();
    }
    root.write("etc/passwd", &format!("{USER}:x:{uid}:{gid}::/mail/{USER}:/bin/false\n"));
    root.write(
        "etc/courier/authdaemonrc",
        "authmodulelist=\"authuserdb\"\nauthmodulelistorig=\"authuserdb\"\ndaemons=2\n",
    );
    // A line with a dot ends it.
    root.write(
        "tmp/userdb",
        &format!(
            "{USER}\thome=/mail/{USER}|mail=/mail/{USER}/Maildir|uid={uid}|gid={gid}|\
             imappw={{SHA}}{PASSWORD_SHA1}\n.\n"
        ),
    );
    root.hand_over(&OWN);
    for name in ["userdb", "userdbshadow"] {
        let (unfinished, finished) =
            (format!("/etc/courier/{name}.tmp"), format!("/etc/courier/{name}.dat"));
        let arguments = ["/tmp/userdb", &unfinished, &finished];
        root.run("/usr/lib/courier/courier-authlib/makedatprog", &arguments);
    }
    root.run("/usr/bin/maildirmake.courier", &[&format!("/mail/{USER}/Maildir")]);
    root
}
