//! What WASI's randomness means: a buffer filled, in pieces of a bounded size.

use crate::cap::{Code, random::Random};

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
