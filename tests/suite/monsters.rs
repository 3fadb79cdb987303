//! Mails that nobody writes but somebody sends: each is read on a small stack, and what comes out
//! keeps its promises.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::thread;

use postroom::mail::parse::{self, MAX_NESTING};
use postroom::mail::{Mail, Oddity, Text, TextPlace};
use postroom::route::Reason;

/// What a thread of the service has.
const STACK: usize = 2 * 1024 * 1024;
const HEADER: &str =
    "From: ann@example.com\r\nMessage-ID: <1@x>\r\nDate: Mon, 3 Nov 2025 10:00:00 +0000\r\n";

fn read(raw: Vec<u8>, size: u64) -> Mail {
    let work = move || parse::parse(&raw, size);
    thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().expect("it panicked")
}

/// What holds for every mail.
fn holds(name: &str, mail: &Mail) {
    let Text { body, parts } = &mail.text;
    assert!(body.len() <= Text::LIMIT, "{name}: {} bytes of text", body.len());
    let mut end = 0;
    for part in parts {
        assert_eq!(part.range.start, end, "{name}: a gap or an overlap");
        assert!(part.range.end > end, "{name}: an empty part");
        assert!(body.is_char_boundary(part.range.end), "{name}: a part ends within a character");
        assert_ne!(part.place, TextPlace::Subject, "{name}: the body holds no subject");
        end = part.range.end;
    }
    assert_eq!(end, body.len(), "{name}: the parts don't cover the text");
    assert!(!mail.subject.contains('\n'), "{name}: a subject of several lines");
    assert!(mail.answers.len() <= 50, "{name}: {} answered mails", mail.answers.len());
}

/// Reads a mail; `oddities` must be among what is found, and it waits for a person or not.
fn check(name: &str, raw: Vec<u8>, oddities: &[Oddity], aside: bool) -> Mail {
    let size = raw.len() as u64;
    let mail = read(raw, size);
    holds(name, &mail);
    let wanted: BTreeSet<Oddity> = oddities.iter().copied().collect();
    assert!(wanted.is_subset(&mail.oddities), "{name}: {:?}", mail.oddities);
    assert_eq!(
        mail.oddities.iter().any(|odd| Reason::not_to_read(*odd).is_some()),
        aside,
        "{name}"
    );
    mail
}

fn plain(fields: &str, body: &str) -> Vec<u8> {
    format!("{HEADER}{fields}\r\n{body}").into_bytes()
}

fn html(body: &str) -> Vec<u8> {
    plain("Content-Type: text/html\r\n", body)
}

fn many(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, n| {
        let _ = write!(all, "{}", line(n));
        all
    })
}

/// Mails within mails, as the body of a field `Content-Type`.
fn mails_within(depth: usize, kind: &str) -> String {
    many(depth, |_| format!("Content-Type: {kind}\r\n\r\n"))
}

fn multiparts_within(depth: usize) -> String {
    many(depth, |n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"))
}

fn quoted_printable(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        let _ = write!(all, "={byte:02X}");
        all
    })
}

fn encoded(encoding: &str, content: &str) -> Vec<u8> {
    let fields =
        format!("Content-Type: message/rfc822\r\nContent-Transfer-Encoding: {encoding}\r\n");
    plain(&fields, content)
}

