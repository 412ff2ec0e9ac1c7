//! What stands in for `binary` in a build without validators: it reads no component, and bundles load.

use super::{features::Features, load::Parsed};
use crate::{Error, Limits};

pub(crate) fn parse(_: &[u8], _: Features, _: &Limits) -> Result<Parsed, Error> {
    Err(Error::unsupported("loading", "this build has no validator: it loads bundles"))
}
