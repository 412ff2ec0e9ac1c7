//! What components import, by name.

use crate::{
    Error,
    component::{
        host::HostFunction,
        instance,
        load::{Component, Engine, Loaded},
        matching::Matcher,
        names::{self, Names},
        pre::InstancePre,
        resource::ResourceType,
        store::{HostDestructor, InstanceId, Item, ModuleRef, State, Store},
        ty::ComponentFunc,
        typed::{ComponentNamedList, Lift, LowerResult},
        types::{ItemType, Items},
        wrapped::{Dynamic, DynamicPoll, Hooks, IdleHook, StoreContextMut, Wrapped, WrappedPoll},
    },
    engine::{Fault, Module},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::task::{Context, Poll};

/// What something offers under a name.
pub(crate) enum Offer<T: 'static> {
    Instance(Names<Offer<T>>),
    Func(Arc<dyn HostFunction<T>>),
    Resource(ResourceType, HostDestructor<T>),
    Module(ModuleRef),
    Component(Box<Component>),
    /// An item of an instance in the store of this number.
    Item(u32, Item),
}

impl<T: 'static> Clone for Offer<T> {
    fn clone(&self) -> Self {
        match self {
            Self::Instance(names) => Self::Instance(names.clone()),
            Self::Func(function) => Self::Func(function.clone()),
            Self::Resource(ty, dtor) => Self::Resource(*ty, dtor.clone()),
            Self::Module(module) => Self::Module(module.clone()),
            Self::Component(component) => Self::Component(component.clone()),
            Self::Item(store, item) => Self::Item(*store, item.clone()),
        }
    }
}

/// Offers for a component's imports, by name. Interfaces are found by names of compatible versions too:
/// `example:io/streams@0.2.3` by what is offered as `example:io/streams@0.2.12`.
///
/// A host function is of one of two shapes. One that answers at once is [`func_wrap`](LinkerInstance::func_wrap), or
/// [`func_new`](LinkerInstance::func_new) where its type is not known before: names and signatures are `wasmtime`'s, so
/// that hosts written for it port. One that may wait, whatever the guest calls it by, is a poll: `Ready` with the
/// result, or `Pending` ([`func_wrap_poll`](LinkerInstance::func_wrap_poll),
/// [`func_new_poll`](LinkerInstance::func_new_poll)). That stands for both `func_wrap_async` and `func_wrap_concurrent` of
/// `wasmtime`: it holds the store only while it is polled, so it is the same whether the guest waits for it or
/// goes on meanwhile. What it needs from one poll to the next it [keeps](StoreContextMut::keep) in the store: a call of
/// a guest, say, that it [started](super::TypedFunc::start_call_concurrent).
pub struct Linker<T: 'static> {
    engine: Engine,
    pub(super) root: Names<Offer<T>>,
    hooks: Hooks<T>,
    /// Whom it is for, if for one component only.
    only_for: Option<Component>,
}

impl<T: 'static> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            root: self.root.clone(),
            hooks: self.hooks.clone(),
            only_for: self.only_for.clone(),
        }
    }
}

/// One interface of a [`Linker`], or its root.
pub struct LinkerInstance<'l, T: 'static> {
    engine: &'l Engine,
    /// None where nobody wants it.
    names: Option<&'l mut Names<Offer<T>>>,
    wanted: Wanted<'l>,
}

/// What of that is kept.
#[derive(Clone, Copy)]
enum Wanted<'l> {
    Everything,
    Interfaces(&'l Component),
    Items(&'l Items),
}

/// An interface that declares more is offered whole: it is not looked through for each function.
const ITEMS_LOOKED_AT_MAX: usize = 256;

impl<'l> Wanted<'l> {
    fn contains(self, name: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Interfaces(component) => imports_of(component, name).next().is_some(),
            Self::Items(items) => items.iter().any(|(item, _)| &**item == name),
        }
    }

    /// What is wanted of the interface `name`.
    fn of(self, name: &str) -> Self {
        let Self::Interfaces(component) = self else { return Self::Everything };
        let mut imports = imports_of(component, name);
        // What several versions of it want together is not worked out.
        match (imports.next(), imports.next()) {
            (Some(ItemType::Instance(id)), None) => {
                let items = &component.loaded.types().instances[id as usize];
                if items.len() > ITEMS_LOOKED_AT_MAX { Self::Everything } else { Self::Items(items) }
            }
            _ => Self::Everything,
        }
    }
}

