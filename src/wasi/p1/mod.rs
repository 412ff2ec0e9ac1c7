//! WASI 0.1 (`wasi_snapshot_preview1`, and `wasi_unstable` before it): decode, call [`wasi`](super), encode.
//!
//! A function here reads its arguments from registers and guest memory, calls what WASI means, and writes
//! the answer back; what it means stands in [`wasi`](super), not here. The order within each is always the
//! same: what is charged before, pointers, the descriptor and its rights, the work, the answer.
//!
//! Nothing is read twice from a guest's memory in one call, and nothing that waits trusts what it read
//! before: [`State`] keeps what a wait is about.

mod abi;
mod args;
mod clocks;
mod errno;
mod fd;
mod filesystem;
mod functions;
mod iovec;
mod poll;
mod process;
mod random;
mod rights;
mod sockets;
mod state;

pub use errno::Errno;
pub use functions::Imports;
pub use state::State;
