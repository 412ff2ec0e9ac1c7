//! The embedder's face of the Component Model: what a program written for it relies on.

#![cfg(feature = "component")]

#[path = "component_api/arguments.rs"]
mod arguments;
#[path = "component_api/cases.rs"]
mod cases;
#[path = "component_api/channels.rs"]
mod channels;
#[path = "component_api/ends.rs"]
mod ends;
#[path = "component_api/given_up.rs"]
mod given_up;
#[path = "component_api/imported_components.rs"]
mod imported_components;
#[path = "component_api/imports.rs"]
mod imports;
#[path = "component_api/passed_on.rs"]
mod passed_on;
#[path = "component_api/resources.rs"]
mod resources;
#[path = "component_api/slices.rs"]
mod slices;
#[path = "component_api/started.rs"]
mod started;
#[path = "component_api/stores.rs"]
mod stores;
mod times;
#[path = "component_api/within.rs"]
mod within;
#[path = "component_api/woken.rs"]
mod woken;

use core::{
    future::Future,
    task::{Context, Poll, Waker},
};
use std::pin::pin;
use wasmote::{
    Limits, Trap,
    component::{
        AsContextMut, ChannelAny, Component, Engine, Features, Linker, List, Resource, ResourceAny,
        ResourceTable, ResourceTableError, ResourceType, Store, Val,
    },
    engine::Tracer,
};

fn load(engine: &Engine, text: &str) -> Component {
    Component::new(engine, wat::parse_str(text).expect("a component in text"))
        .expect("a component that loads")
}

