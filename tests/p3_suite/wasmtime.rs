//! Wasmtime's own WASI 0.3 programs.

use crate::{command::PATIENCE, only};
use std::{fs, path::Path, thread, time::Instant};
use wasmote::{
    Access, Host, Program,
    backend::{self, mem},
    block_on_with,
};

/// Programs that want what only wasmtime does, and why not here.
const DECLINED: [(&str, &str); 0] = [];

/// Runs one over the platform, in an empty directory, as wasmtime's tests do.
fn run(path: &Path) -> Result<(), String> {
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let open = backend::std::Directory::open_ambient(scratch.path()).map_err(|error| error.to_string())?;
    let program = fs::read(path).map_err(|error| error.to_string())?;
    let program = Program::load(&program).map_err(|error| error.to_string())?;
    let (stdout, stderr) = (mem::Output::new(), mem::Output::new());
    let host = Host::new()
        .clocks(backend::std::Clocks)
        .random(backend::std::Random)
        .args(["test", "."])
        .stdin(mem::Input::bytes(b"So rested he by the Tumtum tree".as_slice()))
        .stdout(stdout.clone())
        .stderr(stderr.clone())
        .directory(".", open, Access::ReadWrite);
    let mut guest = host.start(&program).map_err(|error| error.to_string())?;
    let began = Instant::now();
    let exit = block_on_with(guest.run(), || {
        assert!(began.elapsed() < PATIENCE, "{} hangs", path.display());
        thread::sleep(std::time::Duration::from_micros(200));
    });
    let said = || String::from_utf8_lossy(&[stdout.contents(), stderr.contents()].concat()).into_owned();
    match exit {
        Ok(exit) if exit.is_success() => Ok(()),
        Ok(exit) => Err(format!("status {}\n{}", exit.code(), said())),
        Err(error) => Err(format!("{error}\n{}", said())),
    }
}

#[test]
fn wasmtimes_programs_pass() {
    let Some(folder) = std::env::var_os("WASMOTE_WASMTIME_P3") else {
        println!("skipped: WASMOTE_WASMTIME_P3 names no folder of built programs");
        return;
    };
    let (only, mut passed, mut failed) = (only(), 0, Vec::new());
    let entries = fs::read_dir(folder).expect("a folder that can be read");
    let mut modules: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    modules.retain(|path| path.extension().is_some_and(|ending| ending == "wasm"));
    modules.sort();
    for module in modules {
        let name = module.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !name.contains(&only) {
            continue;
        }
        if let Some((_, reason)) = DECLINED.iter().find(|(declined, _)| *declined == name) {
            println!("{name} declined: it {reason}");
            continue;
        }
        match run(&module) {
            Ok(()) => passed += 1,
            Err(reason) => {
                println!("{name}: {reason}");
                failed.push(name);
            }
        }
    }
    println!("wasmtime's: {passed} of {}", passed + failed.len());
    assert!(failed.is_empty() && passed > 0, "programs failed: {failed:?}");
}
