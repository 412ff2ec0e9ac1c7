//! Resources in the host's hands.

use crate::{
    Error, Rule, Trap,
    component::{
        abi::{LiftContext, LowerContext, Place},
        call,
        fits::Fitting,
        func,
        host::Check,
        rest::drive,
        started::Came,
        store::{ChannelId, Implementor, InstanceId, ResourceTypeId, State, Store, TaskId},
        table::{Id, Table},
        typed::{ComponentType, Lift, Lower},
        types::{ResourceIx, TypeDef, ValType},
        wrapped::AsContextMut,
    },
    engine::Fault,
};
use alloc::{boxed::Box, collections::BTreeSet, format, string::String, vec::Vec};
use core::{
    any::{Any, TypeId},
    fmt,
    future::Future,
    marker::PhantomData,
    mem,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// A resource type that the host implements, named by a Rust type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceType(pub(crate) HostType);

/// Which of the host's resource types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostType {
    Rust(TypeId),
    Dynamic(u32),
}

impl ResourceType {
    /// A resource type that a number names, for hosts that do not know theirs when they are compiled.
    #[must_use]
    pub fn host_dynamic(number: u32) -> Self {
        Self(HostType::Dynamic(number))
    }

    /// The resource type that `R` names.
    #[must_use]
    pub fn host<R: 'static>() -> Self {
        Self(HostType::Rust(TypeId::of::<R>()))
    }
}

/// A resource that the host implements, by the number the host gave it. `R` says which type of resource.
pub struct Resource<R: 'static> {
    rep: u32,
    owned: bool,
    ty: PhantomData<fn() -> R>,
}

impl<R: 'static> Resource<R> {
    /// A resource to give away.
    #[must_use]
    pub fn new_own(rep: u32) -> Self {
        Self { rep, owned: true, ty: PhantomData }
    }

    /// A resource to lend.
    #[must_use]
    pub fn new_borrow(rep: u32) -> Self {
        Self { rep, owned: false, ty: PhantomData }
    }

    /// The number the host gave it.
    #[must_use]
    pub fn rep(&self) -> u32 {
        self.rep
    }

    /// Whether it was given, and not just lent.
    #[must_use]
    pub fn owned(&self) -> bool {
        self.owned
    }

    /// See [`ResourceAny::try_into_resource`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_from_resource_any(any: ResourceAny, store: impl AsContextMut) -> Result<Self, Trap> {
        any.try_into_resource(store)
    }

    /// See [`ResourceAny::try_from_resource`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_into_resource_any(self, mut store: impl AsContextMut) -> Result<ResourceAny, Trap> {
        let Self { rep, owned, .. } = self;
        let mut store = store.as_context_mut();
        let state = store.0.state_mut();
        let id = state.take_held(HostHeld::default())?;
        let ty = state.host_type(HostType::Rust(TypeId::of::<R>()), None);
        Ok(ResourceAny { ty, rep, owned, store: state.number, id })
    }
}

impl<R: 'static> fmt::Debug for Resource<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("rep", &self.rep).field("owned", &self.owned).finish()
    }
}

impl<R: 'static> ComponentType for Resource<R> {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        let resource = match check.def(ty) {
            Some(TypeDef::Own(resource) | TypeDef::Borrow(resource)) => *resource,
            _ => return Err(check.mismatch("resource", ty)),
        };
        match (check.implementor)(resource) {
            Some(Implementor::Host(HostType::Rust(found))) if found == TypeId::of::<R>() => Ok(()),
            _ => Err(check.mismatch(core::any::type_name::<R>(), ty)),
        }
    }
}

impl<R: 'static> Lift for Resource<R> {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        match cx.def(ty)?.0 {
            TypeDef::Own(resource) => {
                let ty = cx.resource(*resource)?;
                cx.own(ty, from).map(Self::new_own)
            }
            TypeDef::Borrow(resource) => {
                let ty = cx.resource(*resource)?;
                cx.borrow(ty, from).map(Self::new_borrow)
            }
            _ => Err(Rule::ValueType.into()),
        }
    }
}

