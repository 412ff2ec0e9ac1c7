//! A `no_std` host for standard WebAssembly programs, on the wasmi interpreter.

#![no_std]
#![cfg_attr(
    not(all(feature = "p1", feature = "validate")),
    allow(
        dead_code,
        unused_imports,
        reason = "without a dialect or a way to load, parts of the engine room stand idle"
    )
)]
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
#[cfg(all(feature = "p1", feature = "validate"))]
mod guest;
#[cfg(all(feature = "p1", feature = "validate"))]
mod host;
mod limits;
#[cfg(feature = "validate")]
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
#[cfg(all(feature = "p1", feature = "validate"))]
pub use guest::{CallError, Exit, Guest};
#[cfg(all(feature = "p1", feature = "validate"))]
pub use host::Host;
pub use limits::Limits;
#[cfg(feature = "validate")]
pub use program::{Loader, Program};
pub use wasi::filesystem::Access;
