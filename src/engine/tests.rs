//! The engine room on its own, with a host of four functions.

mod roots;

use super::{
    Accounting, Activation, Call, Caller, Engine, Fault, Function, HostFunction, Kind, Metering, Module,
    Param, Resolver, Signature, Step, Store, Tracer, Val, Value,
    host_function::{now1, poll1, poll2},
};
use crate::{Error, Limits, Trap, block_on_with};
use alloc::{boxed::Box, format, string::String, sync::Arc, vec, vec::Vec};
use core::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};
use spin::Mutex;

/// What the test host keeps: numbers the guest noted, and how often a wait has been asked about.
#[derive(Default)]
struct World {
    noted: Vec<u32>,
    asked: u32,
}

static NOTE: HostFunction<World> = HostFunction {
    signature: Signature {
        name: "note",
        params: &[Param { name: "number", kind: Kind::Number }],
        result: None,
    },
    bind: |this, store| now1(this, store, note),
};

static WAIT: HostFunction<World> = HostFunction {
    signature: Signature {
        name: "wait",
        params: &[Param { name: "polls", kind: Kind::Number }],
        result: Some(Kind::Number),
    },
    bind: |this, store| poll1(this, store, wait),
};

static WORK: HostFunction<World> = HostFunction {
    signature: Signature {
        name: "work",
        params: &[Param { name: "polls", kind: Kind::Number }],
        result: None,
    },
    bind: |this, store| poll1(this, store, work),
};

static WRITE: HostFunction<World> = HostFunction {
    signature: Signature {
        name: "write",
        params: &[Param { name: "text", kind: Kind::Text }],
        result: Some(Kind::Enum(&["fine", "bad"])),
    },
    bind: |this, store| poll2(this, store, write),
};

fn note(caller: &mut Caller<'_, World>, number: u32) -> Result<(), Fault> {
    if number == 13 {
        return Err(Fault::Exit(13));
    }
    caller.data_mut().noted.push(number);
    Ok(())
}

/// Waits for `polls` polls after the first, then answers how often it was asked.
fn wait(caller: &mut Caller<'_, World>, cx: &mut Context<'_>, polls: u32) -> Poll<Result<u32, Fault>> {
    let world = caller.data_mut();
    if world.asked < polls {
        world.asked += 1;
        cx.waker().wake_by_ref();
        return Poll::Pending;
    }
    Poll::Ready(Ok(core::mem::take(&mut world.asked)))
}

/// The same, and each poll costs 10 fuel.
fn work(caller: &mut Caller<'_, World>, cx: &mut Context<'_>, polls: u32) -> Poll<Result<(), Fault>> {
    caller.charge(10)?;
    wait(caller, cx, polls).map_ok(drop)
}

fn write(
    caller: &mut Caller<'_, World>,
    _: &mut Context<'_>,
    address: u32,
    length: u32,
) -> Poll<Result<u32, Fault>> {
    let (mut memory, _) = caller.split()?;
    let text = memory.bytes(address, length)?.to_ascii_uppercase();
    memory.write(address, &text)?;
    Poll::Ready(Ok(0))
}

struct Host;

impl Resolver<World> for Host {
    fn find(&self, module: &str, name: &str) -> Option<u16> {
        let names = [("host", "note"), ("host", "wait"), ("host", "work"), ("host", "write")];
        names.iter().position(|known| *known == (module, name)).map(|index| index as u16)
    }

    fn function(&self, number: u16) -> Option<&'static HostFunction<World>> {
        [&NOTE, &WAIT, &WORK, &WRITE].get(usize::from(number)).copied()
    }
}

struct Guest {
    store: Store<World>,
    instance: super::Instance,
}

impl Guest {
    fn with(wat: &str, limits: &Limits, metering: Metering) -> Result<Self, Error> {
        let bytes = wat::parse_str(wat).unwrap();
        let engine = Engine::new(metering, limits);
        let module = Module::load(&engine, &bytes)?;
        let mut store = Store::new(&engine, World::default(), limits);
        let instance = store.instantiate(&module, &Host)?;
        Ok(Self { store, instance })
    }

