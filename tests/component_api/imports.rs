//! What is imported: found by name, told with its type, and told all at once where it is missing.

use super::load;
use core::task::{Context, Poll};
use wasmote::component::{
    Component, Engine, Linker, Store, StoreContextMut, Type, Val, types::ComponentFunc,
};

#[test]
fn every_missing_import_is_listed() {
    let engine = Engine::default();
    let component = load(
        &engine,
        r#"(component
            (import "a:b/c@1.2.3" (instance (export "f" (func (param "x" u32))) (export "g" (func (result string)))))
            (import "h" (func)))"#,
    );
    let mut linker = Linker::<()>::new(&engine);
    linker.instance("a:b/c@1.4.0").unwrap().func_wrap("f", |_, (_,): (String,)| Ok(())).unwrap();
    let mut store = Store::new(&engine, ());
    let error = linker.instantiate(&mut store, &component).err().unwrap();
    let names: Vec<_> =
        error.missing_imports().iter().map(|i| (i.module.as_str(), i.name.as_str())).collect();
    assert_eq!(names, [("a:b/c@1.2.3", "f"), ("a:b/c@1.2.3", "g"), ("h", "")]);
    assert_eq!(error.missing_imports()[1].expected, "func() -> string");
    // A compatible version was found, with a function of another type.
    assert!(error.missing_imports()[0].found.as_deref().unwrap().contains("type mismatch"));
    assert_eq!(error.missing_imports()[2].found, None);
    let text = error.to_string();
    let lines: Vec<_> = text.lines().skip(1).map(str::trim).collect();
    let expected = [
        "expected a:b/c@1.2.3#f: func(x: u32); found type mismatch: expected `string` found `u32`",
        "expected a:b/c@1.2.3#g: func() -> string; found nothing",
        "expected h: func(); found nothing",
    ];
    assert_eq!(lines, expected);
}

/// What one file declares in a few kilobytes would be gigabytes in words.
#[test]
fn a_missing_import_of_an_immense_type_is_told_in_few_words() {
    let name = "n".repeat(1_000);
    let mut text = format!(
        r#"(type $r (record (field "{name}" u8) (field "b{name}" string))) (import "r" (type $t0 (eq $r)))"#
    );
    for level in 0..4 {
        let inner = format!(" $t{level}").repeat(16);
        text += &format!("(type $t{} (tuple{inner}))", level + 1);
    }
    let engine = Engine::default();
    let component = load(
        &engine,
        &format!(
            r#"(component {text}
                (import "g" (func (param "x" $t4))) (import "f" (func (param "x" (tuple u8 u8)))))"#
        ),
    );
    let error =
        Linker::<()>::new(&engine).instantiate(&mut Store::new(&engine, ()), &component).err().unwrap();
    let missing = error.missing_imports();
    assert_eq!(missing[1].expected, "func(x: tuple<u8, u8>)");
    let expected = &missing[0].expected;
    assert!(expected.starts_with("func(x: tuple<tuple<tuple<tuple<record { nnn") && expected.ends_with('…'));
    assert!(expected.len() < 5_000, "{} bytes", expected.len());
    assert!(error.to_string().len() < 1_000, "{error}");
}

/// What answers calls by their numbers: `a`, `b` and `c` return 1, 2 and 3, in an instance `host` that lists them in
/// another order than that of the names.
fn numbers(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    let mut host = linker.instance("host").unwrap();
    for (name, number) in [("c", 3_u32), ("a", 1), ("b", 2)] {
        host.func_wrap(name, move |_, (): ()| Ok((number,))).unwrap();
    }
    linker
}

fn run(linker: &Linker<()>, component: &Component) -> u32 {
    let mut store = Store::new(component.engine(), ());
    let instance = linker.instantiate_pre(component).unwrap().instantiate(&mut store).unwrap();
    instance.get_typed_func::<(), (u32,)>(&store, "run").unwrap().call(&mut store, ()).unwrap().0
}

