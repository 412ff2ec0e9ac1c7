//! Calls straight through: of synchronous functions, as long as nothing waits.
//!
//! Nearly all calls are such. They have a task and a thread as all calls have, but their arguments and results go from
//! one stack frame to another, and nothing is kept for later. Where one stops, what it left out is made up for, and it
//! goes on as a call that was not expected to be short (`call`, `task`).

use crate::{
    component::{
        abi::{Copier, LiftContext, LowerContext, Place, in_guest, reallocate},
        call::{self, Lowered, core_type, lifted_place},
        func::Crossing,
        handles::Lender,
        store::{Cx, Inner, InstanceId, Lifted, TaskId, ThreadId, WaitableId},
        task::{self, Caller, TaskState},
        types::{Flat, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, TypeId, Types, ValType},
        waitable::Callee,
    },
    engine::{Answer, Fault, NotReturned, value_of},
};
use alloc::boxed::Box;

/// How a call of the host's went so far.
pub(crate) enum Called {
    Returned,
    /// It stopped: its task goes on later.
    Stopped(TaskId),
}

/// A call that has begun.
struct Begun {
    task: TaskId,
    /// What ran before.
    before: Option<ThreadId>,
}

/// What a core function returned, as bits, if it did: a lifted one has no more than one result.
type Returned = Option<u64>;

impl<T: Send + 'static> crate::component::store::State<T> {
    /// Whether a call of a function can go straight through.
    pub(crate) fn is_direct(&self, func: &Lifted, is_async: bool) -> bool {
        !is_async && !func.options.is_async && self.frozen.is_empty()
    }
}

/// Calls a function for the host.
pub(crate) fn call_from_host<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Lifted,
    types: &Types,
    crossing: &mut dyn Crossing<T>,
) -> Result<Called, Fault> {
    let (view, options, ty) = (func.options.instance, &func.options, types.func(func.ty));
    cx.state_mut().set_entered(view, None, true);
    let begun = begin(cx, func)?;
    let lender = Lender { subtask: None, task: Some(begun.task) };
    let returned = run(cx, func, &begun, types, ty.params_tuple, |cx, to, flat| {
        let tuple = ValType::Def(ty.params_tuple);
        crossing.lower(&mut LowerContext { cx, types, view, options, flat, lender }, tuple, to)
    })?;
    let Some(bits) = returned else {
        let lift = crossing.lift_later();
        cx.state_mut().tasks.get_mut(begun.task)?.caller = Caller::of_host(None, lift);
        task::switch(cx)?;
        call::stay(cx, begun.task, view)?;
        return Ok(Called::Stopped(begun.task));
    };
    cx.state().check_resolve(begun.task)?;
    cx.state_mut().host_bytes = 0;
    let flat = &[bits][..func.results];
    let from = match ty.result {
        Some(ty) => lifted_place(cx, types, options, ty, flat, MAX_FLAT_RESULTS)?,
        None => Place::Flat(0),
    };
    let lender = Lender::default();
    crossing.lift(&mut LiftContext { cx, types, view, options, flat, lender }, ty.result, from)?;
    if types.layout(ty.params_tuple).borrows {
        cx.state_mut().end_host_loans(begun.task)?;
    }
    end(cx, func, &begun, &[bits][..func.results])?;
    cx.state_mut().set_entered(view, None, false);
    Ok(Called::Returned)
}

/// Calls a function for a guest, with arguments like `tuple`: what `canon lower` does, after its instance was entered.
#[inline]
pub(crate) fn call_from_guest<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lowered: &Lowered,
    flat: &[u64],
    func: &Lifted,
    tuple: TypeId,
) -> Result<Answer, Fault> {
    let (caller, callee) = (lowered.options.instance, func.options.instance);
    let types = lowered.program.types();
    let layout = types.layout(tuple);
    let begun = begin(cx, func)?;
    let start = || call::started_subtask(cx.state_mut(), caller, Callee::Task(begun.task));
    let subtask = layout.borrows.then(start);
    let lender = Lender { subtask, task: Some(begun.task) };
    let returned = run(cx, func, &begun, types, tuple, |cx, to, flat_to| {
        let is_flat = layout.flat_count as usize <= MAX_FLAT_PARAMS;
        let from = if is_flat { Place::Flat(0) } else { lowered.arguments(cx, types, flat)? };
        Copier {
            cx,
            types,
            view: caller,
            from: &lowered.options,
            to: &func.options,
            flat_from: flat,
            flat_to,
            lender,
        }
        .parameters(tuple, from, to)
    })
    .map_err(|fault| in_guest(fault, crate::Rule::PointerOutOfBounds))?;
    let Some(bits) = returned else {
        return stopped(cx, lowered, flat, &begun, callee, subtask);
    };
    cx.state().check_resolve(begun.task)?;
    let results = &[bits][..func.results];
    let result = call::copy_result(cx, func, lowered, flat, results)?;
    end(cx, func, &begun, results)?;
    if let Some(subtask) = subtask {
        call::deliver(cx, subtask)?;
    }
    cx.state_mut().set_entered(callee, Some(caller), false);
    Ok(Answer::Return(result))
}

