//! WASI 0.3, for components. Decodes, calls what WASI means in [`wasi`](crate::wasi), and encodes.

pub mod bindings;
