//! How long a component may keep its host waiting.
//!
//! A guest gives way at the end of a slice of fuel, unless its host stays with it, and with all that it calls: while it
//! allocates what is copied to it, cleans up, or starts. There one slice follows the other; and when it is over, so is the
//! slice of whoever it was done for. A turn is what runs from when the host was last asked until it is asked again: no
//! slice begins past its end ([`Limits::uninterrupted_fuel`](crate::Limits::uninterrupted_fuel)).

use crate::{
    Rule, Trap,
    engine::{
        Activation, Caller, Fault, Step, Store,
        meter::Meter,
        store::{counter, set_counter},
    },
};
use core::mem;
use wasmi::Val;

/// How many times a turn is charged what host functions charge while nobody can interrupt the guest that calls them. How long
/// a turn may be is meant for computing, 1.3 ns for one unit of fuel; of a host's work it is 30 ns and more, up to 125 ns
/// where a disk is waited for.
const HOST_TIMES: u64 = 32;

/// What is known of a turn.
#[derive(Debug)]
pub(super) struct Turn {
    /// It began when so much was spent.
    began: u64,
    /// It is over when so much was spent.
    ends: u64,
    /// The host stays with the guest.
    stays: bool,
    /// It has gone on past the end of a slice, and nobody has given way since.
    is_overdue: bool,
}

impl Turn {
    pub(super) fn new() -> Self {
        Self { began: 0, ends: u64::MAX, stays: false, is_overdue: false }
    }
}

impl Meter {
    /// The counter's new value where it does not hold what a step requires.
    pub(super) fn go_on(&mut self, counter: u64, required: u64, is_within: bool) -> Result<u64, Trap> {
        if self.turn.stays {
            return self.rest_of_turn(counter, required, is_within);
        }
        // Within another call a slice is over that is that one's too: it comes to its own end soon.
        if is_within { self.fill(counter, required, 0) } else { self.next_slice(counter, required) }
    }

    /// The counter's new value for another slice of what nobody interrupts.
    ///
    /// Where another call stands beneath it, that one's slice is over. At the root nothing does, and the counter may be
    /// empty only because those before used it up: the turn is overdue once it has taken a slice itself.
    fn rest_of_turn(&mut self, counter: u64, required: u64, is_within: bool) -> Result<u64, Trap> {
        let left = self.turn.ends.saturating_sub(self.spent(counter));
        if left == 0 {
            return Err(Trap::Component(Rule::TooLong));
        }
        self.turn.is_overdue |= is_within || self.has_taken_slice(counter);
        self.fill(counter, required, self.slice.min(left))
    }

    /// Begins a turn that may take so much fuel, and a slice in any case.
    fn begin_turn(&mut self, counter: u64, fuel: u64) {
        self.turn.began = self.spent(counter);
        self.turn.ends = self.turn.began.saturating_add(fuel.max(self.slice));
        self.turn.is_overdue = false;
    }

    /// Has the turn end the sooner for `fuel` that a host function charges, where nobody can interrupt who called it.
    #[inline]
    pub(super) fn charge_turn(&mut self, fuel: u64) {
        if self.turn.stays {
            self.turn.ends = self.turn.ends.saturating_sub(fuel.saturating_mul(HOST_TIMES - 1));
        }
    }

    /// How much has gone of a turn that had so much fuel.
    fn turn_spent(&self, counter: u64, fuel: u64) -> u64 {
        fuel.max(self.slice).saturating_sub(self.turn.ends.saturating_sub(self.spent(counter)))
    }

    /// Whether the turn has taken a slice.
    fn has_taken_slice(&self, counter: u64) -> bool {
        self.spent(counter).saturating_sub(self.turn.began) >= self.slice
    }
}

impl<T: Send + 'static> Store<T> {
    /// Begins a turn: the host has had its own.
    #[inline]
    pub(crate) fn begin_turn(&mut self) {
        let counter = counter(&*self.inner);
        let data = self.inner.data_mut();
        data.meter.begin_turn(counter, data.limits.uninterrupted_fuel);
    }

    /// Whether this turn has taken the fuel of a slice: then it is the host's, if it can have it.
    pub(crate) fn has_taken_slice(&self) -> bool {
        let data = self.inner.data();
        data.meter.is_on() && data.meter.has_taken_slice(counter(&*self.inner))
    }

    /// How much of [`Limits::uninterrupted_fuel`](crate::Limits::uninterrupted_fuel) this turn has taken.
    pub(crate) fn turn_spent(&self) -> u64 {
        let data = self.inner.data();
        data.meter.turn_spent(counter(&*self.inner), data.limits.uninterrupted_fuel)
    }

    /// Lets the turn take more by what was spent since `spent`: on what no guest can make any longer.
    pub(super) fn extend_turn(&mut self, spent: u64) {
        let more = self.fuel_spent().saturating_sub(spent);
        let turn = &mut self.inner.data_mut().meter.turn;
        turn.began = turn.began.saturating_add(more);
        turn.ends = turn.ends.saturating_add(more);
    }
}

impl<T: Send + 'static> Caller<'_, T> {
    /// Stays with a call that nobody interrupts.
    #[inline]
    pub(crate) fn stay<R, E>(&mut self, call: impl FnOnce(&mut Self) -> Result<R, E>) -> Result<R, E> {
        let stayed = mem::replace(&mut self.context.data_mut().meter.turn.stays, true);
        // Nothing of a value that returns is kept in memory meanwhile.
        match call(self) {
            Ok(value) => {
                self.end_stay(stayed);
                Ok(value)
            }
            Err(fault) => {
                self.end_stay(stayed);
                Err(fault)
            }
        }
    }

