//! What is generated: which modules, under which names, and which kind each function is of.

use super::{
    Config, Error,
    names::{self, Taken, camel, segment},
};
use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec,
    vec::Vec,
};
use core::cell::RefCell;
use std::collections::HashMap;
use wit_parser::{
    Function, FunctionKind, Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId, WorldId, WorldItem,
    WorldKey,
};

/// Which side of a world a module is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Import,
    Export,
}

/// A module for an interface; the first of them is the root, for the world itself.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) side: Side,
    /// Where it is, from the root.
    pub(super) path: Vec<String>,
    /// What components call it.
    pub(super) name: String,
    /// What patterns call it: without its version.
    pub(super) pattern_name: String,
    pub(super) interface: Option<InterfaceId>,
    /// Where it is to be had instead of being generated.
    pub(super) mapped: Option<String>,
    /// Type names that are in use in it.
    pub(super) taken: Taken,
}

/// What a Rust type that stands for a WIT type can do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abilities {
    pub(super) clone: bool,
    pub(super) copy: bool,
    pub(super) partial_eq: bool,
    pub(super) eq: bool,
}

impl Abilities {
    pub(super) const ALL: Self = Self { clone: true, copy: true, partial_eq: true, eq: true };
    const NOT_COPY: Self = Self { copy: false, ..Self::ALL };
    const FLOAT: Self = Self { eq: false, ..Self::ALL };
    /// A handle of the host's stands for something it owns, and so does an end of a stream or future.
    const HANDLE: Self = Self { clone: false, copy: false, partial_eq: false, eq: false };

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            clone: self.clone && other.clone,
            copy: self.copy && other.copy,
            partial_eq: self.partial_eq && other.partial_eq,
            eq: self.eq && other.eq,
        }
    }
}

/// Everything that is known before any text is written.
pub(super) struct Plan<'p> {
    pub(super) config: &'p Config,
    pub(super) resolve: &'p Resolve,
    pub(super) world: WorldId,
    /// What the world's struct is called.
    pub(super) world_name: String,
    pub(super) modules: Vec<Module>,
    /// In which module a type is, and under which name.
    types: HashMap<TypeId, (usize, String)>,
    /// Rust types that stand for resources, by the embedder's will.
    resources: HashMap<TypeId, String>,
    /// What each setting of `with`, by its place, and `at_root` are about: package, interface or resource, with version.
    with: BTreeMap<usize, BTreeSet<String>>,
    at_root: BTreeSet<String>,
    abilities: RefCell<HashMap<TypeId, Abilities>>,
}

impl<'p> Plan<'p> {
    pub(super) fn new(config: &'p Config, resolve: &'p Resolve, world: WorldId) -> Result<Self, Error> {
        let mut plan = Self {
            config,
            resolve,
            world,
            world_name: String::new(),
            modules: vec![Module {
                side: Side::Import,
                path: Vec::new(),
                name: String::new(),
                pattern_name: String::new(),
                interface: None,
                mapped: None,
                taken: Taken::types(),
            }],
            types: HashMap::new(),
            resources: HashMap::new(),
            with: BTreeMap::new(),
            at_root: BTreeSet::new(),
            abilities: RefCell::default(),
        };
        plan.add_modules();
        plan.name_types();
        plan.check_settings()?;
        Ok(plan)
    }

    fn add_modules(&mut self) {
        let world = &self.resolve.worlds[self.world];
        let sides = [(Side::Import, &world.imports), (Side::Export, &world.exports)];
        let mut taken = Taken::new(&["exports"]);
        for (side, items) in sides {
            for (key, item) in items {
                let WorldItem::Interface { id, .. } = item else { continue };
                let mut path = self.module_path(key);
                if side == Side::Export {
                    path.insert(0, "exports".to_owned());
                }
                // Interfaces of two kinds of names may meet in one path.
                let joined = taken.unique(path.join("::"));
                let path: Vec<String> = joined.split("::").map(ToOwned::to_owned).collect();
                let name = self.resolve.name_world_key(key);
                let pattern_name = name.split('@').next().unwrap_or_default().to_owned();
                let mapped = if side == Side::Import { self.mapping(&name, &pattern_name) } else { None };
                self.modules.push(Module {
                    side,
                    path,
                    name,
                    pattern_name,
                    interface: Some(*id),
                    mapped,
                    taken: Taken::types(),
                });
            }
        }
    }