const ADD: &str = r#"(component
    (core module $m
        (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
    (core instance $i (instantiate $m))
    (func (export "add") (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add"))))"#;

#[test]
fn typed_and_dynamic_calls_agree() {
    let engine = Engine::default();
    let component = load(&engine, ADD);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let add = instance.get_typed_func::<(u32, u32), (u32,)>(&store, "add").unwrap();
    assert_eq!(add.call(&mut store, (u32::MAX, 2)).unwrap(), (1,));
    let mut results = [Val::Bool(false)];
    let func = instance.get_func(&store, "add").unwrap();
    func.call(&mut store, &[Val::U32(40), Val::U32(2)], &mut results).unwrap();
    assert_eq!(results, [Val::U32(42)]);
    assert_eq!(func.describe(), "func(a: u32, b: u32) -> u32");
}

#[test]
fn a_call_with_other_types_is_refused_before_it_runs() {
    let engine = Engine::default();
    let component = load(&engine, ADD);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let error = instance.get_typed_func::<(u32, String), (u32,)>(&store, "add").err().unwrap();
    assert!(error.to_string().contains("expected `string` found `u32`"), "{error}");
    assert!(instance.get_typed_func::<(u32, u32), ()>(&store, "add").is_err());
    assert!(instance.get_func(&store, "sub").is_err());
    let func = instance.get_func(&store, "add").unwrap();
    assert!(func.call(&mut store, &[Val::U32(1)], &mut [Val::Bool(false)]).is_err());
    let error = func.call(&mut store, &[Val::U32(1), Val::U64(1)], &mut [Val::Bool(false)]).unwrap_err();
    assert!(error.to_string().contains("argument `b`: expected u32, got u64"), "{error}");
    // Nothing has ended.
    func.call(&mut store, &[Val::U32(1), Val::U32(1)], &mut [Val::Bool(false)]).unwrap();
}

#[test]
fn values_of_other_types_end_no_guest() {
    let text = r#"(component
        (type $point' (record (field "x" u8) (field "y" u8))) (export $point "point" (type $point'))
        (type $shape' (variant (case "dot") (case "line" $point))) (export $shape "shape" (type $shape'))
        (type $hue' (enum "red" "blue")) (export $hue "hue" (type $hue'))
        (type $style' (flags "thin" "dashed")) (export $style "style" (type $style'))
        (core module $m (memory (export "m") 2) (func (export "f") (param i32) (result i32) (i32.const 0))
            (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
        (core instance $i (instantiate $m))
        (func (export "f") (param "first" (tuple u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8 u8))
            (param "shape" $shape) (param "hue" (option $hue)) (param "style" $style)
            (param "bytes" (list u8)) (param "points" (list $point)) (param "names" (map string u8))
            (param "went" (result u8 (error string))) (param "fixed" (list u8 3))
            (result (list u8))
            (canon lift (core func $i "f") (memory (core memory $i "m")) (realloc (core func $i "r")))))"#;
    let engine = Engine::new(Features::all(), &Limits::server());
    let component = load(&engine, text);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let func = instance.get_func(&store, "f").unwrap();
    let point = |x: Val| Val::Record(vec![("x".into(), x), ("y".into(), Val::U8(2))]);
    let some = |value: Val| Some(Box::new(value));
    let right = vec![
        Val::Tuple(vec![Val::U8(0); 12]),
        Val::Variant("line".into(), some(point(Val::U8(1)))),
        Val::Option(some(Val::Enum("red".into()))),
        Val::Flags(vec!["thin".into()]),
        Val::List(List::U8(vec![1; 64 << 10])),
        Val::List(List::Values(vec![point(Val::U8(1))])),
        Val::Map(vec![(Val::String("a".into()), Val::U8(1))]),
        Val::Result(Err(some(Val::String("no".into())))),
        Val::List(List::Values(vec![Val::U8(1); 3])),
    ];
    let bytes = |count| Val::List(List::U8(vec![1; count]));
    let wrong = [
        (0, Val::Tuple(vec![Val::U8(0); 11])),
        (0, Val::Tuple(vec![Val::S8(0); 12])),
        (1, Val::Variant("line".into(), None)),
        (1, Val::Variant("dot".into(), some(Val::U8(0)))),
        (1, Val::Variant("circle".into(), None)),
        (1, Val::Variant("line".into(), some(point(Val::U16(1))))),
        (1, Val::Variant("line".into(), some(Val::Record(vec![("y".into(), Val::U8(2)); 2])))),
        (2, Val::Enum("red".into())),
        (2, Val::Option(some(Val::Enum("green".into())))),
        (3, Val::Flags(vec!["thin".into(), "thick".into()])),
        (4, Val::List(List::S8(vec![1]))),
        (4, Val::List(List::Values(vec![Val::Bool(true)]))),
        (5, bytes(2)),
        (6, Val::Map(vec![(Val::U8(1), Val::U8(1))])),
        (6, Val::Map(vec![(Val::String("a".into()), Val::String("b".into()))])),
        (7, Val::Result(Ok(None))),
        (7, Val::Result(Err(some(Val::U8(1))))),
        (8, bytes(4)),
        (8, Val::String("abc".into())),
    ];
    let before = store.fuel_spent();
    let names = ["first", "shape", "hue", "style", "bytes", "points", "names", "went", "fixed"];
    for (at, value) in wrong {
        let mut params = right.clone();
        params[at] = value;
        let error = func.call(&mut store, &params, &mut [Val::Bool(false)]).unwrap_err();
        assert!(error.to_string().contains(&format!("argument `{}`", names[at])), "{error}");
        assert_eq!(error.trap(), None);
    }
    assert_eq!(store.fuel_spent(), before, "nothing ran");
    func.call(&mut store, &right, &mut [Val::Bool(false)]).unwrap();
}

const ECHO: &str = r#"(component
    (import "host" (instance $host (export "shout" (func (param "s" string) (result string)))))
    (core module $libc
        (memory (export "mem") 1)
        (global $next (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
            (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
            (global.set $next (i32.add (local.get $at) (local.get 3)))
            (local.get $at)))
    (core instance $libc (instantiate $libc))
    (core func $shout (canon lower (func $host "shout")
        (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (core module $m
        (import "" "shout" (func $shout (param i32 i32 i32)))
        (func (export "run") (param i32 i32) (result i32)
            (call $shout (local.get 0) (local.get 1) (i32.const 16))
            (i32.const 16)))
    (core instance $i (instantiate $m (with "" (instance (export "shout" (func $shout))))))
    (func (export "run") (param "s" string) (result string)
        (canon lift (core func $i "run")
            (memory (core memory $libc "mem")) (realloc (core func $libc "realloc")))))"#;

#[test]
fn strings_go_to_the_host_and_back() {
    let engine = Engine::default();
    let component = load(&engine, ECHO);
    let mut linker = Linker::<u32>::new(&engine);
    let mut host = linker.instance("host").unwrap();
    host.func_wrap("shout", |mut cx, (text,): (String,)| {
        *cx.data_mut() += 1;
        Ok((text.to_uppercase(),))
    })
    .unwrap();
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(&str,), (String,)>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ("größe",)).unwrap(), ("GRÖSSE".to_owned(),));
    assert_eq!(*store.data(), 1);
}

#[test]
fn a_host_function_that_waits_suspends_its_guest_and_nothing_else() {
    let engine = Engine::default();
    let component = load(&engine, ECHO);
    let mut linker = Linker::<u32>::new(&engine);
    let mut host = linker.instance("host").unwrap();
    host.func_wrap_poll("shout", |mut cx, _, (text,): &mut (String,)| {
        *cx.data_mut() += 1;
        if *cx.data() < 4 { Poll::Pending } else { Poll::Ready(Ok((text.clone() + "!",))) }
    })
    .unwrap();
    let mut store = Store::new(&engine, 0);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(String,), (String,)>(&store, "run").unwrap();
    let mut call = pin!(run.call_async(&mut store, ("hi".into(),)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    assert!(
        (0..8).any(|_| matches!(call.as_mut().poll(&mut cx), Poll::Ready(Ok((ref text,))) if text == "hi!"))
    );
}

/// Each poll on a thread of its own, with the store that the call is in.
#[test]
fn a_call_moves_to_another_thread_between_polls() {
    let engine = Engine::default();
    let component = load(&engine, ECHO);
    let mut linker = Linker::<Vec<std::thread::ThreadId>>::new(&engine);
    let mut host = linker.instance("host").unwrap();
    host.func_wrap_poll("shout", |mut cx, _, (text,): &mut (String,)| {
        cx.data_mut().push(std::thread::current().id());
        if cx.data().len() < 6 { Poll::Pending } else { Poll::Ready(Ok((text.clone() + "!",))) }
    })
    .unwrap();
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(String,), (String,)>(&store, "run").unwrap();
    let mut call = Box::pin(async move {
        let answer = run.call_async(&mut store, ("hi".into(),)).await;
        (answer, store)
    });
    for _ in 0..16 {
        let polled = std::thread::spawn(move || {
            let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            (call, polled)
        });
        let (back, polled) = polled.join().unwrap();
        call = back;
        if let Poll::Ready((answer, store)) = polled {
            assert_eq!(answer.unwrap(), ("hi!".to_owned(),));
            let mut threads = store.data().clone();
            threads.dedup();
            assert!(threads.len() >= 3, "the host was asked on {} threads", threads.len());
            return;
        }
    }
    panic!("it did not end");
}

#[test]
fn a_call_that_was_dropped_midway_does_no_harm() {
    let engine = Engine::default();
    let component = load(&engine, ECHO);
    let mut linker = Linker::<bool>::new(&engine);
    let mut host = linker.instance("host").unwrap();
    host.func_wrap_poll(
        "shout",
        |cx, _, (text,): &mut (String,)| {
            if *cx.data() { Poll::Ready(Ok((text.clone(),))) } else { Poll::Pending }
        },
    )
    .unwrap();
    let mut store = Store::new(&engine, false);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(String,), (String,)>(&store, "run").unwrap();
    {
        let mut call = pin!(run.call_async(&mut store, ("first".into(),)));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    *store.data_mut() = true;
    assert_eq!(run.call(&mut store, ("second".into(),)).unwrap(), ("second".to_owned(),));
}

#[test]
fn a_component_satisfies_what_another_imports() {
    let engine = Engine::default();
    let plugin = load(&engine, ADD);
    let program = load(
        &engine,
        r#"(component
            (import "math" (instance $math (export "add" (func (param "a" u32) (param "b" u32) (result u32)))))
            (core func $add (canon lower (func $math "add")))
            (core module $m
                (import "" "add" (func $add (param i32 i32) (result i32)))
                (func (export "run") (result i32) (call $add (i32.const 40) (i32.const 2))))
            (core instance $i (instantiate $m (with "" (instance (export "add" (func $add))))))
            (func (export "run") (result u32) (canon lift (core func $i "run"))))"#,
    );
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let plugin = linker.instantiate(&mut store, &plugin).unwrap();
    linker.root().exports("math", &plugin).unwrap();
    let program = linker.instantiate(&mut store, &program).unwrap();
    let run = program.get_typed_func::<(), (u32,)>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), (42,));
}

struct File;

const FILES: &str = r#"(component
    (import "files" (instance $files
        (export "file" (type $file (sub resource)))
        (export "open" (func (result (own $file))))
        (export "[method]file.size" (func (param "self" (borrow $file)) (result u64)))))
    (alias export $files "file" (type $file))
    (core func $open (canon lower (func $files "open")))
    (core func $size (canon lower (func $files "[method]file.size")))
    (core func $drop (canon resource.drop $file))
    (core module $m
        (import "" "open" (func $open (result i32)))
        (import "" "size" (func $size (param i32) (result i64)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "run") (result i64) (local $file i32) (local $size i64)
            (local.set $file (call $open))
            (local.set $size (call $size (local.get $file)))
            (call $drop (local.get $file))
            (local.get $size))
        (func (export "leak") (result i32) (call $open))
        (func (export "give") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m (with "" (instance
        (export "open" (func $open)) (export "size" (func $size)) (export "drop" (func $drop))))))
    (func (export "run") (result u64) (canon lift (core func $i "run")))
    (func (export "leak") (result u32) (canon lift (core func $i "leak")))
    (func (export "give") (param "file" (own $file)) (result (own $file)) (canon lift (core func $i "give"))))"#;

fn files(engine: &Engine) -> Linker<ResourceTable> {
    let mut linker = Linker::<ResourceTable>::new(engine);
    let mut files = linker.instance("files").unwrap();
    files
        .resource("file", ResourceType::host::<File>(), |mut cx, rep| {
            cx.data_mut().delete(Resource::<File>::new_own(rep))?;
            Ok(())
        })
        .unwrap();
    files
        .func_wrap("open", |mut cx: wasmote::component::StoreContextMut<'_, ResourceTable>, (): ()| {
            Ok((cx.data_mut().push(File)?,))
        })
        .unwrap();
    files
        .func_wrap("[method]file.size", |cx, (file,): (Resource<File>,)| {
            cx.data().get(&file)?;
            Ok((7_u64,))
        })
        .unwrap();
    linker
}

#[test]
fn host_resources_live_in_a_table_until_they_are_dropped() {
    let engine = Engine::default();
    let component = load(&engine, FILES);
    let mut store = Store::new(&engine, ResourceTable::new());
    let instance = files(&engine).instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(), (u64,)>(&store, "run").unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap(), (7,));
    assert!(store.data().is_empty());
    let give = instance.get_typed_func::<(Resource<File>,), (ResourceAny,)>(&store, "give").unwrap();
    let file = store.data_mut().push(File).unwrap();
    let (file,) = give.call(&mut store, (file,)).unwrap();
    assert!(file.owned() && store.data().len() == 1);
    file.resource_drop(&mut store).unwrap();
    assert!(store.data().is_empty());
}

