//! The bindings that are checked in are what `wasmote::bindgen` makes of `wit/`.
//!
//! This is the one place that says how they are made. To make them anew, after a change here or of the generator:
//!
//! ```text
//! BLESS=1 cargo test --features bindgen --test bindings_current
//! ```
//!
//! To have a resource stand for a type of ours, add a line to its package below: `.with("wasi:io/poll/pollable",
//! "crate::wasi::p2::io::Pollable")`. To let a function wait or use the store, `.poll("pollable.block")` or
//! `.store("get-random-bytes")`: see `wasmote::bindgen::Config`.

#![cfg(feature = "bindgen")]

use std::{env, fs, path::Path};
use wasmote::bindgen::Config;

/// Bindings for the interfaces of one package in `src/wasi/<dialect>/bindings/<package>.rs`; what it uses of other
/// packages is in the files next to it.
fn package(dialect: &str, package: &str, world: &str, others: &[&str]) -> Config {
    let (folder, version) = match dialect {
        "p2" => ("wit/wasi-0.2", "0.2.12"),
        _ => ("wit/wasi-0.3", "0.3.0"),
    };
    let config = Config::new(folder)
        .world(format!("wasi:{package}/{world}@{version}"))
        .at_root(format!("wasi:{package}"))
        .crate_path("crate");
    others.iter().fold(config, |config, other| {
        config.with(format!("wasi:{other}"), format!("super::{}", other.replace('-', "_")))
    })
}

/// `wasi:io` of WASI 0.2. What asks a stream or a pollable for anything needs a context to ask with, also where it does
/// not wait; what moves bytes that no guest sees needs the store, to charge for them.
fn p2_io() -> Config {
    let config = package("p2", "io", "imports", &[])
        .with("wasi:io/error/error", "crate::wasi::io::Error")
        .with("wasi:io/poll/pollable", "crate::wasi::p2::Pollable")
        .with("wasi:io/streams/input-stream", "crate::wasi::io::InputStream")
        .with("wasi:io/streams/output-stream", "crate::wasi::io::OutputStream");
    let asks = ["pollable.ready", "*.read", "*.skip", "*.check-write", "*.write", "*.flush", "*.splice"];
    let waits = ["pollable.block", "poll", "*.blocking-*"];
    let config = asks.into_iter().chain(waits).fold(config, Config::poll).poll("*.write-zeroes");
    ["*skip", "*zeroes*", "*splice"].into_iter().fold(config, Config::store)
}

/// `wasi:filesystem` of WASI 0.2. What walks a path or lists a directory needs the store, to charge for that.
fn p2_filesystem() -> Config {
    package("p2", "filesystem", "imports", &["io", "clocks"])
        .with("wasi:filesystem/types/descriptor", "crate::wasi::filesystem::Descriptor")
        .with("wasi:filesystem/types/directory-entry-stream", "crate::wasi::p2::DirectoryEntryStream")
        .poll("descriptor.read")
        .poll("descriptor.write")
        .store("descriptor.*-at")
        .store("*.read-directory*")
}

/// `wasi:http` of WASI 0.2. What may find that something has come asks for it with a context.
fn p2_http() -> Config {
    let config = package("p2", "http", "proxy", &["io", "clocks", "random", "cli"])
        .with("wasi:http/types/fields", "crate::wasi::http::Fields")
        .poll("future-*.get");
    let resources = [
        ("incoming-request", "IncomingRequest"),
        ("outgoing-request", "OutgoingRequest"),
        ("request-options", "RequestOptions"),
        ("response-outparam", "ResponseOutparam"),
        ("incoming-response", "IncomingResponse"),
        ("incoming-body", "IncomingBody"),
        ("future-trailers", "FutureTrailers"),
        ("outgoing-response", "OutgoingResponse"),
        ("outgoing-body", "OutgoingBody"),
        ("future-incoming-response", "FutureIncomingResponse"),
    ];
    resources.into_iter().fold(config, |config, (resource, rust)| {
        config.with(format!("wasi:http/types/{resource}"), format!("crate::wasi::p2::http::{rust}"))
    })
}

/// `wasi:sockets` of WASI 0.2. What makes streams needs the store, to send in the background what a guest wrote.
fn p2_sockets() -> Config {
    package("p2", "sockets", "imports", &["io", "clocks"])
        .with("wasi:sockets/tcp/tcp-socket", "crate::wasi::p2::TcpSocket")
        .with("wasi:sockets/udp/udp-socket", "crate::wasi::p2::UdpSocket")
        .with("wasi:sockets/udp/incoming-datagram-stream", "crate::wasi::p2::IncomingDatagramStream")
        .with("wasi:sockets/udp/outgoing-datagram-stream", "crate::wasi::p2::OutgoingDatagramStream")
        .with("wasi:sockets/ip-name-lookup/resolve-address-stream", "crate::wasi::p2::ResolveAddressStream")
        .store("tcp-socket.finish-connect")
        .store("tcp-socket.accept")
}

