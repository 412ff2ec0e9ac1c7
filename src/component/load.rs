//! Loaded components.

use crate::{
    Error, Limits,
    component::{
        Features, binary,
        checked::Checked,
        definition::Definition,
        instance, link, names,
        types::{ItemType, Types},
    },
    engine::{self, Metering, Module, Outline},
};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::ops::Range;

/// Configuration that components are loaded under, and the interpreter they are loaded into.
///
/// The interpreter keeps every module it compiled until the engine and all that was loaded into it are dropped: give
/// each program an engine of its own. Components that are linked with each other need the same one.
#[derive(Clone, Debug)]
pub struct Engine {
    core: engine::Engine,
    pub(crate) features: Features,
    limits: Limits,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(Features::default(), &Limits::default())
    }
}

impl Engine {
    /// An engine for components that use `features` and stay within `limits`, with metering on.
    #[must_use]
    pub fn new(features: Features, limits: &Limits) -> Self {
        Self::with_metering(features, limits, Metering::On)
    }

    /// An engine for components that use `features` and stay within `limits`.
    #[must_use]
    pub fn with_metering(features: Features, limits: &Limits, metering: Metering) -> Self {
        Self { core: engine::Engine::new(metering, limits), features, limits: *limits }
    }

    /// The bounds components are loaded and run under.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn core(&self) -> &engine::Engine {
        &self.core
    }
}

/// What reading a component gives.
pub(crate) struct Parsed {
    pub(crate) types: Types,
    /// All components; the outermost is the last.
    pub(crate) definitions: Vec<Definition>,
    /// Where the core modules' bytes stand in the file, and what a first look at each found.
    pub(crate) modules: Vec<(Range<usize>, Outline)>,
    pub(crate) census: Census,
    /// Host memory that loading all of it takes, by estimate.
    pub(crate) load_bytes: u64,
}

/// How much a component declares, with all that nests in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// How deep components nest.
    pub(crate) depth: u32,
    pub(crate) modules: u32,
    /// Components inside it.
    pub(crate) components: u32,
    /// Items of all sections.
    pub(crate) items: u64,
}

impl Census {
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), Error> {
        for (name, asked, allowed) in [
            ("component_depth", u64::from(self.depth), u64::from(limits.component_depth)),
            ("modules", u64::from(self.modules), u64::from(limits.modules)),
            ("components", u64::from(self.components), u64::from(limits.components)),
            ("definitions", self.items, u64::from(limits.definitions)),
        ] {
            if asked > allowed {
                return Err(Error::limit(name, asked, allowed));
            }
        }
        Ok(())
    }
}

/// A component and all that nests in it, as it was loaded.
#[derive(Debug)]
pub(crate) struct Loaded {
    types: Types,
    definitions: Vec<Definition>,
    /// What an instance of each costs.
    prices: Vec<u64>,
    modules: Vec<Module>,
    checked: Checked,
}

impl Loaded {
    /// What names what is linked here, once for all instances.
    pub(crate) fn new(types: Types, mut definitions: Vec<Definition>, modules: Vec<Module>) -> Self {
        link::link(&mut definitions, &types, &modules);
        let prices = definitions.iter().map(instance::price).collect();
        Self { types, definitions, prices, modules, checked: Checked::default() }
    }

    /// A core module by itself.
    pub(crate) fn of_module(module: Module) -> Self {
        Self::new(Types::default(), Vec::new(), [module].into())
    }

    pub(crate) fn types(&self) -> &Types {
        &self.types
    }

    /// What is known of its types and Rust types.
    pub(crate) fn checked(&self) -> &Checked {
        &self.checked
    }

    pub(crate) fn definition(&self, index: u32) -> &Definition {
        &self.definitions[index as usize]
    }

    /// Bytes that an instance of a component is charged for, without those inside it.
    pub(crate) fn price(&self, definition: u32) -> u64 {
        self.prices[definition as usize]
    }

    /// Whether a definition is that of the component itself, which nests in no other of this program.
    pub(crate) fn is_root(&self, definition: u32) -> bool {
        definition as usize + 1 == self.definitions.len()
    }

    pub(crate) fn module(&self, index: u32) -> &Module {
        &self.modules[index as usize]
    }
}

/// A loaded and validated component. Cheap to clone, and good for any number of instances.
#[derive(Clone, Debug)]
pub struct Component {
    pub(crate) loaded: Arc<Loaded>,
    pub(crate) engine: Engine,
}

