//! Shares of a number of mails, with what is known of the true share.
//!
//! It knows counts. The intervals are Wilson's (E. B. Wilson, "Probable Inference, the Law of
//! Succession, and Statistical Inference", JASA 22, 1927): they hold for few mails and for shares
//! near 0 and 1, where the plain standard error does not.

use serde::Serialize;

/// `hits` of `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Share {
    /// How many have it.
    pub hits: u64,
    /// Of how many.
    pub of: u64,
}

/// How many standard deviations hold 95% of a normal distribution, both sides counted.
const TWO_SIDED_95: f64 = 1.959_964;
/// How many hold 80%, one side counted.
const ONE_SIDED_80: f64 = 0.841_621;

#[allow(clippy::cast_precision_loss, reason = "a number of mails")]
impl Share {
    /// A share.
    #[must_use]
    pub fn new(hits: u64, of: u64) -> Self {
        Self { hits, of }
    }

    /// Counts one more.
    pub fn add(&mut self, hit: bool) {
        self.of += 1;
        self.hits += u64::from(hit);
    }

    /// The plain share, from 0 to 1; `None` of nothing.
    #[must_use]
    pub fn value(self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }

    /// The plain share, 0 of nothing.
    #[must_use]
    pub fn or_zero(self) -> f64 {
        self.value().unwrap_or(0.0)
    }

    /// Where the true share lies with 95%.
    #[must_use]
    pub fn interval(self) -> (f64, f64) {
        let (middle, width) = self.wilson(TWO_SIDED_95);
        ((middle - width).max(0.0), (middle + width).min(1.0))
    }

    /// The share that the true one is above with 80%.
    #[must_use]
    pub fn at_least(self) -> f64 {
        let (middle, width) = self.wilson(ONE_SIDED_80);
        (middle - width).max(0.0)
    }

    /// The share that the true one is below with 80%.
    #[must_use]
    pub fn at_most(self) -> f64 {
        let (middle, width) = self.wilson(ONE_SIDED_80);
        (middle + width).min(1.0)
    }

    fn wilson(self, z: f64) -> (f64, f64) {
        if self.of == 0 {
            return (0.5, 0.5);
        }
        let n = self.of as f64;
        let p = self.or_zero();
        let whole = 1.0 + z * z / n;
        let middle = (p + z * z / (2.0 * n)) / whole;
        let width = z / whole * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        (middle, width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_wilsons() {
        // From the formula by hand; 10 of 10 and 0 of 10 are the textbook's.
        for (hits, of, low, high) in [
            (10, 10, 0.7225, 1.0),
            (0, 10, 0.0, 0.2775),
            (95, 100, 0.8882, 0.9785),
            (0, 0, 0.0, 1.0),
        ] {
            let (found_low, found_high) = Share::new(hits, of).interval();
            assert!((found_low - low).abs() < 1e-3, "{hits} of {of}: {found_low}");
            assert!((found_high - high).abs() < 1e-3, "{hits} of {of}: {found_high}");
        }
        let share = Share::new(480, 500);
        assert!(share.at_least() < 0.96 && share.at_least() > 0.95);
        assert!(share.at_most() > 0.96);
    }
}
