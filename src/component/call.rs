//! Calls: what `canon lift` does with arguments and results, what `canon lower` does around a call
//! (`CanonicalABI.md`, "Canonical Definitions"), destructors and cancellation.

use crate::{
    Rule,
    component::{
        abi::{
            Copier, GuestOptions, LiftContext, LowerContext, Place, bytes, in_guest, inside, is_aligned,
            normalise, reallocate,
        },
        channel::BLOCKED,
        direct,
        handles::Lender,
        host,
        load::Loaded,
        resource::ChannelAny,
        started,
        store::{
            Cx, FuncId, FuncInst, Implementor, InstanceId, Lifted, ResourceTypeId, State, TaskId, WaitableId,
        },
        task::{self, Caller, Progress, TaskState, Told, Wait},
        types::{
            FuncTypeId, MAX_FLAT_ASYNC_PARAMS, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, TypeId, Types, ValType,
        },
        waitable::{Callee, Subtask, SubtaskState, Waitable, WaitableKind},
    },
    engine::{Answer, Fault, Prepared, Val, value_of},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::any::Any;

/// A component function as core code may call it. It lies in the core function itself; who needs it beyond a call keeps
/// a copy.
#[derive(Clone, Debug)]
pub(crate) struct Lowered {
    pub(crate) callee: FuncId,
    /// The caller's program, whose types these are.
    pub(crate) program: Arc<Loaded>,
    /// Its type, as the caller sees it.
    pub(crate) ty: FuncTypeId,
    pub(crate) options: GuestOptions,
}

/// Core arguments kept until they are lifted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlatArguments {
    values: [u64; MAX_FLAT_PARAMS + 1],
    count: usize,
}

impl FlatArguments {
    pub(crate) fn new(flat: &[u64]) -> Self {
        let mut values = [0; MAX_FLAT_PARAMS + 1];
        let count = flat.len().min(values.len());
        values[..count].copy_from_slice(&flat[..count]);
        Self { values, count }
    }

    pub(crate) fn as_slice(&self) -> &[u64] {
        &self.values[..self.count]
    }
}

/// The arguments of a call that the host makes, until it can start.
pub(crate) type Arguments<T> = Box<dyn Kept<T>>;

/// Arguments in the store's keeping.
pub(crate) trait Kept<T: 'static>: Send {
    /// Lowers them.
    fn lower(
        self: Box<Self>,
        cx: &mut LowerContext<'_, '_, T>,
        tuple: ValType,
        to: Place,
    ) -> Result<(), Fault>;

    /// The typed ends of streams and futures among them: if they are never lowered, nobody else has those.
    fn ends(&self, state: &State<T>, types: &Types, view: InstanceId, tuple: ValType) -> Vec<ChannelAny>;
}

/// Lifts the result of a call that the host made.
pub(crate) type HostLift<T> =
    fn(&mut LiftContext<'_, '_, T>, Option<ValType>, Place) -> Result<Box<dyn Any + Send>, Fault>;

/// Where values stand that may have been too many to be flat: so many flat values at the front, or a pointer.
pub(crate) fn lifted_place<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    types: &Types,
    options: &GuestOptions,
    ty: ValType,
    flat: &[u64],
    flat_max: usize,
) -> Result<Place, Fault> {
    if types.flat_count(ty) as usize <= flat_max {
        return Ok(Place::Flat(0));
    }
    pay_walk(cx, types, ty)?;
    pointed_at(cx, types, options, ty, flat.first())
}

/// Pays for the walk over a value that did not fit flat: the price of a call covers as many as could have been.
fn pay_walk<T: Send + 'static>(cx: &mut Cx<'_, T>, types: &Types, ty: ValType) -> Result<(), Fault> {
    cx.charge_elements(types.leaves(ty).saturating_sub(MAX_FLAT_PARAMS as u32))
}

