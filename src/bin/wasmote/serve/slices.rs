//! Some slices of fuel in a row, before other requests have their turn.
//!
//! A slice is short, for it bounds what the interpreter leaves on the native stack, and a request often takes two or
//! three. Who goes to the end of the line after each of them finds the processor's caches full of what others did.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// So many times in a row something is polled that wants to go on at once. With the slice of `Limits::server`, that is
/// some hundred microseconds.
const SLICES_MAX: usize = 4;

/// Polls again what was woken while it was polled.
pub struct Slices {
    /// How many there still are.
    left: usize,
    again: Arc<Again>,
    waker: Waker,
}

/// Whom to wake, and whether that was done meanwhile.
struct Again {
    state: AtomicU8,
    outer: Mutex<Waker>,
}

/// Nobody polls.
const IDLE: u8 = 0;
const POLLED: u8 = 1;
const WOKEN: u8 = 2;

impl Slices {
    pub fn new() -> Self {
        let again = Arc::new(Again { state: AtomicU8::new(IDLE), outer: Mutex::new(Waker::noop().clone()) });
        Self { left: SLICES_MAX, waker: Waker::from(again.clone()), again }
    }

    /// Polls until it is ready, waits for something, or has had its slices: all there are, however often this is called.
    pub fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        self.again.outer.lock().unwrap_or_else(PoisonError::into_inner).clone_from(cx.waker());
        while let Some(left) = self.left.checked_sub(1) {
            // Whatever was written before a wake-up that this forgets is seen by the poll.
            self.again.state.swap(POLLED, Ordering::AcqRel);
            if let Poll::Ready(result) = poll(&mut Context::from_waker(&self.waker)) {
                return Poll::Ready(result);
            }
            let state = &self.again.state;
            if state.compare_exchange(POLLED, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return Poll::Pending;
            }
            self.left = left;
        }
        self.again.state.swap(IDLE, Ordering::AcqRel);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The same of a future, which has all of them again after the others had their turn.
    pub async fn run<F: Future + Unpin>(mut self, mut future: F) -> F::Output {
        let poll = |cx: &mut Context<'_>| {
            self.left = SLICES_MAX;
            self.poll(cx, |cx| Pin::new(&mut future).poll(cx))
        };
        std::future::poll_fn(poll).await
    }
}

/// What waits no more may be remembered for long (a sleep that was given up), and with it whom to wake: nobody.
impl Drop for Slices {
    fn drop(&mut self) {
        self.again.outer.lock().unwrap_or_else(PoisonError::into_inner).clone_from(Waker::noop());
    }
}

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == IDLE {
            self.outer.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Polls something that wants to go on so many times: how it ended, how often it was polled, and how often somebody was
    /// woken.
    fn polled(times: usize) -> (Poll<()>, usize, usize) {
        let woken = Arc::new(Woken::default());
        let mut polls = 0;
        let ended = Slices::new().poll(&mut Context::from_waker(&Waker::from(woken.clone())), |cx| {
            polls += 1;
            if polls > times {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        });
        (ended, polls, woken.0.load(Ordering::Relaxed))
    }

    #[test]
    fn what_wants_to_go_on_has_some_slices_and_then_others_have_theirs() {
        assert_eq!(polled(3), (Poll::Ready(()), 4, 0));
        assert_eq!(polled(100), (Poll::Pending, SLICES_MAX, 1));
    }

    #[test]
    fn who_waits_no_more_is_kept_by_nobody() {
        let woken = Arc::new(Woken::default());
        let (mut slices, mut kept) = (Slices::new(), None);
        let polled = slices.poll(&mut Context::from_waker(&Waker::from(woken.clone())), |cx| {
            kept = Some(cx.waker().clone());
            Poll::<()>::Pending
        });
        assert!(polled.is_pending() && Arc::strong_count(&woken) > 1);
        drop(slices);
        assert_eq!(Arc::strong_count(&woken), 1);
        kept.iter().for_each(Waker::wake_by_ref);
    }

    #[test]
    fn what_waits_is_polled_once_and_a_wake_up_later_is_handed_on() {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let (mut slices, mut kept, mut polls) = (Slices::new(), None, 0);
        for round in 1..3 {
            let polled = slices.poll(&mut Context::from_waker(&waker), |cx| {
                polls += 1;
                kept = Some(cx.waker().clone());
                Poll::<()>::Pending
            });
            assert!(polled.is_pending());
            kept.iter().for_each(Waker::wake_by_ref);
            kept.iter().for_each(Waker::wake_by_ref);
            assert_eq!((polls, woken.0.load(Ordering::Relaxed)), (round, round));
        }
    }
}
