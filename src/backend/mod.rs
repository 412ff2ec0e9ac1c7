//! Implementations of the capabilities.
//!
//! [`mem`] is the default and needs no operating system: everything in it lives in memory, is bounded,
//! and repeats exactly. `std` is the real world; each of its capabilities is opted into.
//!
//! A backend knows `cap` and nothing above it: no dialect, no guest, no other backend.

mod wakers;

pub mod mem;
#[cfg(all(feature = "std", unix))]
pub mod std;
