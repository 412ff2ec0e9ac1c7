//! A handler of WASI 0.3 that does what the path of a request says, good or bad.

wit_bindgen::generate!({
    path: [
        "../../../wit/wasi-0.3/clocks", "../../../wit/wasi-0.3/random", "../../../wit/wasi-0.3/filesystem",
        "../../../wit/wasi-0.3/sockets", "../../../wit/wasi-0.3/cli", "../../../wit/wasi-0.3/http",
    ],
    world: "wasi:http/service@0.3.0",
    generate_all,
});

use exports::wasi::http::handler::Guest;
use std::fmt::Debug;
use wasi::http::{
    client,
    types::{ErrorCode, Fields, HeaderError, Method, Request, RequestOptions, Response, Scheme},
};
use wit_bindgen::{StreamReader, StreamResult, StreamWriter};

struct Service;
export!(Service);

impl Guest for Service {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        Ok(match path {
            "/hello" => reply(200, "hello"),
            "/echo" => echo(request),
            "/seen" => reply(200, seen(&request)),
            "/fields" => reply(200, fields(query)),
            "/target" => reply(200, target(query)),
            "/trailers" => trailers(query),
            "/trailers-first" => trailers_first(),
            "/trailers-late" => trailers_late(),
            "/said" => said(query),
            "/fetch" => fetch(request, query).await,
            "/status" => {
                let response = reply(200, "");
                match response.set_status_code(query.parse().unwrap()) {
                    Ok(()) => response,
                    Err(()) => reply(200, "no status"),
                }
            }
            "/error" => return Err(ErrorCode::LoopDetected),
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
            "/endless" => stream(&[], |mut writer| async move {
                while writer.write_all(vec![b'x'; 4096]).await.is_empty() {}
            }),
            "/nothing" => {
                let count: u32 = query.parse().unwrap();
                stream(&[], move |mut writer| async move {
                    for _ in 0..count {
                        writer.write(Vec::new()).await;
                    }
                })
            }
            "/trap-in-body" => stream(&[], |mut writer| async move {
                writer.write_all(b"some".to_vec()).await;
                panic!();
            }),
            "/unfinished" => unfinished(),
            "/late" => stream(&[], |mut writer| async move {
                writer.write_all(b"first".to_vec()).await;
                drop(writer);
                print("and then").await;
            }),
            _ => reply(404, ""),
        })
    }
}

async fn print(text: &'static str) {
    let (mut writer, reader) = wit_stream::new();
    let written = wasi::cli::stdout::write_via_stream(reader);
    writer.write_all(text.as_bytes().to_vec()).await;
    drop(writer);
    let _ = written.await;
}

/// A response whose contents a task writes.
fn stream<F: Future<Output = ()> + 'static>(
    fields: &[(&str, &str)],
    write: impl FnOnce(StreamWriter<u8>) -> F,
) -> Response {
    let headers = Fields::new();
    for (name, value) in fields {
        headers.append(name, value.as_bytes()).unwrap();
    }
    let (writer, reader) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    wit_bindgen::spawn_local(write(writer));
    Response::new(headers, Some(reader), trailers).0
}

fn reply(status: u16, contents: impl Into<Vec<u8>>) -> Response {
    let contents = contents.into();
    let response = stream(&[], |mut writer| async move {
        writer.write_all(contents).await;
    });
    response.set_status_code(status).unwrap();
    response
}

/// Contents and trailers go on as they come.
fn echo(request: Request) -> Response {
    let (_, done) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Request::consume_body(request, done);
    Response::new(Fields::new(), Some(contents), trailers).0
}

/// What of a request there is to be seen.
fn seen(request: &Request) -> String {
    let mut names: Vec<String> = request.get_headers().copy_all().into_iter().map(|(name, _)| name).collect();
    names.sort();
    let is_http = request.get_scheme().map(|scheme| matches!(scheme, Scheme::Http));
    format!("{is_http:?} {:?} {names:?}", request.get_authority())
}

fn code<T>(result: Result<T, HeaderError>) -> String {
    match result {
        Ok(_) => "ok",
        Err(HeaderError::InvalidSyntax) => "invalid",
        Err(HeaderError::Forbidden) => "forbidden",
        Err(HeaderError::Immutable) => "immutable",
        Err(HeaderError::SizeExceeded) => "too large",
        Err(HeaderError::Other(_)) => "other",
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
        "frozen" => {
            let (_, trailers) = wit_future::new(|| Ok(None));
            code(Response::new(fields, None, trailers).0.get_headers().append("x", &value))
        }
        forbidden => code(fields.append(forbidden, &value)),
    }
}

