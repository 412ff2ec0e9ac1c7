//! Core values at the embedder's face.

use crate::Error;
use core::fmt;

/// A value of core WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A 32-bit integer; its sign is in the eye of the beholder.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// A 32-bit float.
    F32(f32),
    /// A 64-bit float.
    F64(f64),
    /// A 128-bit vector.
    V128(u128),
    /// A reference to a function or to something of the host. It cannot leave its guest.
    Reference,
}

/// The type of a core value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
    /// A 128-bit vector.
    V128,
    /// A reference.
    Reference,
}

impl Value {
    /// Its type.
    #[must_use]
    pub fn ty(self) -> ValueType {
        match self {
            Self::I32(_) => ValueType::I32,
            Self::I64(_) => ValueType::I64,
            Self::F32(_) => ValueType::F32,
            Self::F64(_) => ValueType::F64,
            Self::V128(_) => ValueType::V128,
            Self::Reference => ValueType::Reference,
        }
    }

    pub(crate) fn from_wasmi(value: &wasmi::Val) -> Self {
        match value {
            wasmi::Val::I32(value) => Self::I32(*value),
            wasmi::Val::I64(value) => Self::I64(*value),
            wasmi::Val::F32(value) => Self::F32(f32::from_bits(value.to_bits())),
            wasmi::Val::F64(value) => Self::F64(f64::from_bits(value.to_bits())),
            wasmi::Val::V128(value) => Self::V128(value.as_u128()),
            wasmi::Val::FuncRef(_) | wasmi::Val::ExternRef(_) => Self::Reference,
        }
    }

    pub(crate) fn into_wasmi(self) -> Result<wasmi::Val, Error> {
        Ok(match self {
            Self::I32(value) => wasmi::Val::I32(value),
            Self::I64(value) => wasmi::Val::I64(value),
            Self::F32(value) => wasmi::Val::F32(wasmi::F32::from_bits(value.to_bits())),
            Self::F64(value) => wasmi::Val::F64(wasmi::F64::from_bits(value.to_bits())),
            Self::V128(value) => wasmi::Val::V128(value.into()),
            Self::Reference => return Err(Error::misuse("a reference cannot be handed to a guest")),
        })
    }
}

impl ValueType {
    pub(crate) fn from_wasmi(ty: wasmi::ValType) -> Self {
        match ty {
            wasmi::ValType::I32 => Self::I32,
            wasmi::ValType::I64 => Self::I64,
            wasmi::ValType::F32 => Self::F32,
            wasmi::ValType::F64 => Self::F64,
            wasmi::ValType::V128 => Self::V128,
            wasmi::ValType::FuncRef | wasmi::ValType::ExternRef => Self::Reference,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::I32(value) => value.fmt(f),
            Self::I64(value) => value.fmt(f),
            Self::F32(value) => value.fmt(f),
            Self::F64(value) => value.fmt(f),
            Self::V128(value) => write!(f, "{value:#034x}"),
            Self::Reference => f.write_str("reference"),
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::Reference => "reference",
        })
    }
}
