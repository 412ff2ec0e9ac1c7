//! What the host does in the background, and when: a round of polls, and time.

use crate::{
    Error, Rule,
    component::{
        host::{self, poll_with},
        started,
        store::{Cx, State, Store},
        task::{self, Turn},
        wakeup::{Interest, Wakeup},
        wrapped::{IdleHook, StoreContextMut, settle},
    },
    engine::Fault,
};
use alloc::{boxed::Box, vec::Vec};
use core::{
    mem,
    task::{Context, Poll, Waker},
};

/// Something the host does in the background, polled until it is done.
pub(crate) struct HostTask<T: 'static> {
    /// None while it is polled, and when it has ended.
    work: Option<(Work<T>, Wakeup)>,
    /// Its wakeup's: by it they are found, as they are in its order.
    number: u64,
    /// It was not polled yet.
    is_new: bool,
    has_ended: bool,
}

impl<T> HostTask<T> {
    fn wakeup(&self) -> Option<&Wakeup> {
        self.work.as_ref().map(|(_, wakeup)| wakeup)
    }
}

type Work<T> = Box<dyn FnMut(StoreContextMut<'_, T>, &mut Context<'_>) -> Poll<Result<(), Fault>> + Send>;

/// How many background tasks the host may have for each task that [`Limits::tasks`](crate::Limits::tasks) allows: a
/// guest has the host make them, one for each stream that it is given, say.
const HOST_TASKS_A_TASK_MAX: u32 = 4;

impl<T: Send + 'static> State<T> {
    /// Refuses what a guest did if the host now does too much in the background.
    pub(crate) fn check_host_tasks(&self) -> Result<(), Fault> {
        let max = self.tasks_max.saturating_mul(HOST_TASKS_A_TASK_MAX);
        if self.host_tasks_alive() > max as usize { Err(Rule::Tasks.into()) } else { Ok(()) }
    }

    fn host_tasks_alive(&self) -> usize {
        self.host_tasks.len() - self.host_tasks_ended
    }

    /// Whether anything can still come from the host. What only waits for a guest can bring nothing.
    pub(crate) fn host_waits(&self) -> bool {
        self.host_calls.values().any(|call| !call.wakeup.for_guest || call.wakeup.can_come())
            || self.host_tasks.iter().filter_map(HostTask::wakeup).any(Wakeup::can_come)
    }

    /// Has everything polled in the next round, if the embedder polls for a reason of its own: whatever waits may have
    /// become ready without waking. When this gave way last time it does so once for as many slices as there is to poll,
    /// so that what is asked of the host in vain takes no more of a busy guest's time than the guest does.
    pub(crate) fn listen(&mut self, waker: &Waker) {
        self.wakeups.listen(waker);
        let waits = self.host_calls.len() + self.host_tasks_alive();
        if !self.wakeups.any() && self.gave_way.is_none_or(|times| times > waits) {
            self.gave_way = self.gave_way.and(Some(0));
            self.wake_all();
        }
    }

    /// Has everything polled in the next round.
    pub(crate) fn wake_all(&mut self) {
        self.wakeups().for_each(Wakeup::mark);
    }

    fn wakeups(&self) -> impl Iterator<Item = &Wakeup> {
        let calls = self.host_calls.values().map(|call| &call.wakeup);
        calls.chain(self.host_tasks.iter().filter_map(HostTask::wakeup))
    }

    /// Where the background task of this number is.
    fn host_task(&self, number: u64) -> Option<usize> {
        self.host_tasks.binary_search_by_key(&number, |task| task.number).ok()
    }

    fn wakeup(&self, number: u64) -> Option<&Wakeup> {
        let task = || self.host_tasks[self.host_task(number)?].wakeup();
        self.host_calls.get(&number).map(|call| &call.wakeup).or_else(task)
    }

    /// Takes up what was woken.
    fn take_up(&mut self) {
        if !self.wakeups.take_up() {
            return;
        }
        let woken: Vec<u64> = self.wakeups().filter(|wakeup| wakeup.is_woken()).map(Wakeup::number).collect();
        for number in woken {
            self.wakeups.ready().insert(number);
        }
    }

    /// The earliest time that is waited for. All are asked only if who waited for it has stopped.
    fn earliest(&mut self) -> Option<u64> {
        let (deadline, number) = self.earliest?;
        if self.wakeup(number).and_then(|wakeup| wakeup.deadline) != Some(deadline) {
            self.earliest =
                self.wakeups().filter_map(|wakeup| Some((wakeup.deadline?, wakeup.number()))).min();
        }
        self.earliest.map(|(deadline, _)| deadline)
    }
}

