//! Small programs of tasks, random, run by the library and by the specification's `definitions.py`: what their core code
//! is told, in which order, and how they end, must be the same.
//!
//! A program is three components, of which the later call the earlier. Each has a few functions; each function is a
//! list of segments, the first for the call and the others for its callback; a segment is a list of operations on slots,
//! which the whole component shares, and what the callback returns. Operations pass over slots that have nothing for
//! them, but for a bold few. `schedules.py` has the same operations, and `tasks.wat` has them as core code.

use crate::{Oracle, types::Bytes};
use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config, TestCaseError, TestError, TestRunner},
};
use serde_json::{Value, json};
use std::{cell::RefCell, collections::BTreeMap, fmt::Write};
use wasmote::{
    Limits,
    component::{Component, Engine, Features, Linker, Store, Val},
};

/// The functions of a component: name, parameter, result, core parameter.
const FUNCTIONS: [(&str, &str, &str); 4] = [
    ("(param \"x\" u32)", "u32", "i32"),
    ("(param \"x\" (stream u8))", "u32", "i32"),
    ("", "(stream u8)", ""),
    ("(param \"x\" (future u8))", "u32", "i32"),
];
const SETS: [u32; 2] = [9, 10];
/// So much fuel that no guest is stopped.
const SLICE_ENDLESS: u64 = 1 << 40;

