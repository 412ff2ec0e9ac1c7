//! Resources in the host's hands: what they convert to, who may be given which, and who destroys them.

use super::{FILES, File, files, load};
use core::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
};
use wasmote::{
    Limits, Trap,
    component::{
        Engine, Features, Instance, Linker, Resource, ResourceAny, ResourceTable, ResourceType, Store,
    },
};

/// A store with a component that hands back what it is given.
fn giving(engine: &Engine) -> (Store<ResourceTable>, Instance) {
    let mut store = Store::new(engine, ResourceTable::new());
    let instance = files(engine).instantiate(&mut store, &load(engine, FILES)).unwrap();
    (store, instance)
}

#[test]
fn resources_of_the_host_convert_to_any_and_back() {
    let engine = Engine::default();
    let (mut store, instance) = giving(&engine);
    let give = instance.get_typed_func::<(ResourceAny,), (ResourceAny,)>(&store, "give").unwrap();
    let file = store.data_mut().push(File).unwrap();
    let rep = file.rep();
    let any = ResourceAny::try_from_resource(file, &mut store).unwrap();
    assert!(any.owned());
    let (back,) = give.call(&mut store, (any,)).unwrap();
    // It was given away: the name it had means nothing any more.
    assert!(any.try_into_resource::<File>(&mut store).is_err());
    assert!(back.try_into_resource::<u32>(&mut store).is_err());
    let (mut elsewhere, _) = giving(&engine);
    assert!(back.try_into_resource::<File>(&mut elsewhere).is_err());
    let file = Resource::<File>::try_from_resource_any(back, &mut store).unwrap();
    assert!(file.owned() && file.rep() == rep);
    assert!(back.try_into_resource::<File>(&mut store).is_err());
    assert!(back.resource_drop(&mut store).is_err());

    // What no guest had, no destructor destroys.
    let any = file.try_into_resource_any(&mut store).unwrap();
    any.resource_drop(&mut store).unwrap();
    assert_eq!(store.data().len(), 1);
    // One that is lent is no more than that.
    let lent = ResourceAny::try_from_resource(Resource::<File>::new_borrow(rep), &mut store).unwrap();
    let error = give.call(&mut store, (lent,)).unwrap_err();
    assert!(!lent.owned() && error.trap().is_none(), "{error}");
    assert!(!lent.try_into_resource::<File>(&mut store).unwrap().owned());
}

#[test]
fn converted_resources_count_as_handles() {
    let engine = Engine::new(Features::default(), &Limits { handles: 3, ..Limits::server() });
    let (mut store, instance) = giving(&engine);
    let give = instance.get_typed_func::<(ResourceAny,), (ResourceAny,)>(&store, "give").unwrap();
    let any =
        |store: &mut Store<_>, rep| ResourceAny::try_from_resource(Resource::<File>::new_own(rep), store);
    for _ in 0..10 {
        let [one, two, three] = [1, 2, 3].map(|rep| any(&mut store, rep).unwrap());
        assert_eq!(any(&mut store, 4).unwrap_err(), Trap::Handles);
        let (one,) = give.call(&mut store, (one,)).unwrap();
        one.try_into_resource::<File>(&mut store).unwrap();
        two.try_into_resource::<File>(&mut store).unwrap();
        three.resource_drop(&mut store).unwrap();
    }
    // So do those that it lends.
    let lent = |store: &mut Store<_>| ResourceAny::try_from_resource(Resource::<File>::new_borrow(1), store);
    for _ in 0..10 {
        let [one, two, three] = [(); 3].map(|()| lent(&mut store).unwrap());
        assert_eq!(lent(&mut store).unwrap_err(), Trap::Handles);
        one.resource_drop(&mut store).unwrap();
        two.try_into_resource::<File>(&mut store).unwrap();
        three.try_into_resource::<File>(&mut store).unwrap();
    }
}

