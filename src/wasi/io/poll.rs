//! Waiting for several things at once.

use crate::{cap::clocks::Clocks, wasi::clocks::poll_first};
use alloc::vec::Vec;
use core::task::{Context, Poll, ready};

/// What one of several awaited things says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// It has come.
    Ready,
    /// It has not, and wakes the context's task when it has.
    NotYet,
    /// It comes when the monotonic clock reads so much.
    At(u64),
}

impl From<Poll<()>> for Asked {
    fn from(poll: Poll<()>) -> Self {
        if poll.is_ready() { Self::Ready } else { Self::NotYet }
    }
}

/// Waits until at least one of `count` things has come; answers the numbers of all that have, in order.
///
/// The clock is asked last, and for the earliest deadline only: so a virtual clock jumps when nothing else is ready, and
/// no further than it must.
///
/// # Errors
///
/// Those of `ask`.
pub fn poll_any<E>(
    clocks: &dyn Clocks,
    cx: &mut Context<'_>,
    count: u32,
    mut ask: impl FnMut(u32, &mut Context<'_>) -> Result<Asked, E>,
) -> Poll<Result<Vec<u32>, E>> {
    let mut come = Vec::new();
    let mut deadlines = Vec::new();
    for index in 0..count {
        match ask(index, cx)? {
            Asked::Ready => come.push(index),
            Asked::NotYet => {}
            Asked::At(deadline_ns) => deadlines.push((index, deadline_ns)),
        }
    }
    if deadlines.is_empty() {
        return if come.is_empty() { Poll::Pending } else { Poll::Ready(Ok(come)) };
    }
    let mut now_ns = 0;
    if come.is_empty() {
        let times = || deadlines.iter().map(|(_, deadline_ns)| *deadline_ns);
        ready!(poll_first(clocks, cx, times()));
        now_ns = times().min().unwrap_or(0);
    }
    now_ns = now_ns.max(clocks.monotonic_now_ns());
    let due = deadlines.iter().filter(|(_, deadline_ns)| *deadline_ns <= now_ns);
    come.extend(due.map(|(index, _)| *index));
    come.sort_unstable();
    Poll::Ready(Ok(come))
}
