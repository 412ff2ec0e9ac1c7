//! What a component runtime needs of the interpreter: core items as handles, functions made of closures,
//! calls that run to their end.

use crate::{
    Error, Rule,
    engine::{
        Activation, Caller, Engine, Fault, Interposer, Module, Outline, Step, Store,
        activation::{Progress, enter, refuel},
        fault::Suspended,
        meter::{BYTES_PER_FUEL, HOST_CALL_FUEL},
        store::{Data, counter, set_counter},
    },
};
use alloc::{format, vec::Vec};
use core::{mem, task::Waker};
use wasmi::{AsContextMut, Func, Instance, Memory, ResumableCall, Table, Val, ValType};

/// What a function made of a closure answers: values, or that its guest waits.
pub(crate) enum Answer {
    /// The result, of a function that has one.
    Return(Option<u64>),
    /// The guest is suspended in the call, until an activation is stepped with the answer.
    Suspend,
}

impl<T: Send + 'static> Activation<T> {
    /// A call of `function` that has not begun.
    pub(crate) fn new(caller: &Caller<'_, T>, function: Func, params: Vec<Val>) -> Self {
        Self::returning(function, function.ty(&caller.context).results(), params)
    }

    /// The type of what the host function it waits in returns, if it waits in one that returns anything.
    pub(crate) fn answer_type(&self, caller: &Caller<'_, T>) -> Option<wasmi::ValType> {
        match &self.progress {
            Progress::InHost(call) => call.host_func().ty(&caller.context).results().first().copied(),
            Progress::Prepared(call) => call.host_func()?.ty(&caller.context).results().first().copied(),
            Progress::Root(function) => function.ty(&caller.context).results().first().copied(),
            _ => None,
        }
    }
}

