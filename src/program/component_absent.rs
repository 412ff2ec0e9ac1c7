//! No components in this build: there is no value of this type, and no code for one.

use super::{Code, Core, Loader, Program};
use crate::{Error, engine::Outline};
use alloc::string::String;

/// Proposals of the Component Model, of which there are none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Features;

/// A component, of which there is none.
#[derive(Clone, Debug)]
pub(crate) enum Component {}

impl Component {
    pub(super) fn load(_: &[u8], loader: &Loader) -> Result<Self, Error> {
        let Features = loader.features;
        Err(Error::unsupported("the Component Model", "this build runs core modules only"))
    }

    pub(super) fn outline(&self) -> &Outline {
        match *self {}
    }

    pub(super) fn imports(&self) -> core::iter::Empty<(&str, &str, String)> {
        match *self {}
    }

    pub(super) fn exports(&self) -> core::iter::Empty<(&str, String)> {
        match *self {}
    }
}

impl Program {
    /// The core module.
    pub(crate) fn core(&self) -> Result<&Core, Error> {
        match &self.code {
            Code::Module(core) => Ok(core),
            Code::Component(component) => match *component {},
        }
    }
}
