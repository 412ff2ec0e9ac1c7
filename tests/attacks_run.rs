//! Hostile guests at run, by the numbers of the attack battery: each ends with a typed error or an exit, spends
//! what it may and no more, and leaves the host alive.
//!
//! | attack | test |
//! |---|---|
//! | R-01 to R-03, R-09 growth and loops on a small native stack | `tests/native_stack.rs`, `src/engine/tests.rs` |
//! | R-04 recursion | `endless_recursion_traps_on_a_small_native_stack` |
//! | R-05 tail calls | `a_million_tail_calls_take_no_stack`, `a_million_tail_calls_of_the_host_take_no_stack` |
//! | R-06 fuel sweep | `every_budget_ends_every_export_cleanly` |
//! | R-07 bulk operations | `bulk_operations_go_on_after_a_slice_and_end_with_the_budget` |
//! | R-08 many values | `calls_of_many_values_arrive_whole` |
//! | X-01 memory at its limit | `calls_work_when_memory_is_at_its_limit` |
//! | X-02 endless loops | `endless_loops_end_with_the_budget_wherever_they_are` |
//! | X-03 host call spam | `a_million_clock_readings_are_paid_for` |
//! | X-04 descriptors | `tests/p1_calls/descriptors.rs`, the hostile `fd-flood` here |
//! | X-05 disks | `tests/backend_mem_filesystem.rs` |
//! | X-06, X-08 floods of output | `floods_of_output_keep_nothing_and_are_paid_for`, `tests/backend_mem.rs` |
//! | X-07 escape codes | `tests/backend_std.rs` |
//! | T-01 to T-03 poll | `tests/p1_calls/waiting.rs`, `polls_of_any_number_are_typed_and_paid_for` |
//! | T-04 a long sleep | `a_sleep_without_end_can_be_dropped` |
//! | T-05, T-07 clocks and random numbers of several guests | `tests/attacks.rs` |
//! | T-06 random bytes | `random_bytes_are_bounded_and_paid_for`, `tests/p1_calls/streams.rs` |
//! | E-01, E-04 re-entry | of components: `attacks_component.rs`, and through the host `component_api/within.rs` |
//! | P-01 to P-05, P-07, P-09 paths | `tests/wasi_path.rs`, `tests/wasi_filesystem.rs` |
//! | P-06, P-08, P-17 paths through calls | `tests/p1_calls/paths.rs` |
//! | P-10 devices and pipes | `tests/backend_std.rs` |
//! | P-11, P-14 to P-16 descriptors | `tests/p1_calls/descriptors.rs` |
//! | P-12 listings | `tests/p1_calls/listing.rs` |
//! | P-13 I/O vectors | `tests/p1_calls/pointers.rs` |

mod times;

use std::{
    fmt::Write,
    future::Future,
    path::Path,
    pin::pin,
    task::{Context, Waker},
};
use times::times;
use wasmote::{
    Access, CallError, Error, Guest, Host, Limits, Loader, Program, Trap,
    backend::mem,
    block_on, block_on_with,
    engine::{Metering, Value},
};

fn program(text: &str) -> Program {
    Program::load(&wat::parse_str(text).unwrap()).unwrap()
}

fn call(guest: &mut Guest, name: &str, params: &[Value]) -> Result<Vec<Value>, Error> {
    block_on_with(guest.call(name, params), || panic!("{name} waits for nothing")).map_err(
        |error| match error {
            CallError::Error(error) => error,
            CallError::Exit(exit) => panic!("{name} exits with {}", exit.code()),
        },
    )
}

fn i32s(values: &[Value]) -> Vec<i32> {
    let number = |value: &Value| if let Value::I32(n) = value { *n } else { panic!("{value:?}") };
    values.iter().map(number).collect()
}

fn on_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(96 << 10).spawn(work).unwrap().join().unwrap();
}

