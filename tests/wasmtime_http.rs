//! Wasmtime's own programs of HTTP: commands that send requests to a server of this process, and handlers.
//!
//! `WASMOTE_WASMTIME_HTTP` names folders of them, built, with colons between. `WASMOTE_WASMTIME_HTTP_ONLY` runs only
//! those whose name contains it.

#![cfg(all(feature = "http", feature = "p2", feature = "p3"))]

use http::HeaderValue;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    fs,
    future::poll_fn,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};
use wasmote::{
    HandleError, Host, Program,
    backend::{
        self,
        mem::{
            self,
            http::{Reply, Web},
        },
    },
    block_on, block_on_with,
    cap::http::{Fields, Frame, Method, Request, Whole},
    wasi::http::Policy,
};

/// Programs that want something of wasmtime's own interface, and why not here.
const DECLINED: &[(&str, &str)] = &[
    ("p2_cli_http_headers", "wants to end where fields are full; what 0.2 has for that is an error"),
    ("p2_cli_serve_sleep", "wants a deadline of its server; `program_serve` has that"),
    ("p3_cli_serve_sleep", "wants a deadline of its server; `program_serve` has that"),
    ("p2_cli_serve_with_print", "wants prefixes on what is printed, as wasmtime's server has them"),
    ("p2_http_outbound_request_invalid_header", "wants a header that its embedder forbids"),
    ("p3_http_outbound_request_invalid_header", "wants a header that its embedder forbids"),
    ("p2_http_outbound_request_invalid_version", "asks with CONNECT, which nobody may here"),
    ("p3_http_outbound_request_invalid_version", "asks with CONNECT, which nobody may here"),
    (
        "p2_http_outbound_request_missing_path_and_query",
        "wants a request without a path to be refused; by WIT the path is empty then, and that is `/`",
    ),
    ("p2_http_outbound_request_timeout", "wants a network in which nobody answers for 203.0.113.12"),
    ("p3_http_outbound_request_timeout", "wants a network in which nobody answers for 203.0.113.12"),
    ("p3_http_forbidden_headers", "wants a header that its embedder forbids"),
    (
        "p3_http_middleware_with_chain",
        "imports the next handler under a name that a test of wasmtime's gives it",
    ),
];

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says in its answer what it was asked, and gives the contents back.
async fn answer(request: http::Request<Incoming>) -> Result<http::Response<Incoming>, Infallible> {
    let value = |text: &str| HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("?"));
    let (method, uri) = (value(request.method().as_str()), value(&request.uri().to_string()));
    let length = request.headers().get("content-length").cloned();
    let mut response = http::Response::new(request.into_body());
    let headers = response.headers_mut();
    headers.insert("x-wasmtime-test-method", method);
    headers.insert("x-wasmtime-test-uri", uri);
    length.map(|length| headers.insert("content-length", length));
    Ok(response)
}

/// Starts a server, which ends with this process; answers where it is.
fn server(is_http2: bool) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = format!("localhost:{}", listener.local_addr().unwrap().port());
    let serving = async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let builder = if is_http2 { builder.http2_only() } else { builder.http1_only() };
                drop(builder.serve_connection(TokioIo::new(stream), service_fn(answer)).await);
            });
        }
    };
    thread::spawn(move || runtime.block_on(serving));
    address
}

fn host(output: &mem::Output) -> Host {
    let client = backend::std::http::Client::new(backend::std::http::Policy::anywhere());
    Host::new()
        .clocks(backend::std::Clocks)
        .random(backend::std::Random)
        .http(client, Policy::new().allow_all())
        .stdout(output.clone())
        .stderr(output.clone())
}

/// Runs a command that asks.
fn command(program: &Program, name: &str, server: &str) -> Result<(), String> {
    let output = mem::Output::new();
    let host = host(&output).args([name]).env("HTTP_SERVER", server);
    let mut guest = host.start(program).map_err(|error| error.to_string())?;
    let began = Instant::now();
    let said = || String::from_utf8_lossy(&output.contents()).into_owned();
    let exit = block_on_with(guest.run(), || {
        assert!(began.elapsed() < PATIENCE, "{name} hangs\n{}", said());
        thread::sleep(Duration::from_micros(200));
    });
    match exit {
        Ok(exit) if exit.is_success() => Ok(()),
        Ok(exit) => Err(format!("status {}\n{}", exit.code(), said())),
        Err(error) => Err(format!("{error}\n{}", said())),
    }
}

/// What a handler answered.
struct Said {
    status: u16,
    headers: Fields,
    contents: Vec<u8>,
    trailers: Option<Fields>,
}

fn ask(program: &Program, host: Host, request: Request) -> Result<Said, String> {
    let guest = host.start(program).map_err(|error| error.to_string())?;
    let response = block_on(guest.handle(request).on_end(|rest| drop(block_on(rest))));
    let mut response = response.map_err(|error| match error {
        HandleError::Code(code) => format!("code {code:?}"),
        HandleError::Error(error) => error.to_string(),
    })?;
    let (mut contents, mut trailers) = (Vec::new(), None);
    while let Some(frame) = block_on(poll_fn(|cx| response.body.poll_frame(cx))) {
        match frame.map_err(|code| format!("{code:?}"))? {
            Frame::Data(piece) => contents.extend(piece),
            Frame::Trailers(fields) => {
                trailers = Some(fields);
                break;
            }
        }
    }
    Ok(Said { status: response.status, headers: response.headers, contents, trailers })
}

fn expect(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}

