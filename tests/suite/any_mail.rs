//! What holds for any bytes: random ones, and mails that were damaged on their way.

use postroom::mail::parse::parse;
use postroom::mail::{Mail, Oddity, Text};
use proptest::prelude::*;

const MAIL: &str = "From: Ann <ann@example.com>\r\nTo: support@example.org\r\nSubject: =?utf-8?Q?gr=C3=BC=C3=9Fe?=\r\n\
    Message-ID: <1@example.com>\r\nDate: Mon, 3 Nov 2025 10:00:00 +0000\r\n\
    Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n--b\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\r\nMy calls do not connect.\r\n\r\nThanks,\r\nAnn\r\n\r\n\
    On Mon, 3 Nov 2025, Bob wrote:\r\n> Hello\r\n--b\r\n\
    Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
    <p style=3D\"display:none\">x</p>&uuml;<blockquote>Hello</blockquote>\r\n--b--\r\n";

fn read(raw: &[u8]) -> Mail {
    let mail = parse(raw, raw.len() as u64);
    assert_eq!(mail, parse(raw, raw.len() as u64), "read twice");
    let Text { body, parts } = &mail.text;
    assert!(body.len() <= Text::LIMIT);
    let ends: Vec<usize> = parts.iter().map(|part| part.range.end).collect();
    let starts: Vec<usize> = parts.iter().map(|part| part.range.start).collect();
    assert_eq!(starts.first().copied().unwrap_or(0), 0);
    assert_eq!(starts.get(1..).unwrap_or_default(), &ends[..ends.len().saturating_sub(1)]);
    assert_eq!(ends.last().copied().unwrap_or(0), body.len());
    assert!(ends.iter().all(|end| body.is_char_boundary(*end)));
    mail
}

/// A mail with lines doubled or dropped, bytes changed, and its end cut off.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let line = (any::<prop::sample::Index>(), any::<bool>());
    let byte = (any::<prop::sample::Index>(), any::<u8>());
    let (lines, bytes) = (prop::collection::vec(line, 0..6), prop::collection::vec(byte, 0..8));
    (lines, bytes, any::<prop::sample::Index>(), any::<bool>()).prop_map(
        |(lines, bytes, end, cut)| {
            let mut all: Vec<&str> = MAIL.split_inclusive('\n').collect();
            for (at, double) in lines {
                let at = at.index(all.len());
                if double {
                    all.insert(at, all[at]);
                } else {
                    all.remove(at);
                }
            }
            let mut raw = all.concat().into_bytes();
            for (at, byte) in bytes {
                let at = at.index(raw.len());
                raw[at] = byte;
            }
            if cut {
                raw.truncate(end.index(raw.len()));
            }
            raw
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_are_a_mail(raw in prop::collection::vec(any::<u8>(), 0..2_000)) {
        read(&raw);
    }

    #[test]
    fn a_damaged_mail_is_a_mail(raw in damaged()) {
        let mail = read(&raw);
        // Trace fields are put on top by every server on the way.
        let mut traced = b"Received: from a by b\r\nDelivered-To: other@example.org\r\n".to_vec();
        traced.extend_from_slice(&raw);
        let is_known = mail.message_id.is_some() || mail.sender.is_some() || !mail.oddities.contains(&Oddity::NoDate);
        if is_known && !raw[0].is_ascii_whitespace() {
            prop_assert_eq!(mail.key, read(&traced).key);
        }
    }

    #[test]
    fn a_beginning_has_the_key_of_the_whole(more in 0_usize..200_000, kept in 0_usize..100_000) {
        let mut raw = MAIL.as_bytes().to_vec();
        let header = MAIL.find("\r\n\r\n").unwrap() + 4;
        raw.resize(raw.len() + more, b'x');
        let part = &raw[..raw.len().min(header + 64 * 1024 + kept)];
        prop_assert_eq!(parse(part, raw.len() as u64).key, read(&raw).key);
    }
}
