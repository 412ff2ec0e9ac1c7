//! WASI 0.2, for components. Decodes, calls what WASI means in [`wasi`](crate::wasi), and encodes.
