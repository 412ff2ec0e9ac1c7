//! Clocks: telling the time, and waiting for it.

use core::task::{Context, Poll};

/// A point in wall-clock time: seconds and nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Datetime {
    /// Whole seconds since the epoch; negative before it.
    pub seconds: i64,
    /// Nanoseconds within the second, below 1,000,000,000.
    pub nanoseconds: u32,
}

/// A monotonic and a wall clock that belong together.
///
/// Waiting is part of the clock: whoever says what time it is also says when a time has come.
pub trait Clocks: Send + Sync {
    /// The monotonic clock, in nanoseconds from a start of its own. Never goes backwards.
    fn monotonic_now_ns(&self) -> u64;

    /// The monotonic clock's resolution in nanoseconds, at least 1.
    fn monotonic_resolution_ns(&self) -> u64;

    /// The wall clock.
    fn wall_now(&self) -> Datetime;

    /// The wall clock's resolution in nanoseconds, at least 1.
    fn wall_resolution_ns(&self) -> u64;

    /// Waits until the monotonic clock reads at least `deadline_ns`.
    ///
    /// A virtual clock may answer by jumping there. So whoever waits for several things asks the clock
    /// last, when nothing else is ready, and for the earliest of its deadlines only.
    ///
    /// Dropping the interest is always allowed: a wake-up that nobody waits for is harmless.
    fn poll_until(&self, cx: &mut Context<'_>, deadline_ns: u64) -> Poll<()>;
}