impl<T: Send + 'static> Caller<'_, T> {
    /// The same guest, for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Caller<'_, T> {
        Caller { context: self.context.as_context_mut() }
    }

    /// The bytes of `memory`.
    pub(crate) fn memory_bytes(&self, memory: Memory) -> &[u8] {
        memory.data(&self.context)
    }

    /// The bytes of `memory`, to write.
    pub(crate) fn memory_bytes_mut(&mut self, memory: Memory) -> &mut [u8] {
        memory.data_mut(&mut self.context)
    }

    /// Whether two handles are of one memory. The interpreter does not say; where the bytes lie does, and of
    /// memories without bytes their names.
    pub(crate) fn same_memory(&self, a: Memory, b: Memory) -> bool {
        let (left, right) = (self.memory_bytes(a), self.memory_bytes(b));
        if left.is_empty() || right.is_empty() {
            return left.len() == right.len() && format!("{a:?}") == format!("{b:?}");
        }
        core::ptr::eq(left, right)
    }

    /// Calls a function. Where it returns at once, nothing is allocated: `results`, as many as it has, hold what it
    /// returned. Else the call as it stands, and why it stopped.
    ///
    /// # Errors
    ///
    /// When it traps or runs out of fuel.
    pub(crate) fn call_through(
        &mut self,
        function: Func,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<Option<(Activation<T>, Step)>, Fault> {
        let context = &mut self.context;
        refuel(context, 1)?;
        enter(context)?;
        let call = function.call_resumable(&mut *context, params, results);
        context.data_mut().depth -= 1;
        let (progress, step) = match call {
            Ok(ResumableCall::Finished) => {
                self.returned();
                return Ok(None);
            }
            Ok(ResumableCall::OutOfFuel(call)) => (Progress::OutOfFuel(call), Step::Preempted),
            Ok(ResumableCall::HostTrap(call)) if call.host_error().downcast_ref::<Suspended>().is_some() => {
                (Progress::InHost(call), Step::Blocked)
            }
            Ok(ResumableCall::HostTrap(call)) => return Err(Fault::from_wasmi(call.host_error())),
            Err(error) => (Progress::of_root(function, &error)?, Step::Blocked),
        };
        let pending = context.data_mut().pending.take();
        let mut activation = Activation { progress, results: results.to_vec(), pending };
        match self.stay_with(&mut activation, step)? {
            Step::Finished => {
                results.clone_from_slice(&activation.into_results());
                Ok(None)
            }
            step => Ok(Some((activation, step))),
        }
    }

    /// Calls a function with at most one result and stays with it until it returns. It may not wait; slices of fuel
    /// pass unnoticed, until the turn is over (`turn`).
    ///
    /// # Errors
    ///
    /// When it traps, runs out of fuel, waits, or runs for too long.
    pub(crate) fn call_to_end<const RESULTS: usize>(
        &mut self,
        function: Func,
        params: &[Val],
    ) -> Result<Option<u64>, Fault> {
        self.stay(|caller| {
            let mut results = [const { Val::I32(0) }; RESULTS];
            match caller.call_through(function, params, &mut results)? {
                None => Ok(results.first().map(bits)),
                Some(_) => Err(Rule::CannotBlock.into()),
            }
        })
    }

    /// Whether anybody watches what crosses between this guest and its host.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        !self.context.data().interposers.is_empty()
    }

    /// Tells those who watch.
    pub(crate) fn tell(&mut self, mut tell: impl FnMut(&mut dyn Interposer, u64)) {
        let at_fuel = self.fuel_spent();
        for interposer in &mut self.context.data_mut().interposers {
            tell(&mut **interposer, at_fuel);
        }
    }

    /// Charges for moving `count` bytes between guests, or between a guest and its host. That takes no longer than what a
    /// guest computes for as much fuel, so the slice is not over the sooner for it, as it is for other work of a host's.
    ///
    /// # Errors
    ///
    /// As [`charge`](Self::charge).
    #[inline]
    pub(crate) fn charge_moved(&mut self, count: usize) -> Result<(), Fault> {
        let fuel = count as u64 / BYTES_PER_FUEL;
        let meter = &mut self.context.data_mut().meter;
        if fuel == 0 || !meter.is_on() {
            return Ok(());
        }
        meter.charge_turn(fuel);
        match counter(&self.context).checked_sub(fuel) {
            Some(left) => {
                set_counter(&mut self.context, left);
                Ok(())
            }
            None => self.charge_rest(fuel),
        }
    }

    /// The waker of the task that drives this guest; one that does nothing where none does.
    pub(crate) fn waker(&self) -> Waker {
        self.context.data().waker.clone().unwrap_or_else(|| Waker::noop().clone())
    }

    /// The function at `index` of `table`: none where the index is past its end, an inner none where there is no
    /// function.
    pub(crate) fn table_function(&self, table: Table, index: u64) -> Option<Option<Func>> {
        match table.get(&self.context, index)? {
            wasmi::Ref::Func(wasmi::Nullable::Val(function)) => Some(Some(function)),
            _ => Some(None),
        }
    }

    /// The parameter and result types of a function.
    pub(crate) fn function_type(&self, function: Func) -> (Vec<ValType>, Vec<ValType>) {
        let ty = function.ty(&self.context);
        (ty.params().to_vec(), ty.results().to_vec())
    }

    /// Makes a core function of a closure.
    pub(crate) fn define(
        &mut self,
        params: &[ValType],
        results: &[ValType],
        function: impl Fn(&mut Caller<'_, T>, &[u64]) -> Result<Answer, Fault> + Send + Sync + 'static,
    ) -> Func {
        let is_i32 = |ty: &ValType| *ty == ValType::I32;
        if results.len() < 2 && params.iter().all(is_i32) && results.iter().all(is_i32) {
            return match (params.len(), results.len()) {
                (0, 0) => define_0::<T, ()>(self, function),
                (1, 0) => define_1::<T, ()>(self, function),
                (2, 0) => define_2::<T, ()>(self, function),
                (3, 0) => define_3::<T, ()>(self, function),
                (4, 0) => define_4::<T, ()>(self, function),
                (5, 0) => define_5::<T, ()>(self, function),
                (6, 0) => define_6::<T, ()>(self, function),
                (0, _) => define_0::<T, u32>(self, function),
                (1, _) => define_1::<T, u32>(self, function),
                (2, _) => define_2::<T, u32>(self, function),
                (3, _) => define_3::<T, u32>(self, function),
                (4, _) => define_4::<T, u32>(self, function),
                (5, _) => define_5::<T, u32>(self, function),
                (6, _) => define_6::<T, u32>(self, function),
                _ => define_any(self, params, results, function),
            };
        }
        define_any(self, params, results, function)
    }
}

/// Calls a closure for the guest that called it.
fn answer<T: Send + 'static>(
    caller: &mut wasmi::Caller<'_, Data<T>>,
    function: &impl Fn(&mut Caller<'_, T>, &[u64]) -> Result<Answer, Fault>,
    flat: &[u64],
) -> Result<u64, wasmi::Error> {
    let mut caller = Caller { context: caller.as_context_mut() };
    caller.charge(HOST_CALL_FUEL).map_err(Fault::into_wasmi)?;
    match function(&mut caller, flat).map_err(Fault::into_wasmi)? {
        Answer::Suspend => Err(wasmi::Error::host(Suspended)),
        Answer::Return(value) => Ok(value.unwrap_or(0)),
    }
}

