//! Compute kernels: `kernels NAME [ITERATIONS]` prints the name, the iterations and a checksum that
//! depends on all the work done. No allocator, no floating-point formatting, two memory pages.
#![no_std]
#![no_main]

mod crc;
mod fib;
mod json;
mod matmul;
#[path = "../p1.rs"]
mod p1;
mod quicksort;
mod sha256;

use core::fmt::Write;

type Kernel = fn(iterations: u32) -> u64;

const KERNELS: [(&str, Kernel); 6] = [
    ("fib", fib::run),
    ("sha256", sha256::run),
    ("quicksort", quicksort::run),
    ("matmul", matmul::run),
    ("json", json::run),
    ("crc", crc::run),
];

#[unsafe(no_mangle)]
extern "C" fn _start() {
    let mut args = p1::Args::new();
    args.read();
    let iterations = args.get(2).map_or(Ok(1), str::parse);
    let kernel = args.get(1).and_then(|name| KERNELS.iter().find(|kernel| kernel.0 == name));
    let (Some((name, run)), Ok(iterations)) = (kernel, iterations) else {
        let _ = p1::Stdout.write_str("usage: kernels NAME [ITERATIONS]\n");
        for (name, _) in KERNELS {
            let _ = writeln!(p1::Stdout, "  {name}");
        }
        p1::exit(2);
    };
    let checksum = run(iterations);
    if writeln!(p1::Stdout, "{name} {iterations} {checksum:016x}").is_err() {
        p1::exit(1);
    }
}

/// Marsaglia's xorshift64: the kernels' input, the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Folds one iteration's result into the checksum.
fn fold(checksum: u64, result: u64) -> u64 {
    checksum.rotate_left(5) ^ result.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
