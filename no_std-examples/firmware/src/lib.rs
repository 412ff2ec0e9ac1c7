//! What both boards run.

#![no_std]

extern crate alloc;

#[cfg(feature = "bare")]
pub mod bare;
