//! Other people's WASI 0.2 programs, over the file system in memory and over the platform's.
//!
//! `WASMOTE_WASMTIME_P2` names a folder of components: wasmtime's `p2_*` test programs, and its `p1_*` test programs behind
//! the adapter that makes components of WASI 0.1 modules. `WASMOTE_WASMTIME_P2_ONLY` runs only those whose name
//! contains it.

#![cfg(all(feature = "std", feature = "p2"))]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use wasmote::{Access, Host, Limits, Program, backend, block_on_with};

/// How a program ends that does what it should.
#[derive(Clone, Copy, PartialEq)]
enum Ends {
    With(u32),
    /// In a trap whose text has this in it.
    Trap(&'static str),
}

/// A program that wants something else than the others: an empty directory `.`, its name and `.` as arguments, an empty
/// input, and to end with 0.
struct Special {
    name: &'static str,
    args: &'static [&'static str],
    env: &'static [(&'static str, &'static str)],
    stdin: &'static str,
    files: &'static [(&'static str, &'static str)],
    stdout: Option<&'static str>,
    /// How many handles it may have.
    handles: u32,
    ends: Ends,
}

const USUAL: Special = Special {
    name: "",
    args: &["."],
    env: &[],
    stdin: "",
    files: &[],
    stdout: None,
    handles: 4_096,
    ends: Ends::With(0),
};

/// The program that wants to see a file from long ago.
const EXTREME: &str = "p1_stat_extreme_host_mtime";

const MISCHIEF: &str = "So rested he by the Tumtum tree";

const SPECIAL: &[Special] = &[
    Special { name: EXTREME, files: &[("extreme.dat", "hello")], ..USUAL },
    Special { name: "p1_cli_much_stdout", args: &["text", "1000"], ..USUAL },
    Special { name: "p2_cli_much_stdout", args: &["text", "1000"], ..USUAL },
    Special {
        name: "p2_cli_args", args: &["hello", "this", "", "is an argument", "with 🚩 emoji"], ..USUAL
    },
    Special { name: "p2_cli_argv0", args: &["p2_cli_argv0"], ..USUAL },
    Special { name: "p2_cli_env", env: &[("frabjous", "day"), ("callooh", "callay")], ..USUAL },
    Special { name: "p2_cli_exit_failure", ends: Ends::With(1), ..USUAL },
    Special { name: "p2_cli_exit_panic", ends: Ends::Trap("unreachable"), ..USUAL },
    Special { name: "p2_cli_exit_with_code", ends: Ends::With(42), ..USUAL },
    Special { name: "p2_cli_stdin", stdin: MISCHIEF, ..USUAL },
    Special {
        name: "p2_cli_splice_stdin",
        stdin: MISCHIEF,
        stdout: Some("before splice\nSo rested he by the Tumtum tree\ncompleted splicing 31 bytes\n"),
        ..USUAL
    },
    Special {
        name: "p2_cli_hello_stdout",
        args: &["gussie", "sparky", "willa"],
        stdout: Some("hello, world\n"),
        ..USUAL
    },
    Special { name: "p2_cli_file_read", files: &[("bar.txt", "And stood awhile in thought")], ..USUAL },
    Special {
        name: "p2_cli_file_append",
        files: &[("bar.txt", "'Twas brillig, and the slithy toves.\n")],
        ..USUAL
    },
    Special {
        name: "p2_cli_directory_list",
        files: &[("foo.txt", ""), ("bar.txt", ""), ("baz.txt", ""), ("sub/wow.txt", ""), ("sub/yay.txt", "")],
        ..USUAL
    },
    Special {
        name: "p2_api_read_only",
        files: &[("bar.txt", "And stood awhile in thought"), ("sub/wow.txt", "")],
        ..USUAL
    },
    Special { name: "p2_cli_many_resources", handles: 500, ends: Ends::Trap("too many handles"), ..USUAL },
    Special { name: "p2_cli_max_resources", handles: 50, ends: Ends::Trap("too many handles"), ..USUAL },
    Special { name: "p2_cli_file_dir_sync", files: &[("bar.txt", "'Twas brillig")], ..USUAL },
    Special { name: "p2_pollable_traps", ends: Ends::Trap("empty list"), ..USUAL },
    Special { name: "p2_stream_pollable_traps", ends: Ends::Trap("depend on this"), ..USUAL },
];

/// Programs that want what wasmtime does and the specification leaves open, or what is no command; and why not here.
const DECLINED: &[(&str, &str)] = &[
    ("p1_cli_hostcall_fuel", "wants wasmtime's own count of what its calls allocate"),
    ("p1_dir_fd_op_failures", "wants directories that cannot be synchronised; databases do that"),
    ("p1_file_pread_pwrite", "wants Linux's `pwrite`, which appends whatever the offset; POSIX's does not"),
    ("p1_path_filestat", "wants `sync` not to be supported; it is"),
    ("p1_stdio_isatty", "wants a terminal"),
    ("p2_adapter_badfd", "wants a test build of the adapter"),
    ("p2_api_reactor", "is no command"),
    ("p2_api_time", "wants a clock that its embedder wrote"),
    ("p2_cli_hostcall_fuel", "wants wasmtime's own count of what its calls allocate"),
    ("p2_cli_initial_cwd", "wants a working directory that its embedder chose"),
    ("p2_cli_multiple_preopens", "wants three directories"),
    ("p2_cli_sleep_forever", "never ends"),
    ("p2_cli_stdin_eisdir", "wants an input that is a directory"),
    ("p2_cli_stdout_epipe", "wants an output that breaks"),
];

fn text(output: &backend::mem::Output) -> String {
    String::from_utf8_lossy(&output.contents()).into_owned()
}

