//! A `no_std` host for standard WebAssembly programs, on the wasmi interpreter.

#![no_std]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod block_on;
mod error;
mod guest;
mod host;
mod limits;
mod program;

pub mod backend;
pub mod cap;
pub mod engine;
pub mod wasi;

pub use block_on::block_on_with;
pub use error::{Error, LimitExceeded, MissingImport, Trap};
pub use guest::{CallError, Exit, Guest};
pub use host::Host;
pub use limits::Limits;
pub use program::{Loader, Program};
pub use wasi::filesystem::Access;
