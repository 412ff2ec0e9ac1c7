//! A middleware of WASI 0.3: it hands a request on, and adds to the response a field that says so.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.3/clocks", "../../../wit/wasi-0.3/random", "../../../wit/wasi-0.3/filesystem",
        "../../../wit/wasi-0.3/sockets", "../../../wit/wasi-0.3/cli", "../../../wit/wasi-0.3/http",
    ],
    world: "wasi:http/middleware@0.3.0",
    generate_all,
});

use exports::wasi::http::handler::Guest;
use wasi::http::{
    handler,
    types::{ErrorCode, Request, Response},
};

struct Middleware;
export!(Middleware);

impl Guest for Middleware {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let response = handler::handle(request).await?;
        let status = response.get_status_code();
        let headers = response.get_headers().clone();
        headers.append("x-through", b"middleware").map_err(|_| ErrorCode::InternalError(None))?;
        let (_, done) = wit_future::new(|| Ok(()));
        let (contents, trailers) = Response::consume_body(response, done);
        let response = Response::new(headers, Some(contents), trailers).0;
        response.set_status_code(status).map_err(|()| ErrorCode::InternalError(None))?;
        Ok(response)
    }
}