    fn new(wat: &str) -> Self {
        Self::with(wat, &Limits::server(), Metering::On).unwrap()
    }

    fn function(&self, name: &str) -> Function {
        self.store.function(self.instance, name).unwrap()
    }

    fn call<'a>(&'a mut self, name: &'a str, params: &[Val]) -> Call<'a, World> {
        let function = self.function(name);
        Call::new(&mut self.store, name, &function, params.to_vec())
    }

    fn run(&mut self, name: &str, params: &[Val]) -> Result<Vec<Value>, Fault> {
        block_on_with(self.call(name, params), || panic!("nothing will wake it"))
    }
}

fn i32s(values: &[Value]) -> Vec<i32> {
    let number =
        |value: &Value| if let Value::I32(value) = value { *value } else { panic!("{value} is no i32") };
    values.iter().map(number).collect()
}

const WAITING: &str = r#"(module
    (import "host" "wait" (func $wait (param i32) (result i32)))
    (import "host" "note" (func $note (param i32)))
    (func (export "twice") (param i32) (result i32)
        (call $note (i32.const 1))
        (i32.add (call $wait (local.get 0)) (call $wait (local.get 0)))
        (call $note (i32.const 2))))"#;

#[test]
fn a_guest_waits_in_a_host_function_and_goes_on() {
    let mut guest = Guest::new(WAITING);
    assert_eq!(i32s(&guest.run("twice", &[Val::I32(3)]).unwrap()), [6]);
    assert_eq!(guest.store.data().noted, [1, 2]);
}

#[test]
fn guests_take_turns_on_one_thread() {
    let mut guests: Vec<_> = (0..100).map(|_| Guest::new(WAITING)).collect();
    let mut calls: Vec<_> =
        guests.iter_mut().map(|guest| Box::pin(guest.call("twice", &[Val::I32(5)]))).collect();
    let mut cx = Context::from_waker(Waker::noop());
    let mut rounds = 0;
    let mut done = 0;
    while done < calls.len() {
        rounds += 1;
        done = 0;
        for call in &mut calls {
            // A finished call would answer a second poll with a bug: only look at the rest.
            done += usize::from(rounds > 11 || call.as_mut().poll(&mut cx).is_ready());
        }
        assert!(rounds < 20);
    }
    assert_eq!(rounds, 11, "one poll to begin and five for each wait");
}

#[test]
fn a_call_may_be_dropped_wherever_it_waits() {
    for polls in 0..12 {
        let mut guest = Guest::new(WAITING);
        let mut call = Box::pin(guest.call("twice", &[Val::I32(5)]));
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..polls {
            if call.as_mut().poll(&mut cx).is_ready() {
                break;
            }
        }
        drop(call);
        guest.store.data_mut().asked = 0;
        assert_eq!(i32s(&guest.run("twice", &[Val::I32(1)]).unwrap()), [2]);
    }
}

#[test]
fn a_guest_moves_to_another_thread_between_polls() {
    let mut guest = Guest::new(WAITING);
    let function = guest.function("twice");
    let mut activation = Activation::returning(function.inner, function.results(), vec![Val::I32(2)]);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(activation.poll(&mut guest.store, &mut cx).is_pending());
    let results = std::thread::spawn(move || {
        let mut cx = Context::from_waker(Waker::noop());
        while activation.poll(&mut guest.store, &mut cx).is_pending() {}
        activation.into_results().iter().map(Value::from_wasmi).collect::<Vec<_>>()
    });
    assert_eq!(i32s(&results.join().unwrap()), [4]);
}

