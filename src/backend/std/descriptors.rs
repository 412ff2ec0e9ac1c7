//! How many of this process's descriptors all guests may hold together.
//!
//! A process has few, and needs some for itself: what a guest opens must not be what its host then cannot. One guest is
//! bounded by [`Limits`](crate::Limits), all of them by this. Counted is what guests open: files, directories, those on
//! the way along a path, sockets they make or accept, connections that their requests go over. What an embedder opened
//! and handed over is its own.

use crate::cap::Code;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use rustix::process::{Resource, getrlimit};

/// How many guests hold.
static OPEN: AtomicU32 = AtomicU32::new(0);

/// How many they may: [`BY_PLATFORM`], or what was set.
static MAX: AtomicU64 = AtomicU64::new(BY_PLATFORM);

const BY_PLATFORM: u64 = u64::MAX;

/// How many descriptors all guests of this process may hold together: half of what the process may
/// (`RLIMIT_NOFILE`), unless [`set_descriptors_max`] was called.
#[must_use]
pub fn descriptors_max() -> u32 {
    match MAX.load(Ordering::Relaxed) {
        // Asked each time, for it can be raised: that takes a hundredth of what opening does.
        BY_PLATFORM => {
            let half = getrlimit(Resource::Nofile).current.map_or(u64::MAX, |current| current / 2);
            u32::try_from(half).unwrap_or(u32::MAX)
        }
        max => u32::try_from(max).unwrap_or(u32::MAX),
    }
}

/// Lets all guests of this process hold so many descriptors together from here on, or half of what the process may;
/// none is closed for it. A guest that asks for one more is told that the host has no more (`nfile` in WASI 0.1,
/// `insufficient-memory` in 0.2 and 0.3).
pub fn set_descriptors_max(count: Option<u32>) {
    MAX.store(count.map_or(BY_PLATFORM, u64::from), Ordering::Relaxed);
}

/// How many descriptors guests of this process hold now.
#[must_use]
pub fn descriptors_open() -> u32 {
    OPEN.load(Ordering::Relaxed)
}

/// One descriptor that a guest holds, taken before it is opened.
#[derive(Debug)]
pub(super) struct Ticket(());

impl Ticket {
    /// One more.
    pub(super) fn take() -> Result<Self, Code> {
        let max = descriptors_max();
        let more = |open: u32| open.checked_add(1).filter(|open| *open <= max);
        match OPEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more) {
            Ok(_) => Ok(Self(())),
            Err(_) => Err(Code::TooManyOpenInHost),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}