/// Where a value lies that did not fit flat, checked.
fn pointed_at<T: Send + 'static>(
    cx: &Cx<'_, T>,
    types: &Types,
    options: &GuestOptions,
    ty: ValType,
    pointer: Option<&u64>,
) -> Result<Place, Fault> {
    let layouts = options.layouts(types);
    let at = options.address.pointer(pointer.copied().unwrap_or(0));
    if !is_aligned(at, layouts.align(ty)) {
        return Err(Rule::UnalignedPointer.into());
    }
    let at = inside(bytes(cx, options), at, layouts.size(ty).into()).ok_or(Rule::PointerOutOfBounds)?;
    Ok(Place::Memory(at))
}

impl Lowered {
    /// A copy for what is kept beyond a call.
    pub(crate) fn keep(&self) -> Arc<Self> {
        Arc::new(self.clone())
    }

    /// How many flat parameters it may have.
    fn flat_max(&self) -> usize {
        if self.options.is_async { MAX_FLAT_ASYNC_PARAMS } else { MAX_FLAT_PARAMS }
    }

    /// Where its arguments stand.
    pub(crate) fn arguments<T: Send + 'static>(
        &self,
        cx: &mut Cx<'_, T>,
        types: &Types,
        flat: &[u64],
    ) -> Result<Place, Fault> {
        let tuple = ValType::Def(types.func(self.ty).params_tuple);
        lifted_place(cx, types, &self.options, tuple, flat, self.flat_max())
    }

    /// The same for who only looks, and pays nothing. None where they stand nowhere.
    pub(crate) fn seen_arguments<T: Send + 'static>(
        &self,
        cx: &Cx<'_, T>,
        types: &Types,
        flat: &[u64],
    ) -> Option<Place> {
        let tuple = ValType::Def(types.func(self.ty).params_tuple);
        if types.flat_count(tuple) as usize <= self.flat_max() {
            return Some(Place::Flat(0));
        }
        pointed_at(cx, types, &self.options, tuple, flat.first()).ok()
    }

    /// Where its result goes: to the pointer that was passed last, or back as a core value.
    pub(crate) fn result<T: Send + 'static>(
        &self,
        cx: &mut Cx<'_, T>,
        types: &Types,
        flat: &[u64],
        ty: ValType,
    ) -> Result<Place, Fault> {
        let flat_max = if self.options.is_async { 0 } else { MAX_FLAT_RESULTS };
        if types.flat_count(ty) as usize <= flat_max {
            return Ok(Place::Flat(0));
        }
        pay_walk(cx, types, ty)?;
        pointed_at(cx, types, &self.options, ty, flat.last())
    }
}

/// Hears a task's arguments and lowers them: what its core function is called with.
pub(crate) fn start<T: Send + 'static>(cx: &mut Cx<'_, T>, id: TaskId) -> Result<Vec<Val>, Fault> {
    let task = cx.state_mut().tasks.get_mut(id)?;
    let func = task.func;
    match &mut task.caller {
        Caller::Instantiation => Ok(Vec::new()),
        Caller::Direct => Err(Fault::Trap(crate::bug!("a call that went straight through begins again"))),
        Caller::Destructor { rep, wide: true } => Ok([Val::I64(rep.cast_signed())].into()),
        Caller::Destructor { rep, wide: false } => Ok([Val::I32(*rep as i32)].into()),
        Caller::Guest { lowered, flat, subtask } => {
            let (lowered, flat, subtask) = (lowered.clone(), **flat, *subtask);
            progress(cx.state_mut(), subtask, SubtaskState::Started)?;
            let types = lowered.program.types();
            let tuple = types.func(lowered.ty).params_tuple;
            let from = lowered.arguments(cx, types, flat.as_slice())?;
            lower_arguments(cx, &func, types, tuple, |cx, to, flat_to| {
                let lender = Lender { subtask: Some(subtask), task: Some(id) };
                let mut copier = Copier {
                    cx,
                    types,
                    view: lowered.options.instance,
                    from: &lowered.options,
                    to: &func.options,
                    flat_from: flat.as_slice(),
                    flat_to,
                    lender,
                };
                copier.parameters(tuple, from, to)
            })
            .map_err(|fault| in_guest(fault, Rule::PointerOutOfBounds))
        }
        Caller::Host { arguments, .. } => {
            let Some(arguments) = arguments.take() else {
                return Err(Fault::Trap(crate::bug!("a call of the host started twice")));
            };
            let program = cx.state().instance(func.options.instance).program.clone();
            let types = program.types();
            let tuple = types.func(func.ty).params_tuple;
            lower_arguments(cx, &func, types, tuple, |cx, to, flat| {
                let lender = Lender { subtask: None, task: Some(id) };
                let view = func.options.instance;
                let mut context = LowerContext { cx, types, view, options: &func.options, flat, lender };
                arguments.lower(&mut context, ValType::Def(tuple), to)
            })
        }
    }
}

