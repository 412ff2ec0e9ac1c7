//! A function a guest exports, to be called by its host.

use crate::engine::{Store, Value, ValueType};
use alloc::{format, string::String, vec::Vec};

/// A function of a guest, with its type.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(super) inner: wasmi::Func,
    pub(super) ty: wasmi::FuncType,
}

impl<T: Send + 'static> Store<T> {
    /// The function that `instance` exports as `name`.
    pub(crate) fn function(&self, instance: wasmi::Instance, name: &str) -> Option<Function> {
        let inner = instance.get_func(&*self.inner, name)?;
        let ty = inner.ty(&*self.inner);
        Some(Function { inner, ty })
    }
}

impl Function {
    /// `values` as this function's parameters.
    ///
    /// # Errors
    ///
    /// A sentence that says what it takes instead.
    pub(crate) fn params(&self, values: &[Value]) -> Result<Vec<wasmi::Val>, String> {
        if values.is_empty() && self.ty.params().is_empty() {
            return Ok(Vec::new());
        }
        let types: Vec<_> = self.ty.params().iter().map(|ty| ValueType::from_wasmi(*ty)).collect();
        if types.len() != values.len() {
            let (count, given) = (types.len(), values.len());
            return Err(format!(
                "it takes {count} parameter{}, not {given}",
                if count == 1 { "" } else { "s" }
            ));
        }
        for (number, (ty, value)) in types.iter().zip(values).enumerate() {
            if *ty != value.ty() {
                return Err(format!("its parameter {} is of type {ty}, not {}", number + 1, value.ty()));
            }
        }
        values.iter().map(|value| value.into_wasmi().map_err(|error| format!("{error}"))).collect()
    }
}
