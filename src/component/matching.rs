//! Whether what is offered is what is imported; what is not is told all at once.

use crate::{
    Error, Limits, MissingImport,
    component::{
        describe,
        host::Check,
        linker::Offer,
        load::Loaded,
        resource::ResourceType as HostResource,
        sorted::Sorted,
        store::{
            ComponentValue, FuncId, FuncInst, HostDestructor, InstanceId, Item, ModuleRef, ResourceTypeId,
            State,
        },
        subtype::Comparison,
        types::{CoreType, CoreVal, FuncTypeId, ItemType, ModuleTypeDef, ResourceIx},
    },
    engine::{ExternType, ValType},
};
use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

/// Meets a component's imports with what is offered.
pub(crate) struct Matcher<'m, T: 'static> {
    state: &'m mut State<T>,
    program: Arc<Loaded>,
    instance: InstanceId,
    missing: Vec<MissingImport>,
    /// Bytes of their texts.
    told: usize,
    /// Types that the host implements, which were met.
    host_types: Vec<ResourceTypeId>,
    /// Whether an offer was an item of another store, which means nothing in this one.
    pub(crate) has_items: bool,
    /// Items of instances that were met, each as often as it was, and how many may be: instance types share their
    /// parts, so they are many times what the file declares.
    expanded: u64,
    expanded_max: u64,
}

/// What finds an offer by name.
type Lookup<'o, T> = dyn Fn(&State<T>, &str) -> Option<Offer<T>> + 'o;

/// How many mismatches are kept, and how many bytes of their texts, about: a component may declare any number of imports,
/// of long names and wide types.
const MISSING_MAX: usize = 1_000;
const TOLD_MAX: usize = 64 << 10;
/// So many bytes are told of the names of the instances that an item is in.
const PATH_MAX: usize = 2 * describe::NAME_MAX;

