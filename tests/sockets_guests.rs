//! Other people's programs that open sockets, over the network in memory and over the platform's.
//!
//! `WASMOTE_SOCKET_GUESTS` names folders of components, divided by colons: wasi-testsuite's `sockets-*` for WASI 0.3,
//! wasmtime's `p2_tcp_*`, `p2_udp_*` and `p3_sockets_*`. `WASMOTE_SOCKET_GUESTS_ONLY` runs only those whose name
//! contains it.

#![cfg(all(feature = "std", feature = "p2", feature = "p3"))]

use std::{
    env, fs,
    io::{Read, Write},
    net,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};
use wasmote::{
    Host, Program,
    backend::{mem, std as real},
    block_on,
    wasi::sockets::policy::Policy,
};

/// Waits for a peer from outside: only the platform's network has one.
const ECHO: &str = "sockets-echo";
/// Asks for names of the real world.
const NAMES: &[&str] = &["p2_ip_name_lookup", "p3_sockets_ip_name_lookup"];
/// Traps, as it should.
const TOO_MUCH: &str = "p2_udp_send_too_much";

fn programs() -> Vec<(String, PathBuf)> {
    let Ok(folders) = env::var("WASMOTE_SOCKET_GUESTS") else { return Vec::new() };
    let only = env::var("WASMOTE_SOCKET_GUESTS_ONLY").unwrap_or_default();
    let mut found: Vec<_> = folders
        .split(':')
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .filter(|(name, _)| {
            ["sockets-", "p2_tcp", "p2_udp", "p2_ip", "p3_sockets"]
                .iter()
                .any(|start| name.starts_with(start))
        })
        .filter(|(name, _)| name.contains(&only))
        .collect();
    found.sort();
    found
}

fn policy() -> Policy {
    Policy::new().allow_all().allow_names()
}

/// How a program ended, for a person, if it did not end as it should.
fn run(name: &str, path: &Path, host: Host) -> Result<(), String> {
    let program = Program::load(&fs::read(path).unwrap()).map_err(|error| error.to_string())?;
    let (output, errors) = (mem::Output::new(), mem::Output::new());
    let host = host.stdout(output.clone()).stderr(errors.clone()).args([name]);
    let mut guest = host.start(&program).map_err(|error| error.to_string())?;
    if name == ECHO {
        thread::spawn(move || echo(&output));
    }
    match block_on(guest.run()) {
        Ok(exit) if exit.is_success() && name != TOO_MUCH => Ok(()),
        Err(_) if name == TOO_MUCH => Ok(()),
        ended => Err(format!("{ended:?}\n{}", String::from_utf8_lossy(&errors.contents()))),
    }
}

/// Talks to the server that says where it is.
fn echo(output: &mem::Output) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(30) {
        if let Some(line) = String::from_utf8(output.contents()).unwrap().lines().next() {
            let mut peer = net::TcpStream::connect(line).unwrap();
            peer.write_all(b"Hello, world").unwrap();
            let mut answer = [0; 12];
            peer.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"Hello, world");
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn run_all(which: &str, runs: impl Fn(&str) -> bool, host: impl Fn(&str) -> Host) {
    let mut failed = Vec::new();
    let mut passed = 0;
    for (name, path) in programs().into_iter().filter(|(name, _)| runs(name)) {
        let began = Instant::now();
        match run(&name, &path, host(&name)) {
            Ok(()) => passed += 1,
            Err(why) => failed.push(format!("{name}: {why}")),
        }
        println!("{which}: {name}: {:.1?}", began.elapsed());
    }
    println!("{which}: {passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "{which}:\n{}", failed.join("\n"));
}

/// With nothing granted where the suite grants nothing.
fn granted(name: &str, host: Host, network: impl wasmote::cap::sockets::Network + 'static) -> Host {
    if name.ends_with("-properties") { host } else { host.network(network, policy()) }
}

#[test]
fn programs_run_over_the_network_in_memory() {
    let runs = |name: &str| name != ECHO && !NAMES.contains(&name);
    run_all("mem", runs, |name| {
        let network = mem::Network::new();
        let host = Host::new().clocks(network.clocks());
        granted(name, host, network.machine([]))
    });
}

#[test]
fn programs_run_over_the_platforms_network() {
    run_all("std", |_| true, |name| granted(name, Host::new().clocks(real::Clocks), real::Network::new()));
}
