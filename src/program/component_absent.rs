//! No components in this build: there is no value of this type, and no code for one.

use super::{Code, Core, Program};
use crate::{
    Error, Limits,
    engine::{Metering, Outline},
};
use alloc::string::String;

/// A component, of which there is none.
#[derive(Clone, Debug)]
pub(crate) enum Component {}

impl Component {
    pub(super) fn load(_: &[u8], _: Metering, _: &Limits) -> Result<Self, Error> {
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
