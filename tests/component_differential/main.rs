//! Random component functions called here and in wasmtime: the same results, or a trap in both.
//!
//! `WASMOTE_WASMTIME` names a wasmtime program (49 or newer); without it, nothing is run. `WASMOTE_DIFFERENTIAL_CASES`
//! says how many functions, 200 without it, and `WASMOTE_SEED` which ones; each run says its seed. What a function is
//! given and what it answers are compared as WAVE, so that a NaN is a NaN. A disagreement is made small, and shown.

#![cfg(feature = "wave")]

mod guest;
#[allow(dead_code, reason = "shared with the fuzz targets, which use other parts of it")]
#[path = "../../fuzz/src/types.rs"]
mod types;

use guest::Case;
use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use std::{
    cell::Cell,
    env,
    fmt::{self, Display, Formatter},
    fs,
    path::Path,
    process::Command,
    time::SystemTime,
};
use types::Bytes;
use wasmote::{
    Limits, Trap,
    component::{Component, Engine, Features, Linker, Store, Val},
};

enum Ended {
    /// What the function answered, as WAVE; `()` where it has no result.
    Value(String),
    /// How it says that it trapped.
    Trap(String),
}

impl Display for Ended {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => write!(f, "it answers {value}"),
            Self::Trap(said) => write!(f, "it traps: {said}"),
        }
    }
}

fn wave(value: &Val) -> String {
    wasm_wave::to_string(value).unwrap()
}

fn here(bytes: &[u8], params: &[Val]) -> Ended {
    let engine = Engine::new(Features::default(), &Limits::server());
    let component = Component::new(&engine, bytes).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
    let function = instance.get_func(&store, "f").unwrap();
    let mut results = vec![Val::Bool(false); function.result_count()];
    match function.call(&mut store, params, &mut results) {
        Ok(()) => Ended::Value(results.first().map_or_else(|| "()".into(), wave)),
        Err(error) => {
            let is_guests = matches!(
                error.trap(),
                Some(Trap::Component(_) | Trap::MemoryOutOfBounds | Trap::Unreachable)
            );
            assert!(is_guests, "{error}");
            Ended::Trap(error.to_string())
        }
    }
}

fn there(wasmtime: &str, file: &Path, params: &[Val]) -> Ended {
    let params: Vec<_> = params.iter().map(wave).collect();
    let call = format!("f({})", params.join(", "));
    let ran = Command::new(wasmtime)
        .args(["run", "-O", "opt-level=0", "-C", "cache=n,parallel-compilation=n", "--invoke", &call])
        .arg(file)
        .env_clear()
        .output()
        .unwrap_or_else(|error| panic!("{wasmtime}: {error}"));
    if ran.status.success() {
        return Ended::Value(String::from_utf8(ran.stdout).unwrap().trim_end_matches('\n').into());
    }
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(said.contains("failed to run main module"), "{said}");
    Ended::Trap(said)
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

#[test]
fn component_functions_answer_as_in_wasmtime() {
    let Ok(wasmtime) = env::var("WASMOTE_WASMTIME") else {
        println!("WASMOTE_WASMTIME names no program: nothing is run");
        return;
    };
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as u64;
    let seed = number("WASMOTE_SEED").unwrap_or_else(now);
    println!("WASMOTE_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = proptest::test_runner::Config {
        cases: number("WASMOTE_DIFFERENTIAL_CASES").unwrap_or(200) as u32,
        failure_persistence: None,
        max_shrink_iters: 500,
        ..Default::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f.wasm");
    let (values, traps) = (Cell::new(0), Cell::new(0));
    let ended = runner.run(&vec(any::<u8>(), 1..800), |data| {
        let case = Case::new(&mut Bytes::new(&data));
        let component = wat::parse_str(&case.text).unwrap_or_else(|error| panic!("{error}\n{}", case.text));
        fs::write(&file, &component).unwrap();
        match (here(&component, &case.params), there(&wasmtime, &file, &case.params)) {
            (Ended::Value(ours), Ended::Value(theirs)) if ours == theirs => values.set(values.get() + 1),
            (Ended::Trap(_), Ended::Trap(_)) => traps.set(traps.get() + 1),
            (ours, theirs) => {
                return Err(TestCaseError::fail(format!("here {ours}; in wasmtime {theirs}")));
            }
        }
        Ok(())
    });
    println!("answered {} times, trapped {} times", values.get(), traps.get());
    if let Err(TestError::Fail(why, data)) = &ended {
        let case = Case::new(&mut Bytes::new(data));
        panic!("{why}\n{:?}\n{}", case.params.iter().map(wave).collect::<Vec<_>>(), case.text);
    }
    ended.unwrap();
    assert!(values.get() > 0 && traps.get() > 0);
}