#[test]
fn nested() {
    use base64::Engine as _;
    let inner = mails_within(5_000, "message/rfc822");
    let base64 = base64::engine::general_purpose::STANDARD.encode(&inner);
    let quoted = quoted_printable(&inner);
    let cases = [
        ("mails within mails", inner.into_bytes()),
        ("with a blank", mails_within(5_000, "message /rfc822").into_bytes()),
        ("with a comment", mails_within(5_000, "(x) message/rfc822").into_bytes()),
        ("on another line", mails_within(5_000, "\r\n message/rfc822").into_bytes()),
        ("in base64", encoded("base64", &base64)),
        ("in quoted-printable", encoded("quoted-printable", &quoted)),
        ("multiparts", multiparts_within(5_000).into_bytes()),
    ];
    for (name, raw) in cases {
        check(name, raw, &[Oddity::NestedTooDeep], true);
    }
    // mail-parser takes all of these for the same name.
    for name in [
        "content-TYPE",
        "Content- Type",
        "Con\ttent-Type",
        "Content -Type",
        ":Content-Type",
        "Content-Type ",
        "Content-Typ e",
    ] {
        for deep in [mails_within(5_000, "message/rfc822"), multiparts_within(20_000)] {
            let deep = deep.replace("Content-Type", name).into_bytes();
            check(name, deep, &[Oddity::NestedTooDeep], true);
        }
        let within = String::from_utf8(encoded("base64", &base64)).unwrap();
        let spelled = within.replace("Content-Transfer-Encoding", "Content-Transfer -Encoding");
        check(
            name,
            spelled.replace("Content-Type", name).into_bytes(),
            &[Oddity::NestedTooDeep],
            true,
        );
    }
    let deep = mails_within(MAX_NESTING, "message/rfc822").into_bytes();
    check("as deep as is read", deep, &[], false);
    check("multiparts as deep as is read", multiparts_within(MAX_NESTING).into_bytes(), &[], false);
}

#[test]
fn large_headers() {
    let segments =
        |count| format!("Content-Type: a/b{}\r\n", many(count, |n| format!(";\r\n x*{n}=y")));
    let cases = [
        ("many segments", plain(&segments(400_000), "")),
        ("segments in a part", {
            let part = segments(20_000);
            let kind = "Content-Type: multipart/mixed; boundary=b\r\n";
            plain(kind, &format!("--b\r\n{part}\r\n"))
        }),
        ("many fields", plain(&many(300_000, |n| format!("X{n}: y\r\n")), "")),
        ("one long field", plain(&format!("X: {}\r\n", "y".repeat(3_000_000)), "")),
        ("many senders", many(100_000, |n| format!("From: a{n}@example.com\r\n")).into_bytes()),
        ("many ids", plain(&format!("References: {}\r\n", " <a@b>".repeat(100_000)), "")),
        ("encoded words", plain(&format!("Subject: {}\r\n", "=?utf-8?Q?a?= ".repeat(80_000)), "")),
        ("no end of header", vec![b'x'; 3_000_000]),
    ];
    for (name, raw) in cases {
        check(name, raw, &[Oddity::HeaderTooLarge], true);
    }
}

#[test]
fn what_people_paste_is_no_structure() {
    let line =
        "{\"headers\":{\"Content-Type\":\"multipart/form-data\"}, \"password\":\"********\"}\n";
    for (name, pasted) in [
        ("logs", line.repeat(1_500)),
        ("rules of stars", format!("{}\n", "*".repeat(70)).repeat(500)),
        ("queries", "SELECT a.*, b.* FROM a WHERE n*2=4\n".repeat(900)),
    ] {
        check(name, plain("", &pasted), &[], false);
    }
}

#[test]
fn headers_just_small_enough() {
    let list = |count, one: &str| one.repeat(count);
    let senders = plain(&format!("From: {}\r\n", list(15_000, "a@example.com, ")), "x");
    check("a list of senders", senders, &[Oddity::SeveralSenders], false);
    let ids = plain(&format!("References: {}\r\n", many(20_000, |n| format!("<{n}@b> "))), "x");
    assert_eq!(check("ids", ids, &[], false).answers[0], "19999@b", "the newest comes first");
    let to = plain(&format!("To: {}\r\n", many(12_000, |n| format!("a{n}@b.example, "))), "x");
    assert!(check("recipients", to, &[], false).recipients.len() >= 100);
    for (name, open) in [("comments", "("), ("quotes", "\""), ("brackets", "<"), ("words", "=?")] {
        for field in ["From", "To", "Subject", "Date", "References", "Content-Type", "List-Id"] {
            let raw = format!("{field}: {}\r\n\r\nx", list(100_000, open));
            check(&format!("unclosed {name} in {field}"), raw.into_bytes(), &[], false);
        }
    }
}

