//! What WASI means, written once.
//!
//! Functions and poll functions on plain Rust types over the capabilities of [`cap`](crate::cap). Nothing
//! here knows a dialect, its numbers, or a memory layout: `p1`, `p2` and `p3` decode, call what is here,
//! and encode. Every refusal a guest can see is decided here, so every dialect has the same sandbox.

pub mod cli;
pub mod clocks;
pub mod filesystem;
mod grants;
#[cfg(feature = "http")]
pub mod http;
#[cfg(not(feature = "http"))]
#[path = "http_absent.rs"]
pub mod http;
#[cfg(feature = "component")]
pub mod io;
pub mod path;
pub mod price;
pub mod random;
pub mod sockets;

#[cfg(feature = "p1")]
pub mod p1;
#[cfg(feature = "p2")]
pub mod p2;
#[cfg(feature = "p3")]
pub mod p3;

pub use grants::{Grants, Preopen};
