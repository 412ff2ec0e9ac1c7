//! Functions that the host gives to components, and calls of them that wait.

use crate::{
    Rule,
    component::{
        abi::{LiftContext, LowerContext, Place},
        call::{self, FlatArguments, Lowered},
        handles::Lender,
        host_channel::GivenUp,
        host_task, show,
        store::{Cx, Implementor, State, WaitableId},
        task::Wait,
        ty::ComponentFunc,
        types::{FuncTypeId, ResourceIx, Types, ValType},
        waitable::{Callee, SubtaskState},
        wakeup::Wakeup,
        wrapped::settle,
    },
    engine::{Answer, Fault},
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::{
    any::Any,
    task::{Context, Poll},
};

/// A host function, as guests call it.
pub(crate) trait HostFunction<T: 'static>: Send + Sync {
    /// Lifts the arguments and answers: at once by lowering the result, or with what is polled until it does.
    fn call(&self, call: &mut HostCall<'_, '_, T>) -> Result<Option<Box<dyn HostPending<T>>>, Fault>;

    /// Refuses to be imported as a function of this type.
    fn check(&self, check: &Check<'_>, ty: FuncTypeId) -> Result<(), String>;
}

/// A call of a host function that waits.
pub(crate) trait HostPending<T: 'static>: Send {
    /// Goes on; lowers the result when there is one.
    fn poll(&mut self, call: &mut HostCall<'_, '_, T>, cx: &mut Context<'_>) -> Poll<Result<(), Fault>>;

    /// Lets go of its arguments: it is not polled any more.
    fn give_up(&self, call: &mut GivenUp<'_, T>);
}

/// What Rust types are checked against when they meet a component's types.
pub struct Check<'c> {
    pub(crate) types: &'c Types,
    pub(crate) implementor: &'c dyn Fn(ResourceIx) -> Option<Implementor>,
}

/// One call of a host function.
pub(crate) struct HostCall<'c, 'a, T: 'static> {
    pub(crate) cx: &'c mut Cx<'a, T>,
    pub(crate) types: &'c Types,
    pub(crate) lowered: &'c Lowered,
    pub(crate) flat: &'c [u64],
    /// What lends the handles that are borrowed for it, if any are.
    pub(crate) subtask: Option<WaitableId>,
    pub(crate) result: Option<u64>,
}

impl<T: Send + 'static> HostCall<'_, '_, T> {
    /// Lifts the arguments, as one tuple.
    pub(crate) fn lift<R>(
        &mut self,
        lift: impl FnOnce(&mut LiftContext<'_, '_, T>, ValType, Place) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        let from = self.lowered.arguments(self.cx, self.types, self.flat)?;
        let tuple = ValType::Def(self.types.func(self.lowered.ty).params_tuple);
        let options = &self.lowered.options;
        let lender = Lender { subtask: self.subtask, task: None };
        let mut context = LiftContext {
            cx: self.cx,
            types: self.types,
            view: options.instance,
            options,
            flat: self.flat,
            lender,
        };
        lift(&mut context, tuple, from)
    }

    /// The function's type, as its caller sees it.
    pub(crate) fn ty(&self) -> ComponentFunc {
        ComponentFunc::of(&self.lowered.program, self.lowered.ty)
    }

    /// Lowers the result.
    pub(crate) fn lower(
        &mut self,
        lower: impl FnOnce(&mut LowerContext<'_, '_, T>, Option<ValType>, Place) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let ty = self.types.func(self.lowered.ty).result;
        let to = match ty {
            Some(ty) => self.lowered.result(self.cx, self.types, self.flat, ty)?,
            None => Place::Flat(0),
        };
        let options = &self.lowered.options;
        let mut flat = [0];
        let mut context = LowerContext {
            cx: self.cx,
            types: self.types,
            view: options.instance,
            options,
            flat: &mut flat,
            lender: Lender::default(),
        };
        lower(&mut context, ty, to)?;
        self.result = (ty.is_some() && matches!(to, Place::Flat(_))).then_some(flat[0]);
        Ok(())
    }
}

