//! Who goes on next: of the threads that wait, the one that can go on and has waited longest (`CanonicalABI.md`,
//! `Store.tick`).
//!
//! Nothing is looked at because time passes, only because something happened: an event tells those who wait for it, and
//! they look whether it was enough. Threads that wait for nothing but room in an instance stand at its doors, one for
//! each condition. When a door opens, only the first there is told; it passes the word on when it goes in, whether it
//! fills the room or not. So what a guest pays for an event pays for looking, however many wait.

use crate::{
    component::{
        store::{InstanceId, State, TaskId, ThreadId},
        task::Wait,
    },
    engine::Fault,
};
use alloc::collections::BTreeSet;

/// What a thread waits for that only waits for room in an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// To enter: that nothing holds back who wants to.
    Entry,
    /// To enter alone: that, and that no other task has the instance.
    EntryAlone,
    /// To be called back: that no other task has it.
    Callback,
}

/// Who waits at which door of an instance, by when they began to.
#[derive(Debug, Default)]
pub(crate) struct Doors([BTreeSet<u64>; 3]);

impl Doors {
    fn at(&mut self, door: Door) -> &mut BTreeSet<u64> {
        &mut self.0[door as usize]
    }
}

impl<T: Send + 'static> State<T> {
    pub(crate) fn has_backpressure(&self, task: TaskId) -> bool {
        let Some(task) = self.tasks.find(task) else { return false };
        let instance = self.instance(task.func.options.instance);
        instance.backpressure > 0 || task.needs_exclusive() && instance.exclusive.is_some()
    }

    /// Whether a thread can go on (`Thread.ready`).
    pub(crate) fn is_ready(&self, id: ThreadId) -> bool {
        let Some(thread) = self.threads.find(id) else { return false };
        let exclusive = || {
            let task = self.tasks.find(thread.task);
            task.is_some_and(|task| self.instance(task.func.options.instance).exclusive.is_some())
        };
        match &thread.wait {
            Wait::Nothing | Wait::Suspended => false,
            Wait::Ready | Wait::Start | Wait::Fuel | Wait::AfterExclusive => true,
            Wait::AfterCall { .. } | Wait::AfterDestructor { .. } | Wait::AfterCancel { .. } => true,
            Wait::Entry => !self.has_backpressure(thread.task),
            Wait::CallbackYield => !exclusive(),
            Wait::CallbackSet(set) => !exclusive() && self.set_has_event(*set),
            Wait::Subtask(id) | Wait::CancelledSubtask(id) => {
                self.waitables.find(*id).is_some_and(|waitable| match waitable.subtask() {
                    Ok(subtask) => subtask.resolved(),
                    Err(_) => false,
                })
            }
            Wait::Event(id) => self.has_event(*id),
            Wait::Set { set, .. } => self.set_has_event(*set),
        }
    }

    /// Lets a thread wait.
    pub(crate) fn wait(&mut self, id: ThreadId, wait: Wait) -> Result<(), Fault> {
        match wait {
            Wait::Subtask(waitable) | Wait::CancelledSubtask(waitable) | Wait::Event(waitable) => {
                self.waitables.get_mut(waitable)?.waiter = Some(id);
            }
            Wait::Set { set, .. } | Wait::CallbackSet(set) => self.sets.get_mut(set)?.waiters.push(id),
            _ => {}
        }
        let waits = !matches!(wait, Wait::Suspended);
        let place = waits.then_some(self.waits);
        let thread = self.threads.get_mut(id)?;
        (thread.wait, thread.place) = (wait, place);
        if let Some(place) = place {
            self.waits += 1;
            self.waiting.insert(place, id);
            self.tell(place, id);
        }
        Ok(())
    }

    /// A thread that may wait is about to go on, for whatever reason.
    pub(crate) fn end_wait(&mut self, id: ThreadId) -> Result<(), Fault> {
        let Some(place) = self.threads.get_mut(id)?.place.take() else { return Ok(()) };
        self.waiting.remove(&place);
        self.stop_looking(place, id);
        if let Some((instance, door)) = self.door(id) {
            self.instance_mut(instance).doors.at(door).remove(&place);
            // It need not fill the room that it waited for.
            self.tell_next(instance, door);
        }
        Ok(())
    }

    /// Lets a thread look whether it can go on, if it waits.
    pub(crate) fn look(&mut self, id: ThreadId) {
        if let Some(place) = self.threads.find(id).and_then(|thread| thread.place) {
            self.tell(place, id);
        }
    }

    fn tell(&mut self, place: u64, id: ThreadId) {
        self.looking.insert(place);
        if let Some(instance) = self.instance_shared_with(id) {
            self.instance_mut(instance).looking.insert(place);
        }
    }

    fn stop_looking(&mut self, place: u64, id: ThreadId) {
        self.looking.remove(&place);
        if let Some(instance) = self.instance_shared_with(id) {
            self.instance_mut(instance).looking.remove(&place);
        }
    }

    /// The instance of a thread that may run while a synchronous task has the instance.
    fn instance_shared_with(&self, id: ThreadId) -> Option<InstanceId> {
        let thread = self.threads.find(id)?;
        let task = self.tasks.find(thread.task)?;
        let is_alone = task.implicit == Some(id) && task.needs_exclusive();
        (!is_alone && !matches!(thread.wait, Wait::Start)).then_some(task.func.options.instance)
    }

    /// Lets the first at each open door of an instance look.
    pub(crate) fn tell_doors(&mut self, instance: InstanceId) {
        for door in [Door::Entry, Door::EntryAlone, Door::Callback] {
            self.tell_next(instance, door);
        }
    }

    /// Lets the first at a door look, if it is open.
    fn tell_next(&mut self, instance: InstanceId, door: Door) {
        let within = self.instance_mut(instance);
        let is_open = match door {
            Door::Entry => within.backpressure == 0,
            Door::EntryAlone => within.backpressure == 0 && within.exclusive.is_none(),
            Door::Callback => within.exclusive.is_none(),
        };
        let Some(place) = is_open.then(|| within.doors.at(door).pop_first()).flatten() else { return };
        if let Some(first) = self.waiting.get(&place).copied() {
            self.tell(place, first);
        }
    }

    /// The door that a thread waits at, once it waits for nothing else, and the instance behind it.
    fn door(&self, id: ThreadId) -> Option<(InstanceId, Door)> {
        let thread = self.threads.find(id)?;
        let task = self.tasks.find(thread.task)?;
        let door = match thread.wait {
            Wait::Entry if task.needs_exclusive() => Door::EntryAlone,
            Wait::Entry => Door::Entry,
            Wait::CallbackYield | Wait::CallbackSet(_) => Door::Callback,
            _ => return None,
        };
        Some((task.func.options.instance, door))
    }

    /// The thread that can go on and has waited longest: of all, or of those that a synchronous task within an instance
    /// may wait for.
    pub(crate) fn first_ready(&mut self, within: Option<InstanceId>) -> Option<ThreadId> {
        loop {
            let looking = match within {
                Some(instance) => &self.instance(instance).looking,
                None => &self.looking,
            };
            let Some(place) = looking.first().copied() else { break };
            let Some(thread) = self.waiting.get(&place).copied() else { break };
            if self.is_ready(thread) {
                debug_assert_eq!(self.search(within), Some(thread), "another has waited longer");
                return Some(thread);
            }
            self.stop_looking(place, thread);
            let Some((instance, door)) = self.door(thread) else { continue };
            match self.threads.find(thread).map(|thread| &thread.wait) {
                // It is told again when it has an event. What it was told of is the next one's.
                Some(Wait::CallbackSet(set)) if !self.set_has_event(*set) => self.tell_next(instance, door),
                _ => {
                    self.instance_mut(instance).doors.at(door).insert(place);
                }
            }
        }
        debug_assert_eq!(self.search(within), None, "a ready thread was not told to look");
        None
    }

    /// The same, the slow way: what is checked in tests, as far as that costs little.
    fn search(&self, within: Option<InstanceId>) -> Option<ThreadId> {
        let may_run =
            |id: &ThreadId| within.is_none_or(|within| self.instance_shared_with(*id) == Some(within));
        if self.waiting.len() > SEARCHED_MAX {
            let place = match within {
                Some(instance) => self.instance(instance).looking.first(),
                None => self.looking.first(),
            };
            return place.and_then(|place| self.waiting.get(place)).copied();
        }
        self.waiting.values().copied().find(|id| may_run(id) && self.is_ready(*id))
    }
}

/// Among no more waiting threads is the first searched for.
const SEARCHED_MAX: usize = 100;
