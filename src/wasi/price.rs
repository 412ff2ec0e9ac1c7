//! What host work costs a guest that no byte and no element it moves stands for: calls of the operating system, or of
//! whatever is below a capability.
//!
//! An operation owes its price where it is done, on the [`Tab`] of the guest it is done for; the dialect's host calls
//! settle it when they end. Prices are the same over every backend, or a run's fuel would depend on where it is made.
//!
//! The basis: about 30 ns for one unit of fuel, on Linux with a local file system, on a machine whose compiled loops take
//! 1.3 ns of it. So host work is within some twenty times of what computing costs for the same fuel, and a slice of
//! [`Limits::server`](crate::Limits::server), of which it takes five times as much, ends within a millisecond, or with the one call that took it longer: waiting for
//! the medium (2.5 ms), walking the longest path (some 7 ms, and three times that where it leads over links), listing a
//! large directory. What was measured is behind each price.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

/// Reaching a directory on the way along a path: opening, and closing it when the walk ends (8.5 µs).
pub const DIRECTORY: u32 = 300;
/// Reading what a symbolic link says (2 µs).
pub const LINK: u32 = 100;
/// Asking for metadata, of what is open or by name; setting times; advice (2 µs).
pub const METADATA: u32 = 60;
/// Opening a file, and closing it (13 µs).
pub const OPEN: u32 = 300;
/// Creating, removing, renaming, cutting: what a file system keeps a journal for (33 µs).
pub const CHANGE: u32 = 1_000;
/// Looking at one entry of a directory, listed or skipped (1.7 µs).
pub const ENTRY: u32 = 100;
/// A read or write of a file, whatever its length (1 µs); each buffer of a stream's after the first.
pub const TRANSFER: u32 = 40;
/// Bringing to the medium what was written, by itself or with a write (2.5 ms, and disks that take longer). A slice of
/// [`Limits::server`](crate::Limits::server): others have the thread after each.
pub const SYNC: u32 = 20_000;
/// Asking a descriptor or stream whether it is ready (1.8 µs), or, without waiting, for what is not there.
pub const SUBSCRIPTION: u32 = 100;
/// Making a socket, and closing it (10 µs).
pub const SOCKET: u32 = 500;
/// Binding, listening, choosing a peer of datagrams (3 µs).
pub const BIND: u32 = 200;
/// Beginning to connect, with the packets of it (60 µs, over loopback).
pub const CONNECT: u32 = 2_000;
/// Taking a connection that came (15 µs).
pub const ACCEPT: u32 = 500;
/// Sending or receiving on a connection, whatever the length (3 µs): of several buffers, for each that is asked for.
pub const SEGMENT: u32 = 100;
/// Sending or receiving a datagram (5 µs).
pub const DATAGRAM: u32 = 200;
/// Asking for or setting an option of a socket (1 µs).
pub const OPTION: u32 = 40;
/// Looking up a name: a thread that waits for a resolver.
pub const LOOKUP: u32 = 10_000;
/// Sending an HTTP request: a name and a connection, if not a new one each time.
pub const REQUEST: u32 = LOOKUP + CONNECT;

/// What one guest owes for work that was done for it. A cheap handle: clones share it; the default keeps no count.
#[derive(Clone, Debug, Default)]
pub struct Tab(Option<Arc<AtomicU32>>);

impl Tab {
    /// Nothing owed yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// Owes `fuel` more.
    pub fn owe(&self, fuel: u32) {
        if let Some(owed) = &self.0 {
            // Not two at once: a guest's work is done by whoever polls the guest.
            owed.store(owed.load(Ordering::Relaxed).saturating_add(fuel), Ordering::Relaxed);
        }
    }

    /// Owes `fuel` for each of `count`.
    pub fn owe_each(&self, fuel: u32, count: u64) {
        self.owe(u32::try_from(count.saturating_mul(u64::from(fuel))).unwrap_or(u32::MAX));
    }

    /// What is owed, which is not owed any more.
    #[must_use]
    pub fn take(&self) -> u64 {
        let Some(owed) = &self.0 else { return 0 };
        let fuel = owed.load(Ordering::Relaxed);
        if fuel > 0 {
            owed.store(0, Ordering::Relaxed);
        }
        u64::from(fuel)
    }
}
