//! Values that something could change on their way: NaNs, the memory that they lie in, arguments that a host still has.

use super::{host, load, parse, rule};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Waker},
};
use wasmote::{
    Error, Rule,
    component::{Engine, Features, Instance, Linker, Store, Val},
};

fn started(text: &str) -> (Store<()>, Instance) {
    let component = load(&parse(text)).unwrap();
    let mut store = Store::new(component.engine(), ());
    let instance = host(component.engine()).instantiate(&mut store, &component).unwrap();
    (store, instance)
}

/// C-09: a host chooses no NaNs of its own, so that what a guest sees is the same wherever it runs.
#[test]
fn the_bits_of_a_nan_arrive_as_they_left() {
    let (mut store, instance) = started(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
                (func (export "f32") (param f32) (result f32) (local.get 0))
                (func (export "f64") (param f64) (result f64) (local.get 0))
                (func (export "list") (param i32 i32) (result i32)
                    (i32.store (i32.const 0) (local.get 0))
                    (i32.store (i32.const 4) (local.get 1))
                    (i32.const 0)))
            (core instance $i (instantiate $m))
            (func (export "f32") (param "x" f32) (result f32) (canon lift (core func $i "f32")))
            (func (export "f64") (param "x" f64) (result f64) (canon lift (core func $i "f64")))
            (func (export "list") (param "x" (list f64)) (result (list f64))
                (canon lift (core func $i "list") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc")))))"#,
    );
    for bits in [0x7fc0_0000, 0xffc0_0000, 0x7fff_ffff, 0xffc0_1234, 0x7f80_0001_u32] {
        let func = instance.get_typed_func::<(f32,), (f32,)>(&store, "f32").unwrap();
        let (back,) = func.call(&mut store, (f32::from_bits(bits),)).unwrap();
        assert_eq!(back.to_bits(), bits, "{bits:#x} {:#x}", back.to_bits());
    }
    let all = [0x7ff8_u64 << 48, 0xfff8 << 48, u64::MAX, 0xfff8_0000_1234_5678, 0x7ff0_0000_0000_0001];
    for bits in all {
        let func = instance.get_typed_func::<(f64,), (f64,)>(&store, "f64").unwrap();
        let (back,) = func.call(&mut store, (f64::from_bits(bits),)).unwrap();
        assert_eq!(back.to_bits(), bits, "{bits:#x} {:#x}", back.to_bits());
    }
    let func = instance.get_typed_func::<(Vec<f64>,), (Vec<f64>,)>(&store, "list").unwrap();
    let (back,) = func.call(&mut store, (all.map(f64::from_bits).to_vec(),)).unwrap();
    assert_eq!(back.into_iter().map(f64::to_bits).collect::<Vec<_>>(), all);
}

/// C-12: of several memories a value is read from the one that is named, and by the bounds of that.
#[test]
fn values_are_read_from_the_memory_that_is_named() {
    let (mut store, instance) = started(
        r#"(component
            (core module $m
                (memory $one (export "one") 1) (memory $two (export "two") 1) (memory (export "none") 0)
                (data (memory $one) (i32.const 0) "\10\00\00\00\05\00\00\00")
                (data (memory $two) (i32.const 0) "\10\00\00\00\05\00\00\00")
                (data (memory $one) (i32.const 16) "first") (data (memory $two) (i32.const 16) "other")
                (func (export "f") (result i32) (i32.const 0))
                (func (export "grow") (drop (memory.grow $two (i32.const 16)))))
            (core instance $i (instantiate $m))
            (func (export "one") (result string) (canon lift (core func $i "f") (memory (core memory $i "one"))))
            (func (export "two") (result string) (canon lift (core func $i "f") (memory (core memory $i "two"))))
            (func (export "none") (result string) (canon lift (core func $i "f") (memory (core memory $i "none"))))
            (func (export "grow") (canon lift (core func $i "grow"))))"#,
    );
    let mut said = |name: &str| -> Result<String, Error> {
        let func = instance.get_typed_func::<(), (String,)>(&store, name)?;
        func.call(&mut store, ()).map(|(text,)| text)
    };
    assert_eq!([said("one").unwrap(), said("two").unwrap()], ["first", "other"]);
    instance.get_typed_func::<(), ()>(&store, "grow").unwrap().call(&mut store, ()).unwrap();
    let mut said = |name: &str| -> Result<String, Error> {
        let func = instance.get_typed_func::<(), (String,)>(&store, name)?;
        func.call(&mut store, ()).map(|(text,)| text)
    };
    assert_eq!([said("two").unwrap(), said("one").unwrap()], ["other", "first"]);
    assert!(said("none").is_err());
}

