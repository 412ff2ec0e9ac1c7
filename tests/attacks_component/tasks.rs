//! Tasks, streams and futures: every operation in every state, what may not wait, what is given up halfway (A-01, A-03,
//! A-05 to A-12).

use super::{host, load_under, parse, rule, run, run_under};
use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
};
use wasmote::{Error, Limits, Rule, Trap, component::Store};

/// A component with the built-ins of streams, futures, sets and tasks; `code` runs in an async function that is lifted
/// with a callback.
pub(super) fn tasks_under(limits: Limits, code: &str) -> Result<(), Error> {
    let mut builtins = vec![
        ("set-new", "waitable-set.new", "(result i32)"),
        ("set-drop", "waitable-set.drop", "(param i32)"),
        ("join", "waitable.join", "(param i32 i32)"),
        ("inc", "backpressure.inc", ""),
        ("dec", "backpressure.dec", ""),
        ("subtask-drop", "subtask.drop", "(param i32)"),
        ("subtask-cancel", "subtask.cancel", "(param i32) (result i32)"),
        ("return", "task.return", ""),
        ("return-one", "task.return (result u32)", "(param i32)"),
        ("cancel", "task.cancel", ""),
        ("error-drop", "error-context.drop", "(param i32)"),
        ("yield", "thread.yield", "(result i32)"),
    ];
    let memory = r#"(memory (core memory $libc "m"))"#;
    let mut text: Vec<(String, String, String)> = builtins
        .drain(..)
        .map(|(name, canon, ty)| (name.to_string(), canon.to_string(), ty.to_string()))
        .collect();
    let mut add = |name: &str, canon: String, ty: &str| text.push((name.to_string(), canon, ty.to_string()));
    add("set-wait", format!("waitable-set.wait {memory}"), "(param i32 i32) (result i32)");
    add("error-new", format!("error-context.new {memory}"), "(param i32 i32) (result i32)");
    for (of, ty) in [("stream", "$stream"), ("future", "$future"), ("lists", "$lists")] {
        let sort = if of == "future" { "future" } else { "stream" };
        let copy =
            if of == "future" { "(param i32 i32) (result i32)" } else { "(param i32 i32 i32) (result i32)" };
        let realloc = r#"(realloc (core func $libc "r"))"#;
        add(&format!("{of}-new"), format!("{sort}.new {ty}"), "(result i64)");
        add(&format!("{of}-read"), format!("{sort}.read {ty} async {memory} {realloc}"), copy);
        add(&format!("{of}-write"), format!("{sort}.write {ty} async {memory}"), copy);
        add(
            &format!("{of}-cancel-read"),
            format!("{sort}.cancel-read {ty} async"),
            "(param i32) (result i32)",
        );
        add(
            &format!("{of}-cancel-write"),
            format!("{sort}.cancel-write {ty} async"),
            "(param i32) (result i32)",
        );
        add(&format!("{of}-drop-readable"), format!("{sort}.drop-readable {ty}"), "(param i32)");
        add(&format!("{of}-drop-writable"), format!("{sort}.drop-writable {ty}"), "(param i32)");
    }
    let defined: String =
        text.iter().map(|(name, canon, _)| format!("(core func ${name} (canon {canon}))")).collect();
    let imports: String =
        text.iter().map(|(name, _, ty)| format!("(import \"\" \"{name}\" (func ${name} {ty}))")).collect();
    let exports: String =
        text.iter().map(|(name, ..)| format!("(export \"{name}\" (func ${name}))")).collect();
    run_under(
        limits,
        &format!(
            r#"(component
                (import "never" (func $never async))
                (type $stream (stream u8)) (type $future (future u8)) (type $lists (stream (list u8)))
                (core module $libc (memory (export "m") 1)
                    (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
                (core instance $libc (instantiate $libc))
                {defined}
                (core func $never (canon lower (func $never) async))
                (core module $m {imports} (import "" "never" (func $never (result i32)))
                    (func (export "callback") (param i32 i32 i32) (result i32) unreachable)
                    (func (export "run") (result i32) (local $a i64) (local $b i64) (local $h i32) (local $n i32)
                        {code}))
                (core instance $m (instantiate $m (with "" (instance {exports} (export "never" (func $never))))))
                (func (export "run") async (canon lift (core func $m "run") async
                    (callback (core func $m "callback")))))"#
        ),
    )
}

pub(super) fn tasks(code: &str) -> Result<(), Error> {
    tasks_under(Limits::server(), code)
}

pub(super) const DONE: &str = "(call $return) (i32.const 0)";

/// What an operation on an end of a stream or future needs: which end that is, and how it is said that another is not.
const OPERATIONS: [(&str, usize); 6] = [
    ("read", 0),
    ("write", 1),
    ("cancel-read", 0),
    ("cancel-write", 1),
    ("drop-readable", 0),
    ("drop-writable", 1),
];

/// The handles that are tried, by number: both ends, an end of the other sort of channel, nothing, and none.
const ENDS: [u32; 5] = [1, 2, 3, 0, 99];

/// What an end is doing, as far as one operation before can have brought it.
#[derive(Clone, Copy, PartialEq)]
enum Doing {
    Nothing,
    /// It has begun something, which has not ended or was not told of its end.
    Something,
    Gone,
}

/// What an operation comes to (`CanonicalABI.md`, "canon stream.{read,write}" and what follows), and the state after it.
fn expected(of: &'static str, state: &mut [Doing; 2], operation: (&str, usize), end: u32) -> Option<Rule> {
    let (name, wanted) = operation;
    let is_channel = (1..=4).contains(&end);
    if !is_channel || end < 3 && state[end as usize - 1] == Doing::Gone {
        return Some(Rule::UnknownHandle(end));
    }
    if end != wanted as u32 + 1 {
        return Some(Rule::HandleSort(match (of, wanted) {
            ("stream", 0) => "a readable end of a stream",
            ("stream", _) => "a writable end of a stream",
            (_, 0) => "a readable end of a future",
            _ => "a writable end of a future",
        }));
    }
    let (this, other) = (state[wanted], state[1 - wanted]);
    match (name, this) {
        ("read" | "write", Doing::Something) => return Some(Rule::ConcurrentCopy),
        // Where the other end waits or is gone it is over at once; what then follows is no matter here.
        ("read" | "write", _) if other == Doing::Nothing => state[wanted] = Doing::Something,
        ("read" | "write", _) => {}
        ("cancel-read" | "cancel-write", Doing::Something) => state[wanted] = Doing::Nothing,
        ("cancel-read" | "cancel-write", _) => return Some(Rule::NothingToCancel),
        ("drop-readable", Doing::Something) => return Some(Rule::RemoveBusy(of)),
        ("drop-writable", Doing::Something) => return Some(Rule::DropBusy(of)),
        ("drop-writable", _) if of == "future" => return Some(Rule::FutureUnwritten),
        _ => state[wanted] = Doing::Gone,
    }
    None
}

#[test]
fn every_operation_on_every_end_in_every_state_answers() {
    let operation = |of: &str, name: &str, end: u32| match (of, name) {
        ("stream", "read" | "write") => {
            format!("(drop (call $stream-{name} (i32.const {end}) (i32.const 8) (i32.const 4)))")
        }
        (_, "read" | "write") => format!("(drop (call ${of}-{name} (i32.const {end}) (i32.const 8)))"),
        (_, "cancel-read" | "cancel-write") => format!("(drop (call ${of}-{name} (i32.const {end})))"),
        _ => format!("(call ${of}-{name} (i32.const {end}))"),
    };
    for (of, other) in [("stream", "future"), ("future", "stream")] {
        let mut before = vec![None];
        before.extend(OPERATIONS.iter().flat_map(|operation| [Some((*operation, 1)), Some((*operation, 2))]));
        for before in before {
            for last in OPERATIONS {
                for end in ENDS {
                    let mut state = [Doing::Nothing; 2];
                    let first = before.and_then(|(name, at)| expected(of, &mut state, name, at));
                    let rule = first.or_else(|| expected(of, &mut state, last, end));
                    let before_text =
                        before.map_or(String::new(), |((name, _), end)| operation(of, name, end));
                    let code = format!(
                        "(drop (call ${of}-new)) (drop (call ${other}-new)) {before_text} {} {DONE}",
                        operation(of, last.0, end)
                    );
                    let found = tasks(&code).map_err(|error| error.trap());
                    let wanted = rule.map_or(Ok(()), |rule| Err(Some(Trap::Component(rule))));
                    assert_eq!(found, wanted, "{code}");
                }
            }
        }
    }
}

#[test]
fn counters_and_copies_within_one_component_are_checked() {
    let flood = "(loop (call $inc) (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get $n) (i32.const 70000))))";
    assert_eq!(rule(tasks(&format!("{flood} {DONE}"))), Rule::Backpressure);
    assert_eq!(rule(tasks(&format!("(call $dec) {DONE}"))), Rule::Backpressure);
    let copy = "(local.set $a (call $lists-new))
        (drop (call $lists-read (i32.wrap_i64 (local.get $a)) (i32.const 8) (i32.const 1)))
        (drop (call $lists-write (i32.wrap_i64 (i64.shr_u (local.get $a) (i64.const 32))) (i32.const 8) (i32.const 1)))";
    assert_eq!(rule(tasks(&format!("{copy} {DONE}"))), Rule::IntraComponentCopy);
    let huge = "(local.set $a (call $stream-new))
        (drop (call $stream-read (i32.wrap_i64 (local.get $a)) (i32.const 0) (i32.const -1)))";
    assert_eq!(rule(tasks(&format!("{huge} {DONE}"))), Rule::CopyTooBig);
    let outside = "(local.set $a (call $stream-new))
        (drop (call $stream-read (i32.wrap_i64 (local.get $a)) (i32.const 65536) (i32.const 1)))";
    assert_eq!(rule(tasks(&format!("{outside} {DONE}"))), Rule::PointerOutOfBounds);
}

#[test]
fn a_task_returns_exactly_once_and_what_its_type_says() {
    tasks(DONE).unwrap();
    assert_eq!(rule(tasks("(call $return) (call $return) (i32.const 0)")), Rule::ResolvedTwice);
    assert_eq!(rule(tasks("(i32.const 0)")), Rule::NoResult);
    assert_eq!(rule(tasks("(call $return-one (i32.const 1)) (i32.const 0)")), Rule::TaskReturnInvalid);
    assert_eq!(rule(tasks("(call $cancel) (i32.const 0)")), Rule::NotCancelled);
    assert_eq!(rule(tasks("(call $return) (i32.const 7)")), Rule::CallbackCode);
}

/// A task waits for a set, which another of its instance drops.
fn dropped_while_waited_for() -> Result<(), Error> {
    run(r#"(component
            (component $waits
                (core func $new (canon waitable-set.new))
                (core func $drop (canon waitable-set.drop))
                (core module $m
                    (import "" "new" (func $new (result i32))) (import "" "drop" (func $drop (param i32)))
                    (global $set (mut i32) (i32.const 0))
                    (func (export "wait") (result i32)
                        (global.set $set (call $new))
                        (i32.or (i32.const 2) (i32.shl (global.get $set) (i32.const 4))))
                    (func (export "callback") (param i32 i32 i32) (result i32) unreachable)
                    (func (export "end") (call $drop (global.get $set))))
                (core instance $m (instantiate $m (with "" (instance
                    (export "new" (func $new)) (export "drop" (func $drop))))))
                (func (export "wait") async
                    (canon lift (core func $m "wait") async (callback (core func $m "callback"))))
                (func (export "end") (canon lift (core func $m "end"))))
            (component $ends
                (import "wait" (func $wait async)) (import "end" (func $end))
                (core func $wait (canon lower (func $wait) async)) (core func $end (canon lower (func $end)))
                (core module $m (import "" "wait" (func $wait (result i32))) (import "" "end" (func $end))
                    (func (export "run") (drop (call $wait)) (call $end)))
                (core instance $m (instantiate $m (with "" (instance
                    (export "wait" (func $wait)) (export "end" (func $end))))))
                (func (export "run") (canon lift (core func $m "run"))))
            (instance $waits (instantiate $waits))
            (instance $ends (instantiate $ends (with "wait" (func $waits "wait")) (with "end" (func $waits "end"))))
            (export "run" (func $ends "run")))"#)
}

#[test]
fn waiting_for_nothing_is_a_deadlock() {
    let set = "(local.set $h (call $set-new))";
    assert_eq!(
        rule(tasks(&format!("{set} (drop (call $set-wait (local.get $h) (i32.const 0))) {DONE}"))),
        Rule::Deadlock
    );
    let wait = format!("{set} (i32.or (i32.const 2) (i32.shl (local.get $h) (i32.const 4)))");
    assert_eq!(rule(tasks(&wait)), Rule::Deadlock);
    let joined = format!(
        "{set} (local.set $a (call $stream-new)) (call $join (i32.wrap_i64 (local.get $a)) (local.get $h))
        (call $set-drop (local.get $h)) {DONE}"
    );
    assert_eq!(rule(tasks(&joined)), Rule::SetNotEmpty);
    assert_eq!(rule(dropped_while_waited_for()), Rule::SetHasWaiters);
    // A set is no waitable: it can be in none, itself included.
    let cycle = format!("{set} (call $join (local.get $h) (local.get $h)) {DONE}");
    assert!(matches!(rule(tasks(&cycle)), Rule::HandleSort(_)));
}

#[test]
fn floods_of_subtasks_and_error_contexts_meet_the_limit_of_handles() {
    let limits = Limits { handles: 500, ..Limits::server() };
    let flood = |call: &str| {
        let code = format!(
            "(loop {call} (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if 0 (i32.lt_u (local.get $n) (i32.const 1000000)))) {DONE}"
        );
        tasks_under(limits, &code).unwrap_err().trap()
    };
    assert_eq!(flood("(drop (call $never))"), Some(Trap::Handles));
    assert_eq!(flood("(drop (call $error-new (i32.const 0) (i32.const 60000)))"), Some(Trap::Handles));
    assert_eq!(flood("(drop (call $set-new))"), Some(Trap::Handles));
    assert_eq!(flood("(drop (call $future-new))"), Some(Trap::Handles));
}

/// A function of a synchronous type, and a start function, that run this code.
pub(super) fn sync(code: &str, is_start: bool) -> Result<(), Error> {
    let (start, body) = if is_start { ("(start $go)", "") } else { ("", "(call $go)") };
    run(&format!(
        r#"(component
            (import "never" (func $never))
            (core func $never (canon lower (func $never)))
            (core func $yield (canon thread.yield))
            (core func $set-new (canon waitable-set.new))
            (core module $libc (memory (export "m") 1))
            (core instance $libc (instantiate $libc))
            (core func $wait (canon waitable-set.wait (memory (core memory $libc "m"))))
            (core module $m (import "" "never" (func $never)) (import "" "yield" (func $yield (result i32)))
                (import "" "set-new" (func $set-new (result i32)))
                (import "" "wait" (func $wait (param i32 i32) (result i32)))
                (func $go {code}) {start} (func (export "run") {body}))
            (core instance $m (instantiate $m (with "" (instance (export "never" (func $never))
                (export "yield" (func $yield)) (export "set-new" (func $set-new)) (export "wait" (func $wait))))))
            (func (export "run") (canon lift (core func $m "run"))))"#
    ))
}