/// Lowers arguments where they go: flat, or into memory the guest allocates for them.
fn lower_arguments<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Lifted,
    types: &Types,
    tuple: TypeId,
    lower: impl FnOnce(&mut Cx<'_, T>, Place, &mut [u64]) -> Result<(), Fault>,
) -> Result<Vec<Val>, Fault> {
    let layout = func.options.layouts(types).layout(tuple);
    if layout.flat_count as usize > MAX_FLAT_PARAMS {
        let at = reallocate(cx, &func.options, (0, 0), layout.align, u64::from(layout.size))?;
        lower(cx, Place::Memory(at), &mut [])?;
        return Ok([value_of(core_type(func.options.address.flat()), at as u64)].into());
    }
    let mut flat = [0; MAX_FLAT_PARAMS];
    let flat = &mut flat[..layout.flat.len()];
    lower(cx, Place::Flat(0), flat)?;
    Ok(layout.flat.iter().zip(flat).map(|(ty, bits)| value_of(core_type(*ty), *bits)).collect())
}

/// The interpreter's type for a flat one.
pub(crate) fn core_type(ty: crate::component::types::Flat) -> crate::engine::ValType {
    use crate::{component::types::Flat, engine::ValType};
    match ty {
        Flat::I32 => ValType::I32,
        Flat::I64 => ValType::I64,
        Flat::F32 => ValType::F32,
        Flat::F64 => ValType::F64,
    }
}

/// Notes how far a call has come, and lets its caller hear of it.
pub(crate) fn progress<T: Send + 'static>(
    state: &mut State<T>,
    id: WaitableId,
    to: SubtaskState,
) -> Result<(), Fault> {
    let waitable = state.waitables.get_mut(id)?;
    let (has_handle, waiter) = (waitable.index != 0, waitable.waiter);
    let subtask = waitable.subtask_mut()?;
    subtask.state = to;
    if subtask.resolved() {
        let held = core::mem::take(&mut subtask.held);
        state.let_go_all(held);
    }
    match waiter {
        _ if has_handle => state.set_event(id)?,
        Some(waiter) => state.look(waiter),
        None => {}
    }
    Ok(())
}

/// A synchronously lifted function returned: its result is told, then it may clean up.
pub(crate) fn return_sync<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    id: TaskId,
    results: &[Val],
) -> Result<(), Fault> {
    let func = cx.state().tasks.get(id)?.func;
    let flat: Vec<u64> = results.iter().map(crate::engine::bits).collect();
    let ty = result_type(cx, id)?;
    let place = match ty {
        Some(ty) => {
            let program = cx.state().instance(func.options.instance).program.clone();
            lifted_place(cx, program.types(), &func.options, ty, &flat, MAX_FLAT_RESULTS)?
        }
        None => Place::Flat(0),
    };
    resolve(cx, id, &flat, place)?;
    post_return(cx, &func, &flat)
}

/// Lets a function clean up after its result was told. It gets what its core function returned.
pub(crate) fn post_return<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Lifted,
    results: &[u64],
) -> Result<(), Fault> {
    let Some(post_return) = &func.options.post_return else { return Ok(()) };
    cx.state_mut().instance_mut(func.options.instance).may_leave = false;
    cx.call_prepared_to_end(post_return, results)?;
    cx.state_mut().instance_mut(func.options.instance).may_leave = true;
    Ok(())
}

