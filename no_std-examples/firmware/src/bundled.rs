//! The example on a device without a validator: it runs what was validated and signed elsewhere, and nothing else.
//!
//! The bundle was made on a laptop, by `wasmote bundle hello.wasm --key example-key.hex`.

use crate::{
    hello::{Console, report, succeeded},
    key::KEY,
    probe,
};
use board::{heap, println};
use wasmote::{
    Host, Limits, Program,
    engine::bundle::{PublicKey, VerifiedBundle},
};

const HELLO: &[u8] = include_bytes!("../guests/hello.bundle");
/// Bounds that this example holds itself to, in bytes.
const HEAP_BYTES_MAX: usize = 48 << 10;
const STACK_BYTES_MAX: usize = 32 << 10;

/// Runs it all; the exit code is how many expectations failed.
pub fn main() -> u32 {
    println!("wasmote on {}, without a validator", board::NAME);
    let mut failed = 0;
    let before = heap::live();
    let host = Host::new().limits(Limits::mcu()).stdout(Console);
    let key = PublicKey::from_bytes(&KEY);
    failed += u32::from(key.is_err());
    if let Ok(key) = key {
        println!("\n== a bundle");
        let load = || Program::from_bundle(&VerifiedBundle::verify(HELLO, &key)?, Limits::mcu());
        let (ended, took) = probe::run_loaded(load, &host);
        let fits = took.heap_beyond_memory_bytes() <= HEAP_BYTES_MAX && took.stack_bytes <= STACK_BYTES_MAX;
        failed += u32::from(!succeeded(&ended) || !fits);
        report(&ended, &took);

        println!("\n== hostile: a bundle with one bit flipped");
        let mut forged = HELLO.to_vec();
        forged[HELLO.len() / 2] ^= 1;
        let load = || Program::from_bundle(&VerifiedBundle::verify(&forged, &key)?, Limits::mcu());
        let (ended, took) = probe::run_loaded(load, &host);
        failed += u32::from(ended.is_ok());
        report(&ended, &took);
    }

    failed += unsigned(&host);

    drop(host);
    println!("\n== over");
    println!("left on the heap: {} B", heap::live() - before);
    failed += u32::from(heap::live() != before);
    println!("expectations that failed: {failed}");
    println!("# guests in flash: {} B", HELLO.len() + include_bytes!("../guests/hello.wasm").len());
    failed
}

/// A build without a validator has no way to load a module that nobody signed.
fn unsigned(host: &Host) -> u32 {
    println!("\n== hostile: a module that nobody signed");
    let (ended, took) = probe::run(include_bytes!("../guests/hello.wasm"), host);
    report(&ended, &took);
    u32::from(ended.is_ok())
}
