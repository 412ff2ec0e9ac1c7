//! A `no_std` host for standard WebAssembly programs, on the wasmi interpreter.

#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod block_on;
mod error;
mod limits;

pub mod backend;
pub mod cap;
#[cfg(feature = "component")]
pub mod component;
pub mod engine;
pub mod wasi;
#[cfg(feature = "wast")]
pub mod wast;

pub use block_on::block_on_with;
pub use error::{Error, LimitExceeded, MissingImport, Rule, Trap};
pub use limits::Limits;
