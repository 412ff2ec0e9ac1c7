//! Hostile components, by the numbers of the attack battery. Whatever they do ends with a trap or an error that says
//! what was wrong: never with a panic, never with more of the host than the limits allow.
//!
//! | attack | test |
//! |---|---|
//! | M-08 wiring | `components_wired_wrongly_are_refused` |
//! | M-09 canonical options | `contradictory_canonical_options_are_refused` |
//! | B-06, B-07, B-15, B-16 types | `types_of_exponential_size_or_depth_are_refused` |
//! | B-08 alias chains | `long_chains_of_aliases_are_refused_or_dropped_on_a_small_stack` |
//! | B-09 nesting | `deep_nesting_is_refused_before_it_costs_anything` in `component_api.rs` |
//! | B-10 instances | `an_instantiation_bomb_meets_the_limit_of_instances` |
//! | C-01 to C-04, C-08 | `hostile_values_are_refused_by_host_and_guest_alike` |
//! | C-10 encodings | `wast/strings.wast`: each of the nine pairs, well and badly formed |
//! | C-05 | `what_realloc_answers_is_checked` |
//! | C-06, C-07, X-02 | `realloc_and_post_return_may_not_leave_and_are_metered` |
//! | C-09 NaN | `values.rs`: there is no mode that makes them canonical, bits are copied |
//! | C-11 aliasing | `lists_that_alias_one_region_meet_the_limit_of_a_host_call` |
//! | C-12, E-02 | `values.rs` |
//! | C-13 spilled | `spilled_arguments_and_results_are_checked` |
//! | H-01, H-02, H-03 | `forged_stale_and_foreign_handles_are_refused` |
//! | H-04, H-05 | `borrowed_handles_neither_move_nor_stay` |
//! | H-06 | `a_resource_of_another_instance_is_refused`, `what_the_host_gave_away_or_destroyed_is_not_its_any_more` |
//! | H-07 | `churning_handles_reuses_one_index` |
//! | H-08, E-04 | `a_destructor_may_trap_or_wait_and_ends_only_its_store` |
//! | H-09 | `a_resource_with_children_stays` in `component_api.rs` |
//! | H-10 | `handles_of_all_instances_count_together` |
//! | A-01, A-03, A-05 to A-12 tasks, streams, futures | `tasks.rs` |
//! | A-02 | `a_call_may_be_dropped_at_every_poll`, `dropped.rs` |
//! | A-04 | `after_a_trap_with_calls_under_way_nothing_runs` |
//! | E-01 | `calls_through_many_components_are_counted_wherever_slices_end` |
//! | R-05 tail calls | `linking.rs` |
//! | functions of the host where core code is expected | `roots.rs` |
//! | P2, P3: what is paid for | `prices.rs` |
//! | types and names of any size | `types.rs` |
//! | E-03 | `a_child_cannot_call_its_parent_back` |

#![cfg(feature = "component")]

#[path = "attacks_component/dropped.rs"]
mod dropped;
#[path = "attacks_component/linking.rs"]
mod linking;
#[path = "attacks_component/prices.rs"]
mod prices;
#[path = "attacks_component/roots.rs"]
mod roots;
#[path = "attacks_component/tasks.rs"]
mod tasks;
mod times;
#[path = "attacks_component/types.rs"]
mod types;
#[path = "attacks_component/values.rs"]
mod values;

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};
use times::times;
use wasmote::{
    Error, Limits, Rule, Trap,
    component::{Component, Engine, Features, Linker, Resource, ResourceAny, ResourceType, Store, Val},
};

fn parse(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn load_under(limits: Limits, bytes: &[u8]) -> Result<Component, Error> {
    Component::new(&Engine::new(Features::all(), &limits), bytes)
}

fn load(bytes: &[u8]) -> Result<Component, Error> {
    load_under(Limits::server(), bytes)
}

/// A host that takes what it is given, never answers `never`, and answers `now`.
fn host(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    let mut root = linker.root();
    root.func_new("take", |_, _, _, _| Ok(())).unwrap();
    root.func_wrap("now", |_, (): ()| Ok(())).unwrap();
    root.func_wrap_poll::<(), ()>("never", |_, _, _| Poll::Pending).unwrap();
    root.resource("thing", ResourceType::host::<Thing>(), |_, _| Ok(())).unwrap();
    linker
}

struct Thing;

/// Loads and instantiates; calls the export `run`. Under fuel, so that nothing goes on for ever.
fn run_under(limits: Limits, text: &str) -> Result<(), Error> {
    let component = load_under(limits, &parse(text))?;
    let mut store = Store::new(component.engine(), ());
    store.set_fuel(times(50_000_000))?;
    let instance = host(component.engine()).instantiate(&mut store, &component)?;
    let func = instance.get_func(&store, "run")?;
    let mut results = vec![Val::Bool(false); func.result_count()];
    func.call(&mut store, &[], &mut results)
}

fn run(text: &str) -> Result<(), Error> {
    run_under(Limits { uninterrupted_fuel: 20_000_000, ..Limits::server() }, text)
}

#[track_caller]
fn rule(result: Result<(), Error>) -> Rule {
    match result.map_err(|error| error.trap().ok_or(error)) {
        Err(Ok(Trap::Component(rule))) => rule,
        other => panic!("no rule was broken: {other:?}"),
    }
}

/// A call that was refused before it began, so that nothing has ended.
#[track_caller]
fn refused(result: Result<(), Error>, why: &str) {
    let error = result.expect_err(why);
    assert!(error.to_string().contains(why) && error.trap().is_none(), "{error}");
}

#[test]
fn components_wired_wrongly_are_refused() {
    for text in [
        // A function where an instance is expected, a missing argument, an argument of another type.
        r#"(component (import "f" (func $f)) (component $c (import "i" (instance)))
            (instance (instantiate $c (with "i" (func $f)))))"#,
        r#"(component (component $c (import "f" (func))) (instance (instantiate $c)))"#,
        r#"(component (import "f" (func $f (param "x" u32))) (component $c (import "f" (func)))
            (instance (instantiate $c (with "f" (func $f)))))"#,
        // A core function of another type, a core import that is missing.
        r#"(component (core module $m (func (export "f") (param i64))) (core instance $i (instantiate $m))
            (func (export "f") (param "x" u32) (canon lift (core func $i "f"))))"#,
        r#"(component (core module $m (import "a" "b" (func))) (core instance (instantiate $m)))"#,
        r#"(component (core module $n (func (export "b") (param i32))) (core instance $n (instantiate $n))
            (core module $m (import "a" "b" (func))) (core instance (instantiate $m (with "a" (instance $n)))))"#,
        // A resource type that is not the one defined.
        r#"(component (type $r (resource (rep i32))) (type $s (resource (rep i32)))
            (component $c (import "r" (type $r (sub resource))) (import "f" (func (param "x" (own $r)))))
            (core module $m (func (export "f") (param i32))) (core instance $i (instantiate $m))
            (func $f (param "x" (own $r)) (canon lift (core func $i "f")))
            (instance (instantiate $c (with "r" (type $s)) (with "f" (func $f)))))"#,
    ] {
        let error = load(&parse(text)).expect_err(text);
        assert!(error.is_malformed(), "{error}\n{text}");
    }
}

