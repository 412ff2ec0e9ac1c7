//! What WASI's randomness means: a buffer filled, in pieces of a bounded size.

use crate::cap::{Code, random::Random};
use alloc::sync::Arc;

/// Where a guest's random bytes come from.
#[derive(Clone)]
pub enum Source {
    /// What was granted.
    Granted(Arc<dyn Random>),
    /// One of the guest's own, made when it first draws from it: most never do.
    Own(fn() -> Arc<dyn Random>),
}

impl Source {
    /// The source itself. One of a guest's own is made now, if it has not been; a clone from before has another.
    pub fn get(&mut self) -> Arc<dyn Random> {
        match self {
            Self::Granted(random) => Arc::clone(random),
            Self::Own(make) => {
                let random = make();
                *self = Self::Granted(Arc::clone(&random));
                random
            }
        }
    }
}

/// Fills `bytes`, at most [`CHUNK_BYTES_MAX`] of them with one call of the source.
///
/// # Errors
///
/// What the source answers; `bytes` may be filled in part then.
pub fn fill(random: &dyn Random, bytes: &mut [u8]) -> Result<(), Code> {
    bytes.chunks_mut(CHUNK_BYTES_MAX).try_for_each(|chunk| random.fill(chunk))
}

/// Sixty-four random bits.
///
/// # Errors
///
/// What the source answers.
pub fn random_u64(random: &dyn Random) -> Result<u64, Code> {
    let mut bytes = [0; 8];
    random.fill(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// The largest piece that is asked of a source at once.
pub const CHUNK_BYTES_MAX: usize = 64 << 10;
