//! Random core modules called here in several ways, and in wasmtime: the same results, the same traps, and the same in
//! memories and globals afterwards.
//!
//! `WASMOTE_WASMTIME` names a wasmtime program (49 or newer); without it, the ways are compared with one another only:
//! metered, in slices of so little fuel that a guest stops anywhere, and unmetered. Both that are metered spend the same.
//! `WASMOTE_DIFFERENTIAL_CASES` says how many modules, 200 without it, and `WASMOTE_SEED` which: the first has this seed,
//! the next one more. A disagreement is made small, and shown with its seed.

#![cfg(all(feature = "unmetered", feature = "validate"))]
// Without fuel, nothing runs elsewhere.
#![cfg(any(target_arch = "x86_64", target_arch = "riscv32", target_arch = "riscv64"))]

mod body;
mod choices;
mod module;
mod operators;
mod script;

use module::Case;
use script::Script;
use std::{
    any::Any,
    env,
    panic::{self, AssertUnwindSafe},
    time::SystemTime,
};
use wasmote::{
    CallError, Guest, Host, Limits, Loader, Program, block_on,
    engine::{Metering, Value},
};

/// Modules that one script holds: starting wasmtime takes longer than any of them.
const BATCH: u64 = 50;
/// So little that hardly two instructions run in one go.
const SLICE: u64 = 20;
/// How many smaller modules are tried.
const SHRINK_MAX: usize = 2_000;

/// What a call came to.
#[derive(Debug)]
pub enum Ended {
    /// What it answered, and the number that what is left in memories and globals makes.
    Values(Vec<Value>, Value),
    /// How it trapped.
    Trap(String),
}

fn start(program: &Program, slice_fuel: u64) -> Guest {
    let limits = Limits { slice_fuel, ..Limits::server() };
    Host::new().limits(limits).start(program).unwrap()
}

/// Calls what is to be called, of a new guest after each trap. With each, how much fuel was spent.
fn here(program: &Program, slice_fuel: u64, case: &Case) -> Vec<(Ended, u64)> {
    let mut guest = start(program, slice_fuel);
    let mut seen = Vec::new();
    for call in &case.calls {
        block_on(guest.call("reset", &[])).unwrap();
        let before = guest.fuel_spent();
        let ended = block_on(guest.call(&format!("f{}", call.function), &call.params));
        let spent = guest.fuel_spent() - before;
        let ended = match ended {
            Ok(values) => Ended::Values(values, block_on(guest.call("hash", &[])).unwrap()[0]),
            Err(CallError::Error(error)) => {
                guest = start(program, slice_fuel);
                Ended::Trap(error.trap().unwrap_or_else(|| panic!("{error}")).to_string())
            }
            Err(CallError::Exit(_)) => unreachable!("nothing is imported"),
        };
        seen.push((ended, spent));
    }
    seen
}

