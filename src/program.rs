//! Loaded code.

#[cfg(feature = "component")]
mod component;
#[cfg(not(feature = "component"))]
#[path = "program/component_absent.rs"]
mod component;

#[cfg(feature = "component")]
mod linked;

pub(crate) use component::Component;
#[cfg(feature = "component")]
pub use linked::{LinkError, Linked};

use crate::{
    Error, Limits,
    engine::{Engine, Metering, Module, Outline, ValueType, scan},
};
use alloc::{string::String, vec::Vec};

/// A program: code that was validated and is ready to be started, any number of times.
///
/// It owns its interpreter, so dropping it (and the guests started from it) gives back everything that
/// loading took.
///
/// ```
/// # let bytes = wat::parse_str("(module (func (export \"_start\")))")?;
/// let program = wasmote::Program::load(&bytes)?;
/// assert_eq!(program.exports().count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) code: Code,
}

/// What a program is. Where this build knows no components, there is only one thing it can be.
#[derive(Clone, Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one for a program, and a box would be one more in each board"
)]
pub(crate) enum Code {
    Module(Core),
    Component(Component),
}

/// A core module, in an interpreter of its own.
#[derive(Clone, Debug)]
pub(crate) struct Core {
    pub(crate) engine: Engine,
    pub(crate) module: Module,
    /// Whether a command begins with a function that takes and returns nothing: asked once for all its guests.
    pub(crate) is_plain_command: bool,
}

/// The entry of a command (WASI 0.1 application ABI).
pub(crate) const COMMAND_ENTRY: &str = "_start";

impl Core {
    pub(crate) fn new(engine: Engine, module: Module) -> Self {
        let is_plain_command = module.exports_plain(COMMAND_ENTRY);
        Self { engine, module, is_plain_command }
    }
}

/// How a program is to be loaded, where [`Program::load`]'s way is not meant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loader {
    pub(crate) limits: Limits,
    pub(crate) metering: Metering,
    pub(crate) features: component::Features,
}

impl Loader {
    /// [`Limits::server`], with fuel counted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses what passes `limits`. The interpreter's own bounds (`stack_bytes`, `call_depth`) are set here, for all
    /// guests; of what else bounds a guest while it runs, it is given the lesser of these and its host's.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether the program's guests count fuel.
    #[must_use]
    pub fn metering(mut self, metering: Metering) -> Self {
        self.metering = metering;
        self
    }

    /// Loads `bytes`.
    ///
    /// # Errors
    ///
    /// As [`Program::load`].
    pub fn load(self, bytes: &[u8]) -> Result<Program, Error> {
        if scan::format(bytes)? == scan::Format::Component {
            let code = Component::load(bytes, &self)?;
            return Ok(Program { code: Code::Component(code) });
        }
        let (engine, module) = Module::load_alone(self.metering, &self.limits, bytes)?;
        Ok(Program { code: Code::Module(Core::new(engine, module)) })
    }
}

impl Program {
    /// Loads a core module or a component under [`Limits::server`], with fuel counted. What the bytes are is told by
    /// their header.
    ///
    /// # Errors
    ///
    /// When the bytes are no valid WebAssembly, when they pass a limit, and when they need a proposal that the
    /// interpreter does not implement (exceptions, garbage collection, threads), or the Component Model in a build
    /// without it.
    pub fn load(bytes: &[u8]) -> Result<Self, Error> {
        Loader::new().load(bytes)
    }

    /// What it declares, by count and size: of a component, what all its core modules do together.
    #[must_use]
    pub fn outline(&self) -> &Outline {
        match &self.code {
            Code::Module(core) => core.module.outline(),
            Code::Component(component) => component.outline(),
        }
    }

    /// Each import: module, name, and how its type reads. Of a component, each function, type and resource of
    /// an interface by itself.
    pub fn imports(&self) -> impl Iterator<Item = (&str, &str, String)> {
        let (module, component) = self.parts();
        let of_module = module.into_iter().flat_map(Module::imports);
        of_module.chain(component.into_iter().flat_map(Component::imports))
    }

    /// Each export: name, and how its type reads.
    pub fn exports(&self) -> impl Iterator<Item = (&str, String)> {
        let (module, component) = self.parts();
        let of_module = module.into_iter().flat_map(Module::exports);
        of_module.chain(component.into_iter().flat_map(Component::exports))
    }

    /// The parameter types of the exported core function `name`, if there is one.
    #[must_use]
    pub fn function_params(&self, name: &str) -> Option<Vec<ValueType>> {
        let params = self.parts().0?.function_params(name)?;
        Some(params.into_iter().map(ValueType::from_wasmi).collect())
    }

    pub(crate) fn is_component(&self) -> bool {
        matches!(self.code, Code::Component(_))
    }

    fn parts(&self) -> (Option<&Module>, Option<&Component>) {
        match &self.code {
            Code::Module(core) => (Some(&core.module), None),
            Code::Component(component) => (None, Some(component)),
        }
    }
}
