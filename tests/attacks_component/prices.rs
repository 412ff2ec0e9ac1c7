//! What costs the host something costs the guest something, before it is done.

use super::{tasks::sync, *};
use std::{
    fmt::Write,
    sync::atomic::{AtomicU32, Ordering},
};

/// Fuel that a call of the export `run` takes.
#[track_caller]
fn fuel(text: &str) -> u64 {
    let component = load(&parse(text)).unwrap();
    let mut store = Store::new(component.engine(), ());
    let instance = host(component.engine()).instantiate(&mut store, &component).unwrap();
    let before = store.fuel_spent();
    let func = instance.get_func(&store, "run").unwrap();
    func.call(&mut store, &[], &mut vec![Val::Bool(false); func.result_count()]).unwrap();
    store.fuel_spent() - before
}

fn times(count: usize, text: &str) -> String {
    text.repeat(count)
}

#[test]
fn each_definition_is_paid_for_in_each_instance() {
    let text = format!(
        "(component (component $c {}) {})",
        times(3_000, "(core func (canon backpressure.inc))"),
        times(100, "(instance (instantiate $c))")
    );
    let component = load(&parse(&text)).unwrap();
    let mut store = Store::new(component.engine(), ());
    let error = host(component.engine()).instantiate(&mut store, &component).map(drop).unwrap_err();
    assert_eq!(error.limit_exceeded().unwrap().limit, "instance_bytes");
}

#[test]
fn a_start_function_that_never_ends_is_ended() {
    assert_eq!(rule(sync("(loop (br 0))", true)), Rule::TooLong);
}

#[test]
fn copies_of_labels_are_counted() {
    let label = "a".repeat(10_000);
    for (ty, is_paid) in [
        (format!("(enum \"{label}\")"), true),
        (format!("(record (field \"{label}\" bool))"), true),
        (format!("(variant (case \"{label}\" u8))"), true),
        ("(enum \"a\")".into(), false),
    ] {
        let text = format!(
            r#"(component
                (type $t' {ty}) (import "t" (type $t (eq $t')))
                (import "take" (func $take (param "x" (list $t))))
                (core module $libc (memory (export "m") 1))
                (core instance $libc (instantiate $libc))
                (core func $take (canon lower (func $take) (memory (core memory $libc "m"))))
                (core module $m (import "" "take" (func $take (param i32 i32)))
                    (func (export "run") (call $take (i32.const 0) (i32.const 2000))))
                (core instance $m (instantiate $m (with "" (instance (export "take" (func $take))))))
                (func (export "run") (canon lift (core func $m "run"))))"#
        );
        let trap = run(&text).err().map(|error| error.trap().unwrap());
        assert_eq!(trap, is_paid.then_some(Trap::HostCallBytes));
    }
}

/// One component passes `value` to another; a type as parameter, and how many of it there are in a list.
fn passing(ty: &str, params: &str, arguments: &str) -> String {
    format!(
        r#"(component
            (component $taker
                (core module $m (memory (export "m") 64)
                    (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 0))
                    (func (export "take") {params}))
                (core instance $m (instantiate $m))
                (func (export "take") (param "x" {ty}) (canon lift (core func $m "take")
                    (memory (core memory $m "m")) (realloc (core func $m "r")))))
            (component $giver
                (import "take" (func $take (param "x" {ty})))
                (core module $libc (memory (export "m") 64))
                (core instance $libc (instantiate $libc))
                (core func $take (canon lower (func $take) (memory (core memory $libc "m"))))
                (core module $m (import "" "take" (func $take {params}))
                    (func (export "run") (call $take {arguments})))
                (core instance $m (instantiate $m (with "" (instance (export "take" (func $take))))))
                (func (export "run") (canon lift (core func $m "run"))))
            (instance $taker (instantiate $taker))
            (instance $giver (instantiate $giver (with "take" (func $taker "take"))))
            (export "run" (func $giver "run")))"#
    )
}

