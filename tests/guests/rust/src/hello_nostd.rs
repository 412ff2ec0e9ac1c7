//! The smallest Rust guest: no standard library, no C library, no allocator, one memory page.
#![no_std]
#![no_main]

mod p1;

use core::fmt::Write;

#[unsafe(no_mangle)]
extern "C" fn _start() {
    if p1::Stdout.write_str("hello from no_std\n").is_err() {
        p1::exit(1);
    }
}