#[test]
fn instances_with_imports_met_before_stand_side_by_side_in_a_store() {
    let engine = Engine::default();
    let component = load(&engine, FILES);
    let met = files(&engine).instantiate_pre(&component).unwrap();
    let mut store = Store::new(&engine, ResourceTable::new());
    let instances = [(); 3].map(|()| met.instantiate(&mut store).unwrap());
    for (from, to) in [(0, 1), (1, 2), (2, 0)] {
        let run = instances[from].get_typed_func::<(), (u64,)>(&store, "run").unwrap();
        assert_eq!(run.call(&mut store, ()).unwrap(), (7,));
        // A file is one to all of them.
        let give =
            |at: usize| instances[at].get_typed_func::<(Resource<File>,), (Resource<File>,)>(&store, "give");
        let (give, take) = (give(from).unwrap(), give(to).unwrap());
        let file = store.data_mut().push(File).unwrap();
        let (file,) = give.call(&mut store, (file,)).unwrap();
        let (file,) = take.call(&mut store, (file,)).unwrap();
        store.data_mut().delete(file).unwrap();
    }
}

#[test]
fn what_was_found_of_a_function_in_one_store_is_not_taken_for_true_in_another() {
    struct Other;
    let text = r#"(component
        (import "file" (type $file (sub resource)))
        (core module $m (func (export "use") (param i32)))
        (core instance $i (instantiate $m))
        (func (export "use") (param "file" (own $file)) (canon lift (core func $i "use"))))"#;
    let engine = Engine::default();
    let component = load(&engine, text);
    let stores = [ResourceType::host::<File>(), ResourceType::host::<Other>()].map(|ty| {
        let mut linker = Linker::new(&engine);
        linker.root().resource("file", ty, |_, _| Ok(())).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = linker.instantiate_pre(&component).unwrap().instantiate(&mut store).unwrap();
        (store, instance)
    });
    let [(of_files, files), (of_others, others)] = &stores;
    for _ in 0..2 {
        assert!(files.get_typed_func::<(Resource<File>,), ()>(of_files, "use").is_ok());
        assert!(files.get_typed_func::<(Resource<Other>,), ()>(of_files, "use").is_err());
        assert!(files.get_typed_func::<(Resource<File>,), (u32,)>(of_files, "use").is_err());
        assert!(others.get_typed_func::<(Resource<File>,), ()>(of_others, "use").is_err());
        assert!(others.get_typed_func::<(Resource<Other>,), ()>(of_others, "use").is_ok());
    }
}