    /// Where the module for something in a world is.
    fn module_path(&mut self, key: &WorldKey) -> Vec<String> {
        let id = match key {
            WorldKey::Name(name) => return vec![segment(name)],
            WorldKey::Interface(id) => *id,
        };
        let interface = &self.resolve.interfaces[id];
        let name = segment(interface.name.as_deref().unwrap_or("interface"));
        let Some(package) = interface.package else { return vec![name] };
        let package = &self.resolve.packages[package].name;
        let unversioned = format!("{}:{}", package.namespace, package.name);
        if self
            .config
            .at_root
            .as_ref()
            .is_some_and(|at_root| *at_root == unversioned || *at_root == format!("{package}"))
        {
            self.at_root.insert(format!("{package}"));
            return vec![name];
        }
        let mut module = segment(&package.name);
        // Of a package in two versions, each has its version in its name.
        let versions = self.resolve.package_names.keys();
        let is_other = |other: &&wit_parser::PackageName| {
            other.namespace == package.namespace
                && other.name == package.name
                && other.version != package.version
        };
        if let Some(version) = &package.version
            && versions.clone().any(|other| is_other(&other))
        {
            let version = format!("{version}").replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
            module = format!("{module}{version}");
        }
        vec![segment(&package.namespace), module, name]
    }