impl<'m, T: Send + 'static> Matcher<'m, T> {
    pub(crate) fn new(
        state: &'m mut State<T>,
        program: &Arc<Loaded>,
        instance: InstanceId,
        limits: &Limits,
    ) -> Self {
        let expanded_max = limits.definitions.into();
        let program = program.clone();
        let (missing, host_types) = (Vec::new(), Vec::new());
        let (has_items, told, expanded) = (false, 0, 0);
        Self { state, program, instance, missing, told, host_types, has_items, expanded, expanded_max }
    }

    /// Tells what was missing, or of another type.
    pub(crate) fn finish(self) -> Result<(), Error> {
        if self.expanded > self.expanded_max {
            return Err(Error::limit("definitions", self.expanded, self.expanded_max));
        }
        if self.missing.is_empty() { Ok(()) } else { Err(Error::imports(self.missing)) }
    }

    fn miss(&mut self, module: &str, name: &str, ty: ItemType, found: Option<String>) -> Option<Item> {
        if self.missing.len() >= MISSING_MAX || self.told >= TOLD_MAX {
            return None;
        }
        let (module, name) = if module.is_empty() { (name, "") } else { (module, name) };
        let missing = MissingImport {
            module: describe::cut(module, PATH_MAX),
            name: describe::cut(name, describe::NAME_MAX),
            expected: describe::item(self.program.types(), ty),
            found: found.map(|found| describe::cut(&found, 2 * describe::TEXT_MAX)),
            of_component: true,
        };
        let texts = [&missing.module, &missing.name, &missing.expected];
        self.told += texts.into_iter().chain(&missing.found).map(String::len).sum::<usize>();
        self.missing.push(missing);
        None
    }

    /// What is imported as `name`, if the offer does. As deep as instance types nest, which the validator bounds.
    pub(crate) fn import(
        &mut self,
        module: &str,
        name: &str,
        expected: ItemType,
        offer: Option<&Offer<T>>,
    ) -> Option<Item> {
        if let Some(Offer::Item(store, _)) = offer
            && *store != self.state.number
        {
            self.has_items = true;
            return None;
        }
        match (expected, offer) {
            (ItemType::Type(_), _) => Some(Item::Type),
            (ItemType::Instance(ty), None) => self.instance(module, name, ty, &|_, _| None),
            (ItemType::Resource(ix), None) => match self.state.find_resource(self.instance, ix) {
                // It is one that was imported before, and need not be offered again.
                Some(known) => Some(Item::Resource(known)),
                None => self.miss(module, name, expected, None),
            },
            (_, None) => self.miss(module, name, expected, None),
            (ItemType::Func(ty), Some(Offer::Func(function))) => {
                let function = function.clone();
                match self.check(|check| function.check(check, ty)) {
                    Ok(()) => {
                        let seen = (self.instance, ty);
                        let func = self.state.add_func(FuncInst::Host(function, shown(module, name), seen));
                        Some(Item::Func(func))
                    }
                    Err(found) => self.miss(module, name, expected, Some(format!("type mismatch: {found}"))),
                }
            }
            (ItemType::Func(ty), Some(Offer::Item(_, Item::Func(func)))) => {
                match self.check_func(*func, ty) {
                    Ok(()) => Some(Item::Func(*func)),
                    Err(found) => self.miss(module, name, expected, Some(found)),
                }
            }
            (ItemType::Resource(ix), Some(Offer::Resource(resource, dtor))) => {
                let ty = self.host_resource(*resource, dtor);
                self.resource(module, name, ix, ty)
            }
            (ItemType::Resource(ix), Some(Offer::Item(_, Item::Resource(ty)))) => {
                self.resource(module, name, ix, *ty)
            }
            (ItemType::Instance(ty), Some(Offer::Instance(names))) => {
                self.instance(module, name, ty, &|_, name| names.find(name).cloned())
            }
            (ItemType::Instance(ty), Some(Offer::Item(_, Item::Instance(exports)))) => {
                self.instance(module, name, ty, &|state, name| {
                    state.export(*exports, name).cloned().map(|item| Offer::Item(state.number, item))
                })
            }
            (ItemType::Module(ty), Some(Offer::Module(found) | Offer::Item(_, Item::Module(found)))) => {
                match self.check_module(ty, found) {
                    Ok(()) => Some(Item::Module(found.clone())),
                    Err(found) => self.miss(module, name, expected, Some(found)),
                }
            }
            (ItemType::Component(ty), Some(Offer::Component(found))) => {
                let (program, definition) = (found.loaded.clone(), found.root_index());
                let found = Arc::new(ComponentValue { program, definition, captured: Vec::new() });
                self.component(module, name, ty, &found)
            }
            (ItemType::Component(ty), Some(Offer::Item(_, Item::Component(found)))) => {
                self.component(module, name, ty, found)
            }
            (_, Some(offer)) => self.miss(module, name, expected, Some(sort_of(offer).to_owned())),
        }
    }

    fn check<R>(&self, check: impl FnOnce(&Check<'_>) -> R) -> R {
        let state = &*self.state;
        let implementor = |ix: ResourceIx| {
            let ty = state.resource_of(self.instance, ix).ok()?;
            Some(state.resource_type(ty).implementor)
        };
        check(&Check { types: self.program.types(), implementor: &implementor })
    }

    fn instance(&mut self, module: &str, name: &str, ty: u32, offer: &Lookup<'_, T>) -> Option<Item> {
        let program = self.program.clone();
        self.expanded = self.expanded.saturating_add(program.types().instances[ty as usize].len() as u64);
        if self.expanded > self.expanded_max {
            return None;
        }
        // Only for who reads it: instance types nest deep and their names are long.
        let path = describe::cut(name, describe::NAME_MAX);
        let path =
            if module.is_empty() { path } else { describe::cut(&format!("{module}/{path}"), PATH_MAX) };
        let mut exports = Vec::new();
        let before = self.missing.len();
        for (name, ty) in &program.types().instances[ty as usize] {
            let offer = offer(self.state, name);
            if let Some(item) = self.import(&path, name, *ty, offer.as_ref()) {
                exports.push((name.clone(), item));
            }
        }
        if self.missing.len() > before {
            return None;
        }
        Some(Item::Instance(self.state.add_exports(exports)))
    }

    /// The store's resource type for one of the host's. Offered under several names, it is destroyed as the first says.
    fn host_resource(&mut self, resource: HostResource, dtor: &HostDestructor<T>) -> ResourceTypeId {
        let ty = self.state.host_type(resource.0, Some(dtor));
        if !self.host_types.contains(&ty) {
            self.host_types.push(ty);
            self.state.destroy_by(self.instance, ty, dtor);
        }
        ty
    }

    fn resource(&mut self, module: &str, name: &str, ix: ResourceIx, ty: ResourceTypeId) -> Option<Item> {
        match self.state.find_resource(self.instance, ix) {
            // The import says it is one that was imported before.
            Some(known) if known != ty => self.miss(
                module,
                name,
                ItemType::Resource(ix),
                Some("another resource: mismatched resource types".into()),
            ),
            Some(_) => Some(Item::Resource(ty)),
            None => {
                self.state.bind(self.instance, ix, ty);
                Some(Item::Resource(ty))
            }
        }
    }

    /// Compares the type of a function in the store with the imported one.
    fn check_func(&self, func: FuncId, ty: FuncTypeId) -> Result<(), String> {
        let state = &*self.state;
        // One of the host's may be any; it is exported as what it was imported as.
        let (view, found) = match &state.funcs[func.0] {
            FuncInst::Host(_, _, seen) => *seen,
            FuncInst::Lifted(lifted) => (lifted.options.instance, lifted.ty),
        };
        let (left_types, right_types) = (state.instance(view).program.types(), self.program.types());
        let (left, right) = (left_types.func(found), right_types.func(ty));
        let same = |a, b| state.same_type((view, left_types, a), (self.instance, right_types, b), &mut 0);
        let params = left.params.len() == right.params.len()
            && left.params.iter().zip(&*right.params).all(|(a, b)| a.0 == b.0 && same(a.1, b.1));
        let result = match (left.result, right.result) {
            (None, None) => true,
            (Some(a), Some(b)) => same(a, b),
            _ => false,
        };
        if params && result && left.is_async == right.is_async {
            return Ok(());
        }
        Err(describe::func(left_types, found))
    }

    /// Whether a module needs no more than its type says and gives no less.
    fn check_module(&self, ty: u32, found: &ModuleRef) -> Result<(), String> {
        let expected = &self.program.types().modules[ty as usize];
        let module = found.program.module(found.index);
        for (name, ty) in &expected.exports {
            let Some(export) = module.export_type(name) else {
                return Err(format!("a module: module export `{name}` not defined"));
            };
            fits(ty, &core_type(&export))?;
        }
        let given: Sorted<_, _> =
            expected.imports.iter().map(|(from, name, ty)| ((&**from, &**name), ty)).collect();
        for (from, name, ty) in module.import_types() {
            let Some(given) = given.get(&(from, name)) else {
                return Err(format!("a module: module import `{from}::{name}` not defined"));
            };
            fits(&core_type(&ty), given)?;
        }
        Ok(())
    }

    /// A component, if it needs no more than its type says and gives no less.
    fn component(&mut self, module: &str, name: &str, ty: u32, found: &Arc<ComponentValue>) -> Option<Item> {
        let types = self.program.types();
        let definition = found.program.definition(found.definition);
        let imports = definition.imports.iter().map(|(name, ty)| (name, *ty));
        let exports = definition.exports.iter().map(|(item, ty)| (&item.name, *ty));
        let outer = &self.state.instance(self.instance).resources;
        let mut comparison = Comparison::new(types, found.program.types(), outer);
        match comparison.component(&types.components[ty as usize], imports, exports) {
            Ok(()) => Some(Item::Component(found.clone())),
            Err(found) => self.miss(module, name, ItemType::Component(ty), Some(found)),
        }
    }
}

