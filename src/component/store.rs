//! Everything a component runtime remembers of one guest.
//!
//! The whole state of the Component Model lies in [`State`]: plain data in slabs, named by ids, with nothing shared
//! and nothing borrowed across a call into a guest. The names follow `CanonicalABI.md`, "Runtime State".

use crate::{
    Error, Limits, Rule, Trap,
    component::{
        Engine,
        abi::GuestOptions,
        channel::SharedChannel,
        host::HostFunction,
        load::Loaded,
        ready::Doors,
        resource::{HostHeld, HostType},
        sorted::sort,
        started::{Came, Dropped},
        table::{Id, List, Slab, Table},
        task::{Task, Thread, Wait},
        types::{FuncTypeId, ResourceIx},
        waitable::{Waitable, WaitableSet},
        wakeup::{Interest, Wakeups},
        wide::Wide,
        wrapped::Hooks,
    },
    engine::{self, Caller, CoreFunc, Fault, Interposer, Prepared},
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::{
    any::Any,
    mem,
    sync::atomic::{AtomicU32, Ordering},
};

/// A guest, as what runs in it and for it sees it.
pub(crate) type Cx<'a, T> = Caller<'a, Inner<T>>;

/// A component instance in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InstanceId(pub(crate) u32);

/// A component function in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FuncId(pub(crate) u32);

/// A list of exports in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExportsId(pub(crate) u32);

/// A resource type in a store: one for each time a component that defines it is instantiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ResourceTypeId(pub(crate) u32);

pub(crate) type TaskId = Id<TaskTag>;
pub(crate) type ThreadId = Id<ThreadTag>;
/// Names tasks.
#[derive(Debug)]
pub(crate) enum TaskTag {}

/// Names threads.
#[derive(Debug)]
pub(crate) enum ThreadTag {}

pub(crate) type WaitableId = Id<Waitable>;
pub(crate) type SetId = Id<WaitableSet>;
pub(crate) type ChannelId = Id<SharedChannel>;

/// What a component's items are at run time.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Func(FuncId),
    Instance(ExportsId),
    Module(ModuleRef),
    Component(Arc<ComponentValue>),
    Resource(ResourceTypeId),
    Type,
}

/// What an instance exports, in the order of the names.
pub(crate) type Exports = Arc<[(Arc<str>, Item)]>;

/// A core module of a loaded program.
#[derive(Clone, Debug)]
pub(crate) struct ModuleRef {
    pub(crate) program: Arc<Loaded>,
    pub(crate) index: u32,
}

/// A component with what it captured of its parents.
#[derive(Debug)]
pub(crate) struct ComponentValue {
    pub(crate) program: Arc<Loaded>,
    pub(crate) definition: u32,
    pub(crate) captured: Vec<Captured>,
}

/// What a component captured of its parents.
#[derive(Clone, Debug)]
pub(crate) enum Captured {
    Module(ModuleRef),
    Component(Arc<ComponentValue>),
}

/// A function with its type, as the instance that lifts it sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifted {
    /// Its number in the store, by which it is told from others; [`NO_FUNC`](Self::NO_FUNC) of one that is no component's.
    pub(crate) id: FuncId,
    pub(crate) core: Prepared,
    /// How many results the core function has.
    pub(crate) results: usize,
    pub(crate) ty: FuncTypeId,
    pub(crate) options: GuestOptions,
}

impl Lifted {
    pub(crate) const NO_FUNC: FuncId = FuncId(u32::MAX);
}

/// A component function.
pub(crate) enum FuncInst<T: 'static> {
    Lifted(Lifted),
    /// The host's, what it goes by to those who watch, and its type, as the instance saw it that imported it.
    Host(Arc<dyn HostFunction<T>>, Arc<str>, (InstanceId, FuncTypeId)),
}

impl<T> Clone for FuncInst<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Lifted(lifted) => Self::Lifted(*lifted),
            Self::Host(function, name, ty) => Self::Host(function.clone(), name.clone(), *ty),
        }
    }
}

/// Who implements a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Implementor {
    Guest(InstanceId),
    Host(HostType),
}

/// A destructor that the host runs.
pub(crate) type HostDestructor<T> = Arc<dyn Fn(&mut Cx<'_, T>, u32) -> Result<(), Fault> + Send + Sync>;

/// A resource type.
pub(crate) struct ResourceType<T: 'static> {
    pub(crate) implementor: Implementor,
    pub(crate) dtor: Option<CoreFunc>,
    pub(crate) host_dtor: Option<HostDestructor<T>>,
}

