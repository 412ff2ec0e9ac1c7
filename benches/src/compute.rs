//! What the sandbox costs a guest that computes. Targets: bare wasmi's speed ≥ 0.97 with metering off (a time ratio
//! of at most 1.031), ≥ 0.90 with it on (1.111).

use crate::{
    bare, guests,
    measure::{Contestant, compare},
    ours,
};
use anyhow::Result;
use wasmote::engine::Metering;

/// Each kernel with iterations enough for a run far longer than its start.
const KERNELS: [(&str, &str); 6] =
    [("fib", "1"), ("sha256", "1"), ("quicksort", "1"), ("matmul", "1"), ("json", "1"), ("crc", "1")];

const ROUNDS: usize = 31;

pub fn run() -> Result<()> {
    let kernels = guests::guest("kernels")?;
    for (name, iterations) in KERNELS {
        program(name, &kernels, &["kernels", name, iterations], ROUNDS)?;
    }
    match guests::coremark()? {
        // Its seeds for a performance run, and iterations.
        Some(coremark) => program("CoreMark", &coremark, &["coremark", "0", "0", "0x66", "100"], ROUNDS),
        None => {
            println!("\nCoreMark is not measured: WASMOTE_COREMARK names no file");
            Ok(())
        }
    }
}

fn program(name: &str, bytes: &[u8], args: &[&str], rounds: usize) -> Result<()> {
    let bare_off = bare::Loaded::new(bytes, false)?;
    let bare_on = bare::Loaded::new(bytes, true)?;
    let ours_off = ours::program(bytes, Metering::Off)?;
    let ours_on = ours::program(bytes, Metering::On)?;
    let host = ours::host(args);
    compare(
        &format!("compute: {name}"),
        1,
        rounds,
        vec![
            Contestant::new("bare wasmi", || bare_off.run(args)),
            Contestant::new("bare wasmi, fuel on", || bare_on.run(args)),
            Contestant::new("wasmote, metering off", || ours::run(&host, &ours_off)),
            Contestant::new("wasmote, metering on", || ours::run(&host, &ours_on)),
        ],
    )
}
