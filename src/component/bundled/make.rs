//! Writing down what reading a component gives, where there are validators.

use crate::{
    Error, Limits,
    component::{Features, binary, codec::Code as _},
    engine::{
        Module,
        bundle::{Bundler, SecretKey},
    },
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
        // What reading takes, it takes here, and not where the bundle is loaded.
        let limits = Limits { load_bytes: u64::MAX, ..*self.held_to() };
        let parsed = binary::parse(bytes, features, &limits)?;
        let engine = self.engine()?;
        let modules = parsed.modules.into_iter().map(|(range, _)| {
            let module = &bytes[range];
            let checked = self.check(&engine, module)?;
            Module::check_linked(module)?;
            Ok::<_, Error>(checked)
        });
        let modules: Vec<_> = modules.collect::<Result<_, _>>()?;
        let mut description = Vec::new();
        parsed.census.write(&mut description);
        parsed.types.write(&mut description);
        parsed.definitions.write(&mut description);
        self.sign(Some(&description), &modules, key)
    }
}
