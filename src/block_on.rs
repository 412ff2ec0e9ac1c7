//! Driving one future to its end where there is no executor.

use alloc::{sync::Arc, task::Wake};
use core::{
    future::Future,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
};

/// Polls `future` until it is ready. Between polls, while nothing has woken it, calls `idle` over and over:
/// let it wait for an interrupt, feed a watchdog, or move the bytes that the future waits for.
///
/// ```
/// # let mut rounds = 0;
/// assert_eq!(wasmote::block_on_with(async { 6 * 7 }, || rounds += 1), 42);
/// # assert_eq!(rounds, 0);
/// ```
pub fn block_on_with<F: Future>(future: F, mut idle: impl FnMut()) -> F::Output {
    let woken = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if woken.0.swap(false, Ordering::Acquire) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return output;
            }
        } else {
            idle();
        }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}
