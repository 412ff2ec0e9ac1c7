//! What is fuzzed of the Component Model.

use crate::types::{Bytes, Defined, Type};
use std::{
    fmt::Write,
    sync::{Arc, Mutex},
    task::Poll,
};
use wasmote::{
    Error, Limits, Trap,
    component::{Component, Engine, Features, Linker, Store, Val},
    engine::Fault,
};

/// What a host function of `async_ops` is called with.
type Guest<'g> = wasmote::component::StoreContextMut<'g, u32>;

fn limits() -> Limits {
    Limits { memory_bytes: 1 << 20, handles: 500, tasks: 200, component_instances: 100, ..Limits::server() }
}

/// A trap is an answer; a broken invariant is none.
fn check(ended: Result<(), Error>) -> bool {
    if let Err(error) = &ended {
        assert!(!matches!(error.trap(), Some(Trap::Bug(_))), "{error}");
    }
    ended.is_ok()
}

/// Any bytes as a component: loaded, and if that works instantiated, and each function it exports called, under a
/// little fuel.
pub fn component_bytes(data: &[u8]) {
    let engine = Engine::new(Features::all(), &limits());
    let Ok(component) = Component::new(&engine, data) else { return };
    let _ = component.imports().chain(component.exports()).map(|(_, text)| text.len()).sum::<usize>();
    let names: Vec<_> = component.exports().map(|(name, _)| name.to_string()).take(16).collect();
    let mut store = Store::new(&engine, ());
    let fuel = 1_000_000;
    if store.set_fuel(fuel).is_err() {
        return;
    }
    let linker = Linker::new(&engine);
    let instance = match linker.instantiate(&mut store, &component) {
        Ok(instance) => instance,
        Err(error) => {
            check(Err(error));
            return;
        }
    };
    for name in names {
        let Ok(func) = instance.get_func(&store, &name) else { continue };
        let mut results = vec![Val::Bool(false); func.result_count()];
        check(func.call(&mut store, &[], &mut results));
    }
    assert!(store.fuel_spent() <= fuel);
}

/// Bytes as a type and a value of it: what a host gives two guests, one behind the other, comes back as it was; through
/// memory, and as flat as it is passed.
pub fn lift_lower(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let encoding = ["utf8", "utf16", "latin1+utf16"];
    let mut encoding = || encoding[usize::from(bytes.below(3))];
    let encodings = [encoding(), encoding()];
    let mut defined = Defined::default();
    let ty = defined.ty(&mut bytes, 3);
    if defined.0.len() > 40 || defined.0.iter().map(String::len).sum::<usize>() > 20_000 {
        return;
    }
    let text = crossing(&ty, &defined, encodings);
    let binary = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let engine = Engine::new(Features::all(), &Limits::server());
    let component = Component::new(&engine, binary).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let seen = Arc::new(Mutex::new(None));
    let mut linker = Linker::new(&engine);
    let see = seen.clone();
    let offered = linker.root().func_new("see", move |_, _, values, _| {
        if let Ok(mut seen) = see.lock() {
            *seen = values.first().cloned();
        }
        Ok(())
    });
    offered.unwrap_or_else(|error| panic!("{error}"));
    let mut store = Store::new(&engine, ());
    let instance =
        linker.instantiate(&mut store, &component).unwrap_or_else(|error| panic!("{error}\n{text}"));
    for _ in 0..4 {
        let value = ty.value(&mut bytes, &mut 0);
        let mut params = vec![value.clone(), Val::U8(7), Val::U8(9)];
        params.extend((0..17).map(Val::U64));
        let mut results = [Val::Bool(false)];
        let call = |store: &mut Store<()>, name: &str, params: &[Val], results: &mut [Val]| {
            let func = instance.get_func(&*store, name)?;
            func.call(store, params, results)
        };
        call(&mut store, "through", &params, &mut results).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let expected = Val::Tuple(vec![value.clone(), Val::U8(7), Val::U8(9)]);
        assert_eq!(format!("{:?}", results[0]), format!("{expected:?}"), "{text}");
        call(&mut store, "flat", &params[..1], &mut []).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let seen = seen.lock().map(|mut seen| seen.take());
        assert_eq!(format!("{:?}", seen.ok().flatten()), format!("{:?}", Some(value)), "{text}");
    }
}

