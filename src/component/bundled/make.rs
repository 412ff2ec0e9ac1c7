//! Writing down what reading a component gives, where there are validators.

use crate::{
    Error,
    component::{Features, binary, codec::Code as _},
    engine::bundle::{Bundler, SecretKey},
};
use alloc::vec::Vec;

impl Bundler {
    /// Checks a component that uses `features` as loading it would, and signs what came of it.
    ///
    /// # Errors
    ///
    /// Whatever refuses loading: see [`Component::new`](crate::component::Component::new).
    pub fn bundle_component(
        &self,
        bytes: &[u8],
        features: Features,
        key: &SecretKey,
    ) -> Result<Vec<u8>, Error> {
        let parsed = binary::parse(bytes, features, self.held_to())?;
        let engine = self.engine()?;
        let modules = parsed.modules.into_iter().map(|range| self.check(&engine, &bytes[range]));
        let modules: Vec<_> = modules.collect::<Result<_, _>>()?;
        let mut description = Vec::new();
        parsed.census.write(&mut description);
        parsed.types.write(&mut description);
        parsed.definitions.write(&mut description);
        self.sign(Some(&description), &modules, key)
    }
}
