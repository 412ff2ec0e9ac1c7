//! What a port implements: one object-safe, poll-based trait per noun. Core and alloc only.
//!
//! A capability is a value. Whoever holds it may use it, nobody else can name it, and an embedder
//! grants one by handing it in. Nothing here knows a WASI dialect, a guest or a memory layout.
//!
//! Every trait takes `&self`: a capability may be shared by several guests, so an implementation
//! guards its own state. A method called `poll_…` may answer [`Poll::Pending`](core::task::Poll)
//! after arranging for the waker in its `Context` to be woken; every other method answers at once.
//! What waits, waits on the capability that knows the answer, so a virtual clock can drive it and a
//! trace can reproduce it.
//!
//! Beside the traits stands what both sides of them have to read alike: whose an address is
//! ([`sockets::is_global`]), what a host's name is ([`sockets::name`]), how a rule says hosts and ports
//! ([`sockets::Pattern`]).

pub mod cli;
pub mod clocks;
mod code;
pub mod filesystem;
#[cfg(feature = "http")]
pub mod http;
pub mod random;
pub mod sockets;

pub use code::Code;
