//! A loaded component, linked with what this build has of WASI.

pub(super) use crate::component::Features;

use super::{Code, Core, Loader, Program};
use crate::{
    Error,
    component::{self, Engine, Instance, InstancePre, Linker, Store},
    dialects::{self, Data},
    engine::Outline,
};
use alloc::{string::String, sync::Arc};
use core::fmt;

/// A component, with its imports met: the same for all guests of it.
#[derive(Clone)]
pub(crate) struct Component {
    pub(crate) component: component::Component,
    imports: Imports,
    outline: Arc<Outline>,
}

#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "there is one for a program, and nearly always the large one")]
enum Imports {
    /// What it does not import of all there is, is gone: it would take more memory than most programs do.
    Met(InstancePre<Data>),
    /// Something it imports is not to be had: told to who starts it, and no sooner.
    Missing(Arc<Linker<Data>>),
}

impl Component {
    pub(super) fn load(bytes: &[u8], loader: &Loader) -> Result<Self, Error> {
        let engine = Engine::with_metering(loader.features, &loader.limits, loader.metering);
        Self::of(&engine, bytes)
    }

    /// Loads a component into `engine`.
    pub(super) fn of(engine: &Engine, bytes: &[u8]) -> Result<Self, Error> {
        Self::linked(component::Component::new(engine, bytes)?)
    }

    /// Meets what it imports.
    pub(crate) fn linked(component: component::Component) -> Result<Self, Error> {
        let linker = dialects::linker_for(&component)?;
        let imports = match linker.instantiate_pre(&component) {
            Ok(met) => Imports::Met(met),
            Err(_) => Imports::Missing(Arc::new(linker)),
        };
        let outline = Arc::new(component.outline());
        Ok(Self { component, imports, outline })
    }

    /// Makes an instance.
    ///
    /// # Errors
    ///
    /// When imports are missing, the instance does not fit its limits, and when a start function traps.
    pub(crate) fn instantiate(&self, store: &mut Store<Data>) -> Result<Instance, Error> {
        match &self.imports {
            Imports::Met(met) => met.instantiate(store),
            Imports::Missing(linker) => linker.instantiate(store, &self.component),
        }
    }

    /// Whether it imports what this build does not offer.
    pub(super) fn lacks_imports(&self) -> bool {
        matches!(self.imports, Imports::Missing(_))
    }

    /// What this build offers, to offer more besides.
    pub(super) fn linker(&self) -> Result<Linker<Data>, Error> {
        dialects::linker(self.component.engine())
    }

    pub(super) fn outline(&self) -> &Outline {
        &self.outline
    }

    pub(super) fn imports(&self) -> impl Iterator<Item = (&str, &str, String)> {
        self.component.import_items()
    }

    pub(super) fn exports(&self) -> impl Iterator<Item = (&str, String)> {
        self.component.exports()
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component").finish_non_exhaustive()
    }
}

impl Loader {
    /// Which proposals of the Component Model programs may use; those that have shipped, where nothing is said.
    #[must_use]
    pub fn features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }
}

impl Program {
    /// The core module, if it is one.
    pub(crate) fn core(&self) -> Result<&Core, Error> {
        match &self.code {
            Code::Module(core) => Ok(core),
            Code::Component(_) => Err(Error::misuse("a component was taken for a core module")),
        }
    }
}