/// A component that imports `b` and `c` of an instance `i`, and has its core modules export and import by names whose
/// order is not that of their places. What `run` returns tells which function stood where: 10 times `b` and `c`.
const PICKY: &str = r#"(component
    (import "i" (instance $i (export "c" (func (result u32))) (export "b" (func (result u32)))))
    (core func $c (canon lower (func $i "c")))
    (core func $b (canon lower (func $i "b")))
    (core module $sum
        (import "y" "second" (func $b (result i32)))
        (import "x" "first" (func $c (result i32)))
        (import "y" "ten" (global $ten i32))
        (func (export "z") (result i32) (i32.const 0))
        (func (export "run") (result i32) (i32.add (i32.mul (call $b) (global.get $ten)) (call $c)))
        (func (export "a") (result i32) (i32.const 0)))
    (core module $ten
        (global (export "ten") i32 (i32.const 10))
        (global (export "eleven") i32 (i32.const 11)))
    (core instance $tens (instantiate $ten))
    (alias core export $tens "ten" (core global $g))
    (core instance $sum (instantiate $sum
        (with "y" (instance (export "ten" (global $g)) (export "second" (func $b))))
        (with "x" (instance (export "zero" (func $b)) (export "first" (func $c))))))
    (func (export "run") (result u32) (canon lift (core func $sum "run"))))"#;

#[test]
fn what_is_taken_by_name_is_found_wherever_it_stands() {
    let engine = Engine::default();
    let host = r#"(import "host" (instance $host
        (export "b" (func (result u32))) (export "c" (func (result u32))) (export "a" (func (result u32)))))"#;
    // The component in another one, which hands over more than is asked for.
    let nested = format!(
        r#"(component {host}
            (component $inner {}
            (instance $inner (instantiate $inner (with "i" (instance $host))))
            (export "run" (func $inner "run")))"#,
        PICKY.trim_start_matches("(component")
    );
    assert_eq!(run(&numbers(&engine), &load(&engine, &nested)), 23);

    // By itself, its imports met by name.
    let mut linker = Linker::new(&engine);
    let mut instance = linker.instance("i").unwrap();
    for (name, number) in [("a", 1_u32), ("b", 2), ("c", 3)] {
        instance.func_wrap(name, move |_, (): ()| Ok((number,))).unwrap();
    }
    assert_eq!(run(&linker, &load(&engine, PICKY)), 23);

    // Handed to another one, which hands over more than is asked for and knows of less than there is.
    let outer = format!(
        r#"(component {host}
            (import "picky" (component $picky
                (import "i" (instance
                    (export "b" (func (result u32))) (export "c" (func (result u32)))))
                (export "run" (func (result u32)))))
            (instance $picky (instantiate $picky (with "i" (instance $host))))
            (export "run" (func $picky "run")))"#
    );
    let mut linker = numbers(&engine);
    linker.root().component("picky", &load(&engine, PICKY)).unwrap();
    assert_eq!(run(&linker, &load(&engine, &outer)), 23);
}

#[test]
fn a_module_from_elsewhere_is_linked_by_name() {
    let engine = Engine::default();
    let component = load(
        &engine,
        r#"(component
            (import "m" (core module $m
                (import "x" "f" (func (result i32))) (import "x" "g" (func (result i32)))
                (export "run" (func (result i32))) (export "b" (func (result i32)))))
            (core module $n
                (func (export "g") (result i32) (i32.const 4))
                (func (export "a") (result i32) (i32.const 0))
                (func (export "f") (result i32) (i32.const 6)))
            (core instance $n (instantiate $n))
            (core instance $i (instantiate $m (with "x" (instance $n))))
            (func (export "run") (result u32) (canon lift (core func $i "run"))))"#,
    );
    // It imports less than it may and exports more than it must.
    let module = r#"(module
        (import "x" "g" (func $g (result i32)))
        (func (export "a") (result i32) (i32.const 1))
        (func (export "run") (result i32) (i32.mul (i32.const 10) (call $g)))
        (func (export "b") (result i32) (i32.const 2)))"#;
    let mut linker = Linker::new(&engine);
    linker.root().module("m", &wat::parse_str(module).unwrap()).unwrap();
    assert_eq!(run(&linker, &component), 40);
}