    /// The path that `with` sets for the first of these names that it has; `whole` is the name with its version.
    fn with(&mut self, names: &[&str], whole: &str) -> Option<&'p str> {
        let config = self.config;
        let set = |wanted: &&str| config.with.iter().position(|(name, _)| name == wanted);
        let at = names.iter().find_map(set)?;
        self.with.entry(at).or_default().insert(whole.to_owned());
        Some(&config.with[at].1)
    }

    /// Where an interface is to be had, if the embedder says so: by its own name or its package's.
    fn mapping(&mut self, name: &str, unversioned: &str) -> Option<String> {
        if let Some(path) = self.with(&[name, unversioned], name) {
            return Some(path.to_owned());
        }
        let (package, interface) = unversioned.split_once('/')?;
        let version = name.split_once('@').map_or("", |(_, version)| version);
        let whole = format!("{package}@{version}");
        let path = self.with(&[&whole, package], &whole)?;
        Some(format!("{path}::{}", segment(interface)))
    }

    fn name_types(&mut self) {
        let resolve = self.resolve;
        let world = &resolve.worlds[self.world];
        let at_root = world.imports.iter().filter_map(|(key, item)| match (key, item) {
            (WorldKey::Name(name), WorldItem::Type { id, .. }) => Some((name, *id)),
            _ => None,
        });
        let root = at_root.collect::<Vec<_>>();
        for at in 0..self.modules.len() {
            let module = &mut self.modules[at];
            let types: Vec<(&String, TypeId)> = match module.interface {
                Some(id) => resolve.interfaces[id].types.iter().map(|(name, id)| (name, *id)).collect(),
                None => root.clone(),
            };
            // What is in a module that is to be had elsewhere is as it is there.
            let is_import = module.side == Side::Import && module.mapped.is_none();
            let (name, unversioned) = (module.name.clone(), module.pattern_name.clone());
            for (ty, id) in types {
                let rust = self.modules[at].taken.unique(camel(ty));
                self.types.insert(id, (at, rust));
                if is_import && matches!(resolve.types[id].kind, TypeDefKind::Resource) {
                    let names =
                        [&name, &unversioned].map(|of| ["/", "."].map(|dot| format!("{of}{dot}{ty}")));
                    let [whole, ..] = names.as_flattened() else { continue };
                    let all: Vec<&str> = names.as_flattened().iter().map(String::as_str).collect();
                    if let Some(path) = self.with(&all, whole) {
                        self.resources.insert(id, path.to_owned());
                    }
                }
            }
        }
        self.world_name = self.modules[0].taken.unique(camel(&world.name));
    }

    /// Refuses settings that are about nothing: they would be typing errors.
    fn check_settings(&self) -> Result<(), Error> {
        let functions: Vec<_> = self
            .modules
            .iter()
            .filter(|module| module.side == Side::Import)
            .flat_map(|module| self.functions(module).into_iter().map(move |function| (module, function)))
            .collect();
        for (setting, patterns) in [("poll", &self.config.poll), ("store", &self.config.store)] {
            for pattern in patterns {
                if !functions.iter().any(|(module, function)| is_named(pattern, module, function)) {
                    return Err(Error::Unused { setting, value: pattern.clone() });
                }
            }
        }
        for (at, (name, _)) in self.config.with.iter().enumerate() {
            is_one("with", name, self.with.get(&at))?;
        }
        self.config.at_root.iter().try_for_each(|package| is_one("at-root", package, Some(&self.at_root)))
    }

    /// The functions of a module, or of the world's imports.
    pub(super) fn functions(&self, module: &Module) -> Vec<&'p Function> {
        let resolve = self.resolve;
        match module.interface {
            Some(id) => resolve.interfaces[id].functions.values().collect(),
            None => world_functions(&resolve.worlds[self.world].imports),
        }
    }

    /// The functions that the world itself exports.
    pub(super) fn exported_functions(&self) -> Vec<&'p Function> {
        let resolve = self.resolve;
        world_functions(&resolve.worlds[self.world].exports)
    }

    /// Whether a host's function may wait.
    pub(super) fn may_wait(&self, module: &Module, function: &Function) -> bool {
        function.kind.is_async() || self.config.poll.iter().any(|pattern| is_named(pattern, module, function))
    }

    /// Whether a host's function needs the store.
    pub(super) fn needs_store(&self, module: &Module, function: &Function) -> bool {
        let mut seen = BTreeMap::new();
        function.parameter_and_result_types().any(|ty| self.has_channel(&ty, &mut seen))
            || self.config.store.iter().any(|pattern| is_named(pattern, module, function))
    }

    /// Whether a stream or future is anywhere in a type.
    fn has_channel(&self, ty: &Type, seen: &mut BTreeMap<usize, bool>) -> bool {
        let Type::Id(id) = ty else { return false };
        if let Some(known) = seen.get(&id.index()) {
            return *known;
        }
        let has = match &self.resolve.types[*id].kind {
            TypeDefKind::Stream(_) | TypeDefKind::Future(_) => true,
            kind => parts(kind).iter().any(|part| self.has_channel(part, seen)),
        };
        seen.insert(id.index(), has);
        has
    }

    /// What the Rust type for a WIT type can do.
    pub(super) fn abilities(&self, ty: &Type) -> Abilities {
        let id = match ty {
            Type::F32 | Type::F64 => return Abilities::FLOAT,
            Type::String | Type::ErrorContext => return Abilities::NOT_COPY,
            Type::Id(id) => *id,
            _ => return Abilities::ALL,
        };
        if let Some(known) = self.abilities.borrow().get(&id) {
            return *known;
        }
        let of_parts = |kind: &TypeDefKind| {
            parts(kind).iter().map(|part| self.abilities(part)).fold(Abilities::ALL, Abilities::and)
        };
        let abilities = match &self.resolve.types[id].kind {
            TypeDefKind::Handle(Handle::Own(resource) | Handle::Borrow(resource)) => {
                let is_guests = self
                    .module_of(self.origin(*resource))
                    .is_some_and(|at| self.modules[at].side == Side::Export);
                if is_guests { Abilities::ALL } else { Abilities::HANDLE }
            }
            kind @ (TypeDefKind::List(_) | TypeDefKind::Map(..)) => of_parts(kind).and(Abilities::NOT_COPY),
            TypeDefKind::Stream(_) | TypeDefKind::Future(_) => Abilities::HANDLE,
            kind => of_parts(kind),
        };
        self.abilities.borrow_mut().insert(id, abilities);
        abilities
    }

    /// How many values of arrays, arrays within them included, a type has at one place.
    pub(super) fn array_values(&self, ty: &Type) -> u64 {
        self.array_values_known(ty, &mut BTreeMap::new())
    }

    fn array_values_known(&self, ty: &Type, known: &mut BTreeMap<usize, u64>) -> u64 {
        let Type::Id(id) = ty else { return 1 };
        if let Some(known) = known.get(&id.index()) {
            return *known;
        }
        let values = match &self.resolve.types[*id].kind {
            TypeDefKind::FixedLengthList(part, length) => {
                u64::from(*length).saturating_mul(self.array_values_known(part, known))
            }
            // These lie elsewhere.
            TypeDefKind::List(_) | TypeDefKind::Map(..) => 1,
            kind => {
                let parts = parts(kind);
                let values = parts.iter().map(|part| self.array_values_known(part, known));
                match kind {
                    TypeDefKind::Record(_) | TypeDefKind::Tuple(_) => {
                        values.fold(0, u64::saturating_add).max(1)
                    }
                    // One of them.
                    _ => values.max().unwrap_or(1),
                }
            }
        };
        known.insert(id.index(), values);
        values
    }

    /// What a type is another name for.
    pub(super) fn origin(&self, mut id: TypeId) -> TypeId {
        while let TypeDefKind::Type(Type::Id(next)) = self.resolve.types[id].kind {
            id = next;
        }
        id
    }

    /// Which module a named type is in.
    pub(super) fn module_of(&self, id: TypeId) -> Option<usize> {
        self.types.get(&id).map(|(module, _)| *module)
    }

    /// A named type's name in its module.
    pub(super) fn name_of(&self, id: TypeId) -> Option<&str> {
        self.types.get(&id).map(|(_, name)| name.as_str())
    }

    /// The Rust type that the embedder wants for a resource.
    pub(super) fn resource(&self, id: TypeId) -> Option<&str> {
        self.resources.get(&id).map(String::as_str)
    }

    /// The named types of a module, in order.
    pub(super) fn types_of(&self, module: usize) -> Vec<TypeId> {
        match self.modules[module].interface {
            Some(id) => self.resolve.interfaces[id].types.values().copied().collect(),
            None => {
                let imports = self.resolve.worlds[self.world].imports.values();
                imports
                    .filter_map(|item| if let WorldItem::Type { id, .. } = item { Some(*id) } else { None })
                    .collect()
            }
        }
    }
}

