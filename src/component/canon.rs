//! Core functions that canonical definitions make: which core type each has, and what each does
//! (`CanonicalABI.md`, "Canonical Definitions").

use crate::{
    Rule, Trap,
    component::{
        abi::{
            GuestOptions, Source, Units, bytes, bytes_mut, inside, is_aligned, lift_string, store_string,
            write_number,
        },
        call::{self, Lowered, core_type},
        channel::{self, BLOCKED},
        definition::{Canon, Channel, End, Options, Switch},
        host::{self, HostFunction},
        store::{Cx, Handle, InstanceId, Lifted, ResourceTypeId},
        task::{self, Progress, Wait},
        types::{
            AddressType, Flat, MAX_FLAT_ASYNC_PARAMS, MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, Types, ValType,
        },
        waitable::{self, WaitableSet},
    },
    engine::{Answer, CoreMemory, CoreTable, Fault, ValType as CoreVal},
};
use alloc::{boxed::Box, sync::Arc};
use core::ops::Deref;

/// A canonical definition with everything it refers to resolved in a store.
pub(crate) enum Builtin<T: 'static> {
    /// A guest's function, as its instance lifts it.
    Lower(Lowered, Box<Lifted>),
    LowerHost(Lowered, Arc<dyn HostFunction<T>>),
    ResourceNew(ResourceTypeId),
    ResourceDrop(ResourceTypeId),
    ResourceRep(ResourceTypeId),
    WaitableSetWait(CoreMemory),
    WaitableSetPoll(CoreMemory),
    TaskReturn {
        result: Option<ValType>,
        options: GuestOptions,
    },
    Copy {
        channel: Channel,
        end: End,
        payload: Option<ValType>,
        options: GuestOptions,
    },
    ErrorContextNew(GuestOptions),
    ErrorContextDebugMessage(GuestOptions),
    ThreadNewIndirect {
        table: CoreTable,
        /// What the function takes.
        param: CoreVal,
    },
    /// One that refers to nothing.
    Plain(Canon),
}

/// A few core types, on the stack: each instance has its signatures made anew.
#[derive(Clone, Copy)]
pub(crate) struct CoreTypes {
    types: [CoreVal; MAX_FLAT_PARAMS + 1],
    count: usize,
}

impl FromIterator<CoreVal> for CoreTypes {
    // No signature has more than there is room for.
    fn from_iter<I: IntoIterator<Item = CoreVal>>(from: I) -> Self {
        let mut types = Self { types: [CoreVal::I32; MAX_FLAT_PARAMS + 1], count: 0 };
        from.into_iter().for_each(|ty| types.push(ty));
        types
    }
}

impl<const COUNT: usize> From<[CoreVal; COUNT]> for CoreTypes {
    fn from(types: [CoreVal; COUNT]) -> Self {
        types.into_iter().collect()
    }
}

impl Deref for CoreTypes {
    type Target = [CoreVal];

    fn deref(&self) -> &[CoreVal] {
        &self.types[..self.count]
    }
}

impl CoreTypes {
    fn push(&mut self, ty: CoreVal) {
        if let Some(place) = self.types.get_mut(self.count) {
            *place = ty;
            self.count += 1;
        }
    }
}