#[test]
fn calls_of_one_instance_finish_in_any_order() {
    let mut guest = Guest::new(WAITING);
    let function = guest.function("twice");
    let mut activations: Vec<_> = (0..64)
        .map(|_| Activation::returning(function.inner, function.results(), vec![Val::I32(i32::MAX)]))
        .collect();
    for activation in &mut activations {
        assert_eq!(activation.step(&mut guest.store.caller(), None), Ok(Step::Blocked));
    }
    for (number, activation) in activations.iter_mut().enumerate().rev() {
        let answer = || Some(Val::I32(i32::try_from(number).unwrap()));
        assert_eq!(activation.step(&mut guest.store.caller(), answer()), Ok(Step::Blocked));
        assert_eq!(activation.step(&mut guest.store.caller(), answer()), Ok(Step::Finished));
    }
    for (number, activation) in activations.into_iter().enumerate() {
        let results: Vec<_> = activation.into_results().iter().map(Value::from_wasmi).collect();
        assert_eq!(i32s(&results), [2 * i32::try_from(number).unwrap()]);
    }
}

const COUNTING: &str = r#"(module (func (export "count") (param $to i32) (result i32) (local $n i32)
    (loop $again
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $n) (local.get $to))))
    (local.get $n)))"#;

fn polls_of(guest: &mut Guest, to: i32) -> (u32, Result<Vec<Value>, Fault>) {
    let mut call = pin!(guest.call("count", &[Val::I32(to)]));
    let mut cx = Context::from_waker(Waker::noop());
    let mut polls = 0;
    loop {
        polls += 1;
        if let Poll::Ready(result) = call.as_mut().poll(&mut cx) {
            return (polls, result);
        }
    }
}

#[test]
fn a_guest_gives_way_after_each_slice_and_its_fuel_does_not_depend_on_the_slice() {
    let mut spent = Vec::new();
    for slice_fuel in [1, 7, 100, 5_000, 1_000_000] {
        let limits = Limits { slice_fuel, ..Limits::server() };
        let mut guest = Guest::with(COUNTING, &limits, Metering::On).unwrap();
        let (polls, result) = polls_of(&mut guest, 1_000);
        assert_eq!(i32s(&result.unwrap()), [1_000]);
        assert_eq!(polls > 1, slice_fuel < 5_000 + 1_000, "{polls} polls of {slice_fuel}");
        spent.push(guest.store.fuel_spent());
    }
    assert!(spent.iter().all(|fuel| *fuel == spent[0]), "{spent:?}");
}

#[test]
fn a_spent_budget_ends_the_guest_at_any_size() {
    let mut guest = Guest::new(COUNTING);
    let before = guest.store.fuel_spent();
    guest.run("count", &[Val::I32(50)]).unwrap();
    let needed = guest.store.fuel_spent() - before;
    for budget in 0..needed + 3 {
        let mut guest = Guest::new(COUNTING);
        guest.store.set_fuel(budget).unwrap();
        let result = guest.run("count", &[Val::I32(50)]);
        assert_eq!(result.is_ok(), budget >= needed, "budget {budget} of {needed}");
        if let Err(fault) = result {
            assert_eq!(fault, Fault::Trap(Trap::OutOfFuel));
        }
        assert!(guest.store.fuel_left() <= budget);
    }
}

#[test]
fn a_guest_that_was_translated_before_costs_the_same() {
    let limits = Limits::server();
    let engine = Engine::new(Metering::On, &limits);
    let module = Module::load(&engine, &wat::parse_str(COUNTING).unwrap()).unwrap();
    let spent = [(); 2].map(|()| {
        let mut store = Store::new(&engine, World::default(), &limits);
        let instance = store.instantiate(&module, &Host).unwrap();
        let mut guest = Guest { store, instance };
        guest.run("count", &[Val::I32(9)]).unwrap();
        guest.store.fuel_spent()
    });
    assert_eq!(spent[0], spent[1]);
}

#[test]
fn an_exit_ends_the_guest_with_its_status() {
    let mut guest = Guest::new(
        r#"(module (import "host" "note" (func $note (param i32)))
            (func (export "leave") (call $note (i32.const 13)) unreachable))"#,
    );
    assert_eq!(guest.run("leave", &[]).unwrap_err(), Fault::Exit(13));
}

