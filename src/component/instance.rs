//! Instantiation: carrying out a component's definitions, one by one, in an environment of their own.

use crate::{
    Error,
    component::{
        abi::GuestOptions,
        call::Lowered,
        canon::{self, Builtin},
        definition::{Canon, Capture, CoreSort, Definition, Named, Op, Options, Sort},
        load::{Component, Loaded},
        ready::Doors,
        store::{
            Captured, ComponentValue, ExportsId, FuncId, FuncInst, Implementor, Instance, InstanceId, Item,
            Lifted, ModuleRef, ResourceType, ResourceTypeId, State, Store,
        },
        table::Table,
        task::{Caller, TaskState},
        types::{AddressType, FuncTypeId, ItemType, ResourceIx, Types},
    },
    engine::{self, CoreFunc, CoreGlobal, CoreMemory, CoreTable, Extern, Fault, Prepared},
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    format,
    sync::Arc,
    vec::Vec,
};
use core::cell::RefCell;

/// A core instance: what it exports, in the order of the names.
struct CoreInstance<'f> {
    exports: Vec<Extern>,
    names: CoreNames<'f>,
}

/// What knows the names of a core instance's exports.
enum CoreNames<'f> {
    Module(engine::Instance),
    Bundle(&'f [Named<CoreSort>]),
}

/// The index spaces of a component while it is instantiated.
struct Frame<'f> {
    instance: InstanceId,
    program: &'f Arc<Loaded>,
    captured: &'f [Captured],
    /// One for each import.
    arguments: Vec<Item>,
    core_funcs: Vec<CoreFunc>,
    /// Those of them whose types were looked at: most functions have the same `realloc`.
    prepared: RefCell<BTreeMap<u32, Prepared>>,
    core_tables: Vec<CoreTable>,
    core_memories: Vec<CoreMemory>,
    core_globals: Vec<CoreGlobal>,
    core_instances: Vec<CoreInstance<'f>>,
    modules: Vec<ModuleRef>,
    funcs: Vec<FuncId>,
    components: Vec<Arc<ComponentValue>>,
    instances: Vec<ExportsId>,
    types: Vec<Option<ResourceTypeId>>,
    depth: u32,
}

/// Bytes that an instance of a component takes and that are kept as long as the store, from above: of each operation, and
/// of what it exports. They bound the work as well: no operation takes less than a place in an index space.
pub(crate) fn price(definition: &Definition) -> u64 {
    let ops = definition.ops.iter().map(price_of_op);
    ops.fold(price_of_items(definition.exports.len()), u64::saturating_add)
}

fn price_of_op(op: &Op) -> u64 {
    const PLACE: u64 = 32;
    /// A core function of the host's, with what it refers to: some 300 bytes.
    const CANON: u64 = 384;
    const LIFT: u64 = 256;
    /// A component instance, its tables empty.
    const INSTANCE: u64 = 512;
    match op {
        Op::Canon(_) => CANON,
        Op::Lift { .. } => LIFT,
        Op::CoreBundle(items) => price_of_items(items.len()),
        Op::Bundle(items) => price_of_items(items.len()),
        Op::CoreInstantiate { args, .. } => price_of_items(args.len()),
        Op::CoreLink { imports, .. } => price_of_items(imports.len()),
        Op::Instantiate { args, .. } => INSTANCE + price_of_items(args.len()),
        Op::Link { imports, .. } => INSTANCE + price_of_items(imports.len()),
        Op::Component { captures, .. } => price_of_items(captures.len()),
        Op::Resource { .. } | Op::BindType { .. } => price_of_items(1),
        Op::BindExport { path, .. } => price_of_items(path.len()),
        Op::BindAt { path, .. } => price_of_items(path.len()),
        _ => PLACE,
    }
}

/// Bytes of a list of named items.
fn price_of_items(count: usize) -> u64 {
    (count as u64).saturating_mul(48).saturating_add(96)
}

/// Places that are made in an index space before anything is in it.
const ROOM_MAX: usize = 64;

