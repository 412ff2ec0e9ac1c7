//! The platform's random bytes.

use crate::cap::{Code, random};

/// The platform's source, fit for cryptography.
#[derive(Clone, Copy, Debug, Default)]
pub struct Random;

impl random::Random for Random {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Code> {
        getrandom::fill(bytes).map_err(|_| Code::Io)
    }
}
