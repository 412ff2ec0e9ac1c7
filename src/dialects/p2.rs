//! WASI 0.2.

pub(super) use crate::wasi::p2::{State, add_to_linker};

use crate::{
    Limits,
    cap::Code,
    wasi::{Grants, http},
};

pub(super) fn state(grants: &Grants, limits: &Limits, http: http::State) -> Result<State, Code> {
    State::new(grants.clone(), limits, http)
}