#[test]
fn handles_are_bounded_store_wide() {
    let limits = Limits { handles: 10, ..Limits::server() };
    let engine = Engine::new(Features::default(), &limits);
    let component = load(&engine, FILES);
    let mut store = Store::new(&engine, ResourceTable::new());
    let instance = files(&engine).instantiate(&mut store, &component).unwrap();
    let leak = instance.get_typed_func::<(), (u32,)>(&store, "leak").unwrap();
    for _ in 0..10 {
        leak.call(&mut store, ()).unwrap();
    }
    assert_eq!(leak.call(&mut store, ()).unwrap_err().trap(), Some(Trap::Handles));
}

#[test]
fn a_resource_with_children_stays() {
    let mut table = ResourceTable::new();
    let parent = table.push("parent").unwrap();
    let child = table.push_child(1_u8, &parent).unwrap();
    let wrong = Resource::<u8>::new_borrow(parent.rep());
    assert_eq!(table.get(&wrong), Err(ResourceTableError::WrongType));
    assert_eq!(table.delete(Resource::<&str>::new_own(parent.rep())), Err(ResourceTableError::HasChildren));
    table.delete(child).unwrap();
    assert_eq!(table.delete(parent), Ok("parent"));
}

#[test]
fn fuel_bounds_a_component_and_slices_it() {
    let text = r#"(component
        (core module $m (func (export "spin") (loop (br 0))))
        (core instance $i (instantiate $m))
        (func (export "spin") (canon lift (core func $i "spin"))))"#;
    let engine = Engine::default();
    let component = load(&engine, text);
    let mut store = Store::new(&engine, ());
    store.set_fuel(1_000_000).unwrap();
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let spin = instance.get_typed_func::<(), ()>(&store, "spin").unwrap();
    {
        let mut call = pin!(spin.call_async(&mut store, ()));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(&mut cx).is_pending(), "a slice ends before the budget does");
        let ended = (0..1_000).find_map(|_| match call.as_mut().poll(&mut cx) {
            Poll::Ready(ended) => Some(ended),
            Poll::Pending => None,
        });
        assert_eq!(ended.unwrap().unwrap_err().trap(), Some(Trap::OutOfFuel));
    }
    assert!(store.fuel_left() < 10);
    // After a trap nothing of the store runs any more.
    assert!(spin.call(&mut store, ()).is_err());
}