/// What `component` imports that an offer of this name answers.
fn imports_of(component: &Component, name: &str) -> impl Iterator<Item = ItemType> {
    let shared = names::compatible(name);
    let imports = component.root().imports.iter();
    imports.filter(move |(import, _)| names::is_among(import, shared)).map(|(_, ty)| *ty)
}

impl<T: Send + 'static> Linker<T> {
    /// A linker that offers nothing.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), root: Names::default(), hooks: Hooks::default(), only_for: None }
    }

    /// A linker for `component` alone: what that does not import is not kept when it is offered. Most components import
    /// little of what there is.
    pub(crate) fn only_for(component: &Component) -> Self {
        Self { only_for: Some(component.clone()), ..Self::new(component.engine()) }
    }

    /// The engine its components are loaded into.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What is imported without an interface.
    pub fn root(&mut self) -> LinkerInstance<'_, T> {
        let wanted = self.only_for.as_ref().map_or(Wanted::Everything, Wanted::Interfaces);
        LinkerInstance { engine: &self.engine, names: Some(&mut self.root), wanted }
    }

    /// The interface `name`, to offer more in.
    ///
    /// # Errors
    ///
    /// When something else was offered as `name`.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, T>, Error> {
        self.root().into_instance(name)
    }

    /// Offers no longer what `name`, or a name that is compatible with it, stands for, where `may_go` says so.
    pub(crate) fn withdraw(&mut self, name: &str, may_go: impl Fn(&str) -> bool) {
        self.root.withdraw(name, may_go);
    }

    /// Says what is asked about time, in every store that this linker makes an instance in: whether a deadline of
    /// [`StoreContextMut::poll_deadline`] has come, the earliest of all that are waited for. The last argument is
    /// whether nothing else can go on. If so, a virtual clock may jump to the deadline, and a real one sees to it that
    /// the waker is woken. Said more than once, the last holds; where linkers that say it make instances in one store, all
    /// are asked, and a deadline has come when one says so.
    pub fn on_idle(
        &mut self,
        ask: impl Fn(StoreContextMut<'_, T>, &mut Context<'_>, u64, bool) -> Poll<()> + Send + Sync + 'static,
    ) {
        self.hooks.idle = [Arc::new(ask) as IdleHook<T>].into();
    }

    /// Says what is asked, in every store that this linker makes an instance in, at the end of each host function and
    /// of each step of the host's background work: what fuel that took besides what it charged. That is charged then.
    /// Said more than once, or by more than one linker, all are asked.
    pub fn on_host_work(&mut self, owed: impl Fn(&mut T) -> u64 + Send + Sync + 'static) {
        self.hooks.owed.push(Arc::new(owed));
    }

    /// Makes an instance of a component.
    ///
    /// # Errors
    ///
    /// When imports are missing or of another type (all of them are listed), when the instance does not fit its limits,
    /// when a start function traps, when what another instance exports is among what is offered and that is of another
    /// store, and when the linker, the store and the component are not of one engine.
    pub fn instantiate(&self, store: &mut Store<T>, component: &Component) -> Result<super::Instance, Error> {
        store.check_alive()?;
        store.inner.check_engine(component.engine.core())?;
        store.state_mut().hooks.add(&self.hooks);
        let instance = instance::reserve(store.state_mut(), &component.loaded, None)?;
        match self.meet(store.state_mut(), component, instance) {
            Ok(arguments) => instance::instantiate_root(store, component, instance, arguments),
            Err(error) => {
                let state = store.state_mut();
                state.instances.pop();
                state.host_dtors.retain(|(root, _), _| *root != instance);
                Err(error)
            }
        }
    }

    /// Meets a component's imports once, for any number of instances in stores of their own.
    ///
    /// # Errors
    ///
    /// When imports are missing or of another type (all of them are listed), when an item of another instance is among
    /// what is offered, which is only known in its store, and when the component is of another engine than the linker.
    pub fn instantiate_pre(&self, component: &Component) -> Result<InstancePre<T>, Error> {
        // Met in a world of its own, which is copied for each instance.
        let mut world = State::new(component.engine.limits());
        let instance = instance::reserve(&mut world, &component.loaded, None)?;
        let arguments = self.meet(&mut world, component, instance)?;
        world.hooks.add(&self.hooks);
        Ok(InstancePre::new(component.clone(), world, arguments))
    }

    /// What answers each of a component's imports.
    fn meet(
        &self,
        state: &mut State<T>,
        component: &Component,
        instance: InstanceId,
    ) -> Result<Vec<Item>, Error> {
        self.engine.core().check_same(component.engine.core())?;
        let mut matcher = Matcher::new(state, &component.loaded, instance, component.engine.limits());
        let mut arguments = Vec::new();
        for (name, ty) in &component.root().imports {
            if let Some(item) = matcher.import("", name, *ty, self.root.find(name)) {
                arguments.push(item);
            }
        }
        if matcher.has_items {
            return Err(Error::misuse("what an instance exports is only known in its store"));
        }
        matcher.finish().map(|()| arguments)
    }
}