fn world_functions(items: &wit_parser::IndexMap<WorldKey, WorldItem>) -> Vec<&Function> {
    items
        .values()
        .filter_map(|item| if let WorldItem::Function(function) = item { Some(function) } else { None })
        .collect()
}

/// The types that a type is made of.
pub(super) fn parts(kind: &TypeDefKind) -> Vec<Type> {
    match kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|field| field.ty).collect(),
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|case| case.ty).collect(),
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        TypeDefKind::Option(ty)
        | TypeDefKind::List(ty)
        | TypeDefKind::FixedLengthList(ty, _)
        | TypeDefKind::Type(ty) => vec![*ty],
        TypeDefKind::Map(key, value) => vec![*key, *value],
        _ => Vec::new(),
    }
}

/// What comes after the interface in a function's name: `poll`, `pollable.block`, `fields.constructor`.
pub(super) fn local_name(function: &Function) -> String {
    let name = function.name.rsplit(']').next().unwrap_or_default();
    match function.kind {
        FunctionKind::Constructor(_) => format!("{name}.constructor"),
        _ => name.to_owned(),
    }
}

/// Refuses a setting that is about nothing, or about several things where it can mean only one.
fn is_one(setting: &'static str, value: &str, of: Option<&BTreeSet<String>>) -> Result<(), Error> {
    let value = value.to_owned();
    match of.map_or(0, BTreeSet::len) {
        0 => Err(Error::Unused { setting, value }),
        1 => Ok(()),
        _ => Err(Error::Ambiguous { setting, value }),
    }
}

fn is_named(pattern: &str, module: &Module, function: &Function) -> bool {
    let local = local_name(function);
    if pattern.contains('/') {
        [&module.pattern_name, &module.name]
            .iter()
            .any(|interface| names::matches(pattern, &format!("{interface}/{local}")))
    } else {
        names::matches(pattern, &local)
    }
}