#[test]
fn every_hostile_guest_ends_typed_and_the_host_goes_on() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/hostile");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "wasm") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_string();
        count += 1;
        let bytes = std::fs::read(&path).unwrap();
        for limits in [Limits::mcu(), Limits::server()] {
            let ended = hostile(&bytes, limits);
            println!("{name}: {ended}");
            let expected: &[&str] = match &name[..] {
                "spin" | "grow-loop" | "grow-denied" | "table-grow-loop" => &["OutOfFuel"],
                "tail-call-chain" => &["OutOfFuel"],
                "many-locals" => &["OutOfFuel", "limit frame_locals", "limit module_bytes"],
                "deep-recursion" => &["StackOverflow"],
                "huge-memory" => &["limit memory_bytes"],
                "huge-table" => &["limit table_elements"],
                "stdout-flood" => &["OutOfFuel", "HostCallBytes", "exit 51"],
                "fd-flood" => &["exit 0", "OutOfFuel"],
                "poll-flood" | "iov-attack" => &["exit 0", "HostCallBytes", "limit memory_bytes"],
                _ => panic!("{name} is new here: say how it ends"),
            };
            assert!(expected.contains(&&ended[..]), "{name}: {ended}");
        }
    }
    assert!(count >= 13);
    let mut guest = Host::new().start(&program(r#"(module (func (export "_start")))"#)).unwrap();
    assert!(block_on(guest.run()).unwrap().is_success(), "the host goes on");
}

fn hostile(bytes: &[u8], limits: Limits) -> String {
    let ended = |error: Error| match (error.trap(), error.limit_exceeded()) {
        (Some(trap), _) => format!("{trap:?}"),
        (_, Some(limit)) => format!("limit {}", limit.limit),
        _ => error.unsupported_feature().unwrap_or_else(|| panic!("{error}")).into(),
    };
    let program = match Loader::new().limits(limits).load(bytes) {
        Ok(program) => program,
        Err(error) => return ended(error),
    };
    let fuel = 30_000_000;
    let host = Host::new().limits(limits).fuel(fuel).stdout(mem::Output::with_capacity(100_000));
    let host = host.directory("/", mem::Directory::new(), Access::ReadWrite);
    let mut guest = match host.start(&program) {
        Ok(guest) => guest,
        Err(error) => return ended(error),
    };
    let answer = block_on(guest.run());
    assert!(guest.fuel_spent() <= fuel);
    assert!(guest.memory_bytes() <= limits.memory_bytes);
    answer.map_or_else(ended, |exit| format!("exit {}", exit.code()))
}

#[test]
fn endless_recursion_traps_on_a_small_native_stack() {
    on_small_stack(|| {
        let program = program(
            r#"(module (type $t (func (param i32)))
            (table funcref (elem $indirect))
            (func $direct (export "direct") (param i32) (call $direct (local.get 0)))
            (func $indirect (export "indirect") (param i32)
                (call_indirect (type $t) (local.get 0) (i32.const 0)))
            (func $wide (export "wide") (param i32) (local i64 i64 i64 i64 i64 i64 i64 i64)
                (call $wide (local.get 0)) (local.set 1 (local.get 2))))"#,
        );
        for limits in [Limits::mcu(), Limits::server()] {
            for name in ["direct", "indirect", "wide"] {
                let mut guest = Host::new().limits(limits).start(&program).unwrap();
                let error = call(&mut guest, name, &[Value::I32(1)]).unwrap_err();
                assert_eq!(error.trap(), Some(Trap::StackOverflow), "{name}");
                assert!(call(&mut guest, name, &[Value::I32(1)]).is_err(), "what trapped is over");
            }
        }
    });
}

#[test]
fn a_million_tail_calls_take_no_stack() {
    on_small_stack(|| {
        let program = program(
            r#"(module
            (type $t (func (param i32) (result i32)))
            (table funcref (elem $indirect))
            (func $direct (export "direct") (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
                (return_call $direct (i32.sub (local.get 0) (i32.const 1))))
            (func $indirect (export "indirect") (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
                (return_call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0))))"#,
        );
        let mut guest = Host::new().limits(Limits::mcu()).start(&program).unwrap();
        for name in ["direct", "indirect"] {
            let results = call(&mut guest, name, &[Value::I32(times(1_000_000) as i32)]).unwrap();
            assert_eq!(i32s(&results), [7], "{name}");
        }
    });
}