#[test]
fn a_start_function_is_an_export_like_any_other() {
    let wat = r#"(module (import "host" "wait" (func $wait (param i32) (result i32)))
        (import "host" "note" (func $note (param i32)))
        (func $start (call $note (call $wait (i32.const 2))))
        (start $start))"#;
    let engine = Engine::new(Metering::On, &Limits::server());
    let module = Module::load(&engine, &wat::parse_str(wat).unwrap()).unwrap();
    let mut guest = Guest::new(wat);
    assert!(guest.store.data().noted.is_empty(), "instantiation runs no guest code");
    guest.run(module.start().unwrap(), &[]).unwrap();
    assert_eq!(guest.store.data().noted, [2]);
    assert_eq!(module.exports().count(), 0);
}

#[test]
fn a_start_function_with_parameters_is_refused() {
    // (module (func (param i32)) (start 0)), which a text parser would already refuse.
    let bytes = [
        &b"\0asm\x01\0\0\0"[..],
        &[1, 5, 1, 0x60, 1, 0x7f, 0],
        &[3, 2, 1, 0],
        &[8, 1, 0],
        &[10, 4, 1, 2, 0, 0x0b],
    ]
    .concat();
    let error = Module::load(&Engine::new(Metering::On, &Limits::server()), &bytes).unwrap_err();
    assert!(error.is_malformed(), "{error}");
}

#[test]
fn zeroing_locals_is_paid_for() {
    let spent = |locals: usize| {
        let wat = format!("(module (func (export \"f\") (local {})))", "i64 ".repeat(locals));
        let mut guest = Guest::new(&wat);
        let before = guest.store.fuel_spent();
        guest.run("f", &[]).unwrap();
        guest.store.fuel_spent() - before
    };
    assert_eq!(spent(0), spent(32));
    assert_eq!(spent(32 + 800), spent(0) + 100);
    assert_eq!(spent(32 + 24_000), spent(0) + 3_000);
}

#[test]
fn a_function_that_the_interpreter_cannot_translate_traps_when_called() {
    let limits = Limits { frame_locals: 50_000, ..Limits::server() };
    let wat = format!("(module (func (export \"f\") (local {})))", "i64 ".repeat(49_000));
    let mut guest = Guest::with(&wat, &limits, Metering::On).unwrap();
    assert_eq!(guest.run("f", &[]).unwrap_err(), Fault::Trap(Trap::FunctionTooLarge));
}

#[test]
fn missing_imports_are_listed_all_at_once() {
    let error = Guest::with(
        r#"(module (import "env" "a" (func)) (import "host" "note" (func (param i64)))
            (import "env" "m" (memory 1)))"#,
        &Limits::server(),
        Metering::On,
    )
    .err()
    .unwrap();
    let missing: Vec<_> =
        error.missing_imports().iter().map(|import| (&*import.name, import.found.is_some())).collect();
    assert_eq!(missing, [("a", false), ("note", true), ("m", false)]);
}

#[test]
fn memory_stays_inside_the_budget_of_the_store() {
    let limits = Limits { memory_bytes: 3 << 16, ..Limits::server() };
    let mut guest = Guest::with(
        r#"(module (memory 1) (memory 1)
            (func (export "grow") (param i32) (result i32) (memory.grow 0 (local.get 0)))
            (func (export "other") (param i32) (result i32) (memory.grow 1 (local.get 0))))"#,
        &limits,
        Metering::On,
    )
    .unwrap();
    assert_eq!(i32s(&guest.run("grow", &[Val::I32(2)]).unwrap()), [-1]);
    assert_eq!(i32s(&guest.run("grow", &[Val::I32(1)]).unwrap()), [1]);
    assert_eq!(i32s(&guest.run("other", &[Val::I32(1)]).unwrap()), [-1]);
    assert_eq!(guest.store.memory_bytes(), 3 << 16);
}

