//! The field by which Postroom knows its own mail when it comes back: `Postroom-Ticket`, with the
//! ticket's number and a signature that nobody else can make.
//!
//! What anybody else writes there is nothing. It knows fields; what follows from one that is ours is
//! for others to decide.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The field's name, in lower case.
pub(super) const FIELD: &str = "postroom-ticket";
/// More fields than these are not looked at.
pub(super) const MAX_FIELDS: usize = 5;
/// So many bytes of the signature are written: nobody guesses 128 bits.
const SIGNATURE: usize = 16;

/// What marks a mail as Postroom's own. Without a key, no mail is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Marks(Option<[u8; 32]>);

/// The key is nobody's business, in a log least of all.
impl std::fmt::Debug for Marks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Marks(a key)" } else { "Marks(none)" })
    }
}

impl Marks {
    /// Marks that are made and known with this key.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(Some(key))
    }

    /// What the field says on a mail about a ticket; `None` without a key.
    #[must_use]
    pub fn write(&self, ticket: i64) -> Option<String> {
        let signature = self.signed(ticket)?.finalize().into_bytes();
        let mut text = format!("{ticket} ");
        for byte in signature.iter().take(SIGNATURE) {
            let _ = write!(text, "{byte:02x}");
        }
        Some(text)
    }

    /// The ticket of the first of these fields that is ours.
    #[must_use]
    pub fn ticket<'a>(&self, fields: impl IntoIterator<Item = &'a str>) -> Option<i64> {
        fields.into_iter().find_map(|field| {
            let (ticket, signature) = field.trim().split_once(' ')?;
            let ticket = ticket.parse().ok()?;
            let signature = bytes(signature.trim())?;
            self.signed(ticket)?.verify_truncated_left(&signature).ok()?;
            Some(ticket)
        })
    }

    fn signed(&self, ticket: i64) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0?).ok()?;
        mac.update(&ticket.to_be_bytes());
        Some(mac)
    }
}

/// The bytes of a whole signature in hexadecimal digits.
fn bytes(text: &str) -> Option<[u8; SIGNATURE]> {
    let mut bytes = [0; SIGNATURE];
    if text.len() != 2 * SIGNATURE {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_signed_with_the_key_is_ours() {
        let ours = Marks::new([7; 32]);
        let written = ours.write(47).unwrap();
        let (_, signature) = written.split_once(' ').unwrap();
        for (name, field, expected) in [
            ("as written", written.clone(), Some(47)),
            ("with blanks around", format!("  {written} \r\n"), Some(47)),
            ("another ticket's signature", format!("48 {signature}"), None),
            ("cut short", written.strip_suffix(|_: char| true).unwrap().to_owned(), None),
            ("made longer", format!("{written}00"), None),
            ("no signature", "47".to_owned(), None),
            ("not hexadecimal", format!("47 {}", "zz".repeat(16)), None),
            ("not a number", format!("x {signature}"), None),
        ] {
            assert_eq!(ours.ticket([field.as_str()]), expected, "{name}");
            assert_eq!(Marks::new([8; 32]).ticket([field.as_str()]), None, "another key: {name}");
            assert_eq!(Marks::default().ticket([field.as_str()]), None, "no key: {name}");
        }
        assert_eq!(ours.ticket(["1 2", &written]), Some(47), "the first that is ours counts");
        assert_eq!(format!("{ours:?}"), "Marks(a key)");
    }
}
