//! The example for components: commands of WASI 0.2 and 0.3 on this board, and their twins of WASI 0.1. Twins say the same,
//! byte for byte, here as on a laptop (`tests/twins.rs`).
//!
//! Their runtime is the same that a server has; only [`Limits::mcu`] is smaller.

use crate::{
    hello::{report, succeeded},
    probe,
};
use alloc::vec::Vec;
use board::{console, heap, println};
use wasmote::{Host, Limits, backend::mem::Output};

/// A command in several dialects.
struct Twins {
    what: &'static str,
    dialects: &'static [(&'static str, &'static [u8])],
    /// What this example holds each of them to, in bytes, loading included and its memory not.
    heap_bytes_max: usize,
}

const COMMANDS: [Twins; 2] = [
    Twins {
        what: "written by hand",
        dialects: &[
            ("0.2", include_bytes!("../guests/command-p2.wasm")),
            ("0.3", include_bytes!("../guests/command-p3.wasm")),
            ("0.1", include_bytes!("../guests/command-p1.wasm")),
        ],
        heap_bytes_max: 96 << 10,
    },
    // That of WASI 0.2 has an adapter in it, which takes a stack and pages of its own: more than there is here.
    Twins {
        what: "of a toolchain, with arguments",
        dialects: &[
            ("0.1", include_bytes!("../../../tests/guests/hello.wasm")),
            ("0.3", include_bytes!("../../../tests/guests/p3/hello.wasm")),
        ],
        heap_bytes_max: 288 << 10,
    },
];

/// What this example holds itself to, in bytes.
const STACK_BYTES_MAX: usize = 32 << 10;

/// Runs it all; the exit code is how many expectations failed.
pub fn main() -> u32 {
    println!("wasmote on {}, with components", board::NAME);
    let mut failed = 0;
    let before = heap::live();
    for twins in &COMMANDS {
        let mut first: Option<Vec<u8>> = None;
        for (dialect, bytes) in twins.dialects {
            println!("\n== a command of WASI {dialect}, {}", twins.what);
            let output = Output::new();
            let host = Host::new().limits(Limits::mcu()).args(["hello", "Ada", ""]).stdout(output.clone());
            let (ended, took) = probe::run(bytes, &host);
            drop(host);
            let said = output.contents();
            console::write(&said);
            report(&ended, &took);
            let fits = took.heap_beyond_memory_bytes() <= twins.heap_bytes_max
                && took.stack_bytes <= STACK_BYTES_MAX;
            let same = *first.get_or_insert_with(|| said.clone()) == said;
            failed += u32::from(!succeeded(&ended) || said.is_empty() || !fits || !same);
        }
    }
    println!("\n== over");
    println!("left on the heap: {} B", heap::live() - before);
    failed += u32::from(heap::live() != before);
    println!("expectations that failed: {failed}");
    println!("# guests in flash: {} B", guest_bytes());
    failed
}

fn guest_bytes() -> usize {
    COMMANDS.iter().flat_map(|twins| twins.dialects).map(|(_, bytes)| bytes.len()).sum()
}
