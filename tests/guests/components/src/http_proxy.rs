//! A handler of WASI 0.2 that does what the path of a request says, good or bad.

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
use std::fmt::Debug;
use wasi::{
    http::{
        outgoing_handler,
        types::{
            ErrorCode, Fields, HeaderError, IncomingBody, IncomingRequest, Method, OutgoingBody,
            OutgoingRequest, OutgoingResponse, RequestOptions, ResponseOutparam, Scheme,
        },
    },
    io::streams::{InputStream, StreamError},
};

struct Proxy;
export!(Proxy);

impl Guest for Proxy {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        match path {
            "/hello" => reply(out, 200, b"hello"),
            "/echo" => echo(&request, out),
            "/seen" => reply(out, 200, seen(&request).as_bytes()),
            "/fields" => reply(out, 200, fields(query).as_bytes()),
            "/target" => reply(out, 200, target(query).as_bytes()),
            "/trailers" => trailers(query, out),
            "/said" => said(query, out),
            "/fetch" => fetch(&request, query, out),
            "/status" => status(query.parse().unwrap(), out),
            "/error" => ResponseOutparam::set(out, Err(ErrorCode::LoopDetected)),
            "/silent" => {}
            "/trap" => panic!(),
            "/spin" => loop {
                core::hint::spin_loop();
            },
            "/grow" => {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1_u8; 1 << 20]);
                }
            }
            "/endless" => endless(out),
            "/nothing" => nothing(query.parse().unwrap(), out),
            "/trap-in-body" => {
                let body = respond(out, 200, &[]);
                body.write().unwrap().blocking_write_and_flush(b"some").unwrap();
                panic!();
            }
            "/unfinished" => {
                let body = respond(out, 200, &[]);
                body.write().unwrap().blocking_write_and_flush(b"some").unwrap();
            }
            "/late" => {
                reply(out, 200, b"first");
                print("and then");
            }
            _ => reply(out, 404, b""),
        }
    }
}

fn print(text: &str) {
    wasi::cli::stdout::get_stdout().blocking_write_and_flush(text.as_bytes()).unwrap();
}

fn respond(out: ResponseOutparam, status: u16, fields: &[(&str, &str)]) -> OutgoingBody {
    let headers = Fields::new();
    for (name, value) in fields {
        headers.append(name, value.as_bytes()).unwrap();
    }
    let response = OutgoingResponse::new(headers);
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    body
}

fn reply(out: ResponseOutparam, status: u16, contents: &[u8]) {
    let body = respond(out, status, &[]);
    write(&body, contents).unwrap();
    OutgoingBody::finish(body, None).unwrap();
}

fn write(body: &OutgoingBody, contents: &[u8]) -> Result<(), StreamError> {
    let stream = body.write().unwrap();
    contents.chunks(4096).try_for_each(|chunk| stream.blocking_write_and_flush(chunk))
}

/// The whole of a stream, and how it ended.
fn read(stream: &InputStream) -> (Vec<u8>, Option<ErrorCode>) {
    let mut contents = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(piece) => contents.extend(piece),
            Err(StreamError::Closed) => return (contents, None),
            Err(StreamError::LastOperationFailed(error)) => {
                return (contents, wasi::http::types::http_error_code(&error));
            }
        }
    }
}

/// Contents and trailers of the request, as they come.
fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().unwrap();
    let outgoing = respond(out, 200, &[]);
    {
        let (input, output) = (incoming.stream().unwrap(), outgoing.write().unwrap());
        while output.blocking_splice(&input, 1 << 16).is_ok() {}
        let _ = output.blocking_flush();
    }
    let trailers = IncomingBody::finish(incoming);
    trailers.subscribe().block();
    // Without an end of its own, the response breaks off as the request did.
    if let Ok(trailers) = trailers.get().unwrap().unwrap() {
        let _ = OutgoingBody::finish(outgoing, trailers);
    }
}

/// What of a request there is to be seen.
fn seen(request: &IncomingRequest) -> String {
    let mut names: Vec<String> = request.headers().entries().into_iter().map(|(name, _)| name).collect();
    names.sort();
    format!(
        "{:?} {:?} {names:?}",
        request.scheme().map(|scheme| matches!(scheme, Scheme::Http)),
        request.authority()
    )
}

fn code<T>(result: Result<T, HeaderError>) -> String {
    match result {
        Ok(_) => "ok",
        Err(HeaderError::InvalidSyntax) => "invalid",
        Err(HeaderError::Forbidden) => "forbidden",
        Err(HeaderError::Immutable) => "immutable",
    }
    .to_owned()
}

/// Tries what the query names, and says how that went.
fn fields(query: &str) -> String {
    let fields = Fields::new();
    let value = b"v".to_vec();
    match query {
        "many" => {
            let count =
                (0..32_769).take_while(|n| fields.append("x", format!("{n}").as_bytes()).is_ok()).count();
            format!("{count}")
        }
        "many-of-set" => code(fields.set("x", &vec![value; 32_769])),
        "many-of-list" => code(Fields::from_list(&vec![("x".to_owned(), value); 32_769])),
        "large" => code(fields.append("x", &vec![b'v'; 1 << 20])),
        "list" => code(Fields::from_list(&[("Host".to_owned(), value)])),
        "copy" => code(fields.clone().append("Transfer-Encoding", &value)),
        "line-break" => code(fields.append("x", b"a\r\nb: c")),
        "nul" => code(fields.append("x", b"a\0b")),
        "name" => code(fields.append("x y", &value)),
        "no-name" => code(fields.append("", &value)),
        "case" => {
            fields.append("X-Some", b"a").unwrap();
            fields.append("x-some", b"b").unwrap();
            format!("{}", fields.get("X-SOME").len())
        }
        "frozen" => code(OutgoingResponse::new(fields).headers().append("x", &value)),
        forbidden => code(fields.append(forbidden, &value)),
    }
}

