//! PGP in the text of a mail itself (RFC 9580 §7): what is signed there is read, what is encrypted
//! is known to be.
//!
//! It checks no signature.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::TextPlace;

const SIGNED: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &str = "-----END PGP SIGNATURE-----";
const ENCRYPTED: &str = "-----BEGIN PGP MESSAGE-----";

/// Finds [`SIGNED`], which hardly any mail has, with vector instructions.
static SIGNED_AT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(SIGNED));

/// Whether there is nothing to read but an encrypted text.
pub(super) fn is_encrypted(body: &str) -> bool {
    body.trim_start().starts_with(ENCRYPTED)
}

/// Whether some of the text is signed.
pub(super) fn is_signed(body: &str) -> bool {
    SIGNED_AT.find(body.as_bytes()).is_some() && body.lines().any(|line| line.trim_end() == SIGNED)
}

/// The lines around a signed text, which nobody wrote.
pub(super) fn armor(body: &str) -> Vec<(Range<usize>, TextPlace)> {
    let Some(start) = SIGNED_AT.find(body.as_bytes()) else { return Vec::new() };
    let after = |from: usize, what: &str| {
        let found = body.get(from..)?.find(what)?;
        Some(from + found + what.len())
    };
    // The head ends at the first blank line.
    let head = ["\n\n", "\r\n\r\n"].iter().filter_map(|blank| after(start, blank)).min();
    let Some(head) = head else { return Vec::new() };
    let mut armor = vec![(start..head, TextPlace::Signature)];
    if let Some(end) = after(head, SIGNATURE) {
        let last = after(end, SIGNATURE_END).unwrap_or(body.len());
        armor.push((end - SIGNATURE.len()..last, TextPlace::Signature));
    }
    armor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_around_a_signed_text_is_set_apart() {
        let body = "Hi\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nThe text.\n\
            -----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\nPS\n";
        let pieces: Vec<&str> =
            armor(body).into_iter().map(|(at, _)| body.get(at).unwrap()).collect();
        assert_eq!(pieces.len(), 2);
        assert!(pieces[0].starts_with("-----BEGIN") && pieces[0].ends_with("SHA256\n\n"));
        assert!(pieces[1].starts_with("-----BEGIN") && pieces[1].ends_with("URE-----"));
        assert_eq!(armor("nothing of the kind"), []);
        assert!(is_signed(body) && !is_signed("Look: -----BEGIN PGP SIGNED MESSAGE-----"));
        assert!(is_encrypted("\n-----BEGIN PGP MESSAGE-----\n\nhQEM"));
        assert!(!is_encrypted("Look: -----BEGIN PGP MESSAGE-----"));
    }
}
