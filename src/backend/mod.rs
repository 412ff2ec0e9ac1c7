//! Implementations of the capabilities.