/// Every way by which a tail call may come to a function of the host, which wasmi 2.0.0 must never tail-call: directly,
/// and through what a segment, a constant or an instruction put into a table. `sched_yield` waits once.
const TAIL_CALLS: &str = r#"(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
    (type $none (func (result i32))) (type $one (func (param i32) (result i32)))
    (table $t 8 funcref) (table $other 3 funcref)
    (memory (export "memory") 1)
    (global $global (mut funcref) (ref.func $close))
    (elem (table $t) (i32.const 0) func $yield $own $close)
    (elem $passive funcref (ref.func $yield) (ref.null func) (ref.func $close))
    (elem (table $other) (i32.const 0) funcref (ref.func $yield) (item ref.func $own) (ref.func $close))
    (export "close" (func $close)) (export "yield" (func $yield)) (export "table" (table $t))
    (func $start (drop (call $direct)))
    (start $start)
    (func $own (result i32) (i32.const 41))
    (func $direct (export "direct") (result i32) (return_call $yield))
    (func $indirect (export "indirect") (param $at i32) (result i32)
        (return_call_indirect (type $none) (local.get $at)))
    (func (export "one") (param $fd i32) (param $at i32) (result i32) (local PRICED)
        (return_call_indirect (type $one) (local.get $fd) (local.get $at)))
    (func (export "other") (param $at i32) (result i32)
        (return_call_indirect $other (type $none) (local.get $at)))
    (func (export "fill")
        (table.set $t (i32.const 3) (ref.func $close)) (table.set $t (i32.const 4) (global.get $global))
        (table.init $t $passive (i32.const 5) (i32.const 0) (i32.const 3)))
    (func (export "around") (param i32) (result i32) (local i64)
        (local.set 1 (i64.const 5))
        (i32.add (local.get 0) (i32.add (i32.wrap_i64 (local.get 1))
            (i32.add (call $direct) (call $indirect (i32.const 0))))))
    (func (export "grows") (result i32) (if (i32.ne (memory.grow (i32.const 1)) (i32.const 1)) (then unreachable))
        (return_call $yield)))"#;

fn tail_calling(metering: Metering, slice_fuel: u64) -> Guest {
    let text = TAIL_CALLS.replace("PRICED", &"i64 ".repeat(100));
    let program = Loader::new().metering(metering).load(&wat::parse_str(text).unwrap()).unwrap();
    Host::new().limits(Limits { slice_fuel, ..Limits::server() }).start(&program).unwrap()
}

#[test]
fn tail_calls_of_the_host_run_as_calls_that_return() {
    const BADF: i32 = 8;
    for (metering, slice_fuel) in [(Metering::On, 1), (Metering::On, 20_000), (Metering::Off, 1)] {
        if metering == Metering::Off && !cfg!(feature = "unmetered") {
            continue;
        }
        let mut guest = tail_calling(metering, slice_fuel);
        let mut is = |name: &str, params: &[i32], expected: i32| {
            let params: Vec<_> = params.iter().map(|n| Value::I32(*n)).collect();
            let results = call(&mut guest, name, &params).unwrap();
            assert_eq!(i32s(&results), [expected], "{name} {params:?} {metering:?} {slice_fuel}");
        };
        is("direct", &[], 0);
        is("indirect", &[0], 0);
        is("indirect", &[1], 41);
        is("one", &[77, 2], BADF);
        is("other", &[0], 0);
        is("other", &[1], 41);
        is("around", &[100], 105);
        is("grows", &[], 0);
        is("close", &[77], BADF);
        is("yield", &[], 0);
        call(&mut guest, "fill", &[]).unwrap();
        let mut is = |name: &str, params: &[i32], expected: i32| {
            let params: Vec<_> = params.iter().map(|n| Value::I32(*n)).collect();
            assert_eq!(i32s(&call(&mut guest, name, &params).unwrap()), [expected], "{name} {params:?}");
        };
        for at in [3, 4, 7] {
            is("one", &[77, at], BADF);
        }
        is("indirect", &[5], 0);
        for (name, params, trap) in [
            ("indirect", &[2][..], Trap::IndirectCallType),
            ("indirect", &[7], Trap::IndirectCallToNull),
            ("indirect", &[8], Trap::TableOutOfBounds),
            ("one", &[0, 0], Trap::IndirectCallType),
        ] {
            let mut guest = tail_calling(metering, slice_fuel);
            let params: Vec<_> = params.iter().map(|n| Value::I32(*n)).collect();
            let error = call(&mut guest, name, &params).unwrap_err();
            assert_eq!(error.trap(), Some(trap), "{name} {params:?} {metering:?}");
        }
    }
}