#[test]
fn lists_of_numbers_stay_in_bulk_in_dynamic_calls() {
    let text = r#"(component
        (core module $m
            (memory (export "mem") 4)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "same") (param i32 i32) (result i32)
                (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0)))
        (core instance $i (instantiate $m))
        (func (export "same") (param "x" (list u8)) (result (list u8))
            (canon lift (core func $i "same") (memory (core memory $i "mem")) (realloc (core func $i "realloc")))))"#;
    let engine = Engine::default();
    let component = load(&engine, text);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 16).collect();
    let mut results = [Val::Bool(false)];
    let same = instance.get_func(&store, "same").unwrap();
    same.call(&mut store, &[Val::List(List::U8(bytes.clone()))], &mut results).unwrap();
    assert!(matches!(&results[0], Val::List(List::U8(found)) if *found == bytes));
}

#[test]
fn prefixes_and_mutations_of_components_are_refused_or_load_and_never_panic() {
    let engine = Engine::new(Features::all(), &Limits::mcu());
    for text in [ADD, ECHO, FILES] {
        let bytes = wat::parse_str(text).unwrap();
        for end in 0..bytes.len() {
            // One that ends between two sections is a component; none may panic.
            drop(Component::new(&engine, &bytes[..end]));
        }
        let mut seed = 1_u64;
        for _ in 0..times::times(2_000) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut mutant = bytes.clone();
            let at = (seed >> 33) as usize % mutant.len();
            mutant[at] ^= 1 << (seed >> 20 & 7);
            let engine = Engine::new(Features::all(), &Limits::mcu());
            let Ok(component) = Component::new(&engine, &mutant) else { continue };
            let mut store = Store::new(&engine, ());
            store.set_fuel(10_000).unwrap();
            drop(Linker::new(&engine).instantiate(&mut store, &component));
        }
    }
}

#[test]
fn deep_nesting_is_refused_before_it_costs_anything() {
    let deep = |depth: usize| {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        for _ in 0..depth {
            let mut outer = b"\0asm\x0d\0\x01\0\x04".to_vec();
            let mut length = bytes.len();
            while length > 0x7f {
                outer.push(length as u8 | 0x80);
                length >>= 7;
            }
            outer.push(length as u8);
            outer.extend_from_slice(&bytes);
            bytes = outer;
        }
        bytes
    };
    let engine = Engine::default();
    assert!(Component::new(&engine, deep(50)).is_ok());
    let error = Component::new(&engine, deep(1_000)).unwrap_err();
    assert_eq!(error.limit_exceeded().map(|limit| limit.limit), Some("component_depth"));
}