/// E-02: while the host has what it was given, the guest writes over it and moves its memory.
#[test]
fn what_a_host_was_given_does_not_change_under_it() {
    let text = r#"(component
        (import "keep" (func $keep async (param "bytes" (list u8)) (result (list u8))))
        (import "go" (func $go))
        (core module $libc (memory (export "memory") 1)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
        (core instance $libc (instantiate $libc))
        (core func $keep (canon lower (func $keep) async
            (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
        (core func $go (canon lower (func $go)))
        (core func $set (canon waitable-set.new))
        (core func $join (canon waitable.join))
        (core func $return (canon task.return (result (list u8)) (memory (core memory $libc "memory"))))
        (core module $m
            (import "" "memory" (memory 1))
            (import "" "keep" (func $keep (param i32 i32 i32) (result i32)))
            (import "" "go" (func $go))
            (import "" "set" (func $set (result i32)))
            (import "" "join" (func $join (param i32 i32)))
            (import "" "return" (func $return (param i32 i32)))
            (func (export "run") (result i32) (local $status i32) (local $set i32)
                (memory.fill (i32.const 64) (i32.const 0x61) (i32.const 16))
                (local.set $status (call $keep (i32.const 64) (i32.const 16) (i32.const 8)))
                (memory.fill (i32.const 0) (i32.const 0xff) (i32.const 1024))
                (drop (memory.grow (i32.const 64)))
                (call $go)
                (local.set $set (call $set))
                (call $join (i32.shr_u (local.get $status) (i32.const 4)) (local.get $set))
                (i32.or (i32.const 2) (i32.shl (local.get $set) (i32.const 4))))
            (func (export "callback") (param $event i32) (param $what i32) (param $status i32) (result i32)
                (if (i32.ne (local.get $status) (i32.const 2)) (then unreachable)) ;; RETURNED
                (call $return (i32.load (i32.const 8)) (i32.load (i32.const 12)))
                (i32.const 0)))
        (core instance $m (instantiate $m (with "" (instance
            (export "memory" (memory $libc "memory")) (export "keep" (func $keep)) (export "go" (func $go)) (export "set" (func $set))
            (export "join" (func $join)) (export "return" (func $return))))))
        (func (export "run") async (result (list u8)) (canon lift (core func $m "run") async
            (memory (core memory $libc "memory")) (callback (core func $m "callback")))))"#;
    let engine = Engine::new(Features::all(), &wasmote::Limits::server());
    let component = wasmote::component::Component::new(&engine, parse(text)).unwrap();
    let mut linker = Linker::<()>::new(&engine);
    // It keeps what it was given until it is told to go on.
    let told: Arc<(AtomicBool, Mutex<Option<Waker>>)> = Arc::default();
    let telling = told.clone();
    let mut root = linker.root();
    root.func_wrap_poll("keep", move |_, cx, (bytes,): &mut (Vec<u8>,)| {
        *told.1.lock().unwrap() = Some(cx.waker().clone());
        if told.0.load(Ordering::Relaxed) { Poll::Ready(Ok((bytes.clone(),))) } else { Poll::Pending }
    })
    .unwrap();
    root.func_wrap("go", move |_, (): ()| {
        telling.0.store(true, Ordering::Relaxed);
        telling.1.lock().unwrap().take().unwrap().wake();
        Ok(())
    })
    .unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(), (Vec<u8>,)>(&store, "run").unwrap();
    let (bytes,) = wasmote::block_on(run.call_async(&mut store, ())).unwrap();
    assert_eq!(bytes, [b'a'; 16]);
}

/// What a host's function answers is looked at: it may be written without types.
#[test]
fn what_a_host_function_answers_is_of_its_type() {
    let text = r#"(component
        (import "answer" (func $answer (result u32)))
        (core func $answer (canon lower (func $answer)))
        (core module $m (import "" "answer" (func $answer (result i32)))
            (func (export "run") (result i32) (call $answer)))
        (core instance $m (instantiate $m (with "" (instance (export "answer" (func $answer))))))
        (func (export "run") (result u32) (canon lift (core func $m "run"))))"#;
    let component = load(&parse(text)).unwrap();
    for (answer, is_fine) in [(Val::U32(7), true), (Val::U64(7), false), (Val::String("7".into()), false)] {
        let mut linker = Linker::new(component.engine());
        linker
            .root()
            .func_new("answer", move |_, _, _, results| {
                results[0] = answer.clone();
                Ok(())
            })
            .unwrap();
        let mut store = Store::new(component.engine(), ());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance.get_typed_func::<(), (u32,)>(&store, "run").unwrap();
        match run.call(&mut store, ()) {
            Ok(found) => assert_eq!((found, is_fine), ((7,), true)),
            ended => assert_eq!((rule(ended.map(drop)), is_fine), (Rule::ValueType, false)),
        }
    }
}
