//! A dialect that this build does not have.

use crate::{
    Error,
    cap::http::Request,
    component::{Instance, Store},
    dialects::Data,
    wasi::http::Answer,
};

pub(super) const HANDLER: &str = "";

pub(super) async fn handle(
    _: &mut Store<Data>,
    _: &Instance,
    function: &str,
    _: Request,
    _: &Answer,
) -> Result<(), Error> {
    Err(Error::export(function, "this build has not the version of WASI for it"))
}
