//! Fuel: the budget, the slice, and what host work costs.
//!
//! wasmi counts down one number while a guest runs. That number holds one slice; the rest of the budget
//! waits here. A slice that ends gives the host its turn and unwinds the native stack, which is also
//! what bounds the stack that wasmi's dispatch leaves behind at each growing of a memory or table.

use crate::{Trap, engine::turn::Turn, error::Error};

/// Whether fuel is counted. A property of loaded code: the interpreter compiles the counting in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metering {
    /// Fuel is counted: guests can be bounded, pre-empted and time-stamped. Some short loops are unrolled for that as they are
    /// loaded, which [the manual](crate::manual::rationale) says more of.
    #[default]
    On,
    /// Fuel is not counted: a guest runs until it returns, waits or traps.
    Off,
}

/// What one call of a host function costs before it does anything.
pub(crate) const HOST_CALL_FUEL: u64 = 20;
/// What each element of a list that a host function walks costs (an I/O vector, a subscription).
pub(crate) const ELEMENT_FUEL: u64 = 5;
/// How many bytes a host function moves for one unit of fuel.
pub(crate) const BYTES_PER_FUEL: u64 = 16;
/// How many bytes of a new memory or table are zeroed for one unit of fuel: as growing one is charged.
pub(crate) const ZEROED_BYTES_PER_FUEL: u64 = 64;
/// What translating one byte of code costs. Charged when a guest starts and not when the interpreter
/// gets round to it, or a run's fuel would depend on what ran before.
pub(crate) const TRANSLATION_FUEL_PER_BYTE: u64 = 7;

/// How many times a slice is charged what host functions charge: for as much fuel they take longer than a guest that
/// computes, and others wait meanwhile.
const HOST_TIMES: u64 = 5;

/// What `nop` costs, of which [`paying`](super::paying) makes prices: one for an indirect call, more than its time. On Arm
/// each leaves some 90 bytes of native stack behind until the slice ends, and at 1 fuel a slice of
/// [`Limits::mcu`](crate::Limits::mcu) could leave 450 KB.
const NOP_FUEL: u8 = 32;

/// One guest's fuel.
#[derive(Debug)]
pub(crate) struct Meter {
    metering: Metering,
    /// The budget as it was granted, all grants summed.
    granted: u64,
    /// What is not in the interpreter's counter.
    pub(super) rest: u64,
    pub(super) slice: u64,
    /// Of calls that nobody interrupts: see `turn`.
    pub(super) turn: Turn,
}

impl Meter {
    pub(super) fn new(metering: Metering, slice: u64) -> Self {
        // A slice of nothing would never get anywhere.
        Self { metering, granted: u64::MAX, rest: u64::MAX, slice: slice.max(1), turn: Turn::new() }
    }

    pub(super) fn is_on(&self) -> bool {
        self.metering == Metering::On
    }

    /// Makes `budget` all there is from here on, after `spent`. The interpreter's counter is to hold nothing now.
    pub(super) fn set_budget(&mut self, budget: u64, spent: u64) {
        // What is granted in all is a number as well: or what was spent would be forgotten.
        self.rest = budget.min(u64::MAX - spent);
        self.granted = self.rest.saturating_add(spent);
    }

    /// What has been spent, when the interpreter's counter reads `counter`.
    pub(super) fn spent(&self, counter: u64) -> u64 {
        self.granted.saturating_sub(self.rest).saturating_sub(counter)
    }

    /// What is left, when the interpreter's counter reads `counter`.
    pub(super) fn left(&self, counter: u64) -> u64 {
        self.rest.saturating_add(counter)
    }

    /// The counter's new value for another slice that can make at least one step of `required`.
    pub(super) fn next_slice(&mut self, counter: u64, required: u64) -> Result<u64, Trap> {
        self.fill(counter, required, self.slice)
    }

    /// The counter's new value for what wants so much and requires no less.
    pub(super) fn fill(&mut self, counter: u64, required: u64, wanted: u64) -> Result<u64, Trap> {
        let wanted = wanted.max(required);
        let taken = wanted.saturating_sub(counter).min(self.rest);
        let filled = counter.saturating_add(taken);
        if filled < required || filled == 0 {
            // What is left is too little for anything: it is spent.
            self.rest = 0;
            return Err(Trap::OutOfFuel);
        }
        self.rest -= taken;
        Ok(filled)
    }