struct Operation(&'static str, Vec<u32>);

struct Segment {
    operations: Vec<Operation>,
    /// What is returned, and the slot of a set.
    end: (&'static str, u32),
}

struct Function {
    is_sync: bool,
    segments: Vec<Segment>,
}

struct Program {
    instances: Vec<Vec<Function>>,
    /// How much fuel a guest has before it is stopped for a while.
    slice_fuel: u64,
}

impl Program {
    fn new(bytes: &mut Bytes<'_>) -> Self {
        // Many schedules are about who goes into an instance when.
        let is_crowded = bytes.below(3) == 2;
        let slice_fuel = if bytes.below(4) == 3 { 500 + u64::from(bytes.byte()) } else { SLICE_ENDLESS };
        let instances = (0..3).map(|at: u8| {
            let functions = if at == 2 { 1 } else { 4 };
            (0..functions).map(|f| Function::new(bytes, f, at, is_crowded)).collect()
        });
        Self { instances: instances.collect(), slice_fuel }
    }

    /// As the script has it.
    fn told(&self) -> Value {
        let segment = |segment: &Segment| {
            let operation = |Operation(name, args): &Operation| {
                let mut told = vec![json!(name)];
                told.extend(args.iter().map(|arg| json!(arg)));
                told
            };
            json!({
                "ops": segment.operations.iter().map(operation).collect::<Vec<_>>(),
                "end": segment.end,
            })
        };
        let function = |function: &Function| {
            json!({
                "sync": function.is_sync,
                "segments": function.segments.iter().map(segment).collect::<Vec<_>>(),
            })
        };
        let instance = |functions: &Vec<Function>| functions.iter().map(function).collect::<Vec<_>>();
        json!({"instances": self.instances.iter().map(instance).collect::<Vec<_>>()})
    }

    /// As a component.
    fn text(&self) -> String {
        let log =
            "(import \"log\" (func $log (param \"tag\" u32) (param \"code\" u32) (param \"value\" u32)))";
        let mut text = format!("(component {log}\n");
        for (tag, functions) in self.instances.iter().enumerate() {
            let _ = writeln!(text, "(component $c{tag} {log}");
            let targets: Vec<_> = (0..tag).rev().collect();
            text += &instance(tag, functions, targets.len());
            let _ = writeln!(text, ")\n(instance $c{tag} (instantiate $c{tag} (with \"log\" (func $log))");
            for (at, target) in targets.iter().enumerate() {
                for f in 0..FUNCTIONS.len() {
                    let _ = writeln!(text, "  (with \"t{at}-f{f}\" (func $c{target} \"f{f}\"))");
                }
            }
            text += "))\n";
        }
        text + "(export \"run\" (func $c2 \"f0\")))"
    }
}

impl Function {
    fn new(bytes: &mut Bytes<'_>, f: u8, instance: u8, is_crowded: bool) -> Self {
        if is_crowded && instance == 1 && bytes.below(4) > 0 {
            return Self::in_the_way(bytes, f);
        }
        let is_sync = instance < 2 && bytes.below(if is_crowded { 16 } else { 5 }) == 4;
        // Who calls a crowd stays until it has gone.
        let stays = is_crowded && instance == 2;
        let most = if instance == 2 { 8 } else { 4 };
        let count = match bytes.below(most) {
            _ if is_sync => 1,
            _ if stays => 8,
            more => 1 + more.max(2 * u8::from(is_crowded)),
        };
        let segments = (0..count).map(|at| {
            let mut operations = Vec::new();
            if (stays && at == 0) || bytes.below(4) > 0 {
                operations.push(Operation("set_new", vec![u32::from(bytes.below(8) == 7 && !stays)]));
            }
            if stays && at == 0 {
                // Two tasks of one function, and between them one of another.
                let first = bytes.below(2);
                for k in 0..3 {
                    let f = 2 * ((k + u32::from(first)) % 2);
                    operations.push(Operation("call", vec![0, f, k, 0, 0]));
                    operations.push(Operation("join", vec![6 + k, SETS[0], 0]));
                }
            }
            for _ in 0..bytes.below(6) / (1 + u8::from(is_crowded)) {
                if is_crowded && bytes.below(4) > 0 {
                    crowd(bytes, instance, at > 0, &mut operations);
                } else {
                    operation(bytes, instance, is_sync, f, &mut operations);
                }
            }
            let is_last = at + 1 == count;
            let end = match bytes.below(8) {
                _ if is_last => ("exit", 0),
                0..=5 if is_crowded && instance < 2 => ("yield", 0),
                0..=6 if stays => ("wait", SETS[0]),
                0..=4 => ("wait", SETS[usize::from(bytes.below(8) == 7)]),
                7 if !stays && bytes.below(2) == 1 => ("exit", 0),
                _ => ("yield", 0),
            };
            // Most tell a result, at the latest in the end.
            let returns = if end.0 == "exit" { 31 } else { 8 * u8::from(!stays) };
            if !is_sync && bytes.below(32) < returns {
                operations.push(Operation("task_return", vec![u32::from(f), 0]));
            }
            Segment { operations, end }
        });
        Self { is_sync, segments: segments.collect() }
    }

    /// A function that yields a few times and then is in others' way: as who keeps the instance while it calls another,
    /// or as who lets them in again only then.
    fn in_the_way(bytes: &mut Bytes<'_>, f: u8) -> Self {
        let holds_back = bytes.below(2) == 1;
        let count = 3 + bytes.below(3);
        let segments = (0..count).map(|at| {
            let mut operations = Vec::new();
            let is_last = at + 1 == count;
            match (holds_back, at, is_last) {
                (true, 0, _) => operations.push(Operation("inc", vec![])),
                (true, _, true) => operations.push(Operation("dec", vec![0])),
                (false, _, true) => call_of_any(bytes, 1, 0, true, &mut operations),
                _ => {}
            }
            if is_last {
                operations.push(Operation("task_return", vec![u32::from(f), 0]));
            }
            Segment { operations, end: (if is_last { "exit" } else { "yield" }, 0) }
        });
        Self { is_sync: false, segments: segments.collect() }
    }
}

/// An operation that has others wait for room in the instance, or for who has it: backpressure that is held when a task
/// begins and let go in its callbacks, and calls, synchronous ones in the middle of callbacks.
fn crowd(bytes: &mut Bytes<'_>, instance: u8, is_callback: bool, into: &mut Vec<Operation>) {
    let mut add = |name, args: &[u32]| into.push(Operation(name, args.to_vec()));
    match bytes.below(8) {
        0..=2 if is_callback => add("dec", &[0]),
        0..=2 => add("inc", &[]),
        3..=6 if instance > 0 => {
            let k = u32::from(bytes.below(3));
            call_of_any(bytes, instance, k, is_callback && instance == 1, into);
        }
        7 => add("give_way", &[]),
        _ => {}
    }
}

/// A call of a function that takes nothing that would have to be there.
fn call_of_any(bytes: &mut Bytes<'_>, instance: u8, k: u32, is_sync: bool, into: &mut Vec<Operation>) {
    // Most calls are of what is next to the caller.
    let target = u32::from(bytes.below(4) / 3).min(u32::from(instance) - 1);
    let f = 2 * u32::from(bytes.below(2));
    into.push(Operation("call", vec![target, f, k, is_sync.into(), 0]));
    if !is_sync {
        into.push(Operation("join", vec![6 + k, SETS[0], 0]));
    }
}

/// One operation, and often that what it began is waited for.
fn operation(bytes: &mut Bytes<'_>, instance: u8, is_sync: bool, f: u8, into: &mut Vec<Operation>) {
    let mut add = |name, args: &[u32]| into.push(Operation(name, args.to_vec()));
    let bold = u32::from(bytes.below(64) == 63);
    let set = SETS[usize::from(bytes.below(8) == 7)];
    let mut below = |count| u32::from(bytes.below(count));
    match below(32) {
        0..=2 => add("new_stream", &[below(2)]),
        3 => add("new_future", &[]),
        4..=9 => {
            let slot = below(6);
            add("copy", &[slot, [0, 1, 2, 3, 5, 8][below(6) as usize], bold]);
            if below(4) > 0 {
                add("join", &[slot, set, 0]);
            }
        }
        10 | 11 => add("cancel_copy", &[below(6), bold]),
        12 | 13 => add("drop_end", &[below(6), bold]),
        14..=19 if instance > 0 => {
            let k = below(3);
            let is_sync = u32::from(below(6) == 5);
            add("call", &[below(instance), below(4), k, is_sync, bold]);
            if below(4) > 0 {
                add("join", &[6 + k, set, 0]);
            }
        }
        20 => add("subtask_cancel", &[below(3), bold]),
        21 => add("subtask_drop", &[below(3), bold]),
        22 => add("join", &[below(9), [0, 9, 10][below(3) as usize], bold]),
        23 => add("set_drop", &[below(2), bold]),
        24 => add("set_poll", &[below(2), bold]),
        25 | 26 => add("set_wait", &[below(2), bold]),
        27 => add("give_way", &[]),
        28 => add("inc", &[]),
        29 => add("dec", &[bold]),
        30 if !is_sync => add("task_return", &[u32::from(f), bold]),
        31 if !is_sync => add("task_cancel", &[bold]),
        _ => {}
    }
}

/// The parts of a component that `targets` others can be called from.
fn instance(tag: usize, functions: &[Function], targets: usize) -> String {
    let mut outer = String::from(include_str!("tasks-outer.wat"));
    let (mut imports, mut given) = (String::new(), String::new());
    let mut code = String::new();
    for target in 0..targets {
        for (f, (params, result, core)) in FUNCTIONS.into_iter().enumerate() {
            let name = format!("t{target}-f{f}");
            let _ = writeln!(
                outer,
                "(import \"{name}\" (func ${name} async {params} (result {result})))
                (core func ${name}-0 (canon lower (func ${name}) async (memory (core memory $mem \"mem\"))))
                (core func ${name}-1 (canon lower (func ${name})))"
            );
            let _ = writeln!(
                imports,
                "(import \"\" \"{name}-0\" (func ${name}-0 (param {core} i32) (result i32)))
                (import \"\" \"{name}-1\" (func ${name}-1 (param {core}) (result i32)))"
            );
            for sync in 0..2 {
                let _ = writeln!(given, "(export \"{name}-{sync}\" (func ${name}-{sync}))");
            }
            code += &calls(&name, f);
        }
    }
    let mut lifts = String::new();
    for (f, function) in functions.iter().enumerate() {
        let (params, result, core) = FUNCTIONS[f];
        for (at, segment) in function.segments.iter().enumerate() {
            let _ = writeln!(code, "(func $segment-{f}-{at} (result i32)");
            for Operation(name, args) in &segment.operations {
                let (name, args) = match (*name, &args[..]) {
                    ("call", [target, f, k, sync, bold]) => {
                        (format!("call-t{target}-f{f}-{sync}"), vec![*k, *bold])
                    }
                    (name, args) => (name.into(), args.to_vec()),
                };
                let args: String = args.iter().map(|arg| format!("(i32.const {arg})")).collect();
                let _ = writeln!(code, "  (call ${name} {args})");
            }
            let how = ["exit", "yield", "wait"].iter().position(|how| *how == segment.end.0).unwrap();
            let _ = writeln!(code, "  (call $end (i32.const {how}) (i32.const {})))", segment.end.1);
        }
        let argument = if core.is_empty() { "(i32.const 0)" } else { "(local.get 0)" };
        let _ = writeln!(code, "(func (export \"f{f}\") (param {core}) (result i32)");
        let _ = writeln!(code, "  (call $begin (i32.const {f}) {argument})");
        let kind = if function.is_sync {
            let _ = writeln!(code, "  (drop (call $segment-{f}-0)) (call $value (i32.const {f})))");
            String::new()
        } else {
            let _ = writeln!(code, "  (call $context.set-0 (i32.const 1)) (call $segment-{f}-0))");
            let _ = writeln!(
                code,
                "(func (export \"cb{f}\") (param i32 i32 i32) (result i32) (local $at i32)
                (local.set $at (call $context.get-0))
                (call $context.set-0 (i32.add (local.get $at) (i32.const 1)))
                (call $event (local.get 0) (local.get 1) (local.get 2))"
            );
            for at in 1..function.segments.len() {
                let _ = writeln!(
                    code,
                    "  (if (i32.eq (local.get $at) (i32.const {at})) (then (return (call $segment-{f}-{at}))))"
                );
            }
            code += "  (i32.const 0))\n";
            format!("async (callback (core func $i \"cb{f}\"))")
        };
        let _ = writeln!(
            lifts,
            "(func (export \"f{f}\") async {params} (result {result}) (canon lift (core func $i \"f{f}\") {kind}))"
        );
    }
    let inner = include_str!("tasks.wat");
    format!(
        "{outer}\n(core module $m\n{imports}{inner}\n(global $tag i32 (i32.const {tag}))\n{code})
        (core instance $i (instantiate $m (with \"b\" (instance $builtins)) (with \"\" (instance {given}))))\n{lifts}"
    )
}

/// Core code that calls one function of another component, asynchronously and not.
fn calls(name: &str, f: usize) -> String {
    let (prepare, argument) = match f {
        0 => ("", "(i32.load (i32.const 772))"),
        2 => ("", ""),
        _ => (
            "(local.set $x (call $take_out (i32.const F) (local.get $bold))) (br_if $no (i32.eq (local.get $x) (i32.const -1)))",
            "(local.get $x)",
        ),
    };
    let prepare = prepare.replace('F', &f.to_string());
    format!(
        "(func $call-{name}-0 (param $k i32) (param $bold i32) (local $x i32)
          (block $no
            (br_if $no (call $h (i32.add (local.get $k) (i32.const 6))))
            {prepare}
            (call $called (i32.const {f}) (local.get $k)
              (call ${name}-0 {argument} (i32.add (i32.const 1024) (i32.shl (local.get $k) (i32.const 4)))))))
        (func $call-{name}-1 (param $k i32) (param $bold i32) (local $x i32)
          (block $no
            {prepare}
            (call $take_result (i32.const {f}) (call ${name}-1 {argument}))))\n"
    )
}

fn run(program: &Program) -> Value {
    let text = program.text();
    let engine = Engine::new(Features::all(), &Limits { slice_fuel: program.slice_fuel, ..Limits::server() });
    let bytes = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let component = Component::new(&engine, bytes).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut linker = Linker::new(&engine);
    let log = |mut cx: wasmote::component::StoreContextMut<'_, Vec<Value>>, said: (u32, u32, u32)| {
        cx.data_mut().push(json!(said));
        Ok(())
    };
    linker.root().func_wrap("log", log).unwrap();
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let function = instance.get_func(&store, "run").unwrap();
    let mut results = [Val::Bool(false)];
    let ended = match function.call(&mut store, &[Val::U32(7)], &mut results) {
        Ok(()) => "returned",
        Err(error) => {
            assert!(matches!(error.trap(), Some(wasmote::Trap::Component(_))), "{error}");
            if error.to_string().contains("deadlock") { "deadlock" } else { "trap" }
        }
    };
    json!({"said": store.data(), "ended": ended})
}

/// Where two runs part, with what was said before.
fn difference(ours: &Value, theirs: &Value) -> String {
    let empty = Vec::new();
    let said = |run: &Value| run["said"].as_array().unwrap_or(&empty).clone();
    let (left, right) = (said(ours), said(theirs));
    let same = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
    let next = |said: &[Value], run: &Value| match said.get(same) {
        Some(_) => json!(said[same..].iter().take(6).collect::<Vec<_>>()),
        None => run["ended"].clone(),
    };
    let before: Vec<_> = left[same.saturating_sub(12)..same].iter().map(ToString::to_string).collect();
    format!("after {}: here {}, there {}", before.join(" "), next(&left, ours), next(&right, theirs))
}

#[test]
fn tasks_are_told_what_the_specification_tells_them() {
    let Some(oracle) = Oracle::new("schedules.py") else { return };
    let oracle = RefCell::new(oracle);
    let cases = std::env::var("WASMOTE_ORACLE_CASES").map_or(400, |cases| cases.parse().expect("a number"));
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, crate::random());
    let counts = RefCell::new(BTreeMap::<String, (u32, usize)>::new());
    let ended = runner.run(&vec(any::<u8>(), 100..1200), |data| {
        let program = Program::new(&mut Bytes::new(&data));
        let theirs = oracle.borrow_mut().ask(&program.told());
        let ours = run(&program);
        // Who calls leaves when it has its result, also in the middle of what a slice of fuel stopped.
        let said = |run: &Value| run["said"].as_array().map_or(&[][..], |said| said).to_vec();
        let is_cut = program.slice_fuel < SLICE_ENDLESS
            && ours["ended"] == "returned"
            && said(&theirs).starts_with(&said(&ours));
        if ours != theirs && !is_cut {
            return Err(TestCaseError::fail(difference(&ours, &theirs)));
        }
        let mut counts = counts.borrow_mut();
        let count = counts.entry(ours["ended"].to_string()).or_default();
        *count = (count.0 + 1, count.1 + ours["said"].as_array().map_or(0, Vec::len));
        Ok(())
    });
    println!("how programs ended, how often, after saying how much: {:?}", counts.borrow());
    if let Err(TestError::Fail(why, data)) = &ended {
        panic!("{why}\n{}", Program::new(&mut Bytes::new(data)).told());
    }
    ended.unwrap();
    assert!(counts.borrow().len() > 1, "all programs ended the same way");
}
