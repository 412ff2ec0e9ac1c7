//! One guest's world: its instances, its memory, its fuel, and the data its host keeps for it.

use crate::{
    Error, Limits, Trap,
    engine::{
        Caller, Engine, Fault, Interposer, Metering, Module, Resolver,
        activation::Pending,
        budget::Budget,
        fault::load_error,
        growth,
        memory::Range,
        meter::{self, BYTES_PER_FUEL, Meter, TRANSLATION_FUEL_PER_BYTE, ZEROED_BYTES_PER_FUEL},
    },
    error::MissingImport,
};
use alloc::{boxed::Box, format, string::ToString, vec::Vec};
use core::task::Waker;

/// A guest's world. Everything in it is freed when it is dropped, and nothing before.
///
/// `T` is what the host keeps for this guest; host functions reach it through their
/// [`Caller`](super::Caller).
pub struct Store<T: 'static> {
    /// Boxed: by itself it is long, and a guest is handed on some times before it is where it stays.
    pub(super) inner: Box<wasmi::Store<Data<T>>>,
}

/// What a store holds besides what wasmi keeps in it.
pub(super) struct Data<T: 'static> {
    pub(super) user: T,
    pub(super) limits: Limits,
    pub(super) meter: Meter,
    pub(super) budget: Budget,
    /// The memory of a core module, for host functions that take pointers.
    pub(super) memory: Option<wasmi::Memory>,
    /// Wakes the task that drives the guest; there during a poll.
    pub(super) waker: Option<Waker>,
    /// The host function that just answered that it waits.
    pub(super) pending: Option<Pending<T>>,
    pub(super) interposers: Vec<Box<dyn Interposer>>,
    /// Where the current host call wrote, while someone watches.
    pub(super) written: Vec<Range>,
    /// What is to be said of how the current host call ends, while someone watches.
    pub(super) note: Option<&'static str>,
    /// Bytes the current host call moved.
    pub(super) host_call_bytes: u32,
    /// Guest calls that stand on the native stack now.
    pub(super) depth: u32,
    /// Guest calls that are stopped, and that those are made for (`nesting`).
    pub(super) depth_stopped: u32,
    /// What the host keeps count of for this guest by itself: asked at the end of each host call, and charged.
    pub(super) owed: Option<fn(&mut T) -> u64>,
}