impl<R: 'static> Lower for Resource<R> {
    const HANDLES: bool = true;

    fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
        match fitting.def(ty) {
            Some(TypeDef::Own(_)) if !self.owned => Err(format!("{}", Trap::from(Rule::NotOwned(self.rep)))),
            _ => Ok(()),
        }
    }

    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        match cx.def(ty)?.0 {
            TypeDef::Own(resource) if self.owned => {
                let ty = cx.resource(*resource)?;
                cx.own(ty, self.rep, to)
            }
            TypeDef::Own(_) => Err(Rule::NotOwned(self.rep).into()),
            TypeDef::Borrow(resource) => {
                let ty = cx.resource(*resource)?;
                cx.borrow(ty, self.rep, to)
            }
            _ => Err(Rule::ValueType.into()),
        }
    }
}

/// A resource of any type, a guest's or the host's. An owned one lives until it is given away or
/// [dropped](Self::resource_drop), a lent one until the call that lent it returns; after that, its copies are refused.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResourceAny {
    ty: ResourceTypeId,
    rep: u32,
    owned: bool,
    /// The store it is of, and what it is there.
    store: u32,
    id: HostHeldId,
}

impl fmt::Debug for ResourceAny {
    // Which store it is of differs from run to run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ty, rep, owned, .. } = self;
        f.debug_struct("ResourceAny").field("ty", ty).field("rep", rep).field("owned", owned).finish()
    }
}

/// Names a resource in the host's hands: its store knows whether it still is there.
pub(crate) type HostHeldId = Id<HostHeld>;

/// A resource in the host's hands.
#[derive(Debug, Default)]
pub(crate) struct HostHeld {
    /// How many calls under way borrow it.
    lends: u32,
    /// The guest that had it before.
    giver: Option<InstanceId>,
}

