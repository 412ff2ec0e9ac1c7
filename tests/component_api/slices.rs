//! How long a slice of fuel is changes when a call gives way, and nothing that a guest sees.

use super::load;
use core::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
};
use wasmote::{
    Limits, Rule,
    component::{Engine, Features, Linker, Store, StoreContextMut},
};

/// A caller whose script says whom it calls, and a callee that lets one in at a time. What each comes to, it says.
const TAKES_TURNS: &str = r#"(component
    (type $log (func (param "what" u32) (param "a" u32) (param "b" u32)))
    (import "log" (func $log (type $log)))
    (component $callee
        (import "log" (func $log (param "what" u32) (param "a" u32) (param "b" u32)))
        (core func $log (canon lower (func $log)))
        (core func $yield (canon thread.yield))
        (core func $return (canon task.return))
        (core module $m
            (import "" "log" (func $log (param i32 i32 i32)))
            (import "" "yield" (func $yield (result i32)))
            (import "" "return" (func $return))
            (func $work (local $n i32)
                (local.set $n (i32.const 8000))
                (loop $again
                    (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
            (func (export "slow") (param $yields i32)
                (loop $again
                    (call $log (i32.const 1) (i32.const 0) (local.get $yields))
                    (drop (call $yield))
                    (call $work)
                    (br_if $again (local.tee $yields (i32.sub (local.get $yields) (i32.const 1)))))
                (call $log (i32.const 1) (i32.const 1) (i32.const 0)))
            (func (export "quick") (call $log (i32.const 2) (i32.const 0) (i32.const 0)))
            (func (export "rounds") (result i32)
                (call $log (i32.const 3) (i32.const 0) (i32.const 0))
                (call $work)
                (i32.const 1))
            (func (export "callback") (param i32 i32 i32) (result i32)
                (call $work)
                (call $log (i32.const 3) (i32.const 1) (i32.const 0))
                (call $return)
                (i32.const 0)))
        (core instance $m (instantiate $m (with "" (instance
            (export "log" (func $log)) (export "yield" (func $yield)) (export "return" (func $return))))))
        (func (export "slow") async (param "yields" u32) (canon lift (core func $m "slow")))
        (func (export "quick") async (canon lift (core func $m "quick")))
        (func (export "rounds") async
            (canon lift (core func $m "rounds") async (callback (core func $m "callback")))))
    (component $caller
        (import "log" (func $log (param "what" u32) (param "a" u32) (param "b" u32)))
        (import "slow" (func $slow async (param "yields" u32)))
        (import "quick" (func $quick async))
        (import "rounds" (func $rounds async))
        (core module $libc (memory (export "mem") 1))
        (core instance $libc (instantiate $libc))
        (core func $log (canon lower (func $log)))
        (core func $slow (canon lower (func $slow) async (memory (core memory $libc "mem"))))
        (core func $quick (canon lower (func $quick) async (memory (core memory $libc "mem"))))
        (core func $rounds (canon lower (func $rounds) async (memory (core memory $libc "mem"))))
        (core func $blocking (canon lower (func $quick)))
        (core func $new (canon waitable-set.new))
        (core func $wait (canon waitable-set.wait (memory (core memory $libc "mem"))))
        (core func $join (canon waitable.join))
        (core func $drop (canon subtask.drop))
        (core module $m
            (import "" "mem" (memory 1))
            (import "" "log" (func $log (param i32 i32 i32)))
            (import "" "slow" (func $slow (param i32) (result i32)))
            (import "" "quick" (func $quick (result i32)))
            (import "" "rounds" (func $rounds (result i32)))
            (import "" "blocking" (func $blocking))
            (import "" "new" (func $new (result i32)))
            (import "" "wait" (func $wait (param i32 i32) (result i32)))
            (import "" "join" (func $join (param i32 i32)))
            (import "" "drop" (func $drop (param i32)))
            (func $call (param $which i32) (result i32)
                (if (i32.eq (local.get $which) (i32.const 0)) (then (return (call $slow (i32.const 1)))))
                (if (i32.eq (local.get $which) (i32.const 4)) (then (return (call $slow (i32.const 2)))))
                (if (i32.eq (local.get $which) (i32.const 1)) (then (return (call $quick))))
                (if (i32.eq (local.get $which) (i32.const 2)) (then (return (call $rounds))))
                (call $blocking)
                (i32.const 2))
            (func (export "run") (param $script i32)
                (local $set i32) (local $k i32) (local $status i32) (local $event i32) (local $open i32)
                (local.set $set (call $new))
                (loop $calls
                    (local.set $status (call $call (i32.rem_u (local.get $script) (i32.const 5))))
                    (call $log (i32.const 10)
                        (i32.and (local.get $status) (i32.const 15)) (i32.shr_u (local.get $status) (i32.const 4)))
                    (if (i32.ne (local.get $status) (i32.const 2)) (then
                        (call $join (i32.shr_u (local.get $status) (i32.const 4)) (local.get $set))
                        (local.set $open (i32.add (local.get $open) (i32.const 1)))))
                    (local.set $script (i32.div_u (local.get $script) (i32.const 5)))
                    (local.set $k (i32.add (local.get $k) (i32.const 1)))
                    (br_if $calls (i32.lt_u (local.get $k) (i32.const 3))))
                (block $done
                    (loop $events
                        (br_if $done (i32.eqz (local.get $open)))
                        (local.set $event (call $wait (local.get $set) (i32.const 0)))
                        (call $log (i32.add (i32.const 20) (local.get $event))
                            (i32.load (i32.const 0)) (i32.load (i32.const 4)))
                        (br_if $events (i32.ne (i32.load (i32.const 4)) (i32.const 2)))
                        (call $join (i32.load (i32.const 0)) (i32.const 0))
                        (call $drop (i32.load (i32.const 0)))
                        (local.set $open (i32.sub (local.get $open) (i32.const 1)))
                        (br $events)))))
        (core instance $m (instantiate $m (with "" (instance
            (export "mem" (memory $libc "mem")) (export "log" (func $log)) (export "slow" (func $slow))
            (export "quick" (func $quick)) (export "rounds" (func $rounds)) (export "blocking" (func $blocking))
            (export "new" (func $new)) (export "wait" (func $wait)) (export "join" (func $join))
            (export "drop" (func $drop))))))
        (func (export "run") async (param "script" u32) (canon lift (core func $m "run"))))
    (instance $callee (instantiate $callee (with "log" (func $log))))
    (instance $caller (instantiate $caller (with "log" (func $log)) (with "slow" (func $callee "slow"))
        (with "quick" (func $callee "quick")) (with "rounds" (func $callee "rounds"))))
    (export "run" (func $caller "run")))"#;

#[test]
fn guests_are_not_told_how_long_slices_are() {
    let said = |slice_fuel: u64, script: u32| {
        let engine = Engine::new(Features::all(), &Limits { slice_fuel, ..Limits::server() });
        let component = load(&engine, TAKES_TURNS);
        let mut linker = Linker::new(&engine);
        let log = |mut store: StoreContextMut<'_, Vec<(u32, u32, u32)>>, said: (u32, u32, u32)| {
            store.data_mut().push(said);
            Ok(())
        };
        linker.root().func_wrap("log", log).unwrap();
        let mut store = Store::new(&engine, Vec::new());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance.get_typed_func::<(u32,), ()>(&store, "run").unwrap();
        run.call(&mut store, (script,)).unwrap();
        store.run_until_idle().unwrap();
        (store.data().clone(), store.fuel_spent())
    };
    let mut held_back = 0;
    for script in 0..5 * 5 * 5 {
        let whole = said(u64::MAX, script);
        held_back += u32::from(whole.0.iter().any(|(what, status, _)| (*what, *status) == (10, 0)));
        for slice_fuel in [1_000, 20_000] {
            assert_eq!(said(slice_fuel, script), whole, "script {script} in slices of {slice_fuel}");
        }
    }
    assert!(held_back > 0, "no call was ever held back");
}

/// What one component does while it starts, to another: `next` of a number takes so many rounds, and so does destroying
/// what `make` made.
fn starting(start: &str) -> String {
    format!(
        r#"(component
            (component $works
                (core module $m
                    (global $n (mut i32) (i32.const 0))
                    (func $work (param $k i32)
                        (loop (br_if 0 (i32.gt_s (local.tee $k (i32.sub (local.get $k) (i32.const 1))) (i32.const 0))))
                        (global.set $n (i32.add (global.get $n) (i32.const 1))))
                    (func (export "dtor") (param i32) (call $work (local.get 0)))
                    (func (export "next") (param i32) (result i32) (call $work (local.get 0)) (global.get $n)))
                (core instance $m (instantiate $m))
                (type $thing (resource (rep i32) (dtor (core func $m "dtor"))))
                (export $out "thing" (type $thing))
                (core func $new (canon resource.new $thing))
                (func (export "make") (param "k" u32) (result (own $out)) (canon lift (core func $new)))
                (func (export "next") (param "k" u32) (result u32) (canon lift (core func $m "next"))))
            (component $starts
                (import "works" (instance $works
                    (export "thing" (type $thing (sub resource)))
                    (export "make" (func (param "k" u32) (result (own $thing))))
                    (export "next" (func (param "k" u32) (result u32)))))
                (alias export $works "thing" (type $thing))
                (core func $make (canon lower (func $works "make")))
                (core func $next (canon lower (func $works "next")))
                (core func $drop (canon resource.drop $thing))
                (core module $m
                    (import "" "make" (func $make (param i32) (result i32)))
                    (import "" "next" (func $next (param i32) (result i32)))
                    (import "" "drop" (func $drop (param i32)))
                    (memory 1)
                    (global $sum (mut i32) (i32.const 0))
                    (func $start (local $k i32) (local $pages i32) {start})
                    (start $start)
                    (func (export "sum") (result i32) (global.get $sum))
                    (func (export "spin") (result i32) (local $k i32)
                        (loop (br_if 0 (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 5000))))
                        (call $next (i32.const 5000))))
                (core instance $m (instantiate $m (with "" (instance
                    (export "make" (func $make)) (export "next" (func $next)) (export "drop" (func $drop))))))
                (func (export "spin") (result u32) (canon lift (core func $m "spin")))
                (func (export "sum") (result u32) (canon lift (core func $m "sum"))))
            (instance $works (instantiate $works))
            (instance $starts (instantiate $starts (with "works" (instance $works))))
            (func (export "spin") (alias export $starts "spin"))
            (func (export "sum") (alias export $starts "sum")))"#
    )
}

