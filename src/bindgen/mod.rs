//! Rust bindings for WIT worlds: a trait to implement for what a world imports, typed callers for what it exports.
