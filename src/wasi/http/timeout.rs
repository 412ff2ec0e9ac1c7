//! How long a guest waits for what HTTP brings, by its own clock.

use crate::cap::clocks::Clocks;
use alloc::sync::Arc;
use core::task::{Context, Poll};

/// How long each of several things is waited for, one after the other.
pub(super) struct Timeout {
    clocks: Arc<dyn Clocks>,
    timeout_ns: u64,
    /// Until when, while something is waited for.
    deadline_ns: Option<u64>,
}

impl Timeout {
    /// Nothing is waited for yet.
    pub(super) fn new(clocks: &Arc<dyn Clocks>, timeout_ns: u64) -> Self {
        Self { clocks: clocks.clone(), timeout_ns, deadline_ns: None }
    }

    /// The next thing is waited for from now on, if it was not already: until when.
    pub(super) fn begin(&mut self) -> u64 {
        let Self { clocks, timeout_ns, deadline_ns } = self;
        *deadline_ns.get_or_insert_with(|| clocks.monotonic_now_ns().saturating_add(*timeout_ns))
    }

    /// Until when something is waited for, if it is.
    pub(super) fn deadline_ns(&self) -> Option<u64> {
        self.deadline_ns
    }

    /// Asks for it, and says none when it took too long. Whoever waits for several things waits for the deadline too
    /// and asks again then.
    pub(super) fn ask<R>(
        &mut self,
        cx: &mut Context<'_>,
        ask: impl FnOnce(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<Option<R>> {
        let deadline_ns = self.begin();
        let asked = ask(cx);
        // Not before it was asked for: on a virtual clock that may have taken all the time there was.
        let now_ns = self.clocks.monotonic_now_ns();
        match asked {
            Poll::Ready(done) if now_ns <= deadline_ns => {
                self.deadline_ns = None;
                Poll::Ready(Some(done))
            }
            Poll::Pending if now_ns < deadline_ns => Poll::Pending,
            _ => Poll::Ready(None),
        }
    }

    /// Waits until it took too long, for whoever waits for nothing else.
    pub(super) fn poll_deadline(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.deadline_ns.map_or(Poll::Pending, |deadline_ns| self.clocks.poll_until(cx, deadline_ns))
    }
}