/// A guest that doubles what it reads from a stream of the host into one of its own.
const PIPE: &str = r#"(component
    (type $st (stream u8))
    (core module $libc (memory (export "mem") 1))
    (core instance $libc (instantiate $libc))
    (core func $new (canon stream.new $st))
    (core func $read (canon stream.read $st async (memory (core memory $libc "mem"))))
    (core func $write (canon stream.write $st async (memory (core memory $libc "mem"))))
    (core func $drop-r (canon stream.drop-readable $st))
    (core func $drop-w (canon stream.drop-writable $st))
    (core func $return (canon task.return (result $st)))
    (core func $set (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core module $m
        (import "" "mem" (memory 1))
        (import "" "new" (func $new (result i64)))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "write" (func $write (param i32 i32 i32) (result i32)))
        (import "" "drop-r" (func $drop-r (param i32)))
        (import "" "drop-w" (func $drop-w (param i32)))
        (import "" "return" (func $return (param i32)))
        (import "" "set" (func $set (result i32)))
        (import "" "join" (func $join (param i32 i32)))
        (global $r (mut i32) (i32.const 0))
        (global $w (mut i32) (i32.const 0))
        (global $ws (mut i32) (i32.const 0))
        (func $wait (result i32) (i32.or (i32.const 2) (i32.shl (global.get $ws) (i32.const 4))))
        (func $again (result i32) (local $status i32)
            (loop $more (result i32)
                (local.set $status (call $read (global.get $r) (i32.const 0) (i32.const 4)))
                (if (i32.eq (local.get $status) (i32.const -1)) (then (return (call $wait))))
                (if (i32.and (local.get $status) (i32.const 1)) (then (return (call $end))))
                (br_if $more (i32.ne (call $double (local.get $status)) (i32.const -1)))
                (call $wait)))
        (func $end (result i32)
            (call $drop-r (global.get $r))
            (call $drop-w (global.get $w))
            (i32.const 0))
        (func $double (param $status i32) (result i32)
            (i32.store (i32.const 0) (i32.mul (i32.load (i32.const 0)) (i32.const 2)))
            (call $write (global.get $w) (i32.const 0) (i32.shr_u (local.get $status) (i32.const 4))))
        (func (export "run") (param i32) (result i32) (local $ends i64)
            (global.set $r (local.get 0))
            (local.set $ends (call $new))
            (global.set $w (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
            (global.set $ws (call $set))
            (call $join (global.get $r) (global.get $ws))
            (call $join (global.get $w) (global.get $ws))
            (call $return (i32.wrap_i64 (local.get $ends)))
            (call $again))
        (func (export "callback") (param $code i32) (param $handle i32) (param $status i32) (result i32)
            (if (i32.eq (local.get $code) (i32.const 3)) (then (return (call $again))))
            (if (i32.and (local.get $status) (i32.const 1)) (then (return (call $end))))
            (if (i32.ne (call $double (local.get $status)) (i32.const -1)) (then (return (call $again))))
            (call $wait)))
    (core instance $i (instantiate $m (with "" (instance
        (export "mem" (memory $libc "mem")) (export "new" (func $new)) (export "read" (func $read))
        (export "write" (func $write)) (export "drop-r" (func $drop-r)) (export "drop-w" (func $drop-w))
        (export "return" (func $return)) (export "set" (func $set)) (export "join" (func $join))))))
    (func (export "run") async (param "in" $st) (result $st)
        (canon lift (core func $i "run") async (callback (core func $i "callback")))))"#;

#[test]
fn streams_of_the_host_meet_those_of_a_guest() {
    let engine = Engine::default();
    let component = load(&engine, PIPE);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(ChannelAny,), (ChannelAny,)>(&store, "run").unwrap();
    let input = store.as_context_mut().stream_new();
    let mut to_send: Vec<u8> = (1..=10).collect();
    let mut all_taken = false;
    store.as_context_mut().spawn(move |mut cx, _| {
        while !to_send.is_empty() {
            match cx.poll_write(input, &to_send) {
                Poll::Ready(Ok(Some(count))) => drop(to_send.drain(..count)),
                Poll::Ready(Ok(None)) => {
                    return Poll::Ready(Err(Trap::Host("the guest stopped reading").into()));
                }
                Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
                Poll::Pending => return Poll::Pending,
            }
        }
        // Closing at once would tell the guest of its last bytes and of the end in one event, which this one does not expect.
        if !core::mem::replace(&mut all_taken, true) {
            return Poll::Pending;
        }
        Poll::Ready(cx.close_writable(input))
    });
    let (output,) = run.call(&mut store, (input,)).unwrap();
    let mut received = Vec::new();
    for _ in 0..100 {
        match store.as_context_mut().poll_read::<u8>(output, 64) {
            Poll::Ready(Ok(Some(items))) => received.extend(items),
            Poll::Ready(Ok(None)) => break,
            Poll::Ready(Err(fault)) => panic!("{fault}"),
            Poll::Pending => drop(store.run_until_idle()),
        }
    }
    assert_eq!(received, [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]);
    // A value of another type is no element of this stream.
    assert!(matches!(store.as_context_mut().poll_read::<u32>(output, 1), Poll::Ready(Err(_))));
}

#[derive(Clone, Debug, PartialEq)]
struct Point {
    x: i32,
    label: String,
}
wasmote::record! { Point { x: i32 = "x", label: String = "label" } }

#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Empty,
    At(Point),
}
wasmote::variant! { Shape { Empty = "empty", At(Point) = "at" } }

wasmote::flags! { Access { READ = "read", WRITE = "write" } }

