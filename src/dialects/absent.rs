//! A dialect that this build does not have.

use super::Data;
use crate::{
    Error, Limits,
    cap::Code,
    component::Linker,
    wasi::{Grants, http},
};

pub(super) struct State;

pub(super) fn state(_: &Grants, _: &Limits, _: http::State) -> Result<State, Code> {
    Ok(State)
}

pub(super) fn add_to_linker(_: &mut Linker<Data>, _: fn(&mut Data) -> &mut State) -> Result<(), Error> {
    Ok(())
}
