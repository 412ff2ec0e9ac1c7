//! What both boards run: [`hello`] is the example to read, [`bundled`] the same without a validator, [`core_bundled`] also
//! without WASI, [`components`] the same for components, [`http`] for requests, [`plugin`] for typed calls of one, [`stack`]
//! a test, [`bare`] a comparison.

#![no_std]

extern crate alloc;

#[cfg(feature = "bare")]
pub mod bare;
#[cfg(all(feature = "p1", feature = "bundle"))]
pub mod bundled;
#[cfg(all(feature = "p1", feature = "components"))]
pub mod components;
#[cfg(feature = "bundle")]
pub mod core_bundled;
#[cfg(feature = "p1")]
pub mod hello;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "bundle")]
mod key;
#[cfg(feature = "plugin")]
pub mod plugin;
#[cfg(feature = "p1")]
mod probe;
#[cfg(feature = "p1")]
pub mod stack;
