//! `wasi:http`: messages, their bodies, and exchanges.

mod bodies;
mod fields;
mod messages;
mod outgoing;

pub use bodies::{FutureTrailers, IncomingBody, OutgoingBody};
pub use messages::{IncomingRequest, IncomingResponse, OutgoingResponse, ResponseOutparam};
pub use outgoing::{FutureIncomingResponse, OutgoingRequest, RequestOptions};

use super::{
    State,
    bindings::http::{self, types},
};
use crate::{
    Error,
    cap::http::{ErrorCode, Method, Request},
    component::{Linker, Resource},
    engine::Fault,
    wasi::{
        http::{Answer, asked, convert::convert},
        io,
    },
};

convert!(types);

/// Offers `wasi:http` to components.
pub(super) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    get: fn(&mut T) -> &mut State,
) -> Result<(), Error> {
    http::Proxy::add_to_linker(linker, get)
}

/// What `wasi:http/incoming-handler#handle` is called with for `request`; the response will be in `answer`.
///
/// # Errors
///
/// When the request is more than the guest may be given.
pub fn incoming(
    state: &mut State,
    request: Request,
    answer: &Answer,
) -> Result<(Resource<IncomingRequest>, Resource<ResponseOutparam>), ErrorCode> {
    let full = |_| ErrorCode::InternalError(None);
    let is_head = request.method == Method::Head;
    let asked = asked(&state.http.bounds, request)?;
    let request = state.table.push(IncomingRequest::new(asked)).map_err(full)?;
    let param = state.table.push(ResponseOutparam::new(answer.clone(), is_head)).map_err(full)?;
    Ok((request, param))
}

impl types::Host for State {
    fn http_error_code(&mut self, err: Resource<io::Error>) -> Result<Option<types::ErrorCode>, Fault> {
        Ok(self.table.get(&err)?.detail::<ErrorCode>().cloned().map(types::ErrorCode::from))
    }
}