impl Component {
    /// Loads a component from its binary form.
    ///
    /// # Errors
    ///
    /// When the bytes are no valid component, need a feature that is off or that the interpreter does not have, or pass
    /// a limit of the engine.
    ///
    /// ```
    /// use wasmote::component::{Component, Engine};
    /// let empty = b"\0asm\x0d\0\x01\0";
    /// Component::new(&Engine::default(), empty)?;
    /// # Ok::<(), wasmote::Error>(())
    /// ```
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Self, Error> {
        let bytes = bytes.as_ref();
        let parsed = binary::parse(bytes, engine.features, &engine.limits)?;
        // What is foretold of all, and what editing those before has added to it.
        let mut load_bytes = parsed.load_bytes;
        let load = |(range, outline): (Range<usize>, Outline)| {
            let length = range.len() as u64;
            let foretold = outline.load_bytes(length);
            let elsewhere = load_bytes.saturating_sub(foretold);
            let module = Module::load_outlined(&engine.core, &bytes[range], outline, elsewhere)?;
            load_bytes = elsewhere.saturating_add(module.outline().load_bytes(length).max(foretold));
            Ok(module)
        };
        let modules = parsed.modules.into_iter().map(load).collect::<Result<_, Error>>()?;
        let loaded = Loaded::new(parsed.types, parsed.definitions, modules);
        Ok(Self { loaded: Arc::new(loaded), engine: engine.clone() })
    }

    /// The engine it was loaded into.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What it imports: each name, and how its type reads.
    pub fn imports(&self) -> impl Iterator<Item = (&str, String)> {
        let types = self.loaded.types();
        self.root().imports.iter().map(|(name, ty)| (&**name, super::describe::item(types, *ty)))
    }

    /// Each item it imports, one by one: the interface it is in, or nothing; its name; and how its type reads.
    pub(crate) fn import_items(&self) -> impl Iterator<Item = (&str, &str, String)> {
        let types = self.loaded.types();
        self.root().imports.iter().flat_map(move |(name, ty)| {
            let (interface, items): (&str, &[_]) = match ty {
                ItemType::Instance(id) => (name, &types.instances[*id as usize]),
                _ => ("", &[]),
            };
            let itself = interface.is_empty().then(|| ("", &**name, super::describe::item(types, *ty)));
            let items = items.iter();
            itself
                .into_iter()
                .chain(items.map(move |(item, ty)| (interface, &**item, super::describe::item(types, *ty))))
        })
    }

    /// What all its core modules declare together.
    pub(crate) fn outline(&self) -> Outline {
        let outlines = self.loaded.modules.iter().map(Module::outline);
        outlines.fold(Outline::default(), Outline::plus)
    }

    /// The names of what it exports.
    pub(crate) fn export_names(&self) -> impl Iterator<Item = &str> {
        self.root().exports.iter().map(|(item, _)| &*item.name)
    }

    /// What it exports: each name, and how its type reads.
    pub fn exports(&self) -> impl Iterator<Item = (&str, String)> {
        let types = self.loaded.types();
        self.root().exports.iter().map(|(item, ty)| (&*item.name, super::describe::item(types, *ty)))
    }

    /// Its type: what it imports and exports, to be looked through.
    #[must_use]
    pub fn component_type(&self) -> super::ty::Component {
        super::ty::Component::of(&self.loaded, self.root_index())
    }

    pub(crate) fn root(&self) -> &Definition {
        &self.loaded.definitions[self.root_index() as usize]
    }

    /// The outermost component is read to its end last.
    pub(crate) fn root_index(&self) -> u32 {
        self.loaded.definitions.len() as u32 - 1
    }

    /// What it exports under this name, or under the newest of the names that are compatible with it.
    pub(crate) fn export_name<'n>(&'n self, name: &'n str) -> &'n str {
        let exports = &self.root().exports;
        if exports.iter().any(|(item, _)| &*item.name == name) {
            return name;
        }
        names::newest_compatible(exports.iter().map(|(item, _)| &*item.name), name).unwrap_or(name)
    }

    pub(crate) fn export_type(&self, name: &str) -> Option<ItemType> {
        self.root().exports.iter().find(|(item, _)| &*item.name == name).map(|(_, ty)| *ty)
    }
}
