//! What can be waited for, and sets of it (`CanonicalABI.md`, "Waitable State" and "Subtask State").

use crate::{
    Rule,
    component::{
        channel::CopyEnd,
        resource::HostHeldId,
        store::{Cx, Handle, InstanceId, SetId, State, TaskId, ThreadId, WaitableId},
    },
    engine::Fault,
};
use alloc::vec::Vec;
use core::mem;

/// An event's code, as guests see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventCode {
    None = 0,
    Subtask = 1,
    StreamRead = 2,
    StreamWrite = 3,
    FutureRead = 4,
    FutureWrite = 5,
    TaskCancelled = 6,
}

/// An event: its code and two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) code: EventCode,
    pub(crate) index: u32,
    pub(crate) payload: u32,
}

impl Event {
    pub(crate) const NONE: Self = Self { code: EventCode::None, index: 0, payload: 0 };
    pub(crate) const CANCELLED: Self = Self { code: EventCode::TaskCancelled, index: 0, payload: 0 };
}

/// A subtask, or an end of a stream or future.
#[derive(Debug)]
pub(crate) struct Waitable {
    pub(crate) instance: InstanceId,
    /// Its handle; 0 while it has none.
    pub(crate) index: u32,
    /// Something happened that was not told yet. What exactly, is computed when it is told.
    pub(crate) has_event: bool,
    pub(crate) set: Option<SetId>,
    /// While it is in a set and has an event, the members of the set that got theirs right before and after it.
    before: Option<WaitableId>,
    after: Option<WaitableId>,
    pub(crate) sync_waiter: bool,
    /// The thread that waits for it outside any set.
    pub(crate) waiter: Option<ThreadId>,
    pub(crate) kind: WaitableKind,
}

/// What is waited for.
#[derive(Debug)]
pub(crate) enum WaitableKind {
    Subtask(Subtask),
    End(CopyEnd),
}

/// Where a subtask is in its life, as guests see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SubtaskState {
    Starting = 0,
    Started = 1,
    Returned = 2,
    CancelledBeforeStarted = 3,
    CancelledBeforeReturned = 4,
}

/// A call, as its caller sees it.
#[derive(Debug)]
pub(crate) struct Subtask {
    pub(crate) state: SubtaskState,
    /// Handles lent for the call and how often, by handle, until its end has been told. As many as there are handles,
    /// however often each is lent.
    pub(crate) lenders: Vec<(u32, u32)>,
    /// What the host holds for the length of the call.
    pub(crate) held: Vec<HostHeldId>,
    pub(crate) delivered: bool,
    pub(crate) cancel_requested: bool,
    /// The result, where it is passed as a core value.
    pub(crate) result: Option<u64>,
    pub(crate) callee: Callee,
}

/// What a subtask stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Callee {
    Task(TaskId),
    /// A call of a host function, by number.
    Host(u64),
    /// Nothing any more.
    Gone,
}

impl Subtask {
    pub(crate) fn resolved(&self) -> bool {
        !matches!(self.state, SubtaskState::Starting | SubtaskState::Started)
    }
}

impl Waitable {
    pub(crate) fn new(instance: InstanceId, kind: WaitableKind) -> Self {
        Self {
            instance,
            index: 0,
            has_event: false,
            set: None,
            before: None,
            after: None,
            sync_waiter: false,
            waiter: None,
            kind,
        }
    }

    pub(crate) fn subtask(&self) -> Result<&Subtask, Fault> {
        match &self.kind {
            WaitableKind::Subtask(subtask) => Ok(subtask),
            WaitableKind::End(_) => Err(Rule::HandleSort("a subtask").into()),
        }
    }

    pub(crate) fn subtask_mut(&mut self) -> Result<&mut Subtask, Fault> {
        match &mut self.kind {
            WaitableKind::Subtask(subtask) => Ok(subtask),
            WaitableKind::End(_) => Err(Rule::HandleSort("a subtask").into()),
        }
    }
}

/// A set of waitables that is waited for as one.
#[derive(Debug, Default)]
pub(crate) struct WaitableSet {
    /// How many waitables are in it.
    pub(crate) members: u32,
    /// The first and the last of those that have an event, in the order in which they got it. A guest that has many
    /// may take any of them out, so that must cost the same for each.
    first: Option<WaitableId>,
    last: Option<WaitableId>,
    /// The threads that wait for it.
    pub(crate) waiters: Vec<ThreadId>,
}

