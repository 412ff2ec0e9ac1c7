//! A guest of either kind.

use super::{CallError, Exit, component, module};
use crate::{
    Error, Limits, Program,
    component::{Func, Val},
    engine::{Interposer, Value},
    program::{Code, LinkError, Linked},
    wasi::Grants,
};
use alloc::{boxed::Box, vec::Vec};

/// A started program: its memory, its descriptors, its fuel. Made by [`Host::start`](crate::Host::start).
///
/// Every call of it is a future that gives way where the guest waits and after each slice of fuel;
/// any executor drives it, [`block_on`](crate::block_on) among them. A guest that trapped, exited, or was
/// dropped in the middle of a call cannot be called again: its memory may be in any state.
pub struct Guest(Kind);

#[allow(
    clippy::large_enum_variant,
    reason = "a core module's guest is mostly the interpreter's store: it is moved once, and a box would be one more allocation for each"
)]
enum Kind {
    Module(module::Guest),
    Component(Box<component::Guest>),
}

impl Guest {
    pub(crate) fn start(
        program: &Program,
        grants: Grants,
        limits: &Limits,
        fuel: Option<u64>,
    ) -> Result<Self, Error> {
        Ok(Self(match &program.code {
            Code::Module(_) => Kind::Module(module::Guest::start(program, grants, limits, fuel)?),
            Code::Component(code) => Kind::Component(component::Guest::start(code, &grants, limits, fuel)?),
        }))
    }

    pub(crate) fn start_linked(
        linked: &Linked,
        grants: &Grants,
        limits: &Limits,
        fuel: Option<u64>,
    ) -> Result<Self, LinkError> {
        let guest = component::Guest::start_linked(linked, grants, limits, fuel)?;
        Ok(Self(Kind::Component(Box::new(guest))))
    }

    /// Runs the program from its entry to its end: `_start`, as commands that are core modules export it;
    /// `wasi:cli/run`, the newest there is, as components do.
    ///
    /// # Errors
    ///
    /// When it has no such entry, when it traps, and when its fuel is spent.
    pub async fn run(&mut self) -> Result<Exit, Error> {
        match &mut self.0 {
            Kind::Module(guest) => guest.run().await,
            Kind::Component(guest) => guest.run().await,
        }
    }

    /// Calls the exported core function `name` with `params`, and answers its results. The first call of a
    /// guest runs its start function and, unless it is a command's entry that is called, `_initialize`
    /// before.
    ///
    /// # Errors
    ///
    /// When there is no such function, when `params` are not of its types, when the guest traps or
    /// exits, and when its fuel is spent. A component exports no core functions: see
    /// [`call_component`](Self::call_component).
    pub async fn call(&mut self, name: &str, params: &[Value]) -> Result<Vec<Value>, CallError> {
        match &mut self.0 {
            Kind::Module(guest) => guest.call(name, params).await,
            Kind::Component(_) => Err(Error::export(name, "a component exports no core functions").into()),
        }
    }

    /// Calls a component's exported function with `params`, and answers its result, if it has one. `name` is the
    /// function's, or `interface#function`.
    ///
    /// # Errors
    ///
    /// When there is no such function, when `params` are not of its types, when the guest traps or exits, and when
    /// its fuel is spent.
    pub async fn call_component(&mut self, name: &str, params: &[Val]) -> Result<Vec<Val>, CallError> {
        match &mut self.0 {
            Kind::Module(_) => {
                Err(Error::export(name, "a core module exports no component functions").into())
            }
            Kind::Component(guest) => guest.call(name, params).await,
        }
    }

    /// A component's exported function: its type, before it is called.
    ///
    /// # Errors
    ///
    /// When there is no such function.
    pub fn component_function(&self, name: &str) -> Result<Func, Error> {
        match &self.0 {
            Kind::Module(_) => Err(Error::export(name, "a core module exports no component functions")),
            Kind::Component(guest) => guest.function(name),
        }
    }

    /// The guest as a component.
    pub(super) fn component(&mut self) -> Result<&mut component::Guest, Error> {
        match &mut self.0 {
            Kind::Module(_) => Err(Error::misuse("a core module is no component")),
            Kind::Component(guest) => Ok(guest),
        }
    }

    /// Lets `interposer` watch what crosses between this guest and its host from here on.
    pub fn interpose(&mut self, interposer: impl Interposer + 'static) {
        match &mut self.0 {
            Kind::Module(guest) => guest.interpose(interposer),
            Kind::Component(guest) => guest.interpose(interposer),
        }
    }

    /// Fuel spent so far; 0 where the program was loaded with metering off.
    #[must_use]
    pub fn fuel_spent(&self) -> u64 {
        match &self.0 {
            Kind::Module(guest) => guest.fuel_spent(),
            Kind::Component(guest) => guest.fuel_spent(),
        }
    }

    /// How much of [`Limits::uninterrupted_fuel`] has gone since the host had its last turn. Right after
    /// [`Host::start`](crate::Host::start) that is what the start functions of a component took, and so a measure for how
    /// long whoever starts another one is held up. 0 for a core module, whose start function runs with its first call and
    /// gives way.
    #[must_use]
    pub fn uninterrupted_fuel_spent(&self) -> u64 {
        match &self.0 {
            Kind::Module(_) => 0,
            Kind::Component(guest) => guest.uninterrupted_fuel_spent(),
        }
    }

    /// Fuel left of the budget: of [`u64::MAX`], where none was set.
    #[must_use]
    pub fn fuel_left(&self) -> u64 {
        match &self.0 {
            Kind::Module(guest) => guest.fuel_left(),
            Kind::Component(guest) => guest.fuel_left(),
        }
    }

    /// Sets what fuel is left.
    ///
    /// # Errors
    ///
    /// When the program was loaded with metering off.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<(), Error> {
        match &mut self.0 {
            Kind::Module(guest) => guest.set_fuel(fuel),
            Kind::Component(guest) => guest.set_fuel(fuel),
        }
    }

    /// Bytes of its linear memories: now, and the peak as well, since they only grow.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        match &self.0 {
            Kind::Module(guest) => guest.memory_bytes(),
            Kind::Component(guest) => guest.memory_bytes(),
        }
    }
}
