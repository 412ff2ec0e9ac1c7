//! The platform's clocks, and the thread that waits for them.
//!
//! Why a thread of our own and not an executor's timer: it works under any executor, also one that is
//! twenty lines long; it costs nothing until a guest sleeps; and a guest that polls ten million times
//! with ever other deadlines has one entry in it, where it would have made ten million timers.

use crate::{
    backend::wakers::{Sleepers, wake},
    cap::clocks::{self, Datetime},
};
use core::{
    panic::AssertUnwindSafe,
    task::{Context, Poll},
    time::Duration,
};
use rustix::time::{ClockId, clock_getres};
use std::{
    panic::catch_unwind,
    sync::{Condvar, Mutex, OnceLock, PoisonError},
    thread,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// The platform's clocks. The monotonic one counts from its first use in this process, and tells a guest
/// nothing of how long the machine has been up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clocks;

impl clocks::Clocks for Clocks {
    fn monotonic_now_ns(&self) -> u64 {
        now_ns()
    }

    fn monotonic_resolution_ns(&self) -> u64 {
        resolution_ns(ClockId::Monotonic)
    }

    fn wall_now(&self) -> Datetime {
        datetime(SystemTime::now())
    }

    fn wall_resolution_ns(&self) -> u64 {
        resolution_ns(ClockId::Realtime)
    }

    fn poll_until(&self, cx: &mut Context<'_>, deadline_ns: u64) -> Poll<()> {
        if now_ns() >= deadline_ns {
            return Poll::Ready(());
        }
        if !TIMER.wake_at(deadline_ns, cx) {
            // No thread is to be had. Waiting here is worse than elsewhere, and better than not at all.
            while let Some(left) = deadline_ns.checked_sub(now_ns()).filter(|&left| left > 0) {
                thread::sleep(Duration::from_nanos(left));
            }
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

fn now_ns() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

fn resolution_ns(clock: ClockId) -> u64 {
    let resolution = clock_getres(clock);
    let seconds = u64::try_from(resolution.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(resolution.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds).max(1)
}

fn datetime(time: SystemTime) -> Datetime {
    let whole = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => Datetime { seconds: whole(after.as_secs()), nanoseconds: after.subsec_nanos() },
        Err(before) => {
            // The nanoseconds count forwards, also before the epoch.
            let before = before.duration();
            match before.subsec_nanos() {
                0 => Datetime { seconds: -whole(before.as_secs()), nanoseconds: 0 },
                part => Datetime { seconds: -1 - whole(before.as_secs()), nanoseconds: 1_000_000_000 - part },
            }
        }
    }
}

/// One thread for all that sleep in this process.
struct Timer {
    state: Mutex<State>,
    /// Somebody sleeps less long than the thread does.
    earlier: Condvar,
}

struct State {
    sleepers: Sleepers,
    running: bool,
}

static TIMER: Timer =
    Timer { state: Mutex::new(State { sleepers: Sleepers::new(), running: false }), earlier: Condvar::new() };

/// The longest the thread sleeps at a stretch: far deadlines do not fit every platform's timeouts.
const STRETCH_NS: u64 = 3_600 * 1_000_000_000;

impl Timer {
    /// Remembers to wake the task; whether there is a thread that will.
    fn wake_at(&'static self, deadline_ns: u64, cx: &Context<'_>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.running {
            let thread = thread::Builder::new().name("wasmote-timer".into());
            if thread.stack_size(256 << 10).spawn(|| self.run()).is_err() {
                return false;
            }
            state.running = true;
        }
        let earliest_ns = state.sleepers.next_ns();
        let evicted = state.sleepers.register(deadline_ns, cx.waker());
        if earliest_ns.is_none_or(|earliest_ns| deadline_ns < earliest_ns) {
            self.earlier.notify_one();
        }
        drop(state);
        wake(evicted);
        true
    }

    fn run(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now_ns = now_ns();
            let due = state.sleepers.take_due(now_ns);
            if !due.is_empty() {
                drop(state);
                // A task that panics when it is woken must not stop time for the others.
                for waker in due {
                    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
                }
                state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let next_ns = state.sleepers.next_ns().unwrap_or(u64::MAX);
            let sleep = Duration::from_nanos((next_ns - now_ns).min(STRETCH_NS));
            let woken = self.earlier.wait_timeout(state, sleep).unwrap_or_else(PoisonError::into_inner);
            state = woken.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_count_forwards_before_the_epoch() {
        let at = |seconds, nanoseconds| Datetime { seconds, nanoseconds };
        let half = Duration::from_millis(500);
        assert_eq!(datetime(UNIX_EPOCH), at(0, 0));
        assert_eq!(datetime(UNIX_EPOCH + half), at(0, 500_000_000));
        assert_eq!(datetime(UNIX_EPOCH - half), at(-1, 500_000_000));
        assert_eq!(datetime(UNIX_EPOCH - Duration::from_secs(2)), at(-2, 0));
    }
}
