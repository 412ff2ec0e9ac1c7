//! Programs out of bundles.

use crate::{
    Error, Limits, Program,
    engine::{Engine, Metering, Module, bundle::VerifiedBundle},
    program::{Code, Core},
};

impl Program {
    /// Loads what was validated and signed elsewhere: see [`bundle`](crate::engine::bundle). Its guests count fuel.
    ///
    /// # Errors
    ///
    /// When it passes a limit.
    pub fn from_bundle(bundle: &VerifiedBundle<'_>, limits: Limits) -> Result<Self, Error> {
        let engine = Engine::new(Metering::On, &limits);
        let module = Module::from_bundle(&engine, bundle)?;
        Ok(Self { code: Code::Module(Core { engine, module }) })
    }
}
