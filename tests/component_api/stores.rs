//! What belongs to one store or engine is refused by the others.

use super::{ADD, load};
use wasmote::component::{Component, Engine, Linker, Store, Val};

/// Imports a function, by itself and in an interface.
const USER: &str = r#"(component
    (import "math" (instance $math (export "add" (func (param "a" u32) (param "b" u32) (result u32)))))
    (import "add" (func $add (param "a" u32) (param "b" u32) (result u32)))
    (core func $one (canon lower (func $math "add")))
    (core func $other (canon lower (func $add)))
    (core module $m
        (import "" "one" (func $one (param i32 i32) (result i32)))
        (import "" "other" (func $other (param i32 i32) (result i32)))
        (func (export "run") (result i32)
            (call $one (i32.const 30) (call $other (i32.const 10) (i32.const 2)))))
    (core instance $i (instantiate $m (with "" (instance (export "one" (func $one)) (export "other" (func $other))))))
    (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;

/// A store with an instance of [`ADD`] and what offers its exports, as an interface or by itself.
fn offering(engine: &Engine, as_interface: bool) -> (Store<()>, Linker<()>) {
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, &load(engine, ADD)).unwrap();
    let mut linker = Linker::new(engine);
    let host = |_: wasmote::component::StoreContextMut<'_, ()>, (a, b): (u32, u32)| Ok((a + b,));
    if as_interface {
        linker.root().exports("math", &instance).unwrap();
        linker.root().func_wrap("add", host).unwrap();
    } else {
        linker.root().export("add", &store, &instance, "add").unwrap();
        linker.instance("math").unwrap().func_wrap("add", host).unwrap();
    }
    (store, linker)
}

#[test]
fn what_an_instance_exports_is_refused_by_every_store_but_its_own() {
    let engine = Engine::default();
    let user: Component = load(&engine, USER);
    for as_interface in [true, false] {
        let (mut store, linker) = offering(&engine, as_interface);
        for error in [
            linker.instantiate_pre(&user).map(drop).unwrap_err(),
            linker.instantiate(&mut Store::new(&engine, ()), &user).map(drop).unwrap_err(),
        ] {
            assert!(error.to_string().contains("only known in its store"), "{error}");
        }
        let instance = linker.instantiate(&mut store, &user).unwrap();
        let run = instance.get_typed_func::<(), (u32,)>(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, ()).unwrap(), (42,));
    }
}

#[test]
fn instances_and_functions_are_refused_by_every_store_but_their_own() {
    let engine = Engine::default();
    let (store, _) = offering(&engine, true);
    let mut own = store;
    let instance = Linker::new(&engine).instantiate(&mut own, &load(&engine, ADD)).unwrap();
    let func = instance.get_func(&own, "add").unwrap();
    let typed = func.typed::<(u32, u32), (u32,)>(&own).unwrap();
    // One with nothing in it, and one where the same numbers stand for something.
    let (same, _) = offering(&engine, true);
    for mut store in [Store::new(&engine, ()), same] {
        let params = [Val::U32(1), Val::U32(2)];
        let called = func.call(&mut store, &params, &mut [Val::Bool(false)]);
        let refused = [
            instance.get_func(&store, "add").map(drop),
            func.typed::<(u32, u32), (u32,)>(&store).map(drop),
            typed.call(&mut store, (1, 2)).map(drop),
            wasmote::block_on(typed.call_async(&mut store, (1, 2))).map(drop),
            Linker::new(&engine).root().export("add", &store, &instance, "add"),
            called,
        ];
        for error in refused.map(Result::unwrap_err) {
            assert!(error.to_string().contains("another store"), "{error}");
        }
    }
    assert_eq!(typed.call(&mut own, (1, 2)).unwrap(), (3,));
}

#[test]
fn what_was_loaded_into_one_engine_is_refused_by_the_others() {
    let (engine, other) = (Engine::default(), Engine::default());
    let component = load(&engine, ADD);
    let mut stores = [Store::new(&engine, ()), Store::new(&other, ())];
    let pre = Linker::new(&engine).instantiate_pre(&component).unwrap();
    let [own, foreign] = &mut stores;
    let refused = [
        Linker::new(&other).instantiate(foreign, &component).map(drop),
        Linker::new(&engine).instantiate(foreign, &component).map(drop),
        Linker::new(&other).instantiate(own, &component).map(drop),
        Linker::<()>::new(&other).instantiate_pre(&component).map(drop),
        pre.instantiate(foreign).map(drop),
        Linker::<()>::new(&other).root().component("add", &component),
    ];
    for error in refused.map(Result::unwrap_err) {
        assert!(error.to_string().contains("another one"), "{error}");
    }
    // Nothing has ended.
    for (engine, store) in [&engine, &other].into_iter().zip(&mut stores) {
        let instance = Linker::new(engine).instantiate(store, &load(engine, ADD)).unwrap();
        let add = instance.get_typed_func::<(u32, u32), (u32,)>(&*store, "add").unwrap();
        assert_eq!(add.call(store, (1, 2)).unwrap(), (3,));
    }
}
