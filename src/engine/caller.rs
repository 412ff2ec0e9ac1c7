//! The guest that called a host function, as that function sees it.

use crate::{
    Limits, Trap,
    engine::{
        Fault, HostCall, Interposer, Memory, PointerError, Signature, Writes,
        fault::Suspended,
        meter::{BYTES_PER_FUEL, ELEMENT_FUEL, HOST_CALL_FUEL},
        store::{Data, counter, set_counter},
    },
};
use alloc::{boxed::Box, vec::Vec};
use core::{
    mem,
    task::{Poll, Waker},
};

/// A guest that called a host function: its memory, its fuel, and what the host keeps for it.
pub struct Caller<'a, T: 'static> {
    pub(super) context: wasmi::StoreContextMut<'a, Data<T>>,
}

/// What is left of fuel that is not counted. What is left of fuel that is, is less by the price of a host call.
const NOT_COUNTED: u64 = u64::MAX;

/// A host call that nobody watches and that is over before anything else happens.
#[derive(Debug)]
#[non_exhaustive]
pub struct AtOnce<'a, T> {
    /// The guest's memory.
    pub memory: Memory<'a>,
    /// What the host keeps for the guest.
    pub data: &'a mut T,
    /// The waker of the task that drives the guest.
    pub waker: &'a Waker,
    /// What is left of this slice of fuel once the call's base price is paid; no bound where fuel is not counted.
    pub fuel: u64,
    /// [`Limits::host_call_bytes`].
    pub bytes_max: u32,
}

impl<T: 'static> Caller<'_, T> {
    /// What the host keeps for this guest.
    #[must_use]
    pub fn data(&self) -> &T {
        &self.context.data().user
    }