impl<T: Send + 'static> StoreContextMut<'_, T> {
    /// Has the host do something in the background: polled once the host function that begins it has returned, and then
    /// whenever its waker was woken or a guest did something to a stream or future that it reads or writes, until it is
    /// done. That is while a call runs, and also in the middle of what a guest does: it must not wait for a lock that is
    /// held while a guest is called.
    ///
    /// There are at most four for each task that [`Limits::tasks`](crate::Limits::tasks) allows: the host function that
    /// begins one more traps, or the next one that a guest calls where the host began it by itself.
    pub fn spawn(
        &mut self,
        task: impl FnMut(StoreContextMut<'_, T>, &mut Context<'_>) -> Poll<Result<(), Fault>> + Send + 'static,
    ) {
        let state = self.0.state_mut();
        let wakeup = state.wakeups.add();
        state.host_tasks.push(HostTask {
            number: wakeup.number(),
            work: Some((Box::new(task), wakeup)),
            is_new: true,
            has_ended: false,
        });
        state.host_tasks_new += 1;
        state.marked = true;
    }
}

impl<T: Send + 'static> Store<T> {
    /// Runs guests and the host's background tasks until nothing can go on without the embedder; whether it did
    /// anything. A task that wakes itself is polled again: one that always does so is never idle.
    ///
    /// # Errors
    ///
    /// When a guest traps.
    pub fn run_until_idle(&mut self) -> Result<bool, Error> {
        self.check_alive()?;
        self.state_mut().wake_all();
        let mut ran = false;
        loop {
            // Nobody else has a turn, as its embedder wants it.
            self.inner.begin_turn();
            let mut cx = self.cx();
            let polled = poll_host(&mut cx)
                .and_then(|ready| Ok(ready | (task::turn(&mut cx)? != Turn::Idle) | cx.state().marked))
                // Woken meanwhile, by itself or from elsewhere.
                .map(|ready| ready | self.state().wakeups.any());
            match polled {
                Ok(true) => ran = true,
                Ok(false) => return Ok(ran),
                Err(fault) => return Err(self.state_mut().end(fault)),
            }
        }
    }
}

/// Polls what was woken of the host's work; whether any of it is done.
pub(crate) fn poll_host<T: Send + 'static>(cx: &mut Cx<'_, T>) -> Result<bool, Fault> {
    started::work_off(cx)?;
    let state = cx.state_mut();
    state.marked = false;
    if !state.wakeups.take_any() {
        return Ok(false);
    }
    state.take_up();
    let ready = host::poll_woken(cx)? | poll_tasks(cx)?;
    poll_spawned(cx)?;
    Ok(ready)
}

/// Polls the host's background tasks that were woken, each once and in their order; whether one of them is done.
fn poll_tasks<T: Send + 'static>(cx: &mut Cx<'_, T>) -> Result<bool, Fault> {
    let (mut last, mut done) = (0, false);
    // Those that are spawned meanwhile come after these (`poll_spawned`).
    let newest = cx.state().wakeups.newest();
    let mut later = Vec::new();
    loop {
        let state = cx.state_mut();
        state.take_up();
        let Some(number) = state.wakeups.ready().first().copied() else { break };
        state.wakeups.ready().remove(&number);
        // It was polled meanwhile, or is gone.
        if !state.wakeup(number).is_some_and(Wakeup::is_woken) {
            continue;
        }
        match state.host_task(number) {
            Some(at) if (last + 1..=newest).contains(&number) => {
                last = number;
                done |= poll_task(cx, at)?;
            }
            _ => later.push(number),
        }
    }
    for number in later {
        cx.state_mut().wakeups.ready().insert(number);
    }
    Ok(done)
}

