//! The dialects of WASI that this build links components with, side by side: all of them share what was granted.

#[cfg(not(all(feature = "p2", feature = "p3")))]
mod absent;
#[cfg(feature = "http")]
pub(crate) mod http;
#[cfg(feature = "p2")]
mod p2;
#[cfg(feature = "p3")]
mod p3;

#[cfg(not(feature = "p2"))]
use absent as p2;
#[cfg(not(feature = "p3"))]
use absent as p3;

use crate::{
    Error, Limits,
    cap::Code,
    component::{Component, Engine, Linker},
    wasi::{self, Grants},
};

/// What the host keeps for one guest that is a component.
pub(crate) struct Data {
    p2: p2::State,
    p3: p3::State,
}

impl Data {
    /// What a guest starts with.
    ///
    /// # Errors
    ///
    /// [`Code::Invalid`] for an argument, variable or directory name that cannot be one.
    pub(crate) fn new(grants: &Grants, limits: &Limits) -> Result<Self, Code> {
        // Bounds on HTTP are a guest's, in whatever dialect it speaks.
        let http = wasi::http::State::new(grants, limits);
        Ok(Self { p2: p2::state(grants, limits, http.clone())?, p3: p3::state(grants, limits, http)? })
    }
}

/// Everything that components can import here.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Data>, Error> {
    offer(Linker::new(engine))
}

/// What of it a component imports.
pub(crate) fn linker_for(component: &Component) -> Result<Linker<Data>, Error> {
    offer(Linker::only_for(component))
}

fn offer(mut linker: Linker<Data>) -> Result<Linker<Data>, Error> {
    p2::add_to_linker(&mut linker, |data: &mut Data| &mut data.p2)?;
    p3::add_to_linker(&mut linker, |data: &mut Data| &mut data.p3)?;
    Ok(linker)
}