#[test]
fn types_of_ones_own_cross_as_records_variants_and_flags() {
    let text = r#"(component
        (type $point' (record (field "x" s32) (field "label" string)))
        (import "point" (type $point (eq $point')))
        (type $shape' (variant (case "empty") (case "at" $point)))
        (import "shape" (type $shape (eq $shape')))
        (type $access' (flags "read" "write"))
        (import "access" (type $access (eq $access')))
        (core module $m
            (memory (export "mem") 1)
            (global $next (mut i32) (i32.const 1024))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
                (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                (global.set $next (i32.add (local.get $at) (local.get 3)))
                (local.get $at))
            (func (export "list") (param i32 i32) (result i32)
                (i32.store (i32.const 0) (local.get 0)) (i32.store (i32.const 4) (local.get 1)) (i32.const 0))
            (func (export "bits") (param i32) (result i32) (i32.or (local.get 0) (i32.const 0xfe))))
        (core instance $i (instantiate $m))
        (func (export "same") (param "x" (list $shape)) (result (list $shape))
            (canon lift (core func $i "list") (memory (core memory $i "mem")) (realloc (core func $i "realloc"))))
        (func (export "more") (param "x" $access) (result $access) (canon lift (core func $i "bits"))))"#;
    let engine = Engine::default();
    let component = load(&engine, text);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let same = instance.get_typed_func::<(Vec<Shape>,), (Vec<Shape>,)>(&store, "same").unwrap();
    let shapes = vec![Shape::Empty, Shape::At(Point { x: -7, label: "here".into() })];
    assert_eq!(same.call(&mut store, (shapes.clone(),)).unwrap(), (shapes,));
    let more = instance.get_typed_func::<(Access,), (Access,)>(&store, "more").unwrap();
    assert_eq!(more.call(&mut store, (Access::READ,)).unwrap(), (Access(3),));
    assert!(instance.get_typed_func::<(Vec<Point>,), (Vec<Shape>,)>(&store, "same").is_err());
}

/// A guest with a 64-bit memory that gives back what it gets, and asks the host too.
const WIDE: &str = r#"(component
    (type $point' (record (field "x" s32) (field "label" string)))
    (import "point" (type $point (eq $point')))
    (type $shape' (variant (case "empty") (case "at" $point)))
    (import "shape" (type $shape (eq $shape')))
    (import "turn" (func $turn (param "l" (list (tuple u8 string))) (param "s" string) (result (list string))))
    (type $st (stream string))
    (core module $libc
        (memory (export "mem") i64 1)
        (global $next (mut i64) (i64.const 1024))
        (data (i64.const 256) "\20\01\00\00\00\00\00\00\03\00\00\00\00\00\00\00")
        (data (i64.const 272) "\23\01\00\00\00\00\00\00\02\00\00\00\00\00\00\00onetwo")
        (func (export "realloc") (param i64 i64 i64 i64) (result i64) (local $at i64)
            (local.set $at (i64.and (i64.add (global.get $next) (i64.const 7)) (i64.const -8)))
            (global.set $next (i64.add (local.get $at) (local.get 3)))
            (local.get $at)))
    (core instance $libc (instantiate $libc))
    (core func $turn (canon lower (func $turn) (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (core func $new (canon stream.new $st))
    (core func $write (canon stream.write $st async (memory (core memory $libc "mem"))))
    (core func $read (canon stream.read $st (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (core module $m
        (import "" "mem" (memory i64 1))
        (import "" "turn" (func $turn (param i64 i64 i64 i64 i64)))
        (import "" "new" (func $new (result i64)))
        (import "" "write" (func $write (param i32 i64 i64) (result i64)))
        (import "" "read" (func $read (param i32 i64 i64) (result i64)))
        (func (export "pair") (param i64 i64) (result i64)
            (i64.store (i64.const 16) (local.get 0)) (i64.store (i64.const 24) (local.get 1)) (i64.const 16))
        (func (export "pairs") (param i64 i64 i64 i64) (result i64)
            (i64.store (i64.const 16) (local.get 0)) (i64.store (i64.const 24) (local.get 1))
            (i64.store (i64.const 32) (local.get 2)) (i64.store (i64.const 40) (local.get 3)) (i64.const 16))
        (func (export "ask") (param i64 i64 i64 i64) (result i64)
            (call $turn (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i64.const 64)) (i64.const 64))
        (func (export "open") (result i32) (local $ends i64)
            (local.set $ends (call $new))
            (drop (call $write (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i64.const 256) (i64.const 2)))
            (i32.wrap_i64 (local.get $ends)))
        (func (export "take") (param i32) (result i64)
            (if (i64.ne (call $read (local.get 0) (i64.const 128) (i64.const 2)) (i64.const 0x20)) (then unreachable))
            (i64.const 144)))
    (core instance $i (instantiate $m (with "" (instance
        (export "mem" (memory $libc "mem")) (export "turn" (func $turn)) (export "new" (func $new))
        (export "write" (func $write)) (export "read" (func $read))))))
    (func (export "shapes") (param "x" (list $shape)) (result (list $shape))
        (canon lift (core func $i "pair") (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (func (export "count") (param "x" (map string u64)) (result (map string u64))
        (canon lift (core func $i "pair") (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (func (export "row") (param "x" (list string 2)) (result (list string 2))
        (canon lift (core func $i "pairs") (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (func (export "ask") (param "l" (list (tuple u8 string))) (param "s" string) (result (list string))
        (canon lift (core func $i "ask") (memory (core memory $libc "mem")) (realloc (core func $libc "realloc"))))
    (func (export "open") async (result $st) (canon lift (core func $i "open")))
    (func (export "take") async (param "s" $st) (result string)
        (canon lift (core func $i "take") (memory (core memory $libc "mem")))))"#;

#[test]
#[cfg(feature = "memory64")]
fn values_lie_in_64_bit_memories_as_in_others() {
    use std::collections::BTreeMap;
    let engine = Engine::new(Features::all(), &Limits::server());
    let component = load(&engine, WIDE);
    let mut linker = Linker::new(&engine);
    let turn = |_: wasmote::component::StoreContextMut<'_, ()>, (list, last): (Vec<(u8, String)>, String)| {
        let said = list.into_iter().map(|(number, text)| format!("{number}{text}"));
        Ok((said.chain([last]).collect::<Vec<_>>(),))
    };
    linker.root().func_wrap("turn", turn).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();

    let shapes = vec![Shape::At(Point { x: -7, label: "here".into() }), Shape::Empty];
    let same = instance.get_typed_func::<(Vec<Shape>,), (Vec<Shape>,)>(&store, "shapes").unwrap();
    assert_eq!(same.call(&mut store, (shapes.clone(),)).unwrap(), (shapes,));
    type Counts = BTreeMap<String, u64>;
    let counts: Counts = [("a".into(), 7), ("größer".into(), u64::MAX)].into();
    let same = instance.get_typed_func::<(Counts,), (Counts,)>(&store, "count").unwrap();
    assert_eq!(same.call(&mut store, (counts.clone(),)).unwrap(), (counts,));
    type Row = [String; 2];
    let row = ["left".to_owned(), "right".to_owned()];
    let same = instance.get_typed_func::<(Row,), (Row,)>(&store, "row").unwrap();
    assert_eq!(same.call(&mut store, (row.clone(),)).unwrap(), (row,));
    let ask = instance.get_typed_func::<(Vec<(u8, String)>, String), (Vec<String>,)>(&store, "ask").unwrap();
    let asked = (vec![(1, "one".to_owned()), (2, "two".to_owned())], "three".to_owned());
    let answer = ["1one", "2two", "three"].map(str::to_owned).to_vec();
    assert_eq!(ask.call(&mut store, asked).unwrap(), (answer,));

    let open = instance.get_typed_func::<(), (ChannelAny,)>(&store, "open").unwrap();
    let (output,) = open.call(&mut store, ()).unwrap();
    for expected in ["one", "tw"] {
        let read = store.as_context_mut().poll_read::<String>(output, 1);
        assert!(
            matches!(&read, Poll::Ready(Ok(Some(items))) if *items == [expected]),
            "{expected}: {:?}",
            read.map_ok(|_| ())
        );
    }
    let input = store.as_context_mut().stream_new();
    store.as_context_mut().spawn(move |mut cx, _| {
        cx.poll_write(input, &["first", "second"]).map(|written| written.map(|_| ()))
    });
    let take = instance.get_typed_func::<(ChannelAny,), (String,)>(&store, "take").unwrap();
    assert_eq!(take.call(&mut store, (input,)).unwrap(), ("second".to_owned(),));
}

#[test]
fn memories_of_64_bits_are_off_until_asked_for() {
    let bytes = wat::parse_str(WIDE).unwrap();
    let features = Features { memory64: false, ..Features::all() };
    let error = Component::new(&Engine::new(features, &Limits::server()), bytes).unwrap_err();
    assert!(error.unsupported_feature().is_some(), "{error}");
}

/// A guest that asks its host with more arguments than fit flat, and texts in an encoding of two forms.
const WATCHED: &str = r#"(component
    (import "take" (func $take
        (param "a" u64) (param "b" u64) (param "c" u64) (param "d" u64) (param "e" u64) (param "f" u64) (param "g" u64)
        (param "h" u64) (param "i" u64) (param "j" u64) (param "k" u64) (param "l" u64) (param "m" u64) (param "n" u64)
        (param "o" u64) (param "p" u64) (param "q" u64) (param "one" string) (param "other" string)))
    (core module $libc (memory (export "mem") 1)
        (data (i32.const 136) "\00\02\00\00\01\00\00\00\10\02\00\00\02\00\00\80")
        (data (i32.const 512) "\e9") (data (i32.const 528) "a\00\03\26"))
    (core instance $libc (instantiate $libc))
    (core func $take (canon lower (func $take) (memory (core memory $libc "mem")) string-encoding=latin1+utf16))
    (core module $m (import "" "take" (func $take (param i32)))
        (func (export "run") (call $take (i32.const 0))))
    (core instance $m (instantiate $m (with "" (instance (export "take" (func $take))))))
    (func (export "run") (canon lift (core func $m "run"))))"#;

#[test]
fn whoever_watches_reads_texts_as_they_are_and_costs_nothing() {
    use std::sync::{Arc, Mutex};
    let engine = Engine::default();
    let component = load(&engine, WATCHED);
    let run = |lines: Option<Arc<Mutex<Vec<String>>>>| {
        let mut linker = Linker::new(&engine);
        linker.root().func_new("take", |_, _, _, _| Ok(())).unwrap();
        let mut store = Store::new(&engine, ());
        if let Some(lines) = lines {
            let tracer = Tracer::new(move |line: &str| lines.lock().unwrap().push(line.to_owned()));
            store.interpose(Box::new(tracer));
        }
        let instance = linker.instantiate(&mut store, &component).unwrap();
        instance.get_typed_func::<(), ()>(&store, "run").unwrap().call(&mut store, ()).unwrap();
        store.fuel_spent()
    };
    let lines = Arc::<Mutex<Vec<String>>>::default();
    assert_eq!(run(Some(lines.clone())), run(None));
    let lines = lines.lock().unwrap().join("\n");
    assert!(lines.contains(r#"q: 0, one: "é", other: "a☃""#), "{lines}");
}

#[cfg(feature = "memory64")]
#[test]
fn tables_of_other_addresses_are_other_tables() {
    let engine = Engine::new(Features::all(), &Limits::server());
    let [narrow, wide] = ["", "i64"].map(|width| {
        let import =
            format!(r#"(component (import "m" (core module (export "t" (table {width} 1 funcref)))))"#);
        (
            load(&engine, &import),
            wat::parse_str(format!(r#"(module (table (export "t") {width} 1 funcref))"#)).unwrap(),
        )
    });
    let meets = |component: &Component, module: &[u8]| {
        let mut linker = Linker::<()>::new(&engine);
        linker.root().module("m", module).unwrap();
        linker.instantiate(&mut Store::new(&engine, ()), component).is_ok()
    };
    assert!(meets(&narrow.0, &narrow.1) && meets(&wide.0, &wide.1));
    assert!(!meets(&narrow.0, &wide.1) && !meets(&wide.0, &narrow.1));
}