#[test]
fn functions_of_any_type_are_told_which_they_are_imported_as() {
    /// The largest number of the type that is asked for.
    fn largest(ty: &ComponentFunc) -> Val {
        match ty.results().next() {
            Some(Type::U8) => Val::U8(u8::MAX),
            Some(Type::U32) => Val::U32(u32::MAX),
            other => panic!("{other:?}"),
        }
    }
    let engine = Engine::default();
    let mut linker = Linker::<()>::new(&engine);
    let at_once = |_: StoreContextMut<'_, ()>, ty: ComponentFunc, _: &[Val], results: &mut [Val]| {
        results[0] = largest(&ty);
        Ok(())
    };
    linker.root().func_new("at-once", at_once).unwrap();
    let later = |_: StoreContextMut<'_, ()>, _: &mut Context<'_>, ty: ComponentFunc, _: &mut Vec<Val>| {
        Poll::Ready(Ok(vec![largest(&ty)]))
    };
    linker.root().func_new_poll("later", later).unwrap();
    for name in ["at-once", "later"] {
        for (ty, expected) in [("u8", Val::U8(u8::MAX)), ("u32", Val::U32(u32::MAX))] {
            let text = format!(
                r#"(component (import "{name}" (func $f (param "of" string) (result {ty})))
                    (core module $memory (memory (export "memory") 1))
                    (core instance $memory (instantiate $memory))
                    (core func $f (canon lower (func $f) (memory (core memory $memory "memory"))))
                    (core module $m (import "" "f" (func $f (param i32 i32) (result i32)))
                        (func (export "run") (result i32) (call $f (i32.const 0) (i32.const 3))))
                    (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
                    (func (export "run") (result {ty}) (canon lift (core func $i "run"))))"#
            );
            let mut store = Store::new(&engine, ());
            let instance = linker.instantiate(&mut store, &load(&engine, &text)).unwrap();
            let mut results = [Val::Bool(false)];
            instance.get_func(&store, "run").unwrap().call(&mut store, &[], &mut results).unwrap();
            assert_eq!(results, [expected], "{name}");
        }
    }
}

/// Imports `work` and calls it.
const WORKS: &str = r#"(component
    (import "work" (func $work))
    (core func $work (canon lower (func $work)))
    (core module $m (import "" "work" (func $work)) (func (export "run") (call $work)))
    (core instance $i (instantiate $m (with "" (instance (export "work" (func $work))))))
    (func (export "run") (canon lift (core func $i "run"))))"#;

#[test]
fn what_each_linker_asks_in_a_store_is_asked() {
    let engine = Engine::default();
    let component = load(&engine, WORKS);
    let linker = |fuel: u64, is_due: bool| {
        let mut linker = Linker::<u64>::new(&engine);
        linker.root().func_wrap_poll("work", |mut cx, _, (): &mut ()| cx.poll_deadline(9).map(Ok)).unwrap();
        linker.on_host_work(move |_| fuel);
        linker.on_idle(move |mut cx, _, _, _| {
            *cx.data_mut() += 1;
            if is_due { Poll::Ready(()) } else { Poll::Pending }
        });
        linker
    };
    for is_pre in [false, true] {
        let spent = |linkers: &[Linker<u64>]| {
            let mut store = Store::new(&engine, 0);
            let instances: Vec<_> = linkers
                .iter()
                .map(|linker| match is_pre {
                    false => linker.instantiate(&mut store, &component).unwrap(),
                    true => linker.instantiate_pre(&component).unwrap().instantiate(&mut store).unwrap(),
                })
                .collect();
            let run = instances[0].get_typed_func::<(), ()>(&store, "run").unwrap();
            let before = store.fuel_spent();
            run.call(&mut store, ()).unwrap();
            (store.fuel_spent() - before, *store.data())
        };
        let once = linker(1_000, true);
        let (alone, _) = spent(core::slice::from_ref(&once));
        // The second knows nothing of this deadline, and does not keep it from coming.
        let (both, asked) = spent(&[once.clone(), linker(10_000, false)]);
        let times = (both - alone) / 10_000;
        assert!(times >= 1 && both == alone + times * 10_000 && asked >= 1, "{alone} {both} {asked}");
        assert!(alone >= 1_000 * times);
        // One that makes two instances is asked once.
        assert_eq!(spent(&[once.clone(), once.clone()]).0, alone);
    }
}