/// Makes a function of any type. Each call of it allocates, for the interpreter keeps values of any type for it.
fn define_any<T: Send + 'static>(
    caller: &mut Caller<'_, T>,
    params: &[ValType],
    results: &[ValType],
    function: impl Fn(&mut Caller<'_, T>, &[u64]) -> Result<Answer, Fault> + Send + Sync + 'static,
) -> Func {
    let ty = wasmi::FuncType::new(params.iter().copied(), results.iter().copied());
    let result = results.first().copied();
    Func::new(
        &mut caller.context,
        ty,
        move |mut caller: wasmi::Caller<'_, Data<T>>, params: &[Val], results| {
            let mut flat = [0; FLAT_MAX];
            for (to, from) in flat.iter_mut().zip(params) {
                *to = bits(from);
            }
            let value = answer(&mut caller, &function, &flat[..params.len().min(FLAT_MAX)])?;
            if let (Some(ty), Some(place)) = (result, results.first_mut()) {
                *place = value_of(ty, value);
            }
            Ok(())
        },
    )
}

/// What a function of numbers returns.
trait Narrow: wasmi::WasmRet {
    fn narrow(bits: Result<u64, wasmi::Error>) -> Result<Self, wasmi::Error>
    where
        Self: Sized;
}

impl Narrow for () {
    fn narrow(bits: Result<u64, wasmi::Error>) -> Result<Self, wasmi::Error> {
        bits.map(|_| ())
    }
}

impl Narrow for u32 {
    fn narrow(bits: Result<u64, wasmi::Error>) -> Result<Self, wasmi::Error> {
        bits.map(|bits| bits as u32)
    }
}

macro_rules! define {
    ($($name:ident $($param:ident)*;)*) => {
        $(fn $name<T: Send + 'static, R: Narrow + 'static>(
            caller: &mut Caller<'_, T>,
            function: impl Fn(&mut Caller<'_, T>, &[u64]) -> Result<Answer, Fault> + Send + Sync + 'static,
        ) -> Func
        where
            Result<R, wasmi::Error>: wasmi::WasmRet,
        {
            Func::wrap(
                &mut caller.context,
                move |mut caller: wasmi::Caller<'_, Data<T>> $(, $param: u32)*| -> Result<R, wasmi::Error> {
                    R::narrow(answer(&mut caller, &function, &[$(u64::from($param)),*]))
                },
            )
        })*
    };
}
define! {
    define_0;
    define_1 a;
    define_2 a b;
    define_3 a b c;
    define_4 a b c d;
    define_5 a b c d e;
    define_6 a b c d e f;
}

/// Core functions that canonical definitions make take no more parameters than this: 16 flat ones and a pointer
/// for results.
pub(super) const FLAT_MAX: usize = 17;

impl Engine {
    /// Refuses another engine: what the interpreter's numbers mean, each says for itself, and it panics where they meet.
    pub(crate) fn check_same(&self, other: &Self) -> Result<(), Error> {
        check_same(&self.inner, &other.inner)
    }
}

fn check_same(a: &wasmi::Engine, b: &wasmi::Engine) -> Result<(), Error> {
    match wasmi::Engine::same(a, b) {
        true => Ok(()),
        false => Err(Error::misuse("what was loaded into one engine is used with another one")),
    }
}

