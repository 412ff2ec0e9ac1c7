//! What calls leave behind when they return: threads of guests that go on, and work of the host.

use crate::{
    Error,
    component::{
        host_task,
        store::Store,
        task::{self, Turn},
    },
    engine::Fault,
};
use core::task::{Context, Poll, Waker};

/// After so many turns others have theirs.
const TURNS_MAX: usize = 256;

impl<T: Send + 'static> Store<T> {
    /// Runs what earlier calls left behind, until nothing of it can ever go on. Pending while it waits, and after each
    /// slice of fuel.
    ///
    /// # Errors
    ///
    /// When a guest traps.
    pub fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.check_alive()?;
        let waker = cx.waker().clone();
        let before = self.inner.swap_waker(Some(waker.clone()));
        let polled = self.run_rest(&waker);
        self.inner.swap_waker(before);
        polled.map(|result| result.map_err(|fault| self.state_mut().end(fault)))
    }

    fn run_rest(&mut self, waker: &Waker) -> Poll<Result<(), Fault>> {
        let state = self.state_mut();
        state.wakeups.listen(waker);
        if !state.wakeups.any() {
            // Polled for a reason of the embedder's own: whatever waits may have become ready without waking.
            state.wake_all();
        }
        for _ in 0..TURNS_MAX {
            let moved = host_task::poll_host(&mut self.cx())?;
            match task::turn(&mut self.cx())? {
                Turn::Ran => {}
                Turn::Preempted => break,
                Turn::Idle if moved || self.state().marked => {}
                // Woken meanwhile, by what has woken this task too.
                Turn::Idle if self.state().wakeups.any() => return Poll::Pending,
                Turn::Idle if !self.state().host_waits() => return Poll::Ready(Ok(())),
                Turn::Idle => {
                    if host_task::poll_time(&mut self.cx(), waker, true).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
        // Time goes on for those who wait for it, however busy others are.
        let _ = host_task::poll_time(&mut self.cx(), waker, false);
        waker.wake_by_ref();
        Poll::Pending
    }
}
