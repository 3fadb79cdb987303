//! Quoted-printable (RFC 2045 §6.7), line by line.
//!
//! mail-parser looks at every byte in turn; here lines and escapes are found with vector
//! instructions. It knows nothing of what is broken: that is left to mail-parser.

use memchr::memchr;

/// Decodes a body; `None` if anything in it is not as it should be. With `cut` the last line ends
/// where a boundary begins, and its end belongs to the boundary.
pub(super) fn decode(body: &[u8], cut: bool) -> Option<Vec<u8>> {
    let has_cr = memchr(b'\r', body).is_some();
    let mut out = Vec::with_capacity(body.len());
    let mut end: &[u8] = b"\n";
    let mut is_soft = false;
    let mut rest = body;
    while !rest.is_empty() {
        let Some(at) = memchr(b'\n', rest) else {
            // Without an end of line nothing is trimmed.
            unescape(rest, has_cr, &mut out)?;
            break;
        };
        let (line, behind) = (rest.get(..at)?, rest.get(at + 1..)?);
        rest = behind;
        let line = match line.strip_suffix(b"\r") {
            Some(line) => {
                end = b"\r\n";
                line
            }
            None => line,
        };
        if let Some(line) = line.strip_suffix(b"=") {
            is_soft = true;
            unescape(line, has_cr, &mut out)?;
        } else {
            is_soft = false;
            unescape(line.trim_ascii_end(), has_cr, &mut out)?;
            out.extend_from_slice(end);
        }
    }
    if cut && !body.is_empty() {
        if is_soft {
            return None;
        }
        out.truncate(out.len() - end.len());
    }
    Some(out)
}

/// Undoes the escapes of a line.
fn unescape(line: &[u8], has_cr: bool, out: &mut Vec<u8>) -> Option<()> {
    if has_cr && memchr(b'\r', line).is_some() {
        return None;
    }
    let mut rest = line;
    while let Some(at) = memchr(b'=', rest) {
        let (plain, escape) = rest.split_at(at);
        out.extend_from_slice(plain);
        let [_, high, low, behind @ ..] = escape else { return None };
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        out.extend(u8::try_from(digit(high)? * 16 + digit(low)?));
        rest = behind;
    }
    out.extend_from_slice(rest);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn escapes_and_line_ends_are_undone() {
        let check = |body: &str, cut: bool, expected: Option<&str>| {
            let decoded = decode(body.as_bytes(), cut);
            let decoded = decoded.map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
            assert_eq!(decoded.as_deref(), expected, "{body:?}");
        };
        check("", true, Some(""));
        check("a=3D=c3=BC \t\nb  ", false, Some("a=\u{fc}\nb  "));
        check("a =\nb=20 \nc\n", true, Some("a b \nc"));
        check("a=\r\nb\r\nc\nd\r\n", true, Some("ab\r\nc\r\nd"));
        for broken in ["a=", "a=\n", "=4", "=zz", "a\rb\n", "a= \nb\n"] {
            check(broken, true, None);
        }
    }
}
