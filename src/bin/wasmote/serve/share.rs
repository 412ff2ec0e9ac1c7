//! How much of the log's queue one stream of an app may take.
//!
//! Who prints faster than the log is written waits for it. Where it is not written at all (a terminal that is held, a pipe
//! that nobody reads), nobody waits for long: then what is printed is lost, and counted.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};
use tokio::runtime::Handle;

/// A share, which is all there is to know who waits. A cheap handle.
#[derive(Clone, Default)]
pub struct Share(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lines: usize,
    bytes: usize,
    /// Since when there is no room.
    full_since: Option<Instant>,
    /// Who waits for some.
    wakers: Vec<Waker>,
    has_alarm: bool,
}

const LINES_MAX: usize = 1_024;
const BYTES_MAX: usize = 256 << 10;
/// How long the log may take to make room.
const WAIT_MAX: Duration = Duration::from_secs(1);

impl Share {
    /// Whether there is room.
    pub fn has_room(&self) -> bool {
        self.state().has_room()
    }

    /// Waits for room; answers whether there is some.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.state();
        if state.has_room() {
            state.full_since = None;
            return Poll::Ready(true);
        }
        let since = *state.full_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= WAIT_MAX {
            return Poll::Ready(false);
        }
        if !state.wakers.iter().any(|known| known.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        if !state.has_alarm
            && let Ok(runtime) = Handle::try_current()
        {
            state.has_alarm = true;
            let share = self.clone();
            runtime.spawn(async move {
                tokio::time::sleep_until((since + WAIT_MAX).into()).await;
                let mut state = share.state();
                state.has_alarm = false;
                state.wakers.drain(..).for_each(Waker::wake);
            });
        }
        Poll::Pending
    }

    /// So much is in the queue now.
    pub fn takes(&self, lines: usize, bytes: usize) {
        let mut state = self.state();
        state.lines += lines;
        state.bytes += bytes;
    }

    /// So much of it is not any more. Who waits goes on when half of all is free, and not for each line.
    pub fn gives(&self, lines: usize, bytes: usize) {
        let mut state = self.state();
        state.lines = state.lines.saturating_sub(lines);
        state.bytes = state.bytes.saturating_sub(bytes);
        if state.lines <= LINES_MAX / 2 && state.bytes <= BYTES_MAX / 2 {
            state.full_since = None;
            state.wakers.drain(..).for_each(Waker::wake);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.lines < LINES_MAX && self.bytes < BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_no_room_waits_until_half_is_free_but_not_for_a_log_that_stands_still() {
        let (share, mut cx) = (Share::default(), Context::from_waker(Waker::noop()));
        assert_eq!(share.poll_room(&mut cx), Poll::Ready(true));
        share.takes(LINES_MAX, 10);
        assert_eq!(share.poll_room(&mut cx), Poll::Pending);
        share.gives(LINES_MAX / 2, 5);
        assert_eq!(share.poll_room(&mut cx), Poll::Ready(true));
        share.takes(1, BYTES_MAX);
        assert_eq!(share.poll_room(&mut cx), Poll::Pending);
        share.state().full_since = Instant::now().checked_sub(WAIT_MAX);
        assert_eq!(share.poll_room(&mut cx), Poll::Ready(false));
        share.gives(LINES_MAX, 2 * BYTES_MAX);
        assert_eq!(share.poll_room(&mut cx), Poll::Ready(true));
    }
}
