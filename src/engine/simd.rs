//! Vectors, where the interpreter has them.

/// Whether it accepts them.
pub(super) fn set(config: &mut wasmi::Config, on: bool) {
    config.wasm_simd(on).wasm_relaxed_simd(on);
}
