//! `wasi:clocks`: telling the time, and pollables of points in it.

use super::{
    Pollable, State,
    bindings::clocks::{
        monotonic_clock::{self, Duration, Instant},
        wall_clock::{self, Datetime},
    },
    subscribe_deadline,
};
use crate::{
    cap,
    component::Resource,
    engine::Fault,
    wasi::clocks::{Until, deadline_ns},
};

impl monotonic_clock::Host for State {
    fn now(&mut self) -> Result<Instant, Fault> {
        Ok(self.grants.clocks.monotonic_now_ns())
    }

    fn resolution(&mut self) -> Result<Duration, Fault> {
        Ok(self.grants.clocks.monotonic_resolution_ns())
    }

    fn subscribe_instant(&mut self, when: Instant) -> Result<Resource<Pollable>, Fault> {
        Ok(subscribe_deadline(&mut self.table, when)?)
    }

    fn subscribe_duration(&mut self, when: Duration) -> Result<Resource<Pollable>, Fault> {
        let deadline_ns = deadline_ns(&*self.grants.clocks, Until::After(when));
        Ok(subscribe_deadline(&mut self.table, deadline_ns)?)
    }
}

impl wall_clock::Host for State {
    fn now(&mut self) -> Result<Datetime, Fault> {
        Ok(datetime(self.grants.clocks.wall_now()))
    }

    fn resolution(&mut self) -> Result<Datetime, Fault> {
        let ns = self.grants.clocks.wall_resolution_ns();
        Ok(datetime(crate::wasi::clocks::datetime(ns)))
    }
}

/// A point in time as this dialect says it, which knows none before 1970.
pub(super) fn datetime(time: cap::clocks::Datetime) -> Datetime {
    match u64::try_from(time.seconds) {
        Ok(seconds) => Datetime { seconds, nanoseconds: time.nanoseconds },
        Err(_) => Datetime { seconds: 0, nanoseconds: 0 },
    }
}