#[test]
fn a_million_tail_calls_of_the_host_take_no_stack() {
    on_small_stack(|| {
        let program = program(
            r#"(module
            (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
            (type $t (func (param i32) (result i32)))
            (table funcref (elem $close $direct $indirect))
            (func $bad (param i32) (result i32) (return_call $close (local.get 0)))
            (func $direct (export "direct") (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return_call $close (i32.const 77))))
                (drop (call $bad (i32.const 77)))
                (return_call $direct (i32.sub (local.get 0) (i32.const 1))))
            (func $indirect (export "indirect") (param i32) (result i32)
                (if (i32.eqz (local.get 0))
                    (then (return_call_indirect (type $t) (i32.const 77) (i32.const 0))))
                (return_call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const 2))))"#,
        );
        let mut guest = Host::new().limits(Limits::mcu()).start(&program).unwrap();
        for name in ["direct", "indirect"] {
            let results = call(&mut guest, name, &[Value::I32(times(1_000_000) as i32)]).unwrap();
            assert_eq!(i32s(&results), [8], "{name}");
        }
    });
}

/// What the edit adds is bounded like all that a module declares, and a module that is invalid stays so.
#[test]
fn tail_calls_of_imports_are_edited_within_the_limits_and_make_nothing_valid() {
    let import = r#"(import "wasi_snapshot_preview1" "fd_close" (func $c (param i32) (result i32)))"#;
    let table = "(table 1 funcref) (elem (i32.const 0) func $c) (type $t (func))";
    let tail = "(func (return_call_indirect (type $t) (i32.const 0)))";
    let bytes = wat::parse_str(format!("(module {import} {table} {tail})")).unwrap();
    let within = |functions: u32| load_under(&bytes, Limits { functions, ..Limits::server() });
    assert_eq!(within(2).unwrap_err().limit_exceeded().unwrap().limit, "functions");
    assert_eq!(within(3).unwrap().outline().functions, 3);
    let bytes = wat::parse_str(format!(
        "(module {import} (func (param i32) (result i32) {}))",
        "(return_call $c (local.get 0))".repeat(100_000)
    ))
    .unwrap();
    let small = Limits { load_bytes: 4 << 20, ..Limits::server() };
    assert_eq!(load_under(&bytes, small).unwrap_err().limit_exceeded().unwrap().limit, "load_bytes");
    for invalid in [
        // The import returns more than the function: a `call` and a `return` would do.
        "(func (param i32) (return_call $c (local.get 0)))",
        // Declared nowhere.
        "(func (drop (ref.func $c)) (return_call_indirect (type $t) (i32.const 0)))",
    ] {
        let table = "(table 1 funcref) (type $t (func))";
        let bytes = wat::parse_str(format!("(module {import} {table} {invalid})")).unwrap();
        assert!(load_under(&bytes, Limits::server()).unwrap_err().is_malformed(), "{invalid}");
    }
    // Others may put functions where it would tail-call them from.
    let foreign = r#"(module (import "m" "t" (table 1 funcref)) (type $t (func))
        (func (return_call_indirect (type $t) (i32.const 0))))"#;
    let error = load_under(&wat::parse_str(foreign).unwrap(), Limits::server()).unwrap_err();
    assert_eq!(error.unsupported_feature(), Some("tail calls of imports"));
}

fn load_under(bytes: &[u8], limits: Limits) -> Result<Program, Error> {
    Loader::new().limits(limits).load(bytes)
}

#[test]
fn every_budget_ends_every_export_cleanly() {
    let program = program(
        r#"(module
        (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (memory (export "memory") 1 3) (table 4 8 funcref) (data $d "0123456789")
        (global $g (mut i32) (i32.const 0))
        (func $start (global.set $g (i32.const 1)) (drop (call $yield)))
        (start $start)
        (func (export "clock") (result i32) (call $clock (i32.const 1) (i64.const 0) (i32.const 8)))
        (func (export "yield") (result i32) (call $yield))
        (func (export "grow") (result i32) (memory.grow (i32.const 1)))
        (func (export "table") (result i32) (table.grow (ref.null func) (i32.const 2)))
        (func (export "bulk") (result i32)
            (memory.fill (i32.const 100) (i32.const 1) (i32.const 6000))
            (memory.copy (i32.const 0) (i32.const 100) (i32.const 6000))
            (memory.init $d (i32.const 0) (i32.const 0) (i32.const 10))
            (i32.load8_u (i32.const 10)))
        (func $sum (export "sum") (result i32) (local i32 i32)
            (loop (local.set 1 (i32.add (local.get 1) (local.get 0)))
                (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 20))))
            (local.get 1)))"#,
    );
    let preparing = Host::new().start(&program).unwrap().fuel_spent();
    for (name, _) in program.exports() {
        if name == "memory" {
            continue;
        }
        let mut needed = None;
        for fuel in 0..=preparing + 500 {
            let host = Host::new().fuel(fuel);
            let guest = host.start(&program);
            assert_eq!(guest.is_ok(), fuel >= preparing, "{name} {fuel}");
            let Ok(mut guest) = guest else { continue };
            let result = call(&mut guest, name, &[]);
            assert!(guest.fuel_spent() <= fuel, "{name} {fuel}");
            match result {
                // To go on after giving way takes one unit at hand, spent or not.
                Ok(_) => {
                    let spent = guest.fuel_spent();
                    assert_eq!(spent, *needed.get_or_insert(spent), "{name} {fuel}");
                }
                Err(error) => {
                    assert_eq!(error.trap(), Some(Trap::OutOfFuel), "{name} {fuel}");
                    assert_eq!(needed, None, "{name} {fuel}: less was enough");
                }
            }
        }
        assert!(needed.is_some() || name == "table" || name == "grow", "{name}");
    }
}