impl<T> Clone for ResourceType<T> {
    fn clone(&self) -> Self {
        Self { implementor: self.implementor, dtor: self.dtor, host_dtor: self.host_dtor.clone() }
    }
}

/// What a handle stands for.
#[derive(Debug)]
pub(crate) enum Handle {
    Resource(ResourceHandle),
    /// A subtask, or an end of a stream or future.
    Waitable(WaitableId),
    Set(SetId),
    ErrorContext(Arc<str>),
}

/// A handle to a resource.
#[derive(Debug)]
pub(crate) struct ResourceHandle {
    pub(crate) ty: ResourceTypeId,
    pub(crate) rep: u32,
    pub(crate) own: bool,
    /// For a borrowed handle, the task that must drop it.
    pub(crate) scope: Option<TaskId>,
    /// How many calls under way borrow it.
    pub(crate) lends: u32,
}

/// A component instance.
pub(crate) struct Instance {
    pub(crate) program: Arc<Loaded>,
    pub(crate) parent: Option<InstanceId>,
    pub(crate) resources: Vec<(ResourceIx, ResourceTypeId)>,
    pub(crate) handles: Table<Handle>,
    pub(crate) threads: Table<ThreadId>,
    pub(crate) may_enter: bool,
    pub(crate) may_leave: bool,
    pub(crate) backpressure: u32,
    pub(crate) waiting_to_enter: u32,
    /// Threads that only wait for room in it.
    pub(crate) doors: Doors,
    /// Those of [`State::looking`] that a synchronous task of it may wait for.
    pub(crate) looking: BTreeSet<u64>,
    pub(crate) exclusive: Option<ThreadId>,
    /// Of one that values only pass through (`passed_on`), the memory, while they do.
    pub(crate) transit: Option<Vec<u8>>,
}

/// What a store keeps for its embedder and for the runtime.
pub(crate) struct Inner<T: 'static> {
    pub(crate) user: T,
    pub(crate) state: State<T>,
}