/// `PART,VALUE`: whether that can be set.
fn target(query: &str) -> String {
    let (part, value) = query.split_once(',').unwrap();
    let request = OutgoingRequest::new(Fields::new());
    let long = "x".repeat(1 << 20);
    let value = match value {
        "LONG" => &long,
        "BREAK" => "a\r\nb",
        value => value,
    };
    let result = match part {
        "method" => request.set_method(&Method::Other(value.to_owned())),
        "scheme" => request.set_scheme(Some(&Scheme::Other(value.to_owned()))),
        "authority" => request.set_authority(Some(value)),
        _ => request.set_path_with_query(Some(value)),
    };
    debug(result)
}

fn debug(value: impl Debug) -> String {
    format!("{value:?}")
}

/// Trailers with the field that the query names.
fn trailers(query: &str, out: ResponseOutparam) {
    let trailers = Fields::new();
    let result = code(trailers.append(query, b"v"));
    let body = respond(out, 200, &[]);
    write(&body, result.as_bytes()).unwrap();
    OutgoingBody::finish(body, Some(trailers)).unwrap();
}

/// `LENGTH,BYTES`: says one length and writes another; prints how that went.
fn said(query: &str, out: ResponseOutparam) {
    let (length, bytes) = query.split_once(',').unwrap();
    let body = respond(out, 200, &[("content-length", length)]);
    let written = write(&body, &vec![b'x'; bytes.parse().unwrap()]);
    let finished = OutgoingBody::finish(body, None);
    print(if written.is_ok() && finished.is_ok() { "sent" } else { "not sent" });
}

/// A status, or that it cannot be one.
fn status(status: u16, out: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    if response.set_status_code(status).is_err() {
        return reply(out, 200, b"no status");
    }
    ResponseOutparam::set(out, Ok(response));
}

fn endless(out: ResponseOutparam) {
    let body = respond(out, 200, &[]);
    let stream = body.write().unwrap();
    while stream.blocking_write_and_flush(&[b'x'; 4096]).is_ok() {}
}

/// So many writes of nothing.
fn nothing(count: u32, out: ResponseOutparam) {
    let body = respond(out, 200, &[]);
    {
        let stream = body.write().unwrap();
        for _ in 0..count {
            stream.check_write().unwrap();
            stream.write(&[]).unwrap();
        }
    }
    OutgoingBody::finish(body, None).unwrap();
}

/// `SCHEME,AUTHORITY,PATH`: asks there, with the contents of the request, and answers with status and contents, or with
/// the error.
fn fetch(request: &IncomingRequest, query: &str, out: ResponseOutparam) {
    let mut parts = query.splitn(3, ',');
    let mut part = || parts.next().unwrap_or_default();
    let (scheme, authority, path) = (part(), part(), part());
    let headers = Fields::new();
    for length in request.headers().get("x-length") {
        headers.append("content-length", &length).unwrap();
    }
    let outgoing = OutgoingRequest::new(headers);
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    let set = outgoing.set_method(&Method::Post).is_ok()
        && outgoing.set_scheme(Some(&scheme)).is_ok()
        && outgoing.set_authority(Some(authority)).is_ok()
        && outgoing.set_path_with_query(Some(path)).is_ok();
    if !set {
        return reply(out, 400, b"not a target");
    }
    let options = RequestOptions::new();
    if let Some(timeout) = request.headers().get("x-timeout").first() {
        let timeout = str::from_utf8(timeout).unwrap().parse().ok();
        options.set_first_byte_timeout(timeout).unwrap();
        options.set_between_bytes_timeout(timeout).unwrap();
        options.set_connect_timeout(timeout).unwrap();
    }
    let Ok(body) = outgoing.body() else { return reply(out, 400, b"no body") };
    let (contents, _) = read(&request.consume().unwrap().stream().unwrap());
    let future = match outgoing_handler::handle(outgoing, Some(options)) {
        Ok(future) => future,
        Err(code) => return reply(out, 502, debug(code).as_bytes()),
    };
    let _ = write(&body, &contents);
    if let Err(code) = OutgoingBody::finish(body, None) {
        return reply(out, 502, debug(code).as_bytes());
    }
    future.subscribe().block();
    let response = match future.get().unwrap().unwrap() {
        Ok(response) => response,
        Err(code) => return reply(out, 502, debug(code).as_bytes()),
    };
    let status = response.status();
    let incoming = response.consume().unwrap();
    let (mut contents, error) = read(&incoming.stream().unwrap());
    if let Some(code) = error {
        contents.extend(format!(" then {code:?}").as_bytes());
    }
    reply(out, status, &contents);
}
