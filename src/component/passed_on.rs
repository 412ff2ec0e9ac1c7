//! The host's own functions, which a component exports as it imported them, called by the host.
//!
//! Their arguments take the way they would take through a guest: they are lowered into an instance, and lifted from
//! there. This one has no code, and for a memory bytes of the host's that are gone after the call.

use crate::{
    Error, Rule, Trap,
    component::{
        abi::{GuestOptions, LiftContext, LowerContext, Place, reallocate},
        call::{self, Lowered},
        func::{Func, LiftAs, LowerAs},
        handles::Lender,
        host::{self, Begun},
        instance,
        rest::drive,
        store::{Cx, FuncInst, InstanceId, State, Store, WaitableId},
        task,
        types::{MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, ValType},
    },
    engine::Fault,
};
use alloc::vec::Vec;
use core::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

/// How a call of the host's function went so far.
pub(crate) enum Called<R> {
    Returned(R),
    /// It waits, and is known by this.
    Waits(WaitableId, Passage),
}

/// What a call goes through.
#[derive(Debug)]
pub(crate) struct Passage {
    lowered: Lowered,
    /// Where the result will lie, if it is no flat value.
    result: Option<usize>,
}

/// Calls a function of the host's as far as it gets.
pub(crate) fn begin<T: Send + 'static, R>(
    cx: &mut Cx<'_, T>,
    func: &Func,
    lower_params: LowerAs<'_, T>,
    lift: LiftAs<T, R>,
) -> Result<Called<R>, Error> {
    let FuncInst::Host(function, _) = &cx.state().funcs[func.func.0] else {
        return Err(crate::bug!("a guest's function is called as the host's").into());
    };
    let function = function.clone();
    let transit = open(cx.state_mut(), func)?;
    let options = GuestOptions::bare(transit);
    let program = func.component.loaded.clone();
    let lowered = Lowered { callee: func.func, program, ty: func.ty, options };
    let begin = || {
        let (flat, count, result) = lower(cx, &lowered, lower_params)?;
        let begun = host::begin(cx, &lowered, &flat[..count], &*function)?;
        let passage = Passage { lowered, result };
        match begun {
            Begun::Waits(subtask) => Ok(Called::Waits(subtask, passage)),
            Begun::Returned(bits) => passage.end(cx, bits, lift).map(Called::Returned),
        }
    };
    let begun: Result<_, Fault> = begin();
    begun.map_err(|fault| cx.state_mut().end(fault))
}

/// An instance to go through, of those that see what the function's does. Their calls end, and what they leave is kept
/// for others.
fn open<T: Send + 'static>(state: &mut State<T>, func: &Func) -> Result<InstanceId, Error> {
    let transit = match state.transits.entry(func.instance).or_default().pop() {
        Some(transit) => transit,
        None => instance::reserve(state, &func.component.loaded, Some(func.instance))?,
    };
    let resources = state.instance(func.instance).resources.clone();
    let opened = state.instance_mut(transit);
    (opened.resources, opened.transit) = (resources, Some(Vec::new()));
    Ok(transit)
}

/// Lowers the arguments: flat values, how many, and where the result goes, if it is no flat value itself.
fn lower<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lowered: &Lowered,
    lower_params: LowerAs<'_, T>,
) -> Result<([u64; MAX_FLAT_PARAMS + 1], usize, Option<usize>), Fault> {
    let (types, options) = (lowered.program.types(), &lowered.options);
    let func = types.func(lowered.ty);
    let layout = types.layout(func.params_tuple);
    let mut flat = [0; MAX_FLAT_PARAMS + 1];
    let (to, mut count) = if layout.flat_count as usize > MAX_FLAT_PARAMS {
        let at = reallocate(cx, options, (0, 0), layout.align, layout.size.into())?;
        flat[0] = at as u64;
        (Place::Memory(at), 1)
    } else {
        (Place::Flat(0), layout.flat.len())
    };
    let (view, lender) = (options.instance, Lender::default());
    let mut context = LowerContext { cx, types, view, options, flat: &mut flat[..count], lender };
    lower_params(&mut context, ValType::Def(func.params_tuple), to)?;
    let mut result = None;
    if let Some(ty) = func.result.filter(|ty| types.flat_count(*ty) as usize > MAX_FLAT_RESULTS) {
        let layouts = options.layouts(types);
        let at = reallocate(cx, options, (0, 0), layouts.align(ty), layouts.size(ty).into())?;
        (flat[count], result) = (at as u64, Some(at));
        count += 1;
    }
    Ok((flat, count, result))
}

