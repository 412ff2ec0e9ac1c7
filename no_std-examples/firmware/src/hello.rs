//! The example: WASI 0.1 programs, compiled for no board in particular, run on this one.
//!
//! First friendly ones, with what a small device can grant: its console, a virtual clock, a directory in
//! memory. Then hostile ones, each with fuel for a while; whatever they try, the device goes on.

use crate::probe;
use alloc::sync::Arc;
use board::{console, heap, println};
use core::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    task::{Context, Poll},
};
use wasmote::{
    Access, Error, Exit, Host, Limits,
    backend::mem,
    cap::{Code, cli::OutputStream},
};

const HELLO: &[u8] = include_bytes!("../guests/hello.wasm");
const GREET: &[u8] = include_bytes!("../../../tests/guests/greet.wasm");
const GREET_LIBC: &[u8] = include_bytes!("../../../tests/guests/hello.wasm");
const FILES: &[u8] = include_bytes!("../../../tests/guests/files.wasm");

/// Hostile programs, each with its attack.
const HOSTILE: [(&str, &[u8]); 7] = [
    ("an endless loop", include_bytes!("../../../tests/guests/hostile/spin.wasm")),
    ("memory.grow in a loop", include_bytes!("../../../tests/guests/hostile/grow-loop.wasm")),
    ("table.grow in a loop", include_bytes!("../../../tests/guests/hostile/table-grow-loop.wasm")),
    ("a function of 30,000 locals", include_bytes!("../../../tests/guests/hostile/many-locals.wasm")),
    ("a memory of 4 GiB", include_bytes!("../../../tests/guests/hostile/huge-memory.wasm")),
    ("a call without end", include_bytes!("../../../tests/guests/hostile/deep-recursion.wasm")),
    ("pointers to nowhere", include_bytes!("../../../tests/guests/hostile/iov-attack.wasm")),
];

/// What a hostile guest may spend.
const HOSTILE_FUEL: u64 = 2_000_000;

/// Bounds that this example holds itself to, in bytes.
const HELLO_HEAP_BYTES_MAX: usize = 48 << 10;
/// The C library's `malloc` is one function of 7 KB. Its translation, and the buffers that the interpreter made for that
/// and keeps, are more than half of this.
const LIBC_HEAP_BYTES_MAX: usize = 76 << 10;
const STACK_BYTES_MAX: usize = 32 << 10;

/// Runs it all; the exit code is how many expectations failed.
pub fn main() -> u32 {
    println!("wasmote on {}", board::NAME);
    let mut failed = 0;
    let before = heap::live();

    // The canonical first program, granted nothing but the console.
    println!("\n== hello");
    let host = Host::new().limits(Limits::mcu()).stdout(Console);
    let (ended, took) = probe::run(HELLO, &host);
    failed += u32::from(!succeeded(&ended) || took.heap_beyond_memory_bytes() > HELLO_HEAP_BYTES_MAX);
    report(&ended, &took);

    // One that takes arguments: with an allocator that suits a small device, and with the C library's `malloc`.
    let host = host.args(["greet", "board"]);
    let greetings = [
        ("greet", GREET, HELLO_HEAP_BYTES_MAX),
        ("greet, with the C library's malloc", GREET_LIBC, LIBC_HEAP_BYTES_MAX),
    ];
    for (title, bytes, heap_bytes_max) in greetings {
        println!("\n== {title}");
        let (ended, took) = probe::run(bytes, &host);
        failed += u32::from(!succeeded(&ended) || took.heap_beyond_memory_bytes() > heap_bytes_max);
        report(&ended, &took);
    }

    // One that uses all that a file system has, in a directory that is memory of its own.
    println!("\n== files");
    let directory = mem::Directory::with_quota(mem::Quota { bytes: 32 << 10, inodes: 64 });
    let host = host.directory("/", directory, Access::ReadWrite).clocks(mem::Clocks::new());
    let (ended, took) = probe::run(FILES, &host);
    failed += u32::from(!succeeded(&ended));
    report(&ended, &took);

    for (attack, bytes) in HOSTILE {
        println!("\n== hostile: {attack}");
        let lines = Arc::new(AtomicUsize::new(0));
        let host = host.clone().args(["hostile"]).stdout(Lines(Arc::clone(&lines))).fuel(HOSTILE_FUEL);
        let (ended, took) = probe::run(bytes, &host);
        failed += u32::from(took.stack_bytes > STACK_BYTES_MAX);
        if lines.load(Relaxed) > 0 {
            println!("(it printed {} lines)", lines.load(Relaxed));
        }
        report(&ended, &took);
    }

    drop(host);
    println!("\n== over");
    println!("left on the heap: {} B", heap::live() - before);
    failed += u32::from(heap::live() != before);
    println!("expectations that failed: {failed}");
    println!("# guests in flash: {} B", guest_bytes());
    failed
}

pub(crate) fn succeeded(ended: &Result<Exit, Error>) -> bool {
    matches!(ended, Ok(exit) if exit.is_success())
}

/// How a guest ended, exactly; and what it took, which varies a little with the compiler.
pub(crate) fn report(ended: &Result<Exit, Error>, took: &probe::Took) {
    match ended {
        Ok(exit) => println!("-- exit code {}, {} fuel", exit.code(), took.fuel),
        Err(error) => println!("-- {error}; {} fuel", took.fuel),
    }
    println!("# guest memory: {} B", took.memory_bytes);
    println!("# heap to load: {} B", took.load_heap_bytes);
    println!("# heap to run, guest memory included: {} B", took.run_heap_bytes);
    println!("# heap beyond guest memory: {} B", took.heap_beyond_memory_bytes());
    println!("# native stack: {} B", took.stack_bytes);
}

fn guest_bytes() -> usize {
    let friendly = HELLO.len() + GREET.len() + GREET_LIBC.len() + FILES.len();
    friendly + HOSTILE.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
}

/// The board's UART as a guest's output. It takes everything at once.
pub(crate) struct Console;

impl OutputStream for Console {
    fn poll_write(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        console::write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<Result<(), Code>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(u64::MAX)
    }
}

/// Counts lines, and keeps none.
struct Lines(Arc<AtomicUsize>);

impl OutputStream for Lines {
    fn poll_write(&self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Code>> {
        self.0.fetch_add(bytes.iter().filter(|&&byte| byte == b'\n').count(), Relaxed);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<Result<(), Code>> {
        Poll::Ready(Ok(()))
    }

    fn poll_writable(&self, _: &mut Context<'_>) -> Poll<u64> {
        Poll::Ready(u64::MAX)
    }
}
