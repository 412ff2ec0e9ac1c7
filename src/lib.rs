//! A `no_std` host for standard WebAssembly programs, on the wasmi interpreter.

#![no_std]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used
)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod block_on;
#[cfg(feature = "std")]
mod block_on_thread;
mod error;
mod guest;
mod host;
mod limits;
mod program;

pub mod backend;
pub mod cap;
#[cfg(feature = "component")]
pub mod component;
pub mod engine;
pub mod wasi;
#[cfg(feature = "wast")]
pub mod wast;

pub use block_on::block_on_with;
#[cfg(feature = "std")]
pub use block_on_thread::block_on;
pub use error::{Error, LimitExceeded, MissingImport, Rule, Trap};
pub use guest::{CallError, Exit, Guest};
pub use host::Host;
pub use limits::Limits;
pub use program::{Loader, Program};
pub use wasi::filesystem::Access;