/// The core type of a canonical definition's function. `address` is what addresses are of the memory or table that it
/// names.
pub(crate) fn signature(canon: &Canon, types: &Types, address: AddressType) -> (CoreTypes, CoreTypes) {
    use CoreVal::{I32, I64};
    let pointer = core_type(address.flat());
    match canon {
        Canon::Lower { ty, options, .. } => lowered_signature(types, *ty, address, options.is_async),
        Canon::TaskReturn { result, .. } => {
            let flat = result.map_or(&[][..], |ty| types.layouts(address).flat(ty));
            let spilled = result.is_some_and(|ty| types.flat_count(ty) as usize > MAX_FLAT_PARAMS);
            (
                if spilled { [pointer].into() } else { flat.iter().map(|ty| core_type(*ty)).collect() },
                [].into(),
            )
        }
        Canon::ResourceNew(_)
        | Canon::ResourceRep(_)
        | Canon::SubtaskCancel { .. }
        | Canon::CancelCopy { .. } => ([I32].into(), [I32].into()),
        Canon::ResourceNewWide(_) => ([I64].into(), [I32].into()),
        Canon::ResourceRepWide(_) => ([I32].into(), [I64].into()),
        Canon::ResourceDrop(_)
        | Canon::WaitableSetDrop
        | Canon::SubtaskDrop
        | Canon::DropEnd { .. }
        | Canon::ErrorContextDrop
        | Canon::ThreadResumeLater => ([I32].into(), [].into()),
        Canon::ContextGet { wide, .. } => ([].into(), [if *wide { I64 } else { I32 }].into()),
        Canon::ContextSet { wide, .. } => ([if *wide { I64 } else { I32 }].into(), [].into()),
        Canon::BackpressureInc | Canon::BackpressureDec | Canon::TaskCancel => ([].into(), [].into()),
        Canon::WaitableSetNew | Canon::ThreadIndex => ([].into(), [I32].into()),
        Canon::WaitableSetWait { .. } | Canon::WaitableSetPoll { .. } => {
            ([I32, pointer].into(), [I32].into())
        }
        Canon::WaitableJoin => ([I32, I32].into(), [].into()),
        Canon::ErrorContextDebugMessage { .. } => ([I32, pointer].into(), [].into()),
        Canon::ChannelNew { .. } => ([].into(), [I64].into()),
        Canon::Copy { channel: Channel::Stream, .. } => ([I32, pointer, pointer].into(), [pointer].into()),
        Canon::Copy { channel: Channel::Future, .. } => ([I32, pointer].into(), [I32].into()),
        Canon::ErrorContextNew { .. } => ([pointer, pointer].into(), [I32].into()),
        Canon::ThreadNewIndirect { argument, .. } => {
            ([pointer, core_type(argument.flat())].into(), [I32].into())
        }
        Canon::ThreadSwitch(Switch::Suspend | Switch::Yield) => ([].into(), [I32].into()),
        Canon::ThreadSwitch(_) => ([I32].into(), [I32].into()),
    }
}

/// `flatten_functype` for `lower`.
fn lowered_signature(
    types: &Types,
    ty: super::types::FuncTypeId,
    address: AddressType,
    is_async: bool,
) -> (CoreTypes, CoreTypes) {
    let func = types.func(ty);
    let (layouts, pointer) = (types.layouts(address), core_type(address.flat()));
    let params = layouts.layout(func.params_tuple);
    let max = if is_async { MAX_FLAT_ASYNC_PARAMS } else { MAX_FLAT_PARAMS };
    let mut flat: CoreTypes = if params.flat_count as usize > max {
        [pointer].into()
    } else {
        params.flat.iter().map(|ty| core_type(*ty)).collect()
    };
    let result: &[Flat] = func.result.map_or(&[], |ty| layouts.flat(ty));
    if is_async {
        if !result.is_empty() {
            flat.push(pointer);
        }
        return (flat, [CoreVal::I32].into());
    }
    if result.len() > MAX_FLAT_RESULTS {
        flat.push(pointer);
        return (flat, [].into());
    }
    (flat, result.iter().map(|ty| core_type(*ty)).collect())
}

/// How many results a core function has that is lifted (`flatten_functype` for `lift`).
pub(crate) fn lifted_results(types: &Types, ty: super::types::FuncTypeId, options: &Options) -> usize {
    if options.is_async {
        return usize::from(options.callback.is_some());
    }
    types.func(ty).result.map_or(0, |ty| (types.flat_count(ty) as usize).min(1))
}

/// Calls a canonical definition's function, and has the guest pay for what that set in motion.
pub(crate) fn call<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    builtin: &Builtin<T>,
    flat: &[u64],
) -> Result<Answer, Fault> {
    let answer = carry_out(cx, instance, builtin, flat)?;
    let debt = core::mem::take(&mut cx.state_mut().debt);
    if debt > 0 {
        cx.charge_elements(debt)?;
    }
    Ok(answer)
}

