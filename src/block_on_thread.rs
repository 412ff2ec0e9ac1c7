//! Driving one future to its end on a thread that sleeps in between.

use alloc::{sync::Arc, task::Wake};
use core::{
    cell::Cell,
    future::Future,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Waker},
};
use std::thread::{self, Thread};

/// Polls `future` until it is ready. Between polls this thread sleeps.
///
/// ```
/// assert_eq!(wasmote::block_on(async { 6 * 7 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    // Taken out for as long as it is used: who blocks within has one of its own.
    let kept = KEPT.try_with(Cell::take).ok().flatten();
    let (sleeper, waker) = kept.unwrap_or_else(|| {
        let sleeper = Arc::new(Sleeper { thread: thread::current(), woken: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&sleeper));
        (sleeper, waker)
    });
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    // What may have woken it before, after the end of another future, is of no matter: one is polled at once anyway.
    sleeper.woken.store(false, Ordering::Relaxed);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            // Not kept where the thread is on its way out.
            let _ = KEPT.try_with(|kept| kept.set(Some((sleeper, waker))));
            return output;
        }
        // The flag and not the thread's own token says whether to poll: something that sleeps within the poll
        // may have taken the token.
        while !sleeper.woken.swap(false, Ordering::Acquire) {
            thread::park();
        }
    }
}

std::thread_local! {
    /// This thread's waker, made when it first blocks.
    static KEPT: Cell<Option<(Arc<Sleeper>, Waker)>> = const { Cell::new(None) };
}

struct Sleeper {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
