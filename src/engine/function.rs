//! A function a guest exports, to be called by its host.

use crate::engine::{Store, Value, ValueType};
use alloc::{format, string::String, vec::Vec};

/// A function of a guest, with its type.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(super) inner: wasmi::Func,
    /// None: it takes nothing and returns nothing.
    ty: Option<wasmi::FuncType>,
}

impl<T: Send + 'static> Store<T> {
    /// The function that `instance` exports as `name`.
    pub(crate) fn function(&self, instance: wasmi::Instance, name: &str) -> Option<Function> {
        let inner = instance.get_func(&*self.inner, name)?;
        let ty = inner.ty(&*self.inner);
        Some(Function { inner, ty: Some(ty) })
    }

    /// The same, where it is known of the module that the function is plain ([`Module::exports_plain`](super::Module)):
    /// to ask for its type is to take a lock that all guests of a program share.
    pub(crate) fn plain_function(&self, instance: wasmi::Instance, name: &str) -> Option<Function> {
        Some(Function { inner: instance.get_func(&*self.inner, name)?, ty: None })
    }
}

impl Function {
    /// The types of what it returns.
    pub(super) fn results(&self) -> &[wasmi::ValType] {
        self.ty.as_ref().map_or(&[], wasmi::FuncType::results)
    }

    /// `values` as this function's parameters.
    ///
    /// # Errors
    ///
    /// A sentence that says what it takes instead.
    pub(crate) fn params(&self, values: &[Value]) -> Result<Vec<wasmi::Val>, String> {
        let params = self.ty.as_ref().map_or(&[][..], wasmi::FuncType::params);
        if values.is_empty() && params.is_empty() {
            return Ok(Vec::new());
        }
        let types: Vec<_> = params.iter().map(|ty| ValueType::from_wasmi(*ty)).collect();
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