fn carry_out<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    builtin: &Builtin<T>,
    flat: &[u64],
) -> Result<Answer, Fault> {
    let wide = |at: usize| flat.get(at).copied().unwrap_or(0);
    let argument = |at: usize| wide(at) as u32;
    match builtin {
        Builtin::Lower(lowered, callee) => call::call_lowered(cx, lowered, callee, flat),
        Builtin::LowerHost(lowered, function) => host::call(cx, lowered, flat, &**function),
        Builtin::ResourceRep(ty) => {
            let rep = cx.state_mut().resource_handle(instance, argument(0), *ty)?.rep;
            Ok(Answer::Return(Some(cx.state().rep(*ty, rep)?)))
        }
        Builtin::Plain(Canon::ContextGet { slot, .. }) => context_get(cx, *slot),
        Builtin::Plain(Canon::ContextSet { slot, .. }) => context_set(cx, *slot, wide(0)),
        Builtin::Plain(Canon::BackpressureInc) => backpressure(cx, instance, 1),
        Builtin::Plain(Canon::BackpressureDec) => backpressure(cx, instance, -1),
        _ if !cx.state().instance(instance).may_leave => Err(Rule::CannotLeave.into()),
        Builtin::ResourceNew(ty) => {
            let rep = cx.state_mut().keep_rep(*ty, wide(0))?;
            let index = super::handles::lower_own(cx, instance, rep, *ty)?;
            answer(index)
        }
        Builtin::ResourceDrop(ty) => call::drop_resource(cx, instance, *ty, argument(0)),
        Builtin::TaskReturn { result, options } => {
            call::task_return(cx, *result, options, flat)?;
            Ok(Answer::Return(None))
        }
        Builtin::WaitableSetWait(memory) => set_wait(cx, instance, *memory, argument(0), wide(1)),
        Builtin::WaitableSetPoll(memory) => {
            let state = cx.state_mut();
            let set = state.set_at(instance, argument(0))?;
            let event =
                if state.set_has_event(set) { state.take_set_event(set)? } else { waitable::Event::NONE };
            task::write_event(cx, *memory, wide(1), event).map(Answer::Return)
        }
        Builtin::Copy { channel, end, payload, options } => {
            if !options.is_async {
                cx.state_mut().check_may_block(instance)?;
            }
            let length = if *channel == Channel::Stream { wide(2) } else { 1 };
            let id = channel::copy(cx, options, *channel, *end, *payload, argument(0), (wide(1), length))?;
            finish_operation(cx, id, options.is_async)
        }
        Builtin::ErrorContextNew(options) => error_context_new(cx, instance, options, (wide(0), wide(1))),
        Builtin::ErrorContextDebugMessage(options) => debug_message(cx, options, argument(0), wide(1)),
        Builtin::ThreadNewIndirect { table, param } => thread_new(cx, *table, *param, wide(0), wide(1)),
        Builtin::Plain(canon) => plain(cx, instance, canon, flat),
    }
}

fn context_get<T: Send + 'static>(cx: &Cx<'_, T>, slot: u32) -> Result<Answer, Fault> {
    let state = cx.state();
    let thread = state.current.and_then(|current| state.threads.find(current));
    Ok(Answer::Return(Some(thread.map_or(0, |thread| thread.storage[slot as usize & 1]))))
}

fn context_set<T: Send + 'static>(cx: &mut Cx<'_, T>, slot: u32, value: u64) -> Result<Answer, Fault> {
    let state = cx.state_mut();
    if let Some(current) = state.current {
        state.threads.get_mut(current)?.storage[slot as usize & 1] = value;
    }
    Ok(Answer::Return(None))
}

