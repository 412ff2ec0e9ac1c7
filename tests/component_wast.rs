//! Scripts about components and core modules: a corpus of our own; and suites in folders that environment variables name,
//! which are passed over without them. Each has a number of assertions that must pass, and a list of those that fail.
//!
//! | variable | folder |
//! |---|---|
//! | `WASMOTE_COMPONENT_SUITE` | `test` of WebAssembly/component-model |
//! | `WASMOTE_CORE_SUITE` | the core test suite of WebAssembly, `proposals` among it |
//! | `WASMOTE_WASMTIME_MISC` | `tests/misc_testsuite` of wasmtime; of it, the folders `component-model*` are run |
//!
//! The last is run with `WAST_STRICT_COMPONENT_INDICES=0`: two of its scripts are of an older text format. Its
//! `big-strings.wast` has memories of 4 GiB and takes minutes. `WASMOTE_WAST_FILTER` takes those scripts whose path has
//! this in it; what must pass is not counted then.

#![cfg(feature = "wast")]

mod times;

use ::wast::{
    Wast, WastDirective,
    parser::{self, ParseBuffer},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use times::times;
use wasmote::{
    Limits,
    component::{Component, Engine, Features},
    wast,
};

/// The scripts of our own.
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wast");

fn scripts(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            scripts(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "wast") {
            into.push(path);
        }
    }
}

/// What the scripts of a folder came to.
#[derive(Default)]
struct Outcome {
    passed: usize,
    skipped: usize,
    /// The scripts that were run.
    run: Vec<String>,
    /// What failed: a script and a line; 0 for a script that is none.
    failed: BTreeSet<(String, usize)>,
}

/// What of a suite is known to fail: a script, its lines, and why.
type Known<'k> = (&'k str, &'k [usize], &'k str);

/// The components of a script, as bytes.
fn components(text: &str) -> Vec<Vec<u8>> {
    let buffer = ParseBuffer::new(text).unwrap();
    let script: Wast<'_> = parser::parse(&buffer).unwrap();
    let modules = script.directives.into_iter().filter_map(|directive| match directive {
        WastDirective::Module(module) | WastDirective::ModuleDefinition(module) => Some(module),
        _ => None,
    });
    modules
        .filter_map(|mut module| module.encode().ok())
        .filter(|bytes| bytes.get(4) == Some(&0x0d))
        .collect()
}

/// M-01 of the attack battery.
#[test]
fn no_prefix_of_a_component_of_the_corpus_panics() {
    let mut files = Vec::new();
    scripts(Path::new(OWN), &mut files);
    let mut count = 0;
    for bytes in files.iter().flat_map(|file| components(&fs::read_to_string(file).unwrap())) {
        count += 1;
        let engine = Engine::new(Features::all(), &Limits::mcu());
        for end in (0..bytes.len()).step_by((bytes.len() / times(40) as usize).max(1)) {
            // One that ends between two sections is a component.
            drop(Component::new(&engine, &bytes[..end]));
        }
        drop(Component::new(&engine, &bytes));
    }
    assert!(count >= 45, "{count} components");
}

fn filter() -> String {
    std::env::var("WASMOTE_WAST_FILTER").unwrap_or_default()
}

/// Runs every script below a folder whose path begins so.
fn run(folder: &Path, beginning: &str) -> Outcome {
    let mut files = Vec::new();
    scripts(folder, &mut files);
    files.sort();
    let mut total = Outcome::default();
    for file in files {
        let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
        if !name.starts_with(beginning) || !name.contains(&filter()) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("a script that can be read");
        total.run.push(name.clone());
        match wast::run(&text, Features::all()) {
            Ok(report) => {
                let (passed, failed, skipped) = (report.passed, report.failed.len(), report.skipped.len());
                println!("{name}: {passed} passed, {failed} failed, {skipped} skipped");
                for (line, why) in &report.failed {
                    println!("  {name}:{line}: {why}");
                    total.failed.insert((name.clone(), *line));
                }
                for (line, why) in &report.skipped {
                    println!("  {name}:{line}: skipped: {why}");
                }
                total.passed += passed;
                total.skipped += skipped;
            }
            Err(error) => {
                println!("{name}: not a script: {}", error.lines().next().unwrap_or_default());
                total.failed.insert((name, 0));
            }
        }
    }
    println!("total: {} passed, {} failed, {} skipped", total.passed, total.failed.len(), total.skipped);
    total
}

/// How many assertions the corpus has, at least: a script that is no longer read, or half of one, is missed.
const OWN_MIN: usize = 530;

#[test]
fn own_scripts_pass() {
    let Outcome { passed, skipped, failed, .. } = run(Path::new(OWN), "");
    assert_eq!((failed, skipped), (BTreeSet::new(), 0));
    assert!(passed >= OWN_MIN || !filter().is_empty(), "{passed} assertions");
}

