//! How long to wait before another try. It knows neither what failed nor who waits.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// Tries after which a delivery is given up: by then some ten minutes have passed.
pub const MAX_ATTEMPTS: u32 = 12;

/// The wait after the `attempt`-th try, counted from 1: 2 s, doubled each time up to 80 s, and up
/// to as much again at random, so that a server that comes back isn't met by everybody at once.
#[must_use]
pub fn backoff(attempt: u32) -> Duration {
    let longest = Duration::from_secs(80);
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_secs(2))
        .with_max_delay(longest)
        .with_factor(2.0)
        .with_jitter()
        .without_max_times()
        .build()
        .nth(attempt.clamp(1, MAX_ATTEMPTS) as usize - 1)
        .unwrap_or(longest)
}

/// How long to stay away from a server after it refused our credentials so often in a row: often
/// enough to notice a renewed password, seldom enough not to lock the account.
#[must_use]
pub fn after_refusal(attempt: u32) -> Duration {
    Duration::from_mins(5).min(backoff(attempt) * 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_two_seconds_and_stay_bounded() {
        for (attempt, least, most) in
            [(0, 2, 4), (1, 2, 4), (2, 4, 8), (3, 8, 16), (7, 80, 160), (4_000_000, 80, 160)]
        {
            let wait = backoff(attempt);
            assert!(
                (Duration::from_secs(least)..=Duration::from_secs(most)).contains(&wait),
                "attempt {attempt}: {wait:?}"
            );
        }
    }
}
