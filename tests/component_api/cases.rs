//! Rust types that stand for WIT types stand for no others.

use super::load;
use wasmote::component::{Engine, Linker, Store};

#[derive(Debug)]
struct Nothing {}
wasmote::record! { Nothing {} }

// Its name is that of something the macro might call so itself.
wasmote::flags! { At { AT = "at", B = "b" } }

#[test]
fn only_the_unit_stands_for_no_payload() {
    let engine = Engine::default();
    let component = load(
        &engine,
        r#"(component
            (core module $m
                (memory (export "m") 1)
                (func (export "f") (result i32) (i32.const 16)))
            (core instance $i (instantiate $m))
            (func (export "f") (result (result (error u32)))
                (canon lift (core func $i "f") (memory (core memory $i "m")))))"#,
    );
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let f = instance.get_typed_func::<(), (Result<(), u32>,)>(&store, "f").unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap(), (Ok(()),));
    let refused = [
        instance.get_typed_func::<(), (Result<Nothing, u32>,)>(&store, "f").map(drop),
        instance.get_typed_func::<(), (Result<[u8; 0], u32>,)>(&store, "f").map(drop),
    ];
    for error in refused.map(Result::unwrap_err) {
        assert!(error.to_string().contains("expected a payload, found none"), "{error}");
    }
}

#[test]
fn flags_may_have_any_name() {
    assert_eq!((At::AT | At::B).0, 3);
    assert!(!At::AT.contains(At::B));
}
