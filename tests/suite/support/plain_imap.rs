//! A small blocking IMAP client, for tests to fill a server and to look at what lies in it.
//!
//! It is written apart from the one under test, so that both can't be wrong in the same way. It
//! knows no server by name: what they do differently it takes from what they announce. Folders are
//! named as Postroom's configuration does, with `/` between levels and without the prefix that some
//! servers put in front of all but the inbox. Whatever goes wrong is a panic with the server's own
//! words.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// The user that every test server has.
pub(crate) const USER: &str = "alice";

/// Everybody's password there.
pub(crate) const PASSWORD: &str = "secret";

/// A server that is silent for so long is not coming back.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many mails go into one APPEND, where a server takes several.
const TOGETHER: usize = 100;

/// A test server, whose users all have the password [`PASSWORD`].
pub(crate) trait ImapServer {
    /// Where it listens on the loopback address, without TLS.
    fn port(&self) -> u16;

    /// A connection of `user`'s.
    fn imap(&self, user: &str) -> PlainImap {
        PlainImap::login(self.port(), user, PASSWORD)
    }

    /// Puts mails into a folder, in order; see [`PlainImap::append`].
    fn append(&self, user: &str, folder: &str, mails: &[Vec<u8>]) {
        self.imap(user).append(folder, mails);
    }

    /// The names of all folders; see [`PlainImap::folders`].
    fn folders(&self, user: &str) -> Vec<String> {
        self.imap(user).folders()
    }

    /// A header field of each mail in a folder; see [`PlainImap::headers`].
    fn headers(&self, user: &str, folder: &str, field: &str) -> Vec<String> {
        self.imap(user).headers(folder, field)
    }
}

/// A connection, logged in.
pub(crate) struct PlainImap {
    stream: BufReader<TcpStream>,
    tag: u32,
    capabilities: Vec<String>,
    prefix: String,
    separator: String,
}

/// One response: its text with the literals cut out, and the literals.
#[derive(Debug, Default)]
pub(crate) struct Response {
    /// The line, in which `{n}` stands for each literal.
    pub(crate) text: String,
    /// The literals, in order.
    pub(crate) literals: Vec<Vec<u8>>,
}