fn error_context_new<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    options: &GuestOptions,
    message: (u64, u64),
) -> Result<Answer, Fault> {
    cx.state_mut().host_bytes = 0;
    let units = Units::check(options, bytes(cx, options), message, true);
    let text = units.and_then(|units| lift_string(cx, options, &units)).map_err(|fault| match fault {
        Fault::Trap(Trap::Component(_)) => Rule::DebugMessage.into(),
        other => other,
    })?;
    // What is kept for each handle must be little, and how much of a message is kept is the host's choice.
    let text = &text[..text.floor_char_boundary(DEBUG_MESSAGE_BYTES)];
    answer(cx.state_mut().add_handle(instance, Handle::ErrorContext(text.into()))?)
}

/// So many bytes of an error context's message are kept.
const DEBUG_MESSAGE_BYTES: usize = 256;

fn answer(value: u32) -> Result<Answer, Fault> {
    Ok(Answer::Return(Some(u64::from(value))))
}

fn plain<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    canon: &Canon,
    flat: &[u64],
) -> Result<Answer, Fault> {
    let argument = |at: usize| flat.get(at).copied().unwrap_or(0) as u32;
    match canon {
        Canon::TaskCancel => call::task_cancel(cx)?,
        Canon::WaitableSetNew => {
            let state = cx.state_mut();
            let set = state.sets.add(WaitableSet::default());
            return answer(state.add_handle(instance, Handle::Set(set))?);
        }
        Canon::WaitableSetDrop => waitable::drop_set(cx, instance, argument(0))?,
        Canon::WaitableJoin => {
            let state = cx.state_mut();
            let id = state.waitable_at(instance, argument(0), "a waitable")?;
            if state.waitables.get(id)?.sync_waiter {
                return Err(Rule::SyncAndAsync.into());
            }
            let set = if argument(1) == 0 { None } else { Some(state.set_at(instance, argument(1))?) };
            state.join(id, set)?;
        }
        Canon::SubtaskCancel { is_async } => {
            if !is_async {
                cx.state_mut().check_may_block(instance)?;
            }
            return call::subtask_cancel(cx, instance, *is_async, argument(0));
        }
        Canon::SubtaskDrop => call::subtask_drop(cx.state_mut(), instance, argument(0))?,
        Canon::ChannelNew { channel, payload } => {
            return channel::new(cx, instance, *channel, *payload).map(|ends| Answer::Return(Some(ends)));
        }
        Canon::CancelCopy { channel, end, payload, is_async } => {
            if !is_async {
                cx.state_mut().check_may_block(instance)?;
            }
            let id = channel::cancel(cx, instance, *channel, *end, *payload, *is_async, argument(0))?;
            return finish_operation(cx, id, *is_async);
        }
        Canon::DropEnd { channel, end, payload } => {
            channel::drop_end(cx, instance, *channel, *end, *payload, argument(0))?;
        }
        Canon::ErrorContextDrop => {
            let state = cx.state_mut();
            match state.instance(instance).handles.get(argument(0))? {
                Handle::ErrorContext(_) => state.remove_handle(instance, argument(0))?,
                _ => return Err(Rule::HandleSort("an error-context").into()),
            };
        }
        Canon::ThreadIndex => {
            let state = cx.state();
            return answer(state.threads.get(state.current()?)?.index);
        }
        Canon::ThreadResumeLater => {
            let state = cx.state_mut();
            let other = *state.instance(instance).threads.get(argument(0))?;
            if !is_suspended(cx, other)? {
                return Err(Rule::ThreadNotSuspended.into());
            }
            cx.state_mut().wait(other, Wait::Ready)?;
        }
        Canon::ThreadSwitch(switch) => return thread_switch(cx, instance, *switch, argument(0)),
        _ => return Err(Fault::Trap(crate::bug!("a built-in was not resolved"))),
    }
    Ok(Answer::Return(None))
}

fn backpressure<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    by: i32,
) -> Result<Answer, Fault> {
    let counter = &mut cx.state_mut().instance_mut(instance).backpressure;
    *counter = counter.checked_add_signed(by).filter(|count| *count < 1 << 16).ok_or(Rule::Backpressure)?;
    if *counter == 0 {
        cx.state_mut().tell_doors(instance);
    }
    Ok(Answer::Return(None))
}