    /// The counter's new value where `fuel` of it went for host work: the slice is over the sooner. Nothing is spent.
    #[inline]
    pub(super) fn shorten(&mut self, counter: u64, fuel: u64) -> u64 {
        let kept = counter.saturating_sub(fuel.saturating_mul(HOST_TIMES - 1));
        // It came from there.
        self.rest = self.rest.saturating_add(counter - kept);
        kept
    }

    /// The counter's new value after `fuel` of host work; all is spent where there is not enough.
    pub(super) fn charge(&mut self, counter: u64, fuel: u64) -> (u64, Result<(), Trap>) {
        if let Some(counter) = counter.checked_sub(fuel) {
            return (counter, Ok(()));
        }
        let owed = fuel - counter;
        match self.rest.checked_sub(owed) {
            Some(rest) => {
                self.rest = rest;
                (0, Ok(()))
            }
            None => {
                self.rest = 0;
                (0, Err(Trap::OutOfFuel))
            }
        }
    }
}

/// How a load is configured in the interpreter for fuel. Translation is free, because it is charged at start.
pub(super) fn configure(config: &mut wasmi::Config, metering: Metering) {
    if metering == Metering::Off {
        return;
    }
    config.consume_fuel(true);
    config.operator_cost(wasmi::OperatorCost { nop: NOP_FUEL, ..wasmi::OperatorCost::default() });
}

/// Refuses a budget for code that does not count.
pub(super) fn check_budget(metering: Metering) -> Result<(), Error> {
    match metering {
        Metering::On => Ok(()),
        Metering::Off => Err(Error::misuse("a fuel budget needs a program loaded with metering on")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spent_and_left_add_up_to_what_was_granted() {
        let mut meter = Meter::new(Metering::On, 100);
        meter.set_budget(250, 0);
        let counter = meter.next_slice(0, 1).unwrap();
        assert_eq!((counter, meter.spent(counter), meter.left(counter)), (100, 0, 250));
        let (counter, charged) = meter.charge(counter - 30, 90);
        charged.unwrap();
        assert_eq!((counter, meter.spent(counter), meter.left(counter)), (0, 120, 130));
    }

    #[test]
    fn what_was_spent_is_not_forgotten_for_a_budget_without_end() {
        let mut meter = Meter::new(Metering::On, 100);
        meter.set_budget(u64::MAX, 70);
        assert_eq!((meter.spent(0), meter.left(0)), (70, u64::MAX - 70));
    }

    #[test]
    fn host_work_ends_a_slice_sooner_and_costs_no_more() {
        let mut meter = Meter::new(Metering::On, 1_000);
        meter.set_budget(1_500, 0);
        let counter = meter.next_slice(0, 1).unwrap();
        let counter = meter.shorten(counter - 150, 150);
        assert_eq!((counter, meter.spent(counter), meter.left(counter)), (250, 150, 1_350));
        let counter = meter.shorten(counter - 150, 150);
        assert_eq!((counter, meter.spent(counter), meter.left(counter)), (0, 300, 1_200));
    }

    #[test]
    fn a_charge_past_the_budget_spends_it_all() {
        let mut meter = Meter::new(Metering::On, 100);
        meter.set_budget(150, 0);
        let counter = meter.next_slice(0, 1).unwrap();
        let (counter, charged) = meter.charge(counter, 151);
        assert_eq!(charged, Err(Trap::OutOfFuel));
        assert_eq!((meter.spent(counter), meter.left(counter)), (150, 0));
    }

    #[test]
    fn a_step_larger_than_a_slice_gets_what_it_requires_or_nothing() {
        let mut meter = Meter::new(Metering::On, 100);
        meter.set_budget(1_000, 0);
        assert_eq!(meter.next_slice(10, 700), Ok(700));
        assert_eq!(meter.next_slice(0, 700), Err(Trap::OutOfFuel));
    }
}