/// Passes where so many assertions hold, and just those fail that are known to.
fn run_suite(variable: &str, beginning: &str, passed_min: usize, known: &[Known<'_>]) {
    let Ok(folder) = std::env::var(variable) else {
        println!("{variable} names no folder: nothing is run");
        return;
    };
    check(run(Path::new(&folder), beginning), passed_min, known).unwrap_or_else(|error| panic!("{error}"));
}

fn check(outcome: Outcome, passed_min: usize, known: &[Known<'_>]) -> Result<(), String> {
    let is_run = |(name, ..): &&Known<'_>| outcome.run.iter().any(|run| run == name);
    let expected: BTreeSet<(String, usize)> = known
        .iter()
        .filter(|known| filter().is_empty() || is_run(known))
        .flat_map(|(name, lines, _)| lines.iter().map(|line| (name.to_string(), *line)))
        .collect();
    let new: Vec<_> = outcome.failed.difference(&expected).collect();
    if !new.is_empty() {
        return Err(format!("fails, and is not known to: {new:?}"));
    }
    let gone: Vec<_> = expected.difference(&outcome.failed).collect();
    if !gone.is_empty() {
        return Err(format!("is known to fail, and does not: {gone:?}"));
    }
    if outcome.passed < passed_min && filter().is_empty() {
        return Err(format!("{} assertions passed, and {passed_min} should", outcome.passed));
    }
    Ok(())
}

#[test]
fn a_failure_that_is_new_or_gone_is_told_and_so_are_too_few_that_passed() {
    let outcome = |passed, failed: &[usize]| Outcome {
        passed,
        skipped: 9,
        run: vec!["a".into()],
        failed: failed.iter().map(|line| ("a".into(), *line)).collect(),
    };
    let known: [Known<'_>; 1] = [("a", &[3, 5], "why")];
    assert_eq!(check(outcome(2, &[3, 5]), 2, &known), Ok(()));
    assert!(check(outcome(2, &[3, 4]), 2, &known).unwrap_err().contains("[(\"a\", 4)]"));
    assert!(check(outcome(2, &[3]), 2, &known).unwrap_err().contains("does not: [(\"a\", 5)]"));
    assert!(check(outcome(1, &[3, 5]), 2, &known).unwrap_err().contains("1 assertions"));
    assert!(check(Outcome::default(), 0, &known).is_err());
}

/// What component-model#716 took back.
const CANCELLABLE: &str = "says `cancellable`, which component-model#716 took back after this suite was made";

#[test]
fn component_suite() {
    run_suite(
        "WASMOTE_COMPONENT_SUITE",
        "",
        973,
        &[
            ("async/cancellable.wast", &[0], CANCELLABLE),
            ("binary/binary.wast", &[974], CANCELLABLE),
            (
                "validation/kebab.wast",
                &[4],
                "`a-1` and `a1` are one name since the rule of strong uniqueness",
            ),
        ],
    );
}

#[test]
fn core_suite() {
    const LEGACY: &str = "the older text of exception handling";
    const THREADS: &str =
        "of the proposal for threads: holds that a module has one memory, or imports a shared one";
    run_suite(
        "WASMOTE_CORE_SUITE",
        "",
        61_699,
        &[
            ("legacy/rethrow.wast", &[0], LEGACY),
            ("legacy/throw.wast", &[0], LEGACY),
            ("legacy/try_catch.wast", &[0], LEGACY),
            ("legacy/try_delegate.wast", &[0], LEGACY),
            ("proposals/threads/imports.wast", &[309, 313, 317, 404, 408, 412, 501], THREADS),
            ("proposals/threads/memory.wast", &[14, 15], THREADS),
        ],
    );
}

#[test]
fn wasmtime_suite() {
    /// The lines of `big-strings.wast` that expect a string to be taken which the specification refuses.
    const LONG_STRINGS: [usize; 18] =
        [207, 218, 228, 242, 256, 276, 289, 299, 313, 327, 337, 350, 358, 374, 387, 398, 408, 416];
    const ALLOWED: &str = "wasmtime refuses it, and the specification allows it";
    run_suite(
        "WASMOTE_WASMTIME_MISC",
        "component-model",
        371,
        &[
            ("component-model/async/stackful.wast", &[0], CANCELLABLE),
            ("component-model/async/task-deletion.wast", &[0], CANCELLABLE),
            ("component-model-threading/stackful-cancellation.wast", &[0], CANCELLABLE),
            ("component-model-threading/yield-cancellable.wast", &[0], CANCELLABLE),
            (
                "component-model/async/streams-massive-send.wast",
                &[238, 240],
                "wasmtime's limit on what the host copies, which has other fuel here",
            ),
            (
                "component-model/big-strings.wast",
                &LONG_STRINGS,
                "a string or list has at most 2^28-1 bytes (`MAX_STRING_BYTE_LENGTH`), where wasmtime has 2^31-1",
            ),
            ("component-model/implements-disabled.wast", &[3], ALLOWED),
            ("component-model/import.wast", &[1], ALLOWED),
            ("component-model/restrictions.wast", &[1, 5, 9, 16], ALLOWED),
            ("component-model/simple.wast", &[24, 30], ALLOWED),
            (
                "component-model/strings.wast",
                &[173],
                "its `realloc` wants an alignment of 2 where a string shrinks to Latin-1, and the specification asks for 1",
            ),
        ],
    );
}