#[test]
fn what_crosses_is_seen_and_can_be_read() {
    let lines = Arc::new(Mutex::new(Vec::<String>::new()));
    let mut guest = Guest::new(
        r#"(module (import "host" "write" (func $write (param i32 i32) (result i32)))
            (import "host" "wait" (func $wait (param i32) (result i32)))
            (memory (export "memory") 1) (data (i32.const 8) "hi\1b[2J")
            (func (export "go") (drop (call $wait (i32.const 1))) (drop (call $write (i32.const 8) (i32.const 6)))))"#,
    );
    let accounting = Accounting::new();
    let sink = Arc::clone(&lines);
    guest.store.interpose(Box::new(Tracer::new(move |line: &str| sink.lock().push(line.into()))));
    guest.store.interpose(Box::new(accounting.clone()));
    guest.run("go", &[]).unwrap();
    let lines: Vec<_> = lines.lock().iter().map(|line| String::from(&line[13..])).collect();
    let expected =
        ["→ go", "  wait waits", "  wait(polls=1) = 1", "  write(text=\"HI\\u{1b}[2J\") = fine", "← go"];
    assert_eq!(lines, expected);
    let stats = accounting.stats();
    assert_eq!((stats.host_calls, stats.host_waits, stats.bytes_written, stats.guest_calls), (2, 1, 6, 1));
}

#[test]
fn a_pointer_without_a_memory_is_out_of_bounds() {
    let mut guest = Guest::new(
        r#"(module (import "host" "write" (func $write (param i32 i32) (result i32)))
            (func (export "go") (drop (call $write (i32.const 0) (i32.const 0)))))"#,
    );
    assert_eq!(guest.run("go", &[]).unwrap_err(), Fault::Trap(Trap::MemoryOutOfBounds));
}

/// A guest that grows memory or table `count` times and answers how often that failed.
fn growing(grow: &str) -> String {
    format!(
        r#"(module (memory 1) (table $f 1 funcref) (table $e 1 externref)
            (func (export "loop") (param $count i32) (result i32) (local $failed i32)
                (loop $again
                    (local.set $failed (i32.add (local.get $failed) (i32.eq (i32.const -1) {grow})))
                    (local.set $count (i32.sub (local.get $count) (i32.const 1)))
                    (br_if $again (local.get $count)))
                (local.get $failed)))"#
    )
}

/// R-01 to R-03: a loop of growth that fails, at its own maximum or by the store's budget, leaves no more
/// native stack behind than a small thread has.
#[test]
fn a_loop_of_failing_growth_fits_a_small_native_stack() {
    const GROWTHS: [&str; 3] = [
        "(memory.grow (i32.const 100))",
        "(table.grow $f (ref.null func) (i32.const 100))",
        "(table.grow $e (ref.null extern) (i32.const 100))",
    ];
    let limits = Limits { memory_bytes: 1 << 17, table_elements: 50, ..Limits::server() };
    for metering in [Metering::On, Metering::Off] {
        if metering == Metering::Off && !cfg!(feature = "unmetered") {
            continue;
        }
        for grow in GROWTHS {
            // Loading validates and a first call translates: both take more stack than running may.
            let mut guest = Guest::with(&growing(grow), &limits, metering).unwrap();
            guest.run("loop", &[Val::I32(1)]).unwrap();
            let run = move || guest.run("loop", &[Val::I32(1_000_000)]).unwrap();
            let failed = std::thread::Builder::new().stack_size(64 << 10).spawn(run).unwrap().join();
            assert_eq!(i32s(&failed.unwrap()), [1_000_000], "{grow} {metering:?}");
        }
    }
}

#[test]
fn growth_that_fits_succeeds_whether_it_is_counted_or_not() {
    for metering in [Metering::On, Metering::Off] {
        if metering == Metering::Off && !cfg!(feature = "unmetered") {
            continue;
        }
        let memory = growing("(memory.grow (i32.const 1))");
        let limits = Limits { memory_bytes: 11 << 16, ..Limits::server() };
        let mut guest = Guest::with(&memory, &limits, metering).unwrap();
        assert_eq!(i32s(&guest.run("loop", &[Val::I32(15)]).unwrap()), [5], "{metering:?}");
        assert_eq!(guest.store.memory_bytes(), 11 << 16);
        let table = growing("(table.grow $e (ref.null extern) (i32.const 1))");
        let limits = Limits { table_elements: 12, ..Limits::server() };
        let mut guest = Guest::with(&table, &limits, metering).unwrap();
        let failed = i32s(&guest.run("loop", &[Val::I32(15)]).unwrap())[0];
        assert!(failed > 0 && failed < 15, "{failed} {metering:?}");
    }
}

