//! The same work for each team, on all cores.
//!
//! The core spawns nothing, with this exception: fitting is arithmetic for seconds at a time, each
//! team's apart from the others', and its result is the same however many threads there are.

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// `work` for each number below `count`, in the order of the numbers.
pub(crate) fn each<T: Send + Default>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<T>> = (0..count).map(|_| Mutex::default()).collect();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(count);
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
