//! Waiting for a condition, with a deadline.

use std::time::{Duration, Instant};

/// Asks again and again until there is an answer; fails the test, naming what it waited for, when
/// the deadline passes.
pub(crate) fn wait_for<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = condition() {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: not within {deadline:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