/// The result type of a task's function, as its own instance sees it.
fn result_type<T: Send + 'static>(cx: &Cx<'_, T>, id: TaskId) -> Result<Option<ValType>, Fault> {
    let task = cx.state().tasks.get(id)?;
    if matches!(task.caller, Caller::Destructor { .. } | Caller::Instantiation) {
        return Ok(None);
    }
    Ok(cx.state().instance(task.func.options.instance).program.types().func(task.func.ty).result)
}

/// `task.return`.
pub(crate) fn task_return<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    ty: Option<ValType>,
    options: &GuestOptions,
    flat: &[u64],
) -> Result<(), Fault> {
    let id = cx.state().current_task()?;
    let func = cx.state().tasks.get(id)?.func;
    if !func.options.is_async || result_type(cx, id)? != ty {
        return Err(Rule::TaskReturnInvalid.into());
    }
    let same_memory = match (options.memory, func.options.memory) {
        (Some(a), Some(b)) => cx.same_memory(a, b),
        // Without a memory it lifts a result that needs none, as the validator has seen to.
        (None, _) => true,
        (Some(_), None) => false,
    };
    if options.encoding != func.options.encoding || !same_memory {
        return Err(Rule::TaskReturnInvalid.into());
    }
    let place = match ty {
        Some(ty) => {
            let program = cx.state().instance(options.instance).program.clone();
            lifted_place(cx, program.types(), options, ty, flat, MAX_FLAT_PARAMS)?
        }
        None => Place::Flat(0),
    };
    resolve(cx, id, flat, place)
}

/// Tells a task's result to its caller (`Task.return_`).
fn resolve<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    id: TaskId,
    flat: &[u64],
    from: Place,
) -> Result<(), Fault> {
    cx.state().check_resolve(id)?;
    let task = cx.state().tasks.get(id)?;
    let func = task.func;
    match &task.caller {
        Caller::Instantiation | Caller::Destructor { .. } => {}
        Caller::Direct => return Err(Fault::Trap(crate::bug!("a call that went straight through waits"))),
        Caller::Guest { lowered, flat: arguments, subtask } => {
            let (lowered, arguments, subtask) = (lowered.clone(), **arguments, *subtask);
            let result = copy_result_from(cx, &func, &lowered, arguments.as_slice(), flat, from)?;
            cx.state_mut().waitables.get_mut(subtask)?.subtask_mut()?.result = result;
            progress(cx.state_mut(), subtask, SubtaskState::Returned)?;
        }
        Caller::Host { lift, .. } => {
            let lift = *lift;
            let program = cx.state().instance(func.options.instance).program.clone();
            let types = program.types();
            let (view, lender) = (func.options.instance, Lender::default());
            let state = cx.state_mut();
            (state.host_bytes, state.came) = (0, Some(Vec::new()));
            let mut context = LiftContext { cx, types, view, options: &func.options, flat, lender };
            let value = lift(&mut context, types.func(func.ty).result, from)?;
            let came = cx.state_mut().came.take().unwrap_or_default();
            started::told(cx, id, Told { value, came })?;
        }
    }
    cx.state_mut().tasks.get_mut(id)?.state = TaskState::Resolved;
    Ok(cx.state_mut().end_host_loans(id)?)
}

/// Copies what a synchronously lifted function returned to where a guest wants it.
pub(crate) fn copy_result<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Lifted,
    lowered: &Lowered,
    arguments: &[u64],
    flat: &[u64],
) -> Result<Option<u64>, Fault> {
    let types = lowered.program.types();
    let Some(ty) = types.func(lowered.ty).result else { return Ok(None) };
    if let (true, [bits]) = (ty.is_scalar() && !lowered.options.is_async, flat) {
        return normalise(ty, *bits).map(Some);
    }
    let from = lifted_place(cx, types, &func.options, ty, flat, MAX_FLAT_RESULTS)?;
    copy_result_from(cx, func, lowered, arguments, flat, from)
}