impl Passage {
    /// Lifts the result.
    fn end<T: Send + 'static, R>(
        &self,
        cx: &mut Cx<'_, T>,
        bits: Option<u64>,
        lift: LiftAs<T, R>,
    ) -> Result<R, Fault> {
        let (types, options) = (self.lowered.program.types(), &self.lowered.options);
        let from = self.result.map_or(Place::Flat(0), Place::Memory);
        let (flat, view, lender) = (&[bits.unwrap_or(0)], options.instance, Lender::default());
        cx.state_mut().host_bytes = 0;
        let mut context = LiftContext { cx, types, view, options, flat, lender };
        let result = lift(&mut context, types.func(self.lowered.ty).result, from)?;
        self.close(cx.state_mut());
        Ok(result)
    }

    /// Gives a call up that waits.
    pub(crate) fn cancel<T: Send + 'static>(&self, cx: &mut Cx<'_, T>, subtask: WaitableId) {
        cx.state_mut().host_calls.retain(|_, call| call.subtask != subtask);
        // Where the store is at fault, its next use says so.
        let _ = call::deliver(cx, subtask);
        self.close(cx.state_mut());
    }

    /// Lets go of what is left: handles that were lent, and memory.
    fn close<T: Send + 'static>(&self, state: &mut State<T>) {
        let transit = self.lowered.options.instance;
        let closed = state.instance_mut(transit);
        closed.transit = None;
        let (handles, root) = (mem::take(&mut closed.handles), closed.parent);
        state.handles = state.handles.saturating_sub(handles.iter().count() as u32);
        if let Some(root) = root {
            state.transits.entry(root).or_default().push(transit);
        }
    }
}

/// A call that waits.
pub(crate) struct Waiting<'s, T: Send + 'static, R> {
    pub(crate) store: &'s mut Store<T>,
    pub(crate) subtask: WaitableId,
    pub(crate) passage: Passage,
    pub(crate) lift: LiftAs<T, R>,
}

impl<T: Send + 'static, R> Waiting<'_, T, R> {
    /// The result, if the function has returned.
    fn result(
        store: &mut Store<T>,
        subtask: WaitableId,
        passage: &Passage,
        lift: LiftAs<T, R>,
    ) -> Option<Result<R, Fault>> {
        let resolved = store.state().waitables.get(subtask).map_err(Fault::from);
        match resolved.and_then(|waitable| Ok(waitable.subtask()?.resolved())) {
            Ok(false) => return None,
            Ok(true) => {}
            Err(fault) => return Some(Err(fault)),
        }
        let cx = &mut store.cx();
        Some(call::deliver(cx, subtask).and_then(|bits| passage.end(cx, bits, lift)))
    }
}

impl<T: Send + 'static, R> Future for Waiting<'_, T, R> {
    type Output = Result<R, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { store, subtask, passage, lift } = self.get_mut();
        if store.state().poisoned {
            return Poll::Ready(Err(Trap::from(Rule::CannotEnter).into()));
        }
        store.inner.begin_turn();
        let waker = cx.waker().clone();
        let before = store.inner.swap_waker(Some(waker.clone()));
        let result = |store: &mut Store<T>| Self::result(store, *subtask, passage, *lift);
        let turn = |store: &mut Store<T>| task::turn(&mut store.cx());
        let polled = drive(store, &waker, result, turn, || Err(Rule::Deadlock.into()));
        store.inner.swap_waker(before);
        polled.map(|result| result.map_err(|fault| store.state_mut().end(fault)))
    }
}

/// A call that nobody waits for any more is not polled again.
impl<T: Send + 'static, R> Drop for Waiting<'_, T, R> {
    fn drop(&mut self) {
        let Self { store, subtask, passage, .. } = self;
        if store.state().waitables.find(*subtask).is_some() {
            passage.cancel(&mut store.cx(), *subtask);
        }
    }
}