/// Makes the caller's side of a guest's call that stopped.
fn stopped<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lowered: &Lowered,
    flat: &[u64],
    begun: &Begun,
    callee: InstanceId,
    lending: Option<WaitableId>,
) -> Result<Answer, Fault> {
    let state = cx.state_mut();
    let caller = lowered.options.instance;
    let subtask = lending.unwrap_or_else(|| call::started_subtask(state, caller, Callee::Task(begun.task)));
    state.tasks.get_mut(begun.task)?.caller = Caller::of_guest(lowered, flat, subtask);
    task::switch(cx)?;
    call::after_call(cx, lowered, subtask, begun.task, callee)
}

/// Makes the task of a call and its thread, and lets that run.
#[inline]
fn begin<T: Send + 'static>(cx: &mut Cx<'_, T>, func: &Lifted) -> Result<Begun, Fault> {
    let state = cx.state_mut();
    let before = state.current;
    let task = state.begin_direct(func)?;
    Ok(Begun { task, before })
}

/// Lowers the arguments and runs the core function.
fn run<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Lifted,
    begun: &Begun,
    types: &Types,
    tuple: TypeId,
    lower: impl FnOnce(&mut Cx<'_, T>, Place, &mut [u64]) -> Result<(), Fault>,
) -> Result<Returned, Fault> {
    let layout = func.options.layouts(types).layout(tuple);
    let pointer = [func.options.address.flat()];
    let mut flat = [0; MAX_FLAT_PARAMS];
    let (mut flat_types, mut to): (&[Flat], _) = (&layout.flat, Place::Flat(0));
    let mut count = flat_types.len();
    if layout.flat_count as usize > MAX_FLAT_PARAMS {
        let at = reallocate(cx, &func.options, (0, 0), layout.align, u64::from(layout.size))?;
        (flat_types, to, count) = (&pointer, Place::Memory(at), 0);
    }
    // Called in one place, so that it is no function of its own.
    lower(cx, to, &mut flat[..count])?;
    if let Place::Memory(at) = to {
        flat[0] = at as u64;
    }
    let value = |at: usize| value_of(core_type(flat_types[at]), flat[at]);
    match cx.call_prepared(&func.core, &flat[..flat_types.len()], func.results, value) {
        Ok(bits) => {
            cx.state_mut().current = begun.before;
            Ok(Some(bits))
        }
        Err(ended) => not_returned(cx, begun, *ended),
    }
}

/// A call that failed, or is to be kept: it stopped.
#[cold]
fn not_returned<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    begun: &Begun,
    ended: NotReturned<Inner<T>>,
) -> Result<Returned, Fault> {
    let (activation, step) = match ended {
        NotReturned::Failed(fault) => return Err(fault),
        NotReturned::Stopped(activation, step) => (activation, step),
    };
    let nesting = cx.nesting();
    let state = cx.state_mut();
    state.current = begun.before;
    let thread = state.tasks.get(begun.task)?.implicit()?;
    state.stop_main(thread, Box::new(activation), step, nesting)?;
    Ok(None)
}

/// Ends a call that returned: its `post-return` runs, and task and thread are gone.
#[inline]
fn end<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Lifted,
    begun: &Begun,
    results: &[u64],
) -> Result<(), Fault> {
    if func.options.post_return.is_some() {
        let state = cx.state_mut();
        let task = state.tasks.get_mut(begun.task)?;
        (task.state, state.current) = (TaskState::Resolved, task.implicit);
        call::post_return(cx, func, results)?;
        cx.state_mut().current = begun.before;
    }
    cx.state_mut().end_direct(begun.task)
}