    #[inline]
    fn end_stay(&mut self, stayed: bool) {
        let turn = &mut self.context.data_mut().meter.turn;
        turn.stays = stayed;
        if turn.is_overdue && !stayed {
            self.end_slice();
        }
    }

    /// After a call of a guest's: where it went on past the end of a slice, so is the slice over of the guest that it was
    /// made for. That comes back from the native stack then, and what it left there is gone.
    #[inline]
    pub(super) fn returned(&mut self) {
        let data = self.context.data();
        if data.meter.turn.is_overdue && data.depth > 0 {
            self.end_slice();
        }
    }

    /// Goes on with a call that has just begun and stopped, where the host stays with it.
    #[cold]
    pub(super) fn stay_with(&mut self, activation: &mut Activation<T>, stopped: Step) -> Result<Step, Fault> {
        if stopped == Step::Preempted && self.context.data().meter.turn.stays {
            return activation.go_on(self, None);
        }
        self.returned();
        Ok(stopped)
    }

    /// Whoever goes on now gives way at once.
    #[cold]
    fn end_slice(&mut self) {
        let counter = counter(&self.context);
        let meter = &mut self.context.data_mut().meter;
        meter.turn.is_overdue = false;
        meter.rest = meter.rest.saturating_add(counter);
        set_counter(&mut self.context, 0);
    }
}

impl<T: Send + 'static> Activation<T> {
    /// Goes on until the call stops again ([`step`](Self::step)): not at the end of a slice, where the host stays with it.
    /// Whatever it is called by there cannot be stopped in the middle.
    pub(crate) fn go_on(&mut self, caller: &mut Caller<'_, T>, answer: Option<Val>) -> Result<Step, Fault> {
        let mut stopped = self.step(caller, answer)?;
        while stopped == Step::Preempted && caller.context.data().meter.turn.stays {
            stopped = self.step(caller, None)?;
        }
        caller.returned();
        Ok(stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Metering;

    #[test]
    fn host_work_that_nobody_interrupts_ends_a_turn_sooner_and_costs_no_more() {
        let mut meter = Meter::new(Metering::On, 100);
        meter.set_budget(10_000, 0);
        meter.begin_turn(0, 6_400);
        let counter = meter.next_slice(0, 1).unwrap();
        let (counter, charged) = meter.charge(counter, 60);
        assert_eq!((charged, meter.turn_spent(counter, 6_400)), (Ok(()), 60), "it ends with its slice");
        meter.turn.stays = true;
        for _ in 0..2 {
            meter.charge_turn(90);
        }
        let (counter, charged) = meter.charge(counter, 180);
        assert_eq!((charged, meter.spent(counter)), (Ok(()), 240));
        assert_eq!(meter.turn_spent(counter, 6_400), 60 + 180 * HOST_TIMES);
        assert_eq!(meter.rest_of_turn(counter, 1, true), Ok(100), "some is left");
        meter.charge_turn(1_000);
        assert_eq!(meter.rest_of_turn(0, 1, true), Err(Trap::Component(Rule::TooLong)));
    }

    #[test]
    fn a_turn_ends_where_it_is_said_to_and_not_with_a_slice() {
        let mut meter = Meter::new(Metering::On, 100);
        meter.set_budget(1_000, 0);
        let counter = meter.next_slice(0, 1).unwrap();
        // 30 of the first slice are spent when it begins.
        meter.begin_turn(counter - 30, 250);
        meter.turn.stays = true;
        assert_eq!(meter.rest_of_turn(0, 1, true), Ok(100));
        assert!(!meter.has_taken_slice(71) && meter.has_taken_slice(70));
        assert_eq!((meter.rest_of_turn(0, 1, true), meter.spent(0)), (Ok(80), 280));
        assert_eq!(meter.rest_of_turn(0, 1, true), Err(Trap::Component(Rule::TooLong)));
        // A slice is had in any case, and an instruction that costs more than is left.
        meter.begin_turn(0, 10);
        assert_eq!(meter.rest_of_turn(0, 1, true), Ok(100));
        assert!(meter.has_taken_slice(0) && meter.rest_of_turn(0, 1, true).is_err());
        meter.begin_turn(0, 10);
        assert_eq!(meter.rest_of_turn(0, 300, true), Ok(300));
        // Who is only called when a slice is over has no more than its first step.
        meter.turn.stays = false;
        assert_eq!((meter.go_on(0, 7, true), meter.go_on(0, 7, false)), (Ok(7), Ok(100)));
    }

    #[test]
    fn a_turn_that_begins_with_an_empty_counter_is_not_overdue_for_that() {
        let mut meter = Meter::new(Metering::On, 100);
        meter.set_budget(1_000, 0);
        meter.turn.stays = true;
        meter.begin_turn(0, 500);
        assert_eq!((meter.rest_of_turn(0, 1, false), meter.turn.is_overdue), (Ok(100), false));
        // It has taken a slice by the next time; and within another call, that one's is over at once.
        assert_eq!((meter.rest_of_turn(0, 1, false), meter.turn.is_overdue), (Ok(100), true));
        meter.begin_turn(0, 500);
        assert_eq!((meter.rest_of_turn(0, 1, true), meter.turn.is_overdue), (Ok(100), true));
    }
}
