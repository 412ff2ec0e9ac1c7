//! Futures that are dropped midway: what was stopped between two instructions is not entered, and what has not begun
//! never does.

use super::{load, load_under, parse};
use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};
use wasmote::{
    Limits, Rule, Trap,
    component::{Instance, Linker, ResourceAny, Store},
};

/// Many slices, each of which leaves some fuel: what comes next costs more.
const LONG: &str = "(local $n i32)
    (loop
        (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536))
        (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 300))))";

fn poll_once(future: impl Future) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// A store with a component whose destructor and whose `run` note when they begin and when they end, a digit each.
fn noting() -> (Store<()>, Instance) {
    let text = format!(
        r#"(component
            (core module $d
                (memory 1)
                (global $log (mut i32) (i32.const 0))
                (func $note (param $digit i32)
                    (global.set $log (i32.add (i32.mul (global.get $log) (i32.const 10)) (local.get $digit))))
                (func $dtor (export "dtor") (param $rep i32) {LONG}
                    (call $note (i32.add (local.get $rep) (i32.const 4))))
                (func (export "noting-dtor") (param $rep i32)
                    (call $note (local.get $rep))
                    (call $dtor (local.get $rep)))
                (func (export "run") (call $note (i32.const 8)) (call $dtor (i32.const 5)))
                (func (export "log") (result i32) (global.get $log)))
            (core instance $d (instantiate $d))
            (type $r' (resource (rep i32) (dtor (core func $d "noting-dtor"))))
            (export $r "r" (type $r'))
            (core func $new (canon resource.new $r'))
            (func (export "make") (param "rep" u32) (result (own $r)) (canon lift (core func $new)))
            (func (export "run") (canon lift (core func $d "run")))
            (func (export "log") (result u32) (canon lift (core func $d "log"))))"#
    );
    let component = load(&parse(&text)).unwrap();
    let mut store = Store::new(component.engine(), ());
    let instance = Linker::new(component.engine()).instantiate(&mut store, &component).unwrap();
    (store, instance)
}

#[test]
fn a_destructor_does_not_enter_an_instance_that_was_stopped() {
    for (is_run, expected) in [(false, 152_637), (true, 892_637)] {
        let (mut store, instance) = noting();
        let make = instance.get_typed_func::<(u32,), (ResourceAny,)>(&store, "make").unwrap();
        let [(first,), (second,), (third,)] = [1, 2, 3].map(|rep| make.call(&mut store, (rep,)).unwrap());
        if is_run {
            let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
            assert!(!poll_once(run.call_async(&mut store, ())));
        } else {
            assert!(!poll_once(first.resource_drop_async(&mut store)));
        }
        assert!(!poll_once(second.resource_drop_async(&mut store)));
        third.resource_drop(&mut store).unwrap();
        let log = instance.get_typed_func::<(), (u32,)>(&store, "log").unwrap();
        assert_eq!(log.call(&mut store, ()).unwrap(), (expected,));
    }
}

/// A store that says whether the host's gate is open, with a component of which the task of `hold` has the instance
/// until it is, and for long after that.
fn held() -> (Store<bool>, Instance) {
    let text = format!(
        r#"(component
            (import "gate" (func $gate async))
            (core func $gate (canon lower (func $gate)))
            (type $r' (resource (rep i32)))
            (export $r "r" (type $r'))
            (core func $new (canon resource.new $r'))
            (core func $drop (canon resource.drop $r'))
            (core module $m
                (import "" "gate" (func $gate)) (import "" "drop" (func $drop (param i32)))
                (memory 1)
                (global $taken (mut i32) (i32.const 0))
                (func $work {LONG})
                (func (export "hold") (call $gate) (call $work))
                (func (export "take") (param i32)
                    (global.set $taken (i32.add (global.get $taken) (i32.const 1)))
                    (call $drop (local.get 0)))
                (func (export "taken") (result i32) (global.get $taken)))
            (core instance $m (instantiate $m (with "" (instance
                (export "gate" (func $gate)) (export "drop" (func $drop))))))
            (func (export "make") (param "rep" u32) (result (own $r)) (canon lift (core func $new)))
            (func (export "hold") async (canon lift (core func $m "hold")))
            (func (export "take") async (param "x" (own $r)) (canon lift (core func $m "take")))
            (func (export "taken") (result u32) (canon lift (core func $m "taken"))))"#
    );
    let component = load(&parse(&text)).unwrap();
    let mut linker = Linker::<bool>::new(component.engine());
    let gate = linker.root().func_wrap_poll::<(), ()>("gate", |store, _, _| {
        if *store.data() { Poll::Ready(Ok(())) } else { Poll::Pending }
    });
    gate.unwrap();
    let mut store = Store::new(component.engine(), false);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    (store, instance)
}

#[test]
fn a_call_that_was_dropped_before_it_began_never_looks_at_its_arguments() {
    // It waits to be let in, or for what has the instance and was stopped.
    for is_open in [false, true] {
        let (mut store, instance) = held();
        let make = instance.get_typed_func::<(u32,), (ResourceAny,)>(&store, "make").unwrap();
        let hold = instance.get_typed_func::<(), ()>(&store, "hold").unwrap();
        let take = instance.get_typed_func::<(ResourceAny,), ()>(&store, "take").unwrap();
        let [(first,), (second,)] = [1, 2].map(|rep| make.call(&mut store, (rep,)).unwrap());
        assert!(!poll_once(hold.call_async(&mut store, ())));
        *store.data_mut() = is_open;
        assert!(!poll_once(take.call_async(&mut store, (first,))));
        first.resource_drop(&mut store).unwrap();
        *store.data_mut() = true;
        while store.poll_rest(&mut Context::from_waker(Waker::noop())).map(Result::unwrap).is_pending() {}
        take.call(&mut store, (second,)).unwrap();
        let taken = instance.get_typed_func::<(), (u32,)>(&store, "taken").unwrap();
        assert_eq!(taken.call(&mut store, ()).unwrap(), (1,));
    }
}

#[test]
fn a_call_that_meets_the_limit_of_threads_leaves_nothing_behind() {
    let text = r#"(component
        (import "gate" (func $gate async))
        (core func $gate (canon lower (func $gate)))
        (core module $libc (table (export "table") 1 funcref))
        (core instance $libc (instantiate $libc))
        (core type $start (func (param i32)))
        (alias core export $libc "table" (core table $table))
        (core func $new (canon thread.new-indirect $start (core table $table)))
        (core func $later (canon thread.resume-later))
        (core module $m
            (import "" "table" (table 1 funcref))
            (import "" "gate" (func $gate))
            (import "" "new" (func $new (param i32 i32) (result i32)))
            (import "" "later" (func $later (param i32)))
            (func $thread (param i32) (call $gate))
            (elem (i32.const 0) func $thread)
            (func (export "one") (call $gate))
            (func (export "four")
                (call $later (call $new (i32.const 0) (i32.const 0)))
                (call $later (call $new (i32.const 0) (i32.const 0)))
                (call $later (call $new (i32.const 0) (i32.const 0)))
                (call $gate)))
        (core instance $m (instantiate $m (with "" (instance
            (export "table" (table $table)) (export "gate" (func $gate))
            (export "new" (func $new)) (export "later" (func $later))))))
        (func (export "one") async (canon lift (core func $m "one")))
        (func (export "four") async (canon lift (core func $m "four"))))"#;
    let component = load_under(Limits { tasks: 4, ..Limits::server() }, &parse(text)).unwrap();
    let mut linker = Linker::<bool>::new(component.engine());
    let gate = linker.root().func_wrap_poll::<(), ()>("gate", |store, _, _| {
        if *store.data() { Poll::Ready(Ok(())) } else { Poll::Pending }
    });
    gate.unwrap();
    let mut store = Store::new(component.engine(), false);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let one = instance.get_typed_func::<(), ()>(&store, "one").unwrap();
    let four = instance.get_typed_func::<(), ()>(&store, "four").unwrap();
    assert!(!poll_once(four.call_async(&mut store, ())));
    for _ in 0..10 {
        let error = one.call(&mut store, ()).unwrap_err();
        assert_eq!(error.trap(), Some(Trap::Component(Rule::Tasks)));
    }
    *store.data_mut() = true;
    while store.poll_rest(&mut Context::from_waker(Waker::noop())).map(Result::unwrap).is_pending() {}
    *store.data_mut() = false;
    // There is room for more than one again.
    assert!(!poll_once(one.call_async(&mut store, ())));
    *store.data_mut() = true;
    one.call(&mut store, ()).unwrap();
}