/// A call that waits, in the store.
pub(crate) struct HostCallUnderWay<T: 'static> {
    pub(crate) subtask: WaitableId,
    lowered: Arc<Lowered>,
    flat: FlatArguments,
    pending: Box<dyn HostPending<T>>,
    /// What it keeps from one poll to the next.
    kept: Option<Box<dyn Any + Send>>,
    pub(crate) wakeup: Wakeup,
}

/// How a call of a host function went so far.
pub(crate) enum Begun {
    /// It returned, with a result that is no pointer if it has one.
    Returned(Option<u64>),
    /// It waits, or did.
    Waits(WaitableId),
}

/// Calls a host function for a guest.
pub(crate) fn call<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lowered: &Lowered,
    flat: &[u64],
    function: &dyn HostFunction<T>,
) -> Result<Answer, Fault> {
    if !cx.state().instance(lowered.options.instance).may_leave {
        return Err(Rule::CannotLeave.into());
    }
    let subtask = match begin(cx, lowered, flat, function)? {
        Begun::Returned(result) => {
            let status = lowered.options.is_async.then_some(SubtaskState::Returned as u64);
            return Ok(Answer::Return(status.or(result)));
        }
        Begun::Waits(subtask) => subtask,
    };
    let resolved = cx.state().waitables.get(subtask)?.subtask()?.resolved();
    if !lowered.program.types().func(lowered.ty).is_async && !resolved {
        // A function of a synchronous type that waits stops everything: nothing else may run in between.
        return cx.state_mut().freeze(Wait::Subtask(subtask));
    }
    call::finish_lowered(cx, lowered, subtask)
}

/// Calls a host function, for whoever it is.
#[inline]
pub(crate) fn begin<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lowered: &Lowered,
    flat: &[u64],
    function: &dyn HostFunction<T>,
) -> Result<Begun, Fault> {
    let (types, instance) = (lowered.program.types(), lowered.options.instance);
    let state = cx.state_mut();
    let lends = types.layout(types.func(lowered.ty).params_tuple).borrows;
    let subtask = lends.then(|| call::started_subtask(state, instance, Callee::Gone));
    state.host_bytes = 0;
    state.note = None;
    state.stops_all = !types.func(lowered.ty).is_async;
    show::called(cx, lowered, flat);
    let mut call = HostCall { cx, types, lowered, flat, subtask, result: None };
    let called = function.call(&mut call);
    let result = call.result;
    let state = cx.state_mut();
    state.stops_all = false;
    // What has returned keeps nothing.
    let kept = state.kept.take();
    let called = settle(cx).and(called).and_then(|called| begun_in_background(cx).map(|()| called));
    if !matches!(called, Ok(Some(_))) {
        show::returned(cx, lowered, flat, called.as_ref().map(|_| result).map_err(|fault| *fault));
    }
    let Some(pending) = called? else {
        if let Some(subtask) = subtask {
            call::deliver(cx, subtask)?;
        }
        return Ok(Begun::Returned(result));
    };
    let state = cx.state_mut();
    let wakeup = state.wakeups.add();
    let id = wakeup.number();
    let subtask = subtask.unwrap_or_else(|| call::started_subtask(state, instance, Callee::Gone));
    state.waitables.get_mut(subtask)?.subtask_mut()?.callee = Callee::Host(id);
    let flat = FlatArguments::new(flat);
    let under_way = HostCallUnderWay { subtask, lowered: lowered.keep(), flat, pending, kept, wakeup };
    state.host_calls.insert(id, under_way);
    // It may have its answer by now; and if not, it has to know whom to wake.
    poll_one(cx, id)?;
    let resolved = cx.state().waitables.get(subtask)?.subtask()?.resolved();
    if !resolved {
        show::waits(cx, lowered, flat.as_slice());
    }
    Ok(Begun::Waits(subtask))
}

