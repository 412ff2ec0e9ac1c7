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
