//! Who waits for what. Knows no clock and no stream.
//!
//! Nothing here wakes: a task that is woken may run at once and come back into the very lock that
//! guards these sets. What is to be woken is handed out, and woken by the caller after it unlocked.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::task::Waker;

/// Tasks that wait for one condition.
///
/// A task registers once, however often it polls. Tasks that lost interest stay until the condition
/// comes; past [`WAITING_MAX`](Self::WAITING_MAX) the one that waits longest is handed out to be woken,
/// and registers again if it still cares.
#[derive(Default)]
pub(super) struct Wakers(Vec<Waker>);

impl Wakers {
    /// How many tasks are remembered.
    pub(super) const WAITING_MAX: usize = 1_024;

    /// Remembers a task. The one that had to make room, if any, is to be woken.
    #[must_use]
    pub(super) fn register(&mut self, waker: &Waker) -> Option<Waker> {
        if self.0.iter().any(|known| known.will_wake(waker)) {
            return None;
        }
        let evicted = (self.0.len() >= Self::WAITING_MAX).then(|| self.0.remove(0));
        self.0.push(waker.clone());
        evicted
    }

    /// Everyone, to be woken.
    #[must_use]
    pub(super) fn take(&mut self) -> Vec<Waker> {
        core::mem::take(&mut self.0)
    }
}

/// Wakes them all. Not under a lock.
pub(super) fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

/// What tells tasks apart: the two pointers that [`Waker::will_wake`] compares. A remembered waker keeps
/// its task's memory, so no other task can get the same pointers meanwhile.
type Task = (usize, usize);

fn task(waker: &Waker) -> Task {
    (waker.data().addr(), core::ptr::from_ref(waker.vtable()).addr())
}

/// Tasks that wait for points in time.
///
/// One entry for a task, with the earliest deadline it asked for: when that comes the task polls all it
/// cares for again, and asks for the next. So a guest that polls with ever other deadlines costs nothing.
#[derive(Default)]
pub(super) struct Sleepers {
    by_task: BTreeMap<Task, (u64, Waker)>,
    by_deadline: BTreeSet<(u64, Task)>,
}

impl Sleepers {
    /// How many tasks are remembered. Past it, the one with the furthest deadline is woken early.
    pub(super) const WAITING_MAX: usize = 16_384;

    /// An empty set.
    pub(super) const fn new() -> Self {
        Self { by_task: BTreeMap::new(), by_deadline: BTreeSet::new() }
    }

    /// Remembers a task. The one that had to make room, if any, is to be woken.
    #[must_use]
    pub(super) fn register(&mut self, deadline_ns: u64, waker: &Waker) -> Option<Waker> {
        let task = task(waker);
        if let Some((known_ns, _)) = self.by_task.get_mut(&task) {
            if deadline_ns < *known_ns {
                self.by_deadline.remove(&(*known_ns, task));
                self.by_deadline.insert((deadline_ns, task));
                *known_ns = deadline_ns;
            }
            return None;
        }
        self.by_deadline.insert((deadline_ns, task));
        self.by_task.insert(task, (deadline_ns, waker.clone()));
        if self.by_task.len() <= Self::WAITING_MAX {
            return None;
        }
        let (_, furthest) = self.by_deadline.pop_last()?;
        self.by_task.remove(&furthest).map(|(_, waker)| waker)
    }

    /// The earliest deadline.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.by_deadline.first().map(|&(deadline_ns, _)| deadline_ns)
    }

    /// Everyone whose deadline has come, earliest first, to be woken.
    #[must_use]
    pub(super) fn take_due(&mut self, now_ns: u64) -> Vec<Waker> {
        let mut due = Vec::new();
        while let Some(&(deadline_ns, task)) = self.by_deadline.first() {
            if deadline_ns > now_ns {
                break;
            }
            self.by_deadline.pop_first();
            due.extend(self.by_task.remove(&task).map(|(_, waker)| waker));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{sync::Arc, task::Wake};
    use core::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn waker() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        (count.clone(), Waker::from(count))
    }

    #[test]
    fn a_task_that_polls_often_waits_once() {
        let (_, waker) = waker();
        let (mut wakers, mut sleepers) = (Wakers::default(), Sleepers::new());
        for n in 0..100_000 {
            assert!(wakers.register(&waker).is_none());
            assert!(sleepers.register(n, &waker).is_none());
        }
        assert_eq!(wakers.take().len(), 1);
        assert_eq!(sleepers.next_ns(), Some(0));
        assert_eq!(sleepers.take_due(u64::MAX).len(), 1);
        assert!(sleepers.by_task.is_empty() && sleepers.by_deadline.is_empty());
    }

    #[test]
    fn past_the_bound_the_oldest_is_handed_out_to_be_woken() {
        let mut wakers = Wakers::default();
        let (first_count, first) = waker();
        assert!(wakers.register(&first).is_none());
        for _ in 1..Wakers::WAITING_MAX {
            assert!(wakers.register(&waker().1).is_none());
        }
        wake(wakers.register(&waker().1));
        assert_eq!(first_count.0.load(Ordering::Relaxed), 1);
        assert_eq!(wakers.take().len(), Wakers::WAITING_MAX);
    }

    #[test]
    fn past_the_bound_the_furthest_deadline_is_woken_early() {
        let mut sleepers = Sleepers::new();
        let (far_count, far) = waker();
        assert!(sleepers.register(u64::MAX, &far).is_none());
        for _ in 1..Sleepers::WAITING_MAX {
            assert!(sleepers.register(7, &waker().1).is_none());
        }
        wake(sleepers.register(7, &waker().1));
        assert_eq!(far_count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn deadlines_come_in_order() {
        let mut sleepers = Sleepers::new();
        let (late, early) = (waker(), waker());
        assert!(sleepers.register(20, &late.1).is_none());
        assert!(sleepers.register(10, &early.1).is_none());
        assert!(sleepers.take_due(9).is_empty());
        wake(sleepers.take_due(10));
        assert_eq!((early.0.0.load(Ordering::Relaxed), late.0.0.load(Ordering::Relaxed)), (1, 0));
        assert_eq!(sleepers.next_ns(), Some(20));
    }
}
