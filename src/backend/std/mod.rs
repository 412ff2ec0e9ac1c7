//! The real world: what the operating system under this process has.
//!
//! Nothing here is ever granted by itself. On Unix; what waits needs no executor of the embedder's,
//! any will do: time has a thread of its own, so have streams that are waited for, and sockets share
//! one with a tokio reactor. Each is started when it is first needed.

mod descriptors;
mod error;
mod reactor;
mod ready;
#[cfg(feature = "component")]
mod resolver;

pub mod cli;
pub mod clocks;
pub mod filesystem;
#[cfg(feature = "hyper")]
pub mod http;
pub mod random;
pub mod sockets;

pub use cli::{Input, Output};
pub use clocks::Clocks;
pub use descriptors::{descriptors_max, descriptors_open, set_descriptors_max};
pub use filesystem::Directory;
pub use random::Random;
#[cfg(feature = "component")]
pub use sockets::Network;
pub use sockets::{TcpListener, TcpStream};