#[test]
fn contradictory_canonical_options_are_refused() {
    let lift = |options: &str| {
        format!(
            r#"(component
                (core module $m (memory (export "m") 1) (memory (export "n") 1)
                    (func (export "f") (param i32 i32))
                    (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 0))
                    (func (export "p")) (func (export "c") (param i32 i32 i32) (result i32) (i32.const 0)))
                (core instance $i (instantiate $m))
                (func (export "f") (param "s" string) (canon lift (core func $i "f") {options})))"#
        )
    };
    let (memory, realloc) = (r#"(memory (core memory $i "m"))"#, r#"(realloc (core func $i "r"))"#);
    load(&parse(&lift(&format!("{memory} {realloc}")))).unwrap();
    for options in [
        memory.into(),
        realloc.into(),
        format!(r#"{memory} (memory (core memory $i "n")) {realloc}"#),
        format!("{memory} {realloc} {realloc}"),
        format!("{memory} {realloc} string-encoding=utf8 string-encoding=utf16"),
        format!(r#"{memory} {realloc} (callback (core func $i "c"))"#),
        format!(r#"{memory} (realloc (core func $i "p"))"#),
        format!(r#"{memory} {realloc} (post-return (core func $i "c"))"#),
        format!(r#"{memory} {realloc} async (post-return (core func $i "p"))"#),
    ] {
        let error = load(&parse(&lift(&options))).expect_err(&options);
        assert!(error.is_malformed(), "{options}: {error}");
    }
}

#[test]
fn types_of_exponential_size_or_depth_are_refused() {
    let doubled: String = (1..64).map(|n| format!("(type $t{n} (tuple $t{0} $t{0}))", n - 1)).collect();
    let nested: String = (1..400).map(|n| format!("(type $t{n} (option $t{}))", n - 1)).collect();
    let cases: String = (0..100_000).map(|n| format!("(case \"c{n}\")")).collect();
    for (what, types) in [
        ("doubled", format!("(type $t0 (tuple u32 u32)) {doubled}")),
        ("nested", format!("(type $t0 (option u8)) {nested}")),
        ("fixed", "(type (list u64 1073741824))".into()),
        ("fixed twice", "(type $a (list u64 65535)) (type (list $a 65535))".into()),
        ("cases", format!("(type (variant {cases}))")),
    ] {
        let bytes = parse(&format!("(component {types})"));
        assert!(load(&bytes).is_err(), "{what}");
        assert!(load_under(Limits::mcu(), &bytes).is_err(), "{what}");
    }
}

#[test]
fn long_chains_of_aliases_are_refused_or_dropped_on_a_small_stack() {
    let links: String =
        (1..5_000).map(|n| format!("(instance $i{n} (export \"i\" (instance $i{})))", n - 1)).collect();
    let aliases: String =
        (1..5_000).map(|n| format!("(type $t{n} (list $l)) (export $e{n} \"t{n}\" (type $t{n}))")).collect();
    for text in [
        format!("(component (component $c) (instance $i0 (instantiate $c)) {links})"),
        format!("(component (type $l (list u8)) {aliases})"),
    ] {
        let bytes = parse(&text);
        let thread = std::thread::Builder::new().stack_size(512 << 10);
        let thread = thread.spawn(move || {
            let Ok(component) = load(&bytes) else { return };
            let mut store = Store::new(component.engine(), ());
            let instance = Linker::new(component.engine()).instantiate(&mut store, &component);
            drop((store, component, instance));
        });
        thread.unwrap().join().expect("no overflow of the native stack");
    }
}

#[test]
fn an_instantiation_bomb_meets_the_limit_of_instances() {
    // Eight components, each of which instantiates the next one ten times: a hundred million instances.
    let mut text = "(component $c0)".to_string();
    for n in 1..9 {
        let made: String = (0..10).map(|_| format!("(instance (instantiate $c{}))", n - 1)).collect();
        text = format!("(component $c{n} {text} {made})");
    }
    let error = run(&format!("(component {text} (instance (instantiate $c8)))")).unwrap_err();
    let limit = error.limit_exceeded().expect("a limit");
    assert!(["component_instances", "component_depth"].contains(&limit.limit), "{error}");
}

/// A guest that passes `arguments` for one value of type `ty`: to the host, and to another guest.
fn give(ty: &str, core: &str, encoding: &str, code: &str) -> [Result<(), Error>; 2] {
    let (types, ty) = match ty.split_once(';') {
        Some((definition, name)) => (format!("(type $d {definition})"), name.trim()),
        None => (String::new(), ty),
    };
    let giver = |take: &str| {
        format!(
            r#"(core module $libc (memory (export "m") 1)
                (data (i32.const 0) "\ff\fe\00\d8\00\d8\c3") (data (i32.const 65535) "\c3"))
            (core instance $libc (instantiate $libc))
            (core func $take (canon lower {take} (memory (core memory $libc "m")) {encoding}))
            (core module $m (import "" "take" (func $take (param {core})))
                (func (export "run") (call $take {code})))
            (core instance $m (instantiate $m (with "" (instance (export "take" (func $take))))))
            (func (export "run") (canon lift (core func $m "run")))"#
        )
    };
    let import = if types.is_empty() {
        format!(r#"(import "take" (func $take (param "x" {ty})))"#)
    } else {
        format!(r#"{types} (import "t" (type $t (eq $d))) (import "take" (func $take (param "x" {ty})))"#)
    };
    let to_host = format!("(component {import} {})", giver("(func $take)"));
    let taker = format!(
        r#"(component $taker
            {export}
            (core module $m (memory (export "m") 1) (func (export "take") (param {core}))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
            (core instance $m (instantiate $m))
            (func (export "take") (param "x" {ty}) (canon lift (core func $m "take")
                (memory (core memory $m "m")) (realloc (core func $m "realloc")))))"#,
        export =
            if types.is_empty() { String::new() } else { format!(r#"{types} (export $t "t" (type $d))"#) },
    );
    // Two components side by side: none may call what nests in it.
    let (with, alias) = if types.is_empty() {
        ("", "")
    } else {
        (r#"(with "t" (type $t))"#, r#"(alias export $taker "t" (type $t))"#)
    };
    let to_guest = format!(
        r#"(component {taker} (component $giver {import} {})
            (instance $taker (instantiate $taker)) {alias}
            (instance $giver (instantiate $giver {with} (with "take" (func $taker "take"))))
            (export "run" (func $giver "run")))"#,
        giver("(func $take)")
    );
    [run(&to_host), run(&to_guest)]
}

#[test]
fn hostile_values_are_refused_by_host_and_guest_alike() {
    let pair = "i32 i32";
    let strings = ["string-encoding=utf8", "string-encoding=utf16", "string-encoding=latin1+utf16"];
    for encoding in strings {
        for arguments in [
            "(i32.const 0) (i32.const -1)",
            "(i32.const 0) (i32.const 0x7fffffff)",
            "(i32.const 0x7fffffff) (i32.const 0x7fffffff)",
            "(i32.const 65530) (i32.const 65536)",
            "(i32.const 65537) (i32.const 0)",
            "(i32.const -1) (i32.const 0)",
            "(i32.const -2) (i32.const 1)",
            "(i32.const 65536) (i32.const 0x80000001)",
        ] {
            for ended in give("string", pair, encoding, arguments) {
                ended.expect_err(&format!("{encoding}: {arguments}"));
            }
        }
    }
    // An odd address, half a surrogate pair, a byte no UTF-8 has, and one that ends too soon.
    for (encoding, at, length) in
        [(1, 1, 1), (2, 1, 1), (1, 2, 1), (2, 2, 0x8000_0001_u32.cast_signed()), (0, 0, 1), (0, 65_535, 1)]
    {
        let arguments = format!("(i32.const {at}) (i32.const {length})");
        for ended in give("string", pair, strings[encoding], &arguments) {
            rule(ended);
        }
    }
    for (ty, core, code) in [
        ("(list u64)", pair, "(i32.const 4) (i32.const 1)"),
        ("(list u64)", pair, "(i32.const 0) (i32.const 0x20000001)"),
        ("(list u64)", pair, "(i32.const 65528) (i32.const 2)"),
        ("(list u8)", pair, "(i32.const 65537) (i32.const 0)"),
        ("(list (tuple u32 u64))", pair, "(i32.const 0) (i32.const 0x10000001)"),
        ("char", "i32", "(i32.const 0xd800)"),
        ("char", "i32", "(i32.const 0x110000)"),
        ("(option u8)", pair, "(i32.const 2) (i32.const 0)"),
        ("(result)", "i32", "(i32.const -1)"),
        ("(enum \"a\" \"b\"); $t", "i32", "(i32.const 2)"),
        ("(variant (case \"a\") (case \"b\" u8)); $t", pair, "(i32.const 256) (i32.const 0)"),
    ] {
        for ended in give(ty, core, "", code) {
            ended.expect_err(&format!("{ty}: {code}"));
        }
    }
    // Not refused: any other number is true, and bits of flags that have no name are not seen.
    for (ty, code) in
        [("bool", "(i32.const 2)"), ("(flags \"a\"); $t", "(i32.const -1)"), ("u8", "(i32.const -1)")]
    {
        for ended in give(ty, "i32", "", code) {
            ended.unwrap_or_else(|error| panic!("{ty}: {error}"));
        }
    }
}

/// A guest that is given a string by another, with this `realloc`.
fn realloc(body: &str, encoding: &str) -> Result<(), Error> {
    run(&format!(
        r#"(component
            (import "now" (func $now))
            (component $taker
                (import "now" (func $now))
                (core func $now (canon lower (func $now)))
                (core module $m (import "" "now" (func $now)) (memory (export "m") 1 2)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) {body})
                    (func (export "take") (param i32 i32) (result i32) (i32.const 0))
                    (func (export "post") (param i32) {post}))
                (core instance $m (instantiate $m (with "" (instance (export "now" (func $now))))))
                (func (export "take") (param "x" string) (result u32) (canon lift (core func $m "take")
                    (memory (core memory $m "m")) (realloc (core func $m "realloc"))
                    (post-return (core func $m "post")) {encoding})))
            (component $giver
                (import "take" (func $take (param "x" string) (result u32)))
                (core module $libc (memory (export "m") 1) (data (i32.const 0) "\c3\bc\e2\82\ac123"))
                (core instance $libc (instantiate $libc))
                (core func $take (canon lower (func $take) (memory (core memory $libc "m"))))
                (core module $m (import "" "take" (func $take (param i32 i32) (result i32)))
                    (func (export "run") (drop (call $take (i32.const 0) (i32.const 8)))))
                (core instance $m (instantiate $m (with "" (instance (export "take" (func $take))))))
                (func (export "run") (canon lift (core func $m "run"))))
            (instance $taker (instantiate $taker (with "now" (func $now))))
            (instance $giver (instantiate $giver (with "take" (func $taker "take"))))
            (export "run" (func $giver "run")))"#,
        post = if body.contains("POST") { "(call $now)" } else { "" },
        body = body.replace("POST", ""),
    ))
}

#[test]
fn what_realloc_answers_is_checked() {
    for encoding in ["string-encoding=utf8", "string-encoding=utf16", "string-encoding=latin1+utf16"] {
        for (body, is_fine) in [
            ("(i32.const 0)", true),
            ("(i32.const -1)", false),
            ("(i32.const 65536)", false),
            ("(i32.const 65534)", false),
            // It grows the memory: nothing may look at where that was before.
            ("(drop (memory.grow (i32.const 1))) (i32.const 65536)", true),
            // The second time somewhere outside.
            (
                "(if (result i32) (local.get 0) (then (i32.const 65532)) (else (i32.const 8)))",
                encoding.ends_with('8'),
            ),
            // The block that it had given, which has become larger where it is.
            ("(if (result i32) (local.get 0) (then (local.get 0)) (else (i32.const 8)))", true),
            // The same, where it cannot: what is at the end of memory stays what it was, and is not written past.
            (
                "(if (result i32) (local.get 0) (then (local.get 0)) (else (i32.sub (i32.const 65536) (local.get 3))))",
                !encoding.contains("latin1"),
            ),
        ] {
            assert_eq!(realloc(body, encoding).is_ok(), is_fine, "{encoding}: {body}");
        }
        let unaligned = realloc("(i32.const 7)", encoding);
        assert_eq!(unaligned.is_ok(), encoding.ends_with("=utf8"), "{encoding}");
    }
}

#[test]
fn realloc_and_post_return_may_not_leave_and_are_metered() {
    assert_eq!(rule(realloc("(call $now) (i32.const 0)", "")), Rule::CannotLeave);
    assert_eq!(rule(realloc("POST (i32.const 0)", "")), Rule::CannotLeave);
    assert_eq!(realloc("unreachable", "").unwrap_err().trap(), Some(Trap::Unreachable));
    assert_eq!(rule(realloc("(loop (br 0)) (i32.const 0)", "")), Rule::TooLong);
}

#[test]
fn lists_that_alias_one_region_meet_the_limit_of_a_host_call() {
    // 8,000 lists of 64,000 bytes, all the same ones.
    let text = r#"(component
        (import "take" (func $take (param "x" (list (list u8)))))
        (core module $libc (memory (export "m") 1)
            (func $fill (local $n i32)
                (loop
                    (i32.store (local.get $n) (i32.const 0))
                    (i32.store offset=4 (local.get $n) (i32.const 64000))
                    (local.set $n (i32.add (local.get $n) (i32.const 8)))
                    (br_if 0 (i32.lt_u (local.get $n) (i32.const 64000)))))
            (start $fill))
        (core instance $libc (instantiate $libc))
        (core func $take (canon lower (func $take) (memory (core memory $libc "m"))))
        (core module $m (import "" "take" (func $take (param i32 i32)))
            (func (export "run") (call $take (i32.const 0) (i32.const 8000))))
        (core instance $m (instantiate $m (with "" (instance (export "take" (func $take))))))
        (func (export "run") (canon lift (core func $m "run"))))"#;
    assert_eq!(run(text).unwrap_err().trap(), Some(Trap::HostCallBytes));
}

#[test]
fn spilled_arguments_and_results_are_checked() {
    let text = |at: i64, result: i64| {
        let params: String = (0..17).map(|n| format!("(param \"p{n}\" u64)")).collect();
        format!(
            r#"(component
                (component $c
                    (core module $m (memory (export "m") 1) (func (export "f") (param i32) (result i32) (i32.const {result}))
                        (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
                    (core instance $m (instantiate $m))
                    (func (export "f") {params} (result string) (canon lift (core func $m "f")
                        (memory (core memory $m "m")) (realloc (core func $m "r")))))
                (component $b
                    (import "f" (func $f {params} (result string)))
                    (core module $libc (memory (export "m") 1)
                        (func (export "r") (param i32 i32 i32 i32) (result i32) (i32.const 0)))
                    (core instance $libc (instantiate $libc))
                    (core func $f (canon lower (func $f) (memory (core memory $libc "m"))
                        (realloc (core func $libc "r"))))
                    (core module $m (import "" "f" (func $f (param i32 i32)))
                        (func (export "run") (call $f (i32.const {at}) (i32.const {at}))))
                    (core instance $m (instantiate $m (with "" (instance (export "f" (func $f))))))
                    (func (export "run") (canon lift (core func $m "run"))))
                (instance $c (instantiate $c))
                (instance $b (instantiate $b (with "f" (func $c "f"))))
                (export "run" (func $b "run")))"#
        )
    };
    run(&text(0, 1024)).unwrap();
    for (at, result) in [(65_408, 0), (-8, 0), (4, 0), (0, 65_532), (0, -4), (0, 2)] {
        rule(run(&text(at, result)));
    }
}

/// A component with two resource types, and code that uses their built-ins.
fn resources(code: &str) -> Result<(), Error> {
    run(&format!(
        r#"(component
            (core module $d (global $dropped (mut i32) (i32.const 0))
                (func (export "dtor") (param i32) (global.set $dropped (local.get 0))))
            (core instance $d (instantiate $d))
            (type $r (resource (rep i32) (dtor (core func $d "dtor"))))
            (type $s (resource (rep i32)))
            (core func $r-new (canon resource.new $r)) (core func $r-rep (canon resource.rep $r))
            (core func $r-drop (canon resource.drop $r)) (core func $s-new (canon resource.new $s))
            (core module $m
                (import "" "r-new" (func $r-new (param i32) (result i32)))
                (import "" "r-rep" (func $r-rep (param i32) (result i32)))
                (import "" "r-drop" (func $r-drop (param i32)))
                (import "" "s-new" (func $s-new (param i32) (result i32)))
                (func (export "run") (local $h i32) (local $n i32) {code}))
            (core instance $m (instantiate $m (with "" (instance (export "r-new" (func $r-new))
                (export "r-rep" (func $r-rep)) (export "r-drop" (func $r-drop)) (export "s-new" (func $s-new))))))
            (func (export "run") (canon lift (core func $m "run"))))"#
    ))
}

#[test]
fn forged_stale_and_foreign_handles_are_refused() {
    let new = "(local.set $h (call $r-new (i32.const 42)))";
    let stale = format!("{new} (call $r-drop (local.get $h)) (call $r-drop (local.get $h))");
    assert_eq!(rule(resources(&stale)), Rule::UnknownHandle(1));
    for forged in [0, 1, 2, u32::MAX, 1 << 28] {
        let code = format!("(drop (call $r-rep (i32.const {})))", forged.cast_signed());
        assert_eq!(rule(resources(&code)), Rule::UnknownHandle(forged));
    }
    let foreign = "(call $r-drop (call $s-new (i32.const 42)))";
    assert!(matches!(rule(resources(foreign)), Rule::HandleType { index: 1, .. }));
}

#[test]
fn churning_handles_reuses_one_index() {
    resources(&format!(
        "(loop
            (local.set $h (call $r-new (local.get $n)))
            (if (i32.ne (local.get $h) (i32.const 1)) (then unreachable))
            (if (i32.ne (call $r-rep (local.get $h)) (local.get $n)) (then unreachable))
            (call $r-drop (local.get $h))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if 0 (i32.lt_u (local.get $n) (i32.const {}))))",
        times(50_000),
    ))
    .unwrap();
}

#[test]
fn borrowed_handles_neither_move_nor_stay() {
    let text = |params: &str, core: &str, arguments: &str, dtor: &str| {
        format!(
            r#"(component
                (component $c
                    (core module $d (func (export "dtor") (param i32) {dtor}))
                    (core instance $d (instantiate $d))
                    (type $r' (resource (rep i32) (dtor (core func $d "dtor"))))
                    (export $r "r" (type $r'))
                    (core func $new (canon resource.new $r'))
                    (core module $m (import "" "new" (func $new (param i32) (result i32)))
                        (func (export "make") (result i32) (call $new (i32.const 7)))
                        (func (export "f") (param {core})))
                    (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
                    (func (export "make") (result (own $r)) (canon lift (core func $m "make")))
                    (func (export "f") {params} (canon lift (core func $m "f"))))
                (component $b
                    (import "r" (type $r (sub resource)))
                    (import "make" (func $make (result (own $r)))) (import "f" (func $f {params}))
                    (core func $make (canon lower (func $make))) (core func $f (canon lower (func $f)))
                    (core func $drop (canon resource.drop $r))
                    (core module $m (import "" "make" (func $make (result i32)))
                        (import "" "f" (func $f (param {core}))) (import "" "drop" (func $drop (param i32)))
                        (func (export "run") (local $h i32) (local.set $h (call $make)) {arguments}))
                    (core instance $m (instantiate $m (with "" (instance
                        (export "make" (func $make)) (export "f" (func $f)) (export "drop" (func $drop))))))
                    (func (export "run") (canon lift (core func $m "run"))))
                (instance $c (instantiate $c))
                (alias export $c "r" (type $r))
                (instance $b (instantiate $b (with "r" (type $r)) (with "make" (func $c "make"))
                    (with "f" (func $c "f"))))
                (export "run" (func $b "run")))"#
        )
    };
    let (borrow, own) = (r#"(param "b" (borrow $r))"#, r#"(param "o" (own $r))"#);
    let both = "(call $f (local.get $h) (local.get $h))";
    assert_eq!(rule(run(&text(&format!("{borrow} {own}"), "i32 i32", both, ""))), Rule::OwnedWhileBorrowed);
    // The other way round, it is gone when it would be borrowed.
    assert_eq!(rule(run(&text(&format!("{own} {borrow}"), "i32 i32", both, ""))), Rule::UnknownHandle(1));
    assert_eq!(
        rule(run(&text(&format!(r#"{own} (param "p" (own $r))"#), "i32 i32", both, ""))),
        Rule::UnknownHandle(1)
    );
    let drop = "(call $f (local.get $h)) (call $drop (local.get $h))";
    run(&text(borrow, "i32", drop, "")).unwrap();
    let trap = run(&text(borrow, "i32", drop, "unreachable")).unwrap_err();
    assert_eq!(trap.trap(), Some(Trap::Unreachable));

    // A borrowed handle that is kept beyond the call.
    let keeps = parse(
        r#"(component
            (import "thing" (type $thing (sub resource)))
            (core module $m (func (export "f") (param i32)))
            (core instance $m (instantiate $m))
            (func (export "f") (param "x" (borrow $thing)) (canon lift (core func $m "f"))))"#,
    );
    let component = load(&keeps).unwrap();
    let mut store = Store::new(component.engine(), ());
    let instance = host(component.engine()).instantiate(&mut store, &component).unwrap();
    let keep = instance.get_typed_func::<(Resource<Thing>,), ()>(&store, "f").unwrap();
    assert_eq!(rule(keep.call(&mut store, (Resource::new_borrow(3),))), Rule::BorrowsRemain);
}

/// A component that makes resources of its own, and takes them; with a destructor of this code.
fn maker(dtor: &str) -> Component {
    let text = format!(
        r#"(component
            (import "never" (func $never))
            (core func $never (canon lower (func $never)))
            (core module $d (import "" "never" (func $never)) (func (export "dtor") (param i32) {dtor}))
            (core instance $d (instantiate $d (with "" (instance (export "never" (func $never))))))
            (type $r' (resource (rep i32) (dtor (core func $d "dtor"))))
            (export $r "r" (type $r'))
            (core func $new (canon resource.new $r'))
            (core func $drop (canon resource.drop $r'))
            (core module $m (import "" "new" (func $new (param i32) (result i32)))
                (import "" "drop" (func $drop (param i32)))
                (func (export "make") (result i32) (call $new (i32.const 7)))
                (func (export "take") (param i32) (call $drop (local.get 0))))
            (core instance $m (instantiate $m (with "" (instance
                (export "new" (func $new)) (export "drop" (func $drop))))))
            (func (export "make") (result (own $r)) (canon lift (core func $m "make")))
            (func (export "take") (param "x" (own $r)) (canon lift (core func $m "take"))))"#
    );
    load(&parse(&text)).unwrap()
}

#[test]
fn a_resource_of_another_instance_is_refused() {
    let component = maker("");
    let mut store = Store::new(component.engine(), ());
    let linker = host(component.engine());
    let [first, second] = [(); 2].map(|()| linker.instantiate(&mut store, &component).unwrap());
    let make = first.get_typed_func::<(), (ResourceAny,)>(&store, "make").unwrap();
    let (made,) = make.call(&mut store, ()).unwrap();
    let take = second.get_typed_func::<(ResourceAny,), ()>(&store, "take").unwrap();
    refused(take.call(&mut store, (made,)), "not of the type it is passed as");
    let take = first.get_typed_func::<(ResourceAny,), ()>(&store, "take").unwrap();
    take.call(&mut store, (made,)).unwrap();
}

#[test]
fn what_the_host_gave_away_or_destroyed_is_not_its_any_more() {
    for is_given in [true, false] {
        let component = maker("");
        let mut store = Store::new(component.engine(), ());
        let instance = host(component.engine()).instantiate(&mut store, &component).unwrap();
        let make = instance.get_typed_func::<(), (ResourceAny,)>(&store, "make").unwrap();
        let take = instance.get_typed_func::<(ResourceAny,), ()>(&store, "take").unwrap();
        let (made,) = make.call(&mut store, ()).unwrap();
        if is_given {
            take.call(&mut store, (made,)).unwrap();
        } else {
            made.resource_drop(&mut store).unwrap();
        }
        // The guest may have another at the same place by now.
        let (other,) = make.call(&mut store, ()).unwrap();
        assert_eq!(rule(made.resource_drop(&mut store)), Rule::UnknownHandle(7));
        take.call(&mut store, (other,)).unwrap();
        refused(take.call(&mut store, (made,)), "unknown handle index 7");
        let (again,) = make.call(&mut store, ()).unwrap();
        take.call(&mut store, (again,)).unwrap();
    }
}

#[test]
fn a_destructor_may_trap_or_wait_and_ends_only_its_store() {
    for (dtor, ends) in [("", true), ("unreachable", false)] {
        let component = maker(dtor);
        let mut store = Store::new(component.engine(), ());
        let instance = host(component.engine()).instantiate(&mut store, &component).unwrap();
        let make = instance.get_typed_func::<(), (ResourceAny,)>(&store, "make").unwrap();
        let (made,) = make.call(&mut store, ()).unwrap();
        let (_kept,) = make.call(&mut store, ()).unwrap();
        assert_eq!(made.resource_drop(&mut store).is_ok(), ends, "{dtor}");
        assert_eq!(make.call(&mut store, ()).is_ok(), ends, "after {dtor}");
        // With the store, what is left goes without its destructor.
        drop(store);
    }
    // One that waits holds up what comes after it, and nothing else.
    let component = maker("(call $never)");
    let mut store = Store::new(component.engine(), ());
    let instance = host(component.engine()).instantiate(&mut store, &component).unwrap();
    let make = instance.get_typed_func::<(), (ResourceAny,)>(&store, "make").unwrap();
    let (made,) = make.call(&mut store, ()).unwrap();
    {
        let mut dropping = pin!(made.resource_drop_async(&mut store));
        assert!(dropping.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    let mut call = pin!(make.call_async(&mut store, ()));
    for _ in 0..10 {
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending() || matches!(polled, Poll::Ready(Err(_))));
    }
}

#[test]
fn a_destructor_has_run_when_its_resource_is_dropped_however_long_it_takes() {
    let long = "(local $n i32)
        (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 300000))))";
    for end in ["", "unreachable"] {
        let component = maker(&format!("{long} {end}"));
        let mut store = Store::new(component.engine(), ());
        let instance = host(component.engine()).instantiate(&mut store, &component).unwrap();
        let make = instance.get_typed_func::<(), (ResourceAny,)>(&store, "make").unwrap();
        let [(first,), (second,)] = [(); 2].map(|()| make.call(&mut store, ()).unwrap());
        let before = store.fuel_spent();
        assert_eq!(first.resource_drop(&mut store).is_ok(), end.is_empty());
        assert!(store.fuel_spent() > before + 300_000);
        if !end.is_empty() {
            continue;
        }
        let mut polls = 0;
        {
            let mut dropping = pin!(second.resource_drop_async(&mut store));
            loop {
                polls += 1;
                match dropping.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(dropped) => break dropped.unwrap(),
                    Poll::Pending => {}
                }
            }
        }
        assert!(polls > 10, "{polls}");
        assert_eq!(rule(second.resource_drop(&mut store)), Rule::UnknownHandle(7));
    }
}

/// A component that makes resources and takes one lent and one given.
fn lending() -> Component {
    let text = r#"(component
        (type $r' (resource (rep i32)))
        (export $r "r" (type $r'))
        (core func $new (canon resource.new $r'))
        (core module $m (import "" "new" (func $new (param i32) (result i32)))
            (func (export "make") (result i32) (call $new (i32.const 7)))
            (func (export "one") (param i32)) (func (export "two") (param i32 i32)))
        (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
        (func (export "make") (result (own $r)) (canon lift (core func $m "make")))
        (func (export "take") (param "x" (own $r)) (canon lift (core func $m "one")))
        (func (export "look") (param "x" (borrow $r)) (canon lift (core func $m "one")))
        (func (export "lend-and-give") (param "x" (borrow $r)) (param "y" (own $r)) (canon lift (core func $m "two")))
        (func (export "give-and-lend") (param "x" (own $r)) (param "y" (borrow $r)) (canon lift (core func $m "two")))
        (func (export "give-twice") (param "x" (own $r)) (param "y" (own $r)) (canon lift (core func $m "two"))))"#;
    load(&parse(text)).unwrap()
}

#[test]
fn the_host_gives_away_nothing_that_it_lends() {
    let component = lending();
    let linker = host(component.engine());
    for name in ["lend-and-give", "give-and-lend", "give-twice"] {
        let mut store = Store::new(component.engine(), ());
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let make = instance.get_typed_func::<(), (ResourceAny,)>(&store, "make").unwrap();
        let [(first,), (second,)] = [(); 2].map(|()| make.call(&mut store, ()).unwrap());
        let both = instance.get_typed_func::<(ResourceAny, ResourceAny), ()>(&store, name).unwrap();
        // What its values say of themselves is looked at before the call: that one ends nothing.
        let once_more = [Val::Resource(first), Val::Resource(first)];
        refused(both.func().call(&mut store, &once_more, &mut []), "once more");
        refused(both.call(&mut store, (first, first)), "once more");
        both.call(&mut store, (first, second)).unwrap();
    }
    // What a call that is over borrowed may be given.
    let mut store = Store::new(component.engine(), ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let make = instance.get_typed_func::<(), (ResourceAny,)>(&store, "make").unwrap();
    let (made,) = make.call(&mut store, ()).unwrap();
    for name in ["look", "look", "take"] {
        let call = instance.get_typed_func::<(ResourceAny,), ()>(&store, name).unwrap();
        call.call(&mut store, (made,)).unwrap();
    }
}

#[test]
fn resources_of_another_store_are_refused() {
    let component = lending();
    let linker = host(component.engine());
    for name in ["take", "look"] {
        let [mut mine, mut other] = [(); 2].map(|()| Store::new(component.engine(), ()));
        let made = [&mut other, &mut mine].map(|store| {
            let instance = linker.instantiate(store, &component).unwrap();
            let make = instance.get_typed_func::<(), (ResourceAny,)>(store, "make").unwrap();
            (make.call(store, ()).unwrap().0, instance)
        });
        let [(foreign, _), (own, instance)] = made;
        let call = instance.get_typed_func::<(ResourceAny,), ()>(&mine, name).unwrap();
        let error = call.func().call(&mut mine, &[Val::Resource(foreign)], &mut []).unwrap_err();
        assert!(error.to_string().contains("argument `x`: the resource is of another store"), "{error}");
        assert!(foreign.resource_drop(&mut mine).is_err());
        call.call(&mut mine, (own,)).unwrap();
        assert!(call.call(&mut mine, (foreign,)).is_err());
        foreign.resource_drop(&mut other).unwrap();
    }
}

#[test]
fn what_a_guest_lent_its_host_is_of_no_use_after_the_call() {
    let text = r#"(component
        (import "thing" (type $t (sub resource)))
        (import "lend" (func $lend (param "x" (borrow $t))))
        (core func $lend (canon lower (func $lend)))
        (core func $drop (canon resource.drop $t))
        (core module $m (import "" "lend" (func $lend (param i32))) (import "" "drop" (func $drop (param i32)))
            (func (export "run") (param i32) (call $lend (local.get 0)) (call $drop (local.get 0)))
            (func (export "look") (param i32) (call $drop (local.get 0))))
        (core instance $m (instantiate $m (with "" (instance
            (export "lend" (func $lend)) (export "drop" (func $drop))))))
        (func (export "run") (param "x" (own $t)) (canon lift (core func $m "run")))
        (func (export "look") (param "x" (borrow $t)) (canon lift (core func $m "look"))))"#;
    let component = load(&parse(text)).unwrap();
    let mut linker = Linker::<Option<ResourceAny>>::new(component.engine());
    let mut root = linker.root();
    root.resource("thing", ResourceType::host::<Thing>(), |_, _| Ok(())).unwrap();
    let lend = root.func_new("lend", |mut cx, _, params, _| {
        let Val::Resource(lent) = params[0] else { panic!("{params:?}") };
        *cx.data_mut() = Some(lent);
        Ok(())
    });
    lend.unwrap();
    let mut store = Store::new(component.engine(), None);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run = instance.get_typed_func::<(Resource<Thing>,), ()>(&store, "run").unwrap();
    run.call(&mut store, (Resource::new_own(3),)).unwrap();
    let lent = store.data().unwrap();
    assert!(!lent.owned());
    let look = instance.get_func(&store, "look").unwrap();
    let error = look.call(&mut store, &[Val::Resource(lent)], &mut []).unwrap_err();
    assert!(error.to_string().contains("argument `x`: unknown handle index 3"), "{error}");
    assert_eq!(rule(lent.resource_drop(&mut store)), Rule::UnknownHandle(3));
    let look = look.typed::<(ResourceAny,), ()>(&store).unwrap();
    refused(look.call(&mut store, (lent,)), "unknown handle index 3");
}

#[test]
fn handles_of_all_instances_count_together() {
    let many = times(3);
    let handles = 30 * many as u32 + 10;
    let limits = Limits { handles, instances: 100_000, component_instances: 100_000, ..Limits::server() };
    let hoarder = r#"(component $hoarder
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m (import "" "new" (func $new (param i32) (result i32)))
            (func (export "hoard") (local $n i32)
                (loop (drop (call $new (i32.const 1)))
                    (local.set $n (i32.add (local.get $n) (i32.const 1)))
                    (br_if 0 (i32.lt_u (local.get $n) (i32.const 30))))))
        (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
        (func (export "hoard") (canon lift (core func $m "hoard"))))"#;
    let text = |count: u64| {
        let each = |what: &dyn Fn(u64) -> String| (0..count).map(what).collect::<String>();
        format!(
            r#"(component {hoarder} {instances}
                (component $b {taken} {lowered}
                    (core module $m {imports} (func (export "run") {calls}))
                    (core instance $m (instantiate $m (with "" (instance {exports}))))
                    (func (export "run") (canon lift (core func $m "run"))))
                (instance $b (instantiate $b {given}))
                (export "run" (func $b "run")))"#,
            instances = each(&|n| format!("(instance $i{n} (instantiate $hoarder))")),
            taken = each(&|n| format!("(import \"f{n}\" (func $f{n}))")),
            given = each(&|n| format!("(with \"f{n}\" (func $i{n} \"hoard\"))")),
            lowered = each(&|n| format!("(core func $f{n} (canon lower (func $f{n})))")),
            imports = each(&|n| format!("(import \"\" \"f{n}\" (func $f{n}))")),
            calls = each(&|n| format!("(call $f{n})")),
            exports = each(&|n| format!("(export \"f{n}\" (func $f{n}))")),
        )
    };
    run_under(limits, &text(many)).unwrap();
    assert_eq!(run_under(limits, &text(many + 1)).unwrap_err().trap(), Some(Trap::Handles));
}

#[test]
fn after_a_trap_with_calls_under_way_nothing_runs() {
    let text = r#"(component
        (import "never" (func $never async))
        (core func $never (canon lower (func $never) async))
        (core module $m (import "" "never" (func $never (result i32)))
            (func (export "run") (drop (call $never)) unreachable)
            (func (export "fine")))
        (core instance $m (instantiate $m (with "" (instance (export "never" (func $never))))))
        (func (export "run") (canon lift (core func $m "run")))
        (func (export "fine") (canon lift (core func $m "fine"))))"#;
    let component = load(&parse(text)).unwrap();
    let mut store = Store::new(component.engine(), ());
    let linker = host(component.engine());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let [run, fine] = ["run", "fine"].map(|name| instance.get_typed_func::<(), ()>(&store, name).unwrap());
    fine.call(&mut store, ()).unwrap();
    assert_eq!(run.call(&mut store, ()).unwrap_err().trap(), Some(Trap::Unreachable));
    assert_eq!(rule(fine.call(&mut store, ())), Rule::CannotEnter);
    assert!(linker.instantiate(&mut store, &component).is_err());
}

#[test]
fn a_call_may_be_dropped_at_every_poll() {
    let text = r#"(component
        (import "slow" (func $slow))
        (core func $slow (canon lower (func $slow)))
        (core module $m (import "" "slow" (func $slow))
            (func (export "run") (call $slow) (call $slow) (call $slow)))
        (core instance $m (instantiate $m (with "" (instance (export "slow" (func $slow))))))
        (func (export "run") (canon lift (core func $m "run"))))"#;
    let component = load(&parse(text)).unwrap();
    let mut linker = Linker::<u32>::new(component.engine());
    linker
        .root()
        .func_wrap_poll::<(), ()>("slow", |mut store, cx, _| {
            *store.data_mut() += 1;
            cx.waker().wake_by_ref();
            if *store.data() % 3 == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .unwrap();
    for polls in 0..12 {
        let mut store = Store::new(component.engine(), 0);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let run = instance.get_typed_func::<(), ()>(&store, "run").unwrap();
        let mut ended = false;
        {
            let mut call = pin!(run.call_async(&mut store, ()));
            for _ in 0..polls {
                ended = ended || call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
                if ended {
                    break;
                }
            }
        }
        // What was left behind goes on with the next call, or keeps that one out: an answer either way.
        let again = run.call(&mut store, ());
        assert!(!ended || again.is_ok(), "{polls}: {again:?}");
    }
}

/// So many components, each of which calls the one before it; the first one takes its time.
fn chain(depth: usize) -> String {
    let first = r#"(component $c0 (core module $m (func (export "f") (local $n i32)
            (loop (br_if 0 (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100))))))
        (core instance $m (instantiate $m))
        (func (export "f") (canon lift (core func $m "f")))) (instance $i0 (instantiate $c0))"#;
    let rest: String = (1..depth)
        .map(|n| {
            format!(
                r#"(component $c{n} (import "f" (func $f)) (core func $f (canon lower (func $f)))
                    (core module $m (import "" "f" (func $f)) (func (export "f") (call $f)))
                    (core instance $m (instantiate $m (with "" (instance (export "f" (func $f))))))
                    (func (export "f") (canon lift (core func $m "f"))))
                (instance $i{n} (instantiate $c{n} (with "f" (func $i{} "f"))))"#,
                n - 1
            )
        })
        .collect();
    format!(r#"(component {first} {rest} (export "run" (func $i{} "f")))"#, depth - 1)
}

/// Slices that end in the middle of nearly every call, in the middle of some, and in none.
const SLICES: [u64; 6] = [40, 100, 170, 300, 1_000, 1_000_000];

#[test]
fn calls_through_many_components_are_counted_wherever_slices_end() {
    for slice_fuel in SLICES {
        let limits = Limits { reentry_depth: 16, slice_fuel, ..Limits::server() };
        run_under(limits, &chain(16)).unwrap();
        let trap = run_under(limits, &chain(17)).unwrap_err().trap();
        assert_eq!(trap, Some(Trap::ReentryDepth), "{slice_fuel}");
    }
}

#[test]
fn calls_that_a_slice_stopped_are_none_that_wait() {
    for slice_fuel in SLICES {
        // Room for no stacks but the sixteen that there are in any case.
        let limits = Limits { memory_bytes: 1 << 20, stack_bytes: 1 << 20, slice_fuel, ..Limits::server() };
        run_under(limits, &chain(40)).unwrap_or_else(|error| panic!("{slice_fuel}: {error}"));
    }
}

#[test]
fn a_child_cannot_call_its_parent_back() {
    let text = r#"(component
        (core module $inner (func (export "f")))
        (core instance $inner (instantiate $inner))
        (func $f (canon lift (core func $inner "f")))
        (component $child (import "f" (func $f)) (core func $f (canon lower (func $f)))
            (core module $m (import "" "f" (func $f)) (func (export "g") (call $f)))
            (core instance $m (instantiate $m (with "" (instance (export "f" (func $f))))))
            (func (export "g") (canon lift (core func $m "g"))))
        (instance $child (instantiate $child (with "f" (func $f))))
        (core func $g (canon lower (func $child "g")))
        (core module $m (import "" "g" (func $g)) (func (export "run") (call $g)))
        (core instance $m (instantiate $m (with "" (instance (export "g" (func $g))))))
        (func (export "run") (canon lift (core func $m "run"))))"#;
    assert_eq!(rule(run(text)), Rule::CannotEnter);
}