/// `PART,VALUE`: whether that can be set.
fn target(query: &str) -> String {
    let (part, value) = query.split_once(',').unwrap();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let request = Request::new(Fields::new(), None, trailers, None).0;
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
fn trailers(query: &str) -> Response {
    let fields = Fields::new();
    let result = code(fields.append(query, b"v"));
    let (mut writer, reader) = wit_stream::new();
    let (promise, trailers) = wit_future::new(|| Ok(None));
    wit_bindgen::spawn_local(async move {
        writer.write_all(result.into_bytes()).await;
        drop(writer);
        let _ = promise.write(Ok(Some(fields))).await;
    });
    Response::new(Fields::new(), Some(reader), trailers).0
}

fn one_trailer() -> Result<Option<Fields>, ErrorCode> {
    let fields = Fields::new();
    fields.append("x-end", b"v").unwrap();
    Ok(Some(fields))
}

/// Writes no contents before its trailers were read.
fn trailers_first() -> Response {
    let (mut writer, reader) = wit_stream::new();
    let (promise, trailers) = wit_future::new(|| Ok(None));
    wit_bindgen::spawn_local(async move {
        let is_read = promise.write(one_trailer()).await.is_ok();
        writer.write_all(format!("read: {is_read}").into_bytes()).await;
    });
    Response::new(Fields::new(), Some(reader), trailers).0
}

/// Says its length and writes that; says its trailers when whoever reads has had it all for long, and prints how that
/// went.
fn trailers_late() -> Response {
    let headers = Fields::new();
    headers.append("content-length", b"4").unwrap();
    let (mut writer, reader) = wit_stream::new();
    let (promise, trailers) = wit_future::new(|| Ok(None));
    let (response, sent) = Response::new(headers, Some(reader), trailers);
    wit_bindgen::spawn_local(async move {
        writer.write_all(b"some".to_vec()).await;
        let is_sent = sent.await.is_ok();
        drop(writer);
        let is_read = promise.write(one_trailer()).await.is_ok();
        print(if is_sent && is_read { "sent and read" } else { "not read" }).await;
    });
    response
}

/// `LENGTH,BYTES`: says one length and writes another; prints how sending it went.
fn said(query: &str) -> Response {
    let (length, bytes) = query.split_once(',').unwrap();
    let bytes = bytes.parse().unwrap();
    let headers = Fields::new();
    headers.append("content-length", length.as_bytes()).unwrap();
    let (mut writer, reader) = wit_stream::new();
    let (_, trailers) = wit_future::new(|| Ok(None));
    let (response, sent) = Response::new(headers, Some(reader), trailers);
    wit_bindgen::spawn_local(async move {
        writer.write_all(vec![b'x'; bytes]).await;
        drop(writer);
        print(if sent.await.is_ok() { "sent" } else { "not sent" }).await;
    });
    response
}

/// Contents that end in an error, as the trailers say.
fn unfinished() -> Response {
    let (mut writer, reader) = wit_stream::new();
    let (promise, trailers) = wit_future::new(|| Ok(None));
    wit_bindgen::spawn_local(async move {
        writer.write_all(b"some".to_vec()).await;
        drop(writer);
        let _ = promise.write(Err(ErrorCode::InternalError(None))).await;
    });
    Response::new(Fields::new(), Some(reader), trailers).0
}

async fn read(mut contents: StreamReader<u8>) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let (result, piece) = contents.read(Vec::with_capacity(1 << 16)).await;
        all.extend(piece);
        if !matches!(result, StreamResult::Complete(_)) {
            return all;
        }
    }
}

/// `SCHEME,AUTHORITY,PATH`: asks there, with the contents of the request, and answers with status and contents, or with
/// the error.
async fn fetch(request: Request, query: &str) -> Response {
    let mut parts = query.splitn(3, ',');
    let mut part = || parts.next().unwrap_or_default();
    let (scheme, authority, path) = (part(), part(), part());
    let incoming = request.get_headers();
    let headers = Fields::new();
    for length in incoming.get("x-length") {
        headers.append("content-length", &length).unwrap();
    }
    let options = RequestOptions::new();
    if let Some(timeout) = incoming.get("x-timeout").first() {
        let timeout = str::from_utf8(timeout).unwrap().parse().ok();
        options.set_first_byte_timeout(timeout).unwrap();
        options.set_between_bytes_timeout(timeout).unwrap();
        options.set_connect_timeout(timeout).unwrap();
    }
    let (_, done) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Request::consume_body(request, done);
    let (outgoing, _sent) = Request::new(headers, Some(contents), trailers, Some(options));
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    let set = outgoing.set_method(&Method::Post).is_ok()
        && outgoing.set_scheme(Some(&scheme)).is_ok()
        && outgoing.set_authority(Some(authority)).is_ok()
        && outgoing.set_path_with_query(Some(path)).is_ok();
    if !set {
        return reply(400, "not a target");
    }
    let response = match client::send(outgoing).await {
        Ok(response) => response,
        Err(code) => return reply(502, debug(code)),
    };
    let status = response.get_status_code();
    let (_, done) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Response::consume_body(response, done);
    let mut contents = read(contents).await;
    if let Err(code) = trailers.await {
        contents.extend(format!(" then {code:?}").as_bytes());
    }
    reply(status, contents)
}
