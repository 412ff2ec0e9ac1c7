//! WASI 0.2 components as guests: what starts, what is metered, what those who watch see.

#![cfg(all(feature = "p2", feature = "p1"))]

use std::sync::{Arc, Mutex};
use wasmote::{
    Access, CallError, Error, Guest, Host, Limits, Program, Trap,
    backend::mem,
    block_on,
    component::Val,
    engine::{Accounting, Tracer},
};

fn program(name: &str) -> Program {
    let path = format!("{}/tests/guests/p2/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
    Program::load(&std::fs::read(path).unwrap()).unwrap()
}

fn start(name: &str, args: &[&str], host: Host) -> Result<Guest, Error> {
    host.args([&name].into_iter().chain(args)).start(&program(name))
}

/// Runs a guest to its end, and says what its trace says.
fn traced(name: &str, host: Host) -> (Vec<String>, Accounting) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let mut guest = start(name, &[], host).unwrap();
    let sink = lines.clone();
    guest.interpose(Tracer::new(move |line: &str| sink.lock().unwrap().push(line[13..].trim().to_string())));
    let accounting = Accounting::new();
    guest.interpose(accounting.clone());
    let _ = block_on(guest.run());
    drop(guest);
    (Arc::try_unwrap(lines).unwrap().into_inner().unwrap(), accounting)
}

