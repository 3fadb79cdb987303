//! Single values as people write them: durations, sizes, addresses of servers, folder names.
//!
//! Each function says what is wrong in words; where the value stands is its caller's to know.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use jiff::{SpanRelativeTo, Unit};

/// A duration such as `30s`, `5m` or `90d`; a day has 24 hours.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration: write `30s`, `5m`, `12h` or `90d`");
    // A bare `30` leaves the unit open, and `P90D` is for machines.
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong());
    }
    let span: jiff::Span = text.parse().map_err(|_| wrong())?;
    if span.get_months() != 0 || span.get_years() != 0 {
        return Err(format!("`{text}`: months and years differ in length: write days, as `90d`"));
    }
    let seconds = span
        .total((Unit::Millisecond, SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| wrong())?;
    if seconds < 1.0 {
        return Err(format!("`{text}` is no time at all: write at least `1ms`"));
    }
    Ok(Duration::from_secs_f64(seconds / 1000.0))
}

/// A size such as `512KiB`, `1MiB` or `20MB`; a bare number is bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size: write `512KiB`, `1MiB` or a number of bytes");
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits).ok_or_else(wrong)?;
    let factor = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)
}

/// Where to listen: an address with a port.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("`{text}` is not an address with a port: write `127.0.0.1:8088`");
    let port = text.strip_prefix("localhost:");
    match port {
        Some(port) => {
            port.parse().map(|port| SocketAddr::from(([127, 0, 0, 1], port))).map_err(|_| wrong())
        }
        None => text.parse().map_err(|_| wrong()),
    }
}

/// Whether a host is this machine, so that nobody listens on the way.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The address of a web service: encrypted, or on this machine.
pub(super) fn web_address(url: &str) -> Result<(), String> {
    let host = url.strip_prefix("http://").and_then(|rest| rest.split(['/', ':']).next());
    let fine = url.starts_with("https://") || host.is_some_and(is_loopback);
    // A key often stands behind the question mark.
    let shown = url.split('?').next().unwrap_or_default();
    if fine { Ok(()) } else { Err(format!("`{shown}` is not an `https://` address")) }
}

/// A host name or address, without a port or a scheme.
pub(super) fn host(text: &str) -> Result<(), String> {
    let address = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    let name = !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if address || name {
        Ok(())
    } else {
        Err(format!("`{text}` is not a host: write its name alone, as `imap.callwise.example`"))
    }
}

/// A folder's name, with `/` between levels. `placeholders` are what it may hold in braces.
pub(super) fn folder(text: &str, placeholders: &[&str]) -> Result<(), String> {
    if text.is_empty() {
        return Err("a folder needs a name".to_owned());
    }
    // RFC 9051 §5.1 leaves no room for these, and CR or LF would end the command.
    if text.chars().any(char::is_control) {
        return Err(format!("`{}` holds a control character", text.escape_debug()));
    }
    if text.split('/').any(|level| level.trim().is_empty()) {
        return Err(format!("`{text}` has a level without a name"));
    }
    // A level in the form of a path would leave the mailbox of a Maildir.
    if text.split('/').any(|level| matches!(level, "." | "..")) {
        return Err(format!("`{text}`: a level can't be `.` or `..`"));
    }
    let bare = placeholders.iter().fold(text.to_owned(), |bare, it| bare.replace(it, ""));
    if bare.contains(['{', '}']) {
        return Err(match placeholders {
            [] => format!("`{text}`: nothing can stand in braces here"),
            some => format!("`{text}`: only `{}` can stand in braces", some.join("`, `")),
        });
    }
    Ok(())
}

/// An IMAP keyword: an atom (RFC 9051 §9).
pub(super) fn keyword(text: &str) -> Result<(), String> {
    let special = |c: char| matches!(c, '(' | ')' | '{' | '%' | '*' | '"' | '\\' | ']');
    if text.is_empty() || text.chars().any(|c| !c.is_ascii_graphic() || special(c)) {
        return Err(format!("`{text}` is not a keyword: write one word, as `$Assist`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, seconds) in [
            ("30s", 30.0),
            ("5m", 300.0),
            ("90d", 7_776_000.0),
            ("1h 30m", 5400.0),
            ("250ms", 0.25),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        for text in ["30", "", "soon", "-5s", "0s", "2 months", "P1D"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_in_bytes_without_a_unit() {
        for (text, bytes) in [("1MiB", 1 << 20), ("20 MB", 20_000_000), ("77", 77)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MiB", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]", "LOCALHOST"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["imap.callwise.example", "10.0.0.1", "localhost.evil.example"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn folders_that_cannot_be_are_refused() {
        assert_eq!(folder("Teams/{team}", &["{team}"]), Ok(()));
        assert_eq!(folder("{domain}/{person}", &["{person}", "{domain}"]), Ok(()));
        for text in ["", "a\r\nb", "/Teams", "Teams//x", "../etc", "Teams/{tema}", "{person}"] {
            assert!(folder(text, &["{team}"]).is_err(), "{text}");
        }
    }
}