/// A component of two: `b` passes on to `a` what it is given.
///
/// `through` has so many parameters that they lie in memory, and its result begins like them: both guests pass on a
/// pointer. `flat` has the value for its only parameter, which `a` passes to the host.
fn crossing(ty: &Type, defined: &Defined, [a, b]: [&str; 2]) -> String {
    let types = defined.0.iter().enumerate().fold(String::new(), |mut text, (at, ty)| {
        let _ = write!(text, "(type $d{at} {ty}) (import \"t{at}\" (type $t{at} (eq $d{at})))");
        text
    });
    let with: String = (0..defined.0.len()).map(|at| format!("(with \"t{at}\" (type $t{at}))")).collect();
    let (flat, value) = (ty.flat(), ty.text());
    let flat = if flat.len() > 16 { vec!["i32"] } else { flat };
    let (params, gets) =
        (flat.join(" "), (0..flat.len()).map(|at| format!("(local.get {at})")).collect::<String>());
    let pads: String = (0..17).map(|at| format!("(param \"p{at}\" u64)")).collect();
    let through = format!(
        "(param \"x\" {value}) (param \"y\" u8) (param \"z\" u8) {pads} (result (tuple {value} u8 u8))"
    );
    let libc = r#"(core module $libc (memory (export "m") 8)
        (global $at (mut i32) (i32.const 131072))
        (func (export "reset") (global.set $at (i32.const 131072)))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $to i32)
            (local.set $to (i32.and (i32.add (global.get $at) (i32.const 15)) (i32.const -16)))
            (memory.copy (local.get $to) (local.get 0) (local.get 1))
            (global.set $at (i32.add (local.get $to) (local.get 3)))
            (local.get $to)))
        (core instance $libc (instantiate $libc))"#;
    let options = |encoding: &str| {
        format!(
            r#"(memory (core memory $libc "m")) (realloc (core func $libc "realloc")) string-encoding={encoding}"#
        )
    };
    let (a, b) = (options(a), options(b));
    format!(
        r#"(component {types} (import "see" (func $see (param "x" {value})))
            (component $a {types} (import "see" (func $see (param "x" {value}))) {libc}
                (core func $see (canon lower (func $see) {a}))
                (core module $m (import "" "see" (func $see (param {params})))
                    (func (export "through") (param i32) (result i32) (local.get 0))
                    (func (export "flat") (param {params}) (call $see {gets})))
                (core instance $m (instantiate $m (with "" (instance (export "see" (func $see))))))
                (func (export "through") {through} (canon lift (core func $m "through") {a}))
                (func (export "flat") (param "x" {value}) (canon lift (core func $m "flat") {a})))
            (component $b {types}
                (import "through" (func $through {through})) (import "flat" (func $flat (param "x" {value}))) {libc}
                (core func $through (canon lower (func $through) {b}))
                (core func $flat (canon lower (func $flat) {b}))
                (core module $m (import "" "through" (func $through (param i32 i32)))
                    (import "" "flat" (func $flat (param {params})))
                    (func (export "through") (param i32) (result i32)
                        (call $through (local.get 0) (i32.const 65536)) (i32.const 65536))
                    (func (export "flat") (param {params}) (call $flat {gets})))
                (core instance $m (instantiate $m (with "" (instance
                    (export "through" (func $through)) (export "flat" (func $flat))))))
                (func (export "through") {through} (canon lift (core func $m "through") {b}))
                (func (export "flat") (param "x" {value}) (canon lift (core func $m "flat") {b})))
            (instance $a (instantiate $a {with} (with "see" (func $see))))
            (instance $b (instantiate $b {with} (with "through" (func $a "through")) (with "flat" (func $a "flat"))))
            (export "through" (func $b "through")) (export "flat" (func $b "flat")))"#
    )
}

/// Built-ins of tasks, sets, streams and futures: name, definition, core parameters and results, one letter each.
const BUILTINS: [(&str, &str, &str, &str); 34] = [
    ("set-new", "waitable-set.new", "", "i"),
    ("set-drop", "waitable-set.drop", "i", ""),
    ("set-wait", "waitable-set.wait MEM", "ia", "i"),
    ("set-poll", "waitable-set.poll MEM", "ia", "i"),
    ("join", "waitable.join", "ii", ""),
    ("inc", "backpressure.inc", "", ""),
    ("dec", "backpressure.dec", "", ""),
    ("subtask-drop", "subtask.drop", "i", ""),
    ("subtask-cancel", "subtask.cancel", "i", "i"),
    ("subtask-cancel-async", "subtask.cancel async", "i", "i"),
    ("return", "task.return (result u32)", "i", ""),
    ("cancel", "task.cancel", "", ""),
    ("yield", "thread.yield", "", "i"),
    ("stream-new", "stream.new $s", "", "I"),
    ("stream-read", "stream.read $s async MEM", "iac", "i"),
    ("stream-write", "stream.write $s async MEM", "iac", "i"),
    ("stream-read-sync", "stream.read $s MEM", "iac", "i"),
    ("stream-write-sync", "stream.write $s MEM", "iac", "i"),
    ("stream-cancel-read", "stream.cancel-read $s async", "i", "i"),
    ("stream-cancel-write", "stream.cancel-write $s", "i", "i"),
    ("stream-drop-readable", "stream.drop-readable $s", "i", ""),
    ("stream-drop-writable", "stream.drop-writable $s", "i", ""),
    ("future-new", "future.new $f", "", "I"),
    ("future-read", "future.read $f async MEM", "ia", "i"),
    ("future-write", "future.write $f async MEM", "ia", "i"),
    ("future-cancel-read", "future.cancel-read $f", "i", "i"),
    ("future-cancel-write", "future.cancel-write $f async", "i", "i"),
    ("future-drop-readable", "future.drop-readable $f", "i", ""),
    ("future-drop-writable", "future.drop-writable $f", "i", ""),
    ("error-new", "error-context.new MEM", "ac", "i"),
    ("error-drop", "error-context.drop", "i", ""),
    ("context-set", "context.set i32 0", "i", ""),
    ("never", "lower (func $never) async", "", "i"),
    ("soon", "lower (func $soon) async", "", "i"),
];