impl ResourceAny {
    /// A resource that the host implements, whatever its type. The store then knows that the host has it, as what it
    /// knows of one that a guest gave: it lives until it is given away, [dropped](Self::resource_drop), which runs no
    /// destructor, or [converted back](Self::try_into_resource). So does one to lend.
    ///
    /// # Errors
    ///
    /// [`Trap::Handles`] when the store has no room for it: it counts as a handle, whether it is lent or owned.
    pub fn try_from_resource<R: 'static>(
        resource: Resource<R>,
        store: impl AsContextMut,
    ) -> Result<Self, Trap> {
        resource.try_into_resource_any(store)
    }

    /// The resource as the one of the host's that it is. The store no longer knows that the host has it.
    ///
    /// # Errors
    ///
    /// When it is none that `R` names, was given away or destroyed before, is lent to a call under way though the host
    /// owns it, or is of another store.
    pub fn try_into_resource<R: 'static>(self, mut store: impl AsContextMut) -> Result<Resource<R>, Trap> {
        let mut store = store.as_context_mut();
        let state = store.0.state_mut();
        let id = self.usable(state, self.ty, self.owned)?;
        let named = Implementor::Host(HostType::Rust(TypeId::of::<R>()));
        if state.resource_type(self.ty).implementor != named {
            return Err(Trap::Host(WRONG_TYPE));
        }
        if self.owned {
            return self.give(state, self.ty).map(Resource::new_own);
        }
        state.let_go(id);
        Ok(Resource::new_borrow(self.rep))
    }

    /// Whether it was given, and not just lent.
    #[must_use]
    pub fn owned(&self) -> bool {
        self.owned
    }

    /// Destroys it, and stays until its implementor's destructor has run. One that was lent is given back.
    ///
    /// # Errors
    ///
    /// When it was given away or destroyed before, is lent to a call under way or of another store, or its destructor
    /// traps.
    pub fn resource_drop<T: Send + 'static>(self, store: &mut Store<T>) -> Result<(), Error> {
        match self.begin_drop(store, None)? {
            Some(dropping) => crate::block_on_with(dropping, core::hint::spin_loop),
            None => Ok(()),
        }
    }

    /// Destroys it as a future, which gives way as [`Func::call_async`](crate::component::Func::call_async) does. Where
    /// it is not polled to its end, the store goes on with the destructor when it runs next.
    ///
    /// # Errors
    ///
    /// As [`resource_drop`](Self::resource_drop).
    pub async fn resource_drop_async<T: Send + 'static>(self, store: &mut Store<T>) -> Result<(), Error> {
        match self.begin_drop(store, Some(func::waker().await))? {
            Some(dropping) => dropping.await,
            None => Ok(()),
        }
    }

    /// Begins to destroy it: what is left to do, if anything is. `waker` is who is to be woken.
    fn begin_drop<T: Send + 'static>(
        self,
        store: &mut Store<T>,
        waker: Option<Waker>,
    ) -> Result<Option<Dropping<'_, T>>, Error> {
        store.check_alive()?;
        if !self.owned {
            self.usable(store.state(), self.ty, false)?;
            store.state_mut().let_go(self.id);
            return Ok(None);
        }
        let giver = store.state().host_held.find(self.id).and_then(|held| held.giver);
        self.give(store.state_mut(), self.ty)?;
        store.inner.begin_turn();
        let before = waker.map(|waker| store.inner.swap_waker(Some(waker)));
        let begun = call::destroy_for_host(&mut store.cx(), giver, self.ty, self.rep);
        if let Some(before) = before {
            store.inner.swap_waker(before);
        }
        match begun {
            Ok(stopped) => Ok(stopped.map(|(task, callee)| Dropping { store, task, callee })),
            Err(fault) => Err(store.state_mut().end(fault)),
        }
    }

    /// What a guest gave or lent the host. It counts as a handle, for as long as the host has it.
    pub(crate) fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        resource: ResourceIx,
        is_own: bool,
        from: Place,
    ) -> Result<Self, Fault> {
        let ty = cx.resource(resource)?;
        let rep = if is_own { cx.own(ty, from)? } else { cx.borrow(ty, from)? };
        let (subtask, giver) = (cx.lender.subtask, cx.options.instance);
        let state = cx.cx.state_mut();
        let id = state.take_held(HostHeld { lends: 0, giver: Some(giver) })?;
        match subtask {
            _ if is_own => state.note_came(|| Came::Held(id)),
            Some(subtask) => state.waitables.get_mut(subtask)?.subtask_mut()?.held.push(id),
            None => return Err(Fault::Trap(crate::bug!("a resource was lent for no call"))),
        }
        Ok(Self { ty, rep, owned: is_own, store: state.number, id })
    }

    /// Gives it to a guest, or lends it to one.
    pub(crate) fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        resource: ResourceIx,
        is_own: bool,
        to: Place,
    ) -> Result<(), Fault> {
        let ty = cx.resource(resource)?;
        let task = cx.lender.task;
        let state = cx.cx.state_mut();
        if is_own {
            let rep = self.give(state, ty)?;
            return cx.own(ty, rep, to);
        }
        self.usable(state, ty, false)?;
        if let Some(task) = task {
            state.host_held.get_mut(self.id)?.lends += 1;
            state.tasks.get_mut(task)?.lent.push(self.id);
        }
        cx.borrow(ty, self.rep, to)
    }

    /// Whether a store lets its host give this as a resource of a type, or lend it: what it is there.
    pub(crate) fn usable<T: 'static>(
        &self,
        state: &State<T>,
        ty: ResourceTypeId,
        is_own: bool,
    ) -> Result<HostHeldId, Trap> {
        if self.store != state.number {
            return Err(Trap::Host("the resource is of another store"));
        }
        if self.ty != ty {
            return Err(Rule::ValueType.into());
        }
        let held = state.host_held.find(self.id).ok_or(Rule::UnknownHandle(self.rep))?;
        if is_own && !self.owned {
            return Err(Rule::NotOwned(self.rep).into());
        }
        if is_own && held.lends > 0 {
            return Err(Rule::OwnedWhileBorrowed.into());
        }
        Ok(self.id)
    }

    /// Ends the host's ownership.
    fn give<T: 'static>(&self, state: &mut State<T>, ty: ResourceTypeId) -> Result<u32, Trap> {
        let id = self.usable(state, ty, true)?;
        state.let_go(id);
        Ok(self.rep)
    }
}

