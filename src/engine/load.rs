//! Loading a core module on a host that validates.

use crate::{
    Error, Limits,
    engine::{
        Engine, Metering, Module, Outline,
        fault::load_error,
        module::Resolved,
        rewrite,
        scan::{self, Format},
        simd,
    },
};

impl Engine {
    /// An engine for what needs no more than one value, and no vector, wherever a block or a branch has a type.
    fn plain(metering: Metering, limits: &Limits) -> Self {
        let engine =
            Self::configured(metering, limits, |config| simd::set(config.wasm_multi_value(false), false));
        Self { is_plain: true, ..engine }
    }

    /// Whether a module is valid as it is.
    pub(super) fn validate(&self, bytes: &[u8]) -> Result<(), Error> {
        wasmi::Module::validate(&self.inner, bytes).map_err(|error| load_error(&error))
    }
}

impl Module {
    /// Loads a core module, and answers it with an engine of its own.
    ///
    /// Most modules have no block that takes parameters or returns more than one value. Whether one has is what a validator
    /// knows best that allows neither, and it takes no time. What that one refuses is loaded as anything may be.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_alone(metering: Metering, limits: &Limits, bytes: &[u8]) -> Result<(Engine, Self), Error> {
        let plain = Engine::plain(metering, limits);
        if let Ok(module) = Self::load(&plain, bytes) {
            return Ok((plain, module));
        }
        let engine = Engine::new(metering, limits);
        let module = Self::load(&engine, bytes)?;
        Ok((engine, module))
    }

    /// Loads a core module.
    ///
    /// # Errors
    ///
    /// When the bytes are malformed or invalid, pass a limit, or need what the interpreter does not
    /// implement.
    pub fn load(engine: &Engine, bytes: &[u8]) -> Result<Self, Error> {
        Self::look_and_load(engine, bytes, false)
    }

    /// Loads a core module, which may be linked with others or not.
    pub(super) fn look_and_load(engine: &Engine, bytes: &[u8], is_linked: bool) -> Result<Self, Error> {
        if scan::format(bytes)? != Format::Module {
            return Err(Error::malformed("it is a component where a core module is expected", Some(4)));
        }
        let outline = Outline::of(bytes, &engine.limits)?;
        Self::load_as(engine, bytes, outline, is_linked)
    }

    /// Loads a core module that was looked through, with the outline that came of it. It may be linked with others.
    pub(super) fn load_as(
        engine: &Engine,
        bytes: &[u8],
        mut outline: Outline,
        is_linked: bool,
    ) -> Result<Self, Error> {
        let bytes = rewrite::rewrite(bytes, &mut outline, engine, is_linked)?;
        let inner = wasmi::Module::new(&engine.inner, &bytes).map_err(|error| load_error(&error))?;
        Ok(Self { resolved: Resolved::none(&inner), inner, outline })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::ToString};

    /// What [`blocks`](crate::engine::blocks) edits is refused by the plain engine, and loaded by the other.
    #[test]
    fn only_what_needs_no_edits_of_blocks_is_plain() {
        let is_plain = |fields: &str| {
            let module = wat::parse_str(format!("(module {fields})")).unwrap();
            let (engine, _) = Module::load_alone(Metering::On, &Limits::server(), &module).unwrap();
            engine.is_plain
        };
        assert!(is_plain("(func (result i32) (block (result i32) (i32.const 1)))"));
        assert!(is_plain("(func (param i32 i64 f32) (loop (br_if 0 (local.get 0))))"));
        for fields in [
            "(func (i32.const 1) (block (param i32) (drop)))",
            "(func (i32.const 1) (loop (param i32) (drop)))",
            "(func (i32.const 1) (i32.const 1) (if (param i32) (then (drop)) (else (drop))))",
            "(func (result i32 i32) (i32.const 1) (i32.const 2))",
            "(func (block (result i32 i32) (i32.const 1) (i32.const 2)) (drop) (drop))",
            "(func (unreachable) (br_table 0 0))  (type (func (result i32 i32)))",
            "(func (block (result v128) (v128.const i64x2 0 0)) (drop))",
            "(func (param v128))",
            "(import \"a\" \"b\" (func (result v128)))",
        ] {
            assert!(!is_plain(fields), "{fields}");
        }
    }

    #[test]
    fn what_no_engine_accepts_is_refused_in_the_words_of_the_one_that_may_have_anything() {
        let limits = Limits::server();
        let invalid = wat::parse_str("(module (func (result i32 i32) (i32.const 1)))").unwrap();
        let error = Module::load_alone(Metering::On, &limits, &invalid).unwrap_err();
        assert!(!error.to_string().contains("multi-value"), "{error}");
    }
}
