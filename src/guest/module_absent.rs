//! No WASI 0.1 in this build, and so no core modules that run.

use super::{CallError, Exit};
use crate::{
    Error, Limits, Program,
    engine::{Interposer, Value},
    wasi::Grants,
};
use alloc::vec::Vec;

/// A core module's guest, of which there is none.
pub enum Guest {}

impl Guest {
    pub(crate) fn start(_: &Program, _: Grants, _: &Limits, _: Option<u64>) -> Result<Self, Error> {
        Err(Error::unsupported("WASI 0.1", "this build runs components only"))
    }

    pub async fn run(&mut self) -> Result<Exit, Error> {
        match *self {}
    }

    pub async fn call(&mut self, _: &str, _: &[Value]) -> Result<Vec<Value>, CallError> {
        match *self {}
    }

    pub fn interpose(&mut self, _: impl Interposer + 'static) {
        match *self {}
    }

    pub fn fuel_spent(&self) -> u64 {
        match *self {}
    }

    pub fn fuel_left(&self) -> u64 {
        match *self {}
    }

    pub fn set_fuel(&mut self, _: u64) -> Result<(), Error> {
        match *self {}
    }

    pub fn memory_bytes(&self) -> u64 {
        match *self {}
    }
}