#[test]
fn bulk_operations_go_on_after_a_slice_and_end_with_the_budget() {
    let program = program(
        r#"(module (memory (export "memory") 16 16) (table $t 1000 1000 funcref) (data $d "0123456789")
        (elem $e funcref (ref.null func) (ref.null func))
        (func (export "run") (result i32)
            (memory.fill (i32.const 0) (i32.const 7) (i32.const 500000))
            (memory.copy (i32.const 500000) (i32.const 0) (i32.const 500000))
            (memory.init $d (i32.const 999990) (i32.const 0) (i32.const 10))
            (table.fill $t (i32.const 0) (ref.null func) (i32.const 1000))
            (table.copy $t $t (i32.const 0) (i32.const 500) (i32.const 500))
            (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 2))
            (i32.add (i32.load8_u (i32.const 999989)) (i32.load8_u (i32.const 999999)))))"#,
    );
    let mut spent = Vec::new();
    for slice_fuel in [1, 3, 100, 1_000_000] {
        let mut guest =
            Host::new().limits(Limits { slice_fuel, ..Limits::server() }).start(&program).unwrap();
        assert_eq!(i32s(&call(&mut guest, "run", &[]).unwrap()), [7 + i32::from(b'9')], "{slice_fuel}");
        spent.push(guest.fuel_spent());
    }
    assert!(spent.iter().all(|fuel| *fuel == spent[0]), "{spent:?}");
    let preparing = Host::new().start(&program).unwrap().fuel_spent();
    for fuel in (preparing..spent[0]).step_by(97).chain([spent[0] - 1]) {
        let mut guest = Host::new().fuel(fuel).start(&program).unwrap();
        assert_eq!(call(&mut guest, "run", &[]).unwrap_err().trap(), Some(Trap::OutOfFuel), "{fuel}");
    }
}

