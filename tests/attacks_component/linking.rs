//! What core modules of one component may do to each other.

use super::*;

/// The interpreter goes on at a wild stack pointer after it tail-called a host's function. A module without imports has
/// none to call, and yet: here another puts one into its table, its global, or hands it over.
#[test]
fn functions_of_the_host_cannot_be_tail_called_through_another_module() {
    let linked = |a: &str, b: &str| {
        format!(
            r#"(component
                (core func $inc (canon backpressure.inc))
                (core module $A (type $v (func))
                    {a}
                    (func $leaf (return_call_indirect (type $v) (i32.const 0)))
                    (func (export "run") (result i32) (call $leaf) (i32.const 7)))
                (core instance $a (instantiate $A))
                (core module $B {b})
                (core instance (instantiate $B (with "a" (instance $a))
                    (with "" (instance (export "f" (func $inc))))))
                (func (export "run") (result u32) (canon lift (core func $a "run"))))"#
        )
    };
    let import = r#"(import "" "f" (func $f))"#;
    for (way, a, b) in [
        (
            "an exported table",
            r#"(table (export "t") 1 1 funcref)"#,
            r#"(import "a" "t" (table 1 funcref)) IMPORT (elem (i32.const 0) func $f)"#,
        ),
        (
            "a parameter",
            r#"(table 1 1 funcref)
                (func (export "set") (param funcref) (table.set (i32.const 0) (local.get 0)))"#,
            r#"(import "a" "set" (func $set (param funcref))) IMPORT (elem declare func $f)
                (func $start (call $set (ref.func $f))) (start $start)"#,
        ),
        (
            "a global",
            r#"(table 1 1 funcref) (global $g (export "g") (mut funcref) (ref.null func))
                (func (export "set") (table.set (i32.const 0) (global.get $g)))"#,
            r#"(import "a" "g" (global $g (mut funcref))) (import "a" "set" (func $set)) IMPORT
                (elem declare func $f)
                (func $start (global.set $g (ref.func $f)) (call $set)) (start $start)"#,
        ),
    ] {
        let text = linked(a, &b.replace("IMPORT", import));
        let error = load(&parse(&text)).map(drop).expect_err(way);
        assert_eq!(error.unsupported_feature(), Some("tail calls of imports"), "{way}");
        #[cfg(feature = "bundle")]
        {
            use wasmote::engine::bundle::{Bundler, SecretKey};
            let bundler = Bundler::new().limits(Limits::server()).features(Features::all());
            let key = SecretKey::from_bytes(&[7; 32]);
            let error = bundler.bundle_component(&parse(&text), &key).unwrap_err();
            assert_eq!(error.unsupported_feature(), Some("tail calls of imports"), "{way}");
        }
        // Called as others are, it is what it always was.
        run(&text.replace("return_call_indirect", "call_indirect")).expect(way);
    }
}

#[test]
fn modules_may_tail_call_what_only_they_can_reach() {
    let text = r#"(component
        (core module $A (type $v (func (param i32) (result i32)))
            (table 1 1 funcref) (elem (i32.const 0) func $count)
            (func $count (param i32) (result i32)
                (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
                (return_call_indirect (type $v) (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
            (func (export "run") (result i32) (call $count (i32.const 100000))))
        (core instance $a (instantiate $A))
        (func (export "run") (result u32) (canon lift (core func $a "run"))))"#;
    run(text).unwrap();
}

/// A core module that imports a function of the host's, which waits, and tail-calls it.
#[test]
fn modules_may_tail_call_what_they_import() {
    let text = |imports: &str, with: &str, exports: &str| {
        format!(
            r#"(component
                (import "slow" (func $slow (param "n" u32) (result u32)))
                (core func $slow (canon lower (func $slow)))
                (core module $B (table (export "t") 1 funcref) (global (export "g") (mut funcref) (ref.null func))
                    (func (export "f") (result funcref) (ref.null func)))
                (core instance $b (instantiate $B))
                (core module $A (import "" "slow" (func $slow (param i32) (result i32))) {imports}
                    (type $t (func (param i32) (result i32)))
                    (table $own {exports} 1 1 funcref) (elem (table $own) (i32.const 0) func $slow)
                    (func $direct (param i32) (result i32) (return_call $slow (local.get 0)))
                    (func $indirect (param i32) (result i32)
                        (return_call_indirect $own (type $t) (local.get 0) (i32.const 0)))
                    (func (export "run") (param i32) (result i32)
                        (i32.add (i32.mul (call $direct (local.get 0)) (i32.const 100)) (call $indirect (local.get 0)))))
                (core instance $a (instantiate $A (with "" (instance (export "slow" (func $slow)))) {with}))
                (func (export "run") (param "n" u32) (result u32) (canon lift (core func $a "run"))))"#
        )
    };
    let component = load(&parse(&text("", "", ""))).unwrap();
    let mut linker = Linker::<u32>::new(component.engine());
    let slow = |mut store: wasmote::component::StoreContextMut<'_, u32>, cx: &mut Context<'_>, n: u32| {
        if *store.data() < n {
            *store.data_mut() += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        *store.data_mut() = 0;
        Poll::Ready(Ok((n + 1,)))
    };
    linker
        .root()
        .func_wrap_poll::<(u32,), (u32,)>("slow", move |store, cx, (n,)| slow(store, cx, *n))
        .unwrap();
    let mut store = Store::new(component.engine(), 0);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(u32,), (u32,)>(&store, "run").unwrap();
    for n in [0, 1, 5] {
        assert_eq!(run.call(&mut store, (n,)).unwrap(), (101 * (n + 1),));
    }
    // Where others may put a function into the table, or hand one over, it stays refused.
    let with = r#"(with "b" (instance $b))"#;
    for (imports, with, exports) in [
        (r#"(import "b" "t" (table 1 funcref))"#, with, ""),
        (r#"(import "b" "g" (global (mut funcref)))"#, with, ""),
        (r#"(import "b" "f" (func (result funcref)))"#, with, ""),
        ("", "", r#"(export "own")"#),
        ("(type (func (param funcref)))", "", ""),
    ] {
        let text = text(imports, with, exports);
        let error = load(&parse(&text)).map(drop).expect_err(&text);
        assert_eq!(error.unsupported_feature(), Some("tail calls of imports"), "{text}");
        load(&parse(&text.replace("return_call_indirect", "call_indirect"))).expect(&text);
    }
}
