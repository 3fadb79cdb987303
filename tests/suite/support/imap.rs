//! Talking plain IMAP to a server under test: filling its folders and looking into them, with
//! nothing of the client that is tested.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use postroom::config::{Access, Folders, ImapSettings, Login, Mailbox, Secret, Tls};
use postroom::seams::SourceId;
use secrecy::SecretString;

/// A plain connection of the test's own.
pub(crate) struct Plain {
    stream: BufReader<TcpStream>,
    tags: u32,
}

impl Plain {
    /// Logs alice in.
    pub(crate) fn login(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("connects");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("timeout");
        stream.set_nodelay(true).expect("nodelay");
        let mut plain = Self { stream: BufReader::new(stream), tags: 0 };
        plain.line();
        plain.run("LOGIN alice secret");
        plain
    }

    /// Runs a command and gives its untagged lines, literals included; fails if it isn't OK.
    pub(crate) fn run(&mut self, command: &str) -> Vec<String> {
        self.tags += 1;
        let tag = format!("T{}", self.tags);
        let out = self.stream.get_mut();
        out.write_all(format!("{tag} {command}\r\n").as_bytes()).expect("sent");
        self.until(&tag)
    }

    /// Appends mails, a thousand answers in flight at most.
    pub(crate) fn append<'a>(&mut self, folder: &str, mails: impl IntoIterator<Item = &'a [u8]>) {
        let mut waiting = Vec::new();
        for mail in mails {
            self.tags += 1;
            let tag = format!("T{}", self.tags);
            // LITERAL+ (RFC 7888): no round trip for each.
            let head = format!("{tag} APPEND \"{folder}\" {{{}+}}\r\n", mail.len());
            let out = self.stream.get_mut();
            out.write_all(&[head.as_bytes(), mail, b"\r\n"].concat()).expect("sent");
            waiting.push(tag);
            if waiting.len() == 100 {
                for tag in std::mem::take(&mut waiting) {
                    self.until(&tag);
                }
            }
        }
        for tag in waiting {
            self.until(&tag);
        }
    }

    /// How many mails a folder holds.
    pub(crate) fn count(&mut self, folder: &str) -> usize {
        // A folder that is open is counted as it was; this makes it as it is.
        self.run("NOOP");
        let lines = self.run(&format!("STATUS \"{folder}\" (MESSAGES)"));
        let text = lines.iter().find_map(|line| line.split_once("MESSAGES ")).expect("a count").1;
        text.trim_end_matches(')').parse().expect("a number")
    }

    /// The flags of all mails in a folder.
    pub(crate) fn flags(&mut self, folder: &str) -> Vec<String> {
        self.run(&format!("EXAMINE \"{folder}\""));
        self.run("FETCH 1:* (FLAGS)").into_iter().filter(|line| line.contains("FETCH")).collect()
    }

    fn until(&mut self, tag: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            match line.strip_prefix(tag) {
                Some(answer) if answer.starts_with(" OK") => return lines,
                Some(answer) => panic!("{tag}{answer}"),
                None => lines.push(line),
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).expect("an answer");
        assert!(!line.is_empty(), "the server closed the connection after {}", self.tags);
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let literal =
            text.rsplit_once('{').and_then(|(_, end)| end.trim_end_matches('}').parse().ok());
        if let (true, Some(length)) = (text.ends_with('}'), literal) {
            let mut bytes = vec![0_u8; length];
            self.stream.read_exact(&mut bytes).expect("a literal");
        }
        text
    }
}

/// A short mail with this number in its subject.
pub(crate) fn mail(number: usize) -> Vec<u8> {
    format!(
        "From: a{number}@example.org\r\nTo: support@example.com\r\nSubject: Mail {number}\r\n\
         Message-ID: <{number}@example.org>\r\n\r\nThis is mail number {number}.\r\n"
    )
    .into_bytes()
}

/// A mail of about this many bytes.
pub(crate) fn large_mail(number: usize, size: usize) -> Vec<u8> {
    let mut mail = mail(number);
    while mail.len() < size {
        mail.extend_from_slice(format!("{:060} {number}\r\n", mail.len()).as_bytes());
    }
    mail
}

/// A mailbox for alice on a server without encryption.
pub(crate) fn mailbox(port: u16) -> (Mailbox, ImapSettings) {
    let settings = ImapSettings {
        host: "127.0.0.1".to_owned(),
        port,
        tls: Tls::None,
        ca_file: None,
        login: Login::Password {
            user: "alice".to_owned(),
            password: Secret::Inline(SecretString::from("secret")),
        },
        timeout: Duration::from_secs(20),
        idle: true,
    };
    let mailbox = Mailbox {
        door: postroom::mail::trust::Door::default(),
        id: SourceId("support".to_owned()),
        inbox: "INBOX".to_owned(),
        access: Access::Imap(settings.clone()),
        folders: Folders::default(),
        create_folders: true,
        fetch_limit: 1024 * 1024,
        poll_every: Duration::from_millis(100),
    };
    (mailbox, settings)
}
