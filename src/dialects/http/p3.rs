//! `wasi:http/handler` of WASI 0.3.

use crate::{
    Error,
    cap::http::{Method, Request},
    component::{Instance, Resource, Store},
    dialects::Data,
    wasi::{
        http::Answer,
        p3::{
            bindings::http::types::ErrorCode,
            http::{self, Response, incoming, outgoing},
        },
    },
};

pub(super) const HANDLER: &str = "wasi:http/handler@0.3.";

pub(super) async fn handle(
    store: &mut Store<Data>,
    instance: &Instance,
    function: &str,
    request: Request,
    answer: &Answer,
) -> Result<(), Error> {
    type Params = (Resource<http::Request>,);
    type Answered = (Result<Resource<Response>, ErrorCode>,);
    let handle = instance.get_typed_func::<Params, Answered>(store, function)?;
    let is_head = request.method == Method::Head;
    let given = match incoming(&mut store.data_mut().p3, request) {
        Ok(request) => {
            let (answered,) = handle.call_async(store, (request,)).await?;
            let state = &mut store.data_mut().p3;
            answered.map_err(Into::into).and_then(|response| outgoing(state, response, is_head))
        }
        Err(code) => Err(code),
    };
    answer.give(given);
    Ok(())
}
