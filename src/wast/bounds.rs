//! What one call of a script may take.

use core::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};
use std::time::Instant;

/// What each call of a script may take. One that takes more is stopped, and its assertion fails.
///
/// Start functions, `realloc` and `post-return` are bounded besides, by
/// [`Limits::uninterrupted_fuel`](crate::Limits::uninterrupted_fuel), and end at no deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Fuel; also of making an instance.
    pub fuel: Option<u64>,
    /// Time, waiting included. Looked at between two slices of fuel.
    pub time: Option<Duration>,
}

impl Bounds {
    /// When a call that begins now has to be over; never, where that is past what a clock can say.
    pub(super) fn deadline(self) -> Deadline {
        Deadline(self.time.and_then(|time| Instant::now().checked_add(time)))
    }
}

/// When a call has to be over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    pub(super) fn is_past(self) -> bool {
        self.0.is_some_and(|at| Instant::now() >= at)
    }

    /// Drives `future` to its end, or until the deadline: then there is no output.
    pub(super) fn drive<F: Future>(self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        crate::block_on(poll_fn(|cx| {
            if self.is_past() {
                return Poll::Ready(None);
            }
            // Nobody outside wakes a script: what is not ready is asked again.
            cx.waker().wake_by_ref();
            future.as_mut().poll(cx).map(Some)
        }))
    }
}
