//! What stands in for `wrappers` in a build without validators, which edits nothing.

use crate::{
    Error,
    engine::{Engine, Outline, rewrite::Edits},
};

pub(super) fn edit(_: &[u8], _: &Outline, _: &Engine, _: &mut Edits) -> Result<(), Error> {
    Err(Error::unsupported("loading", "this build has no validator: it loads bundles"))
}
