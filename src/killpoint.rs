//! Named places at which a test can kill the process, to show that no instant loses a mail, and a
//! place at which it can make a stage fail on a mail, to show that the others go on.
//!
//! `POSTROOM_KILL_AT=name:n` sends SIGKILL to the process at the n-th pass of the point `name`;
//! `POSTROOM_PANIC_AT=name:n` panics there.
//! `POSTROOM_PANIC_ON=text` panics over every mail that holds the text. Only debug builds look; in
//! a release build a point is nothing.

/// Dies here if the environment says so.
#[inline]
pub(crate) fn pass(point: &str) {
    #[cfg(debug_assertions)]
    armed::pass(point);
    #[cfg(not(debug_assertions))]
    let _ = point;
}

/// Panics over this mail if the environment says so.
#[inline]
pub(crate) fn read(mail: &[u8]) {
    #[cfg(debug_assertions)]
    armed::read(mail);
    #[cfg(not(debug_assertions))]
    let _ = mail;
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A point and the number of the pass that is meant.
    type Target = OnceLock<Option<(String, u32)>>;

    static KILL: Target = OnceLock::new();
    static PANIC: Target = OnceLock::new();
    static PASSES: AtomicU32 = AtomicU32::new(0);

    pub(super) fn pass(point: &str) {
        let kill = is_at(&KILL, "POSTROOM_KILL_AT", point);
        let panic = is_at(&PANIC, "POSTROOM_PANIC_AT", point);
        let Some(count) = kill.or(panic) else { return };
        if PASSES.fetch_add(1, Ordering::SeqCst) + 1 != count {
            return;
        }
        if kill.is_some() {
            // SIGKILL: no destructor runs, nothing is flushed, as when the power goes.
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
            loop {
                std::thread::park();
            }
        }
        fail(format_args!("at `{point}`"));
    }

    /// The pass that is meant, if this is the point.
    fn is_at(target: &Target, variable: &str, point: &str) -> Option<u32> {
        let target = target.get_or_init(|| {
            let text = std::env::var(variable).ok()?;
            let (name, count) = text.split_once(':').unwrap_or((&text, "1"));
            Some((name.to_owned(), count.parse().ok()?))
        });
        target.as_ref().and_then(|(name, count)| (name == point).then_some(*count))
    }

    #[allow(clippy::panic, reason = "a stage or a task that breaks is what the test asks for")]
    fn fail(why: std::fmt::Arguments<'_>) {
        panic!("{why}");
    }

    pub(super) fn read(mail: &[u8]) {
        static FEARED: OnceLock<Option<String>> = OnceLock::new();
        let feared = FEARED.get_or_init(|| std::env::var("POSTROOM_PANIC_ON").ok());
        if let Some(text) = feared
            && memchr::memmem::find(mail, text.as_bytes()).is_some()
        {
            fail(format_args!("the mail holds `{text}`"));
        }
    }
}
