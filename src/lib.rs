//! Standard WebAssembly programs where no JIT can go: a `no_std` host that implements WASI itself, on the wasmi
//! interpreter.
//!
//! The same `.wasm`, with no ahead-of-time step, runs on a laptop, in a server that holds thousands of tenants,
//! and on a Cortex-M board. A host grants nothing unless asked, bounds everything, and meters all of it.
//!
//! # The paved path
//!
//! [`Program::load`] takes the bytes, [`Host`] says what is granted and allowed, [`Host::start`] makes a
//! [`Guest`], and [`Guest::run`] is a future that any executor drives:
//!
//! ```
//! use wasmote::{Access, Host, Limits, Program, backend::mem, block_on};
//! # let bytes = wat::parse_str(r#"(module
//! #     (import "wasi_snapshot_preview1" "fd_write" (func $w (param i32 i32 i32 i32) (result i32)))
//! #     (memory (export "memory") 1) (data (i32.const 0) "\08\00\00\00\05\00\00\00hello")
//! #     (func (export "_start") (drop (call $w (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))"#)?;
//! let program = Program::load(&bytes)?;
//! let output = mem::Output::new();
//! let host = Host::new()
//!     .args(["hello", "world"])
//!     .stdout(output.clone())
//!     .directory("/data", mem::Directory::new(), Access::ReadOnly)
//!     .limits(Limits::server())
//!     .fuel(1_000_000);
//! let exit = block_on(host.start(&program)?.run())?;
//! assert!(exit.is_success());
//! assert_eq!(output.contents(), b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to look
//!
//! * [`Limits`]: every bound there is. [`Error`], [`Trap`]: what goes wrong, and which rule was broken.
//! * [`cap`]: what a port implements; [`backend`]: ports to memory and to the platform.
//! * [`wasi`]: what WASI means, and its dialects. [`engine`]: the interpreter's room, tracing and accounting.
//! * [`manual`]: architecture, limits, embedding in a service, porting to a board, rationale.
//!
//! # Features
//!
//! Features only add. `std` (default): the platform's clocks, streams, directories, sockets. `p1` (default): WASI 0.1.
//! `validate` (default): loading on this machine. `bundle`: loading what was validated and signed elsewhere.
//! `unmetered`: loading with fuel not counted. `simd`, `memory64`: those proposals; the first brings the second. `component`: the Component Model.
//! `p2`, `p3`: WASI 0.2 and 0.3. `http`: HTTP for components; `hyper`: over the network. `wave`: values of components as
//! text. `bindgen`: bindings for WIT worlds. `wast`: the standard's scripts. `cli`: the program `wasmote`.

#![no_std]
#![cfg_attr(
    any(not(feature = "p1"), not(feature = "validate"), all(feature = "component", not(feature = "http"))),
    allow(
        dead_code,
        unused_imports,
        reason = "without a dialect or a way to load, parts of the engine room stand idle, and without HTTP its seams"
    )
)]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

/// Compiles and runs what README.md shows.
#[cfg(all(doctest, feature = "std", feature = "p1", feature = "validate"))]
#[doc = include_str!("../README.md")]
struct Readme;

mod block_on;
#[cfg(feature = "std")]
mod block_on_thread;
#[cfg(feature = "bundle")]
mod bundled;
#[cfg(feature = "component")]
mod dialects;
mod error;
#[cfg(any(feature = "validate", feature = "bundle"))]
mod guest;
#[cfg(any(feature = "validate", feature = "bundle"))]
mod host;
mod limits;
#[cfg(any(feature = "validate", feature = "bundle"))]
mod program;

pub mod backend;
#[cfg(feature = "bindgen")]
pub mod bindgen;
pub mod cap;
#[cfg(feature = "component")]
pub mod component;
pub mod engine;
#[cfg(feature = "std")]
pub mod manual;
pub mod wasi;
#[cfg(feature = "wast")]
pub mod wast;

pub use block_on::block_on_with;
#[cfg(feature = "std")]
pub use block_on_thread::block_on;
pub use error::{Error, LimitExceeded, MissingImport, Rule, Trap};
#[cfg(any(feature = "validate", feature = "bundle"))]
pub use guest::{CallError, Exit, Guest};
#[cfg(all(feature = "http", any(feature = "validate", feature = "bundle")))]
pub use guest::{HandleError, Handling, Rest};
#[cfg(any(feature = "validate", feature = "bundle"))]
pub use host::Host;
pub use limits::{HttpLimits, Limits};
#[cfg(all(feature = "component", any(feature = "validate", feature = "bundle")))]
pub use program::{LinkError, Linked};
#[cfg(any(feature = "validate", feature = "bundle"))]
pub use program::{Loader, Program};
pub use wasi::filesystem::Access;
