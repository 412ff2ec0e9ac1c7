//! A guest that is a core module, with WASI 0.1 where there is that.

use super::{CallError, Exit, State, p1};
use crate::{
    Error, Limits, Program,
    cap::Code,
    engine::{Call, Fault, Function, Instance, Interposer, Store, Val, Value},
    program::{COMMAND_ENTRY, Core},
    wasi::Grants,
};
use alloc::{boxed::Box, vec::Vec};

/// A started program: its memory, its descriptors, its fuel. Made by [`Host::start`](crate::Host::start).
///
/// Every call of it is a future that gives way where the guest waits and after each slice of fuel;
/// any executor drives it, [`block_on`](crate::block_on) among them. A guest that trapped, exited, or was
/// dropped in the middle of a call cannot be called again: its memory may be in any state.
pub struct Guest {
    store: Store<p1::State>,
    instance: Instance,
    /// The export that a start function was given, until it has run.
    start: Option<&'static str>,
    is_plain_command: bool,
    state: State,
}

/// The entry of a reactor (WASI 0.1 application ABI).
const REACTOR_ENTRY: &str = "_initialize";

impl Guest {
    pub(crate) fn start(
        program: &Program,
        grants: Grants,
        limits: &Limits,
        fuel: Option<u64>,
    ) -> Result<Self, Error> {
        let Core { engine, module, is_plain_command } = program.core()?;
        let limits = &limits.at_most(engine.limits());
        let (granted, allowed) = (3 + grants.directories.len() + grants.sockets.len(), limits.descriptors);
        let state = p1::State::new(grants, limits).map_err(|code| match code {
            Code::TooManyOpen => Error::limit("descriptors", granted as u64, allowed.into()),
            _ => Error::grants(),
        })?;
        let mut store = Store::new(engine, state, limits);
        store.charge_owed(p1::State::take_owed);
        if let Some(fuel) = fuel {
            store.set_fuel(fuel)?;
        }
        let instance = store.instantiate(module, &p1::Imports)?;
        let (start, is_plain_command) = (module.start(), *is_plain_command);
        Ok(Self { store, instance, start, is_plain_command, state: State::Fresh })
    }

    /// Runs the program from its entry to its end: `_start`, as commands export it.
    ///
    /// # Errors
    ///
    /// When it has no such entry, when it traps, and when its fuel is spent.
    pub async fn run(&mut self) -> Result<Exit, Error> {
        let function = match self.is_plain_command {
            true => self.store.plain_function(self.instance, COMMAND_ENTRY),
            false => self.store.function(self.instance, COMMAND_ENTRY),
        };
        let Some(function) = function else {
            return Err(Error::export(COMMAND_ENTRY, "the program is no command"));
        };
        match self.enter(COMMAND_ENTRY, function, &[]).await {
            Ok(_) => Ok(Exit(0)),
            Err(CallError::Exit(exit)) => Ok(exit),
            Err(CallError::Error(error)) => Err(error),
        }
    }

    /// Calls the exported function `name` with `params`, and answers its results. The first call of a
    /// guest runs its start function and, unless it is a command's entry that is called, `_initialize`
    /// before.
    ///
    /// # Errors
    ///
    /// When there is no such function, when `params` are not of its types, when the guest traps or
    /// exits, and when its fuel is spent.
    pub async fn call(&mut self, name: &str, params: &[Value]) -> Result<Vec<Value>, CallError> {
        let function = self.callee(name)?;
        self.enter(name, function, params).await
    }

    /// Lets `interposer` watch what crosses between this guest and its host from here on.
    pub fn interpose(&mut self, interposer: impl Interposer + 'static) {
        self.store.interpose(Box::new(interposer));
    }

    /// Fuel spent so far; 0 where the program was loaded with metering off.
    #[must_use]
    pub fn fuel_spent(&self) -> u64 {
        self.store.fuel_spent()
    }

    /// Fuel left of the budget: of [`u64::MAX`], where none was set.
    #[must_use]
    pub fn fuel_left(&self) -> u64 {
        self.store.fuel_left()
    }

    /// Sets what fuel is left.
    ///
    /// # Errors
    ///
    /// When the program was loaded with metering off.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<(), Error> {
        self.store.set_fuel(fuel)
    }

    /// Bytes of its linear memories: now, and the peak as well, since they only grow.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.store.memory_bytes()
    }

    fn callee(&self, name: &str) -> Result<Function, Error> {
        let function = self.store.function(self.instance, name);
        function.ok_or_else(|| Error::export(name, "the program exports no such function"))
    }

    /// Calls `function`, exported as `name`, after what has to run before the first call.
    async fn enter(
        &mut self,
        name: &str,
        function: Function,
        params: &[Value],
    ) -> Result<Vec<Value>, CallError> {
        let params = function.params(params).map_err(|reason| Error::export(name, reason))?;
        if self.state.begin()? {
            self.initialize(name).await?;
        }
        let results = self.drive(name, &function, params).await?;
        self.state = State::Ready;
        Ok(results)
    }

    /// Runs what has to run before the first call of `name`.
    async fn initialize(&mut self, name: &str) -> Result<(), CallError> {
        if let Some(start) = self.start.take() {
            let function = self.callee(start)?;
            self.drive(start, &function, Vec::new()).await?;
        }
        let is_entry = name == COMMAND_ENTRY || name == REACTOR_ENTRY;
        if !is_entry && let Some(function) = self.store.function(self.instance, REACTOR_ENTRY) {
            let params = function.params(&[]).map_err(|reason| Error::export(REACTOR_ENTRY, reason))?;
            self.drive(REACTOR_ENTRY, &function, params).await?;
        }
        Ok(())
    }

    async fn drive(
        &mut self,
        name: &str,
        function: &Function,
        params: Vec<Val>,
    ) -> Result<Vec<Value>, CallError> {
        let ended = Call::new(&mut self.store, name, function, params).await;
        ended.map_err(|fault| {
            self.state = State::Over;
            match fault {
                Fault::Trap(trap) => CallError::Error(trap.into()),
                Fault::Exit(code) => CallError::Exit(Exit(code)),
            }
        })
    }
}