/// The state of the Component Model in one store.
pub(crate) struct State<T: 'static> {
    pub(crate) instances: Vec<Instance>,
    pub(crate) funcs: List<FuncInst<T>>,
    pub(crate) exports: List<Exports>,
    pub(crate) resource_types: List<ResourceType<T>>,
    pub(crate) wide: Wide,
    /// Instances that values only pass through, and pass through no more, by whose functions they belong to.
    pub(crate) transits: BTreeMap<InstanceId, Vec<InstanceId>>,
    /// What destroys the host's resources that a component drops, by that and the type, where its linker said something
    /// else than the type's first.
    pub(crate) host_dtors: BTreeMap<(InstanceId, ResourceTypeId), HostDestructor<T>>,
    pub(crate) tasks: Slab<Task<T>, TaskTag>,
    pub(crate) threads: Slab<Thread<T>, ThreadTag>,
    /// Tasks of calls that went straight through, each with its thread: over, and kept for the next such calls.
    pub(crate) spare: Vec<(TaskId, ThreadId)>,
    pub(crate) waitables: Slab<Waitable>,
    /// Room for what the next call lends: empty.
    pub(crate) lenders: Vec<(u32, u32)>,
    pub(crate) sets: Slab<WaitableSet>,
    pub(crate) channels: Slab<SharedChannel>,
    /// Threads that wait for something, by when they began to.
    pub(crate) waiting: BTreeMap<u64, ThreadId>,
    pub(crate) waits: u64,
    /// Those of them that may be ready, for something happened that they wait for.
    pub(crate) looking: BTreeSet<u64>,
    /// Threads stopped where the Component Model knows no stop (the end of a slice of fuel, a host function of a
    /// synchronous type that waits), the innermost first. Nothing else may run before they have gone on.
    pub(crate) frozen: VecDeque<ThreadId>,
    pub(crate) current: Option<ThreadId>,
    /// A synchronous task that the host called, stopped with what it waits for: until it is resolved, nothing else runs.
    pub(crate) stays_with: Option<(TaskId, InstanceId)>,
    /// The thread that the one which just stopped wants resumed at once.
    pub(crate) switch_to: Option<ThreadId>,
    /// Calls of host functions that wait, by the numbers of their wakeups: in the order they were made.
    pub(crate) host_calls: BTreeMap<u64, crate::component::host::HostCallUnderWay<T>>,
    /// What the host does in the background.
    pub(crate) host_tasks: Vec<crate::component::host_task::HostTask<T>>,
    /// How many of these were not polled yet, and how many have ended.
    pub(crate) host_tasks_new: usize,
    pub(crate) host_tasks_ended: usize,
    pub(crate) wakeups: Wakeups,
    /// The earliest time that is waited for, and who waited for it: nobody waits for an earlier one.
    pub(crate) earliest: Option<(u64, u64)>,
    /// Whether a guest, or the host itself, did something since the last round of polls that concerns the host's work.
    pub(crate) marked: bool,
    /// How often in a row the last poll gave way for the embedder's other tasks, if it did.
    pub(crate) gave_way: Option<usize>,
    /// Elements walked that are not paid for yet, for want of a caller at hand.
    pub(crate) debt: u32,
    /// Calls into core code that were stopped and are kept, each with a stack, and how many may be.
    pub(crate) stacks: u64,
    pub(crate) stacks_max: u64,
    /// Who is being polled, the time it says it waits for, and whether it asked for a guest's result that is not there.
    pub(crate) polling: Option<Interest>,
    pub(crate) polled_deadline: Option<u64>,
    pub(crate) polled_guest: bool,
    /// Whether the host function that runs or is polled is of a synchronous type: until it returns, no guest runs.
    pub(crate) stops_all: bool,
    /// What that keeps from one poll to the next.
    pub(crate) kept: Option<Box<dyn Any + Send>>,
    /// Calls that the host started and has dropped; there once it started any.
    pub(crate) dropped: Option<Arc<Dropped>>,
    /// What the host gets with a result that is lifted now, where somebody has to know.
    pub(crate) came: Option<Vec<Came>>,
    /// Deadlines up to here have come.
    pub(crate) reached: u64,
    pub(crate) hooks: Hooks<T>,
    /// Resources in the host's hands for which it has no type of its own.
    pub(crate) host_held: Slab<HostHeld>,
    /// Another one for each store.
    pub(crate) number: u32,
    /// Handles of all instances together.
    pub(crate) handles: u32,
    pub(crate) handles_max: u32,
    pub(crate) tasks_max: u32,
    pub(crate) instances_max: u32,
    /// A trap has ended everything in this store.
    pub(crate) poisoned: bool,
    /// What that was, if it did so within a call.
    fault: Option<Fault>,
    /// What a host function has to say of its call to those who watch.
    pub(crate) note: Option<&'static str>,
    /// What a guest asked to end with.
    pub(crate) exited: Option<u32>,
    /// Bytes on their way from one guest to another.
    pub(crate) scratch: Vec<u8>,
    /// Bytes lifted for the current call of the host.
    pub(crate) host_bytes: u64,
}

/// How many stores were made. What a host holds of one is refused by the others.
static STORES: AtomicU32 = AtomicU32::new(0);

/// So many stopped calls are kept however little memory a guest may have.
const STACKS_MIN: u64 = 16;

/// Scratch space that is kept from one copy to the next.
const SCRATCH_KEPT_MAX: usize = 64 << 10;

/// The world of one guest, and of the components linked with it. Everything in it is freed when it is dropped.
pub struct Store<T: 'static> {
    pub(crate) inner: engine::Store<Inner<T>>,
}

