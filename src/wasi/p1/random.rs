//! Randomness: `random_get`.

use super::{State, errno::Failure};
use crate::{engine::Caller, wasi};

pub(super) fn random_get(caller: &mut Caller<'_, State>, buffer: u32, length: u32) -> Result<(), Failure> {
    caller.split()?.0.check(buffer, length)?;
    caller.charge_bytes(length)?;
    let (mut memory, state) = caller.split()?;
    let random = state.random.get();
    let filled =
        memory.fill_with(buffer, length, |bytes| (bytes.len(), wasi::random::fill(&*random, bytes)))?;
    Ok(filled?)
}
