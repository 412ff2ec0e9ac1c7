//! A bound on the time that a future may take.
//!
//! A guest gives way after every slice of fuel and wherever it waits, so looking at the clock between
//! polls is enough for both; while it waits, nobody polls, and a thread wakes it when its time is over.
//! Should the operating system block in the middle of a poll (a file on a dead network, say), that same thread
//! ends the process.

use std::{
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    task::{Poll, Waker},
    thread,
    time::Duration,
};

/// How long after its deadline a future may still take to be polled once more.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Shared {
    passed: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// Drives `future`, but no longer than `time`; `None` when that was not enough. Calls `abort` on another
/// thread if the future is then stuck in a call of the operating system; it must end the process.
pub async fn within<F: Future>(
    time: Duration,
    future: F,
    abort: impl FnOnce() + Send + 'static,
) -> std::io::Result<Option<F::Output>> {
    let shared = Arc::new(Shared::default());
    let (done, ended) = mpsc::channel::<()>();
    let of_thread = Arc::clone(&shared);
    thread::Builder::new().name("deadline".into()).spawn(move || {
        let still_runs = |time| ended.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
        if still_runs(time) {
            of_thread.pass();
            if still_runs(GRACE) {
                abort();
            }
        }
    })?;
    let mut future = pin!(future);
    let output = std::future::poll_fn(|cx| {
        if shared.passed.load(Ordering::Acquire) {
            return Poll::Ready(None);
        }
        shared.wakes(cx.waker());
        future.as_mut().poll(cx).map(Some)
    });
    let output = output.await;
    drop(done);
    Ok(output)
}

/// Has whoever polls look at the clock.
pub async fn give_way() {
    let mut gave = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut gave, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Shared {
    /// Whom to wake.
    fn wakes(&self, waker: &Waker) {
        let mut known = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    fn pass(&self) {
        self.passed.store(true, Ordering::Release);
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