#[test]
fn what_must_not_wait_is_ended() {
    for is_start in [false, true] {
        let wait = "(drop (call $wait (call $set-new) (i32.const 0)))";
        assert_eq!(rule(sync(wait, is_start)), Rule::CannotBlock, "{is_start}");
    }
    assert_eq!(rule(sync("(call $never)", true)), Rule::CannotBlock);
    // To give others a turn is no waiting; but there is nobody yet who could go on with a start function.
    sync("(drop (call $yield))", false).unwrap();
    assert_eq!(rule(sync("(drop (call $yield))", true)), Rule::CannotBlock);
}

/// A guest whose `realloc` takes its time, and counts what it was asked for and what then arrived.
const SLOW_REALLOC: &str = r#"(component
    (core func $cancel (canon subtask.cancel))
    (core module $m
        (import "" "cancel" (func $cancel (param i32) (result i32)))
        (memory (export "m") 1)
        (global $asked (mut i32) (i32.const 0))
        (global $taken (mut i32) (i32.const 0))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $n i32)
            (global.set $asked (i32.add (global.get $asked) (i32.const 1)))
            (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 300))))
            (if (i32.eq (local.get 3) (i32.const 7)) (then (drop (call $cancel (i32.const 1)))))
            (i32.const 64))
        (func (export "take") (param i32 i32)
            (if (i32.ne (i32.load8_u (local.get 0)) (i32.const 120)) (then unreachable))
            (global.set $taken (i32.add (global.get $taken) (i32.const 1))))
        (func (export "counts") (result i32)
            (i32.add (i32.mul (global.get $asked) (i32.const 100)) (global.get $taken))))
    (core instance $m (instantiate $m (with "" (instance (export "cancel" (func $cancel))))))
    (func (export "take") (param "s" string)
        (canon lift (core func $m "take") (memory (core memory $m "m")) (realloc (core func $m "realloc"))))
    (func (export "counts") (result u32) (canon lift (core func $m "counts"))))"#;