/// Whether a module of one type can stand where one of another is expected.
pub(crate) fn module_fits(expected: &ModuleTypeDef, found: &ModuleTypeDef) -> bool {
    let given: Sorted<_, _> =
        expected.imports.iter().map(|(from, name, ty)| ((&**from, &**name), ty)).collect();
    let gives: Sorted<_, _> = found.exports.iter().map(|(name, ty)| (&**name, ty)).collect();
    let imports = found
        .imports
        .iter()
        .all(|(from, name, ty)| given.get(&(&**from, &**name)).is_some_and(|given| fits(ty, given).is_ok()));
    imports
        && expected
            .exports
            .iter()
            .all(|(name, ty)| gives.get(&&**name).is_some_and(|found| fits(ty, found).is_ok()))
}

fn sort_of<T>(offer: &Offer<T>) -> &'static str {
    match offer {
        Offer::Instance(_) | Offer::Item(_, Item::Instance(_)) => "instance",
        Offer::Func(_) | Offer::Item(_, Item::Func(_)) => "function",
        Offer::Resource(..) | Offer::Item(_, Item::Resource(_)) => "resource",
        Offer::Module(_) | Offer::Item(_, Item::Module(_)) => "module",
        Offer::Component(_) | Offer::Item(_, Item::Component(_)) => "component",
        Offer::Item(_, Item::Type) => "type",
    }
}