/// The end of an operation on a channel: how it went, or that it goes on.
fn finish_operation<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    id: super::store::WaitableId,
    is_async: bool,
) -> Result<Answer, Fault> {
    let state = cx.state_mut();
    if state.has_event(id) {
        let event = state.take_event(id)?;
        return answer(event.payload);
    }
    if is_async {
        return Ok(Answer::Return(Some(BLOCKED)));
    }
    state.waitables.get_mut(id)?.sync_waiter = true;
    state.block(Wait::Event(id))
}

fn set_wait<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    memory: CoreMemory,
    index: u32,
    at: u64,
) -> Result<Answer, Fault> {
    let state = cx.state_mut();
    let set = state.set_at(instance, index)?;
    if state.set_has_event(set) {
        let event = state.take_set_event(set)?;
        return task::write_event(cx, memory, at, event).map(Answer::Return);
    }
    state.block(Wait::Set { set, memory, at })
}

fn debug_message<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    options: &GuestOptions,
    index: u32,
    at: u64,
) -> Result<Answer, Fault> {
    let text = match cx.state().instance(options.instance).handles.get(index)? {
        Handle::ErrorContext(text) => text.clone(),
        _ => return Err(Rule::HandleSort("an error-context").into()),
    };
    let size = options.address.size();
    let place = inside(bytes(cx, options), at, u64::from(2 * size)).filter(|_| is_aligned(at, size));
    let at = place.ok_or(Rule::DebugMessage)?;
    let (start, length) = store_string(cx, options, Source::Host(&text))?;
    let memory = bytes_mut(cx, options);
    write_number(memory, at, size, start)?;
    write_number(memory, at + size as usize, size, length)?;
    Ok(Answer::Return(None))
}

/// `thread.new-indirect`.
fn thread_new<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    table: CoreTable,
    param: CoreVal,
    index: u64,
    argument: u64,
) -> Result<Answer, Fault> {
    let function = match cx.table_function(table, index) {
        None => return Err(crate::Trap::TableOutOfBounds.into()),
        Some(None) => return Err(Rule::ThreadUninitialized.into()),
        Some(Some(function)) => function,
    };
    let (params, results) = cx.function_type(function);
    if params.as_slice() != [param] || !results.is_empty() {
        return Err(Rule::ThreadType.into());
    }
    let state = cx.state_mut();
    let task = state.current_task()?;
    let thread = state.new_thread(task, Progress::New(function, argument))?;
    state.threads.get_mut(thread)?.wait = Wait::Suspended;
    answer(state.register_thread(thread)?)
}

fn is_suspended<T: Send + 'static>(cx: &Cx<'_, T>, thread: super::store::ThreadId) -> Result<bool, Fault> {
    Ok(matches!(cx.state().threads.get(thread)?.wait, Wait::Suspended))
}

/// `thread.{suspend,yield}` and their forms that name who runs next.
fn thread_switch<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    switch: Switch,
    index: u32,
) -> Result<Answer, Fault> {
    let current = cx.state().current()?;
    let next = match switch {
        Switch::Suspend | Switch::Yield => None,
        Switch::SuspendThenResume | Switch::YieldThenResume => {
            let other = *cx.state().instance(instance).threads.get(index)?;
            if !is_suspended(cx, other)? {
                return Err(Rule::ThreadNotSuspended.into());
            }
            Some(other)
        }
        Switch::SuspendThenPromote | Switch::YieldThenPromote => {
            let other = *cx.state().instance(instance).threads.get(index)?;
            if other == current {
                return Err(Rule::ThreadNotSuspended.into());
            }
            Some(other).filter(|other| cx.state().is_ready(*other))
        }
    };
    let state = cx.state_mut();
    state.switch_to = next;
    match switch {
        Switch::Suspend | Switch::SuspendThenResume | Switch::SuspendThenPromote => {
            state.block(Wait::Suspended)
        }
        Switch::Yield | Switch::YieldThenResume | Switch::YieldThenPromote => state.block(Wait::Ready),
    }
}
