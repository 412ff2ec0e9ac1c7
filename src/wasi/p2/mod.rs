//! WASI 0.2, for components. Decodes, calls what WASI means in [`wasi`](crate::wasi), and encodes.

pub mod bindings;
mod io;
mod state;

pub use io::{Pollable, Subscribe, subscribe, subscribe_deadline};
pub use state::State;
