//! How figures are written on the page.
//!
//! It knows numbers and nothing of what they count.

use std::fmt;

use crate::learn::measure::Measured;

/// A share as a percentage with one decimal: `84.2%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Percent(f64);

impl From<f64> for Percent {
    fn from(share: f64) -> Self {
        Self(share)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}%", self.0 * 100.0)
    }
}

impl Percent {
    /// `84%`; only all there is is 100%, and only nothing is 0%.
    pub(super) fn whole(self) -> String {
        format!("{}%", self.of_a_hundred())
    }

    /// 84; only all there is is 100, and only nothing is 0.
    pub(super) fn of_a_hundred(self) -> f64 {
        match (self.0 * 100.0).round() {
            hundred if hundred >= 100.0 && self.0 < 1.0 => 99.0,
            none if none <= 0.0 && self.0 > 0.0 => 1.0,
            number => number,
        }
    }

    /// The number alone, for a length or to sort by.
    pub(super) fn number(self) -> String {
        format!("{:.1}", self.0 * 100.0)
    }
}

/// A share and where the true one lies, ready to be written and drawn as a bar.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) value: Percent,
    pub(super) low: Percent,
    pub(super) high: Percent,
    /// From the lower to the upper end of the interval.
    pub(super) width: Percent,
    pub(super) hits: u64,
    pub(super) of: u64,
}

impl Figure {
    /// `None` of nothing.
    pub(super) fn of(measured: &Measured) -> Option<Self> {
        let (value, (low, high)) = (measured.value?, measured.interval?);
        Some(Self {
            value: value.into(),
            low: low.into(),
            high: high.into(),
            width: (high - low).into(),
            hits: measured.share.hits,
            of: measured.share.of,
        })
    }
}

/// `1 mail`, `2 mails`.
pub(super) fn mails(number: u64) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} mail{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_rounded_to_all_or_nothing() {
        for (share, expected) in
            [(0.842, "84%"), (0.9999, "99%"), (1.0, "100%"), (0.0001, "1%"), (0.0, "0%")]
        {
            assert_eq!(Percent(share).whole(), expected);
        }
        assert_eq!(Percent(0.8425).to_string(), "84.2%");
        assert_eq!((mails(1), mails(0)), ("1 mail".to_owned(), "0 mails".to_owned()));
    }
}
