//! Capabilities that need no operating system: bounded, in memory, and the same in every run.
//!
//! What is shared with the embedder is a cheap handle ([`Clocks`], [`Pipe`], [`Directory`], …): clone
//! it, hand one to the host and keep the other. Locks are held for the length of one operation, never
//! across a callback or a wake-up.

mod channel;

pub mod cli;
pub mod clocks;
pub mod filesystem;
#[cfg(feature = "http")]
pub mod http;
pub mod random;
pub mod sockets;

pub use cli::{Closed, Empty, Input, Output, Pipe, Sink};
pub use clocks::Clocks;
pub use filesystem::{Directory, Quota};
#[cfg(feature = "http")]
pub use http::Web;
pub use random::Random;
#[cfg(feature = "component")]
pub use sockets::{Link, Machine, Network, NetworkClocks};
pub use sockets::{TcpListener, TcpStream};
