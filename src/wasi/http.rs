//! What HTTP means: which fields and targets a guest may say, how long bodies are, how long it may wait, and whom it
//! may reach.
//!
//! Knows no dialect and no network: a dialect keeps what is here for each handle it gives out, and bodies come from and
//! go to whoever implements [`cap::http`](crate::cap::http).

mod answer;
#[cfg(any(feature = "p2", feature = "p3"))]
pub(in crate::wasi) mod convert;
mod fields;
mod incoming;
mod pipe;
mod policy;
mod quota;
mod send;
mod streams;
mod target;
mod timeout;

pub use answer::Answer;
pub use fields::{Fields, HeaderError};
pub use incoming::IncomingBody;
pub use pipe::{BodyWriter, PipedBody, Receipt, pipe};
pub use policy::{Denied, Policy, Rule, RuleError};
pub use quota::Bounds;
pub use send::{
    Answered, Asked, Granted, Outgoing, Sending, Slots, State, To, answer, asked, check, is_status,
};
pub use streams::SharedBody;
pub use target::{Invalid, Target};

/// Which of two messages a body belongs to: errors differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request.
    Request,
    /// A response.
    Response,
}
