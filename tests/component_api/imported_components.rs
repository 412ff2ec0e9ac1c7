//! Components that a component imports: which resource of one is which of the other.

use super::load;
use wasmote::component::{Engine, Linker, ResourceType, Store};

struct Thing;

/// Whether a component fits where one of a type is imported; `$r` is a resource that was imported before.
fn fits(expected: &str, found: &str) -> bool {
    let engine = Engine::default();
    let importer =
        format!(r#"(component (import "r" (type $r (sub resource))) (import "c" (component {expected})))"#);
    let mut linker = Linker::<()>::new(&engine);
    linker.root().resource("r", ResourceType::host::<Thing>(), |_, _| Ok(())).unwrap();
    linker.root().component("c", &load(&engine, &format!("(component {found})"))).unwrap();
    match linker.instantiate(&mut Store::new(&engine, ()), &load(&engine, &importer)) {
        Ok(_) => true,
        Err(error) => {
            assert_eq!(error.missing_imports().len(), 1, "{error}");
            assert_eq!(error.missing_imports()[0].module, "c", "{error}");
            false
        }
    }
}

/// A core function for functions with one handle to go by.
const CORE: &str = r#"(core module $m
    (func (export "take") (param i32)) (func (export "make") (result i32) (i32.const 0)))
    (core instance $i (instantiate $m))"#;

#[test]
fn a_resource_from_around_a_component_type_is_no_other() {
    // Exported again under the name of the found one's own.
    let outer = r#"(alias outer 1 $r (type $o)) (export "s" (type $e (eq $o)))
        (export "take" (func (param "x" (own $e))))"#;
    let own = format!(
        r#"{CORE} (type $s' (resource (rep i32))) (export $s "s" (type $s'))
        (func (export "take") (param "x" (own $s)) (canon lift (core func $i "take")))"#
    );
    assert!(!fits(outer, &own));
    // Without a name of its own.
    let func = r#"(alias outer 1 $r (type $o)) (import "r" (type $p (eq $o))) (export "s" (type (sub resource)))
        (export "take" (func (param "x" (own $p))))"#;
    assert!(!fits(func, &own));
    // It is given what it takes.
    let given = format!(
        r#"{CORE} (import "r" (type $p (sub resource))) (type $s' (resource (rep i32))) (export "s" (type $s'))
        (func (export "take") (param "x" (own $p)) (canon lift (core func $i "take")))"#
    );
    assert!(fits(func, &given));
}

#[test]
fn a_resource_that_a_component_type_imports_is_no_other() {
    let expected = r#"(import "p" (type $p (sub resource))) (export "s" (type (eq $p)))"#;
    assert!(!fits(expected, r#"(type $s (resource (rep i32))) (export "s" (type $s))"#));
    assert!(fits(expected, r#"(import "p" (type $p (sub resource))) (export "s" (type $p))"#));
    // Through an instance.
    let expected = r#"(import "i" (instance $i (export "p" (type (sub resource)))))
        (alias export $i "p" (type $p)) (export "s" (type (eq $p)))"#;
    assert!(!fits(expected, r#"(type $s (resource (rep i32))) (export "s" (type $s))"#));
    let found = r#"(import "i" (instance $i (export "p" (type (sub resource)))))
        (alias export $i "p" (type $p)) (export "s" (type $p))"#;
    assert!(fits(expected, found));
    // The other way round: it imports a component that hands back what it is given.
    let found =
        r#"(import "n" (component (import "p" (type $p (sub resource))) (export "s" (type (eq $p)))))"#;
    assert!(!fits(r#"(import "n" (component (export "s" (type (sub resource)))))"#, found));
    let same =
        r#"(import "n" (component (import "p" (type $p (sub resource))) (export "s" (type (eq $p)))))"#;
    assert!(fits(same, found));
}

#[test]
fn a_resource_that_a_component_type_exports_is_any() {
    // Named before what is of it, whatever comes first in the alphabet.
    let expected = r#"(export "i" (instance
        (export "z" (type $z (sub resource))) (export "a" (func (result (own $z))))))"#;
    let found = |of_a: &str| {
        format!(
            r#"{CORE} (type $z (resource (rep i32))) (type $y (resource (rep i32)))
            (func $a (result (own {of_a})) (canon lift (core func $i "make")))
            (component $names
                (import "z" (type $z (sub resource))) (import "y" (type $y (sub resource)))
                (import "a" (func $a (result (own {of_a}))))
                (export $z' "z" (type $z)) (export $y' "y" (type $y))
                (export "a" (func $a) (func (result (own {of_a}')))))
            (instance $n (instantiate $names
                (with "z" (type $z)) (with "y" (type $y)) (with "a" (func $a))))
            (export "i" (instance $n))"#
        )
    };
    assert!(fits(expected, &found("$z")));
    assert!(!fits(expected, &found("$y")));
    // One of those that it is given.
    let expected = r#"(import "p" (type $p (sub resource))) (export "s" (type $s (sub resource)))
        (export "take" (func (param "x" (own $s))))"#;
    let found = format!(
        r#"{CORE} (import "p" (type $p (sub resource))) (export $s "s" (type $p))
        (func (export "take") (param "x" (own $s)) (canon lift (core func $i "take")))"#
    );
    assert!(fits(expected, &found));
}