#[test]
fn calls_of_many_values_arrive_whole() {
    for count in [0, 1, 2, 31, 32, 33, 126, 127, 128, 129, 1_000] {
        let types = " i32".repeat(count);
        let gets: String = (0..count).rev().fold(String::new(), |mut text, index| {
            write!(text, "(local.get {index})").unwrap();
            text
        });
        let text = format!(r#"(module (func (export "f") (param{types}) (result{types}) {gets}))"#);
        let bytes = wat::parse_str(&text).unwrap();
        if count > 128 {
            let error = Program::load(&bytes).unwrap_err();
            assert_eq!(error.limit_exceeded().unwrap().limit, "function_values");
        }
        let limits = Limits { function_values: 1_000, ..Limits::server() };
        let program = Loader::new().limits(limits).load(&bytes).unwrap();
        let mut guest = Host::new().limits(limits).start(&program).unwrap();
        let params: Vec<_> = (0..count).map(|n| Value::I32(i32::try_from(n).unwrap())).collect();
        let mut results = i32s(&call(&mut guest, "f", &params).unwrap());
        results.reverse();
        assert!(results.iter().zip(0..).all(|(result, n)| *result == n) && results.len() == count);
        if count > 0 {
            let mut guest = Host::new().limits(limits).start(&program).unwrap();
            assert!(call(&mut guest, "f", &params[1..]).is_err());
            assert!(call(&mut guest, "f", &vec![Value::I64(0); count]).is_err());
        }
    }
}

/// A guest that repeats one call of WASI until it does not answer 0, or so many times. `memory` are its pages.
fn repeating(import: &str, types: &str, params: &str, data: &str, memory: &str) -> Program {
    program(&format!(
        r#"(module (import "wasi_snapshot_preview1" "{import}" (func $call (param{types}) (result i32)))
        (memory (export "memory") {memory}) (data (i32.const 0) "{data}")
        (func (export "fill") (result i32) (local i32)
            (loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) (memory.size))
        (func (export "run") (param $times i32) (result i32) (local $errno i32)
            (loop
                (if (local.tee $errno (call $call {params})) (then (return (local.get $errno))))
                (br_if 0 (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
            (i32.const 0)))"#
    ))
}

const CLOCK: (&str, &str, &str) =
    ("clock_time_get", " i32 i64 i32", "(i32.const 1) (i64.const 0) (i32.const 64)");
const POLL: (&str, &str, &str) = (
    "poll_oneoff",
    " i32 i32 i32 i32",
    "(i32.const 0) (i32.const 4096) (local.get $times) (i32.const 60000)",
);
const WRITE: (&str, &str, &str) =
    ("fd_write", " i32 i32 i32 i32", "(i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)");
const RANDOM: (&str, &str, &str) = ("random_get", " i32 i32", "(i32.const 0) (local.get $times)");

#[test]
fn calls_work_when_memory_is_at_its_limit() {
    let limits = Limits { memory_bytes: 4 << 16, ..Limits::server() };
    for (import, types, params) in [CLOCK, WRITE, RANDOM] {
        let program = repeating(import, types, params, "", "1");
        let mut guest = Host::new().limits(limits).start(&program).unwrap();
        assert_eq!(i32s(&call(&mut guest, "fill", &[]).unwrap()), [4]);
        assert_eq!(i32s(&call(&mut guest, "run", &[Value::I32(100)]).unwrap()), [0], "{import}");
        assert_eq!(guest.memory_bytes(), 4 << 16);
    }
}

#[test]
fn endless_loops_end_with_the_budget_wherever_they_are() {
    let texts = [
        r#"(module (func $s (loop (br 0))) (start $s) (func (export "f")))"#,
        r#"(module (func (export "_initialize") (loop (br 0))) (func (export "f")))"#,
        r#"(module (func (export "f") (loop (br 0))))"#,
        r#"(module (func $f (export "f") (return_call $f)))"#,
    ];
    for text in texts {
        let program = program(text);
        for fuel in [1_000, 100_000, 3_000_000] {
            let mut guest = Host::new().fuel(fuel).start(&program).unwrap();
            assert_eq!(call(&mut guest, "f", &[]).unwrap_err().trap(), Some(Trap::OutOfFuel), "{text}");
            assert!(guest.fuel_spent() <= fuel && guest.fuel_left() < 50, "{text}: {}", guest.fuel_left());
        }
    }
}

#[test]
fn a_million_clock_readings_are_paid_for() {
    let program = repeating(CLOCK.0, CLOCK.1, CLOCK.2, "", "1 1");
    let mut guest = Host::new().start(&program).unwrap();
    let before = guest.fuel_spent();
    assert_eq!(i32s(&call(&mut guest, "run", &[Value::I32(1_000_000)]).unwrap()), [0]);
    let spent = guest.fuel_spent() - before;
    println!("{} of fuel for each reading", spent / 1_000_000);
    assert!(spent >= 20_000_000, "{spent}");
    let mut guest = Host::new().fuel(1_000_000).start(&program).unwrap();
    let error = call(&mut guest, "run", &[Value::I32(1_000_000)]).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::OutOfFuel));
}

#[test]
fn floods_of_output_keep_nothing_and_are_paid_for() {
    // 60,000 bytes at address 0, or none.
    for (data, bytes) in [("\\00\\00\\00\\00\\60\\ea\\00\\00", 60_000), ("", 0)] {
        let program = repeating(WRITE.0, WRITE.1, WRITE.2, data, "1 1");
        // To nowhere, a gigabyte or a hundred thousand nothings: it goes on, and costs.
        let times = if bytes == 0 { 100_000 } else { 17_000 };
        let mut guest = Host::new().start(&program).unwrap();
        let before = guest.fuel_spent();
        assert_eq!(i32s(&call(&mut guest, "run", &[Value::I32(times)]).unwrap()), [0]);
        let each = (guest.fuel_spent() - before) / times.unsigned_abs() as u64;
        assert!(each >= 25 + bytes / 16, "{each} for {bytes} bytes");
        // To a pipe that nobody reads: it waits, and holds no more than it may.
        let pipe = mem::Pipe::with_capacity(1_000);
        let mut guest = Host::new().stdout(pipe.clone()).fuel(10_000_000).start(&program).unwrap();
        {
            let mut run = pin!(guest.call("run", &[Value::I32(1_000_000)]));
            let mut cx = Context::from_waker(Waker::noop());
            let mut polls = 0;
            while polls < 3_000 && run.as_mut().poll(&mut cx).is_pending() {
                polls += 1;
            }
        }
        assert!(pipe.len() <= 1_000);
    }
}

#[test]
fn polls_of_any_number_are_typed_and_paid_for() {
    let program = repeating(POLL.0, POLL.1, POLL.2, "", "2 2");
    let run = |times: i32, fuel| {
        let mut guest = Host::new().fuel(fuel).start(&program).unwrap();
        let before = guest.fuel_spent();
        let result = call(&mut guest, "run", &[Value::I32(times)]).map(|results| i32s(&results)[0]);
        (result.map_err(|error| error.trap()), guest.fuel_spent() - before)
    };
    // Zeroed subscriptions are timers of the wall clock that have run out: always ready.
    let (ended, fuel) = run(10, u64::MAX >> 1);
    assert_eq!(ended, Ok(0), "ten, nine, and so on");
    assert!(fuel >= 10 * 20 + 55 * 5, "{fuel}");
    assert_eq!(run(1_000, 20_000).0, Err(Some(Trap::OutOfFuel)));
    for times in [0, 1_025, 1_000_000, i32::MAX, i32::MIN, -1, 1 << 27] {
        let (ended, _) = run(times, 100_000_000);
        let is_typed = matches!(ended, Ok(1..) | Err(Some(Trap::HostCallBytes)));
        assert!(is_typed, "{times}: {ended:?}");
    }
}

#[test]
fn a_sleep_without_end_can_be_dropped() {
    // One timer of the monotonic clock, relative: its kind at 8, clock at 16, timeout at 24.
    let data = format!("{}\\01{}\\ff\\ff\\ff\\ff\\ff\\ff\\ff\\7f", "\\00".repeat(16), "\\00".repeat(7));
    let program = repeating(POLL.0, POLL.1, POLL.2, &data, "1 1");
    let clocks = mem::Clocks::manual();
    let host = Host::new().clocks(clocks.clone());
    let mut guest = host.start(&program).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut run = pin!(guest.call("run", &[Value::I32(1)]));
        assert!(run.as_mut().poll(&mut cx).is_pending());
        clocks.advance(1 << 62);
        assert!(run.as_mut().poll(&mut cx).is_pending());
        assert!(clocks.next_deadline_ns().is_some());
    }
    assert!(guest_is_over(&mut guest));
    drop(guest);
    // Nobody waits any more, and the clock serves others.
    let mut other = host.start(&program).unwrap();
    assert!(pin!(other.call("run", &[Value::I32(1)])).poll(&mut cx).is_pending());
}

fn guest_is_over(guest: &mut Guest) -> bool {
    let ended = block_on_with(guest.call("run", &[Value::I32(1)]), || panic!());
    ended.is_err_and(|error| error.to_string().contains("cannot be called again"))
}

#[test]
fn random_bytes_are_bounded_and_paid_for() {
    let program = repeating(RANDOM.0, RANDOM.1, RANDOM.2, "", "200 200");
    let run = |bytes: i32, fuel: u64| {
        let mut guest = Host::new().fuel(fuel).start(&program).unwrap();
        call(&mut guest, "run", &[Value::I32(bytes)])
            .map(|results| i32s(&results)[0])
            .map_err(|error| error.trap())
    };
    assert_eq!(run(1_000, 1_000_000), Ok(0), "all lengths from a thousand to one");
    assert_eq!(run(8 << 20, 500_000), Err(Some(Trap::OutOfFuel)));
    const INVAL: i32 = 28;
    const FAULT: i32 = 21;
    for (bytes, errno) in
        [((8 << 20) + 1, INVAL), (200 << 16, INVAL), (-1, FAULT), (i32::MIN, FAULT), (i32::MAX, FAULT)]
    {
        assert_eq!(run(bytes, 1_000_000), Ok(errno), "{bytes}");
    }
}