fn copy_result_from<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    func: &Lifted,
    lowered: &Lowered,
    arguments: &[u64],
    flat: &[u64],
    from: Place,
) -> Result<Option<u64>, Fault> {
    let types = lowered.program.types();
    let Some(ty) = types.func(lowered.ty).result else { return Ok(None) };
    let to = lowered.result(cx, types, arguments, ty)?;
    let mut result = [0];
    let mut copier = Copier {
        cx,
        types,
        view: lowered.options.instance,
        from: &func.options,
        to: &lowered.options,
        flat_from: flat,
        flat_to: &mut result,
        lender: Lender::default(),
    };
    copier.value(ty, from, to)?;
    Ok(matches!(to, Place::Flat(_)).then_some(result[0]))
}

/// `task.cancel`.
pub(crate) fn task_cancel<T: Send + 'static>(cx: &mut Cx<'_, T>) -> Result<(), Fault> {
    let id = cx.state().current_task()?;
    let task = cx.state().tasks.get(id)?;
    match task.state {
        TaskState::Resolved => return Err(Rule::ResolvedTwice.into()),
        TaskState::CancelDelivered if task.func.options.is_async => {}
        _ => return Err(Rule::NotCancelled.into()),
    }
    resolve_cancelled(cx, id)
}

/// Ends a task without a result.
pub(crate) fn resolve_cancelled<T: Send + 'static>(cx: &mut Cx<'_, T>, id: TaskId) -> Result<(), Fault> {
    cx.state().check_resolve(id)?;
    let state = cx.state_mut();
    if let Caller::Guest { subtask, .. } = state.tasks.get(id)?.caller {
        cancelled_subtask(state, subtask)?;
    }
    state.tasks.get_mut(id)?.state = TaskState::Resolved;
    Ok(())
}

fn cancelled_subtask<T: Send + 'static>(state: &mut State<T>, subtask: WaitableId) -> Result<(), Fault> {
    let to = match state.waitables.get(subtask)?.subtask()?.state {
        SubtaskState::Starting => SubtaskState::CancelledBeforeStarted,
        _ => SubtaskState::CancelledBeforeReturned,
    };
    progress(state, subtask, to)
}

/// Makes the caller's side of a call.
fn new_subtask<T: Send + 'static>(
    state: &mut State<T>,
    caller: InstanceId,
    progress: SubtaskState,
    callee: Callee,
) -> WaitableId {
    let subtask = Subtask {
        state: progress,
        lenders: core::mem::take(&mut state.lenders),
        held: Vec::new(),
        delivered: false,
        cancel_requested: false,
        result: None,
        callee,
    };
    state.waitables.add(Waitable::new(caller, WaitableKind::Subtask(subtask)))
}

/// Makes the caller's side of a call that has its arguments.
pub(crate) fn started_subtask<T: Send + 'static>(
    state: &mut State<T>,
    caller: InstanceId,
    callee: Callee,
) -> WaitableId {
    new_subtask(state, caller, SubtaskState::Started, callee)
}

/// What a lowered function does (`canon_lower`), of a guest's function.
pub(crate) fn call_lowered<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lowered: &Lowered,
    func: &Lifted,
    flat: &[u64],
) -> Result<Answer, Fault> {
    let (caller, callee) = (lowered.options.instance, func.options.instance);
    let state = cx.state_mut();
    if !state.instance(caller).may_leave {
        return Err(Rule::CannotLeave.into());
    }
    let types = lowered.program.types();
    let ty = types.func(lowered.ty);
    if ty.is_async && !lowered.options.is_async {
        state.check_may_block(caller)?;
    }
    state.enter(callee, caller)?;
    if state.is_direct(func, ty.is_async) && !lowered.options.is_async {
        return direct::call_from_guest(cx, lowered, flat, func, ty.params_tuple);
    }
    let subtask = new_subtask(state, caller, SubtaskState::Starting, Callee::Gone);
    let from = Caller::of_guest(lowered, flat, subtask);
    let (task, thread) = state.new_task(*func, ty.is_async, from)?;
    state.waitables.get_mut(subtask)?.subtask_mut()?.callee = Callee::Task(task);
    task::resume(cx, thread, false)?;
    after_call(cx, lowered, subtask, task, callee)
}

