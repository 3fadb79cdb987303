//! Whether a text is one of some phrases, in whatever case it is written.
//!
//! Lines of mails are held against many phrases, and hardly any is one: so what a phrase can't be
//! is told by its length and its first two letters. It knows phrases; it knows nothing of what they
//! say.

/// Phrases in lower case.
pub(super) struct AnyCase {
    phrases: &'static [&'static str],
    /// Bit n is set if one has n bytes; none has more than 63.
    lengths: u64,
    /// For each first letter a bit for each second one.
    pairs: [u32; 32],
}

impl AnyCase {
    pub(super) const fn of(phrases: &'static [&'static str]) -> Self {
        let (mut lengths, mut pairs) = (0, [0; 32]);
        let mut rest = phrases;
        while let [phrase, others @ ..] = rest {
            lengths |= 1 << phrase.len();
            if let [first, second, ..] = phrase.as_bytes() {
                #[allow(clippy::indexing_slicing, reason = "five bits are below 32")]
                {
                    pairs[(*first & 0x1f) as usize] |= 1 << (*second & 0x1f);
                }
            }
            rest = others;
        }
        Self { phrases, lengths, pairs }
    }

    /// Whether one of the phrases may begin with this byte, in whatever case.
    pub(super) const fn may_begin(&self, byte: u8) -> bool {
        #[allow(clippy::indexing_slicing, reason = "five bits are below 32")]
        let seconds = self.pairs[(byte & 0x1f) as usize];
        !byte.is_ascii() || seconds != 0
    }

    /// Whether one of the phrases may begin as this text does. Each has two bytes or more.
    pub(super) fn may_begin_as(&self, text: &str) -> bool {
        let [first, second, ..] = text.as_bytes() else { return false };
        let seconds = self.pairs.get(usize::from(*first & 0x1f)).copied().unwrap_or_default();
        // A letter beyond ASCII may be of ASCII in lower case.
        !first.is_ascii() || !second.is_ascii() || seconds >> (*second & 0x1f) & 1 != 0
    }

    /// Whether a text begins with one of them.
    pub(super) fn begins(&self, text: &str) -> bool {
        if !self.may_begin_as(text) {
            return false;
        }
        if text.is_ascii() {
            return self.phrases.iter().any(|phrase| {
                let beginning = text.get(..phrase.len());
                beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(phrase))
            });
        }
        let lower = text.to_lowercase();
        self.phrases.iter().any(|phrase| lower.starts_with(phrase))
    }

    /// Whether a text is one of them.
    pub(super) fn has(&self, text: &str) -> bool {
        if !self.may_begin_as(text) {
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
        for text in ["from", "From: a", "ОТ КОГО", "Grüße aus", "\u{212a}opie an"] {
            assert!(phrases.begins(text), "{text}");
        }
        for text in ["", "fro", "ffrom", "a from", "Gruß"] {
            assert!(!phrases.begins(text), "{text}");
        }
        for text in ["", "f", "fron", "from ", "grüßen", "о"] {
            assert!(!phrases.has(text), "{text}");
        }
    }
}
