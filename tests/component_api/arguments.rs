//! How long arguments live.

use super::load;
use std::sync::atomic::{AtomicU32, Ordering};
use wasmote::component::{Engine, Linker, Store};

/// How many there are.
static ALIVE: AtomicU32 = AtomicU32::new(0);

struct Counted {
    a: u32,
}
wasmote::record! { Counted { a: u32 = "a" } }

impl Counted {
    fn new(a: u32) -> Self {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Self { a }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers what it is told of `alive` while it runs.
const ASKS: &str = r#"(component
    (import "alive" (func $alive (result u32)))
    (core func $alive (canon lower (func $alive)))
    (core module $m
        (import "" "alive" (func $alive (result i32)))
        (func (export "f") (param i32) (result i32) (i32.add (call $alive) (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance (export "alive" (func $alive))))))
    (type $counted (record (field "a" u32)))
    (export $exported "counted" (type $counted))
    (func (export "f") (param "a" $exported) (result u32) (canon lift (core func $i "f"))))"#;

#[test]
fn typed_arguments_are_gone_once_they_are_lowered() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    linker.root().func_wrap("alive", |_, (): ()| Ok((ALIVE.load(Ordering::Relaxed),))).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &load(&engine, ASKS)).unwrap();
    let f = instance.get_typed_func::<(Counted,), (u32,)>(&store, "f").unwrap();
    assert_eq!(f.call(&mut store, (Counted::new(40),)).unwrap(), (40,));
    assert_eq!(wasmote::block_on(f.call_async(&mut store, (Counted::new(50),))).unwrap(), (50,));
}
