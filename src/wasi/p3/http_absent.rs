//! HTTP, where there is none.

use super::State;
use crate::{Error, component::Linker};

pub(super) fn add_to_linker<T: Send + 'static>(
    _: &mut Linker<T>,
    _: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    Ok(())
}