/// Lends one thing so many times with one call.
const LENDS: &str = r#"(component
    (import "thing" (type $thing (sub resource)))
    (import "look" (func $look (param "x" (list (borrow $thing)))))
    (core module $memory (memory (export "memory") 1))
    (core instance $memory (instantiate $memory))
    (core func $look (canon lower (func $look) (memory (core memory $memory "memory"))))
    (core func $drop (canon resource.drop $thing))
    (core module $m (import "" "memory" (memory 1)) (import "" "look" (func $look (param i32 i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "run") (param $thing i32) (param $times i32) (local $at i32)
            (loop
                (i32.store (i32.mul (local.get $at) (i32.const 4)) (local.get $thing))
                (br_if 0 (i32.lt_u
                    (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $times))))
            (call $look (i32.const 0) (local.get $times))
            (call $drop (local.get $thing))))
    (core instance $i (instantiate $m (with "" (instance (export "memory" (memory $memory "memory"))
        (export "look" (func $look)) (export "drop" (func $drop))))))
    (func (export "run") (param "x" (own $thing)) (param "times" u32) (canon lift (core func $i "run"))))"#;

#[test]
fn what_a_guest_lends_its_host_counts_as_handles_until_the_call_is_over() {
    struct Thing;
    let engine = Engine::new(Features::default(), &Limits { handles: 8, ..Limits::server() });
    let mut linker = Linker::<()>::new(&engine);
    linker.root().resource("thing", ResourceType::host::<Thing>(), |_, _| Ok(())).unwrap();
    linker.root().func_wrap("look", |_, (_,): (Vec<ResourceAny>,)| Ok(())).unwrap();
    let mut store = Store::new(&engine, ());
    let lends = linker.instantiate(&mut store, &load(&engine, LENDS)).unwrap();
    let run = lends.get_typed_func::<(Resource<Thing>, u32), ()>(&store, "run").unwrap();
    for _ in 0..10 {
        // And the guest has one.
        run.call(&mut store, (Resource::new_own(1), 7)).unwrap();
    }
    let error = run.call(&mut store, (Resource::new_own(1), 8)).unwrap_err();
    assert_eq!(error.trap(), Some(Trap::Handles));
}

#[test]
fn a_resource_that_is_not_the_hosts_to_give_ends_no_typed_call() {
    let engine = Engine::default();
    let (mut store, instance) = giving(&engine);
    let file = store.data_mut().push(File).unwrap();
    let any = ResourceAny::try_from_resource(file, &mut store).unwrap();
    let of_another_type = ResourceAny::try_from_resource(Resource::<u32>::new_own(1), &mut store).unwrap();
    let (mut elsewhere, _) = giving(&engine);
    let of_another_store =
        ResourceAny::try_from_resource(Resource::<File>::new_own(1), &mut elsewhere).unwrap();
    let give = instance.get_typed_func::<(ResourceAny,), (ResourceAny,)>(&store, "give").unwrap();
    for wrong in [of_another_type, of_another_store] {
        assert!(give.call(&mut store, (wrong,)).unwrap_err().trap().is_none());
    }
    let (back,) = give.call(&mut store, (any,)).unwrap();
    assert!(give.call(&mut store, (any,)).unwrap_err().trap().is_none());
    let lent = instance.get_typed_func::<(Resource<File>,), (ResourceAny,)>(&store, "give").unwrap();
    assert!(lent.call(&mut store, (Resource::new_borrow(1),)).unwrap_err().trap().is_none());
    give.call(&mut store, (back,)).unwrap();
}

/// Imports a resource type and drops what it is given.
const DROPS: &str = r#"(component
    (import "thing" (type $thing (sub resource)))
    (core func $drop (canon resource.drop $thing))
    (core module $m (import "" "drop" (func $drop (param i32)))
        (func (export "take") (param i32) (call $drop (local.get 0)))
        (func (export "give") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m (with "" (instance (export "drop" (func $drop))))))
    (func (export "take") (param "x" (own $thing)) (canon lift (core func $i "take")))
    (func (export "give") (param "x" (own $thing)) (result (own $thing)) (canon lift (core func $i "give"))))"#;

