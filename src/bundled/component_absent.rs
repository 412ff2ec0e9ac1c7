//! No components in this build.

use crate::{Error, Loader, engine::bundle::VerifiedBundle, program::Component};

pub(super) fn load(_: &VerifiedBundle<'_>, _: &Loader) -> Result<Component, Error> {
    Err(Error::unsupported("the Component Model", "this build runs core modules only"))
}
