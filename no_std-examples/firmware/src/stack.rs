//! The test that a target must pass to be supported: no guest runs the device off its native stack.
//!
//! The interpreter's fast dispatch leaves stack behind wherever the compiler makes no sibling call. Each guest
//! here runs a million iterations of something that may do so; then the painted stack is read.

use crate::probe;
use board::{heap, println};
use wasmote::{Host, Limits, Trap};

/// Each guest, and the trap it ends with, if that is how it is to end.
const GUESTS: [(&str, &[u8], Option<Trap>); 12] = [
    ("loop", include_bytes!("../guests/loop.wasm"), None),
    ("grow", include_bytes!("../guests/grow.wasm"), None),
    ("grow_denied", include_bytes!("../guests/grow_denied.wasm"), None),
    ("table_grow", include_bytes!("../guests/table_grow.wasm"), None),
    ("table_grow_denied", include_bytes!("../guests/table_grow_denied.wasm"), None),
    ("calls", include_bytes!("../guests/calls.wasm"), None),
    ("call_indirect", include_bytes!("../guests/call_indirect.wasm"), None),
    ("return_call", include_bytes!("../guests/return_call.wasm"), None),
    ("return_call_indirect", include_bytes!("../guests/return_call_indirect.wasm"), None),
    ("bulk", include_bytes!("../guests/bulk.wasm"), None),
    ("unwind", include_bytes!("../guests/unwind.wasm"), None),
    ("recursion", include_bytes!("../guests/recursion.wasm"), Some(Trap::StackOverflow)),
];

/// The most native stack that loading and running any of them may take. On Arm, indirect calls come closest.
const STACK_BYTES_MAX: usize = 32 << 10;

/// Runs them all; the exit code is how many failed.
pub fn main() -> u32 {
    println!("native stack on {}", board::NAME);
    let before = heap::live();
    let host = Host::new().limits(Limits::mcu());
    let mut failed = 0;
    for (name, bytes, trap) in GUESTS {
        let (ended, took) = probe::run(bytes, &host);
        let as_it_should = match &ended {
            Ok(exit) => exit.is_success() && trap.is_none(),
            Err(error) => error.trap().is_some() && error.trap() == trap,
        };
        let fits = took.stack_bytes <= STACK_BYTES_MAX;
        let verdict = if as_it_should && fits { "ok" } else { "FAILED" };
        println!("{name}: {verdict}, {} fuel", took.fuel);
        println!("# {name}: native stack {} B, heap to run {} B", took.stack_bytes, took.run_heap_bytes);
        if let Err(error) = &ended {
            println!("  {error}");
        }
        failed += u32::from(!(as_it_should && fits));
    }
    drop(host);
    println!("left on the heap: {} B", heap::live() - before);
    failed + u32::from(heap::live() != before)
}
