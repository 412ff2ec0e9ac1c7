//! Other people's WASI 0.3 programs: the wasi-testsuite's, and wasmtime's.
//!
//! * `WASMOTE_WASI_TESTSUITE` names a folder of the wasi-testsuite; every directory below it with a `manifest.json` for
//!   `wasm32-wasip3` is a suite. Commands run in this process, over the file system in memory and over the platform's;
//!   services run in the program `wasmote`, where that was built, or the one that `WASMOTE_PROGRAM` names.
//! * `WASMOTE_WASMTIME_P3` names a folder of wasmtime's `p3_*` test programs, built.
//! * `WASMOTE_WASI_TESTSUITE_ONLY` runs only programs whose name contains it.

#![cfg(all(feature = "std", feature = "p1", feature = "p2", feature = "p3"))]

mod case;
mod command;
mod request;
mod servers;
mod service;
mod wasmtime;

use case::Case;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Programs whose expectations this host does not share, and why.
const DECLINED: [(&str, &str); 0] = [];

fn only() -> String {
    std::env::var("WASMOTE_WASI_TESTSUITE_ONLY").unwrap_or_default()
}

/// Every program of a WASI 0.3 suite below `folder`, in order.
fn cases(folder: &Path) -> Vec<Case> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_path_buf()];
    while let Some(directory) = pending.pop() {
        let manifest = fs::read(directory.join("manifest.json")).unwrap_or_default();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap_or_default();
        for entry in fs::read_dir(&directory).expect("a folder that can be read") {
            let path: PathBuf = entry.expect("an entry that can be read").path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|ending| ending == "wasm")
                && manifest["version"] == "wasm32-wasip3"
            {
                found.push(Case::new(path));
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Runs every program that `wanted` picks with `run`, and lists what failed.
fn run_all(how: &str, wanted: impl Fn(&Case) -> bool, run: impl Fn(&Case) -> Result<(), String>) {
    let Some(folder) = std::env::var_os("WASMOTE_WASI_TESTSUITE") else {
        println!("skipped: WASMOTE_WASI_TESTSUITE names no folder of built tests");
        return;
    };
    let (only, mut passed, mut failed) = (only(), 0, Vec::new());
    let cases: Vec<Case> = cases(Path::new(&folder)).into_iter().filter(wanted).collect();
    assert!(!cases.is_empty(), "no such WASI 0.3 program below {}", folder.to_string_lossy());
    for case in cases.iter().filter(|case| case.name.contains(&only)) {
        if let Some((_, reason)) = DECLINED.iter().find(|(name, _)| *name == case.name) {
            println!("{how}: {} declined: it {reason}", case.name);
            continue;
        }
        match run(case) {
            Ok(()) => passed += 1,
            Err(reason) => {
                println!("{how}: {}: {reason}", case.name);
                failed.push(case.name.clone());
            }
        }
    }
    println!("{how}: {passed} of {}", passed + failed.len());
    assert!(failed.is_empty(), "programs failed, {how}: {failed:?}");
}

/// Commands, those of HTTP only where this build has that.
fn is_command(case: &Case) -> bool {
    !case.is_service() && (cfg!(feature = "http") || !case.name.starts_with("http"))
}

#[test]
fn commands_pass_over_the_platform() {
    run_all("std", is_command, |case| command::run(case, command::Backend::Std));
}

#[test]
fn commands_pass_in_memory() {
    // What opens sockets is tried over the platform's: the peer is this process.
    let wanted = |case: &Case| is_command(case) && !case.name.starts_with("sockets");
    run_all("mem", wanted, |case| command::run(case, command::Backend::Mem));
}

#[test]
fn services_pass() {
    let Some(program) = service::program() else {
        println!("skipped: `wasmote` was not built, and WASMOTE_PROGRAM names none");
        return;
    };
    run_all("serve", Case::is_service, |case| service::run(case, &program));
}
