//! Core modules as test scripts handle them: instances that link with each other in one store, values by their bits.

use super::{Activation, Engine, Fault, Metering, Module, Step, Store, store::type_text};
use crate::{Error, Limits, bug, error::MissingImport};
use alloc::{string::ToString, vec::Vec};
use wasmi::{ExternRef, Nullable, Val, ValType};

/// A core value as scripts write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    I32(u32),
    I64(u64),
    /// By its bits.
    F32(u32),
    /// By its bits.
    F64(u64),
    V128(u128),
    /// A reference to a function, and whether there is one.
    Func(bool),
    /// A reference to something of the host, which a script tells from others by number.
    Extern(Option<u32>),
}

/// An instance of a [`World`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instance(wasmi::Instance);

/// A store for all instances of a script.
pub(crate) struct World {
    engine: Engine,
    store: Store<()>,
}

impl World {
    /// An empty world. Modules may declare as much as `declared` allows, and be instances within `limits`.
    pub(crate) fn new(declared: &Limits, limits: &Limits) -> Self {
        let engine = Engine::new(Metering::On, declared);
        let store = Store::new(&engine, (), limits);
        Self { engine, store }
    }

    /// Grants `fuel` and no more from here on; without a number, what is left.
    ///
    /// # Errors
    ///
    /// As [`Store::set_fuel`].
    pub(crate) fn grant(&mut self, fuel: Option<u64>) -> Result<(), Error> {
        fuel.map_or(Ok(()), |fuel| self.store.set_fuel(fuel))
    }

    /// Loads a module.
    ///
    /// # Errors
    ///
    /// As [`Module::load`].
    pub(crate) fn load(&self, bytes: &[u8]) -> Result<Module, Error> {
        Module::look_and_load(&self.engine, bytes, true)
    }

    /// Makes an instance, with its imports from the instances that `find` says their module's name stands for, and
    /// runs its start function.
    ///
    /// # Errors
    ///
    /// When imports are missing or of another type, when a segment does not fit, and when the start function traps.
    pub(crate) fn instantiate<'i>(
        &mut self,
        module: &Module,
        find: impl Fn(&str) -> &'i [Instance],
    ) -> Result<Instance, Error> {
        let mut externs = Vec::new();
        let mut missing = Vec::new();
        for import in module.inner.imports() {
            let (module, name) = (import.module(), import.name());
            let found =
                find(module).iter().find_map(|instance| instance.0.get_export(&*self.store.inner, name));
            match found {
                Some(found) => externs.push(found),
                None => missing.push(MissingImport {
                    module: module.to_string(),
                    name: name.to_string(),
                    expected: type_text(import.ty()),
                    found: None,
                    of_component: false,
                }),
            }
        }
        if !missing.is_empty() {
            return Err(Error::imports(missing));
        }
        // What its start function may take is counted from here on.
        self.store.begin_turn();
        self.store.instantiate_and_start(module, &externs).map(Instance)
    }

    /// Calls an exported function to its end. Between two slices of fuel it asks whether to stop: then there are no
    /// values.
    ///
    /// # Errors
    ///
    /// When there is none of this name and for these values, and when it traps.
    pub(crate) fn invoke(
        &mut self,
        instance: Instance,
        name: &str,
        params: &[Value],
        mut stops: impl FnMut() -> bool,
    ) -> Result<Option<Vec<Value>>, Error> {
        let function = instance.0.get_func(&*self.store.inner, name);
        let function = function.ok_or_else(|| Error::export(name, "there is no function of this name"))?;
        let ty = function.ty(&*self.store.inner);
        let matches = ty.params().len() == params.len()
            && ty.params().iter().zip(params).all(|(ty, value)| value.is_of(*ty));
        if !matches {
            return Err(Error::export(name, "its parameters are of other types"));
        }
        let params = params.iter().map(|value| self.lower(*value)).collect();
        let mut activation = Activation::new(&self.store.caller(), function, params);
        loop {
            match activation.step(&mut self.store.caller(), None).map_err(Fault::into_error)? {
                Step::Finished => break,
                Step::Preempted if stops() => return Ok(None),
                Step::Preempted => {}
                Step::Blocked => return Err(bug!("no function of a script waits").into()),
            }
        }
        Ok(Some(activation.into_results().iter().map(|value| self.lift(value)).collect()))
    }

    /// The value of an exported global.
    ///
    /// # Errors
    ///
    /// When there is none of this name.
    pub(crate) fn global(&self, instance: Instance, name: &str) -> Result<Value, Error> {
        let global = instance.0.get_global(&*self.store.inner, name);
        let global = global.ok_or_else(|| Error::export(name, "there is no global of this name"))?;
        Ok(self.lift(&global.get(&*self.store.inner)))
    }

    fn lower(&mut self, value: Value) -> Val {
        match value {
            Value::I32(bits) => Val::I32(bits.cast_signed()),
            Value::I64(bits) => Val::I64(bits.cast_signed()),
            Value::F32(bits) => Val::F32(wasmi::F32::from_bits(bits)),
            Value::F64(bits) => Val::F64(wasmi::F64::from_bits(bits)),
            Value::V128(bits) => Val::V128(bits.into()),
            // A script has no function to refer to; `is_of` let none through.
            Value::Func(_) => Val::FuncRef(Nullable::Null),
            Value::Extern(None) => Val::ExternRef(Nullable::Null),
            Value::Extern(Some(number)) => {
                Val::ExternRef(Nullable::Val(ExternRef::new(&mut *self.store.inner, number)))
            }
        }
    }

    fn lift(&self, value: &Val) -> Value {
        match value {
            Val::I32(value) => Value::I32(value.cast_unsigned()),
            Val::I64(value) => Value::I64(value.cast_unsigned()),
            Val::F32(value) => Value::F32(value.to_bits()),
            Val::F64(value) => Value::F64(value.to_bits()),
            Val::V128(value) => Value::V128(value.as_u128()),
            Val::FuncRef(function) => Value::Func(!function.is_null()),
            Val::ExternRef(Nullable::Null) => Value::Extern(None),
            Val::ExternRef(Nullable::Val(object)) => {
                // All there are, were made here.
                Value::Extern(object.data(&*self.store.inner).downcast_ref().copied())
            }
        }
    }
}

impl Value {
    fn is_of(self, ty: ValType) -> bool {
        match self {
            Self::I32(_) => ty == ValType::I32,
            Self::I64(_) => ty == ValType::I64,
            Self::F32(_) => ty == ValType::F32,
            Self::F64(_) => ty == ValType::F64,
            Self::V128(_) => ty == ValType::V128,
            Self::Func(is_there) => !is_there && ty == ValType::FuncRef,
            Self::Extern(_) => ty == ValType::ExternRef,
        }
    }
}