#[test]
fn a_loop_of_host_calls_fits_a_small_native_stack() {
    const CALLS: &str = r#"(module (import "host" "wait" (func $wait (param i32) (result i32)))
        (table funcref (elem $wait)) (type $t (func (param i32) (result i32)))
        (func (export "direct") (param $count i32)
            (loop $again
                (drop (call $wait (i32.const 0)))
                (local.set $count (i32.sub (local.get $count) (i32.const 1)))
                (br_if $again (local.get $count))))
        (func (export "indirect") (param $count i32)
            (loop $again
                (drop (call_indirect (type $t) (i32.const 0) (i32.const 0)))
                (local.set $count (i32.sub (local.get $count) (i32.const 1)))
                (br_if $again (local.get $count)))))"#;
    for metering in [Metering::On, Metering::Off] {
        if metering == Metering::Off && !cfg!(feature = "unmetered") {
            continue;
        }
        for name in ["direct", "indirect"] {
            let mut guest = Guest::with(CALLS, &Limits::server(), metering).unwrap();
            guest.run(name, &[Val::I32(1)]).unwrap();
            let run = move || guest.run(name, &[Val::I32(1_000_000)]).map(drop);
            std::thread::Builder::new().stack_size(64 << 10).spawn(run).unwrap().join().unwrap().unwrap();
        }
    }
}

/// The interpreter charges for a whole function when it is entered. What leaves native stack behind is paid for when it
/// comes to that, or a recursion would pay on its way down and overflow on its way up.
#[test]
fn what_leaves_native_stack_is_paid_for_at_once() {
    let growths = "(drop (memory.grow (i32.const 3)))".repeat(60);
    let table_growths = "(drop (table.grow (ref.null func) (i32.const 3)))".repeat(60);
    let calls = "(call_indirect (i32.const 0))".repeat(60);
    for work in [growths, table_growths, calls] {
        let text = format!(
            r#"(module (memory 1 2) (table 2 2 funcref) (func $nothing) (elem (i32.const 0) $nothing)
                (func $down (param i32)
                    (if (local.get 0) (then (call $down (i32.sub (local.get 0) (i32.const 1))))) {work})
                (func (export "f") (param i32) (call $down (local.get 0))))"#
        );
        let limits = Limits { slice_fuel: 1_000, ..Limits::server() };
        let mut guest = Guest::with(&text, &limits, Metering::On).unwrap();
        let thread = std::thread::Builder::new().stack_size(64 << 10);
        let run = move || guest.run("f", &[Val::I32(900)]).map(drop);
        thread.spawn(run).unwrap().join().unwrap().unwrap();
    }
}

/// What is spliced into the first code section is not looked for in the second.
#[test]
fn a_second_code_section_is_refused_before_the_first_is_edited() {
    let bytes = [
        &b"\0asm\x01\0\0\0"[..],
        &[0x0a, 0x0a, 0x01, 0x08, 0x00, 0x41, 0x00, 0x40, 0x80, 0x00, 0x1a, 0x0b],
        &[0x0a, 0x04, 0x01, 0x02, 0x00, 0x0b],
    ]
    .concat();
    let error = Module::load(&Engine::new(Metering::On, &Limits::server()), &bytes).err().unwrap();
    assert!(error.is_malformed(), "{error}");
}

