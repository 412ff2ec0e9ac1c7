//! The wasi-testsuite's WASI 0.1 programs, over the file system in memory and over the platform's.
//!
//! `WASMOTE_WASI_TESTSUITE` names a folder; every directory below it with a `manifest.json` for
//! `wasm32-wasip1` is a suite. `WASMOTE_WASI_TESTSUITE_ONLY` runs only programs whose name contains it. Each
//! program gets a copy of its fixture of its own.

#![cfg(all(feature = "std", feature = "p1"))]

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use wasmote::{Access, Host, Program, backend, block_on_with, cap::filesystem::Directory};

/// One program, and what is to be seen of it.
struct Case {
    module: PathBuf,
    name: String,
    root: Option<PathBuf>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    exit_code: u32,
    stdout: Option<String>,
    stderr: Option<String>,
}

impl Case {
    /// Reads the description beside `module`, where there is one.
    fn new(module: PathBuf) -> Self {
        let json = fs::read(module.with_extension("json")).unwrap_or_else(|_| b"{}".to_vec());
        let json: Value = serde_json::from_slice(&json).expect("a description that is JSON");
        let text = |key: &str| json[key].as_str().map(String::from);
        let list = |key: &str| json[key].as_array().cloned().unwrap_or_default();
        let args = list("args").iter().filter_map(Value::as_str).map(String::from).collect();
        let pair = |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().into());
        let env = json["env"].as_object().map(|env| env.iter().map(pair).collect()).unwrap_or_default();
        let name = module.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let root = text("root").map(|root| module.with_file_name(root));
        let exit_code = json["exit_code"].as_u64().unwrap_or(0).try_into().unwrap_or(u32::MAX);
        Self { module, name, root, args, env, exit_code, stdout: text("stdout"), stderr: text("stderr") }
    }

    /// Runs the program over `directory`, and says what is wrong.
    fn run(&self, host: Host) -> Result<(), String> {
        let program = fs::read(&self.module).map_err(|error| error.to_string())?;
        let program = Program::load(&program).map_err(|error| error.to_string())?;
        let (stdout, stderr) = (backend::mem::Output::new(), backend::mem::Output::new());
        let mut host = host
            .args([&self.name].into_iter().chain(&self.args))
            .stdout(stdout.clone())
            .stderr(stderr.clone());
        for (name, value) in &self.env {
            host = host.env(name, value);
        }
        let mut guest = host.start(&program).map_err(|error| error.to_string())?;
        let began = Instant::now();
        let exit = block_on_with(guest.run(), || {
            assert!(began.elapsed() < Duration::from_secs(120), "{} hangs", self.name);
            std::thread::sleep(Duration::from_micros(200));
        });
        let (stdout, stderr) = (text(&stdout), text(&stderr));
        let seen = || format!("stdout: {stdout}\nstderr: {stderr}");
        match exit {
            Err(error) => return Err(format!("{error}\n{}", seen())),
            Ok(exit) if exit.code() != self.exit_code => {
                return Err(format!("status {} instead of {}\n{}", exit.code(), self.exit_code, seen()));
            }
            Ok(_) => {}
        }
        let differs = |expected: &Option<String>, found: &str| {
            expected.as_ref().is_some_and(|expected| expected != found)
        };
        if differs(&self.stdout, &stdout) || differs(&self.stderr, &stderr) {
            return Err(format!("other output than expected\n{}", seen()));
        }
        Ok(())
    }
}

fn text(output: &backend::mem::Output) -> String {
    String::from_utf8_lossy(&output.contents()).into_owned()
}

/// Every directory below `folder` that a WASI 0.1 manifest stands in, with its programs, in order.
fn suites(folder: &Path) -> Vec<(String, Vec<Case>)> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_path_buf()];
    while let Some(directory) = pending.pop() {
        let manifest = fs::read(directory.join("manifest.json")).unwrap_or_default();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap_or_default();
        let mut modules = Vec::new();
        for entry in fs::read_dir(&directory).expect("a folder that can be read") {
            let path = entry.expect("an entry that can be read").path();
            match path.extension() {
                _ if path.is_dir() => pending.push(path),
                Some(extension) if extension == "wasm" => modules.push(path),
                _ => {}
            }
        }
        modules.sort();
        if manifest["version"] == "wasm32-wasip1" && !modules.is_empty() {
            let name = manifest["name"].as_str().unwrap_or("?").to_string();
            found.push((name, modules.into_iter().map(Case::new).collect()));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a fixture that can be read") {
        let entry = entry.expect("an entry that can be read");
        let (kind, target) = (entry.file_type().expect("a type"), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_symlink() {
            let link = fs::read_link(entry.path()).expect("a link");
            std::os::unix::fs::symlink(link, target).expect("a link");
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Runs every program with what `grant` makes of a host and a fresh copy of its fixture.
fn run_all(backend: &str, grant: impl Fn(Host, Option<&Path>) -> Host) {
    let Some(folder) = std::env::var_os("WASMOTE_WASI_TESTSUITE") else {
        println!("skipped: WASMOTE_WASI_TESTSUITE names no folder of built tests");
        return;
    };
    let only = std::env::var("WASMOTE_WASI_TESTSUITE_ONLY").unwrap_or_default();
    let suites = suites(Path::new(&folder));
    assert!(!suites.is_empty(), "no WASI 0.1 suite below {}", folder.to_string_lossy());
    let mut failures = 0;
    for (suite, cases) in suites {
        let (mut passed, mut total) = (0, 0);
        for case in cases.iter().filter(|case| case.name.contains(&only)) {
            let fixture = tempfile::tempdir().expect("a directory");
            let root = case.root.as_deref().map(|root| {
                copy(root, fixture.path());
                fixture.path()
            });
            total += 1;
            match case.run(grant(Host::new(), root)) {
                Ok(()) => passed += 1,
                Err(reason) => println!("{backend}: {}: {reason}", case.name),
            }
        }
        println!("{backend}: {suite}: {passed} of {total}");
        failures += total - passed;
    }
    assert_eq!(failures, 0, "programs failed over {backend}");
}

#[test]
fn the_suite_passes_over_the_platform() {
    run_all("std", |host, root| {
        let host = host.clocks(backend::std::Clocks).random(backend::std::Random);
        match root {
            Some(root) => {
                let directory = backend::std::Directory::open_ambient(root).expect("a directory");
                host.directory("/", directory, Access::ReadWrite)
            }
            None => host,
        }
    });
}

#[test]
fn the_suite_passes_in_memory() {
    run_all("mem", |host, root| {
        let clocks = backend::mem::Clocks::new();
        let host = host.clocks(clocks.clone());
        match root {
            Some(root) => {
                let settings = backend::mem::filesystem::Settings {
                    clocks: Some(Arc::new(clocks)),
                    device: 1,
                    ..Default::default()
                };
                let directory = backend::mem::Directory::with(settings);
                let fixture: Arc<dyn Directory> =
                    Arc::new(backend::std::Directory::open_ambient(root).expect("a directory"));
                directory.copy_from(&fixture).expect("a copy of the fixture");
                host.directory("/", directory, Access::ReadWrite)
            }
            None => host,
        }
    });
}
