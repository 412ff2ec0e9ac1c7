//! The manual: what does not belong to one item.
//!
//! * [`architecture`]: the rooms, which way their doors open, and how a call runs.
//! * [`rationale`]: why it is so, question by question.
//! * [`porting`]: what a board or platform has to bring.

pub mod architecture;
pub mod porting;
pub mod rationale;