fn p2() -> [(&'static str, Config); 7] {
    let cli = package("p2", "cli", "command", &["io", "clocks", "random", "filesystem", "sockets"])
        .with("wasi:cli/terminal-input/terminal-input", "crate::wasi::p2::TerminalInput")
        .with("wasi:cli/terminal-output/terminal-output", "crate::wasi::p2::TerminalOutput");
    [
        ("io", p2_io()),
        ("clocks", package("p2", "clocks", "imports", &["io"])),
        ("random", package("p2", "random", "imports", &[])),
        ("cli", cli),
        ("filesystem", p2_filesystem()),
        ("sockets", p2_sockets()),
        ("http", p2_http()),
    ]
}

/// `wasi:sockets` of WASI 0.3.
fn p3_sockets() -> Config {
    package("p3", "sockets", "imports", &["clocks"])
        .with("wasi:sockets/types/tcp-socket", "crate::wasi::p3::TcpSocket")
        .with("wasi:sockets/types/udp-socket", "crate::wasi::p3::UdpSocket")
        .store("tcp-socket.bind")
}

/// `wasi:http` of WASI 0.3.
fn p3_http() -> Config {
    package("p3", "http", "middleware", &["clocks", "random", "cli"])
        .with("wasi:http/types/fields", "crate::wasi::http::Fields")
        .with("wasi:http/types/request", "crate::wasi::p3::http::Request")
        .with("wasi:http/types/request-options", "crate::wasi::p3::http::RequestOptions")
        .with("wasi:http/types/response", "crate::wasi::p3::http::Response")
}

fn p3() -> [(&'static str, Config); 6] {
    [
        ("clocks", package("p3", "clocks", "imports", &[])),
        ("random", package("p3", "random", "imports", &[])),
        ("cli", package("p3", "cli", "command", &["clocks", "random", "filesystem", "sockets"])),
        ("filesystem", package("p3", "filesystem", "imports", &["clocks"])),
        ("sockets", p3_sockets()),
        ("http", p3_http()),
    ]
}

/// Compares what is generated with a file, or writes the file.
fn check(path: &str, config: &Config) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if env::var_os("BLESS").is_some() {
        return config.clone().rustfmt().generate_to(&path).map_err(|error| error.to_string());
    }
    let expected = config.generate().map_err(|error| error.to_string())?;
    let found = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    // How it is laid out is the formatter's business, and the formatter's version's.
    if tokens(&expected) == tokens(&found) {
        return Ok(());
    }
    Err("not what the generator makes: `BLESS=1 cargo test --features bindgen --test bindings_current`"
        .into())
}

/// Text without what a formatter may add or take: white space, commas, and the braces of a closure.
fn tokens(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace() && !",{}".contains(*letter)).collect()
}

fn check_all<'c>(dialect: &str, configs: impl IntoIterator<Item = &'c (&'static str, Config)>) {
    let failures: Vec<_> = configs
        .into_iter()
        .filter_map(|(name, config)| {
            let path = format!("src/wasi/{dialect}/bindings/{name}.rs");
            check(&path, config).err().map(|reason| format!("{path}: {reason}"))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn bindings_of_wasi_0_2_are_current() {
    check_all("p2", &p2());
}

#[test]
fn bindings_of_wasi_0_3_are_current() {
    check_all("p3", &p3());
}

#[test]
fn bindings_of_the_test_worlds_are_current() {
    check("tests/bindgen/garden.rs", &Config::new("tests/bindgen/garden.wit")).unwrap();
    check("tests/bindgen/shapes.rs", &Config::new("tests/bindgen/shapes.wit")).unwrap();
    check(
        "tests/bindgen/odd.rs",
        &Config::new("tests/bindgen/odd.wit").store("fault.constructor").poll("ok"),
    )
    .unwrap();
    check("tests/bindgen/paths.rs", &Config::new("tests/bindgen/paths.wit")).unwrap();
    for world in ["component", "store", "%result", "host-component-imports"] {
        let path = format!("tests/bindgen/names_{}.rs", world.trim_start_matches('%').replace('-', "_"));
        check(&path, &Config::new("tests/bindgen/names.wit").world(world)).unwrap();
    }
}

#[test]
fn bindings_of_the_boards_are_current() {
    let config = Config::new("no_std-examples/firmware/wit").world("plugin");
    check("no_std-examples/firmware/src/plugin/bindings.rs", &config).unwrap();
}
