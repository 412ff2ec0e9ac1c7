//! What WASI's clocks mean: points in time, and waiting for them.
//!
//! Arithmetic never wraps and never panics: a deadline past the end of time is the end of time, a wall
//! time that nanoseconds in 64 bits cannot say is told apart.

use crate::cap::clocks::{Clocks, Datetime};
use core::task::{Context, Poll};

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// So many nanoseconds from now.
    After(u64),
    /// The monotonic clock reading so much.
    Monotonic(u64),
    /// The wall clock reading so much.
    Wall(Datetime),
}

/// The reading of the monotonic clock at which the wait is over.
///
/// Computed once, when a wait begins: asked again after a wake-up, a relative time would move on. A
/// wall clock that is set meanwhile moves nothing.
#[must_use]
pub fn deadline_ns(clocks: &dyn Clocks, until: Until) -> u64 {
    match until {
        Until::After(duration_ns) => clocks.monotonic_now_ns().saturating_add(duration_ns),
        Until::Monotonic(deadline_ns) => deadline_ns,
        Until::Wall(time) => {
            let now_ns = clocks.monotonic_now_ns();
            now_ns.saturating_add(nanoseconds_between(clocks.wall_now(), time))
        }
    }
}

/// Waits until the first of `deadlines_ns` has come. Without one there is nothing to wait for, ever.
///
/// Whoever waits for other things too asks for those first, all of them, and for the clock last: a virtual
/// clock that nothing else can wake takes being asked as leave to jump ahead.
pub fn poll_first(
    clocks: &dyn Clocks,
    cx: &mut Context<'_>,
    deadlines_ns: impl IntoIterator<Item = u64>,
) -> Poll<()> {
    match deadlines_ns.into_iter().min() {
        Some(deadline_ns) => clocks.poll_until(cx, deadline_ns),
        None => Poll::Pending,
    }
}

/// Nanoseconds from `from` to `to`: 0 when that is past, `u64::MAX` when it is out of reach.
#[must_use]
pub fn nanoseconds_between(from: Datetime, to: Datetime) -> u64 {
    let between = nanoseconds(to) - nanoseconds(from);
    u64::try_from(between.max(0)).unwrap_or(u64::MAX)
}

/// Nanoseconds since 1970-01-01T00:00:00Z, if they can be said in 64 bits: from 1970 to 2554.
#[must_use]
pub fn nanoseconds_since_epoch(time: Datetime) -> Option<u64> {
    u64::try_from(nanoseconds(time)).ok()
}

/// The point in time that is so many nanoseconds after 1970-01-01T00:00:00Z.
#[must_use]
pub fn datetime(nanoseconds_since_epoch: u64) -> Datetime {
    let seconds = i64::try_from(nanoseconds_since_epoch / SECOND_NS).unwrap_or(i64::MAX);
    let nanoseconds = u32::try_from(nanoseconds_since_epoch % SECOND_NS).unwrap_or(0);
    Datetime { seconds, nanoseconds }
}

/// Whether `time` is a point in time at all: a guest may send any nanoseconds.
#[must_use]
pub fn is_valid(time: Datetime) -> bool {
    u64::from(time.nanoseconds) < SECOND_NS
}

/// Never overflows: 2⁶³ seconds are less than 2⁹³ nanoseconds.
fn nanoseconds(time: Datetime) -> i128 {
    i128::from(time.seconds) * i128::from(SECOND_NS) + i128::from(time.nanoseconds)
}

const SECOND_NS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Fixed(u64, Datetime);

    impl Clocks for Fixed {
        fn monotonic_now_ns(&self) -> u64 {
            self.0
        }
        fn monotonic_resolution_ns(&self) -> u64 {
            1
        }
        fn wall_now(&self) -> Datetime {
            self.1
        }
        fn wall_resolution_ns(&self) -> u64 {
            1
        }
        fn poll_until(&self, _: &mut Context<'_>, deadline_ns: u64) -> Poll<()> {
            if deadline_ns <= self.0 { Poll::Ready(()) } else { Poll::Pending }
        }
    }

    fn at(seconds: i64, nanoseconds: u32) -> Datetime {
        Datetime { seconds, nanoseconds }
    }

    #[test]
    fn deadlines_past_the_end_of_time_are_the_end_of_time() {
        let clocks = Fixed(7, at(1, 0));
        assert_eq!(deadline_ns(&clocks, Until::After(u64::MAX)), u64::MAX);
        assert_eq!(deadline_ns(&clocks, Until::Wall(at(i64::MAX, u32::MAX))), u64::MAX);
        assert_eq!(deadline_ns(&clocks, Until::Monotonic(3)), 3);
    }

    #[test]
    fn a_wall_time_is_awaited_on_the_monotonic_clock() {
        let clocks = Fixed(100, at(10, 500));
        assert_eq!(deadline_ns(&clocks, Until::Wall(at(10, 750))), 350);
        assert_eq!(deadline_ns(&clocks, Until::Wall(at(9, 999_999_999))), 100, "past: due at once");
        assert_eq!(deadline_ns(&clocks, Until::Wall(at(i64::MIN, 0))), 100);
    }

    #[test]
    fn the_first_deadline_decides() {
        let mut cx = Context::from_waker(core::task::Waker::noop());
        let clocks = Fixed(50, at(0, 0));
        assert!(poll_first(&clocks, &mut cx, [60, 70]).is_pending());
        assert!(poll_first(&clocks, &mut cx, [60, 50]).is_ready());
        assert!(poll_first(&clocks, &mut cx, []).is_pending(), "nothing to wait for never comes");
    }

    #[test]
    fn times_out_of_reach_are_told_apart() {
        assert_eq!(nanoseconds_since_epoch(at(-1, 999_999_999)), None);
        assert_eq!(nanoseconds_since_epoch(at(i64::MAX, 0)), None);
        assert_eq!(nanoseconds_since_epoch(at(0, 0)), Some(0));
        assert!(!is_valid(at(0, 1_000_000_000)));
    }

    proptest! {
        #[test]
        fn nanoseconds_round_trip(ns: u64) {
            prop_assert_eq!(nanoseconds_since_epoch(datetime(ns)), Some(ns));
        }

        #[test]
        fn no_time_panics(a: i64, b: u32, c: i64, d: u32) {
            let _ = nanoseconds_between(at(a, b), at(c, d));
            let _ = nanoseconds_since_epoch(at(a, b));
        }
    }
}