/// What the validator has checked and yet is not so: an invariant of this library is broken.
fn broken(what: &'static str) -> Error {
    crate::Trap::Bug(what).into()
}

/// The item of this number in an index space.
fn at<T>(items: &[T], index: u32) -> Result<&T, Error> {
    items.get(index as usize).ok_or_else(|| broken("an item is missing"))
}

/// Makes an instance of a component and of all that nests in it.
///
/// `instance` is its place in the store, made by [`reserve`]; `arguments` are its imports, in its order.
pub(crate) fn instantiate<T: Send + 'static>(
    store: &mut Store<T>,
    component: &ComponentValue,
    instance: InstanceId,
    arguments: Vec<Item>,
    depth: u32,
) -> Result<ExportsId, Error> {
    let allowed = store.inner.limits().component_depth;
    if depth > allowed {
        return Err(Error::limit("component_depth", u64::from(depth), u64::from(allowed)));
    }
    let program = &component.program;
    let definition = program.definition(component.definition);
    store.inner.charge_definition(program.price(component.definition))?;
    // Most have their places then, and none has many more than it needs.
    let room = definition.ops.len().min(ROOM_MAX);
    let mut frame = Frame {
        instance,
        program,
        captured: &component.captured,
        arguments,
        core_funcs: Vec::with_capacity(room),
        prepared: RefCell::default(),
        core_tables: Vec::new(),
        core_memories: Vec::new(),
        core_globals: Vec::new(),
        core_instances: Vec::with_capacity(room / 4),
        modules: Vec::new(),
        funcs: Vec::with_capacity(room / 2),
        components: Vec::new(),
        instances: Vec::with_capacity(room / 4),
        types: Vec::with_capacity(room / 2),
        depth,
    };
    for op in &definition.ops {
        frame.carry_out(store, op)?;
    }
    let exports = definition
        .exports
        .iter()
        .map(|(named, _)| Ok((named.name.clone(), frame.item(named.sort, named.index)?)));
    let exports = exports.collect::<Result<Vec<_>, Error>>()?;
    Ok(store.state_mut().add_exports(exports))
}

/// Makes an instance of a component by itself, in the place made for it.
pub(crate) fn instantiate_root<T: Send + 'static>(
    store: &mut Store<T>,
    component: &Component,
    instance: InstanceId,
    arguments: Vec<Item>,
) -> Result<super::Instance, Error> {
    let value = ComponentValue {
        program: component.loaded.clone(),
        definition: component.root_index(),
        captured: Vec::new(),
    };
    // One for all start functions.
    store.inner.begin_turn();
    // A call that nobody waits for any more may stand in the middle. It goes on when the store runs next.
    let outer = store.state_mut().set_aside();
    let made = instantiate(store, &value, instance, arguments, 0);
    store.state_mut().put_back(outer);
    // What ran and trapped may have left anything half done.
    store.state_mut().poisoned |= made.is_err();
    let store = store.state().number;
    made.map(|exports| super::Instance { exports, component: component.clone(), instance, store })
}

/// An instance that exports just what its type says, of one that exports that or more. As deep as instance types nest,
/// which the validator bounds; they share their parts, so what is walked over is paid for.
fn narrow<T: Send + 'static>(
    store: &mut Store<T>,
    types: &Types,
    ty: u32,
    exports: ExportsId,
) -> Result<ExportsId, Error> {
    let items = types.instances.get(ty as usize).ok_or_else(|| broken("a type is missing"))?;
    store.inner.charge_definition(price_of_items(items.len()))?;
    let item = |(name, ty): &(Arc<str>, ItemType)| {
        let item = store.state().export(exports, name).cloned();
        let item = match (item.ok_or_else(|| broken("an argument's export is missing"))?, *ty) {
            (Item::Instance(inner), ItemType::Instance(ty)) => {
                Item::Instance(narrow(store, types, ty, inner)?)
            }
            (item, _) => item,
        };
        Ok((name.clone(), item))
    };
    let items = items.iter().map(item).collect::<Result<_, Error>>()?;
    Ok(store.state_mut().add_exports(items))
}

