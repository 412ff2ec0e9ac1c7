//! The least a handler of WASI 0.3 can be: it answers `hello`.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.3/clocks", "../../../wit/wasi-0.3/random", "../../../wit/wasi-0.3/filesystem",
        "../../../wit/wasi-0.3/sockets", "../../../wit/wasi-0.3/cli", "../../../wit/wasi-0.3/http",
    ],
    world: "wasi:http/service@0.3.0",
    generate_all,
});

use exports::wasi::http::handler::Guest;
use wasi::http::types::{ErrorCode, Fields, Request, Response};

struct Hello;
export!(Hello);

impl Guest for Hello {
    async fn handle(_: Request) -> Result<Response, ErrorCode> {
        let headers = Fields::new();
        headers.append("content-type", b"text/plain").unwrap();
        let (mut writer, contents) = wit_stream::new();
        let (_, trailers) = wit_future::new(|| Ok(None));
        wit_bindgen::spawn_local(async move {
            writer.write_all(b"hello".to_vec()).await;
        });
        Ok(Response::new(headers, Some(contents), trailers).0)
    }
}
