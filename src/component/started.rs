//! Calls of guests that the host starts and then polls, and what becomes of results that nobody fetches.
//!
//! What is polled (a host function that waits, a background task) may stand between any two instructions of a guest, so
//! it calls none: it starts a call, which the scheduler begins when it comes to it (`CanonicalABI.md`, `Store.invoke`).
//! No guest stands on the native stack then, so each may be entered, and however many wait for each other, they do so as
//! tasks.

use crate::{
    Error, Rule, Trap,
    component::{
        Val, call,
        func::{Crossing, Func, put, take_result, unbox},
        host_channel::{GivenUp, NO_CALL},
        resource::{ChannelAny, HostHeldId},
        store::{Cx, FuncInst, InstanceId, ResourceTypeId, State, TaskId},
        task::{Caller, TaskState, Told, Wait},
        wrapped::AsContextMut,
    },
    engine::Fault,
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{any::Any, fmt, marker::PhantomData, mem, task::Poll};
use spin::Mutex;

/// A call of a [`TypedFunc`](super::TypedFunc) that was started.
///
/// Where it is dropped before it has returned, the guest goes on, and what it returns is dropped with all that comes with
/// it: ends of streams and futures are closed, resources destroyed. One that the guest has not let in yet is taken back,
/// and typed ends of streams and futures among its arguments are closed.
pub struct TypedFuncCallConcurrent<R> {
    started: Started,
    result: PhantomData<fn() -> R>,
}

impl<R: 'static> TypedFuncCallConcurrent<R> {
    pub(super) fn new(started: Started) -> Self {
        Self { started, result: PhantomData }
    }

    /// The result, once the guest has returned. Until then, what is being polled is polled again when it has. If that
    /// waits for something else too, it has its waker kept there: nobody is asked again who is known to wait only for
    /// guests that can never go on.
    ///
    /// # Errors
    ///
    /// When everything in the store has ended, it has told its result before, or the store is another.
    pub fn poll(&mut self, mut store: impl AsContextMut) -> Poll<Result<R, Error>> {
        let polled = self.started.poll(&mut store.as_context_mut().0);
        polled.map(|told| unbox(told?).map_err(Fault::into_error))
    }
}

impl<R> fmt::Debug for TypedFuncCallConcurrent<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFuncCallConcurrent").field(&self.started).finish()
    }
}

/// A call of a [`Func`](super::Func) that was started: as [`TypedFuncCallConcurrent`].
#[derive(Debug)]
pub struct FuncCallConcurrent {
    started: Started,
    /// How many results there are.
    results: usize,
}

impl FuncCallConcurrent {
    pub(super) fn new(started: Started, results: usize) -> Self {
        Self { started, results }
    }

    /// Puts the result where there is a place for it, once the guest has returned: see
    /// [`TypedFuncCallConcurrent::poll`]. `results` is as long as the function has results: one or none.
    ///
    /// # Errors
    ///
    /// As [`TypedFuncCallConcurrent::poll`].
    pub fn poll(&mut self, mut store: impl AsContextMut, results: &mut [Val]) -> Poll<Result<(), Error>> {
        if results.len() != self.results {
            return Poll::Ready(Err(Error::misuse("the results of a call are as many as its function has")));
        }
        let polled = self.started.poll(&mut store.as_context_mut().0);
        polled.map(|told| put(unbox(told?).map_err(Fault::into_error)?, results))
    }
}

/// Tasks of calls that nobody waits for any more, until they are told so.
pub(crate) type Dropped = Mutex<Vec<TaskId>>;

/// A call that was started.
pub(super) struct Started {
    /// Until it has told its result.
    task: Option<TaskId>,
    /// The number of its store.
    store: u32,
    dropped: Arc<Dropped>,
}

impl fmt::Debug for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Started").field("task", &self.task).finish_non_exhaustive()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            self.dropped.lock().push(task);
        }
    }
}

impl Started {
    fn poll<T: Send + 'static>(&mut self, cx: &mut Cx<'_, T>) -> Poll<Result<Box<dyn Any + Send>, Error>> {
        let state = cx.state_mut();
        state.check_number(self.store)?;
        state.check_alive()?;
        let Some(task) = self.task else {
            return Poll::Ready(Err(Error::misuse("a call is asked again that has told its result")));
        };
        if let Some(result) = take_result(state, task) {
            self.task = None;
            return Poll::Ready(Ok(result));
        }
        if let (Some(polling), Some(task)) = (&state.polling, state.tasks.find_mut(task))
            && let Caller::Host { waiter, .. } = &mut task.caller
        {
            *waiter = polling.clone();
            state.polled_guest = true;
        }
        Poll::Pending
    }
}