impl<T: 'static> State<T> {
    /// Notes that the host has a resource, within what the store may have.
    fn take_held(&mut self, held: HostHeld) -> Result<HostHeldId, Trap> {
        if self.handles >= self.handles_max {
            return Err(Trap::Handles);
        }
        self.handles += 1;
        Ok(self.host_held.add(held))
    }

    /// Notes that the host has it no longer, if it still had.
    fn let_go(&mut self, id: HostHeldId) {
        if self.host_held.remove(id).is_some() {
            self.handles = self.handles.saturating_sub(1);
        }
    }

    /// The same of what was lent for a call.
    pub(crate) fn let_go_all(&mut self, held: Vec<HostHeldId>) {
        held.into_iter().for_each(|id| self.let_go(id));
    }

    /// Ends what the host lends for a task.
    pub(crate) fn end_host_loans(&mut self, task: TaskId) -> Result<(), Trap> {
        for id in mem::take(&mut self.tasks.get_mut(task)?.lent) {
            if let Some(held) = self.host_held.find_mut(id) {
                held.lends -= 1;
            }
        }
        Ok(())
    }
}

/// A resource that is being destroyed.
struct Dropping<'s, T: Send + 'static> {
    store: &'s mut Store<T>,
    /// The destructor.
    task: TaskId,
    callee: InstanceId,
}

impl<T: Send + 'static> Future for Dropping<'_, T> {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { store, task, callee } = self.get_mut();
        if let Err(error) = store.check_alive() {
            return Poll::Ready(Err(error));
        }
        store.inner.begin_turn();
        let waker = cx.waker();
        let before = store.inner.swap_waker(Some(waker.clone()));
        let result = |store: &mut Store<T>| store.state().is_resolved(*task).then_some(Ok(()));
        let turn = |store: &mut Store<T>| func::turn(store, *task, *callee, &mut None, false);
        let polled = drive(store, waker, result, turn, || Err(Rule::Deadlock.into()));
        store.inner.swap_waker(before);
        polled.map(|result| result.map_err(|fault| store.state_mut().end(fault)))
    }
}

impl ComponentType for ResourceAny {
    fn check(check: &Check<'_>, ty: ValType) -> Result<(), String> {
        match check.def(ty) {
            Some(TypeDef::Own(_) | TypeDef::Borrow(_)) => Ok(()),
            _ => Err(check.mismatch("resource", ty)),
        }
    }
}

impl Lift for ResourceAny {
    fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        ty: ValType,
        from: Place,
    ) -> Result<Self, Fault> {
        match cx.def(ty)?.0 {
            TypeDef::Own(resource) => Self::lift(cx, *resource, true, from),
            TypeDef::Borrow(resource) => Self::lift(cx, *resource, false, from),
            _ => Err(Rule::ValueType.into()),
        }
    }
}

impl Lower for ResourceAny {
    const HANDLES: bool = true;

    fn fits<T: Send + 'static>(&self, fitting: &mut Fitting<'_, T>, ty: ValType) -> Result<(), String> {
        match fitting.def(ty) {
            Some(TypeDef::Own(resource)) => fitting.resource(self, *resource, true),
            Some(TypeDef::Borrow(resource)) => fitting.resource(self, *resource, false),
            _ => Ok(()),
        }
    }

    fn lower<T: Send + 'static>(
        &self,
        cx: &mut LowerContext<'_, '_, T>,
        ty: ValType,
        to: Place,
    ) -> Result<(), Fault> {
        match cx.def(ty)?.0 {
            TypeDef::Own(resource) => self.lower(cx, *resource, true, to),
            TypeDef::Borrow(resource) => self.lower(cx, *resource, false, to),
            _ => Err(Rule::ValueType.into()),
        }
    }
}

/// A stream or future of which the host holds an end, whatever it carries: see the functions of
/// [`StoreContextMut`](crate::component::StoreContextMut) that take one. A
/// [`StreamReader`](crate::component::StreamReader) and a [`FutureReader`](crate::component::FutureReader) say which it
/// is, and of what.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChannelAny {
    pub(crate) id: ChannelId,
    /// The store it is of.
    pub(crate) store: u32,
}

impl fmt::Debug for ChannelAny {
    // Which store it is of differs from run to run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChannelAny").field(&self.id).finish()
    }
}

impl ChannelAny {
    /// Takes it out of a place, where an end of nothing is left.
    pub(crate) fn take(&mut self) -> Self {
        mem::replace(self, Self { id: ChannelId::NOTHING, ..*self })
    }
}

/// What a host keeps for the resources it gives to guests, by number.
#[derive(Default)]
pub struct ResourceTable {
    entries: Table<Entry>,
}

struct Entry {
    value: Box<dyn Any + Send>,
    parent: Option<u32>,
    children: BTreeSet<u32>,
}

