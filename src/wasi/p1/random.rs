//! Randomness: `random_get`.

use super::{State, errno::Failure};
use crate::{cap::Code, engine::Caller, wasi};

/// Fills `length` bytes at `buffer`. Answers `inval` for more than one host call may move: there is no way to say that
/// only some were written, as `fd_read` does, and POSIX has `getentropy` answer that (2024, `getentropy`, EINVAL).
pub(super) fn random_get(caller: &mut Caller<'_, State>, buffer: u32, length: u32) -> Result<(), Failure> {
    caller.split()?.0.check(buffer, length)?;
    if length > caller.limits().host_call_bytes {
        return Err(Code::Invalid.into());
    }
    caller.charge_bytes(length)?;
    let (mut memory, state) = caller.split()?;
    let random = state.random.get();
    let filled =
        memory.fill_with(buffer, length, |bytes| (bytes.len(), wasi::random::fill(&*random, bytes)))?;
    Ok(filled?)
}
