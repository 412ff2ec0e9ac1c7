//! When to ask the host's work again: what waits for the host is polled when something woke it, and not before.
//!
//! Each call of a host function that waits, and each background task, has a waker of its own. Waking it notes which one
//! it was and wakes the embedder's task. What guests do to a stream or future wakes the host's end of it the same way,
//! without a detour through the embedder.
//!
//! A round of polls comes by what was woken, however much else waits: a guest pays for none of what it has waiting.

use alloc::{
    collections::BTreeSet,
    sync::{Arc, Weak},
    task::Wake,
    vec::Vec,
};
use core::{
    sync::atomic::{AtomicBool, Ordering},
    task::Waker,
};
use spin::Mutex;

/// All that may be woken in one store.
pub(crate) struct Wakeups {
    shared: Arc<Shared>,
    made: u64,
    /// What was woken and not polled since, by number; and what was polled or is gone meanwhile.
    ready: BTreeSet<u64>,
}

struct Shared {
    /// Whether anything was woken that has not been polled since.
    any: AtomicBool,
    /// The numbers of what was woken and not taken into [`Wakeups::ready`] yet, as far as there was room for them.
    woken: Mutex<Vec<u64>>,
    /// Whether there is more.
    lost: AtomicBool,
    /// The embedder's task, as of its last poll.
    embedder: Mutex<Option<Waker>>,
}

/// One thing to poll, and whether it was woken.
pub(crate) struct Wakeup {
    flag: Arc<Flag>,
    waker: Waker,
    /// What it waits for on the embedder's clock, if it does.
    pub(crate) deadline: Option<u64>,
    /// When it was polled last, a guest had not told it a result that it asked for.
    pub(crate) for_guest: bool,
}

/// What is set when something is woken.
pub(crate) struct Flag {
    woken: AtomicBool,
    /// Those made later have greater ones.
    number: u64,
    shared: Arc<Shared>,
}

/// Who is interested in a channel, as long as it is there.
pub(crate) type Interest = Weak<Flag>;

impl Wakeups {
    pub(crate) fn new() -> Self {
        let (any, lost) = (AtomicBool::new(false), AtomicBool::new(false));
        let shared = Shared { any, woken: Mutex::new(Vec::new()), lost, embedder: Mutex::new(None) };
        Self { shared: Arc::new(shared), made: 0, ready: BTreeSet::new() }
    }

    /// Something new to poll. It is woken from the start.
    pub(crate) fn add(&mut self) -> Wakeup {
        self.made += 1;
        let flag = Flag { woken: AtomicBool::new(false), number: self.made, shared: self.shared.clone() };
        let flag = Arc::new(flag);
        // Room for each that there is, made here: waking takes none.
        let mut woken = self.shared.woken.lock();
        let more = Arc::strong_count(&self.shared).saturating_sub(woken.len());
        woken.reserve(more);
        drop(woken);
        flag.mark();
        Wakeup { waker: Waker::from(flag.clone()), flag, deadline: None, for_guest: false }
    }

    /// From here on this waker is the embedder's.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut embedder = self.shared.embedder.lock();
        if !embedder.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *embedder = Some(waker.clone());
        }
    }

    /// Whether anything was woken since this was last asked.
    pub(crate) fn take_any(&self) -> bool {
        self.shared.any.swap(false, Ordering::AcqRel)
    }

    /// Takes up what was woken; whether there is more, which is to be looked for.
    pub(crate) fn take_up(&mut self) -> bool {
        for number in self.shared.woken.lock().drain(..) {
            self.ready.insert(number);
        }
        self.shared.lost.swap(false, Ordering::AcqRel)
    }

    /// What was taken up, in the order it was made.
    pub(crate) fn ready(&mut self) -> &mut BTreeSet<u64> {
        &mut self.ready
    }

    /// What was woken while it was polled is polled again: who took it up meanwhile did not find it.
    pub(crate) fn again(&mut self, wakeup: &Wakeup) {
        if wakeup.is_woken() {
            self.ready.insert(wakeup.number());
            self.shared.any.store(true, Ordering::Release);
        }
    }

    /// The number of what was made last.
    pub(crate) fn newest(&self) -> u64 {
        self.made
    }

    /// Whether anything was woken.
    pub(crate) fn any(&self) -> bool {
        self.shared.any.load(Ordering::Acquire)
    }
}

impl Wakeup {
    /// Whether it was woken since this was last asked.
    pub(crate) fn take(&self) -> bool {
        self.flag.woken.swap(false, Ordering::AcqRel)
    }

    /// Whether it was woken.
    pub(crate) fn is_woken(&self) -> bool {
        self.flag.woken.load(Ordering::Acquire)
    }

    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(crate) fn interest(&self) -> Interest {
        Arc::downgrade(&self.flag)
    }

    /// Those made later have greater ones.
    pub(crate) fn number(&self) -> u64 {
        self.flag.number
    }

    /// Has it polled in the next round.
    pub(crate) fn mark(&self) {
        self.flag.mark();
    }

    /// Whether anything could still wake it: its waker was handed out and is kept, or a time is waited for.
    pub(crate) fn can_come(&self) -> bool {
        const OWN: usize = 2;
        self.deadline.is_some() || self.is_woken() || Arc::strong_count(&self.flag) > OWN
    }
}

impl Flag {
    /// That of its [`Wakeup`].
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn mark(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // Where somebody else holds the lock, who polls looks for it. So an interrupt may wake, whatever it
            // interrupted.
            match self.shared.woken.try_lock() {
                Some(mut woken) if woken.len() < woken.capacity() => woken.push(self.number),
                _ => self.shared.lost.store(true, Ordering::Release),
            }
        }
        self.shared.any.store(true, Ordering::Release);
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.mark();
        // Where somebody else holds the lock, they wake the embedder too, or are its poll, which looks for what was
        // woken before it returns. So an interrupt may wake, whatever it interrupted.
        let embedder = self.shared.embedder.try_lock().and_then(|embedder| embedder.clone());
        if let Some(embedder) = embedder {
            embedder.wake();
        }
    }
}

impl core::fmt::Debug for Flag {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Flag").field("woken", &self.woken).finish_non_exhaustive()
    }
}