impl<T: Send + 'static> State<T> {
    /// The waitable behind a handle.
    pub(crate) fn waitable_at(
        &self,
        instance: InstanceId,
        index: u32,
        sort: &'static str,
    ) -> Result<WaitableId, Fault> {
        match self.instance(instance).handles.get(index)? {
            Handle::Waitable(id) => Ok(*id),
            _ => Err(Rule::HandleSort(sort).into()),
        }
    }

    /// The waitable set behind a handle.
    pub(crate) fn set_at(&self, instance: InstanceId, index: u32) -> Result<SetId, Fault> {
        match self.instance(instance).handles.get(index)? {
            Handle::Set(id) => Ok(*id),
            _ => Err(Rule::HandleSort("a waitable-set").into()),
        }
    }

    /// Gives a waitable a handle.
    pub(crate) fn add_waitable(&mut self, waitable: Waitable) -> Result<(WaitableId, u32), Fault> {
        let instance = waitable.instance;
        let id = self.waitables.add(waitable);
        let index = self.add_handle(instance, Handle::Waitable(id))?;
        self.waitables.get_mut(id)?.index = index;
        Ok((id, index))
    }

    /// Notes that something happened to a waitable, and lets those look who wait for it.
    pub(crate) fn set_event(&mut self, id: WaitableId) -> Result<(), Fault> {
        let waitable = self.waitables.get_mut(id)?;
        let is_new = !mem::replace(&mut waitable.has_event, true);
        let (set, waiter) = (waitable.set.filter(|_| is_new), waitable.waiter);
        if let Some(waiter) = waiter {
            self.look(waiter);
        }
        if let Some(set) = set {
            self.enqueue(set, id)?;
            self.look_all(set);
        }
        Ok(())
    }

    pub(crate) fn has_event(&self, id: WaitableId) -> bool {
        self.waitables.find(id).is_some_and(|waitable| waitable.has_event)
    }

    /// Lets all threads look that wait for a set.
    fn look_all(&mut self, set: SetId) {
        let count = self.sets.find(set).map_or(0, |set| set.waiters.len());
        // One costs what making the event did.
        self.debt = self.debt.saturating_add(count.saturating_sub(1) as u32);
        for at in 0..count {
            if let Some(waiter) = self.sets.find(set).and_then(|set| set.waiters.get(at)).copied() {
                self.look(waiter);
            }
        }
    }

    /// Moves a waitable into a set, or out of any (`Waitable.join`).
    pub(crate) fn join(&mut self, id: WaitableId, set: Option<SetId>) -> Result<(), Fault> {
        let waitable = self.waitables.get_mut(id)?;
        let has_event = waitable.has_event;
        if let Some(before) = mem::replace(&mut waitable.set, set) {
            self.sets.get_mut(before)?.members -= 1;
            if has_event {
                self.unqueue(before, id)?;
            }
        }
        if let Some(set) = set {
            self.sets.get_mut(set)?.members += 1;
            if has_event {
                self.enqueue(set, id)?;
                self.look_all(set);
            }
        }
        Ok(())
    }

    /// Puts a waitable that has an event behind the others of its set.
    fn enqueue(&mut self, set: SetId, id: WaitableId) -> Result<(), Fault> {
        let set = self.sets.get_mut(set)?;
        let last = set.last.replace(id);
        set.first.get_or_insert(id);
        if let Some(last) = last {
            self.waitables.get_mut(last)?.after = Some(id);
        }
        self.waitables.get_mut(id)?.before = last;
        Ok(())
    }

    /// Takes a waitable out from among those of its set that have an event.
    fn unqueue(&mut self, set: SetId, id: WaitableId) -> Result<(), Fault> {
        let waitable = self.waitables.get_mut(id)?;
        let (before, after) = (waitable.before.take(), waitable.after.take());
        match before {
            Some(before) => self.waitables.get_mut(before)?.after = after,
            None => self.sets.get_mut(set)?.first = after,
        }
        match after {
            Some(after) => self.waitables.get_mut(after)?.before = before,
            None => self.sets.get_mut(set)?.last = before,
        }
        Ok(())
    }

    pub(crate) fn set_has_event(&self, set: SetId) -> bool {
        self.sets.find(set).is_some_and(|set| set.first.is_some())
    }

    /// Tells the event that came first of those its members have.
    pub(crate) fn take_set_event(&mut self, set: SetId) -> Result<Event, Fault> {
        match self.sets.get(set)?.first {
            Some(id) => self.take_event(id),
            None => Err(Fault::Trap(crate::bug!("a waitable set has no event to tell"))),
        }
    }

    /// A thread no longer waits for a set.
    pub(crate) fn stop_waiting(&mut self, set: SetId, thread: ThreadId) -> Result<(), Fault> {
        let waiters = &mut self.sets.get_mut(set)?.waiters;
        self.debt = self.debt.saturating_add(waiters.len().saturating_sub(1) as u32);
        waiters.retain(|waiter| *waiter != thread);
        Ok(())
    }

    /// Tells what happened to a waitable, and does what telling entails.
    pub(crate) fn take_event(&mut self, id: WaitableId) -> Result<Event, Fault> {
        let waitable = self.waitables.get_mut(id)?;
        let had_event = mem::take(&mut waitable.has_event);
        let (instance, index) = (waitable.instance, waitable.index);
        if let Some(set) = waitable.set.filter(|_| had_event) {
            self.unqueue(set, id)?;
        }
        match &mut self.waitables.get_mut(id)?.kind {
            WaitableKind::Subtask(subtask) => {
                let payload = subtask.state as u32;
                if subtask.resolved() {
                    let lenders = mem::take(&mut subtask.lenders);
                    subtask.delivered = true;
                    self.return_lent(instance, &lenders)?;
                }
                Ok(Event { code: EventCode::Subtask, index, payload })
            }
            WaitableKind::End(_) => self.take_copy_event(id, index),
        }
    }

    /// Ends the loans of a call (`Subtask.deliver_resolve`).
    pub(crate) fn return_lent(&mut self, instance: InstanceId, lenders: &[(u32, u32)]) -> Result<(), Fault> {
        for (index, lends) in lenders {
            match self.instance_mut(instance).handles.get_mut(*index)? {
                Handle::Resource(handle) if handle.lends >= *lends => handle.lends -= lends,
                _ => return Err(Fault::Trap(crate::bug!("a lent handle is gone"))),
            }
        }
        Ok(())
    }
}

/// Drops the waitable set behind a handle.
pub(crate) fn drop_set<T: Send + 'static>(
    cx: &mut Cx<'_, T>,
    instance: InstanceId,
    index: u32,
) -> Result<(), Fault> {
    let state = cx.state_mut();
    let id = state.set_at(instance, index)?;
    let set = state.sets.get(id)?;
    if set.members > 0 {
        return Err(Rule::SetNotEmpty.into());
    }
    if !set.waiters.is_empty() {
        return Err(Rule::SetHasWaiters.into());
    }
    state.remove_handle(instance, index)?;
    state.sets.remove(id);
    Ok(())
}