impl PlainImap {
    /// Connects to the loopback port, logs in, and asks what the server can do.
    pub(crate) fn login(port: u16, user: &str, password: &str) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        // Many small writes: Nagle's algorithm and delayed ACKs would make each cost 40 ms.
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let stream = BufReader::new(stream);
        let (prefix, separator, capabilities) = (String::new(), "/".to_owned(), Vec::new());
        let mut imap = Self { stream, tag: 0, capabilities, prefix, separator };
        let greeting = imap.read();
        assert!(greeting.text.starts_with("* OK"), "the server greets with `{}`", greeting.text);
        imap.command(&format!("LOGIN {} {}", quoted(user), quoted(password)));
        imap.ask_capabilities();
        imap.ask_namespace();
        imap
    }

    /// What the server announces once one is logged in, in capitals.
    pub(crate) fn capabilities(&self) -> &[String] {
        &self.capabilities
    }

    /// Whether it announces this.
    pub(crate) fn can(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    /// The folder as the server spells it.
    pub(crate) fn spelled(&self, folder: &str) -> String {
        if folder.eq_ignore_ascii_case("INBOX") {
            return folder.to_owned();
        }
        format!("{}{}", self.prefix, folder.replace('/', &self.separator))
    }

    /// The names of all folders that can be opened, sorted.
    pub(crate) fn folders(&mut self) -> Vec<String> {
        let responses = self.command("LIST \"\" \"*\"");
        let lists = responses.iter().filter(|response| response.text.starts_with("* LIST "));
        let closed = ["\\noselect", "\\nonexistent"];
        let mut folders: Vec<_> = lists
            .filter(|list| {
                let attributes = list.text.split(')').next().unwrap().to_ascii_lowercase();
                !closed.iter().any(|closed| attributes.contains(closed))
            })
            .map(|response| {
                let name = last_string(response);
                let name = name.strip_prefix(&self.prefix).unwrap_or(&name);
                name.replace(&self.separator, "/")
            })
            .collect();
        folders.sort();
        folders
    }

    /// Makes a folder.
    pub(crate) fn create(&mut self, folder: &str) {
        self.command(&format!("CREATE {}", quoted(&self.spelled(folder))));
    }

    /// Puts mails into a folder, in order, and makes the folder if it isn't there. Each mail has
    /// the line ends that it is to have on the server: Cyrus takes no bare LF.
    pub(crate) fn append(&mut self, folder: &str, mails: &[Vec<u8>]) {
        if !self.folders().iter().any(|known| known == folder) {
            self.create(folder);
        }
        let folder = quoted(&self.spelled(folder));
        // RFC 3502, RFC 7888: many mails in one command, and nobody waits for a go-ahead.
        let together = self.can("MULTIAPPEND") && self.can("LITERAL+");
        for batch in mails.chunks(if together { TOGETHER } else { 1 }) {
            let plus = if together { "+" } else { "" };
            let mut command = format!("APPEND {folder}").into_bytes();
            for mail in batch {
                command.extend(format!(" {{{}{plus}}}\r\n", mail.len()).bytes());
                command.extend(mail);
            }
            if together {
                let tag = self.send(&command);
                self.answer(&tag, "APPEND");
            } else {
                self.append_one(&command, batch[0].len());
            }
        }
    }

    /// Sends an APPEND whose last `length` bytes wait for the server's go-ahead.
    fn append_one(&mut self, command: &[u8], length: usize) {
        let (head, mail) = command.split_at(command.len() - length);
        let tag = self.send(head.strip_suffix(b"\r\n").unwrap());
        let go_on = self.read();
        assert!(go_on.text.starts_with('+'), "APPEND answers `{}`", go_on.text);
        self.stream.get_mut().write_all(&[mail, b"\r\n"].concat()).unwrap();
        self.answer(&tag, "APPEND");
    }

    /// Opens a folder without changing anything in it; says how many mails it has.
    pub(crate) fn examine(&mut self, folder: &str) -> u32 {
        let responses = self.command(&format!("EXAMINE {}", quoted(&self.spelled(folder))));
        let mut counts = responses.iter().filter_map(|response| {
            response.text.strip_prefix("* ")?.strip_suffix(" EXISTS")?.parse().ok()
        });
        counts.next_back().expect("EXAMINE without EXISTS")
    }

    /// The value of a header field of each mail in a folder, by UID; empty where a mail hasn't got
    /// it. A folder that isn't there has no mails.
    pub(crate) fn headers(&mut self, folder: &str, field: &str) -> Vec<String> {
        let what = format!("BODY.PEEK[HEADER.FIELDS ({field})]");
        let fetched = self.fetch_all(folder, &what).into_values();
        fetched
            .map(|response| {
                let header = response.literals.first().map_or(String::new(), |literal| {
                    String::from_utf8_lossy(literal).replace("\r\n", "")
                });
                header.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
            })
            .collect()
    }

    /// The flags and keywords of each mail in a folder, by UID. `\Recent` is left out: it is about
    /// the connection, not the mail.
    pub(crate) fn flags(&mut self, folder: &str) -> BTreeMap<u32, Vec<String>> {
        let fetched = self.fetch_all(folder, "FLAGS").into_iter();
        fetched
            .map(|(uid, response)| {
                let flags = response.text.split_once("FLAGS (").and_then(|(_, rest)| {
                    rest.split_once(')').map(|(flags, _)| flags.split_whitespace())
                });
                let flags = flags.unwrap_or_else(|| panic!("no flags in `{}`", response.text));
                (uid, flags.filter(|flag| *flag != "\\Recent").map(str::to_owned).collect())
            })
            .collect()
    }

    /// Sends a command and reads what comes until its OK.
    pub(crate) fn command(&mut self, command: &str) -> Vec<Response> {
        let tag = self.send(command.as_bytes());
        self.answer(&tag, command)
    }

    fn ask_capabilities(&mut self) {
        let responses = self.command("CAPABILITY");
        let announced = responses.iter().find_map(|r| r.text.strip_prefix("* CAPABILITY "));
        let announced = announced.expect("CAPABILITY without an answer");
        self.capabilities = announced.split_whitespace().map(str::to_ascii_uppercase).collect();
    }

    /// Where the user's own folders lie (RFC 2342): `* NAMESPACE (("INBOX." ".")) ...`. LIST tells
    /// the separator only, and of an empty account not the prefix.
    fn ask_namespace(&mut self) {
        if !self.can("NAMESPACE") {
            return;
        }
        let responses = self.command("NAMESPACE");
        let own = responses.iter().find_map(|r| r.text.strip_prefix("* NAMESPACE ((")).unwrap();
        let mut strings = own.split('"').skip(1).step_by(2).map(str::to_owned);
        (self.prefix, self.separator) = (strings.next().unwrap(), strings.next().unwrap());
    }

    /// `UID FETCH` of every mail in a folder, by UID.
    fn fetch_all(&mut self, folder: &str, what: &str) -> BTreeMap<u32, Response> {
        let there = self.folders().iter().any(|known| known == folder);
        if !there || self.examine(folder) == 0 {
            return BTreeMap::new();
        }
        let responses = self.command(&format!("UID FETCH 1:* (UID {what})")).into_iter();
        let fetched = responses.filter(|response| response.text.contains(" FETCH ("));
        fetched
            .map(|response| {
                let words = response.text.split(['(', ')', ' ']).skip_while(|word| *word != "UID");
                (
                    words.skip(1).find_map(|uid| uid.parse().ok()).expect("FETCH without UID"),
                    response,
                )
            })
            .collect()
    }

    fn send(&mut self, command: &[u8]) -> String {
        self.tag += 1;
        let tag = format!("t{}", self.tag);
        let line = [tag.as_bytes(), b" ", command, b"\r\n"].concat();
        self.stream.get_mut().write_all(&line).unwrap();
        tag
    }

    /// Reads up to the tagged answer, which must be an OK.
    fn answer(&mut self, tag: &str, command: &str) -> Vec<Response> {
        let mut responses = Vec::new();
        loop {
            let response = self.read();
            if let Some(status) = response.text.strip_prefix(tag).and_then(|r| r.strip_prefix(' '))
            {
                assert!(status.starts_with("OK"), "`{command}` is answered `{status}`");
                return responses;
            }
            responses.push(response);
        }
    }

    fn read(&mut self) -> Response {
        let mut response = Response::default();
        loop {
            let mut line = Vec::new();
            self.stream.read_until(b'\n', &mut line).expect("the server says nothing more");
            assert!(line.ends_with(b"\r\n"), "the server hung up after `{}`", response.text);
            line.truncate(line.len() - 2);
            response.text.push_str(&String::from_utf8_lossy(&line));
            let Some(length) = literal_length(&line) else { return response };
            let mut literal = vec![0; length];
            self.stream.read_exact(&mut literal).expect("the server breaks off in a literal");
            response.literals.push(literal);
        }
    }
}

/// The `n` of a line that ends in `{n}`.
fn literal_length(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line).ok()?;
    line.strip_suffix('}')?.rsplit_once('{')?.1.parse().ok()
}

/// The string at the end of a response: a literal, a quoted string or an atom.
fn last_string(response: &Response) -> String {
    if let Some(literal) = response.literals.last() {
        return String::from_utf8(literal.clone()).unwrap();
    }
    let text = &response.text;
    match text.strip_suffix('"').and_then(|text| text.rsplit_once(" \"")) {
        Some((_, name)) => name.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => text.rsplit_once(' ').unwrap().1.to_owned(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
