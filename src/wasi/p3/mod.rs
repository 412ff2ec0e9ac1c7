//! WASI 0.3 for components: decodes, calls what is in [`wasi`](crate::wasi), and encodes.
//!
//! Functions are offered under version 0.3.0 of their interfaces, which the linker finds by the name of every later
//! 0.3 too.

#[allow(
    clippy::module_inception,
    clippy::new_ret_no_self,
    clippy::too_many_arguments,
    clippy::type_complexity,
    clippy::wrong_self_convention,
    reason = "its names and types are those of WIT"
)]
pub mod bindings;
mod cli;
mod clocks;
mod errors;
mod filesystem;
#[cfg(feature = "http")]
pub mod http;
#[cfg(not(feature = "http"))]
#[path = "http_absent.rs"]
mod http;
mod random;
mod sockets;
mod state;
mod streams;

pub use sockets::{TcpSocket, UdpSocket};
pub use state::State;

use crate::{
    Error,
    component::{Linker, StoreContextMut},
};

/// Offers WASI 0.3 to what `linker` instantiates; `get` finds its state in what the store keeps.
///
/// # Errors
///
/// When something else is offered under one of its names.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    linker.on_idle(move |store, cx, deadline_ns, may_wait| {
        clocks::poll_time(store, get, cx, deadline_ns, may_wait)
    });
    linker.on_host_work(move |data| get(data).take_owed());
    cli::add_to_linker(linker, get)?;
    clocks::add_to_linker(linker, get)?;
    filesystem::add_to_linker(linker, get)?;
    http::add_to_linker(linker, get)?;
    random::add_to_linker(linker, get)?;
    bindings::sockets::Imports::add_to_linker(linker, get)
}

/// The name of an interface, at the version offered here.
macro_rules! interface {
    ($name:literal) => {
        concat!("wasi:", $name, "@0.3.0")
    };
}
use interface;

/// The state of the guest that called.
fn state<'a, T: Send + 'static>(
    store: &'a mut StoreContextMut<'_, T>,
    get: fn(&mut T) -> &mut State,
) -> &'a mut State {
    get(store.data_mut())
}
