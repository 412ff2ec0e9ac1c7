//! Components out of bundles, as programs.

use crate::{
    Error, Loader,
    component::{Component, Engine},
    engine::bundle::VerifiedBundle,
    program,
};

pub(super) fn load(bundle: &VerifiedBundle<'_>, loader: &Loader) -> Result<program::Component, Error> {
    let engine = Engine::with_metering(loader.features, &loader.limits, loader.metering);
    program::Component::linked(Component::from_bundle(&engine, bundle)?)
}
