//! Whether a descriptor can be read or written, and a thread that waits until it can.
//!
//! poll(2) asks without consuming anything, and takes terminals, pipes and files alike. Only when the
//! answer is no, and somebody waits, is there a thread; it ends when nobody has waited for a while.

use crate::backend::wakers::{Wakers, wake};
use alloc::sync::{Arc, Weak};
use core::{
    panic::AssertUnwindSafe,
    task::{Context, Poll},
    time::Duration,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    panic::catch_unwind,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// A descriptor, this process's own or one that was handed over.
pub(super) enum Descriptor {
    Stdin,
    Stdout,
    Stderr,
    Owned(OwnedFd),
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Stdin => rustix::stdio::stdin(),
            Self::Stdout => rustix::stdio::stdout(),
            Self::Stderr => rustix::stdio::stderr(),
            Self::Owned(descriptor) => descriptor.as_fd(),
        }
    }
}

/// A descriptor and who waits for it.
pub(super) struct Watched {
    pub(super) descriptor: Descriptor,
    events: PollFlags,
    /// Held from asking whether an operation would block until it is done: clones share a descriptor.
    turn: Mutex<()>,
    waiting: Mutex<Waiting>,
    asked: Condvar,
}

struct Waiting {
    wakers: Wakers,
    /// Whether there is anybody among them.
    asked: bool,
    /// Whether there is a thread.
    watched: bool,
}

/// How long a thread stays when nobody waits.
const IDLE: Duration = Duration::from_secs(1);
/// How long a thread keeps a descriptor open that was dropped meanwhile.
const LINGER: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

impl Watched {
    pub(super) fn new(descriptor: Descriptor, events: PollFlags) -> Arc<Self> {
        let waiting = Mutex::new(Waiting { wakers: Wakers::default(), asked: false, watched: false });
        Arc::new(Self { descriptor, events, turn: Mutex::new(()), waiting, asked: Condvar::new() })
    }

    /// Keeps other clones from the descriptor.
    pub(super) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an operation would not block now. What is closed or broken does not: it fails.
    pub(super) fn is_ready(&self) -> bool {
        self.wait(Some(&AT_ONCE))
    }

    fn wait(&self, timeout: Option<&Timespec>) -> bool {
        let mut descriptors = [PollFd::new(&self.descriptor, self.events)];
        match poll(&mut descriptors, timeout) {
            Ok(count) => count > 0,
            Err(rustix::io::Errno::INTR) => false,
            // Not to be asked; let the operation itself say.
            Err(_) => true,
        }
    }

    /// Waits until an operation would not block.
    pub(super) fn poll_ready(self: &Arc<Self>, cx: &Context<'_>) -> Poll<()> {
        if self.is_ready() { Poll::Ready(()) } else { self.poll_wait(cx) }
    }

    /// Waits, though an operation may be possible by now: then the task is woken at once.
    pub(super) fn poll_wait(self: &Arc<Self>, cx: &Context<'_>) -> Poll<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.watched {
            let weak = Arc::downgrade(self);
            let thread = thread::Builder::new().name("wasmote-stream".into()).stack_size(256 << 10);
            if thread.spawn(move || watch(&weak)).is_err() {
                drop(waiting);
                // No thread is to be had. Waiting here is worse than elsewhere, and better than not.
                while !self.wait(None) {}
                return Poll::Ready(());
            }
            waiting.watched = true;
        }
        waiting.asked = true;
        let evicted = waiting.wakers.register(cx.waker());
        self.asked.notify_one();
        drop(waiting);
        wake(evicted);
        Poll::Pending
    }

    /// Until somebody waits; whether anybody did in the end.
    fn is_asked(&self) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.asked {
            let woken = self.asked.wait_timeout(waiting, IDLE).unwrap_or_else(PoisonError::into_inner);
            waiting = woken.0;
        }
        waiting.watched = waiting.asked;
        waiting.watched
    }
}

fn watch(watched: &Weak<Watched>) {
    while let Some(watched) = watched.upgrade() {
        if !watched.is_asked() {
            return;
        }
        // What belongs to the process is never dropped, and can be waited for at a stretch.
        let timeout = matches!(watched.descriptor, Descriptor::Owned(_)).then_some(&LINGER);
        if watched.wait(timeout) {
            let mut waiting = watched.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.asked = false;
            let wakers = waiting.wakers.take();
            drop(waiting);
            let _ = catch_unwind(AssertUnwindSafe(|| wake(wakers)));
        }
    }
}
