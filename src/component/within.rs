//! Calls of guests by host functions, which guests called.
//!
//! The guest that called the host function stands on the native stack meanwhile, and cannot be suspended through it. So
//! the host stays with the other until that returns: it may run as long as what cannot be interrupted
//! ([`Limits::uninterrupted_fuel`](crate::Limits::uninterrupted_fuel)), and may not wait. Where a guest may not be entered
//! (`CanonicalABI.md`, "Component Invariants"), the call is refused, and nothing has ended.

use crate::{
    Error, Rule, Trap,
    component::{
        call, direct,
        func::{Crossing, Func, take_result},
        passed_on,
        store::{Cx, FuncInst, Lifted, TaskId},
        task,
        types::Types,
    },
    engine::Fault,
};
use alloc::boxed::Box;
use core::any::Any;

/// Calls a function of another guest, for as long as it takes. Whatever its types are, this is one function: few hosts
/// call it, and each that calls typed functions would have a copy for each of them.
pub(crate) fn call<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Func,
    crossing: &mut dyn Crossing<T>,
) -> Result<(), Error> {
    let state = cx.state();
    state.check_alive()?;
    // What is polled runs between two instructions of a guest, or not, as slices of fuel have it.
    if state.polling.is_some() || !state.frozen.is_empty() {
        return Err(Error::misuse("a guest is called where another may have been stopped in the middle"));
    }
    let state = cx.state_mut();
    let (note, host_bytes, stops_all) = (state.note, state.host_bytes, state.stops_all);
    let (kept, stays_with) = (state.kept.take(), state.stays_with.take());
    let result = enter(cx, func, crossing);
    // The caller's own call goes on.
    let state = cx.state_mut();
    (state.note, state.host_bytes, state.stops_all) = (note, host_bytes, stops_all);
    (state.kept, state.stays_with) = (kept, stays_with);
    result
}

fn enter<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Func,
    crossing: &mut dyn Crossing<T>,
) -> Result<(), Error> {
    let state = cx.state();
    let FuncInst::Lifted(lifted) = &state.funcs[func.func.0] else { return through(cx, func, crossing) };
    let lifted = *lifted;
    let program = state.instance(lifted.options.instance).program.clone();
    let types = program.types();
    if !state.is_direct(&lifted, types.func(lifted.ty).is_async) {
        return Err(Error::misuse("a host function calls a function that may wait"));
    }
    if !state.may_enter(lifted.options.instance, None) {
        return Err(Trap::from(Rule::CannotEnter).into());
    }
    cx.stay(|cx| run(cx, &lifted, types, crossing)).map_err(|fault| cx.state_mut().end(fault))
}

fn run<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lifted: &Lifted,
    types: &Types,
    crossing: &mut dyn Crossing<T>,
) -> Result<(), Fault> {
    match direct::call_from_host(cx, lifted, types, crossing)? {
        direct::Called::Returned => Ok(()),
        direct::Called::Stopped(task) => Ok(crossing.put(finish(cx, lifted, task)?)?),
    }
}

/// Stays with a call that stopped.
fn finish<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lifted: &Lifted,
    task: TaskId,
) -> Result<Box<dyn Any + Send>, Fault> {
    let callee = lifted.options.instance;
    loop {
        let state = cx.state_mut();
        if let Some(result) = take_result(state, task) {
            return Ok(result);
        }
        match state.frozen.front().map(|front| state.is_ready(*front)) {
            // Its slice of fuel was over.
            Some(true) => drop(task::turn(cx)?),
            Some(false) => return Err(Rule::CannotBlock.into()),
            None => {
                state.set_entered(callee, None, true);
                call::run_if_sync(cx, task, callee)?;
                cx.state_mut().set_entered(callee, None, false);
            }
        }
    }
}

/// Calls a function of the host's own, which may not wait either.
fn through<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Func,
    crossing: &mut dyn Crossing<T>,
) -> Result<(), Error> {
    match passed_on::begin(cx, func, crossing)? {
        passed_on::Called::Returned => Ok(()),
        // It may have returned when it was polled for the first time.
        passed_on::Called::Waits(waiting) => match waiting.result(cx) {
            Some(result) => {
                let put = result.and_then(|result| Ok(crossing.put(result)?));
                put.map_err(|fault| cx.state_mut().end(fault))
            }
            None => {
                waiting.give_up(cx);
                Err(Error::misuse("a host function calls one that waits"))
            }
        },
    }
}
