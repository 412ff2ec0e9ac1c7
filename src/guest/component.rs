//! A guest that is a component, with the dialects of WASI that this build has.

#[cfg(feature = "http")]
mod http;

use super::{CallError, Exit, State};
use crate::{
    Error, Limits,
    component::{self, Func, Instance, Store, Val},
    dialects::Data,
    engine::Interposer,
    program::{Component, LinkError, Linked},
    wasi::Grants,
};
use alloc::{boxed::Box, string::String, vec, vec::Vec};

/// A component instance in a world of its own.
pub(super) struct Guest {
    store: Store<Data>,
    instance: Instance,
    /// The interface by which it is run, if it is a command.
    entry: Option<String>,
    state: State,
}

/// The interfaces by which commands are run (`wasi:cli/run`), the newest first: what exports several is called by that.
const ENTRIES: [&str; 2] = ["wasi:cli/run@0.3.", "wasi:cli/run@0.2."];

impl Guest {
    /// Boxed, and by itself: what starts a core module needs no room on the stack for all this.
    #[inline(never)]
    pub(super) fn start(
        program: &Component,
        grants: &Grants,
        limits: &Limits,
        fuel: Option<u64>,
    ) -> Result<Box<Self>, Error> {
        let mut store = world(&program.component, grants, limits, fuel)?;
        let instance = program.instantiate(&mut store)?;
        Ok(Box::new(Self::of(store, instance, &program.component)))
    }

    /// Starts a component with others that are linked to it.
    pub(super) fn start_linked(
        linked: &Linked,
        grants: &Grants,
        limits: &Limits,
        fuel: Option<u64>,
    ) -> Result<Self, LinkError> {
        let store = world(linked.component(), grants, limits, fuel);
        let mut store = store.map_err(|error| LinkError::of(linked.name(), error))?;
        let instance = linked.instantiate(&mut store)?;
        Ok(Self::of(store, instance, linked.component()))
    }

    fn of(store: Store<Data>, instance: Instance, component: &component::Component) -> Self {
        let exported = |entry: &&str| component.export_names().find(|name| name.starts_with(entry));
        let entry = ENTRIES.iter().find_map(exported);
        Self { store, instance, entry: entry.map(String::from), state: State::Fresh }
    }

    /// Calls the interface that commands export.
    pub(super) async fn run(&mut self) -> Result<Exit, Error> {
        let Some(entry) = &self.entry else {
            return Err(Error::export("wasi:cli/run", "the program is no command"));
        };
        let name = [entry, "#run"].concat();
        let run = self.instance.get_typed_func::<(), (Result<(), ()>,)>(&self.store, &name)?;
        self.state.begin()?;
        self.store.tell_enter(&name);
        let called = run.call_async(&mut self.store, ()).await;
        match self.ended(&name, called) {
            Ok((result,)) => Ok(Exit(u32::from(result.is_err()))),
            Err(CallError::Exit(exit)) => Ok(exit),
            Err(CallError::Error(error)) => Err(error),
        }
    }

    /// The exported function `name`; of an exported interface, as `interface#name`.
    pub(super) fn function(&self, name: &str) -> Result<Func, Error> {
        self.instance.get_func(&self.store, name)
    }

    /// Calls a function with values.
    pub(super) async fn call(&mut self, name: &str, params: &[Val]) -> Result<Vec<Val>, CallError> {
        let function = self.function(name)?;
        let mut results = vec![Val::Bool(false); function.result_count()];
        self.state.begin()?;
        self.store.tell_enter(name);
        let called = function.call_async(&mut self.store, params, &mut results).await;
        self.ended(name, called).map(|()| results)
    }

    /// What a call that ended makes of this guest: after anything but a result it cannot be called again.
    fn ended<R>(&mut self, name: &str, called: Result<R, Error>) -> Result<R, CallError> {
        self.store.tell_leave(name, called.as_ref().map(drop));
        self.state = if called.is_ok() { State::Ready } else { State::Over };
        called.map_err(|error| match self.store.exit_code() {
            Some(code) => CallError::Exit(Exit(code)),
            None => CallError::Error(error),
        })
    }

    pub(super) fn interpose(&mut self, interposer: impl Interposer + 'static) {
        self.store.interpose(Box::new(interposer));
    }

    pub(super) fn fuel_spent(&self) -> u64 {
        self.store.fuel_spent()
    }

    pub(super) fn uninterrupted_fuel_spent(&self) -> u64 {
        self.store.turn_spent()
    }

    pub(super) fn fuel_left(&self) -> u64 {
        self.store.fuel_left()
    }

    pub(super) fn set_fuel(&mut self, fuel: u64) -> Result<(), Error> {
        self.store.set_fuel(fuel)
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.store.memory_bytes()
    }
}

/// A world of its own for instances of `component`.
fn world(
    component: &component::Component,
    grants: &Grants,
    limits: &Limits,
    fuel: Option<u64>,
) -> Result<Store<Data>, Error> {
    let engine = component.engine();
    let limits = limits.at_most(engine.limits());
    let data = Data::new(grants, &limits).map_err(|_| Error::grants())?;
    let mut store = Store::with_limits(engine, data, &limits);
    if let Some(fuel) = fuel {
        store.set_fuel(fuel)?;
    }
    Ok(store)
}