/// Makes a place for an instance, charged before anything of it is made.
pub(crate) fn reserve<T: 'static>(
    state: &mut State<T>,
    program: &Arc<Loaded>,
    parent: Option<InstanceId>,
) -> Result<InstanceId, Error> {
    let count = state.instances.len() as u64;
    if count >= u64::from(state.instances_max) {
        return Err(Error::limit("component_instances", count + 1, u64::from(state.instances_max)));
    }
    state.instances.push(Instance {
        program: program.clone(),
        parent,
        resources: Vec::new(),
        handles: Table::default(),
        threads: Table::default(),
        may_enter: true,
        may_leave: true,
        backpressure: 0,
        waiting_to_enter: 0,
        doors: Doors::default(),
        looking: BTreeSet::new(),
        exclusive: None,
        transit: None,
    });
    Ok(InstanceId(count as u32))
}

impl<'f> Frame<'f> {
    fn carry_out<T: Send + 'static>(&mut self, store: &mut Store<T>, op: &'f Op) -> Result<(), Error> {
        match op {
            Op::Import(import) => {
                let item = self.arguments.get(*import as usize).cloned();
                self.push(item.ok_or_else(|| broken("an argument is missing"))?);
            }
            Op::Module(index) => {
                self.modules.push(ModuleRef { program: self.program.clone(), index: *index })
            }
            Op::Component { definition, captures } => {
                let captured =
                    captures.iter().map(|capture| self.capture(*capture)).collect::<Result<_, _>>()?;
                let program = self.program.clone();
                self.components.push(Arc::new(ComponentValue { program, definition: *definition, captured }));
            }
            Op::CapturedModule(at) => match &self.captured[*at as usize] {
                Captured::Module(module) => self.modules.push(module.clone()),
                Captured::Component(_) => return Err(broken("a captured module is none")),
            },
            Op::CapturedComponent(at) => match &self.captured[*at as usize] {
                Captured::Component(component) => self.components.push(component.clone()),
                Captured::Module(_) => return Err(broken("a captured component is none")),
            },
            Op::Type => self.types.push(None),
            Op::Resource { id, dtor } => self.resource(store, *id, *dtor),
            Op::CoreInstantiate { module, args } => {
                let imports = self.core_arguments(store, *module, args)?;
                self.core_instantiate(store, *module, &imports)?;
            }
            Op::CoreLink { module, imports } => {
                let item = |(instance, place): &(u32, u32)| {
                    at(&at(&self.core_instances, *instance)?.exports, *place).copied()
                };
                let items: Vec<_> = imports.iter().map(item).collect::<Result<_, _>>()?;
                self.core_instantiate(store, *module, &items)?;
            }
            Op::CoreBundle(items) => self.core_bundle(items),
            Op::Instantiate { component, args } => {
                let component = at(&self.components, *component)?.clone();
                let arguments = self.arguments(store, &component, args)?;
                self.instantiate(store, &component, arguments)?;
            }
            Op::Link { component, imports } => {
                let component = at(&self.components, *component)?.clone();
                let arguments = imports.iter().map(|(sort, index)| self.item(*sort, *index));
                let arguments = arguments.collect::<Result<_, _>>()?;
                self.instantiate(store, &component, arguments)?;
            }
            Op::Bundle(items) => {
                let items = self.items(items)?;
                let exports = store.state_mut().add_exports(items);
                self.instances.push(exports);
            }
            Op::AliasExport { .. } | Op::AliasAt { .. } | Op::AliasCore { .. } | Op::AliasCoreAt { .. } => {
                self.alias(store, op)?;
            }
            Op::Lift { core, ty, options } => self.lift(store, *core, *ty, options)?,
            Op::Canon(canon) => self.canon(store, canon)?,
            Op::Again { sort, index } => {
                let item = self.item(*sort, *index)?;
                self.push(item);
            }
            Op::BindType { .. } | Op::BindExport { .. } | Op::BindAt { .. } => self.bind(store, op)?,
        }
        Ok(())
    }

    /// A core function as a component's.
    fn lift<T: Send + 'static>(
        &mut self,
        store: &mut Store<T>,
        core: u32,
        ty: FuncTypeId,
        options: &Options,
    ) -> Result<(), Error> {
        let core = store.inner.prepare(self.core_funcs[core as usize]);
        let results = canon::lifted_results(self.program.types(), ty, options);
        let options = self.options(store, options)?;
        let id = FuncId(store.state().funcs.len() as u32);
        let func = store.state_mut().add_func(FuncInst::Lifted(Lifted { id, core, results, ty, options }));
        self.funcs.push(func);
        Ok(())
    }

    /// What an instance exports, as an item of this one.
    fn alias<T: Send + 'static>(&mut self, store: &Store<T>, op: &'f Op) -> Result<(), Error> {
        let item = match op {
            Op::AliasExport { instance, name, .. } => {
                store.state().export(*at(&self.instances, *instance)?, name).cloned()
            }
            Op::AliasAt { instance, at: place, .. } => {
                store.state().export_at(*at(&self.instances, *instance)?, *place).cloned()
            }
            Op::AliasCore { instance, name, sort } => {
                let item = self.core_export(store, *instance, name);
                return self.push_core(*sort, item);
            }
            Op::AliasCoreAt { instance, at: place, sort } => {
                let item = *at(&at(&self.core_instances, *instance)?.exports, *place)?;
                return self.push_core(*sort, Some(item));
            }
            _ => None,
        };
        self.push(item.ok_or_else(|| broken("an aliased export is missing"))?);
        Ok(())
    }

    /// Which resource type one of the program's stands for.
    fn bind<T: Send + 'static>(&mut self, store: &mut Store<T>, op: &'f Op) -> Result<(), Error> {
        match op {
            Op::BindType { index, id } => {
                let ty = self.types[*index as usize];
                let ty = ty.ok_or_else(|| broken("a resource type is missing"))?;
                store.state_mut().bind(self.instance, *id, ty);
                Ok(())
            }
            Op::BindExport { instance, path, id } => {
                self.bind_export(store, *instance, path, *id, |state, exports, name| {
                    state.export(exports, name)
                })
            }
            Op::BindAt { instance, path, id } => {
                self.bind_export(store, *instance, path, *id, |state, exports, at| {
                    state.export_at(exports, *at)
                })
            }
            _ => Err(broken("this binds no resource type")),
        }
    }

    fn push(&mut self, item: Item) {
        match item {
            Item::Func(func) => self.funcs.push(func),
            Item::Instance(exports) => self.instances.push(exports),
            Item::Module(module) => self.modules.push(module),
            Item::Component(component) => self.components.push(component),
            Item::Resource(ty) => self.types.push(Some(ty)),
            Item::Type => self.types.push(None),
        }
    }

    fn item(&self, sort: Sort, index: u32) -> Result<Item, Error> {
        let index = index as usize;
        let item = match sort {
            Sort::Module => self.modules.get(index).cloned().map(Item::Module),
            Sort::Func => self.funcs.get(index).copied().map(Item::Func),
            Sort::Component => self.components.get(index).cloned().map(Item::Component),
            Sort::Instance => self.instances.get(index).copied().map(Item::Instance),
            Sort::Type => self.types.get(index).map(|ty| ty.map_or(Item::Type, Item::Resource)),
        };
        item.ok_or_else(|| broken("an item is missing"))
    }

    fn items(&self, named: &[Named<Sort>]) -> Result<Vec<(Arc<str>, Item)>, Error> {
        named.iter().map(|named| Ok((named.name.clone(), self.item(named.sort, named.index)?))).collect()
    }

    fn capture(&self, capture: Capture) -> Result<Captured, Error> {
        let outer = |at: u32| {
            let captured = self.captured.get(at as usize).cloned();
            captured.ok_or_else(|| broken("a captured item is missing"))
        };
        match capture {
            Capture::Module(index) => match self.item(Sort::Module, index)? {
                Item::Module(module) => Ok(Captured::Module(module)),
                _ => Err(broken("a captured module is none")),
            },
            Capture::Component(index) => match self.item(Sort::Component, index)? {
                Item::Component(component) => Ok(Captured::Component(component)),
                _ => Err(broken("a captured component is none")),
            },
            Capture::OuterModule(at) | Capture::OuterComponent(at) => outer(at),
        }
    }

    fn resource<T: Send + 'static>(&mut self, store: &mut Store<T>, id: ResourceIx, dtor: Option<u32>) {
        let state = store.state_mut();
        let dtor = dtor.map(|dtor| self.core_funcs[dtor as usize]);
        let implementor = Implementor::Guest(self.instance);
        let ty = state.resource_types.push(ResourceType { implementor, dtor, host_dtor: None });
        let ty = ResourceTypeId(ty);
        state.bind(self.instance, id, ty);
        self.types.push(Some(ty));
    }

    /// Binds a resource to the type that is found by a path, one export in the other.
    fn bind_export<T: Send + 'static, P>(
        &self,
        store: &mut Store<T>,
        instance: u32,
        path: &[P],
        id: ResourceIx,
        find: impl for<'s> Fn(&'s State<T>, ExportsId, &P) -> Option<&'s Item>,
    ) -> Result<(), Error> {
        let mut exports = *at(&self.instances, instance)?;
        for step in path {
            match find(store.state(), exports, step) {
                Some(Item::Instance(inner)) => exports = *inner,
                Some(Item::Resource(ty)) => {
                    let ty = *ty;
                    store.state_mut().bind(self.instance, id, ty);
                    return Ok(());
                }
                _ => return Err(broken("an exported resource type is missing")),
            }
        }
        Err(broken("an exported resource type is an instance"))
    }

    /// A core module's imports, found by their names.
    fn core_arguments<T: Send + 'static>(
        &self,
        store: &Store<T>,
        module: u32,
        args: &[(Arc<str>, u32)],
    ) -> Result<Vec<Extern>, Error> {
        let ModuleRef { program, index } = at(&self.modules, module)?;
        let import = |(from, name)| {
            let found = args.binary_search_by(|(arg, _)| (**arg).cmp(from)).ok();
            let item = found.and_then(|found| self.core_export(store, args[found].1, name));
            item.ok_or_else(|| Error::malformed(format!("core import {from}::{name} is missing"), None))
        };
        program.module(*index).import_names().map(import).collect()
    }

    fn core_instantiate<T: Send + 'static>(
        &mut self,
        store: &mut Store<T>,
        module: u32,
        imports: &[Extern],
    ) -> Result<(), Error> {
        let ModuleRef { program, index } = at(&self.modules, module)?;
        let module = program.module(*index);
        let instance = self.instantiate_core(store, module, imports)?;
        let exports = store.inner.core_exports(instance, module);
        self.core_instances.push(CoreInstance { exports, names: CoreNames::Module(instance) });
        Ok(())
    }

    /// Runs a core module's start function as a task of this instance, which must not wait.
    fn instantiate_core<T: Send + 'static>(
        &self,
        store: &mut Store<T>,
        module: &engine::Module,
        imports: &[Extern],
    ) -> Result<engine::Instance, Error> {
        if module.start().is_none() {
            return store.inner.instantiate_and_start(module, imports);
        }
        let state = store.state_mut();
        let Some(any) =
            self.core_funcs.first().copied().or_else(|| imports.iter().find_map(|item| item.into_func()))
        else {
            return store.inner.instantiate_and_start(module, imports);
        };
        let func = Lifted {
            id: Lifted::NO_FUNC,
            core: Prepared::Any(any),
            results: 0,
            ty: FuncTypeId(u32::MAX),
            options: GuestOptions::bare(self.instance),
        };
        let (task, thread) = state.new_task(func, false, Caller::Instantiation).map_err(Fault::into_error)?;
        state.register_thread(thread).map_err(Fault::into_error)?;
        state.tasks.get_mut(task)?.state = TaskState::Started;
        let before = state.current.replace(thread);
        state.set_entered(self.instance, None, true);
        let result = store.inner.instantiate_and_start(module, imports);
        let state = store.state_mut();
        state.current = before;
        state.set_entered(self.instance, None, false);
        if result.is_ok() {
            // Threads that it made go on without it.
            state.tasks.get_mut(task)?.state = TaskState::Resolved;
            state.unregister_thread(thread)?;
        }
        result
    }

    /// What a core instance exports under a name.
    fn core_export<T: Send + 'static>(&self, store: &Store<T>, instance: u32, name: &str) -> Option<Extern> {
        let CoreInstance { exports, names } = self.core_instances.get(instance as usize)?;
        match names {
            CoreNames::Module(instance) => store.inner.core_export(*instance, name),
            CoreNames::Bundle(names) => {
                let at = names.binary_search_by(|known| (*known.name).cmp(name)).ok()?;
                exports.get(at).copied()
            }
        }
    }

    fn core_bundle(&mut self, items: &'f [Named<CoreSort>]) {
        let item = |named: &Named<CoreSort>| {
            let index = named.index as usize;
            match named.sort {
                CoreSort::Func => Extern::Func(self.core_funcs[index]),
                CoreSort::Table => Extern::Table(self.core_tables[index]),
                CoreSort::Memory => Extern::Memory(self.core_memories[index]),
                CoreSort::Global => Extern::Global(self.core_globals[index]),
            }
        };
        let exports = items.iter().map(item).collect();
        self.core_instances.push(CoreInstance { exports, names: CoreNames::Bundle(items) });
    }

    fn push_core(&mut self, sort: CoreSort, item: Option<Extern>) -> Result<(), Error> {
        match (sort, item) {
            (CoreSort::Func, Some(Extern::Func(func))) => self.core_funcs.push(func),
            (CoreSort::Table, Some(Extern::Table(table))) => self.core_tables.push(table),
            (CoreSort::Memory, Some(Extern::Memory(memory))) => self.core_memories.push(memory),
            (CoreSort::Global, Some(Extern::Global(global))) => self.core_globals.push(global),
            _ => return Err(broken("an aliased core export is missing")),
        }
        Ok(())
    }

    /// A component's imports, found by their names.
    fn arguments<T: Send + 'static>(
        &self,
        store: &mut Store<T>,
        component: &ComponentValue,
        args: &[Named<Sort>],
    ) -> Result<Vec<Item>, Error> {
        let ComponentValue { program, definition, .. } = component;
        // In these, places of exports are known: see `link.rs`.
        let is_exact = program.is_root(*definition);
        let argument = |(name, ty): &(Arc<str>, ItemType)| {
            let found = args.binary_search_by(|arg| arg.name.cmp(name));
            let arg = found.map(|found| &args[found]).map_err(|_| broken("an argument is missing"))?;
            match (self.item(arg.sort, arg.index)?, *ty) {
                (Item::Instance(exports), ItemType::Instance(ty)) if is_exact => {
                    narrow(store, program.types(), ty, exports).map(Item::Instance)
                }
                (item, _) => Ok(item),
            }
        };
        program.definition(*definition).imports.iter().map(argument).collect()
    }

    // As deep as components are instantiated in components, which is counted.
    fn instantiate<T: Send + 'static>(
        &mut self,
        store: &mut Store<T>,
        component: &ComponentValue,
        arguments: Vec<Item>,
    ) -> Result<(), Error> {
        let child = reserve(store.state_mut(), &component.program, Some(self.instance))?;
        let exports = instantiate(store, component, child, arguments, self.depth + 1)?;
        self.instances.push(exports);
        Ok(())
    }

    /// What addresses of a memory are.
    fn address<T: Send + 'static>(
        &self,
        store: &Store<T>,
        memory: Option<u32>,
    ) -> Result<AddressType, Error> {
        match memory {
            Some(index) if store.inner.is_memory_64(self.core_memories[index as usize]) => {
                // A validator saw that the proposal is on, or a bundle says that its component uses it.
                if !self.program.types().is_wide() {
                    return Err(broken("a 64-bit memory where there can be none"));
                }
                Ok(AddressType::I64)
            }
            _ => Ok(AddressType::I32),
        }
    }

    fn options<T: Send + 'static>(&self, store: &Store<T>, options: &Options) -> Result<GuestOptions, Error> {
        let func = |index: Option<u32>| index.map(|index| self.core_funcs[index as usize]);
        let prepared = |index: Option<u32>| {
            let prepare = |index: u32| store.inner.prepare(self.core_funcs[index as usize]);
            index.map(|index| *self.prepared.borrow_mut().entry(index).or_insert_with(|| prepare(index)))
        };
        Ok(GuestOptions {
            instance: self.instance,
            encoding: options.encoding,
            memory: options.memory.map(|index| self.core_memories[index as usize]),
            address: self.address(store, options.memory)?,
            realloc: prepared(options.realloc),
            post_return: prepared(options.post_return),
            callback: func(options.callback),
            is_async: options.is_async,
        })
    }

    fn canon<T: Send + 'static>(&mut self, store: &mut Store<T>, canon: &Canon) -> Result<(), Error> {
        let address = match canon {
            Canon::ThreadNewIndirect { table, .. }
                if store.inner.is_table_64(self.core_tables[*table as usize]) =>
            {
                AddressType::I64
            }
            _ => self.address(store, canon.memory())?,
        };
        let (params, results) = canon::signature(canon, self.program.types(), address);
        let resource = |id: ResourceIx| store.state().resource_of(self.instance, id);
        let memory = |index: u32| self.core_memories[index as usize];
        let builtin: Builtin<T> = match canon {
            Canon::Lower { func, ty, options } => {
                let (callee, program) = (self.funcs[*func as usize], self.program.clone());
                let lowered = Lowered { callee, program, ty: *ty, options: self.options(store, options)? };
                match &store.state().funcs[callee.0] {
                    FuncInst::Host(function, ..) => Builtin::LowerHost(lowered, function.clone()),
                    FuncInst::Lifted(callee) => Builtin::Lower(lowered, Box::new(*callee)),
                }
            }
            Canon::ResourceNew(id) => Builtin::ResourceNew(resource(*id)?),
            Canon::ResourceNewWide(id) => {
                let ty = resource(*id)?;
                // Before the first of them is made.
                store.state_mut().widen(ty);
                Builtin::ResourceNew(ty)
            }
            Canon::ResourceDrop(id) => Builtin::ResourceDrop(resource(*id)?),
            Canon::ResourceRep(id) | Canon::ResourceRepWide(id) => Builtin::ResourceRep(resource(*id)?),
            Canon::WaitableSetWait { memory: index } => Builtin::WaitableSetWait(memory(*index)),
            Canon::WaitableSetPoll { memory: index } => Builtin::WaitableSetPoll(memory(*index)),
            Canon::TaskReturn { result, options } => {
                Builtin::TaskReturn { result: *result, options: self.options(store, options)? }
            }
            Canon::Copy { channel, end, payload, options } => Builtin::Copy {
                channel: *channel,
                end: *end,
                payload: *payload,
                options: self.options(store, options)?,
            },
            Canon::ErrorContextNew { options } => Builtin::ErrorContextNew(self.options(store, options)?),
            Canon::ErrorContextDebugMessage { options } => {
                Builtin::ErrorContextDebugMessage(self.options(store, options)?)
            }
            Canon::ThreadNewIndirect { table, .. } => {
                Builtin::ThreadNewIndirect { table: self.core_tables[*table as usize], param: params[1] }
            }
            plain => Builtin::Plain(plain.clone()),
        };
        let instance = self.instance;
        let function =
            store.cx().define(&params, &results, move |cx, flat| canon::call(cx, instance, &builtin, flat));
        self.core_funcs.push(function);
        Ok(())
    }
}
