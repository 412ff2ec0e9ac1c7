//! Other people's WASI 0.1 programs, over the file system in memory and over the platform's.
//!
//! * `WASMOTE_WASI_TESTSUITE` names a folder of the wasi-testsuite; every directory below it with a
//!   `manifest.json` for `wasm32-wasip1` is a suite. Each program gets a copy of its fixture of its own.
//! * `WASMOTE_WASMTIME_P1` names a folder of wasmtime's `p1_*` test programs, built.
//! * `WASMOTE_WASI_TESTSUITE_ONLY` runs only programs whose name contains it.

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

/// What wasmtime's programs that change nothing read in their second directory.
const READ_ONLY: &str = "read only test file\n";

/// Programs of wasmtime's that want what wasmtime does and the specification leaves open, and why not here.
const DECLINED: [(&str, &str); 5] = [
    ("p1_cli_hostcall_fuel", "wants wasmtime's own count of what its calls allocate"),
    ("p1_dir_fd_op_failures", "wants directories that cannot be synchronised; databases do that"),
    ("p1_file_pread_pwrite", "wants Linux's `pwrite`, which appends whatever the offset; POSIX's does not"),
    ("p1_path_filestat", "wants `sync` not to be supported; it is"),
    ("p1_stdio_isatty", "wants a terminal"),
];

/// Runs wasmtime's programs, each with an empty directory `.` and, where it wants one, a read-only one.
fn run_wasmtimes(backend: &str, scratch: impl Fn(&str) -> (Host, Box<dyn FnOnce()>)) {
    let Some(folder) = std::env::var_os("WASMOTE_WASMTIME_P1") else {
        println!("skipped: WASMOTE_WASMTIME_P1 names no folder of built programs");
        return;
    };
    let only = std::env::var("WASMOTE_WASI_TESTSUITE_ONLY").unwrap_or_default();
    let entries = fs::read_dir(folder).expect("a folder that can be read");
    let mut modules: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    modules.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    modules.sort();
    let (mut passed, mut total) = (0, 0);
    for mut case in modules.into_iter().map(Case::new) {
        if !case.name.contains(&only) {
            continue;
        }
        if let Some((name, reason)) = DECLINED.iter().find(|(name, _)| *name == case.name) {
            println!("{backend}: {name} declined: it {reason}");
            continue;
        }
        case.args = match &*case.name {
            "p1_cli_much_stdout" => vec!["text".into(), "1000".into()],
            _ => vec![".".into()],
        };
        case.env = vec![("ERRNO_MODE_UNIX".into(), "1".into())];
        total += 1;
        let (host, check) = scratch(&case.name);
        match case.run(host) {
            Ok(()) => passed += 1,
            Err(reason) => println!("{backend}: {}: {reason}", case.name),
        }
        check();
    }
    println!("{backend}: wasmtime's: {passed} of {total}");
    assert!(total > 0 && passed == total, "programs failed over {backend}");
}

/// The program that wants to see a file from long ago.
const EXTREME: &str = "p1_stat_extreme_host_mtime";

/// The earliest time the platform takes, as one program wants to see that it does no harm.
fn extreme(directory: &Path) {
    let file = fs::File::create(directory.join("extreme.dat")).expect("a file");
    std::io::Write::write_all(&mut &file, b"hello").expect("a write");
    let early = std::time::UNIX_EPOCH - Duration::from_secs(1 << 31);
    file.set_times(fs::FileTimes::new().set_modified(early).set_accessed(early)).expect("a time");
}

#[test]
fn wasmtimes_programs_pass_over_the_platform() {
    run_wasmtimes("std", |name| {
        let (scratch, fixed) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("one"));
        if name == EXTREME {
            extreme(scratch.path());
        }
        let fixed_file = fixed.path().join("test.txt");
        fs::write(&fixed_file, READ_ONLY).expect("a file");
        let open = |path: &Path| backend::std::Directory::open_ambient(path).expect("a directory");
        let host = Host::new()
            .clocks(backend::std::Clocks)
            .random(backend::std::Random)
            .directory(".", open(scratch.path()), Access::ReadWrite)
            .directory("readonly", open(fixed.path()), Access::ReadOnly);
        let check = move || {
            assert_eq!(fs::read(fixed_file).expect("a file"), READ_ONLY.as_bytes());
            drop((scratch, fixed));
        };
        (host, Box::new(check))
    });
}

#[test]
fn wasmtimes_programs_pass_in_memory() {
    run_wasmtimes("mem", |name| {
        let clocks = backend::mem::Clocks::new();
        let tree = |device| {
            backend::mem::Directory::with(backend::mem::filesystem::Settings {
                clocks: Some(Arc::new(clocks.clone())),
                device,
                ..Default::default()
            })
        };
        let (scratch, fixed) = (tree(1), tree(2));
        if name == EXTREME {
            scratch.insert("extreme.dat", "hello").expect("a file");
        }
        fixed.insert("test.txt", READ_ONLY).expect("a file");
        let host = Host::new().clocks(clocks.clone()).directory(".", scratch, Access::ReadWrite).directory(
            "readonly",
            fixed.clone(),
            Access::ReadOnly,
        );
        (
            host,
            Box::new(move || assert_eq!(fixed.contents("test.txt").expect("a file"), READ_ONLY.as_bytes())),
        )
    });
}
