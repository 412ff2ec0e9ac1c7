//! `wasi:http/incoming-handler` of WASI 0.2.

use crate::{
    Error,
    cap::http::Request,
    component::{Instance, Resource, Store},
    dialects::Data,
    wasi::{
        http::Answer,
        p2::http::{IncomingRequest, ResponseOutparam, incoming},
    },
};

pub(super) const HANDLER: &str = "wasi:http/incoming-handler@0.2.";

pub(super) async fn handle(
    store: &mut Store<Data>,
    instance: &Instance,
    function: &str,
    request: Request,
    answer: &Answer,
) -> Result<(), Error> {
    type Params = (Resource<IncomingRequest>, Resource<ResponseOutparam>);
    let handle = instance.get_typed_func::<Params, ()>(store, function)?;
    match incoming(&mut store.data_mut().p2, request, answer) {
        Ok(params) => handle.call_async(store, params).await,
        Err(code) => {
            answer.give(Err(code));
            Ok(())
        }
    }
}
