//! The example for components: commands of WASI 0.2 and 0.3 on this board.
//!
//! Their runtime is the same that a server has; only [`Limits::mcu`] is smaller.

use crate::{
    hello::{Console, report, succeeded},
    probe,
};
use board::{heap, println};
use wasmote::{Host, Limits};

/// Commands, each with what it is of.
const COMMANDS: [(&str, &[u8]); 2] = [
    ("a command of WASI 0.2", include_bytes!("../guests/command-p2.wasm")),
    ("a command of WASI 0.3", include_bytes!("../guests/command-p3.wasm")),
];

/// Bounds that this example holds itself to, in bytes.
const HEAP_BYTES_MAX: usize = 96 << 10;
const STACK_BYTES_MAX: usize = 32 << 10;

/// Runs it all; the exit code is how many expectations failed.
pub fn main() -> u32 {
    println!("wasmote on {}, with components", board::NAME);
    let mut failed = 0;
    let before = heap::live();
    let host = Host::new().limits(Limits::mcu()).stdout(Console);

    for (what, bytes) in COMMANDS {
        println!("\n== {what}");
        let (ended, took) = probe::run(bytes, &host);
        let fits = took.heap_beyond_memory_bytes() <= HEAP_BYTES_MAX && took.stack_bytes <= STACK_BYTES_MAX;
        failed += u32::from(!succeeded(&ended) || !fits);
        report(&ended, &took);
    }

    drop(host);
    println!("\n== over");
    println!("left on the heap: {} B", heap::live() - before);
    failed += u32::from(heap::live() != before);
    println!("expectations that failed: {failed}");
    println!("# guests in flash: {} B", COMMANDS.iter().map(|(_, bytes)| bytes.len()).sum::<usize>());
    failed
}
