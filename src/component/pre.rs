//! Imports met once, for any number of instances.

use crate::{
    Error,
    component::{
        Instance,
        instance::{self, instantiate_root},
        load::Component,
        store::{
            Exports, ExportsId, FuncId, FuncInst, Implementor, InstanceId, Item, ResourceType,
            ResourceTypeId, State, Store,
        },
        table::List,
        types::ResourceIx,
        wrapped::Hooks,
    },
};
use alloc::{sync::Arc, vec::Vec};

/// A component with all its imports met: what [`Linker::instantiate_pre`](super::Linker::instantiate_pre) makes. Each
/// instance made of it costs nothing for names and types any more. Cheap to clone.
pub struct InstancePre<T: 'static> {
    component: Component,
    met: Arc<Met<T>>,
}

/// What meeting the imports put into a store that had nothing in it.
struct Met<T: 'static> {
    funcs: Arc<[FuncInst<T>]>,
    exports: Arc<[Exports]>,
    resource_types: Arc<[ResourceType<T>]>,
    /// Which resource type the component means by which.
    bound: Vec<(ResourceIx, ResourceTypeId)>,
    /// One for each import.
    arguments: Vec<Item>,
    hooks: Hooks<T>,
}

impl<T: 'static> Clone for InstancePre<T> {
    fn clone(&self) -> Self {
        Self { component: self.component.clone(), met: self.met.clone() }
    }
}

impl<T: Send + 'static> InstancePre<T> {
    /// Of what meeting the imports put into `world`, where nothing was before but the instance.
    pub(crate) fn new(component: Component, world: State<T>, arguments: Vec<Item>) -> Self {
        let State { funcs, exports, resource_types, instances, hooks, .. } = world;
        let bound = instances.into_iter().flat_map(|instance| instance.resources).collect();
        let (funcs, exports) = (funcs.into_shared(), exports.into_shared());
        let resource_types = resource_types.into_shared();
        let met = Met { funcs, exports, resource_types, bound, arguments, hooks };
        Self { component, met: Arc::new(met) }
    }

    /// The component.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Makes an instance.
    ///
    /// # Errors
    ///
    /// When the instance does not fit its limits, when a start function traps, and when the store is of another engine.
    pub fn instantiate(&self, store: &mut Store<T>) -> Result<Instance, Error> {
        store.check_alive()?;
        store.inner.check_engine(self.component.engine.core())?;
        let state = store.state_mut();
        state.hooks.add(&self.met.hooks);
        let instance = instance::reserve(state, &self.component.loaded, None)?;
        let moved = Moved::new(state, &self.met, instance);
        let arguments = self.met.arguments.iter().map(|item| moved.item(item)).collect();
        let bound = self.met.bound.iter().map(|(ix, ty)| (*ix, moved.resource(*ty)));
        state.instance_mut(instance).resources = bound.collect();
        instantiate_root(store, &self.component, instance, arguments)
    }
}

/// The instance that was met, in the world that it was met in.
const FIRST: InstanceId = InstanceId(0);

/// Where the items of one world went in another.
struct Moved {
    funcs: u32,
    exports: u32,
    /// Where each resource type went; none where all items kept their numbers.
    resources: Option<Vec<ResourceTypeId>>,
}

impl Moved {
    /// Adds what was met to a store. Where that has nothing yet, as most have, it is shared: `instance` goes by the number
    /// then that it had where it was met.
    fn new<T: 'static>(state: &mut State<T>, met: &Met<T>, instance: InstanceId) -> Self {
        let (funcs, exports) = (state.funcs.len() as u32, state.exports.len() as u32);
        let is_first = instance == FIRST && funcs == 0 && exports == 0;
        if is_first && state.resource_types.len() == 0 {
            state.funcs = List::beginning_with(&met.funcs);
            state.exports = List::beginning_with(&met.exports);
            state.resource_types = List::beginning_with(&met.resource_types);
            return Self { funcs, exports, resources: None };
        }
        let resources = met.resource_types.iter().map(|ty| {
            let (Implementor::Host(host), Some(dtor)) = (ty.implementor, &ty.host_dtor) else {
                // There was no instance yet that could implement one.
                return ResourceTypeId(state.resource_types.push(ty.clone()));
            };
            let known = state.host_type(host, Some(dtor));
            state.destroy_by(instance, known, dtor);
            known
        });
        let moved = Self { funcs, exports, resources: Some(resources.collect()) };
        let func = |func: &FuncInst<T>| match func {
            FuncInst::Host(function, name, (_, ty)) => {
                FuncInst::Host(function.clone(), name.clone(), (instance, *ty))
            }
            lifted @ FuncInst::Lifted(_) => lifted.clone(),
        };
        state.funcs.extend(met.funcs.iter().map(func));
        let items = |list: &Exports| {
            list.iter().map(|(name, item)| (name.clone(), moved.item(item))).collect::<Exports>()
        };
        state.exports.extend(met.exports.iter().map(items));
        moved
    }

    fn resource(&self, ty: ResourceTypeId) -> ResourceTypeId {
        self.resources.as_ref().map_or(ty, |resources| resources[ty.0 as usize])
    }

    fn item(&self, item: &Item) -> Item {
        match item {
            Item::Func(func) => Item::Func(FuncId(self.funcs + func.0)),
            Item::Instance(exports) => Item::Instance(ExportsId(self.exports + exports.0)),
            Item::Resource(ty) => Item::Resource(self.resource(*ty)),
            other => other.clone(),
        }
    }
}