/// Goes on with a caller that was stopped together with what it called.
pub(crate) fn go_on_after_call<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lowered: &Lowered,
    subtask: WaitableId,
    task: TaskId,
) -> Result<Answer, Fault> {
    let FuncInst::Lifted(func) = &cx.state().funcs[lowered.callee.0] else {
        return Err(Fault::Trap(crate::bug!("a host function was resumed as a guest's")));
    };
    let callee = func.options.instance;
    cx.state_mut().set_entered(callee, Some(lowered.options.instance), true);
    after_call(cx, lowered, subtask, task, callee)
}

/// After a callee ran: it is over, or waits, or was stopped.
pub(crate) fn after_call<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lowered: &Lowered,
    subtask: WaitableId,
    task: TaskId,
    callee: InstanceId,
) -> Result<Answer, Fault> {
    let finished = run_if_sync(cx, task, callee)?;
    let state = cx.state_mut();
    state.set_entered(callee, Some(lowered.options.instance), false);
    if !finished {
        return state.freeze(Wait::AfterCall { lowered: lowered.keep(), subtask, task });
    }
    finish_lowered(cx, lowered, subtask)
}

/// Runs what a synchronous task waits for until it is resolved; whether nothing stopped in between.
pub(crate) fn run_if_sync<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    task: TaskId,
    callee: InstanceId,
) -> Result<bool, Fault> {
    loop {
        let state = cx.state_mut();
        if !state.frozen.is_empty() {
            return Ok(false);
        }
        if state.tasks.find(task).is_none_or(|task| task.is_async) || state.is_resolved(task) {
            return Ok(true);
        }
        let Some(thread) = state.first_ready(Some(callee)) else { return Err(state.stuck(task).into()) };
        task::resume(cx, thread, false)?;
    }
}

/// The same for a task that the host called, in an instance that was entered for it. Where what it waits for was stopped,
/// that is gone on with before anything else.
pub(crate) fn stay<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    task: TaskId,
    callee: InstanceId,
) -> Result<bool, Fault> {
    let finished = run_if_sync(cx, task, callee)?;
    let state = cx.state_mut();
    state.set_entered(callee, None, false);
    // Whoever that is stayed with already waits for this one too.
    let known = state.stays_with.filter(|(known, _)| !state.is_resolved(*known));
    state.stays_with = known.or_else(|| (!finished).then_some((task, callee)));
    Ok(finished)
}

/// The end of a lowered call: its result, or a subtask to wait for.
pub(crate) fn finish_lowered<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    lowered: &Lowered,
    subtask: WaitableId,
) -> Result<Answer, Fault> {
    let state = cx.state_mut();
    let resolved = state.waitables.get(subtask)?.subtask()?.resolved();
    match (lowered.options.is_async, resolved) {
        (false, true) => deliver(cx, subtask).map(Answer::Return),
        (false, false) => state.block(Wait::Subtask(subtask)),
        (true, true) => {
            deliver(cx, subtask)?;
            Ok(Answer::Return(Some(SubtaskState::Returned as u64)))
        }
        (true, false) => {
            let index = state
                .add_handle(lowered.options.instance, crate::component::store::Handle::Waitable(subtask))?;
            let waitable = state.waitables.get_mut(subtask)?;
            waitable.index = index;
            let status = waitable.subtask()?.state as u64;
            Ok(Answer::Return(Some(status | u64::from(index) << 4)))
        }
    }
}

/// Ends a subtask that has no handle: its result, if that is a core value.
pub(crate) fn deliver<T: Send + 'static>(cx: &mut Cx<'_, T>, id: WaitableId) -> Result<Option<u64>, Fault> {
    let state = cx.state_mut();
    let Some(mut waitable) = state.waitables.remove(id) else {
        return Err(Fault::Trap(crate::bug!("a subtask ended twice")));
    };
    let instance = waitable.instance;
    let subtask = waitable.subtask_mut()?;
    state.let_go_all(core::mem::take(&mut subtask.held));
    state.return_lent(instance, &subtask.lenders)?;
    subtask.lenders.clear();
    state.lenders = core::mem::take(&mut subtask.lenders);
    Ok(subtask.result)
}