#[test]
fn pages() {
    let deep = |tag: &str| format!("{}word{}", tag.repeat(100_000), "</x>".repeat(100_000));
    let classes = format!(
        "<style>.x{{display:none}}</style><{} class='{}'>x",
        "a".repeat(900_000),
        "a ".repeat(450_000)
    );
    let cases = [
        ("classes of a long name", html(&classes), vec![Oddity::HtmlOnly]),
        ("nested div", html(&deep("<div>")), vec![Oddity::HtmlOnly]),
        ("nested quotes", html(&deep("<blockquote>")), vec![Oddity::HtmlOnly]),
        ("hidden", html(&deep("<p hidden>x</i>")), vec![Oddity::HiddenText]),
        ("10 MB of text", html(&"word ".repeat(2_000_000)), vec![Oddity::TextCut]),
        ("10 MB of tags", html(&"<i></x>".repeat(1_500_000)), vec![Oddity::TextCut]),
        ("quotes", html(&"<blockquote>x</blockquote>y".repeat(100_000)), vec![Oddity::TextCut]),
        ("attributes", html(&format!("<p {}>x", "a b=c ".repeat(100_000))), vec![Oddity::HtmlOnly]),
        ("unclosed tag", html(&"<".repeat(1_000_000)), vec![]),
        ("comments", html(&"<!--".repeat(500_000)), vec![Oddity::NoText]),
    ];
    for (name, raw, oddities) in cases {
        check(name, raw, &oddities, false);
    }
}

#[test]
fn long_texts() {
    let cut = vec![Oddity::TextCut];
    let attached = "--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n".repeat(100_000);
    let mixed = "Content-Type: multipart/mixed; boundary=b\r\n";
    let encoded = "--b\r\nContent-Transfer-Encoding: base64\r\n\r\n!\r\n".repeat(100_000);
    let cases = [
        ("one line", plain("", &"x".repeat(5_000_000)), cut.clone()),
        ("one line of wide letters", plain("", &"ü".repeat(2_000_000)), cut.clone()),
        ("quoted lines", plain("", &"> > > x\r\n".repeat(100_000)), cut.clone()),
        ("attributions", plain("", &"On 1 May A wrote:\r\n".repeat(100_000)), cut.clone()),
        ("label lines", plain("", &"From: a\r\n\r\n".repeat(100_000)), cut.clone()),
        ("blank lines", plain("", &"\r\n".repeat(100_000)), vec![Oddity::NoText]),
        ("attachments", plain(mixed, &attached), vec![Oddity::NoText, Oddity::BrokenMime]),
        ("broken base64", plain(mixed, &encoded), vec![]),
        ("boundaries", plain(mixed, &"--b\r\n".repeat(100_000)), vec![]),
        ("ends", plain(mixed, &"--b--\r\n".repeat(100_000)), vec![]),
        ("NULs", vec![0; 1_000], vec![Oddity::NulBytes, Oddity::NoHeader]),
        ("nothing", vec![], vec![Oddity::Empty, Oddity::NoHeader]),
    ];
    for (name, raw, oddities) in cases {
        check(name, raw, &oddities, false);
    }
}

#[test]
fn every_single_byte() {
    for byte in 0..=u8::MAX {
        check(&format!("byte {byte}"), vec![byte], &[Oddity::NoSender], false);
    }
}

#[test]
fn a_part_has_the_key_of_the_whole() {
    let attachment = "QUJD".repeat(15 * 1024 * 1024);
    let whole = plain(
        "Content-Type: multipart/mixed; boundary=b\r\n",
        &format!(
            "--b\r\n\r\nMy calls do not connect.\r\n--b\r\nContent-Type: application/zip\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{attachment}\r\n--b--\r\n"
        ),
    );
    let size = whole.len() as u64;
    let part = read(whole[..256 * 1024].to_vec(), size);
    let whole = read(whole, size);
    holds("a part", &part);
    holds("the whole", &whole);
    assert!(part.oddities.contains(&Oddity::FetchedInPart));
    assert!(!whole.oddities.contains(&Oddity::FetchedInPart));
    assert_eq!((part.key, part.size), (whole.key, size));
    assert_eq!(part.text.body.trim(), "My calls do not connect.");
}
