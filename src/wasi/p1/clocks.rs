//! Clocks: `clock_res_get`, `clock_time_get`.

use super::{
    State,
    errno::{Errno, Failure},
};
use crate::{
    cap::{Code, clocks::Clocks},
    engine::{AtOnce, Caller},
    wasi::clocks::nanoseconds_since_epoch,
};

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

    fn now_ns(self, clocks: &dyn Clocks) -> Result<u64, Code> {
        match self {
            Self::Realtime => nanoseconds_since_epoch(clocks.wall_now()).ok_or(Code::Overflow),
            Self::Monotonic => Ok(clocks.monotonic_now_ns()),
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
    let nanoseconds = clock.now_ns(&*state.clocks)?;
    Ok(memory.write_u64(time, nanoseconds)?)
}

/// The same, of a clock that there is and to where it can be written.
pub(super) fn clock_time_get_at_once(
    caller: &mut Caller<'_, State>,
    id: u32,
    _precision: u64,
    time: u32,
) -> Option<Errno> {
    let clock = Clock::new(id).ok()?;
    let AtOnce { mut memory, data: state, fuel, .. } = caller.at_once()?;
    let place = memory.place_unwatched(time).ok()?;
    let errno = match clock.now_ns(&*state.clocks) {
        Ok(nanoseconds) => {
            *place = nanoseconds.to_le_bytes();
            Errno::SUCCESS
        }
        Err(code) => code.into(),
    };
    caller.leave_fuel(fuel, 0);
    Some(errno)
}
