//! What stands in for `simd` where the interpreter has no vectors.

/// Leaves it as it is.
pub(super) fn set(_: &mut wasmi::Config, _: bool) {}