/// `resource.drop`: the handle goes, and with an owned one the resource.
pub(crate) fn drop_resource<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    ty: ResourceTypeId,
    index: u32,
) -> Result<Answer, Fault> {
    let state = cx.state_mut();
    let handle = state.resource_handle(instance, index, ty)?;
    if handle.lends != 0 {
        return Err(Rule::OwnedWhileBorrowed.into());
    }
    let (rep, own, scope) = (handle.rep, handle.own, handle.scope);
    state.remove_handle(instance, index)?;
    if own {
        return destroy(cx, instance, ty, rep);
    }
    if let Some(task) = scope {
        state.tasks.get_mut(task)?.borrows -= 1;
    }
    Ok(Answer::Return(None))
}

/// Destroys a resource for a guest: a call into its implementor, like any other.
fn destroy<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    caller: InstanceId,
    ty: ResourceTypeId,
    rep: u32,
) -> Result<Answer, Fault> {
    match begin_destructor(cx, Some(caller), Some(caller), ty, rep, true)? {
        Some((task, callee)) => after_destructor(cx, caller, task, callee),
        None => Ok(Answer::Return(None)),
    }
}

/// The same for the host, which goes on with the task where its destructor was stopped. `giver` is who had it before.
pub(crate) fn destroy_for_host<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    giver: Option<InstanceId>,
    ty: ResourceTypeId,
    rep: u32,
) -> Result<Option<(TaskId, InstanceId)>, Fault> {
    let now = !cx.state().is_stopped();
    let Some((task, callee)) = begin_destructor(cx, None, giver, ty, rep, now)? else { return Ok(None) };
    let finished = now && stay(cx, task, callee)?;
    Ok((!finished).then_some((task, callee)))
}

/// Destroys a resource that came to the host from `giver` and that nobody has: where its destructor is a guest's, once
/// nothing else runs.
pub(crate) fn destroy_later<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    giver: InstanceId,
    ty: ResourceTypeId,
    rep: u32,
) -> Result<(), Fault> {
    begin_destructor(cx, None, Some(giver), ty, rep, false).map(|_| ())
}

/// Begins to destroy a resource: the task of its destructor, where that is a guest's, which runs `now` or later. One of
/// the host's that no guest had is nobody's to destroy.
fn begin_destructor<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    caller: Option<InstanceId>,
    holder: Option<InstanceId>,
    ty: ResourceTypeId,
    rep: u32,
    now: bool,
) -> Result<Option<(TaskId, InstanceId)>, Fault> {
    let state = cx.state_mut();
    let resource = state.resource_type(ty);
    let (callee, dtor) = match resource.implementor {
        Implementor::Host(_) => {
            if let Some(dtor) = holder.and_then(|holder| state.host_dtor(holder, ty)) {
                let dropped = dtor(cx, rep);
                if let Some(fault) = cx.state().ended_by() {
                    return Err(fault);
                }
                dropped?;
            }
            return Ok(None);
        }
        Implementor::Guest(instance) => (instance, resource.dtor),
    };
    if now && !state.may_enter(callee, caller) {
        return Err(Rule::CannotEnter.into());
    }
    let (rep, wide) = state.take_rep(ty, rep)?;
    let Some(core) = dtor else { return Ok(None) };
    let func = Lifted {
        id: Lifted::NO_FUNC,
        core: Prepared::Any(core),
        results: 0,
        ty: FuncTypeId(u32::MAX),
        options: GuestOptions::bare(callee),
    };
    let (task, thread) = state.new_task(func, false, Caller::Destructor { rep, wide })?;
    if now {
        state.set_entered(callee, caller, true);
        task::resume(cx, thread, false)?;
    } else {
        // The host destroys it while a call stands in the middle: that goes on first, as before any call of the host's.
        state.wait(thread, Wait::Start)?;
    }
    Ok(Some((task, callee)))
}

fn after_destructor<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    caller: InstanceId,
    task: TaskId,
    callee: InstanceId,
) -> Result<Answer, Fault> {
    let finished = run_if_sync(cx, task, callee)?;
    let state = cx.state_mut();
    state.set_entered(callee, Some(caller), false);
    if finished { Ok(Answer::Return(None)) } else { state.freeze(Wait::AfterDestructor { task, callee }) }
}