#[test]
fn each_host_call_is_one_line_with_its_arguments_and_its_result() {
    let output = mem::Output::new();
    let (lines, accounting) = traced("hello", Host::new().stdout(output.clone()));
    assert_eq!(output.contents(), b"hello, world\n");
    let find = |start: &str| {
        lines.iter().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {lines:#?}"))
    };
    assert!(find("wasi:cli/stdout.get-stdout").contains("() = #"));
    let write = find("wasi:io/streams.output-stream.blocking-write-and-flush");
    assert!(write.contains(r#"contents: b"hello, world") = ok"#), "{write}");
    assert!(lines.first().unwrap().starts_with("→ wasi:cli/run@0.2."), "{lines:#?}");
    assert!(lines.last().unwrap().starts_with("← wasi:cli/run@0.2."), "{lines:#?}");
    let calls = lines.iter().filter(|line| line.starts_with("wasi:")).count() as u64;
    assert_eq!(accounting.stats().host_calls, calls, "{lines:#?}");
    assert_eq!(accounting.stats().guest_calls, 1);
}

#[test]
fn watching_changes_nothing_that_a_guest_spends() {
    let spent = |watched: bool| {
        let mut guest = start("hello", &[], Host::new()).unwrap();
        if watched {
            guest.interpose(Tracer::new(|_: &str| {}));
        }
        let _ = block_on(guest.run()).unwrap();
        guest.fuel_spent()
    };
    assert_eq!(spent(true), spent(false));
    assert!(spent(false) > 1_000);
}

#[test]
fn a_denied_call_says_which_grant_was_missing() {
    let host = Host::new().directory("/", mem::Directory::new(), Access::ReadOnly);
    let (lines, _) = traced("files", host);
    let denied: Vec<_> = lines.iter().filter(|line| line.contains("not-permitted")).collect();
    assert!(!denied.is_empty(), "{lines:#?}");
    assert!(denied.iter().all(|line| line.ends_with("(this is granted for reading only)")), "{denied:#?}");
}

#[test]
fn fuel_bounds_a_component() {
    let mut guest = start("hello", &[], Host::new()).unwrap();
    guest.set_fuel(1_000).unwrap();
    let error = block_on(guest.run()).unwrap_err();
    assert_eq!(error.to_string(), "the guest trapped: all fuel consumed");
    assert!(guest.fuel_left() < 1_000);
    assert!(block_on(guest.run()).is_err(), "what trapped cannot be run again");
}

#[test]
fn a_status_comes_out_as_success_or_failure() {
    for (arg, code) in [("0", 0), ("1", 1)] {
        let exit = block_on(start("exit", &[arg], Host::new()).unwrap().run()).unwrap();
        assert_eq!(exit.code(), code);
    }
}

#[test]
fn handles_are_bounded() {
    let limits = Limits { handles: 2, ..Limits::server() };
    let host = Host::new().limits(limits).directory("/", mem::Directory::new(), Access::ReadWrite);
    let error = block_on(start("files", &[], host).unwrap().run()).unwrap_err();
    assert!(error.to_string().contains("too many handles"), "{error}");
}

#[test]
fn missing_imports_are_told_all_at_once_and_at_the_start() {
    let text = r#"(component
        (import "wasi:cli/stdout@0.2.0" (instance (export "teleport" (func))))
        (import "example:other/thing@1.0.0" (instance (export "one" (func)) (export "two" (func (param "a" u32))))))"#;
    let program = Program::load(&wat::parse_str(text).unwrap()).unwrap();
    let imports: Vec<_> = program.imports().map(|(interface, name, _)| (interface, name)).collect();
    assert_eq!(
        imports,
        [
            ("wasi:cli/stdout@0.2.0", "teleport"),
            ("example:other/thing@1.0.0", "one"),
            ("example:other/thing@1.0.0", "two")
        ]
    );
    let Err(error) = Host::new().start(&program) else { panic!("it started") };
    let missing: Vec<_> = error.missing_imports().iter().map(|import| import.name.as_str()).collect();
    assert_eq!(missing, ["teleport", "one", "two"], "{error}");
    let text = error.to_string();
    for line in [
        "expected wasi:cli/stdout@0.2.0#teleport: func(); found nothing",
        "expected example:other/thing@1.0.0#one: func(); found nothing",
        "expected example:other/thing@1.0.0#two: func(a: u32); found nothing",
    ] {
        assert!(text.lines().any(|told| told.trim() == line), "{text}");
    }
}

#[test]
fn any_exported_function_can_be_called_with_values() {
    let text = r#"(component
        (core module $m (func (export "add") (param i32 i32) (result i32)
            (i32.add (local.get 0) (local.get 1))))
        (core instance $i (instantiate $m))
        (func (export "add") (param "a" u32) (param "b" u32) (result u32)
            (canon lift (core func $i "add"))))"#;
    let program = Program::load(&wat::parse_str(text).unwrap()).unwrap();
    let mut guest = Host::new().start(&program).unwrap();
    assert_eq!(guest.component_function("add").unwrap().describe(), "func(a: u32, b: u32) -> u32");
    let results = block_on(guest.call_component("add", &[Val::U32(40), Val::U32(2)])).unwrap();
    assert!(matches!(results.as_slice(), [Val::U32(42)]), "{results:?}");
    assert!(matches!(block_on(guest.call("add", &[])), Err(CallError::Error(_))), "no core function");
    assert!(block_on(guest.run()).unwrap_err().to_string().contains("no command"));
}

#[test]
fn an_argument_with_a_nul_is_refused_before_anything_runs() {
    assert!(start("hello", &["a\0b"], Host::new()).is_err());
}

/// A component that imports `functions` of an interface, in each of these versions.
fn importing(interface: &str, versions: &[&str], functions: &str) -> Program {
    let import = |version: &&str| format!(r#"(import "{interface}@{version}" (instance {functions}))"#);
    let imports: String = versions.iter().map(import).collect();
    Program::load(&wat::parse_str(format!("(component {imports})")).unwrap()).unwrap()
}

#[test]
fn what_a_component_imports_is_offered_in_every_compatible_version() {
    let random = r#"(export "get-random-u64" (func (result u64)))"#;
    for versions in [&["0.2.0"][..], &["0.2.12"], &["0.2.3", "0.2.0"]] {
        Host::new().start(&importing("wasi:random/random", versions, random)).unwrap();
    }
    let error = Host::new().start(&importing("wasi:random/random", &["0.4.0"], random)).err().unwrap();
    let missing = error.missing_imports();
    assert_eq!(missing.len(), 1, "{error}");
    assert_eq!((&*missing[0].module, &*missing[0].name), ("wasi:random/random@0.4.0", "get-random-u64"));
    assert_eq!(missing[0].found, None);
}

#[test]
fn a_function_of_another_type_is_told_with_what_there_is() {
    let random = r#"(export "get-random-u64" (func (result u32)))"#;
    let error = Host::new().start(&importing("wasi:random/random", &["0.2.1"], random)).err().unwrap();
    let found = error.missing_imports()[0].found.as_deref();
    assert!(found.is_some_and(|found| found.contains("u32")), "{error}");
    let told = "expected wasi:random/random@0.2.1#get-random-u64: func() -> u32; found type mismatch: expected `u64` found `u32`";
    assert!(error.to_string().contains(told), "{error}");
}

/// A command that does `code`: it may write to standard output and poll.
const CALLS: &str = r#"(component
    (import "wasi:io/error@0.2.0" (instance $error (export "error" (type (sub resource)))))
    (alias export $error "error" (type $error))
    (import "wasi:io/poll@0.2.0" (instance $poll
        (export "pollable" (type $pollable (sub resource)))
        (export "poll" (func (param "in" (list (borrow $pollable))) (result (list u32))))))
    (import "wasi:io/streams@0.2.0" (instance $streams
        (export "error" (type $e (eq $error)))
        (type $failed (variant (case "last-operation-failed" (own $e)) (case "closed")))
        (export "stream-error" (type $stream-error (eq $failed)))
        (export "output-stream" (type $stream (sub resource)))
        (export "[method]output-stream.blocking-write-and-flush"
            (func (param "self" (borrow $stream)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
    (alias export $streams "output-stream" (type $output))
    (import "wasi:cli/stdout@0.2.0" (instance $stdout
        (export "output-stream" (type $o (eq $output))) (export "get-stdout" (func (result (own $o))))))
    (core module $libc (memory (export "m") 1)
        (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
    (core instance $libc (instantiate $libc))
    (core func $stdout (canon lower (func $stdout "get-stdout")))
    (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
        (memory (core memory $libc "m"))))
    (core func $poll (canon lower (func $poll "poll") (memory (core memory $libc "m"))
        (realloc (core func $libc "r"))))
    (core module $m
        (import "" "stdout" (func $stdout (result i32)))
        (import "" "write" (func $write (param i32 i32 i32 i32)))
        (import "" "poll" (func $poll (param i32 i32 i32)))
        (func (export "run") (result i32) CODE (i32.const 0)))
    (core instance $m (instantiate $m (with "" (instance
        (export "stdout" (func $stdout)) (export "write" (func $write)) (export "poll" (func $poll))))))
    (func $run (result (result)) (canon lift (core func $m "run")))
    (instance $run (export "run" (func $run)))
    (export "wasi:cli/run@0.2.0" (instance $run)))"#;

/// P-13
#[test]
fn a_buffer_is_checked_whole_before_a_byte_is_moved() {
    let run = |code: &str| {
        let output = mem::Output::new();
        let program = Program::load(&wat::parse_str(CALLS.replace("CODE", code)).unwrap()).unwrap();
        let ended = block_on(Host::new().stdout(output.clone()).start(&program).unwrap().run());
        (ended.map(|exit| exit.code()).map_err(|error| error.trap()), output.contents().len())
    };
    let write = |at: u32, length: u32, to: u32| {
        let numbers = [at, length, to].map(|number| format!("(i32.const {})", number.cast_signed()));
        run(&format!("(call $write (call $stdout) {})", numbers.join(" ")))
    };
    let poll = |at: u32, count: u32| {
        let numbers = [at, count].map(|number| format!("(i32.const {})", number.cast_signed()));
        run(&format!("(call $poll {} (i32.const 8))", numbers.join(" ")))
    };
    assert_eq!(write(65_532, 4, 16), (Ok(0), 4));
    assert_eq!(write(65_536, 0, 16), (Ok(0), 0));
    for (at, length) in [
        (65_535, 2),
        (65_536, 1),
        (65_537, 0),
        (0, 65_537),
        (0, u32::MAX),
        (u32::MAX, 1),
        (u32::MAX, 0),
        (u32::MAX, u32::MAX),
        (1, 1 << 28),
    ] {
        let (ended, written) = write(at, length, 16);
        assert!(matches!(ended, Err(Some(Trap::Component(_)))), "{at} {length}: {ended:?}");
        assert_eq!(written, 0, "{at} {length}");
    }
    // Where the answer is to go.
    for to in [65_536, 65_528 + 1, u32::MAX, 2] {
        let (ended, _) = write(0, 1, to);
        assert!(matches!(ended, Err(Some(Trap::Component(_)))), "{to}: {ended:?}");
    }
    // A list of handles: as many as their bytes pass 32 bits, one past the end, not where a handle may lie.
    for (at, count) in [(0, 1 << 30), (0, u32::MAX), (65_532, 2), (2, 1), (u32::MAX - 3, 1)] {
        let (ended, _) = poll(at, count);
        assert!(matches!(ended, Err(Some(Trap::Component(_)))), "{at} {count}: {ended:?}");
    }
}
