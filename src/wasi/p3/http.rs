//! `wasi:http`: messages, their contents, and exchanges.

mod contents;
mod fields;
mod messages;
mod send;

pub use messages::{Request, RequestOptions, Response};

use super::{State, bindings::http::types};
use crate::{
    Error,
    cap::http::{self, ErrorCode},
    component::{Linker, Resource},
    wasi::http::{Bounds, answer, asked, convert::convert},
};

convert!(types);

/// Offers `wasi:http`.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    types::add_to_linker(linker, get)?;
    send::add_to_linker(linker, get)
}

/// What `wasi:http/handler#handle` is called with for `request`.
///
/// # Errors
///
/// When the request is more than the guest may be given.
pub fn incoming(state: &mut State, request: http::Request) -> Result<Resource<Request>, ErrorCode> {
    let asked = asked(&state.http.bounds, request)?;
    state.table.push(Request::received(asked)).map_err(|_| ErrorCode::InternalError(None))
}

/// What `wasi:http/handler#handle` answered; `is_head` says whether the request was a `HEAD`.
///
/// # Errors
///
/// When it is no response that may go on the wire.
pub fn outgoing(
    state: &mut State,
    response: Resource<Response>,
    is_head: bool,
) -> Result<http::Response, ErrorCode> {
    let response = state.table.delete(response).map_err(|_| ErrorCode::InternalError(None))?;
    answer(response.status, &response.headers, response.contents.into_wire(), is_head)
}

impl State {
    fn bounds(&self) -> &Bounds {
        &self.http.bounds
    }
}