/// Starts a call: the scheduler begins it.
pub(super) fn start<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Func,
    crossing: &mut dyn Crossing<T>,
) -> Result<Started, Error> {
    cx.state().check_number(func.store)?;
    cx.state().check_alive()?;
    // What was dropped makes room.
    work_off(cx).map_err(|fault| cx.state_mut().end(fault))?;
    let state = cx.state_mut();
    crossing.check(state, func)?;
    let FuncInst::Lifted(lifted) = &state.funcs[func.func.0] else {
        return Err(Error::misuse("a host function that a component passes on is started as a guest's"));
    };
    let lifted = *lifted;
    let callee = lifted.options.instance;
    if state.stops_all {
        let rule = if state.may_enter(callee, None) { Rule::CannotBlock } else { Rule::CannotEnter };
        return Err(Trap::from(rule).into());
    }
    let is_async = state.instance(callee).program.types().func(lifted.ty).is_async;
    let caller = Caller::of_host(Some(crossing.keep()), crossing.lift_later());
    let begun = state.new_task(lifted, is_async, caller).and_then(|(task, thread)| {
        state.wait(thread, Wait::Start)?;
        Ok(task)
    });
    let task = Some(begun.map_err(Fault::into_error)?);
    state.marked = true;
    Ok(Started { task, store: state.number, dropped: state.dropped.get_or_insert_default().clone() })
}

/// Tells calls whose host has dropped them.
pub(crate) fn work_off<T: Send + 'static>(cx: &mut Cx<'_, T>) -> Result<(), Fault> {
    let Some(dropped) = &cx.state().dropped else { return Ok(()) };
    let dropped = mem::take(&mut *dropped.lock());
    dropped.into_iter().try_for_each(|task| abandon(cx, task))
}

/// Nobody waits for a call any more that the host made: it goes on in the store, and what it returns is let go. One that has
/// not begun is taken back: its embedder may yet destroy what is among its arguments, and to lower those then would end
/// the store.
pub(super) fn abandon<T: Send + 'static>(cx: &mut Cx<'_, T>, id: TaskId) -> Result<(), Fault> {
    let state = cx.state_mut();
    if let Some(task) = state.take_back(id)? {
        state.close_ends(task);
        return Ok(());
    }
    let Some(task) = state.tasks.find_mut(id) else { return Ok(()) };
    let is_over = task.threads == 0 && task.state == TaskState::Resolved;
    let Caller::Host { result, abandoned, .. } = &mut task.caller else { return Ok(()) };
    *abandoned = true;
    let told = result.take();
    if is_over {
        state.tasks.remove(id);
    }
    told.map_or(Ok(()), |told| let_go(cx, told))
}

/// A call that the host made has told its result: who waits for that is polled.
pub(crate) fn told<T: Send + 'static>(cx: &mut Cx<'_, T>, id: TaskId, told: Told) -> Result<(), Fault> {
    let state = cx.state_mut();
    let Caller::Host { result, abandoned, waiter, .. } = &mut state.tasks.get_mut(id)?.caller else {
        return Err(Fault::Trap(crate::bug!("a guest's call has its result told to the host")));
    };
    if *abandoned {
        return let_go(cx, told);
    }
    *result = Some(told);
    if let Some(flag) = waiter.upgrade() {
        flag.mark();
        state.marked = true;
    }
    Ok(())
}

/// What came to the host with a result.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Came {
    /// The readable end of a stream or future.
    End(ChannelAny),
    /// A resource.
    Own { giver: InstanceId, ty: ResourceTypeId, rep: u32 },
    /// What the store knows a resource by that the host has.
    Held(HostHeldId),
}

impl<T: 'static> State<T> {
    /// Notes what the host gets with a result, if somebody has to know.
    #[inline]
    pub(crate) fn note_came(&mut self, came: impl FnOnce() -> Came) {
        if let Some(known) = &mut self.came {
            known.push(came());
        }
    }
}

/// Drops a result that nobody wants: what came with it is nobody's.
fn let_go<T: Send + 'static>(cx: &mut Cx<'_, T>, told: Told) -> Result<(), Fault> {
    drop(told.value);
    for came in told.came {
        let state = cx.state_mut();
        match came {
            Came::End(end) => GivenUp { state, call: NO_CALL }.close(end),
            Came::Held(id) => state.let_go_all([id].into()),
            Came::Own { giver, ty, rep } => call::destroy_later(cx, giver, ty, rep)?,
        }
    }
    Ok(())
}