/// Goes on with a caller that was stopped together with a destructor.
pub(crate) fn go_on_after_destructor<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    task: TaskId,
    callee: InstanceId,
) -> Result<Answer, Fault> {
    let state = cx.state_mut();
    let caller = state.tasks.get(state.current_task()?)?.func.options.instance;
    state.set_entered(callee, Some(caller), true);
    after_destructor(cx, caller, task, callee)
}

/// `subtask.cancel`.
pub(crate) fn subtask_cancel<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    is_async: bool,
    index: u32,
) -> Result<Answer, Fault> {
    let state = cx.state_mut();
    let id = state.waitable_at(instance, index, "a subtask")?;
    let waitable = state.waitables.get_mut(id)?;
    let in_set = waitable.set.is_some();
    let subtask = waitable.subtask_mut()?;
    if subtask.delivered {
        return Err(Rule::CancelAfterTerminal.into());
    }
    if subtask.cancel_requested {
        return Err(Rule::CancelTwice.into());
    }
    if in_set && !is_async {
        return Err(Rule::SyncAndAsync.into());
    }
    if !subtask.resolved() {
        subtask.cancel_requested = true;
        match subtask.callee {
            Callee::Task(task) => request_cancellation(cx, task, instance)?,
            Callee::Host(call) => {
                host::give_up(state, call);
                cancelled_subtask(state, id)?;
            }
            Callee::Gone => return Err(Fault::Trap(crate::bug!("a subtask under way has no callee"))),
        }
        if !cx.state().frozen.is_empty() {
            return cx.state_mut().freeze(Wait::AfterCancel { subtask: id, is_async });
        }
    }
    after_cancel(cx, id, is_async)
}

/// After a cancellation was asked for: how the subtask ended, if it has.
pub(crate) fn after_cancel<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    id: WaitableId,
    is_async: bool,
) -> Result<Answer, Fault> {
    let state = cx.state_mut();
    let waitable = state.waitables.get_mut(id)?;
    if waitable.subtask()?.resolved() {
        let event = state.take_event(id)?;
        return Ok(Answer::Return(Some(u64::from(event.payload))));
    }
    if is_async {
        return Ok(Answer::Return(Some(BLOCKED)));
    }
    waitable.sync_waiter = true;
    state.block(Wait::CancelledSubtask(id))
}

/// Asks a task to end early (`Task.request_cancellation`): where it has not started it ends at once, where it waits in
/// its event loop it is told at once, and else when it next gets there.
fn request_cancellation<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    id: TaskId,
    caller: InstanceId,
) -> Result<(), Fault> {
    let state = cx.state_mut();
    let task = state.tasks.get_mut(id)?;
    let thread = task.implicit()?;
    if task.state == TaskState::Initial {
        task.state = TaskState::CancelDelivered;
        return task::resume(cx, thread, true);
    }
    task.state = TaskState::PendingCancel;
    let instance = task.func.options.instance;
    let in_event_loop =
        state.threads.find(thread).is_some_and(|thread| matches!(thread.progress, Progress::EventLoop));
    let exclusive = state.instance(instance).exclusive;
    if in_event_loop && exclusive.is_none() && state.may_enter(instance, Some(caller)) {
        state.tasks.get_mut(id)?.state = TaskState::CancelDelivered;
        state.set_entered(instance, Some(caller), true);
        task::resume(cx, thread, true)?;
        cx.state_mut().set_entered(instance, Some(caller), false);
    }
    Ok(())
}

/// `subtask.drop`.
pub(crate) fn subtask_drop<T: Send + 'static>(
    state: &mut State<T>,
    instance: InstanceId,
    index: u32,
) -> Result<(), Fault> {
    let id = state.waitable_at(instance, index, "a subtask")?;
    if !state.waitables.get(id)?.subtask()?.delivered {
        return Err(Rule::SubtaskNotResolved.into());
    }
    state.join(id, None)?;
    state.remove_handle(instance, index)?;
    state.waitables.remove(id);
    Ok(())
}
