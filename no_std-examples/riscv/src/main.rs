//! The example on this board. What it does is in `../firmware/src/hello.rs`; what the board is, in `../board`.

#![no_std]
#![no_main]

board::entry!(firmware::hello::main);