/// Gives a call up that waits, if it still does: nobody wants its answer any more.
pub(crate) fn give_up<T: Send + 'static>(state: &mut State<T>, id: u64) {
    if let Some(call) = state.host_calls.remove(&id) {
        call.pending.give_up(&mut GivenUp { state, call: call.wakeup.number() });
    }
}

/// What a host function has begun in the background begins.
fn begun_in_background<T: Send + 'static>(cx: &mut Cx<'_, T>) -> Result<(), Fault> {
    cx.state().check_host_tasks()?;
    host_task::poll_spawned(cx)
}

/// Polls every call that waits and was woken; whether one has its answer now.
pub(crate) fn poll_woken<T: Send + 'static>(cx: &mut Cx<'_, T>) -> Result<bool, Fault> {
    let State { wakeups, host_calls, .. } = cx.state_mut();
    let is_woken = |id: &u64| host_calls.get(id).is_some_and(|call| call.wakeup.is_woken());
    // What these wake is polled in the next round.
    let ids: Vec<u64> = wakeups.ready().iter().copied().filter(is_woken).collect();
    let mut ready = false;
    for id in ids {
        cx.state_mut().wakeups.ready().remove(&id);
        ready |= poll_one(cx, id)?;
    }
    Ok(ready)
}

/// Polls with a waker of its own, and notes what it says it waits for.
pub(crate) fn poll_with<T: Send + 'static, R>(
    cx: &mut Cx<'_, T>,
    wakeup: &mut Wakeup,
    stops_all: bool,
    poll: impl FnOnce(&mut Cx<'_, T>, &mut Context<'_>) -> R,
) -> R {
    wakeup.take();
    let state = cx.state_mut();
    state.polling = Some(wakeup.interest());
    state.polled_deadline = None;
    state.polled_guest = false;
    state.stops_all = stops_all;
    state.host_bytes = 0;
    let polled = poll(cx, &mut Context::from_waker(wakeup.waker()));
    let state = cx.state_mut();
    state.polling = None;
    state.stops_all = false;
    wakeup.for_guest = state.polled_guest;
    wakeup.deadline = state.polled_deadline.take();
    if let Some(deadline) = wakeup.deadline
        && state.earliest.is_none_or(|(earliest, _)| deadline < earliest)
    {
        state.earliest = Some((deadline, wakeup.number()));
    }
    polled
}

fn poll_one<T: Send + 'static>(cx: &mut Cx<'_, T>, id: u64) -> Result<bool, Fault> {
    // Taken out and put back: nothing that a poll does reaches another call.
    let Some(mut under_way) = cx.state_mut().host_calls.remove(&id) else { return Ok(false) };
    let HostCallUnderWay { subtask, lowered, flat, pending, kept, wakeup } = &mut under_way;
    let types = lowered.program.types();
    let stops_all = !types.func(lowered.ty).is_async;
    cx.state_mut().kept = kept.take();
    let (polled, result) = poll_with(cx, wakeup, stops_all, |cx, context| {
        let subtask = Some(*subtask);
        let mut call = HostCall { cx, types, lowered, flat: flat.as_slice(), subtask, result: None };
        (pending.poll(&mut call, context), call.result)
    });
    *kept = cx.state_mut().kept.take();
    let settled = settle(cx).and_then(|()| match polled {
        // Its own fault comes first.
        Poll::Ready(Err(fault)) => Err(fault),
        _ => begun_in_background(cx),
    });
    let polled = match settled {
        Ok(()) => polled,
        Err(fault) => Poll::Ready(Err(fault)),
    };
    let state = cx.state_mut();
    match polled {
        Poll::Pending => {
            state.wakeups.again(&under_way.wakeup);
            state.host_calls.insert(id, under_way);
            Ok(false)
        }
        Poll::Ready(ended) => {
            show::returned(cx, &under_way.lowered, under_way.flat.as_slice(), ended.map(|()| result));
            ended?;
            let state = cx.state_mut();
            state.waitables.get_mut(under_way.subtask)?.subtask_mut()?.result = result;
            call::progress(state, under_way.subtask, SubtaskState::Returned)?;
            Ok(true)
        }
    }
}