/// Why a resource is not to be had from a [`ResourceTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResourceTableError {
    /// The table is full.
    Full,
    /// There is no such resource.
    NotPresent,
    /// It is of another type.
    WrongType,
    /// Other resources depend on it.
    HasChildren,
}

impl fmt::Display for ResourceTableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "the table of resources is full",
            Self::NotPresent => "there is no such resource",
            Self::WrongType => WRONG_TYPE,
            Self::HasChildren => "other resources depend on this one",
        })
    }
}

impl core::error::Error for ResourceTableError {}

impl From<ResourceTableError> for Fault {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(match error {
            ResourceTableError::Full => Trap::Handles,
            ResourceTableError::NotPresent => Trap::Host("there is no such resource"),
            ResourceTableError::WrongType => Trap::Host(WRONG_TYPE),
            ResourceTableError::HasChildren => Trap::Host("other resources depend on this one"),
        })
    }
}

const WRONG_TYPE: &str = "the resource is of another type";

impl ResourceTable {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a value: the resource that stands for it.
    ///
    /// # Errors
    ///
    /// [`ResourceTableError::Full`].
    pub fn push<R: Send + 'static>(&mut self, value: R) -> Result<Resource<R>, ResourceTableError> {
        let entry = Entry { value: Box::new(value), parent: None, children: BTreeSet::new() };
        self.entries.add(entry).map(Resource::new_own).map_err(|_| ResourceTableError::Full)
    }

    /// Keeps a value that depends on another: the other cannot go before it.
    ///
    /// # Errors
    ///
    /// When the table is full or there is no such parent.
    pub fn push_child<R: Send + 'static, P: 'static>(
        &mut self,
        value: R,
        parent: &Resource<P>,
    ) -> Result<Resource<R>, ResourceTableError> {
        self.entry(parent.rep)?;
        let entry = Entry { value: Box::new(value), parent: Some(parent.rep), children: BTreeSet::new() };
        let rep = self.entries.add(entry).map_err(|_| ResourceTableError::Full)?;
        self.entry_mut(parent.rep)?.children.insert(rep);
        Ok(Resource::new_own(rep))
    }

    /// The value a resource stands for.
    ///
    /// # Errors
    ///
    /// When there is none, or one of another type.
    pub fn get<R: 'static>(&self, resource: &Resource<R>) -> Result<&R, ResourceTableError> {
        self.entry(resource.rep)?.value.downcast_ref().ok_or(ResourceTableError::WrongType)
    }

    /// The value a resource stands for, to change.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn get_mut<R: 'static>(&mut self, resource: &Resource<R>) -> Result<&mut R, ResourceTableError> {
        self.entry_mut(resource.rep)?.value.downcast_mut().ok_or(ResourceTableError::WrongType)
    }

    /// Takes the value a resource stands for out.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and when other values depend on it.
    #[expect(clippy::needless_pass_by_value, reason = "the resource is gone, so its handle goes with it")]
    pub fn delete<R: 'static>(&mut self, resource: Resource<R>) -> Result<R, ResourceTableError> {
        let entry = self.entry(resource.rep)?;
        if !entry.value.is::<R>() {
            return Err(ResourceTableError::WrongType);
        }
        if !entry.children.is_empty() {
            return Err(ResourceTableError::HasChildren);
        }
        let entry = self.entries.remove(resource.rep).map_err(|_| ResourceTableError::NotPresent)?;
        if let Some(parent) = entry.parent
            && let Ok(parent) = self.entries.get_mut(parent)
        {
            parent.children.remove(&resource.rep);
        }
        entry.value.downcast().map(|value| *value).map_err(|_| ResourceTableError::WrongType)
    }

    /// How many values it keeps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.iter().count()
    }

    /// Whether it keeps nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn entry(&self, rep: u32) -> Result<&Entry, ResourceTableError> {
        self.entries.get(rep).map_err(|_| ResourceTableError::NotPresent)
    }

    fn entry_mut(&mut self, rep: u32) -> Result<&mut Entry, ResourceTableError> {
        self.entries.get_mut(rep).map_err(|_| ResourceTableError::NotPresent)
    }
}

impl fmt::Debug for ResourceTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceTable").field("len", &self.len()).finish()
    }
}
