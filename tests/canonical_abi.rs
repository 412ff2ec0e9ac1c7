//! The corpus, whole: each section of `CanonicalABI.md`, and each rule that runtimes have got wrong, has an assertion in
//! this folder. It is named by its file and a piece of its text, so that who deletes it is told.
//!
//! With `WASMOTE_CANONICAL_ABI`, which names that document, the sections here are compared with its headings.

use std::{collections::BTreeMap, fs, path::Path};

/// What shows something: a file, and a piece of text that is in it once at least; or why nothing does.
enum Shown {
    In(&'static [(&'static str, &'static str)]),
    Not(&'static str),
}
use Shown::{In, Not};

const PROSE: &str = "it defines nothing of its own";
const SHARED: &str = "no memory is shared here, and there are no threads of the machine for guests";

/// The sections, by their headings, without the signs before some.
const SECTIONS: &[(&str, Shown)] = &[
    ("Introduction", Not(PROSE)),
    ("Component Instances", In(&[("attacks_component.rs", "fn a_child_cannot_call_its_parent_back()")])),
    ("Concurrency", Not(PROSE)),
    ("Stack Switching", In(&[("wast/threads.wast", r#"(assert_return (invoke "suspend-then-resume")"#)])),
    ("Threads", In(&[("wast/threads.wast", r#"(assert_trap (invoke "resume-later-itself")"#)])),
    (
        "Tasks",
        In(&[
            ("wast/async.wast", r#"(assert_return (invoke "run") (u32.const 10))"#),
            ("wast/subtasks.wast", r#"(assert_trap (invoke "cancel-early")"#),
        ]),
    ),
    ("Embedding", In(&[("wast/tasks.wast", r#"(assert_trap (invoke "go-on") "unreachable")"#)])),
    (
        "Canonical ABI Options",
        In(&[("attacks_component.rs", "fn contradictory_canonical_options_are_refused()")]),
    ),
    ("Lifting and Lowering Context", In(&[("wast/subtasks.wast", r#"(assert_trap (invoke "lend-untold")"#)])),
    ("Runtime State", Not(PROSE)),
    ("Table State", In(&[("wast/resources.wast", r#"(assert_return (invoke "reuse") (u32.const 1))"#)])),
    ("Resource State", In(&[("wast/resources.wast", "used with the wrong type, expected guest-defined")])),
    ("Waitable State", In(&[("wast/tasks.wast", r#"(assert_trap (invoke "drop-waited")"#)])),
    ("Subtask State", In(&[("wast/subtasks.wast", r#"(assert_trap (invoke "drop-untold")"#)])),
    ("Buffer State", In(&[("wast/channels.wast", r#"(assert_trap (invoke "too-many")"#)])),
    ("Stream State", In(&[("wast/channels.wast", r#"(assert_return (invoke "write-and-read-nothing")"#)])),
    ("Future State", In(&[("wast/channels.wast", r#"(assert_trap (invoke "future-write-dropped")"#)])),
    ("Despecialization", In(&[("component_cases/aggregates.toml", "type = '(map string u8)'")])),
    ("Type Predicates", In(&[("attacks_component/tasks.rs", "Rule::IntraComponentCopy")])),
    ("Alignment", In(&[("component_cases/variants.toml", "# A payload is aligned for all cases.")])),
    (
        "Element Size",
        In(&[("component_cases/aggregates.toml", "# The size of a record is a multiple of its alignment.")]),
    ),
    ("Loading", In(&[("component_cases/variants.toml", "# What another case could not have is no matter.")])),
    (
        "Storing",
        In(&[("component_cases/strings.toml", "i32 80000002"), ("wast/lists.wast", "(u32.const 330)")]),
    ),
    ("Flattening", In(&[("component_cases/variants.toml", "# f32 and f64 share an i64.")])),
    ("Flat Lifting", In(&[("component_cases/scalars.toml", r#"flat = "i32 ffffff12""#)])),
    ("Flat Lowering", In(&[("component_cases/variants.toml", "into which the one goes without its sign.")])),
    ("Lifting and Lowering Values", In(&[("component_cases/aggregates.toml", "# Too many to be flat.")])),
    ("Canonical Definitions", Not(PROSE)),
    (
        "`canonopt` Validation",
        In(&[("attacks_component.rs", "fn contradictory_canonical_options_are_refused()")]),
    ),
    (
        "`canon lift`",
        In(&[
            ("wast/post-return.wast", r#"(assert_return (invoke "given") (u32.const 32))"#),
            ("wast/tasks.wast", r#"(assert_trap (invoke "say" (u32.const 8)) "unsupported callback code")"#),
        ]),
    ),
    (
        "`canon lower`",
        In(&[("wast/subtasks.wast", r#"(assert_return (invoke "cancel-starting") (u32.const 3))"#)]),
    ),
    (
        "`canon resource.new`",
        In(&[("wast/resources.wast", r#"(assert_return (invoke "life" (u32.const 0xffff_fff0))"#)]),
    ),
    (
        "`canon resource.drop`",
        In(&[("wast/resources.wast", r#"(assert_trap (invoke "drop" (u32.const 1))"#)]),
    ),
    (
        "`canon resource.rep`",
        In(&[("attacks_component.rs", "fn forged_stale_and_foreign_handles_are_refused()")]),
    ),
    (
        "`canon context.get`",
        In(&[("wast/tasks.wast", r#"(assert_return (invoke "threads") (u32.const 50))"#)]),
    ),
    ("`canon context.set`", In(&[("wast/tasks.wast", r#"(assert_return (invoke "call") (u32.const 89))"#)])),
    ("`canon backpressure.{inc,dec}`", In(&[("attacks_component/tasks.rs", "Rule::Backpressure")])),
    (
        "`canon task.return`",
        In(&[("wast/tasks.wast", "invalid `task.return` signature and/or options for current task")]),
    ),
    (
        "`canon task.cancel`",
        In(&[("wast/subtasks.wast", "`task.cancel` called by task which has not been cancelled")]),
    ),
    ("`canon waitable-set.new`", In(&[("wast/subtasks.wast", "(local.set $set (call $set-new))")])),
    (
        "`canon waitable-set.wait`",
        In(&[("wast/subtasks.wast", "(call $set-wait (local.get $set) (i32.const 32))")]),
    ),
    ("`canon waitable-set.poll`", In(&[("wast/channels.wast", r#"(assert_return (invoke "poll")"#)])),
    ("`canon waitable-set.drop`", In(&[("wast/tasks.wast", "cannot drop waitable set with waiters")])),
    ("`canon waitable.join`", In(&[("wast/channels.wast", r#"(assert_return (invoke "read-out-of-set")"#)])),
    (
        "`canon subtask.cancel`",
        In(&[
            ("wast/subtasks.wast", r#"(assert_return (invoke "cancel" (u32.const 1)) (u32.const 27))"#),
            ("wast/subtasks.wast", r#"(assert_trap (invoke "cancel-twice")"#),
            ("wast/subtasks.wast", r#"(assert_trap (invoke "cancel-told")"#),
        ]),
    ),
    ("`canon subtask.drop`", In(&[("wast/subtasks.wast", r#"(assert_trap (invoke "drop-running")"#)])),
    (
        "`canon {stream,future}.new`",
        In(&[("wast/channels.wast", r#"(assert_return (invoke "drop-done") (u32.const 42))"#)]),
    ),
    ("`canon stream.{read,write}`", In(&[("wast/channels.wast", r#"(assert_return (invoke "piecewise")"#)])),
    (
        "`canon future.{read,write}`",
        In(&[("wast/channels.wast", r#"(assert_trap (invoke "future-read-done")"#)]),
    ),
    (
        "`canon {stream,future}.cancel-{read,write}`",
        In(&[("wast/futures.wast", r#"(assert_trap (invoke "read-in-set")"#)]),
    ),
    (
        "`canon {stream,future}.drop-{readable,writable}`",
        In(&[("wast/channels.wast", r#"(assert_trap (invoke "drop-untold")"#)]),
    ),
    ("`canon thread.index`", In(&[("wast/threads.wast", r#"(assert_return (invoke "index")"#)])),
    (
        "`canon thread.new-indirect`",
        In(&[("wast/threads.wast", r#"(assert_trap (invoke "new-of-other-type")"#)]),
    ),
    (
        "`canon thread.resume-later`",
        In(&[("wast/threads.wast", r#"(assert_return (invoke "resume-later")"#)]),
    ),
    (
        "`canon thread.suspend`",
        In(&[("wast/threads.wast", r#"(assert_trap (invoke "suspend-for-ever-sync")"#)]),
    ),
    ("`canon thread.yield`", In(&[("wast/async.wast", "(core func $yield (canon thread.yield))")])),
    (
        "`canon thread.suspend-then-resume`",
        In(&[("wast/threads.wast", r#"(assert_trap (invoke "suspend-then-resume-ready")"#)]),
    ),
    (
        "`canon thread.yield-then-resume`",
        In(&[("wast/threads.wast", r#"(assert_return (invoke "yield-then-resume")"#)]),
    ),
    (
        "`canon thread.suspend-then-promote`",
        In(&[("wast/threads.wast", r#"(assert_return (invoke "suspend-then-promote-suspended")"#)]),
    ),
    (
        "`canon thread.yield-then-promote`",
        In(&[("wast/threads.wast", r#"(assert_return (invoke "yield-then-promote")"#)]),
    ),
    ("`canon error-context.new`", In(&[("wast/memory64.wast", "invalid debug message pointer")])),
    (
        "`canon error-context.debug-message`",
        In(&[("wast/tasks.wast", r#"(assert_return (invoke "look") (u64.const 0xf_74616877))"#)]),
    ),
    (
        "`canon error-context.drop`",
        In(&[("wast/tasks.wast", r#"(assert_trap (invoke "dropped") "unknown handle index")"#)]),
    ),
    ("`canon thread.spawn-ref`", Not(SHARED)),
    ("`canon thread.spawn-indirect`", Not(SHARED)),
    ("`canon thread.available-parallelism`", Not(SHARED)),
];

/// Rules that runtimes have got wrong.
const CORNERS: &[(&str, Shown)] = &[
    // Strings.
    (
        "a narrow string is aligned like a wide one",
        In(&[("component_cases/strings.toml", "# What is narrow is aligned nonetheless.")]),
    ),
    (
        "each answer of realloc is aligned",
        In(&[("wast/lists.wast", r#"(assert_return (invoke "bad-from" (u32.const 3)))"#)]),
    ),
    (
        "each answer of realloc is inside",
        In(&[("attacks_component.rs", "fn what_realloc_answers_is_checked()")]),
    ),
    (
        "a wide string has twice its units in bytes",
        In(&[("wast/strings.wast", "(u32.const 65534) (u32.const 2147483650)")]),
    ),
    (
        "a length has at most 2^28-1 bytes",
        In(&[(
            "wast/lists.wast",
            r#"(u32.const 0) (u32.const 0x1000_0000)) "string content out-of-bounds""#,
        )]),
    ),
    (
        "a string is valid between equal encodings too",
        In(&[("wast/strings.wast", "(u32.const 4) (u32.const 96)")]),
    ),
    (
        "realloc is told an alignment of 1 for UTF-8",
        In(&[("wast/lists.wast", r#"(assert_return (invoke "utf8") (u32.const 110))"#)]),
    ),
    // Lists.
    (
        "length times size has more than 32 bits",
        In(&[("component_cases/aggregates.toml", "# So many that their bytes, in 32 bits, are few.")]),
    ),
    ("an empty list is aligned", In(&[("wast/lists.wast", r#"(assert_trap (invoke "no-longs-unaligned")"#)])),
    ("an empty list is inside", In(&[("wast/lists.wast", r#"(assert_trap (invoke "no-longs-outside")"#)])),
    (
        "lists of a fixed length",
        In(&[
            ("wast/lists.wast", r#"(assert_return (invoke "flat" (list.const"#),
            ("component_cases/aggregates.toml", "(list string 2)"),
        ]),
    ),
    // Values.
    ("any number but 0 is true", In(&[("component_cases/scalars.toml", r#"stored = "fe""#)])),
    (
        "a character is no surrogate and not too large",
        In(&[
            ("component_cases/scalars.toml", r#"flat = "i32 dfff""#),
            ("component_cases/scalars.toml", r#"flat = "i32 110000""#),
        ]),
    ),
    (
        "all of a discriminant is looked at",
        In(&[("component_cases/variants.toml", "# All of it is looked at.")]),
    ),
    (
        "upper bits of a shared value are not looked at",
        In(&[("wast/lists.wast", "(u64.const 0xdead_beef_dead_be07)")]),
    ),
    (
        "upper bits of small integers are not looked at",
        In(&[("component_cases/scalars.toml", r#"flat = "i32 123456ff""#)]),
    ),
    (
        "bits of no flag are not looked at",
        In(&[("component_cases/aggregates.toml", "# Bits that no flag has are not looked at.")]),
    ),
    (
        "flags are none or more than 32",
        In(&[("attacks_component.rs", "fn types_of_exponential_size_or_depth_are_refused()")]),
    ),
    ("a map is a list of pairs", In(&[("component_cases/aggregates.toml", "# A map is a list of pairs.")])),
    ("NaNs", In(&[("component_cases/scalars.toml", "# A NaN is one, whatever else it says.")])),
    // Calls.
    (
        "spilled parameters are checked",
        In(&[("attacks_component.rs", "fn spilled_arguments_and_results_are_checked()")]),
    ),
    (
        "post-return is given the core results, after they were read",
        In(&[("wast/post-return.wast", r#"(assert_return (invoke "pair") (tuple.const"#)]),
    ),
    (
        "each built-in where none may leave",
        In(&[
            ("wast/post-return.wast", ";; stream-cancel-read"),
            ("wast/post-return.wast", ";; thread-yield-then-promote"),
        ]),
    ),
    ("realloc does not leave", In(&[("wast/post-return.wast", ";; Nor in realloc: one of each kind.")])),
    (
        "a store is done for after a trap",
        In(&[("wast/tasks.wast", r#"(assert_trap (invoke "wait") "cannot enter component instance")"#)]),
    ),
    (
        "a call that is dropped halfway",
        In(&[("attacks_component.rs", "fn a_call_may_be_dropped_at_every_poll()")]),
    ),
    // Resources.
    (
        "each instance has resource types of its own",
        In(&[("wast/resources.wast", "but found a different guest-defined resource")]),
    ),
    (
        "what is lent is not given away",
        In(&[("attacks_component.rs", "fn borrowed_handles_neither_move_nor_stay()")]),
    ),
    ("a borrowed handle is not owned", In(&[("wast/resources.wast", "is not an own resource")])),
    (
        "who implements it borrows the representation",
        In(&[("wast/resources.wast", ";; to who implements it, a borrowed resource is its representation")]),
    ),
    (
        "borrowed handles are dropped before the call returns",
        In(&[("wast/resources.wast", "borrow handles still remain at the end of the call")]),
    ),
    (
        "what was lent is back when the end is told",
        In(&[("wast/subtasks.wast", r#"(assert_trap (invoke "lend-untold")"#)]),
    ),
    (
        "a destructor is a call",
        In(&[("attacks_component.rs", "fn a_destructor_may_trap_or_wait_and_ends_only_its_store()")]),
    ),
    // Async.
    (
        "nobody waits synchronously for what is in a set",
        In(&[
            ("wast/channels.wast", r#"(assert_trap (invoke "future-write-in-set")"#),
            ("wast/subtasks.wast", r#"(assert_trap (invoke "cancel-in-set")"#),
        ]),
    ),
    (
        "an end that copies, is in a set or done is not given away",
        In(&[
            ("wast/channels.wast", r#"(assert_trap (invoke "give-reading")"#),
            ("wast/channels.wast", r#"(assert_trap (invoke "give-in-set")"#),
            ("wast/channels.wast", r#"(assert_trap (invoke "give-future-done")"#),
        ]),
    ),
    (
        "nothing is written where nothing is read",
        In(&[("wast/channels.wast", r#"(assert_return (invoke "read-and-write-nothing")"#)]),
    ),
    (
        "copies within a component are of numbers",
        In(&[("attacks_component/tasks.rs", "Rule::IntraComponentCopy")]),
    ),
    (
        "copies within a component may be between memories",
        In(&[("wast/channels.wast", r#"(assert_return (invoke "memories") (u32.const 85))"#)]),
    ),
    (
        "a copy has at most 2^28-1 elements",
        In(&[("wast/channels.wast", r#"(assert_return (invoke "without-content")"#)]),
    ),
    ("a set that is waited for stays", In(&[("attacks_component/tasks.rs", "Rule::SetHasWaiters")])),
    (
        "a subtask is told of before it is dropped",
        In(&[("wast/subtasks.wast", r#"(assert_trap (invoke "drop-untold")"#)]),
    ),
    (
        "one that has not started is cancelled",
        In(&[("wast/subtasks.wast", r#"(assert_return (invoke "cancel-starting")"#)]),
    ),
    (
        "one that never comes to where it is told is cancelled",
        In(&[("wast/subtasks.wast", r#"(assert_return (invoke "cancel-stubborn")"#)]),
    ),
    ("one is cancelled twice", In(&[("wast/subtasks.wast", "`subtask.cancel` called twice")])),
    ("a deadlock is a trap", In(&[("wast/async.wast", "deadlock detected")])),
    (
        "a task ends without a result",
        In(&[("wast/async.wast", "async-lifted export failed to produce a result")]),
    ),
    (
        "a result is returned with other options",
        In(&[("wast/tasks.wast", r#"(assert_trap (invoke "say" (u32.const 2))"#)]),
    ),
    (
        "a synchronous task waits",
        In(&[("wast/threads.wast", "cannot block a synchronous task before returning")]),
    ),
    (
        "who waits for room is not passed over",
        In(&[("wast/doors.wast", "None\n;; is passed over because another of them cannot go on.")]),
    ),
    ("backpressure has an end on both sides", In(&[("attacks_component/tasks.rs", "Rule::Backpressure")])),
    (
        "a thread's context is its own",
        In(&[("wast/tasks.wast", r#"(assert_return (invoke "threads") (u32.const 50))"#)]),
    ),
    (
        "a callback that traps ends who waits for it",
        In(&[("wast/tasks.wast", r#"(assert_trap (invoke "wait") "unreachable")"#)]),
    ),
    (
        "a context of an error is one of its own where it is passed to",
        In(&[("wast/tasks.wast", r#"(assert_return (invoke "pass") (u64.const 0xf_74616877))"#)]),
    ),
    (
        "one call among many waits for the host",
        In(&[("wast/async.wast", r#"(assert_return (invoke "run" (u32.const 43))"#)]),
    ),
    // Linking.
    (
        "a component is passed to another",
        In(&[("wast/linking.wast", "(with \"made\" (component $doubles))")]),
    ),
    (
        "modules and components are exported",
        In(&[
            ("wast/linking.wast", "(component (export \"answer\")"),
            ("wast/linking.wast", "(core module (export \"counter\")"),
        ]),
    ),
    (
        "modules, components and types of who is around",
        In(&[("wast/linking.wast", "(alias outer $outermost $c (component $c))")]),
    ),
    ("`implements`", In(&[("wast/linking.wast", r#"(assert_return (invoke "backup") (u32.const 2))"#)])),
    ("addresses of 64 bits", In(&[("wast/memory64.wast", "0x10000000f")])),
];

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn every_section_and_corner_has_an_assertion() {
    let mut texts = BTreeMap::new();
    let mut missing = Vec::new();
    let mut named = BTreeMap::new();
    for (what, shown) in SECTIONS.iter().chain(CORNERS) {
        assert!(named.insert(what, ()).is_none(), "{what}: twice");
        match shown {
            Not(reason) => assert!(reason.contains(' '), "{what}: no reason"),
            In(places) => {
                assert!(!places.is_empty(), "{what}: neither an assertion nor a reason");
                for (file, anchor) in *places {
                    if !texts.entry(*file).or_insert_with(|| text(file)).contains(anchor) {
                        missing.push(format!("{what}: {file} has no `{anchor}`"));
                    }
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_sections_are_those_of_the_document() {
    let Ok(path) = std::env::var("WASMOTE_CANONICAL_ABI") else { return };
    let document = fs::read_to_string(path).unwrap();
    let headings = document.lines().filter(|line| line.starts_with("## ") || line.starts_with("### "));
    let headings: Vec<&str> = headings
        .map(|line| line.trim_start_matches(|sign: char| sign != '`' && !sign.is_ascii_alphabetic()))
        .collect();
    assert_eq!(SECTIONS.iter().map(|(heading, _)| *heading).collect::<Vec<_>>(), headings);
}