#[test]
fn each_linker_says_what_destroys_the_hosts_resources() {
    struct Thing;
    let engine = Engine::default();
    let component = load(&engine, DROPS);
    let linker = |name: &'static str| {
        let mut linker = Linker::<Vec<&str>>::new(&engine);
        let thing = linker.root().resource("thing", ResourceType::host::<Thing>(), move |mut cx, _| {
            cx.data_mut().push(name);
            Ok(())
        });
        thing.unwrap();
        linker
    };
    let mut store = Store::new(&engine, Vec::new());
    let first = linker("first").instantiate(&mut store, &component).unwrap();
    let second = linker("second").instantiate(&mut store, &component).unwrap();
    let third = linker("third").instantiate_pre(&component).unwrap().instantiate(&mut store).unwrap();
    for instance in [&second, &first, &third] {
        let take = instance.get_typed_func::<(Resource<Thing>,), ()>(&store, "take").unwrap();
        take.call(&mut store, (Resource::new_own(1),)).unwrap();
        // So does the one that the host has it from.
        let give = instance.get_typed_func::<(Resource<Thing>,), (ResourceAny,)>(&store, "give").unwrap();
        let (thing,) = give.call(&mut store, (Resource::new_own(1),)).unwrap();
        thing.resource_drop(&mut store).unwrap();
    }
    assert_eq!(*store.data(), ["second", "second", "first", "first", "third", "third"]);
}

/// What makes resources and counts those that were destroyed, which takes a while; and another that calls it after a
/// while.
const COUNTS: &str = r#"(component
    (component $makes
        (core module $m
            (global $n (mut i32) (i32.const 0))
            (func (export "dtor") (param i32) (local $k i32)
                (loop (br_if 0 (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 1000))))
                (global.set $n (i32.add (global.get $n) (i32.const 1))))
            (func (export "destroyed") (result i32) (global.get $n)))
        (core instance $m (instantiate $m))
        (type $thing (resource (rep i32) (dtor (core func $m "dtor"))))
        (export $out "thing" (type $thing))
        (core func $new (canon resource.new $thing))
        (func (export "make") (param "rep" u32) (result (own $out)) (canon lift (core func $new)))
        (func (export "destroyed") (result u32) (canon lift (core func $m "destroyed"))))
    (instance $makes (instantiate $makes))
    (component $asks
        (import "destroyed" (func $destroyed (result u32)))
        (core func $destroyed (canon lower (func $destroyed)))
        (core module $m
            (import "" "destroyed" (func $destroyed (result i32)))
            (func (export "ask") (result i32) (local $k i32)
                (loop (br_if 0 (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.const 5000))))
                (call $destroyed)))
        (core instance $m (instantiate $m (with "" (instance (export "destroyed" (func $destroyed))))))
        (func (export "ask") (result u32) (canon lift (core func $m "ask"))))
    (instance $asks (instantiate $asks (with "destroyed" (func $makes "destroyed"))))
    (export "makes" (instance $makes))
    (func (export "ask") (alias export $asks "ask")))"#;

/// What called nobody yet when its slice was over calls whose resource is destroyed.
#[test]
fn the_host_destroys_a_resource_while_a_call_stands_in_the_middle() {
    let engine = Engine::new(Features::all(), &Limits { slice_fuel: 1_000, ..Limits::server() });
    let component = load(&engine, COUNTS);
    let mut cx = Context::from_waker(Waker::noop());
    for drops in 0..12 {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
        let make = instance.get_typed_func::<(u32,), (ResourceAny,)>(&store, "makes#make").unwrap();
        let ask = instance.get_typed_func::<(), (u32,)>(&store, "ask").unwrap();
        let (thing,) = make.call(&mut store, (7,)).unwrap();
        assert!(pin!(ask.call_async(&mut store, ())).poll(&mut cx).is_pending());
        {
            // Polled to its end or not, the destructor runs.
            let mut dropping = pin!(thing.resource_drop_async(&mut store));
            for _ in 0..drops {
                assert!(dropping.as_mut().poll(&mut cx).is_pending());
            }
            if drops == 0 {
                wasmote::block_on(dropping).unwrap();
            }
        }
        store.run_until_idle().unwrap();
        assert_eq!(ask.call(&mut store, ()).unwrap(), (1,), "polled {drops} times");
        assert!(thing.resource_drop(&mut store).is_err());
    }
}
