//! Handles crossing from one instance to another: resources, streams and futures, error contexts
//! (`CanonicalABI.md`, `lift_own`, `lift_borrow`, `lower_own`, `lower_borrow`, `lift_async_value`).

use crate::{
    Rule, Trap,
    component::{
        channel::{CopyEnd, CopyState, Payload},
        definition::End,
        store::{
            ChannelId, Cx, Handle, Implementor, InstanceId, ResourceHandle, ResourceTypeId, State, TaskId,
            WaitableId,
        },
        types::{TypeDef, Types, ValType},
        waitable::{Waitable, WaitableKind},
    },
    engine::Fault,
};
use alloc::boxed::Box;

pub(crate) use crate::component::definition::Channel;

/// Who answers for handles borrowed for a call: the caller's subtask, which lends, and the callee's task, which
/// must give back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lender {
    pub(crate) subtask: Option<WaitableId>,
    pub(crate) task: Option<TaskId>,
}

/// The pair a map is a list of.
pub(crate) fn pair(types: &Types, key: ValType, value: ValType) -> Result<ValType, Fault> {
    match types.find(&TypeDef::Tuple(Box::new([key, value]))) {
        Some(id) => Ok(ValType::Def(id)),
        None => Err(Fault::Trap(crate::bug!("the pair type of a map is missing"))),
    }
}

impl<T: Send + 'static> State<T> {
    /// The resource handle at `index`, if it is of this type.
    pub(crate) fn resource_handle(
        &mut self,
        instance: InstanceId,
        index: u32,
        ty: ResourceTypeId,
    ) -> Result<&mut ResourceHandle, Trap> {
        let Handle::Resource(handle) = self.instance(instance).handles.get(index)? else {
            return Err(Rule::HandleSort("a resource").into());
        };
        if handle.ty != ty {
            let is_host = |ty| matches!(self.resource_type(ty).implementor, Implementor::Host(_));
            let (expected_host, found_host) = (is_host(ty), is_host(handle.ty));
            return Err(Rule::HandleType { index, expected_host, found_host }.into());
        }
        match self.instance_mut(instance).handles.get_mut(index)? {
            Handle::Resource(handle) => Ok(handle),
            _ => Err(crate::bug!("a resource handle changed its sort")),
        }
    }
}

/// Takes an owned resource out of an instance: its representation.
pub(crate) fn lift_own<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    index: u32,
    ty: ResourceTypeId,
) -> Result<u32, Fault> {
    let state = cx.state_mut();
    let handle = state.resource_handle(instance, index, ty)?;
    if handle.lends != 0 {
        return Err(Rule::OwnedWhileBorrowed.into());
    }
    if !handle.own {
        return Err(Rule::NotOwned(index).into());
    }
    let rep = handle.rep;
    state.remove_handle(instance, index)?;
    Ok(rep)
}

/// Lends a resource for a call: its representation.
pub(crate) fn lift_borrow<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    index: u32,
    ty: ResourceTypeId,
    lender: Lender,
) -> Result<u32, Fault> {
    let state = cx.state_mut();
    let handle = state.resource_handle(instance, index, ty)?;
    let rep = handle.rep;
    if let Some(subtask) = lender.subtask {
        handle.lends = handle.lends.checked_add(1).ok_or(Trap::Handles)?;
        let lenders = &mut state.waitables.get_mut(subtask)?.subtask_mut()?.lenders;
        match lenders.binary_search_by_key(&index, |(lent, _)| *lent) {
            Ok(at) => lenders[at].1 += 1,
            Err(at) => lenders.insert(at, (index, 1)),
        }
    }
    Ok(rep)
}

/// Gives an instance a resource to own: its handle.
pub(crate) fn lower_own<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    rep: u32,
    ty: ResourceTypeId,
) -> Result<u32, Fault> {
    let handle = Handle::Resource(ResourceHandle { ty, rep, own: true, scope: None, lends: 0 });
    Ok(cx.state_mut().add_handle(instance, handle)?)
}

/// Gives an instance a resource for the length of a call: its handle, or to the instance that implements it, its
/// representation.
pub(crate) fn lower_borrow<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    rep: u32,
    ty: ResourceTypeId,
    lender: Lender,
) -> Result<u32, Fault> {
    let state = cx.state_mut();
    if state.resource_type(ty).implementor == Implementor::Guest(instance) {
        return Ok(state.lent_rep(ty, rep)?);
    }
    let handle = Handle::Resource(ResourceHandle { ty, rep, own: false, scope: lender.task, lends: 0 });
    let index = state.add_handle(instance, handle)?;
    if let Some(task) = lender.task {
        // Borrowed handles are counted on the task, not the instance: they may outlive the frame that received
        // them, but not the call.
        state.tasks.get_mut(task)?.borrows += 1;
    }
    Ok(index)
}

/// Takes the readable end of a stream or future out of an instance.
pub(crate) fn lift_channel<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    view: InstanceId,
    types: &Types,
    channel: Channel,
    payload: Option<ValType>,
    index: u32,
) -> Result<ChannelId, Fault> {
    let (id, shared) = cx.state().end_at(instance, index, channel, End::Readable)?;
    cx.state_mut().check_payload(shared, Payload { view, ty: payload }, types)?;
    let state = cx.state_mut();
    let waitable = state.waitables.get(id)?;
    let WaitableKind::End(end) = &waitable.kind else {
        return Err(Fault::Trap(crate::bug!("an end of a channel is none")));
    };
    match (end.state, channel) {
        (CopyState::Idle, _) => {}
        (CopyState::Done, Channel::Stream) => {
            return Err(Rule::EndDone(
                "cannot lift stream after being notified that the writable end dropped",
            )
            .into());
        }
        (CopyState::Done, Channel::Future) => {
            return Err(Rule::EndDone("cannot lift future after previous read succeeded").into());
        }
        (_, Channel::Stream) => return Err(Rule::RemoveBusy("stream").into()),
        (_, Channel::Future) => return Err(Rule::RemoveBusy("future").into()),
    }
    if waitable.set.is_some() {
        return Err(Rule::LiftInSet(if channel == Channel::Stream { "stream" } else { "future" }).into());
    }
    state.remove_handle(instance, index)?;
    state.waitables.remove(id);
    Ok(shared)
}

/// Gives an instance the readable end of a stream or future: its handle.
pub(crate) fn lower_channel<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    shared: ChannelId,
) -> Result<u32, Fault> {
    let end = CopyEnd::new(shared, End::Readable);
    let (_, index) = cx.state_mut().add_waitable(Waitable::new(instance, WaitableKind::End(end)))?;
    Ok(index)
}

/// Gives an instance an error context that another holds: its handle.
pub(crate) fn move_error_context<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    from: InstanceId,
    to: InstanceId,
    index: u32,
) -> Result<u32, Fault> {
    let context = match cx.state().instance(from).handles.get(index)? {
        Handle::ErrorContext(text) => text.clone(),
        _ => return Err(Rule::HandleSort("an error-context").into()),
    };
    Ok(cx.state_mut().add_handle(to, Handle::ErrorContext(context))?)
}