    /// What the host keeps for this guest, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.context.data_mut().user
    }

    /// The bounds this guest runs under.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.context.data().limits
    }

    /// The guest's memory and what the host keeps for it, side by side.
    ///
    /// # Errors
    ///
    /// [`PointerError`] when the guest exports no memory called `memory`: it has nothing a pointer
    /// could point to.
    #[inline]
    pub fn split(&mut self) -> Result<(Memory<'_>, &mut T), PointerError> {
        let memory = self.context.data().memory.ok_or(PointerError)?;
        let (bytes, data) = memory.data_and_store_mut(&mut self.context);
        let written = if data.interposers.is_empty() { None } else { Some(&mut data.written) };
        Ok((Memory::new(bytes, written), &mut data.user))
    }

    /// What a call that is over at once ([`host_function`](super::host_function)) goes about with. None where somebody
    /// watches, where this slice of fuel does not cover a host call's base price, and where there is no memory.
    #[inline]
    #[must_use]
    pub fn at_once(&mut self) -> Option<AtOnce<'_, T>> {
        let data = self.context.data();
        if !data.interposers.is_empty() {
            return None;
        }
        let fuel = if data.meter.is_on() {
            counter(&self.context).checked_sub(HOST_CALL_FUEL)?
        } else {
            NOT_COUNTED
        };
        let (bytes, data) = data.memory?.data_and_store_mut(&mut self.context);
        Some(AtOnce {
            memory: Memory::over(bytes),
            waker: data.waker.as_ref().unwrap_or(Waker::noop()),
            bytes_max: data.limits.host_call_bytes,
            data: &mut data.user,
            fuel,
        })
    }

    /// Pays `price` for a call that is over at once, of what [`AtOnce::fuel`] was.
    #[inline]
    pub fn leave_fuel(&mut self, fuel: u64, price: u64) {
        if fuel != NOT_COUNTED {
            // Refused only where fuel is not counted.
            let _ = self.context.set_fuel(fuel.saturating_sub(price));
        }
    }

    /// Fuel spent by this guest so far; 0 where it is not counted.
    #[must_use]
    pub fn fuel_spent(&self) -> u64 {
        self.context.data().meter.spent(counter(&self.context))
    }

    /// Charges `fuel` for work the host is about to do.
    ///
    /// # Errors
    ///
    /// [`Trap::OutOfFuel`] when the budget does not cover it: the budget is spent then, and the host
    /// function must not do the work.
    #[inline]
    pub fn charge(&mut self, fuel: u64) -> Result<(), Fault> {
        let meter = &mut self.context.data_mut().meter;
        if fuel == 0 || !meter.is_on() {
            return Ok(());
        }
        meter.charge_turn(fuel);
        let counter = counter(&self.context);
        let Some(left) = counter.checked_sub(fuel) else { return self.charge_rest(fuel) };
        let left = self.context.data_mut().meter.shorten(left, fuel);
        set_counter(&mut self.context, left);
        Ok(())
    }

    /// Charges what this slice does not cover.
    #[cold]
    pub(super) fn charge_rest(&mut self, fuel: u64) -> Result<(), Fault> {
        let counter = counter(&self.context);
        let (counter, charged) = self.context.data_mut().meter.charge(counter, fuel);
        set_counter(&mut self.context, counter);
        Ok(charged?)
    }

    /// Charges for walking `count` elements of a list the guest wrote.
    ///
    /// # Errors
    ///
    /// As [`charge`](Self::charge).
    pub fn charge_elements(&mut self, count: u32) -> Result<(), Fault> {
        self.charge(u64::from(count).saturating_mul(ELEMENT_FUEL))
    }

    /// Charges for moving `count` bytes into or out of guest memory, and counts them against
    /// [`Limits::host_call_bytes`].
    ///
    /// # Errors
    ///
    /// [`Trap::HostCallBytes`] when this host call moved more than that; as [`charge`](Self::charge).
    #[inline]
    pub fn charge_bytes(&mut self, count: u32) -> Result<(), Fault> {
        self.charge_list(0, count)
    }

    /// Charges for walking `elements` of a list and for moving `count` bytes, at once.
    ///
    /// # Errors
    ///
    /// As [`charge_bytes`](Self::charge_bytes).
    #[inline]
    pub fn charge_list(&mut self, elements: u32, count: u32) -> Result<(), Fault> {
        let data = self.context.data_mut();
        data.host_call_bytes = data.host_call_bytes.saturating_add(count);
        if data.host_call_bytes > data.limits.host_call_bytes {
            return Err(Trap::HostCallBytes.into());
        }
        self.charge(Self::list_fuel(elements, count))
    }

    /// What [`charge_list`](Self::charge_list) charges.
    #[inline]
    #[must_use]
    pub fn list_fuel(elements: u32, count: u32) -> u64 {
        u64::from(elements) * ELEMENT_FUEL + u64::from(count) / BYTES_PER_FUEL
    }

    /// The start of a host call: pays its base price and tells those who watch.
    #[inline]
    pub(super) fn begin(
        &mut self,
        signature: &'static Signature,
        arguments: &[u64],
    ) -> Result<(), wasmi::Error> {
        let data = self.context.data_mut();
        data.host_call_bytes = 0;
        if !data.interposers.is_empty() {
            self.watch(signature, arguments, |interposer, at, call, _| interposer.host_call(at, call));
        }
        self.charge(HOST_CALL_FUEL).map_err(|fault| {
            self.end(signature, arguments, Err(fault));
            fault.into_wasmi()
        })
    }

    /// Charges what the call that ends with `result` left to be charged.
    #[inline]
    pub(super) fn settle<R>(&mut self, result: Result<R, Fault>) -> Result<R, Fault> {
        let data = self.context.data_mut();
        if let Some(owed) = data.owed {
            let fuel = owed(&mut data.user);
            self.charge(fuel)?;
        }
        result
    }

    /// The end of a host call: tells those who watch.
    #[inline]
    pub(super) fn end(
        &mut self,
        signature: &'static Signature,
        arguments: &[u64],
        result: Result<Option<u64>, Fault>,
    ) {
        if !self.context.data().interposers.is_empty() {
            self.watch(signature, arguments, |interposer, at, call, writes| {
                interposer.host_return(at, call, result, writes);
            });
            self.context.data_mut().written.clear();
        }
    }

    /// Says more of how the current host call ends to those who watch, if any do.
    pub fn note(&mut self, text: &'static str) {
        let data = self.context.data_mut();
        if !data.interposers.is_empty() {
            data.note = Some(text);
        }
    }

    /// A host call that has to wait: tells those who watch, and answers what wasmi carries out.
    #[cold]
    pub(super) fn wait(&mut self, signature: &'static Signature, arguments: &[u64]) -> wasmi::Error {
        if !self.context.data().interposers.is_empty() {
            self.watch(signature, arguments, |interposer, at, call, _| interposer.host_wait(at, call));
        }
        wasmi::Error::host(Suspended)
    }

    /// Runs `poll` with the waker of the task that drives this guest.
    #[inline]
    pub(super) fn with_waker<R>(&mut self, poll: impl FnOnce(&mut Self, &Waker) -> Poll<R>) -> Poll<R> {
        // Taken out and put back: a clone would be two calls through the waker's table for each host call.
        let waker = self.context.data_mut().waker.take();
        let result = poll(self, waker.as_ref().unwrap_or(Waker::noop()));
        self.context.data_mut().waker = waker;
        result
    }

    /// Hands each interposer the call as it stands. They are moved out for it, because they are shown the
    /// memory that lies in the same store.
    #[cold]
    fn watch(
        &mut self,
        signature: &'static Signature,
        arguments: &[u64],
        mut tell: impl FnMut(&mut dyn Interposer, u64, &HostCall<'_>, &Writes<'_>),
    ) {
        let at_fuel = self.fuel_spent();
        let mut interposers: Vec<Box<dyn Interposer>> = mem::take(&mut self.context.data_mut().interposers);
        let written = mem::take(&mut self.context.data_mut().written);
        let note = self.context.data_mut().note.take();
        let memory = match self.context.data().memory {
            Some(memory) => memory.data(&self.context),
            None => &[],
        };
        let call = HostCall { signature, arguments, memory, note };
        let writes = Writes { ranges: &written, memory };
        for interposer in &mut interposers {
            tell(&mut **interposer, at_fuel, &call, &writes);
        }
        let data = self.context.data_mut();
        data.interposers = interposers;
        data.written = written;
    }
}