/// A-03: nothing stands still in the middle of realloc, so a call that is given up there has its arguments or does not.
#[test]
fn a_call_that_is_given_up_while_realloc_runs_is_whole_or_not_there() {
    let limits = Limits { slice_fuel: 40, ..Limits::server() };
    let component = load_under(limits, &parse(SLOW_REALLOC)).unwrap();
    let start = || {
        let mut store = Store::new(component.engine(), ());
        let instance = host(component.engine()).instantiate(&mut store, &component).unwrap();
        let take = instance.get_typed_func::<(&str,), ()>(&store, "take").unwrap();
        let counts = instance.get_typed_func::<(), (u32,)>(&store, "counts").unwrap();
        (store, take, counts)
    };
    let mut ended = false;
    for polls in 0.. {
        let (mut store, take, counts) = start();
        {
            let mut call = pin!(take.call_async(&mut store, ("x",)));
            for _ in 0..polls {
                ended = call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            }
        }
        // What was left behind goes on before the next call does.
        let next = take.call(&mut store, ("x",));
        let (counted,) = counts.call(&mut store, ()).unwrap();
        assert!(next.is_ok(), "{polls}: {next:?}");
        assert_eq!(counted / 100, counted % 100, "{polls}: {counted}");
        if ended {
            assert_eq!(counted, 202);
            break;
        }
        assert!(polls < 1_000);
    }
    // What asks for a cancellation there is told that it may not.
    let (mut store, take, _) = start();
    assert_eq!(rule(take.call(&mut store, ("xxxxxxx",))), Rule::CannotLeave);
}
