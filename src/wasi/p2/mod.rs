//! WASI 0.2, for components. Decodes, calls what WASI means in [`wasi`](crate::wasi), and encodes.
//!
//! Everything of 0.2.12 but what is behind a feature gate of its own there; components that import an older 0.2 are
//! met too. [`State`] is what the host keeps for one guest: what it was granted, and a table of what it holds of that.

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
mod filesystem;
#[cfg(feature = "http")]
pub mod http;
#[cfg(not(feature = "http"))]
#[path = "http_absent.rs"]
mod http;
mod io;
mod random;
mod sockets;
mod state;

pub use cli::{TerminalInput, TerminalOutput};
pub use filesystem::DirectoryEntryStream;
pub use io::{Pollable, Subscribe, subscribe, subscribe_deadline};
pub use sockets::{
    IncomingDatagramStream, OutgoingDatagramStream, ResolveAddressStream, TcpSocket, UdpSocket,
};
pub use state::State;

use crate::{Error, component::Linker};

/// Offers WASI 0.2 to components: `wasi:cli`, `wasi:clocks`, `wasi:filesystem`, `wasi:io`,
/// `wasi:random` and `wasi:sockets`. `get` finds
/// the state for a guest in what its store keeps.
///
/// # Errors
///
/// When something that is no interface was offered under the name of one.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    linker.on_host_work(move |data| get(data).take_owed());
    bindings::io::Imports::add_to_linker(linker, get)?;
    bindings::clocks::Imports::add_to_linker(linker, get)?;
    bindings::random::Imports::add_to_linker(linker, get)?;
    bindings::filesystem::Imports::add_to_linker(linker, get)?;
    bindings::sockets::Imports::add_to_linker(linker, get)?;
    use bindings::cli;
    cli::environment::add_to_linker(linker, get)?;
    cli::exit::add_to_linker(linker, get)?;
    cli::stdin::add_to_linker(linker, get)?;
    cli::stdout::add_to_linker(linker, get)?;
    cli::stderr::add_to_linker(linker, get)?;
    cli::terminal_input::add_to_linker(linker, get)?;
    cli::terminal_output::add_to_linker(linker, get)?;
    cli::terminal_stdin::add_to_linker(linker, get)?;
    cli::terminal_stdout::add_to_linker(linker, get)?;
    cli::terminal_stderr::add_to_linker(linker, get)?;
    http::add_to_linker(linker, get)
}
