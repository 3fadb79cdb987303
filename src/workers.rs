//! The same work for each team, on all cores.
//!
//! The core spawns nothing, with this exception: fitting is arithmetic for seconds at a time, and
//! dictionaries of a hundred thousand lines are read while people wait for their edit. Each team's
//! share is apart from the others', and the result is the same however many threads there are.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many threads work at once.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// `work` for each number below `count`, in the order of the numbers.
pub(crate) fn each<T: Send + Default>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<T>> = (0..count).map(|_| Mutex::default()).collect();
    let threads = cores().min(count);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(place) = done.get(number) else { break };
                    let result = work(number);
                    // Each place has one writer, so it is never poisoned.
                    if let Ok(mut place) = place.lock() {
                        *place = result;
                    }
                }
            });
        }
    });
    done.into_iter().map(|place| place.into_inner().unwrap_or_default()).collect()
}

/// Both, at the same time.
pub(crate) fn both<A, B: Send>(
    one: impl FnOnce() -> A,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        // A panic goes on as if there were one thread.
        (one, other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}
