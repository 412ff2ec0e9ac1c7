//! Calls: the naive recursive Fibonacci number.

use core::hint::black_box;

fn fib(n: u32) -> u64 {
    if n < 2 { u64::from(n) } else { fib(n - 1) + fib(n - 2) }
}

pub fn run(iterations: u32) -> u64 {
    (0..iterations).fold(0, |sum, _| super::fold(sum, fib(black_box(20))))
}
