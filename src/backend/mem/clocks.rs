//! A virtual clock: time that passes because somebody looks at it, waits for it, or says so.

use crate::{
    backend::wakers::{Sleepers, wake},
    cap::clocks::{self, Datetime},
};
use alloc::sync::Arc;
use core::{
    fmt,
    task::{Context, Poll},
};
use spin::Mutex;

/// A clock that no oscillator drives. A cheap handle: clones tell the same time.
///
/// [`Clocks::new`] moves by a small step with each reading, so a guest that spins until a time has come
/// gets there, and jumps to the deadline when asked to wait for one, so nothing ever waits. That is
/// right when the clock is asked last, after everything else that is waited for turned out not to be
/// ready, and with the earliest deadline only.
///
/// [`Clocks::manual`] stands still until [`advance`](Self::advance) moves it.
///
/// Never goes backwards; at `u64::MAX` nanoseconds, after 584 years, it stands still.
#[derive(Clone)]
pub struct Clocks(Arc<Mutex<State>>);

struct State {
    now_ns: u64,
    /// What the monotonic clock read at `wall_start`.
    start_ns: u64,
    wall_start: Datetime,
    step_ns: u64,
    jumps: bool,
    sleepers: Sleepers,
}

impl Clocks {
    /// Where the wall clock starts unless told otherwise: 2026-01-01T00:00:00Z. Not the epoch, which
    /// programs take for a clock that was never set.
    pub const WALL_START: Datetime = Datetime { seconds: 1_767_225_600, nanoseconds: 0 };

    /// By how much each reading moves the clock unless told otherwise: a microsecond, long enough that
    /// a spin of a second ends after a million readings, short enough not to disturb what is measured.
    pub const STEP_NS: u64 = 1_000;

    /// A clock that moves when it is read or waited for, from 0 and [`WALL_START`](Self::WALL_START).
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(0, Self::WALL_START, Self::STEP_NS, true)
    }

    /// A clock that moves only by [`advance`](Self::advance).
    ///
    /// A guest that spins on it spins until its fuel is spent.
    #[must_use]
    pub fn manual() -> Self {
        Self::starting_at(0, Self::WALL_START, 0, false)
    }

    fn starting_at(start_ns: u64, wall_start: Datetime, step_ns: u64, jumps: bool) -> Self {
        let sleepers = Sleepers::new();
        Self(Arc::new(Mutex::new(State { now_ns: start_ns, start_ns, wall_start, step_ns, jumps, sleepers })))
    }

    /// The same kind of clock, starting at these two readings: a new clock, not a handle to this one.
    #[must_use]
    pub fn with_start(self, monotonic_ns: u64, wall: Datetime) -> Self {
        let state = self.0.lock();
        let nanoseconds = wall.nanoseconds.min(NANOSECONDS - 1);
        Self::starting_at(monotonic_ns, Datetime { nanoseconds, ..wall }, state.step_ns, state.jumps)
    }

    /// The same kind of clock, moving by `step_ns` with each reading: a new clock, not a handle to this
    /// one.
    #[must_use]
    pub fn with_step(self, step_ns: u64) -> Self {
        let state = self.0.lock();
        Self::starting_at(state.start_ns, state.wall_start, step_ns, state.jumps)
    }

    /// Moves the clock on, and wakes who waited for it.
    pub fn advance(&self, ns: u64) {
        let mut state = self.0.lock();
        let due = state.advance(ns);
        drop(state);
        wake(due);
    }

    /// What the monotonic clock reads, without moving it.
    #[must_use]
    pub fn peek_ns(&self) -> u64 {
        self.0.lock().now_ns
    }

    /// The earliest time that somebody waits for, if anybody does: how far to
    /// [`advance`](Self::advance) next.
    #[must_use]
    pub fn next_deadline_ns(&self) -> Option<u64> {
        self.0.lock().sleepers.next_ns()
    }

    /// The clock moves by one step, and then is read.
    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        let mut state = self.0.lock();
        let step_ns = state.step_ns;
        let due = state.advance(step_ns);
        let reading = read(&state);
        drop(state);
        wake(due);
        reading
    }
}

const NANOSECONDS: u32 = 1_000_000_000;

impl State {
    #[must_use]
    fn advance(&mut self, ns: u64) -> alloc::vec::Vec<core::task::Waker> {
        self.now_ns = self.now_ns.saturating_add(ns);
        self.sleepers.take_due(self.now_ns)
    }

    fn wall(&self) -> Datetime {
        let second_ns = u64::from(NANOSECONDS);
        let elapsed_ns = self.now_ns - self.start_ns;
        let nanoseconds = elapsed_ns % second_ns + u64::from(self.wall_start.nanoseconds);
        let seconds = elapsed_ns / second_ns + nanoseconds / second_ns;
        match self.wall_start.seconds.checked_add_unsigned(seconds) {
            Some(seconds) => Datetime { seconds, nanoseconds: (nanoseconds % second_ns) as u32 },
            None => Datetime { seconds: i64::MAX, nanoseconds: NANOSECONDS - 1 },
        }
    }
}

impl clocks::Clocks for Clocks {
    fn monotonic_now_ns(&self) -> u64 {
        self.read(|state| state.now_ns)
    }

    fn monotonic_resolution_ns(&self) -> u64 {
        self.0.lock().step_ns.max(1)
    }

    fn wall_now(&self) -> Datetime {
        self.read(State::wall)
    }

    fn wall_resolution_ns(&self) -> u64 {
        self.monotonic_resolution_ns()
    }

    fn poll_until(&self, cx: &mut Context<'_>, deadline_ns: u64) -> Poll<()> {
        let mut state = self.0.lock();
        if deadline_ns <= state.now_ns {
            return Poll::Ready(());
        }
        if state.jumps {
            let distance_ns = deadline_ns - state.now_ns;
            let due = state.advance(distance_ns);
            drop(state);
            wake(due);
            return Poll::Ready(());
        }
        let evicted = state.sleepers.register(deadline_ns, cx.waker());
        drop(state);
        wake(evicted);
        Poll::Pending
    }
}

impl Default for Clocks {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Clocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clocks").field("now_ns", &self.peek_ns()).finish_non_exhaustive()
    }
}