impl<'l, T: Send + 'static> LinkerInstance<'l, T> {
    /// The instance `name` within this one.
    ///
    /// # Errors
    ///
    /// When something else was offered as `name`.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, T>, Error> {
        let names = self.names.as_deref_mut();
        LinkerInstance { engine: self.engine, names, wanted: self.wanted }.into_instance(name)
    }

    fn into_instance(self, name: &str) -> Result<Self, Error> {
        let Self { engine, names, wanted } = self;
        let Some(names) = names.filter(|_| wanted.contains(name)) else {
            return Ok(Self { engine, names: None, wanted });
        };
        if names.get_mut(name).is_none() {
            names.insert(name, Offer::Instance(Names::default()));
        }
        match names.get_mut(name) {
            Some(Offer::Instance(names)) => Ok(Self { engine, names: Some(names), wanted: wanted.of(name) }),
            _ => Err(Error::misuse("something that is no instance was offered under this name before")),
        }
    }

    /// Offers what `offer` makes, if it is wanted.
    fn offer(&mut self, name: &str, offer: impl FnOnce() -> Offer<T>) {
        if let Some(names) = self.names.as_deref_mut().filter(|_| self.wanted.contains(name)) {
            names.insert(name, offer());
        }
    }

    /// Offers a function that answers at once.
    ///
    /// # Errors
    ///
    /// None now; the signature is `wasmtime`'s.
    pub fn func_wrap<P, R>(
        &mut self,
        name: &str,
        function: impl Fn(StoreContextMut<'_, T>, P) -> Result<R, Fault> + Send + Sync + 'static,
    ) -> Result<(), Error>
    where
        P: ComponentNamedList + Lift,
        R: LowerResult,
    {
        self.offer(name, || Offer::Func(Arc::new(Wrapped::new(function))));
        Ok(())
    }

    /// Offers a function that may wait: it is called again with the same arguments until it is ready. It has to see
    /// to it that the context's waker is woken when there is a point in that.
    ///
    /// # Errors
    ///
    /// None now; as [`func_wrap`](Self::func_wrap).
    pub fn func_wrap_poll<P, R>(
        &mut self,
        name: &str,
        function: impl Fn(StoreContextMut<'_, T>, &mut Context<'_>, &mut P) -> Poll<Result<R, Fault>>
        + Send
        + Sync
        + 'static,
    ) -> Result<(), Error>
    where
        P: ComponentNamedList + Lift,
        R: LowerResult,
    {
        self.offer(name, || Offer::Func(Arc::new(WrappedPoll::new(Arc::new(function)))));
        Ok(())
    }

    /// Offers a function whose type is only known when it is imported.
    ///
    /// It gets that type, as many arguments as it has parameters, each of its type, and as many places for results: one or
    /// none. In such a place is `false` until it puts the result there; one that is not of the result's type ends the
    /// guest with [`Rule::ValueType`](crate::Rule::ValueType).
    ///
    /// # Errors
    ///
    /// None now; as [`func_wrap`](Self::func_wrap).
    pub fn func_new(
        &mut self,
        name: &str,
        function: impl Fn(
            StoreContextMut<'_, T>,
            ComponentFunc,
            &[super::Val],
            &mut [super::Val],
        ) -> Result<(), Fault>
        + Send
        + Sync
        + 'static,
    ) -> Result<(), Error> {
        self.offer(name, || Offer::Func(Arc::new(Dynamic(function))));
        Ok(())
    }

    /// Offers a function that may wait, whose type is only known when it is imported: it gets that, and its arguments. What
    /// it does to those, the next poll of the same call sees. It answers as many results as the type has: one or none;
    /// another number of them, or one of another type, ends the guest with [`Rule::ValueType`](crate::Rule::ValueType).
    ///
    /// # Errors
    ///
    /// None now; as [`func_wrap`](Self::func_wrap).
    pub fn func_new_poll(
        &mut self,
        name: &str,
        function: impl Fn(
            StoreContextMut<'_, T>,
            &mut Context<'_>,
            ComponentFunc,
            &mut Vec<super::Val>,
        ) -> Poll<Result<Vec<super::Val>, Fault>>
        + Send
        + Sync
        + 'static,
    ) -> Result<(), Error> {
        self.offer(name, || Offer::Func(Arc::new(DynamicPoll(Arc::new(function)))));
        Ok(())
    }

    /// Offers a resource type, and what is done when an owned resource of it is dropped: by a component that this linker
    /// makes an instance of, or by the host that got it from there.
    ///
    /// # Errors
    ///
    /// None now; as [`func_wrap`](Self::func_wrap).
    pub fn resource(
        &mut self,
        name: &str,
        ty: ResourceType,
        dtor: impl Fn(StoreContextMut<'_, T>, u32) -> Result<(), Fault> + Send + Sync + 'static,
    ) -> Result<(), Error> {
        self.offer(name, || {
            Offer::Resource(ty, Arc::new(move |cx, rep| dtor(StoreContextMut(cx.reborrow()), rep)))
        });
        Ok(())
    }

    /// Offers a core module.
    ///
    /// # Errors
    ///
    /// When the bytes are no core module that this engine can run.
    pub fn module(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let module = Module::load_linked(self.engine.core(), bytes)?;
        let program = Arc::new(Loaded::of_module(module));
        self.offer(name, || Offer::Module(ModuleRef { program, index: 0 }));
        Ok(())
    }

    /// Offers a component.
    ///
    /// # Errors
    ///
    /// When it is of another engine than the linker.
    pub fn component(&mut self, name: &str, component: &Component) -> Result<(), Error> {
        self.engine.core().check_same(component.engine.core())?;
        self.offer(name, || Offer::Component(Box::new(component.clone())));
        Ok(())
    }

    /// Offers what an instance in the same store exports, as an instance of this name: the way to link components
    /// with components.
    ///
    /// # Errors
    ///
    /// None now; as [`func_wrap`](Self::func_wrap).
    pub fn exports(&mut self, name: &str, instance: &super::Instance) -> Result<(), Error> {
        self.offer(name, || Offer::Item(instance.store, Item::Instance(instance.exports)));
        Ok(())
    }

    /// Offers one item that an instance in the same store exports.
    ///
    /// # Errors
    ///
    /// When it exports nothing of this name, or is of another store.
    pub fn export(
        &mut self,
        name: &str,
        store: &Store<T>,
        instance: &super::Instance,
        export: &str,
    ) -> Result<(), Error> {
        store.state().check_number(instance.store)?;
        let item = store.state().export(instance.exports, export).cloned();
        let item = item.ok_or_else(|| Error::export(export, "there is none of this name"))?;
        self.offer(name, || Offer::Item(instance.store, item));
        Ok(())
    }
}
