//! Whether a text is one of some phrases, in whatever case it is written.
//!
//! Lines of mails are held against many phrases, and hardly any is one: so what a phrase can't be
//! is told by its length and its first letter. It knows phrases; it knows nothing of what they say.

/// Phrases in lower case.
pub(super) struct AnyCase {
    phrases: &'static [&'static str],
    /// Bit n is set if one has n bytes; none has more than 63.
    lengths: u64,
    /// A bit for each first letter.
    letters: u32,
}

impl AnyCase {
    pub(super) const fn of(phrases: &'static [&'static str]) -> Self {
        let (mut lengths, mut letters) = (0, 0);
        let mut rest = phrases;
        while let [phrase, others @ ..] = rest {
            lengths |= 1 << phrase.len();
            if let [first, ..] = phrase.as_bytes() {
                letters |= 1 << (*first & 0x1f);
            }
            rest = others;
        }
        Self { phrases, lengths, letters }
    }

    /// Whether one of the phrases may begin with this byte, in whatever case.
    pub(super) fn may_begin(&self, byte: u8) -> bool {
        !byte.is_ascii() || self.letters >> (byte & 0x1f) & 1 != 0
    }

    /// Whether a text is one of them.
    pub(super) fn has(&self, text: &str) -> bool {
        let first = text.as_bytes().first().copied().unwrap_or_default();
        if !self.may_begin(first) {
            return false;
        }
        if text.is_ascii() {
            return text.len() < 64
                && self.lengths >> text.len() & 1 != 0
                && self.phrases.iter().any(|phrase| phrase.eq_ignore_ascii_case(text));
        }
        self.phrases.contains(&text.to_lowercase().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::AnyCase;

    #[test]
    fn case_makes_no_difference_and_anything_else_does() {
        let phrases = AnyCase::of(&["from", "от", "grüße", "kopie"]);
        for text in ["from", "FROM", "From", "ОТ", "От", "GRÜßE", "\u{212a}opie"] {
            assert!(phrases.has(text), "{text}");
        }
        for text in ["", "f", "fron", "from ", "grüßen", "о"] {
            assert!(!phrases.has(text), "{text}");
        }
    }
}
