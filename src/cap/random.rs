//! Random bytes.

/// A source of random bytes.
///
/// WASI promises guests that `wasi:random/random` is fit for cryptography and never blocks. A seeded
/// source breaks the first promise on purpose, to make a run repeatable: grant it knowingly.
pub trait Random: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    ///
    /// [`Code::Io`](super::Code::Io) when the platform's source fails.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), super::Code>;
}
