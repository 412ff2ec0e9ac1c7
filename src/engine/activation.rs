//! One call into a guest that can stop and go on.
//!
//! wasmi leaves a call, with its stack kept aside, where a host function returns an error or fuel runs
//! out. Both come back from the native stack entirely, so guests can be interleaved in any order and
//! dropped at any point. A guest cannot be suspended *through* a native frame: a host function that calls a
//! guest steps an activation of its own and, where that stops, stops too.

use crate::{
    Trap, bug,
    engine::{
        Caller, Fault,
        fault::Suspended,
        prepared::Stopped,
        store::{Data, Store, set_counter},
    },
};
use alloc::{boxed::Box, vec::Vec};
use core::{
    mem,
    task::{Context, Poll},
};
use wasmi::{Func, ResumableCall, StoreContextMut, Val, ValType};

/// A host function that waits: polled until it has the value its guest goes on with.
pub(super) type Pending<T> =
    Box<dyn FnMut(&mut Caller<'_, T>, &mut Context<'_>) -> Poll<Result<Option<Val>, Fault>> + Send>;

/// One call into a guest.
pub(crate) struct Activation<T: 'static> {
    pub(super) progress: Progress,
    pub(super) results: Vec<Val>,
    pub(super) pending: Option<Pending<T>>,
}

pub(super) enum Progress {
    Ready(Func, Vec<Val>),
    InHost(wasmi::ResumableCallHostTrap),
    OutOfFuel(wasmi::ResumableCallOutOfFuel),
    /// Either, in a call whose types are known.
    #[allow(dead_code, reason = "only component runtimes make such calls")]
    Prepared(Stopped),
    /// In the function that was called: a host's own, that the guest exports or has in a table. What it answers are the
    /// results.
    #[allow(dead_code, reason = "which one it is, only component runtimes ask")]
    Root(Func),
    Over,
}

impl Progress {
    /// Where a call of `function` stands that could not begin. The interpreter keeps no call whose function is a host's
    /// own: that it waits comes back as an error.
    ///
    /// # Errors
    ///
    /// Whatever else the error says.
    #[cold]
    pub(super) fn of_root(function: Func, error: &wasmi::Error) -> Result<Self, Fault> {
        match error.downcast_ref::<Suspended>() {
            Some(_) => Ok(Self::Root(function)),
            None => Err(Fault::from_wasmi(error)),
        }
    }
}

/// Where a call stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It returned; its results are there.
    Finished,
    /// It waits in a host function.
    Blocked,
    /// Its slice of fuel is over. Another step starts the next.
    Preempted,
}