/// The interpreter's type of a core item as ours.
fn core_type(ty: &ExternType) -> CoreType {
    match ty {
        ExternType::Func(ty) => {
            let list = |types: &[ValType]| types.iter().map(|ty| core_val(*ty)).collect();
            CoreType::Func(list(ty.params()), list(ty.results()))
        }
        ExternType::Memory(ty) => {
            CoreType::Memory { min: ty.minimum(), max: ty.maximum(), is_64: ty.is_64(), shared: false }
        }
        ExternType::Table(ty) => CoreType::Table {
            min: ty.minimum(),
            max: ty.maximum(),
            is_64: ty.is_64(),
            element: if ty.element() == crate::engine::RefType::Func {
                CoreVal::FuncRef
            } else {
                CoreVal::ExternRef
            },
        },
        ExternType::Global(ty) => CoreType::Global {
            ty: core_val(ty.content()),
            mutable: format!("{:?}", ty.mutability()) == "Var",
        },
    }
}

fn core_val(ty: ValType) -> CoreVal {
    match ty {
        ValType::I32 => CoreVal::I32,
        ValType::I64 => CoreVal::I64,
        ValType::F32 => CoreVal::F32,
        ValType::F64 => CoreVal::F64,
        ValType::V128 => CoreVal::V128,
        ValType::FuncRef => CoreVal::FuncRef,
        ValType::ExternRef => CoreVal::ExternRef,
    }
}

/// Whether a core item can stand where another type is expected (core specification, "Import Matching").
fn fits(expected: &CoreType, found: &CoreType) -> Result<(), String> {
    let limits = |(min, max): (u64, Option<u64>), (found_min, found_max): (u64, Option<u64>)| {
        found_min >= min && max.is_none_or(|max| found_max.is_some_and(|found| found <= max))
    };
    let fits = match (expected, found) {
        (
            CoreType::Memory { min, max, is_64, shared },
            CoreType::Memory { min: found_min, max: found_max, is_64: found_64, shared: found_shared },
        ) => is_64 == found_64 && shared == found_shared && limits((*min, *max), (*found_min, *found_max)),
        (
            CoreType::Table { min, max, is_64, element },
            CoreType::Table { min: found_min, max: found_max, is_64: found_64, element: found_element },
        ) => is_64 == found_64 && element == found_element && limits((*min, *max), (*found_min, *found_max)),
        (expected, found) => expected == found,
    };
    if fits {
        return Ok(());
    }
    let (expected_text, found_text) = (describe::core(expected), describe::core(found));
    if matches!((expected, found), (CoreType::Func(..), CoreType::Func(..))) {
        return Err(format!("a module: expected type `{expected_text}`, found type `{found_text}`"));
    }
    let sort = |text: &str| text.trim_start_matches('(').split([' ', ')']).next().unwrap_or("").to_string();
    Err(format!("a module: expected {} found {}", sort(&expected_text), sort(&found_text)))
}

/// What a host function goes by to those who watch: `example:io/streams.output-stream.write`, and without a version.
fn shown(module: &str, name: &str) -> Arc<str> {
    let interface = module.split('@').next().unwrap_or_default();
    let name = name.rsplit(']').next().unwrap_or_default();
    if interface.is_empty() { name.into() } else { format!("{interface}.{name}").into() }
}
