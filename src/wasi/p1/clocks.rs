//! Clocks: `clock_res_get`, `clock_time_get`.

use super::{State, errno::Failure};
use crate::{cap::Code, engine::Caller, wasi::clocks::nanoseconds_since_epoch};

/// The clocks there are. The ones that count a process's or thread's own time are not: a guest has neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    Realtime,
    Monotonic,
}

impl Clock {
    pub(super) const fn new(id: u32) -> Result<Self, Code> {
        match id {
            0 => Ok(Self::Realtime),
            1 => Ok(Self::Monotonic),
            _ => Err(Code::Invalid),
        }
    }
}

pub(super) fn clock_res_get(caller: &mut Caller<'_, State>, id: u32, resolution: u32) -> Result<(), Failure> {
    let clock = Clock::new(id)?;
    let (mut memory, state) = caller.split()?;
    let nanoseconds = match clock {
        Clock::Realtime => state.clocks.wall_resolution_ns(),
        Clock::Monotonic => state.clocks.monotonic_resolution_ns(),
    };
    Ok(memory.write_u64(resolution, nanoseconds)?)
}

pub(super) fn clock_time_get(
    caller: &mut Caller<'_, State>,
    id: u32,
    _precision: u64,
    time: u32,
) -> Result<(), Failure> {
    let clock = Clock::new(id)?;
    let (mut memory, state) = caller.split()?;
    // Before the clock is read: a virtual clock advances by being read.
    memory.check(time, 8)?;
    let nanoseconds = match clock {
        Clock::Realtime => nanoseconds_since_epoch(state.clocks.wall_now()).ok_or(Code::Overflow)?,
        Clock::Monotonic => state.clocks.monotonic_now_ns(),
    };
    Ok(memory.write_u64(time, nanoseconds)?)
}
