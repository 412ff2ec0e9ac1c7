//! The manual: what does not belong to one item.
//!
//! * [`architecture`]: the rooms, which way their doors open, and how a call runs.
//! * [`rationale`]: why it is so, question by question.
//! * [`limits`]: what bounds a guest, the native stack above all.
//! * `serving` (feature `http`): `wasmote serve` for who runs it.
//! * [`programs`]: other people's programs that were run, how fast, and which are refused.
//! * [`porting`]: what a board or platform has to bring.
//! * `embedding` (feature `component`): components in a program of one's own, coming from `wasmtime::component` or from WIT.

pub mod architecture;
#[cfg(feature = "component")]
pub mod embedding;
pub mod limits;
pub mod porting;
pub mod programs;
pub mod rationale;
#[cfg(feature = "http")]
pub mod serving;
