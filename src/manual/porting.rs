//! What a board or platform has to bring.
//!
//! * An allocator, and atomics with compare-and-swap (Cortex-M3 and up, riscv32imac; not Cortex-M0).
//! * Flash: see `no_std-examples/SIZES.md`. What saves the most of it: bundles instead of a validator on the device, and a
//!   panic handler that prints no message, for with the messages goes the code that formats what they mention.
//! * RAM, beside the guest's own memory: for WASI 0.1 some 30 KB of heap and 12 KB of native stack; for all of WASI with HTTP up to 54
//!   and 23. `no_std-examples/SIZES.md` has both for each set of features.
//! * For each capability a guest is to have, an implementation of its trait in [`cap`](crate::cap): a console is
//!   an [`OutputStream`](crate::cap::cli::OutputStream), a timer is [`Clocks`](crate::cap::clocks::Clocks).
//!   What is not brought is virtual or absent.
//! * Something that polls: an executor, or [`block_on_with`](crate::block_on_with) and what to do meanwhile.
//!
//! Then run the native-stack test on it (`no_std-examples/firmware`): no target is supported before its dispatch
//! has been seen to keep the native stack bounded. Targets with CAS and no test yet should add wasmi's feature
//! `portable-dispatch` to their own manifest: it is two to three times slower, and sound everywhere.
//!
//! A lock of this library is a spin lock held for a few instructions. Do not touch a guest or a capability
//! in an interrupt handler: set a flag or wake a waker there, and poll outside.
