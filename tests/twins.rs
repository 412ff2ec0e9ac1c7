//! One program as a WASI 0.1 module and as a component of each later dialect: all say the same, over memory and over the
//! platform.
//!
//! A dialect is a folder of components beside the modules of `tests/guests`; a program is a row of `PROGRAMS`.

#![cfg(all(feature = "std", feature = "p1", feature = "p2", feature = "p3"))]

use std::{fs, path::PathBuf};
use wasmote::{Access, Host, Limits, Loader, backend, block_on};

/// Where each dialect's guests are, below `tests/guests`.
const DIALECTS: [(&str, &str); 3] = [("WASI 0.1", ""), ("WASI 0.2", "p2"), ("WASI 0.3", "p3")];

/// The program that the boards run in every dialect, and tell whether its twins say the same.
const BOARDS: &str = "command";

/// What a program is given, beside an empty directory `/`.
struct Case {
    program: &'static str,
    args: &'static [&'static str],
    stdin: &'static [u8],
    code: u32,
}

const PLAIN: Case = Case { program: "", args: &[], stdin: b"", code: 0 };

const PROGRAMS: [Case; 11] = [
    Case { program: BOARDS, ..PLAIN },
    Case { program: "hello", ..PLAIN },
    Case { program: "hello", args: &["Ada", "", "日本 \n"], ..PLAIN },
    Case { program: "hello-rust", args: &["one", "two"], ..PLAIN },
    Case { program: "cat", stdin: b"", ..PLAIN },
    Case { program: "cat", stdin: b"\0\xff\r\nbytes, not text", ..PLAIN },
    Case { program: "files", ..PLAIN },
    Case { program: "clock", ..PLAIN },
    Case { program: "exit", ..PLAIN },
    // What a status can be differs: 0.2 as it is stable says no more than success or failure.
    Case { program: "exit", args: &["1"], code: 1, ..PLAIN },
    Case { program: "exit", args: &["0"], ..PLAIN },
];

#[derive(Debug, PartialEq)]
struct Said {
    stdout: String,
    stderr: String,
    code: u32,
}

fn guest(folder: &str, program: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    if program == BOARDS {
        let dialect = if folder.is_empty() { "p1" } else { folder };
        return root.join(format!("no_std-examples/firmware/guests/{BOARDS}-{dialect}.wasm"));
    }
    root.join("tests/guests").join(folder).join(program).with_extension("wasm")
}

fn run(folder: &str, case: &Case, host: Host, limits: Limits) -> Said {
    let bytes = fs::read(guest(folder, case.program)).unwrap();
    let program = Loader::new().limits(limits).load(&bytes);
    let program = program.unwrap_or_else(|error| panic!("{folder}/{}: {error}", case.program));
    let (stdout, stderr) = (backend::mem::Output::new(), backend::mem::Output::new());
    let host = host
        .limits(limits)
        .args([&case.program].into_iter().chain(case.args))
        .env("NAME", "value with = and spaces")
        .env("EMPTY", "")
        .stdin(backend::mem::Input::bytes(case.stdin))
        .stdout(stdout.clone())
        .stderr(stderr.clone());
    let exit = block_on(host.start(&program).unwrap().run());
    let text = |output: &backend::mem::Output| String::from_utf8_lossy(&output.contents()).into_owned();
    let exit = exit.unwrap_or_else(|error| panic!("{folder}/{}: {error}\n{}", case.program, text(&stderr)));
    let stdout = match (folder, case.program) {
        ("p2", "files") => gathered(&text(&stdout)),
        _ => text(&stdout),
    };
    Said { stdout, stderr: text(&stderr), code: exit.code() }
}

/// What a program says that runs behind the adapter, as if its gathered write had been written whole. The adapter
/// writes the first part of one and says so, as POSIX allows; the position is less by the other part's three bytes.
fn gathered(said: &str) -> String {
    let lines = said.lines().map(|line| match line {
        "write two parts: 4" => "write two parts: 7",
        "tell: 15" => "tell: 18",
        "seek to the end: 15" => "seek to the end: 18",
        line => line,
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn over_memory() -> Host {
    Host::new().directory("/", backend::mem::Directory::new(), Access::ReadWrite)
}

fn all_say_the_same(over: impl Fn(&Case, &str) -> Said) {
    those_say_the_same(|_, _| true, over);
}

fn those_say_the_same(is_meant: impl Fn(&str, &str) -> bool, over: impl Fn(&Case, &str) -> Said) {
    for case in &PROGRAMS {
        let expected = over(case, DIALECTS[0].1);
        assert_eq!(expected.code, case.code, "{}: {expected:?}", case.program);
        for (dialect, folder) in DIALECTS[1..].iter().filter(|(_, folder)| is_meant(folder, case.program)) {
            assert_eq!(over(case, folder), expected, "{} {:?} of {dialect}", case.program, case.args);
        }
    }
}

#[test]
fn twins_say_the_same_over_memory() {
    all_say_the_same(|case, folder| run(folder, case, over_memory(), Limits::server()));
}

/// What a board allows is enough for all but the adapter, which takes a stack and pages of its own, and the largest.
#[test]
fn twins_say_the_same_within_the_limits_of_a_board() {
    let fits = |folder: &str, program: &str| {
        let has_adapter = folder == "p2" && program != BOARDS;
        !has_adapter && (folder, program) != ("p3", "files")
    };
    those_say_the_same(fits, |case, folder| run(folder, case, over_memory(), Limits::mcu()));
}

#[test]
fn twins_say_the_same_over_the_platform() {
    all_say_the_same(|case, folder| {
        let scratch = tempfile::tempdir().unwrap();
        let directory = backend::std::Directory::open_ambient(scratch.path()).unwrap();
        let host = Host::new().clocks(backend::std::Clocks).random(backend::std::Random).directory(
            "/",
            directory,
            Access::ReadWrite,
        );
        run(folder, case, host, Limits::server())
    });
}

#[test]
fn what_they_say_is_what_is_expected() {
    let expected = |name: &str| fs::read_to_string(guest("expected", name).with_extension("txt")).unwrap();
    for program in ["files", "clock"] {
        for (dialect, folder) in DIALECTS {
            let said = run(folder, &Case { program, ..PLAIN }, over_memory(), Limits::server());
            assert_eq!(said.stdout, expected(program), "{program} of {dialect}");
        }
    }
}