const SUMS: &str = "(global.set $sum (i32.add (global.get $sum) (call $next (local.get $k))))";

#[test]
fn what_starts_calls_others_whatever_slices_are() {
    let calls = format!(
        "(loop
            {SUMS}
            (call $drop (call $make (local.get $k)))
            (br_if 0 (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1500))) (i32.const 10000))))"
    );
    let sum = |slice_fuel: u64| {
        let engine = Engine::new(Features::all(), &Limits { slice_fuel, ..Limits::server() });
        let mut store = Store::new(&engine, ());
        let component = load(&engine, &starting(&calls));
        let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
        let sum = instance.get_typed_func::<(), (u32,)>(&store, "sum").unwrap();
        (sum.call(&mut store, ()).unwrap(), store.fuel_spent())
    };
    let whole = sum(u64::MAX);
    assert_eq!(whole.0, (1 + 3 + 5 + 7 + 9 + 11 + 13,));
    for slice_fuel in [1, 2, 7, 100, 1_000, 20_000] {
        assert_eq!(sum(slice_fuel), whole, "slices of {slice_fuel}");
    }
}

/// Its slices all end in what it calls.
#[test]
fn what_starts_leaves_no_native_stack_behind_for_whom_it_calls() {
    let grows = "(drop (memory.grow (local.get $pages)))".repeat(60);
    let calls = format!(
        "(loop {grows} (drop (call $next (i32.const 4000)))
            (br_if 0 (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 400))))"
    );
    let start = move || {
        let limits = Limits { uninterrupted_fuel: 50_000_000, ..Limits::server() };
        let engine = Engine::new(Features::all(), &limits);
        let component = load(&engine, &starting(&calls));
        Linker::new(&engine).instantiate(&mut Store::new(&engine, ()), &component).map(drop)
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(start).unwrap().join().unwrap().unwrap();
}