#[test]
fn every_leaf_of_a_value_is_paid_for() {
    const LEAVES: u64 = 2_000;
    let tuple = format!("(tuple{})", times(LEAVES as usize, " bool"));
    let one = fuel(&passing(&tuple, "(param i32)", "(i32.const 0)"));
    assert!(one > LEAVES, "{one}");
    let ten = fuel(&passing(&format!("(list {tuple})"), "(param i32 i32)", "(i32.const 0) (i32.const 10)"));
    assert!(ten > 10 * LEAVES, "{ten}");
    // What always was: one unit for so many bytes that move in bulk.
    let plain = fuel(&passing("(list u8)", "(param i32 i32)", "(i32.const 0) (i32.const 2000)"));
    assert!(plain < LEAVES / 2, "{plain}");
}

#[test]
fn shared_instance_types_count_each_time_they_are_walked_over() {
    let doubled = |first: &str, levels: usize| {
        let mut text = format!("(type $t0 (instance {first}))");
        for n in 1..=levels {
            let inner = format!("(alias outer $root $t{} (type $t))", n - 1);
            write!(
                text,
                r#"(type $t{n} (instance {inner} (export "a" (instance (type $t))) (export "b" (instance (type $t)))))"#
            )
            .unwrap();
        }
        format!("(component $root {text} (import \"i\" (instance $i (type $t{levels}))) MORE)")
    };
    let resources = doubled(r#"(export "r" (type (sub resource)))"#, 12);
    load(&parse(&resources.replace("MORE", ""))).unwrap();
    let again = resources.replace("MORE", &times(100, r#"(alias export $i "a" (instance))"#));
    let error = load(&parse(&again)).map(drop).unwrap_err();
    assert_eq!(error.limit_exceeded().map(|limit| limit.limit), Some("definitions"), "{error}");
    let functions = doubled(r#"(export "f" (func))"#, 18).replace("MORE", "");
    let component = load(&parse(&functions)).unwrap();
    let mut store = Store::new(component.engine(), ());
    let error = host(component.engine()).instantiate(&mut store, &component).map(drop).unwrap_err();
    assert_eq!(error.limit_exceeded().map(|limit| limit.limit), Some("definitions"), "{error}");
}

#[test]
fn the_type_of_a_channel_is_paid_for_where_it_is_looked_at() {
    const LEVELS: usize = 12;
    // Its parts are shared, so it is many times what the file declares.
    let doubled = |levels: usize| {
        let mut text = String::from("(type $t0 u8)");
        for n in 1..=levels {
            write!(text, "(type $t{n} (list (tuple $t{0} $t{0})))", n - 1).unwrap();
        }
        text + &format!("(type $st (stream $t{levels}))")
    };
    let reading = |levels: usize, times: usize| {
        let types = doubled(levels);
        let text = format!(
            r#"(component
                (component $maker
                    {types}
                    (core func $new (canon stream.new $st))
                    (core module $m (import "" "new" (func $new (result i64)))
                        (func (export "open") (result i32) (i32.wrap_i64 (call $new))))
                    (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
                    (func (export "open") (result $st) (canon lift (core func $m "open"))))
                (component $reader
                    {types}
                    (import "open" (func $open (result $st)))
                    (core module $libc (memory (export "m") 1)
                        (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
                    (core instance $libc (instantiate $libc))
                    (core func $open (canon lower (func $open)))
                    (core func $read (canon stream.read $st async
                        (memory (core memory $libc "m")) (realloc (core func $libc "r"))))
                    (core func $cancel (canon stream.cancel-read $st))
                    (core module $m
                        (import "" "open" (func $open (result i32)))
                        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
                        (import "" "cancel" (func $cancel (param i32) (result i32)))
                        (func (export "run") (local $r i32) (local $n i32)
                            (local.set $r (call $open))
                            (loop $again
                                (drop (call $read (local.get $r) (i32.const 0) (i32.const 1)))
                                (drop (call $cancel (local.get $r)))
                                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                                (br_if $again (i32.lt_u (local.get $n) (i32.const {times}))))))
                    (core instance $m (instantiate $m (with "" (instance
                        (export "open" (func $open)) (export "read" (func $read)) (export "cancel" (func $cancel))))))
                    (func (export "run") async (canon lift (core func $m "run"))))
                (instance $maker (instantiate $maker))
                (instance $reader (instantiate $reader (with "open" (func $maker "open"))))
                (export "run" (func $reader "run")))"#
        );
        fuel(&text)
    };
    let (small, large) = (reading(0, 1), reading(LEVELS, 1));
    assert!(large > small + (1 << LEVELS), "{large} against {small}");
    // And only then.
    let (small_often, large_often) = (reading(0, 100), reading(LEVELS, 100));
    assert_eq!(large_often - large, small_often - small);
}

/// Two components: one that offers `block`, `unblock` and `work`, one whose `run` calls them.
fn working(work: &str, poke: &str, run: &str) -> String {
    format!(
        r#"(component
            (component $C
                (core module $libc (memory (export "m") 1))
                (core instance $libc (instantiate $libc))
                (core func $inc (canon backpressure.inc)) (core func $dec (canon backpressure.dec))
                (core func $return (canon task.return))
                (type $stream (stream u8))
                (core func $new (canon stream.new $stream))
                (core func $read (canon stream.read $stream async (memory (core memory $libc "m"))))
                (core func $write (canon stream.write $stream async (memory (core memory $libc "m"))))
                (core func $set-new (canon waitable-set.new)) (core func $join (canon waitable.join))
                (core func $wait (canon waitable-set.wait (memory (core memory $libc "m"))))
                (core module $m
                    (import "" "inc" (func $inc)) (import "" "dec" (func $dec)) (import "" "return" (func $return))
                    (import "" "new" (func $new (result i64)))
                    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
                    (import "" "write" (func $write (param i32 i32 i32) (result i32)))
                    (import "" "set-new" (func $set-new (result i32))) (import "" "join" (func $join (param i32 i32)))
                    (import "" "wait" (func $wait (param i32 i32) (result i32)))
                    (global $set (mut i32) (i32.const 0))
                    (func (export "block") (call $inc) (global.set $set (call $set-new)))
                    (func (export "unblock") (call $dec))
                    (func (export "poke") (local $a i64) (local $r i32) (local $w i32) {poke})
                    (func (export "work") {work}))
                (core instance $m (instantiate $m (with "" (instance (export "inc" (func $inc))
                    (export "dec" (func $dec)) (export "return" (func $return)) (export "new" (func $new))
                    (export "read" (func $read)) (export "write" (func $write)) (export "join" (func $join))
                    (export "set-new" (func $set-new)) (export "wait" (func $wait))))))
                (func (export "block") (canon lift (core func $m "block")))
                (func (export "unblock") (canon lift (core func $m "unblock")))
                (func (export "poke") (canon lift (core func $m "poke")))
                (func (export "work") async (canon lift (core func $m "work") async)))
            (component $A
                (import "block" (func $block)) (import "unblock" (func $unblock)) (import "poke" (func $poke))
                (import "work" (func $work async))
                (core module $libc (memory (export "m") 1))
                (core instance $libc (instantiate $libc))
                (core func $block (canon lower (func $block))) (core func $unblock (canon lower (func $unblock)))
                (core func $poke (canon lower (func $poke))) (core func $work (canon lower (func $work) async))
                (core func $yield (canon thread.yield)) (core func $cancel (canon subtask.cancel))
                (core func $set-new (canon waitable-set.new)) (core func $join (canon waitable.join))
                (core func $wait (canon waitable-set.wait (memory (core memory $libc "m"))))
                (core func $return (canon task.return))
                (core module $m
                    (import "" "block" (func $block)) (import "" "unblock" (func $unblock))
                    (import "" "poke" (func $poke)) (import "" "work" (func $work (result i32)))
                    (import "" "yield" (func $yield (result i32))) (import "" "return" (func $return))
                    (import "" "cancel" (func $cancel (param i32) (result i32)))
                    (import "" "set-new" (func $set-new (result i32))) (import "" "join" (func $join (param i32 i32)))
                    (import "" "wait" (func $wait (param i32 i32) (result i32)))
                    (func (export "run") (local $one i32) (local $two i32) (local $set i32) (local $n i32)
                        {run} (call $return)))
                (core instance $m (instantiate $m (with "" (instance (export "block" (func $block))
                    (export "unblock" (func $unblock)) (export "poke" (func $poke)) (export "work" (func $work))
                    (export "yield" (func $yield)) (export "cancel" (func $cancel)) (export "return" (func $return))
                    (export "set-new" (func $set-new)) (export "join" (func $join)) (export "wait" (func $wait))))))
                (func (export "run") async (canon lift (core func $m "run") async)))
            (instance $C (instantiate $C))
            (instance $A (instantiate $A (with "block" (func $C "block")) (with "unblock" (func $C "unblock"))
                (with "poke" (func $C "poke")) (with "work" (func $C "work"))))
            (export "run" (func $A "run")))"#
    )
}

#[test]
fn a_cancelled_task_at_the_door_passes_its_turn_on() {
    let text = working(
        "(call $return)",
        "",
        "(call $block)
        (local.set $one (i32.shr_u (call $work) (i32.const 4)))
        (local.set $two (i32.shr_u (call $work) (i32.const 4)))
        (drop (call $yield))
        (call $unblock)
        (drop (call $cancel (local.get $one)))
        (local.set $set (call $set-new))
        (call $join (local.get $two) (local.get $set))
        (drop (call $wait (local.get $set) (i32.const 0)))",
    );
    run(&text).unwrap();
}

const WAIT: &str = "(drop (call $wait (global.get $set) (i32.const 0))) (call $return)";

/// Calls `work` so many times, and leaves them waiting.
fn waiters(count: u32) -> String {
    format!(
        "(call $block) (call $unblock)
        (loop (drop (call $work)) (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get $n) (i32.const {count}))))"
    )
}

#[test]
fn stopped_calls_keep_no_more_stacks_than_there_is_memory_for() {
    let limits = Limits { memory_bytes: 8 << 20, stack_bytes: 256 << 10, ..Limits::server() };
    run_under(limits, &working(WAIT, "", &waiters(30))).unwrap();
    assert_eq!(rule(run_under(limits, &working(WAIT, "", &waiters(40)))), Rule::Tasks);
}

#[test]
fn an_event_costs_what_looking_at_it_does() {
    let poke = |set: &str| {
        format!(
            "(local.set $a (call $new)) (local.set $r (i32.wrap_i64 (local.get $a)))
            (local.set $w (i32.wrap_i64 (i64.shr_u (local.get $a) (i64.const 32))))
            (call $join (local.get $w) {set})
            (drop (call $write (local.get $w) (i32.const 0) (i32.const 1)))
            (drop (call $read (local.get $r) (i32.const 8) (i32.const 1)))"
        )
    };
    let run = format!("{} (call $poke)", waiters(200));
    let other = fuel(&working(WAIT, &poke("(call $set-new)"), &run));
    let shared = fuel(&working(WAIT, &poke("(global.get $set)"), &run));
    assert!(shared > other + 700, "{shared} {other}");
}

#[test]
fn messages_of_error_contexts_are_paid_for_by_the_byte() {
    let spent = |length: u32| {
        let text = format!(
            r#"(component
                (core module $libc (memory (export "m") 1)) (core instance $libc (instantiate $libc))
                (core func $new (canon error-context.new (memory (core memory $libc "m"))))
                (core module $m (import "" "new" (func $new (param i32 i32) (result i32)))
                    (func (export "run") (drop (call $new (i32.const 0) (i32.const {length})))))
                (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
                (func (export "run") (canon lift (core func $m "run"))))"#
        );
        fuel(&text)
    };
    assert!(spent(64_000) >= spent(0) + 1_000);
}

#[test]
fn what_waits_for_the_host_costs_a_busy_guest_little() {
    static POLLS: AtomicU32 = AtomicU32::new(0);
    let text = r#"(component
        (import "never" (func $never async))
        (core func $never (canon lower (func $never) async))
        (core module $m (import "" "never" (func $never (result i32)))
            (func (export "run") (local $n i32)
                (loop (drop (call $never)) (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (br_if 0 (i32.lt_u (local.get $n) (i32.const 300))))
                (loop (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (br_if 0 (i32.lt_u (local.get $n) (i32.const 200000))))))
        (core instance $m (instantiate $m (with "" (instance (export "never" (func $never))))))
        (func (export "run") (canon lift (core func $m "run"))))"#;
    let component = load_under(Limits { slice_fuel: 1_000, ..Limits::server() }, &parse(text)).unwrap();
    let mut linker = Linker::<()>::new(component.engine());
    let mut root = linker.root();
    let never = root.func_wrap_poll::<(), ()>("never", |_, _, _| {
        POLLS.fetch_add(1, Ordering::Relaxed);
        Poll::Pending
    });
    never.unwrap();
    let mut store = Store::new(component.engine(), ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    instance.get_typed_func::<(), ()>(&store, "run").unwrap().call(&mut store, ()).unwrap();
    let polls = POLLS.load(Ordering::Relaxed);
    assert!((300..3_000).contains(&polls), "{polls}");
}

#[test]
fn calls_that_nobody_waits_for_leave_nothing_behind() {
    let text = r#"(component
        (import "slow" (func $slow))
        (core func $slow (canon lower (func $slow)))
        (core module $m (import "" "slow" (func $slow)) (func (export "run") (result i32) (call $slow) (i32.const 7)))
        (core instance $m (instantiate $m (with "" (instance (export "slow" (func $slow))))))
        (func (export "run") (result u32) (canon lift (core func $m "run"))))"#;
    let component = load_under(Limits { tasks: 4, ..Limits::server() }, &parse(text)).unwrap();
    let mut linker = Linker::<bool>::new(component.engine());
    let mut root = linker.root();
    let slow = root.func_wrap_poll::<(), ()>("slow", |store, _, _| {
        if *store.data() { Poll::Ready(Ok(())) } else { Poll::Pending }
    });
    slow.unwrap();
    let mut store = Store::new(component.engine(), false);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(), (u32,)>(&store, "run").unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    for _ in 0..20 {
        *store.data_mut() = false;
        let mut call = Box::pin(run.call_async(&mut store, ()));
        assert!(call.as_mut().poll(cx).is_pending());
        drop(call);
        *store.data_mut() = true;
        while store.poll_rest(cx).map(Result::unwrap).is_pending() {}
    }
    assert_eq!(run.call(&mut store, ()).unwrap(), (7,));
}

/// How long `again`, called with `times`, takes after `prepare` was called with `count`: the best of three.
#[track_caller]
fn seconds(text: &str, count: u32, times: u32) -> f64 {
    let component = load_under(Limits { handles: 100_000, ..Limits::server() }, &parse(text)).unwrap();
    let one = || {
        let mut store = Store::new(component.engine(), ());
        let instance = host(component.engine()).instantiate(&mut store, &component).unwrap();
        let prepare = instance.get_typed_func::<(u32,), ()>(&store, "prepare").unwrap();
        let again = instance.get_typed_func::<(u32,), ()>(&store, "again").unwrap();
        prepare.call(&mut store, (count,)).unwrap();
        let start = std::time::Instant::now();
        again.call(&mut store, (times,)).unwrap();
        start.elapsed().as_secs_f64()
    };
    (0..3).map(|_| one()).fold(f64::MAX, f64::min)
}

#[test]
fn a_synchronous_task_gives_way_as_fast_however_many_others_wait() {
    let text = r#"(component
        (component $I
            (core module $M
                (import "" "inc" (func $inc))
                (func (export "close") (call $inc))
                (func (export "enter") (result i32) unreachable)
                (func (export "callback") (param i32 i32 i32) (result i32) unreachable))
            (canon backpressure.inc (core func $inc))
            (core instance $m (instantiate $M (with "" (instance (export "inc" (func $inc))))))
            (func (export "close") (canon lift (core func $m "close")))
            (func (export "enter") async
                (canon lift (core func $m "enter") async (callback (core func $m "callback")))))
        (component $O
            (import "i" (instance $i (export "close" (func)) (export "enter" (func async))))
            (canon lower (func $i "close") (core func $close))
            (canon lower (func $i "enter") async (core func $enter))
            (canon thread.yield (core func $yield))
            (core module $M
                (import "" "close" (func $close)) (import "" "enter" (func $enter (result i32)))
                (import "" "yield" (func $yield (result i32)))
                (func (export "prepare") (param i32)
                    (call $close)
                    (loop (drop (call $enter)) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
                (func (export "again") (param i32)
                    (loop (drop (call $yield)) (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
            (core instance $m (instantiate $M (with "" (instance
                (export "close" (func $close)) (export "enter" (func $enter)) (export "yield" (func $yield))))))
            (func (export "prepare") (param "n" u32) (canon lift (core func $m "prepare")))
            (func (export "again") (param "n" u32) (canon lift (core func $m "again"))))
        (instance $i (instantiate $I))
        (instance $o (instantiate $O (with "i" (instance $i))))
        (export "prepare" (func $o "prepare")) (export "again" (func $o "again")))"#;
    let (few, many) = (seconds(text, 2, 3_000), seconds(text, 4_000, 3_000));
    assert!(many < 8.0 * few, "{many} s against {few} s");
}

#[test]
fn an_event_is_taken_out_as_fast_however_many_there_are() {
    let text = r#"(component
        (type $F (future))
        (canon future.new $F (core func $future))
        (canon future.read $F async (core func $read))
        (canon future.write $F async (core func $write))
        (canon waitable-set.new (core func $new))
        (canon waitable.join (core func $join))
        (core module $M
            (import "" "future" (func $future (result i64)))
            (import "" "read" (func $read (param i32 i32) (result i32)))
            (import "" "write" (func $write (param i32 i32) (result i32)))
            (import "" "new" (func $new (result i32))) (import "" "join" (func $join (param i32 i32)))
            (global $set (mut i32) (i32.const 0)) (global $last (mut i32) (i32.const 0))
            (func (export "prepare") (param i32) (local $ends i64)
                (global.set $set (call $new))
                (loop
                    (local.set $ends (call $future))
                    (global.set $last (i32.wrap_i64 (local.get $ends)))
                    (drop (call $read (global.get $last) (i32.const 0)))
                    (call $join (global.get $last) (global.get $set))
                    (drop (call $write (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i32.const 0)))
                    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
            (func (export "again") (param i32)
                (loop
                    (call $join (global.get $last) (i32.const 0))
                    (call $join (global.get $last) (global.get $set))
                    (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))
        (core instance $m (instantiate $M (with "" (instance
            (export "future" (func $future)) (export "read" (func $read)) (export "write" (func $write))
            (export "new" (func $new)) (export "join" (func $join))))))
        (func (export "prepare") (param "n" u32) (canon lift (core func $m "prepare")))
        (func (export "again") (param "n" u32) (canon lift (core func $m "again"))))"#;
    let (few, many) = (seconds(text, 2, 3_000), seconds(text, 20_000, 3_000));
    assert!(many < 8.0 * few, "{many} s against {few} s");
}

#[test]
fn how_long_a_call_may_run_that_is_not_interrupted_does_not_depend_on_slices() {
    let long = "(loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 300000))))";
    for (start, realloc, post_return) in [(long, "", ""), ("", long, ""), ("", "", long)] {
        let text = format!(
            r#"(component
                (component $taker
                    (core module $m (memory (export "m") 1)
                        (func $start (local $n i32) {start}) (start $start)
                        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $n i32) {realloc} (i32.const 64))
                        (func (export "take") (param i32 i32))
                        (func (export "post") (local $n i32) {post_return}))
                    (core instance $m (instantiate $m))
                    (func (export "take") (param "s" string) (canon lift (core func $m "take") (memory (core memory $m "m"))
                        (realloc (core func $m "realloc")) (post-return (core func $m "post")))))
                (component $giver
                    (import "take" (func $take (param "s" string)))
                    (core module $libc (memory (export "m") 1))
                    (core instance $libc (instantiate $libc))
                    (core func $take (canon lower (func $take) (memory (core memory $libc "m"))))
                    (core module $m (import "" "take" (func $take (param i32 i32)))
                        (func (export "run") (call $take (i32.const 0) (i32.const 8))))
                    (core instance $m (instantiate $m (with "" (instance (export "take" (func $take))))))
                    (func (export "run") (canon lift (core func $m "run"))))
                (instance $taker (instantiate $taker))
                (instance $giver (instantiate $giver (with "take" (func $taker "take"))))
                (export "run" (func $giver "run")))"#
        );
        for slice_fuel in [100, 20_000] {
            let limits = Limits { slice_fuel, uninterrupted_fuel: 10_000_000, ..Limits::server() };
            run_under(limits, &text).unwrap();
            let limits = Limits { uninterrupted_fuel: 500_000, ..limits };
            assert_eq!(rule(run_under(limits, &text)), Rule::TooLong);
        }
    }
}

#[test]
fn host_work_of_a_start_function_counts_as_the_time_that_it_takes() {
    let component = |calls: u32| {
        let text = format!(
            r#"(component
                (import "work" (func $work))
                (core func $work (canon lower (func $work)))
                (core module $m (import "" "work" (func $work))
                    (func $start (local $n i32)
                        (loop
                            (call $work)
                            (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {calls})))))
                    (start $start))
                (core instance (instantiate $m (with "" (instance (export "work" (func $work)))))))"#
        );
        load(&parse(&text)).unwrap()
    };
    let start = |component: &Component| {
        let mut linker = Linker::new(component.engine());
        linker.root().func_wrap("work", |mut store, (): ()| store.charge(10_000)).unwrap();
        let mut store = Store::new(component.engine(), ());
        let started = linker.instantiate(&mut store, component).map(drop);
        (started, store.fuel_spent())
    };
    // Each is 10,000 of the budget, and 320,000 of the 100 million that may be spent in one go.
    let (started, spent) = start(&component(300));
    started.unwrap();
    assert!((3_000_000..3_100_000).contains(&spent), "{spent}");
    let (started, spent) = start(&component(10_000));
    assert_eq!(rule(started), Rule::TooLong);
    assert!((3_000_000..3_200_000).contains(&spent), "{spent}");
}

/// A component that has another take a list of `strings` strings, `times` times, of which each is allocated by a loop of
/// some 3,000 fuel; and that instantiates a module whose start function loops for some 60,000 fuel `starts` times.
fn taking(strings: usize, times: u32, starts: usize) -> String {
    let start = "(core instance (instantiate $S))".repeat(starts);
    format!(
        r#"(component
            (component $taker
                (core module $m (memory (export "m") 4)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $n i32)
                        (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 500))))
                        (i32.const 64))
                    (func (export "take") (param i32 i32)))
                (core instance $m (instantiate $m))
                (func (export "take") (param "s" (list string))
                    (canon lift (core func $m "take") (memory (core memory $m "m")) (realloc (core func $m "realloc")))))
            (core module $S
                (func $start (local $n i32)
                    (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10000)))))
                (start $start))
            {start}
            (component $giver
                (import "take" (func $take (param "s" (list string))))
                (core module $libc (memory (export "m") 1))
                (core instance $libc (instantiate $libc))
                (core func $take (canon lower (func $take) (memory (core memory $libc "m"))))
                (core module $m (import "" "take" (func $take (param i32 i32)))
                    (func (export "run") (local $n i32)
                        (loop
                            (call $take (i32.const 0) (i32.const {strings}))
                            (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {times}))))))
                (core instance $m (instantiate $m (with "" (instance (export "take" (func $take))))))
                (func (export "run") (canon lift (core func $m "run"))))
            (instance $taker (instantiate $taker))
            (instance $giver (instantiate $giver (with "take" (func $taker "take"))))
            (export "run" (func $giver "run")))"#
    )
}

#[test]
fn what_cannot_be_interrupted_counts_together() {
    let limits = Limits { uninterrupted_fuel: 200_000, ..Limits::server() };
    for slice_fuel in [2_000, 20_000] {
        let run = |strings, times, starts| {
            run_under(Limits { slice_fuel, ..limits }, &taking(strings, times, starts))
        };
        // Each call of `realloc` takes little; those of one copy are one stretch, those of many are not.
        run(20, 1, 0).unwrap();
        run(20, 100, 0).unwrap();
        assert_eq!(rule(run(200, 1, 0)), Rule::TooLong);
        // So are the start functions of one component.
        run(1, 1, 2).unwrap();
        assert_eq!(rule(run(1, 1, 8)), Rule::TooLong);
    }
}