/// Asks a handler what it is there for.
fn handler(program: &Program, name: &str, server: &str) -> Result<(), String> {
    let output = mem::Output::new();
    let get = |path: &str| Request::new(Method::Get, &format!("http://localhost{path}"));
    let post = |path: &str, contents: &[u8]| {
        Request::new(Method::Post, &format!("http://localhost{path}"))
            .body(Whole::new(contents).with_trailers(Fields::from_iter([("fizz", "buzz")])))
    };
    let many: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    match name {
        "p2_api_proxy" | "p3_api_proxy" => {
            let said = ask(program, host(&output), get("/test-path"))?;
            expect(said.status == 200 && !said.contents.is_empty(), "no answer")
        }
        "p2_api_proxy_forward_request" => {
            let web = Web::new(mem::Clocks::new()).route("*", Reply::new(200).piece("there"));
            let host = host(&output).http(web.clone(), Policy::new().allow_all());
            let said = ask(program, host, get("/").header("x-some", "1"))?;
            expect(said.status == 200 && web.request_count() == 1, "not forwarded")
        }
        "p2_api_proxy_streaming" => {
            let echo = post("/echo", &many).header("content-type", "application/octet-stream");
            let said = ask(program, host(&output), echo)?;
            expect(said.contents == many && said.headers.contains("content-type"), "no echo")?;
            let url = format!("http://{server}/echo");
            let said = ask(program, host(&output), post("/double-echo", &many).header("url", &url))?;
            expect(said.contents == many, "no double echo")?;
            let said = ask(program, host(&output), get("/hash-all").header("url", &url))?;
            expect(said.status == 200 && said.contents.starts_with(url.as_bytes()), "no hashes")
        }
        "p2_cli_serve_hello_world" | "p3_cli_serve_hello_world" => {
            let said = ask(program, host(&output), get("/"))?;
            expect(said.contents == b"Hello, WASI!", "no greeting")
        }
        "p2_cli_serve_echo_env" => {
            let host = host(&output).env("FOO", "bar");
            let said = ask(program, host.clone(), get("/").header("env", "FOO"))?;
            expect(said.headers.get("env").eq([&b"bar"[..]]), "another variable")?;
            let said = ask(program, host, get("/").header("env", "BAR"))?;
            expect(!said.headers.contains("env"), "a variable from nowhere")
        }
        "p2_cli_serve_authority_and_scheme" => {
            let said = ask(program, host(&output), get("/"))?;
            expect(said.status == 200, "refused")
        }
        "p2_cli_serve_return_before_set" | "p2_cli_serve_trap_before_set" => {
            expect(ask(program, host(&output), get("/")).is_err(), "there is an answer")
        }
        "p3_cli_serve_post_return" => {
            let said = ask(program, host(&output), get("/"))?;
            expect(said.status == 200 && said.contents.is_empty(), "another answer")?;
            let printed = String::from_utf8_lossy(&output.contents()).into_owned();
            expect(printed.contains("please see me"), "it did not go on")
        }
        "p3_http_echo" | "p3_http_middleware" => {
            let web = Web::new(mem::Clocks::new()).route("*", Reply::echo());
            for how in ["false", "true"] {
                let request = post("/", &many).header("x-host-to-host", how).header("foo", "bar");
                let said = ask(program, host(&output).http_handler(web.clone()), request)?;
                expect(said.status == 200 && said.contents == many, "no echo")?;
                let trailers = said.trailers.ok_or("no trailers")?;
                expect(trailers.contains("fizz"), "other trailers")?;
                expect(name == "p3_http_middleware" || said.headers.contains("foo"), "other fields")?;
            }
            Ok(())
        }
        "p3_http_proxy" => {
            let request = post("/", &many).header("url", &format!("http://{server}/there"));
            let said = ask(program, host(&output), request)?;
            expect(said.contents == many && said.headers.contains("x-wasmtime-test-uri"), "not handed on")
        }
        _ => Err("nobody says what this is for".into()),
    }
    .map_err(|reason| format!("{reason}\n{}", String::from_utf8_lossy(&output.contents())))
}

fn run(path: &Path, name: &str, servers: &[String; 2]) -> Result<(), String> {
    let program = fs::read(path).map_err(|error| error.to_string())?;
    let program = Program::load(&program).map_err(|error| error.to_string())?;
    // These want a server that speaks another version.
    let is_http2 = name.ends_with("invalid_version") || name.ends_with("invalid_header");
    let server = &servers[usize::from(is_http2)];
    if name.contains("_outbound_request_") {
        command(&program, name, server)
    } else {
        handler(&program, name, server)
    }
}

#[test]
fn wasmtimes_programs_pass() {
    let Some(folders) = std::env::var_os("WASMOTE_WASMTIME_HTTP") else {
        println!("skipped: WASMOTE_WASMTIME_HTTP names no folders of built programs");
        return;
    };
    let only = std::env::var("WASMOTE_WASMTIME_HTTP_ONLY").unwrap_or_default();
    let mut programs: BTreeMap<String, PathBuf> = BTreeMap::new();
    for folder in std::env::split_paths(&folders) {
        for entry in fs::read_dir(folder).expect("a folder that can be read") {
            let path = entry.expect("an entry").path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let is_ours = name.contains("_http_") || name.contains("_serve_") || name.contains("_proxy");
            if is_ours && name.contains(&only) && path.extension().is_some_and(|ending| ending == "wasm") {
                programs.insert(name, path);
            }
        }
    }
    let servers = [server(false), server(true)];
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, path) in &programs {
        if let Some((_, reason)) = DECLINED.iter().find(|(declined, _)| declined == name) {
            println!("{name} declined: it {reason}");
            continue;
        }
        match run(path, name, &servers) {
            Ok(()) => passed += 1,
            Err(reason) => {
                println!("{name}: {reason}");
                failed.push(name);
            }
        }
    }
    println!("wasmtime's, of HTTP: {passed} of {}", passed + failed.len());
    assert!(failed.is_empty() && passed > 0, "programs failed: {failed:?}");
}
