//! The guests are examples of this package, for each is a library of its own.