/// Bytes as what three guests do, each with two tasks that can wait for each other: any built-in in any order on any
/// handle. It ends, with a result or a trap.
pub fn async_ops(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let guests: Vec<String> = (0..3).map(|at| guest(at, &mut bytes)).collect();
    let text = format!(
        r#"(component
            (import "never" (func $never async)) (import "soon" (func $soon async))
            {} (instance $g0 (instantiate $g0 (with "never" (func $never)) (with "soon" (func $soon))))
            {} (instance $g1 (instantiate $g1 (with "never" (func $never)) (with "soon" (func $soon))
                (with "work" (func $g0 "work")) (with "give" (func $g0 "give"))))
            {} (instance $g2 (instantiate $g2 (with "never" (func $never)) (with "soon" (func $soon))
                (with "work" (func $g1 "work")) (with "give" (func $g1 "give"))))
            (export "work" (func $g2 "work")) (export "give" (func $g2 "give")))"#,
        guests[0], guests[1], guests[2],
    );
    let binary = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let engine = Engine::new(Features::all(), &limits());
    let component = Component::new(&engine, binary).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut linker = Linker::<u32>::new(&engine);
    let mut root = linker.root();
    let never =
        |_: Guest<'_>, _: &mut std::task::Context<'_>, (): &mut ()| Poll::<Result<(), Fault>>::Pending;
    root.func_wrap_poll("never", never).unwrap_or_else(|error| panic!("{error}"));
    let soon = |mut store: Guest<'_>, cx: &mut std::task::Context<'_>, (): &mut ()| {
        *store.data_mut() += 1;
        cx.waker().wake_by_ref();
        if store.data().is_multiple_of(3) { Poll::Ready(Ok::<(), Fault>(())) } else { Poll::Pending }
    };
    root.func_wrap_poll("soon", soon).unwrap_or_else(|error| panic!("{error}"));
    let mut store = Store::new(&engine, 0);
    let fuel = 300_000;
    store.set_fuel(fuel).unwrap_or_else(|error| panic!("{error}"));
    let instance =
        linker.instantiate(&mut store, &component).unwrap_or_else(|error| panic!("{error}\n{text}"));
    for _ in 0..3 {
        let mut results = [Val::Bool(false)];
        let func = instance.get_func(&store, "work").unwrap_or_else(|error| panic!("{error}"));
        let mut polls = 0;
        let mut call = std::pin::pin!(func.call_async(&mut store, &[Val::U32(1)], &mut results));
        let ended = loop {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            match call.as_mut().poll(&mut cx) {
                Poll::Ready(ended) => break Some(ended),
                // It may wait for what never comes.
                Poll::Pending if polls > 300 => break None,
                Poll::Pending => polls += 1,
            }
        };
        if !ended.is_some_and(check) {
            break;
        }
    }
    assert!(store.fuel_spent() <= fuel);
}