impl<T: Send + 'static> Store<T> {
    /// Refuses an engine that is not this store's.
    pub(crate) fn check_engine(&self, engine: &Engine) -> Result<(), Error> {
        check_same(self.inner.engine(), &engine.inner)
    }

    /// Makes an instance of `module` from `imports` in the order it declares them, and runs its start function.
    ///
    /// # Errors
    ///
    /// When the instance does not fit the budget, an import is of another type, a segment does not fit, or the start
    /// function traps.
    pub(crate) fn instantiate_and_start(
        &mut self,
        module: &Module,
        imports: &[wasmi::Extern],
    ) -> Result<Instance, Error> {
        let spent = self.fuel_spent();
        let instance = self.instantiate_with(module, imports)?;
        // What the file asks for is no less than it was when it was loaded, and bounded by that.
        self.extend_turn(spent);
        if let Some(start) = module.start().and_then(|name| instance.get_func(&*self.inner, name)) {
            self.caller().call_to_end::<0>(start, &[]).map_err(Fault::into_error)?;
        }
        Ok(instance)
    }

    /// Pays for carrying out a definition that keeps so many bytes, before it is done.
    ///
    /// # Errors
    ///
    /// When the bytes pass [`Limits::instance_bytes`](crate::Limits::instance_bytes).
    pub(crate) fn charge_definition(&mut self, bytes: u64) -> Result<(), Error> {
        self.inner.data_mut().budget.charge_instance(bytes)
    }

    /// What `instance` exports as `name`.
    pub(crate) fn core_export(&self, instance: Instance, name: &str) -> Option<wasmi::Extern> {
        instance.get_export(&*self.inner, name)
    }

    /// All that `instance`, of `module`, exports, in the order of [`Module::export_names`].
    pub(crate) fn core_exports(&self, instance: Instance, module: &Module) -> Vec<wasmi::Extern> {
        debug_assert!(
            instance.exports(&*self.inner).map(|export| export.name()).eq(module.export_names()),
            "an instance lists its exports in another order than its module"
        );
        instance.exports(&*self.inner).map(wasmi::Export::into_extern).collect()
    }

    /// Whether a memory has 64-bit addresses.
    pub(crate) fn is_memory_64(&self, memory: Memory) -> bool {
        memory.ty(&*self.inner).is_64()
    }

    /// Whether a table has 64-bit indices.
    pub(crate) fn is_table_64(&self, table: Table) -> bool {
        table.ty(&*self.inner).is_64()
    }

    /// Changes the waker that host functions see; the one before.
    pub(crate) fn swap_waker(&mut self, waker: Option<Waker>) -> Option<Waker> {
        mem::replace(&mut self.inner.data_mut().waker, waker)
    }

    /// The bounds this guest runs under.
    pub(crate) fn limits(&self) -> &crate::Limits {
        &self.inner.data().limits
    }
}

impl Module {
    /// Each import: module and name.
    pub(crate) fn import_names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inner.imports().map(|import| (import.module(), import.name()))
    }

    /// The name of each export, those that loading adds among them.
    pub(crate) fn export_names(&self) -> impl Iterator<Item = &str> {
        self.inner.exports().map(|export| export.name())
    }

    /// Each import: module, name and type.
    pub(crate) fn import_types(&self) -> impl Iterator<Item = (&str, &str, wasmi::ExternType)> {
        self.inner.imports().map(|import| (import.module(), import.name(), import.ty().clone()))
    }

    /// An export's type, if there is one of this name.
    pub(crate) fn export_type(&self, name: &str) -> Option<wasmi::ExternType> {
        self.inner.get_export(name)
    }
}

impl Outline {
    /// What this and another declare together.
    #[must_use]
    pub(crate) fn plus(mut self, other: &Self) -> Self {
        self.types = self.types.saturating_add(other.types);
        self.imports = self.imports.saturating_add(other.imports);
        self.exports = self.exports.saturating_add(other.exports);
        self.functions = self.functions.saturating_add(other.functions);
        self.globals = self.globals.saturating_add(other.globals);
        self.memories = self.memories.saturating_add(other.memories);
        self.memory_bytes = self.memory_bytes.saturating_add(other.memory_bytes);
        self.tables = self.tables.saturating_add(other.tables);
        self.table_elements = self.table_elements.saturating_add(other.table_elements);
        self.segments = self.segments.saturating_add(other.segments);
        self.segment_bytes = self.segment_bytes.saturating_add(other.segment_bytes);
        self.code_bytes = self.code_bytes.saturating_add(other.code_bytes);
        self.frame_locals_max = self.frame_locals_max.max(other.frame_locals_max);
        self
    }
}

impl Fault {
    /// The fault as an embedder is told of it.
    pub(crate) fn into_error(self) -> Error {
        self.into()
    }
}

/// A core value as a pattern of bits: an `i32` zero-extended, a float by its bits.
pub(crate) fn bits(value: &Val) -> u64 {
    match value {
        Val::I32(value) => u64::from(value.cast_unsigned()),
        Val::I64(value) => value.cast_unsigned(),
        Val::F32(value) => u64::from(value.to_bits()),
        Val::F64(value) => value.to_bits(),
        _ => 0,
    }
}

/// The core value of a type that has these bits.
#[inline]
pub(crate) fn value_of(ty: ValType, bits: u64) -> Val {
    match ty {
        ValType::I64 => Val::I64(bits.cast_signed()),
        ValType::F32 => Val::F32(wasmi::F32::from_bits(bits as u32)),
        ValType::F64 => Val::F64(wasmi::F64::from_bits(bits)),
        _ => Val::I32((bits as u32).cast_signed()),
    }
}
