//! What drives guests and the host's work by turns; and what calls leave behind when they return: threads of guests that
//! go on, and work of the host.

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

/// After so many turns the embedder's other tasks have theirs.
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
        self.inner.begin_turn();
        let waker = cx.waker().clone();
        let before = self.inner.swap_waker(Some(waker.clone()));
        let polled = drive(self, &waker, |_| None, |store| task::turn(&mut store.cx()), || Ok(()));
        self.inner.swap_waker(before);
        polled.map(|result| result.map_err(|fault| self.state_mut().end(fault)))
    }
}

/// Lets guests and the host's work take turns until `result` has something to tell, or nothing can go on; then `stuck`
/// tells. Pending while all wait, and where others have their turn.
pub(crate) fn drive<T: Send + 'static, R>(
    store: &mut Store<T>,
    waker: &Waker,
    mut result: impl FnMut(&mut Store<T>) -> Option<Result<R, Fault>>,
    mut turn: impl FnMut(&mut Store<T>) -> Result<Turn, Fault>,
    stuck: impl FnOnce() -> Result<R, Fault>,
) -> Poll<Result<R, Fault>> {
    store.state_mut().listen(waker);
    let gave_way = store.state_mut().gave_way.take();
    for _ in 0..TURNS_MAX {
        if let Some(result) = result(store) {
            return Poll::Ready(result);
        }
        // What the host does for guests takes their turn too.
        if store.inner.has_taken_slice() {
            break;
        }
        let moved = host_task::poll_host(&mut store.cx())?;
        match turn(store)? {
            Turn::Ran => {}
            Turn::Preempted => break,
            Turn::Idle if moved || store.state().marked => {}
            // Woken meanwhile, by what has woken the embedder's task too.
            Turn::Idle if store.state().wakeups.any() => return Poll::Pending,
            Turn::Idle if !store.state().host_waits() => return Poll::Ready(stuck()),
            Turn::Idle => match host_task::poll_time(&mut store.cx(), waker, true)? {
                Poll::Ready(()) => {}
                // Who was asked about time may have started a call.
                Poll::Pending if store.state().marked => {}
                Poll::Pending => return Poll::Pending,
            },
        }
    }
    // Time goes on for those who wait for it, however busy others are.
    let _ = host_task::poll_time(&mut store.cx(), waker, false)?;
    store.state_mut().gave_way = Some(gave_way.map_or(0, |times| times.saturating_add(1)));
    waker.wake_by_ref();
    Poll::Pending
}
