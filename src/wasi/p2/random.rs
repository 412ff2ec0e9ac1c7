//! `wasi:random`. Its three sources are one: what was granted.

use super::{
    State,
    bindings::random::{insecure, insecure_seed, random},
};
use crate::{
    Trap,
    engine::Fault,
    wasi::random::{fill, random_u64},
};
use alloc::{vec, vec::Vec};

impl State {
    fn bytes(&mut self, length: u64) -> Result<Vec<u8>, Fault> {
        // All of them or none: a guest that is given fewer than it asked for would not notice.
        let within = |most: u32| u32::try_from(length).is_ok_and(|length| length <= most);
        if !within(self.limits.random_bytes) {
            return Err(TOO_MANY.into());
        }
        if !within(self.limits.host_call_bytes) {
            return Err(Trap::HostCallBytes.into());
        }
        let mut bytes = vec![0; length as usize];
        fill(&*self.grants.random.get(), &mut bytes).map_err(|_| FAILED)?;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64, Fault> {
        Ok(random_u64(&*self.grants.random.get()).map_err(|_| FAILED)?)
    }
}

impl random::Host for State {
    fn get_random_bytes(&mut self, len: u64) -> Result<Vec<u8>, Fault> {
        self.bytes(len)
    }

    fn get_random_u64(&mut self) -> Result<u64, Fault> {
        self.number()
    }
}

impl insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, len: u64) -> Result<Vec<u8>, Fault> {
        self.bytes(len)
    }

    fn get_insecure_random_u64(&mut self) -> Result<u64, Fault> {
        self.number()
    }
}

impl insecure_seed::Host for State {
    fn insecure_seed(&mut self) -> Result<(u64, u64), Fault> {
        // One seed for a guest's whole life, as WIT's functions of this kind are meant to be imported values.
        let seed = match self.seed {
            Some(seed) => seed,
            None => (self.number()?, self.number()?),
        };
        self.seed = Some(seed);
        Ok(seed)
    }
}

/// See [`Limits::random_bytes`](crate::Limits::random_bytes).
const TOO_MANY: Trap = Trap::Host("it asked for more random bytes at once than it may have");

/// WIT has no way to say so, and zeroes would pass for random bytes.
const FAILED: Trap = Trap::Host("the source of random bytes failed");
