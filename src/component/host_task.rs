//! What the host does in the background, and when: a round of polls, and time.

use crate::{
    Error, Rule,
    component::{
        host::{self, poll_with},
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
    work: Work<T>,
    wakeup: Wakeup,
}

type Work<T> = Box<dyn FnMut(StoreContextMut<'_, T>, &mut Context<'_>) -> Poll<Result<(), Fault>> + Send>;

/// How many background tasks the host may have for each task that [`Limits::tasks`](crate::Limits::tasks) allows: a
/// guest has the host make them, one for each stream that it is given, say.
const HOST_TASKS_A_TASK_MAX: u32 = 4;

impl<T: Send + 'static> State<T> {
    /// Refuses what a guest did if the host now does too much in the background.
    pub(crate) fn check_host_tasks(&self) -> Result<(), Fault> {
        let max = self.tasks_max.saturating_mul(HOST_TASKS_A_TASK_MAX);
        if self.host_tasks.len() > max as usize { Err(Rule::Tasks.into()) } else { Ok(()) }
    }

    /// Whether anything can still come from the host. A background task that only waits for a guest can bring nothing.
    pub(crate) fn host_waits(&self) -> bool {
        !self.host_calls.is_empty() || self.host_tasks.iter().any(|task| task.wakeup.can_come())
    }

    /// Has everything polled in the next round, if the embedder polls for a reason of its own: whatever waits may have
    /// become ready without waking. When this gave way last time it does so once for as many slices as there is to poll,
    /// so that what is asked of the host in vain takes no more of a busy guest's time than the guest does.
    pub(crate) fn listen(&mut self, waker: &Waker) {
        self.wakeups.listen(waker);
        let waits = self.host_calls.len() + self.host_tasks.len();
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
        calls.chain(self.host_tasks.iter().map(|task| &task.wakeup))
    }
}

impl<T: Send + 'static> StoreContextMut<'_, T> {
    /// Has the host do something in the background: polled while a call runs, whenever its waker was woken or a guest
    /// did something to a stream or future that it reads or writes, until it is done.
    pub fn spawn(
        &mut self,
        task: impl FnMut(StoreContextMut<'_, T>, &mut Context<'_>) -> Poll<Result<(), Fault>> + Send + 'static,
    ) {
        let state = self.0.state_mut();
        state.host_tasks.push(HostTask { work: Box::new(task), wakeup: state.wakeups.add() });
        state.marked = true;
    }
}

impl<T: Send + 'static> Store<T> {
    /// Runs guests and the host's background tasks until nothing can go on without the embedder; whether it did
    /// anything.
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
                .and_then(|ready| Ok(ready | (task::turn(&mut cx)? != Turn::Idle) | cx.state().marked));
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
    let state = cx.state_mut();
    state.marked = false;
    if !state.wakeups.take_any() {
        return Ok(false);
    }
    let ready = host::poll_woken(cx)?;
    Ok(ready | poll_tasks(cx)?)
}

/// Polls the host's background tasks; whether one of them is done.
fn poll_tasks<T: Send + 'static>(cx: &mut Cx<'_, T>) -> Result<bool, Fault> {
    let mut tasks: Vec<HostTask<T>> = mem::take(&mut cx.state_mut().host_tasks);
    let before = tasks.len();
    let mut ended = Ok(());
    tasks.retain_mut(|HostTask { work, wakeup }| {
        if !wakeup.is_woken() || ended.is_err() {
            return true;
        }
        let polled = poll_with(cx, wakeup, |cx, context| work(StoreContextMut(cx.reborrow()), context));
        ended = settle(cx);
        match polled {
            Poll::Pending => true,
            Poll::Ready(result) => {
                ended = ended.and(result);
                false
            }
        }
    });
    let done = tasks.len() < before;
    // What they spawned comes after them.
    tasks.append(&mut cx.state_mut().host_tasks);
    cx.state_mut().host_tasks = tasks;
    ended.map(|()| done)
}

/// Polls the one background task that has this interest, right away: when a guest drops an end of a channel, what the
/// host held for the other is gone before the guest goes on, and a port it listened on is free.
pub(crate) fn poll_interested<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    interest: &Interest,
) -> Result<(), Fault> {
    if interest.strong_count() == 0 {
        return Ok(());
    }
    let tasks = &mut cx.state_mut().host_tasks;
    let Some(at) = tasks.iter().position(|task| task.wakeup.is(interest)) else { return Ok(()) };
    let mut task = tasks.remove(at);
    let HostTask { work, wakeup } = &mut task;
    let polled = poll_with(cx, wakeup, |cx, context| work(StoreContextMut(cx.reborrow()), context));
    let settled = settle(cx);
    match polled {
        Poll::Ready(ended) => settled.and(ended),
        Poll::Pending => {
            let tasks = &mut cx.state_mut().host_tasks;
            tasks.insert(at.min(tasks.len()), task);
            settled
        }
    }
}

/// Asks about the earliest time that is waited for; what waits for it is polled when it has come.
pub(crate) fn poll_time<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    waker: &Waker,
    may_wait: bool,
) -> Poll<Result<(), Fault>> {
    let state = cx.state();
    let Some(deadline) = state.wakeups().filter_map(|wakeup| wakeup.deadline).min() else {
        return Poll::Pending;
    };
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
