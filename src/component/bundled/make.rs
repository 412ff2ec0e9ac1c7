//! Writing down what reading a component gives, where there are validators.

use super::gates;
use crate::{
    Error, Limits,
    component::{Features, binary, codec::Code as _, load::Parsed},
    engine::{
        Module,
        bundle::{Bundler, SecretKey},
    },
};
use alloc::vec::Vec;

fn to_bits(mut features: Features) -> u32 {
    let gates = gates(&mut features).into_iter().enumerate();
    gates.fold(0, |bits, (bit, (_, on))| bits | u32::from(*on) << bit)
}

fn from_bits(bits: u32) -> Features {
    let mut features = Features::default();
    for (bit, (_, on)) in gates(&mut features).into_iter().enumerate() {
        *on = bits >> bit & 1 != 0;
    }
    features
}

/// Reads a component with as few proposals on as it can be read with, and says which these are. What a component uses,
/// only the validator knows: so it is asked again without each of them.
fn parse(bytes: &[u8], features: Features, limits: &Limits) -> Result<(Parsed, u32), Error> {
    let mut parsed = binary::parse(bytes, features, limits)?;
    let mut used = to_bits(features);
    for bit in (0..u32::BITS).map(|bit| 1 << bit).filter(|bit| to_bits(features) & bit != 0) {
        if let Ok(with_fewer) = binary::parse(bytes, from_bits(used & !bit), limits) {
            (parsed, used) = (with_fewer, used & !bit);
        }
    }
    Ok((parsed, used))
}

impl Bundler {
    /// Which proposals of the Component Model components may use; those that have shipped, where nothing is said. A
    /// device loads a bundle if it has on those that the component does use.
    ///
    /// With [`Features::memory64`] goes [`memory64`](Self::memory64), which lets the core modules have such memories.
    #[must_use]
    pub fn features(mut self, features: Features) -> Self {
        self.features = Some(to_bits(features));
        self
    }

    /// Checks a component as loading it would, and signs what came of it.
    ///
    /// # Errors
    ///
    /// Whatever refuses loading: see [`Component::new`](crate::component::Component::new).
    pub fn bundle_component(&self, bytes: &[u8], key: &SecretKey) -> Result<Vec<u8>, Error> {
        // What reading takes, it takes here, and not where the bundle is loaded.
        let limits = Limits { load_bytes: u64::MAX, ..*self.held_to() };
        let features = self.features.map_or_else(Features::default, from_bits);
        let (parsed, used) = parse(bytes, features, &limits)?;
        let engine = self.engine()?;
        let modules = parsed.modules.into_iter().map(|(range, _)| {
            let module = &bytes[range];
            let checked = self.check(&engine, module, true)?;
            Module::check_linked(module)?;
            Ok::<_, Error>(checked)
        });
        let modules: Vec<_> = modules.collect::<Result<_, _>>()?;
        let mut description = Vec::new();
        used.write(&mut description);
        parsed.census.write(&mut description);
        parsed.types.write(&mut description);
        parsed.definitions.write(&mut description);
        self.sign(Some(&description), &modules, key)
    }
}
