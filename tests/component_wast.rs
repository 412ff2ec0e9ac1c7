//! Scripts about components and core modules: a corpus of our own; and suites in folders that environment variables name,
//! which are passed over without them: the Component Model's (`WASMOTE_COMPONENT_SUITE`), WebAssembly's
//! (`WASMOTE_CORE_SUITE`) and wasmtime's (`WASMOTE_WASMTIME_MISC`). `WASMOTE_WAST_FILTER` takes those of them whose path has
//! this in it.

#![cfg(feature = "wast")]

use std::{
    fs,
    path::{Path, PathBuf},
};
use wasmote::{component::Features, wast};

fn scripts(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            scripts(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "wast") {
            into.push(path);
        }
    }
}

/// Runs every script below a folder: how many assertions passed, failed, were skipped.
fn run(folder: &Path) -> (usize, usize, usize) {
    let mut files = Vec::new();
    scripts(folder, &mut files);
    files.sort();
    let mut total = (0, 0, 0);
    let filter = std::env::var("WASMOTE_WAST_FILTER").unwrap_or_default();
    for file in files {
        let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
        if !name.contains(&filter) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a script that can be read");
        match wast::run(&text, Features::all()) {
            Ok(report) => {
                println!(
                    "{name}: {} passed, {} failed, {} skipped",
                    report.passed,
                    report.failed.len(),
                    report.skipped.len()
                );
                for (line, why) in &report.failed {
                    println!("  {name}:{line}: {why}");
                }
                for (line, why) in &report.skipped {
                    println!("  {name}:{line}: skipped: {why}");
                }
                total.0 += report.passed;
                total.1 += report.failed.len();
                total.2 += report.skipped.len();
            }
            Err(error) => {
                println!("{name}: not a script: {}", error.lines().next().unwrap_or_default());
                total.2 += 1;
            }
        }
    }
    println!("total: {} passed, {} failed, {} skipped", total.0, total.1, total.2);
    total
}

#[test]
fn own_scripts_pass() {
    let (passed, failed, skipped) = run(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wast")));
    assert!(passed > 0 && failed == 0 && skipped == 0);
}

/// More failures than are known fail this test.
fn run_suite(variable: &str, failures_known: usize) {
    let Ok(folder) = std::env::var(variable) else {
        println!("{variable} names no folder: nothing is run");
        return;
    };
    let (_, failed, _) = run(Path::new(&folder));
    assert!(failed <= failures_known, "{failed} failures, {failures_known} known");
}

#[test]
fn component_suite() {
    // Two components that the validator refuses since, by changes of the specification after this suite: #716 and the
    // strong uniqueness of `a-1` and `a1`.
    run_suite("WASMOTE_COMPONENT_SUITE", 2);
}

#[test]
fn core_suite() {
    // Nine of the proposal for threads, whose scripts hold that a module has one memory, and import a shared one.
    run_suite("WASMOTE_CORE_SUITE", 9);
}

#[test]
fn wasmtime_suite() {
    // Eight that wasmtime refuses and the specification allows, and two about its limit on copies through the host.
    // Six of its scripts are of an older text format than the crate `wast` reads. Two, `alias-region-known-imported-*-memory`,
    // it reads with WAST_STRICT_COMPONENT_INDICES=0, and they pass; four say `cancellable`, which component-model#716 took back.
    run_suite("WASMOTE_WASMTIME_MISC", 10);
}
