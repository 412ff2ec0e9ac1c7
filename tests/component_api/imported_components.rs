//! Components that a component imports: which resource of one is which of the other.

use super::load;
use wasmote::component::{Component, Engine, Linker, ResourceType, Store};

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

#[test]
fn a_resource_is_the_one_that_is_given_for_it() {
    // What is exported as `s` is what was given as `p`, and whatever has that has it.
    let expected = r#"(import "p" (type $p (sub resource))) (export "s" (type $s (sub resource)))
        (export "n" (component (import "q" (type (eq $p))) (export "t" (type (eq $s)))))"#;
    let found = r#"(import "p" (type $p (sub resource)))
        (component $n (import "q" (type $q (sub resource))) (export "t" (type $q)))
        (export "s" (type $p)) (export "n" (component $n))"#;
    assert!(fits(expected, found));
    let apart = r#"(type $s (resource (rep i32))) (import "p" (type $p (sub resource)))
        (component $n (import "q" (type $q (sub resource))) (export "t" (type $q)))
        (export "s" (type $s)) (export "n" (component $n))"#;
    assert!(!fits(expected, apart));
    // One type that stands twice is of other resources each time.
    let twice = r#"(type $t (component (import "r" (type (sub resource)))))
        (import "m" (component (type $t))) (import "n" (component (type $t)))"#;
    let once = r#"(import "m" (component (import "r" (type (sub resource)))))
        (import "n" (component (import "r" (type (sub resource)))))"#;
    assert!(fits(once, twice));
    assert!(fits(twice, once));
}

/// Whether anybody asked for the export or not.
#[test]
fn a_resource_that_a_component_exports_is_none_that_it_is_given() {
    let n = |ty: &str| {
        format!(r#"(import "n" (component {ty} (export "b" (component (import "c" (type (eq $a)))))))"#)
    };
    let (own, given) =
        (r#"(export "a" (type $a (sub resource)))"#, r#"(import "a" (type $a (sub resource)))"#);
    assert!(fits(&n(own), &n(own)) && fits(&n(given), &n(given)));
    assert!(!fits(&n(own), &n(given)));
}

/// Types of components, made of a few names and resources by chance; but this decision is another one.
struct Chance {
    state: u32,
    changed: u32,
}

impl Chance {
    /// A number below `end`.
    fn below(&mut self, end: u32) -> u32 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let number = (self.state >> 8) + u32::from(self.changed == 0);
        self.changed = self.changed.wrapping_sub(1);
        number % end
    }

    /// What a component, or an instance, declares: `known` are resources that it may name, and so many are there.
    fn declarations(
        &mut self,
        prefix: &str,
        known: &mut Vec<String>,
        depth: u32,
        is_component: bool,
    ) -> String {
        let mut text = String::new();
        let mut imports_more = is_component;
        for (at, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
            imports_more &= self.below(3) > 0;
            let keyword = if imports_more { "import" } else { "export" };
            let path = format!("{prefix}{at}");
            text += &match self.below(if depth > 0 { 7 } else { 4 }) {
                0 => {
                    known.push(format!("$r{path}"));
                    format!("({keyword} \"{name}\" (type $r{path} (sub resource)))\n")
                }
                1..=3 if known.is_empty() => String::new(),
                1 | 2 => {
                    let resource = known[self.below(known.len() as u32) as usize].clone();
                    known.push(format!("$r{path}"));
                    format!("({keyword} \"{name}\" (type $r{path} (eq {resource})))\n")
                }
                3 => {
                    let resource = &known[self.below(known.len() as u32) as usize];
                    format!("({keyword} \"{name}\" (func (param \"x\" (own {resource}))))\n")
                }
                4 => {
                    let inner = self.declarations(&path, &mut Vec::new(), depth - 1, false);
                    let alias = match inner.split_once("(type $r") {
                        Some((before, after)) => {
                            let export = &before[before.len() - 3..before.len() - 2];
                            let of = after.split([' ', ')']).next().unwrap();
                            known.push(format!("$q{of}"));
                            format!("(alias export $i{path} \"{export}\" (type $q{of}))\n")
                        }
                        None => String::new(),
                    };
                    format!("({keyword} \"{name}\" (instance $i{path}\n{inner}))\n{alias}")
                }
                _ => {
                    // What is around a component type it knows by aliases; the text makes those by itself.
                    let mut seen = known.clone();
                    format!(
                        "({keyword} \"{name}\" (component\n{}))\n",
                        self.declarations(&path, &mut seen, depth - 1, true)
                    )
                }
            };
        }
        text
    }
}

/// The validator compares types as well, where a component is given to another one in the same file.
#[test]
fn components_fit_where_the_validator_says_so() {
    let engine = Engine::default();
    let validates = |text: &str| {
        let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        Component::new(&engine, bytes).is_ok()
    };
    let (mut fitting, mut others) = (0, 0);
    for seed in 4_000..6_000_u32 {
        let state = seed.wrapping_mul(2_654_435_761);
        let types = [u32::MAX, state >> 27]
            .map(|changed| Chance { state, changed }.declarations("", &mut Vec::new(), 2, true));
        let [given, taken] = types;
        let importing = |ty: &str| format!("(component (import \"n\" (component {ty})))");
        if !validates(&importing(&given)) || !validates(&importing(&taken)) {
            continue;
        }
        let text = format!(
            "(component (import \"f\" (component {given})) (component $t (import \"n\" (component {taken})))
                (instance (instantiate $t (with \"n\" (component 0)))))"
        );
        let expected = validates(&text);
        let n = |ty: &str| format!("(import \"n\" (component {ty}))");
        assert_eq!(fits(&n(&given), &n(&taken)), expected, "seed {seed}: given {given}\ntaken {taken}");
        let nn = |ty: &str| format!("(import \"n\" (component (import \"m\" (component {ty}))))");
        assert_eq!(
            fits(&nn(&taken), &nn(&given)),
            expected,
            "seed {seed}, twice: given {given}\ntaken {taken}"
        );
        if expected { fitting += 1 } else { others += 1 }
    }
    assert!(fitting > 500 && others > 100, "{fitting} {others}");
}