fn run(module: &Path, name: &str, special: &Special, host: Host) -> Result<(), String> {
    let program = Program::load(&fs::read(module).map_err(|error| error.to_string())?);
    let program = program.map_err(|error| error.to_string())?;
    let (stdout, stderr) = (backend::mem::Output::new(), backend::mem::Output::new());
    let env = special.env.iter().fold(host, |host, (key, value)| host.env(key, value));
    let env = if name.starts_with("p1_") { env.env("ERRNO_MODE_UNIX", "1") } else { env };
    let host = env
        .limits(Limits { handles: special.handles, ..Limits::server() })
        .args([&name].into_iter().chain(special.args))
        .stdin(backend::mem::Input::bytes(special.stdin.as_bytes()))
        .stdout(stdout.clone())
        .stderr(stderr.clone());
    let mut guest = host.start(&program).map_err(|error| error.to_string())?;
    let began = Instant::now();
    let ended = block_on_with(guest.run(), || {
        assert!(began.elapsed() < Duration::from_secs(120), "{name} hangs");
        std::thread::sleep(Duration::from_micros(200));
    });
    let seen = format!("stdout: {}\nstderr: {}", text(&stdout), text(&stderr));
    match (ended, special.ends) {
        (Ok(exit), Ends::With(code)) if exit.code() == code => {}
        (Err(error), Ends::Trap(why)) if error.to_string().contains(why) => {}
        (Ok(exit), _) => return Err(format!("status {}\n{seen}", exit.code())),
        (Err(error), _) => return Err(format!("{error}\n{seen}")),
    }
    match special.stdout {
        Some(expected) if text(&stdout) != expected => Err(format!("other output than expected\n{seen}")),
        _ => Ok(()),
    }
}

/// What the programs that change nothing read in their second directory.
const READ_ONLY: &str = "read only test file\n";
const STREAMED: &str = "stream permission test\n";

/// What a program sees its directory as.
fn root(name: &str) -> &'static str {
    if name.starts_with("p2_cli_") || name.starts_with("p2_api_") { "/" } else { "." }
}

/// Whether a program may only read.
fn access(name: &str) -> Access {
    if name == "p2_api_read_only" { Access::ReadOnly } else { Access::ReadWrite }
}

/// What is granted to a program, and a look at it afterwards.
type Scratch = (Host, Box<dyn FnOnce()>);

fn run_all(backend: &str, scratch: impl Fn(&str, &Special) -> Scratch) {
    let Some(folder) = std::env::var_os("WASMOTE_WASMTIME_P2") else {
        println!("skipped: WASMOTE_WASMTIME_P2 names no folder of built programs");
        return;
    };
    let only = std::env::var("WASMOTE_WASMTIME_P2_ONLY").unwrap_or_default();
    let entries = fs::read_dir(folder).expect("a folder that can be read");
    let mut modules: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    modules.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    modules.sort();
    let (mut passed, mut total) = (0, 0);
    for module in modules {
        let name = module.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !name.contains(&only) {
            continue;
        }
        if let Some((name, reason)) = DECLINED.iter().find(|(declined, _)| *declined == name) {
            println!("{backend}: {name} declined: it {reason}");
            continue;
        }
        let special = SPECIAL.iter().find(|special| special.name == name).unwrap_or(&USUAL);
        let (host, check) = scratch(&name, special);
        total += 1;
        match run(&module, &name, special, host) {
            Ok(()) => passed += 1,
            Err(reason) => println!("{backend}: {name}: {reason}"),
        }
        check();
    }
    println!("{backend}: {passed} of {total}");
    assert!(total > 0 && passed == total, "programs failed over {backend}");
}

#[test]
fn wasmtimes_programs_pass_over_the_platform() {
    run_all("std", |name, special| {
        let (scratch, fixed) = (tempfile::tempdir().expect("one"), tempfile::tempdir().expect("one"));
        for (path, contents) in special.files {
            let path = scratch.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
            fs::write(path, contents).expect("a file");
        }
        if name == EXTREME {
            let file =
                fs::File::options().write(true).open(scratch.path().join("extreme.dat")).expect("a file");
            let early = std::time::UNIX_EPOCH - Duration::from_secs(1 << 31);
            file.set_times(fs::FileTimes::new().set_modified(early).set_accessed(early)).expect("a time");
        }
        let fixed_file = fixed.path().join("test.txt");
        fs::write(&fixed_file, READ_ONLY).expect("a file");
        fs::write(fixed.path().join("stream-perms.txt"), STREAMED).expect("a file");
        let open = |path: &Path| backend::std::Directory::open_ambient(path).expect("a directory");
        let host = Host::new()
            .clocks(backend::std::Clocks)
            .random(backend::std::Random)
            .directory(root(name), open(scratch.path()), access(name))
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
    run_all("mem", |name, special| {
        let clocks = backend::mem::Clocks::new();
        let tree = |device| {
            backend::mem::Directory::with(backend::mem::filesystem::Settings {
                clocks: Some(Arc::new(clocks.clone())),
                device,
                ..Default::default()
            })
        };
        let (scratch, fixed) = (tree(1), tree(2));
        for (path, contents) in special.files {
            scratch.insert(path, *contents).expect("a file");
        }
        fixed.insert("test.txt", READ_ONLY).expect("a file");
        fixed.insert("stream-perms.txt", STREAMED).expect("a file");
        let host = Host::new().clocks(clocks.clone()).directory(root(name), scratch, access(name)).directory(
            "readonly",
            fixed.clone(),
            Access::ReadOnly,
        );
        let check = move || assert_eq!(fixed.contents("test.txt").expect("a file"), READ_ONLY.as_bytes());
        (host, Box::new(check))
    });
}
