//! Resources in the host's hands.

use crate::{
    Error, Rule, Trap,
    component::{
        abi::{LiftContext, LowerContext, Place},
        call,
        host::Check,
        store::{ChannelId, Implementor, ResourceTypeId, State, Store},
        table::{Id, Table},
        typed::{ComponentType, Lift, Lower},
        types::{ResourceIx, TypeDef, ValType},
    },
    engine::Fault,
};
use alloc::{boxed::Box, collections::BTreeSet, string::String};
use core::{
    any::{Any, TypeId},
    fmt,
    marker::PhantomData,
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
/// [dropped](Self::resource_drop); after that, its copies are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceAny {
    ty: ResourceTypeId,
    rep: u32,
    owned: Option<HostOwnedId>,
}

/// Names a resource that the host owns: its store knows whether it still does.
pub(crate) type HostOwnedId = Id<HostOwned>;

/// A resource that the host owns.
#[derive(Debug)]
pub(crate) struct HostOwned;

impl ResourceAny {
    /// Whether it was given, and not just lent.
    #[must_use]
    pub fn owned(&self) -> bool {
        self.owned.is_some()
    }

    /// Destroys it: its implementor's destructor runs.
    ///
    /// # Errors
    ///
    /// When it was given away or destroyed before, or its destructor traps.
    pub fn resource_drop<T: Send + 'static>(self, store: &mut Store<T>) -> Result<(), Error> {
        if self.owned.is_none() {
            return Ok(());
        }
        store.check_alive()?;
        self.give(store.state_mut(), self.ty)?;
        let result = call::destroy(&mut store.cx(), None, self.ty, self.rep);
        result.map(|_| ()).map_err(|fault| {
            store.state_mut().poisoned = true;
            fault.into_error()
        })
    }

    /// What a guest gave or lent the host. What the host owns counts as a handle.
    pub(crate) fn lift<T: Send + 'static>(
        cx: &mut LiftContext<'_, '_, T>,
        resource: ResourceIx,
        is_own: bool,
        from: Place,
    ) -> Result<Self, Fault> {
        let ty = cx.resource(resource)?;
        if !is_own {
            return Ok(Self { ty, rep: cx.borrow(ty, from)?, owned: None });
        }
        let rep = cx.own(ty, from)?;
        let state = cx.cx.state_mut();
        state.handles += 1; // the guest's is gone: there was room
        Ok(Self { ty, rep, owned: Some(state.host_owned.add(HostOwned)) })
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
        let state = cx.cx.state_mut();
        if is_own {
            let rep = self.give(state, ty)?;
            return cx.own(ty, rep, to);
        }
        let is_there = self.owned.is_none_or(|id| state.host_owned.find(id).is_some());
        match (self.ty == ty, is_there) {
            (true, true) => cx.borrow(ty, self.rep, to),
            (true, false) => Err(Rule::UnknownHandle(self.rep).into()),
            (false, _) => Err(Rule::ValueType.into()),
        }
    }

    /// Ends the host's ownership.
    fn give<T: 'static>(&self, state: &mut State<T>, ty: ResourceTypeId) -> Result<u32, Trap> {
        if self.ty != ty {
            return Err(Rule::ValueType.into());
        }
        let id = self.owned.ok_or(Rule::NotOwned(self.rep))?;
        state.host_owned.remove(id).ok_or(Rule::UnknownHandle(self.rep))?;
        state.handles = state.handles.saturating_sub(1);
        Ok(self.rep)
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelAny(pub(crate) ChannelId);

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
            Self::WrongType => "the resource is of another type",
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
            ResourceTableError::WrongType => Trap::Host("the resource is of another type"),
            ResourceTableError::HasChildren => Trap::Host("other resources depend on this one"),
        })
    }
}

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