impl<T: Send + 'static> Store<T> {
    /// An empty world for code of `engine`.
    #[must_use]
    pub fn new(engine: &Engine, user: T, limits: &Limits) -> Self {
        let data = Data {
            user,
            limits: *limits,
            meter: Meter::new(engine.metering(), limits.slice_fuel),
            budget: Budget::new(limits),
            memory: None,
            waker: None,
            pending: None,
            interposers: Vec::new(),
            written: Vec::new(),
            note: None,
            host_call_bytes: 0,
            depth: 0,
            depth_stopped: 0,
            owed: None,
        };
        let mut store = Self { inner: Box::new(wasmi::Store::new(&engine.inner, data)) };
        store.inner.limiter(|data| &mut data.budget);
        store
    }

    /// What the host keeps for this guest.
    #[must_use]
    pub fn data(&self) -> &T {
        &self.inner.data().user
    }

    /// What the host keeps for this guest, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner.data_mut().user
    }

    /// This store as a host function sees it: for work the host does on its own account.
    pub fn caller(&mut self) -> Caller<'_, T> {
        Caller { context: wasmi::AsContextMut::as_context_mut(&mut *self.inner) }
    }

    /// Asks `owed` at the end of each host call what fuel that took besides what it charged, and charges that.
    pub fn charge_owed(&mut self, owed: fn(&mut T) -> u64) {
        self.inner.data_mut().owed = Some(owed);
    }

    /// Grants `fuel` and no more from here on.
    ///
    /// # Errors
    ///
    /// When the code was loaded with metering off.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<(), Error> {
        meter::check_budget(if self.inner.data().meter.is_on() { Metering::On } else { Metering::Off })?;
        let spent = self.fuel_spent();
        self.set_counter(0);
        self.inner.data_mut().meter.set_budget(fuel, spent);
        Ok(())
    }

    /// Fuel spent so far; 0 where it is not counted.
    #[must_use]
    pub fn fuel_spent(&self) -> u64 {
        self.inner.data().meter.spent(counter(&*self.inner))
    }

    /// Fuel left of the budget: of [`u64::MAX`], where none was set.
    #[must_use]
    pub fn fuel_left(&self) -> u64 {
        self.inner.data().meter.left(counter(&*self.inner))
    }

    /// Bytes of all linear memories: now, and the peak as well, since memories only grow.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.inner.data().budget.memory_bytes()
    }

    /// Lets `interposer` watch from here on.
    pub fn interpose(&mut self, interposer: Box<dyn Interposer>) {
        self.inner.data_mut().interposers.push(interposer);
    }

    /// Makes an instance of `module`, with every import from `resolver`. Runs none of its code: a start
    /// function is left to the caller, under the name [`Module::start`] says.
    ///
    /// # Errors
    ///
    /// When imports are missing (all of them are listed), when the instance does not fit the budget, when a
    /// segment does not fit its memory or table, and when the fuel does not cover the preparation.
    pub(crate) fn instantiate(
        &mut self,
        module: &Module,
        resolver: &dyn Resolver<T>,
    ) -> Result<wasmi::Instance, Error> {
        let externs = self.resolve(module, resolver)?;
        let instance = self.instantiate_with(module, &externs)?;
        if let Some(memory) = instance.get_memory(&*self.inner, "memory") {
            self.inner.data_mut().memory.get_or_insert(memory);
        }
        Ok(instance)
    }

    /// Makes an instance of `module` from `imports` in the order it declares them.
    ///
    /// # Errors
    ///
    /// As [`instantiate`](Self::instantiate).
    pub(crate) fn instantiate_with(
        &mut self,
        module: &Module,
        imports: &[wasmi::Extern],
    ) -> Result<wasmi::Instance, Error> {
        let outline = module.outline();
        // A guest may be given less than its program was loaded under.
        outline.check(&self.inner.data().limits)?;
        let budget = &mut self.inner.data_mut().budget;
        budget.check_instance(outline)?;
        budget.charge_instance(outline.instance_bytes())?;
        self.charge_preparation(module)?;
        let instance = wasmi::Instance::new(&mut *self.inner, &module.inner, imports)
            .map_err(|error| instance_error(&error, &self.inner.data().limits))?;
        if !self.inner.data().meter.is_on() {
            growth::connect(&mut self.inner, instance)?;
        }
        Ok(instance)
    }

    /// Charges what instantiating does: translating the code it may call, copying its segments.
    fn charge_preparation(&mut self, module: &Module) -> Result<(), Error> {
        let outline = module.outline();
        let fuel = u64::from(outline.code_bytes)
            .saturating_mul(TRANSLATION_FUEL_PER_BYTE)
            .saturating_add(outline.segment_bytes / BYTES_PER_FUEL)
            .saturating_add(outline.memory_bytes / ZEROED_BYTES_PER_FUEL)
            .saturating_add(outline.table_elements.saturating_mul(8) / ZEROED_BYTES_PER_FUEL);
        self.caller().charge(fuel).map_err(|fault| match fault {
            Fault::Trap(trap) => trap.into(),
            Fault::Exit(_) => Error::from(crate::bug!("charging fuel cannot exit")),
        })
    }

    /// Makes the functions that `module` imports. Their names are looked up for its first instance only.
    fn resolve(&mut self, module: &Module, resolver: &dyn Resolver<T>) -> Result<Vec<wasmi::Extern>, Error> {
        let numbers = module.resolved.iter();
        let mut externs = Vec::with_capacity(numbers.len());
        for number in numbers {
            let Some(function) = number.and_then(|number| resolver.function(number)) else {
                return self.look_up(module, resolver);
            };
            externs.push(wasmi::Extern::Func(function.bind(self)));
        }
        Ok(externs)
    }

    #[cold]
    fn look_up(&mut self, module: &Module, resolver: &dyn Resolver<T>) -> Result<Vec<wasmi::Extern>, Error> {
        let imports = module.inner.imports();
        let mut externs = Vec::with_capacity(imports.len());
        let mut numbers = Vec::with_capacity(imports.len());
        let mut missing = Vec::new();
        for import in imports {
            let expected = import.ty();
            let found = match expected {
                wasmi::ExternType::Func(_) => resolver.find(import.module(), import.name()),
                _ => None,
            };
            let function = found.and_then(|number| resolver.function(number));
            let bound = function.map(|function| function.bind(self));
            let matches = bound.as_ref().is_some_and(|bound| match expected {
                wasmi::ExternType::Func(ty) => bound.ty(&*self.inner) == *ty,
                _ => false,
            });
            match (found, bound) {
                (Some(found), Some(bound)) if matches => {
                    numbers.push(found);
                    externs.push(wasmi::Extern::Func(bound));
                }
                (_, bound) => missing.push(MissingImport {
                    module: import.module().to_string(),
                    name: import.name().to_string(),
                    expected: type_text(expected),
                    found: bound
                        .map(|function| type_text(&wasmi::ExternType::Func(function.ty(&*self.inner)))),
                    of_component: false,
                }),
            }
        }
        if !missing.is_empty() {
            return Err(Error::imports(missing));
        }
        module.resolved.set(numbers.into_iter());
        Ok(externs)
    }

    fn set_counter(&mut self, counter: u64) {
        set_counter(&mut *self.inner, counter);
    }
}

