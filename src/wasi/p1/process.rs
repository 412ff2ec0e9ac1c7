//! The process that a guest takes itself for: `proc_*`, `sched_yield`.

use super::{State, errno::Failure, poll::Wait};
use crate::{
    cap::Code,
    engine::{Caller, Fault},
};
use core::task::{Context, Poll};

pub(super) fn proc_exit(_: &mut Caller<'_, State>, code: u32) -> Result<(), Fault> {
    Err(Fault::Exit(code))
}

/// There are no signals: a guest has no process that could have a handler.
pub(super) fn proc_raise(_: &mut Caller<'_, State>, signal: u32) -> Result<(), Failure> {
    Err(if signal < SIGNALS { Code::NotSupported } else { Code::Invalid }.into())
}

/// Gives way once to whatever else the host's executor has to do.
pub(super) fn sched_yield(caller: &mut Caller<'_, State>, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
    let state = caller.data_mut();
    match state.wait.take() {
        Some(Wait::Yield) => Poll::Ready(Ok(())),
        _ => {
            state.wait = Some(Wait::Yield);
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    }
}

/// How many signals the specification names.
const SIGNALS: u32 = 31;