impl<T: Send + 'static> Store<T> {
    /// An empty world, under the engine's limits.
    pub fn new(engine: &Engine, data: T) -> Self {
        Self::with_limits(engine, data, engine.limits())
    }

    /// An empty world, under limits of its own. They are taken as they are: ones that are wider than the engine's hold
    /// for what runs, while what was loaded stays within the engine's.
    pub fn with_limits(engine: &Engine, data: T, limits: &Limits) -> Self {
        let inner = Inner { user: data, state: State::new(limits) };
        Self { inner: engine::Store::new(engine.core(), inner, limits) }
    }

    /// Lets `interposer` watch what crosses between the guest and its host from here on.
    pub fn interpose(&mut self, interposer: Box<dyn Interposer>) {
        self.inner.interpose(interposer);
    }

    /// Tells those who watch that the host calls a function of the guest.
    pub(crate) fn tell_enter(&mut self, name: &str) {
        self.inner.tell_enter(name);
    }

    /// Tells those who watch that it returned, or why the guest ended.
    pub(crate) fn tell_leave(&mut self, name: &str, ended: Result<(), &Error>) {
        let fault = |error: &Error| match self.exit_code() {
            Some(code) => Fault::Exit(code),
            None => Fault::Trap(error.trap().unwrap_or(Trap::Host("the call failed"))),
        };
        let ended = ended.map_err(fault);
        self.inner.tell_leave(name, ended);
    }

    /// The status a guest ended itself with, if that is why it ended.
    #[must_use]
    pub fn exit_code(&self) -> Option<u32> {
        self.state().exited
    }

    /// Bytes of all linear memories.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.inner.memory_bytes()
    }

    /// What the embedder keeps for this guest.
    #[must_use]
    pub fn data(&self) -> &T {
        &self.inner.data().user
    }

    /// What the embedder keeps for this guest, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner.data_mut().user
    }

    /// Grants `fuel` and no more from here on.
    ///
    /// # Errors
    ///
    /// When the engine does not count fuel.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<(), Error> {
        self.inner.set_fuel(fuel)
    }

    /// Fuel left of the budget; [`u64::MAX`] where none was set.
    #[must_use]
    pub fn fuel_left(&self) -> u64 {
        self.inner.fuel_left()
    }

    /// Fuel spent so far.
    #[must_use]
    pub fn fuel_spent(&self) -> u64 {
        self.inner.fuel_spent()
    }

    /// How much has gone of what may be spent while the host has no turn.
    pub(crate) fn turn_spent(&self) -> u64 {
        self.inner.turn_spent()
    }

    pub(crate) fn state(&self) -> &State<T> {
        &self.inner.data().state
    }

    pub(crate) fn state_mut(&mut self) -> &mut State<T> {
        &mut self.inner.data_mut().state
    }

    pub(crate) fn cx(&mut self) -> Cx<'_, T> {
        self.inner.caller()
    }

    /// Refuses to go on after a trap.
    pub(crate) fn check_alive(&self) -> Result<(), Error> {
        self.state().check_alive()
    }
}

