//! Components out of bundles, as programs.

use crate::{
    Error, Limits,
    component::{Component, Engine, Features},
    engine::bundle::VerifiedBundle,
    program,
};

pub(super) fn load(bundle: &VerifiedBundle<'_>, limits: &Limits) -> Result<program::Component, Error> {
    let engine = Engine::new(Features::default(), limits);
    program::Component::linked(Component::from_bundle(&engine, bundle)?)
}