#[test]
fn what_starts_for_too_long_in_others_is_ended() {
    let limits = Limits { uninterrupted_fuel: 100_000, ..Limits::server() };
    for slice_fuel in [100, 20_000] {
        let engine = Engine::new(Features::all(), &Limits { slice_fuel, ..limits });
        let component = load(&engine, &starting(&format!("(local.set $k (i32.const 100000)) {SUMS}")));
        let ended = Linker::new(&engine).instantiate(&mut Store::new(&engine, ()), &component);
        assert_eq!(ended.unwrap_err().trap(), Some(Rule::TooLong.into()));
    }
}

#[test]
fn an_instance_is_made_while_a_call_stands_in_the_middle() {
    let engine = Engine::new(Features::all(), &Limits { slice_fuel: 1_000, ..Limits::server() });
    let component = load(&engine, &starting(&format!("(local.set $k (i32.const 10000)) {SUMS}")));
    let linker = Linker::new(&engine);
    for polls in 1..60 {
        let mut store = Store::new(&engine, ());
        let first = linker.instantiate(&mut store, &component).unwrap();
        let spin = first.get_typed_func::<(), (u32,)>(&store, "spin").unwrap();
        {
            // Nobody waits for it any more, wherever it stands: in the one component, or in what that called.
            let mut call = pin!(spin.call_async(&mut store, ()));
            for _ in 0..polls {
                assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
        }
        let second = linker.instantiate(&mut store, &component).unwrap();
        let sum = second.get_typed_func::<(), (u32,)>(&store, "sum").unwrap();
        assert_eq!(sum.call(&mut store, ()).unwrap(), (1,));
        // The call went on, for the next took it along.
        assert_eq!(spin.call(&mut store, ()).unwrap(), (3,));
    }
}