/// An export declares a reference, so code may put what is exported into a table.
#[test]
fn what_is_exported_and_named_pays_for_being_called_indirectly() {
    let fuel = |put: &str| {
        let text = format!(
            r#"(module (table 1 funcref) (func $f (export "g") (result i32) (i32.const 7)) (elem (i32.const 0) {put})
                (func (export "f") (param i32) (result i32)
                    (drop (table.get (i32.const 0))) {}
                    (call_indirect (result i32) (i32.const 0))))"#,
            if put.is_empty() { "(table.set (i32.const 0) (ref.func $f))" } else { "" },
        );
        let mut guest = Guest::with(&text, &Limits::server(), Metering::On).unwrap();
        let before = guest.store.fuel_spent();
        assert_eq!(guest.run("f", &[Val::I32(0)]).unwrap(), [Value::I32(7)]);
        guest.store.fuel_spent() - before
    };
    assert!(fuel("") >= fuel("$f") && fuel("$f") > 32);
}

/// There is no type; the one of what calls the start function would be it.
#[test]
fn what_is_invalid_stays_invalid_where_a_start_function_is_called() {
    for start in [&[][..], &[8, 1, 0]] {
        let bytes = [&b"\0asm\x01\0\0\0"[..], &[3, 2, 1, 0], start, &[10, 4, 1, 2, 0, 0x0b]].concat();
        assert!(Module::load(&Engine::new(Metering::On, &Limits::server()), &bytes).is_err(), "{start:?}");
    }
}

/// However much of it was in the interpreter's hands.
#[test]
fn who_runs_out_of_fuel_has_spent_all_of_it() {
    for slice_fuel in [50, 100, 1_000, 100_000] {
        for fuel in 1_040..1_050 {
            let limits = Limits { slice_fuel, ..Limits::server() };
            let mut guest =
                Guest::with("(module (func (export \"f\") (loop (br 0))))", &limits, Metering::On).unwrap();
            guest.store.set_fuel(fuel).unwrap();
            let before = guest.store.fuel_spent();
            assert_eq!(guest.run("f", &[]).unwrap_err(), Fault::Trap(Trap::OutOfFuel));
            assert_eq!(guest.store.fuel_spent() - before, fuel, "slices of {slice_fuel}");
        }
    }
}

/// Other work of a host's does: it takes longer for what it costs.
#[cfg(feature = "component")]
#[test]
fn what_is_moved_between_guests_ends_no_slice_sooner() {
    use crate::engine::store::{counter, set_counter};

    let mut guest = Guest::with("(module)", &Limits::server(), Metering::On).unwrap();
    guest.store.set_fuel(10_000).unwrap();
    set_counter(&mut guest.store.caller().context, 1_000);
    let left = guest.store.fuel_left();
    guest.store.caller().charge_moved(1_600).unwrap();
    assert_eq!((counter(&guest.store.caller().context), left - guest.store.fuel_left()), (900, 100));
    guest.store.caller().charge(100).unwrap();
    assert_eq!((counter(&guest.store.caller().context), left - guest.store.fuel_left()), (400, 200));
}

/// The interpreter stops in the middle of growing a table without noting where.
#[test]
fn a_table_that_outgrows_its_slice_grows_once() {
    let text = r#"(module (table $t 1 funcref) (memory 1)
        (func $spin (param $n i32)
            (loop $l (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $l (local.get $n))))
        (func (export "f") (param $n i32) (result i32) (local $k f64)
            (call $spin (local.get $n))
            (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
            (local.set $k (f64.add (local.get $k) (f64.const 7)))
            (f64.add (local.get $k) (f64.const 0.5))
            (table.grow $t (ref.null func) (i32.const 900))
            (i32.mul (i32.load (i32.const 0)))
            (i32.add (i32.trunc_f64_s (f64.mul (f64.const 10) (local.get $k)))) (local.set $n)
            (i32.add (i32.trunc_f64_s) (local.get $n))))"#;
    let limits = Limits { slice_fuel: 500, ..Limits::server() };
    for spin in 1..200 {
        let mut guest = Guest::with(text, &limits, Metering::On).unwrap();
        let results = guest.run("f", &[Val::I32(spin)]).unwrap();
        assert_eq!(results, [Value::I32(78)], "{spin}");
    }
}

