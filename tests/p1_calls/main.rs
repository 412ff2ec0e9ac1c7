//! The functions of WASI 0.1, called one by one with what a hostile guest would call them with.

#![cfg(feature = "p1")]

mod caller;
mod descriptors;
mod guest;
mod listing;
mod paths;
mod pointers;
mod sequences;
mod sockets;
mod streams;
mod waiting;
