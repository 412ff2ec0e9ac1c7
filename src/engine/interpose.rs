//! Watching the one line that everything crosses on its way into a guest.
//!
//! An interposer sees each call of a host function with its arguments, each result with the bytes the
//! host wrote to guest memory for it, and each call into the guest, all stamped with the fuel spent
//! so far. It knows no interface: a [`Signature`] says how arguments read. Where nobody watches, the
//! line costs one test for emptiness.

use crate::engine::{Fault, Signature, memory::Range};
use alloc::sync::Arc;
use spin::Mutex;

/// Sees what crosses between a guest and its host.
#[expect(unused_variables, reason = "the empty defaults name their parameters for the reader")]
pub trait Interposer: Send {
    /// The host calls the guest's function `name`.
    fn enter(&mut self, at_fuel: u64, name: &str) {}

    /// The guest's function `name` returned, or the guest ended.
    fn leave(&mut self, at_fuel: u64, name: &str, ended: Result<(), Fault>) {}

    /// The guest calls a host function.
    fn host_call(&mut self, at_fuel: u64, call: &HostCall<'_>) {}

    /// The host function waits; the guest is suspended in it.
    fn host_wait(&mut self, at_fuel: u64, call: &HostCall<'_>) {}

    /// The host function returns, after the host wrote `writes` to guest memory.
    fn host_return(
        &mut self,
        at_fuel: u64,
        call: &HostCall<'_>,
        result: Result<Option<u64>, Fault>,
        writes: &Writes<'_>,
    ) {
    }

    /// A component calls a host function.
    fn component_call(&mut self, at_fuel: u64, call: &ComponentCall<'_>) {}

    /// The host function that a component called waits.
    fn component_wait(&mut self, at_fuel: u64, call: &ComponentCall<'_>) {}

    /// The host function that a component called returns: how its result reads.
    fn component_return(&mut self, at_fuel: u64, call: &ComponentCall<'_>, result: Result<&str, Fault>) {}
}

/// One call of a host function by a component, in words.
#[derive(Debug)]
#[non_exhaustive]
pub struct ComponentCall<'a> {
    /// What is called: `example:io/streams.output-stream.write`.
    pub name: &'a str,
    /// How its arguments read: `self: #3, contents: b"hello"`. A handle reads as its number.
    pub arguments: &'a str,
}

/// One call of a host function.
#[derive(Debug)]
#[non_exhaustive]
pub struct HostCall<'a> {
    /// What is called.
    pub signature: &'static Signature,
    /// The core arguments, each in the low bits of a 64-bit number.
    pub arguments: &'a [u64],
    /// The caller's memory, as it is now.
    pub memory: &'a [u8],
    /// More of why it ended so, in words: which grant was missing.
    pub note: Option<&'static str>,
}

/// What the host wrote to guest memory during one call.
#[derive(Debug)]
pub struct Writes<'a> {
    pub(super) ranges: &'a [Range],
    pub(super) memory: &'a [u8],
}

impl<'a> Writes<'a> {
    /// Each write in order: its address, and the bytes that stand there now.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &'a [u8])> + '_ {
        self.ranges.iter().filter_map(|(address, length)| {
            let start = usize::try_from(*address).ok()?;
            let end = start.checked_add(usize::try_from(*length).ok()?)?;
            Some((*address, self.memory.get(start..end)?))
        })
    }

    /// Bytes written, in total.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.ranges.iter().map(|(_, length)| u64::from(*length)).sum()
    }
}

/// What one guest has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls of host functions.
    pub host_calls: u64,
    /// Host calls that had to wait.
    pub host_waits: u64,
    /// Bytes the host wrote to guest memory; for components they are not counted.
    pub bytes_written: u64,
    /// Calls from the host into the guest.
    pub guest_calls: u64,
}

/// An interposer that counts. A clone counts into the same [`Stats`].
#[derive(Clone, Debug, Default)]
pub struct Accounting(Arc<Mutex<Stats>>);

impl Accounting {
    /// A count of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was counted so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        *self.0.lock()
    }
}

impl Interposer for Accounting {
    fn enter(&mut self, _: u64, _: &str) {
        self.0.lock().guest_calls += 1;
    }

    fn host_call(&mut self, _: u64, _: &HostCall<'_>) {
        self.0.lock().host_calls += 1;
    }

    fn host_wait(&mut self, _: u64, _: &HostCall<'_>) {
        self.0.lock().host_waits += 1;
    }

    fn host_return(&mut self, _: u64, _: &HostCall<'_>, _: Result<Option<u64>, Fault>, writes: &Writes<'_>) {
        self.0.lock().bytes_written += writes.total_bytes();
    }

    fn component_call(&mut self, _: u64, _: &ComponentCall<'_>) {
        self.0.lock().host_calls += 1;
    }

    fn component_wait(&mut self, _: u64, _: &ComponentCall<'_>) {
        self.0.lock().host_waits += 1;
    }
}