impl<T: Send + 'static> Activation<T> {
    /// A call of `function`, which returns values of types `results`, that has not begun.
    pub(super) fn returning(function: Func, results: &[ValType], params: Vec<Val>) -> Self {
        let results = results.iter().map(|ty| Val::default_for_ty(*ty)).collect();
        Self { progress: Progress::Ready(function, params), results, pending: None }
    }

    /// The results of a finished call.
    pub(crate) fn into_results(self) -> Vec<Val> {
        self.results
    }

    /// Goes on until the call stops again. `answer` is what the host function it waits in returns,
    /// and is needed exactly there.
    pub(crate) fn step(&mut self, caller: &mut Caller<'_, T>, answer: Option<Val>) -> Result<Step, Fault> {
        let context = &mut caller.context;
        let required = match &self.progress {
            Progress::OutOfFuel(call) => call.required_fuel().max(1),
            Progress::Prepared(call) => call.required_fuel().max(1),
            Progress::Root(_) => return self.end_root(answer),
            _ => 1,
        };
        refuel(context, required)?;
        enter(context)?;
        let call = match mem::replace(&mut self.progress, Progress::Over) {
            Progress::Ready(function, params) => {
                match function.call_resumable(&mut *context, &params, &mut self.results) {
                    Err(error) => {
                        context.data_mut().depth -= 1;
                        self.progress = Progress::of_root(function, &error)?;
                        self.pending = context.data_mut().pending.take();
                        return Ok(Step::Blocked);
                    }
                    call => call,
                }
            }
            Progress::InHost(call) => call.resume(&mut *context, answer.as_slice(), &mut self.results),
            Progress::OutOfFuel(call) => call.resume(&mut *context, &mut self.results),
            Progress::Prepared(call) => {
                let stopped = call.resume(context, answer.as_slice(), &mut self.results);
                context.data_mut().depth -= 1;
                let Some((call, step)) = stopped? else { return Ok(Step::Finished) };
                self.pending = context.data_mut().pending.take();
                self.progress = Progress::Prepared(call);
                return Ok(step);
            }
            Progress::Root(_) | Progress::Over => Err(bug!("a call that is over was stepped").into_error()),
        };
        context.data_mut().depth -= 1;
        match call.map_err(|error| Fault::from_wasmi(&error))? {
            ResumableCall::Finished => Ok(Step::Finished),
            ResumableCall::OutOfFuel(call) => {
                self.progress = Progress::OutOfFuel(call);
                Ok(Step::Preempted)
            }
            ResumableCall::HostTrap(call) if call.host_error().downcast_ref::<Suspended>().is_some() => {
                self.pending = context.data_mut().pending.take();
                self.progress = Progress::InHost(call);
                Ok(Step::Blocked)
            }
            ResumableCall::HostTrap(call) => Err(Fault::from_wasmi(call.host_error())),
        }
    }

    /// Ends a call whose function was a host's own and waited: `answer` is its result, where it has one. No code of the
    /// guest's runs, so it takes no fuel.
    #[cold]
    fn end_root(&mut self, answer: Option<Val>) -> Result<Step, Fault> {
        self.progress = Progress::Over;
        match (answer, self.results.as_mut_slice()) {
            (None, []) => {}
            (Some(value), [place]) => *place = value,
            _ => return Err(bug!("a host function answered with other values than it returns").into()),
        }
        Ok(Step::Finished)
    }

    /// Drives the call until it is over, giving way where it waits and at the end of each slice.
    pub(crate) fn poll(&mut self, store: &mut Store<T>, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        store.inner.data_mut().waker = Some(cx.waker().clone());
        let result = self.poll_with_waker(store, cx);
        store.inner.data_mut().waker = None;
        result
    }

    fn poll_with_waker(&mut self, store: &mut Store<T>, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let mut answer = None;
        if let Some(pending) = &mut self.pending {
            let mut caller = store.caller();
            let Poll::Ready(ready) = pending(&mut caller, cx) else { return Poll::Pending };
            self.pending = None;
            answer = ready?;
        }
        match self.step(&mut store.caller(), answer)? {
            Step::Finished => Poll::Ready(Ok(())),
            Step::Blocked if self.pending.is_none() => {
                Poll::Ready(Err(bug!("a host function waits for nothing").into()))
            }
            // The host function has polled already and seen to its own wake-up.
            Step::Blocked => Poll::Pending,
            Step::Preempted => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

/// Gives the guest its next slice where it has less than a step needs.
#[inline]
pub(super) fn refuel<T: 'static>(
    context: &mut StoreContextMut<'_, Data<T>>,
    required: u64,
) -> Result<(), Trap> {
    if !context.data().meter.is_on() {
        return Ok(());
    }
    let counter = context.get_fuel().unwrap_or(0);
    if counter < required || counter == 0 {
        let data = context.data_mut();
        let filled = data.meter.go_on(counter, required, data.depth > 0);
        // Where there is too little for anything, all is spent: how much was in the counter depends on slices.
        let counter = if filled == Err(Trap::OutOfFuel) { 0 } else { filled.unwrap_or(counter) };
        set_counter(context, counter);
        filled?;
    }
    Ok(())
}

/// Counts one more guest call on the native stack. What bounds it is how deep calls are nested, of which no more than that
/// stand there: where a slice of fuel ends, they leave it.
#[inline]
pub(super) fn enter<T: 'static>(context: &mut StoreContextMut<'_, Data<T>>) -> Result<(), Trap> {
    let data = context.data_mut();
    if data.depth.saturating_add(data.depth_stopped) >= data.limits.reentry_depth {
        return Err(Trap::ReentryDepth);
    }
    data.depth += 1;
    Ok(())
}

impl Trap {
    fn into_error(self) -> wasmi::Error {
        Fault::Trap(self).into_wasmi()
    }
}
