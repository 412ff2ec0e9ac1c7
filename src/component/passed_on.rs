//! The host's own functions, which a component exports as it imported them, called by the host.
//!
//! Their arguments take the way they would take through a guest: they are lowered into an instance, and lifted from
//! there. This one has no code, and for a memory bytes of the host's that are gone after the call.

use crate::{
    Error,
    component::{
        abi::{GuestOptions, LiftContext, LowerContext, Place, reallocate},
        call::{self, HostLift, Lowered},
        func::{Crossing, Func},
        handles::Lender,
        host::{self, Begun},
        instance,
        store::{Cx, FuncInst, Handle, InstanceId, State, WaitableId},
        types::{MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, ValType},
        waitable::{Callee, Subtask, Waitable, WaitableKind},
    },
    engine::Fault,
};
use alloc::{boxed::Box, vec::Vec};
use core::{any::Any, mem};

/// Lifts a result, and keeps it.
type LiftAs<'l, T> = dyn FnMut(&mut LiftContext<'_, '_, T>, Option<ValType>, Place) -> Result<(), Fault> + 'l;

/// How a call of the host's function went so far.
pub(crate) enum Called<T: 'static> {
    Returned,
    Waits(Waiting<T>),
}

/// What a call goes through.
#[derive(Debug)]
struct Passage {
    lowered: Lowered,
    /// Where the result will lie, if it is no flat value.
    result: Option<usize>,
}

/// A call that waits.
pub(crate) struct Waiting<T: 'static> {
    subtask: WaitableId,
    passage: Passage,
    lift: HostLift<T>,
}

/// Calls a function of the host's as far as it gets.
pub(crate) fn begin<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Func,
    crossing: &mut dyn Crossing<T>,
) -> Result<Called<T>, Error> {
    let FuncInst::Host(function, ..) = &cx.state().funcs[func.func.0] else {
        return Err(crate::bug!("a guest's function is called as the host's").into());
    };
    let function = function.clone();
    let transit = open(cx.state_mut(), func)?;
    let options = GuestOptions::bare(transit);
    let program = func.component.loaded.clone();
    let lowered = Lowered { callee: func.func, program, ty: func.ty, options };
    let begin = || {
        let (flat, count, result) = lower(cx, &lowered, crossing)?;
        let begun = host::begin(cx, &lowered, &flat[..count], &*function)?;
        let passage = Passage { lowered, result };
        match begun {
            Begun::Waits(subtask) => {
                Ok(Called::Waits(Waiting { subtask, passage, lift: crossing.lift_later() }))
            }
            Begun::Returned(bits) => {
                passage.end(cx, bits, &mut |cx, ty, from| crossing.lift(cx, ty, from))?;
                Ok(Called::Returned)
            }
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
    crossing: &mut dyn Crossing<T>,
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
    crossing.lower(&mut context, ValType::Def(func.params_tuple), to)?;
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
    fn end<T: Send + 'static>(
        &self,
        cx: &mut Cx<'_, T>,
        bits: Option<u64>,
        lift: &mut LiftAs<'_, T>,
    ) -> Result<(), Fault> {
        let (types, options) = (self.lowered.program.types(), &self.lowered.options);
        let from = self.result.map_or(Place::Flat(0), Place::Memory);
        let (flat, view, lender) = (&[bits.unwrap_or(0)], options.instance, Lender::default());
        cx.state_mut().host_bytes = 0;
        let mut context = LiftContext { cx, types, view, options, flat, lender };
        lift(&mut context, types.func(self.lowered.ty).result, from)?;
        self.close(cx.state_mut());
        Ok(())
    }

    /// Lets go of what is left: handles that were lent, ends of streams and futures that nobody took, and memory.
    fn close<T: Send + 'static>(&self, state: &mut State<T>) {
        let transit = self.lowered.options.instance;
        let closed = state.instance_mut(transit);
        closed.transit = None;
        let (handles, root) = (mem::take(&mut closed.handles), closed.parent);
        state.handles = state.handles.saturating_sub(handles.iter().count() as u32);
        for handle in handles.iter() {
            if let Handle::Waitable(id) = handle
                && let Some(Waitable { kind: WaitableKind::End(end), .. }) = state.waitables.remove(*id)
            {
                // It is there: this fails only where the store is at fault, which its next use says.
                _ = state.drop_shared(end.shared);
            }
        }
        if let Some(root) = root {
            state.transits.entry(root).or_default().push(transit);
        }
    }
}

impl<T: Send + 'static> Waiting<T> {
    /// The result, if the function has returned.
    pub(crate) fn result(&self, cx: &mut Cx<'_, T>) -> Option<Result<Box<dyn Any + Send>, Fault>> {
        let resolved = cx.state().waitables.get(self.subtask).map_err(Fault::from);
        match resolved.and_then(|waitable| Ok(waitable.subtask()?.resolved())) {
            Ok(false) => None,
            Ok(true) => Some(self.end(cx)),
            Err(fault) => Some(Err(fault)),
        }
    }

    fn end(&self, cx: &mut Cx<'_, T>) -> Result<Box<dyn Any + Send>, Fault> {
        let bits = call::deliver(cx, self.subtask)?;
        let mut result: Box<dyn Any + Send> = Box::new(());
        self.passage.end(cx, bits, &mut |cx, ty, from| {
            result = (self.lift)(cx, ty, from)?;
            Ok(())
        })?;
        Ok(result)
    }

    /// Gives the call up, if it has not returned.
    pub(crate) fn give_up(&self, cx: &mut Cx<'_, T>) {
        let state = cx.state_mut();
        let Some(waitable) = state.waitables.find(self.subtask) else { return };
        if let Ok(&Subtask { callee: Callee::Host(call), .. }) = waitable.subtask() {
            host::give_up(state, call);
        }
        // Where the store is at fault, its next use says so.
        let _ = call::deliver(cx, self.subtask);
        self.passage.close(cx.state_mut());
    }
}