impl<T: 'static> State<T> {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            instances: Vec::new(),
            funcs: List::default(),
            exports: List::default(),
            resource_types: List::default(),
            wide: Wide::default(),
            transits: BTreeMap::new(),
            host_dtors: BTreeMap::new(),
            tasks: Slab::default(),
            threads: Slab::default(),
            spare: Vec::new(),
            waitables: Slab::default(),
            lenders: Vec::new(),
            sets: Slab::default(),
            channels: Slab::default(),
            waiting: BTreeMap::new(),
            waits: 0,
            looking: BTreeSet::new(),
            frozen: VecDeque::new(),
            current: None,
            stays_with: None,
            switch_to: None,
            host_tasks: Vec::new(),
            host_tasks_new: 0,
            host_tasks_ended: 0,
            earliest: None,
            wakeups: Wakeups::new(),
            marked: false,
            polling: None,
            polled_deadline: None,
            polled_guest: false,
            stops_all: false,
            kept: None,
            dropped: None,
            came: None,
            reached: 0,
            hooks: Hooks::default(),
            host_calls: BTreeMap::new(),
            gave_way: None,
            debt: 0,
            stacks: 0,
            stacks_max: (limits.memory_bytes / u64::from(limits.stack_bytes.max(1))).max(STACKS_MIN),
            host_held: Slab::default(),
            number: STORES.fetch_add(1, Ordering::Relaxed),
            handles: 0,
            handles_max: limits.handles,
            tasks_max: limits.tasks,
            instances_max: limits.component_instances,
            poisoned: false,
            fault: None,
            note: None,
            exited: None,
            scratch: Vec::new(),
            host_bytes: 0,
        }
    }

    /// Refuses what is of the store of another number.
    pub(crate) fn check_number(&self, number: u32) -> Result<(), Error> {
        match self.number == number {
            true => Ok(()),
            false => Err(Error::misuse("an instance or a function of another store")),
        }
    }

    /// Ends everything in this store, and says why as an embedder is told.
    pub(crate) fn end(&mut self, fault: Fault) -> Error {
        (self.poisoned, self.fault) = (true, Some(fault));
        if let Fault::Exit(code) = fault {
            self.exited = Some(code);
        }
        fault.into_error()
    }

    /// What has ended everything, if something has.
    #[inline]
    pub(crate) fn ended_by(&self) -> Option<Fault> {
        self.poisoned.then(|| self.fault.unwrap_or(Rule::CannotEnter.into()))
    }

    /// Refuses to go on after a trap.
    pub(crate) fn check_alive(&self) -> Result<(), Error> {
        if self.poisoned { Err(Trap::from(Rule::CannotEnter).into()) } else { Ok(()) }
    }

    pub(crate) fn instance(&self, id: InstanceId) -> &Instance {
        &self.instances[id.0 as usize]
    }

    pub(crate) fn instance_mut(&mut self, id: InstanceId) -> &mut Instance {
        &mut self.instances[id.0 as usize]
    }

    pub(crate) fn resource_type(&self, id: ResourceTypeId) -> &ResourceType<T> {
        &self.resource_types[id.0]
    }

    /// The type for one that the host implements, the same each time. Its resources are destroyed by `dtor`, if it is new.
    pub(crate) fn host_type(&mut self, host: HostType, dtor: Option<&HostDestructor<T>>) -> ResourceTypeId {
        let implementor = Implementor::Host(host);
        let known = self.resource_types.iter().position(|ty| ty.implementor == implementor);
        let new = || ResourceType { implementor, dtor: None, host_dtor: dtor.cloned() };
        ResourceTypeId(match known {
            Some(at) => at as u32,
            None => self.resource_types.push(new()),
        })
    }

    /// Has resources of a type destroyed by `dtor` that are dropped in `root` or what nests in it.
    pub(crate) fn destroy_by(&mut self, root: InstanceId, ty: ResourceTypeId, dtor: &HostDestructor<T>) {
        let first = &self.resource_type(ty).host_dtor;
        if !first.as_ref().is_some_and(|first| Arc::ptr_eq(first, dtor)) {
            self.host_dtors.insert((root, ty), dtor.clone());
        }
    }

    /// What destroys a resource of the host's that an instance had.
    pub(crate) fn host_dtor(&self, holder: InstanceId, ty: ResourceTypeId) -> Option<HostDestructor<T>> {
        if !self.host_dtors.is_empty() {
            let outer = core::iter::successors(Some(holder), |id| self.instance(*id).parent);
            let root = outer.last().unwrap_or(holder);
            if let Some(dtor) = self.host_dtors.get(&(root, ty)) {
                return Some(dtor.clone());
            }
        }
        self.resource_type(ty).host_dtor.clone()
    }

    /// Which resource type `view` means by a resource of its program's types.
    pub(crate) fn resource_of(&self, view: InstanceId, resource: ResourceIx) -> Result<ResourceTypeId, Trap> {
        let resources = &self.instance(view).resources;
        match resources.binary_search_by_key(&resource, |(ix, _)| *ix) {
            Ok(at) => Ok(resources[at].1),
            Err(_) => Err(crate::bug!("a resource type that was never bound")),
        }
    }

    /// The same, if it is bound yet.
    pub(crate) fn find_resource(&self, view: InstanceId, resource: ResourceIx) -> Option<ResourceTypeId> {
        let resources = &self.instance(view).resources;
        let at = resources.binary_search_by_key(&resource, |(ix, _)| *ix).ok()?;
        Some(resources[at].1)
    }

    /// From here on `view` means this type by that resource.
    pub(crate) fn bind(&mut self, view: InstanceId, resource: ResourceIx, ty: ResourceTypeId) {
        let resources = &mut self.instance_mut(view).resources;
        match resources.binary_search_by_key(&resource, |(ix, _)| *ix) {
            Ok(at) => resources[at].1 = ty,
            Err(at) => resources.insert(at, (resource, ty)),
        }
    }

    /// Adds a handle to an instance's table, within what the store may have.
    pub(crate) fn add_handle(&mut self, instance: InstanceId, handle: Handle) -> Result<u32, Trap> {
        if self.handles >= self.handles_max {
            return Err(Trap::Handles);
        }
        self.handles += 1;
        self.instance_mut(instance).handles.add(handle)
    }

    /// Takes a handle out of an instance's table.
    pub(crate) fn remove_handle(&mut self, instance: InstanceId, index: u32) -> Result<Handle, Trap> {
        let handle = self.instance_mut(instance).handles.remove(index)?;
        self.handles = self.handles.saturating_sub(1);
        Ok(handle)
    }

    /// Scratch space for a copy.
    pub(crate) fn take_scratch(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.scratch)
    }

    /// Keeps scratch space for the next copy, unless it grew out of proportion.
    pub(crate) fn keep_scratch(&mut self, scratch: Vec<u8>) {
        if scratch.capacity() <= SCRATCH_KEPT_MAX && scratch.capacity() > self.scratch.capacity() {
            self.scratch = scratch;
        }
    }

    /// Whether one instance is another or nests in it.
    fn is_in(&self, inner: InstanceId, outer: InstanceId) -> bool {
        core::iter::successors(Some(inner), |id| self.instance(*id).parent).any(|id| id == outer)
    }

    /// What a call enters next after `id`, which is the callee or around it: nothing once the caller is in it too
    /// (`ComponentInstance.entering_set`).
    fn entering(&self, id: Option<InstanceId>, caller: Option<InstanceId>) -> Option<InstanceId> {
        id.filter(|id| caller.is_none_or(|caller| !self.is_in(caller, *id)))
    }

    /// Whether two instances are next to each other: then a call from one to the other enters that one alone. Most are.
    fn are_siblings(&self, a: InstanceId, b: InstanceId) -> bool {
        a != b && self.instance(a).parent == self.instance(b).parent
    }

    /// Which rule a synchronous task breaks that waits where nothing it may wait for can go on.
    pub(crate) fn stuck(&self, task: TaskId) -> Rule {
        let is_other = |id: &ThreadId| {
            let other = self.threads.find(*id).filter(|thread| thread.task != task);
            other.is_some_and(|thread| !matches!(thread.wait, Wait::Start))
        };
        if self.waiting.values().any(is_other) { Rule::Deadlock } else { Rule::CannotBlock }
    }

    /// Enters an instance for a call of another, if it may be called by that now.
    pub(crate) fn enter(&mut self, callee: InstanceId, caller: InstanceId) -> Result<(), Rule> {
        if self.are_siblings(callee, caller) {
            let may_enter = mem::replace(&mut self.instance_mut(callee).may_enter, false);
            return if may_enter { Ok(()) } else { Err(Rule::CannotEnter) };
        }
        // One that nests in the other may not be called by that for now, nor call it.
        let are_related = self.is_in(callee, caller) || self.is_in(caller, callee);
        if are_related || !self.may_enter(callee, Some(caller)) {
            return Err(Rule::CannotEnter);
        }
        self.set_entered(callee, Some(caller), true);
        Ok(())
    }

    pub(crate) fn may_enter(&self, callee: InstanceId, caller: Option<InstanceId>) -> bool {
        let mut next = Some(callee);
        while let Some(id) = self.entering(next, caller) {
            let instance = self.instance(id);
            if !instance.may_enter {
                return false;
            }
            next = instance.parent;
        }
        true
    }

    /// Marks what a call enters as entered, or left again.
    pub(crate) fn set_entered(&mut self, callee: InstanceId, caller: Option<InstanceId>, entered: bool) {
        if caller.is_some_and(|caller| self.are_siblings(callee, caller)) {
            self.instance_mut(callee).may_enter = !entered;
            return;
        }
        let mut next = Some(callee);
        while let Some(id) = self.entering(next, caller) {
            let instance = self.instance_mut(id);
            instance.may_enter = !entered;
            next = instance.parent;
        }
    }

    pub(crate) fn add_func(&mut self, func: FuncInst<T>) -> FuncId {
        FuncId(self.funcs.push(func))
    }

    pub(crate) fn add_exports(&mut self, mut exports: Vec<(Arc<str>, Item)>) -> ExportsId {
        sort(&mut exports, |a, b| a.0 < b.0);
        ExportsId(self.exports.push(exports.into()))
    }

    /// What is exported under a name.
    pub(crate) fn export(&self, exports: ExportsId, name: &str) -> Option<&Item> {
        let items = &self.exports[exports.0];
        items.binary_search_by(|(known, _)| (**known).cmp(name)).ok().map(|at| &items[at].1)
    }

    /// What stands at a place among the exports, which are in the order of their names.
    pub(crate) fn export_at(&self, exports: ExportsId, at: u32) -> Option<&Item> {
        self.exports[exports.0].get(at as usize).map(|(_, item)| item)
    }
}

impl<T: Send + 'static> Caller<'_, Inner<T>> {
    pub(crate) fn state(&self) -> &State<T> {
        &self.data().state
    }

    pub(crate) fn state_mut(&mut self) -> &mut State<T> {
        &mut self.data_mut().state
    }

    /// Counts bytes that become host memory against what one call may move.
    pub(crate) fn check_host_bytes(&self, count: usize) -> Result<(), Fault> {
        if self.state().host_bytes.saturating_add(count as u64) > u64::from(self.limits().host_call_bytes) {
            return Err(Trap::HostCallBytes.into());
        }
        Ok(())
    }
}
