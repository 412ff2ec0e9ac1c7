//! WASI 0.3 as its WIT declares it: generated from `wit/wasi-0.3`, a file for each package.
//!
//! `tests/bindings_current.rs` says how, and makes it anew: `BLESS=1 cargo test --features bindgen --test
//! bindings_current`.

/// `wasi:cli`.
pub mod cli;
/// `wasi:clocks`.
pub mod clocks;
/// `wasi:filesystem`.
pub mod filesystem;
/// `wasi:http`.
#[cfg(feature = "http")]
pub mod http;
/// `wasi:random`.
pub mod random;
/// `wasi:sockets`.
pub mod sockets;