/// What wasmi's counter reads; 0 where fuel is not counted, and then wasmi is not asked: it would make an
/// error of it, on the heap.
#[inline]
pub(super) fn counter<T: 'static>(context: impl wasmi::AsContext<Data = Data<T>>) -> u64 {
    let context = context.as_context();
    if context.data().meter.is_on() { context.get_fuel().unwrap_or(0) } else { 0 }
}

/// Sets wasmi's counter. It only refuses where fuel is not counted, and then there is nothing to set.
#[inline]
pub(super) fn set_counter<T: 'static>(mut context: impl wasmi::AsContextMut<Data = Data<T>>, counter: u64) {
    let _ = context.as_context_mut().set_fuel(counter);
}

/// How an item's type reads.
pub(super) fn type_text(ty: &wasmi::ExternType) -> alloc::string::String {
    match ty {
        wasmi::ExternType::Func(ty) => {
            let list = |types: &[wasmi::ValType]| {
                let names: Vec<_> = types.iter().map(|ty| format!("{ty:?}").to_lowercase()).collect();
                names.join(", ")
            };
            format!("func({}) -> ({})", list(ty.params()), list(ty.results()))
        }
        wasmi::ExternType::Memory(ty) => format!("memory of at least {} pages", ty.minimum()),
        wasmi::ExternType::Table(ty) => format!("table of at least {} elements", ty.minimum()),
        wasmi::ExternType::Global(_) => "global".to_string(),
    }
}

#[cold]
fn instance_error(error: &wasmi::Error, limits: &Limits) -> Error {
    use wasmi::errors::{ErrorKind, InstantiationError, MemoryError, TableError};
    let one_more =
        |limit: &'static str, allowed: u64| Error::limit(limit, allowed.saturating_add(1), allowed);
    if error.as_trap_code().is_some() {
        return match Fault::from_wasmi(error) {
            Fault::Trap(trap) => trap.into(),
            Fault::Exit(_) => Error::from(Trap::Unreachable),
        };
    }
    match error.kind() {
        // Segments: memories and tables that cannot be made are errors of another kind.
        ErrorKind::Memory(_) => Trap::MemoryOutOfBounds.into(),
        ErrorKind::Table(_) => Trap::TableOutOfBounds.into(),
        ErrorKind::Instantiation(failure) => match failure {
            InstantiationError::ElementSegmentDoesNotFit { .. } => Trap::TableOutOfBounds.into(),
            InstantiationError::TooManyInstances => one_more("instances", limits.instances.into()),
            InstantiationError::TooManyTables => one_more("tables", limits.tables.into()),
            InstantiationError::TooManyMemories => one_more("memories", limits.memories.into()),
            InstantiationError::FailedToInstantiateMemory(MemoryError::ResourceLimiterDeniedAllocation) => {
                one_more("memory_bytes", limits.memory_bytes)
            }
            InstantiationError::FailedToInstantiateTable(TableError::ResourceLimiterDeniedAllocation) => {
                one_more("table_elements", limits.table_elements)
            }
            // What the limits allow, and the allocator does not have.
            InstantiationError::FailedToInstantiateMemory(_)
            | InstantiationError::FailedToInstantiateTable(_) => Trap::OutOfMemory.into(),
            _ => load_error(error),
        },
        _ => load_error(error),
    }
}

impl<T: Send + 'static> Store<T> {
    /// Tells those who watch that the host calls the guest.
    pub(crate) fn tell_enter(&mut self, name: &str) {
        if self.inner.data().interposers.is_empty() {
            return;
        }
        let at_fuel = self.fuel_spent();
        for interposer in &mut self.inner.data_mut().interposers {
            interposer.enter(at_fuel, name);
        }
    }

    /// Tells those who watch that the guest returned to its host.
    pub(crate) fn tell_leave(&mut self, name: &str, ended: Result<(), Fault>) {
        if self.inner.data().interposers.is_empty() {
            return;
        }
        let at_fuel = self.fuel_spent();
        for interposer in &mut self.inner.data_mut().interposers {
            interposer.leave(at_fuel, name, ended);
        }
    }
}
