//! The least a handler of WASI 0.2 can be: it answers `hello`.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.2/io", "../../../wit/wasi-0.2/clocks", "../../../wit/wasi-0.2/random",
        "../../../wit/wasi-0.2/filesystem", "../../../wit/wasi-0.2/sockets", "../../../wit/wasi-0.2/cli",
        "../../../wit/wasi-0.2/http",
    ],
    world: "wasi:http/proxy@0.2.12",
    generate_all,
});

use exports::wasi::http::incoming_handler::Guest;
use wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hello;
export!(Hello);

impl Guest for Hello {
    fn handle(_: IncomingRequest, out: ResponseOutparam) {
        let headers = Fields::new();
        headers.append("content-type", b"text/plain").unwrap();
        let response = OutgoingResponse::new(headers);
        let body = response.body().unwrap();
        ResponseOutparam::set(out, Ok(response));
        body.write().unwrap().blocking_write_and_flush(b"hello").unwrap();
        OutgoingBody::finish(body, None).unwrap();
    }
}