fn same(a: &Ended, b: &Ended) -> bool {
    // One NaN is as good as another.
    let same = |(a, b): (&Value, &Value)| match (a, b) {
        (Value::F32(a), Value::F32(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan(),
        _ => a == b,
    };
    match (a, b) {
        (Ended::Values(a, x), Ended::Values(b, y)) => {
            a.len() == b.len() && a.iter().zip(b).all(same) && x == y
        }
        (Ended::Trap(a), Ended::Trap(b)) => a == b,
        _ => false,
    }
}

/// What all ways to call it here come to; or how they differ.
fn agreed(case: &Case) -> Result<Vec<Ended>, String> {
    let bytes = wat::parse_str(&case.text).unwrap_or_else(|error| panic!("{error}\n{}", case.text));
    let load = |metering| Loader::new().metering(metering).load(&bytes).unwrap();
    let (metered, unmetered) = (load(Metering::On), load(Metering::Off));
    let whole = here(&metered, Limits::server().slice_fuel, case);
    let sliced = here(&metered, SLICE, case);
    let uncounted = here(&unmetered, Limits::server().slice_fuel, case);
    for (at, call) in case.calls.iter().enumerate() {
        let ((whole, spent), (sliced, sliced_spent), (uncounted, _)) =
            (&whole[at], &sliced[at], &uncounted[at]);
        let called = format!("call {at}, f{}{:?}", call.function, call.params);
        if !same(whole, sliced) {
            return Err(format!("{called}: {whole:?}; in slices {sliced:?}"));
        }
        if !same(whole, uncounted) {
            return Err(format!("{called}: {whole:?}; unmetered {uncounted:?}"));
        }
        if spent != sliced_spent {
            return Err(format!("{called}: {spent} units of fuel; in slices {sliced_spent}"));
        }
    }
    Ok(whole.into_iter().map(|(ended, _)| ended).collect())
}

/// As [`agreed`]; a panic is no agreement.
fn tried(case: &Case) -> Result<Vec<Ended>, String> {
    let panicked = |panic: Box<dyn Any + Send>| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    };
    panic::catch_unwind(AssertUnwindSafe(|| agreed(case))).unwrap_or_else(panicked)
}

/// The bytes that a module with this seed is made of: SplitMix64, so that a seed says the same for good.
fn data(seed: u64) -> Vec<u8> {
    fn mixed(state: u64) -> u64 {
        let state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^ state >> 31
    }
    let start = mixed(seed);
    let words = 12 + start % 400;
    let word = |at: u64| mixed(start.wrapping_add(at.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    (0..words).flat_map(|at| word(at).to_le_bytes()).collect()
}

/// How wasmote disagrees with itself or with wasmtime about one module.
fn disagreement(wasmtime: Option<&str>, data: &[u8]) -> Option<String> {
    let case = Case::new(data);
    let ended = match tried(&case) {
        Ok(ended) => ended,
        Err(why) => return Some(why),
    };
    let mut script = Script::default();
    script.add(0, &case, &ended);
    wasmtime.and_then(|wasmtime| script.run(wasmtime).err()).map(|(_, why)| format!("in wasmtime: {why}"))
}

/// Less of the same that still disagrees: without a part, or with zeroes there.
fn shrunk(mut data: Vec<u8>, disagrees: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let (mut tries, mut length) = (0, data.len() / 2);
    while length > 0 && tries < SHRINK_MAX {
        let mut at = 0;
        while at < data.len() && tries < SHRINK_MAX {
            let end = (at + length).min(data.len());
            let mut without = data.clone();
            without.drain(at..end);
            let mut zeroed = data.clone();
            zeroed[at..end].fill(0);
            tries += 2;
            if disagrees(&without) {
                data = without;
            } else {
                if zeroed != data && disagrees(&zeroed) {
                    data = zeroed;
                }
                at = end;
            }
        }
        length /= 2;
    }
    data
}

fn fail(wasmtime: Option<&str>, seed: u64, why: &str) -> ! {
    println!("WASMOTE_SEED={seed}: {why}");
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let data = shrunk(data(seed), |data| disagreement(wasmtime, data).is_some());
    let why = disagreement(wasmtime, &data).unwrap_or_else(|| "not each time".into());
    panic::set_hook(hook);
    panic!("WASMOTE_SEED={seed} WASMOTE_DIFFERENTIAL_CASES=1\n{}\n{why}", Case::new(&data).text);
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

#[test]
fn core_modules_do_as_in_wasmtime() {
    let wasmtime = env::var("WASMOTE_WASMTIME").ok();
    let wasmtime = wasmtime.as_deref();
    let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as u64;
    let first = number("WASMOTE_SEED").unwrap_or_else(now);
    let cases = number("WASMOTE_DIFFERENTIAL_CASES").unwrap_or(200);
    println!("WASMOTE_SEED={first}");
    let (mut values, mut traps) = (0, 0);
    for batch in (0..cases).step_by(BATCH as usize) {
        let mut script = Script::default();
        for seed in (batch..cases.min(batch + BATCH)).map(|at| first.wrapping_add(at)) {
            let case = Case::new(&data(seed));
            let ended = tried(&case).unwrap_or_else(|why| fail(wasmtime, seed, &why));
            let trapped = ended.iter().filter(|ended| matches!(ended, Ended::Trap(_))).count();
            traps += trapped;
            values += ended.len() - trapped;
            script.add(seed, &case, &ended);
        }
        if let Some(wasmtime) = wasmtime
            && let Err((seed, why)) = script.run(wasmtime)
        {
            fail(Some(wasmtime), seed, &format!("in wasmtime: {why}"));
        }
    }
    let beside = if wasmtime.is_some() { "with wasmtime's" } else { "with one another" };
    println!("{cases} modules compared {beside}: answered {values} times, trapped {traps} times");
    assert!(cases < BATCH || values > traps && traps > 0);
}
