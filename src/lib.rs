//! A `no_std` host for standard WebAssembly programs, on the wasmi interpreter.

#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod error;
mod limits;

pub mod backend;
pub mod cap;

pub use error::{Error, LimitExceeded, MissingImport, Trap};
pub use limits::Limits;