/// Nothing was called before: what is paid with is the first call. A slice may hold the one or the other, and neither.
#[test]
fn what_a_table_costs_to_grow_does_not_depend_on_slices() {
    let text = r#"(module (table $t 1 externref)
        (func (export "f") (param $n i32) (result i32)
            (drop (table.grow $t (ref.null extern) (local.get $n)))
            (drop (table.grow $t (ref.null extern) (local.get $n)))
            (table.size $t)))"#;
    for added in [1, 100, 3_000, 30_000] {
        let grow = |slice_fuel| {
            let mut guest =
                Guest::with(text, &Limits { slice_fuel, ..Limits::server() }, Metering::On).unwrap();
            guest.store.set_fuel(10_000).unwrap();
            let results = guest.run("f", &[Val::I32(added)]).unwrap();
            assert_eq!(results, [Value::I32(2 * added + 1)], "{added} in slices of {slice_fuel}");
            guest.store.fuel_spent()
        };
        let whole = grow(u64::MAX);
        for slice_fuel in (1..700).step_by(3).chain([1_900, 2_000, 5_000]) {
            assert_eq!(grow(slice_fuel), whole, "{added} in slices of {slice_fuel}");
        }
    }
}

/// The last byte of these constants looks like the opcode of a block.
#[test]
fn growth_is_found_behind_any_constant() {
    for pages in [258, 386, 514] {
        let text = format!(
            r#"(module (memory 1 2) (func (export "f") (param i32) {}))"#,
            format!("(drop (memory.grow (i32.const {pages})))").repeat(20_000),
        );
        let mut guest = Guest::with(&text, &Limits::server(), Metering::On).unwrap();
        let thread = std::thread::Builder::new().stack_size(64 << 10);
        let run = move || guest.run("f", &[Val::I32(0)]).map(drop);
        thread.spawn(run).unwrap().join().unwrap().unwrap();
    }
}

#[test]
fn a_start_section_out_of_place_is_refused() {
    let head = [&b"\0asm\x01\0\0\0"[..], &[1, 4, 1, 0x60, 0, 0], &[3, 2, 1, 0]].concat();
    let (start, code) = ([8, 1, 0], [10, 4, 1, 2, 0, 0x0b]);
    let load = |sections: &[&[u8]]| {
        Module::load(&Engine::new(Metering::On, &Limits::server()), &[&head[..], &sections.concat()].concat())
    };
    assert!(load(&[&start, &code]).is_ok());
    for sections in
        [&[&code[..], &start][..], &[&start, &start, &code], &[&[8, 2, 0, 0], &code], &[&code, &code]]
    {
        assert!(load(sections).err().is_some_and(|error| error.is_malformed()), "{sections:?}");
    }
}

#[test]
fn what_an_instance_begins_with_is_paid_for() {
    let mut guest = Guest::new("(module (memory 100) (table 100000 funcref) (func (export \"f\")))");
    assert!(guest.store.fuel_spent() >= (100 << 16) / 64 + 100_000 / 8);
    guest.run("f", &[]).unwrap();
}

#[test]
fn what_is_invalid_stays_invalid_where_a_table_is_added() {
    // There is no table; the one that growth is sent through would be it.
    let text = r#"(module (type $f (func)) (memory 1)
        (func (drop (memory.grow (i32.const 1))) (call_indirect (type $f) (i32.const 0))))"#;
    let bytes = wat::parse_str(text.replace("(memory 1)", "(memory 1) (table 1 funcref)")).unwrap();
    // The table section, of six bytes, is taken out again.
    let at = bytes.windows(6).position(|window| window == [0x04, 0x04, 0x01, 0x70, 0x00, 0x01]).unwrap();
    let bytes = [&bytes[..at], &bytes[at + 6..]].concat();
    for metering in [Metering::On, Metering::Off] {
        let engine = Engine::new(metering, &Limits::server());
        assert!(Module::load(&engine, &bytes).is_err(), "{metering:?}");
    }
}