/// Polls a background task: whether it is done.
fn poll_task<T: Send + 'static>(cx: &mut Cx<'_, T>, at: usize) -> Result<bool, Fault> {
    let state = cx.state_mut();
    let task = &mut state.host_tasks[at];
    if mem::take(&mut task.is_new) {
        state.host_tasks_new -= 1;
    }
    let Some((mut work, mut wakeup)) = task.work.take() else { return Ok(false) };
    let polled =
        poll_with(cx, &mut wakeup, false, |cx, context| work(StoreContextMut(cx.reborrow()), context));
    let settled = settle(cx);
    let state = cx.state_mut();
    let Some(at) = state.host_task(wakeup.number()) else {
        return Err(Fault::Trap(crate::bug!("a background task is gone")));
    };
    match polled {
        Poll::Pending => {
            state.wakeups.again(&wakeup);
            state.host_tasks[at].work = Some((work, wakeup));
            settled.map(|()| false)
        }
        Poll::Ready(ended) => {
            state.host_tasks[at].has_ended = true;
            state.host_tasks_ended += 1;
            // Their places are given up many at once: each moves all that are behind it.
            if state.host_tasks_ended > state.host_tasks.len() / 2 {
                state.host_tasks_ended = 0;
                state.host_tasks.retain(|task| !task.has_ended);
            }
            settled.and(ended).map(|()| true)
        }
    }
}

/// Polls what was begun and not polled yet, so that it is known what it waits for: a guest that does at once what it
/// waits for is met, wherever its slice of fuel ends.
pub(crate) fn poll_spawned<T: Send + 'static>(cx: &mut Cx<'_, T>) -> Result<(), Fault> {
    while cx.state().host_tasks_new > 0 {
        let Some(at) = cx.state().host_tasks.iter().rposition(|task| !task.is_new) else {
            poll_task(cx, 0)?;
            continue;
        };
        poll_task(cx, at + 1)?;
    }
    Ok(())
}

/// Polls the one background task that has this interest, right away: when a guest drops an end of a channel, what the
/// host held for the other is gone before the guest goes on, and a port it listened on is free; and when it reads or
/// writes, it has what is there.
pub(crate) fn poll_interested<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    interest: &Interest,
) -> Result<(), Fault> {
    let Some(number) = interest.upgrade().map(|flag| flag.number()) else { return Ok(()) };
    // A call of a host function is polled in the next round.
    let Some(at) = cx.state().host_task(number) else { return Ok(()) };
    poll_task(cx, at)?;
    poll_spawned(cx)
}

/// Asks about the earliest time that is waited for; what waits for it is polled when it has come.
pub(crate) fn poll_time<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    waker: &Waker,
    may_wait: bool,
) -> Poll<Result<(), Fault>> {
    let Some(deadline) = cx.state_mut().earliest() else { return Poll::Pending };
    let hooks = mem::take(&mut cx.state_mut().hooks.idle);
    let mut context = Context::from_waker(waker);
    let mut has_come =
        |ask: &IdleHook<T>| ask(StoreContextMut(cx.reborrow()), &mut context, deadline, may_wait).is_ready();
    // Asked in turn: a virtual clock that jumps does so once.
    let has_come = hooks.iter().fold(false, |come, ask| has_come(ask) | come);
    cx.state_mut().hooks.idle = hooks;
    // They are the host's work as any other: they may have called a guest, and cost fuel.
    settle(cx)?;
    if !has_come {
        return Poll::Pending;
    }
    let state = cx.state_mut();
    state.reached = state.reached.max(deadline);
    for wakeup in state.wakeups().filter(|wakeup| wakeup.deadline.is_some_and(|at| at <= deadline)) {
        wakeup.mark();
    }
    Poll::Ready(Ok(()))
}