/// A guest that imports the functions of the one before it, and exports the same.
fn guest(at: u8, bytes: &mut Bytes<'_>) -> String {
    let memory = r#"(memory (core memory $libc "m")) (realloc (core func $libc "r"))"#;
    let core = |letters: &str, is_result: bool| {
        let types: Vec<_> = letters.chars().map(|c| if c == 'I' { "i64" } else { "i32" }).collect();
        match (types.is_empty(), is_result) {
            (true, _) => String::new(),
            (_, true) => format!("(result {})", types.join(" ")),
            (_, false) => format!("(param {})", types.join(" ")),
        }
    };
    let mut builtins: Vec<(&str, String, &str, &str)> = BUILTINS
        .iter()
        .map(|(name, canon, params, results)| {
            let with_realloc = canon.contains("read") && canon.contains("MEM");
            let memory = if with_realloc { memory } else { r#"(memory (core memory $libc "m"))"# };
            (*name, canon.replace("MEM", memory), *params, *results)
        })
        .collect();
    let before = at > 0;
    if before {
        let options = format!("async {memory}");
        builtins.push(("work", format!("lower (func $work) {options}"), "ca", "i"));
        builtins.push(("give", format!("lower (func $give) {options}"), "ia", "i"));
        builtins.push(("work-sync", "lower (func $work)".into(), "c", "i"));
    }
    let mut defined = String::new();
    let (mut imports, mut exports) = (String::new(), String::new());
    for (name, canon, params, results) in &builtins {
        let _ = write!(defined, "(core func ${name} (canon {canon}))");
        let (params, results) = (core(params, false), core(results, true));
        let _ = write!(imports, "(import \"\" \"{name}\" (func ${name} {params} {results}))");
        let _ = write!(exports, "(export \"{name}\" (func ${name}))");
    }
    let mut code = |first: bool| {
        let mut text = String::new();
        for _ in 0..bytes.below(12) {
            let (name, _, params, results) = &builtins[usize::from(bytes.byte()) % builtins.len()];
            let arguments: String = params.chars().map(|letter| argument(letter, bytes)).collect();
            let call = format!("(call ${name} {arguments})");
            let _ = match *results {
                "" => write!(text, "{call}"),
                "I" => write!(text, "(call $keep-both {call})"),
                _ => write!(text, "(call $keep {call})"),
            };
        }
        // Where a handle is kept, or what says that it is done, gives way, or waits.
        let _ = match bytes.below(6) {
            0 | 1 if first => write!(text, "(call $return (i32.const 7)) (i32.const 0)"),
            0 | 1 => write!(text, "(i32.const 0)"),
            2 => write!(text, "(i32.const 1)"),
            3 => write!(text, "(i32.const 5)"),
            _ => write!(text, "(i32.or (i32.const 2) (i32.shl {} (i32.const 4)))", argument('i', bytes)),
        };
        text
    };
    let (work, give, callback) = (code(true), code(true), code(false));
    let imported = if before {
        r#"(import "work" (func $work async (param "x" u32) (result u32)))
            (import "give" (func $give async (param "x" (stream u8)) (result u32)))"#
    } else {
        ""
    };
    format!(
        r#"(component $g{at}
            (import "never" (func $never async)) (import "soon" (func $soon async)) {imported}
            (type $s (stream u8)) (type $f (future u32))
            (core module $libc (memory (export "m") 1)
                (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
            (core instance $libc (instantiate $libc))
            {defined}
            (core module $m {imports} (import "libc" "m" (memory 1))
                (global $next (mut i32) (i32.const 0)) (global $rounds (mut i32) (i32.const 0))
                (func $keep (param i32)
                    (i32.store (i32.shl (i32.and (global.get $next) (i32.const 7)) (i32.const 2)) (local.get 0))
                    (global.set $next (i32.add (global.get $next) (i32.const 1))))
                (func $keep-both (param i64)
                    (call $keep (i32.wrap_i64 (local.get 0)))
                    (call $keep (i32.wrap_i64 (i64.shr_u (local.get 0) (i64.const 32)))))
                (func (export "work") (param i32) (result i32) {work})
                (func (export "give") (param i32) (result i32) (call $keep (local.get 0)) {give})
                (func (export "callback") (param i32 i32 i32) (result i32)
                    (global.set $rounds (i32.add (global.get $rounds) (i32.const 1)))
                    (if (i32.gt_u (global.get $rounds) (i32.const 20))
                        (then (call $return (i32.const 8)) (return (i32.const 0))))
                    {callback}))
            (core instance $m (instantiate $m (with "libc" (instance $libc)) (with "" (instance {exports}))))
            (func (export "work") async (param "x" u32) (result u32)
                (canon lift (core func $m "work") async (callback (core func $m "callback"))))
            (func (export "give") async (param "x" (stream u8)) (result u32)
                (canon lift (core func $m "give") async (callback (core func $m "callback")))))"#
    )
}

/// An argument: a handle that was kept or any small number, an address, a count.
fn argument(letter: char, bytes: &mut Bytes<'_>) -> String {
    let byte = bytes.byte();
    match (letter, byte) {
        ('a', 0xf0..) => "(i32.const 65533)".into(),
        ('a', _) => format!("(i32.const {})", 64 + u32::from(byte) * 8),
        ('c', 0xf0..) => "(i32.const -1)".into(),
        ('c', _) => format!("(i32.const {})", byte & 0xf),
        (_, 0xf0..) => "(i32.const -1)".into(),
        (_, 0xc0..) => format!("(i32.const {})", byte & 0xf),
        // What calls answer carries a handle above its state.
        (_, 0x80..) => format!("(i32.shr_u (i32.load (i32.const {})) (i32.const 4))", (byte & 7) * 4),
        _ => format!("(i32.load (i32.const {}))", (byte & 7) * 4),
    }
}
